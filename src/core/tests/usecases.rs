//! Use cases as people meet them: who may, what is refused and in which words, and what holds when many do it at once.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use darkroom_core::domain::form::{CreateImageForm, DeleteImageForm, EditImageForm};
use darkroom_core::domain::ids::{ImageId, InstanceId, ProjectId, TaskId};
use darkroom_core::domain::image::list::ImageQuery;
use darkroom_core::domain::image::{Image, Status as ImageStatus};
use darkroom_core::domain::instance::Status;
use darkroom_core::domain::quota::Limits;
use darkroom_core::domain::region::Switch;
use darkroom_core::domain::task::{State, Task};
use darkroom_core::domain::{Error, Kind};
use darkroom_core::ops::ctx::{Ctx, Place};
use darkroom_core::ops::{images, instances, provider, tasks};
use darkroom_core::ports::PortError;
use darkroom_core::sim::{Bench, Effect, Op, Provider, check};
use darkroom_core::tasks::sweep;
use std::sync::{Arc, Mutex};

struct Scene {
    bench: Bench,
    provider: Provider,
    project: ProjectId,
}

fn scene() -> Scene {
    let bench = Bench::new(11);
    let provider = bench.provider().unwrap();
    let project = provider.projects[0].1;
    Scene { bench, provider, project }
}

impl Scene {
    fn as_user(&self, email: &str) -> Ctx {
        self.bench.user(email).unwrap()
    }

    fn owner(&self) -> Ctx {
        self.as_user("owner@acme.example")
    }

    fn machine(&self, name: &str) -> InstanceId {
        self.bench.machine(&self.owner(), &self.provider, self.project, name).unwrap()
    }

    fn image(&self, machine: InstanceId, name: &str) -> ImageId {
        let (id, _) = self.bench.capture(&self.owner(), machine, name).unwrap();
        self.bench.work().unwrap();
        id
    }

    fn capture(&self, machine: InstanceId, name: &str) -> Error {
        self.bench.capture(&self.owner(), machine, name).unwrap_err()
    }

    fn place(&self) -> Place {
        Place { project: Some(self.project), region: "north-1".into() }
    }

    fn limits(&self, n_images_max: u32, n_instances_max: u32) {
        let limits = Limits {
            n_images_max,
            n_instances_max,
            n_creates_max: 1000,
            n_shares_max: 1000,
            stored_gb_max: 1000,
            n_snapshots_max: 20,
        };
        let account = self.provider.accounts[0];
        provider::set_limits(&self.bench.app.system(), account, &"north-1".into(), Some(limits)).unwrap();
    }

    fn rename(&self, ctx: &Ctx, id: ImageId, revision: u32, name: &str) -> Result<ImageId, Error> {
        let form = EditImageForm {
            image: id.to_string(),
            revision,
            name: name.to_owned(),
            ..EditImageForm::default()
        };
        images::update(&self.bench.at_present(ctx), &form)
    }
}

#[test]
fn fifty_images_asked_for_at_once_never_overshoot_the_limit_by_one() {
    let s = scene();
    s.limits(7, 50);
    let owner = s.owner();
    let machines: Vec<InstanceId> = (0..50)
        .map(|n| {
            instances::create(&owner, &s.bench.deploy_form(&s.provider, s.project, &format!("m{n}"))).unwrap()
        })
        .collect();
    s.bench.work().unwrap();
    let refused = Mutex::new(Vec::new());
    let start = std::sync::Barrier::new(machines.len());
    std::thread::scope(|scope| {
        for (n, machine) in machines.iter().enumerate() {
            let (s, owner, refused, start) = (&s, &owner, &refused, &start);
            scope.spawn(move || {
                start.wait();
                if let Err(error) = s.bench.capture(owner, *machine, &format!("i{n}")) {
                    refused.lock().unwrap().push(error);
                }
            });
        }
    });
    let refused = refused.into_inner().unwrap();
    assert!(refused.iter().all(|e| e.code == "image_limit_reached"), "{refused:?}");
    assert_eq!(refused.len(), 43);
    check(&s.bench).unwrap();
    s.bench.work().unwrap();
    check(&s.bench).unwrap();
}

