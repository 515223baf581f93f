//! Reading everything and saying what is damaged and whom it hurts. Changes nothing.

use std::collections::{BTreeSet, HashMap};

use crate::chunk::{ChunkId, Key, unpack};
use crate::error::{Error, Result, io_error};
use crate::index::Location;
use crate::manifest::Fingerprint;
use crate::pack::{Record, read_raw};
use crate::store::{Inner, Store};

/// A chunk that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadChunk {
    /// Its name.
    pub id: ChunkId,
    /// The pack that holds it.
    pub pack: u32,
    /// Where its record begins.
    pub offset: u64,
    /// What does not match.
    pub why: &'static str,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// The chunks that were read.
    pub n_chunks: u64,
    /// Their stored bytes.
    pub checked_bytes: u64,
    /// The manifests that were read.
    pub n_manifests: u64,
    /// Chunks that cannot be read.
    pub bad_chunks: Vec<BadChunk>,
    /// Chunks that a manifest needs and no pack has.
    pub missing_chunks: Vec<ChunkId>,
    /// Manifests that need a bad or missing chunk, or cannot be read themselves.
    pub hurt_manifests: Vec<Fingerprint>,
}

impl CheckReport {
    /// Whether everything can be read.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.bad_chunks.is_empty() && self.missing_chunks.is_empty() && self.hurt_manifests.is_empty()
    }
}

impl Store {
    /// Reads and verifies every chunk and every manifest. Progress is (bytes done, bytes in total). Ingests may run
    /// meanwhile; sweeps wait.
    pub fn check(&self, on_progress: &dyn Fn(u64, u64), cancelled: &dyn Fn() -> bool) -> Result<CheckReport> {
        let inner = &*self.inner;
        let _turn = inner.sweep_turn.lock().expect("nothing panics while it holds this lock");
        let mut report = CheckReport::default();
        let mut places: Vec<(Key, Location)> =
            inner.state().index.iter().map(|(key, location)| (*key, *location)).collect();
        // In the order of the files, which a disk reads fastest.
        places.sort_unstable_by_key(|(_, location)| (location.pack, location.offset));
        let total_bytes = places.iter().map(|(_, location)| u64::from(location.stored_bytes())).sum();
        let mut bad: HashMap<Key, BadChunk> = HashMap::new();
        for (key, location) in places {
            if cancelled() {
                return Err(Error::Cancelled);
            }
            if let Some(found) = inner.verify(key, location)? {
                bad.insert(key, found);
            }
            report.n_chunks += 1;
            report.checked_bytes += u64::from(location.stored_bytes());
            on_progress(report.checked_bytes, total_bytes);
        }
        inner.check_manifests(&mut report, &mut bad)?;
        report.bad_chunks = bad.into_values().collect();
        report.bad_chunks.sort_unstable_by_key(|bad| (bad.pack, bad.offset));
        Ok(report)
    }
}

impl Inner {
    /// What is wrong with the chunk at a place, if anything.
    fn verify(&self, key: Key, location: Location) -> Result<Option<BadChunk>> {
        let Location { pack, offset, .. } = location;
        let mut id = [0; 32];
        id[..16].copy_from_slice(&key.0);
        let mut id = ChunkId(id);
        let why = match self.pack_file(pack) {
            Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                Some("its pack is gone")
            }
            Err(error) => return Err(error),
            Ok(file) => {
                let record = read_raw(&file, pack, offset, location.stored_bytes());
                match record.map_err(io_error("read", &self.pack_path(pack)))? {
                    Err(why) => Some(why),
                    Ok(Record { header, .. }) if header.id.key() != key => {
                        Some("another chunk is in its place")
                    }
                    Ok(Record { header, stored }) => {
                        id = header.id;
                        unpack(&id, header.coding, header.plain_bytes as usize, stored).err()
                    }
                }
            }
        };
        // An ingest that failed meanwhile may have taken the chunk back.
        let still_there = || self.state().index.get(&key).is_some_and(|found| found.offset == offset);
        Ok(why.filter(|_| still_there()).map(|why| BadChunk { id, pack, offset: u64::from(offset), why }))
    }

    fn check_manifests(&self, report: &mut CheckReport, bad: &mut HashMap<Key, BadChunk>) -> Result<()> {
        let mut missing = BTreeSet::new();
        for fingerprint in self.manifests()? {
            let manifest = match self.manifest(&fingerprint) {
                Ok(manifest) => manifest,
                Err(Error::UnknownManifest { .. }) => continue,
                Err(Error::CorruptManifest { .. }) => {
                    report.n_manifests += 1;
                    report.hurt_manifests.push(fingerprint);
                    continue;
                }
                Err(error) => return Err(error),
            };
            report.n_manifests += 1;
            let mut hurt = false;
            for (_, id) in manifest.chunks() {
                if let Some(found) = bad.get_mut(&id.key()) {
                    // A damaged header does not tell the whole name; the manifest does.
                    found.id = *id;
                    hurt = true;
                } else if !self.state().index.contains_key(&id.key()) {
                    missing.insert(*id);
                    hurt = true;
                }
            }
            if hurt {
                report.hurt_manifests.push(fingerprint);
            }
        }
        report.missing_chunks = missing.into_iter().collect();
        Ok(())
    }
}
