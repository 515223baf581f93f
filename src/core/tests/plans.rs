//! The generic tests of every plan: steps and undos are repeatable, a failure anywhere leaves what the kind promises, a crash at any commit
//! changes nothing about the end, and a task can be cancelled at every step. A new kind of task is in them as soon as it is in `Kind::ALL`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use darkroom_core::domain::form::{AddDiskForm, ChangeImageForm, DeployForm, RemoveDiskForm};
use darkroom_core::domain::ids::{InstanceId, ProjectId, TaskId};
use darkroom_core::domain::image::{Image, Status as ImageStatus};
use darkroom_core::domain::instance::{Instance, Status};
use darkroom_core::domain::snapshot::{Snapshot, Status as SnapshotStatus};
use darkroom_core::domain::task::{Kind, State, Step, Task};
use darkroom_core::ops::ctx::{Ctx, Place};
use darkroom_core::ops::{attribution, disks, instances, snapshots, tasks};
use darkroom_core::ports::{MachineSpec, PortError, Power};
use darkroom_core::sim::{Bench, Crash, Effect, GRACE_MS, Op, Provider, Witness, check, check_at_rest};
use darkroom_core::store::{Batch, Store};
use darkroom_core::tasks::{Outcome, sweep};

/// A provider with a running machine, and a task of the kind under test that has not begun.
struct Scene {
    bench: Bench,
    owner: Ctx,
    provider: Provider,
    project: ProjectId,
    task: TaskId,
}

fn scene(kind: Kind) -> Scene {
    let bench = Bench::new(7);
    let provider = bench.provider().unwrap();
    let owner = bench.user("owner@acme.example").unwrap();
    let project = provider.projects[0].1;
    let task = begin(&bench, &owner, &provider, project, kind);
    Scene { bench, owner, provider, project, task }
}

fn begin(bench: &Bench, owner: &Ctx, provider: &Provider, project: ProjectId, kind: Kind) -> TaskId {
    if kind == Kind::InstanceCreate {
        let id = instances::create(owner, &bench.deploy_form(provider, project, "web")).unwrap();
        return owner.read::<Instance>(&id).unwrap().unwrap().task.unwrap();
    }
    let machine = match kind {
        // With a data disk, so that there is more than one thing to take.
        Kind::SnapshotCreate | Kind::SnapshotDelete => two_disks(bench, owner, provider, project),
        _ => bench.machine(owner, provider, project, "web").unwrap(),
    };
    // A deaf guest: stopping takes its whole time and ends with a cut.
    bench.host.set_deaf(machine, true);
    let ctx = bench.at_present(owner);
    match kind {
        Kind::InstanceCreate => unreachable!("done above"),
        Kind::ImageCreate => bench.capture(&ctx, machine, "copy").unwrap().1,
        Kind::ImageCopy => {
            let (image, _) = bench.capture(&ctx, machine, "original").unwrap();
            bench.work().unwrap();
            bench.copy(owner, image, project, &["south-1"], "copy").unwrap().remove(0).1.unwrap()
        }
        Kind::ImageDelete => {
            let (image, _) = bench.capture(&ctx, machine, "copy").unwrap();
            bench.work().unwrap();
            bench.remove(owner, image).unwrap()
        }
        Kind::InstanceStart => {
            instances::stop(&ctx, machine).unwrap();
            bench.work().unwrap();
            instances::start(&bench.at_present(owner), machine).unwrap()
        }
        Kind::InstanceStop => instances::stop(&ctx, machine).unwrap(),
        Kind::InstanceReboot => instances::reboot(&ctx, machine).unwrap(),
        Kind::InstanceReinstall => {
            instances::stop(&ctx, machine).unwrap();
            bench.work().unwrap();
            let form = ChangeImageForm {
                instance: machine.to_string(),
                image: provider.public[0].to_string(),
                disk_gib: "4".to_owned(),
                sure: "yes".to_owned(),
                price_version: 1,
            };
            instances::change_image(&bench.at_present(owner), &form).unwrap()
        }
        Kind::InstanceDelete => instances::delete(&ctx, machine).unwrap(),
        Kind::SnapshotCreate => bench.snapshot(&ctx, machine, "all", "copy").unwrap().1,
        Kind::SnapshotDelete => {
            let (snapshot, _) = bench.snapshot(&ctx, machine, "all", "copy").unwrap();
            bench.work().unwrap();
            snapshots::delete(&bench.at_present(owner), snapshot).unwrap()
        }
        Kind::DiskAdd | Kind::DiskRemove => {
            instances::stop(&ctx, machine).unwrap();
            bench.work().unwrap();
            let form = AddDiskForm {
                instance: machine.to_string(),
                kind: "ssd".to_owned(),
                size_gib: "1".to_owned(),
                price_version: 1,
                ..AddDiskForm::default()
            };
            let disk = disks::add(&bench.at_present(owner), &form).unwrap();
            if kind == Kind::DiskAdd {
                return owner.read::<Instance>(&machine).unwrap().unwrap().task.unwrap();
            }
            bench.work().unwrap();
            let form = RemoveDiskForm { instance: machine.to_string(), disk: disk.to_string() };
            disks::remove(&bench.at_present(owner), &form).unwrap()
        }
    }
}

