//! What a screen receives: everything a page shows, already judged and authorized, so that views hold no logic.
//!
//! These are wire types: no `usize`, no record that carries a secret.

use super::disk::{DiskKind, DiskRole};
use super::error::Reason;
use super::flavor::Flavor;
use super::ids::{AccountId, ImageId, InstanceId, ProjectId, RegionId, SessionId, Subject, TaskId, ZoneId};
use super::image::{self, Image, list::ImageQuery};
use super::instance;
use super::money::Money;
use super::page::Page;
use super::price::{Estimate, PriceBook};
use super::project::Role;
use super::region::Switch;
use super::task;
use super::text::Name;
use super::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A project in the switcher.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ProjectChoice {
    /// The project.
    pub id: ProjectId,
    /// Its name.
    pub name: Name,
    /// Its account's name.
    pub account: Name,
}

/// The frame around every page of a signed-in user.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Shell {
    /// Who is signed in.
    pub email: String,
    /// Whether they work for the provider.
    pub operator: bool,
    /// Projects to switch between.
    pub projects: Vec<ProjectChoice>,
    /// The project in force; `None` when the user has none.
    pub project: Option<ProjectChoice>,
    /// The user's role in it; `None` for operators.
    pub role: Option<Role>,
    /// Regions to switch between.
    pub regions: Vec<RegionId>,
    /// The region in force.
    pub region: RegionId,
    /// Machines in project and region.
    pub n_instances: u32,
    /// Images in project and region.
    pub n_images: u32,
    /// Tasks at work in project and region.
    pub n_tasks: u32,
}

/// A task as lists and details show it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TaskView {
    /// Its id.
    pub id: TaskId,
    /// What it does.
    pub kind: task::Kind,
    /// What it works on.
    pub subject: Subject,
    /// The subject's name.
    pub name: String,
    /// Where it stands.
    pub state: task::State,
    /// Whether somebody asked to cancel it.
    pub cancel_requested: bool,
    /// The present step in words.
    pub step: String,
    /// The present step, from 1.
    pub step_number: u32,
    /// Steps in all.
    pub n_steps: u32,
    /// Bytes of the present step, if it counts them.
    pub progress: Option<task::Progress>,
    /// Why it failed, or is being tried again.
    pub error: Option<String>,
    /// What happened, oldest first; empty in lists.
    pub log: Vec<task::LogLine>,
    /// Who asked.
    pub actor: String,
    /// When it was asked for.
    pub created: Timestamp,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// Why it cannot be cancelled; `None` when it can.
    pub cancel_blocked: Option<Reason>,
    /// Why it cannot be retried; `None` when it can.
    pub retry_blocked: Option<Reason>,
}

/// A row of My Images.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ImageRow {
    /// Its id.
    pub id: ImageId,
    /// Its name.
    pub name: Name,
    /// The name of the machine it was made from.
    pub source: Option<Name>,
    /// Bytes a guest sees; 0 until known.
    pub virtual_bytes: u64,
    /// Compressed bytes; 0 until known.
    pub stored_bytes: u64,
    /// How far along it is.
    pub status: image::Status,
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
    /// Bytes guests see, over all images.
    pub virtual_bytes: u64,
    /// Compressed bytes, over all images.
    pub stored_bytes: u64,
    /// What all images cost a month.
    pub month: Money,
    /// The rate per stored GB and month.
    pub rate: Money,
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

/// An image in full.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ImageDetail {
    /// The record.
    pub image: Image,
    /// The owning project's name; empty for a public image.
    pub project: String,
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
    pub rate: Money,
    /// Stored bytes no other image of the account shares; `None` until known.
    pub unique_bytes: Option<u64>,
    /// The latest audit events about it, newest first.
    pub events: Vec<EventRow>,
    /// The currency's symbol.
    pub symbol: String,
    /// Whether the user may change it.
    pub may_change: bool,
    /// Whether the user may deploy it.
    pub may_deploy: bool,
    /// The time on the server.
    pub now: Timestamp,
}

/// The dialog that deletes an image.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ImageDeletion {
    /// The image.
    pub id: ImageId,
    /// Its name.
    pub name: Name,
    /// Machines deployed from it: they keep running.
    pub machines: Vec<InstanceLink>,
    /// Stored bytes.
    pub stored_bytes: u64,
    /// Bytes that deleting really frees, because nobody else shares them.
    pub unique_bytes: u64,
    /// What stops being charged a month.
    pub month: Money,
    /// What it has cost so far.
    pub cost: Money,
    /// The currency's symbol.
    pub symbol: String,
    /// Why it cannot be deleted; `None` when it can.
    pub blocked: Option<Reason>,
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
    /// The loopback port of its SSH, while it runs.
    pub ssh_port: Option<u16>,
    /// Images made of it, newest first.
    pub images: Vec<ImageLink>,
    /// The task that works, or last worked, on it.
    pub task: Option<TaskView>,
    /// The task that makes an image of it right now.
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
    pub capture_blocked: Option<Reason>,
    /// Likewise.
    pub console_blocked: Option<Reason>,
    /// Whether the user may change it.
    pub may_change: bool,
    /// The latest audit events about it, newest first.
    pub events: Vec<EventRow>,
    /// The time on the server.
    pub now: Timestamp,
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
    pub rate: Money,
    /// Data disks that are left out, as `data-1, ssd, 10 GiB`.
    pub left_out: Vec<String>,
    /// The currency's symbol.
    pub symbol: String,
    /// Version of the price book this shows.
    pub price_version: u32,
    /// Why it is not possible; `None` when it is.
    pub blocked: Option<Reason>,
}