/// Retrying takes no image slot, so that nothing but the count of images being made stands between many who retry at once.
#[test]
fn thirty_retries_at_once_never_overshoot_the_limit_of_images_being_made() {
    let s = scene();
    s.limits(30, 30);
    let owner = s.owner();
    let form = |n| s.bench.deploy_form(&s.provider, s.project, &format!("m{n}"));
    let machines: Vec<InstanceId> = (0..30).map(|n| instances::create(&owner, &form(n)).unwrap()).collect();
    s.bench.work().unwrap();
    s.bench.host.fail(Op::Capture, PortError::Refused("Not like this.".into()), Effect::None, 30);
    let captured = machines.iter().enumerate();
    let failed: Vec<TaskId> =
        captured.map(|(n, m)| s.bench.capture(&owner, *m, &format!("i{n}")).unwrap().1).collect();
    s.bench.work().unwrap();
    let limits = Limits {
        n_images_max: 30,
        n_instances_max: 30,
        n_creates_max: 4,
        n_shares_max: 9,
        stored_gb_max: 1000,
        n_snapshots_max: 20,
    };
    let north = "north-1".into();
    provider::set_limits(&s.bench.app.system(), s.provider.accounts[0], &north, Some(limits)).unwrap();
    let owner = s.owner();
    let refused = Mutex::new(Vec::new());
    let start = std::sync::Barrier::new(failed.len());
    std::thread::scope(|scope| {
        for task in &failed {
            let (owner, refused, start) = (&owner, &refused, &start);
            scope.spawn(move || {
                start.wait();
                if let Err(error) = tasks::retry(owner, *task) {
                    refused.lock().unwrap().push(error);
                }
            });
        }
    });
    let refused = refused.into_inner().unwrap();
    assert!(refused.iter().all(|e| e.code == "task_limit_reached"), "{refused:?}");
    assert_eq!(refused.len(), 26);
    check(&s.bench).unwrap();
    assert_eq!(s.bench.witness.broken(), Vec::<String>::new());
    s.bench.work().unwrap();
    check(&s.bench).unwrap();
    let again = tasks::retry(&owner, refused_of(&s, &failed)).unwrap();
    assert!(owner.read::<Task>(&again).unwrap().is_some(), "there is room again when they are made");
}

/// A task whose image is still not made.
fn refused_of(s: &Scene, tasks: &[TaskId]) -> TaskId {
    let all = s.bench.app.images.all();
    let failed = all.iter().filter(|i| i.status == ImageStatus::Error).filter_map(|i| i.task);
    failed.into_iter().find(|t| tasks.contains(t)).unwrap()
}

#[test]
fn one_name_asked_for_by_twenty_at_once_is_given_once() {
    let s = scene();
    s.limits(50, 50);
    let owner = s.owner();
    let machines: Vec<InstanceId> = (0..20)
        .map(|n| {
            instances::create(&owner, &s.bench.deploy_form(&s.provider, s.project, &format!("m{n}"))).unwrap()
        })
        .collect();
    s.bench.work().unwrap();
    let won = Mutex::new(0);
    std::thread::scope(|scope| {
        for machine in &machines {
            let (s, owner, won) = (&s, &owner, &won);
            scope.spawn(move || match s.bench.capture(owner, *machine, "Golden") {
                Ok(_) => *won.lock().unwrap() += 1,
                Err(error) => assert_eq!(error.code, "image_name_taken"),
            });
        }
    });
    assert_eq!(won.into_inner().unwrap(), 1);
    check(&s.bench).unwrap();
}

