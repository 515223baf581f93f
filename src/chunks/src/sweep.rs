//! Garbage collection: mark from live manifests, wait out the grace, give space back by removing and rewriting packs.
//!
//! A crash is safe at every point because nothing is removed before what is kept of it is durable elsewhere, and
//! because everything in memory follows from the files: a chunk in two packs counts once, a chunk that comes back to
//! life after a crash is merely found dead again.
//!
//! Ingests run meanwhile. What a hold protects is never dropped, and a hold that is let go during a sweep counts
//! until the sweep ends, since the sweep may have asked `live` before the holder recorded its manifest.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::sync::Arc;

use crate::chunk::{Key, unpack};
use crate::error::{Error, Result, io_error};
use crate::index::{Location, State};
use crate::manifest::Fingerprint;
use crate::pack::{Entry, PACK_HEADER_BYTES, Record, read_index, read_raw, scan};
use crate::store::{Inner, Store};
use crate::writer::Writer;

/// What a sweep may remove.
pub struct SweepOptions<'a> {
    /// Whether a record names this manifest. Asked of the current records, after the sweep began.
    pub live: &'a dyn Fn(&Fingerprint) -> bool,
    /// The time now, in seconds of any clock that survives restarts.
    pub now_s: u64,
    /// How long something must have been seen dead before it is removed.
    pub grace_s: u64,
    /// Asked often; `false` ends the sweep early, in a good state.
    pub keep_going: &'a dyn Fn() -> bool,
}

/// What a sweep did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Whether it came to its end.
    pub completed: bool,
    /// Manifests that are live.
    pub n_live_manifests: u64,
    /// Dead manifests that were removed.
    pub n_removed_manifests: u64,
    /// Dead chunks that were removed.
    pub n_removed_chunks: u64,
    /// Dead chunks that stay for now: within their grace, or in a pack that is not worth rewriting yet.
    pub n_dead_chunks: u64,
    /// Packs that were removed without keeping anything of them.
    pub n_removed_packs: u64,
    /// Packs of which the live chunks were moved.
    pub n_rewritten_packs: u64,
    /// By how much the files became smaller in total.
    pub freed_bytes: u64,
    /// Packs that were left alone because a chunk that is still needed is damaged: run a check.
    pub damaged_packs: Vec<u32>,
}

/// Why the work on one pack ended early.
enum Stop {
    Interrupted,
    Damaged,
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Ends the sweep in the state however it ends in the code.
struct Running<'a>(&'a Inner);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.state().end_sweep();
    }
}

impl Store {
    /// Removes what no live manifest needs and has not needed for the grace. One sweep runs at a time; a second
    /// caller waits. A live manifest that cannot be read ends the sweep with an error before anything is removed.
    pub fn sweep(&self, options: &SweepOptions<'_>) -> Result<SweepReport> {
        let inner = &*self.inner;
        let _turn = inner.sweep_turn.lock().expect("nothing panics while it holds this lock");
        inner.state().sweeping = true;
        let _running = Running(inner);
        let mut report = SweepReport::default();
        if !inner.mark(options, &mut report)? {
            return Ok(report);
        }
        inner.save_dead_if_changed()?;
        inner.remove_manifests(options, &mut report)?;
        report.completed = inner.reclaim(options, &mut report)?;
        report.n_dead_chunks = inner.state().dead.chunks.len() as u64;
        inner.sync_packs()?;
        Ok(report)
    }
}

