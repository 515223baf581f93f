//! The life of an image as people meet it: deprecated, disabled, restored, on a day to come; and families that follow.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use darkroom_core::domain::event::AuditQuery;
use darkroom_core::domain::form::{
    CopyImageForm, DeleteImageForm, EditImageForm, ShareForm, StageForm, StopSharingForm,
};
use darkroom_core::domain::ids::{ImageId, InstanceId, ProjectId};
use darkroom_core::domain::image::Image;
use darkroom_core::domain::image::life::Stage;
use darkroom_core::domain::instance::Instance;
use darkroom_core::domain::share::Action;
use darkroom_core::domain::time::Timestamp;
use darkroom_core::domain::{Error, Kind};
use darkroom_core::ops::ctx::{Ctx, Place};
use darkroom_core::ops::images::Staged;
use darkroom_core::ops::{audit, images, instances, shares};
use darkroom_core::sim::{Bench, Provider, check};

const DAY_MS: i64 = 86_400_000;

/// Two images of one machine, `v1` and `v2`, of the family `web`.
struct Scene {
    bench: Bench,
    provider: Provider,
    v1: ImageId,
    v2: ImageId,
}

fn scene() -> Scene {
    let bench = Bench::new(13);
    let provider = bench.provider().unwrap();
    let owner = bench.user("owner@acme.example").unwrap();
    let machine = bench.machine(&owner, &provider, provider.projects[0].1, "web").unwrap();
    let made: Vec<ImageId> = ["v1", "v2"]
        .iter()
        .map(|name| {
            bench.clock.advance(1_000);
            let (id, _) = bench.capture(&owner, machine, name).unwrap();
            bench.work().unwrap();
            let form = EditImageForm {
                image: id.to_string(),
                revision: 0,
                name: (*name).to_owned(),
                family: Some("web".to_owned()),
                ..EditImageForm::default()
            };
            images::update(&bench.at_present(&owner), &form).unwrap()
        })
        .collect();
    Scene { bench, provider, v1: made[0], v2: made[1] }
}

impl Scene {
    fn owner(&self) -> Ctx {
        self.bench.user("owner@acme.example").unwrap()
    }

    fn project(&self, n: usize) -> ProjectId {
        self.provider.projects[n].1
    }

    fn stage(&self, id: ImageId, stage: Stage) {
        self.try_stage(id, stage, "now", "", "").unwrap();
    }

    fn try_stage(
        &self,
        id: ImageId,
        stage: Stage,
        when: &str,
        day: &str,
        other: &str,
    ) -> Result<Staged, Error> {
        let form = StageForm {
            image: id.to_string(),
            stage: stage.slug().to_owned(),
            when: when.to_owned(),
            day: day.to_owned(),
            replacement: other.to_owned(),
        };
        // Each at a moment of its own, so that the trail has an order.
        self.bench.clock.advance(1_000);
        images::set_stage(&self.bench.at_present(&self.owner()), &form)
    }

    fn deploy(&self, ctx: &Ctx, n: usize, image: &str, name: &str) -> Result<InstanceId, Error> {
        let mut form = self.bench.deploy_form(&self.provider, self.project(n), name);
        form.image = image.to_owned();
        instances::create(&self.bench.at_present(ctx), &form)
    }

    fn made_of(&self, machine: InstanceId) -> ImageId {
        self.owner().read::<Instance>(&machine).unwrap().unwrap().origin.id
    }

    fn image(&self, id: ImageId) -> Image {
        self.owner().read::<Image>(&id).unwrap().unwrap()
    }

    fn share(&self, id: ImageId) -> Result<ImageId, Error> {
        self.share_with(id, 2)
    }

    fn share_with(&self, id: ImageId, n: usize) -> Result<ImageId, Error> {
        let form = ShareForm {
            image: id.to_string(),
            projects: self.project(n).to_string(),
            sure: "yes".to_owned(),
            ..ShareForm::default()
        };
        shares::share(&self.bench.at_present(&self.owner()), &form)
    }

