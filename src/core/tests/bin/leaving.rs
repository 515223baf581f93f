//! Unshare all and delete: deletions that leave others time, that are moved and taken back.

use crate::scene::{DAY_MS, Scene, scene, scene_with};
use darkroom_core::domain::Kind;
use darkroom_core::domain::event::AuditQuery;
use darkroom_core::domain::form::{ShareForm, StopSharingForm};
use darkroom_core::domain::image::Status;
use darkroom_core::domain::image::list::ImageQuery;
use darkroom_core::domain::time::Timestamp;
use darkroom_core::ops::ctx::Settings;
use darkroom_core::ops::images::Deleted;
use darkroom_core::ops::{audit, images, shares};
use darkroom_core::sim::check;

/// Ends the share of a project at the end of a day to come.
fn stop(s: &Scene, n: usize, days: i64) {
    let form = StopSharingForm {
        image: s.image.to_string(),
        project: s.project(n).to_string(),
        when: "later".to_owned(),
        day: s.days(days),
    };
    shares::stop(&s.owner(), &form).unwrap();
}

#[test]
fn unsharing_all_leaves_those_who_have_it_until_the_end_of_the_day() {
    let s = scene();
    for n in [1, 2, 3] {
        s.share(n);
    }
    s.accept(2).unwrap();
    s.accept(3).unwrap();
    // One was told of an earlier end, which holds.
    stop(&s, 3, 2);
    let shown = images::deletion(&s.owner(), s.image).unwrap().unsharing.unwrap();
    assert_eq!((shown.n_accepted, shown.n_waiting, shown.at_once), (2, 1, true));
    assert_eq!((shown.grace.first_day, shown.grace.day.clone()), (s.days(0), s.days(7)));

    for (day, says) in [
        ("", "A day is missing."),
        ("2001-01-01", "This day is over."),
        ("2999-01-01", "This is more than a year"),
    ] {
        let refused = s.try_delete("yes", "day", day).unwrap_err();
        assert!(refused.message.starts_with(says) && refused.fields[0].field == "day", "{refused:?}");
    }
    assert_eq!(s.try_delete("", "day", &shown.grace.day).unwrap_err().code, "image_shared");
    let Deleted::Leaves(at) = s.try_delete("yes", "day", &shown.grace.day).unwrap() else { panic!() };
    assert_eq!(s.try_delete("yes", "day", &shown.grace.day), Ok(Deleted::Leaves(at)), "a second click");
    assert_eq!((s.image().status, s.image().leaves), (Status::Available, Some(at)));
    let mine = images::list(&s.owner(), &s.place(0), ImageQuery::default()).unwrap();
    assert_eq!(mine.page.rows[0].leaves, Some(at));
    let ends = |n: usize| {
        let rows = shares::sharing(&s.owner(), s.image).unwrap().rows;
        rows.iter().find(|row| row.project == s.project(n)).map(|row| row.ends)
    };
    assert_eq!((ends(1), ends(2)), (None, Some(Some(at))), "who was only asked is asked no more");
    assert!(ends(3).flatten() < Some(at));
    let told = shares::received(&s.friend(), &s.place(2)).unwrap();
    assert_eq!(told.decided[0].ends, Some(at), "the recipient sees it");
    let refused = shares::share(
        &s.owner(),
        &ShareForm {
            image: s.image.to_string(),
            projects: s.project(1).to_string(),
            sure: "yes".to_owned(),
            ..ShareForm::default()
        },
    );
    assert_eq!(refused.unwrap_err().code, "image_leaving");
    let planned = s.actions(&s.owner(), 0).into_iter().filter(|(a, _)| a == "image.plan_deletion").count();
    assert_eq!(planned, 1);

    s.bench.clock.advance(at.since_ms(s.now()) - 1);
    assert_eq!(images::sweep_leaving(&s.bench.app).unwrap(), 0);
    assert!(s.deploy(&s.friend(), 2, &s.image.to_string(), "last").is_ok());
    s.bench.clock.advance(1);
    assert_eq!(s.deploy(&s.friend(), 2, &s.image.to_string(), "late").unwrap_err().kind, Kind::NotFound);
    assert_eq!(images::sweep_leaving(&s.bench.app).unwrap(), 1);
    assert_eq!(images::sweep_leaving(&s.bench.app).unwrap(), 0);
    assert_eq!((s.image().status, s.image().leaves), (Status::Recycled, None));
    s.bench.work().unwrap();
    s.try_restore("").unwrap();
    assert!(shares::sharing(&s.owner(), s.image).unwrap().rows.is_empty(), "what had ended stays ended");
    check(&s.bench).unwrap();
}

#[test]
fn a_planned_deletion_can_be_moved_and_taken_back() {
    let s = scene();
    s.share(2);
    s.accept(2).unwrap();
    let ends = || shares::received(&s.friend(), &s.place(2)).unwrap().decided[0].ends;
    for day in [7, 20, 3] {
        s.try_delete("yes", "day", &s.days(day)).unwrap();
        let at = Timestamp::after_day(&s.days(day));
        assert_eq!((s.image().leaves, ends()), (at, at), "the share goes along");
    }
    images::keep(&s.owner(), s.image).unwrap();
    images::keep(&s.owner(), s.image).unwrap();
    assert_eq!((s.image().leaves, ends()), (None, None));
    let kept = s.actions(&s.owner(), 0).into_iter().filter(|(action, _)| action == "image.keep").count();
    assert_eq!(kept, 1, "a second click changes nothing");
    s.bench.clock.advance(30 * DAY_MS);
    assert_eq!(images::sweep_leaving(&s.bench.app).unwrap(), 0);
    check(&s.bench).unwrap();
}

