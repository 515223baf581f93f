//! What pages about quotas and requests receive.

use crate::domain::error::Reason;
use crate::domain::ids::{ImageId, RegionId, RequestId};
use crate::domain::page::Page;
use crate::domain::request::{QuotaKind, State, Wish};
use crate::domain::text::Name;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A quota, and how much of it is used.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct QuotaRow {
    /// What can be asked for to have more of it; `None` where nobody can ask.
    pub kind: Option<QuotaKind>,
    /// What is counted, such as `Images`.
    pub what: String,
    /// How much is used.
    pub used: u32,
    /// How much may be.
    pub limit: u32,
    /// The figures and what counts, in a sentence.
    pub words: String,
}

/// A request for more.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RequestRow {
    /// Its id.
    pub id: RequestId,
    /// The name of the account that asks.
    pub account: String,
    /// Where.
    pub region: RegionId,
    /// For what.
    pub wish: Wish,
    /// What it is needed for.
    pub reason: String,
    /// Who asked.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Where it stands.
    pub state: State,
    /// Who ended it; empty while it waits.
    pub decided_by: String,
    /// When it ended.
    pub decided: Option<Timestamp>,
    /// What was said about it then.
    pub note: String,
    /// The limit that was given.
    pub granted: Option<u32>,
}

/// The page *Quotas*.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct QuotaPage {
    /// The account's name.
    pub account: String,
    /// The region in force.
    pub region: RegionId,
    /// Every quota.
    pub quotas: Vec<QuotaRow>,
    /// Requests of the account in the region, newest first.
    pub requests: Vec<RequestRow>,
    /// Whether the user may ask for more.
    pub may_ask: bool,
    /// The most that can be asked for.
    pub wanted_max: u32,
    /// The time on the server.
    pub now: Timestamp,
}

/// Requests of all accounts, as the provider sees them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RequestList {
    /// The rows asked for, newest first.
    pub page: Page<RequestRow>,
    /// How many wait for an answer.
    pub n_pending: u32,
    /// The most that can be given.
    pub granted_max: u32,
    /// The time on the server.
    pub now: Timestamp,
}

/// The dialog that asks for an image in another region (U15).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ReachOptions {
    /// The image.
    pub image: ImageId,
    /// Its name.
    pub name: Name,
    /// The region it is in.
    pub home: RegionId,
    /// Regions in which it cannot be deployed yet.
    pub regions: Vec<RegionId>,
    /// Why it cannot be asked for; `None` when it can.
    pub blocked: Option<Reason>,
}
