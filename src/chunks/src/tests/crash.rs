//! Crashes: torn tails, power failures that drop every write no sync covered, damaged indexes.

use super::*;
use crate::Error;
use crate::pack::{Append, ToDisk};
use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::{Arc, Mutex};

#[test]
fn a_tail_torn_at_any_byte_costs_only_the_torn_record() {
    let directory = tempfile::tempdir().unwrap();
    let original = directory.path().join("original");
    let (first, second) = (disk(&[1], 500), disk(&[3], 90));
    let store = Store::open(&original, Settings::default()).unwrap();
    let kept = put(&store, &first);
    let pack = packs(&original).remove(0);
    let durable = fs::metadata(&pack).unwrap().len();
    put(&store, &second);
    drop(store);
    let length = fs::metadata(&pack).unwrap().len();
    assert_eq!(length - durable, 56 + 90);
    for cut in durable..length {
        // Once the file ends early, once the blocks were given to it but never written.
        for zeros in [0, length - cut] {
            let torn = directory.path().join(format!("torn-{cut}-{zeros}"));
            copy(&original, &torn);
            let pack = packs(&torn).remove(0);
            let file = File::options().write(true).open(&pack).unwrap();
            file.set_len(cut).unwrap();
            file.set_len(cut + zeros).unwrap();
            let store = Store::open(&torn, Settings::default()).unwrap();
            let whole_again = zeros > 0 && fs::metadata(&pack).unwrap().len() == length;
            assert_eq!(fs::metadata(&pack).unwrap().len(), if whole_again { length } else { durable });
            assert_eq!(store.stats().n_chunks, if whole_again { 2 } else { 1 });
            assert_holds(&store, &kept, &first);
            // Writing on costs several syncs, so not at every byte.
            if cut % 16 == 0 {
                let again = put(&store, &second);
                assert_holds(&store, &again, &second);
            }
            drop(store);
            fs::remove_dir_all(&torn).unwrap();
        }
    }
}

#[test]
fn a_pack_torn_in_its_header_or_first_record_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    for length in [0, 5, 32, 60, 100] {
        let store = open(directory.path());
        let print = put(&store, &disk(&[3], 90));
        drop(store);
        let pack = packs(directory.path()).remove(0);
        File::options().write(true).open(&pack).unwrap().set_len(length).unwrap();
        let store = open(directory.path());
        assert_eq!((store.recovery().n_removed_packs, store.stats().n_packs), (1, 0));
        assert!(matches!(read(&store, &store.manifest(&print).unwrap()), Err(Error::MissingChunk { .. })));
        assert_eq!(store.check(&|_, _| {}, &|| false).unwrap().hurt_manifests, [print]);
        store.delete_manifest(&print).unwrap();
        assert!(packs(directory.path()).is_empty());
    }
}

#[test]
fn a_damaged_index_or_record_costs_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let bytes = whole(&[1, 3, 5, 7, 9]);
    let store = open(directory.path());
    let print = put(&store, &bytes);
    drop(store);
    assert_eq!(open(directory.path()).recovery().n_scanned_packs, 1, "only the unsealed pack is scanned");
    let sealed = packs(directory.path()).remove(0);
    let file = File::options().write(true).open(&sealed).unwrap();
    file.write_all_at(b"?", fs::metadata(&sealed).unwrap().len() - 40).unwrap();
    let store = open(directory.path());
    assert_eq!(store.recovery().n_scanned_packs, 2);
    assert_holds(&store, &print, &bytes);
    drop(store);
    // Now the pack has no index, and its first record is hurt: the second one must still be found.
    file.write_all_at(b"????", 32).unwrap();
    let store = open(directory.path());
    assert_eq!(store.stats().n_chunks, 4);
    let again = put(&store, &bytes);
    assert_eq!(again, print);
    assert_holds(&store, &print, &bytes);
}

#[test]
fn a_disk_that_contains_a_pack_cannot_smuggle_records_in() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), Settings::default()).unwrap();
    put(&store, &disk(&[3], 90));
    let inner = fs::read(&packs(directory.path())[0]).unwrap();
    let mut trap = vec![0; 8];
    trap.extend_from_slice(&inner);
    put(&store, &trap);
    drop(store);
    // The outer record is torn, so recovery searches its remains for records.
    let pack = packs(directory.path()).remove(0);
    let file = File::options().write(true).open(&pack).unwrap();
    file.write_all_at(b"????", 32 + 56 + 90).unwrap();
    let store = Store::open(directory.path(), Settings::default()).unwrap();
    assert_eq!(store.stats().n_chunks, 1);
}

/// Writes to the disk and remembers what a power failure would leave of each pack.
struct PowerLoss(Arc<Mutex<HashMap<u64, u64>>>);

impl Append for PowerLoss {
    fn append(&self, file: &File, offset: u64, parts: [&[u8]; 2]) -> io::Result<()> {
        self.0.lock().unwrap().entry(file.metadata()?.ino()).or_insert(0);
        ToDisk.append(file, offset, parts)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        // The length before the sync: what is written meanwhile is not covered.
        let length = file.metadata()?.len();
        ToDisk.sync(file)?;
        self.0.lock().unwrap().insert(file.metadata()?.ino(), length);
        Ok(())
    }
}

