//! Sweeps remove what is dead, all of it in the end, and never what is live or held.

use super::*;
use crate::Error;
use proptest::prelude::*;
use std::cell::{Cell, RefCell};
use std::fs::File;
use std::os::unix::fs::FileExt;

#[test]
fn dead_chunks_go_after_the_grace_and_not_before() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let gone = put(&store, &whole(&[1, 3, 5]));
    let kept = put(&store, &whole(&[3, 7]));
    let report = sweep_at(&store, &[kept], 1000, 60);
    assert_eq!((report.n_removed_chunks, report.n_removed_manifests, report.n_dead_chunks), (0, 0, 2));
    assert_eq!(store.stats().n_dead_chunks, 2);
    assert_eq!(sweep_at(&store, &[kept], 1059, 60).n_removed_manifests, 0);
    // A clock that goes back removes nothing either.
    assert_eq!(sweep_at(&store, &[kept], 5, 60).n_removed_manifests, 0);
    drop(store);
    let store = open(directory.path());
    let report = sweep_at(&store, &[kept], 1060, 60);
    assert_eq!(report.n_removed_manifests, 1, "the grace counts across restarts");
    assert!(report.n_removed_chunks > 0 && report.freed_bytes > 0);
    assert_holds(&store, &kept, &whole(&[3, 7]));
    assert!(matches!(store.manifest(&gone), Err(Error::UnknownManifest { .. })));
}

#[test]
fn a_store_without_live_manifests_becomes_empty() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    for seeds in [[1, 2, 3], [3, 4, 5], [5, 6, 7]] {
        put(&store, &whole(&seeds));
    }
    let before = store.stats().pack_bytes;
    let report = sweep_at(&store, &[], 0, 0);
    assert_eq!((report.freed_bytes, report.n_removed_chunks), (before, 7));
    assert_eq!(
        store.stats(),
        crate::Stats { index_memory_bytes: store.stats().index_memory_bytes, ..Default::default() }
    );
    assert!(packs(directory.path()).is_empty() && store.manifests().unwrap().is_empty());
    let again = put(&store, &whole(&[1, 2]));
    assert_holds(&store, &again, &whole(&[1, 2]));
}

#[test]
fn a_chunk_found_again_by_an_ingest_is_alive_again() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    put(&store, &whole(&[1, 3]));
    sweep_at(&store, &[], 0, 60);
    let hold = store.hold();
    let ingested = ingest(&store, &whole(&[3, 1]), &hold).unwrap();
    assert_eq!(ingested.n_new_chunks, 0);
    let print = store.put_manifest(&ingested.manifest, &hold).unwrap();
    assert_eq!(sweep_at(&store, &[], 100, 0).n_removed_chunks, 0, "held");
    drop(hold);
    // The restart would forget what is only in memory: the mark must be gone on disk too.
    drop(store);
    let store = open(directory.path());
    assert_eq!(sweep_at(&store, &[], 100, 60).n_removed_chunks, 0, "its grace starts again");
    assert_holds(&store, &print, &whole(&[3, 1]));
}

#[test]
fn a_sweep_in_the_middle_of_an_ingest_takes_nothing_from_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    put(&store, &whole(&[1, 3, 5, 7]));
    let bytes = whole(&[9, 3, 11, 7, 2, 1]);
    let mut hook = |_| {
        sweep_at(&store, &[], 0, 0);
        Ok(())
    };
    let hold = store.hold();
    let ingested = store.ingest(&mut Hooked { bytes: &bytes, hook: &mut hook }, &options(&hold)).unwrap();
    sweep_at(&store, &[], 0, 0);
    let print = store.put_manifest(&ingested.manifest, &hold).unwrap();
    sweep_at(&store, &[], 0, 0);
    assert_holds(&store, &print, &bytes);
    drop(hold);
    sweep_at(&store, &[print], 0, 0);
    assert_holds(&store, &print, &bytes);
    drop(store);
    assert_holds(&open(directory.path()), &print, &bytes);
}

#[test]
fn a_hold_that_is_let_go_during_a_sweep_counts_until_its_end() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let hold = store.hold();
    let ingested = ingest(&store, &whole(&[1, 3]), &hold).unwrap();
    let print = store.put_manifest(&ingested.manifest, &hold).unwrap();
    // The sweep asks just before the record commits and the hold goes.
    let hold = RefCell::new(Some(hold));
    let live = |_: &Fingerprint| {
        hold.borrow_mut().take();
        false
    };
    let report =
        store.sweep(&SweepOptions { live: &live, now_s: 9, grace_s: 0, keep_going: &|| true }).unwrap();
    assert_eq!((report.n_removed_manifests, report.n_removed_chunks), (0, 0));
    assert_holds(&store, &print, &whole(&[1, 3]));
    assert_eq!(sweep_at(&store, &[], 9, 0).n_removed_chunks, 2, "and not longer");
}

#[test]
fn a_protected_manifest_survives_until_its_hold_goes() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let print = put(&store, &whole(&[1, 3]));
    sweep_at(&store, &[], 0, 60);
    let hold = store.hold();
    store.protect(&print, &hold).unwrap();
    sweep_at(&store, &[], 100, 60);
    assert_holds(&store, &print, &whole(&[1, 3]));
    drop(hold);
    sweep_at(&store, &[], 200, 60);
    sweep_at(&store, &[], 260, 60);
    assert!(matches!(store.protect(&print, &store.hold()), Err(Error::UnknownManifest { .. })));
}

