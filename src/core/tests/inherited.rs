//! What an image inherits from the one its machine was deployed from (U17, F9), also when that is gone for good: limits of instance types, the
//! system inside, what network cards may do.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use darkroom_core::domain::form::{ChangeImageForm, DeployForm, EditImageForm, SnapshotImageForm};
use darkroom_core::domain::ids::{ImageId, InstanceId};
use darkroom_core::domain::image::made::Inherited;
use darkroom_core::domain::image::{BootMode, Image, Kind, Os, Status};
use darkroom_core::domain::instance::Instance;
use darkroom_core::domain::snapshot::{self, Snapshot};
use darkroom_core::domain::text::Name;
use darkroom_core::ops::ctx::Ctx;
use darkroom_core::ops::images::PublicImage;
use darkroom_core::ops::{images, instances, provider, snapshots, tasks};
use darkroom_core::ports::{PortError, Watcher};
use darkroom_core::sim::{Bench, Content, Effect, Op, Provider, check};
use darkroom_core::store::{StoreError, transact};

/// The provider has an image of a Windows that asks for two processors, and Acme a machine of it.
struct Scene {
    bench: Bench,
    provider: Provider,
    windows: ImageId,
    machine: InstanceId,
}

struct Nobody;

impl Watcher for Nobody {
    fn progress(&self, _done_bytes: u64, _total_bytes: u64) {}
    fn cancelled(&self) -> bool {
        false
    }
}

fn scene() -> Scene {
    let bench = Bench::new(24);
    let provider = bench.provider().unwrap();
    bench.host.put_file("files/win.raw", Content { virtual_bytes: 1 << 30, blocks: [(0, 5)].into() });
    let public = PublicImage {
        kind: Kind::System,
        name: Name::parse("windows").unwrap(),
        os: Os { kind: "windows".to_owned(), version: "Windows Server 2022".to_owned() },
        boot: BootMode::Uefi,
        min_vcpus: 2,
        min_memory_mib: 512,
        licence: "WIN".to_owned(),
        account: provider.accounts[1],
        project: provider.projects[2].1,
        region: "north-1".into(),
    };
    let system = bench.app.system();
    provider::change_region(&system, &"north-1".into(), |region| {
        region.limits.n_images_max = 9;
        Ok(())
    })
    .unwrap();
    let windows = provider::register_image(&system, public, "files/win.raw", &Nobody).unwrap();
    let edit = EditImageForm {
        image: windows.to_string(),
        name: "windows".to_owned(),
        max_memory_mib: Some("4096".to_owned()),
        nic_multiqueue: Some("on".to_owned()),
        sriov: Some("on".to_owned()),
        ..EditImageForm::default()
    };
    images::update(&system, &edit).unwrap();
    let owner = bench.user("owner@acme.example").unwrap();
    let project = provider.projects[0].1;
    let form = DeployForm {
        image: windows.to_string(),
        flavor: "m1.small".to_owned(),
        ..bench.deploy_form(&provider, project, "desk")
    };
    let machine = instances::create(&bench.at_present(&owner), &form).unwrap();
    bench.work().unwrap();
    bench.service_on(&owner, project).unwrap();
    Scene { bench, provider, windows, machine }
}

impl Scene {
    fn owner(&self) -> Ctx {
        self.bench.user("owner@acme.example").unwrap()
    }

    fn image(&self, id: ImageId) -> Image {
        self.owner().read::<Image>(&id).unwrap().unwrap()
    }

    fn machine(&self) -> Instance {
        self.owner().read::<Instance>(&self.machine).unwrap().unwrap()
    }

    /// The provider removes its image for good.
    fn purge(&self) {
        let system = self.bench.app.system();
        images::protect(&system, self.windows, false).unwrap();
        self.bench.remove(&system, self.windows).unwrap();
        self.bench.work().unwrap();
        assert!(system.read::<Image>(&self.windows).unwrap().is_none());
    }

    fn captured(&self, name: &str) -> Image {
        let (id, _) = self.bench.capture(&self.owner(), self.machine, name).unwrap();
        self.bench.work().unwrap();
        self.image(id)
    }

    fn snapshot(&self) -> Snapshot {
        let (id, _) = self.bench.snapshot(&self.owner(), self.machine, "system", "before").unwrap();
        self.bench.work().unwrap();
        self.owner().read::<Snapshot>(&id).unwrap().unwrap()
    }

    fn of_snapshot(&self, snapshot: &Snapshot, name: &str) -> Image {
        let form = SnapshotImageForm {
            snapshot: snapshot.id.to_string(),
            name: name.to_owned(),
            price_version: 1,
            ..SnapshotImageForm::default()
        };
        self.image(snapshots::create_image(&self.bench.at_present(&self.owner()), &form).unwrap())
    }

