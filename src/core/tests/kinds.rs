//! Kinds of image as people meet them: what of a machine can be captured, whole machines and where they are deployed, data disks, what a copy
//! takes along, and how many may have which kind.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use darkroom_core::domain::Error;
use darkroom_core::domain::disk::{DiskKind, DiskRole};
use darkroom_core::domain::form::{
    ChangeImageForm, CopyImageForm, CreateImageForm, DeployForm, EditImageForm, ShareForm,
};
use darkroom_core::domain::ids::{ImageId, InstanceId, ProjectId};
use darkroom_core::domain::image::list::ImageQuery;
use darkroom_core::domain::image::{BootMode, Image, Kind, Os, Status};
use darkroom_core::domain::instance::Instance;
use darkroom_core::domain::share;
use darkroom_core::domain::size::GIB;
use darkroom_core::domain::task::{State, Task};
use darkroom_core::domain::text::Name;
use darkroom_core::ops::ctx::{Ctx, Place};
use darkroom_core::ops::images::PublicImage;
use darkroom_core::ops::{images, instances, provider, shares};
use darkroom_core::ports::{PortError, Watcher};
use darkroom_core::sim::{Bench, Content, Effect, Op, Provider, check, check_at_rest};
use darkroom_core::tasks::sweep;
use std::collections::BTreeMap;

/// Acme has a machine in `web` with data disks of 3 GiB and 1 GiB on ssd.
struct Scene {
    bench: Bench,
    provider: Provider,
    web: ProjectId,
    machine: InstanceId,
}

fn scene_of(kinds: [&str; 2]) -> Scene {
    let bench = Bench::new(21);
    let provider = bench.provider().unwrap();
    let web = provider.projects[0].1;
    let owner = bench.user("owner@acme.example").unwrap();
    let form = DeployForm {
        data1_gib: "3".to_owned(),
        data1_kind: kinds[0].to_owned(),
        data2_gib: "1".to_owned(),
        data2_kind: kinds[1].to_owned(),
        ..bench.deploy_form(&provider, web, "web")
    };
    let machine = instances::create(&owner, &form).unwrap();
    bench.work().unwrap();
    bench.service_on(&owner, web).unwrap();
    bench.host.write(machine, 3, 33);
    Scene { bench, provider, web, machine }
}

fn scene() -> Scene {
    scene_of(["ssd", "ssd"])
}

impl Scene {
    fn owner(&self) -> Ctx {
        self.bench.user("owner@acme.example").unwrap()
    }

    fn machine(&self, id: InstanceId) -> Instance {
        self.owner().read::<Instance>(&id).unwrap().unwrap()
    }

    fn image(&self, id: ImageId) -> Image {
        self.owner().read::<Image>(&id).unwrap().unwrap()
    }

    fn ask(&self, what: &str, name: &str) -> Result<ImageId, Error> {
        let form = CreateImageForm {
            instance: self.machine.to_string(),
            what: what.to_owned(),
            name: name.to_owned(),
            remark: String::new(),
            price_version: 1,
        };
        images::create(&self.owner(), &form)
    }

    fn made(&self, what: &str, name: &str) -> Image {
        let id = self.ask(what, name).unwrap();
        self.bench.work().unwrap();
        check(&self.bench).unwrap();
        let image = self.image(id);
        assert_eq!(image.status, Status::Available);
        image
    }

    fn data_disk(&self, n: usize) -> String {
        self.machine(self.machine).disks[n].id.to_string()
    }

    fn deploy_form(&self, image: &Image, name: &str) -> DeployForm {
        DeployForm { image: image.id.to_string(), ..self.bench.deploy_form(&self.provider, self.web, name) }
    }

    /// Fields and messages that deploying is refused with.
    fn deploy_faults(&self, form: &DeployForm) -> Vec<(String, String)> {
        let refused = instances::create(&self.owner(), form).unwrap_err();
        assert_eq!(refused.code, "invalid_input", "{refused}");
        refused.fields.into_iter().map(|f| (f.field, f.message)).collect()
    }

    fn copy(&self, image: &Image, regions: &[&str], data_disks: &str, name: &str) -> Vec<Image> {
        let form = CopyImageForm {
            image: image.id.to_string(),
            project: self.web.to_string(),
            regions: regions.iter().map(|r| (*r).to_owned()).collect(),
            name: name.to_owned(),
            data_disks: data_disks.to_owned(),
            price_versions: BTreeMap::from([("north-1".to_owned(), 1), ("south-1".to_owned(), 1)]),
            ..CopyImageForm::default()
        };
        let made = images::copy(&self.owner(), &form).unwrap();
        self.bench.work().unwrap();
        check(&self.bench).unwrap();
        made.into_iter().map(|id| self.image(id)).collect()
    }

