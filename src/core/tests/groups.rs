//! Scaling groups and changed images, through the use cases: what is kept, what is replaced, what is told, and what a crash leaves.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use darkroom_core::domain::Kind;
use darkroom_core::domain::form::{
    BulkForm, ChangeImageForm, CreateImageForm, DeleteImageForm, EditImageForm, GroupForm, StageForm,
};
use darkroom_core::domain::group::{Group, YOUNG_MS};
use darkroom_core::domain::ids::{GroupId, ImageId, InstanceId, ProjectId, Subject};
use darkroom_core::domain::image::Image;
use darkroom_core::domain::image::list::ImageQuery;
use darkroom_core::domain::installation::Installation;
use darkroom_core::domain::instance::{Instance, Status};
use darkroom_core::domain::meter::Charge;
use darkroom_core::domain::quota::Limits;
use darkroom_core::domain::view::Health;
use darkroom_core::ops::ctx::{Ctx, Place, Settings};
use darkroom_core::ops::{attribution, audit, groups, images, instances, provider};
use darkroom_core::ports::PortError;
use darkroom_core::sim::{Bench, Crash, Effect, Op, Provider, check, check_at_rest};
use darkroom_core::tasks::sweep;

struct Scene {
    bench: Bench,
    owner: Ctx,
    provider: Provider,
    project: ProjectId,
}

fn scene() -> Scene {
    scene_with(Settings::default())
}

fn scene_with(settings: Settings) -> Scene {
    let bench = Bench::with(3, settings);
    let provider = bench.provider().unwrap();
    let owner = bench.user("owner@acme.example").unwrap();
    let project = provider.projects[0].1;
    Scene { bench, owner, provider, project }
}

impl Scene {
    fn ctx(&self) -> Ctx {
        self.bench.at_present(&self.owner)
    }

    fn place(&self) -> Place {
        Place { project: Some(self.project), region: "north-1".into() }
    }

    fn form(&self, name: &str, wanted: u32, image: &str) -> GroupForm {
        GroupForm {
            project: self.project.to_string(),
            region: "north-1".to_owned(),
            name: name.to_owned(),
            wanted: wanted.to_string(),
            image: image.to_owned(),
            flavor: "m1.tiny".to_owned(),
            zone: "a".to_owned(),
            disk_kind: "ssd".to_owned(),
            disk_gib: "2".to_owned(),
            price_version: 1,
            ..GroupForm::default()
        }
    }

    fn make(&self, name: &str, wanted: u32) -> GroupId {
        let public = self.provider.public[0].to_string();
        let id = groups::create(&self.ctx(), &self.form(name, wanted, &public)).unwrap();
        self.keep();
        id
    }

    fn edit(&self, id: GroupId, change: impl Fn(&mut GroupForm)) -> Result<GroupId, String> {
        let group = self.group(id);
        let mut form = GroupForm { price_version: 1, ..GroupForm::of(&group) };
        change(&mut form);
        groups::edit(&self.ctx(), &form).map_err(|e| e.code)
    }

    /// Sweeps and works until neither finds anything to do, without letting a wait for another try pass.
    fn keep(&self) {
        for _ in 0..100 {
            sweep::machines(&self.bench.app).unwrap();
            let n = groups::sweep(&self.bench.app).unwrap();
            let n_worked = self.bench.work().unwrap();
            check(&self.bench).unwrap();
            if n + n_worked == 0 {
                return;
            }
        }
        panic!("the group comes to no rest");
    }

    fn group(&self, id: GroupId) -> Group {
        self.owner.read::<Group>(&id).unwrap().unwrap()
    }

    fn names(&self, id: GroupId) -> Vec<String> {
        let members = self.group(id).members;
        members.iter().map(|id| self.machine(*id).name.to_string()).collect()
    }

    fn machine(&self, id: InstanceId) -> Instance {
        self.owner.read::<Instance>(&id).unwrap().unwrap()
    }

    fn n_running(&self, id: GroupId) -> usize {
        self.group(id).members.iter().filter(|id| self.bench.host.runs(**id)).count()
    }