#[test]
fn an_end_of_its_own_outlives_a_planned_deletion() {
    // Days in the order they are set: the share's own end, and that of the image.
    enum Set {
        Own(i64),
        Image(i64),
    }
    use Set::{Image, Own};
    for (sets, meanwhile, after) in [
        (vec![Own(20), Image(7)], 7, 20),
        (vec![Image(7), Own(20)], 7, 20),
        (vec![Own(10), Image(7), Image(20)], 10, 10),
        (vec![Own(7), Image(7), Image(20)], 7, 7),
    ] {
        let s = scene();
        s.share(2);
        s.accept(2).unwrap();
        for set in sets {
            match set {
                Own(days) => stop(&s, 2, days),
                Image(days) => drop(s.try_delete("yes", "day", &s.days(days)).unwrap()),
            }
        }
        let end = |days| Timestamp::after_day(&s.days(days));
        let seen = || {
            let told = shares::received(&s.friend(), &s.place(2)).unwrap().decided[0].ends;
            let by = images::detail(&s.friend(), &s.place(2), s.image).unwrap().shared.unwrap().ends;
            let own = shares::sharing(&s.owner(), s.image).unwrap().rows[0].ends;
            assert_eq!((told, by), (own, own), "everybody sees the same end");
            own
        };
        assert_eq!(seen(), end(meanwhile), "nobody has it for longer than it is there");
        images::keep(&s.owner(), s.image).unwrap();
        assert_eq!(seen(), end(after), "taking the deletion back leaves the share's own end");
        let goes_on = s.actions(&s.friend(), 2).into_iter().filter(|(action, _)| action == "share.keep");
        assert_eq!(goes_on.count(), usize::from(meanwhile != after), "who is told");
        let left = end(after).unwrap().since_ms(s.now());
        s.bench.clock.advance(left - 1);
        assert_eq!(shares::sweep_ended(&s.bench.app).unwrap(), 0);
        s.bench.clock.advance(1);
        assert_eq!(shares::sweep_ended(&s.bench.app).unwrap(), 1);
        check(&s.bench).unwrap();
    }
}

#[test]
fn shares_that_end_just_before_a_deletion_are_told_to_both_sides() {
    for planned in [false, true] {
        let s = scene();
        s.share(2);
        s.accept(2).unwrap();
        match planned {
            true => drop(s.try_delete("yes", "day", &s.days(1)).unwrap()),
            false => stop(&s, 2, 1),
        }
        s.bench.clock.advance(2 * DAY_MS);
        // Before anything has cleared them away.
        match planned {
            true => assert_eq!(images::sweep_leaving(&s.bench.app), Ok(1)),
            false => drop(s.try_delete("", "now", "").unwrap()),
        }
        for (ctx, n, told) in [(s.owner(), 0, "Ended for project"), (s.friend(), 2, "Ended by project")] {
            let ended =
                s.actions(&ctx, n).into_iter().filter(|(a, d)| a == "share.ended" && d.starts_with(told));
            assert_eq!(ended.count(), 1, "{told}");
            let rows = audit::list(&ctx, &s.place(n), &AuditQuery::default()).unwrap().page.rows;
            let by = rows.into_iter().find(|row| row.action == "share.ended").unwrap().actor;
            assert_eq!(by, "darkroom", "nobody did it");
        }
        assert_eq!(shares::sweep_ended(&s.bench.app), Ok(0));
        check(&s.bench).unwrap();
    }
}

#[test]
fn what_is_protected_meanwhile_stays_until_somebody_decides() {
    let s = scene();
    s.try_delete("", "day", &s.days(1)).unwrap();
    images::protect(&s.owner(), s.image, true).unwrap();
    s.bench.clock.advance(3 * DAY_MS);
    assert_eq!(images::sweep_leaving(&s.bench.app).unwrap(), 0);
    assert_eq!(s.image().status, Status::Available);
    images::protect(&s.owner(), s.image, false).unwrap();
    assert_eq!(images::sweep_leaving(&s.bench.app).unwrap(), 1);
    check(&s.bench).unwrap();
}

#[test]
fn recipients_are_left_at_least_what_the_program_says() {
    let s = scene_with(Settings { share_grace_days_min: 3, ..Settings::default() });
    s.share(2);
    s.try_delete("yes", "now", "").unwrap();
    s.try_restore("").unwrap();
    s.accept(2).unwrap();
    assert!(!images::deletion(&s.owner(), s.image).unwrap().unsharing.unwrap().at_once);
    let refused = s.try_delete("yes", "now", "").unwrap_err();
    assert_eq!((refused.code.as_str(), refused.fields[0].field.as_str()), ("share_grace_too_short", "when"));
    let refused = s.try_delete("yes", "day", &s.days(1)).unwrap_err();
    assert_eq!((refused.code.as_str(), refused.fields[0].field.as_str()), ("share_grace_too_short", "day"));
    s.try_delete("yes", "day", &s.days(3)).unwrap();
    check(&s.bench).unwrap();
}
