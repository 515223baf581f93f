//! Full disks, failing syncs, broken sources, cancellation: the space comes back and the store stays usable.

use super::*;
use crate::Error;
use crate::pack::{Append, ToDisk};
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A disk with room for so many more bytes, which may also refuse to sync.
struct Failing {
    room_bytes: AtomicU64,
    fail_sync: AtomicBool,
}

/// The failing disk, shared with the test.
struct Shared(Arc<Failing>);

impl Append for Shared {
    fn append(&self, file: &File, offset: u64, parts: [&[u8]; 2]) -> io::Result<()> {
        let wanted = (parts[0].len() + parts[1].len()) as u64;
        let room = self.0.room_bytes.load(Ordering::SeqCst);
        if wanted <= room {
            self.0.room_bytes.store(room - wanted, Ordering::SeqCst);
            return ToDisk.append(file, offset, parts);
        }
        // As a real disk does: some of it is written before it is full.
        let all = parts.concat();
        ToDisk.append(file, offset, [&all[..usize::try_from(room).unwrap()], &[]])?;
        Err(io::ErrorKind::StorageFull.into())
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        if self.0.fail_sync.load(Ordering::SeqCst) {
            return Err(io::Error::other("the disk is broken"));
        }
        ToDisk.sync(file)
    }
}

fn failing(directory: &Path, room_bytes: u64) -> (Store, Arc<Failing>) {
    let faults =
        Arc::new(Failing { room_bytes: AtomicU64::new(room_bytes), fail_sync: AtomicBool::new(false) });
    let store = Store::open_with(directory, small(), Box::new(Shared(Arc::clone(&faults)))).unwrap();
    (store, faults)
}

/// What the packs hold, by the files themselves.
fn lengths(directory: &Path) -> Vec<u64> {
    packs(directory).iter().map(|path| fs::metadata(path).unwrap().len()).collect()
}

#[test]
fn a_full_disk_is_told_gives_the_space_back_and_leaves_the_store_usable() {
    let old = whole(&[1, 2]);
    let new = whole(&[1, 3, 5, 7, 9, 11]);
    for room_bytes in [0, 10, 40, 100, 300_000, 600_000, 800_000, 1_200_000] {
        let directory = tempfile::tempdir().unwrap();
        let (store, faults) = failing(directory.path(), u64::MAX);
        let print = put(&store, &old);
        let before = (store.stats(), lengths(directory.path()));
        faults.room_bytes.store(room_bytes, Ordering::SeqCst);
        let hold = store.hold();
        let error = ingest(&store, &new, &hold).unwrap_err();
        assert!(error.is_no_space(), "with {room_bytes}: {error}");
        let after = (store.stats(), lengths(directory.path()));
        assert_eq!((after.0.n_chunks, after.0.pack_bytes), (before.0.n_chunks, before.0.pack_bytes));
        assert_eq!(after.1, before.1, "with {room_bytes}");
        assert_holds(&store, &print, &old);
        faults.room_bytes.store(u64::MAX, Ordering::SeqCst);
        let again = put(&store, &new);
        drop(hold);
        drop(store);
        let store = open(directory.path());
        assert_eq!(store.recovery().cut_bytes, 0);
        assert_holds(&store, &print, &old);
        assert_holds(&store, &again, &new);
    }
}

#[test]
fn after_a_failed_sync_nothing_unsynced_is_relied_on() {
    let directory = tempfile::tempdir().unwrap();
    let (store, faults) = failing(directory.path(), u64::MAX);
    let print = put(&store, &whole(&[1]));
    faults.fail_sync.store(true, Ordering::SeqCst);
    let new = whole(&[1, 3, 5, 7]);
    assert!(matches!(ingest(&store, &new, &store.hold()), Err(Error::Io { .. } | Error::SyncFailed { .. })));
    assert_eq!(store.stats().n_chunks, 1);
    faults.fail_sync.store(false, Ordering::SeqCst);
    let hold = store.hold();
    let ingested = ingest(&store, &new, &hold).unwrap();
    assert_eq!((ingested.n_new_chunks, ingested.n_dedup_chunks), (3, 1));
    let again = store.put_manifest(&ingested.manifest, &hold).unwrap();
    drop(hold);
    drop(store);
    let store = open(directory.path());
    assert_holds(&store, &print, &whole(&[1]));
    assert_holds(&store, &again, &new);
}

#[test]
fn a_cancelled_ingest_leaves_nothing_and_the_store_usable() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let bytes = whole(&[1, 3, 5, 7, 9, 11]);
    for stop_at in 0..6 {
        let done = std::cell::Cell::new(0);
        let hold = store.hold();
        let options = IngestOptions {
            on_progress: &|bytes| done.set(bytes),
            cancelled: &|| done.get() > stop_at * CHUNK_BYTES as u64,
            ..options(&hold)
        };
        assert!(matches!(store.ingest(&mut &bytes[..], &options), Err(Error::Cancelled)));
        let stats = store.stats();
        assert_eq!((stats.n_chunks, stats.pack_bytes, stats.n_packs), (0, 0, 0), "stopped at {stop_at}");
        assert!(packs(directory.path()).is_empty());
    }
    let print = put(&store, &bytes);
    assert_holds(&store, &print, &bytes);
}

#[test]
fn a_source_that_cannot_be_read_is_told_with_the_place() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let bytes = whole(&[1, 3, 5]);
    let mut hook = |offset| if offset > 0 { Err(io::Error::other("broken cable")) } else { Ok(()) };
    let hold = store.hold();
    let result = store.ingest(&mut Hooked { bytes: &bytes, hook: &mut hook }, &options(&hold));
    assert!(matches!(result, Err(Error::Source { offset, .. }) if offset == CHUNK_BYTES as u64));
    assert_eq!(store.stats().n_chunks, 0);
}

#[test]
fn what_another_ingest_relies_on_survives_the_failure_of_its_writer() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let (first, second) = (whole(&[1, 3, 5, 7, 9]), whole(&[3, 5]));
    let mut print = None;
    // The queue is longer than the disk, so the writer's progress is watched, not the reader's.
    let mut hook = |offset| {
        if offset == 4 * CHUNK_BYTES as u64 {
            while store.stats().n_chunks < 4 {
                std::thread::yield_now();
            }
            print = Some(put(&store, &second));
            return Err(io::Error::other("broken cable"));
        }
        Ok(())
    };
    let hold = store.hold();
    store.ingest(&mut Hooked { bytes: &first, hook: &mut hook }, &options(&hold)).unwrap_err();
    drop(hold);
    assert_holds(&store, &print.unwrap(), &second);
    let n_chunks = store.stats().n_chunks;
    assert!(
        (2..=3).contains(&n_chunks),
        "chunk 7 is taken back, chunk 1 may lie before what is needed: {n_chunks}"
    );
    drop(store);
    let store = open(directory.path());
    assert_holds(&store, &print.unwrap(), &second);
    sweep_at(&store, &[print.unwrap()], 0, 0);
    assert_holds(&store, &print.unwrap(), &second);
}
