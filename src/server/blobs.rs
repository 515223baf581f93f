//! Disk contents on this machine's file system: the adapter behind `Storage` and `Blobs`, one chunk store per region.
//! It must not know images, people or money.

use darkroom_chunks as chunks;
use darkroom_core::domain::ids::RegionId;
use darkroom_core::domain::time::Timestamp;
use darkroom_core::ports::{
    Blobs, Fingerprint, PortError, Storage, Stored, StoredSize, Swept, Transferred, Watcher,
};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What can be set about storage.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StorageSettings {
    /// How long unneeded content is kept, in seconds: the time in which a crash can be recovered from.
    pub grace_s: u64,
    /// When a pack file is closed and the next begun, in bytes.
    pub pack_bytes: u64,
    /// How much of a pack must be dead before it is rewritten, in percent.
    pub rewrite_percent: u8,
}

impl Default for StorageSettings {
    fn default() -> Self {
        let chunks = chunks::Settings::default();
        Self { grace_s: 86_400, pack_bytes: chunks.pack_bytes, rewrite_percent: chunks.rewrite_percent }
    }
}

/// How long an ingest's content is held after it returned, so that a sweep cannot take it before the record that names it commits.
const HOLD_MS: i64 = 600_000;

/// The chunk stores of all regions, opened when first asked for.
pub struct LocalStorage {
    root: PathBuf,
    settings: StorageSettings,
    open: Mutex<BTreeMap<RegionId, Arc<LocalBlobs>>>,
}

impl LocalStorage {
    /// Chunk stores in folders under `root`, which need not exist yet.
    pub fn new(root: PathBuf, settings: StorageSettings) -> Self {
        Self { root, settings, open: Mutex::new(BTreeMap::new()) }
    }

    fn blobs(&self, region: &RegionId) -> Result<Arc<LocalBlobs>, PortError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(blobs) = open.get(region) {
            return Ok(blobs.clone());
        }
        let plain = region.as_str().chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if !plain || region.as_str().is_empty() {
            return Err(PortError::Refused(format!(
                "{region} cannot be the name of a region: use letters, digits and dashes."
            )));
        }
        let blobs = Arc::new(LocalBlobs::open(region, &self.root.join(region.as_str()), self.settings)?);
        open.insert(region.clone(), blobs.clone());
        Ok(blobs)
    }

    /// Reads everything a region stores and tells what is damaged.
    ///
    /// # Errors
    /// When the storage cannot be read at all.
    pub fn check(&self, region: &RegionId, on_progress: &dyn Fn(u64, u64)) -> Result<RegionCheck, PortError> {
        let blobs = self.blobs(region)?;
        let report = blobs.store.check(on_progress, &|| false).map_err(|e| blobs.said(e))?;
        let hex = |f: &chunks::Fingerprint| f.to_string();
        Ok(RegionCheck {
            n_chunks: report.n_chunks,
            n_manifests: report.n_manifests,
            bad_chunks: report
                .bad_chunks
                .iter()
                .map(|b| format!("pack {}, byte {}: {}", b.pack, b.offset, b.why))
                .collect(),
            n_missing_chunks: u64::try_from(report.missing_chunks.len()).unwrap_or(u64::MAX),
            hurt: report.hurt_manifests.iter().map(hex).collect(),
        })
    }

    /// The fingerprints a region has manifests for, as hex.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub fn fingerprints(&self, region: &RegionId) -> Result<Vec<String>, PortError> {
        let blobs = self.blobs(region)?;
        let all = blobs.store.manifests().map_err(|e| blobs.said(e))?;
        Ok(all.iter().map(ToString::to_string).collect())
    }
}

/// What a check of a region's storage found.
pub struct RegionCheck {
    /// Chunks read.
    pub n_chunks: u64,
    /// Manifests read.
    pub n_manifests: u64,
    /// Damaged chunks, where and why.
    pub bad_chunks: Vec<String>,
    /// Chunks that a manifest names and no pack has.
    pub n_missing_chunks: u64,
    /// Fingerprints of the disks that this hurts, as hex.
    pub hurt: Vec<String>,
}

