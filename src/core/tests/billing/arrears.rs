//! Arrears: what they keep from being begun, what they put away and when, and that paying brings all of it back.

use super::scene::{DAY_MS, HOUR_MS, Scene, scene, scene_with};
use darkroom_core::domain::Error;
use darkroom_core::domain::billing::{Billing, Held};
use darkroom_core::domain::form::{
    AddDiskForm, ChangeImageForm, DeleteImageForm, EditImageForm, GroupForm, RestoreImageForm, ServiceForm,
    ShareForm,
};
use darkroom_core::domain::image::{Image, Status};
use darkroom_core::domain::share::Action;
use darkroom_core::ops::ctx::Settings;
use darkroom_core::ops::snapshots::service;
use darkroom_core::ops::{billing, disks, groups, images, instances, people, provider, shares};
use darkroom_core::sim::Crash;
use darkroom_core::store::{Order, list};
use proptest::prelude::*;

/// Acme pays before, has nothing, and an hour passed.
fn in_arrears(s: &Scene) {
    s.prepaid("");
    s.bench.clock.advance(HOUR_MS);
    billing::sweep(&s.bench.app).unwrap();
    assert!(s.system().read::<Billing>(&s.account()).unwrap().unwrap().negative_since.is_some());
}

fn refused<T: std::fmt::Debug>(what: &str, result: Result<T, Error>) {
    let error = result.expect_err(what);
    assert_eq!(error.code, "in_arrears", "{what}: {}", error.message);
    for part in ["It is −€0.0", "too low since 1", "Ask your provider for a top-up.", "keeps running"] {
        assert!(error.message.contains(part), "{what}: {}", error.message);
    }
}

#[test]
fn nothing_new_is_begun_in_arrears_and_everything_else_goes_on() {
    let s = scene();
    in_arrears(&s);
    let (owner, project) = (s.owner(), s.provider.projects[0].1);
    refused("deploy", instances::create(&owner, &s.bench.deploy_form(&s.provider, project, "b")));
    refused("capture", s.bench.capture(&owner, s.machine, "web-v2"));
    refused("copy", s.bench.copy(&owner, s.image, project, &["north-1"], "c"));
    refused("copy elsewhere", s.bench.copy(&owner, s.image, project, &["south-1"], "c"));
    let share = ShareForm {
        image: s.image.to_string(),
        projects: s.provider.projects[2].1.to_string(),
        sure: "yes".to_owned(),
        ..ShareForm::default()
    };
    refused("share", shares::share(&owner, &share));
    let turn = ServiceForm { region: "north-1".to_owned(), turn: "on".to_owned(), price_version: 1 };
    refused("service", service::turn(&owner, &s.place(0), &turn));
    let group = GroupForm {
        project: project.to_string(),
        region: "north-1".to_owned(),
        name: "farm".to_owned(),
        wanted: "1".to_owned(),
        image: s.image.to_string(),
        flavor: "m1.tiny".to_owned(),
        zone: "a".to_owned(),
        disk_kind: "ssd".to_owned(),
        disk_gib: "2".to_owned(),
        price_version: 1,
        ..GroupForm::default()
    };
    refused("group", groups::create(&owner, &group));

    // The same words before the click.
    let words = |reason: Option<darkroom_core::domain::error::Reason>| reason.map(|r| r.code);
    let blocked = Some("in_arrears".to_owned());
    assert_eq!(words(images::capture_options(&owner, s.machine).unwrap().blocked), blocked);
    assert_eq!(words(images::copy_options(&owner, s.image, None).unwrap().blocked), blocked);
    assert_eq!(words(instances::deploy_options(&owner, &s.place(0)).unwrap().blocked), blocked);
    assert_eq!(words(shares::sharing(&owner, s.image).unwrap().blocked), blocked);
    assert_eq!(words(groups::options(&owner, &s.place(0)).unwrap().blocked), blocked);
    let shell = people::shell(&owner, &s.place(0)).unwrap();
    let arrears = shell.money.arrears.unwrap();
    assert_eq!(arrears.recycles, arrears.since.plus_ms(15 * DAY_MS));
    assert_eq!(arrears.purges, arrears.since.plus_ms(75 * DAY_MS));

    // What exists can be stopped, started, changed and deleted.
    instances::stop(&owner, s.machine).unwrap();
    s.bench.work().unwrap();
    refused(
        "disk",
        disks::add(
            &s.owner(),
            &AddDiskForm {
                instance: s.machine.to_string(),
                kind: "ssd".to_owned(),
                size_gib: "1".to_owned(),
                price_version: 1,
                ..AddDiskForm::default()
            },
        ),
    );
    assert_eq!(words(disks::options(&s.owner(), s.machine).unwrap().blocked), blocked);
    let change = ChangeImageForm {
        instance: s.machine.to_string(),
        image: s.image.to_string(),
        sure: "yes".to_owned(),
        price_version: 1,
        ..ChangeImageForm::default()
    };
    refused("another image", instances::change_image(&s.owner(), &change));
    instances::start(&s.owner(), s.machine).unwrap();
    s.bench.work().unwrap();
    // Others are not concerned.
    let friend = s.bench.user("owner@bolt.example").unwrap();
    s.bench.machine(&friend, &s.provider, s.provider.projects[2].1, "theirs").unwrap();

    s.top_up("20", "R-1").unwrap();
    assert!(people::shell(&s.owner(), &s.place(0)).unwrap().money.arrears.is_none(), "in the same commit");
    s.bench.machine(&s.owner(), &s.provider, project, "b").unwrap();
    // Two of one commit are of one moment.
    let mut told: Vec<String> = s.told().into_iter().map(|(action, _)| action).collect();
    told[..2].sort();
    told[2..].sort();
    assert_eq!(
        told,
        ["billing.settled", "billing.top_up", "billing.arrears", "billing.low", "billing.payment"]
    );
    s.nothing_is_wrong();
}

