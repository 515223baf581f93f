//! The recycle bin as people meet it: what deleting takes and what restoring brings back, deletions that leave others time, what each refusal
//! says, and what holds when many do it at once.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use darkroom_core::domain::form::{
    DeleteImageForm, EditImageForm, RestoreImageForm, ShareForm, StageForm, StopSharingForm,
};
use darkroom_core::domain::ids::{ImageId, InstanceId, ProjectId, Subject};
use darkroom_core::domain::image::list::ImageQuery;
use darkroom_core::domain::image::{Image, Status, Visibility};
use darkroom_core::domain::meter::{Charge, Meter};
use darkroom_core::domain::quota::{Counter, Limits};
use darkroom_core::domain::region::Switch;
use darkroom_core::domain::share::Action;
use darkroom_core::domain::time::Timestamp;
use darkroom_core::domain::{Error, Kind};
use darkroom_core::ops::ctx::{Ctx, Place, Settings};
use darkroom_core::ops::images::{self, Deleted};
use darkroom_core::ops::{audit, instances, people, provider, shares};
use darkroom_core::sim::{Bench, GRACE_MS, Provider, check, check_at_rest};
use darkroom_core::store::{Order, StoreError, list, transact};
use darkroom_core::tasks::sweep;
use proptest::prelude::*;

const DAY_MS: i64 = 86_400_000;

/// An image of Acme's first project, of the family `web`, and everybody who may want it.
struct Scene {
    bench: Bench,
    provider: Provider,
    machine: InstanceId,
    image: ImageId,
}

fn scene_with(settings: Settings) -> Scene {
    let bench = Bench::with(14, settings);
    let provider = bench.provider().unwrap();
    let owner = bench.user("owner@acme.example").unwrap();
    let machine = bench.machine(&owner, &provider, provider.projects[0].1, "web").unwrap();
    let (image, _) = bench.capture(&owner, machine, "web-v1").unwrap();
    bench.work().unwrap();
    let form = EditImageForm {
        image: image.to_string(),
        revision: 0,
        name: "web-v1".to_owned(),
        remark: "the first".to_owned(),
        family: "web".to_owned(),
    };
    images::update(&bench.at_present(&owner), &form).unwrap();
    Scene { bench, provider, machine, image }
}

fn scene() -> Scene {
    scene_with(Settings::default())
}

impl Scene {
    fn owner(&self) -> Ctx {
        self.bench.user("owner@acme.example").unwrap()
    }

    fn friend(&self) -> Ctx {
        self.bench.user("owner@bolt.example").unwrap()
    }

    fn now(&self) -> Timestamp {
        self.bench.at_present(&self.bench.app.system()).now
    }

    /// Projects: two of Acme, then two of Bolt.
    fn project(&self, n: usize) -> ProjectId {
        self.provider.projects[n].1
    }

    fn place(&self, n: usize) -> Place {
        Place { project: Some(self.project(n)), region: "north-1".into() }
    }

    fn find(&self, id: ImageId) -> Option<Image> {
        self.bench.app.system().read::<Image>(&id).unwrap()
    }

    fn image(&self) -> Image {
        self.find(self.image).unwrap()
    }

    fn try_delete(&self, unshare: &str, when: &str, day: &str) -> Result<Deleted, Error> {
        let form = DeleteImageForm {
            image: self.image.to_string(),
            unshare: unshare.to_owned(),
            when: when.to_owned(),
            day: day.to_owned(),
        };
        images::delete(&self.owner(), &form)
    }

    fn delete(&self) -> Deleted {
        self.try_delete("", "now", "").unwrap()
    }

    fn try_restore(&self, name: &str) -> Result<ImageId, Error> {
        let form = RestoreImageForm { image: self.image.to_string(), name: name.to_owned() };
        images::restore(&self.owner(), &form)
    }

    fn share(&self, n: usize) {
        let form = ShareForm {
            image: self.image.to_string(),
            projects: self.project(n).to_string(),
            sure: "yes".to_owned(),
        };
        shares::share(&self.owner(), &form).unwrap();
    }

    fn accept(&self, n: usize) -> Result<(), Error> {
        let who = if n < 2 { self.owner() } else { self.friend() };
        shares::decide(&who, self.image, self.project(n), Action::Accept)
    }