impl Storage for LocalStorage {
    fn region(&self, region: &RegionId) -> Result<Arc<dyn Blobs>, PortError> {
        Ok(self.blobs(region)?)
    }

    fn transfer(
        &self,
        from: &RegionId,
        to: &RegionId,
        fingerprint: &Fingerprint,
        watcher: &dyn Watcher,
    ) -> Result<Transferred, PortError> {
        let (from, to) = (self.blobs(from)?, self.blobs(to)?);
        let (there, here) = (from.store.hold(), to.store.hold());
        let manifest = from.store.protect(&parse(fingerprint)?, &there).map_err(|e| from.said(e))?;
        let options = chunks::FetchOptions {
            on_progress: &|done, total| watcher.progress(done, total),
            cancelled: &|| watcher.cancelled(),
            hold: &here,
        };
        // Damage is always that of the side that is read.
        let fetched = to
            .store
            .fetch_from(&from.store, &manifest, &options)
            .map_err(|e| if e.is_damage() { from.said(e) } else { to.said(e) })?;
        to.store.put_manifest(&manifest, &here).map_err(|e| to.said(e))?;
        let usage = to.store.usage(&manifest).map_err(|e| to.said(e))?;
        to.held().push(Held { since: None, hold: here });
        Ok(Transferred {
            size: StoredSize { virtual_bytes: usage.virtual_bytes, stored_bytes: usage.stored_bytes },
            sent_bytes: fetched.sent_bytes,
            present_bytes: fetched.present_bytes,
        })
    }
}

struct Held {
    since: Option<Timestamp>,
    hold: chunks::Hold,
}

/// The chunk store of one region, and the base files made from it.
pub struct LocalBlobs {
    region: RegionId,
    root: PathBuf,
    settings: StorageSettings,
    store: chunks::Store,
    /// Holds of ingests that returned lately.
    held: Mutex<Vec<Held>>,
    /// One base is made at a time: a second deploy from the same image waits and finds it.
    making: Mutex<()>,
}

impl LocalBlobs {
    fn open(region: &RegionId, root: &Path, settings: StorageSettings) -> Result<Self, PortError> {
        let bases = root.join("bases");
        fs::create_dir_all(&bases)
            .map_err(|e| PortError::Unavailable(format!("{} cannot be made: {e}.", bases.display())))?;
        let options =
            chunks::Settings { pack_bytes: settings.pack_bytes, rewrite_percent: settings.rewrite_percent };
        let store = chunks::Store::open(&root.join("chunks"), options).map_err(|e| said(region, e))?;
        let blobs = Self {
            region: region.clone(),
            root: root.to_owned(),
            settings,
            store,
            held: Mutex::new(Vec::new()),
            making: Mutex::new(()),
        };
        Ok(blobs)
    }

    fn said(&self, error: chunks::Error) -> PortError {
        said(&self.region, error)
    }