    fn rest(&self) {
        self.bench.work().unwrap();
        check_at_rest(&self.bench).unwrap();
    }
}

#[test]
fn an_image_of_a_whole_machine_has_all_its_disks_and_its_zone() {
    let s = scene();
    let options = images::capture_options(&s.owner(), s.machine).unwrap();
    let offered: Vec<(&str, Kind, usize, bool)> = options
        .choices
        .iter()
        .map(|c| (c.what.as_str(), c.kind, c.disks.len(), c.refused.is_none()))
        .collect();
    let (one, two) = (s.data_disk(1), s.data_disk(2));
    assert_eq!(
        offered,
        [
            ("system", Kind::System, 1, true),
            ("machine", Kind::Machine, 3, true),
            (one.as_str(), Kind::Data, 1, true),
            (two.as_str(), Kind::Data, 1, true),
        ]
    );
    assert_eq!(options.choices[1].disk_bytes, 6 * GIB);
    assert!(options.choices[1].needs_snapshot_service && !options.choices[2].needs_snapshot_service);

    let image = s.made("machine", "all");
    assert_eq!((image.kind, image.zone.clone()), (Kind::Machine, Some("a".into())));
    let disks: Vec<_> = image.disks.iter().map(|d| (d.role, d.storage, d.virtual_bytes)).collect();
    let ssd = Some(DiskKind::Ssd);
    let expected =
        [(DiskRole::System, ssd, 2 * GIB), (DiskRole::Data, ssd, 3 * GIB), (DiskRole::Data, ssd, GIB)];
    assert_eq!(disks, expected);
    assert_eq!(image.disk_labels(), ["system, ssd, 2 GiB", "data-1, ssd, 3 GiB", "data-2, ssd, 1 GiB"]);
    assert_eq!(image.min_disk_bytes, 2 * GIB);
    let of_system = s.made("", "system");
    assert_eq!((of_system.kind, of_system.zone, of_system.disks.len()), (Kind::System, None, 1));
    s.rest();
}

#[test]
fn a_data_disk_becomes_an_image_that_nothing_of_a_system_is_in() {
    let s = scene();
    let image = s.made(&s.data_disk(1), "data");
    assert_eq!((image.kind, image.zone.clone(), image.disks.len()), (Kind::Data, None, 1));
    assert_eq!((image.disks[0].role, image.min_disk_bytes), (DiskRole::Data, 3 * GIB));
    assert!(image.licence.is_empty() && image.parent.is_none());
    // No machine is made from it, and it leads no family.
    let refused = instances::create(&s.owner(), &s.deploy_form(&image, "new")).unwrap_err();
    assert_eq!(refused.code, "image_is_data");
    assert!(refused.message.contains("add a new disk"), "{refused}");
    let form = EditImageForm {
        image: image.id.to_string(),
        name: "data".to_owned(),
        family: Some("web".to_owned()),
        ..EditImageForm::default()
    };
    images::update(&s.owner(), &form).unwrap();
    let place = Place { project: Some(s.web), region: "north-1".into() };
    let options = instances::deploy_options(&s.owner(), &place).unwrap();
    assert!(options.families.is_empty() && options.mine.is_empty());
    s.rest();
}

#[test]
fn data_disks_that_cannot_be_captured_are_named_at_the_field() {
    let s = scene_of(["ssd", "economy"]);
    for (what, code, words) in [
        ("machine".to_owned(), "data_disk_kind", "data-2 is on economy"),
        (s.data_disk(2), "data_disk_kind", "data-2 is on economy"),
        (s.data_disk(0), "not_a_data_disk", "no such data disk"),
    ] {
        let refused = s.ask(&what, "refused").unwrap_err();
        assert_eq!((refused.code.as_str(), refused.fields[0].field.as_str()), (code, "what"));
        assert!(refused.message.contains(words), "{refused}");
    }
    assert_eq!(s.ask("everything", "refused").unwrap_err().fields[0].field, "what");
    // What is on ssd can still be captured, and the system disk whatever the others are on.
    s.made(&s.data_disk(1), "data");
    s.made("system", "system");
    let plain = s.bench.machine(&s.owner(), &s.provider, s.web, "plain").unwrap();
    let form = CreateImageForm {
        instance: plain.to_string(),
        what: "machine".to_owned(),
        name: "x".to_owned(),
        price_version: 1,
        ..CreateImageForm::default()
    };
    assert_eq!(images::create(&s.owner(), &form).unwrap_err().code, "no_data_disks");
    s.rest();
}