/// A machine with a data disk, and the snapshot service.
fn two_disks(bench: &Bench, owner: &Ctx, provider: &Provider, project: ProjectId) -> InstanceId {
    bench.service_on(owner, project).unwrap();
    let form = DeployForm {
        data1_gib: "1".to_owned(),
        data1_kind: "ssd".to_owned(),
        ..bench.deploy_form(provider, project, "web")
    };
    let id = instances::create(&bench.at_present(owner), &form).unwrap();
    bench.work().unwrap();
    id
}

/// The effect a step has on the world. A step without one cannot fail.
fn effect(step: Step) -> Option<Op> {
    match step {
        Step::Capture => Some(Op::Capture),
        Step::Store => Some(Op::Ingest),
        Step::DiscardCapture => Some(Op::Discard),
        Step::Transfer => Some(Op::Transfer),
        Step::Release => None,
        Step::PrepareBase => Some(Op::Base),
        Step::CreateDisks => Some(Op::Create),
        Step::Start => Some(Op::Start),
        Step::PressPower => Some(Op::Press),
        Step::AwaitOff => Some(Op::WaitOff),
        Step::RemoveDisk => Some(Op::RemoveDisk),
        Step::Destroy => Some(Op::Destroy),
    }
}

impl Scene {
    fn task(&self) -> Task {
        self.owner.read::<Task>(&self.task).unwrap().unwrap()
    }

    /// Works until the task is about to do step number `n`.
    fn work_up_to(&self, n: usize) {
        while self.task().step < u32::try_from(n).unwrap() {
            assert!(matches!(self.bench.engine.run_once().unwrap(), Outcome::Worked(_)));
        }
    }

    fn work_to_the_end(&self) -> State {
        self.bench.work().unwrap();
        check(&self.bench).unwrap();
        self.task().state
    }

    fn machine(&self) -> Option<Instance> {
        self.bench.app.instances.all().first().map(|m| Instance::clone(m))
    }

    fn image(&self) -> Option<Image> {
        let all = self.bench.app.images.all();
        all.iter().find(|i| i.name.as_str() == "copy").map(|i| Image::clone(i))
    }

    fn snapshot(&self) -> Option<Snapshot> {
        self.bench.app.snapshots.all().first().map(|s| Snapshot::clone(s))
    }

    /// What there is in the end, without times, ids and ports.
    fn end_state(&self) -> String {
        let machine = self.machine().map(|m| {
            (m.status, m.capturing, self.bench.host.runs(m.id), m.disks.len(), m.system_disk().size_bytes)
        });
        let image = self.image().map(|i| (i.status, i.virtual_bytes(), i.stored_bytes(), i.consistency));
        let snapshot = self.snapshot().map(|s| (s.status, s.contents().count(), s.consistency));
        let open = self.bench.app.meters.all().iter().filter(|m| m.to.is_none()).count();
        format!("{:?} {machine:?} {image:?} {snapshot:?} {open} open meters", self.task().state)
    }

    /// Lets everything come to rest, as the reconcilers would, and checks all rules.
    fn rest(&self) {
        self.bench.host.heal();
        self.bench.work().unwrap();
        sweep::machines(&self.bench.app).unwrap();
        sweep::leftovers(&self.bench.app).unwrap();
        for _ in 0..2 {
            for region in &self.provider.regions {
                sweep::storage(&self.bench.app, region).unwrap();
            }
            self.bench.clock.advance(GRACE_MS + 1);
        }
        check_at_rest(&self.bench).unwrap();
    }
}