    fn held(&self) -> MutexGuard<'_, Vec<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn manifest(&self, fingerprint: &Fingerprint) -> Result<chunks::Manifest, PortError> {
        self.store.manifest(&parse(fingerprint)?).map_err(|e| self.said(e))
    }

    fn manifests(&self, fingerprints: &[Fingerprint]) -> Result<Vec<chunks::Manifest>, PortError> {
        fingerprints.iter().map(|f| self.manifest(f)).collect()
    }

    fn base_path(&self, fingerprint: &Fingerprint) -> PathBuf {
        self.root.join("bases").join(format!("{}.raw", fingerprint.0))
    }

    /// Stores `scratch` under `hold`; SHA-256 is computed on the way where there is much data, afterwards where there are mostly holes.
    fn store_disk(
        &self,
        scratch: &str,
        watcher: &dyn Watcher,
        hold: &chunks::Hold,
    ) -> Result<Stored, PortError> {
        let path = Path::new(scratch);
        let gone = |e: std::io::Error| PortError::Gone(format!("The captured disk cannot be read: {e}."));
        let meta = fs::metadata(path).map_err(gone)?;
        let total = meta.len();
        let dense = meta.blocks().saturating_mul(512) > total / 2;
        let content_hash = if dense { chunks::ContentHash::Now } else { chunks::ContentHash::Later };
        let mut source = chunks::RawFile::open(path).map_err(gone)?;
        let cancelled = || watcher.cancelled();
        let on_progress = |done| watcher.progress(done, total);
        let options =
            chunks::IngestOptions { content_hash, on_progress: &on_progress, cancelled: &cancelled, hold };
        let ingested = self.store.ingest(&mut source, &options).map_err(|e| self.said(e))?;
        let fingerprint = self.store.put_manifest(&ingested.manifest, hold).map_err(|e| self.said(e))?;
        let sha256 = match ingested.sha256 {
            Some(hash) => hash,
            None => self.store.sha256(&ingested.manifest, &|_| {}, &cancelled).map_err(|e| self.said(e))?,
        };
        let usage = self.store.usage(&ingested.manifest).map_err(|e| self.said(e))?;
        Ok(Stored {
            fingerprint: Fingerprint(fingerprint.to_string()),
            sha256: hex(&sha256),
            virtual_bytes: ingested.virtual_bytes,
            stored_bytes: usage.stored_bytes,
            new_bytes: ingested.new_stored_bytes,
        })
    }
}

impl Blobs for LocalBlobs {
    fn ingest(&self, scratch: &str, watcher: &dyn Watcher) -> Result<Stored, PortError> {
        let hold = self.store.hold();
        let stored = self.store_disk(scratch, watcher, &hold)?;
        self.held().push(Held { since: None, hold });
        Ok(stored)
    }

    fn base(&self, fingerprint: &Fingerprint, watcher: &dyn Watcher) -> Result<String, PortError> {
        let path = self.base_path(fingerprint);
        let _turn = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if !path.exists() {
            let hold = self.store.hold();
            let manifest = self.store.protect(&parse(fingerprint)?, &hold).map_err(|e| self.said(e))?;
            let total = manifest.virtual_bytes();
            let on_progress = |done| watcher.progress(done, total);
            self.store
                .materialise(&manifest, &path, &on_progress, &|| watcher.cancelled())
                .map_err(|e| self.said(e))?;
        }
        path.to_str()
            .map(str::to_owned)
            .ok_or_else(|| PortError::Refused("The data directory's path is not UTF-8. Move it.".to_owned()))
    }

    fn size(&self, fingerprint: &Fingerprint) -> Result<StoredSize, PortError> {
        let usage = self.store.usage(&self.manifest(fingerprint)?).map_err(|e| self.said(e))?;
        Ok(StoredSize { virtual_bytes: usage.virtual_bytes, stored_bytes: usage.stored_bytes })
    }

    fn unique_bytes(&self, fingerprint: &Fingerprint, others: &[Fingerprint]) -> Result<u64, PortError> {
        let (own, others) = (self.manifest(fingerprint)?, self.manifests(others)?);
        let others: Vec<&chunks::Manifest> = others.iter().collect();
        self.store.unique_stored_bytes(&[&own], &others).map_err(|e| self.said(e))
    }

    fn union_bytes(&self, fingerprints: &[Fingerprint]) -> Result<u64, PortError> {
        let all = self.manifests(fingerprints)?;
        let all: Vec<&chunks::Manifest> = all.iter().collect();
        self.store.union_stored_bytes(&all).map_err(|e| self.said(e))
    }

    fn attribute(&self, groups: &[Vec<Fingerprint>]) -> Result<Vec<u64>, PortError> {
        let groups: Vec<Vec<chunks::Fingerprint>> =
            groups.iter().map(|group| group.iter().map(parse).collect()).collect::<Result<_, _>>()?;
        self.store.attributed_stored_bytes(&groups).map_err(|e| self.said(e))
    }