#[test]
fn storing_goes_on_with_the_disk_that_is_not_stored_yet() {
    let s = scene();
    let id = s.ask("machine", "all").unwrap();
    let task = || s.owner().read::<Task>(&s.image(id).task.unwrap()).unwrap().unwrap();
    s.bench.engine.run_once().unwrap();
    s.bench.engine.run_once().unwrap();
    let first = task();
    assert_eq!((first.outputs.scratch.len(), first.outputs.stored.len(), first.step), (3, 1, 1));
    // Were the first disk stored again, this would be in the image.
    s.bench.host.put_file(&first.outputs.scratch[0].path, Content::empty(GIB));
    s.bench.host.fail(Op::Ingest, PortError::Unavailable("Not now.".to_owned()), Effect::Whole, 2);
    s.bench.work().unwrap();
    assert_eq!(task().state, State::Done);
    let image = s.image(id);
    assert_eq!(image.disks[0], first.outputs.stored[0]);
    assert_eq!(image.virtual_bytes(), 6 * GIB);
    s.rest();
}

#[test]
fn a_whole_machine_is_deployed_with_its_data_disks_in_its_zone_and_not_onto_local_disks() {
    let s = scene();
    let image = s.made("machine", "all");
    let form = s.deploy_form(&image, "twin");
    let faults = s.deploy_faults(&DeployForm {
        zone: "b".to_owned(),
        disk_kind: "local".to_owned(),
        disk_gib: "1".to_owned(),
        data1_gib: "2".to_owned(),
        data1_kind: "ssd".to_owned(),
        data2_kind: "local".to_owned(),
        ..form.clone()
    });
    let fields: Vec<&str> = faults.iter().map(|(field, _)| field.as_str()).collect();
    // The type of the scene runs on no local disks either, which is said as well.
    assert_eq!(
        fields,
        ["disk_gib", "zone", "disk_kind", "data1_gib", "data2_kind", "disk_kind", "data2_kind"]
    );
    assert!(faults[1].1.contains("north-1a") && faults[3].1.contains("at least 3 GiB"), "{faults:?}");

    // Without a word about them the disks are as large as in the image; others come after them.
    let form = DeployForm {
        data2_gib: "2".to_owned(),
        data2_kind: "economy".to_owned(),
        data3_gib: "1".to_owned(),
        data3_kind: "ssd".to_owned(),
        ..form
    };
    let id = instances::create(&s.owner(), &form).unwrap();
    s.bench.work().unwrap();
    let machine = s.machine(id);
    let disks: Vec<_> =
        machine.disks.iter().map(|d| (d.kind, d.size_bytes / GIB, d.base.is_some())).collect();
    use DiskKind::{Economy, Ssd};
    assert_eq!(disks, [(Ssd, 2, true), (Ssd, 3, true), (Economy, 2, true), (Ssd, 1, false)]);
    let bases: Vec<_> = machine.disks.iter().filter_map(|d| d.base.clone()).collect();
    let prints: Vec<_> = image.disks.iter().map(|d| d.fingerprint.clone()).collect();
    assert_eq!(bases, prints);
    let charged = s.bench.app.meters.all();
    let charged =
        |id: uuid::Uuid| charged.iter().filter(|m| m.subject.uuid() == id && m.to.is_none()).count();
    assert!(machine.disks.iter().all(|d| charged(d.id.0) == 1));
    // What was captured can be captured again, apart from what went onto economy.
    s.rest();
}

#[test]
fn a_machine_elsewhere_does_not_get_the_system_of_a_whole_machine() {
    let s = scene();
    let whole = s.made("machine", "all");
    let form = DeployForm { zone: "b".to_owned(), ..s.bench.deploy_form(&s.provider, s.web, "far") };
    let far = instances::create(&s.owner(), &form).unwrap();
    s.bench.work().unwrap();
    for machine in [far, s.machine] {
        instances::stop(&s.owner(), machine).unwrap();
    }
    s.bench.work().unwrap();
    let change = |machine: InstanceId| {
        let form = ChangeImageForm {
            instance: machine.to_string(),
            image: whole.id.to_string(),
            sure: "yes".to_owned(),
            price_version: 1,
            ..ChangeImageForm::default()
        };
        instances::change_image(&s.owner(), &form)
    };
    let refused = change(far).unwrap_err();
    assert_eq!(refused.fields[0].field, "image");
    assert!(refused.fields[0].message.contains("own zone only"), "{refused:?}");
    change(s.machine).unwrap();
    s.bench.work().unwrap();
    assert_eq!(s.machine(s.machine).disks.len(), 3, "its data disks stay");
    sweep::leftovers(&s.bench.app).unwrap();
    s.rest();
}

