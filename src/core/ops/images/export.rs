//! *Export list* (F15): the rows of a list of images, with the columns of A2. How they are written to a file is the web edge's.

use super::read::{found, public_images};
use super::shares;
use crate::domain::Result;
use crate::domain::ids::ImageId;
use crate::domain::image::list::ImageQuery;
use crate::domain::image::{Image, tags};
use crate::domain::policy::{Act, Resource};
use crate::domain::size::GIB;
use crate::ops::ctx::{Ctx, Place};
use crate::ops::people;

/// One image in an exported list; empty text where there is nothing to say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExportRow {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// Its status and, once that is another than active, its stage.
    pub status: String,
    /// The system inside.
    pub os: String,
    /// What kind of image it is.
    pub kind: &'static str,
    /// When it was asked for, as RFC 3339.
    pub created: String,
    /// The sizes of its disks in GiB, system disk first.
    pub disks_gib: String,
    /// How many projects have it or are asked.
    pub n_shared: u32,
    /// Compressed bytes.
    pub stored_bytes: u64,
    /// How it is encrypted.
    pub encryption: &'static str,
    /// Where it is.
    pub region: String,
    /// Its family.
    pub family: String,
    /// Its tags.
    pub tags: String,
    /// Least memory in MiB; 0 for no limit.
    pub min_memory_mib: u64,
}

/// My Images as `query` finds and sorts them, and of them, unless it is empty, only those in `picked`. All pages.
///
/// # Errors
/// `NotFound` when the caller has no project.
pub fn export(ctx: &Ctx, place: &Place, query: &ImageQuery, picked: &[ImageId]) -> Result<Vec<ExportRow>> {
    let mut rows = found(ctx, place, query)?;
    rows.retain(|image| picked.is_empty() || picked.contains(&image.id));
    rows.iter().map(|image| row(ctx, image)).collect()
}

/// The provider's images in the region in force, by name.
///
/// # Errors
/// `Unauthenticated`.
pub fn export_public(ctx: &Ctx, place: &Place) -> Result<Vec<ExportRow>> {
    ctx.authorize(Act::ImageGet, &Resource::PublicImage, "image")?;
    let region = people::region_of(ctx, place)?;
    public_images(ctx, &region).iter().map(|image| row(ctx, image)).collect()
}

fn row(ctx: &Ctx, image: &Image) -> Result<ExportRow> {
    let stage = match image.life.stage.word() {
        "Active" => String::new(),
        word => format!(", {}", word.to_lowercase()),
    };
    let gib = |bytes: u64| match bytes % GIB {
        0 => (bytes / GIB).to_string(),
        _ => {
            let (bytes, gib) = (u128::from(bytes), u128::from(GIB));
            let hundredths = (bytes * 100 + gib / 2) / gib;
            format!("{}.{:02}", hundredths / 100, hundredths % 100)
        }
    };
    Ok(ExportRow {
        name: image.name.to_string(),
        id: image.id.to_string(),
        status: format!("{}{stage}", image.status.word()),
        os: [image.os.kind.as_str(), image.os.version.as_str()].join(" ").trim().to_owned(),
        kind: image.kind.word(),
        created: image.created.rfc3339(),
        disks_gib: image.disks.iter().map(|disk| gib(disk.virtual_bytes)).collect::<Vec<_>>().join(" + "),
        n_shared: shares::n_open(ctx, image.id)?,
        stored_bytes: image.stored_bytes(),
        encryption: "None",
        region: image.region.to_string(),
        family: image.family.clone(),
        tags: tags::text(&image.tags).replace('\n', ", "),
        min_memory_mib: image.min_memory_mib,
    })
}