    /// An image of the family `web`.
    fn version(&self, name: &str) -> ImageId {
        let (copy, _) = self
            .bench
            .copy(&self.ctx(), self.provider.public[0], self.project, &["north-1"], name)
            .unwrap()
            .remove(0);
        let form = EditImageForm {
            image: copy.to_string(),
            revision: 0,
            name: name.to_owned(),
            family: Some("web".to_owned()),
            ..EditImageForm::default()
        };
        images::update(&self.ctx(), &form).unwrap();
        self.bench.clock.advance(1000);
        copy
    }

    fn trail(&self, subject: Subject) -> Vec<(String, String)> {
        let query = darkroom_core::domain::event::AuditQuery::about(subject);
        let rows = audit::list(&self.ctx(), &self.place(), &query).unwrap().page.rows;
        rows.into_iter().map(|row| (row.action, row.detail)).collect()
    }
}

#[test]
fn a_group_comes_to_its_count_and_follows_it_up_and_down() {
    let scene = scene();
    let id = scene.make("web", 2);
    assert_eq!((scene.names(id), scene.n_running(id)), (vec!["web-1".to_owned(), "web-2".to_owned()], 2));
    scene.edit(id, |form| form.wanted = "3".to_owned()).unwrap();
    scene.keep();
    assert_eq!((scene.names(id).len(), scene.n_running(id)), (3, 3));
    scene.edit(id, |form| form.wanted = "1".to_owned()).unwrap();
    scene.keep();
    assert_eq!(scene.names(id), ["web-1"], "the newest go");
    let detail = groups::detail(&scene.ctx(), id).unwrap();
    assert_eq!((detail.health, detail.n_running, detail.trouble), (Health::Well, 1, None));
    let actions: Vec<String> =
        scene.trail(Subject::Group(id)).into_iter().map(|(action, _)| action).collect();
    assert!(actions.contains(&"group.create".to_owned()), "{actions:?}");
    assert_eq!(actions.iter().filter(|a| *a == "group.scaled").count(), 5, "{actions:?}");
    check_at_rest(&scene.bench).unwrap();
}

#[test]
fn what_is_deleted_died_or_was_stopped_is_made_good() {
    let scene = scene();
    let id = scene.make("web", 2);
    let [one, two] = scene.group(id).members[..] else { panic!("two are wanted") };
    instances::delete(&scene.ctx(), one).unwrap();
    assert_eq!(scene.group(id).members, [two], "in the same commit");
    scene.keep();
    assert_eq!(scene.names(id), ["web-2", "web-3"], "numbers are not used twice");
    scene.bench.clock.advance(YOUNG_MS);
    scene.bench.host.go_off(two, Some("Signal 9."));
    scene.keep();
    assert_eq!(scene.names(id), ["web-3", "web-4"]);
    assert_eq!(scene.group(id).tries, None, "one that ran for long does not count as a failed try");
    let three = scene.group(id).members[0];
    instances::stop(&scene.ctx(), three).unwrap();
    scene.keep();
    assert_eq!((scene.names(id), scene.n_running(id)), (vec!["web-3".to_owned(), "web-4".to_owned()], 2));
    let trail = scene.trail(Subject::Group(id));
    assert!(trail.contains(&("group.scaled".to_owned(), "web-1 was deleted.".to_owned())), "{trail:?}");
    assert!(
        trail.iter().any(|(_, detail)| detail.starts_with("Replaced web-2: The machine's process ended"))
    );
    let started = scene.trail(Subject::Instance(three));
    assert!(started.iter().any(|(_, detail)| detail == "Its group web keeps it running."), "{started:?}");
    check_at_rest(&scene.bench).unwrap();
}

