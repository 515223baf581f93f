//! What pages about snapshots, their schedules and the service that keeps them receive.

use super::{EventRow, ImageLink, InstanceLink, TaskView};
use crate::domain::error::Reason;
use crate::domain::form::ScheduleForm;
use crate::domain::ids::{InstanceId, RegionId, ScheduleId, SnapshotId};
use crate::domain::image::Consistency;
use crate::domain::money::Money;
use crate::domain::page::Page;
use crate::domain::price::{Estimate, PriceBook, Rate};
use crate::domain::region::Switch;
use crate::domain::snapshot::{Kind, Status};
use crate::domain::text::Name;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The snapshot service of an account in a region: its state, its price, and what turning it would do.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ServiceView {
    /// The account's name.
    pub account: String,
    /// Where.
    pub region: RegionId,
    /// Since when it is on; `None` while it is off.
    pub since: Option<Timestamp>,
    /// Who turned it on; empty while it is off.
    pub by: String,
    /// What being on costs, whatever it keeps.
    pub service: Estimate,
    /// Per stored GB and month of what it keeps.
    pub rate: Rate,
    /// Snapshots that the account has here, in all its projects.
    pub n_snapshots: u32,
    /// Their stored bytes, and what these cost, on or off.
    pub stored_bytes: u64,
    /// What keeping them costs, on or off.
    pub kept: Estimate,
    /// Schedules of the account here that are on.
    pub n_schedules: u32,
    /// Machine images that the account has here.
    pub n_machine_images: u32,
    /// The currency.
    pub symbol: String,
    /// Version of the price book these come from.
    pub price_version: u32,
    /// Whether the caller may turn it on or off.
    pub may_switch: bool,
    /// Why it cannot be turned on now.
    pub blocked: Option<Reason>,
}

/// A named link to a snapshot.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SnapshotLink {
    /// Its id.
    pub id: SnapshotId,
    /// Its name.
    pub name: Name,
    /// How far along it is.
    pub status: Status,
    /// When it was asked for.
    pub created: Timestamp,
}

/// A snapshot in a list: one of its own, or a data disk that belongs to a machine image (U12).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SnapshotRow {
    /// Its id; `None` for what belongs to an image.
    pub id: Option<SnapshotId>,
    /// The image that it belongs to and is kept and charged with.
    pub image: Option<ImageLink>,
    /// Its name.
    pub name: String,
    /// What it is of.
    pub kind: Kind,
    /// What is in it, such as `2 disks at one instant`.
    pub what: String,
    /// How far along it is.
    pub status: Status,
    /// Why it failed.
    pub error: Option<String>,
    /// The task that works on it.
    pub task: Option<TaskView>,
    /// The machine's name then.
    pub source: String,
    /// The machine, if it is there.
    pub machine: Option<InstanceLink>,
    /// The sizes guests saw, in bytes.
    pub size_bytes: u64,
    /// What is stored, in bytes; zero until it is known.
    pub stored_bytes: u64,
    /// What it costs a month; `None` while nothing is charged, and for what is charged with its image.
    pub month: Option<Money>,
    /// Whether a schedule made it.
    pub scheduled: bool,
    /// When it was asked for.
    pub created: Timestamp,
    /// Why no image can be made from it.
    pub image_blocked: Option<Reason>,
    /// Why no new disk can be made from it.
    pub disk_blocked: Option<Reason>,
    /// Why it cannot be deleted.
    pub delete_blocked: Option<Reason>,
}

/// One page of snapshots of a project in a region.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SnapshotList {
    /// The rows.
    pub page: Page<SnapshotRow>,
    /// What was searched for.
    pub text: String,
    /// Only of this machine.
    pub instance: Option<InstanceLink>,
    /// Snapshots of the project without a search, those of images included.
    pub n_all: u32,
    /// Schedules of the project.
    pub n_schedules: u32,
    /// What is stored of the project's own snapshots, in bytes.
    pub stored_bytes: u64,
    /// Bytes that are charged of it: what images hold as well is charged with them.
    pub charged_bytes: u64,
    /// What they cost a month.
    pub month: Money,
    /// The service.
    pub service: ServiceView,
    /// The project's name.
    pub project: Name,
    /// Where.
    pub region: RegionId,
    /// Whether the caller may make and delete snapshots.
    pub may_change: bool,
    /// Now.
    pub now: Timestamp,
}

/// A snapshot in full.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SnapshotDetail {
    /// As in a list.
    pub row: SnapshotRow,
    /// Its id.
    pub id: SnapshotId,
    /// Its revision, for renaming.
    pub revision: u32,
    /// Where.
    pub region: RegionId,
    /// How consistent it is.
    pub consistency: Option<Consistency>,
    /// Its disks: what they were, and what is stored of each, in bytes.
    pub disks: Vec<(String, u64)>,
    /// The schedule that made it, in words, if that is there.
    pub schedule: Option<String>,
    /// Images that were made from it.
    pub images: Vec<ImageLink>,
    /// What it has cost so far.
    pub cost: Money,
    /// What it costs now.
    pub estimate: Option<Estimate>,
    /// Per stored GB and month.
    pub rate: Rate,
    /// The currency.
    pub symbol: String,
    /// When it became available.
    pub available: Option<Timestamp>,
    /// Why it cannot be renamed.
    pub rename_blocked: Option<Reason>,
    /// Whether the caller may change it.
    pub may_change: bool,
    /// What happened to it.
    pub events: Vec<EventRow>,
    /// Now.
    pub now: Timestamp,
}

