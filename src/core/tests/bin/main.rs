//! The recycle bin as people meet it: what deleting takes and what restoring brings back, and what each refusal says.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod leaving;
mod races;
mod scene;
mod sweeps;

use darkroom_core::domain::Kind;
use darkroom_core::domain::form::{DeleteImageForm, EditImageForm, RestoreImageForm, ShareForm, StageForm};
use darkroom_core::domain::ids::ImageId;
use darkroom_core::domain::image::list::ImageQuery;
use darkroom_core::domain::image::{Image, Status, Visibility};
use darkroom_core::domain::meter::Charge;
use darkroom_core::domain::money::Money;
use darkroom_core::domain::quota::Limits;
use darkroom_core::domain::region::Switch;
use darkroom_core::ops::images::Deleted;
use darkroom_core::ops::{images, instances, people, provider, shares};
use darkroom_core::sim::{GRACE_MS, check, check_at_rest};
use darkroom_core::store::{StoreError, transact};
use darkroom_core::tasks::sweep;
use scene::{DAY_MS, Scene, scene};

/// Empties the bin of a project as somebody who looks at it now.
fn empty(
    ctx: &darkroom_core::ops::ctx::Ctx,
    s: &Scene,
    project: usize,
) -> darkroom_core::domain::Result<u32> {
    images::purge_all(ctx, s.place(project).project.unwrap(), &"north-1".into(), ctx.now)
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
    assert!(images::export(&owner, &s.place(0), &ImageQuery::default(), &[]).unwrap().is_empty());
    assert!(mine.known_tags.is_empty());
    assert!(people::overview(&owner, &s.place(0)).unwrap().images.is_empty());
    assert!(instances::detail(&owner, s.machine).unwrap().images.is_empty());
    let offered = instances::deploy_options(&owner, &s.place(0)).unwrap();
    assert!(offered.mine.is_empty() && offered.families.is_empty());
    let refused = s.deploy(&owner, 0, &s.image.to_string(), "a").unwrap_err();
    assert_eq!(refused.code, "image_recycled");
    assert_eq!(s.deploy(&owner, 0, "family:web", "b").unwrap_err().code, "family_empty");
    let shown = images::detail(&owner, &s.place(0), s.image).unwrap();
    assert_eq!(shown.image.bin.as_ref().map(|bin| bin.by.as_str()), Some("owner@acme.example"));
    assert_eq!(shown.rate.amount.0, 20_000, "its page shows what it costs there");

    let bin = images::list_bin(&owner, &s.place(0), ImageQuery::default()).unwrap();
    let row = &bin.page.rows[0];
    assert_eq!((bin.n_in_bin, bin.n_images, bin.recycle_days), (1, 0, 7));
    assert_eq!(
        (row.id, row.by.as_str(), row.until),
        (s.image, "owner@acme.example", s.now().plus_ms(7 * DAY_MS))
    );
    assert_eq!((row.month, bin.month, bin.stored_bytes), (bin.month, row.month, row.stored_bytes));
    assert!(row.month < before_month(&s, &before), "the bin is cheaper here");

    let tagged = |tag| {
        let query = ImageQuery::from_pairs([("tag", tag)].into_iter());
        images::list_bin(&owner, &s.place(0), query).unwrap().page.total
    };
    assert_eq!((tagged("env=prod"), tagged("env=test")), (1, 0));

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

fn before_month(s: &Scene, image: &Image) -> Money {
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
    assert_eq!(shares::accept_all(&friend, &s.place(3)).unwrap(), []);
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
    let share = ShareForm {
        image: id,
        projects: s.project(2).to_string(),
        sure: "yes".to_owned(),
        ..ShareForm::default()
    };
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
    let form = RestoreImageForm { image: s.image.to_string(), name: String::new(), price_version: 1 };
    assert_eq!(images::restore(&reader, &form).unwrap_err().kind, Kind::Forbidden);
    assert_eq!(empty(&reader, &s, 0).unwrap_err().kind, Kind::Forbidden);
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
        let limits = Limits {
            n_images_max,
            n_instances_max: 3,
            n_creates_max: 2,
            n_shares_max: 9,
            stored_gb_max: 1000,
            n_snapshots_max: 20,
        };
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
    assert_eq!(empty(&s.owner(), &s, 1).unwrap(), 0, "another project's");
    assert_eq!(empty(&s.owner(), &s, 0).unwrap(), 1);
    assert_eq!(empty(&s.owner(), &s, 0).unwrap(), 0);
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
    let instead = || {
        let shown = images::detail(&s.owner(), &s.place(0), v2).unwrap();
        let rows = images::list(&s.owner(), &s.place(0), ImageQuery::default()).unwrap().page.rows;
        let row = rows.into_iter().find(|row| row.id == v2).unwrap();
        (shown.replacement.map(|image| image.id), row.instead.map(|name| name.to_string()))
    };
    assert_eq!(instead(), (Some(s.image), Some("web-v1".to_owned())));
    s.delete();
    assert_eq!(instead(), (None, None), "what is in the bin is not recommended");
    s.try_restore("").unwrap();
    assert_eq!(instead().0, Some(s.image));
    assert!(shown.unsharing.is_none() && shown.blocked.is_none());
    assert_eq!(shown.undo_until, Some(s.now().plus_ms(7 * DAY_MS)));
    assert_eq!(
        (shown.month, shown.bin_month),
        (Money::ZERO, Some(Money::ZERO)),
        "its copy beside it is charged for what both hold"
    );
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
    let form = RestoreImageForm { image: public.to_string(), name: String::new(), price_version: 1 };
    images::restore(&system, &form).unwrap();
    assert!(images::detail(&s.owner(), &s.place(0), public).is_ok());
    check(&s.bench).unwrap();
}
