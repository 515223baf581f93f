//! What pages about images receive.

use super::instances::InstanceLink;
use super::overview::EventRow;
use super::people::ProjectChoice;
use super::shares::SharedBy;
use super::tasks::TaskView;
use crate::domain::error::Reason;
use crate::domain::ids::{ImageId, InstanceId, ProjectId, RegionId, ZoneId};
use crate::domain::image::life::Stage;
use crate::domain::image::tags::{Lengths, Tags};
use crate::domain::image::{self, Image, list::ImageQuery};
use crate::domain::instance;
use crate::domain::money::Money;
use crate::domain::page::Page;
use crate::domain::price::{Estimate, Rate};
use crate::domain::region::Switch;
use crate::domain::text::Name;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A row of My Images.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ImageRow {
    /// Its id.
    pub id: ImageId,
    /// Its name.
    pub name: Name,
    /// What it is an image of.
    pub kind: image::Kind,
    /// Its tags.
    pub tags: Tags,
    /// Whether it is protected from deletion.
    pub protected: bool,
    /// The name of the machine it was made from.
    pub source: Option<Name>,
    /// Bytes a guest sees; 0 until known.
    pub virtual_bytes: u64,
    /// Compressed bytes; 0 until known.
    pub stored_bytes: u64,
    /// How far along it is.
    pub status: image::Status,
    /// How far it may still be used.
    pub stage: Stage,
    /// When it is going to be deleted.
    pub leaves: Option<Timestamp>,
    /// What to use instead of one that is no longer active.
    pub instead: Option<Name>,
    /// Why it failed.
    pub error: Option<String>,
    /// The task that works on it, while it is Creating, Deleting or in Error.
    pub task: Option<TaskView>,
    /// When it was asked for.
    pub created: Timestamp,
    /// What it costs a month; `None` until its size is known.
    pub month: Option<Money>,
}

/// My Images.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ImageList {
    /// The rows asked for.
    pub page: Page<ImageRow>,
    /// What was asked.
    pub query: ImageQuery,
    /// Images in project and region, without search and filters.
    pub n_all: u32,
    /// Deleted ones in the recycle bin beside them.
    pub n_in_bin: u32,
    /// Tags that are in use there, as people write them.
    pub known_tags: Vec<String>,
    /// Bytes guests see, over all images.
    pub virtual_bytes: u64,
    /// Compressed bytes, over all images.
    pub stored_bytes: u64,
    /// Bytes that are charged of it: what several images share is charged once.
    pub charged_bytes: u64,
    /// What all images cost a month.
    pub month: Money,
    /// The rate per stored GB and month.
    pub rate: Rate,
    /// The currency's symbol.
    pub symbol: String,
    /// The project's name.
    pub project: Name,
    /// The region.
    pub region: RegionId,
    /// Whether the image feature is on in the region (P15).
    pub images: Switch,
    /// Whether the user may make and change images here.
    pub may_change: bool,
    /// The time on the server.
    pub now: Timestamp,
}

/// A named link to an image.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ImageLink {
    /// The image.
    pub id: ImageId,
    /// Its name.
    pub name: Name,
    /// How far along it is.
    pub status: image::Status,
}

/// An image in full.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ImageDetail {
    /// The record.
    pub image: Image,
    /// How long the parts of a tag may be.
    pub tag_lengths: Lengths,
    /// The owning project's name; empty when it is not the caller's.
    pub project: String,
    /// By whom it is shared with the caller; `None` for the caller's own and for public ones.
    pub shared: Option<SharedBy>,
    /// Projects that have it or are asked about it; 0 when it is not the caller's.
    pub n_shares: u32,
    /// The machine it was made from, if it still exists.
    pub source: Option<InstanceLink>,
    /// The image that machine was deployed from, if the caller may see it.
    pub parent: Option<ImageLink>,
    /// Machines of the caller's project that were deployed from it.
    pub machines: Vec<InstanceLink>,
    /// The task that works, or last worked, on it.
    pub task: Option<TaskView>,
    /// What it has cost so far.
    pub cost: Money,
    /// What it costs; `None` until its size is known or when it is not charged.
    pub estimate: Option<Estimate>,
    /// The rate per stored GB and month.
    pub rate: Rate,
    /// Stored bytes no other image of the account shares; `None` until known.
    pub unique_bytes: Option<u64>,
    /// What to use instead, if that is still there.
    pub replacement: Option<ImageLink>,
    /// The latest audit events about it, newest first.
    pub events: Vec<EventRow>,
    /// The currency's symbol.
    pub symbol: String,
    /// Whether the user may change it.
    pub may_change: bool,
    /// Whether the user may deploy it.
    pub may_deploy: bool,
    /// Whether the user may copy it.
    pub may_copy: bool,
    /// Whether the user may ask the provider for it to be deployable in other regions.
    pub may_ask: bool,
    /// Why it cannot be copied anywhere; `None` when it can, or when the user may not.
    pub copy_blocked: Option<Reason>,
    /// The image it is a copy of, if that still exists and the caller may see it.
    pub copied_from: Option<ImageLink>,
    /// The time on the server.
    pub now: Timestamp,
}

