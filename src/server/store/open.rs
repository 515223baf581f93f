//! Opens the directory of records: one process at a time, with what sled leaves undone around its files.
//! It must not read or write records.

use super::sled_store::SledOptions;
use darkroom_core::store::StoreError;
use std::fs::{self, File, TryLockError};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

/// How often, and how long each time, to wait for sled's threads of this process to let go of their file.
const LOCK_TRIES: u32 = 200;
const LOCK_WAIT: Duration = Duration::from_millis(10);

/// An open directory.
pub(super) struct Opened {
    pub db: sled::Db,
    /// A handle of our own on sled's data file, to sync it.
    pub data: File,
    /// Held for as long as the store is open; the system lets go of it when the process ends, however it ends.
    pub lock: DirectoryLock,
}

/// Keeps other processes out.
pub(super) struct DirectoryLock(File);

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        // Closing alone is not enough: a child that this process is just starting holds a copy of the descriptor until
        // it becomes its program, and the lock with it.
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "the lock of the records could not be let go of; it ends with the process");
        }
    }
}

pub(super) fn open(directory: &Path, options: &SledOptions) -> Result<Opened, StoreError> {
    fs::create_dir_all(directory).map_err(failed("creating the directory of records"))?;
    let lock = lock(directory)?;
    let home = directory.join("sled");
    let created = directory.join("created");
    let is_new = !created.try_exists().map_err(failed("looking for records"))?;
    remove_unfinished_snapshots(&home)?;
    let db = match open_sled(&home, options) {
        Err(StoreError::Corrupt { .. }) if is_new => {
            // The very first start was interrupted before any commit was accepted. Nothing is deleted all the same.
            set_aside(directory, &home)?;
            open_sled(&home, options)?
        }
        result => result?,
    };
    let data = File::open(home.join("db")).map_err(failed("opening sled's data file"))?;
    sync_all(directory, &home)?;
    if is_new {
        let marker = File::create(&created).map_err(failed("creating the directory of records"))?;
        marker.sync_all().map_err(failed("creating the directory of records"))?;
        sync_directory(directory)?;
    }
    Ok(Opened { db, data, lock })
}

/// Turns sled's errors into ours.
pub(super) fn engine_error(doing: &'static str, error: sled::Error) -> StoreError {
    match error {
        sled::Error::Io(source) => StoreError::from_io(doing, source),
        sled::Error::Corruption { .. } => {
            StoreError::Corrupt { what: format!("sled found a bad checksum while {doing}") }
        }
        other => StoreError::Corrupt { what: format!("sled failed while {doing}: {other}") },
    }
}

pub(super) fn failed(doing: &'static str) -> impl Fn(io::Error) -> StoreError {
    move |source| StoreError::from_io(doing, source)
}

fn lock(directory: &Path) -> Result<DirectoryLock, StoreError> {
    let path = directory.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(path);
    let file = file.map_err(failed("opening the lock of the records"))?;
    match file.try_lock() {
        Ok(()) => Ok(DirectoryLock(file)),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path: directory.display().to_string() }),
        Err(TryLockError::Error(source)) => Err(failed("locking the records")(source)),
    }
}

/// A process that dies while sled writes a snapshot of its page table leaves `snap.….generating`, which sled would
/// take for the newest snapshot and refuse to start. The finished one before it is still there.
fn remove_unfinished_snapshots(home: &Path) -> Result<(), StoreError> {
    let doing = "clearing an unfinished snapshot";
    let entries = match fs::read_dir(home) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(failed(doing))?,
    };
    for entry in entries {
        let path = entry.map_err(failed(doing))?.path();
        if path.extension().is_some_and(|extension| extension == "generating") {
            fs::remove_file(&path).map_err(failed(doing))?;
        }
    }
    Ok(())
}

fn open_sled(home: &Path, options: &SledOptions) -> Result<sled::Db, StoreError> {
    let config = sled::Config::new()
        .path(home)
        .segment_size(options.segment_bytes)
        .cache_capacity(options.cache_bytes)
        .use_compression(false)
        // The committer flushes and syncs; a second thread that does so would only be in its way.
        .flush_every_ms(None);
    let mut n_tries = 0;
    loop {
        // Some of sled's checks of what it reads are assertions.
        let opened = catch_unwind(AssertUnwindSafe(|| config.open()));
        let error = match opened {
            Ok(Ok(db)) => return Ok(db),
            Ok(Err(error)) => error,
            Err(_) => {
                return Err(StoreError::Corrupt { what: "sled could not make sense of its files".into() });
            }
        };
        // We hold the lock that keeps other processes out, so whoever holds sled's own is a thread of a store that
        // this process has just closed, at the end of its last write, or a child that is about to become its program.
        let is_lock =
            matches!(&error, sled::Error::Io(source) if source.to_string().contains("acquire lock"));
        if !is_lock || n_tries == LOCK_TRIES {
            return Err(engine_error("opening the records", error));
        }
        n_tries += 1;
        std::thread::park_timeout(LOCK_WAIT);
    }
}

fn set_aside(directory: &Path, home: &Path) -> Result<(), StoreError> {
    let aside = (1..)
        .map(|number: u32| directory.join(format!("sled.unfinished.{number}")))
        .find(|path| !path.exists())
        .expect("there are more numbers than files");
    fs::rename(home, aside).map_err(failed("setting aside an unfinished start"))
}

/// sled syncs neither `conf` nor any directory.
fn sync_all(directory: &Path, home: &Path) -> Result<(), StoreError> {
    for name in ["conf", "db"] {
        let file = File::open(home.join(name)).map_err(failed("opening sled's files"))?;
        file.sync_all().map_err(failed("syncing sled's files"))?;
    }
    for path in [&home.join("blobs"), home, directory] {
        sync_directory(path)?;
    }
    match directory.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_directory(parent),
        _ => Ok(()),
    }
}

fn sync_directory(path: &Path) -> Result<(), StoreError> {
    let directory = File::open(path).map_err(failed("opening a directory of records"))?;
    directory.sync_all().map_err(failed("syncing a directory of records"))
}