#[test]
fn a_credit_limit_holds_arrears_off_and_another_mode_ends_them() {
    let s = scene();
    s.prepaid("5");
    s.bench.clock.advance(HOUR_MS);
    billing::sweep(&s.bench.app).unwrap();
    assert!(billing::notices(&s.system(), s.account()).unwrap().arrears.is_none());
    s.prepaid("");
    assert!(billing::notices(&s.system(), s.account()).unwrap().arrears.is_some(), "in the same commit");
    let form = darkroom_core::domain::form::PaymentForm {
        account: s.account().to_string(),
        mode: "invoice".to_owned(),
        ..Default::default()
    };
    billing::set_payment(&s.operator(), &form).unwrap();
    assert!(billing::notices(&s.system(), s.account()).unwrap().arrears.is_none());
    s.nothing_is_wrong();
}

/// An image that is shared, in a family, with tags.
fn adorn(s: &Scene) {
    let form = EditImageForm {
        image: s.image.to_string(),
        name: "web-v1".to_owned(),
        remark: Some("the first".to_owned()),
        family: Some("web".to_owned()),
        tags: Some("env=prod".to_owned()),
        ..EditImageForm::default()
    };
    images::update(&s.owner(), &form).unwrap();
    let form = ShareForm {
        image: s.image.to_string(),
        projects: s.provider.projects[2].1.to_string(),
        sure: "yes".to_owned(),
        ..ShareForm::default()
    };
    shares::share(&s.owner(), &form).unwrap();
    let friend = s.bench.user("owner@bolt.example").unwrap();
    shares::decide(&friend, s.image, s.provider.projects[2].1, Action::Accept).unwrap();
}

#[test]
fn images_wait_in_the_bin_until_it_is_paid_and_come_back_as_they_were() {
    let s = scene();
    adorn(&s);
    images::protect(&s.owner(), s.image, true).unwrap();
    provider::change_region(&s.system(), &"north-1".into(), |r| {
        r.recycle_days = 0;
        Ok(())
    })
    .unwrap();
    let before = s.image();
    in_arrears(&s);
    s.bench.clock.advance(15 * DAY_MS - 2 * HOUR_MS);
    billing::sweep(&s.bench.app).unwrap();
    assert_eq!(s.image().status, Status::Available, "not before its day");
    s.bench.clock.advance(2 * HOUR_MS);
    assert!(billing::sweep(&s.bench.app).unwrap() > 0);
    let image = s.image();
    let since = s.system().now;
    assert_eq!(image.status, Status::Recycled);
    assert_eq!(image.bin.as_ref().map(|bin| bin.until), Some(since.plus_ms(60 * DAY_MS)));
    let restore = RestoreImageForm { image: s.image.to_string(), name: String::new(), price_version: 1 };
    assert_eq!(images::restore(&s.owner(), &restore).unwrap_err().code, "held_for_arrears");
    assert_eq!(images::restoration(&s.owner(), s.image).unwrap().blocked.unwrap().code, "held_for_arrears");
    s.nothing_is_wrong();

    s.top_up("100", "R-1").unwrap();
    assert_eq!(billing::sweep(&s.bench.app), Ok(1));
    assert_eq!(s.image(), before);
    let friend = s.bench.user("owner@bolt.example").unwrap();
    assert!(images::detail(&friend, &s.place(2), s.image).unwrap().shared.is_some());
    assert_eq!(list::<Held>(s.bench.records(), &(), Order::Ascending, 9, None).unwrap().items, []);
    s.nothing_is_wrong();
}

