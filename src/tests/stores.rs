//! The store contract on every engine, and what only the sled adapter promises: locked, full and failing disks.
//! The load and its check serve the two proofs of durability next door.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

use darkroom::server::store::{Disk, RealDisk, SledOptions, SledStore};
use darkroom_core::store::{Batch, CommitError, Order, Row, Store, StoreError, Version, conformance};
use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Threads of the load.
const N_WRITERS: u64 = 8;
/// Rows that every commit of a writer rewrites.
const N_SLOTS: u64 = 3;
/// Commits whose ring row is kept; the commit after them deletes it.
const N_RING: u64 = 20;

/// Small numbers that look random; the same for the same seed.
pub struct Chance(pub u64);

impl Chance {
    /// Below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn key(kind: u8, writer: u64, number: u64) -> Vec<u8> {
    [&[kind], writer.to_be_bytes().as_slice(), &number.to_be_bytes()].concat()
}

/// The value says which commit wrote it, twice, with a filler between that a torn page would cut.
fn value(writer: u64, number: u64, length: u64) -> Vec<u8> {
    let filler = vec![(number * 31 + writer) as u8; length as usize];
    [number.to_be_bytes().as_slice(), &filler, &number.to_be_bytes()].concat()
}

fn number_of(row: &Row, writer: u64) -> Result<u64, String> {
    let bytes = row.value.first_chunk::<8>().ok_or("a value is too short")?;
    let number = u64::from_be_bytes(*bytes);
    let expected = value(writer, number, row.value.len() as u64 - 16);
    (*row.value == *expected).then_some(number).ok_or_else(|| format!("the value of {:x?} is mixed", row.key))
}

/// Commit `number` of a writer: rewrites its slots, appends to its log, moves its ring on, all or nothing.
fn load_batch(writer: u64, number: u64, slot_version: Option<Version>) -> Batch {
    let mut chance = Chance(writer << 32 | number);
    let mut batch = Batch::new().expect(key(b's', writer, 0), slot_version);
    for slot in 0..N_SLOTS {
        batch = batch.put(key(b's', writer, slot), value(writer, number, 100 + chance.below(1500)));
    }
    batch = batch.put(key(b'l', writer, number), value(writer, number, chance.below(300)));
    batch = batch.put(key(b'r', writer, number), value(writer, number, chance.below(2000)));
    if number >= N_RING { batch.delete(key(b'r', writer, number - N_RING)) } else { batch }
}

/// How many commits of a writer there are, if each of them is whole and none is missing before the last.
fn count_whole(store: &dyn Store, writer: u64) -> Result<u64, String> {
    let scan = |kind| {
        let rows =
            store.scan(&key(kind, writer, 0), &key(kind, writer, u64::MAX), Order::Ascending, u32::MAX);
        rows.map_err(|error| error.to_string())
    };
    let log = scan(b'l')?;
    let n_commits = log.len() as u64;
    for (number, row) in (0..).zip(&log) {
        if number_of(row, writer)? != number || row.key != key(b'l', writer, number) {
            return Err(format!("writer {writer} lacks commit {number} of {n_commits}"));
        }
    }
    let slots = scan(b's')?.iter().map(|row| number_of(row, writer)).collect::<Result<Vec<_>, _>>()?;
    let ring = scan(b'r')?.iter().map(|row| number_of(row, writer)).collect::<Result<Vec<_>, _>>()?;
    let expected_slots = if n_commits == 0 { vec![] } else { vec![n_commits - 1; N_SLOTS as usize] };
    if slots != expected_slots {
        return Err(format!("writer {writer} has {n_commits} commits in its log but slots of {slots:?}"));
    }
    if ring != (n_commits.saturating_sub(N_RING)..n_commits).collect::<Vec<_>>() {
        return Err(format!("writer {writer} has {n_commits} commits in its log but a ring of {ring:?}"));
    }
    Ok(n_commits)
}

/// What is committed while the process is killed or the power goes, and what must be left of it.
pub trait Load: Send + Sync {
    /// Threads that commit.
    fn n_writers(&self) -> u64;

    /// Which of them made this commit.
    fn writer_of(&self, batch: &Batch) -> usize;

    /// One writer: goes on where the store is, until `goes_on` says no to a count of commits, or there is no more to write; `acknowledged`
    /// hears the new count after each commit.
    fn write(
        &self,
        store: &dyn Store,
        writer: u64,
        goes_on: &dyn Fn(u64) -> bool,
        acknowledged: &dyn Fn(u64),
    );

