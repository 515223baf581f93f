//! The form of the page *New instance*. What only records can tell, such as how large the image is, is judged by the use case.

use super::{DATA_DISKS_MAX, DISK_GIB_MAX, Faults};
use crate::domain::disk::DiskKind;
use crate::domain::error::{Error, Result};
use crate::domain::ids::{FlavorId, ImageId, ProjectId, RegionId, ZoneId};
use crate::domain::size::GIB;
use crate::domain::text::{self, Name};
use serde::{Deserialize, Serialize};

/// The page *New instance*. Data disks are numbered fields, so that the form works without JavaScript; an empty size means no such disk. The
/// first of them belong to the data disks of an image of a whole machine, in their order: there an empty size means as large as in the image.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DeployForm {
    /// The project, a UUID: the one the page was opened in.
    pub project: String,
    /// The region the page was opened in.
    pub region: String,
    /// The image, a UUID; or `family:` and the name of a family, for its newest image.
    pub image: String,
    /// The machine's name.
    pub name: String,
    /// The instance type's slug.
    pub flavor: String,
    /// The zone's slug.
    pub zone: String,
    /// The system disk's kind.
    pub disk_kind: String,
    /// The system disk's size in GiB.
    pub disk_gib: String,
    /// First data disk: size in GiB.
    pub data1_gib: String,
    /// First data disk: kind.
    pub data1_kind: String,
    /// Second data disk: size in GiB.
    pub data2_gib: String,
    /// Second data disk: kind.
    pub data2_kind: String,
    /// Third data disk: size in GiB.
    pub data3_gib: String,
    /// Third data disk: kind.
    pub data3_kind: String,
    /// SSH public keys, one per line.
    pub ssh_keys: String,
    /// Cloud-init user data.
    pub user_data: String,
    /// Version of the price book the page showed.
    pub price_version: u32,
}

/// What a machine is made from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ImageChoice {
    /// This image.
    Id(ImageId),
    /// The image that this family of the machine's project stands for (A8).
    Family(String),
}

/// What stands before the name of a family in a form.
pub const FAMILY_PREFIX: &str = "family:";

impl std::str::FromStr for ImageChoice {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        match text.strip_prefix(FAMILY_PREFIX) {
            Some(family) if !family.is_empty() => Ok(Self::Family(family.to_owned())),
            Some(_) => Err(()),
            None => text.parse().map(Self::Id).map_err(|_| ()),
        }
    }
}

/// What the fields of one data disk say.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DataDisk {
    /// Its kind; always there with a size.
    pub kind: Option<DiskKind>,
    /// Its size, in bytes; `None` for no disk, or for as large as in the image where the image has this disk.
    pub size_bytes: Option<u64>,
}

/// Make a machine from an image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deploy {
    /// The project.
    pub project: ProjectId,
    /// The region.
    pub region: RegionId,
    /// The image.
    pub image: ImageChoice,
    /// The machine's name.
    pub name: Name,
    /// The instance type.
    pub flavor: FlavorId,
    /// The zone.
    pub zone: ZoneId,
    /// The system disk's kind.
    pub disk_kind: DiskKind,
    /// The system disk's size, in bytes; never below the image's, which the use case checks.
    pub disk_bytes: u64,
    /// What the fields of data disks say, in order.
    pub data_disks: [DataDisk; DATA_DISKS_MAX],
    /// SSH public keys.
    pub ssh_keys: Vec<String>,
    /// Cloud-init user data.
    pub user_data: String,
    /// Version of the price book the page showed.
    pub price_version: u32,
}

/// What a data disk of an image is made on where nothing is chosen: the only kind that such disks come from (U3).
pub(crate) const DATA_DISK_KIND: DiskKind = DiskKind::Ssd;

/// Rounded up to whole GiB, as disks are made.
pub(crate) fn whole_gib(bytes: u64) -> u64 {
    bytes.div_ceil(GIB).saturating_mul(GIB)
}

