//! Taking disks over from another store: only what is missing travels, nothing unverified is stored, and cancelling, damage and power
//! failures leave what they leave of an ingest.

use super::*;
use crate::pack::{Append, ToDisk};
use crate::{Error, FetchOptions, Fetched};
use std::cell::{Cell, RefCell};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Two stores in one directory.
struct Two {
    directory: tempfile::TempDir,
    from: Store,
    to: Store,
}

fn two() -> Two {
    let directory = tempfile::tempdir().unwrap();
    let (from, to) = (open(&directory.path().join("from")), open(&directory.path().join("to")));
    Two { directory, from, to }
}

fn options(hold: &Hold) -> FetchOptions<'_> {
    FetchOptions { on_progress: &|_, _| {}, cancelled: &|| false, hold }
}

/// As a caller does it: protect there, fetch, record here, let go.
fn transfer(from: &Store, to: &Store, print: &Fingerprint) -> Result<Fetched> {
    let (there, here) = (from.hold(), to.hold());
    let manifest = from.protect(print, &there)?;
    let fetched = to.fetch_from(from, &manifest, &options(&here))?;
    assert_eq!(to.put_manifest(&manifest, &here)?, *print);
    Ok(fetched)
}

#[test]
fn only_missing_chunks_travel_and_each_of_them_once() {
    let two = two();
    let disk = disk(&[1, 3, 0, 5, 3, 2, 2, 7], 90);
    let print = put(&two.from, &disk);
    put(&two.to, &whole(&[9, 3, 2]));
    let fetched = transfer(&two.from, &two.to, &print).unwrap();
    assert_eq!((fetched.n_sent_chunks, fetched.n_present_chunks), (3, 2), "{fetched:?}");
    let usage = two.from.usage(&two.from.manifest(&print).unwrap()).unwrap();
    assert_eq!(fetched.sent_bytes + fetched.present_bytes, usage.stored_bytes);
    assert_eq!(fetched.sent_bytes, 2 * CHUNK_BYTES as u64 + 90);
    assert_holds(&two.to, &print, &disk);
    let again = transfer(&two.from, &two.to, &print).unwrap();
    assert_eq!((again.sent_bytes, again.present_bytes), (0, usage.stored_bytes));
    let back = transfer(&two.to, &two.from, &print).unwrap();
    assert_eq!(back.sent_bytes, 0, "it came from there");
    drop(two.to);
    let to = open(&two.directory.path().join("to"));
    assert_holds(&to, &print, &disk);
    sweep_at(&to, &[print], 0, 0);
    assert_holds(&to, &print, &disk);
}

#[test]
fn an_empty_disk_needs_nothing_to_travel() {
    let two = two();
    let print = put(&two.from, &whole(&[0, 0]));
    assert_eq!(transfer(&two.from, &two.to, &print).unwrap(), Fetched::default());
    assert_holds(&two.to, &print, &whole(&[0, 0]));
}

#[test]
fn progress_counts_what_is_missing() {
    let two = two();
    let print = put(&two.from, &whole(&[1, 3, 5]));
    put(&two.to, &whole(&[3]));
    let told = RefCell::new(Vec::new());
    let hold = two.to.hold();
    let manifest = two.from.manifest(&print).unwrap();
    let on_progress = |done, total| told.borrow_mut().push((done, total));
    let options = FetchOptions { on_progress: &on_progress, ..options(&hold) };
    two.to.fetch_from(&two.from, &manifest, &options).unwrap();
    let chunk = CHUNK_BYTES as u64;
    let total = 2 * chunk;
    assert_eq!(*told.borrow(), [(0, total), (chunk, total), (total, total), (total, total)]);
}