/// An image in the picker.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ImageChoice {
    /// The image.
    pub id: ImageId,
    /// Its name.
    pub name: Name,
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
    /// Instance types.
    pub flavors: Vec<Flavor>,
    /// Zones of the region.
    pub zones: Vec<ZoneId>,
    /// Prices: the page and the server compute with the same code.
    pub prices: PriceBook,
    /// Why no machine can be made now; `None` when one can.
    pub blocked: Option<Reason>,
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
    /// What stops being charged a month.
    pub month: Option<Money>,
    /// The currency's symbol.
    pub symbol: String,
    /// Why it cannot be deleted; `None` when it can.
    pub blocked: Option<Reason>,
}

/// The list of tasks.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TaskList {
    /// The rows asked for, newest first.
    pub page: Page<TaskView>,
    /// Only these states; empty means any.
    pub states: Vec<task::State>,
    /// Whether any task of the project and region is at work.
    pub active: bool,
    /// Whether the user may cancel and retry here.
    pub may_change: bool,
    /// The time on the server.
    pub now: Timestamp,
}

/// An audit event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EventRow {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What was done, such as `image.delete`.
    pub action: String,
    /// What it is about.
    pub subject: Subject,
    /// The subject's name then.
    pub name: String,
    /// The change in a sentence.
    pub detail: String,
    /// The project's name, where one is concerned.
    pub project: String,
}

/// The audit trail of an account.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AuditList {
    /// The rows asked for, newest first.
    pub page: Page<EventRow>,
    /// The account's name; empty for the provider's view of all.
    pub account: String,
    /// Whether only the project in force is shown, because the user is no owner.
    pub project_only: bool,
    /// The time on the server.
    pub now: Timestamp,
}

/// A session of the signed-in user.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SessionRow {
    /// Its id.
    pub id: SessionId,
    /// What the browser calls itself.
    pub agent: String,
    /// When it began.
    pub created: Timestamp,
    /// When it was last used.
    pub last_used: Timestamp,
    /// Whether it is the one asking.
    pub current: bool,
}

/// A project with the signed-in user's role.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ProjectRow {
    /// The project.
    pub id: ProjectId,
    /// Its name.
    pub name: Name,
    /// The role.
    pub role: Role,
}

/// The page *Account*.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AccountView {
    /// What the user signs in with.
    pub email: String,
    /// The account's name; empty for the provider's people.
    pub account: String,
    /// The account's id.
    pub account_id: Option<AccountId>,
    /// The user's projects.
    pub projects: Vec<ProjectRow>,
    /// The user's sessions, newest first.
    pub sessions: Vec<SessionRow>,
    /// The time on the server.
    pub now: Timestamp,
}

/// A limit and how much of it is used.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Gauge {
    /// What is counted, such as `Images`.
    pub what: String,
    /// How many there are.
    pub used: u32,
    /// How many there may be.
    pub limit: u32,
}

/// A tenant account, as the provider sees it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AccountRow {
    /// Its name.
    pub name: Name,
    /// Projects of it.
    pub n_projects: u32,
    /// Images of it, in all regions.
    pub n_images: u32,
    /// Machines of it, in all regions.
    pub n_instances: u32,
    /// What it has cost this month so far.
    pub cost: Money,
}

/// The page *Overview*.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Overview {
    /// The project's name, if there is one in force.
    pub project: Option<Name>,
    /// The region.
    pub region: RegionId,
    /// What the account's images and machines have cost this month so far.
    pub cost: Money,
    /// What it would be at the end of the month if nothing changes.
    pub forecast: Money,
    /// The part of `cost` that is images.
    pub cost_images: Money,
    /// The currency's symbol.
    pub symbol: String,
    /// Limits of the account in the region.
    pub gauges: Vec<Gauge>,
    /// Tasks at work.
    pub tasks: Vec<TaskView>,
    /// The newest images of the project.
    pub images: Vec<ImageRow>,
    /// The newest machines of the project.
    pub instances: Vec<InstanceRow>,
    /// The latest events of the project.
    pub events: Vec<EventRow>,
    /// For the provider's people: all accounts. Empty for tenants.
    pub accounts: Vec<AccountRow>,
    /// For the provider's people: what is missing on this machine, in sentences. Empty when all is well and for tenants.
    pub missing: Vec<String>,
    /// Whether the user may make and change things here.
    pub may_change: bool,
    /// The time on the server.
    pub now: Timestamp,
}