/// What a task that failed for good leaves behind.
fn assert_clean_slate(scene: &Scene, kind: Kind, at: &str) {
    let (machine, image) = (scene.machine(), scene.image());
    let host_has = |id: InstanceId| scene.bench.host.machines().contains(&id);
    assert!(scene.bench.host.scratch().is_empty(), "{at}");
    match kind {
        Kind::ImageCreate => {
            let image = image.unwrap();
            assert_eq!(image.status, ImageStatus::Error, "{at}");
            assert!(image.disks.is_empty() && image.error.is_some(), "{at}");
            let machine = machine.unwrap();
            assert_eq!((machine.capturing, machine.status), (None, Status::Running), "{at}");
        }
        Kind::ImageCopy => {
            let image = image.unwrap();
            assert_eq!(image.status, ImageStatus::Error, "{at}");
            assert!(image.disks.is_empty() && image.error.is_some(), "{at}");
        }
        Kind::InstanceCreate => {
            let machine = machine.unwrap();
            assert_eq!(machine.status, Status::Error, "{at}");
            assert!(!host_has(machine.id), "{at}: its disks are left");
        }
        Kind::InstanceStart | Kind::InstanceStop | Kind::InstanceReboot => {
            let machine = machine.unwrap();
            assert_eq!(machine.status, Status::Error, "{at}");
            assert!(host_has(machine.id), "{at}: its disks are gone");
            assert!(!scene.bench.host.runs(machine.id), "{at}: written down as off, and runs");
        }
        Kind::SnapshotCreate => {
            let snapshot = scene.snapshot().unwrap();
            assert_eq!(snapshot.status, SnapshotStatus::Error, "{at}");
            assert!(snapshot.contents().next().is_none() && snapshot.error.is_some(), "{at}");
            let machine = machine.unwrap();
            assert_eq!((machine.capturing, machine.status), (None, Status::Running), "{at}");
        }
        Kind::DiskAdd => {
            let machine = machine.unwrap();
            assert_eq!((machine.status, machine.disks.len()), (Status::Stopped, 1), "{at}");
            assert_eq!(scene.bench.host.disks(machine.id).len(), 1, "{at}: the disk is left");
        }
        Kind::InstanceReinstall => {
            let machine = machine.unwrap();
            assert_eq!(machine.status, Status::Error, "{at}");
            assert!(!scene.bench.host.runs(machine.id), "{at}: written down as off, and runs");
            assert_eq!(machine.system_disk().size_bytes >> 30, 2, "{at}: the old one is the machine's");
            let disks: Vec<_> = scene.bench.host.disks(machine.id).into_iter().collect();
            assert_eq!(disks, [machine.system_disk().id], "{at}: the new one is left");
        }
        Kind::ImageDelete | Kind::InstanceDelete | Kind::DiskRemove | Kind::SnapshotDelete => {
            unreachable!("removal is never undone")
        }
    }
}

#[test]
fn every_plan_ends_well_and_passes_every_rule() {
    for kind in Kind::ALL {
        let scene = scene(kind);
        check(&scene.bench).unwrap();
        assert_eq!(scene.work_to_the_end(), State::Done, "{kind:?}");
        scene.rest();
    }
}

#[test]
fn every_step_can_be_done_twice() {
    for kind in Kind::ALL {
        let once = scene(kind);
        once.work_to_the_end();
        for (n, step) in kind.plan().iter().enumerate() {
            let scene = scene(kind);
            scene.work_up_to(n);
            // The step's effect happens and its answer is lost, so that the step is done again.
            let Some(op) = effect(*step) else { continue };
            let busy = PortError::Unavailable("The answer got lost.".to_owned());
            scene.bench.host.fail(op, busy, Effect::Whole, 1);
            scene.work_to_the_end();
            assert_eq!(scene.end_state(), once.end_state(), "{kind:?} {step:?}");
            scene.rest();
        }
    }
}

