//! What a screen sends: forms mirror the fields a person fills in and are parsed into commands by the same code in browser and server.
//!
//! A form's strings are exactly what was typed, so that a refused form can be shown again with nothing lost.

mod account;
mod billing;
mod bulk;
mod change;
mod deleting;
mod deploy;
mod disks;
mod edit;
mod group;
mod quotas;
mod region;
mod sharing;
mod snapshots;

pub use account::{AccountForm, LimitsEdit, LimitsForm};
pub use billing::{Book, BookForm, BudgetForm, NOTE_CHARS_MAX, Payment, PaymentForm, REFERENCE_CHARS_MAX};
pub use bulk::{BULK_ACTIONS, Bulk, BulkAction, BulkForm};
pub use change::{ChangeImage, ChangeImageForm};
pub use deleting::{DeleteImage, DeleteImageForm, RestoreImage, RestoreImageForm};
pub use deploy::{DATA_DISK_KIND, DataDisk, Deploy, DeployForm, FAMILY_PREFIX, ImageChoice, whole_gib};
pub use disks::{AddDisk, AddDiskForm, DiskSource, RemoveDisk, RemoveDiskForm, SNAPSHOT_PREFIX};
pub use edit::{EditImage, EditImageForm};
pub use group::{GroupEdit, GroupForm, GroupNew};
pub use quotas::{
    QuotaAsk, QuotaDecision, QuotaDecisionForm, QuotaRequestForm, ReachAsk, ReachForm, Verdict,
};
pub use region::{RegionEdit, RegionForm};
pub use sharing::{Share, ShareForm, StopSharing, StopSharingForm, Unfollow, UnfollowForm};
pub use snapshots::{
    CreateSnapshot, CreateSnapshotForm, RenameSnapshot, RenameSnapshotForm, ScheduleEdit, ScheduleForm,
    ServiceForm, ServiceTurn, SnapshotImage, SnapshotImageForm,
};

use super::error::{Error, FieldError, Result};
use super::ids::{ImageId, InstanceId, ProjectId, RegionId};
use super::image::What;
use super::image::life::Stage;
use super::image::tags::{self, Lengths, Tags};
use super::text::{self, Name};
use super::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most data disks a machine can be created with.
pub const DATA_DISKS_MAX: usize = 3;
/// Largest disk, in GiB.
pub const DISK_GIB_MAX: u64 = 2048;
/// Most regions an image can be copied to at once.
pub const COPY_REGIONS_MAX: usize = 50;

/// Collects field errors while a form is parsed.
#[derive(Default)]
struct Faults(Vec<FieldError>);

impl Faults {
    fn take<T>(&mut self, field: &str, parsed: Result<T, String>) -> Option<T> {
        parsed.map_err(|message| self.0.push(FieldError::new(field, message))).ok()
    }
}

/// The dialog *Create an image*.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateImageForm {
    /// The machine, a UUID.
    pub instance: String,
    /// What of it: `system` or nothing for the system disk, `machine` for all disks, or the id of one data disk.
    pub what: String,
    /// The image's name.
    pub name: String,
    /// The remark.
    pub remark: String,
    /// Version of the price book the dialog showed.
    pub price_version: u32,
}

/// Make an image of a machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreateImage {
    /// The machine.
    pub instance: InstanceId,
    /// What of it.
    pub what: What,
    /// The image's name.
    pub name: Name,
    /// The remark.
    pub remark: String,
    /// Version of the price book the dialog showed.
    pub price_version: u32,
}

impl CreateImageForm {
    /// Parses the form.
    ///
    /// # Errors
    /// `Invalid`, with one entry per field that breaks a rule.
    pub fn parse(&self) -> Result<CreateImage> {
        let mut faults = Faults::default();
        let instance = faults.take(
            "instance",
            self.instance.parse().map_err(|_| "This machine is not known. Open it again.".to_owned()),
        );
        let name = faults.take("name", Name::parse(&self.name));
        let remark = faults.take("remark", text::remark(&self.remark));
        let what = self.what.parse().map_err(|()| "Choose what the image is of.".to_owned());
        match (instance, faults.take("what", what), name, remark) {
            (Some(instance), Some(what), Some(name), Some(remark)) => {
                Ok(CreateImage { instance, what, name, remark, price_version: self.price_version })
            }
            _ => Err(Error::invalid(faults.0)),
        }
    }
}

/// The dialog *Copy image*. Regions are checkboxes of one name, so that a form without any has no such field.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CopyImageForm {
    /// The image to copy, a UUID.
    pub image: String,
    /// The project that the copies are for, a UUID.
    pub project: String,
    /// The regions they are for, such as `north-1`.
    pub regions: Vec<String>,
    /// The name of the copies.
    pub name: String,
    /// Their remark.
    pub remark: String,
    /// Their family, empty for none; not sent: a copy elsewhere keeps that of the image, one beside it has none.
    pub family: Option<String>,
    /// Their tags, as `key` or `key=value`; not sent: those of the image.
    pub tags: Option<String>,
    /// `yes` to copy the data disks of a whole machine as well (U10); anything else copies its system disk. No matter for other kinds.
    pub data_disks: String,
    /// Version of the price book the dialog showed, by region.
    pub price_versions: BTreeMap<String, u32>,
}

