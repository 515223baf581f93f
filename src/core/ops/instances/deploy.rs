//! The disks of a machine to be: what the form asks for and what its image brings along, judged together. Reads no records.

use crate::domain::FieldError;
use crate::domain::disk::DiskKind;
use crate::domain::flavor::Flavor;
use crate::domain::form::{DATA_DISK_KIND, Deploy, whole_gib};
use crate::domain::ids::ZoneId;
use crate::domain::image::{Image, Kind};
use crate::domain::size;

/// Fields of the data disks in the form: size and kind.
const FIELDS: [(&str, &str); 3] =
    [("data1_gib", "data1_kind"), ("data2_gib", "data2_kind"), ("data3_gib", "data3_kind")];

/// A data disk that the machine will have.
pub(super) struct NewDisk {
    /// What it lives on.
    pub(super) kind: DiskKind,
    /// Its size, in bytes.
    pub(super) size_bytes: u64,
    /// Fingerprint of the image's disk that it starts as; `None` for an empty one.
    pub(super) base: Option<String>,
    /// The field of its kind.
    kind_field: &'static str,
}

/// What is wrong with where an image of a whole machine is to be deployed (U16), at the fields of the form.
pub(super) fn of_whole_machine(image: &Image, at: &ZoneId, disk_kind: DiskKind) -> Vec<FieldError> {
    let mut faults = Vec::new();
    if image.kind != Kind::Machine {
        return faults;
    }
    if let Some(zone) = image.zone.as_ref().filter(|zone| *zone != at) {
        let message = format!(
            "An image of a whole machine is deployed in its own zone only. Choose {}{zone}, or make a copy without the data disks, which goes anywhere.",
            image.region
        );
        faults.push(FieldError::new("zone", message));
    }
    if disk_kind == DiskKind::Local {
        let message = "An image of a whole machine is not deployed onto local disks. Choose ssd or economy.";
        faults.push(FieldError::new("disk_kind", message));
    }
    faults
}

/// The data disks: first those of the image, each as large as there or larger and not on local storage, then empty ones.
pub(super) fn data_disks(command: &Deploy, image: &Image) -> (Vec<NewDisk>, Vec<FieldError>) {
    let (mut disks, mut faults) = (Vec::new(), Vec::new());
    let mut own = image.data_disks();
    for (asked, (size_field, kind_field)) in command.data_disks.into_iter().zip(FIELDS) {
        let Some(from) = own.next() else {
            let disk = asked.kind.zip(asked.size_bytes);
            let empty = |(kind, size_bytes)| NewDisk { kind, size_bytes, base: None, kind_field };
            disks.extend(disk.map(empty));
            continue;
        };
        let kind = asked.kind.unwrap_or(DATA_DISK_KIND);
        let least = whole_gib(from.virtual_bytes);
        let size_bytes = asked.size_bytes.unwrap_or(least);
        if size_bytes < from.virtual_bytes {
            let message = format!(
                "{} is smaller than this disk of the image. Choose at least {} GiB.",
                size::binary(size_bytes),
                least / size::GIB
            );
            faults.push(FieldError::new(size_field, message));
        }
        if kind == DiskKind::Local {
            let message = "A data disk of an image is not made on local storage. Choose ssd or economy.";
            faults.push(FieldError::new(kind_field, message));
        }
        disks.push(NewDisk { kind, size_bytes, base: Some(from.fingerprint.clone()), kind_field });
    }
    (disks, faults)
}

/// Disks of kinds that the instance type does not run on.
pub(super) fn disk_kinds(command: &Deploy, data: &[NewDisk], flavor: &Flavor) -> Vec<FieldError> {
    let allowed = flavor.disk_kinds.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let data = data.iter().map(|disk| (disk.kind_field, disk.kind));
    [("disk_kind", command.disk_kind)]
        .into_iter()
        .chain(data)
        .filter(|(_, kind)| !flavor.disk_kinds.contains(kind))
        .map(|(field, kind)| {
            FieldError::new(field, format!("{} does not run on {kind} disks. Choose {allowed}.", flavor.id))
        })
        .collect()
}
