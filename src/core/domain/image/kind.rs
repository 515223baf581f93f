//! What an image is an image of, and what follows from that. One model: an image has one or more disks, and its kind says which. Must not know
//! how disks are copied or stored.

use super::Image;
use crate::domain::disk::{DiskKind, DiskRole};
use crate::domain::instance::{Disk, Instance};
use serde::{Deserialize, Serialize};

/// What an image is an image of (F2, F5, F7).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The system disk of a machine.
    #[default]
    System,
    /// One data disk of a machine; machines get new disks from it.
    Data,
    /// All disks of a machine, taken at one instant.
    Machine,
    /// A read-only disc that a machine is installed from.
    Iso,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::System, Self::Data, Self::Machine, Self::Iso];

    /// The words people see.
    pub const fn word(self) -> &'static str {
        match self {
            Self::System => "System disk",
            Self::Data => "Data disk",
            Self::Machine => "Whole machine",
            Self::Iso => "ISO",
        }
    }

    /// The word in addresses and forms.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Data => "data",
            Self::Machine => "machine",
            Self::Iso => "iso",
        }
    }
}

impl Image {
    /// The disks of `machine` that a capture for this image takes, system disk first; empty when the data disk it is of is gone.
    pub fn takes<'a>(&self, machine: &'a Instance) -> Vec<&'a Disk> {
        let of_image = self.source.as_ref().and_then(|source| source.disk);
        let takes = |disk: &&Disk| match self.kind {
            Kind::System | Kind::Iso => disk.role == DiskRole::System,
            Kind::Machine => true,
            Kind::Data => of_image == Some(disk.id),
        };
        machine.disks.iter().filter(takes).collect()
    }
}

impl DiskKind {
    /// Whether a data disk of this kind can be part of an image (U3).
    pub const fn captures_data(self) -> bool {
        match self {
            Self::Ssd => true,
            Self::Economy | Self::Local => false,
        }
    }
}
