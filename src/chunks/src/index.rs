//! What the store knows in memory: where each chunk is, which packs exist, who holds what, and since when a chunk is
//! dead. One lock guards all of it; nothing here touches a file.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::chunk::Key;
use crate::manifest::Fingerprint;
use crate::pack::{OpenPack, RECORD_HEADER_BYTES};

/// Where a chunk's record is: 12 bytes, so that with its key and the table's own cost a chunk takes 33 to 66 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Location {
    pub pack: u32,
    pub offset: u32,
    /// The stored length in the low bits, [`SHARED`] on top.
    tagged_bytes: u32,
}

/// Set once an ingest relies on a chunk that another one wrote: the writer may then no longer take it back.
const SHARED: u32 = 1 << 31;

impl Location {
    pub(crate) fn new(pack: u32, offset: u32, stored_bytes: u32) -> Self {
        Self { pack, offset, tagged_bytes: stored_bytes }
    }

    /// The stored bytes, without the record's header.
    pub(crate) fn stored_bytes(&self) -> u32 {
        self.tagged_bytes & !SHARED
    }

    /// The bytes that the record takes in its pack.
    pub(crate) fn record_bytes(&self) -> u64 {
        u64::from(self.stored_bytes()) + RECORD_HEADER_BYTES as u64
    }

    /// One past the record's last byte.
    pub(crate) fn end(&self) -> u64 {
        u64::from(self.offset) + self.record_bytes()
    }

    pub(crate) fn is_shared(&self) -> bool {
        self.tagged_bytes & SHARED != 0
    }

    pub(crate) fn share(&mut self) {
        self.tagged_bytes |= SHARED;
    }
}

/// What is known of a pack, sealed or not.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PackInfo {
    /// The length of the file.
    pub bytes: u64,
    /// An ingest writes to it, or sealed it and has not finished: a sweep leaves it alone.
    pub busy: bool,
}

/// The chunks and manifests that one hold protects.
#[derive(Default, Debug)]
pub(crate) struct Held {
    pub chunks: HashSet<Key>,
    pub manifests: HashSet<Fingerprint>,
    /// Let go while a sweep runs, which may have looked before the caller recorded its manifest: kept until it ends.
    pub released: bool,
}

/// Since when what is dead is dead, in the caller's seconds.
#[derive(Default, Debug, PartialEq, Eq, Clone)]
pub(crate) struct Dead {
    pub chunks: HashMap<Key, u64>,
    pub manifests: HashMap<Fingerprint, u64>,
}

/// Everything in memory.
#[derive(Default)]
pub(crate) struct State {
    pub index: HashMap<Key, Location>,
    pub packs: HashMap<u32, PackInfo>,
    /// Packs that are unsealed or not known to be durable.
    pub open: HashMap<u32, Arc<OpenPack>>,
    /// The unsealed ones among them that no ingest owns now.
    pub idle: Vec<u32>,
    pub next_pack: u32,
    pub holds: HashMap<u64, Held>,
    pub next_hold: u64,
    pub sweeping: bool,
    pub dead: Dead,
    /// The dead marks in memory differ from those on disk.
    pub dead_changed: bool,
}

impl State {
    /// Protects a chunk by a hold and takes back its dead mark.
    pub(crate) fn hold_chunk(&mut self, hold: u64, key: Key) {
        self.holds.entry(hold).or_default().chunks.insert(key);
        if self.dead.chunks.remove(&key).is_some() {
            self.dead_changed = true;
        }
    }

    /// The same for a manifest.
    pub(crate) fn hold_manifest(&mut self, hold: u64, fingerprint: Fingerprint) {
        self.holds.entry(hold).or_default().manifests.insert(fingerprint);
        if self.dead.manifests.remove(&fingerprint).is_some() {
            self.dead_changed = true;
        }
    }

    /// Lets go of what a hold protects, or of it at the end of the sweep that runs.
    pub(crate) fn release(&mut self, hold: u64) {
        if !self.sweeping {
            self.holds.remove(&hold);
        } else if let Some(held) = self.holds.get_mut(&hold) {
            held.released = true;
        }
    }

    /// The sweep ended: holds released during it go now.
    pub(crate) fn end_sweep(&mut self) {
        self.sweeping = false;
        self.holds.retain(|_, held| !held.released);
    }

    pub(crate) fn is_chunk_held(&self, key: &Key) -> bool {
        self.holds.values().any(|held| held.chunks.contains(key))
    }

    pub(crate) fn is_manifest_held(&self, fingerprint: &Fingerprint) -> bool {
        self.holds.values().any(|held| held.manifests.contains(fingerprint))
    }
}