    fn copy(&self, id: ImageId) -> Result<ImageId, Error> {
        self.copy_to(&self.owner(), id, 0, "north-1", "copied")
    }

    /// Somebody copies an image to a project and region.
    fn copy_to(&self, ctx: &Ctx, id: ImageId, n: usize, region: &str, name: &str) -> Result<ImageId, Error> {
        let form = CopyImageForm {
            image: id.to_string(),
            project: self.project(n).to_string(),
            regions: vec![region.to_owned()],
            name: name.to_owned(),
            price_versions: [(region.to_owned(), 1)].into(),
            ..CopyImageForm::default()
        };
        images::copy(&self.bench.at_present(ctx), &form).map(|made| made[0])
    }

    /// A day to come, as a form sends it.
    fn in_days(&self, n: i64) -> String {
        self.bench.at_present(&self.owner()).now.plus_ms(n * DAY_MS).iso_day()
    }

    fn in_a_week(&self) -> String {
        self.in_days(7)
    }

    /// Lets time pass until a day begins.
    fn sleep_until(&self, day: &str) {
        let begins = Timestamp::after_day(day).unwrap().plus_ms(-DAY_MS);
        self.bench.clock.advance(begins.since_ms(self.bench.at_present(&self.owner()).now));
    }

    /// The latest actions in the trail with their details, newest first.
    fn trail(&self, n: usize) -> Vec<(String, String)> {
        let place = Place { project: Some(self.project(0)), region: "north-1".into() };
        let rows = audit::list(&self.owner(), &place, &AuditQuery::default()).unwrap().page.rows;
        // Signing in is written down as well.
        let about = rows.into_iter().filter(|row| row.action.starts_with("image."));
        about.take(n).map(|row| (row.action, row.detail)).collect()
    }
}

#[test]
fn a_deprecated_image_deploys_and_is_neither_shared_nor_copied() {
    let s = scene();
    s.stage(s.v1, Stage::Deprecated);
    assert_eq!(s.share(s.v1).unwrap_err().code, "image_deprecated");
    assert_eq!(
        s.copy(s.v1).unwrap_err().message,
        "A deprecated image is neither shared nor copied. It is deprecated now. Make it active again first."
    );
    let machine = s.deploy(&s.owner(), 0, &s.v1.to_string(), "old").unwrap();
    assert_eq!(s.made_of(machine), s.v1);
    s.stage(s.v1, Stage::Active);
    s.share(s.v1).unwrap();
    check(&s.bench).unwrap();
}

#[test]
fn a_disabled_image_deploys_for_nobody_and_keeps_its_shares() {
    let s = scene();
    s.share(s.v1).unwrap();
    let friend = s.bench.user("owner@bolt.example").unwrap();
    shares::decide(&friend, s.v1, s.project(2), Action::Accept).unwrap();
    s.stage(s.v1, Stage::Disabled);
    for (who, n) in [(s.owner(), 0), (friend.clone(), 2)] {
        assert_eq!(s.deploy(&who, n, &s.v1.to_string(), "no").unwrap_err().code, "image_disabled");
    }
    let place = Place { project: Some(s.project(2)), region: "north-1".into() };
    assert_eq!(shares::received(&friend, &place).unwrap().decided.len(), 1, "the share stays");
    assert!(instances::deploy_options(&friend, &place).unwrap().shared.is_empty());
    s.stage(s.v1, Stage::Active);
    assert!(s.deploy(&friend, 2, &s.v1.to_string(), "yes").is_ok());
}