/// Disks that a snapshot can be taken of.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DiskChoice {
    /// What the form sends.
    pub slug: String,
    /// Such as `System disk, ssd, 4 GiB`.
    pub words: String,
    /// What it costs a month at most: as much as fits on the disks.
    pub most: Estimate,
    /// Why this cannot be chosen.
    pub blocked: Option<Reason>,
}

/// A data disk of a snapshot that a new disk can be made from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DiskSourceChoice {
    /// What the form sends.
    pub source: String,
    /// Such as `nightly, data disk 1, 4 GiB`.
    pub words: String,
    /// The least size of the new disk, in bytes.
    pub size_bytes: u64,
}

/// What the dialog that makes a snapshot shows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SnapshotOptions {
    /// The machine.
    pub instance: InstanceId,
    /// Its name.
    pub name: Name,
    /// Whether it runs: then the file systems are frozen for the instant if the guest's agent answers.
    pub running: bool,
    /// A name that says which machine and when.
    pub suggested_name: String,
    /// What can be taken.
    pub disks: Vec<DiskChoice>,
    /// Why nothing can be taken now.
    pub blocked: Option<Reason>,
    /// How much of the quota is used, in a sentence.
    pub quota: String,
    /// The service.
    pub service: ServiceView,
}

/// A machine that a snapshot or a schedule can be of.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SnapshotChoice {
    /// The machine.
    pub id: InstanceId,
    /// Its name.
    pub name: Name,
    /// Its disks, such as `2 disks, 8 GiB`.
    pub words: String,
}

/// What the dialog that makes an image from a snapshot shows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SnapshotImageOptions {
    /// The snapshot.
    pub snapshot: SnapshotId,
    /// Its name.
    pub name: Name,
    /// What comes of it, such as `machine image`.
    pub makes: String,
    /// A name that is free.
    pub suggested_name: String,
    /// What is stored of it, in bytes.
    pub stored_bytes: u64,
    /// What the image costs.
    pub estimate: Estimate,
    /// Per stored GB of images and month.
    pub rate: Rate,
    /// The currency.
    pub symbol: String,
    /// Version of the price book these come from.
    pub price_version: u32,
    /// Where.
    pub region: RegionId,
    /// Why none can be made now.
    pub blocked: Option<Reason>,
}

/// What the dialog that makes a new disk from a snapshot shows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SnapshotDiskOptions {
    /// The snapshot.
    pub snapshot: SnapshotId,
    /// Its name.
    pub name: Name,
    /// The data disks in it.
    pub sources: Vec<DiskSourceChoice>,
    /// Machines that take one more disk now.
    pub machines: Vec<SnapshotChoice>,
    /// The prices, of which each kind of disk has one.
    pub prices: PriceBook,
    /// Where.
    pub region: RegionId,
    /// Why none can be made now.
    pub blocked: Option<Reason>,
}

/// A schedule in a list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ScheduleRow {
    /// Its id.
    pub id: ScheduleId,
    /// The machine.
    pub machine: Option<InstanceLink>,
    /// The machine's name.
    pub name: Name,
    /// Which disks, in words.
    pub what: String,
    /// Since when the disk that it takes is gone: then it takes nothing.
    pub gone: Option<Timestamp>,
    /// How often, in words.
    pub rhythm: String,
    /// How many it keeps.
    pub keep: u32,
    /// How many it has.
    pub n_made: u32,
    /// Whether it makes any at present.
    pub on: Switch,
    /// When the next one is due; `None` while it is off.
    pub next: Option<Timestamp>,
    /// When the last try was.
    pub last: Option<Timestamp>,
    /// The snapshot that came of it, if that is there.
    pub snapshot: Option<SnapshotLink>,
    /// Why the last try made none.
    pub trouble: Option<String>,
}

/// Schedules of a project in a region.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ScheduleList {
    /// The rows, by machine.
    pub rows: Vec<ScheduleRow>,
    /// Snapshots of the project, those of images included.
    pub n_snapshots: u32,
    /// The service.
    pub service: ServiceView,
    /// The project's name.
    pub project: Name,
    /// Where.
    pub region: RegionId,
    /// Whether the caller may make and change schedules.
    pub may_change: bool,
    /// Now.
    pub now: Timestamp,
}

/// A data disk that a schedule can take.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ScheduleDisk {
    /// What the form sends.
    pub slug: String,
    /// Such as `data-1, ssd, 10 GiB of web`; without the machine where there is only one.
    pub words: String,
}

/// What the dialog that makes or changes a schedule shows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ScheduleOptions {
    /// As it is, or as is proposed.
    pub form: ScheduleForm,
    /// Machines that it can be for; only its own when it is there already.
    pub machines: Vec<SnapshotChoice>,
    /// Their data disks.
    pub disks: Vec<ScheduleDisk>,
    /// Since when the one disk it takes is gone.
    pub gone: Option<Timestamp>,
    /// What that was called; empty unless it takes one data disk.
    pub disk: String,
    /// What one snapshot costs at most, by machine and by what the form sends for its disks.
    pub most: Vec<(InstanceId, String, Estimate)>,
    /// How many snapshots it has.
    pub n_made: u32,
    /// The service.
    pub service: ServiceView,
    /// Why none can be made now.
    pub blocked: Option<Reason>,
    /// Whose snapshots they are.
    pub project: Name,
}
