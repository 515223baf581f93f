//! Copies of images as people meet them: into projects and regions, refused as a whole or made as a whole, waiting for their turn, and never
//! hurt by what becomes of their source.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use darkroom_core::domain::event::AuditQuery;
use darkroom_core::domain::form::{CopyImageForm, DeleteImageForm};
use darkroom_core::domain::ids::{ImageId, ProjectId, RegionId, TaskId};
use darkroom_core::domain::image::{Image, Status, Visibility};
use darkroom_core::domain::money::Money;
use darkroom_core::domain::quota::{Counter, Limits};
use darkroom_core::domain::region::Switch;
use darkroom_core::domain::task::{State, Task};
use darkroom_core::domain::view::TaskView;
use darkroom_core::domain::{Error, Kind};
use darkroom_core::ops::ctx::{Ctx, Place};
use darkroom_core::ops::verify::verify;
use darkroom_core::ops::{audit, images, provider, tasks};
use darkroom_core::ports::{Clock, PortError};
use darkroom_core::sim::{Bench, Crash, Effect, GRACE_MS, Op, Provider, check, check_at_rest};
use darkroom_core::store::{ATTEMPTS_MAX, StoreError, transact};
use darkroom_core::tasks::{Outcome, sweep};
use std::sync::{Arc, Mutex};

/// Acme has a machine in `web` and an image `web-v1` of it in `north-1`.
struct Scene {
    bench: Bench,
    provider: Provider,
    web: ProjectId,
    lab: ProjectId,
    image: ImageId,
}

fn scene() -> Scene {
    let bench = Bench::new(11);
    let provider = bench.provider().unwrap();
    let (web, lab) = (provider.projects[0].1, provider.projects[1].1);
    let owner = bench.user("owner@acme.example").unwrap();
    let machine = bench.machine(&owner, &provider, web, "web").unwrap();
    bench.host.write(machine, 3, 33);
    let (image, _) = bench.capture(&owner, machine, "web-v1").unwrap();
    bench.work().unwrap();
    Scene { bench, provider, web, lab, image }
}

impl Scene {
    fn as_user(&self, email: &str) -> Ctx {
        self.bench.user(email).unwrap()
    }

    fn owner(&self) -> Ctx {
        self.as_user("owner@acme.example")
    }

    fn copy(&self, to: ProjectId, regions: &[&str], name: &str) -> Result<Vec<Image>, Error> {
        let made = self.bench.copy(&self.owner(), self.image, to, regions, name)?;
        check(&self.bench).unwrap();
        Ok(made.into_iter().map(|(id, _)| self.image(id)).collect())
    }

    fn image(&self, id: ImageId) -> Image {
        self.find(id).unwrap()
    }

    fn find(&self, id: ImageId) -> Option<Image> {
        self.owner().read::<Image>(&id).unwrap()
    }

    fn task(&self, id: TaskId) -> TaskView {
        tasks::detail(&self.owner(), id).unwrap()
    }

    fn counter(&self, region: &str) -> Counter {
        let key = (self.provider.accounts[0], region.into());
        let found = self.owner().read::<Counter>(&key).unwrap();
        found.unwrap_or_else(|| Counter::zero(key.0, key.1))
    }

    fn limits(&self, region: &str, n_images_max: u32) {
        let limits = Limits {
            n_images_max,
            n_instances_max: 9,
            n_creates_max: 9,
            n_shares_max: 9,
            stored_gb_max: 1000,
            n_snapshots_max: 20,
        };
        let account = self.provider.accounts[0];
        provider::set_limits(&self.bench.app.system(), account, &region.into(), Some(limits)).unwrap();
    }

    fn switch(&self, region: &str, images: Switch, accepts_copies: Switch) {
        provider::change_region(&self.bench.app.system(), &region.into(), |r| {
            (r.images, r.accepts_copies) = (images, accepts_copies);
            Ok(())
        })
        .unwrap();
    }

