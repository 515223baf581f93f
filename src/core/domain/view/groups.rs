//! What pages about scaling groups receive.

use super::images::ImageLink;
use super::instances::{DeployOptions, InstanceRow};
use super::overview::EventRow;
use crate::domain::disk::DiskKind;
use crate::domain::error::Reason;
use crate::domain::form::GroupForm;
use crate::domain::group::{Roll, Status, Trouble};
use crate::domain::ids::{GroupId, RegionId};
use crate::domain::money::Money;
use crate::domain::page::Page;
use crate::domain::price::Estimate;
use crate::domain::text::Name;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A named link to a group.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GroupLink {
    /// The group.
    pub id: GroupId,
    /// Its name.
    pub name: Name,
}

/// How a group is doing, in the order of what a person should look at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Health {
    /// As many run as wanted.
    Well,
    /// Its machines are being replaced by newer ones.
    Rolling,
    /// darkroom is at work on the count.
    Changing,
    /// It tried and could not.
    Troubled,
    /// It is being deleted.
    Deleting,
}

/// A row of the list of groups.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GroupRow {
    /// Its id.
    pub id: GroupId,
    /// Its name.
    pub name: Name,
    /// How it is doing.
    pub health: Health,
    /// Machines that run.
    pub n_running: u32,
    /// Machines there shall be.
    pub wanted: u32,
    /// What its machines are made from, in words.
    pub image: String,
    /// The type in words: `1 vCPU, 256 MiB`.
    pub flavor: String,
    /// What as many as wanted cost a month while they run.
    pub month: Option<Money>,
    /// When it was made.
    pub created: Timestamp,
}

/// The list of groups.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GroupList {
    /// The rows asked for.
    pub page: Page<GroupRow>,
    /// The search text.
    pub text: String,
    /// Groups of project and region, without search.
    pub n_all: u32,
    /// The project's name.
    pub project: Name,
    /// The region.
    pub region: RegionId,
    /// The currency's symbol.
    pub symbol: String,
    /// Whether the user may make and change groups here.
    pub may_change: bool,
    /// The time on the server.
    pub now: Timestamp,
}

/// A machine of a group.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MemberRow {
    /// The machine.
    pub row: InstanceRow,
    /// Whether it is of the image that new ones are made from now.
    pub newest: bool,
}

/// A group in full.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GroupDetail {
    /// Its id.
    pub id: GroupId,
    /// Its name.
    pub name: Name,
    /// Whether it is kept.
    pub status: Status,
    /// How it is doing.
    pub health: Health,
    /// Machines that run.
    pub n_running: u32,
    /// Machines there shall be.
    pub wanted: u32,
    /// What darkroom does now, or waits for, in a sentence.
    pub doing: String,
    /// Its machines, oldest first.
    pub members: Vec<MemberRow>,
    /// The family that its machines are made from, if it is one.
    pub family: Option<String>,
    /// The image that a new one would be made from.
    pub makes: Option<ImageLink>,
    /// Why no new one could be made from what was chosen; `None` when one could.
    pub makes_blocked: Option<String>,
    /// Machines that are of another image than that.
    pub n_outdated: u32,
    /// What they are being replaced by.
    pub roll: Option<Roll>,
    /// Why the last try came to nothing.
    pub trouble: Option<Trouble>,
    /// When it is tried again; `None` for at once.
    pub next_try: Option<Timestamp>,
    /// The type's slug.
    pub flavor: String,
    /// The type in words.
    pub flavor_summary: String,
    /// The zone with the region: `north-1a`.
    pub zone: String,
    /// The kind of system disks.
    pub disk_kind: DiskKind,
    /// Their size in bytes.
    pub disk_bytes: u64,
    /// How many SSH keys new machines get.
    pub n_ssh_keys: u32,
    /// Whether new machines get user data.
    pub has_user_data: bool,
    /// What one machine costs while it runs.
    pub each: Option<Estimate>,
    /// What as many as wanted cost while they run.
    pub estimate: Option<Estimate>,
    /// What rolling adds to it a month, once all old machines are replaced; less than nothing where new ones cost less.
    pub rolled: Money,
    /// The currency's symbol.
    pub symbol: String,
    /// The version of the prices, for asking to roll.
    pub price_version: u32,
    /// Why the machines cannot be replaced now; `None` when they can.
    pub roll_blocked: Option<Reason>,
    /// Why it cannot be changed; `None` when it can.
    pub edit_blocked: Option<Reason>,
    /// Whether the user may change it.
    pub may_change: bool,
    /// The latest audit events about it, newest first.
    pub events: Vec<EventRow>,
    /// The region.
    pub region: RegionId,
    /// When it was made.
    pub created: Timestamp,
    /// The time on the server.
    pub now: Timestamp,
}

/// The page *New scaling group*, and what the dialog that changes one offers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GroupOptions {
    /// Images, types, zones and prices.
    pub options: DeployOptions,
    /// The most machines that a group may have.
    pub size_max: u32,
    /// How many machines the account may still have in the region.
    pub n_free: u32,
    /// Why no group can be made or changed; `None` when one can.
    pub blocked: Option<Reason>,
}

/// The dialog that changes a group.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GroupChange {
    /// The group as it is.
    pub form: GroupForm,
    /// What there is to choose from.
    pub choices: GroupOptions,
}

/// The dialog that deletes a group.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GroupDeletion {
    /// The group.
    pub id: GroupId,
    /// Its name.
    pub name: Name,
    /// Its machines: all of them go with their disks.
    pub members: Vec<super::InstanceLink>,
    /// What their disks hold together, in bytes.
    pub disk_bytes: u64,
    /// What stops being charged a month.
    pub month: Money,
    /// The currency's symbol.
    pub symbol: String,
    /// Why it cannot be deleted; `None` when it can.
    pub blocked: Option<Reason>,
}
