//! What the provider's pages about accounts receive.

use crate::domain::ids::{AccountId, ProjectId, RegionId};
use crate::domain::money::Money;
use crate::domain::page::Page;
use crate::domain::quota::Limits;
use crate::domain::text::Name;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A tenant account, as the provider sees it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AccountRow {
    /// Its id.
    pub id: AccountId,
    /// Its name.
    pub name: Name,
    /// The site it belongs to (H3).
    pub site: String,
    /// Projects of it.
    pub n_projects: u32,
    /// Images of it, in all regions.
    pub n_images: u32,
    /// Machines of it, in all regions.
    pub n_instances: u32,
    /// Bytes that its images hold, in all regions.
    pub held_bytes: u64,
    /// What it has cost this month so far.
    pub cost: Money,
}

/// The page *Accounts*.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AccountList {
    /// The rows asked for, by name.
    pub page: Page<AccountRow>,
    /// The currency's symbol.
    pub symbol: String,
}

/// What an account may have and has in a region.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AccountPlace {
    /// Where.
    pub region: RegionId,
    /// What it may have there.
    pub limits: Limits,
    /// Whether these limits are its own, and not those of the region.
    pub own: bool,
    /// Images it has.
    pub n_images: u32,
    /// Machines it has.
    pub n_instances: u32,
    /// Accepted shares of its images.
    pub n_shares: u32,
    /// Bytes that its images hold.
    pub held_bytes: u64,
}

/// The page of one account.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AccountDetail {
    /// Its id.
    pub id: AccountId,
    /// Its name.
    pub name: Name,
    /// The site it belongs to (H3).
    pub site: String,
    /// When it was created.
    pub created: Timestamp,
    /// What it has cost this month so far.
    pub cost: Money,
    /// The currency's symbol.
    pub symbol: String,
    /// Its projects, by name.
    pub projects: Vec<(ProjectId, Name)>,
    /// Its users, by e-mail address, each with the number of projects they have a role in.
    pub users: Vec<(String, u32)>,
    /// Every region, by id.
    pub places: Vec<AccountPlace>,
    /// The time on the server.
    pub now: Timestamp,
}