    /// Open meters of an image, with what they charge for.
    fn charged(&self, id: ImageId) -> Vec<u64> {
        let meters = self.bench.app.meters.all();
        let own = meters.iter().filter(|m| m.subject.uuid() == id.0 && m.to.is_none());
        own.map(|m| m.quantity_bytes).collect()
    }

    fn sweep_past_the_grace(&self) {
        for _ in 0..2 {
            for region in &self.provider.regions {
                sweep::storage(&self.bench.app, region).unwrap();
            }
            self.bench.clock.advance(GRACE_MS + 1);
        }
    }

    fn rest(&self) {
        self.bench.host.heal();
        self.bench.work().unwrap();
        self.sweep_past_the_grace();
        check_at_rest(&self.bench).unwrap();
        assert_eq!(verify(self.bench.records()).unwrap().findings, Vec::<String>::new());
    }
}

#[test]
fn inside_its_region_a_copy_is_available_and_charged_at_once_and_outlives_its_source() {
    let s = scene();
    let source = s.image(s.image);
    let n_tasks = tasks::list(&s.owner(), &place(s.lab, "north-1"), vec![], 1).unwrap().page.total;
    let copy = s.copy(s.lab, &["north-1"], "lab-v1").unwrap().remove(0);
    assert_eq!((copy.status, copy.project, copy.task), (Status::Available, s.lab, None));
    assert_eq!((&copy.disks, copy.min_disk_bytes), (&source.disks, source.min_disk_bytes));
    assert_eq!(copy.copied_from.as_ref().map(|c| (c.id, c.name.as_str())), Some((s.image, "web-v1")));
    assert_eq!(s.charged(copy.id), [copy.stored_bytes()]);
    assert_eq!(s.counter("north-1").n_images, 2);
    let after = tasks::list(&s.owner(), &place(s.lab, "north-1"), vec![], 1).unwrap().page.total;
    assert_eq!(after, n_tasks, "there is nothing to do");
    s.bench.remove(&s.owner(), s.image).unwrap();
    s.bench.work().unwrap();
    s.sweep_past_the_grace();
    check(&s.bench).unwrap();
    assert!(s.find(s.image).is_none());
    s.rest();
}

fn place(project: ProjectId, region: &str) -> Place {
    Place { project: Some(project), region: region.into() }
}

#[test]
fn to_another_region_only_what_is_missing_there_travels_and_the_charge_begins_when_it_is_there() {
    let s = scene();
    let copy = s.copy(s.web, &["south-1"], "web-v1").unwrap().remove(0);
    assert_eq!((copy.status, copy.disks.len()), (Status::Creating, 0));
    assert!(s.charged(copy.id).is_empty());
    let before = s.bench.clock.now();
    s.bench.work().unwrap();
    let copy = s.image(copy.id);
    assert_eq!((copy.status, &copy.disks), (Status::Available, &s.image(s.image).disks));
    assert!(copy.available.unwrap() > before, "it took a moment");
    assert_eq!(s.charged(copy.id), [copy.stored_bytes()]);
    let transferred = s.task(copy.task.unwrap()).transferred.unwrap();
    // The public image is there already; what the guest wrote is not.
    assert_eq!(transferred.sent_bytes + transferred.present_bytes, copy.stored_bytes());
    assert_eq!(transferred.present_percent(), 66);
    assert_eq!(s.task(copy.task.unwrap()).present_percent, Some(66));
    let events = audit::list(&s.owner(), &place(s.web, "south-1"), &AuditQuery::default()).unwrap().page.rows;
    let told: Vec<String> =
        events.into_iter().filter(|e| e.action == "image.copy").map(|e| e.detail).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().any(|d| d == "From web-v1 in north-1."), "{told:?}");
    assert!(told.iter().any(|d| d == "To web-v1 in south-1."), "{told:?}");
    s.rest();
}

