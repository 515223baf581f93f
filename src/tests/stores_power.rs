//! Proof that a commit that returned survives a power loss. A disk is put under the adapter that knows what the last sync
//! covered. Whenever a segment has begun, and at random syncs, just before the sync happens, it cuts the power: it builds the directory as a disk could leave it
//! (all that was synced, and any choice of the 4 KiB pages written since), opens a store there and checks it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

use super::stores::{Chance, Load, Synthetic};
use darkroom::server::store::{Disk, RealDisk, SledOptions, SledStore};
use darkroom_core::store::{Batch, Version, Watch};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

const PAGE_BYTES: usize = 4096;

/// What reached the disk of the writes after the last sync.
#[derive(Clone, Copy, Debug)]
enum Later {
    Nothing,
    Everything,
    /// Any page or not, and the file's new length or not.
    SomePages,
    /// Only the last pages, as when a disk writes backwards.
    TheLastPages,
}

/// Whether the disk remembers what was synced. One that forgets stands for an adapter that does not sync.
#[derive(Clone, Copy, PartialEq)]
pub enum Memory {
    Good,
    Forgets,
}

pub struct Power {
    records: PathBuf,
    load: Arc<dyn Load>,
    memory: Memory,
    state: Mutex<State>,
    /// Commits of each writer that the watchers heard of; acknowledged only after that, so never fewer.
    committed: Vec<AtomicU64>,
}

struct State {
    chance: Chance,
    /// The data file as of the last sync.
    durable: Vec<u8>,
    n_syncs: u64,
    n_cuts: u64,
    n_new_segments: u64,
    wrong: Option<String>,
}

impl Power {
    fn new(records: &Path, load: Arc<dyn Load>, memory: Memory, seed: u64) -> Power {
        let state = State {
            chance: Chance(seed),
            durable: Vec::new(),
            n_syncs: 0,
            n_cuts: 0,
            n_new_segments: 0,
            wrong: None,
        };
        let committed = (0..load.n_writers()).map(|_| AtomicU64::new(0)).collect();
        Power { records: records.into(), load, memory, state: Mutex::new(state), committed }
    }

    fn data(&self) -> Vec<u8> {
        std::fs::read(self.records.join("sled/db")).unwrap()
    }

    /// Cuts the power, perhaps, between the last sync, which left `durable`, and the next.
    fn before_sync(&self, state: &mut State) {
        let written = self.data();
        let headers = |data: &[u8]| {
            data.chunks(SEGMENT_BYTES)
                .map(|segment| segment[..20.min(segment.len())].to_vec())
                .collect::<Vec<_>>()
        };
        let is_new_segment = headers(&state.durable) != headers(&written);
        state.n_new_segments += u64::from(is_new_segment);
        if is_new_segment || state.chance.below(CUT_ONE_IN) == 0 {
            self.cut(&written, state);
        }
    }

    /// Every way in which the power may go now must leave a store with all acknowledged commits.
    fn cut(&self, written: &[u8], state: &mut State) {
        let acknowledged: Vec<_> = self.committed.iter().map(|count| count.load(Ordering::SeqCst)).collect();
        for later in [Later::Nothing, Later::Everything, Later::SomePages, Later::TheLastPages] {
            let left = left_by(later, &state.durable, written, &mut state.chance);
            if let Err(wrong) = self.check(&left, &acknowledged) {
                state.wrong.get_or_insert(format!("cut {} with {later:?}: {wrong}", state.n_cuts));
            }
        }
        state.n_cuts += 1;
    }

    fn check(&self, data: &[u8], acknowledged: &[u64]) -> Result<(), String> {
        // What is checked here is the content, so the copies need no real disk and their syncs may be quick.
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.into() } else { std::env::temp_dir() };
        let directory = tempfile::tempdir_in(parent).map_err(|error| error.to_string())?;
        copy_small_files(&self.records, directory.path());
        std::fs::write(directory.path().join("sled/db"), data).unwrap();
        let open = || SledStore::open_with(directory.path(), options(Arc::new(RealDisk)));
        let store = open().map_err(|error| error.to_string())?;
        let there = self.load.check(&store, acknowledged)?;
        // And it goes on: what comes after the recovery is kept as well.
        for (writer, count) in (0..).zip(&there) {
            self.load.write(&store, writer, &|number| number < count + 2, &|_| ());
        }
        drop(store);
        let store = open().map_err(|error| format!("a second time: {error}"))?;
        let more: Vec<_> = there.iter().map(|count| (count + 2).min(self.load.n_commits_max())).collect();
        self.load.check(&store, &more).map(drop)
    }
}

