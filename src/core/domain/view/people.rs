//! What every page of a signed-in user, and the page about their own account, receive.

use super::billing::MoneyNotices;
use crate::domain::ids::{AccountId, ProjectId, RegionId, SessionId};
use crate::domain::project::Role;
use crate::domain::text::Name;
use crate::domain::time::Timestamp;
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
    /// Scaling groups in project and region.
    pub n_groups: u32,
    /// Images in project and region.
    pub n_images: u32,
    /// Images in the recycle bin of project and region.
    pub n_in_bin: u32,
    /// Tasks at work in project and region.
    pub n_tasks: u32,
    /// Shares that wait for a decision of the project in the region (H7).
    pub n_waiting: u32,
    /// Accepted images that somebody stops sharing on a day to come: they can be saved until then.
    pub n_ending: u32,
    /// Requests that wait for the provider's answer; told to the provider's people only.
    pub n_requests: u32,
    /// What is said about the money of the account of the project in force.
    pub money: MoneyNotices,
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
