//! Machines: the record, its states and what may be done in each.

use super::disk::{DiskKind, DiskRole};
use super::error::Reason;
use super::ids::{AccountId, DiskId, FlavorId, ImageId, InstanceId, ProjectId, RegionId, TaskId, ZoneId};
use super::image::made::Inherited;
use super::image::{BootMode, Image};
use super::meter::Charge;
use super::text::Name;
use super::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What a machine is doing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Its disks are being prepared.
    Creating,
    /// It runs.
    Running,
    /// It is off.
    Stopped,
    /// It is being started.
    Starting,
    /// It is being stopped.
    Stopping,
    /// It is being restarted.
    Rebooting,
    /// A disk is being added to it or removed from it.
    Updating,
    /// Its system disk is being replaced by one of another image.
    Reinstalling,
    /// It is being removed.
    Deleting,
    /// It could not be made or its process died; `error` says why.
    Error,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 10] = [
        Self::Creating,
        Self::Running,
        Self::Stopped,
        Self::Starting,
        Self::Stopping,
        Self::Rebooting,
        Self::Updating,
        Self::Reinstalling,
        Self::Deleting,
        Self::Error,
    ];

    /// The word people see.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Creating => "Creating",
            Self::Running => "Running",
            Self::Stopped => "Stopped",
            Self::Starting => "Starting",
            Self::Stopping => "Stopping",
            Self::Rebooting => "Rebooting",
            Self::Updating => "Updating",
            Self::Reinstalling => "Reinstalling",
            Self::Deleting => "Deleting",
            Self::Error => "Error",
        }
    }

    /// Whether a task is changing it right now.
    pub const fn moving(self) -> bool {
        match self {
            Self::Creating
            | Self::Starting
            | Self::Stopping
            | Self::Rebooting
            | Self::Updating
            | Self::Reinstalling
            | Self::Deleting => true,
            Self::Running | Self::Stopped | Self::Error => false,
        }
    }
}

/// A disk of a machine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Disk {
    /// Its id.
    pub id: DiskId,
    /// System or data.
    pub role: DiskRole,
    /// What it lives on.
    pub kind: DiskKind,
    /// The size the guest sees, in bytes.
    pub size_bytes: u64,
    /// Fingerprint of the image disk it started as, 64 hex digits; `None` for an empty disk.
    pub base: Option<String>,
}

/// The image a machine was deployed from, as it was called then.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Origin {
    /// Its id; it may be gone by now.
    pub id: ImageId,
    /// Its name then.
    pub name: Name,
    /// The licence it carries on (U5); empty for none.
    pub licence: String,
    /// What images made of the machine inherit of it (U17); `None` where a program wrote the record that did not note it.
    pub inherits: Option<Inherited>,
}

impl Origin {
    /// What a machine made from this image notes of it.
    pub fn of(image: &Image) -> Self {
        Self {
            id: image.id,
            name: image.name.clone(),
            licence: image.licence.clone(),
            inherits: Some(image.passes_on()),
        }
    }
}

/// The network card of a machine: what the guest finds, not what was wished for (F9).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Card {
    /// The card of virtual machines, with so many pairs of queues.
    Virtio {
        /// At least one; as many as processors where the image takes several.
        n_queues: u32,
    },
    /// A card with SR-IOV. It has queues for several processors by itself.
    Sriov,
}

impl Card {
    /// Virtual functions of [`Card::Sriov`] that its driver offers: of eight on the bus it keeps one's share for the card itself.
    pub const N_FUNCTIONS: u32 = 7;

    /// Such as `virtio, 2 queues`.
    pub fn words(self) -> String {
        match self {
            Self::Virtio { n_queues: 0 | 1 } => "virtio".to_owned(),
            Self::Virtio { n_queues } => format!("virtio, {n_queues} queues"),
            Self::Sriov => {
                format!("Intel 82576 with SR-IOV, {} virtual functions", Self::N_FUNCTIONS)
            }
        }
    }

    /// What the system inside must have for it; `None` for what every image has.
    pub const fn needs(self) -> Option<&'static str> {
        match self {
            Self::Virtio { .. } => None,
            Self::Sriov => Some("The system inside reaches the network only with the drivers igb and igbvf."),
        }
    }
}