#[test]
fn a_cancelled_transfer_leaves_nothing_and_can_be_done_again() {
    let two = two();
    let disk = whole(&[1, 3, 5, 7, 9, 11]);
    let print = put(&two.from, &disk);
    let kept = put(&two.to, &whole(&[3]));
    let before = two.to.stats();
    let manifest = two.from.manifest(&print).unwrap();
    for stop_at in 0..6 {
        let n = Cell::new(0);
        let cancelled = || {
            n.set(n.get() + 1);
            n.get() > stop_at
        };
        let hold = two.to.hold();
        let options = FetchOptions { cancelled: &cancelled, ..options(&hold) };
        assert!(matches!(two.to.fetch_from(&two.from, &manifest, &options), Err(Error::Cancelled)));
        let after = two.to.stats();
        assert_eq!((after.n_chunks, after.pack_bytes), (before.n_chunks, before.pack_bytes), "at {stop_at}");
        assert!(matches!(two.to.manifest(&print), Err(Error::UnknownManifest { .. })));
    }
    transfer(&two.from, &two.to, &print).unwrap();
    assert_holds(&two.to, &print, &disk);
    assert_holds(&two.to, &kept, &whole(&[3]));
}

#[test]
fn a_flipped_bit_in_the_source_is_refused_and_nothing_of_the_disk_stays() {
    let two = two();
    let print = put(&two.from, &whole(&[1, 3, 5]));
    let pack = packs(&two.directory.path().join("from")).remove(0);
    let file = File::options().read(true).write(true).open(&pack).unwrap();
    // In the content of the second record of the first pack.
    let at = 32 + 56 + CHUNK_BYTES as u64 + 56 + 1000;
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
    let refused = transfer(&two.from, &two.to, &print).unwrap_err();
    assert!(refused.is_damage(), "{refused}");
    assert_eq!(two.to.stats().n_chunks, 0);
    assert!(two.to.manifests().unwrap().is_empty());
}

#[test]
fn what_is_missing_in_the_source_is_told() {
    let two = two();
    let print = put(&two.from, &whole(&[1]));
    two.from.delete_manifest(&print).unwrap();
    assert!(matches!(transfer(&two.from, &two.to, &print), Err(Error::UnknownManifest { .. })));
}

/// A disk that may refuse to sync.
struct Failing(Arc<AtomicBool>);

impl Append for Failing {
    fn append(&self, file: &File, offset: u64, parts: [&[u8]; 2]) -> io::Result<()> {
        ToDisk.append(file, offset, parts)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        if self.0.load(Ordering::SeqCst) {
            Err(io::Error::other("the disk is broken"))
        } else {
            ToDisk.sync(file)
        }
    }
}

#[test]
fn after_a_failed_sync_the_transfer_fails_and_is_done_again_in_full() {
    let directory = tempfile::tempdir().unwrap();
    let from = open(&directory.path().join("from"));
    let disk = whole(&[1, 3, 5, 2]);
    let print = put(&from, &disk);
    let broken = Arc::new(AtomicBool::new(true));
    let append = Box::new(Failing(Arc::clone(&broken)));
    let to = Store::open_with(&directory.path().join("to"), small(), append).unwrap();
    assert!(matches!(transfer(&from, &to, &print), Err(Error::Io { .. } | Error::SyncFailed { .. })));
    assert_eq!(to.stats().n_chunks, 0);
    broken.store(false, Ordering::SeqCst);
    assert_eq!(transfer(&from, &to, &print).unwrap().n_present_chunks, 0, "nothing unsynced is relied on");
    assert_holds(&to, &print, &disk);
}

#[test]
fn a_crash_in_the_middle_costs_nothing_but_the_time() {
    let two = two();
    let disk = whole(&[1, 3, 5, 7, 9]);
    let print = put(&two.from, &disk);
    let manifest = two.from.manifest(&print).unwrap();
    let (n, crashed) = (Cell::new(0), two.directory.path().join("crashed"));
    let at_each_chunk = || {
        n.set(n.get() + 1);
        // As a crash now would leave it.
        copy(&two.directory.path().join("to"), &crashed.join(n.get().to_string()));
        false
    };
    let hold = two.to.hold();
    let options = FetchOptions { cancelled: &at_each_chunk, ..options(&hold) };
    two.to.fetch_from(&two.from, &manifest, &options).unwrap();
    assert_eq!(n.get(), 5);
    for n in 1..=5 {
        let to = open(&crashed.join(n.to_string()));
        assert!(matches!(to.manifest(&print), Err(Error::UnknownManifest { .. })));
        transfer(&two.from, &to, &print).unwrap();
        assert_holds(&to, &print, &disk);
    }
}