/// One image of many, and what became or will become of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BulkLine {
    /// The image.
    pub image: ImageId,
    /// Its name.
    pub name: Name,
    /// Whether it is left out.
    pub refused: bool,
    /// What was done, or why nothing is; empty for what can be done.
    pub text: String,
}

/// The dialog that does one thing to many images.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BulkOptions {
    /// The images, in the order of the list.
    pub lines: Vec<BulkLine>,
    /// How many were picked or found; more than there are lines when they are more than the limit.
    pub n_found: u32,
    /// Most images at once.
    pub n_max: u32,
    /// Bytes that are no longer charged when those that can be deleted are gone for good.
    pub charged_bytes: u64,
    /// What is no longer charged a month then.
    pub month: Money,
    /// What they cost a month in the recycle bin; zero where there is none.
    pub bin_month: Money,
    /// What the snapshot service goes on costing that a machine image among those to delete needed (U13).
    pub service_stays: Option<Estimate>,
    /// The currency's symbol.
    pub symbol: String,
}

/// The dialog *Create an image*.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CaptureOptions {
    /// The machine.
    pub instance: InstanceId,
    /// Its name.
    pub name: Name,
    /// What it is doing.
    pub status: instance::Status,
    /// The region.
    pub region: RegionId,
    /// A free name to start from.
    pub suggested_name: String,
    /// The system disk's size, in bytes: the most the image can store.
    pub disk_bytes: u64,
    /// Bytes the system disk occupies, with the image it grew from: about what will be stored.
    pub used_bytes: u64,
    /// What it will probably cost.
    pub likely: Estimate,
    /// What it can cost at most.
    pub most: Estimate,
    /// The rate per stored GB and month.
    pub rate: Rate,
    /// Data disks that an image of the system disk leaves out, as `data-1, ssd, 10 GiB`.
    pub left_out: Vec<String>,
    /// What an image can be made of; the first one is the system disk, which the figures above are about.
    pub choices: Vec<CaptureChoice>,
    /// The currency's symbol.
    pub symbol: String,
    /// Version of the price book this shows.
    pub price_version: u32,
    /// Why it is not possible; `None` when it is.
    pub blocked: Option<Reason>,
}

/// Something of a machine that an image can be made of.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CaptureChoice {
    /// What the form sends as `what`.
    pub what: String,
    /// The kind of image that it gives.
    pub kind: image::Kind,
    /// The disks it takes, as `data-1, ssd, 10 GiB`.
    pub disks: Vec<String>,
    /// Their sizes together, in bytes: the most the image can store.
    pub disk_bytes: u64,
    /// Bytes they occupy, with the images they grew from: about what will be stored.
    pub used_bytes: u64,
    /// What it will probably cost.
    pub likely: Estimate,
    /// What it can cost at most.
    pub most: Estimate,
    /// Whether it needs the snapshot service of the disks (U4).
    pub needs_snapshot_service: bool,
    /// Why it is not possible; `None` when it is.
    pub refused: Option<Reason>,
}