pub(super) fn gib(text: &str) -> Result<u64, String> {
    match text.trim().parse::<u64>() {
        Ok(n) if (1..=DISK_GIB_MAX).contains(&n) => Ok(n.saturating_mul(GIB)),
        Ok(n) => Err(format!("{n} GiB is not possible. A disk has 1 to {DISK_GIB_MAX} GiB.")),
        Err(_) => Err(format!("A size in whole GiB is missing. A disk has 1 to {DISK_GIB_MAX} GiB.")),
    }
}

pub(super) fn kind(text: &str) -> Result<DiskKind, String> {
    text.parse().map_err(|()| "A disk kind is missing. Choose ssd, economy or local.".to_owned())
}

impl DeployForm {
    /// The data-disk fields in order: size field, its text, kind field, its text.
    fn data_fields(&self) -> [(&'static str, &str, &'static str, &str); DATA_DISKS_MAX] {
        [
            ("data1_gib", &self.data1_gib, "data1_kind", &self.data1_kind),
            ("data2_gib", &self.data2_gib, "data2_kind", &self.data2_kind),
            ("data3_gib", &self.data3_gib, "data3_kind", &self.data3_kind),
        ]
    }

    /// Disk kinds and sizes as far as they can be read, system disk first: for the price before the click. `own` are the sizes of the image's
    /// data disks in bytes, which are made in any case.
    pub fn disks_so_far(&self, own: &[u64]) -> Vec<(DiskKind, u64)> {
        let system = kind(&self.disk_kind).ok().zip(gib(&self.disk_gib).ok());
        let data =
            self.data_fields().into_iter().enumerate().filter_map(|(n, (_, size, _, kind_text))| {
                match (own.get(n), size.trim()) {
                    (Some(bytes), "") => Some((kind(kind_text).unwrap_or(DATA_DISK_KIND), whole_gib(*bytes))),
                    _ => Some((kind(kind_text).ok()?, gib(size).ok()?)),
                }
            });
        system.into_iter().chain(data).collect()
    }

    /// Parses the form.
    ///
    /// # Errors
    /// `Invalid`, with one entry per field that breaks a rule.
    pub fn parse(&self) -> Result<Deploy> {
        let mut faults = Faults::default();
        let project = faults.take(
            "project",
            self.project.parse().map_err(|_| "This project is not known. Open the page again.".to_owned()),
        );
        let image = faults
            .take("image", self.image.parse().map_err(|()| "An image is missing. Choose one.".to_owned()));
        let name = faults.take("name", Name::parse(&self.name));
        let flavor = faults.take("flavor", slug(&self.flavor, "An instance type is missing. Choose one."));
        let zone = faults.take("zone", slug(&self.zone, "A zone is missing. Choose one."));
        let disk_kind = faults.take("disk_kind", kind(&self.disk_kind));
        let disk_bytes = faults.take("disk_gib", gib(&self.disk_gib));
        let data_disks = self.data_fields().map(|(size_field, size, kind_field, kind_text)| {
            if size.trim().is_empty() {
                return DataDisk { kind: kind(kind_text).ok(), size_bytes: None };
            }
            let size_bytes = faults.take(size_field, gib(size));
            DataDisk { kind: faults.take(kind_field, kind(kind_text)), size_bytes }
        });
        let ssh_keys = faults.take("ssh_keys", text::ssh_keys(&self.ssh_keys));
        let user_data = faults.take("user_data", text::user_data(&self.user_data));
        if !faults.0.is_empty() {
            return Err(Error::invalid(faults.0));
        }
        let complete = || {
            Some(Deploy {
                project: project?,
                region: RegionId(self.region.clone()),
                image: image?,
                name: name?,
                flavor: FlavorId(flavor?),
                zone: ZoneId(zone?),
                disk_kind: disk_kind?,
                disk_bytes: disk_bytes?,
                data_disks,
                ssh_keys: ssh_keys?,
                user_data: user_data?,
                price_version: self.price_version,
            })
        };
        Ok(complete().expect("every field without a fault has a value"))
    }
}

fn slug(text: &str, missing: &str) -> Result<String, String> {
    if text.is_empty() { Err(missing.to_owned()) } else { Ok(text.to_owned()) }
}
