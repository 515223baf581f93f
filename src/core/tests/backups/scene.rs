//! Acme's machine with a data disk, and what one does to it: where the tests of snapshots begin.

use darkroom_core::domain::Error;
use darkroom_core::domain::event::AuditQuery;
use darkroom_core::domain::form::{DeployForm, ScheduleForm, ServiceForm, SnapshotImageForm};
use darkroom_core::domain::ids::{InstanceId, ScheduleId, SnapshotId, Subject};
use darkroom_core::domain::image::Image;
use darkroom_core::domain::meter::Charge;
use darkroom_core::domain::quota::Counter;
use darkroom_core::domain::schedule::Schedule;
use darkroom_core::domain::snapshot::Snapshot;
use darkroom_core::ops::ctx::{Ctx, Place};
use darkroom_core::ops::snapshots::{self, schedules, service};
use darkroom_core::ops::{audit, instances};
use darkroom_core::sim::{Bench, GRACE_MS, Provider, check, check_at_rest};
use darkroom_core::tasks::sweep;

pub const HOUR_MS: i64 = 3_600_000;

/// Acme's machine with a data disk of 1 GiB, running.
pub struct Scene {
    pub bench: Bench,
    pub provider: Provider,
    pub machine: InstanceId,
}

pub fn scene_of(data_kind: &str) -> Scene {
    let bench = Bench::new(16);
    let provider = bench.provider().unwrap();
    let owner = bench.user("owner@acme.example").unwrap();
    let form = DeployForm {
        data1_gib: "1".to_owned(),
        data1_kind: data_kind.to_owned(),
        ..bench.deploy_form(&provider, provider.projects[0].1, "web")
    };
    let machine = instances::create(&owner, &form).unwrap();
    bench.work().unwrap();
    Scene { bench, provider, machine }
}

/// The same with the service on.
pub fn scene() -> Scene {
    let scene = scene_of("ssd");
    scene.turn("on").unwrap();
    scene
}

impl Scene {
    pub fn owner(&self) -> Ctx {
        self.bench.user("owner@acme.example").unwrap()
    }

    pub fn place(&self) -> Place {
        Place { project: Some(self.provider.projects[0].1), region: "north-1".into() }
    }

    pub fn turn_as(&self, ctx: &Ctx, turn: &str, price_version: u32) -> Result<(), Error> {
        let form = ServiceForm { region: "north-1".to_owned(), turn: turn.to_owned(), price_version };
        service::turn(&self.bench.at_present(ctx), &self.place(), &form)
    }

    pub fn turn(&self, turn: &str) -> Result<(), Error> {
        let version = service::service(&self.owner(), &self.place()).unwrap().price_version;
        self.turn_as(&self.owner(), turn, version)
    }

    pub fn take(&self, what: &str) -> SnapshotId {
        let (id, _) = self.bench.snapshot(&self.owner(), self.machine, what, "before").unwrap();
        self.bench.work().unwrap();
        check(&self.bench).unwrap();
        id
    }

    pub fn find(&self, id: SnapshotId) -> Option<Snapshot> {
        self.bench.app.system().read::<Snapshot>(&id).unwrap()
    }

    pub fn get(&self, id: SnapshotId) -> Snapshot {
        self.find(id).unwrap()
    }

    /// Open meters about this subject: for what, and for how many bytes.
    pub fn open(&self, subject: Subject) -> Vec<(Charge, u64)> {
        let all = self.bench.app.meters.all();
        let open = all.iter().filter(|m| m.subject == subject && m.to.is_none());
        open.map(|m| (m.charge.clone(), m.quantity_bytes)).collect()
    }

    pub fn image(&self, snapshot: SnapshotId, name: &str) -> Result<Image, Error> {
        let form = SnapshotImageForm {
            snapshot: snapshot.to_string(),
            name: name.to_owned(),
            remark: "from a snapshot".to_owned(),
            price_version: snapshots::image_options(&self.owner(), snapshot)?.price_version,
        };
        let id = snapshots::create_image(&self.owner(), &form)?;
        check(&self.bench).unwrap();
        Ok(self.owner().read::<Image>(&id)?.unwrap())
    }

    pub fn form(&self, keep: &str) -> ScheduleForm {
        ScheduleForm {
            instance: self.machine.to_string(),
            rhythm: "hours".to_owned(),
            hours: "1".to_owned(),
            keep: keep.to_owned(),
            price_version: 1,
            ..ScheduleForm::usual()
        }
    }

    pub fn schedule(&self, keep: &str) -> ScheduleId {
        schedules::save(&self.owner(), &self.form(keep)).unwrap()
    }

    pub fn schedule_record(&self, id: ScheduleId) -> Schedule {
        self.owner().read::<Schedule>(&id).unwrap().unwrap()
    }

    /// Lets the reconciler look, and works until what it began is done.
    pub fn due(&self) -> u32 {
        let n = schedules::sweep_due(&self.bench.app).unwrap();
        self.bench.work().unwrap();
        check(&self.bench).unwrap();
        n
    }

    pub fn told(&self, subject: Subject) -> Vec<String> {
        let list = audit::list(&self.owner(), &self.place(), &AuditQuery::about(subject)).unwrap();
        let mut words: Vec<String> = list.page.rows.into_iter().map(|e| e.action).collect();
        words.reverse();
        words
    }

    pub fn n_snapshots(&self) -> u32 {
        let key = (self.provider.accounts[0], "north-1".into());
        self.owner().read::<Counter>(&key).unwrap().unwrap().n_snapshots
    }

    pub fn rest(&self) {
        for _ in 0..2 {
            for region in &self.provider.regions {
                sweep::storage(&self.bench.app, region).unwrap();
            }
            self.bench.clock.advance(GRACE_MS + 1);
        }
        check_at_rest(&self.bench).unwrap();
    }
}