#[test]
fn who_is_left_time_saves_the_image_until_then_whatever_its_stage() {
    let s = scene();
    let friend = s.bench.user("owner@bolt.example").unwrap();
    s.share(s.v1).unwrap();
    shares::decide(&friend, s.v1, s.project(2), Action::Accept).unwrap();
    let place = Place { project: Some(s.project(2)), region: "north-1".into() };
    let save = |name: &str, region: &str| s.copy_to(&friend, s.v1, 2, region, name);
    s.stage(s.v1, Stage::Deprecated);
    let refused = save("no", "north-1").unwrap_err();
    assert_eq!(
        refused.message,
        "A deprecated image is neither shared nor copied. It is deprecated now. Ask its owner to make it active again."
    );
    let shown = images::detail(&friend, &place, s.v1).unwrap();
    assert_eq!(shown.copy_blocked.map(|reason| reason.code).as_deref(), Some("image_deprecated"));

    let stop = StopSharingForm {
        image: s.v1.to_string(),
        project: s.project(2).to_string(),
        when: "later".to_owned(),
        day: s.in_a_week(),
    };
    shares::stop(&s.owner(), &stop).unwrap();
    for (stage, name) in [(Stage::Deprecated, "old"), (Stage::Disabled, "off")] {
        s.stage(s.v1, stage);
        let row = shares::received(&friend, &place).unwrap().decided.remove(0);
        assert_eq!(row.save.map(|saving| saving.stage), Some(stage), "one click");
        assert_eq!(images::detail(&friend, &place, s.v1).unwrap().copy_blocked, None);
        assert_eq!(save(name, "south-1").unwrap_err().code, "shared_elsewhere");
        let own = s.image(save(name, "north-1").unwrap());
        assert_eq!((own.life.stage, own.project), (stage, s.project(2)), "it is no more usable than it was");
        assert_eq!(s.copy(s.v1).unwrap_err().kind, Kind::Conflict, "its owner copies it as little as before");
    }
    let end = shares::received(&friend, &place).unwrap().decided[0].ends.unwrap();
    s.bench.clock.advance(end.since_ms(s.bench.at_present(&friend).now));
    assert_eq!(save("late", "north-1").unwrap_err().kind, Kind::NotFound);
    check(&s.bench).unwrap();
}

#[test]
fn a_project_saves_what_it_was_promised_also_when_its_people_own_the_image() {
    let s = scene();
    s.share_with(s.v1, 1).unwrap();
    shares::decide(&s.owner(), s.v1, s.project(1), Action::Accept).unwrap();
    let delete = DeleteImageForm {
        unshare: "yes".to_owned(),
        when: "day".to_owned(),
        day: s.in_a_week(),
        ..DeleteImageForm::at_once(s.v1)
    };
    images::delete(&s.owner(), &delete).unwrap();
    s.stage(s.v1, Stage::Deprecated);
    let place = Place { project: Some(s.project(1)), region: "north-1".into() };
    let saving = shares::received(&s.owner(), &place).unwrap().decided.remove(0).save.unwrap();
    let save = |n: usize, region: &str| s.copy_to(&s.owner(), s.v1, n, region, &saving.name);
    assert_eq!(save(0, "north-1").unwrap_err().code, "image_deprecated");
    assert_eq!(save(1, "south-1").unwrap_err().code, "shared_elsewhere");
    assert_eq!(s.image(save(1, "north-1").unwrap()).project, s.project(1));
    check(&s.bench).unwrap();
}

#[test]
fn a_family_follows_its_newest_active_image() {
    let s = scene();
    let newest = |name: &str| s.deploy(&s.owner(), 0, "family:web", name).map(|machine| s.made_of(machine));
    assert_eq!(newest("a").unwrap(), s.v2);
    s.stage(s.v2, Stage::Deprecated);
    assert_eq!(newest("b").unwrap(), s.v1, "deprecating the newest rolls back (A8)");
    s.stage(s.v2, Stage::Active);
    assert_eq!(newest("c").unwrap(), s.v2, "restoring it makes it the newest again");
    s.stage(s.v1, Stage::Disabled);
    s.stage(s.v2, Stage::Deprecated);
    let refused = s.deploy(&s.owner(), 0, "family:web", "d").unwrap_err();
    assert_eq!((refused.code.as_str(), refused.fields[0].field.as_str()), ("family_empty", "image"));
    assert_eq!(s.deploy(&s.owner(), 0, "family:", "e").unwrap_err().kind, Kind::Invalid);
    let offered = instances::deploy_options(
        &s.owner(),
        &Place { project: Some(s.project(0)), region: "north-1".into() },
    );
    assert!(offered.unwrap().families.is_empty());
}

