//! Counts again what everything costs, in another way than the ledger: as time passes, second by second with the prices that were first
//! written for them, and with a fraction for each denominator. And keeps what a meter cost when it was seen closed, which never changes but
//! in the commits that charge for a change of what holds chunks.

use super::ports::SimClock;
use crate::domain::attribution::{Class, Holding};
use crate::domain::ids::{MeterId, RegionId};
use crate::domain::meter::{Charge, Meter};
use crate::domain::money::Money;
use crate::domain::price::{Basis, DatedBook, Month, PriceBook};
use crate::domain::time::Timestamp;
use crate::ports::Clock;
use crate::store::{Batch, Record, Version, Watch, decode_record, record_prefix};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The recount; outlives restarts.
pub(super) struct Recount {
    clock: Arc<SimClock>,
    state: Mutex<State>,
}

/// The books of each region by version, each with the second from which it holds; those that were withdrawn are not here.
type Books = BTreeMap<RegionId, BTreeMap<u32, (i64, PriceBook)>>;

struct State {
    /// Until when everything is counted.
    until: Timestamp,
    /// The clock was set back: then what passed cannot be told from what did not.
    went_back: bool,
    /// How often meters were brought to what holds chunks.
    n_settled: u64,
    /// Changes of what holds chunks that are not charged for yet.
    waiting: BTreeSet<Vec<u8>>,
    books: Books,
    lines: BTreeMap<MeterId, Line>,
    closed: BTreeMap<MeterId, Money>,
}

struct Line {
    meter: Meter,
    /// Rate × quantity × seconds by what it is to be divided by.
    owed: BTreeMap<i128, i128>,
}