    fn deploy(&self, ctx: &Ctx, n: usize, image: &str, name: &str) -> Result<InstanceId, Error> {
        let mut form = self.bench.deploy_form(&self.provider, self.project(n), name);
        form.image = image.to_owned();
        instances::create(&self.bench.at_present(ctx), &form)
    }

    fn days(&self, n: i64) -> String {
        self.now().plus_ms(n * DAY_MS).iso_day()
    }

    fn set_recycle_days(&self, n: u32) {
        provider::change_region(&self.bench.app.system(), &"north-1".into(), |region| {
            region.recycle_days = n;
            Ok(())
        })
        .unwrap();
    }

    fn meters(&self, id: ImageId) -> Vec<Meter> {
        let all = list::<Meter>(self.bench.records(), &(), Order::Ascending, 1000, None).unwrap().items;
        let mut found: Vec<Meter> = all.into_iter().filter(|m| m.subject == Subject::Image(id)).collect();
        found.sort_by_key(|m| (m.from, m.to.unwrap_or(Timestamp(i64::MAX))));
        found
    }

    fn counter(&self) -> Counter {
        let key = (self.provider.accounts[0], "north-1".into());
        self.bench.app.system().read::<Counter>(&key).unwrap().unwrap()
    }

    fn actions(&self, ctx: &Ctx, n: usize) -> Vec<(String, String)> {
        let rows = audit::list(ctx, &self.place(n), None, 1).unwrap().page.rows;
        rows.into_iter().map(|e| (e.action, e.detail)).collect()
    }
}

#[test]
fn a_deleted_image_is_nowhere_but_in_the_bin_and_comes_back_with_everything() {
    let s = scene();
    s.share(1);
    s.accept(1).unwrap();
    s.share(2);
    let before = s.image();
    assert_eq!(s.try_delete("yes", "now", "").unwrap(), Deleted::Recycled(s.now().plus_ms(7 * DAY_MS)));

    let owner = s.owner();
    let mine = images::list(&owner, &s.place(0), ImageQuery::default()).unwrap();
    assert_eq!((mine.n_all, mine.n_in_bin, mine.page.total, mine.stored_bytes), (0, 1, 0, 0));
    let only = ImageQuery { statuses: vec![Status::Recycled], ..ImageQuery::default() };
    assert_eq!(images::list(&owner, &s.place(0), only).unwrap().page.total, 0);
    assert_eq!(people::shell(&owner, &s.place(0)).unwrap().n_images, 0);
    assert!(people::overview(&owner, &s.place(0)).unwrap().images.is_empty());
    assert!(instances::detail(&owner, s.machine).unwrap().images.is_empty());
    let offered = instances::deploy_options(&owner, &s.place(0)).unwrap();
    assert!(offered.mine.is_empty() && offered.families.is_empty());
    let refused = s.deploy(&owner, 0, &s.image.to_string(), "a").unwrap_err();
    assert_eq!(refused.code, "image_recycled");
    assert_eq!(s.deploy(&owner, 0, "family:web", "b").unwrap_err().code, "family_empty");
    let shown = images::detail(&owner, &s.place(0), s.image).unwrap();
    assert_eq!(shown.image.bin.as_ref().map(|bin| bin.by.as_str()), Some("owner@acme.example"));
    assert_eq!(shown.rate.0, 20_000, "its page shows what it costs there");

    let bin = images::list_bin(&owner, &s.place(0), ImageQuery::default()).unwrap();
    let row = &bin.page.rows[0];
    assert_eq!((bin.n_in_bin, bin.n_images, bin.recycle_days), (1, 0, 7));
    assert_eq!(
        (row.id, row.by.as_str(), row.until),
        (s.image, "owner@acme.example", s.now().plus_ms(7 * DAY_MS))
    );
    assert_eq!((row.month, bin.month, bin.stored_bytes), (bin.month, row.month, row.stored_bytes));
    assert!(row.month < before_month(&s, &before), "the bin is cheaper here");

    s.bench.clock.advance(2 * DAY_MS);
    s.try_restore("").unwrap();
    assert_eq!(s.image(), before, "tags, remark, family, revision and all");
    assert_eq!(s.deploy(&s.owner(), 0, "family:web", "c").map(drop), Ok(()), "its place in the family too");
    let rows = shares::sharing(&s.owner(), s.image).unwrap().rows;
    assert_eq!(rows.len(), 2, "and its shares");
    s.accept(2).unwrap();
    s.bench.work().unwrap();
    check(&s.bench).unwrap();
}

