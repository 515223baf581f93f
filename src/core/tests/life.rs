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
use darkroom_core::domain::{Error, Kind};
use darkroom_core::ops::ctx::{Ctx, Place};
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
    ) -> Result<ImageId, Error> {
        let form = StageForm {
            image: id.to_string(),
            stage: stage.slug().to_owned(),
            when: when.to_owned(),
            day: day.to_owned(),
            replacement: other.to_owned(),
        };
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

    /// A week from now, as a form sends it.
    fn in_a_week(&self) -> String {
        self.bench.at_present(&self.owner()).now.plus_ms(7 * DAY_MS).iso_day()
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
    let at = s.image(s.v2).life.plan.unwrap().at;
    assert_eq!(at.iso_day(), day);
    s.bench.clock.advance(at.since_ms(s.bench.at_present(&s.owner()).now) - 1);
    assert_eq!(images::sweep_plans(&s.bench.app).unwrap(), 0);
    s.bench.clock.advance(1);
    assert_eq!(images::sweep_plans(&s.bench.app).unwrap(), 1);
    assert_eq!(images::sweep_plans(&s.bench.app).unwrap(), 0);
    let life = s.image(s.v2).life;
    assert_eq!((life.stage, life.plan, life.replacement), (Stage::Deprecated, None, Some(s.v1)));
    let place = Place { project: Some(s.project(0)), region: "north-1".into() };
    let trail = audit::list(&s.owner(), &place, &AuditQuery::default()).unwrap().page.rows;
    let done = trail.iter().find(|e| e.action == "image.deprecate").unwrap();
    assert_eq!((done.actor.as_str(), done.detail.as_str()), ("darkroom", "As planned."));
    check(&s.bench).unwrap();
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