#[test]
fn a_copy_leaves_the_data_disks_out_unless_they_are_asked_for() {
    let s = scene();
    let image = s.made("machine", "all");
    let options = images::copy_options(&s.owner(), image.id, None).unwrap();
    let with_data = options.with_data.unwrap();
    assert_eq!((options.virtual_bytes, with_data.virtual_bytes), (2 * GIB, 6 * GIB));
    assert_eq!(with_data.disks, ["data-1, ssd, 3 GiB", "data-2, ssd, 1 GiB"]);
    assert!(
        options
            .regions
            .iter()
            .all(|r| r.cost.estimate.month < r.with_data.unwrap().estimate.month && r.zone.is_some())
    );

    for (data_disks, kind, zone, n) in
        [("", Kind::System, None, 1), ("yes", Kind::Machine, Some("a".into()), 3)]
    {
        let name = if n == 1 { "plain" } else { "whole" };
        let copies =
            s.copy(&image, if n == 1 { &["north-1", "south-1"] } else { &["south-1"] }, data_disks, name);
        for copy in copies {
            assert_eq!((copy.kind, copy.zone.clone(), copy.disks.len()), (kind, zone.clone(), n));
            assert_eq!(
                (copy.status, copy.disks[0].fingerprint.clone()),
                (Status::Available, image.disks[0].fingerprint.clone())
            );
            assert_eq!(copy.min_disk_bytes, 2 * GIB);
        }
    }
    // A data-disk image copies whole.
    let data = s.made(&s.data_disk(1), "data");
    let copy = s.copy(&data, &["south-1"], "", "data").remove(0);
    assert_eq!((copy.kind, copy.disks.len()), (Kind::Data, 1));
    assert_eq!(images::copy_options(&s.owner(), data.id, None).unwrap().with_data, None);
    s.rest();
}

#[test]
fn a_failed_copy_is_done_again_with_the_disks_it_was_to_have() {
    let s = scene();
    let image = s.made("machine", "all");
    s.bench.host.fail(Op::Transfer, PortError::Refused("Never.".to_owned()), Effect::None, 1);
    let failed = s.copy(&image, &["south-1"], "", "plain").remove(0);
    assert_eq!((failed.status, failed.kind), (Status::Error, Kind::System));
    darkroom_core::ops::tasks::retry(&s.owner(), failed.task.unwrap()).unwrap();
    s.bench.work().unwrap();
    let done = s.image(failed.id);
    assert_eq!((done.status, done.disks.len()), (Status::Available, 1));
    s.rest();
}

#[test]
fn an_image_of_a_whole_machine_has_a_limit_of_recipients_of_its_own() {
    let s = scene();
    let friend = s.bench.user("owner@bolt.example").unwrap();
    let (whole, plain) = (s.made("machine", "all"), s.made("", "plain"));
    let theirs = [s.provider.projects[2].1, s.provider.projects[3].1];
    for (image, second) in [(&whole, Some("shared_limit_reached")), (&plain, None)] {
        let form = ShareForm {
            image: image.id.to_string(),
            projects: format!("{} {}", theirs[0], theirs[1]),
            sure: "yes".to_owned(),
            ..ShareForm::default()
        };
        shares::share(&s.owner(), &form).unwrap();
        shares::decide(&s.bench.at_present(&friend), image.id, theirs[0], share::Action::Accept).unwrap();
        let refused =
            shares::decide(&s.bench.at_present(&friend), image.id, theirs[1], share::Action::Accept);
        assert_eq!(refused.err().map(|e| e.code).as_deref().is_some(), second.is_some());
        let shown = shares::sharing(&s.owner(), image.id).unwrap();
        assert_eq!(shown.n_accepted_max, if second.is_some() { 1 } else { 2 });
    }
    s.rest();
}

