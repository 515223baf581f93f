//! Money between an account and its provider: how it pays, its ledger, its budget, what it is told about them, and what is held back while
//! it is in arrears. Balances are computed, never stored.

use super::error::Reason;
use super::hashing::written;
use super::ids::{AccountId, ImageId, UserId};
use super::image::bin::DAY_MS;
use super::money::Money;
use super::time::Timestamp;
use serde::{Deserialize, Serialize};

/// How an account pays.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(tag = "pays", rename_all = "snake_case")]
pub enum Mode {
    /// Later, by statement; it is never in arrears.
    #[default]
    Invoice,
    /// Before: its balance may fall to minus the credit limit.
    Prepaid {
        /// How far below zero it may fall; zero or more.
        credit_limit: Money,
    },
}

impl Mode {
    /// The word in forms.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Invoice => "invoice",
            Self::Prepaid { .. } => "prepaid",
        }
    }

    /// The least balance that is not arrears; `None` where there is none.
    pub fn least(self) -> Option<Money> {
        match self {
            Self::Invoice => None,
            Self::Prepaid { credit_limit } => Some(Money::ZERO - credit_limit),
        }
    }
}

/// Shares of a budget that people are told about, in percent.
pub const BUDGET_STEPS: [u32; 3] = [50, 80, 100];

/// What an account was told about in a month; each once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Told {
    /// The first moment of the month.
    pub month: Timestamp,
    /// The highest share of the budget, in percent; 0 for none.
    pub budget_percent: u32,
    /// That the balance is low.
    pub low: bool,
}

/// How an account pays and where it stands; what has no record is as [`Billing::of`] says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Billing {
    /// Whose.
    pub account: AccountId,
    /// How it pays.
    pub mode: Mode,
    /// What it means to spend in a month at most; nothing ends when it is reached.
    pub budget: Option<Money>,
    /// A balance below this is told.
    pub low_balance: Option<Money>,
    /// Since when the balance is below what the mode allows.
    pub negative_since: Option<Timestamp>,
    /// Since when it is low.
    pub low_since: Option<Timestamp>,
    /// What was told in the month that is written there.
    pub told: Told,
}

/// Where an account stands at a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// What it has.
    pub balance: Money,
    /// What the month has cost so far.
    pub month_cost: Money,
    /// The moment.
    pub now: Timestamp,
}

/// Something that an account is told once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Notice {
    /// The balance fell below what the mode allows.
    Arrears,
    /// It is enough again.
    Settled,
    /// The balance is low.
    Low,
    /// So many percent of the budget are used.
    Budget(u32),
}

impl Billing {
    /// An account of which nothing was said: it pays by statement.
    pub fn of(account: AccountId) -> Self {
        Self {
            account,
            mode: Mode::Invoice,
            budget: None,
            low_balance: None,
            negative_since: None,
            low_since: None,
            told: Told::default(),
        }
    }

    /// Whether anything has to be noticed as time passes.
    pub fn watched(&self) -> bool {
        *self != Self { told: self.told, ..Self::of(self.account) }
    }

    /// The highest share of the budget that `cost` reaches, in percent; 0 for none.
    pub fn budget_reached(&self, cost: Money) -> u32 {
        let Some(budget) = self.budget else { return 0 };
        let reached =
            |percent: &&u32| i128::from(cost.0) * 100 >= i128::from(budget.0) * i128::from(**percent);
        BUDGET_STEPS.iter().rev().find(reached).copied().unwrap_or(0)
    }

    /// Notes where the account stands, and gives what it has to be told: each once in a month, arrears and their end whenever they begin.
    pub fn note(&mut self, standing: Standing) -> Vec<Notice> {
        let mut notices = self.settle(standing.balance, standing.now);
        let reached = self.budget_reached(standing.month_cost);
        if reached > self.told.budget_percent {
            self.told.budget_percent = reached;
            notices.push(Notice::Budget(reached));
        }
        notices
    }

    /// Notes whether the balance is enough and whether it is low, and gives what has to be told.
    pub fn settle(&mut self, balance: Money, now: Timestamp) -> Vec<Notice> {
        let month = now.month_start();
        if self.watched() && self.told.month < month {
            self.told = Told { month, ..Told::default() };
        }
        let mut notices = Vec::new();
        let enough = self.mode.least().is_none_or(|least| balance >= least);
        match (enough, self.negative_since) {
            (false, None) => {
                self.negative_since = Some(now);
                notices.push(Notice::Arrears);
            }
            (true, Some(_)) => {
                self.negative_since = None;
                notices.push(Notice::Settled);
            }
            (false, Some(_)) | (true, None) => {}
        }
        let prepaid = matches!(self.mode, Mode::Prepaid { .. });
        let low = prepaid && self.low_balance.is_some_and(|least| balance < least);
        self.low_since = if low { self.low_since.or(Some(now)) } else { None };
        if low && !self.told.low {
            self.told.low = true;
            notices.push(Notice::Low);
        }
        notices
    }

