//! How an image of a machine begins, and what it inherits from the image that machine was made of (U5, U17, F9): limits of instance types, the
//! system inside, what network cards may do, the licence. A machine carries that itself, and so do its snapshots, so that it outlives the
//! image it comes from. It must not read records.

use super::{BootMode, Image, Kind, Os, Status, Visibility};
use crate::domain::ids::{AccountId, ImageId, ProjectId, RegionId, ZoneId};
use crate::domain::instance::Origin;
use crate::domain::text::Name;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What an image passes on to everything that is made of its machines, as it was when the machine was made (U17, F9).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Inherited {
    /// The system inside.
    pub os: Os,
    /// Such as `x86_64`.
    pub architecture: String,
    /// Whether network cards may work with several queues (F9).
    pub nic_multiqueue: bool,
    /// Whether network cards may be given to a machine directly (F9).
    pub sriov: bool,
    /// Least virtual processors a machine needs; 0 for no limit (U17).
    pub min_vcpus: u32,
    /// Least memory a machine needs, in MiB; 0 for no limit (U17).
    pub min_memory_mib: u64,
    /// Most memory a machine may have, in MiB; 0 for no limit (U17).
    pub max_memory_mib: u64,
}

impl Default for Inherited {
    /// What is known of a machine when nobody can tell any more: no limits, an unknown system, the plain network card.
    fn default() -> Self {
        Self {
            os: Os::default(),
            architecture: "x86_64".to_owned(),
            nic_multiqueue: false,
            sriov: false,
            min_vcpus: 0,
            min_memory_mib: 0,
            max_memory_mib: 0,
        }
    }
}

/// Of what an image is begun: a machine, or a snapshot of one.
#[derive(Clone, Copy, Debug)]
pub struct Made<'a> {
    /// Who pays.
    pub account: AccountId,
    /// Which project owns it.
    pub project: ProjectId,
    /// Where it is stored.
    pub region: &'a RegionId,
    /// The zone of the machine.
    pub zone: &'a ZoneId,
    /// How the machine starts.
    pub boot: BootMode,
    /// What the machine was deployed from.
    pub origin: &'a Origin,
}

impl Image {
    /// What machines made from it carry on.
    pub fn passes_on(&self) -> Inherited {
        Inherited {
            os: self.os.clone(),
            architecture: self.architecture.clone(),
            nic_multiqueue: self.nic_multiqueue,
            sriov: self.sriov,
            min_vcpus: self.min_vcpus,
            min_memory_mib: self.min_memory_mib,
            max_memory_mib: self.max_memory_mib,
        }
    }

    /// A new image in Creating, with what it inherits and nothing else: no disks, tags or family.
    pub fn begun(
        id: ImageId,
        name: Name,
        kind: Kind,
        of: &Made<'_>,
        inherited: Inherited,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            account: of.account,
            project: of.project,
            region: of.region.clone(),
            name,
            remark: String::new(),
            kind,
            zone: (kind == Kind::Machine).then(|| of.zone.clone()),
            status: Status::Creating,
            visibility: Visibility::Private,
            protected: false,
            hidden: false,
            tags: Default::default(),
            properties: BTreeMap::new(),
            os: Os::default(),
            architecture: String::new(),
            boot: BootMode::default(),
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
            life: Default::default(),
            bin: None,
            leaves: None,
            licence: String::new(),
            reserved_bytes: 0,
            reaches: BTreeSet::new(),
            disks: vec![],
            consistency: None,
            error: None,
            task: None,
            created: now,
            available: None,
            revision: 0,
            changed: None,
        }
        .inheriting(of.origin, of.boot, inherited)
    }

    /// The image with what it inherits from what its machine was deployed from. An image of a data disk has no system, so all that it
    /// inherits is the architecture.
    #[must_use]
    pub fn inheriting(self, origin: &Origin, boot: BootMode, inherited: Inherited) -> Self {
        let Inherited { os, architecture, nic_multiqueue, sriov, min_vcpus, min_memory_mib, max_memory_mib } =
            inherited;
        let image = Self {
            parent: Some(origin.id),
            licence: origin.licence.clone(),
            os,
            architecture,
            boot,
            nic_multiqueue,
            sriov,
            min_vcpus,
            min_memory_mib,
            max_memory_mib,
            ..self
        };
        if image.kind == Kind::Data { image.without_system() } else { image }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::image;
    use super::*;

    #[test]
    fn what_an_image_passes_on_arrives_in_what_is_made_of_its_machines() {
        let parent = Image {
            os: Os { kind: "windows".to_owned(), version: "Windows Server 2022".to_owned() },
            architecture: "aarch64".to_owned(),
            nic_multiqueue: true,
            sriov: true,
            min_vcpus: 2,
            min_memory_mib: 512,
            max_memory_mib: 4096,
            licence: "WIN".to_owned(),
            ..image(Status::Available)
        };
        let origin = Origin::of(&parent);
        let of = Made {
            account: parent.account,
            project: parent.project,
            region: &parent.region,
            zone: &"a".into(),
            boot: BootMode::Uefi,
            origin: &origin,
        };
        let inherited = || origin.inherits.clone().expect("noted");
        let made = |kind| {
            let name = Name::parse("child").expect("valid");
            Image::begun(uuid::Uuid::from_u128(9).into(), name, kind, &of, inherited(), Timestamp(7))
        };
        let child = made(Kind::Machine);
        assert_eq!(child.passes_on(), parent.passes_on());
        assert_eq!((child.parent, child.licence.as_str()), (Some(parent.id), "WIN"));
        assert_eq!((child.boot, child.zone), (BootMode::Uefi, Some("a".into())));
        let data = made(Kind::Data);
        assert_eq!((data.parent, data.licence.as_str(), data.zone.clone()), (None, "", None));
        let bare = Inherited { architecture: "aarch64".to_owned(), ..Inherited::default() };
        assert_eq!(data.passes_on(), bare, "a data disk has no system");
    }
}
