//! The forms of adding a data disk to a machine and of removing one. Whether the machine takes it is judged by the use case.

use super::deploy::{gib, kind};
use super::{Faults, known_image};
use crate::domain::disk::DiskKind;
use crate::domain::error::{Error, Result};
use crate::domain::ids::{DiskId, ImageId, InstanceId, SnapshotId};
use serde::{Deserialize, Serialize};

/// The dialog *Add a disk*.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AddDiskForm {
    /// The machine, a UUID.
    pub instance: String,
    /// `empty` or nothing for an empty disk, the id of a data-disk image, or `snapshot:`, the id of a snapshot and, of several data disks in
    /// it, a slash and the id of one.
    pub source: String,
    /// What it lives on.
    pub kind: String,
    /// Its size in GiB; with an image or a snapshot it may be empty for as large as that.
    pub size_gib: String,
    /// Version of the price book the dialog showed.
    pub price_version: u32,
}

/// What a new disk starts as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DiskSource {
    /// Nothing.
    Empty,
    /// The content of this data-disk image.
    Image(ImageId),
    /// The content of this data disk of a snapshot; the first one where none is named.
    Snapshot(SnapshotId, Option<DiskId>),
}

/// What stands before the id of a snapshot in a form.
pub const SNAPSHOT_PREFIX: &str = "snapshot:";

/// Give a machine a new data disk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AddDisk {
    /// The machine.
    pub instance: InstanceId,
    /// What it starts as.
    pub source: DiskSource,
    /// What it lives on.
    pub kind: DiskKind,
    /// Its size, in bytes; `None` for as large as the image or the snapshot, only where there is one.
    pub size_bytes: Option<u64>,
    /// Version of the price book the dialog showed.
    pub price_version: u32,
}

impl AddDiskForm {
    /// Parses the form.
    ///
    /// # Errors
    /// `Invalid`, with one entry per field that breaks a rule.
    pub fn parse(&self) -> Result<AddDisk> {
        let mut faults = Faults::default();
        let instance = faults.take("instance", known_instance(&self.instance));
        let source = match self.source.as_str() {
            "" | "empty" => Ok(DiskSource::Empty),
            source => match source.strip_prefix(SNAPSHOT_PREFIX) {
                Some(snapshot) => of_snapshot(snapshot),
                None => known_image(source).map(DiskSource::Image),
            },
        };
        let source = faults.take("source", source);
        let kind = faults.take("kind", kind(&self.kind));
        let empty = matches!(source, None | Some(DiskSource::Empty));
        let as_large = !empty && self.size_gib.trim().is_empty();
        let size = if as_large { Ok(None) } else { gib(&self.size_gib).map(Some) };
        match (instance, source, kind, faults.take("size_gib", size)) {
            (Some(instance), Some(source), Some(kind), Some(size_bytes)) => {
                Ok(AddDisk { instance, source, kind, size_bytes, price_version: self.price_version })
            }
            _ => Err(Error::invalid(faults.0)),
        }
    }
}

/// `ID` or `ID/DISK`.
fn of_snapshot(text: &str) -> Result<DiskSource, String> {
    let unknown = || "This snapshot is not known. Open it again.".to_owned();
    let (snapshot, disk) = match text.split_once('/') {
        Some((snapshot, disk)) => (snapshot, Some(disk.parse().map_err(|_| unknown())?)),
        None => (text, None),
    };
    Ok(DiskSource::Snapshot(snapshot.parse().map_err(|_| unknown())?, disk))
}

/// The dialog that removes a data disk.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RemoveDiskForm {
    /// The machine, a UUID.
    pub instance: String,
    /// The disk, a UUID.
    pub disk: String,
}

/// Remove a data disk of a machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RemoveDisk {
    /// The machine.
    pub instance: InstanceId,
    /// The disk.
    pub disk: DiskId,
}

impl RemoveDiskForm {
    /// Parses the form.
    ///
    /// # Errors
    /// `Invalid`, with one entry per field that breaks a rule.
    pub fn parse(&self) -> Result<RemoveDisk> {
        let mut faults = Faults::default();
        let instance = faults.take("instance", known_instance(&self.instance));
        let disk =
            self.disk.parse().map_err(|_| "This disk is not known. Open the machine again.".to_owned());
        match (instance, faults.take("disk", disk)) {
            (Some(instance), Some(disk)) => Ok(RemoveDisk { instance, disk }),
            _ => Err(Error::invalid(faults.0)),
        }
    }
}

fn known_instance(id: &str) -> Result<InstanceId, String> {
    id.parse().map_err(|_| "This machine is not known. Open it again.".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::size::GIB;
    use proptest::prelude::*;

    const ID: &str = "00000000-0000-0000-0000-000000000001";

    fn form(source: &str, size_gib: &str) -> AddDiskForm {
        AddDiskForm {
            instance: ID.to_owned(),
            source: source.to_owned(),
            kind: "ssd".to_owned(),
            size_gib: size_gib.to_owned(),
            price_version: 1,
        }
    }

    #[test]
    fn only_a_disk_from_an_image_may_leave_its_size_open() {
        let size = |form: AddDiskForm| form.parse().map(|add| add.size_bytes);
        assert_eq!(size(form("", "2")).ok(), Some(Some(2 * GIB)));
        assert_eq!(size(form(ID, "")).ok(), Some(None));
        assert_eq!(size(form(ID, "3")).ok(), Some(Some(3 * GIB)));
        assert_eq!(size(form(&format!("snapshot:{ID}"), "")).ok(), Some(None));
        let one = form(&format!("snapshot:{ID}/{ID}"), "").parse().map(|add| add.source);
        assert!(matches!(one, Ok(DiskSource::Snapshot(_, Some(_)))));
        assert!(form("snapshot:", "1").parse().is_err());
        let refused = form("empty", "").parse().expect_err("an empty disk has a size");
        assert_eq!(refused.fields[0].field, "size_gib");
        let refused = AddDiskForm::default().parse().expect_err("nothing is filled in");
        let fields: Vec<&str> = refused.fields.iter().map(|f| f.field.as_str()).collect();
        assert_eq!(fields, ["instance", "kind", "size_gib"]);
    }

    proptest! {
        #[test]
        fn parsing_never_panics(a in "\\PC*", b in "\\PC*") {
            let _ = form(&a, &b).parse();
            let _ = RemoveDiskForm { instance: a, disk: b }.parse();
        }
    }
}
