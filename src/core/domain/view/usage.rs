//! What the page *Usage* receives, and the lines of its files.

use crate::domain::ids::{RegionId, Subject};
use crate::domain::money::Money;
use crate::domain::page::Page;
use crate::domain::time::Timestamp;
use crate::domain::usage::{Period, Section, UsageQuery};
use serde::{Deserialize, Serialize};

/// What one thing costs in a section.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UsageRow {
    /// The thing.
    pub subject: Subject,
    /// Its name.
    pub name: String,
    /// Its project.
    pub project: String,
    /// Where it is charged.
    pub region: RegionId,
    /// Bytes that were charged last; `None` where time alone is.
    pub quantity_bytes: Option<u64>,
    /// What it costs in the period.
    pub amount: Money,
}

/// A section with some of its rows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UsageSection {
    /// Which.
    pub section: Section,
    /// What all of it costs.
    pub amount: Money,
    /// The rows, the dearest first: the first page where all sections are shown.
    pub rows: Page<UsageRow>,
    /// What those cost that are not among them.
    pub others: Money,
}

/// What one group costs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UsageGroup {
    /// What addresses call it: the id of a project or region, the tags as text, the family; empty for what has none.
    pub key: String,
    /// Its name.
    pub name: String,
    /// What it costs.
    pub amount: Money,
}

/// One day: what it costs by section.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UsageDay {
    /// When it begins.
    pub from: Timestamp,
    /// What each section of [`Section::ALL`] costs.
    pub sections: Vec<Money>,
}

/// An interval behind a number.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UsageInterval {
    /// For what.
    pub what: String,
    /// From when on within the period.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// The sums, one for each rate.
    pub formulas: Vec<String>,
    /// What it costs.
    pub amount: Money,
}

/// The page *Usage*.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UsagePage {
    /// The account.
    pub account: String,
    /// Whether only the project in force is shown, because the caller is no owner.
    pub project_only: bool,
    /// What was asked.
    pub query: UsageQuery,
    /// The whole period.
    pub period: Period,
    /// The currency.
    pub symbol: String,
    /// What all of it costs, until now.
    pub total: Money,
    /// The name of the one group that is shown, where only one is.
    pub only: Option<String>,
    /// The sections that have something, or the one that was asked for.
    pub sections: Vec<UsageSection>,
    /// Day by day.
    pub days: Vec<UsageDay>,
    /// The sums by what was asked for; empty for none.
    pub groups: Vec<UsageGroup>,
    /// Stored bytes of images that are held and bytes that are paid, where shared chunks make a difference.
    pub saving: Option<(u64, u64)>,
    /// The intervals of the one thing that was asked for, with its name.
    pub intervals: Option<(String, Vec<UsageInterval>)>,
    /// The present moment.
    pub now: Timestamp,
}

/// A line of the files.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct UsageExportRow {
    /// The meter.
    pub meter: String,
    /// The section.
    pub section: &'static str,
    /// What kind of thing.
    pub subject_kind: &'static str,
    /// Its id.
    pub subject_id: String,
    /// Its name.
    pub name: String,
    /// Its project.
    pub project: String,
    /// Where it is charged.
    pub region: String,
    /// From when on.
    pub from: String,
    /// Until when.
    pub until: String,
    /// Seconds between these.
    pub seconds: u64,
    /// Bytes that were charged last; 1 for time alone.
    pub quantity: u64,
    /// The sums, separated by semicolons.
    pub formula: String,
    /// Millionths of the currency.
    pub amount_millionths: i64,
    /// The currency.
    pub currency: String,
    /// The tags of the image, those it had when the interval ended.
    pub tags: String,
    /// Its family, the one it had then.
    pub family: String,
}