#[test]
fn a_copy_beside_its_source_does_not_take_over_the_family() {
    let s = scene();
    let copy = s.copy(s.v1).unwrap();
    assert_eq!(s.image(copy).family, "");
    let machine = s.deploy(&s.owner(), 0, "family:web", "a").unwrap();
    assert_eq!(s.made_of(machine), s.v2);
}

#[test]
fn what_is_planned_for_a_day_happens_on_that_day() {
    let s = scene();
    let now = s.bench.at_present(&s.owner()).now;
    for (day, says) in
        [("", "A day is missing."), ("2001-01-01", "This day has begun"), ("2999-01-01", "This is more than")]
    {
        let refused = s.try_stage(s.v2, Stage::Deprecated, "later", day, "").unwrap_err();
        assert!(refused.message.starts_with(says) && refused.fields[0].field == "day", "{refused:?}");
    }
    let day = now.plus_ms(3 * DAY_MS).iso_day();
    s.try_stage(s.v2, Stage::Deprecated, "later", &day, &s.v1.to_string()).unwrap();
    assert_eq!(s.image(s.v2).life.stage, Stage::Active);
    let at = s.image(s.v2).life.plans[0].at;
    assert_eq!(at.iso_day(), day);
    s.bench.clock.advance(at.since_ms(s.bench.at_present(&s.owner()).now) - 1);
    assert_eq!(images::sweep_plans(&s.bench.app).unwrap(), 0);
    s.bench.clock.advance(1);
    assert_eq!(images::sweep_plans(&s.bench.app).unwrap(), 1);
    assert_eq!(images::sweep_plans(&s.bench.app).unwrap(), 0);
    let life = s.image(s.v2).life;
    assert_eq!((life.stage, life.plans, life.replacement), (Stage::Deprecated, vec![], Some(s.v1)));
    let place = Place { project: Some(s.project(0)), region: "north-1".into() };
    let trail = audit::list(&s.owner(), &place, &AuditQuery::default()).unwrap().page.rows;
    let done = trail.iter().find(|e| e.action == "image.deprecate").unwrap();
    assert_eq!((done.actor.as_str(), done.detail.as_str()), ("darkroom", "As planned."));
    check(&s.bench).unwrap();
}

#[test]
fn an_image_is_deprecated_on_one_day_and_disabled_on_another() {
    let s = scene();
    let (first, second) = (s.in_days(10), s.in_days(100));
    let plan = |stage, day: &str| s.try_stage(s.v2, stage, "later", day, &s.v1.to_string());
    assert_eq!(plan(Stage::Disabled, &second), Ok(Staged::Planned));
    assert_eq!(plan(Stage::Deprecated, &first), Ok(Staged::Planned));
    let shown = || s.image(s.v2).life.plans.iter().map(|p| (p.stage, p.at.iso_day())).collect::<Vec<_>>();
    assert_eq!(shown(), [(Stage::Deprecated, first.clone()), (Stage::Disabled, second.clone())]);
    // Each happens on its day, whatever the other is doing.
    s.sleep_until(&first);
    assert_eq!((images::sweep_plans(&s.bench.app), s.image(s.v2).life.stage), (Ok(1), Stage::Deprecated));
    assert_eq!(shown(), [(Stage::Disabled, second.clone())]);
    assert_eq!(s.made_of(s.deploy(&s.owner(), 0, "family:web", "a").unwrap()), s.v1, "the family rolls back");
    s.sleep_until(&second);
    assert_eq!((images::sweep_plans(&s.bench.app), s.image(s.v2).life.stage), (Ok(1), Stage::Disabled));
    assert_eq!((images::sweep_plans(&s.bench.app), shown()), (Ok(0), vec![]));
    assert_eq!(s.image(s.v2).life.replacement, Some(s.v1));
    check(&s.bench).unwrap();
}

