//! Statements: what an account used in a month, frozen, numbered and chained. A statement is never changed; what was wrong in it is given
//! back by an entry of the ledger that names it.

use super::hashing::written;
use super::ids::{AccountId, MeterId, ProjectId, RegionId, Subject};
use super::image::bin::DAY_MS;
use super::meter::Meter;
use super::money::Money;
use super::price::History;
use super::time::Timestamp;
use super::usage::{self, Period};
use serde::{Deserialize, Serialize};

/// Lines that one record holds: so few that it is never too large, however long their names are.
pub const LINES_PER_PART: usize = 50;

/// What a request may take that came in the last moment of a month.
const SETTLES_MS: i64 = 10 * 60_000;

/// A month, from its first moment to that of the next, in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Month {
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
}

impl Month {
    /// The month that this moment is in.
    pub fn of(moment: Timestamp) -> Self {
        Self { from: moment.month_start(), to: moment.next_month() }
    }

    /// When it is closed, where that is done on this day of the following month: some minutes after its end at the earliest, so that what
    /// was asked for in its last moment is done.
    pub fn closes(self, close_day: u32) -> Timestamp {
        let day = self.to.plus_ms(i64::from(close_day.max(1) - 1).saturating_mul(DAY_MS));
        day.max(self.to.plus_ms(SETTLES_MS))
    }
}

/// One meter on a statement: what it cost in the month.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Line {
    /// The meter, which names the line: there is one line for each.
    pub meter: MeterId,
    /// What was charged.
    pub subject: Subject,
    /// Its name when the meter opened.
    pub name: String,
    /// In which project.
    pub project: ProjectId,
    /// Where.
    pub region: RegionId,
    /// For what, in words.
    pub what: String,
    /// The kind of disk, the instance type, the licence, or the region that a transfer went to; empty for what has none.
    pub of: String,
    /// Bytes charged; zero where the charge is for time alone.
    pub quantity_bytes: u64,
    /// From when in the month.
    pub from: Timestamp,
    /// Until when in the month; the same moment for what is charged once.
    pub to: Timestamp,
    /// What it cost, in millionths.
    pub amount: Money,
}

impl Line {
    /// The line of a meter in a month; `None` where it charged for nothing in it.
    pub fn of(meter: &Meter, prices: &History, month: Month) -> Option<Self> {
        let usage::Line {
            meter: id,
            subject,
            name,
            project,
            region,
            charge,
            from,
            until,
            quantity,
            amount,
            ..
        } = usage::line(meter, prices, Period { from: month.from, until: month.to })?;
        Some(Self {
            meter: id,
            subject,
            name,
            project,
            region,
            what: charge.words().to_owned(),
            of: charge.kind(),
            quantity_bytes: if charge.by_bytes() { quantity } else { 0 },
            from,
            to: until,
            amount,
        })
    }

    /// What is hashed of it: its fields in their order, moments in milliseconds, the amount in millionths, the subject as kind and id.
    pub fn written(&self) -> String {
        let ids = [self.meter.to_string(), self.subject.uuid().to_string(), self.project.to_string()];
        let numbers = [
            self.quantity_bytes.to_string(),
            self.from.0.to_string(),
            self.to.0.to_string(),
            self.amount.0.to_string(),
        ];
        written([
            Some(&ids[0][..]),
            Some(self.subject.kind()),
            Some(&ids[1]),
            Some(&self.name),
            Some(&ids[2]),
            Some(self.region.as_str()),
            Some(&self.what),
            Some(&self.of),
            Some(&numbers[0]),
            Some(&numbers[1]),
            Some(&numbers[2]),
            Some(&numbers[3]),
        ])
    }
}

/// Some lines of a statement, one record for each [`LINES_PER_PART`]. They are written before the statement, and mean nothing without it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Part {
    /// Whose.
    pub account: AccountId,
    /// The first moment of the month.
    pub month: Timestamp,
    /// Its place, from 0.
    pub place: u32,
    /// The lines, in the order of their meters.
    pub lines: Vec<Line>,
}