    /// What a type with one processor is refused with.
    fn refused(&self, image: &Image) -> String {
        let project = self.provider.projects[0].1;
        let form = DeployForm {
            image: image.id.to_string(),
            ..self.bench.deploy_form(&self.provider, project, "small")
        };
        let refused = instances::create(&self.bench.at_present(&self.owner()), &form).unwrap_err();
        assert_eq!(refused.fields[0].field, "flavor", "{refused}");
        refused.fields[0].message.clone()
    }

    /// The machine and the snapshot as a program stored them that did not note what is inherited.
    fn forget(&self, mut snapshot: Snapshot) -> Snapshot {
        let mut machine = self.machine();
        machine.origin.inherits = None;
        snapshot.origin.inherits = None;
        transact::<_, StoreError>(self.bench.records(), 1, |tx| {
            tx.put(&machine)?;
            tx.put(&snapshot)
        })
        .unwrap();
        snapshot
    }
}

fn windows() -> Inherited {
    Inherited {
        os: Os { kind: "windows".to_owned(), version: "Windows Server 2022".to_owned() },
        architecture: "x86_64".to_owned(),
        nic_multiqueue: true,
        sriov: true,
        min_vcpus: 2,
        min_memory_mib: 512,
        max_memory_mib: 4096,
    }
}

#[test]
fn limits_system_and_network_card_outlive_the_image_they_come_from() {
    let s = scene();
    let before = s.snapshot();
    s.purge();
    let later = s.snapshot();
    let made = [s.captured("child"), s.of_snapshot(&before, "of-before"), s.of_snapshot(&later, "of-later")];
    for image in &made {
        assert_eq!(image.passes_on(), windows(), "{}", image.name);
        assert_eq!((image.licence.as_str(), image.boot), ("WIN", BootMode::Uefi), "{}", image.name);
        assert_eq!(
            s.refused(image),
            "1 vCPU is too few for this image. Choose a type with at least 2.",
            "{}",
            image.name
        );
    }
    check(&s.bench).unwrap();
}

#[test]
fn what_is_inherited_is_what_the_image_said_when_the_machine_was_made() {
    let s = scene();
    let edit = EditImageForm {
        image: s.windows.to_string(),
        revision: 1,
        name: "windows".to_owned(),
        max_memory_mib: Some(String::new()),
        nic_multiqueue: Some("off".to_owned()),
        ..EditImageForm::default()
    };
    images::update(&s.bench.app.system(), &edit).unwrap();
    assert_eq!(s.captured("child").passes_on(), windows());
}

#[test]
fn another_image_of_a_machine_is_what_is_inherited_from_then_on() {
    let s = scene();
    // An image and a snapshot that fail before, and are made again after.
    let refusing = || PortError::Refused("No.".to_owned());
    s.bench.host.fail(Op::Capture, refusing(), Effect::None, 1);
    let failed = s.captured("failed");
    assert_eq!((failed.status, failed.passes_on()), (Status::Error, windows()));
    s.bench.host.fail(Op::Capture, refusing(), Effect::None, 1);
    let failed_snapshot = s.snapshot();
    assert_eq!(failed_snapshot.status, snapshot::Status::Error);
    instances::stop(&s.bench.at_present(&s.owner()), s.machine).unwrap();
    s.bench.work().unwrap();
    let form = ChangeImageForm {
        instance: s.machine.to_string(),
        image: s.provider.public[0].to_string(),
        sure: "yes".to_owned(),
        price_version: 1,
        ..ChangeImageForm::default()
    };
    instances::change_image(&s.bench.at_present(&s.owner()), &form).unwrap();
    s.bench.work().unwrap();
    for task in [failed.task.unwrap(), failed_snapshot.task.unwrap()] {
        tasks::retry(&s.bench.at_present(&s.owner()), task).unwrap();
        s.bench.work().unwrap();
    }
    let again = s.owner().read::<Snapshot>(&failed_snapshot.id).unwrap().unwrap();
    let plain = s.image(s.provider.public[0]);
    for image in [s.captured("child"), s.image(failed.id), s.of_snapshot(&again, "of-again")] {
        assert_eq!(image.passes_on(), Inherited::default(), "{}", image.name);
        assert_eq!((image.parent, image.licence.as_str()), (Some(plain.id), "GPL"), "{}", image.name);
        assert_eq!((image.status, image.boot), (Status::Available, BootMode::Bios), "{}", image.name);
    }
    check(&s.bench).unwrap();
}

#[test]
fn what_an_older_program_did_not_note_comes_from_the_image_while_it_is_there() {
    let s = scene();
    let snapshot = s.forget(s.snapshot());
    for image in [s.captured("child"), s.of_snapshot(&snapshot, "of-snapshot")] {
        assert_eq!(image.passes_on(), windows(), "{}", image.name);
    }
    s.purge();
    for image in [s.captured("orphan"), s.of_snapshot(&snapshot, "of-orphan")] {
        assert_eq!(image.passes_on(), Inherited::default(), "{}: nobody knows any more", image.name);
        assert_eq!(image.licence, "WIN", "{}: that was always noted", image.name);
    }
    check(&s.bench).unwrap();
}
