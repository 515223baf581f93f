//! What holds when many delete, restore and remove at once, and however often it is done.

use crate::scene::{DAY_MS, scene};
use darkroom_core::domain::{Error, Kind};
use darkroom_core::ops::images;
use darkroom_core::sim::check;
use proptest::prelude::*;

#[test]
fn of_many_who_delete_restore_and_remove_at_once_one_does() {
    let s = scene();
    let at_once = |act: &(dyn Fn() -> Result<(), Error> + Sync)| {
        let done: Vec<Result<(), Error>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..6).map(|_| scope.spawn(act)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let refused: Vec<&str> =
            done.iter().filter_map(|d| d.as_ref().err()).map(|e| e.code.as_str()).collect();
        assert_eq!(refused.len(), 5, "{done:?}");
        assert!(refused.iter().all(|code| code.starts_with("image_")), "{refused:?}");
        check(&s.bench).unwrap();
    };
    at_once(&|| s.try_delete("", "now", "").map(drop));
    at_once(&|| s.try_restore("").map(drop));
    at_once(&|| s.try_delete("", "now", "").map(drop));
    at_once(&|| images::purge(&s.owner(), s.image).map(drop));
    assert_eq!(s.meters(s.image).iter().filter(|m| m.to.is_none()).count(), 0);
}

#[test]
fn an_image_is_not_accepted_shared_or_deployed_while_it_is_deleted() {
    for seed in 0..4 {
        let s = scene();
        s.share(2);
        let unshare = if seed % 2 == 0 { "yes" } else { "" };
        let (accepted, deployed, deleted) = std::thread::scope(|scope| {
            let accept = scope.spawn(|| s.accept(2));
            let deploy = scope.spawn(|| s.deploy(&s.owner(), 0, &s.image.to_string(), "race"));
            let delete = scope.spawn(|| s.try_delete(unshare, "now", ""));
            (accept.join().unwrap(), deploy.join().unwrap(), delete.join().unwrap())
        });
        if unshare == "yes" {
            deleted.unwrap();
        } else {
            assert_eq!(deleted.unwrap_err().code, "image_shared");
        }
        if let Err(error) = accepted {
            assert_eq!(error.kind, Kind::NotFound);
        }
        if let Err(error) = deployed {
            assert_eq!(error.code, "image_recycled");
        }
        assert_eq!(s.bench.witness.broken(), Vec::<String>::new());
        check(&s.bench).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn recycling_then_restoring_is_a_round_trip(waits in proptest::collection::vec((0i64..9 * DAY_MS, 0i64..6 * DAY_MS), 1..5)) {
        let s = scene();
        s.share(2);
        s.accept(2).unwrap();
        let (image, counter) = (s.image(), s.counter());
        let began = s.meters(s.image)[0].from;
        for (before, within) in &waits {
            s.bench.clock.advance(*before);
            s.try_delete("yes", "now", "").unwrap();
            prop_assert_eq!(s.counter().n_images, counter.n_images - 1);
            s.bench.clock.advance(*within);
            s.try_restore("").unwrap();
            prop_assert_eq!(s.image(), image.clone());
            prop_assert_eq!(s.counter(), counter.clone());
        }
        let all = s.meters(s.image);
        prop_assert_eq!(all.len(), 1 + 2 * waits.len());
        prop_assert_eq!(all[0].from, began);
        for pair in all.windows(2) {
            prop_assert_eq!(pair[0].to, Some(pair[1].from));
            prop_assert_ne!(&pair[0].charge, &pair[1].charge);
            prop_assert_eq!(pair[0].quantity_bytes, pair[1].quantity_bytes);
        }
        check(&s.bench).map_err(TestCaseError::fail)?;
    }
}