#[test]
fn while_it_travels_progress_counts_what_is_missing_and_the_rest_was_there_already() {
    let s = scene();
    let copy = s.copy(s.web, &["south-1"], "far").unwrap().remove(0);
    let task = copy.task.unwrap();
    assert_eq!(s.task(task).present_percent, None, "nobody looked yet");
    // A checkpoint in the middle of the transfer.
    s.bench.faults.crash_after(2, Crash::Before);
    let clock = s.bench.clock.clone();
    s.bench.host.interrupt(Some(Op::Transfer), move || clock.advance(3_000));
    assert!(s.bench.engine.run_once().is_err());
    s.bench.faults.revive();
    let seen = s.task(task);
    assert_eq!(seen.progress.map(|p| p.total_bytes), Some(50_000_000));
    assert_eq!(seen.present_percent, Some(66), "known while it travels");
    s.rest();
    let view = s.task(task);
    assert_eq!(view.state, State::Done);
    // The first try's answer was lost in the crash, not what it had brought.
    assert_eq!(view.transferred.map(|t| t.sent_bytes), Some(0));
}

#[test]
fn several_regions_are_all_or_nothing() {
    let s = scene();
    s.copy(s.web, &["south-1"], "taken").unwrap();
    s.bench.work().unwrap();
    let before = (s.counter("north-1"), s.counter("south-1"), s.bench.app.images.all().len());
    let refused = s.copy(s.web, &["north-1", "south-1"], "Taken").unwrap_err();
    assert_eq!((refused.code.as_str(), refused.fields[0].field.as_str()), ("image_name_taken", "name"));
    s.limits("south-1", 1);
    let refused = s.copy(s.web, &["north-1", "south-1"], "other").unwrap_err();
    assert_eq!((refused.code.as_str(), refused.fields[0].field.as_str()), ("image_limit_reached", "regions"));
    assert!(refused.message.contains("south-1"), "{refused}");
    s.switch("south-1", Switch::On, Switch::Off);
    let refused = s.copy(s.web, &["north-1", "south-1"], "other").unwrap_err();
    assert_eq!((refused.code.as_str(), refused.kind), ("copies_off", Kind::Forbidden));
    s.switch("south-1", Switch::Off, Switch::On);
    let refused = s.copy(s.web, &["north-1", "south-1"], "other").unwrap_err();
    assert_eq!((refused.code.as_str(), refused.kind), ("image_feature_off", Kind::Forbidden));
    assert_eq!(s.copy(s.web, &["north-1", "east-9"], "other").unwrap_err().fields[0].field, "regions");
    assert_eq!((s.counter("north-1"), s.counter("south-1"), s.bench.app.images.all().len()), before);
    s.switch("south-1", Switch::On, Switch::On);
    s.limits("south-1", 9);
    assert_eq!(s.copy(s.web, &["north-1", "south-1"], "other").unwrap().len(), 2);
    s.rest();
}

#[test]
fn a_price_that_changed_or_was_never_shown_is_refused_once() {
    let s = scene();
    let shown = |region: &str| {
        images::copy_options(&s.owner(), s.image, None)
            .unwrap()
            .regions
            .into_iter()
            .find(|r| r.id == region.into())
            .unwrap()
    };
    let form = |price_versions: &[(&str, u32)]| CopyImageForm {
        data_disks: String::new(),
        image: s.image.to_string(),
        project: s.web.to_string(),
        regions: vec!["south-1".to_owned()],
        name: "far".to_owned(),
        remark: String::new(),
        family: None,
        tags: None,
        price_versions: price_versions.iter().map(|(r, v)| ((*r).to_owned(), *v)).collect(),
    };
    let old = shown("south-1");
    provider::change_region(&s.bench.app.system(), &"south-1".into(), |r| {
        r.prices.image_gb_month = Money(1_000_000_000);
        Ok(())
    })
    .unwrap();
    for versions in [&[][..], &[("north-1", 1)], &[("south-1", old.price_version)]] {
        assert_eq!(images::copy(&s.owner(), &form(versions)).unwrap_err().kind, Kind::PriceChanged);
    }
    let new = shown("south-1");
    assert!(new.cost.estimate.month > old.cost.estimate.month);
    images::copy(&s.owner(), &form(&[("south-1", new.price_version)])).unwrap();
    s.rest();
}

