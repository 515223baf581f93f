//! Verifies snapshots, their schedules and the service: they belong to something, are whole when they are available, and each schedule knows
//! exactly the available ones of its own.

use super::{All, Expected};
use crate::domain::ids::{InstanceId, ScheduleId, SnapshotId};
use crate::domain::schedule::Schedule;
use crate::domain::snapshot::Status;
use crate::store::index_key;
use crate::store::records::index;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

impl All {
    pub(super) fn snapshots(&mut self) {
        let mut found = Vec::new();
        let owned = |account, project, region| {
            self.accounts.contains_key(account)
                && self.projects.get(project).is_some_and(|p| p.account == *account)
                && self.verified.regions.contains(region)
        };
        for service in self.services.iter().filter(|s| !owned(&s.account, &s.project, &s.region)) {
            found
                .push(format!("A snapshot service in {} has no account, project or region.", service.region));
        }
        let mut made: BTreeMap<ScheduleId, BTreeSet<SnapshotId>> = BTreeMap::new();
        for snapshot in self.snapshots.values() {
            let what = format!("The snapshot “{}” ({})", snapshot.name, snapshot.id);
            if !owned(&snapshot.account, &snapshot.project, &snapshot.region) {
                found.push(format!("{what} has no account, project or region."));
            }
            let word = snapshot.status.word().to_lowercase();
            let n_stored = snapshot.contents().filter(|d| d.virtual_bytes > 0).count();
            match snapshot.status {
                Status::Available if snapshot.disks.is_empty() || n_stored != snapshot.disks.len() => {
                    found.push(format!("{what} is {word} and has a disk without content."));
                }
                Status::Creating | Status::Error if n_stored > 0 => {
                    found.push(format!("{what} is {word} and has content already."));
                }
                Status::Available => {
                    if let Some(schedule) = snapshot.schedule {
                        made.entry(schedule).or_default().insert(snapshot.id);
                    }
                }
                Status::Creating | Status::Error | Status::Deleting => {}
            }
        }
        for schedule in self.schedules.values() {
            let what = format!("The schedule of “{}” ({})", schedule.name, schedule.id);
            let machine = self.instances.get(&schedule.instance.0);
            if machine.is_none_or(|m| (m.project, &m.region) != (schedule.project, &schedule.region)) {
                found.push(format!("{what} is for a machine that does not exist."));
            }
            if machine.is_some_and(|m| schedule.misses(m) != schedule.gone.is_some()) {
                found.push(format!("{what} does not know whether its disk is there."));
            }
            let says: BTreeSet<SnapshotId> = schedule.made.iter().copied().collect();
            if says != made.remove(&schedule.id).unwrap_or_default() {
                found.push(format!("{what} does not know its own snapshots."));
            }
        }
        self.verified.findings.append(&mut found);
    }

    /// The rows that lead from machines to their schedules.
    pub(super) fn schedule_rows(&self, rows: &mut Expected) {
        let mut of_machine: BTreeMap<InstanceId, Vec<&Schedule>> = BTreeMap::new();
        for schedule in self.schedules.values() {
            of_machine.entry(schedule.instance).or_default().push(schedule);
        }
        for (machine, schedules) in of_machine {
            let ids = schedules.iter().map(|s| s.id.to_string()).collect::<Vec<_>>();
            rows.0.insert(index_key(index::SCHEDULE_BY_INSTANCE, &machine), Value::from(ids));
        }
    }
}