/// A closed month of an account.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Statement {
    /// Whose.
    pub account: AccountId,
    /// Its number, rising without a gap in the whole installation.
    pub number: u64,
    /// The account's name when it was closed.
    pub name: String,
    /// The first moment of the month.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
    /// When it was closed.
    pub closed: Timestamp,
    /// How many lines it has.
    pub n_lines: u64,
    /// How many records hold them.
    pub n_parts: u32,
    /// The sum of its lines, in millionths.
    pub total: Money,
    /// What is to be paid: the sum in whole cents, rounded half up once.
    pub due: Money,
    /// The currency's symbol.
    pub symbol: String,
    /// SHA-256 in lower-case hex over [`Line::written`] of all its lines, one after the other.
    pub lines_hash: String,
    /// The hash of the account's statement before it; empty for the first.
    pub previous: String,
    /// SHA-256 in lower-case hex over [`Statement::chained`].
    pub hash: String,
}

impl Statement {
    /// What is hashed: the hash of the statement before it, then its fields but the hash and the count of records, each as [`written`] says:
    /// number, account, name, first moment, end, when it was closed (all in milliseconds), lines, sum and what is to be paid (in millionths),
    /// symbol, hash of the lines.
    pub fn chained(&self) -> String {
        let account = self.account.to_string();
        let numbers = [
            self.number.to_string(),
            self.from.0.to_string(),
            self.to.0.to_string(),
            self.closed.0.to_string(),
            self.n_lines.to_string(),
            self.total.0.to_string(),
            self.due.0.to_string(),
        ];
        written([
            Some(&self.previous[..]),
            Some(&numbers[0]),
            Some(&account),
            Some(&self.name),
            Some(&numbers[1]),
            Some(&numbers[2]),
            Some(&numbers[3]),
            Some(&numbers[4]),
            Some(&numbers[5]),
            Some(&numbers[6]),
            Some(&self.symbol),
            Some(&self.lines_hash),
        ])
    }

    /// What its entry in the ledger is called.
    pub fn reference(&self) -> String {
        format!("Statement {}, {}", self.number, self.from.month_words())
    }
}

/// How many statements there are in the installation, which is the number of the last one.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Series {
    /// The number of the last one.
    pub n_statements: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn at(day: &str) -> Timestamp {
        Timestamp::of_day(day).expect("a day")
    }

    #[test]
    fn a_month_closes_on_its_day_of_the_next() {
        let month = Month::of(at("2028-02-29"));
        assert_eq!((month.from, month.to), (at("2028-02-01"), at("2028-03-01")));
        assert_eq!(
            (month.closes(3), month.closes(1), month.closes(0)),
            (at("2028-03-03"), month.to.plus_ms(SETTLES_MS), month.to.plus_ms(SETTLES_MS))
        );
    }

    /// Kept in records as hashes: another text would break every chain.
    #[test]
    fn what_is_hashed_never_changes() {
        let id = Uuid::from_u128(7);
        let uuid = "36:00000000-0000-0000-0000-000000000007,";
        let line = Line {
            meter: MeterId(id),
            subject: Subject::Disk(id.into()),
            name: "web".to_owned(),
            project: ProjectId(id),
            region: "north-1".into(),
            what: "its disk".to_owned(),
            of: "ssd".to_owned(),
            quantity_bytes: 2048,
            from: Timestamp(1_000),
            to: Timestamp(3_000),
            amount: Money(12),
        };
        assert_eq!(
            line.written(),
            format!("{uuid}4:disk,{uuid}3:web,{uuid}7:north-1,8:its disk,3:ssd,4:2048,4:1000,4:3000,2:12,")
        );
        let statement = Statement {
            account: AccountId(id),
            number: 12,
            name: "Acme".to_owned(),
            from: Timestamp(1_000),
            to: Timestamp(3_000),
            closed: Timestamp(4_000),
            n_lines: 1,
            n_parts: 1,
            total: Money(12),
            due: Money::ZERO,
            symbol: "€".to_owned(),
            lines_hash: "cd".to_owned(),
            previous: "ab".to_owned(),
            hash: "not part of it".to_owned(),
        };
        assert_eq!(
            statement.chained(),
            format!("2:ab,2:12,{uuid}4:Acme,4:1000,4:3000,4:4000,1:1,2:12,1:0,3:€,2:cd,")
        );
        assert_eq!(statement.reference(), "Statement 12, Jan 1970");
    }
}