#[test]
fn only_members_copy_and_only_inside_their_account() {
    let s = scene();
    let bolt = s.provider.projects[2].1;
    let try_as = |who: &str, to: ProjectId| {
        s.bench
            .copy(&s.as_user(who), s.image, to, &["north-1"], "x")
            .map(drop)
            .map_err(|e| (e.kind, e.fields.first().map(|f| f.field.clone())))
    };
    let at_project = Some("project".to_owned());
    assert_eq!(try_as("owner@bolt.example", bolt), Err((Kind::NotFound, None)));
    assert_eq!(try_as("owner@acme.example", bolt), Err((Kind::NotFound, at_project.clone())));
    assert_eq!(try_as("owner@acme.example", ProjectId(uuid::Uuid::nil())), Err((Kind::NotFound, at_project)));
    assert_eq!(try_as("reader@acme.example", s.web), Err((Kind::Forbidden, None)));
    assert_eq!(try_as("op@provider.example", s.web), Err((Kind::Forbidden, None)));
    assert_eq!(try_as("member@acme.example", s.lab), Ok(()));
    let refused = images::copy_options(&s.as_user("reader@acme.example"), s.image, None).unwrap_err();
    assert_eq!(refused.kind, Kind::Forbidden);
}

#[test]
fn of_a_public_image_a_tenant_gets_a_private_one_that_is_charged() {
    let s = scene();
    let public = s.provider.public[0];
    let made = s.bench.copy(&s.owner(), public, s.lab, &["north-1", "south-1"], "guest").unwrap();
    s.bench.work().unwrap();
    for (id, _) in made {
        let copy = s.image(id);
        assert_eq!(
            (copy.visibility, copy.status, copy.protected),
            (Visibility::Private, Status::Available, false)
        );
        assert_eq!((copy.licence.as_str(), copy.project), ("GPL", s.lab));
        // In the first region an older image of the account holds all of it (`docs/adr/0018-unique-bytes.md`).
        let own = if copy.region.as_str() == "north-1" { 0 } else { copy.stored_bytes() };
        assert_eq!(s.charged(id), [own]);
    }
    let owner = Some(s.image(public).project);
    let told =
        audit::about(&s.bench.app.system(), darkroom_core::domain::ids::Subject::Image(public), owner, 10);
    assert!(told.unwrap().iter().all(|e| e.action != "image.copy"), "that is the tenant's own matter");
    s.rest();
}

/// `n` copies to the south, each asked for a moment after the one before.
fn queue(s: &Scene, n: u32) -> Vec<(ImageId, TaskId)> {
    s.limits("south-1", n);
    let one = |n: u32| {
        s.bench.clock.advance(1);
        let (id, task) =
            s.bench.copy(&s.owner(), s.image, s.web, &["south-1"], &format!("far-{n}")).unwrap().remove(0);
        (id, task.unwrap())
    };
    (0..n).map(one).collect()
}