#[test]
fn an_unreadable_live_manifest_stops_the_sweep_before_it_removes_anything() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let print = put(&store, &whole(&[1]));
    put(&store, &whole(&[3]));
    fs::write(directory.path().join("manifests").join(print.to_string()), "junk").unwrap();
    let options = SweepOptions { live: &|found| *found == print, now_s: 0, grace_s: 0, keep_going: &|| true };
    assert!(matches!(store.sweep(&options), Err(Error::CorruptManifest { .. })));
    assert_eq!((store.stats().n_chunks, store.manifests().unwrap().len()), (2, 2));
}

#[test]
fn a_damaged_chunk_is_not_moved_and_its_pack_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    put(&store, &whole(&[1, 3, 5]));
    let kept = put(&store, &whole(&[1]));
    let pack = packs(directory.path()).remove(0);
    File::options().write(true).open(&pack).unwrap().write_all_at(b"??", 5000).unwrap();
    let report = sweep_at(&store, &[kept], 0, 0);
    assert_eq!(report.damaged_packs, [0]);
    assert!(pack.exists());
    assert_eq!(store.check(&|_, _| {}, &|| false).unwrap().hurt_manifests, [kept]);
}

#[test]
fn an_interrupted_sweep_is_harmless_wherever_it_stops() {
    for stop_at in 0..12 {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path());
        put(&store, &whole(&[1, 3, 5, 7, 9, 11]));
        let kept = put(&store, &whole(&[3, 9, 2]));
        let n = Cell::new(0);
        let keep_going = || n.replace(n.get() + 1) < stop_at;
        let live = |found: &Fingerprint| *found == kept;
        let report = store
            .sweep(&SweepOptions { live: &live, now_s: 0, grace_s: 0, keep_going: &keep_going })
            .unwrap();
        assert_eq!(report.completed, n.get() <= stop_at);
        assert_holds(&store, &kept, &whole(&[3, 9, 2]));
        assert!(sweep_at(&store, &[kept], 0, 0).completed);
        assert_holds(&store, &kept, &whole(&[3, 9, 2]));
        drop(store);
        let store = open(directory.path());
        assert_holds(&store, &kept, &whole(&[3, 9, 2]));
    }
}

#[derive(Clone, Debug)]
enum Step {
    Ingest { seeds: Vec<u8>, keep_hold: bool },
    Delete(prop::sample::Index),
    DropHolds,
    Sweep { after_s: u64 },
    Restart,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (proptest::collection::vec(0u8..12, 1..5), any::<bool>())
            .prop_map(|(seeds, keep_hold)| Step::Ingest { seeds, keep_hold }),
        3 => any::<prop::sample::Index>().prop_map(Step::Delete),
        1 => Just(Step::DropHolds),
        4 => (0u64..30).prop_map(|after_s| Step::Sweep { after_s }),
        1 => Just(Step::Restart),
    ]
}

const GRACE_S: u64 = 20;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn live_and_held_disks_stay_whole_and_everything_else_goes_in_the_end(
        steps in proptest::collection::vec(any_step(), 1..14),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let mut store = open(directory.path());
        let mut live: Vec<(Fingerprint, Vec<u8>)> = Vec::new();
        let mut held: Vec<(Hold, Manifest, Vec<u8>)> = Vec::new();
        let mut now_s = 0;
        for step in steps {
            match step {
                Step::Ingest { seeds, keep_hold } => {
                    let bytes = whole(&seeds);
                    let hold = store.hold();
                    let manifest = ingest(&store, &bytes, &hold).unwrap().manifest;
                    if keep_hold {
                        held.push((hold, manifest, bytes));
                    } else {
                        live.push((store.put_manifest(&manifest, &hold).unwrap(), bytes));
                    }
                }
                Step::Delete(at) if !live.is_empty() => {
                    let print = live.remove(at.index(live.len())).0;
                    live.retain(|(other, _)| *other != print);
                }
                Step::Delete(_) => {}
                Step::DropHolds => held.clear(),
                Step::Sweep { after_s } => {
                    now_s += after_s;
                    let prints: Vec<_> = live.iter().map(|(print, _)| *print).collect();
                    sweep_at(&store, &prints, now_s, GRACE_S);
                }
                Step::Restart => {
                    held.clear();
                    drop(store);
                    store = open(directory.path());
                }
            }
            for (print, bytes) in &live {
                assert_holds(&store, print, bytes);
            }
            for (_, manifest, bytes) in &held {
                prop_assert!(read(&store, manifest).unwrap() == *bytes);
            }
        }
        held.clear();
        sweep_at(&store, &[], now_s, GRACE_S);
        sweep_at(&store, &[], now_s + GRACE_S, GRACE_S);
        prop_assert_eq!(store.stats().n_chunks, 0);
        prop_assert!(packs(directory.path()).is_empty() && store.manifests().unwrap().is_empty());
    }
}
