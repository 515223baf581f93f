//! What the overview and the audit trail receive, the provider's own view of its accounts included.

use super::accounts::AccountRow;
use super::images::ImageRow;
use super::instances::InstanceRow;
use super::tasks::TaskView;
use crate::domain::ids::{AccountId, ProjectId, RegionId, Subject};
use crate::domain::money::Money;
use crate::domain::page::Page;
use crate::domain::text::Name;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

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
    /// The project or account that the query asks for, as `project web`; `None` without one, and for one that is not known here.
    pub narrowed: Option<String>,
    /// Projects that an owner can narrow it to, by name.
    pub projects: Vec<(ProjectId, Name)>,
    /// Accounts that the provider can narrow it to, by name.
    pub accounts: Vec<(AccountId, Name)>,
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
