//! What pages about money between an account and its provider receive.

use crate::domain::billing::{EntryKind, Mode};
use crate::domain::ids::AccountId;
use crate::domain::money::Money;
use crate::domain::page::Page;
use crate::domain::statement::{Line, Statement};
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What a month costs an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct MonthCost {
    /// So far.
    pub so_far: Money,
    /// So far, for images alone.
    pub images: Money,
    /// By its end, when everything that runs now runs on.
    pub forecast: Money,
}

/// An entry of a ledger.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EntryRow {
    /// Its place in the ledger.
    pub number: u64,
    /// When it was booked.
    pub at: Timestamp,
    /// What it is.
    pub kind: EntryKind,
    /// What it adds to the balance.
    pub amount: Money,
    /// What names it.
    pub reference: String,
    /// The statement it charges or corrects.
    pub statement: Option<u64>,
    /// What is said about it.
    pub note: String,
    /// Who booked it.
    pub by: String,
}

/// That an account is in arrears, and what happens on which day.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Arrears {
    /// Since when.
    pub since: Timestamp,
    /// When its images go to the recycle bin.
    pub recycles: Timestamp,
    /// When those that went there first are removed for good at the earliest.
    pub purges: Timestamp,
}

/// What the portal says about money on every page.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct MoneyNotices {
    /// The account is in arrears.
    pub arrears: Option<Arrears>,
    /// Its balance is low, since then.
    pub low_since: Option<Timestamp>,
    /// The share of the budget that is reached this month, in percent, if it is one that is told.
    pub budget_percent: Option<u32>,
}

/// The page *Billing*, and what the provider's page of an account shows of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BillingView {
    /// The account.
    pub account: AccountId,
    /// Its name.
    pub name: String,
    /// The currency's symbol.
    pub symbol: String,
    /// What it has: its entries without what is not on a statement yet.
    pub balance: Money,
    /// The sum of its entries.
    pub booked: Money,
    /// What is not on a statement yet.
    pub unbilled: Money,
    /// Since when that is counted; `None` before the first month was closed.
    pub unbilled_since: Option<Timestamp>,
    /// How it pays.
    pub mode: Mode,
    /// The balance below which it is told.
    pub low_balance: Option<Money>,
    /// What it means to spend in a month.
    pub budget: Option<Money>,
    /// What the month costs.
    pub month: MonthCost,
    /// What is said about it now.
    pub notices: MoneyNotices,
    /// One page of its ledger, latest first.
    pub entries: Page<EntryRow>,
    /// Its statements, latest first.
    pub statements: Vec<StatementRow>,
    /// Whether the caller may set its budget.
    pub may_budget: bool,
    /// The present moment.
    pub now: Timestamp,
}

/// A statement in a list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StatementRow {
    /// Whose.
    pub account: AccountId,
    /// Its number.
    pub number: u64,
    /// The first moment of its month.
    pub from: Timestamp,
    /// When it was closed.
    pub closed: Timestamp,
    /// How many lines it has.
    pub n_lines: u64,
    /// What is to be paid.
    pub due: Money,
    /// The currency's symbol.
    pub symbol: String,
}

/// The page of a statement.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StatementView {
    /// The statement.
    pub statement: Statement,
    /// Its lines; none where there are too many for a page.
    pub lines: Vec<Line>,
    /// What each kind of charge costs in sum, most first; none where there are too many lines.
    pub sums: Vec<(String, Money)>,
    /// What was given back of it since.
    pub corrections: Vec<EntryRow>,
    /// Whether lines, sum and hash are what was written, computed again for this page; `None` where that takes too long.
    pub holds: Option<bool>,
}