    /// Checks that every commit is whole and that each writer has at least the acknowledged number; answers what there is.
    fn check(&self, store: &dyn Store, acknowledged: &[u64]) -> Result<Vec<u64>, String>;

    /// Commits after which there is no more to write.
    fn n_commits_max(&self) -> u64;
}

/// Many threads that each rewrite, add and remove rows of their own, without end.
pub struct Synthetic;

impl Load for Synthetic {
    fn n_writers(&self) -> u64 {
        N_WRITERS
    }

    fn writer_of(&self, batch: &Batch) -> usize {
        let (key, _) = batch.puts.first().expect("the load writes");
        u64::from_be_bytes(*key[1..].first_chunk().expect("keys of the load are long")) as usize
    }

    fn write(
        &self,
        store: &dyn Store,
        writer: u64,
        goes_on: &dyn Fn(u64) -> bool,
        acknowledged: &dyn Fn(u64),
    ) {
        let mut number = count_whole(store, writer).expect("the store is whole");
        let mut version = store.get(&key(b's', writer, 0)).unwrap().map(|row| row.version);
        while goes_on(number) {
            version = Some(store.commit(load_batch(writer, number, version)).unwrap());
            number += 1;
            acknowledged(number);
        }
    }

    fn check(&self, store: &dyn Store, acknowledged: &[u64]) -> Result<Vec<u64>, String> {
        let counts =
            (0..N_WRITERS).map(|writer| count_whole(store, writer)).collect::<Result<Vec<_>, _>>()?;
        for (writer, (there, acknowledged)) in counts.iter().zip(acknowledged).enumerate() {
            if there < acknowledged {
                return Err(format!(
                    "writer {writer} was told of {acknowledged} commits but {there} are there"
                ));
            }
        }
        Ok(counts)
    }

    fn n_commits_max(&self) -> u64 {
        u64::MAX
    }
}

#[test]
fn sled_conforms() {
    let directories = RefCell::new(Vec::new());
    conformance::run(&|| {
        let directory = tempfile::tempdir().unwrap();
        let store = SledStore::open(directory.path()).unwrap();
        directories.borrow_mut().push(directory);
        Box::new(store)
    });
}

#[test]
fn a_closed_store_comes_back_with_rows_and_versions() {
    let directory = tempfile::tempdir().unwrap();
    let mut newest = 0;
    for round in 0..5 {
        let store = SledStore::open(directory.path()).unwrap();
        assert_eq!(store.commit(Batch::new()).unwrap(), newest, "the sequence goes on");
        newest = store.commit(Batch::new().put("row", round.to_string()).delete("gone")).unwrap();
        newest = store.commit(Batch::new().put("gone", "soon")).unwrap().max(newest);
        newest = store.commit(Batch::new().delete("gone")).unwrap().max(newest);
    }
    let store = SledStore::open(directory.path()).unwrap();
    let row = store.get(b"row").unwrap().unwrap();
    assert_eq!((&*row.value, row.version), (b"4".as_slice(), newest - 2));
}

#[test]
fn a_second_process_is_told_that_the_directory_is_in_use() {
    let directory = tempfile::tempdir().unwrap();
    let store = SledStore::open(directory.path()).unwrap();
    // The lock is on the open file, so a second open in this process meets it as another process would.
    let error = SledStore::open(directory.path()).err().unwrap();
    assert!(
        matches!(&error, StoreError::Locked { path } if *path == directory.path().display().to_string()),
        "{error}"
    );
    drop(store);
    SledStore::open(directory.path()).unwrap();
}

#[test]
fn a_snapshot_that_was_being_written_when_the_process_died_does_not_keep_the_store_from_opening() {
    let directory = tempfile::tempdir().unwrap();
    for number in 0..3_u64 {
        let store = SledStore::open(directory.path()).unwrap();
        store.commit(Batch::new().put("row", number.to_string())).unwrap();
        drop(store);
        std::fs::write(directory.path().join("sled/snap.FFFFFFFFFFFFFFF0.generating"), b"half").unwrap();
    }
    let store = SledStore::open(directory.path()).unwrap();
    assert_eq!(&*store.get(b"row").unwrap().unwrap().value, b"2");
}