/// All but the data file was synced when the store was opened and has not been written since.
fn copy_small_files(from: &Path, to: &Path) {
    std::fs::create_dir_all(to.join("sled/blobs")).unwrap();
    for folder in ["", "sled"] {
        for entry in std::fs::read_dir(from.join(folder)).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_file() && entry.file_name() != "db" {
                std::fs::copy(entry.path(), to.join(folder).join(entry.file_name())).unwrap();
            }
        }
    }
    assert_eq!(std::fs::read_dir(from.join("sled/blobs")).unwrap().count(), 0);
}

fn left_by(later: Later, durable: &[u8], written: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut left = durable.to_vec();
    match later {
        Later::Nothing => return left,
        Later::Everything => return written.to_vec(),
        Later::SomePages if chance.below(4) == 0 => left.truncate(durable.len().min(written.len())),
        Later::SomePages | Later::TheLastPages => left.resize(written.len(), 0),
    }
    let page = |data: &[u8], at: usize| data[at.min(data.len())..(at + PAGE_BYTES).min(data.len())].to_vec();
    let changed = (0..left.len()).step_by(PAGE_BYTES).filter(|at| page(&left, *at) != page(written, *at));
    let changed: Vec<_> = changed.collect();
    for (number, at) in changed.iter().enumerate() {
        let arrives = match later {
            Later::TheLastPages => number >= changed.len().saturating_sub(1 + chance.below(3) as usize),
            _ => chance.below(2) == 0,
        };
        if arrives {
            let end = (at + PAGE_BYTES).min(left.len()).min(written.len());
            left[*at..end].copy_from_slice(&written[*at..end]);
        }
    }
    left
}

impl Disk for Power {
    fn sync(&self, data: &File) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        state.n_syncs += 1;
        self.before_sync(&mut state);
        RealDisk.sync(data)?;
        if self.memory == Memory::Good {
            state.durable = self.data();
        }
        Ok(())
    }

    fn free_bytes(&self, directory: &Path) -> io::Result<u64> {
        RealDisk.free_bytes(directory)
    }
}

impl Watch for Power {
    fn committed(&self, _version: Version, batch: &Batch) {
        self.committed[self.load.writer_of(batch)].fetch_add(1, Ordering::SeqCst);
    }
}

/// Small segments, so that many begin, are freed and are used again in a short time.
const SEGMENT_BYTES: usize = 512 << 10;
const CUT_ONE_IN: u64 = 20;

fn options(disk: Arc<dyn Disk>) -> SledOptions {
    SledOptions { segment_bytes: SEGMENT_BYTES, disk, ..SledOptions::default() }
}

/// Runs the load for `n_commits` of each writer and answers what the power cuts showed.
pub fn run(
    load: Arc<dyn Load>,
    memory: Memory,
    seed: u64,
    n_commits: u64,
) -> (Arc<Power>, Result<(), String>) {
    let directory = tempfile::tempdir().unwrap();
    let power = Arc::new(Power::new(directory.path(), load.clone(), memory, seed));
    let store = SledStore::open_with(directory.path(), options(Arc::clone(&power) as Arc<dyn Disk>)).unwrap();
    darkroom_core::store::Store::watch(&store, Arc::clone(&power) as Arc<dyn Watch>);
    // Opening has synced everything there is.
    power.state.lock().unwrap().durable = power.data();
    std::thread::scope(|scope| {
        for writer in 0..load.n_writers() {
            let (store, power, load) = (&store, &power, &load);
            let goes_on = move |number| number < n_commits && power.state.lock().unwrap().wrong.is_none();
            scope.spawn(move || load.write(store, writer, &goes_on, &|_| ()));
        }
    });
    let wrong = power.state.lock().unwrap().wrong.take();
    (power, wrong.map_or(Ok(()), Err))
}

impl Power {
    /// How often the power was cut.
    pub fn n_cuts(&self) -> u64 {
        self.state.lock().unwrap().n_cuts
    }
}

#[test]
fn every_acknowledged_commit_survives_a_power_loss_and_none_is_half_there() {
    let (power, outcome) = run(Arc::new(Synthetic), Memory::Good, 1, 400);
    outcome.unwrap();
    let state = power.state.lock().unwrap();
    println!(
        "{} syncs, {} cuts, {} of them at a new segment",
        state.n_syncs, state.n_cuts, state.n_new_segments
    );
    assert!(
        state.n_cuts > 30 && state.n_new_segments > 3,
        "{} cuts, {} at new segments",
        state.n_cuts,
        state.n_new_segments
    );
}

#[test]
fn the_proof_notices_an_adapter_that_does_not_sync() {
    let (_, outcome) = run(Arc::new(Synthetic), Memory::Forgets, 1, 100);
    let wrong = outcome.unwrap_err();
    assert!(wrong.contains("was told of"), "{wrong}");
}