impl Inner {
    /// Notes what is dead since now, and what is not dead any more. `false` when interrupted.
    fn mark(&self, options: &SweepOptions<'_>, report: &mut SweepReport) -> Result<bool> {
        let mut needed = HashSet::new();
        let mut dead_manifests = HashSet::new();
        for fingerprint in self.manifests()? {
            if !(options.keep_going)() {
                return Ok(false);
            }
            if !(options.live)(&fingerprint) {
                dead_manifests.insert(fingerprint);
                continue;
            }
            report.n_live_manifests += 1;
            match self.manifest(&fingerprint) {
                Ok(manifest) => needed.extend(manifest.chunks().iter().map(|(_, id)| id.key())),
                // Its owner removed it since it was listed.
                Err(Error::UnknownManifest { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let mut state = self.state();
        let before = state.dead.clone();
        let mut dead = std::mem::take(&mut state.dead);
        dead.chunks.retain(|key, _| {
            state.index.contains_key(key) && !needed.contains(key) && !state.is_chunk_held(key)
        });
        dead.manifests.retain(|print, _| dead_manifests.contains(print) && !state.is_manifest_held(print));
        for key in state.index.keys().filter(|key| !needed.contains(*key) && !state.is_chunk_held(key)) {
            dead.chunks.entry(*key).or_insert(options.now_s);
        }
        for print in dead_manifests.iter().filter(|print| !state.is_manifest_held(print)) {
            dead.manifests.entry(*print).or_insert(options.now_s);
        }
        state.dead_changed |= dead != before;
        state.dead = dead;
        Ok(true)
    }

    fn remove_manifests(&self, options: &SweepOptions<'_>, report: &mut SweepReport) -> Result<()> {
        let candidates: Vec<_> = self.state().dead.manifests.keys().copied().collect();
        for fingerprint in candidates {
            // The file is removed under the lock: whoever puts the same manifest holds it first, and is either seen
            // here or writes the file after it was removed.
            let mut state = self.state();
            let since_s = state.dead.manifests.get(&fingerprint).copied();
            let expired = since_s.is_some_and(|since_s| is_over(since_s, options));
            if !expired || state.is_manifest_held(&fingerprint) {
                continue;
            }
            match self.remove_manifest(&fingerprint) {
                Ok(()) | Err(Error::UnknownManifest { .. }) => report.n_removed_manifests += 1,
                Err(error) => return Err(error),
            }
            state.dead.manifests.remove(&fingerprint);
            state.dead_changed = true;
        }
        // Before any chunk goes: a manifest must not come back after a crash without its chunks.
        self.sync_manifests()
    }

    /// Gives space back, whole packs first: on a full disk they make room for rewriting the others.
    fn reclaim(&self, options: &SweepOptions<'_>, report: &mut SweepReport) -> Result<bool> {
        for (pack, _) in self.worthwhile_packs(options) {
            if !(options.keep_going)() {
                return Ok(false);
            }
            let Some(bytes) = self.claim(pack) else { continue };
            match self.reclaim_pack(pack, options, report) {
                Ok(kept_bytes) => {
                    report.freed_bytes += bytes.saturating_sub(kept_bytes);
                    if kept_bytes == 0 {
                        report.n_removed_packs += 1;
                    } else {
                        report.n_rewritten_packs += 1;
                    }
                }
                Err(stop) => {
                    self.unclaim(pack);
                    match stop {
                        Stop::Interrupted => return Ok(false),
                        Stop::Damaged => report.damaged_packs.push(pack),
                        Stop::Failed(error) => return Err(error),
                    }
                }
            }
        }
        Ok(true)
    }

    /// The packs to work on and what stays of each, the emptiest first.
    fn worthwhile_packs(&self, options: &SweepOptions<'_>) -> Vec<(u32, u64)> {
        let state = self.state();
        let mut kept_bytes: HashMap<u32, u64> = HashMap::new();
        for (key, location) in &state.index {
            if !is_expired(&state, key, options) {
                *kept_bytes.entry(location.pack).or_default() += location.record_bytes();
            }
        }
        let percent = u64::from(self.settings.rewrite_percent);
        let mut packs: Vec<(u32, u64)> = Vec::new();
        for (number, info) in state.packs.iter().filter(|(_, info)| !info.busy) {
            let kept = kept_bytes.get(number).copied().unwrap_or(0);
            let used = state.open.get(number).map_or(info.bytes, |open| open.end());
            let gain = used.saturating_sub(kept + PACK_HEADER_BYTES);
            if kept == 0 || gain * 100 >= used * percent.max(1) {
                packs.push((*number, kept));
            }
        }
        packs.sort_unstable_by_key(|(number, kept)| (*kept, *number));
        packs
    }

    /// Keeps writers away from a pack; its length, or nothing when somebody writes to it.
    fn claim(&self, pack: u32) -> Option<u64> {
        let mut state = self.state();
        let end = state.open.get(&pack).map(|open| open.end());
        let info = state.packs.get_mut(&pack).filter(|info| !info.busy)?;
        info.busy = true;
        let bytes = end.unwrap_or(info.bytes);
        state.idle.retain(|number| *number != pack);
        Some(bytes)
    }

    fn unclaim(&self, pack: u32) {
        let mut state = self.state();
        if let Some(info) = state.packs.get_mut(&pack) {
            info.busy = false;
        }
        if state.open.get(&pack).is_some_and(|open| !open.is_sealed() && !open.has_failed()) {
            state.idle.push(pack);
        }
    }

    /// Moves what is needed out of a claimed pack and removes it. Says how many bytes were moved.
    fn reclaim_pack(
        &self,
        pack: u32,
        options: &SweepOptions<'_>,
        report: &mut SweepReport,
    ) -> std::result::Result<u64, Stop> {
        let file = self.pack_file(pack)?;
        let entries = self.entries_of(pack, &file)?;
        let (kept, n_dropped) = self.drop_expired(pack, &entries, options);
        report.n_removed_chunks += n_dropped;
        let mut writer = Writer::new(self, 0);
        let mut moved = Vec::with_capacity(kept.len());
        for entry in &kept {
            if !(options.keep_going)() {
                return Err(Stop::Interrupted);
            }
            let record = read_raw(&file, pack, entry.offset, entry.stored_bytes)
                .map_err(io_error("read", &self.pack_path(pack)))?;
            let Ok(Record { header, stored }) = record else { return Err(Stop::Damaged) };
            // Damage must not be given a new, correct checksum.
            let intact = unpack(&entry.id, header.coding, header.plain_bytes as usize, stored.clone());
            if header.id != entry.id || intact.is_err() {
                return Err(Stop::Damaged);
            }
            moved.push(writer.append(&header, &stored)?);
        }
        writer.finish()?;
        let mut state = self.state();
        for (entry, to) in kept.iter().zip(&moved) {
            if let Some(location) = state.index.get_mut(&entry.id.key())
                && (location.pack, location.offset) == (pack, entry.offset)
            {
                *location = *to;
            }
        }
        state.packs.remove(&pack);
        state.open.remove(&pack);
        drop(state);
        self.remove_pack(pack)?;
        Ok(moved.iter().map(Location::record_bytes).sum())
    }

    /// The records of a pack by its own account.
    fn entries_of(&self, pack: u32, file: &Arc<File>) -> Result<Vec<Entry>> {
        if let Some(open) = self.state().open.get(&pack) {
            return Ok(open.entries_from(0));
        }
        let fail = || io_error("read", &self.pack_path(pack));
        let length = file.metadata().map_err(fail())?.len();
        match read_index(file, pack, length).map_err(fail())? {
            Some(entries) => Ok(entries),
            None => Ok(scan(file, pack, length).map_err(fail())?.entries),
        }
    }

    /// Takes the expired chunks of a pack out of the index; the others are to be kept. Decided under one lock, so
    /// that an ingest either holds a chunk before and finds it kept, or does not find it and writes it again.
    fn drop_expired(&self, pack: u32, entries: &[Entry], options: &SweepOptions<'_>) -> (Vec<Entry>, u64) {
        let mut state = self.state();
        let mut kept = Vec::new();
        let mut n_dropped = 0;
        for entry in entries {
            let key = entry.id.key();
            let found = state.index.get(&key);
            if found.is_none_or(|found| (found.pack, found.offset) != (pack, entry.offset)) {
                continue;
            }
            if is_expired(&state, &key, options) {
                state.index.remove(&key);
                state.dead.chunks.remove(&key);
                state.dead_changed = true;
                n_dropped += 1;
            } else {
                kept.push(*entry);
            }
        }
        (kept, n_dropped)
    }
}

fn is_over(since_s: u64, options: &SweepOptions<'_>) -> bool {
    // A clock that went back makes things younger, never older.
    options.now_s.saturating_sub(since_s) >= options.grace_s
}

fn is_expired(state: &State, key: &Key, options: &SweepOptions<'_>) -> bool {
    let since_s = state.dead.chunks.get(key).copied();
    since_s.is_some_and(|since_s| is_over(since_s, options)) && !state.is_chunk_held(key)
}
