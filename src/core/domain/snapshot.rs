//! Snapshots: one disk, or all disks of a machine at one instant, kept as manifests. The records of a snapshot and of the service that keeps
//! them, their states and what may be done in each. It must not know who is asking: that is the policy's.

use super::attribution::{Class, Holder};
use super::disk::{DiskKind, DiskRole};
use super::error::Reason;
use super::ids::{
    AccountId, DiskId, InstanceId, ProjectId, RegionId, ScheduleId, SnapshotId, Subject, TaskId, ZoneId,
};
use super::image::{self, BootMode, Consistency, ImageDisk};
use super::instance::{Disk, Instance, Origin};
use super::meter::Charge;
use super::text::Name;
use super::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The snapshot service of an account in a region: it is on as long as this record is there.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SnapshotService {
    /// Who pays.
    pub account: AccountId,
    /// Where.
    pub region: RegionId,
    /// The project that it was turned on in, whose bill it is on.
    pub project: ProjectId,
    /// Since when it is on.
    pub since: Timestamp,
    /// Who turned it on, as the audit trail names them.
    pub by: String,
}

impl SnapshotService {
    /// What its meter and its events are about.
    pub fn subject(&self) -> Subject {
        Subject::service(self.account, &self.region)
    }
}

/// What a snapshot is of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One disk.
    Disk,
    /// All disks of a machine, at one instant.
    Backup,
}

impl Kind {
    /// The word people see.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Disk => "Disk",
            Self::Backup => "Backup",
        }
    }
}

/// How far along a snapshot is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Being made; its size is not known yet.
    Creating,
    /// Usable, and charged from the first moment of this.
    Available,
    /// Making it failed; `error` says why.
    Error,
    /// Being removed; no longer charged.
    Deleting,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Creating, Self::Available, Self::Error, Self::Deleting];

    /// The word people see.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Creating => "Creating",
            Self::Available => "Available",
            Self::Error => "Error",
            Self::Deleting => "Deleting",
        }
    }
}

/// The machine a snapshot was taken of, as it was called then.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Source {
    /// Its id; it may be gone by now.
    pub id: InstanceId,
    /// Its name then.
    pub name: Name,
}

/// A disk of a snapshot.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SnapshotDisk {
    /// The machine's disk; it may be gone by now.
    pub disk: DiskId,
    /// System or data.
    pub role: DiskRole,
    /// What it lived on.
    pub kind: DiskKind,
    /// The size the guest saw, in bytes.
    pub size_bytes: u64,
    /// Its content; `None` until it is stored.
    pub content: Option<ImageDisk>,
}

/// A snapshot.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// Its id.
    pub id: SnapshotId,
    /// Who pays.
    pub account: AccountId,
    /// Which project owns it.
    pub project: ProjectId,
    /// Where it is stored.
    pub region: RegionId,
    /// The zone its machine was in.
    pub zone: ZoneId,
    /// Its name; need not be unique.
    pub name: Name,
    /// What it is of.
    pub kind: Kind,
    /// How far along it is.
    pub status: Status,
    /// The machine it was taken of.
    pub source: Source,
    /// What that machine was deployed from then.
    pub origin: Origin,
    /// How that machine started.
    pub boot: BootMode,
    /// Its disks, the system disk first where that is among them. Never empty.
    pub disks: Vec<SnapshotDisk>,
    /// How consistent it is.
    pub consistency: Option<Consistency>,
    /// The schedule that made it; that may be gone by now.
    pub schedule: Option<ScheduleId>,
    /// Why it is in [`Status::Error`].
    pub error: Option<String>,
    /// The task that works, or last worked, on it.
    pub task: Option<TaskId>,
    /// When it was asked for.
    pub created: Timestamp,
    /// When it became available.
    pub available: Option<Timestamp>,
    /// Rises with every edit by a person.
    pub revision: u32,
}

