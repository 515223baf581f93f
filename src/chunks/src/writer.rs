//! Appending chunks to packs on behalf of one ingest or one sweep: choosing the pack, rotating, making everything
//! durable at the end, and giving everything back on failure.
//!
//! A pack has one writer at a time, so that records never interleave and a failed writer can cut off what it wrote.
//! Three rules keep concurrent writers safe:
//! - a chunk enters the index only after its record is completely written;
//! - who relies on a chunk that somebody else wrote marks it shared, under the lock: it cannot be taken back then;
//! - who relies on a pack that is not durable yet syncs it too before reporting success.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};

use crate::chunk::{ChunkId, Packer};
use crate::error::{Error, Result};
use crate::index::{Location, PackInfo, State};
use crate::pack::{Entry, OpenPack, PACK_HEADER_BYTES, RecordHeader};
use crate::store::Inner;

/// Syncing starts after this much was written, so that little is left to do at the end.
const SYNC_EVERY_BYTES: u64 = 4 * 1024 * 1024;
/// So many unsealed packs may wait for the next writer; they are what must be scanned at open.
const MAX_IDLE: usize = 4;

/// What to do in the background.
pub(crate) enum Job {
    Sync(Arc<OpenPack>),
    Seal(Arc<OpenPack>),
}

/// Works off the jobs of a writer. The first failure is returned, after the others were still tried.
pub(crate) fn work(inner: &Inner, jobs: &Receiver<Job>) -> Result<()> {
    let mut outcome = Ok(());
    for job in jobs {
        outcome = outcome.and(inner.run(job));
    }
    outcome
}

impl Inner {
    fn run(&self, job: Job) -> Result<()> {
        match job {
            Job::Sync(pack) => pack.sync(&self.packs_directory, &*self.append),
            Job::Seal(pack) => pack.seal(&self.packs_directory, &*self.append),
        }
    }
}

/// Whether a chunk had to be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stored {
    New { stored_bytes: u32 },
    Known,
}

/// What this writer appended to one pack: the records from `start` on.
struct Segment {
    pack: Arc<OpenPack>,
    start: u64,
}

/// Appends chunks. Dropped without [`Writer::finish`], it takes everything back.
pub(crate) struct Writer<'a> {
    inner: &'a Inner,
    hold: u64,
    /// Where to send syncs and seals; without, they are done on the spot.
    jobs: Option<Sender<Job>>,
    /// The packs written to; the last one is the current one unless it was handed over for sealing.
    segments: Vec<Segment>,
    has_current: bool,
    unsynced_bytes: u64,
    relied: HashMap<u32, Arc<OpenPack>>,
    finished: bool,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(inner: &'a Inner, hold: u64) -> Self {
        Self {
            inner,
            hold,
            jobs: None,
            segments: Vec::new(),
            has_current: false,
            unsynced_bytes: 0,
            relied: HashMap::new(),
            finished: false,
        }
    }

    /// From now on syncs and seals are sent there.
    pub(crate) fn set_jobs(&mut self, jobs: Option<Sender<Job>>) {
        self.jobs = jobs;
    }

    /// Stores a chunk unless the store has it, and protects it by the hold either way.
    pub(crate) fn store(&mut self, id: &ChunkId, plain: &[u8], packer: &mut Packer) -> Result<Stored> {
        if self.rely_on_known(id)? {
            return Ok(Stored::Known);
        }
        let (coding, stored) = packer.pack(plain);
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).expect("a chunk is far smaller than 4 GiB");
        let header =
            RecordHeader { id: *id, coding, plain_bytes: length(plain), stored_bytes: length(stored) };
        let location = self.append(&header, stored)?;
        let mut state = self.inner.state();
        if let Slot::Vacant(slot) = state.index.entry(id.key()) {
            slot.insert(location);
            state.hold_chunk(self.hold, id.key());
            return Ok(Stored::New { stored_bytes: header.stored_bytes });
        }
        drop(state);
        // Another ingest was faster with the same chunk. Its copy counts; ours is dead weight in our pack.
        if self.rely_on_known(id)? { Ok(Stored::Known) } else { self.store(id, plain, packer) }
    }

    /// Looks a chunk up; if the store has it, holds it and notes what must be durable for it to count.
    pub(crate) fn rely_on_known(&mut self, id: &ChunkId) -> Result<bool> {
        let key = id.key();
        let mut state = self.inner.state();
        let state = &mut *state;
        let Some(location) = state.index.get_mut(&key) else { return Ok(false) };
        let own = self.segments.iter().any(|segment| {
            segment.pack.number == location.pack && u64::from(location.offset) >= segment.start
        });
        if !own {
            location.share();
            if let Some(pack) = state.open.get(&location.pack) {
                if pack.has_failed() {
                    return Err(Error::SyncFailed { path: pack.path.clone() });
                }
                if pack.synced_end() < location.end() {
                    self.relied.insert(pack.number, Arc::clone(pack));
                }
            }
        }
        state.hold_chunk(self.hold, key);
        Ok(true)
    }

    /// Appends a record and says where it is. The index does not know it yet.
    pub(crate) fn append(&mut self, header: &RecordHeader, stored: &[u8]) -> Result<Location> {
        let pack = self.pack_with_room(header.record_bytes())?;
        let offset = pack.append(header, stored, &*self.inner.append)?;
        self.unsynced_bytes += header.record_bytes();
        if self.unsynced_bytes >= SYNC_EVERY_BYTES {
            self.unsynced_bytes = 0;
            self.give(Job::Sync(Arc::clone(&pack)))?;
        }
        Ok(Location::new(pack.number, offset, header.stored_bytes))
    }

    fn pack_with_room(&mut self, record_bytes: u64) -> Result<Arc<OpenPack>> {
        if let Some(pack) =
            self.segments.last().filter(|_| self.has_current).map(|last| Arc::clone(&last.pack))
        {
            let end = pack.end();
            if end + record_bytes <= self.inner.settings.pack_bytes || end == PACK_HEADER_BYTES {
                return Ok(pack);
            }
            self.has_current = false;
            self.unsynced_bytes = 0;
            self.give(Job::Seal(pack))?;
        }
        let pack = self.inner.take_pack(record_bytes)?;
        self.segments.push(Segment { start: pack.end(), pack: Arc::clone(&pack) });
        self.has_current = true;
        Ok(pack)
    }

    fn give(&self, job: Job) -> Result<()> {
        match &self.jobs {
            Some(jobs) => match jobs.send(job) {
                Ok(()) => Ok(()),
                // The other side works until we hang up, so this cannot happen; doing it here is right anyway.
                Err(back) => self.inner.run(back.0),
            },
            None => self.inner.run(job),
        }
    }

    /// Makes durable everything this writer appended or relied on. On failure everything appended is taken back.
    pub(crate) fn finish(mut self) -> Result<()> {
        let inner = self.inner;
        let packs = self.segments.iter().map(|segment| &segment.pack).chain(self.relied.values());
        for pack in packs {
            if let Err(error) = pack.sync(&inner.packs_directory, &*inner.append) {
                inner.distrust(pack);
                return Err(error);
            }
        }
        self.finished = true;
        let full = inner.settings.pack_bytes / 4 * 3;
        for segment in &self.segments {
            let pack = &segment.pack;
            let crowded = inner.state().idle.len() >= MAX_IDLE;
            if !pack.is_sealed() && (crowded || pack.end() > full) {
                // The chunks are durable, so this ingest is done whether or not the index can be written. Without it
                // the pack is scanned at open; after anything but a full disk nothing more is written to it.
                let sealed = pack.seal(&inner.packs_directory, &*inner.append);
                if sealed.is_err_and(|error| !error.is_no_space()) {
                    pack.mark_failed();
                }
            }
            inner.give_back(pack);
        }
        Ok(())
    }

    /// Takes back what this writer appended, down to the last record that somebody else relies on.
    fn take_back(&mut self) {
        for segment in std::mem::take(&mut self.segments).into_iter().rev() {
            let pack = &segment.pack;
            let entries = pack.entries_from(segment.start);
            let cut = {
                let mut state = self.inner.state();
                let is_ours = |state: &State, entry: &Entry| {
                    let found = state.index.get(&entry.id.key()).copied();
                    found.filter(|found| found.pack == pack.number && found.offset == entry.offset)
                };
                let kept = entries
                    .iter()
                    .rposition(|entry| is_ours(&state, entry).is_some_and(|location| location.is_shared()));
                let n_kept = kept.map_or(0, |last| last + 1);
                for entry in &entries[n_kept..] {
                    if is_ours(&state, entry).is_some() {
                        state.index.remove(&entry.id.key());
                    }
                }
                if n_kept == 0 { segment.start } else { entries[n_kept - 1].end() }
            };
            // When this fails the pack is marked, and nothing more is written to it; the end is cut at the next open.
            if pack.cut(cut).is_err() {
                pack.mark_failed();
            }
            self.inner.give_back(pack);
        }
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.take_back();
        }
    }
}