#[test]
fn what_does_not_fit_the_quota_is_told_and_tried_again_ever_more_rarely() {
    let scene = scene_with(Settings { group_failures_max: 4, ..Settings::default() });
    let region = "north-1".into();
    let limits = Limits {
        n_images_max: 3,
        n_instances_max: 1,
        n_creates_max: 2,
        n_shares_max: 5,
        stored_gb_max: 1000,
        n_snapshots_max: 20,
    };
    provider::set_limits(&scene.bench.app.system(), scene.provider.accounts[0], &region, Some(limits))
        .unwrap();
    let id = scene.make("web", 2);
    let detail = groups::detail(&scene.ctx(), id).unwrap();
    let trouble = detail.trouble.unwrap();
    assert!(trouble.message.starts_with("Maximum instance limit reached"), "{trouble:?}");
    assert_eq!((detail.health, detail.n_running, detail.wanted), (Health::Troubled, 1, 2));
    assert!(detail.next_try.is_some());
    let begun = scene.bench.app.clock.now();
    let mut n_before = scene.bench.faults.n_commits();
    let mut tries = 1;
    while scene.bench.app.clock.now().since_ms(begun) < 3_500_000 {
        scene.bench.clock.advance(2_000);
        groups::sweep(&scene.bench.app).unwrap();
        let n = scene.bench.faults.n_commits();
        tries += u32::from(n > n_before);
        n_before = n;
    }
    assert_eq!(tries, 4, "in an hour");
    let told = scene.trail(Subject::Group(id));
    assert_eq!(told.iter().filter(|(action, _)| action == "group.waits").count(), 1, "it is told once");
    provider::set_limits(&scene.bench.app.system(), scene.provider.accounts[0], &region, None).unwrap();
    groups::retry(&scene.ctx(), id).unwrap();
    scene.keep();
    assert_eq!((scene.n_running(id), scene.group(id).trouble), (2, None));
}

#[test]
fn machines_that_fail_at_once_are_not_made_without_end() {
    let scene = scene_with(Settings { group_failures_max: 3, ..Settings::default() });
    scene.bench.host.fail(Op::Start, PortError::Refused("No.".to_owned()), Effect::None, 1000);
    let id = scene.make("web", 1);
    for _ in 0..600 {
        scene.bench.clock.advance(5_000);
        groups::sweep(&scene.bench.app).unwrap();
        scene.bench.work().unwrap();
    }
    let group = scene.group(id);
    assert!(group.n_made <= 4, "{} machines were made in 50 minutes", group.n_made);
    assert_eq!(group.trouble.map(|t| t.code).as_deref(), Some("member_failed"));
    scene.bench.host.heal();
    scene.bench.clock.advance(3_600_000);
    scene.keep();
    assert_eq!(scene.n_running(id), 1);
    check_at_rest(&scene.bench).unwrap();
}

#[test]
fn rolling_replaces_one_at_a_time_and_never_runs_fewer_than_wanted() {
    let scene = scene();
    let first = scene.version("web-v1");
    let id = groups::create(&scene.ctx(), &scene.form("web", 2, "family:web")).unwrap();
    scene.keep();
    let refused = groups::roll(&scene.ctx(), id, 1).unwrap_err();
    assert_eq!(refused.code, "group_rolled");
    let second = scene.version("web-v2");
    let detail = groups::detail(&scene.ctx(), id).unwrap();
    assert_eq!((detail.n_outdated, detail.roll_blocked), (2, None));
    groups::roll(&scene.ctx(), id, 1).unwrap();
    for _ in 0..40 {
        groups::sweep(&scene.bench.app).unwrap();
        assert!(scene.n_running(id) >= 2, "never fewer than wanted");
        if scene.bench.engine.run_once().is_ok() {
            check(&scene.bench).unwrap();
        }
    }
    scene.keep();
    let group = scene.group(id);
    assert_eq!((group.roll, group.n_made, group.members.len()), (None, 4, 2));
    let made_from: Vec<ImageId> = group.members.iter().map(|id| scene.machine(*id).origin.id).collect();
    assert_eq!(made_from, [second, second]);
    let users = images::deletion(&scene.ctx(), second).unwrap().groups;
    assert_eq!(users.iter().map(|g| g.id).collect::<Vec<_>>(), [id], "the group is named");
    assert!(images::deletion(&scene.ctx(), first).unwrap().groups.is_empty());
}

