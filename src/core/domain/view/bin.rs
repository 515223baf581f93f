//! What the dialogs that delete and restore an image, and the page *Recycle bin*, receive.

use super::groups::GroupLink;
use super::images::ImageLink;
use super::instances::InstanceLink;
use super::shares::Unsharing;
use crate::domain::error::Reason;
use crate::domain::ids::{ImageId, ProjectId, RegionId};
use crate::domain::image::list::ImageQuery;
use crate::domain::money::Money;
use crate::domain::page::Page;
use crate::domain::price::{Estimate, Rate};
use crate::domain::region::Switch;
use crate::domain::text::Name;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What deleting the image does to its family.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FamilyAfter {
    /// The family.
    pub name: String,
    /// Whether it stands for it now.
    pub leads: bool,
    /// What the family stands for afterwards; `None` when nothing is left.
    pub next: Option<ImageLink>,
}

/// The dialog that deletes an image: everything that depends on it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ImageDeletion {
    /// The image.
    pub id: ImageId,
    /// Its name.
    pub name: Name,
    /// Machines of its account that were deployed from it or have a disk of it: they keep running.
    pub machines: Vec<InstanceLink>,
    /// All machines that were deployed from it, whosever they are: told of a public image only, else as many as are listed.
    pub n_machines: u32,
    /// Its family, if it is in one.
    pub family: Option<FamilyAfter>,
    /// Copies that were made from it, as far as the caller may see them: nothing changes for them.
    pub copies: Vec<ImageLink>,
    /// Images that name it as what to use instead.
    pub replaces: Vec<ImageLink>,
    /// Scaling groups of its project that make their machines from it: they cannot make more, unless another image takes its place in the
    /// family.
    pub groups: Vec<GroupLink>,
    /// What has to be said about those who have it or are asked about it; `None` when nobody does.
    pub unsharing: Option<Unsharing>,
    /// Stored bytes.
    pub stored_bytes: u64,
    /// Bytes that removing it really frees, because no other image or snapshot, no public image, and no machine of the account needs them.
    pub unique_bytes: u64,
    /// What is no longer charged a month when it is gone for good.
    pub month: Money,
    /// What it costs a month in the recycle bin; `None` when it is removed for good at once.
    pub bin_month: Option<Money>,
    /// Until when it could be restored if it were deleted now; `None` when it is removed for good at once.
    pub undo_until: Option<Timestamp>,
    /// What the snapshot service goes on costing that a machine image needed; `None` for other images, and while it is off (U13).
    pub service_stays: Option<Estimate>,
    /// When it is going to be deleted already.
    pub leaves: Option<Timestamp>,
    /// What it has cost so far.
    pub cost: Money,
    /// The currency's symbol.
    pub symbol: String,
    /// Why it cannot be deleted whatever is said about sharing; `None` when it can.
    pub blocked: Option<Reason>,
}

/// The dialog that takes an image out of the recycle bin.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ImageRestoration {
    /// The image.
    pub id: ImageId,
    /// Its name.
    pub name: Name,
    /// That name, or the first free one after it.
    pub free_name: String,
    /// Projects that have it again, or are asked about it again.
    pub n_shares: u32,
    /// What it costs from then on.
    pub estimate: Estimate,
    /// What it costs a month in the recycle bin.
    pub bin_month: Money,
    /// Version of the price book it comes from.
    pub price_version: u32,
    /// The currency's symbol.
    pub symbol: String,
    /// Why it cannot be restored; `None` when it can.
    pub blocked: Option<Reason>,
}

/// A row of the recycle bin.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BinRow {
    /// The image.
    pub id: ImageId,
    /// Its name.
    pub name: Name,
    /// Compressed bytes.
    pub stored_bytes: u64,
    /// Who deleted it.
    pub by: String,
    /// When.
    pub since: Timestamp,
    /// From when on it is removed for good.
    pub until: Timestamp,
    /// What it costs a month there.
    pub month: Money,
}

/// The page *Recycle bin*.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BinList {
    /// The rows asked for, deleted last first.
    pub page: Page<BinRow>,
    /// What was asked: only its text, its tags and its page count here.
    pub query: ImageQuery,
    /// Images in the bin of project and region, without search.
    pub n_in_bin: u32,
    /// Images of project and region that are not in it.
    pub n_images: u32,
    /// Compressed bytes, over all of them.
    pub stored_bytes: u64,
    /// Bytes that are charged of it.
    pub charged_bytes: u64,
    /// What all of them cost a month.
    pub month: Money,
    /// The rate per stored GB and month in the bin.
    pub rate: Rate,
    /// The currency's symbol.
    pub symbol: String,
    /// Days that images stay here; 0 when they are removed for good at once.
    pub recycle_days: u32,
    /// The project.
    pub project_id: ProjectId,
    /// The project's name.
    pub project: Name,
    /// The region.
    pub region: RegionId,
    /// Whether the image feature is on in the region: only then can anything be restored (P15).
    pub images: Switch,
    /// Whether the user may restore images.
    pub may_restore: bool,
    /// Whether the user may remove images for good.
    pub may_purge: bool,
    /// The time on the server.
    pub now: Timestamp,
}