/// A machine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Instance {
    /// Its id.
    pub id: InstanceId,
    /// Who pays.
    pub account: AccountId,
    /// Which project owns it.
    pub project: ProjectId,
    /// Where it runs.
    pub region: RegionId,
    /// In which zone.
    pub zone: ZoneId,
    /// Its name; unique per project and region, whatever the case.
    pub name: Name,
    /// What it is doing.
    pub status: Status,
    /// Its type.
    pub flavor: FlavorId,
    /// Virtual processors, as the type had when it was made.
    pub n_vcpus: u32,
    /// Memory in MiB, as the type had when it was made.
    pub memory_mib: u64,
    /// Its disks, system disk first.
    pub disks: Vec<Disk>,
    /// Fingerprint of the ISO that is in its drive, 64 hex digits; only of a machine that was made from one.
    pub iso: Option<String>,
    /// What it was deployed from.
    pub origin: Origin,
    /// The other region that has what its disks start as, until it ran once and has it in its own (U15); there it is kept for it.
    pub fetch_from: Option<RegionId>,
    /// How it starts.
    pub boot: BootMode,
    /// Whether its network card offers several queues (F9).
    pub nic_multiqueue: bool,
    /// Whether its network card is one with virtual functions (F9), as its image was said to have the driver when it was made.
    pub sriov: bool,
    /// SSH public keys given at creation.
    pub ssh_keys: Vec<String>,
    /// Cloud-init user data given at creation.
    pub user_data: String,
    /// The loopback port that leads to its SSH port, while it runs.
    pub ssh_port: Option<u16>,
    /// Why it is in [`Status::Error`].
    pub error: Option<String>,
    /// The task that works, or last worked, on it.
    pub task: Option<TaskId>,
    /// The task that makes an image of it right now.
    pub capturing: Option<TaskId>,
    /// When it was asked for.
    pub created: Timestamp,
    /// Since when it runs.
    pub started: Option<Timestamp>,
}

/// What a person may do to a machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Start it.
    Start,
    /// Stop it.
    Stop,
    /// Restart it.
    Reboot,
    /// Remove it.
    Delete,
    /// Make an image of it.
    Capture,
    /// Give it a new data disk.
    AddDisk,
    /// Remove one of its data disks.
    RemoveDisk,
    /// Type into its serial console.
    Console,
    /// Replace its system disk by one of another image.
    ChangeImage,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 9] = [
        Self::Start,
        Self::Stop,
        Self::Reboot,
        Self::Delete,
        Self::Capture,
        Self::AddDisk,
        Self::RemoveDisk,
        Self::Console,
        Self::ChangeImage,
    ];

    const fn verb(self) -> &'static str {
        match self {
            Self::Start => "started",
            Self::Stop => "stopped",
            Self::Reboot => "restarted",
            Self::Delete => "deleted",
            Self::Capture => "captured",
            Self::AddDisk => "given a disk",
            Self::RemoveDisk => "rid of a disk",
            Self::Console => "typed into",
            Self::ChangeImage => "given another image",
        }
    }
}

impl Instance {
    /// What is charged for it while it runs, beside its disks: its type, and the market licence it carries (U5).
    pub fn charges_running(&self) -> Vec<Charge> {
        let licence = Some(&self.origin.licence).filter(|licence| !licence.is_empty());
        let licence = licence.map(|licence| Charge::Licence { licence: licence.clone() });
        [Charge::Running { flavor: self.flavor.clone() }].into_iter().chain(licence).collect()
    }

    /// Whether `action` is possible in the machine's present state (not: whether somebody may).
    ///
    /// # Errors
    /// The rule, the current value and the way out.
    pub fn can(&self, action: Action) -> Result<(), Reason> {
        use Action::{AddDisk, Capture, ChangeImage, Console, Delete, Reboot, RemoveDisk, Start, Stop};
        use Status::{Error, Running, Stopped};
        if self.capturing.is_some() && action != Console {
            return Err(Reason::new(
                "instance_capturing",
                format!(
                    "A machine cannot be {} while an image or a snapshot of it is being made.",
                    action.verb()
                ),
                "One is being made now.",
                "Wait until it is available, or cancel it in Tasks.",
            ));
        }
        match (action, self.status) {
            (Start | ChangeImage, Stopped | Error)
            | (Stop | Reboot | Console, Running)
            | (Delete, Running | Stopped | Error)
            | (Capture, Running | Stopped)
            | (AddDisk | RemoveDisk, Stopped) => Ok(()),
            (_, s) if s.moving() => Err(Reason::new(
                "instance_busy",
                format!("A machine that is {} cannot be {}.", s.word().to_lowercase(), action.verb()),
                format!("It is {} now.", s.word()),
                "Wait until that is done.",
            )),
            (AddDisk | RemoveDisk, _) => Err(Reason::new(
                "instance_not_stopped",
                "Disks are added and removed while the machine is off.",
                format!("It is {} now.", self.status.word()),
                if self.status == Running {
                    "Stop it first."
                } else {
                    "Start it, see that it works, and stop it."
                },
            )),
            (Start, _) => Err(Reason::new("instance_running", "It runs already.", "", "")),
            (ChangeImage, _) => Err(Reason::new(
                "instance_not_stopped",
                "Only a machine that is off can be given another image.",
                format!("It is {} now.", self.status.word()),
                "Stop it first.",
            )),
            (Capture, _) => Err(Reason::new(
                "instance_failed",
                "Only a running or stopped machine can be captured.",
                format!("It is in {} now.", self.status.word()),
                "Start it and see that it works first.",
            )),
            (Stop | Reboot | Console | Delete, _) => Err(Reason::new(
                "instance_not_running",
                format!("Only a running machine can be {}.", action.verb()),
                format!("It is {} now.", self.status.word()),
                "Start it first.",
            )),
        }
    }

