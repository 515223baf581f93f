//! What the provider's page *Revenue* receives, and the lines of usage of all accounts as another system reads them.

use crate::domain::ids::{AccountId, RegionId};
use crate::domain::money::Money;
use crate::domain::price::Basis;
use crate::domain::time::Timestamp;
use crate::domain::usage::Period;
use serde::{Deserialize, Serialize};

/// What was charged in one month.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RevenueMonth {
    /// Its first moment, in UTC.
    pub from: Timestamp,
    /// What was charged in each region, in the order of [`RevenuePage::regions`].
    pub by_region: Vec<Money>,
    /// The sum of these.
    pub total: Money,
}

/// What one account was charged in the month that is chosen.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TopAccount {
    /// Its id.
    pub id: AccountId,
    /// Its name.
    pub name: String,
    /// What it was charged.
    pub amount: Money,
    /// What part of all that is, in thousandths, rounded half up.
    pub per_mille: u32,
}

/// What the storage of a region holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StoredBytes {
    /// Compressed bytes of everything there, each chunk once.
    pub stored_bytes: u64,
    /// Compressed bytes of the public images there, each chunk once. Nobody pays for them.
    pub public_bytes: u64,
}

/// What a region stores and what of it is billed, now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RegionStorage {
    /// Where.
    pub region: RegionId,
    /// What its storage holds, or a sentence that says why that is not known.
    pub stored: Result<StoredBytes, String>,
    /// Bytes that accounts are charged for: images, those in the recycle bin, and snapshots.
    pub billed_bytes: u64,
    /// Which bytes of images are charged there now.
    pub basis: Basis,
}

/// The page *Revenue*.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RevenuePage {
    /// The currency's symbol.
    pub symbol: String,
    /// The regions, by id.
    pub regions: Vec<RegionId>,
    /// The last twelve months, the latest first; the present one until now.
    pub months: Vec<RevenueMonth>,
    /// The whole month that is chosen.
    pub chosen: Period,
    /// What was charged in it.
    pub total: Money,
    /// The accounts that were charged most in it, the dearest first.
    pub top: Vec<TopAccount>,
    /// How many more were charged something.
    pub n_more: u32,
    /// What those were charged together.
    pub more: Money,
    /// How many lines of usage the month has.
    pub n_lines: u32,
    /// How many lines one file has at most.
    pub lines_max: u32,
    /// Stored and billed bytes, by region.
    pub storage: Vec<RegionStorage>,
    /// The present moment.
    pub now: Timestamp,
}

/// A line of usage of any account. Other programs read these: fields are only ever added, at the end (`docs/OPERATIONS.md`).
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ExportLine {
    /// Its place among all lines.
    pub cursor: String,
    /// Whose it is.
    pub account_id: String,
    /// The name of the account today.
    pub account: String,
    /// In which project.
    pub project_id: String,
    /// The name of the project today.
    pub project: String,
    /// Where.
    pub region: String,
    /// The section of a bill.
    pub section: &'static str,
    /// For what, in words.
    pub charge: &'static str,
    /// The kind of disk, the instance type, the licence, or the region that a transfer went to; empty for what has none.
    pub charge_kind: String,
    /// What kind of thing is charged.
    pub subject_kind: &'static str,
    /// Its id.
    pub subject_id: String,
    /// Its name when the meter opened.
    pub name: String,
    /// The meter.
    pub meter: String,
    /// From when on within the period, as `2026-11-18T15:58:03Z`.
    pub from: String,
    /// Until when within the period; the same moment for what is charged once.
    pub until: String,
    /// Seconds between these.
    pub seconds: u64,
    /// Bytes that were charged last; 1 for time alone.
    pub quantity: u64,
    /// The sums, separated by semicolons.
    pub formula: String,
    /// Millionths of the currency.
    pub amount_millionths: i64,
    /// The currency's symbol.
    pub currency: String,
    /// The number of the statement that has the line; `None` until its month is closed, and for a line over several months.
    pub statement: Option<u64>,
}

/// Some lines of usage, in the order of their cursors.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExportPage {
    /// The days that were asked for.
    pub period: Period,
    /// The lines.
    pub lines: Vec<ExportLine>,
    /// After which line the next request goes on; `None` when there is no more.
    pub next: Option<String>,
}
