//! Accounting: what manifests take, alone and together. Bytes are those of the stored (compressed) chunks, each
//! chunk counted once, without the headers of records.

use std::collections::HashSet;

use crate::chunk::{ChunkId, Key};
use crate::error::{Error, Result};
use crate::manifest::{Fingerprint, Manifest};
use crate::store::Store;

/// What one manifest takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The size of the disk as its guest sees it.
    pub virtual_bytes: u64,
    /// What its chunks take in the store.
    pub stored_bytes: u64,
    /// Its different chunks.
    pub n_chunks: u64,
}

/// What the whole store takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// The different chunks, dead ones included.
    pub n_chunks: u64,
    /// What they take.
    pub stored_bytes: u64,
    /// The packs.
    pub n_packs: u64,
    /// The length of all packs: chunks, headers, indexes, and what a sweep can still give back.
    pub pack_bytes: u64,
    /// The chunks that the last sweep found unreferenced and that are still there.
    pub n_dead_chunks: u64,
    /// What those take.
    pub dead_bytes: u64,
    /// About what the index takes in memory.
    pub index_memory_bytes: u64,
}

impl Store {
    /// What a manifest takes.
    pub fn usage(&self, manifest: &Manifest) -> Result<Usage> {
        let mut seen = HashSet::with_capacity(manifest.chunks().len());
        let stored_bytes = self.add_up(manifest, &mut seen)?;
        Ok(Usage { virtual_bytes: manifest.virtual_bytes(), stored_bytes, n_chunks: seen.len() as u64 })
    }

    /// What these manifests take together: chunks they share are counted once.
    pub fn union_stored_bytes(&self, manifests: &[&Manifest]) -> Result<u64> {
        let mut seen = HashSet::new();
        manifests.iter().map(|manifest| self.add_up(manifest, &mut seen)).sum()
    }

    /// What would be free if the group went and the others stayed: the chunks that only the group references.
    pub fn unique_stored_bytes(&self, group: &[&Manifest], others: &[&Manifest]) -> Result<u64> {
        let mut seen: HashSet<Key> =
            others.iter().flat_map(|manifest| manifest.chunks()).map(|(_, id)| id.key()).collect();
        group.iter().map(|manifest| self.add_up(manifest, &mut seen)).sum()
    }

    /// Who comes first pays: for groups of manifests in order, what the chunks take that no group before holds. Reads one manifest at a
    /// time, so that memory holds their chunks and not the manifests.
    pub fn attributed_stored_bytes(&self, groups: &[Vec<Fingerprint>]) -> Result<Vec<u64>> {
        let mut seen = HashSet::new();
        let mut bytes = Vec::with_capacity(groups.len());
        for group in groups {
            let mut sum = 0;
            for fingerprint in group {
                sum += self.add_up(&self.manifest(fingerprint)?, &mut seen)?;
            }
            bytes.push(sum);
        }
        Ok(bytes)
    }

    /// What the whole store takes.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let state = self.inner.state();
        let mut stats = Stats {
            n_chunks: state.index.len() as u64,
            n_packs: state.packs.len() as u64,
            n_dead_chunks: state.dead.chunks.len() as u64,
            // Keys and places, one byte of control, and the free slots.
            index_memory_bytes: (state.index.capacity() as u64 * 8).div_ceil(7) * 29,
            ..Stats::default()
        };
        for (key, location) in &state.index {
            stats.stored_bytes += u64::from(location.stored_bytes());
            if state.dead.chunks.contains_key(key) {
                stats.dead_bytes += u64::from(location.stored_bytes());
            }
        }
        for (number, info) in &state.packs {
            // The length of a pack that is being written is known best by the pack.
            stats.pack_bytes += state.open.get(number).map_or(info.bytes, |open| open.end());
        }
        stats
    }

    /// Adds up the chunks of a manifest that were not seen before.
    fn add_up(&self, manifest: &Manifest, seen: &mut HashSet<Key>) -> Result<u64> {
        let mut stored_bytes = 0;
        // In parts, so that a huge manifest does not keep everybody else from the lock.
        for part in manifest.chunks().chunks(4096) {
            let state = self.inner.state();
            for (_, id) in part {
                if seen.insert(id.key()) {
                    let location = state.index.get(&id.key());
                    stored_bytes += location.ok_or_else(|| missing(id))?.stored_bytes() as u64;
                }
            }
        }
        Ok(stored_bytes)
    }
}

fn missing(id: &ChunkId) -> Error {
    Error::MissingChunk { id: *id }
}