/// The dialog *Copy image*.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CopyOptions {
    /// The image.
    pub image: ImageId,
    /// Its name.
    pub name: Name,
    /// Where it is.
    pub region: RegionId,
    /// Projects that the caller may copy it to, by name.
    pub projects: Vec<ProjectChoice>,
    /// The project to start from: the image's own if the caller may make images there; `None` when there is none at all.
    pub project: Option<ProjectId>,
    /// All regions, by id; none when there is no project.
    pub regions: Vec<CopyRegion>,
    /// A name that is free in all regions.
    pub suggested_name: String,
    /// Its tags.
    pub tags: Tags,
    /// What it is an image of.
    pub kind: image::Kind,
    /// Bytes a guest sees; of a whole machine those of its system disk.
    pub virtual_bytes: u64,
    /// Compressed bytes: what each copy is charged for; of a whole machine those of its system disk.
    pub stored_bytes: u64,
    /// The same with the data disks, and what those are; only of an image of a whole machine.
    pub with_data: Option<CopyWithData>,
    /// Copies that travel to a region at the same time; the others wait for their turn.
    pub n_copies_max: u32,
    /// Why it cannot be copied anywhere; `None` when it can.
    pub blocked: Option<Reason>,
}

/// A copy of a whole machine that takes the data disks along (U10).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CopyWithData {
    /// The data disks, as `data-1, ssd, 10 GiB`.
    pub disks: Vec<String>,
    /// Bytes a guest sees, of all disks.
    pub virtual_bytes: u64,
    /// Compressed bytes of all disks.
    pub stored_bytes: u64,
}

/// A region in the dialog *Copy image*.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CopyRegion {
    /// The region.
    pub id: RegionId,
    /// Whether the image is there already, so that the copy is instant.
    pub inside: bool,
    /// Why no copy can go there; `None` when one can.
    pub refused: Option<Reason>,
    /// What a copy costs there; of a whole machine, of its system disk.
    pub cost: CopyCost,
    /// What a copy with the data disks costs there; only of a whole machine.
    pub with_data: Option<CopyCost>,
    /// The zone that machines can be made in from a copy with the data disks: the image's own in its region, else the first one there.
    pub zone: Option<ZoneId>,
    /// The rate per stored GB and month there.
    pub rate: Rate,
    /// The currency's symbol there.
    pub symbol: String,
    /// Version of the price book this shows.
    pub price_version: u32,
    /// How many images the account has there and may still have, in a sentence.
    pub quota: String,
    /// A name that is free there.
    pub free_name: String,
}

/// What a copy costs at most: what the account's images there hold already is not charged again, and does not travel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CopyCost {
    /// Bytes that it keeps.
    pub stored_bytes: u64,
    /// What keeping them costs.
    pub estimate: Estimate,
    /// What their way costs once; nothing inside the region.
    pub transfer: Money,
}

/// An image in the picker.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ImageChoice {
    /// The image.
    pub id: ImageId,
    /// Its name.
    pub name: Name,
    /// What it is an image of.
    pub kind: image::Kind,
    /// The only zone that it can be deployed in; `None` for any (U16).
    pub zone: Option<ZoneId>,
    /// Sizes of its data disks in bytes, in the order of the form's fields; each is made at least that large.
    pub data_disks: Vec<u64>,
    /// The system inside, in words; empty when unknown.
    pub os: String,
    /// Bytes a guest sees.
    pub virtual_bytes: u64,
    /// Least system disk in bytes.
    pub min_disk_bytes: u64,
    /// Least memory in MiB; 0 for no limit.
    pub min_memory_mib: u64,
    /// Most memory in MiB; 0 for no limit.
    pub max_memory_mib: u64,
    /// When it was made.
    pub created: Timestamp,
    /// Whether it is deprecated: it deploys, with a warning.
    pub deprecated: bool,
    /// What to use instead of one that is deprecated, where its owner says.
    pub instead: Option<Name>,
    /// The licence that machines made from it carry on (U5); empty for none.
    pub licence: String,
    /// The family it stands for; empty for none.
    pub leads: String,
    /// The region it is in, where that is another one and its content is fetched first (U15).
    pub from: Option<RegionId>,
}

/// The list of public images.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PublicImages {
    /// Images of the provider in the region.
    pub images: Vec<ImageChoice>,
    /// The region.
    pub region: RegionId,
    /// Whether the user may deploy in the project in force.
    pub may_deploy: bool,
    /// The time on the server.
    pub now: Timestamp,
}
