//! Data disks of a machine that is there, as people meet them: added while it is off, empty or from a data-disk image, never over one that is
//! there, charged from when they exist until they are removed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use darkroom_core::domain::Error;
use darkroom_core::domain::disk::{DiskKind, DiskRole};
use darkroom_core::domain::form::{AddDiskForm, CreateImageForm, RemoveDiskForm, ShareForm};
use darkroom_core::domain::ids::{DiskId, ImageId, InstanceId};
use darkroom_core::domain::image::{Image, Kind};
use darkroom_core::domain::instance::{Instance, Status};
use darkroom_core::domain::share;
use darkroom_core::domain::size::GIB;
use darkroom_core::domain::task::State;
use darkroom_core::ops::ctx::{Ctx, Place};
use darkroom_core::ops::verify::verify;
use darkroom_core::ops::{disks, images, instances, shares, tasks};
use darkroom_core::ports::PortError;
use darkroom_core::sim::{Bench, Effect, Op, Provider, check, check_at_rest};

struct Scene {
    bench: Bench,
    provider: Provider,
    machine: InstanceId,
}

/// A machine of Acme that is off.
fn scene() -> Scene {
    let bench = Bench::new(31);
    let provider = bench.provider().unwrap();
    let owner = bench.user("owner@acme.example").unwrap();
    let machine = bench.machine(&owner, &provider, provider.projects[0].1, "web").unwrap();
    let scene = Scene { bench, provider, machine };
    scene.stop();
    scene
}

impl Scene {
    fn owner(&self) -> Ctx {
        self.bench.user("owner@acme.example").unwrap()
    }

    fn machine(&self) -> Instance {
        self.owner().read::<Instance>(&self.machine).unwrap().unwrap()
    }

    fn stop(&self) {
        instances::stop(&self.owner(), self.machine).unwrap();
        self.bench.work().unwrap();
    }

    fn start(&self) {
        instances::start(&self.owner(), self.machine).unwrap();
        self.bench.work().unwrap();
    }

    fn form(&self, source: &str, size_gib: &str) -> AddDiskForm {
        AddDiskForm {
            instance: self.machine.to_string(),
            source: source.to_owned(),
            kind: "ssd".to_owned(),
            size_gib: size_gib.to_owned(),
            price_version: 1,
        }
    }

    fn ask(&self, source: &str, size_gib: &str) -> Result<DiskId, Error> {
        disks::add(&self.owner(), &self.form(source, size_gib))
    }

    fn added(&self, source: &str, size_gib: &str) -> DiskId {
        let id = self.ask(source, size_gib).unwrap();
        assert_eq!(self.machine().status, Status::Updating);
        assert_eq!(self.charged(id), Vec::<u64>::new(), "it does not exist yet");
        self.bench.work().unwrap();
        check(&self.bench).unwrap();
        id
    }

    fn removed(&self, disk: DiskId) -> Result<(), Error> {
        let form = RemoveDiskForm { instance: self.machine.to_string(), disk: disk.to_string() };
        disks::remove(&self.owner(), &form).map(drop)
    }

    /// What open meters of a disk charge for, in bytes.
    fn charged(&self, disk: DiskId) -> Vec<u64> {
        let meters = self.bench.app.meters.all();
        let own = meters.iter().filter(|m| m.subject.uuid() == disk.0 && m.to.is_none());
        own.map(|m| m.quantity_bytes).collect()
    }

    fn image_of(&self, disk: DiskId, name: &str) -> Image {
        let form = CreateImageForm {
            instance: self.machine.to_string(),
            what: disk.to_string(),
            name: name.to_owned(),
            remark: String::new(),
            price_version: 1,
        };
        let id: ImageId = images::create(&self.owner(), &form).unwrap();
        self.bench.work().unwrap();
        self.owner().read::<Image>(&id).unwrap().unwrap()
    }

    fn rest(&self) {
        self.bench.work().unwrap();
        check_at_rest(&self.bench).unwrap();
        assert_eq!(verify(self.bench.records()).unwrap().findings, Vec::<String>::new());
    }
}

#[test]
fn a_new_disk_is_charged_from_when_it_exists_until_it_is_removed() {
    let s = scene();
    let disk = s.added("empty", "2");
    assert_eq!(s.charged(disk), [2 * GIB]);
    let found = s.machine();
    assert_eq!(
        (found.status, found.disks[1].role, found.disks[1].base.clone()),
        (Status::Stopped, DiskRole::Data, None)
    );
    let options = disks::removal(&s.owner(), s.machine, disk).unwrap();
    assert_eq!((options.label.as_str(), options.blocked), ("data-1, ssd, 2 GiB", None));
    s.removed(disk).unwrap();
    assert_eq!(s.charged(disk), Vec::<u64>::new(), "nobody pays for what is on its way out");
    s.bench.work().unwrap();
    assert_eq!(s.machine().disks.len(), 1);
    assert_eq!(s.bench.host.disks(s.machine).len(), 1);
    s.start();
    s.rest();
}

#[test]
fn a_disk_from_a_data_image_is_always_a_new_one_with_the_same_content() {
    let s = scene();
    let first = s.added("", "3");
    s.start();
    s.bench.host.write(s.machine, 4, 44);
    let image = s.image_of(first, "data");
    assert_eq!(image.kind, Kind::Data);
    s.bench.host.write(s.machine, 4, 45);
    s.stop();
    let options = disks::options(&s.owner(), s.machine).unwrap();
    assert_eq!(options.images.iter().map(|i| i.id).collect::<Vec<_>>(), [image.id]);
    assert_eq!((options.kinds, options.blocked), (vec![DiskKind::Ssd, DiskKind::Economy], None));
    let second = s.added(&image.id.to_string(), "");
    assert_ne!(first, second);
    let machine = s.machine();
    assert_eq!(machine.disks[2].base.as_deref(), Some(image.disks[0].fingerprint.as_str()));
    assert_eq!((machine.disks[1].size_bytes, machine.disks[2].size_bytes), (3 * GIB, 3 * GIB));
    // What is on it is what the image has; what is on the first went on.
    let (again, newer) = (s.image_of(second, "again"), s.image_of(first, "newer"));
    assert_eq!(again.disks[0].fingerprint, image.disks[0].fingerprint);
    assert_ne!(newer.disks[0].fingerprint, image.disks[0].fingerprint);
    s.rest();
}

