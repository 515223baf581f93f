//! The rules of snapshots, their schedules and the service: after every event, and for single commits.

use super::{Checked, rows};
use crate::domain::ids::{AccountId, InstanceId, RegionId, ScheduleId, SnapshotId, Subject};
use crate::domain::image::{Image, ImageDisk};
use crate::domain::meter::Charge;
use crate::domain::snapshot::{Snapshot, Status};
use crate::domain::task::{Kind, Task};
use crate::sim::bench::Bench;
use crate::sim::witness::Records;
use crate::store::records::index;
use crate::store::{Batch, Version, read_index};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Everything about them that must hold after every event.
pub(super) fn check(bench: &Bench, records: &Records) -> Checked {
    let catalog = bench.app.snapshots.all();
    hold!(catalog.iter().map(AsRef::as_ref).eq(records.snapshots.all()), "the catalog of snapshots differs");
    let catalog = bench.app.schedules.all();
    hold!(catalog.iter().map(AsRef::as_ref).eq(records.schedules.all()), "the catalog of schedules differs");
    available_ones_are_whole(bench, records)?;
    what_they_hold_is_stored(bench, records)?;
    schedules_know_their_own(bench, records)
}

fn prints<'a>(disks: impl Iterator<Item = &'a ImageDisk>) -> Vec<String> {
    disks.map(|d| d.fingerprint.clone()).collect()
}

/// What an available snapshot holds is what all its disks were at the one instant of its capture; others hold nothing yet, or are going.
fn available_ones_are_whole(bench: &Bench, records: &Records) -> Checked {
    for snapshot in records.snapshots.all() {
        let has = prints(snapshot.contents());
        match snapshot.status {
            Status::Available => {
                let taken = snapshot.task.and_then(|task| bench.host.captured(task));
                let (n, how) = (snapshot.disks.len(), snapshot.consistency);
                hold!(
                    taken == how.map(|how| (has.clone(), how)) && n == has.len() && n > 0,
                    "{} holds {has:?} of {n} disks, {how:?}, and its capture took {taken:?}",
                    snapshot.id
                );
                let together = snapshot.task.is_some_and(|task| bench.host.were_together(task));
                hold!(together, "the disks of {} were never like this at one moment", snapshot.id);
                hold!(snapshot.error.is_none(), "{} is available with an error", snapshot.id);
            }
            Status::Creating | Status::Error => {
                hold!(has.is_empty(), "{} is {:?} and holds {has:?}", snapshot.id, snapshot.status);
            }
            Status::Deleting => {}
        }
    }
    Ok(())
}

/// Contents of snapshots are never swept.
fn what_they_hold_is_stored(bench: &Bench, records: &Records) -> Checked {
    for region in records.regions.all() {
        let (stored, _) = bench.host.stored(&region.id);
        for snapshot in records.snapshots.all().filter(|s| s.region == region.id) {
            for print in prints(snapshot.contents()) {
                let deleting = snapshot.status == Status::Deleting;
                hold!(deleting || stored.contains(&print), "the content of {} is gone", snapshot.id);
            }
        }
    }
    Ok(())
}

/// A schedule has a machine, knows exactly its available snapshots, and is found by its machine.
fn schedules_know_their_own(bench: &Bench, records: &Records) -> Checked {
    let mut of_machine: BTreeMap<InstanceId, BTreeSet<ScheduleId>> = BTreeMap::new();
    for schedule in records.schedules.all() {
        let machine = records.instances.get(schedule.instance.0);
        hold!(machine.is_some(), "the schedule {} is for a machine that is gone", schedule.id);
        let missing = machine.is_some_and(|machine| schedule.misses(machine));
        hold!(missing == schedule.gone.is_some(), "{schedule:?} does not know whether its disk is there");
        let mine = |s: &&Snapshot| s.schedule == Some(schedule.id) && s.status == Status::Available;
        let are: BTreeSet<SnapshotId> = records.snapshots.all().filter(mine).map(|s| s.id).collect();
        let says: BTreeSet<SnapshotId> = schedule.made.iter().copied().collect();
        hold!(says == are, "the schedule {} knows {says:?}, and has {are:?}", schedule.id);
        of_machine.entry(schedule.instance).or_default().insert(schedule.id);
    }
    let store = bench.records();
    for (machine, schedules) in &of_machine {
        let found = read_index::<Vec<ScheduleId>>(store, index::SCHEDULE_BY_INSTANCE, machine);
        let found: BTreeSet<ScheduleId> =
            found.map_err(|e| e.to_string())?.unwrap_or_default().into_iter().collect();
        hold!(found == *schedules, "{machine} leads to {found:?}, and has {schedules:?}");
        let (n, max) = (found.len(), bench.app.settings.schedules_max);
        hold!(
            u32::try_from(n).is_ok_and(|n| n <= max),
            "{machine} has {n} schedules, and {max} is the limit"
        );
    }
    let n = rows::<Vec<ScheduleId>>(store, index::SCHEDULE_BY_INSTANCE)?.len();
    hold!(n == of_machine.len(), "{n} machines lead to schedules, and {} have any", of_machine.len());
    Ok(())
}