#[test]
fn five_of_an_account_travel_at_once_and_the_others_wait_in_order_and_show_their_place() {
    let s = scene();
    let asked = queue(&s, 8);
    let states = || asked.iter().map(|(_, t)| s.task(*t).state).collect::<Vec<State>>();
    let places = || asked.iter().map(|(_, t)| s.task(*t).queue_place).collect::<Vec<Option<u32>>>();
    assert_eq!(places(), (1..=8).map(Some).collect::<Vec<_>>());
    // Each of the first five loses its connection and keeps its turn while it waits for the next try.
    s.bench.host.fail(Op::Transfer, PortError::Unavailable("Not now.".into()), Effect::None, 5);
    for _ in 0..5 {
        assert!(matches!(s.bench.engine.run_once().unwrap(), Outcome::Worked(_)));
    }
    assert!(matches!(s.bench.engine.run_once().unwrap(), Outcome::Idle(Some(_))), "the others wait");
    assert_eq!(states(), [[State::Running; 5].as_slice(), &[State::Queued; 3]].concat());
    assert_eq!(places(), [[None; 5].as_slice(), &[Some(1), Some(2), Some(3)]].concat());
    assert_eq!(s.counter("south-1").n_copies, 5);
    check(&s.bench).unwrap();
    // Whoever cancels a copy that waits does not wait for its turn.
    tasks::cancel(&s.bench.at_present(&s.owner()), asked[5].1).unwrap();
    assert_eq!(s.bench.engine.run_once().unwrap(), Outcome::Worked(asked[5].1));
    assert_eq!(s.task(asked[5].1).state, State::Cancelled);
    assert!(s.find(asked[5].0).is_none());
    // Another account has turns of its own.
    let bolt = s.as_user("owner@bolt.example");
    let theirs =
        s.bench.copy(&bolt, s.provider.public[0], s.provider.projects[2].1, &["south-1"], "b").unwrap();
    assert_eq!(s.bench.engine.run_once().unwrap(), Outcome::Worked(theirs[0].1.unwrap()));
    assert_eq!(places()[6..], [Some(1), Some(2)]);
    assert_eq!((s.counter("south-1").n_copies, s.counter("south-1").n_images), (5, 7));
    check(&s.bench).unwrap();
    s.bench.work().unwrap();
    let ended: Vec<_> = [0, 1, 2, 3, 4, 6, 7].map(|n: usize| s.image(asked[n].0)).into_iter().collect();
    assert!(ended.iter().all(|i| i.status == Status::Available));
    assert!(ended[5].available <= ended[6].available, "whoever waits longest comes first");
    assert_eq!(s.counter("south-1").n_copies, 0);
    s.rest();
}

#[test]
fn a_cancelled_copy_gives_back_its_slot_and_its_name_and_leaves_nothing() {
    let s = scene();
    let before = (s.counter("south-1"), s.bench.host.stored(&"south-1".into()));
    let copy = s.copy(s.web, &["south-1"], "far").unwrap().remove(0);
    let (ctx, task) = (s.bench.at_present(&s.owner()), copy.task.unwrap());
    s.bench.host.interrupt(Some(Op::Transfer), move || tasks::cancel(&ctx, task).unwrap());
    s.bench.work().unwrap();
    assert_eq!(s.task(task).state, State::Cancelled);
    assert!(s.find(copy.id).is_none());
    assert_eq!((s.counter("south-1"), s.bench.host.stored(&"south-1".into())), before);
    s.copy(s.web, &["south-1"], "far").expect("the name is free again");
    s.rest();
}

#[test]
fn a_source_that_is_deleted_and_swept_in_the_middle_does_not_break_the_copy() {
    let s = scene();
    let copy = s.copy(s.web, &["south-1"], "far").unwrap().remove(0);
    let (app, bench_clock, ctx, source) =
        (s.bench.app.clone(), s.bench.clock.clone(), s.bench.at_present(&s.owner()), s.image);
    let engine = s.bench.engine.clone();
    s.bench.host.interrupt(Some(Op::Transfer), move || {
        images::delete(&ctx, &DeleteImageForm::at_once(source)).unwrap();
        let delete = images::purge(&ctx, source).unwrap();
        assert_eq!(engine.run_once().unwrap(), Outcome::Worked(delete));
        for _ in 0..3 {
            sweep::storage(&app, &"north-1".into()).unwrap();
            sweep::storage(&app, &"south-1".into()).unwrap();
            bench_clock.advance(GRACE_MS + 1);
        }
    });
    let fingerprints: Vec<String> = s.image(s.image).disks.into_iter().map(|d| d.fingerprint).collect();
    s.bench.work().unwrap();
    assert!(s.find(s.image).is_none(), "the source is gone");
    let copy = s.image(copy.id);
    assert_eq!(copy.status, Status::Available);
    assert_eq!(copy.disks.iter().map(|d| d.fingerprint.clone()).collect::<Vec<_>>(), fingerprints);
    s.rest();
    let (stored, _) = s.bench.host.stored(&"north-1".into());
    assert!(!stored.contains(&fingerprints[0]), "nobody in the north needs it any more");
}