fn before_month(s: &Scene, image: &Image) -> darkroom_core::domain::money::Money {
    let region = people::regions(&s.owner()).unwrap().into_iter().find(|r| r.id == image.region).unwrap();
    region.prices.image(image.stored_bytes()).month
}

#[test]
fn the_bin_meter_begins_where_the_other_ends_and_back() {
    let s = scene();
    s.bench.clock.advance(DAY_MS);
    s.delete();
    s.bench.clock.advance(DAY_MS);
    s.try_restore("").unwrap();
    s.bench.clock.advance(DAY_MS);
    // A clock that was set back makes no overlap.
    s.bench.clock.advance(-2 * DAY_MS);
    s.delete();
    s.bench.clock.advance(4 * DAY_MS);
    images::purge(&s.owner(), s.image).unwrap();
    let meters = s.meters(s.image);
    let charges: Vec<Charge> = meters.iter().map(|m| m.charge.clone()).collect();
    let (image, bin) = (Charge::ImageStorage, Charge::BinStorage);
    assert_eq!(charges, [image.clone(), bin.clone(), image, bin]);
    for pair in meters.windows(2) {
        assert_eq!(pair[0].to, Some(pair[1].from), "no gap and no overlap");
    }
    assert!(meters[3].to.is_some(), "removed for good, nothing is charged");
    check(&s.bench).unwrap();
}

#[test]
fn recipients_have_nothing_of_an_image_in_the_bin_and_are_told() {
    let s = scene();
    for n in [2, 3] {
        s.share(n);
    }
    s.accept(2).unwrap();
    let friend = s.friend();
    let machine = s.deploy(&friend, 2, &s.image.to_string(), "theirs").unwrap();
    s.bench.work().unwrap();
    s.try_delete("yes", "now", "").unwrap();

    assert_eq!(images::detail(&friend, &s.place(2), s.image).unwrap_err().kind, Kind::NotFound);
    assert_eq!(s.deploy(&friend, 2, &s.image.to_string(), "late").unwrap_err().kind, Kind::NotFound);
    let refused = s.bench.copy(&friend, s.image, s.project(2), &["north-1"], "own").unwrap_err();
    assert_eq!(refused.kind, Kind::NotFound);
    assert!(shares::received(&friend, &s.place(2)).unwrap().decided.is_empty());
    assert!(shares::received(&friend, &s.place(3)).unwrap().waiting.is_empty());
    assert_eq!(shares::n_waiting(&friend, s.project(3), &"north-1".into()), 0, "no red dot");
    assert_eq!(shares::accept_all(&friend, &s.place(3)).unwrap(), 0);
    assert_eq!(s.accept(3).unwrap_err().kind, Kind::NotFound);
    assert!(instances::deploy_options(&friend, &s.place(2)).unwrap().shared.is_empty());
    assert!(instances::detail(&friend, machine).is_ok(), "what they made of it runs on");
    assert!(
        s.actions(&friend, 2).iter().any(|(a, d)| a == "share.suspend" && d.starts_with("Suspended with"))
    );

    s.try_restore("").unwrap();
    assert!(images::detail(&friend, &s.place(2), s.image).is_ok());
    assert_eq!(shares::n_waiting(&friend, s.project(3), &"north-1".into()), 1);
    assert!(s.actions(&friend, 2).iter().any(|(action, _)| action == "share.resume"));
    check(&s.bench).unwrap();
}

