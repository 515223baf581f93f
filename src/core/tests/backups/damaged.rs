//! What is damaged behind the back of the use cases is found, by the check and by the simulator.

use super::scene::{HOUR_MS, scene};
use darkroom_core::domain::ids::{InstanceId, MeterId, Subject};
use darkroom_core::domain::meter::Meter;
use darkroom_core::domain::quota::Counter;
use darkroom_core::domain::schedule::Schedule;
use darkroom_core::domain::snapshot::{Snapshot, Status};
use darkroom_core::ops::verify::verify;
use darkroom_core::sim::check;
use darkroom_core::store::records::index;
use darkroom_core::store::{StoreError, Tx, transact};

/// A change behind the back of the use cases.
type Damage = fn(&mut Tx<'_>, &Snapshot, &Schedule) -> Result<(), StoreError>;

fn close_meter(tx: &mut Tx<'_>, subject: Subject) -> Result<(), StoreError> {
    let open = tx.get_index::<Vec<MeterId>>(index::METER_OPEN, &subject.uuid())?.unwrap();
    let meter = tx.get::<Meter>(&open[0])?.unwrap();
    tx.put(&Meter { to: Some(meter.from), ..meter })?;
    tx.delete_index(index::METER_OPEN, &subject.uuid());
    Ok(())
}

const DAMAGES: [(&str, Damage); 9] = [
    ("has a disk without content", |tx, snapshot, _| {
        let mut snapshot = snapshot.clone();
        snapshot.disks[0].content = None;
        tx.put(&snapshot)
    }),
    ("is available and not charged", |tx, snapshot, _| close_meter(tx, Subject::Snapshot(snapshot.id))),
    ("is charged and should not be", |tx, snapshot, _| {
        tx.put(&Snapshot { status: Status::Deleting, schedule: None, ..snapshot.clone() })
    }),
    ("is on and not charged", |tx, snapshot, _| {
        close_meter(tx, Subject::service(snapshot.account, &snapshot.region))
    }),
    ("does not know its own snapshots", |tx, _, schedule| {
        tx.put(&Schedule { made: vec![], ..schedule.clone() })
    }),
    ("does not know whether its disk is there", |tx, snapshot, schedule| {
        tx.put(&Schedule { gone: snapshot.available, ..schedule.clone() })
    }),
    ("is for a machine that does not exist", |tx, _, schedule| {
        tx.put(&Schedule { instance: InstanceId(schedule.id.0), ..schedule.clone() })
    }),
    ("says 9 snapshots; there are 1", |tx, snapshot, _| {
        let key = (snapshot.account, snapshot.region.clone());
        let counter = tx.get::<Counter>(&key)?.unwrap();
        tx.put(&Counter { n_snapshots: 9, ..counter })
    }),
    ("schedule_by_instance", |tx, _, schedule| {
        tx.delete_index(index::SCHEDULE_BY_INSTANCE, &schedule.instance);
        Ok(())
    }),
];

#[test]
fn what_is_damaged_is_found() {
    for (words, damage) in DAMAGES {
        let scene = scene();
        let id = scene.schedule("1");
        scene.bench.clock.advance(HOUR_MS);
        assert_eq!(scene.due(), 1);
        assert_eq!(verify(scene.bench.records()).unwrap().findings, Vec::<String>::new());
        let schedule = scene.schedule_record(id);
        let snapshot = scene.get(schedule.made[0]);
        transact(scene.bench.records(), 1, |tx| damage(tx, &snapshot, &schedule)).unwrap();
        let found = verify(scene.bench.records()).unwrap().findings;
        assert!(found.iter().any(|finding| finding.contains(words)), "{words}: {found:#?}");
        let noticed = scene.bench.witness.broken().into_iter().chain(check(&scene.bench).err()).count();
        assert!(noticed > 0, "{words}: the simulator notices it too");
    }
}