#[test]
fn days_that_passed_while_nothing_ran_are_made_up_for_in_their_order() {
    let s = scene();
    for (stage, n) in [(Stage::Deprecated, 2), (Stage::Disabled, 4), (Stage::Active, 6)] {
        s.try_stage(s.v2, stage, "later", &s.in_days(n), "").unwrap();
    }
    s.bench.clock.advance(30 * DAY_MS);
    assert_eq!(images::sweep_plans(&s.bench.app), Ok(1));
    assert_eq!(s.image(s.v2).life, Default::default());
    // They are of one moment, which the trail does not order.
    let mut done = s.trail(3);
    done.sort();
    let expected = ["image.activate", "image.deprecate", "image.disable"];
    assert_eq!(done, expected.map(|action| (action.to_owned(), "As planned.".to_owned())));
    check(&s.bench).unwrap();
}

#[test]
fn another_day_takes_the_place_of_the_day_before_and_says_so() {
    let s = scene();
    let (from, to) = (s.in_days(3), s.in_days(5));
    s.try_stage(s.v2, Stage::Deprecated, "later", &from, "").unwrap();
    assert_eq!(s.try_stage(s.v2, Stage::Deprecated, "later", &to, ""), Ok(Staged::Moved));
    let at = s.image(s.v2).life.plans[0].at;
    assert_eq!((s.image(s.v2).life.plans.len(), at.iso_day()), (1, to.clone()));
    let said = format!("Deprecated on {}, instead of {}.", at.day(), at.plus_ms(-2 * DAY_MS).day());
    assert_eq!(s.trail(1), [("image.plan".to_owned(), said)]);
    // Two changes of one day have no order, and what it is anyway is no change.
    let refused = |stage, day: &str| {
        let refused = s.try_stage(s.v2, stage, "later", day, "").unwrap_err();
        assert_eq!(refused.fields[0].field, "day", "{refused:?}");
        refused.fields[0].message.clone()
    };
    assert_eq!(
        refused(Stage::Disabled, &to),
        "It becomes deprecated on this day. Choose another day, or remove that first."
    );
    assert_eq!(
        refused(Stage::Active, &from),
        "It is active on that day anyway. Choose another stage, or a day on which it is not."
    );
    assert_eq!(s.image(s.v2).life.plans.len(), 1);
    check(&s.bench).unwrap();
}

#[test]
fn a_change_at_once_leaves_what_still_makes_sense() {
    let s = scene();
    let plan = |stage, n| s.try_stage(s.v2, stage, "later", &s.in_days(n), "").unwrap();
    plan(Stage::Deprecated, 3);
    plan(Stage::Disabled, 5);
    let [first, second] = s.image(s.v2).life.plans[..] else { panic!("two plans") };
    assert_eq!(s.try_stage(s.v2, Stage::Deprecated, "now", "", ""), Ok(Staged::Overtaken));
    assert_eq!(s.image(s.v2).life.plans, [second]);
    let said = format!("No longer planned: {}.", first.words());
    assert_eq!(s.trail(1), [("image.deprecate".to_owned(), said)]);
    assert_eq!(s.try_stage(s.v2, Stage::Active, "now", "", ""), Ok(Staged::Done));
    assert_eq!(s.image(s.v2).life.plans, [second], "it is disabled all the same");
    // What is disabled in a hurry does not come back to life by a plan to deprecate it.
    plan(Stage::Deprecated, 3);
    assert_eq!(s.try_stage(s.v2, Stage::Disabled, "now", "", ""), Ok(Staged::Overtaken));
    s.bench.clock.advance(30 * DAY_MS);
    assert_eq!((images::sweep_plans(&s.bench.app), s.image(s.v2).life.stage), (Ok(0), Stage::Disabled));
    check(&s.bench).unwrap();
}