/// Copy an image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CopyImage {
    /// The image to copy.
    pub image: ImageId,
    /// The project that the copies are for.
    pub project: ProjectId,
    /// The regions they are for, each once and at least one, with the version of the price book that the dialog showed there.
    pub regions: BTreeMap<RegionId, u32>,
    /// The name of the copies.
    pub name: Name,
    /// Their remark.
    pub remark: String,
    /// Their family, empty for none; `None` leaves it to where they are made.
    pub family: Option<String>,
    /// Their tags; `None` for those of the image.
    pub tags: Option<Tags>,
    /// Whether the data disks of a whole machine are copied as well.
    pub with_data: bool,
}

impl CopyImageForm {
    /// Parses the form. `lengths` is how long the parts of a tag may be.
    ///
    /// # Errors
    /// `Invalid`, with one entry per field that breaks a rule.
    pub fn parse(&self, lengths: Lengths) -> Result<CopyImage> {
        let mut faults = Faults::default();
        let image = faults.take(
            "image",
            self.image.parse().map_err(|_| "This image is not known. Open it again.".to_owned()),
        );
        let project = faults.take(
            "project",
            self.project.parse().map_err(|_| "A project is missing. Choose one.".to_owned()),
        );
        let regions = faults.take("regions", self.targets());
        let name = faults.take("name", Name::parse(&self.name));
        let remark = faults.take("remark", text::remark(&self.remark));
        let family = faults.take("family", self.family.as_deref().map(text::family).transpose());
        let tags =
            faults.take("tags", self.tags.as_deref().map(|text| tags::parse(text, lengths)).transpose());
        match (image, project, regions, name, remark, family, tags) {
            (
                Some(image),
                Some(project),
                Some(regions),
                Some(name),
                Some(remark),
                Some(family),
                Some(tags),
            ) => {
                let with_data = self.data_disks == "yes";
                Ok(CopyImage { image, project, regions, name, remark, family, tags, with_data })
            }
            _ => Err(Error::invalid(faults.0)),
        }
    }

    /// A region whose price was not shown has version 0, which no price book in force has, so the commit refuses it.
    fn targets(&self) -> Result<BTreeMap<RegionId, u32>, String> {
        let shown = |region: &String| self.price_versions.get(region).copied().unwrap_or(0);
        let checked = self.regions.iter().filter(|region| !region.is_empty());
        let targets: BTreeMap<RegionId, u32> =
            checked.map(|region| (RegionId(region.clone()), shown(region))).collect();
        match targets.len() {
            0 => Err("A region is missing. Choose at least one.".to_owned()),
            n if n > COPY_REGIONS_MAX => {
                Err(format!("{n} regions are too many. Choose at most {COPY_REGIONS_MAX} at once."))
            }
            _ => Ok(targets),
        }
    }
}

/// The dialog that deprecates, disables or restores an image.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StageForm {
    /// The image, a UUID.
    pub image: String,
    /// `active`, `deprecated` or `disabled`.
    pub stage: String,
    /// `now` or `later`.
    pub when: String,
    /// The day it begins, as `2026-11-28`, where it is `later`.
    pub day: String,
    /// What to use instead, a UUID; empty for nothing.
    pub replacement: String,
}

/// Change the stage of an image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StageImage {
    /// The image.
    pub image: ImageId,
    /// What it becomes.
    pub stage: Stage,
    /// When; `None` for at once.
    pub at: Option<Timestamp>,
    /// What to use instead.
    pub replacement: Option<ImageId>,
}

impl StageForm {
    /// Parses the form.
    ///
    /// # Errors
    /// `Invalid`, with one entry per field that breaks a rule.
    pub fn parse(&self) -> Result<StageImage> {
        let mut faults = Faults::default();
        let image = faults.take("image", known_image(&self.image));
        let stage =
            faults.take("stage", self.stage.parse().map_err(|()| "Choose what it becomes.".to_owned()));
        let at = match self.when.as_str() {
            "later" => Timestamp::after_day(&self.day)
                .map(|end| Some(end.plus_ms(-86_400_000)))
                .ok_or_else(|| "A day is missing. Write it as 2026-11-28.".to_owned()),
            _ => Ok(None),
        };
        let at = faults.take("day", at);
        let replacement = match self.replacement.as_str() {
            "" => Ok(None),
            id => id.parse().map(Some).map_err(|_| "Choose one of the list.".to_owned()),
        };
        let replacement = faults.take("replacement", replacement);
        match (image, stage, at, replacement) {
            (Some(image), Some(stage), Some(at), Some(replacement)) => {
                Ok(StageImage { image, stage, at, replacement })
            }
            _ => Err(Error::invalid(faults.0)),
        }
    }
}

fn known_image(id: &str) -> Result<ImageId, String> {
    id.parse().map_err(|_| "This image is not known. Open it again.".to_owned())
}