/// An image made from a snapshot holds what that held.
pub(super) fn image_is_true(image: &Image, from: SnapshotId, records: &Records) -> Checked {
    let Some(snapshot) = records.snapshots.get(from.0) else { return Ok(()) };
    let (has, theirs) = (prints(image.disks.iter()), prints(snapshot.contents()));
    hold!(has == theirs, "{} holds {has:?}, and its snapshot {theirs:?}", image.id);
    Ok(())
}

/// The task that a snapshot must have now.
pub(super) fn task_due(snapshot: &Snapshot) -> Option<Kind> {
    match snapshot.status {
        Status::Creating => Some(Kind::SnapshotCreate),
        Status::Deleting => Some(Kind::SnapshotDelete),
        Status::Available | Status::Error => None,
    }
}

/// The machine that a task takes a snapshot of.
pub(super) fn source(task: &Task, records: &Records) -> Option<InstanceId> {
    let Subject::Snapshot(id) = task.subject else { return None };
    records.snapshots.get(id.0).map(|s| s.source.id)
}

/// How many snapshots an account has in a region.
pub(super) fn n_counted(account: &AccountId, region: &RegionId, records: &Records) -> u32 {
    let own = records.snapshots.all().filter(|s| s.account == *account && s.region == *region);
    u32::try_from(own.filter(|s| s.status != Status::Deleting).count()).unwrap_or(u32::MAX)
}

/// The charges that must be running: each available snapshot for its bytes, each service that is on.
pub(super) fn charges_due(
    records: &Records,
    unique: &BTreeMap<Uuid, u64>,
) -> BTreeMap<(Uuid, String), Option<u64>> {
    let mut due = BTreeMap::new();
    for snapshot in records.snapshots.all().filter(|s| s.status == Status::Available) {
        due.insert(
            (snapshot.id.0, format!("{:?}", Charge::SnapshotStorage)),
            unique.get(&snapshot.id.0).copied(),
        );
    }
    for service in records.services.all() {
        due.insert((service.subject().uuid(), format!("{:?}", Charge::SnapshotService)), Some(0));
    }
    due
}

impl Records {
    /// What a single commit may not do: begin a snapshot of an account whose service is off, or keep one more than a schedule keeps.
    pub(in crate::sim) fn judge_snapshots(&mut self, version: Version, batch: &Batch) {
        for snapshot in self.snapshots.new_in(batch) {
            let key = (snapshot.account, snapshot.region.clone());
            if self.services.after(batch, &key).is_none() {
                self.broken.push(format!("commit {version} began {} without the service", snapshot.id));
            }
            let by = snapshot.schedule.and_then(|id| self.schedules.get(id.0));
            if by.is_some_and(|schedule| schedule.gone.is_some()) {
                self.broken.push(format!("commit {version} began {} of a disk that is gone", snapshot.id));
            }
        }
        for schedule in self.schedules.put_in(batch) {
            let old = self.schedules.get(schedule.id.0);
            if schedule.gone.is_some() && old.is_some_and(|old| old.gone.is_none()) {
                *self.passed_on.entry("schedule: disk gone".to_owned()).or_default() += 1;
            }
            let before = old.map(|s| s.made.clone()).unwrap_or_default();
            let grew = schedule.made.iter().any(|id| !before.contains(id));
            if grew && before.iter().any(|id| !schedule.made.contains(id)) {
                *self.passed_on.entry("kept: the newest".to_owned()).or_default() += 1;
            }
            if grew && u32::try_from(schedule.made.len()).is_ok_and(|n| n > schedule.keep) {
                let (n, keep) = (schedule.made.len(), schedule.keep);
                self.broken.push(format!("commit {version} keeps {n} snapshots of {keep}"));
            }
        }
    }
}