#[test]
fn nothing_but_restoring_and_removing_is_done_to_what_is_in_the_bin() {
    let s = scene();
    s.delete();
    let id = s.image.to_string();
    let edit =
        EditImageForm { image: id.clone(), revision: 1, name: "x".to_owned(), ..EditImageForm::default() };
    let stage = StageForm {
        image: id.clone(),
        stage: "disabled".to_owned(),
        when: "now".to_owned(),
        ..StageForm::default()
    };
    let share = ShareForm { image: id, projects: s.project(2).to_string(), sure: "yes".to_owned() };
    let owner = s.owner();
    let refusals = [
        images::update(&owner, &edit).map(drop),
        images::set_stage(&owner, &stage).map(drop),
        shares::share(&owner, &share).map(drop),
        images::keep(&owner, s.image).map(drop),
        s.bench.copy(&owner, s.image, s.project(0), &["south-1"], "far").map(drop),
    ];
    for refused in refusals {
        let refused = refused.unwrap_err();
        assert_eq!(refused.code, "image_recycled");
        assert!(refused.message.ends_with("Restore it from the recycle bin first."), "{}", refused.message);
    }
    let twice = s.try_delete("", "now", "").unwrap_err();
    assert_eq!(
        (twice.code.as_str(), twice.message.as_str()),
        (
            "image_recycled",
            "It is in the recycle bin already. It is Recycled now. Restore it, or remove it for good there."
        )
    );
    s.try_restore("").unwrap();
    assert_eq!(s.try_restore("").unwrap_err().code, "image_not_recycled");
    assert_eq!(images::purge(&s.owner(), s.image).unwrap_err().code, "image_not_recycled");
    assert_eq!(images::purge(&s.friend(), s.image).unwrap_err().kind, Kind::NotFound);
    let reader = s.bench.user("reader@acme.example").unwrap();
    let form = RestoreImageForm { image: s.image.to_string(), name: String::new() };
    assert_eq!(images::restore(&reader, &form).unwrap_err().kind, Kind::Forbidden);
    assert_eq!(images::purge_all(&reader, &s.place(0)).unwrap_err().kind, Kind::Forbidden);
}

#[test]
fn restoring_takes_the_slot_and_the_name_again_and_says_what_is_in_the_way() {
    let s = scene();
    s.delete();
    assert_eq!(s.counter().n_images, 0, "at the limit, deleting helps (P14)");
    let (other, _) = s.bench.capture(&s.owner(), s.machine, "WEB-V1").unwrap();
    s.bench.work().unwrap();
    let shown = images::restoration(&s.owner(), s.image).unwrap();
    assert_eq!((shown.free_name.as_str(), shown.blocked), ("web-v2", None));
    let refused = s.try_restore("").unwrap_err();
    assert_eq!((refused.code.as_str(), refused.fields[0].field.as_str()), ("image_name_taken", "name"));
    assert!(refused.message.ends_with("Try web-v2."), "{}", refused.message);

    let limits = |n_images_max| {
        let limits = Limits { n_images_max, n_instances_max: 3, n_creates_max: 2 };
        let account = s.provider.accounts[0];
        provider::set_limits(&s.bench.app.system(), account, &"north-1".into(), Some(limits)).unwrap();
    };
    limits(1);
    let refused = s.try_restore("web-v2").unwrap_err();
    assert_eq!((refused.kind, refused.code.as_str()), (Kind::Limit, "image_limit_reached"));
    assert!(refused.message.starts_with("Maximum image limit reached"), "{}", refused.message);
    let shown = images::restoration(&s.owner(), s.image).unwrap().blocked.unwrap();
    assert_eq!(shown.code, "image_limit_reached");

    limits(2);
    let switch = |images| {
        provider::change_region(&s.bench.app.system(), &"north-1".into(), |r| {
            r.images = images;
            Ok(())
        })
        .unwrap();
    };
    switch(Switch::Off);
    assert_eq!(s.try_restore("web-v2").unwrap_err().code, "image_feature_off");
    assert_eq!(images::restoration(&s.owner(), s.image).unwrap().blocked.unwrap().code, "image_feature_off");
    switch(Switch::On);
    assert_eq!(s.try_restore("a/b").unwrap_err().fields[0].field, "name");
    s.try_restore("web-v2").unwrap();
    assert_eq!((s.image().name.as_str(), s.image().revision, s.counter().n_images), ("web-v2", 2, 2));
    let told = s.actions(&s.owner(), 0);
    let restored = ("image.restore".to_owned(), "Changed the name from “web-v1” to “web-v2”.".to_owned());
    assert!(told.contains(&restored), "{told:?}");
    assert_ne!(other, s.image);
    check(&s.bench).unwrap();
}

