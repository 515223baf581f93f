//! What pages about machines receive.

use super::groups::GroupLink;
use super::images::{ImageChoice, ImageLink};
use super::overview::EventRow;
use super::people::ProjectChoice;
use super::snapshots::{DiskSourceChoice, SnapshotLink};
use super::tasks::TaskView;
use crate::domain::disk::{DiskKind, DiskRole};
use crate::domain::error::Reason;
use crate::domain::flavor::Flavor;
use crate::domain::ids::{DiskId, FlavorId, InstanceId, RegionId, ZoneId};
use crate::domain::instance::{self, Card};
use crate::domain::money::Money;
use crate::domain::page::Page;
use crate::domain::price::{Estimate, PriceBook};
use crate::domain::text::Name;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A named link to a machine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InstanceLink {
    /// The machine.
    pub id: InstanceId,
    /// Its name.
    pub name: Name,
    /// What it is doing.
    pub status: instance::Status,
}

/// A row of the list of machines.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InstanceRow {
    /// Its id.
    pub id: InstanceId,
    /// Its name.
    pub name: Name,
    /// What it is doing.
    pub status: instance::Status,
    /// Why it is in Error.
    pub error: Option<String>,
    /// Whether an image of it is being made.
    pub capturing: bool,
    /// Its type in words: `1 vCPU, 256 MiB`.
    pub flavor: String,
    /// Its zone with the region: `north-1a`.
    pub zone: String,
    /// The image it was deployed from.
    pub image: Name,
    /// The loopback port of its SSH.
    pub ssh_port: Option<u16>,
    /// What it costs a month while it runs.
    pub month: Option<Money>,
    /// The task that works on it.
    pub task: Option<TaskView>,
    /// When it was asked for.
    pub created: Timestamp,
}

/// The list of machines.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InstanceList {
    /// The rows asked for.
    pub page: Page<InstanceRow>,
    /// The search text.
    pub text: String,
    /// Machines in project and region, without search.
    pub n_all: u32,
    /// The project's name.
    pub project: Name,
    /// The region.
    pub region: RegionId,
    /// The currency's symbol.
    pub symbol: String,
    /// Whether the user may make and change machines here.
    pub may_change: bool,
    /// The time on the server.
    pub now: Timestamp,
}

/// A disk of a machine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DiskView {
    /// Its id.
    pub id: DiskId,
    /// `system`, or `data-1` and so on.
    pub name: String,
    /// Why it cannot be removed; `None` when it can.
    pub remove_blocked: Option<Reason>,
    /// System or data.
    pub role: DiskRole,
    /// What it lives on.
    pub kind: DiskKind,
    /// The size the guest sees, in bytes.
    pub size_bytes: u64,
    /// Bytes it occupies; `None` when that cannot be told now.
    pub used_bytes: Option<u64>,
}

/// A machine in full.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InstanceDetail {
    /// Its id.
    pub id: InstanceId,
    /// Its name.
    pub name: Name,
    /// What it is doing.
    pub status: instance::Status,
    /// Why it is in Error.
    pub error: Option<String>,
    /// Since when it runs.
    pub started: Option<Timestamp>,
    /// When it was asked for.
    pub created: Timestamp,
    /// The region.
    pub region: RegionId,
    /// The zone with the region: `north-1a`.
    pub zone: String,
    /// Its type's slug.
    pub flavor: String,
    /// Its type in words.
    pub flavor_summary: String,
    /// Its disks, system disk first.
    pub disks: Vec<DiskView>,
    /// The image's name when it was deployed.
    pub image_name: Name,
    /// The image, if it still exists and may be seen.
    pub image: Option<ImageLink>,
    /// The licence it carries on (U5); empty for none.
    pub licence: String,
    /// Its network card, as the guest finds it.
    pub card: Card,
    /// Whether the disc it was made from is in its drive.
    pub disc: bool,
    /// The loopback port of its SSH, while it runs.
    pub ssh_port: Option<u16>,
    /// Images made of it, newest first.
    pub images: Vec<ImageLink>,
    /// Snapshots of it, newest first.
    pub snapshots: Vec<SnapshotLink>,
    /// Schedules that make snapshots of it.
    pub n_schedules: u32,
    /// The task that works, or last worked, on it.
    pub task: Option<TaskView>,
    /// The task that makes an image or a snapshot of it right now.
    pub capture: Option<TaskView>,
    /// The end of the serial console's log, printable.
    pub console: String,
    /// What it costs while it runs.
    pub estimate: Option<Estimate>,
    /// What it has cost so far.
    pub cost: Money,
    /// The currency's symbol.
    pub symbol: String,
    /// Why each action is not possible; `None` when it is.
    pub start_blocked: Option<Reason>,
    /// Likewise.
    pub stop_blocked: Option<Reason>,
    /// Likewise.
    pub reboot_blocked: Option<Reason>,
    /// Likewise.
    pub delete_blocked: Option<Reason>,
    /// Likewise.
    pub add_disk_blocked: Option<Reason>,
    /// Likewise.
    pub capture_blocked: Option<Reason>,
    /// Likewise.
    pub snapshot_blocked: Option<Reason>,
    /// Likewise.
    pub console_blocked: Option<Reason>,
    /// Likewise.
    pub change_image_blocked: Option<Reason>,
    /// The scaling group it is a member of.
    pub group: Option<GroupLink>,
    /// Whether the user may change it.
    pub may_change: bool,
    /// The latest audit events about it, newest first.
    pub events: Vec<EventRow>,
    /// The time on the server.
    pub now: Timestamp,
}