#[test]
fn a_group_whose_image_is_gone_says_so_and_keeps_what_runs() {
    let scene = scene();
    let image = scene.version("web-v1");
    let id = groups::create(&scene.ctx(), &scene.form("web", 1, &image.to_string())).unwrap();
    scene.keep();
    let many =
        BulkForm { action: "delete".to_owned(), images: vec![image.to_string()], ..BulkForm::default() };
    let shown = images::bulk_options(&scene.ctx(), &scene.place(), &many, &ImageQuery::default()).unwrap();
    assert_eq!(
        shown.lines[0].text,
        "The family web means it now. The scaling group web makes its machines from it"
    );
    images::delete(&scene.ctx(), &DeleteImageForm::at_once(image)).unwrap();
    scene.edit(id, |form| form.wanted = "2".to_owned()).unwrap_err();
    let one = scene.group(id).members[0];
    scene.bench.clock.advance(YOUNG_MS);
    instances::delete(&scene.ctx(), one).unwrap();
    scene.keep();
    let detail = groups::detail(&scene.ctx(), id).unwrap();
    assert_eq!(detail.trouble.map(|t| t.code).as_deref(), Some("image_recycled"));
    assert!(detail.makes_blocked.is_some());
    let public = scene.provider.public[0].to_string();
    scene.edit(id, |form| form.image = public.clone()).unwrap();
    scene.keep();
    assert_eq!(scene.n_running(id), 1);
}

#[test]
fn a_group_goes_with_all_its_machines_and_frees_its_name() {
    let scene = scene();
    let id = scene.make("web", 2);
    let refused = groups::create(&scene.ctx(), &scene.form("Web", 1, &scene.provider.public[0].to_string()));
    assert_eq!(refused.unwrap_err().code, "group_name_taken");
    let deletion = groups::deletion(&scene.ctx(), id).unwrap();
    assert_eq!((deletion.members.len(), deletion.disk_bytes), (2, 4 << 30));
    groups::delete(&scene.ctx(), id).unwrap();
    assert_eq!(groups::delete(&scene.ctx(), id).unwrap_err().code, "group_deleting");
    scene.keep();
    assert!(scene.owner.read::<Group>(&id).unwrap().is_none());
    assert!(scene.bench.host.machines().is_empty());
    scene.make("web", 1);
    check_at_rest(&scene.bench).unwrap();
}

#[test]
fn limits_and_roles_are_kept() {
    let scene = scene_with(Settings { groups_max: 1, group_size_max: 2, ..Settings::default() });
    let public = scene.provider.public[0].to_string();
    let too_large = groups::create(&scene.ctx(), &scene.form("web", 3, &public)).unwrap_err();
    assert_eq!(too_large.fields[0].field, "wanted");
    let id = scene.make("web", 1);
    let refused = groups::create(&scene.ctx(), &scene.form("db", 1, &public)).unwrap_err();
    assert_eq!((refused.code.as_str(), refused.kind), ("group_limit_reached", Kind::Limit));
    let stale = GroupForm { group: id.to_string(), revision: 7, ..scene.form("web", 1, &public) };
    assert_eq!(groups::edit(&scene.ctx(), &stale).unwrap_err().code, "group_changed");
    let old_price = GroupForm { price_version: 9, ..scene.form("db", 1, &public) };
    assert_eq!(groups::create(&scene.ctx(), &old_price).unwrap_err().code, "price_changed");
    let reader = scene.bench.user("reader@acme.example").unwrap();
    let seen = groups::detail(&reader, id).unwrap();
    assert_eq!((seen.makes_blocked, seen.makes.is_some(), seen.may_change), (None, true, false));
    assert_eq!(groups::delete(&reader, id).unwrap_err().kind, Kind::Forbidden);
    assert_eq!(groups::roll(&reader, id, 1).unwrap_err().kind, Kind::Forbidden);
    let stranger = scene.bench.user("owner@bolt.example").unwrap();
    assert_eq!(groups::detail(&stranger, id).unwrap_err().kind, Kind::NotFound);
    assert_eq!(groups::retry(&stranger, id).unwrap_err().kind, Kind::NotFound);
}