#[test]
fn its_content_stays_until_it_is_removed_for_good() {
    let s = scene();
    let fingerprint = s.image().disks[0].fingerprint.clone();
    let sweeps = || {
        for _ in 0..3 {
            sweep::storage(&s.bench.app, &"north-1".into()).unwrap();
            s.bench.clock.advance(GRACE_MS + 1);
        }
        s.bench.host.stored(&"north-1".into()).0.contains(&fingerprint)
    };
    s.delete();
    assert!(sweeps(), "it can still come back");
    assert_eq!(images::sweep_bin(&s.bench.app).unwrap(), 0);
    let left = s.image().bin.unwrap().until.since_ms(s.now());
    s.bench.clock.advance(left - 1);
    assert_eq!(images::sweep_bin(&s.bench.app).unwrap(), 0);
    s.bench.clock.advance(1);
    assert_eq!(images::sweep_bin(&s.bench.app).unwrap(), 1);
    assert_eq!(images::sweep_bin(&s.bench.app).unwrap(), 0);
    assert_eq!(s.image().status, Status::Deleting);
    s.bench.work().unwrap();
    assert!(s.find(s.image).is_none() && !sweeps(), "nobody needs it any more");
    let told = s.actions(&s.owner(), 0);
    let purged = ("image.purge".to_owned(), "Its time in the recycle bin is over.".to_owned());
    assert!(told.contains(&purged), "{told:?}");
    check_at_rest(&s.bench).unwrap();
}

#[test]
fn emptying_the_bin_removes_what_is_in_it_and_nothing_else() {
    let s = scene();
    s.delete();
    let (kept, _) = s.bench.capture(&s.owner(), s.machine, "kept").unwrap();
    s.bench.work().unwrap();
    assert_eq!(images::purge_all(&s.owner(), &s.place(1)).unwrap(), 0, "another project's");
    assert_eq!(images::purge_all(&s.owner(), &s.place(0)).unwrap(), 1);
    assert_eq!(images::purge_all(&s.owner(), &s.place(0)).unwrap(), 0);
    assert_eq!(images::purge(&s.owner(), s.image).unwrap_err().code, "image_deleting");
    s.bench.work().unwrap();
    assert!(s.find(s.image).is_none() && s.find(kept).is_some());
    check(&s.bench).unwrap();
}

#[test]
fn where_there_is_no_bin_an_image_goes_for_good_and_its_shares_with_it() {
    let s = scene();
    s.set_recycle_days(0);
    s.share(2);
    s.accept(2).unwrap();
    let shown = images::deletion(&s.owner(), s.image).unwrap();
    assert_eq!((shown.bin_month, shown.undo_until), (None, None));
    assert_eq!(s.try_delete("", "now", "").unwrap_err().code, "image_shared");
    assert!(matches!(s.try_delete("yes", "now", "").unwrap(), Deleted::Removed(_)));
    s.bench.work().unwrap();
    assert!(s.find(s.image).is_none());
    assert!(shares::received(&s.friend(), &s.place(2)).unwrap().decided.is_empty());
    assert!(s.actions(&s.friend(), 2).iter().any(|(action, _)| action == "share.stop"));
    check(&s.bench).unwrap();
}