#[test]
fn a_failure_at_any_step_leaves_what_the_kind_promises() {
    for kind in Kind::ALL {
        for (n, step) in kind.plan().iter().enumerate() {
            let Some(op) = effect(*step) else { continue };
            for effect in [Effect::None, Effect::Whole] {
                for (error, n_times) in [
                    (PortError::Refused("This will never work.".to_owned()), 1),
                    (PortError::Unavailable("Not now.".to_owned()), 5),
                ] {
                    let at = format!("{kind:?} {step:?} {effect:?} {error:?}");
                    let scene = scene(kind);
                    scene.work_up_to(n);
                    scene.bench.host.fail(op, error.clone(), effect, n_times);
                    scene.bench.work().unwrap();
                    if kind.undoable() {
                        assert_eq!(scene.task().state, State::Failed, "{at}");
                        assert!(scene.task().error.unwrap().contains(&error.to_string()), "{at}");
                        assert_clean_slate(&scene, kind, &at);
                    } else {
                        assert_eq!(scene.task().state, State::Stuck, "{at}");
                        tasks::retry(&scene.bench.at_present(&scene.owner), scene.task).unwrap();
                        assert_eq!(scene.work_to_the_end(), State::Done, "{at}");
                    }
                    scene.rest();
                }
            }
        }
    }
}

#[test]
fn a_failed_task_can_be_retried_and_then_ends_well() {
    for kind in Kind::ALL.into_iter().filter(|k| k.undoable()) {
        let op = effect(kind.plan()[0]).unwrap();
        let scene = scene(kind);
        scene.bench.host.fail(op, PortError::NoSpace { place: "north-1".to_owned() }, Effect::None, 1);
        scene.bench.work().unwrap();
        let retried = tasks::retry(&scene.bench.at_present(&scene.owner), scene.task);
        match kind {
            // What is off already needs no second stop.
            Kind::InstanceStop | Kind::InstanceReboot => {
                assert_eq!(retried.unwrap_err().code, "instance_not_running");
            }
            // The form is to be filled in again.
            Kind::DiskAdd => assert_eq!(retried.unwrap_err().code, "task_not_retryable"),
            _ => {
                retried.unwrap();
                scene.bench.work().unwrap();
                let machine = scene.machine().unwrap();
                assert_eq!(machine.status, Status::Running, "{kind:?}");
                assert!(scene.image().is_none_or(|i| i.status == ImageStatus::Available), "{kind:?}");
                let taken = scene.snapshot().is_none_or(|s| s.status == SnapshotStatus::Available);
                assert!(taken, "{kind:?}");
            }
        }
        scene.rest();
    }
}

#[test]
fn every_undo_can_be_done_twice() {
    for kind in Kind::ALL.into_iter().filter(|k| k.undoable()) {
        for (n, step) in kind.plan().iter().enumerate() {
            let op = effect(*step).unwrap();
            for undo in [Op::Discard, Op::Destroy, Op::Cut, Op::RemoveDisk] {
                let at = format!("{kind:?} {step:?} {undo:?}");
                let scene = scene(kind);
                scene.work_up_to(n);
                scene.bench.host.fail(op, PortError::Refused("Never.".to_owned()), Effect::Whole, 1);
                // The undo happens and its answer is lost, so that it is done again.
                let lost = PortError::Unavailable("The answer got lost.".to_owned());
                scene.bench.host.fail(undo, lost, Effect::Whole, 2);
                scene.bench.work().unwrap();
                assert_eq!(scene.task().state, State::Failed, "{at}");
                assert_clean_slate(&scene, kind, &at);
                scene.rest();
            }
        }
    }
}

#[test]
fn a_crash_at_any_commit_changes_nothing_about_the_end() {
    for kind in Kind::ALL {
        let whole = scene(kind);
        let before = whole.bench.faults.n_commits();
        whole.work_to_the_end();
        let n_commits = whole.bench.faults.n_commits() - before;
        assert!(n_commits >= 2, "{kind:?} claims and records");
        for n in 0..n_commits {
            for crash in [Crash::Before, Crash::After] {
                let mut scene = scene(kind);
                scene.bench.faults.crash_after(n, crash);
                // The engine is told that the store is closed, which is how the end of the program looks to it.
                while !scene.bench.faults.dead() {
                    match scene.bench.engine.run_once() {
                        Ok(Outcome::Idle(Some(due))) => scene.bench.clock.reach(due),
                        Ok(Outcome::Idle(None)) => _ = attribution::sweep(&scene.bench.app),
                        Ok(Outcome::Worked(_)) | Err(_) => {}
                    }
                }
                scene.bench.restart().unwrap();
                scene.owner = Ctx { app: scene.bench.app.clone(), ..scene.owner };
                scene.work_to_the_end();
                assert_eq!(scene.end_state(), whole.end_state(), "{kind:?}, commit {n}, {crash:?}");
                scene.rest();
            }
        }
    }
}