#[test]
fn a_failed_copy_is_done_again_unless_its_source_is_gone() {
    let s = scene();
    let full = PortError::NoSpace { place: "south-1".into() };
    let copy = s.copy(s.web, &["south-1"], "far").unwrap().remove(0);
    s.bench.host.fail(Op::Transfer, full.clone(), Effect::None, 2);
    s.bench.work().unwrap();
    let failed = s.image(copy.id);
    assert_eq!(
        (failed.status, failed.error),
        (Status::Error, Some("No space left in south-1 storage.".to_owned()))
    );
    assert_eq!((s.counter("south-1").n_images, s.counter("south-1").n_copies), (1, 0), "it keeps its slot");
    let again = tasks::retry(&s.bench.at_present(&s.owner()), failed.task.unwrap()).unwrap();
    s.bench.work().unwrap();
    assert_eq!(s.task(again).state, State::Failed);
    let once_more = tasks::retry(&s.bench.at_present(&s.owner()), again).unwrap();
    s.bench.work().unwrap();
    assert_eq!((s.task(once_more).state, s.image(copy.id).status), (State::Done, Status::Available));
    let other = s.copy(s.web, &["south-1"], "farther").unwrap().remove(0);
    s.bench.host.fail(Op::Transfer, full, Effect::None, 1);
    s.bench.work().unwrap();
    s.bench.remove(&s.owner(), s.image).unwrap();
    let gone = |s: &Scene| tasks::retry(&s.bench.at_present(&s.owner()), other.task.unwrap()).unwrap_err();
    assert_eq!(gone(&s).code, "source_gone", "while it is being deleted");
    s.bench.work().unwrap();
    let refused = gone(&s);
    assert_eq!(refused.code, "source_gone");
    assert!(refused.message.contains("web-v1 in north-1 is gone"), "{refused}");
    s.bench.remove(&s.owner(), other.id).unwrap();
    s.rest();
}

#[test]
fn the_dialog_shows_projects_regions_prices_and_why_not() {
    let s = scene();
    let shown = images::copy_options(&s.owner(), s.image, None).unwrap();
    let names: Vec<&str> = shown.projects.iter().map(|p| p.name.as_str()).collect();
    assert_eq!((names, shown.project), (vec!["lab", "web"], Some(s.web)));
    assert_eq!((shown.suggested_name.as_str(), shown.blocked), ("web-v2", None));
    let [north, south] = &shown.regions[..] else { panic!("two regions") };
    assert_eq!((north.inside, north.free_name.as_str()), (true, "web-v2"));
    assert_eq!((south.inside, south.free_name.as_str()), (false, "web-v1"));
    assert_eq!(north.quota, "1 of 3 images used in north-1, 2 left.");
    assert_eq!(north.cost.estimate.month, Money(7_500), "0.15 GB at 0.05");
    // What is the provider's is proposed for the project that the caller works in, what is theirs for its own.
    let proposed = |image, works_in| images::copy_options(&s.owner(), image, works_in).unwrap().project;
    assert_eq!(proposed(s.provider.public[0], Some(s.web)), Some(s.web));
    assert_eq!(proposed(s.provider.public[0], Some(s.lab)), Some(s.lab));
    assert_eq!(proposed(s.image, Some(s.lab)), Some(s.web));
    s.limits("north-1", 1);
    s.switch("south-1", Switch::On, Switch::Off);
    let shown = images::copy_options(&s.owner(), s.image, None).unwrap();
    let refused: Vec<String> = shown.regions.iter().map(|r| r.refused.clone().unwrap().code).collect();
    assert_eq!(refused, ["image_limit_reached", "copies_off"]);
    let blocked = shown.blocked.unwrap();
    assert_eq!(blocked.code, "image_limit_reached");
    for (region, code) in [("north-1", "image_limit_reached"), ("south-1", "copies_off")] {
        assert_eq!(
            s.copy(s.web, &[region], "x").unwrap_err().code,
            code,
            "the commit agrees with the dialog"
        );
    }
    let detail = images::detail(&s.owner(), &place(s.web, "north-1"), s.image).unwrap();
    assert_eq!((detail.may_copy, detail.copy_blocked), (true, Some(blocked)), "and the button with both");
    let reader =
        images::detail(&s.as_user("reader@acme.example"), &place(s.web, "north-1"), s.image).unwrap();
    assert_eq!((reader.may_copy, reader.copy_blocked), (false, None));
}

