//! Disks: their kinds and what each kind allows.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The kind of storage a disk lives on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DiskKind {
    /// Fast cloud storage.
    Ssd,
    /// Cheap cloud storage.
    Economy,
    /// Storage of the host the machine runs on.
    Local,
}

impl DiskKind {
    /// Every kind, in the order people see them.
    pub const ALL: [Self; 3] = [Self::Ssd, Self::Economy, Self::Local];

    /// The kind's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ssd => "ssd",
            Self::Economy => "economy",
            Self::Local => "local",
        }
    }
}

impl fmt::Display for DiskKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for DiskKind {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|k| k.as_str() == text).ok_or(())
    }
}

/// Which disk of a machine this is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DiskRole {
    /// The machine boots from it.
    System,
    /// It holds data only.
    Data,
}
