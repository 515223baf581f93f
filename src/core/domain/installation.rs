//! What became of a machine's system: how often it was replaced, and what it is being replaced by right now. Apart from the machine, whose
//! record says what is true now: until a new system disk has started, the old one is the machine's. It must not judge whether an image fits.

use super::ids::{DiskId, ImageId, InstanceId, TaskId};
use super::image::BootMode;
use super::instance::{Disk, Instance, Origin};
use serde::{Deserialize, Serialize};

/// The installations of a machine. A machine that never got another image has no such record.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Installation {
    /// The machine.
    pub instance: InstanceId,
    /// How often its system disk was replaced. Cloud-init runs again when this has changed.
    pub n_installed: u32,
    /// What it is being replaced by now.
    pub next: Option<Next>,
    /// What the last try was to become, when it failed: for doing it again.
    pub failed: Option<Wish>,
    /// Disks that were replaced and are still to be removed from the host. They are charged no more.
    pub leftovers: Vec<DiskId>,
}

/// The system that a machine is about to get.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Next {
    /// The task that does it.
    pub task: TaskId,
    /// The new system disk.
    pub disk: Disk,
    /// The image it comes from.
    pub origin: Origin,
    /// How that starts.
    pub boot: BootMode,
    /// Whether it takes several queues of the network card (F9).
    pub nic_multiqueue: bool,
    /// Whether it has the driver of a network card with SR-IOV (F9).
    pub sriov: bool,
}

/// What somebody asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Wish {
    /// The image.
    pub image: ImageId,
    /// The size of the system disk, in bytes.
    pub disk_bytes: u64,
}

impl Installation {
    /// That of a machine which is as it was made.
    pub fn first(instance: InstanceId) -> Self {
        Self { instance, n_installed: 0, next: None, failed: None, leftovers: vec![] }
    }

    /// Whether it says no more than that it is as it was made.
    pub fn is_first(&self) -> bool {
        *self == Self::first(self.instance)
    }
}

impl Next {
    /// The machine as it is once it has the new system. Its data disks, name, keys and user data stay.
    pub fn applied(&self, machine: &Instance) -> Instance {
        let data = machine.disks.iter().skip(1).cloned();
        Instance {
            disks: [self.disk.clone()].into_iter().chain(data).collect(),
            origin: self.origin.clone(),
            boot: self.boot,
            nic_multiqueue: self.nic_multiqueue,
            sriov: self.sriov,
            ..machine.clone()
        }
    }

    /// What was asked for.
    pub fn wish(&self) -> Wish {
        Wish { image: self.origin.id, disk_bytes: self.disk.size_bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::super::disk::{DiskKind, DiskRole};
    use super::super::instance::{Status, tests::instance};
    use super::super::text::Name;
    use super::*;
    use uuid::Uuid;

    #[test]
    fn another_system_leaves_data_disks_name_and_keys() {
        let mut machine = instance(Status::Stopped);
        let disk = |id, role| Disk {
            id: Uuid::from_u128(id).into(),
            role,
            kind: DiskKind::Ssd,
            size_bytes: 1 << 31,
            base: None,
        };
        machine.disks.push(disk(40, DiskRole::Data));
        machine.ssh_keys = vec!["ssh-ed25519 AAAA ann".to_owned()];
        let origin = Origin {
            id: Uuid::from_u128(50).into(),
            name: Name::parse("web-v2").expect("valid"),
            licence: "GPL".to_owned(),
            inherits: None,
        };
        let next = Next {
            task: Uuid::from_u128(60).into(),
            disk: disk(41, DiskRole::System),
            origin: origin.clone(),
            boot: BootMode::Uefi,
            nic_multiqueue: true,
            sriov: true,
        };
        let after = next.applied(&machine);
        assert_eq!(after.disks.iter().map(|d| d.id.0.as_u128()).collect::<Vec<_>>(), [41, 40]);
        assert_eq!((&after.origin, after.boot, after.nic_multiqueue), (&origin, BootMode::Uefi, true));
        assert_eq!((&after.name, &after.ssh_keys, after.id), (&machine.name, &machine.ssh_keys, machine.id));
        assert_eq!(next.wish(), Wish { image: origin.id, disk_bytes: 1 << 31 });
    }
}
