//! The audit trail: one event for every change, written in the same commit as the change.

use super::ids::{AccountId, EventId, ProjectId, RegionId, Subject, UserId};
use super::time::Timestamp;
use serde::{Deserialize, Serialize};

/// An entry of the audit trail.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// Its id.
    pub id: EventId,
    /// When.
    pub at: Timestamp,
    /// Who, if a person.
    pub user: Option<UserId>,
    /// How the actor was called then.
    pub actor: String,
    /// The account concerned; `None` for the provider's own.
    pub account: Option<AccountId>,
    /// The project concerned.
    pub project: Option<ProjectId>,
    /// The region concerned.
    pub region: Option<RegionId>,
    /// What it is about.
    pub subject: Subject,
    /// The subject's name then.
    pub name: String,
    /// What was done, such as `image.delete`.
    pub action: String,
    /// The change in a sentence; empty when the action says it all.
    pub detail: String,
}