/// What a person may do to a snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Make an image from it.
    Image,
    /// Make a new disk from it.
    NewDisk,
    /// Change its name.
    Rename,
    /// Remove it.
    Delete,
    /// Try to make it again.
    Retry,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 5] = [Self::Image, Self::NewDisk, Self::Rename, Self::Delete, Self::Retry];
}

impl Snapshot {
    /// Whether `action` is possible in the snapshot's present state (not: whether somebody may).
    ///
    /// # Errors
    /// The rule, the current value and the way out.
    pub fn can(&self, action: Action) -> Result<(), Reason> {
        use Status::{Available, Creating, Deleting, Error};
        let now = format!("It is {} now.", self.status.word());
        let refuse =
            |code: &str, rule: &str, way_out: &str| Err(Reason::new(code, rule, now.clone(), way_out));
        match (action, self.status) {
            (Action::Image, Available) if self.unfit().is_some() => Err(Reason::new(
                "data_disk_kind",
                "Data disks on economy or local storage cannot be part of an image.",
                "This is a snapshot of such a disk.",
                "Make a new disk from it.",
            )),
            (Action::Image | Action::NewDisk, Available)
            | (Action::Rename, Creating | Available | Error)
            | (Action::Delete, Available | Error)
            | (Action::Retry, Error) => Ok(()),
            (Action::Image | Action::NewDisk, Creating) => refuse(
                "snapshot_not_available",
                "Only an available snapshot can be used.",
                "Wait until it is available.",
            ),
            (Action::Image | Action::NewDisk, Error) => refuse(
                "snapshot_not_available",
                "Only an available snapshot can be used.",
                "Retry making it.",
            ),
            (Action::Delete, Creating) => refuse(
                "snapshot_creating",
                "A snapshot that is being made cannot be deleted.",
                "Cancel making it in Tasks instead.",
            ),
            (Action::Image | Action::NewDisk | Action::Rename | Action::Delete, Deleting) => {
                refuse("snapshot_deleting", "It is being deleted already.", "")
            }
            (Action::Retry, Creating | Available | Deleting) => {
                refuse("snapshot_not_failed", "Only a failed snapshot can be retried.", "")
            }
        }
    }

    /// The disks of `machine` that taking it takes, in the order of its own; fewer when one is gone.
    pub fn takes<'a>(&self, machine: &'a Instance) -> Vec<&'a Disk> {
        let disks = self.disks.iter();
        disks.filter_map(|wanted| machine.disks.iter().find(|d| d.id == wanted.disk)).collect()
    }

    /// A data disk in it that cannot be part of an image (U3).
    fn unfit(&self) -> Option<&SnapshotDisk> {
        self.disks.iter().find(|d| d.role == DiskRole::Data && !d.kind.captures_data())
    }

    /// What is stored of it, in the order of its disks; nothing until it is available.
    pub fn contents(&self) -> impl Iterator<Item = &ImageDisk> {
        self.disks.iter().filter_map(|d| d.content.as_ref())
    }

    /// What is stored of this disk of it; where none is named, of its first data disk, or of its system disk where it has no other.
    ///
    /// # Errors
    /// `disk_gone` when it has no such disk.
    pub fn content_of(&self, disk: Option<DiskId>) -> Result<&ImageDisk, Reason> {
        let found = match disk {
            Some(id) => self.disks.iter().find(|d| d.disk == id),
            None => self.disks.iter().find(|d| d.role == DiskRole::Data).or(self.disks.first()),
        };
        found.and_then(|d| d.content.as_ref()).ok_or_else(|| {
            Reason::new(
                "disk_gone",
                "A new disk is made from a disk that the snapshot holds.",
                format!("{} has no such disk.", self.name),
                "Choose another one.",
            )
        })
    }

    /// Sum of the sizes guests saw, in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.disks.iter().map(|d| d.size_bytes).fold(0, u64::saturating_add)
    }

    /// Sum of the compressed sizes, in bytes; zero until they are stored.
    pub fn stored_bytes(&self) -> u64 {
        self.contents().map(|d| d.stored_bytes).fold(0, u64::saturating_add)
    }

    /// Whether it takes one slot of its account's quota.
    pub const fn takes_slot(&self) -> bool {
        match self.status {
            Status::Creating | Status::Available | Status::Error => true,
            Status::Deleting => false,
        }
    }

    /// What is charged for it now.
    pub const fn charge(&self) -> Option<Charge> {
        match self.status {
            Status::Available => Some(Charge::SnapshotStorage),
            Status::Creating | Status::Error | Status::Deleting => None,
        }
    }

    /// It as what holds its chunks, in a class (`docs/adr/0018-unique-bytes.md`).
    pub fn holder(&self, class: Class) -> Holder {
        let contents = self.contents().map(|disk| disk.fingerprint.clone()).collect();
        Holder { subject: Subject::Snapshot(self.id), class, created: self.created, contents }
    }

    /// Which disks it is of, to take it again.
    pub fn which(&self) -> Which {
        match (self.kind, &self.disks[..]) {
            (Kind::Disk, [one]) if one.role == DiskRole::Data => Which::Disk(one.disk),
            (Kind::Disk, _) => Which::System,
            (Kind::Backup, _) => Which::All,
        }
    }

    /// What an image made from it is of.
    pub fn makes(&self) -> image::Kind {
        match (self.kind, &self.disks[..]) {
            (Kind::Disk, [one]) if one.role == DiskRole::Data => image::Kind::Data,
            // A machine that has no data disk is its system disk.
            (Kind::Disk, _) | (Kind::Backup, [_]) => image::Kind::System,
            (Kind::Backup, _) => image::Kind::Machine,
        }
    }

    /// What is in it, such as `system disk` or `2 disks`.
    pub fn words(&self) -> String {
        match &self.disks[..] {
            [one] if one.role == DiskRole::System => "system disk".to_owned(),
            [_] => "data disk".to_owned(),
            several => format!("{} disks at one instant", several.len()),
        }
    }
}