#[test]
fn a_data_image_that_somebody_shares_makes_a_new_disk_too() {
    let s = scene();
    let friend = || s.bench.user("owner@bolt.example").unwrap();
    let image = s.image_of(s.added("", "3"), "data");
    let theirs = s.provider.projects[2].1;
    let share = ShareForm {
        image: image.id.to_string(),
        projects: theirs.to_string(),
        sure: "yes".to_owned(),
        ..ShareForm::default()
    };
    shares::share(&s.owner(), &share).unwrap();
    let machine = s.bench.machine(&friend(), &s.provider, theirs, "db").unwrap();
    instances::stop(&friend(), machine).unwrap();
    s.bench.work().unwrap();
    assert!(disks::options(&friend(), machine).unwrap().shared.is_empty(), "not accepted yet");
    shares::decide(&friend(), image.id, theirs, share::Action::Accept).unwrap();
    let offered = disks::options(&friend(), machine).unwrap().shared;
    assert_eq!(offered.iter().map(|choice| choice.id).collect::<Vec<_>>(), [image.id]);
    let place = Place { project: Some(theirs), region: "north-1".into() };
    assert!(
        instances::deploy_options(&friend(), &place).unwrap().shared.is_empty(),
        "nothing starts from it"
    );
    let form = AddDiskForm { instance: machine.to_string(), ..s.form(&image.id.to_string(), "") };
    disks::add(&friend(), &form).unwrap();
    s.bench.work().unwrap();
    let disks = friend().read::<Instance>(&machine).unwrap().unwrap().disks;
    assert_eq!(disks[1].base.as_deref(), Some(image.disks[0].fingerprint.as_str()));
    s.rest();
}

#[test]
fn refusals_say_where_and_why() {
    let s = scene();
    let disk = s.added("", "3");
    let data = s.image_of(disk, "data");
    let form = CreateImageForm {
        instance: s.machine.to_string(),
        name: "system".to_owned(),
        price_version: 1,
        ..CreateImageForm::default()
    };
    let system = images::create(&s.owner(), &form).unwrap();
    s.bench.work().unwrap();
    let refused = s.ask(&system.to_string(), "9").unwrap_err();
    assert_eq!((refused.code.as_str(), refused.fields[0].field.as_str()), ("image_is_not_data", "source"));
    let refused = s.ask(&data.id.to_string(), "2").unwrap_err();
    assert_eq!(refused.fields[0].field, "size_gib");
    assert!(refused.fields[0].message.contains("at least 3 GiB"), "{refused}");
    let local = AddDiskForm { kind: "local".to_owned(), ..s.form("", "2") };
    assert_eq!(disks::add(&s.owner(), &local).unwrap_err().fields[0].field, "kind");
    let stale = AddDiskForm { price_version: 0, ..s.form("", "2") };
    assert_eq!(disks::add(&s.owner(), &stale).unwrap_err().code, "price_changed");
    assert_eq!(s.removed(s.machine().disks[0].id).unwrap_err().code, "system_disk");
    assert_eq!(s.removed(DiskId(uuid::Uuid::from_u128(1))).unwrap_err().code, "not_found");
    let reader = s.bench.user("reader@acme.example").unwrap();
    assert_eq!(disks::add(&reader, &s.form("", "2")).unwrap_err().code, "forbidden");
    let stranger = s.bench.user("owner@bolt.example").unwrap();
    assert_eq!(disks::add(&stranger, &s.form("", "2")).unwrap_err().code, "not_found");

    s.added("", "1");
    s.added("", "1");
    assert_eq!(s.ask("", "1").unwrap_err().code, "data_disk_limit_reached");
    s.removed(disk).unwrap();
    assert_eq!(s.ask("", "1").unwrap_err().code, "instance_busy");
    s.bench.work().unwrap();
    s.start();
    let refused = s.ask("", "1").unwrap_err();
    assert_eq!(refused.code, "instance_not_stopped");
    assert!(refused.message.contains("Stop it first"), "{refused}");
    assert_eq!(s.removed(s.machine().disks[1].id).unwrap_err().code, "instance_not_stopped");
    s.rest();
}

#[test]
fn what_cannot_be_made_leaves_the_machine_as_it_was() {
    let s = scene();
    s.bench.host.fail(Op::Create, PortError::NoSpace { place: "north-1".to_owned() }, Effect::Whole, 1);
    let disk = s.ask("", "2").unwrap();
    let task = s.machine().task.unwrap();
    s.bench.work().unwrap();
    let machine = s.machine();
    assert_eq!((machine.status, machine.disks.len(), machine.error.clone()), (Status::Stopped, 1, None));
    assert_eq!(tasks::detail(&s.owner(), task).unwrap().state, State::Failed);
    assert_eq!(s.charged(disk), Vec::<u64>::new());

    s.ask("", "2").unwrap();
    tasks::cancel(&s.owner(), s.machine().task.unwrap()).unwrap();
    s.bench.work().unwrap();
    assert_eq!((s.machine().status, s.machine().disks.len()), (Status::Stopped, 1));
    s.start();
    s.rest();
}