#[test]
fn each_plan_is_taken_back_by_itself() {
    let s = scene();
    for (stage, n) in [(Stage::Deprecated, 3), (Stage::Disabled, 5)] {
        s.try_stage(s.v2, stage, "later", &s.in_days(n), &s.v1.to_string()).unwrap();
    }
    let [first, second] = s.image(s.v2).life.plans[..] else { panic!("two plans") };
    s.bench.clock.advance(1_000);
    let unplan = |stage| images::unplan(&s.bench.at_present(&s.owner()), s.v2, stage);
    assert_eq!(unplan(Stage::Deprecated), Ok(Staged::Unplanned));
    assert_eq!(s.image(s.v2).life.plans, [second]);
    assert_eq!(s.trail(1), [("image.unplan".to_owned(), format!("Not {}.", first.words()))]);
    let gone = unplan(Stage::Deprecated).unwrap_err();
    assert_eq!(gone.code, "plan_gone");
    assert!(
        gone.message
            .starts_with("It is not planned any more that this image becomes deprecated: it is active now.")
    );
    assert_eq!(s.image(s.v2).life.replacement, Some(s.v1), "it is still wanted");
    assert_eq!(unplan(Stage::Disabled), Ok(Staged::Unplanned));
    assert_eq!(s.image(s.v2).life, Default::default());
    check(&s.bench).unwrap();
}

#[test]
fn what_stands_in_for_an_image_stays_until_it_is_for_everything_again() {
    let s = scene();
    s.try_stage(s.v2, Stage::Deprecated, "now", "", &s.v1.to_string()).unwrap();
    let back = s.in_days(4);
    s.try_stage(s.v2, Stage::Active, "later", &back, &s.v1.to_string()).unwrap();
    let place = Place { project: Some(s.project(0)), region: "north-1".into() };
    let instead = || images::detail(&s.owner(), &place, s.v2).unwrap().replacement.map(|link| link.id);
    assert_eq!(instead(), Some(s.v1));
    s.sleep_until(&back);
    images::sweep_plans(&s.bench.app).unwrap();
    assert_eq!((s.image(s.v2).life, instead()), (Default::default(), None));
    check(&s.bench).unwrap();
}

#[test]
fn who_has_an_image_sees_what_becomes_of_it_and_cannot_change_that() {
    let s = scene();
    let friend = s.bench.user("owner@bolt.example").unwrap();
    s.share(s.v1).unwrap();
    shares::decide(&friend, s.v1, s.project(2), Action::Accept).unwrap();
    for (stage, n) in [(Stage::Deprecated, 3), (Stage::Disabled, 5)] {
        s.try_stage(s.v1, stage, "later", &s.in_days(n), "").unwrap();
    }
    let place = Place { project: Some(s.project(2)), region: "north-1".into() };
    let shown = images::detail(&friend, &place, s.v1).unwrap();
    assert_eq!((shown.image.life.plans.len(), shown.may_change), (2, false));
    assert_eq!(images::unplan(&friend, s.v1, Stage::Disabled).unwrap_err().kind, Kind::Forbidden);
    let stranger = s.bench.user("reader@bolt.example").unwrap();
    assert_ne!(images::unplan(&stranger, s.v2, Stage::Disabled).unwrap_err().kind, Kind::Conflict);
}

#[test]
fn only_what_can_be_deployed_beside_it_stands_in_for_an_image() {
    let s = scene();
    let refuse = |other: &str| s.try_stage(s.v1, Stage::Deprecated, "now", "", other).unwrap_err();
    for other in [
        s.v1.to_string(),
        s.provider.public[1].to_string(),
        ImageId(uuid::Uuid::nil()).to_string(),
        "x".to_owned(),
    ] {
        assert_eq!(refuse(&other).fields[0].field, "replacement", "{other}");
    }
    s.stage(s.v2, Stage::Disabled);
    assert!(refuse(&s.v2.to_string()).message.starts_with("A disabled image cannot be deployed."));
}