/// Which disks of a machine a snapshot takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// The system disk.
    System,
    /// All disks, at one instant.
    All,
    /// This one.
    Disk(DiskId),
}

impl Which {
    /// The word in forms.
    pub fn slug(self) -> String {
        match self {
            Self::System => "system".to_owned(),
            Self::All => "all".to_owned(),
            Self::Disk(id) => id.to_string(),
        }
    }

    /// What a snapshot of these disks is.
    pub const fn kind(self) -> Kind {
        match self {
            Self::System | Self::Disk(_) => Kind::Disk,
            Self::All => Kind::Backup,
        }
    }

    /// Whether this disk of a machine is among them.
    pub fn takes(self, disk: &Disk) -> bool {
        match self {
            Self::System => disk.role == DiskRole::System,
            Self::All => true,
            Self::Disk(id) => disk.id == id,
        }
    }

    /// These disks of a machine, system disk first, nothing of them stored yet.
    ///
    /// # Errors
    /// `disk_gone` when the machine has no such disk; `data_disk_kind` for all disks of a machine with data disks that cannot be
    /// taken with the others (U3).
    pub fn of(self, machine: &Instance) -> Result<Vec<SnapshotDisk>, Reason> {
        let found: Vec<SnapshotDisk> = machine
            .disks
            .iter()
            .filter(|d| self.takes(d))
            .map(|d| SnapshotDisk {
                disk: d.id,
                role: d.role,
                kind: d.kind,
                size_bytes: d.size_bytes,
                content: None,
            })
            .collect();
        if self == Self::All && found.iter().any(|d| d.role == DiskRole::Data) {
            machine.can_capture(image::What::Machine)?;
        }
        if found.is_empty() {
            return Err(Reason::new(
                "disk_gone",
                "A snapshot is taken of a disk that the machine has.",
                format!("{} has no such disk any more.", machine.name),
                "Choose another disk.",
            ));
        }
        Ok(found)
    }
}

impl std::str::FromStr for Which {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "system" => Ok(Self::System),
            "all" => Ok(Self::All),
            id => id.parse().map(Self::Disk).map_err(|_| ()),
        }
    }
}
