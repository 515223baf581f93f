//! The adapter: reads go to sled through the overlay, commits stand in the one line of those who write.
//! It must not acknowledge anything itself.

use super::committer::Line;
use super::disk::{Disk, RealDisk};
use super::open::{self, DirectoryLock};
use super::overlay::{Overlay, VERSION_KEY, row, scan, version_of};
use darkroom_core::store::{Batch, CommitError, Order, Row, Store, StoreError, Version, Watch};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// What can be chosen about a store.
pub struct SledOptions {
    /// How much sled may cache, by its own count; in memory it is about three times that.
    pub cache_bytes: u64,
    /// Commits are refused, and nothing else happens, while less than this is free: sled itself does not survive a full disk.
    pub free_bytes_min: u64,
    /// Bytes of one sled segment, fixed for the life of a store. What is larger than a quarter of it would go into files
    /// of its own, which nobody syncs; a leaf of sled has at most 20 values of 64 KiB, so with 8 MiB nothing ever is.
    pub segment_bytes: usize,
    /// The disk.
    pub disk: Arc<dyn Disk>,
}

impl Default for SledOptions {
    fn default() -> SledOptions {
        SledOptions {
            cache_bytes: 12 << 20,
            free_bytes_min: 64 << 20,
            segment_bytes: 8 << 20,
            disk: Arc::new(RealDisk),
        }
    }
}

/// What the readers and whoever writes share.
pub(super) struct Shared {
    pub db: sled::Db,
    pub data: File,
    pub directory: PathBuf,
    pub options: SledOptions,
    pub overlay: RwLock<Overlay>,
    pub watchers: Mutex<Vec<Arc<dyn Watch>>>,
}

/// Records in a directory of this machine.
pub struct SledStore {
    line: Line,
    shared: Arc<Shared>,
    /// Last, so that it is let go of after sled has closed its files.
    _lock: DirectoryLock,
}

impl SledStore {
    /// Opens the records in `directory`, which is created if need be.
    pub fn open(directory: &Path) -> Result<SledStore, StoreError> {
        SledStore::open_with(directory, SledOptions::default())
    }

    /// Opens with other than the usual options.
    pub fn open_with(directory: &Path, options: SledOptions) -> Result<SledStore, StoreError> {
        let opened = open::open(directory, &options)?;
        let stored =
            opened.db.get(VERSION_KEY).map_err(|error| open::engine_error("reading records", error))?;
        let version = stored.map_or(Ok(0), |packed| version_of(&packed))?;
        let shared = Arc::new(Shared {
            db: opened.db,
            data: opened.data,
            directory: directory.to_path_buf(),
            options,
            overlay: RwLock::new(Overlay::new()),
            watchers: Mutex::new(Vec::new()),
        });
        let line = Line::new(Arc::clone(&shared), version);
        Ok(SledStore { line, shared, _lock: opened.lock })
    }
}

impl Store for SledStore {
    fn get(&self, key: &[u8]) -> Result<Option<Row>, StoreError> {
        if key.is_empty() || key[0] == 0 {
            return Ok(None);
        }
        // The lock is held while the tree is read: a group is only applied after it is in the overlay.
        let overlay = self.shared.overlay.read().unwrap_or_else(PoisonError::into_inner);
        let packed = match overlay.get(key) {
            Some(before) => before.clone(),
            None => self.shared.db.get(key).map_err(|error| open::engine_error("reading a record", error))?,
        };
        drop(overlay);
        packed.map(|packed| row(key, &packed)).transpose()
    }

    fn scan(&self, start: &[u8], end: &[u8], order: Order, limit: u32) -> Result<Vec<Row>, StoreError> {
        let overlay = self.shared.overlay.read().unwrap_or_else(PoisonError::into_inner);
        scan(&self.shared.db, &overlay, start, end, order, limit)
    }

    fn commit(&self, batch: Batch) -> Result<Version, CommitError> {
        batch.check()?;
        self.line.commit(batch)
    }

    fn watch(&self, watcher: Arc<dyn Watch>) {
        lock(&self.shared.watchers).push(watcher);
    }
}

/// Every change under these locks is a single call, so a panic elsewhere leaves them whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
