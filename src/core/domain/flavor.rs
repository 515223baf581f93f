//! Instance types: how many processors and how much memory a machine gets, and on which disks it may live.

use super::disk::DiskKind;
use super::ids::FlavorId;
use serde::{Deserialize, Serialize};

/// An instance type. Its price is in the price book.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Flavor {
    /// Its slug, such as `m1.small`.
    pub id: FlavorId,
    /// Virtual processors.
    pub n_vcpus: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Disk kinds machines of this type may use.
    pub disk_kinds: Vec<DiskKind>,
}

impl Flavor {
    /// `2 vCPU, 512 MiB`.
    pub fn summary(&self) -> String {
        format!(
            "{} vCPU, {}",
            self.n_vcpus,
            super::size::binary(self.memory_mib.saturating_mul(super::size::MIB))
        )
    }

    /// `2 vCPU, 512 MiB, on ssd, economy disks`: everything there is to say of it.
    pub fn words(&self) -> String {
        let kinds: Vec<&str> = self.disk_kinds.iter().map(|kind| kind.as_str()).collect();
        format!("{}, on {} disks", self.summary(), kinds.join(", "))
    }
}