    /// When its images go to the recycle bin because of arrears; `None` when there are none.
    pub fn recycles(&self, recycle_after_days: u32) -> Option<Timestamp> {
        Some(self.negative_since?.plus_ms(i64::from(recycle_after_days).saturating_mul(DAY_MS)))
    }

    /// Why nothing new can be begun; `None` when it can. `recycles` is when its images go to the recycle bin.
    pub fn refusal(&self, balance: &str, recycles: Option<Timestamp>) -> Option<Reason> {
        let since = self.negative_since?;
        let until = recycles.map(|at| format!(" Images go to the recycle bin on {}.", at.day()));
        Some(Reason::new(
            "in_arrears",
            "Nothing new can be made while the balance of the account is below what it may be.",
            format!("It is {balance}, and too low since {}.", since.minute()),
            format!(
                "Ask your provider for a top-up. What exists keeps running.{}",
                until.unwrap_or_default()
            ),
        ))
    }
}

/// What an entry of a ledger is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// The account paid.
    TopUp,
    /// The provider gives something.
    Credit,
    /// The provider gives something back of a statement.
    Correction,
    /// A closed statement.
    Charge,
}

impl EntryKind {
    /// Those that a person books.
    pub const BOOKED: [Self; 3] = [Self::TopUp, Self::Credit, Self::Correction];

    /// The word in forms and in what is hashed, so it never changes.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::TopUp => "top_up",
            Self::Credit => "credit",
            Self::Correction => "correction",
            Self::Charge => "charge",
        }
    }

    /// The word that people read.
    pub const fn word(self) -> &'static str {
        match self {
            Self::TopUp => "Top-up",
            Self::Credit => "Credit",
            Self::Correction => "Correction",
            Self::Charge => "Statement",
        }
    }

    /// The kind of a word in a form, if a person books it.
    pub fn read(slug: &str) -> Option<Self> {
        Self::BOOKED.into_iter().find(|kind| kind.slug() == slug)
    }
}

/// One entry of the ledger of an account. It is never changed or removed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Whose ledger.
    pub account: AccountId,
    /// Its place there, from 1.
    pub number: u64,
    /// When it was booked.
    pub at: Timestamp,
    /// What it is.
    pub kind: EntryKind,
    /// What it adds to the balance; a charge takes away and is negative.
    pub amount: Money,
    /// What names it once in its account: two that a person books never have the same.
    pub reference: String,
    /// The statement that it charges or corrects.
    pub statement: Option<u64>,
    /// What the account is told about it; may be empty.
    pub note: String,
    /// Who booked it, if a person.
    pub user: Option<UserId>,
    /// How they were called then.
    pub by: String,
    /// SHA-256 in lower-case hex over [`Entry::chained`].
    pub hash: String,
}

impl Entry {
    /// What is hashed: the hash of the entry before it, empty for number 1, then its fields but the hash, each as [`written`] says: account,
    /// number, moment in milliseconds, kind, amount in millionths, reference, statement, note, user, and who booked it.
    pub fn chained(&self, previous: &str) -> String {
        let numbers = [self.number.to_string(), self.at.0.to_string(), self.amount.0.to_string()];
        let (account, user) = (self.account.to_string(), self.user.map(|id| id.to_string()));
        let statement = self.statement.map(|number| number.to_string());
        written([
            Some(previous),
            Some(&account),
            Some(&numbers[0]),
            Some(&numbers[1]),
            Some(self.kind.slug()),
            Some(&numbers[2]),
            Some(&self.reference),
            statement.as_deref(),
            Some(&self.note),
            user.as_deref(),
            Some(&self.by),
        ])
    }

    /// Whether it says the same as `other`, whenever and by whomever it was booked.
    pub fn says(&self, other: &Self) -> bool {
        let said = |e: &Self| (e.account, e.kind, e.amount, e.reference.clone(), e.statement);
        said(self) == said(other)
    }
}

/// The head of the ledger of an account: rewritten in the commit of each of its entries and statements, so that those of one account follow
/// one another. What is charged is on a statement up to [`Ledger::closed_to`], and computed from meters from then on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ledger {
    /// Whose.
    pub account: AccountId,
    /// How many entries there are, which is the number of the last one.
    pub n_entries: u64,
    /// The hash of the last one; empty where there is none.
    pub hash: String,
    /// The end of the last month that is closed, with a statement or without any charge; `None` before the first.
    pub closed_to: Option<Timestamp>,
    /// How many statements the account has.
    pub n_statements: u64,
    /// The hash of the last one; empty where there is none.
    pub statement_hash: String,
}

impl Ledger {
    /// The head of a ledger without entries.
    pub fn empty(account: AccountId) -> Self {
        Self {
            account,
            n_entries: 0,
            hash: String::new(),
            closed_to: None,
            n_statements: 0,
            statement_hash: String::new(),
        }
    }
}