    fn sweep(&self, live: &[Fingerprint], now: Timestamp) -> Result<Swept, PortError> {
        self.held().retain_mut(|held| {
            let since = *held.since.get_or_insert(now);
            let _ = &held.hold;
            now.since_ms(since) < HOLD_MS
        });
        let live: std::collections::BTreeSet<chunks::Fingerprint> =
            live.iter().map(parse).collect::<Result<_, _>>()?;
        let options = chunks::SweepOptions {
            live: &|fingerprint| live.contains(fingerprint),
            now_s: u64::try_from(now.seconds()).unwrap_or(0),
            grace_s: self.settings.grace_s,
            keep_going: &|| true,
        };
        let report = self.store.sweep(&options).map_err(|e| self.said(e))?;
        let freed = self.evict_bases(&live)?;
        Ok(Swept { n_chunks: report.n_removed_chunks, freed_bytes: report.freed_bytes.saturating_add(freed) })
    }

    fn stored_bytes(&self) -> Result<u64, PortError> {
        Ok(self.store.stats().stored_bytes)
    }

    fn free_bytes(&self) -> Option<u64> {
        let stat = rustix::fs::statvfs(&self.root).ok()?;
        Some(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

impl LocalBlobs {
    /// Removes bases that no image and no machine needs. One that is being made is not there yet; one that a machine needs is live.
    fn evict_bases(&self, live: &std::collections::BTreeSet<chunks::Fingerprint>) -> Result<u64, PortError> {
        let _turn = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let unread = |e: std::io::Error| {
            PortError::Unavailable(format!("The bases of {} cannot be listed: {e}.", self.region))
        };
        let mut freed = 0u64;
        for entry in fs::read_dir(self.root.join("bases")).map_err(unread)? {
            let entry = entry.map_err(unread)?;
            let name = entry.file_name();
            let fingerprint =
                name.to_str().and_then(|n| n.strip_suffix(".raw")).map(|h| Fingerprint(h.to_owned()));
            let Some(Ok(parsed)) = fingerprint.map(|f| parse(&f)) else { continue };
            if !live.contains(&parsed) {
                freed = freed
                    .saturating_add(entry.metadata().map(|m| m.blocks().saturating_mul(512)).unwrap_or(0));
                fs::remove_file(entry.path()).map_err(unread)?;
            }
        }
        Ok(freed)
    }
}

fn said(region: &RegionId, error: chunks::Error) -> PortError {
    match error {
        chunks::Error::Cancelled => PortError::Cancelled,
        e if e.is_no_space() => PortError::NoSpace { place: region.to_string() },
        e if e.is_damage() => {
            PortError::Corrupt(format!("The storage of {region} is damaged: {e}. Tell your provider."))
        }
        e @ chunks::Error::UnknownManifest { .. } => {
            PortError::Gone(format!("The image's content is not in {region}: {e}."))
        }
        e @ chunks::Error::TooLarge { .. } => PortError::Refused(format!("{e}.")),
        e => match std::error::Error::source(&e) {
            Some(cause) => PortError::Unavailable(format!("The storage of {region} failed: {e} ({cause}).")),
            None => PortError::Unavailable(format!("The storage of {region} failed: {e}.")),
        },
    }
}

fn parse(fingerprint: &Fingerprint) -> Result<chunks::Fingerprint, PortError> {
    let text = fingerprint.0.as_bytes();
    let mut out = [0u8; 32];
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let valid = text.len() == 64
        && out.iter_mut().zip(text.chunks_exact(2)).all(|(byte, pair)| {
            match (digit(pair[0]), digit(pair[1])) {
                (Some(high), Some(low)) => {
                    *byte = high << 4 | low;
                    true
                }
                _ => false,
            }
        });
    if valid {
        Ok(chunks::Fingerprint(out))
    } else {
        Err(PortError::Corrupt("A stored fingerprint is not 64 hex digits.".to_owned()))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Quiet;
    impl Watcher for Quiet {
        fn progress(&self, _: u64, _: u64) {}
        fn cancelled(&self) -> bool {
            false
        }
    }

    fn disk(dir: &Path, name: &str, byte: u8) -> String {
        let path = dir.join(name);
        let mut content = vec![0u8; 3 << 20];
        content[1 << 20..2 << 20].fill(byte);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn storage(dir: &Path) -> LocalStorage {
        LocalStorage::new(dir.join("regions"), StorageSettings { grace_s: 10, ..StorageSettings::default() })
    }

    #[test]
    fn a_disk_comes_back_as_it_was_and_its_hash_is_that_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = storage(dir.path()).region(&"north-1".into()).unwrap();
        let path = disk(dir.path(), "a", 7);
        let stored = blobs.ingest(&path, &Quiet).unwrap();
        let base = blobs.base(&stored.fingerprint, &Quiet).unwrap();
        assert_eq!(fs::read(&base).unwrap(), fs::read(&path).unwrap());
        use sha2::{Digest, Sha256};
        assert_eq!(stored.sha256, hex(&Sha256::digest(fs::read(&path).unwrap())));
        assert_eq!(stored.virtual_bytes, 3 << 20);
        assert_eq!(blobs.stored_bytes().unwrap(), stored.stored_bytes);
        assert_eq!(blobs.ingest(&path, &Quiet).unwrap().new_bytes, 0, "the same content is stored once");
        assert_eq!(blobs.stored_bytes().unwrap(), stored.stored_bytes);
        assert_eq!(
            blobs.unique_bytes(&stored.fingerprint, std::slice::from_ref(&stored.fingerprint)).unwrap(),
            0
        );
    }

    #[test]
    fn a_disk_travels_to_another_region_and_only_what_is_missing_there() {
        let dir = tempfile::tempdir().unwrap();
        let storage = storage(dir.path());
        let (north, south) = ("north-1".into(), "south-1".into());
        let path = disk(dir.path(), "a", 7);
        let stored = storage.region(&north).unwrap().ingest(&path, &Quiet).unwrap();
        let first = storage.transfer(&north, &south, &stored.fingerprint, &Quiet).unwrap();
        assert_eq!((first.sent_bytes, first.present_bytes), (stored.stored_bytes, 0));
        assert_eq!(first.size.stored_bytes, stored.stored_bytes);
        let base = storage.region(&south).unwrap().base(&stored.fingerprint, &Quiet).unwrap();
        assert_eq!(fs::read(base).unwrap(), fs::read(&path).unwrap());
        let again = storage.transfer(&north, &south, &stored.fingerprint, &Quiet).unwrap();
        assert_eq!((again.sent_bytes, again.present_bytes), (0, stored.stored_bytes));
        let unknown = Fingerprint("0".repeat(64));
        let refused = storage.transfer(&north, &south, &unknown, &Quiet).unwrap_err();
        assert!(matches!(&refused, PortError::Gone(why) if why.contains("north-1")), "{refused}");
    }

    #[test]
    fn a_sweep_keeps_what_is_live_or_fresh_and_removes_the_rest_with_its_base() {
        let dir = tempfile::tempdir().unwrap();
        let storage = storage(dir.path());
        let blobs = storage.region(&"north-1".into()).unwrap();
        let kept = blobs.ingest(&disk(dir.path(), "a", 1), &Quiet).unwrap().fingerprint;
        let gone = blobs.ingest(&disk(dir.path(), "b", 2), &Quiet).unwrap().fingerprint;
        blobs.base(&gone, &Quiet).unwrap();
        for s in [0, 5, 9] {
            blobs.sweep(std::slice::from_ref(&kept), Timestamp::from_seconds(s)).unwrap();
            assert!(blobs.size(&gone).is_ok(), "held or in its grace at {s} s");
        }
        for s in [601, 700, 800] {
            blobs.sweep(std::slice::from_ref(&kept), Timestamp::from_seconds(s)).unwrap();
        }
        assert!(matches!(blobs.size(&gone), Err(PortError::Gone(_))));
        assert!(blobs.base(&kept, &Quiet).is_ok());
        assert_eq!(fs::read_dir(dir.path().join("regions/north-1/bases")).unwrap().count(), 1);
    }
}
