//! Price books one after the other: which of them holds at a moment, and the rates of a charge between two moments.

use super::{Basis, Month, PriceBook, SECONDS_PER_MONTH, Unit};
use crate::domain::ids::RegionId;
use crate::domain::meter::{Charge, Per};
use crate::domain::money::Money;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A price book of a region and from when on it holds; its prices are never changed, and the next version follows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DatedBook {
    /// Where it holds.
    pub region: RegionId,
    /// From when on, until the next version does; the first one also held before.
    pub from: Timestamp,
    /// When it was withdrawn, which is before it ever held; then it counts for nothing and keeps its number.
    pub withdrawn: Option<Timestamp>,
    /// The prices.
    pub prices: PriceBook,
}

/// All price books of a region that count, one after the other: what a charge costs at any moment. A change of prices adds a book at its
/// end and touches neither what was charged before it nor any meter.
#[derive(Clone, Debug, Default)]
pub struct History(Vec<Arc<DatedBook>>);

/// A stretch of time in which a charge has one rate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// The version of the book that says so.
    pub version: u32,
    /// The first second.
    pub from_s: i64,
    /// The second after the last one.
    pub until_s: i64,
    /// The rate, for a unit where bytes are charged.
    pub rate: Money,
    /// How many seconds the rate is for: those of an hour, of a month; 1 for what is charged once.
    pub per_s: u64,
    /// Which bytes of an image are charged.
    pub basis: Basis,
    /// What they are charged in.
    pub unit: Unit,
    /// How long a month is.
    pub month: Month,
}

impl Part {
    /// Its length in seconds.
    pub fn seconds(&self) -> u64 {
        u64::try_from(self.until_s.saturating_sub(self.from_s)).unwrap_or(0)
    }
}

impl History {
    /// A history of these books of one region; what was withdrawn is left out.
    pub fn new(mut books: Vec<Arc<DatedBook>>) -> Self {
        books.retain(|book| book.withdrawn.is_none());
        books.sort_by_key(|book| book.prices.version);
        Self(books)
    }

    /// The book that holds at this moment; the first one where none does yet, and `None` where there is none at all.
    pub fn in_force(&self, at: Timestamp) -> Option<&Arc<DatedBook>> {
        let holds = self.0.iter().rev().find(|book| book.from.seconds() <= at.seconds());
        holds.or_else(|| self.0.first())
    }

    /// The books that begin to hold after this moment.
    pub fn announced(&self, at: Timestamp) -> impl Iterator<Item = &Arc<DatedBook>> {
        self.0.iter().skip(1).filter(move |book| book.from.seconds() > at.seconds())
    }

    /// The last book of all.
    pub fn last(&self) -> Option<&Arc<DatedBook>> {
        self.0.last()
    }

    /// The rates of a charge between two moments, in order. A month of the calendar makes a part of its own.
    pub fn parts(&self, charge: &Charge, from: Timestamp, until: Timestamp) -> Vec<Part> {
        let (from_s, until_s) = (from.seconds(), until.seconds());
        let mut parts = Vec::with_capacity(1);
        for (n, book) in self.0.iter().enumerate() {
            let begins = if n == 0 { from_s } else { book.from.seconds().max(from_s) };
            let ends = self.0.get(n + 1).map_or(until_s, |next| next.from.seconds().min(until_s));
            if begins < ends {
                push(&mut parts, &book.prices, charge, begins, ends);
            }
        }
        parts
    }

    /// The rate of a charge at one moment, as a part of one second.
    pub fn at(&self, charge: &Charge, at: Timestamp) -> Option<Part> {
        let next = Timestamp::from_seconds(at.seconds().saturating_add(1));
        self.parts(charge, at, next).pop()
    }
}

fn push(parts: &mut Vec<Part>, book: &PriceBook, charge: &Charge, from_s: i64, until_s: i64) {
    let mut part = |from_s, until_s, per_s| {
        let PriceBook { version, basis, unit, month, .. } = *book;
        parts.push(Part { version, from_s, until_s, rate: book.rate(charge), per_s, basis, unit, month });
    };
    match (charge.per(), book.month) {
        (Per::Hour, _) => part(from_s, until_s, 3600),
        (Per::Once, _) => part(from_s, until_s, 1),
        (Per::Month, Month::Fixed) => part(from_s, until_s, SECONDS_PER_MONTH),
        (Per::Month, Month::Calendar) => {
            let mut at = from_s;
            while at < until_s {
                let (begins, ends) = Timestamp::from_seconds(at).month();
                let next = ends.seconds().clamp(at.saturating_add(1), until_s);
                let length = ends.seconds().saturating_sub(begins.seconds());
                part(at, next, u64::try_from(length).unwrap_or(SECONDS_PER_MONTH).max(1));
                at = next;
            }
        }
    }
}
