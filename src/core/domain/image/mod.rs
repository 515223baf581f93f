//! Images: the record and what it holds. What may be done in each state is in `action.rs`; one file per flow beside this one.

mod action;
pub mod bin;
pub mod copy;
pub mod kind;
pub mod life;
pub mod list;
pub mod made;
pub mod tags;

pub use action::Action;
pub use bin::Bin;
pub use copy::CopiedFrom;
pub use kind::{Kind, What, needs_snapshot_service};

use self::life::Life;
use super::disk::{DiskKind, DiskRole};
use super::error::Reason;
use super::ids::{AccountId, DiskId, ImageId, InstanceId, ProjectId, RegionId, SnapshotId, TaskId, ZoneId};
use super::text::Name;
use super::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How far along an image is (P5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Being generated; its size is not known yet.
    Creating,
    /// Deployable; charged from the first moment of this (P10).
    Available,
    /// Making it failed; `error` says why.
    Error,
    /// Deleted and in the recycle bin: of no use to anybody, and it can be restored.
    Recycled,
    /// Being removed; no longer charged.
    Deleting,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 5] = [Self::Creating, Self::Available, Self::Error, Self::Recycled, Self::Deleting];

    /// The word people see.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Creating => "Creating",
            Self::Available => "Available",
            Self::Error => "Error",
            Self::Recycled => "Recycled",
            Self::Deleting => "Deleting",
        }
    }

    /// The word in addresses.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Available => "available",
            Self::Error => "error",
            Self::Recycled => "recycled",
            Self::Deleting => "deleting",
        }
    }
}

/// Who may see an image besides its project.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Its project only.
    Private,
    /// Everybody in its region; offered by the provider and not charged.
    Public,
}

/// How a machine made from the image starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BootMode {
    /// Legacy BIOS.
    #[default]
    Bios,
    /// UEFI.
    Uefi,
}

impl BootMode {
    /// The word people see.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Bios => "BIOS",
            Self::Uefi => "UEFI",
        }
    }

    /// The word in forms.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Bios => "bios",
            Self::Uefi => "uefi",
        }
    }
}

/// How consistent a capture is (P2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Consistency {
    /// The machine was off: nothing was in flight.
    Stopped,
    /// The guest's agent froze its file systems at the instant of the capture.
    Frozen,
    /// As after a power cut: the file system replays its journal at first boot.
    Crash,
}

impl Consistency {
    /// What it means, in a sentence.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Stopped => "Clean: the machine was stopped.",
            Self::Frozen => "Clean: the guest agent froze the file systems for the instant of the capture.",
            Self::Crash => {
                "Crash-consistent: no guest agent answered, so it is as after a power cut; the journal is replayed at first boot."
            }
        }
    }
}

/// The operating system inside, as far as it is known.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Os {
    /// Such as `linux` or `windows`; empty when unknown.
    pub kind: String,
    /// Such as `Debian 12`; empty when unknown.
    pub version: String,
}

/// One disk of an image.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ImageDisk {
    /// Whether a machine boots from it.
    pub role: DiskRole,
    /// What the disk it was copied from lived on; `None` when that is not known or it came from a file.
    pub storage: Option<DiskKind>,
    /// Names its content in the region's chunk store, 64 hex digits.
    pub fingerprint: String,
    /// SHA-256 of the whole virtual disk, 64 hex digits.
    pub sha256: String,
    /// The size a guest sees, in bytes.
    pub virtual_bytes: u64,
    /// Compressed bytes of its chunks, each counted once.
    pub stored_bytes: u64,
}

/// The machine an image was made from, as it was called then.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Source {
    /// Its id; it may be gone by now.
    pub id: InstanceId,
    /// Its name then.
    pub name: Name,
    /// The data disk the image was made of; only of a [`Kind::Data`] image.
    pub disk: Option<DiskId>,
}

/// The snapshot an image was made from, as it was called then.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FromSnapshot {
    /// Its id; it may be gone by now.
    pub id: SnapshotId,
    /// Its name then.
    pub name: Name,
}