impl Recount {
    pub(super) fn new(clock: Arc<SimClock>) -> Self {
        let state = State {
            until: clock.now(),
            went_back: false,
            n_settled: 0,
            waiting: BTreeSet::new(),
            books: BTreeMap::new(),
            lines: BTreeMap::new(),
            closed: BTreeMap::new(),
        };
        Self { clock, state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a meter costs by now; `None` when the clock went back, or for a meter from before the counting.
    pub(super) fn cost(&self, id: MeterId) -> Option<Money> {
        /// Parts of a millionth, so fine that rounding each down never shows.
        const FINE: i128 = 1_000_000_000_000_000_000;
        let mut state = self.lock();
        state.pass(self.clock.now());
        let line = state.lines.get(&id).filter(|_| !state.went_back)?;
        let (mut whole, mut fine) = (0, 1);
        for (divisor, owed) in &line.owed {
            whole += owed / divisor;
            fine += (owed % divisor) * FINE / divisor + 1;
        }
        Some(Money(i64::try_from(whole + (fine + FINE / 2) / FINE).unwrap_or(i64::MAX)))
    }

    /// What a closed meter cost when it was first seen closed.
    pub(super) fn first_seen(&self, id: MeterId, cost: Money) -> Money {
        *self.lock().closed.entry(id).or_insert(cost)
    }

    /// Whether the clock was ever set back.
    pub(super) fn went_back(&self) -> bool {
        self.lock().went_back
    }

    /// How often meters were brought to what holds chunks: what everything costs may fall then.
    pub(super) fn n_settled(&self) -> u64 {
        self.lock().n_settled
    }
}

impl State {
    /// Lets everything that is open cost what it costs until `now`.
    fn pass(&mut self, now: Timestamp) {
        self.went_back |= now < self.until;
        let Self { until, books, lines, .. } = self;
        for line in lines.values_mut().filter(|line| line.meter.to.is_none()) {
            let from_s = until.seconds().max(line.meter.from.seconds());
            owe(books, &line.meter, from_s, now.seconds(), &mut line.owed);
        }
        self.until = now;
    }

    /// A meter as it is now. What it was before counts for nothing: a change of what holds chunks reaches back to its moment.
    fn meter(&mut self, meter: Meter) {
        let mut owed = BTreeMap::new();
        let ends_s = match (&meter.charge, meter.to) {
            (Charge::Transfer { .. }, _) => meter.from.seconds() + 1,
            (_, Some(to)) => to.seconds(),
            (_, None) => self.until.seconds(),
        };
        owe(&self.books, &meter, meter.from.seconds(), ends_s, &mut owed);
        self.lines.insert(meter.id, Line { meter, owed });
    }

    fn book(&mut self, book: DatedBook) {
        let books = self.books.entry(book.region).or_default();
        match book.withdrawn {
            Some(_) => _ = books.remove(&book.prices.version),
            // What was written first holds: nobody may change the prices of a book.
            None => _ = books.entry(book.prices.version).or_insert((book.from.seconds(), book.prices)),
        }
    }
}

/// Adds what a meter owes for these seconds.
fn owe(books: &Books, meter: &Meter, from_s: i64, until_s: i64, owed: &mut BTreeMap<i128, i128>) {
    let Some(books) = books.get(&meter.region) else { return };
    let mut at = from_s;
    while at < until_s {
        let holds = books.values().rfind(|(from_s, _)| *from_s <= at).or(books.values().next());
        let Some((_, book)) = holds else { return };
        let (month, next_month) = Timestamp::from_seconds(at).month();
        let next_book = books.values().map(|(from_s, _)| *from_s).filter(|from_s| *from_s > at).min();
        let next = until_s.min(next_month.seconds()).min(next_book.unwrap_or(until_s));
        let month_s = match book.month {
            Month::Fixed => 730 * 3600,
            Month::Calendar => next_month.seconds() - month.seconds(),
        };
        let of_image = match book.basis {
            Basis::Unique => meter.quantity_bytes,
            Basis::Virtual => meter.virtual_bytes,
        };
        let unit = i128::from(book.unit.bytes());
        let (rate, quantity, divisor) = match &meter.charge {
            Charge::ImageStorage => (Some(book.image_gb_month), of_image, unit * i128::from(month_s)),
            Charge::BinStorage => (Some(book.bin_gb_month), of_image, unit * i128::from(month_s)),
            Charge::SnapshotStorage => {
                (Some(book.snapshot_gb_month), meter.quantity_bytes, unit * i128::from(month_s))
            }
            Charge::SnapshotService => (Some(book.snapshot_service_month), 1, i128::from(month_s)),
            Charge::Disk { disk_kind } => {
                let rate = book.disk_gb_month.get(disk_kind).copied();
                (rate, meter.quantity_bytes, unit * i128::from(month_s))
            }
            Charge::Running { flavor } => (book.flavor_hour.get(flavor).copied(), 1, 3600),
            Charge::Licence { licence } => (book.licence_hour.get(licence).copied(), 1, 3600),
            Charge::Transfer { .. } => (Some(book.transfer_gb), meter.quantity_bytes, unit),
        };
        let product = i128::from(rate.unwrap_or_default().0) * i128::from(quantity);
        *owed.entry(divisor).or_default() += product * i128::from(next - at);
        at = next;
    }
}

impl Watch for Recount {
    fn committed(&self, _version: Version, batch: &Batch) {
        let mut state = self.lock();
        state.pass(self.clock.now());
        let (meters, books) = (record_prefix(Meter::TABLE), record_prefix(DatedBook::TABLE));
        let holdings = record_prefix(Holding::TABLE);
        for (key, value) in batch.puts.iter().filter(|(key, _)| key.starts_with(&books)) {
            if let Ok(book) = decode_record(key, value) {
                state.book(book);
            }
        }
        // Whatever changes what holds chunks says so in its own commit; what moves meters of chunks without that settles what waits.
        let changes = batch.puts.iter().any(|(key, _)| key.starts_with(&holdings));
        let settles = !changes && !state.waiting.is_empty();
        let mut n_settled = 0;
        for (key, value) in batch.puts.iter().filter(|(key, _)| key.starts_with(&meters)) {
            if let Ok(meter) = decode_record::<Meter>(key, value) {
                if settles && Class::of(&meter.charge).is_some() {
                    state.closed.remove(&meter.id);
                    n_settled = 1;
                }
                state.meter(meter);
            }
        }
        state.n_settled += n_settled;
        let begun = batch.puts.iter().map(|(key, _)| key).filter(|key| key.starts_with(&holdings));
        state.waiting.extend(begun.cloned());
        batch.deletes.iter().for_each(|key| _ = state.waiting.remove(key));
    }
}