#[test]
fn a_crash_at_any_commit_changes_nothing_about_the_end_of_a_roll() {
    let story = |crash: Option<(u32, Crash)>| {
        let mut scene = scene();
        scene.version("web-v1");
        let id = groups::create(&scene.ctx(), &scene.form("web", 2, "family:web")).unwrap();
        scene.keep();
        let second = scene.version("web-v2");
        groups::roll(&scene.ctx(), id, 1).unwrap();
        let before = scene.bench.faults.n_commits();
        if let Some((n, crash)) = crash {
            scene.bench.faults.crash_after(n.into(), crash);
            while !scene.bench.faults.dead() {
                // The end of the program looks like a store that is closed.
                drop(groups::sweep(&scene.bench.app));
                drop(attribution::sweep(&scene.bench.app));
                drop(scene.bench.engine.run_once());
            }
            scene.bench.restart().unwrap();
            scene.owner = Ctx { app: scene.bench.app.clone(), ..scene.owner };
        }
        scene.keep();
        let group = scene.group(id);
        let all_new = group.members.iter().all(|id| scene.machine(*id).origin.id == second);
        let end = (scene.n_running(id), group.members.len(), group.n_made, all_new, group.roll.is_none());
        (end, scene.bench.faults.n_commits() - before)
    };
    let (end, n_commits) = story(None);
    assert_eq!(end, (2, 2, 4, true, true));
    for n in 0..u32::try_from(n_commits).unwrap().min(30) {
        for crash in [Crash::Before, Crash::After] {
            assert_eq!(story(Some((n, crash))).0, end, "commit {n}, {crash:?}");
        }
    }
}

fn change(machine: InstanceId, image: &str) -> ChangeImageForm {
    ChangeImageForm {
        instance: machine.to_string(),
        image: image.to_owned(),
        disk_gib: String::new(),
        sure: "yes".to_owned(),
        price_version: 1,
    }
}

fn stopped(scene: &Scene) -> InstanceId {
    let form = darkroom_core::domain::form::DeployForm {
        data1_gib: "3".to_owned(),
        data1_kind: "economy".to_owned(),
        ..scene.bench.deploy_form(&scene.provider, scene.project, "one")
    };
    let machine = instances::create(&scene.ctx(), &form).unwrap();
    scene.bench.work().unwrap();
    instances::stop(&scene.ctx(), machine).unwrap();
    scene.bench.work().unwrap();
    machine
}

#[test]
fn another_image_replaces_the_system_disk_and_its_meter_and_nothing_else() {
    let scene = scene();
    let machine = stopped(&scene);
    let image = scene.version("web-v1");
    let before = scene.machine(machine);
    scene.bench.clock.advance(3_600_000);
    instances::change_image(&scene.ctx(), &change(machine, "family:web")).unwrap();
    assert_eq!(scene.machine(machine).status, Status::Reinstalling);
    assert_eq!(scene.machine(machine).disks, before.disks, "until it runs, the old one is the machine's");
    scene.bench.work().unwrap();
    let after = scene.machine(machine);
    assert_eq!((after.status, after.origin.id), (Status::Running, image));
    assert_eq!((&after.name, &after.disks[1..]), (&before.name, &before.disks[1..]));
    assert_ne!(after.disks[0].id, before.disks[0].id);
    let meters = scene.bench.app.meters.all();
    let disk = |id| {
        let mut found = meters.iter().filter(|m| m.subject == Subject::Disk(id));
        let meter = found.next().unwrap();
        assert!(found.next().is_none() && matches!(meter.charge, Charge::Disk { .. }));
        (meter.from, meter.to)
    };
    let (new_from, new_to) = disk(after.disks[0].id);
    assert_eq!((disk(before.disks[0].id).1, new_to), (Some(new_from), None), "one ends as the other begins");
    assert_eq!(disk(before.disks[1].id).1, None);
    sweep::leftovers(&scene.bench.app).unwrap();
    assert_eq!(scene.bench.host.disks(machine).len(), 2);
    assert_eq!(scene.bench.host.runs_from(machine), Some(after.disks[0].id));
    let installed = scene.owner.read::<Installation>(&machine).unwrap().unwrap();
    assert_eq!(installed.n_installed, 1, "cloud-init runs again");
    let used = images::deletion(&scene.ctx(), image).unwrap().machines;
    assert_eq!(used.iter().map(|m| m.id).collect::<Vec<_>>(), [machine], "the machine is the new image's");
    instances::delete(&scene.ctx(), machine).unwrap();
    scene.bench.work().unwrap();
    assert!(scene.owner.read::<Installation>(&machine).unwrap().is_none());
    check(&scene.bench).unwrap();
}