#[test]
fn what_arrears_put_away_is_removed_after_its_time_and_protected_images_never() {
    for purge_protected in [false, true] {
        let s = scene_with(Settings { arrears_purge_protected: purge_protected, ..Settings::default() });
        let project = s.provider.projects[0].1;
        let (other, _) = s.bench.copy(&s.owner(), s.image, project, &["north-1"], "other").unwrap().remove(0);
        images::protect(&s.owner(), s.image, true).unwrap();
        in_arrears(&s);
        s.bench.clock.advance(15 * DAY_MS);
        billing::sweep(&s.bench.app).unwrap();
        s.bench.clock.advance(60 * DAY_MS - 1);
        assert_eq!(images::sweep_bin(&s.bench.app), Ok(0), "not before its day");
        s.bench.clock.advance(1);
        assert_eq!(images::sweep_bin(&s.bench.app), Ok(1 + u32::from(purge_protected)));
        s.bench.work().unwrap();
        assert!(s.system().read::<Image>(&other).unwrap().is_none());
        assert_eq!(s.system().read::<Image>(&s.image).unwrap().is_some(), !purge_protected);
        s.nothing_is_wrong();
    }
}

#[test]
fn what_is_paid_for_in_time_is_not_removed_before_it_is_restored() {
    let s = scene();
    in_arrears(&s);
    s.bench.clock.advance(15 * DAY_MS);
    billing::sweep(&s.bench.app).unwrap();
    s.bench.clock.advance(60 * DAY_MS);
    s.top_up("1000", "R-1").unwrap();
    assert_eq!(images::sweep_bin(&s.bench.app), Ok(0), "it was paid, and its restoring only waits");
    billing::sweep(&s.bench.app).unwrap();
    assert_eq!(s.image().status, Status::Available);
}

#[test]
fn whoever_deletes_what_is_held_back_deletes_it() {
    let s = scene();
    in_arrears(&s);
    s.bench.clock.advance(15 * DAY_MS);
    billing::sweep(&s.bench.app).unwrap();
    images::purge(&s.owner(), s.image).unwrap();
    s.bench.work().unwrap();
    s.top_up("1000", "R-1").unwrap();
    assert_eq!(billing::sweep(&s.bench.app), Ok(0), "there is nothing to bring back");
    s.nothing_is_wrong();
}

#[test]
fn a_name_that_was_taken_meanwhile_is_not_taken_back() {
    let s = scene();
    let project = s.provider.projects[0].1;
    in_arrears(&s);
    // One that is still in the making when images are put away.
    s.bench.clock.advance(15 * DAY_MS);
    billing::sweep(&s.bench.app).unwrap();
    s.top_up("1000", "R-1").unwrap();
    s.bench.capture(&s.owner(), s.machine, "web-v1").unwrap();
    s.bench.work().unwrap();
    assert_eq!(billing::sweep(&s.bench.app), Ok(1));
    assert_eq!((s.image().name.as_str(), s.image().status), ("web-v2", Status::Available));
    assert!(s.bench.app.images.group(&(project, "north-1".into())).len() == 2);
    s.nothing_is_wrong();
}

#[test]
fn a_planned_deletion_stays_planned() {
    let s = scene();
    let form = DeleteImageForm {
        image: s.image.to_string(),
        unshare: "yes".to_owned(),
        when: "day".to_owned(),
        day: s.system().now.plus_ms(40 * DAY_MS).iso_day(),
    };
    images::delete(&s.owner(), &form).unwrap();
    let before = s.image();
    in_arrears(&s);
    s.bench.clock.advance(15 * DAY_MS);
    billing::sweep(&s.bench.app).unwrap();
    assert_eq!(s.image().leaves, None);
    s.top_up("1000", "R-1").unwrap();
    billing::sweep(&s.bench.app).unwrap();
    assert_eq!(s.image(), before);
    s.nothing_is_wrong();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    /// However often the program ends in between: what was put away comes back as it was, and nothing else happens to it.
    #[test]
    fn putting_away_and_paying_is_a_round_trip(
        crashes in proptest::collection::vec((0u64..4, any::<bool>()), 0..6),
        protected: bool,
    ) {
        let mut s = scene();
        adorn(&s);
        images::protect(&s.owner(), s.image, protected).unwrap();
        let before = s.image();
        in_arrears(&s);
        s.bench.clock.advance(15 * DAY_MS);
        let half = crashes.len() / 2;
        for paid in [false, true] {
            if paid {
                s.top_up("1000", "R-1").unwrap();
            }
            for (at, after) in if paid { &crashes[half..] } else { &crashes[..half] } {
                s.bench.faults.crash_after(*at, if *after { Crash::After } else { Crash::Before });
                drop(billing::sweep(&s.bench.app));
                s.bench.restart().unwrap();
            }
            while billing::sweep(&s.bench.app).unwrap() > 0 {}
            prop_assert_eq!(s.image().status, if paid { Status::Available } else { Status::Recycled });
        }
        prop_assert_eq!(s.image(), before);
        s.nothing_is_wrong();
    }
}
