//! What people do with kinds of image in a simulated world: which part of a machine they capture, which disks they add and remove. The proof that the disks of one image were
//! together at one moment is here as well: it looks at what the host saw, not at what the capture says.

use super::bench::Bench;
use super::flows::{Happened, MOVING};
use super::invariants::Checked;
use super::witness::Records;
use super::world::World;
use crate::domain::disk::DiskRole;
use crate::domain::form::{AddDiskForm, RemoveDiskForm};
use crate::domain::ids::{DiskId, ImageId, InstanceId, ProjectId, RegionId};
use crate::domain::image::{self, Visibility};
use crate::domain::instance::Status;
use crate::ops::disks;
use std::collections::BTreeSet;

impl World {
    /// What of the machine an image is to be made of, as a form sends it.
    pub(super) fn part_of(&mut self, machine: InstanceId) -> String {
        let data: Vec<String> = {
            let records = self.bench.witness.records();
            let disks = records.instances.get(machine.0).map(|m| m.disks.clone()).unwrap_or_default();
            disks.iter().filter(|d| d.role == DiskRole::Data).map(|d| d.id.to_string()).collect()
        };
        let one = self.dice.pick(&data).cloned().unwrap_or_default();
        match self.dice.below(4) {
            0 => one,
            // Where there are no data disks, asking for them is mostly a waste of an event.
            1 | 2 if !data.is_empty() || self.dice.chance(200) => "machine".to_owned(),
            _ => String::new(),
        }
    }

    /// Empty, or from an image of the project, mostly of a data disk; mostly of a machine that is off.
    pub(super) fn adds_disk(&mut self) -> Happened {
        let event = "add-disk".to_owned();
        let Some(desk) = self.changer() else { return (event, "nobody".to_owned()) };
        let Some((machine, region)) = self.a_stopped_machine(desk.project) else {
            return (event, "nothing".to_owned());
        };
        let source = self.a_disk_image(desk.project).map(|image| image.to_string()).unwrap_or_default();
        let form = AddDiskForm {
            instance: machine.to_string(),
            kind: if self.dice.chance(300) { "economy" } else { "ssd" }.to_owned(),
            size_gib: if source.is_empty() || self.dice.chance(300) { "2" } else { "" }.to_owned(),
            price_version: self.price_version(&region),
            source,
        };
        let result = disks::add(&desk.ctx, &form);
        let allowed = [
            "instance_not_stopped",
            "data_disk_limit_reached",
            "image_is_not_data",
            "image_not_available",
            "image_disabled",
            "image_recycled",
            "price_changed",
            // An image of another region, or larger than the disk.
            "invalid_input",
            if self.missing { "no_hypervisor" } else { "" },
        ];
        let (_, outcome) = self.expect(result, &[&MOVING[..], &allowed].concat());
        (event, outcome)
    }

    pub(super) fn removes_disk(&mut self) -> Happened {
        let event = "remove-disk".to_owned();
        let Some(desk) = self.changer() else { return (event, "nobody".to_owned()) };
        let Some((machine, _)) = self.a_stopped_machine(desk.project) else {
            return (event, "nothing".to_owned());
        };
        let all: Vec<String> = {
            let records = self.bench.witness.records();
            let found = records.instances.get(machine.0);
            found.map(|m| m.disks.iter().map(|d| d.id.to_string()).collect()).unwrap_or_default()
        };
        let disk = self.dice.pick(&all).cloned().unwrap_or_default();
        let result = disks::remove(&desk.ctx, &RemoveDiskForm { instance: machine.to_string(), disk });
        let (_, outcome) =
            self.expect(result, &[&MOVING[..], &["instance_not_stopped", "system_disk"]].concat());
        (event, outcome)
    }

    /// Mostly one that is off, where there is one.
    fn a_stopped_machine(&mut self, project: ProjectId) -> Option<(InstanceId, RegionId)> {
        let off: Vec<(InstanceId, RegionId)> = {
            let records = self.bench.witness.records();
            let off = records.instances.all().filter(|m| m.project == project && m.status == Status::Stopped);
            off.map(|m| (m.id, m.region.clone())).collect()
        };
        if self.dice.chance(100) {
            return self.a_machine(project);
        }
        self.dice.pick(&off).cloned()
    }

    /// Mostly of a data disk, sometimes any.
    fn a_disk_image(&mut self, project: ProjectId) -> Option<ImageId> {
        let data: Vec<ImageId> = {
            let records = self.bench.witness.records();
            let own = records.images.all().filter(|i| i.project == project && i.kind == image::Kind::Data);
            own.map(|i| i.id).collect()
        };
        match self.dice.below(10) {
            0 => self.an_image(project).map(|image| image.id),
            1..=7 => self.dice.pick(&data).copied(),
            _ => None,
        }
    }
}

/// A machine that is at rest has on its host exactly the disks that are written down.
pub(super) fn the_host_has_the_disks_that_are_written_down(bench: &Bench, records: &Records) -> Checked {
    for machine in records.instances.all() {
        let on_host = bench.host.disks(machine.id);
        let at_rest = matches!(machine.status, Status::Running | Status::Stopped) && !on_host.is_empty();
        let written: BTreeSet<DiskId> = machine.disks.iter().map(|d| d.id).collect();
        if at_rest && on_host != written {
            return Err(format!("{} has the disks {written:?}, and the host {on_host:?}", machine.id));
        }
    }
    Ok(())
}

/// The disks of an image were on the host together, at one moment between two writes.
pub(super) fn disks_are_of_one_moment(bench: &Bench, records: &Records) -> Checked {
    for image in records.images.all() {
        let made = matches!(image.status, image::Status::Available | image::Status::Recycled);
        let own = image.visibility == Visibility::Private && image.copied_from.is_none();
        let Some(task) = image.task.filter(|_| made && own) else { continue };
        if !bench.host.were_together(task) {
            return Err(format!("the disks of {} were never like this at one moment", image.id));
        }
        let n_data = image.disks.iter().filter(|d| d.role == DiskRole::Data).count();
        let fits = match image.kind {
            image::Kind::System | image::Kind::Iso => (image.disks.len(), n_data) == (1, 0),
            image::Kind::Data => (image.disks.len(), n_data) == (1, 1),
            image::Kind::Machine => n_data > 0 && image.disks.len() == n_data + 1 && image.zone.is_some(),
        };
        if !fits {
            return Err(format!(
                "{} is of the kind {:?} and has {} disks",
                image.id,
                image.kind,
                image.disks.len()
            ));
        }
    }
    Ok(())
}