/// Who changed a record last, so that a stale edit can say so.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Change {
    /// Who, as the audit trail names them.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What, as a sentence part such as `the name from “a” to “b”`.
    pub what: String,
}

/// An image of a machine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Image {
    /// Its id.
    pub id: ImageId,
    /// Who pays.
    pub account: AccountId,
    /// Which project owns it.
    pub project: ProjectId,
    /// Where it is stored.
    pub region: RegionId,
    /// Unique per account and region, whatever the case (A5).
    pub name: Name,
    /// At most 1024 characters; empty for none.
    pub remark: String,
    /// What it is an image of; never changes.
    pub kind: Kind,
    /// The only zone that machines can be made from it in; of a machine image, `None` for all others (U16).
    pub zone: Option<ZoneId>,
    /// How far along it is.
    pub status: Status,
    /// Who else may see it.
    pub visibility: Visibility,
    /// Whether it is protected from deletion.
    pub protected: bool,
    /// Whether lists leave it out unless asked.
    pub hidden: bool,
    /// Tags by key.
    pub tags: tags::Tags,
    /// Free properties by key, for programs.
    pub properties: BTreeMap<String, String>,
    /// The system inside.
    pub os: Os,
    /// Such as `x86_64`.
    pub architecture: String,
    /// How it starts.
    pub boot: BootMode,
    /// Whether a machine's network cards may work with several queues (F9).
    pub nic_multiqueue: bool,
    /// Whether a machine's network cards may be given to it directly (F9).
    pub sriov: bool,
    /// Least virtual processors a machine needs; 0 for no limit. The provider says so of a public image, and what is made of it inherits it
    /// (U17).
    pub min_vcpus: u32,
    /// Least memory a machine needs, in MiB; 0 for no limit.
    pub min_memory_mib: u64,
    /// Most memory a machine may have, in MiB; 0 for no limit.
    pub max_memory_mib: u64,
    /// Least system disk, in bytes; never below the virtual size once that is known.
    pub min_disk_bytes: u64,
    /// The image the source machine was deployed from.
    pub parent: Option<ImageId>,
    /// The machine it was made from.
    pub source: Option<Source>,
    /// The image it is a copy of; `None` when it was made in another way.
    pub copied_from: Option<CopiedFrom>,
    /// The snapshot it was made from; `None` when it was made in another way.
    pub from_snapshot: Option<FromSnapshot>,
    /// A name that resolves to its newest live image; empty for none.
    pub family: String,
    /// Where it stands in its life; matters once it is available.
    pub life: Life,
    /// Its place in the recycle bin, exactly while it is [`Status::Recycled`].
    pub bin: Option<Bin>,
    /// The moment from which on a planned deletion takes place; until then it is as available as ever.
    pub leaves: Option<Timestamp>,
    /// Licence code inherited from the origin (U5); empty for none.
    pub licence: String,
    /// Its disks, system disk first; empty until they are stored.
    pub disks: Vec<ImageDisk>,
    /// Bytes that it may need at most, while it is being made; else zero.
    pub reserved_bytes: u64,
    /// Regions besides its own in which its account can deploy it (U15): the content is fetched there first.
    pub reaches: BTreeSet<RegionId>,
    /// How consistent the capture was.
    pub consistency: Option<Consistency>,
    /// Why it is in [`Status::Error`].
    pub error: Option<String>,
    /// The task that works, or last worked, on it.
    pub task: Option<TaskId>,
    /// When it was asked for.
    pub created: Timestamp,
    /// When it became available first.
    pub available: Option<Timestamp>,
    /// Rises with every edit by a person.
    pub revision: u32,
    /// The last edit by a person.
    pub changed: Option<Change>,
}

impl Image {
    /// Sum of the sizes guests see, in bytes; zero until the disks are stored.
    pub fn virtual_bytes(&self) -> u64 {
        self.disks.iter().map(|d| d.virtual_bytes).fold(0, u64::saturating_add)
    }

    /// Sum of the compressed sizes, in bytes; zero until the disks are stored.
    pub fn stored_bytes(&self) -> u64 {
        self.disks.iter().map(|d| d.stored_bytes).fold(0, u64::saturating_add)
    }

