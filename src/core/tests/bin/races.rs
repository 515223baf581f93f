//! What holds when many delete, restore and remove at once, and however often it is done.

use crate::scene::{DAY_MS, scene};
use darkroom_core::domain::form::{EditImageForm, StageForm, StopSharingForm};
use darkroom_core::domain::image::life::Stage;
use darkroom_core::domain::share::Action;
use darkroom_core::domain::{Error, Kind};
use darkroom_core::ops::{images, instances, shares};
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

    #[test]
    fn whatever_an_image_was_it_is_again_when_it_is_restored(
        tags in proptest::collection::btree_map("[a-z]{1,8}", "[a-z]{0,8}", 0..5),
        family in "[a-z]{0,4}",
        shares in proptest::collection::vec((1usize..4, proptest::option::of(any::<bool>()), any::<bool>()), 0..3),
        stage in proptest::sample::select(Stage::ALL.to_vec()),
        plans in proptest::collection::vec((proptest::sample::select(Stage::ALL.to_vec()), 1i64..9), 0..3),
    ) {
        let s = scene();
        for (n, accepted, ends) in shares {
            s.share(n);
            if let Some(accepted) = accepted {
                // A third one finds no place; that it is refused is as good a state as any.
                drop(s.answer(n, if accepted { Action::Accept } else { Action::Reject }));
            }
            if ends {
                let until = s.days(20);
                let stop = StopSharingForm {
                    image: s.image.to_string(),
                    project: s.project(n).to_string(),
                    when: "later".to_owned(),
                    day: until,
                };
                shares::stop(&s.owner(), &stop).unwrap();
            }
        }
        let edit = EditImageForm {
            image: s.image.to_string(),
            revision: s.image().revision,
            name: "web-v1".to_owned(),
            family: Some(family.clone()),
            tags: Some(tags.iter().map(|(key, value)| format!("{key}={value}\n")).collect()),
            ..EditImageForm::default()
        };
        images::update(&s.owner(), &edit).unwrap();
        let stages = std::iter::once((stage, "now", 0)).chain(plans.iter().map(|(stage, n)| (*stage, "later", *n)));
        for (stage, when, n) in stages {
            let form = StageForm {
                image: s.image.to_string(),
                stage: stage.slug().to_owned(),
                when: when.to_owned(),
                day: s.days(n),
                ..StageForm::default()
            };
            // Two plans for one day are refused, and one that changes nothing.
            drop(images::set_stage(&s.owner(), &form));
        }
        let seen = || {
            let received: Vec<_> = (1..4)
                .map(|n| {
                    let who = if n < 2 { s.owner() } else { s.friend() };
                    let shown = shares::received(&who, &s.place(n)).unwrap();
                    let rows = shown.waiting.into_iter().chain(shown.decided);
                    rows.map(|row| (row.id, row.state, row.ends)).collect::<Vec<_>>()
                })
                .collect();
            let options = instances::deploy_options(&s.owner(), &s.place(0)).unwrap();
            let families: Vec<_> = options.families.into_iter().map(|f| (f.leads.clone(), f.id)).collect();
            (s.image(), s.counter(), families, received)
        };
        let before = seen();
        s.try_delete("yes", "now", "").unwrap();
        let (_, _, families, received) = seen();
        prop_assert!(families.is_empty() && received.iter().all(Vec::is_empty), "in the bin it is nobody's");
        s.bench.clock.advance(3 * 3_600_000);
        s.try_restore("").unwrap();
        prop_assert_eq!(seen(), before);
        check(&s.bench).map_err(TestCaseError::fail)?;
    }
}