/// An image that is in the recycle bin because of arrears; removed with the image, or when it is restored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Held {
    /// Whose.
    pub account: AccountId,
    /// The image.
    pub image: ImageId,
    /// When it was put there.
    pub since: Timestamp,
    /// When it was going to be deleted anyway.
    pub leaves: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn prepaid(credit_limit: i64) -> Billing {
        Billing {
            mode: Mode::Prepaid { credit_limit: Money(credit_limit) },
            low_balance: Some(Money(100)),
            budget: Some(Money(1_000)),
            ..Billing::of(AccountId(Uuid::from_u128(1)))
        }
    }

    fn at(day: &str) -> Timestamp {
        Timestamp::of_day(day).expect("a day")
    }

    fn standing(balance: i64, month_cost: i64, day: &str) -> Standing {
        Standing { balance: Money(balance), month_cost: Money(month_cost), now: at(day) }
    }

    #[test]
    fn arrears_begin_below_the_credit_limit_and_end_at_it() {
        let mut billing = prepaid(50);
        assert_eq!(billing.note(standing(-50, 0, "2026-11-02")), [Notice::Low]);
        assert_eq!(billing.note(standing(-51, 0, "2026-11-03")), [Notice::Arrears]);
        assert_eq!(billing.negative_since, Some(at("2026-11-03")));
        assert_eq!(billing.note(standing(-90, 0, "2026-11-09")), [], "told once");
        assert_eq!(billing.recycles(15), Some(at("2026-11-18")));
        assert_eq!(billing.note(standing(-50, 0, "2026-11-10")), [Notice::Settled]);
        assert_eq!((billing.negative_since, billing.recycles(15)), (None, None));
        let refused = Billing { negative_since: Some(at("2026-11-03")), ..billing }
            .refusal("−€0.50", Some(at("2026-11-18")))
            .expect("it is in arrears");
        assert_eq!(
            refused.sentence(),
            "Nothing new can be made while the balance of the account is below what it may be. It is −€0.50, and too low since 3 Nov 2026, 00:00. Ask your provider for a top-up. What exists keeps running. Images go to the recycle bin on 18 Nov 2026."
        );
    }

    #[test]
    fn who_pays_later_is_never_in_arrears() {
        let mut billing = Billing { mode: Mode::Invoice, ..prepaid(0) };
        assert_eq!(billing.note(standing(i64::MIN, 0, "2026-11-02")), []);
        assert!(!Billing::of(billing.account).watched() && billing.watched());
    }

    #[test]
    fn a_budget_is_told_at_each_step_once_a_month() {
        let mut billing = prepaid(0);
        let mut told = |cost, day| billing.note(standing(1_000, cost, day));
        assert_eq!(told(499, "2026-11-02"), []);
        assert_eq!(told(500, "2026-11-03"), [Notice::Budget(50)]);
        assert_eq!(told(600, "2026-11-04"), []);
        assert_eq!(told(1_000, "2026-11-05"), [Notice::Budget(100)], "80 is passed with it");
        assert_eq!(told(9_000, "2026-11-30"), []);
        assert_eq!(told(0, "2026-12-01"), []);
        assert_eq!(told(800, "2026-12-02"), [Notice::Budget(80)]);
    }

    #[test]
    fn a_low_balance_is_told_once_a_month() {
        let mut billing = prepaid(0);
        let mut told = |balance, day| billing.note(standing(balance, 0, day));
        assert_eq!(told(99, "2026-11-02"), [Notice::Low]);
        assert_eq!(told(500, "2026-11-03"), []);
        assert_eq!(told(99, "2026-11-04"), []);
        assert_eq!((told(99, "2026-12-04"), told(99, "2026-12-05")), (vec![Notice::Low], vec![]));
    }

    /// Kept in records as hashes: another text would break every chain.
    #[test]
    fn what_is_hashed_never_changes() {
        let entry = Entry {
            account: AccountId(Uuid::from_u128(7)),
            number: 2,
            at: Timestamp(1_795_000_000_000),
            kind: EntryKind::Correction,
            amount: Money(12_500_000),
            reference: "R-1".to_owned(),
            statement: Some(3),
            note: String::new(),
            user: None,
            by: "darkroom".to_owned(),
            hash: "not part of it".to_owned(),
        };
        assert_eq!(
            entry.chained("ab"),
            "2:ab,36:00000000-0000-0000-0000-000000000007,1:2,13:1795000000000,10:correction,8:12500000,3:R-1,1:3,0:,-,8:darkroom,"
        );
    }

    proptest! {
        #[test]
        fn it_is_in_arrears_exactly_while_the_balance_is_too_low(
            limit in 0i64..1_000,
            balances in proptest::collection::vec(-2_000i64..2_000, 1..20),
        ) {
            let mut billing = prepaid(limit);
            let mut since = None;
            for (n, balance) in balances.into_iter().enumerate() {
                let now = at("2026-11-02").plus_ms(i64::try_from(n).expect("few") * DAY_MS);
                billing.settle(Money(balance), now);
                since = if balance < -limit { since.or(Some(now)) } else { None };
                prop_assert_eq!(billing.negative_since, since);
            }
        }
    }
}