/// The store as a power failure now would leave it.
fn after_power_loss(from: &Path, to: &Path, synced: &Mutex<HashMap<u64, u64>>) {
    let synced = synced.lock().unwrap().clone();
    copy(from, to);
    for pack in packs(from) {
        let Ok(metadata) = fs::metadata(&pack) else { continue };
        let durable = synced.get(&metadata.ino()).copied().unwrap_or(0);
        let copied = to.join("packs").join(pack.file_name().unwrap());
        let file = File::options().write(true).open(copied).unwrap();
        file.set_len(durable.min(file.metadata().unwrap().len())).unwrap();
    }
}

#[test]
fn what_was_reported_durable_survives_a_power_failure_even_if_another_ingest_wrote_it() {
    let directory = tempfile::tempdir().unwrap();
    let live = directory.path().join("store");
    let synced = Arc::new(Mutex::new(HashMap::new()));
    let append = Box::new(PowerLoss(Arc::clone(&synced)));
    // One large pack: nothing is sealed, and so synced, on the way.
    let store = Store::open_with(&live, Settings::default(), append).unwrap();
    let (first, second) = (whole(&[1, 3, 5, 7, 9]), whole(&[11, 5, 3, 2]));
    let zero = put(&store, &whole(&[13, 1]));
    let mut print = None;
    let mut hook = |offset| {
        // The first ingest has written chunks that are not synced when the second one finds and reports them.
        if offset == 4 * CHUNK_BYTES as u64 {
            while store.stats().n_chunks < 5 {
                std::thread::yield_now();
            }
            print = Some(put(&store, &second));
            after_power_loss(&live, &directory.path().join("during"), &synced);
        }
        Ok(())
    };
    let hold = store.hold();
    let ingested = store.ingest(&mut Hooked { bytes: &first, hook: &mut hook }, &options(&hold)).unwrap();
    let last = store.put_manifest(&ingested.manifest, &hold).unwrap();
    after_power_loss(&live, &directory.path().join("after"), &synced);
    let print = print.unwrap();
    let during = open(&directory.path().join("during"));
    assert_holds(&during, &zero, &whole(&[13, 1]));
    assert_holds(&during, &print, &second);
    let after = open(&directory.path().join("after"));
    assert_holds(&after, &print, &second);
    assert_holds(&after, &last, &first);
}

#[test]
fn a_sweep_can_lose_power_at_any_point() {
    let directory = tempfile::tempdir().unwrap();
    let live = directory.path().join("store");
    let synced = Arc::new(Mutex::new(HashMap::new()));
    let append = Box::new(PowerLoss(Arc::clone(&synced)));
    let settings = Settings { rewrite_percent: 10, ..small() };
    let store = Store::open_with(&live, settings.clone(), append).unwrap();
    let (kept, gone) = (whole(&[1, 5, 9, 2]), whole(&[1, 3, 5, 7, 9, 11]));
    put(&store, &gone);
    let print = put(&store, &kept);
    let n = std::cell::Cell::new(0);
    let keep_going = || {
        n.set(n.get() + 1);
        let copy = directory.path().join(format!("copy-{}", n.get()));
        after_power_loss(&live, &copy, &synced);
        let after = Store::open(&copy, settings.clone()).unwrap();
        assert_holds(&after, &print, &kept);
        sweep_at(&after, &[print], 9, 0);
        sweep_at(&after, &[print], 9, 0);
        assert_holds(&after, &print, &kept);
        assert_eq!(after.stats().n_dead_chunks, 0, "a later sweep finishes the work");
        true
    };
    let options =
        SweepOptions { live: &|found| *found == print, now_s: 5, grace_s: 0, keep_going: &keep_going };
    let report = store.sweep(&options).unwrap();
    assert!(report.completed && report.n_rewritten_packs > 0 && n.get() > 5, "{report:?} {n:?}");
    assert_holds(&store, &print, &kept);
}

#[test]
fn what_was_fetched_survives_a_power_failure() {
    let directory = tempfile::tempdir().unwrap();
    let from = open(&directory.path().join("from"));
    let disk = whole(&[1, 3, 0, 5, 2]);
    let print = put(&from, &disk);
    let (live, synced) = (directory.path().join("to"), Arc::new(Mutex::new(HashMap::new())));
    let append = Box::new(PowerLoss(Arc::clone(&synced)));
    let to = Store::open_with(&live, Settings::default(), append).unwrap();
    // Some of it is there already, written by an ingest that is not done and so not synced.
    let other = whole(&[3, 9]);
    let mut hook = |offset| {
        if offset == CHUNK_BYTES as u64 {
            while to.stats().n_chunks < 1 {
                std::thread::yield_now();
            }
            let (hold, manifest) = (to.hold(), from.manifest(&print).unwrap());
            let options = crate::FetchOptions { on_progress: &|_, _| {}, cancelled: &|| false, hold: &hold };
            let fetched = to.fetch_from(&from, &manifest, &options).unwrap();
            assert_eq!((fetched.n_sent_chunks, fetched.n_present_chunks), (3, 1));
            to.put_manifest(&manifest, &hold).unwrap();
            after_power_loss(&live, &directory.path().join("after"), &synced);
        }
        Ok(())
    };
    let hold = to.hold();
    to.ingest(&mut Hooked { bytes: &other, hook: &mut hook }, &options(&hold)).unwrap();
    assert_holds(&open(&directory.path().join("after")), &print, &disk);
}