#[test]
fn a_first_start_that_was_interrupted_is_set_aside() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(directory.path().join("sled/blobs")).unwrap();
    std::fs::write(directory.path().join("sled/conf"), b"segment_size: 83886\nuse_compre").unwrap();
    SledStore::open(directory.path()).unwrap().commit(Batch::new().put("row", "1")).unwrap();
    assert!(directory.path().join("sled.unfinished.1/conf").exists(), "nothing is deleted");
    // Once it has started, a damaged file is an error and nothing is set aside.
    std::fs::write(directory.path().join("sled/conf"), b"segment_size: 83886\nuse_compre").unwrap();
    assert!(matches!(SledStore::open(directory.path()), Err(StoreError::Corrupt { .. })));
    assert!(!directory.path().join("sled.unfinished.2").exists());
}

#[test]
fn a_store_never_writes_values_into_files_of_their_own() {
    let directory = tempfile::tempdir().unwrap();
    let store = SledStore::open(directory.path()).unwrap();
    let largest = vec![7; darkroom_core::store::VALUE_BYTES_MAX];
    for round in 0..4_u8 {
        let batch =
            (0..40_u8).fold(Batch::new(), |batch, row| batch.put([b'k', row / 2, round], largest.clone()));
        store.commit(batch).unwrap();
    }
    assert_eq!(std::fs::read_dir(directory.path().join("sled/blobs")).unwrap().count(), 0);
}

/// A disk that fills up or fails on demand.
#[derive(Default)]
struct Bad {
    free_bytes: AtomicU64,
    fails: AtomicBool,
}

impl Disk for Bad {
    fn sync(&self, data: &File) -> io::Result<()> {
        match self.fails.load(Ordering::SeqCst) {
            true => Err(io::Error::from(io::ErrorKind::StorageFull)),
            false => RealDisk.sync(data),
        }
    }

    fn free_bytes(&self, _directory: &Path) -> io::Result<u64> {
        Ok(self.free_bytes.load(Ordering::SeqCst))
    }
}

fn on_bad_disk(directory: &Path) -> (SledStore, Arc<Bad>) {
    let disk = Arc::new(Bad { free_bytes: AtomicU64::new(u64::MAX), fails: AtomicBool::new(false) });
    let options = SledOptions { disk: Arc::clone(&disk) as Arc<dyn Disk>, ..SledOptions::default() };
    (SledStore::open_with(directory, options).unwrap(), disk)
}

#[test]
fn a_full_disk_refuses_commits_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let (store, disk) = on_bad_disk(directory.path());
    let first = store.commit(Batch::new().put("row", "1")).unwrap();
    disk.free_bytes.store(1000, Ordering::SeqCst);
    let refused = store.commit(Batch::new().put("row", "2"));
    assert!(matches!(refused, Err(CommitError::Store(StoreError::NoSpace { .. }))), "{refused:?}");
    assert_eq!(&*store.get(b"row").unwrap().unwrap().value, b"1");
    disk.free_bytes.store(u64::MAX, Ordering::SeqCst);
    assert_eq!(store.commit(Batch::new().put("row", "3")).unwrap(), first + 1, "it goes on by itself");
}

#[test]
fn after_a_failed_sync_nothing_more_is_acknowledged_or_shown() {
    let directory = tempfile::tempdir().unwrap();
    let (store, disk) = on_bad_disk(directory.path());
    store.commit(Batch::new().put("row", "1").put("other", "1")).unwrap();
    disk.fails.store(true, Ordering::SeqCst);
    let failed = store.commit(Batch::new().put("row", "2").delete("other").put("new", "2"));
    assert!(matches!(failed, Err(CommitError::Store(StoreError::NoSpace { .. }))), "{failed:?}");
    // The next sync would succeed, and would say nothing about what the failed one lost.
    disk.fails.store(false, Ordering::SeqCst);
    for batch in [Batch::new().put("row", "3"), Batch::new()] {
        let refused = store.commit(batch);
        assert!(matches!(refused, Err(CommitError::Store(StoreError::ReadOnly { .. }))), "{refused:?}");
    }
    let rows = store.scan(b"a", b"z", Order::Ascending, 9).unwrap();
    let rows: Vec<_> = rows.iter().map(|row| (row.key.as_slice(), &*row.value)).collect();
    assert_eq!(rows, [(b"other".as_slice(), b"1".as_slice()), (b"row", b"1")], "what is surely durable");
    assert_eq!(&*store.get(b"row").unwrap().unwrap().value, b"1");
    drop(store);
    let store = SledStore::open(directory.path()).unwrap();
    let row = store.get(b"row").unwrap().unwrap();
    let is_whole = store.get(b"new").unwrap().is_some() == (*row.value == *b"2");
    assert!(is_whole, "the uncertain commit is there whole or not at all");
    store.commit(Batch::new().put("row", "4")).unwrap();
}