/// The form that changes one's password.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PasswordForm {
    /// The present password.
    pub current: String,
    /// The new one.
    pub new: String,
    /// The new one again.
    pub again: String,
}

/// Passwords stay out of logs.
impl std::fmt::Debug for PasswordForm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordForm")
    }
}

impl PasswordForm {
    /// Judges the new password; the present one is checked by the use case.
    ///
    /// # Errors
    /// `Invalid`, with one entry per field that breaks a rule.
    pub fn parse(&self) -> Result<()> {
        let mut faults = Faults::default();
        faults.take("new", text::password(&self.new));
        if self.new != self.again {
            faults.0.push(FieldError::new("again", "The two passwords differ. Type the new one twice."));
        }
        if faults.0.is_empty() { Ok(()) } else { Err(Error::invalid(faults.0)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::disk::DiskKind;
    use crate::domain::size::GIB;
    use proptest::prelude::*;

    pub(crate) fn deploy() -> DeployForm {
        DeployForm {
            project: "00000000-0000-0000-0000-000000000001".to_owned(),
            region: "north-1".to_owned(),
            image: "00000000-0000-0000-0000-000000000002".to_owned(),
            name: "web".to_owned(),
            flavor: "m1.tiny".to_owned(),
            zone: "a".to_owned(),
            disk_kind: "ssd".to_owned(),
            disk_gib: "1".to_owned(),
            ..DeployForm::default()
        }
    }

    #[test]
    fn every_fault_is_told_at_its_field_at_once() {
        let refusal =
            DeployForm { name: "a/b".to_owned(), disk_gib: "0".to_owned(), image: String::new(), ..deploy() }
                .parse();
        let fields: Vec<String> = refusal.expect_err("refused").fields.into_iter().map(|f| f.field).collect();
        assert_eq!(fields, ["image", "name", "disk_gib"]);
    }

    fn copy() -> CopyImageForm {
        CopyImageForm {
            image: deploy().image,
            project: deploy().project,
            regions: vec!["south-1".to_owned(), "north-1".to_owned(), "south-1".to_owned()],
            name: "web".to_owned(),
            remark: String::new(),
            family: None,
            tags: None,
            data_disks: String::new(),
            price_versions: [("north-1".to_owned(), 3)].into(),
        }
    }

    #[test]
    fn a_copy_goes_to_each_region_once_for_the_price_that_was_shown_there() {
        let parsed = copy().parse(Lengths::default()).expect("valid");
        assert_eq!(parsed.regions, [("north-1".into(), 3), ("south-1".into(), 0)].into());
    }

    #[test]
    fn a_copy_to_no_region_is_refused_at_the_field_with_the_others() {
        let refused =
            CopyImageForm { regions: vec![], name: "a/b".to_owned(), ..copy() }.parse(Lengths::default());
        let refused = refused.expect_err("refused");
        let fields: Vec<&str> = refused.fields.iter().map(|f| f.field.as_str()).collect();
        assert_eq!(fields, ["regions", "name"]);
        assert!(refused.message.contains("at least one"), "{refused}");
        let many = CopyImageForm { regions: (0..51).map(|n| n.to_string()).collect(), ..copy() };
        assert_eq!(many.parse(Lengths::default()).expect_err("refused").fields[0].field, "regions");
    }

    #[test]
    fn an_empty_data_size_means_no_disk() {
        let parsed = DeployForm { data2_gib: "5".to_owned(), data2_kind: "economy".to_owned(), ..deploy() }
            .parse()
            .expect("valid");
        let second = DataDisk { kind: Some(DiskKind::Economy), size_bytes: Some(5 * GIB) };
        assert_eq!(parsed.data_disks, [DataDisk::default(), second, DataDisk::default()]);
        // Unless the image has such a disk: then it is as large as there.
        let form = DeployForm { data1_kind: "ssd".to_owned(), data3_gib: "x".to_owned(), ..deploy() };
        let shown = form.disks_so_far(&[3 * GIB - 1]);
        assert_eq!(shown, [(DiskKind::Ssd, GIB), (DiskKind::Ssd, 3 * GIB)]);
        assert_eq!(form.disks_so_far(&[]), [(DiskKind::Ssd, GIB)]);
    }

    #[test]
    fn a_new_password_is_typed_twice() {
        let form =
            PasswordForm { current: "x".into(), new: "long enough 1".into(), again: "long enough 2".into() };
        assert_eq!(form.parse().expect_err("refused").fields[0].field, "again");
    }

    proptest! {
        #[test]
        fn parsing_never_panics(a in "\\PC*", b in "\\PC*", c in "[0-9]{0,25}") {
            let _ = DeployForm { name: a.clone(), ssh_keys: b.clone(), disk_gib: c.clone(), data1_gib: c.clone(), user_data: b.clone(), ..deploy() }.parse();
            let _ = CopyImageForm { image: a.clone(), regions: vec![c, b.clone()], name: a.clone(), ..copy() }.parse(Lengths::default());
            let _ = CreateImageForm { instance: b.clone(), what: b.clone(), name: a, remark: b, price_version: 0 }.parse();
        }
    }
}