#[test]
fn who_may_make_no_images_is_told_so_and_learns_nothing_of_the_provider() {
    let s = scene();
    let reader = s.as_user("reader@acme.example");
    let shown = images::copy_options(&reader, s.provider.public[0], None).unwrap();
    assert_eq!(shown.blocked.map(|b| b.code).as_deref(), Some("no_project"));
    assert!(shown.projects.is_empty() && shown.regions.is_empty());
    let member = images::copy_options(&s.as_user("member@acme.example"), s.provider.public[0], None).unwrap();
    assert_eq!(member.regions[0].quota, "1 of 3 images used in north-1, 2 left.", "of their own account");
}

#[test]
fn thirty_copies_asked_for_at_once_never_overshoot_the_limit() {
    let s = scene();
    s.limits("south-1", 7);
    let owner = s.owner();
    let refused = Mutex::new(Vec::new());
    let start = std::sync::Barrier::new(30);
    std::thread::scope(|scope| {
        for n in 0..30 {
            let (s, owner, refused, start) = (&s, &owner, &refused, &start);
            scope.spawn(move || {
                start.wait();
                if let Err(error) = s.bench.copy(owner, s.image, s.web, &["south-1"], &format!("i{n}")) {
                    refused.lock().unwrap().push(error);
                }
            });
        }
    });
    let refused = refused.into_inner().unwrap();
    assert!(refused.iter().all(|e| e.code == "image_limit_reached"), "{refused:?}");
    assert_eq!(refused.len(), 23);
    s.rest();
}

/// The engine's look for work is not what guards the number: many workers may look at the same moment.
#[test]
fn many_workers_together_let_no_more_travel_than_may() {
    let s = scene();
    let asked = queue(&s, 12);
    let most = Arc::new(Mutex::new(0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let (s, most) = (&s, most.clone());
            scope.spawn(move || {
                while matches!(s.bench.engine.run_once().unwrap(), Outcome::Worked(_)) {
                    let n = s.counter("south-1").n_copies;
                    let mut most = most.lock().unwrap();
                    *most = n.max(*most);
                }
            });
        }
    });
    assert!(*most.lock().unwrap() <= 5);
    s.bench.work().unwrap();
    assert!(asked.iter().all(|(id, _)| s.image(*id).status == Status::Available));
    s.rest();
}

/// Workers sleep meanwhile; the commit that gives a turn back wakes them.
#[test]
fn while_every_turn_is_taken_nothing_is_due() {
    let s = scene();
    let asked = queue(&s, 2);
    let key: (_, RegionId) = (s.provider.accounts[0], "south-1".into());
    // As if five others were at it.
    let set = |n_copies| {
        transact::<_, StoreError>(s.bench.records(), ATTEMPTS_MAX, |tx| {
            let mut counter = tx.get::<Counter>(&key)?.unwrap();
            counter.n_copies = n_copies;
            tx.put(&counter)
        })
        .unwrap();
    };
    for n in 1..=5 {
        set(n);
    }
    assert_eq!(
        s.bench.engine.run_once().unwrap(),
        Outcome::Idle(None),
        "nothing is due before a turn is free"
    );
    assert!(asked.iter().all(|(_, t)| s.owner().read::<Task>(t).unwrap().unwrap().state == State::Queued));
    set(0);
    s.rest();
}