#[test]
fn what_can_be_cancelled_can_be_cancelled_before_and_in_every_step_and_leaves_nothing() {
    for kind in Kind::ALL.into_iter().filter(|k| k.cancellable()) {
        for (n, step) in kind.plan().iter().enumerate() {
            for in_the_middle in [false, true] {
                let at = format!("{kind:?} {step:?}, in the middle: {in_the_middle}");
                let scene = scene(kind);
                scene.work_up_to(n);
                let (ctx, task) = (scene.bench.at_present(&scene.owner), scene.task);
                if in_the_middle {
                    scene.bench.host.interrupt(effect(*step), move || tasks::cancel(&ctx, task).unwrap());
                } else {
                    tasks::cancel(&ctx, task).unwrap();
                }
                assert_eq!(scene.work_to_the_end(), State::Cancelled, "{at}");
                assert!(scene.image().is_none() && scene.snapshot().is_none(), "{at}");
                let machine = scene.machine().map(|m| (m.status, m.capturing));
                let expected = match kind {
                    Kind::InstanceCreate => None,
                    Kind::InstanceReinstall | Kind::DiskAdd => Some((Status::Stopped, None)),
                    _ => Some((Status::Running, None)),
                };
                assert_eq!(machine, expected, "{at}");
                let n_machines = usize::from(machine.is_some());
                assert_eq!(scene.bench.host.machines().len(), n_machines, "{at}: disks are left");
                scene.rest();
            }
        }
    }
}

#[test]
fn only_making_things_can_be_cancelled_and_the_refusal_says_so() {
    for kind in Kind::ALL.into_iter().filter(|k| !k.cancellable()) {
        let scene = scene(kind);
        let refusal = tasks::cancel(&scene.bench.at_present(&scene.owner), scene.task).unwrap_err();
        assert_eq!(refusal.code, "task_not_cancellable", "{kind:?}");
    }
}

#[test]
fn a_worker_that_lost_its_lease_changes_nothing() {
    for (kind, op) in [
        (Kind::ImageCreate, Op::Capture),
        (Kind::ImageCreate, Op::Ingest),
        (Kind::SnapshotCreate, Op::Capture),
        (Kind::ImageCopy, Op::Transfer),
        (Kind::InstanceReboot, Op::WaitOff),
    ] {
        let scene = scene(kind);
        let (app, owner, clock) = (scene.bench.app.clone(), scene.bench.owner, scene.bench.clock.clone());
        scene.bench.host.interrupt(Some(op), move || {
            clock.advance(app.settings.lease_ms + 1);
            // Another process does this step and is in the middle of nothing when the first one comes back.
            let other = darkroom_core::tasks::Engine::new(app.clone(), owner);
            assert!(matches!(other.run_once().unwrap(), Outcome::Worked(_)));
        });
        assert_eq!(scene.work_to_the_end(), State::Done, "{kind:?} {op:?}");
        let done: Vec<String> =
            scene.task().log.into_iter().map(|l| l.text).filter(|t| t.ends_with(": done.")).collect();
        assert_eq!(done.len(), kind.plan().len(), "{kind:?} {op:?}: {done:?}");
        scene.rest();
    }
}

#[test]
fn a_step_that_gave_no_word_for_longer_than_its_lease_is_not_begun_twice_in_one_process() {
    for (kind, op) in [
        (Kind::ImageCreate, Op::Capture),
        (Kind::ImageCreate, Op::Ingest),
        (Kind::ImageCopy, Op::Transfer),
        (Kind::InstanceCreate, Op::Create),
        (Kind::InstanceDelete, Op::Destroy),
    ] {
        let scene = scene(kind);
        let (app, clock, engine) =
            (scene.bench.app.clone(), scene.bench.clock.clone(), scene.bench.engine.clone());
        let (seen, tell) = std::sync::mpsc::channel();
        scene.bench.host.interrupt(Some(op), move || {
            clock.advance(app.settings.lease_ms + 1);
            seen.send(engine.run_once().unwrap()).unwrap();
        });
        assert_eq!(scene.work_to_the_end(), State::Done, "{kind:?} {op:?}");
        assert_eq!(tell.recv().unwrap(), Outcome::Idle(None), "{kind:?} {op:?}: the step runs already");
        scene.rest();
    }
}