#[test]
fn a_machine_made_from_a_disc_has_an_empty_disk_and_keeps_the_disc() {
    let s = scene();
    s.bench.host.put_file("files/disc.iso", Content { virtual_bytes: 40_960, blocks: [(0, 9)].into() });
    let public = PublicImage {
        kind: Kind::Iso,
        name: Name::parse("installer").unwrap(),
        os: Os::default(),
        boot: BootMode::Bios,
        min_vcpus: 0,
        min_memory_mib: 0,
        licence: String::new(),
        account: s.provider.accounts[1],
        project: s.provider.projects[2].1,
        region: "north-1".into(),
    };
    let disc = provider::register_image(&s.bench.app.system(), public, "files/disc.iso", &Nobody).unwrap();
    let disc = s.image(disc);
    assert_eq!((disc.kind, disc.least_disk_bytes()), (Kind::Iso, 0));
    let form = DeployForm { disk_gib: "1".to_owned(), ..s.deploy_form(&disc, "fresh") };
    let machine = instances::create(&s.owner(), &form).unwrap();
    s.bench.work().unwrap();
    let found = s.machine(machine);
    assert_eq!(found.iso.as_deref(), Some(disc.disks[0].fingerprint.as_str()));
    assert_eq!((found.disks.len(), found.disks[0].base.clone(), found.disks[0].size_bytes), (1, None, GIB));
    // The content stays as long as a machine has it in its drive.
    let live = || sweep::live(&s.bench.app, &"north-1".into()).unwrap().contains(&disc.disks[0].fingerprint);
    let system = s.bench.app.system();
    images::protect(&system, disc.id, false).unwrap();
    s.bench.remove(&system, disc.id).unwrap();
    s.bench.work().unwrap();
    assert!(system.read::<Image>(&disc.id).unwrap().is_none() && live());
    instances::delete(&s.owner(), machine).unwrap();
    s.bench.work().unwrap();
    assert!(!live());
    check(&s.bench).unwrap();
}

#[test]
fn what_an_image_asks_of_a_type_is_asked_of_everything_that_is_made_of_it() {
    let s = scene();
    s.bench.host.put_file("files/two.raw", Content { virtual_bytes: GIB, blocks: [(0, 9)].into() });
    let public = PublicImage {
        kind: Kind::System,
        name: Name::parse("two cores").unwrap(),
        os: Os::default(),
        boot: BootMode::Bios,
        min_vcpus: 2,
        min_memory_mib: 0,
        licence: String::new(),
        account: s.provider.accounts[1],
        project: s.provider.projects[2].1,
        region: "north-1".into(),
    };
    let parent = provider::register_image(&s.bench.app.system(), public, "files/two.raw", &Nobody).unwrap();
    let form = s.deploy_form(&s.image(parent), "small");
    let too_few = "1 vCPU is too few for this image. Choose a type with at least 2.".to_owned();
    assert_eq!(s.deploy_faults(&form), [("flavor".to_owned(), too_few.clone())]);
    let machine =
        instances::create(&s.owner(), &DeployForm { flavor: "m1.small".to_owned(), ..form }).unwrap();
    s.bench.work().unwrap();
    let form = CreateImageForm {
        instance: machine.to_string(),
        name: "child".to_owned(),
        price_version: 1,
        ..CreateImageForm::default()
    };
    let child = images::create(&s.owner(), &form).unwrap();
    s.bench.work().unwrap();
    let copy = s.copy(&s.image(child), &["south-1"], "", "grandchild").remove(0);
    assert_eq!((s.image(child).min_vcpus, copy.min_vcpus), (2, 2));
    let form = s.deploy_form(&s.image(child), "again");
    assert_eq!(s.deploy_faults(&form), [("flavor".to_owned(), too_few)]);
    s.rest();
}

struct Nobody;

impl Watcher for Nobody {
    fn progress(&self, _done_bytes: u64, _total_bytes: u64) {}
    fn cancelled(&self) -> bool {
        false
    }
}

#[test]
fn the_exported_list_says_of_what_each_image_is() {
    let s = scene();
    let data = s.data_disk(1);
    for (what, name, kind) in
        [("system", "s", "System disk"), ("machine", "m", "Whole machine"), (data.as_str(), "d", "Data disk")]
    {
        let image = s.made(what, name);
        let place = Place { project: Some(image.project), region: image.region.clone() };
        let rows = images::export(&s.owner(), &place, &ImageQuery::default(), &[image.id]).unwrap();
        assert_eq!(rows.iter().map(|row| row.kind).collect::<Vec<_>>(), [kind]);
    }
}