#[test]
fn four_workers_at_once_end_every_task_once() {
    let s = scene();
    s.limits(20, 20);
    let owner = s.owner();
    for n in 0..12 {
        instances::create(&owner, &s.bench.deploy_form(&s.provider, s.project, &format!("m{n}"))).unwrap();
    }
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let s = &s;
            scope.spawn(move || s.bench.work().unwrap());
        }
    });
    check(&s.bench).unwrap();
    let all = s.bench.app.instances.all();
    assert!(all.iter().all(|m| m.status == Status::Running), "{all:?}");
}

#[test]
fn the_limit_is_refused_with_the_words_users_know_and_the_figures() {
    let s = scene();
    s.limits(1, 3);
    let machine = s.machine("web");
    s.image(machine, "one");
    let refusal = s.capture(machine, "two");
    assert_eq!(
        refusal.message,
        "Maximum image limit reached. Your limit in north-1 is 1 image and you have 1. Delete one or ask your provider for more."
    );
    assert_eq!((refusal.kind, refusal.code.as_str()), (Kind::Limit, "image_limit_reached"));
}

#[test]
fn a_deleted_image_gives_its_slot_and_its_name_back_at_once_and_stops_costing() {
    let s = scene();
    s.limits(1, 3);
    let machine = s.machine("web");
    let first = s.image(machine, "one");
    images::delete(&s.owner(), &DeleteImageForm::at_once(first)).unwrap();
    s.image(machine, "one");
    check(&s.bench).unwrap();
}

#[test]
fn a_region_without_the_image_feature_says_so_and_names_the_way_out() {
    let s = scene();
    let machine = s.machine("web");
    let off = |switch| {
        let north = "north-1".into();
        provider::change_region(&s.bench.app.system(), &north, |r| {
            r.images = switch;
            Ok(())
        })
    };
    off(Switch::Off).unwrap();
    let refusal = s.capture(machine, "one");
    assert!(refusal.message.starts_with("Image feature is not enabled in north-1."), "{}", refusal.message);
    assert_eq!(refusal.code, "image_feature_off");
    off(Switch::On).unwrap();
    s.image(machine, "one");
}

#[test]
fn the_button_that_makes_an_image_knows_what_its_dialog_knows() {
    let s = scene();
    let (machine, other) = (s.machine("web"), s.machine("other"));
    let both = |words: &str| {
        let owner = s.owner();
        let button = instances::detail(&owner, machine).unwrap().capture_blocked;
        let dialog = images::capture_options(&owner, machine).unwrap().blocked;
        assert_eq!(button, dialog);
        let why = button.map(|reason| reason.code).unwrap_or_default();
        assert_eq!(why, words);
        // And what they say is what making the image would say.
        if !words.is_empty() {
            assert_eq!(s.capture(machine, "refused").code, words);
        }
    };
    both("");
    let switch = |images| {
        let set = |r: &mut darkroom_core::domain::region::Region| {
            r.images = images;
            Ok(())
        };
        provider::change_region(&s.bench.app.system(), &"north-1".into(), set).unwrap();
    };
    switch(Switch::Off);
    both("image_feature_off");
    switch(Switch::On);
    let limits = Limits {
        n_images_max: 2,
        n_instances_max: 3,
        n_creates_max: 1,
        n_shares_max: 9,
        stored_gb_max: 1000,
        n_snapshots_max: 20,
    };
    let north = "north-1".into();
    provider::set_limits(&s.bench.app.system(), s.provider.accounts[0], &north, Some(limits)).unwrap();
    s.bench.capture(&s.owner(), other, "one").unwrap();
    both("task_limit_reached");
    s.bench.work().unwrap();
    both("");
    s.image(other, "two");
    both("image_limit_reached");
    s.limits(9, 9);
    s.bench.capture(&s.owner(), machine, "three").unwrap();
    both("instance_capturing");
}