#[test]
fn what_was_never_made_has_nothing_to_bring_back() {
    let s = scene();
    let no_space = darkroom_core::ports::PortError::NoSpace { place: "north-1".to_owned() };
    s.bench.host.fail(darkroom_core::sim::Op::Ingest, no_space, darkroom_core::sim::Effect::None, 1);
    let (failed, _) = s.bench.capture(&s.owner(), s.machine, "failed").unwrap();
    s.bench.work().unwrap();
    assert_eq!(s.find(failed).unwrap().status, Status::Error);
    let on_a_day =
        DeleteImageForm { when: "day".to_owned(), day: s.days(3), ..DeleteImageForm::at_once(failed) };
    assert_eq!(images::delete(&s.owner(), &on_a_day).unwrap_err().fields[0].field, "when");
    let deleted = images::delete(&s.owner(), &DeleteImageForm::at_once(failed)).unwrap();
    assert!(matches!(deleted, Deleted::Removed(_)), "{deleted:?}");
    s.bench.work().unwrap();
    check(&s.bench).unwrap();
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
    let stop = StopSharingForm {
        image: s.image.to_string(),
        project: s.project(3).to_string(),
        when: "later".to_owned(),
        day: s.days(2),
    };
    shares::stop(&s.owner(), &stop).unwrap();
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
        &ShareForm { image: s.image.to_string(), projects: s.project(1).to_string(), sure: "yes".to_owned() },
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

#[test]
fn the_dialog_says_everything_that_depends_on_the_image() {
    let s = scene();
    let (v2, _) = s.bench.capture(&s.owner(), s.machine, "web-v2").unwrap();
    s.bench.work().unwrap();
    let stage = StageForm {
        image: v2.to_string(),
        stage: "deprecated".to_owned(),
        when: "now".to_owned(),
        replacement: s.image.to_string(),
        ..StageForm::default()
    };
    images::set_stage(&s.owner(), &stage).unwrap();
    s.deploy(&s.owner(), 0, &s.image.to_string(), "made").unwrap();
    s.bench.work().unwrap();
    let copies = s.bench.copy(&s.owner(), s.image, s.project(1), &["north-1", "south-1"], "copied").unwrap();
    s.bench.work().unwrap();
    let shown = images::deletion(&s.owner(), s.image).unwrap();
    assert_eq!((shown.machines.len(), shown.n_machines), (1, 1));
    let family = shown.family.unwrap();
    assert_eq!((family.name.as_str(), family.leads, family.next), ("web", true, None));
    let mut listed: Vec<ImageId> = shown.copies.iter().map(|copy| copy.id).collect();
    let mut made: Vec<ImageId> = copies.iter().map(|(id, _)| *id).collect();
    listed.sort_unstable();
    made.sort_unstable();
    assert_eq!(listed, made);
    assert_eq!(shown.replaces.iter().map(|i| i.id).collect::<Vec<_>>(), [v2]);
    assert!(shown.unsharing.is_none() && shown.blocked.is_none());
    assert_eq!(shown.undo_until, Some(s.now().plus_ms(7 * DAY_MS)));
    assert!(shown.bin_month.unwrap() < shown.month);
    assert!(shown.unique_bytes < shown.stored_bytes, "its copy beside it has the same");
}

#[test]
fn a_public_image_in_the_bin_is_its_providers_alone_and_costs_nothing() {
    let s = scene();
    let public = s.provider.public[0];
    let system = s.bench.app.system();
    let shown = images::deletion(&system, public).unwrap();
    assert_eq!(shown.n_machines, 1, "of all accounts");
    assert_eq!(shown.blocked.unwrap().code, "image_protected");
    transact::<_, StoreError>(s.bench.records(), 1, |tx| {
        let image = tx.get::<Image>(&public)?.unwrap();
        tx.put(&Image { protected: false, ..image })
    })
    .unwrap();
    assert_eq!(s.find(public).unwrap().visibility, Visibility::Public);
    let system = s.bench.at_present(&system);
    assert!(matches!(
        images::delete(&system, &DeleteImageForm::at_once(public)).unwrap(),
        Deleted::Recycled(_)
    ));
    assert!(s.meters(public).is_empty());
    assert_eq!(images::detail(&s.owner(), &s.place(0), public).unwrap_err().kind, Kind::NotFound);
    assert!(images::list_public(&s.owner(), &s.place(0)).unwrap().images.is_empty());
    assert_eq!(s.deploy(&s.owner(), 0, &public.to_string(), "no").unwrap_err().kind, Kind::NotFound);
    let refused = s.bench.copy(&s.owner(), public, s.project(0), &["north-1"], "no").unwrap_err();
    assert_eq!(refused.kind, Kind::NotFound);
    let form = RestoreImageForm { image: public.to_string(), name: String::new() };
    images::restore(&system, &form).unwrap();
    assert!(images::detail(&s.owner(), &s.place(0), public).is_ok());
    check(&s.bench).unwrap();
}

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