    /// Bytes that it takes of its account's storage (U18): what is stored, also in the recycle bin; while it is being made, what it may need
    /// at most. Public images are the provider's.
    pub fn held_bytes(&self) -> u64 {
        match self.status {
            _ if self.visibility == Visibility::Public => 0,
            Status::Creating => self.reserved_bytes,
            Status::Available | Status::Recycled => self.stored_bytes(),
            Status::Error | Status::Deleting => 0,
        }
    }

    /// Whether a machine of `account` may be made from it in `region`: where it is, or where its provider made it deployable (U15).
    pub fn deploys_in(&self, region: &RegionId, account: AccountId) -> bool {
        self.region == *region || self.account == account && self.reaches.contains(region)
    }

    /// Whether it can be made deployable in other regions at all: what has a place of its own, or makes no machines, is copied instead.
    ///
    /// # Errors
    /// The rule, its kind and the way out.
    pub fn can_reach(&self) -> Result<(), Reason> {
        match self.kind {
            Kind::System | Kind::Iso => Ok(()),
            Kind::Machine | Kind::Data => Err(Reason::new(
                "reach_kind",
                "Only an image of a system disk or an ISO can be deployed outside its region.",
                format!("This is a {} image.", self.kind.word().to_lowercase()),
                "Copy it to the other region.",
            )),
        }
    }

    /// Whether a machine with so many processors and so much memory may be made from it (U17).
    ///
    /// # Errors
    /// The limit, the value and what to choose.
    pub fn fits(&self, n_vcpus: u32, memory_mib: u64) -> Result<(), String> {
        if n_vcpus < self.min_vcpus {
            return Err(format!(
                "{n_vcpus} vCPU is too few for this image. Choose a type with at least {}.",
                self.min_vcpus
            ));
        }
        let shown = |mib: u64| super::size::binary(mib.saturating_mul(super::size::MIB));
        if self.min_memory_mib > 0 && memory_mib < self.min_memory_mib {
            return Err(format!(
                "{} is too little memory for this image. Choose a type with at least {}.",
                shown(memory_mib),
                shown(self.min_memory_mib)
            ));
        }
        if self.max_memory_mib > 0 && memory_mib > self.max_memory_mib {
            return Err(format!(
                "{} is too much memory for this image. Choose a type with at most {}.",
                shown(memory_mib),
                shown(self.max_memory_mib)
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use uuid::Uuid;

    pub(crate) fn image(status: Status) -> Image {
        Image {
            id: Uuid::from_u128(1).into(),
            account: Uuid::from_u128(2).into(),
            project: Uuid::from_u128(3).into(),
            region: "north-1".into(),
            name: Name::parse("web-v1").expect("valid"),
            remark: String::new(),
            kind: Kind::System,
            zone: None,
            status,
            visibility: Visibility::Private,
            protected: false,
            hidden: false,
            tags: tags::Tags::new(),
            properties: BTreeMap::new(),
            os: Os::default(),
            architecture: "x86_64".to_owned(),
            boot: BootMode::Bios,
            nic_multiqueue: false,
            sriov: false,
            min_vcpus: 0,
            min_memory_mib: 0,
            max_memory_mib: 0,
            min_disk_bytes: 0,
            parent: None,
            source: None,
            copied_from: None,
            from_snapshot: None,
            family: String::new(),
            life: Life::default(),
            bin: None,
            leaves: None,
            licence: String::new(),
            reserved_bytes: 0,
            reaches: BTreeSet::new(),
            disks: vec![],
            consistency: None,
            error: None,
            task: None,
            created: Timestamp(0),
            available: None,
            revision: 0,
            changed: None,
        }
    }

    #[test]
    fn memory_limits_name_the_value_and_the_limit() {
        let mut i = image(Status::Available);
        i.min_memory_mib = 1024;
        let refusal = i.fits(1, 512).expect_err("too small");
        assert!(refusal.contains("512 MiB") && refusal.contains("1 GiB"), "{refusal}");
        assert!(i.fits(1, 1024).is_ok());
    }
}
