//! What people do with kinds of image in a simulated world: which part of a machine they capture, which disks they add and remove. The proof that the disks of one image were
//! together at one moment is here as well: it looks at what the host saw, not at what the capture says.

use super::bench::Bench;
use super::flows::{Happened, MOVING};
use super::invariants::Checked;
use super::witness::Records;
use super::world::World;
use crate::domain::disk::DiskRole;
use crate::domain::form::{AddDiskForm, RemoveDiskForm};
use crate::domain::ids::{DiskId, ImageId, InstanceId, ProjectId, RegionId, SnapshotId};
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

    /// What a new machine is made from, as a form sends it, and what that is called in the trace: the provider's image or disc, one of the
    /// project, whatever its state is, or what a family stands for.
    pub(super) fn a_source(&mut self, project: ProjectId, region: &RegionId) -> (&'static str, String) {
        let public = self.provider.public[usize::from(region.as_str() != "north-1")];
        let account = self.account_of(project);
        let families: Vec<String> = {
            let records = self.bench.witness.records();
            let own = records.images.all().filter(|i| i.project == project && i.region == *region);
            let leads = own.filter(|i| i.status == image::Status::Available && !i.family.is_empty());
            leads.map(|i| i.family.clone()).collect()
        };
        let found = match self.dice.below(12) {
            0 if *region == self.provider.regions[0] => Some(("deploy-iso", self.disc.to_string())),
            1 | 2 => self.dice.pick(&families).map(|family| ("deploy-family", format!("family:{family}"))),
            3..=6 => {
                let any = self.an_image(project).filter(|image| image.deploys_in(region, account));
                any.map(|image| {
                    let whole = image.kind == image::Kind::Machine;
                    (if whole { "deploy-machine" } else { "deploy" }, image.id.to_string())
                })
            }
            _ => None,
        };
        found.unwrap_or_else(|| ("deploy", public.to_string()))
    }

    /// The same of what few projects have: an image of a whole machine, one of another region that was granted, one that was given; with
    /// where it can be used.
    pub(super) fn a_rare_source(&mut self) -> Option<(ProjectId, RegionId, &'static str, String)> {
        let given = self.given(|_| true).into_iter();
        let mut found: Vec<(ProjectId, RegionId, &'static str, String)> =
            given.map(|s| (s.recipient, s.region, "deploy-given", s.image.to_string())).collect();
        {
            let records = self.bench.witness.records();
            for image in records.images.all() {
                let own = image.visibility == Visibility::Private && image.status == image::Status::Available;
                if own && image.kind == image::Kind::Machine {
                    found.push((image.project, image.region.clone(), "deploy-machine", image.id.to_string()));
                }
                for region in image.reaches.iter().filter(|_| own) {
                    found.push((image.project, region.clone(), "deploy-reach", image.id.to_string()));
                }
            }
        }
        let mut kinds: Vec<&str> = found.iter().map(|(_, _, kind, _)| *kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let kind = self.dice.pick(&kinds).copied()?;
        found.retain(|(_, _, of, _)| *of == kind);
        self.dice.pick(&found).cloned()
    }

    pub(super) fn is_whole_machine(&self, image: ImageId) -> bool {
        let records = self.bench.witness.records();
        records.images.get(image.0).is_some_and(|image| image.kind == image::Kind::Machine)
    }

    /// Empty, from an image of the project, mostly of a data disk, or from a snapshot; mostly of a machine that is off.
    pub(super) fn adds_disk(&mut self) -> Happened {
        let event = "add-disk".to_owned();
        let Some((project, machine, region)) = self.a_stopped_machine() else {
            return (event, "nothing".to_owned());
        };
        let Some(desk) = self.changer_in(project) else { return (event, "nobody".to_owned()) };
        let snapshot = self.a_kept_disk(desk.project, &region).filter(|_| self.dice.chance(600));
        let (event, source) = match snapshot {
            Some(id) => ("add-disk-of-snapshot".to_owned(), format!("snapshot:{id}")),
            None => match self.a_disk_image(desk.project) {
                Some(image) => ("add-disk-of-image".to_owned(), image.to_string()),
                None => (event, String::new()),
            },
        };
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
            "snapshot_not_available",
            "snapshot_deleting",
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
        let Some((project, machine, _)) = self.a_stopped_machine() else {
            return (event, "nothing".to_owned());
        };
        let Some(desk) = self.changer_in(project) else { return (event, "nobody".to_owned()) };
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
    fn a_stopped_machine(&mut self) -> Option<(ProjectId, InstanceId, RegionId)> {
        let any = self.dice.chance(200);
        let off: Vec<(ProjectId, InstanceId, RegionId)> = {
            let records = self.bench.witness.records();
            let off = records.instances.all().filter(|m| any || m.status == Status::Stopped);
            off.map(|m| (m.project, m.id, m.region.clone())).collect()
        };
        self.dice.pick(&off).cloned()
    }

    /// A snapshot in the region that is available.
    fn a_kept_disk(&mut self, project: ProjectId, region: &RegionId) -> Option<SnapshotId> {
        let kept: Vec<SnapshotId> = {
            let records = self.bench.witness.records();
            let own = records.snapshots.all().filter(|s| s.project == project && s.region == *region);
            own.filter(|s| s.content_of(None).is_ok()).map(|s| s.id).collect()
        };
        self.dice.pick(&kept).copied()
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

/// What capturing such a part is called in the trace.
pub(super) fn capture_of(what: &str) -> &'static str {
    match what {
        "" => "capture",
        "machine" => "capture-machine",
        _ => "capture-disk",
    }
}

/// A machine that is at rest has on its host the disks that are written down. What else may be there is for `grouping.rs` to say.
pub(super) fn the_host_has_the_disks_that_are_written_down(bench: &Bench, records: &Records) -> Checked {
    for machine in records.instances.all() {
        let on_host = bench.host.disks(machine.id);
        let at_rest = matches!(machine.status, Status::Running | Status::Stopped) && !on_host.is_empty();
        let written: BTreeSet<DiskId> = machine.disks.iter().map(|d| d.id).collect();
        if at_rest && !written.is_subset(&on_host) {
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
        if !image.is_of_its_kind() {
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
