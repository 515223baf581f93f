//! What people do with kinds of image in a simulated world: which part of a machine they capture. The proof that the disks of one image were
//! together at one moment is here as well: it looks at what the host saw, not at what the capture says.

use super::bench::Bench;
use super::invariants::Checked;
use super::witness::Records;
use super::world::World;
use crate::domain::disk::DiskRole;
use crate::domain::ids::InstanceId;
use crate::domain::image::{self, Visibility};

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