#[test]
fn changing_the_image_is_refused_with_a_reason_and_a_way_out() {
    let scene = scene();
    let machine = stopped(&scene);
    let public = scene.provider.public[0].to_string();
    let refused = |form: &ChangeImageForm| instances::change_image(&scene.ctx(), form).unwrap_err();
    let form = change(machine, &public);
    assert_eq!(refused(&ChangeImageForm { sure: String::new(), ..form.clone() }).fields[0].field, "sure");
    assert_eq!(refused(&ChangeImageForm { price_version: 7, ..form.clone() }).code, "price_changed");
    assert_eq!(refused(&change(machine, "family:none")).code, "family_empty");
    let elsewhere = scene.provider.public[1].to_string();
    assert_eq!(refused(&change(machine, &elsewhere)).fields[0].field, "image");
    let image = scene.version("web-v1");
    let needs = EditImageForm {
        image: image.to_string(),
        revision: 1,
        name: "web-v1".to_owned(),
        min_memory_mib: Some("1024".to_owned()),
        ..EditImageForm::default()
    };
    images::update(&scene.ctx(), &needs).unwrap();
    assert_eq!(refused(&change(machine, &image.to_string())).fields[0].field, "image");
    let disabled = StageForm {
        image: image.to_string(),
        stage: "disabled".to_owned(),
        when: "now".to_owned(),
        ..StageForm::default()
    };
    images::set_stage(&scene.ctx(), &disabled).unwrap();
    assert_eq!(refused(&change(machine, &image.to_string())).code, "image_disabled");
    let reader = scene.bench.user("reader@acme.example").unwrap();
    assert_eq!(instances::change_image(&reader, &form).unwrap_err().kind, Kind::Forbidden);
    let stranger = scene.bench.user("owner@bolt.example").unwrap();
    assert_eq!(instances::change_image(&stranger, &form).unwrap_err().kind, Kind::NotFound);
    instances::start(&scene.ctx(), machine).unwrap();
    assert_eq!(refused(&form).code, "instance_busy");
    scene.bench.work().unwrap();
    assert_eq!(refused(&form).code, "instance_not_stopped");
    let id = scene.make("web", 1);
    let member = scene.group(id).members[0];
    instances::stop(&scene.ctx(), member).unwrap();
    scene.bench.work().unwrap();
    assert_eq!(refused(&change(member, &public)).code, "instance_in_group");
}

#[test]
fn a_machine_that_still_has_its_old_system_after_a_failure_can_be_captured_and_started() {
    let scene = scene();
    let machine = stopped(&scene);
    let before = scene.machine(machine);
    scene.version("web-v1");
    scene.bench.host.fail(Op::Start, PortError::Refused("It does not boot.".to_owned()), Effect::Whole, 1);
    let task = instances::change_image(&scene.ctx(), &change(machine, "family:web")).unwrap();
    scene.bench.work().unwrap();
    let after = scene.machine(machine);
    assert_eq!((after.status, &after.disks, &after.origin), (Status::Error, &before.disks, &before.origin));
    assert!(after.error.unwrap().contains("Its old system disk is as it was"));
    instances::start(&scene.ctx(), machine).unwrap();
    scene.bench.work().unwrap();
    assert_eq!(scene.bench.host.runs_from(machine), Some(before.disks[0].id));
    let form = CreateImageForm {
        what: String::new(),
        instance: machine.to_string(),
        name: "kept".to_owned(),
        remark: String::new(),
        price_version: 1,
    };
    let image = images::create(&scene.ctx(), &form).unwrap();
    scene.bench.work().unwrap();
    assert!(scene.owner.read::<Image>(&image).unwrap().unwrap().error.is_none());
    instances::stop(&scene.ctx(), machine).unwrap();
    scene.bench.work().unwrap();
    darkroom_core::ops::tasks::retry(&scene.ctx(), task).unwrap();
    scene.bench.work().unwrap();
    assert_eq!(scene.machine(machine).origin.name.as_str(), "web-v1");
    sweep::leftovers(&scene.bench.app).unwrap();
    check(&scene.bench).unwrap();
}