impl Inner {
    /// An unsealed pack with room that nobody writes to, or a new one. It is the caller's until given back.
    fn take_pack(&self, record_bytes: u64) -> Result<Arc<OpenPack>> {
        let number = {
            let mut state = self.state();
            let fits = |number: &u32| {
                state.open[number].end() + record_bytes <= self.settings.pack_bytes
                    && !state.open[number].has_failed()
            };
            if let Some(at) = state.idle.iter().position(fits) {
                let number = state.idle.remove(at);
                state.packs.entry(number).or_default().busy = true;
                return Ok(Arc::clone(&state.open[&number]));
            }
            let number = state.next_pack;
            state.next_pack += 1;
            number
        };
        let pack = OpenPack::create(&self.directory.join("packs"), number, &*self.append)?;
        let pack = Arc::new(pack);
        let mut state = self.state();
        state.open.insert(number, Arc::clone(&pack));
        state.packs.insert(number, PackInfo { bytes: pack.end(), busy: true });
        Ok(pack)
    }

    /// The reverse of [`Inner::take_pack`]. An empty pack is removed.
    fn give_back(&self, pack: &Arc<OpenPack>) {
        let number = pack.number;
        let is_empty = pack.end() <= PACK_HEADER_BYTES;
        {
            let mut state = self.state();
            state.packs.insert(number, PackInfo { bytes: pack.end(), busy: false });
            if is_empty {
                state.packs.remove(&number);
                state.open.remove(&number);
            } else if pack.has_failed() {
                // Nobody may write to it or rely on it; what was durable before can still be read from the file.
                state
                    .index
                    .retain(|_, location| location.pack != number || location.end() <= pack.synced_end());
                state.open.remove(&number);
            } else if pack.is_sealed() {
                // Sealed means durable: readers open the file themselves now.
                state.open.remove(&number);
            } else {
                state.idle.push(number);
            }
        }
        if is_empty {
            // An empty pack that cannot be removed is harmless, and removed at the next open.
            drop(self.remove_pack(number));
        }
    }

    /// After a failed sync: chunks that are not known to be durable are forgotten, so that nobody relies on them.
    fn distrust(&self, pack: &Arc<OpenPack>) {
        pack.mark_failed();
        let end = pack.synced_end();
        let mut state = self.state();
        state.index.retain(|_, location| location.pack != pack.number || location.end() <= end);
        state.idle.retain(|number| *number != pack.number);
    }
}