    /// What its disks and its drive began as, which it reads as long as it exists: fingerprints of contents of its region.
    pub fn contents(&self) -> impl Iterator<Item = &String> {
        self.disks.iter().filter_map(|disk| disk.base.as_ref()).chain(&self.iso)
    }

    /// Its network card. One with SR-IOV is given to an image that has the driver, whatever is said of queues: it has several.
    pub const fn card(&self) -> Card {
        match (self.sriov, self.nic_multiqueue) {
            (true, _) => Card::Sriov,
            (false, true) => Card::Virtio { n_queues: self.n_vcpus },
            (false, false) => Card::Virtio { n_queues: 1 },
        }
    }

    /// Whether what it began as is kept in `region` for it.
    pub fn keeps_in(&self, region: &RegionId) -> bool {
        self.region == *region || self.fetch_from.as_ref() == Some(region)
    }

    /// The system disk.
    ///
    /// # Panics
    /// Never for a record that was made by a use case: the first disk is the system disk.
    pub fn system_disk(&self) -> &Disk {
        self.disks.first().expect("a machine always has a system disk")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use uuid::Uuid;

    pub(crate) fn instance(status: Status) -> Instance {
        Instance {
            id: Uuid::from_u128(1).into(),
            account: Uuid::from_u128(2).into(),
            project: Uuid::from_u128(3).into(),
            region: "north-1".into(),
            zone: "a".into(),
            name: Name::parse("web").expect("valid"),
            status,
            flavor: "m1.tiny".into(),
            n_vcpus: 1,
            memory_mib: 128,
            disks: vec![Disk {
                id: Uuid::from_u128(4).into(),
                role: DiskRole::System,
                kind: DiskKind::Ssd,
                size_bytes: 1 << 30,
                base: Some("0".repeat(64)),
            }],
            iso: None,
            origin: Origin {
                id: Uuid::from_u128(5).into(),
                name: Name::parse("base").expect("valid"),
                licence: String::new(),
                inherits: None,
            },
            fetch_from: None,
            boot: BootMode::Bios,
            nic_multiqueue: false,
            sriov: false,
            ssh_keys: vec![],
            user_data: String::new(),
            ssh_port: None,
            error: None,
            task: None,
            capturing: None,
            created: Timestamp(0),
            started: None,
        }
    }

    #[test]
    fn the_table_of_states_and_actions_is_as_agreed() {
        let mut table = String::new();
        for status in Status::ALL {
            for action in Action::ALL {
                let verdict = match instance(status).can(action) {
                    Ok(()) => "yes".to_owned(),
                    Err(r) => format!("no: {}", r.sentence()),
                };
                table += &format!("{:<10} {:<10} {verdict}\n", status.word(), format!("{action:?}"));
            }
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn the_card_is_what_the_guest_finds() {
        let words = |n_vcpus, nic_multiqueue, sriov| {
            Instance { n_vcpus, nic_multiqueue, sriov, ..instance(Status::Running) }.card().words()
        };
        assert_eq!(words(4, false, false), "virtio");
        assert_eq!(words(4, true, false), "virtio, 4 queues");
        assert_eq!(words(1, true, false), "virtio", "a queue per processor is all there can be");
        for queues in [false, true] {
            assert_eq!(words(4, queues, true), "Intel 82576 with SR-IOV, 7 virtual functions");
        }
    }

    #[test]
    fn nothing_moves_a_machine_while_it_is_captured() {
        let mut i = instance(Status::Running);
        i.capturing = Some(Uuid::from_u128(9).into());
        for action in Action::ALL {
            assert_eq!(i.can(action).is_ok(), action == Action::Console, "{action:?}");
        }
    }
}