#[test]
fn a_stale_edit_says_who_changed_what_and_changes_nothing() {
    let s = scene();
    let image = s.image(s.machine("web"), "before");
    let (owner, member) = (s.owner(), s.as_user("member@acme.example"));
    s.rename(&member, image, 0, "after").unwrap();
    let refusal = s.rename(&owner, image, 0, "mine").unwrap_err();
    assert_eq!(refusal.code, "image_changed");
    for part in ["member@acme.example", "the name from “before” to “after”", "The name is “after” now"]
    {
        assert!(refusal.message.contains(part), "{}", refusal.message);
    }
    assert_eq!(owner.read::<Image>(&image).unwrap().unwrap().name.as_str(), "after");
    s.rename(&owner, image, 1, "mine").unwrap();
    check(&s.bench).unwrap();
}

#[test]
fn a_price_that_changed_since_it_was_shown_is_shown_again_first() {
    let s = scene();
    let machine = s.machine("web");
    provider::change_region(&s.bench.app.system(), &"north-1".into(), |r| {
        r.prices.image_gb_month = darkroom_core::domain::money::Money(1);
        Ok(())
    })
    .unwrap();
    assert_eq!(s.capture(machine, "one").kind, Kind::PriceChanged);
    let deploy = instances::create(&s.owner(), &s.bench.deploy_form(&s.provider, s.project, "two"));
    assert_eq!(deploy.unwrap_err().kind, Kind::PriceChanged);
    check(&s.bench).unwrap();
}

#[test]
fn a_taken_name_suggests_one_that_is_free() {
    let s = scene();
    let machine = s.machine("web");
    s.machine("web-2");
    for name in ["img", "img-2"] {
        s.image(machine, name);
    }
    let refusal = s.capture(machine, "IMG");
    assert_eq!((refusal.code.as_str(), refusal.fields[0].field.as_str()), ("image_name_taken", "name"));
    assert!(
        refusal.message.ends_with("Try img-3.") || refusal.message.ends_with("Try IMG-3."),
        "{}",
        refusal.message
    );
    let refusal =
        instances::create(&s.owner(), &s.bench.deploy_form(&s.provider, s.project, "web")).unwrap_err();
    assert!(refusal.message.ends_with("Try web-3."), "{}", refusal.message);
}

#[test]
fn a_reader_may_look_and_not_change() {
    let s = scene();
    let machine = s.machine("web");
    let image = s.image(machine, "one");
    let reader = s.as_user("reader@acme.example");
    assert_eq!(images::list(&reader, &s.place(), ImageQuery::default()).unwrap().n_all, 1);
    instances::detail(&reader, machine).unwrap();
    let task = reader.read::<Image>(&image).unwrap().unwrap().task.unwrap();
    let form = CreateImageForm {
        what: String::new(),
        instance: machine.to_string(),
        name: "two".into(),
        remark: String::new(),
        price_version: 1,
    };
    let refusals = [
        images::create(&reader, &form).map(drop),
        s.rename(&reader, image, 0, "x").map(drop),
        images::delete(&reader, &DeleteImageForm::at_once(image)).map(drop),
        instances::create(&reader, &s.bench.deploy_form(&s.provider, s.project, "y")).map(drop),
        instances::stop(&reader, machine).map(drop),
        instances::delete(&reader, machine).map(drop),
        instances::console_socket(&reader, machine).map(drop),
        tasks::cancel(&reader, task),
        tasks::retry(&reader, task).map(drop),
    ];
    for refusal in refusals {
        assert_eq!(refusal.unwrap_err().kind, Kind::Forbidden);
    }
}