/// The dialog that adds a disk to a machine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DiskOptions {
    /// The machine.
    pub instance: InstanceId,
    /// Its name.
    pub name: Name,
    /// Data-disk images of its project in its region, newest first.
    pub images: Vec<ImageChoice>,
    /// Data-disk images that others share with the project, by name.
    pub shared: Vec<ImageChoice>,
    /// Data disks of snapshots of the project, newest first.
    pub snapshots: Vec<DiskSourceChoice>,
    /// Kinds of disk that it can have here.
    pub kinds: Vec<DiskKind>,
    /// Prices: the page and the server compute with the same code.
    pub prices: PriceBook,
    /// Why no disk can be added; `None` when one can.
    pub blocked: Option<Reason>,
}

/// The dialog that removes a disk of a machine, with everything on it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DiskRemoval {
    /// The machine.
    pub instance: InstanceId,
    /// Its name.
    pub name: Name,
    /// The disk.
    pub disk: DiskId,
    /// The disk in words: `data-1, ssd, 10 GiB`.
    pub label: String,
    /// Schedules that take this disk alone, and nothing once it is gone.
    pub n_schedules: u32,
    /// What stops being charged a month.
    pub month: Money,
    /// The currency's symbol.
    pub symbol: String,
    /// Why it cannot be removed; `None` when it can.
    pub blocked: Option<Reason>,
}

/// The dialog that deletes a machine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InstanceDeletion {
    /// The machine.
    pub id: InstanceId,
    /// Its name.
    pub name: Name,
    /// Its disks: all of them go.
    pub disks: Vec<DiskView>,
    /// Images made of it: they stay.
    pub images: Vec<ImageLink>,
    /// The scaling group that replaces it.
    pub group: Option<GroupLink>,
    /// Snapshots of it: they stay, and go on costing.
    pub n_snapshots: u32,
    /// Schedules that make snapshots of it: they go.
    pub n_schedules: u32,
    /// What stops being charged a month.
    pub month: Money,
    /// The currency's symbol.
    pub symbol: String,
    /// Why it cannot be deleted; `None` when it can.
    pub blocked: Option<Reason>,
}

/// The page *New instance*.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DeployOptions {
    /// The project it will belong to.
    pub project: ProjectChoice,
    /// The region it will run in.
    pub region: RegionId,
    /// Images of the provider.
    pub public: Vec<ImageChoice>,
    /// Images of the project, newest first.
    pub mine: Vec<ImageChoice>,
    /// Families of the project with the image each stands for, by name.
    pub families: Vec<ImageChoice>,
    /// Images that others share with the project, by name.
    pub shared: Vec<ImageChoice>,
    /// Instance types.
    pub flavors: Vec<Flavor>,
    /// Zones of the region.
    pub zones: Vec<ZoneId>,
    /// Prices: the page and the server compute with the same code.
    pub prices: PriceBook,
    /// Why no machine can be made now; `None` when one can.
    pub blocked: Option<Reason>,
}

impl DeployOptions {
    /// Leaves out images and families of which `wanted` says no.
    pub fn keep(&mut self, wanted: impl Fn(&ImageChoice) -> bool) {
        for list in [&mut self.public, &mut self.mine, &mut self.families, &mut self.shared] {
            list.retain(&wanted);
        }
    }
}

/// The dialog *Change image* of a machine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ChangeImageOptions {
    /// The machine.
    pub id: InstanceId,
    /// Its name.
    pub name: Name,
    /// The image it has now.
    pub image_name: Name,
    /// Its memory in MiB: images ask for some.
    pub memory_mib: u64,
    /// Its type, for the price.
    pub flavor: FlavorId,
    /// Its disks, system disk first: that one goes, the others stay.
    pub disks: Vec<DiskView>,
    /// The licence it carries on now (U5); empty for none.
    pub licence: String,
    /// The images there are, and prices.
    pub options: DeployOptions,
    /// Why it cannot be given another image; `None` when it can.
    pub blocked: Option<Reason>,
    /// Whether the user may do it.
    pub may_change: bool,
}