#[test]
fn one_task_that_cannot_be_read_holds_no_other_up_and_is_told_of_once() {
    let mut scene = scene(Kind::ImageCreate);
    let first = scene.machine().unwrap().id;
    let other = scene.bench.machine(&scene.owner, &scene.provider, scene.project, "other").unwrap();
    scene.work_to_the_end();
    let damaged = scene.bench.capture(&scene.owner, first, "damaged").unwrap().1;
    let (_, sound) = scene.bench.capture(&scene.owner, other, "sound").unwrap();
    // The step that is running when the program ends leaves a lease to be taken back.
    assert!(matches!(scene.bench.engine.run_once().unwrap(), Outcome::Worked(_)));
    let key = [b"ttask\0", damaged.0.as_bytes().as_slice()].concat();
    scene.bench.store.commit(Batch::new().put(key, r#"{"v":1,"r":{"half":"a reco"}}"#)).unwrap();
    let told = |scene: &Scene| scene.bench.engine.take_unreadable();
    assert_eq!(told(&scene), [], "nobody looked yet");
    scene.bench.work().unwrap();
    let sound = || scene.owner.read::<Task>(&sound).unwrap().unwrap().state;
    assert_eq!(sound(), State::Done);
    let first = told(&scene);
    assert_eq!(first.iter().map(|u| u.task).collect::<Vec<_>>(), [damaged]);
    assert!(first[0].why.contains(&format!("task/{damaged}")), "{first:?}");
    scene.bench.work().unwrap();
    assert_eq!(told(&scene), [], "once is enough");
    let place = Place { project: Some(scene.project), region: "north-1".into() };
    let shown = tasks::list(&scene.owner, &place, vec![], 1).unwrap().page.rows;
    assert!(shown.len() > 2 && shown.iter().all(|t| t.id != damaged), "the list shows all others");
    scene.bench.restart().unwrap();
    assert_eq!(told(&scene).len(), 1, "once in every run");
}

#[test]
fn a_step_that_waits_without_progress_keeps_its_lease() {
    let scene = scene(Kind::InstanceStop);
    scene.work_up_to(1);
    let before = scene.bench.faults.n_commits();
    scene.bench.engine.run_once().unwrap();
    let n_commits = scene.bench.faults.n_commits() - before;
    assert!(
        n_commits > 2,
        "besides the claim and the result, the wait of 30 s extended its lease: {n_commits}"
    );
}

#[test]
fn the_simulated_host_keeps_disks_that_exist() {
    // The generic tests mean something only if the fake keeps the promises of the port.
    let scene = scene(Kind::InstanceStop);
    let machine = scene.machine().unwrap();
    scene.bench.host.write(machine.id, 5, 99);
    let (image, _) = {
        scene.work_to_the_end();
        scene.bench.capture(&scene.owner, machine.id, "copy").unwrap()
    };
    scene.bench.work().unwrap();
    let image = scene.owner.read::<Image>(&image).unwrap().unwrap();
    assert_ne!(image.disks[0].fingerprint, machine.disks[0].base.clone().unwrap(), "the change is in it");
    let spec = MachineSpec {
        id: machine.id,
        hostname: "web".to_owned(),
        n_vcpus: 1,
        memory_mib: 256,
        disks: vec![],
        iso: None,
        ssh_keys: vec![],
        user_data: String::new(),
        boot: machine.boot,
        nic_multiqueue: false,
        sriov: false,
        n_installed: 0,
    };
    scene.bench.app.hypervisor.create(&spec).unwrap();
    assert!(matches!(scene.bench.app.hypervisor.power(machine.id), Ok(Power::Off { .. })));
    assert_eq!(Witness::open(scene.bench.records()).broken(), Vec::<String>::new());
}
