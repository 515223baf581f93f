//! Copying an image: into another project, another region, or both (U9). The copy is independent from the first moment on.

use super::life::Life;
use super::{Image, Kind, Source, Status, Visibility};
use crate::domain::error::Reason;
use crate::domain::ids::{AccountId, ImageId, ProjectId, RegionId, TaskId, ZoneId};
use crate::domain::region::{Region, Switch};
use crate::domain::text::Name;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The image that a copy was made from, as it was called then.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CopiedFrom {
    /// Its id; it may be gone by now.
    pub id: ImageId,
    /// Its name then.
    pub name: Name,
    /// Where it is or was.
    pub region: RegionId,
}

/// A copy to be: whose it is, where and under which name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// The new image.
    pub id: ImageId,
    /// Who pays for it.
    pub account: AccountId,
    /// Which project owns it.
    pub project: ProjectId,
    /// Where it is stored.
    pub region: RegionId,
    /// Its name.
    pub name: Name,
    /// Its remark.
    pub remark: String,
    /// What it is an image of: as the source, or the system disk of a whole machine (U10).
    pub kind: Kind,
    /// Where machines can be made from it, of a whole machine.
    pub zone: Option<ZoneId>,
    /// The task that brings its content; only used when that has to travel.
    pub task: TaskId,
}

impl Image {
    /// Whether its content is in `region` already, so that a copy there is instant whatever the size.
    pub fn is_in(&self, region: &RegionId) -> bool {
        self.region == *region
    }

    /// Whether a copy of it may go to `region`, apart from limits and prices; the dialog and the commit both ask this. `given` says
    /// that somebody else shares the image with who copies it.
    ///
    /// # Errors
    /// `image_feature_off` (P15); `copies_off`; `shared_elsewhere` (A5-6).
    pub fn can_copy_to(&self, region: &Region, given: bool) -> Result<(), Reason> {
        if given && !self.is_in(&region.id) {
            return Err(Reason::new(
                "shared_elsewhere",
                "A shared image can be copied inside its region only.",
                format!("It is in {}.", self.region),
                "Copy it there first; your own copy can go anywhere.",
            ));
        }
        if region.images == Switch::Off {
            return Err(region.images_off());
        }
        if region.accepts_copies == Switch::Off {
            return Err(Reason::new(
                "copies_off",
                format!("{} takes no copies of images at present.", region.id),
                "Its switch for copies is off.",
                "Choose another region, or ask your provider.",
            ));
        }
        Ok(())
    }

    /// The copy of this image as it begins. Inside the region it has its content and is Available at once; elsewhere it is Creating until
    /// a task has brought the content. It is its owner's alone and not protected, whatever this one is; all else is as here, its stage too:
    /// what is deprecated or disabled is only saved by who had it and loses it ([`super::super::share::Share::can_save`]).
    #[must_use]
    pub fn copy(&self, target: Target, now: Timestamp) -> Self {
        let inside = self.is_in(&target.region);
        Self {
            copied_from: Some(CopiedFrom {
                id: self.id,
                name: self.name.clone(),
                region: self.region.clone(),
            }),
            from_snapshot: None,
            id: target.id,
            account: target.account,
            project: target.project,
            region: target.region,
            name: target.name,
            remark: target.remark,
            kind: target.kind,
            zone: target.zone,
            status: if inside { Status::Available } else { Status::Creating },
            visibility: Visibility::Private,
            protected: false,
            hidden: false,
            disks: if inside { self.disks_for(target.kind) } else { vec![] },
            error: None,
            task: (!inside).then_some(target.task),
            created: now,
            available: inside.then_some(now),
            revision: 0,
            changed: None,
            tags: self.tags.clone(),
            properties: self.properties.clone(),
            os: self.os.clone(),
            architecture: self.architecture.clone(),
            boot: self.boot,
            nic_multiqueue: self.nic_multiqueue,
            sriov: self.sriov,
            min_vcpus: self.min_vcpus,
            min_memory_mib: self.min_memory_mib,
            max_memory_mib: self.max_memory_mib,
            min_disk_bytes: self.least_disk_bytes(),
            parent: self.parent,
            source: self.source.as_ref().map(|s| Source { id: s.id, name: s.name.clone(), disk: s.disk }),
            // In its own project and region a copy would take the lead of the family it was taken from.
            family: if inside && target.project == self.project {
                String::new()
            } else {
                self.family.clone()
            },
            // What may not be used any more is not made usable by saving it: that is for its new owner to say.
            life: Life { stage: self.life.stage, ..Life::default() },
            bin: None,
            leaves: None,
            licence: self.licence.clone(),
            reserved_bytes: if inside { 0 } else { self.stored_bytes_for(target.kind) },
            reaches: BTreeSet::new(),
            consistency: self.consistency,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::image;
    use super::super::{Consistency, ImageDisk};
    use super::*;
    use crate::domain::disk::DiskRole;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn target(region: &str) -> Target {
        Target {
            id: Uuid::from_u128(21).into(),
            account: Uuid::from_u128(22).into(),
            project: Uuid::from_u128(23).into(),
            region: region.into(),
            name: Name::parse("mine").expect("valid"),
            remark: "of theirs".to_owned(),
            kind: Kind::System,
            zone: None,
            task: Uuid::from_u128(24).into(),
        }
    }

    fn original(n_disks: u64, virtual_bytes: u64) -> Image {
        let disk = |n: u64| ImageDisk {
            role: DiskRole::System,
            storage: None,
            fingerprint: format!("{n:064x}"),
            sha256: String::new(),
            virtual_bytes,
            stored_bytes: n,
        };
        Image {
            visibility: Visibility::Public,
            protected: true,
            hidden: true,
            tags: [("team".to_owned(), "web".to_owned())].into_iter().collect(),
            family: "web".to_owned(),
            licence: "GPL".to_owned(),
            disks: (0..n_disks).map(disk).collect(),
            consistency: Some(Consistency::Frozen),
            revision: 9,
            available: Some(Timestamp(5)),
            ..image(Status::Available)
        }
    }

    proptest! {
        #[test]
        fn a_copy_is_independent_and_has_what_its_place_allows(n_disks in 1u64..4, virtual_bytes in 1u64..1 << 40, inside: bool) {
            let original = original(n_disks, virtual_bytes);
            let copy = original.copy(target(if inside { "north-1" } else { "south-1" }), Timestamp(7));
            prop_assert_eq!((copy.visibility, copy.protected, copy.hidden), (Visibility::Private, false, false));
            prop_assert_eq!((&copy.tags, &copy.licence), (&original.tags, &original.licence));
            prop_assert!(copy.min_disk_bytes >= original.first_bytes());
            prop_assert_eq!((copy.revision, copy.created), (0, Timestamp(7)));
            prop_assert_eq!(copy.copied_from.as_ref().map(|c| c.id), Some(original.id));
            prop_assert_ne!(copy.id, original.id);
            if inside {
                prop_assert_eq!((copy.status, copy.task, copy.available), (Status::Available, None, Some(Timestamp(7))));
                prop_assert_eq!(&copy.disks, &original.disks);
            } else {
                prop_assert_eq!((copy.status, copy.available), (Status::Creating, None));
                prop_assert_eq!(copy.task, Some(target("x").task));
                prop_assert!(copy.disks.is_empty(), "its content is on the way");
            }
        }
    }
}