#[test]
fn things_of_another_account_and_of_a_project_without_a_role_do_not_exist() {
    let s = scene();
    let machine = s.machine("web");
    let image = s.image(machine, "one");
    let owner = s.owner();
    let task = owner.read::<Image>(&image).unwrap().unwrap().task.unwrap();
    let lab = s.bench.machine(&owner, &s.provider, s.provider.projects[1].1, "lab").unwrap();
    let nothing = (InstanceId::from(uuid::Uuid::from_u128(1)), ImageId::from(uuid::Uuid::from_u128(2)));
    let stranger = s.as_user("owner@bolt.example");
    let real = all_doors(&s, &stranger, machine, image, task);
    let unreal = all_doors(&s, &stranger, nothing.0, nothing.1, TaskId::from(uuid::Uuid::from_u128(3)));
    assert_eq!(real, unreal, "what is hidden answers as what is not there");
    assert!(real.iter().all(|e| e.kind == Kind::NotFound), "{real:?}");
    // The reader has a role in the first project only.
    let reader = s.as_user("reader@acme.example");
    assert_eq!(instances::detail(&reader, lab).unwrap_err().kind, Kind::NotFound);
}

fn all_doors(s: &Scene, ctx: &Ctx, machine: InstanceId, image: ImageId, task: TaskId) -> Vec<Error> {
    let form = CreateImageForm {
        what: String::new(),
        instance: machine.to_string(),
        name: "x".into(),
        remark: String::new(),
        price_version: 1,
    };
    [
        images::create(ctx, &form).map(drop),
        images::detail(ctx, &s.place(), image).map(drop),
        images::deletion(ctx, image).map(drop),
        images::delete(ctx, &DeleteImageForm::at_once(image)).map(drop),
        images::capture_options(ctx, machine).map(drop),
        s.rename(ctx, image, 0, "x").map(drop),
        instances::detail(ctx, machine).map(drop),
        instances::deletion(ctx, machine).map(drop),
        instances::start(ctx, machine).map(drop),
        instances::stop(ctx, machine).map(drop),
        instances::reboot(ctx, machine).map(drop),
        instances::delete(ctx, machine).map(drop),
        instances::console_log(ctx, machine).map(drop),
        instances::console_socket(ctx, machine).map(drop),
        tasks::detail(ctx, task).map(drop),
        tasks::cancel(ctx, task),
        tasks::retry(ctx, task).map(drop),
    ]
    .into_iter()
    .map(Result::unwrap_err)
    .collect()
}

#[test]
fn while_an_image_is_made_the_machine_is_neither_moved_nor_removed() {
    let s = scene();
    let machine = s.machine("web");
    s.bench.capture(&s.owner(), machine, "one").unwrap();
    let owner = s.owner();
    for refusal in [
        instances::stop(&owner, machine),
        instances::reboot(&owner, machine),
        instances::delete(&owner, machine),
        instances::start(&owner, machine),
    ] {
        assert_eq!(refusal.unwrap_err().code, "instance_capturing");
    }
    assert_eq!(s.capture(machine, "two").code, "instance_capturing");
    s.bench.work().unwrap();
    instances::stop(&owner, machine).unwrap();
}

#[test]
fn a_full_storage_is_said_and_the_image_is_made_again_in_its_slot_when_there_is_space() {
    let s = scene();
    s.limits(1, 3);
    let machine = s.machine("web");
    s.bench.host.fail(Op::Ingest, PortError::NoSpace { place: "north-1".into() }, Effect::None, 1);
    let image = s.image(machine, "one");
    let owner = s.owner();
    let failed = owner.read::<Image>(&image).unwrap().unwrap();
    assert_eq!(failed.status, ImageStatus::Error);
    assert_eq!(failed.error.as_deref(), Some("No space left in north-1 storage."));
    check(&s.bench).unwrap();
    tasks::retry(&owner, failed.task.unwrap()).unwrap();
    s.bench.work().unwrap();
    assert_eq!(owner.read::<Image>(&image).unwrap().unwrap().status, ImageStatus::Available);
    check(&s.bench).unwrap();
}

#[test]
fn progress_is_seen_while_a_step_runs_and_a_cancel_stops_it_at_once() {
    let s = scene();
    let machine = s.machine("web");
    let (image, task) = s.bench.capture(&s.owner(), machine, "one").unwrap();
    s.bench.engine.run_once().unwrap();
    let owner = s.owner();
    let seen = Arc::new(Mutex::new(None));
    let (ctx, at) = (owner.clone(), seen.clone());
    s.bench.host.interrupt(Some(Op::Ingest), move || {
        let state = tasks::detail(&ctx, task).unwrap();
        tasks::cancel(&ctx, task).unwrap();
        *at.lock().unwrap() = Some((state.step_number, state.n_steps, ctx.app.board.cancelled(task)));
    });
    s.bench.engine.run_once().unwrap();
    assert_eq!(
        seen.lock().unwrap().take(),
        Some((2, 3, true)),
        "step 2 of 3 was running, and was told at once"
    );
    let stopped = owner.read::<Task>(&task).unwrap().unwrap();
    assert_eq!(stopped.state, State::Undoing, "the running step stopped");
    assert!(stopped.outputs.stored.is_empty(), "and its result was thrown away");
    s.bench.work().unwrap();
    assert!(owner.read::<Image>(&image).unwrap().is_none());
    assert_eq!(
        (s.bench.app.board.cancelled(task), s.bench.app.board.progress(task)),
        (false, None),
        "the board forgot it"
    );
}

#[test]
fn progress_is_written_down_every_few_seconds() {
    let s = scene();
    let machine = s.machine("web");
    let (_, task) = s.bench.capture(&s.owner(), machine, "one").unwrap();
    let (clock, app) = (s.bench.clock.clone(), s.bench.app.clone());
    s.bench.host.interrupt(Some(Op::Capture), move || {
        clock.advance(app.settings.checkpoint_ms);
    });
    let before = s.bench.faults.n_commits();
    s.bench.engine.run_once().unwrap();
    assert!(s.bench.faults.n_commits() - before >= 3, "claim, checkpoint and result");
    assert!(s.owner().read::<Task>(&task).unwrap().unwrap().progress.is_none(), "a step that ended has none");
}

#[test]
fn a_machine_goes_on_when_its_image_is_deleted_and_its_base_is_kept() {
    let s = scene();
    let image = s.image(s.machine("web"), "one");
    let form = darkroom_core::domain::form::DeployForm {
        image: image.to_string(),
        ..s.bench.deploy_form(&s.provider, s.project, "copy")
    };
    let copy = instances::create(&s.owner(), &form).unwrap();
    s.bench.work().unwrap();
    s.bench.remove(&s.owner(), image).unwrap();
    s.bench.work().unwrap();
    for _ in 0..3 {
        s.bench.clock.advance(10 * 3_600_000);
        sweep::storage(&s.bench.app, &"north-1".into()).unwrap();
    }
    let owner = s.owner();
    instances::stop(&owner, copy).unwrap();
    s.bench.work().unwrap();
    instances::start(&s.bench.at_present(&owner), copy).unwrap();
    s.bench.work().unwrap();
    assert!(s.bench.host.runs(copy));
    check(&s.bench).unwrap();
}

#[test]
fn a_clock_that_was_set_back_holds_no_task_up() {
    let s = scene();
    let machine = s.machine("web");
    let (image, _) = s.bench.capture(&s.owner(), machine, "one").unwrap();
    s.bench.clock.advance(-3_600_000);
    for _ in 0..3 {
        s.bench.engine.run_once().unwrap();
    }
    assert_eq!(s.owner().read::<Image>(&image).unwrap().unwrap().status, ImageStatus::Available);
}

#[test]
fn a_program_with_long_last_words_does_not_make_a_task_too_large_to_be_kept() {
    let s = scene();
    let machine = s.machine("web");
    let words = "\u{1}é".repeat(100_000);
    for op in [Op::Capture, Op::Ingest, Op::Discard] {
        s.bench.host.fail(op, PortError::Unavailable(words.clone()), Effect::None, 4);
    }
    let image = s.image(machine, "one");
    assert_eq!(s.owner().read::<Image>(&image).unwrap().unwrap().status, ImageStatus::Available);
}
