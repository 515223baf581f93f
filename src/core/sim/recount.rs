//! Counts again what everything costs, in another way than the ledger: as time passes and with the prices that the region record has at
//! that moment, whatever the price books say. And keeps what a meter cost when it was seen closed, which may never change.

use super::ports::SimClock;
use crate::domain::ids::{MeterId, RegionId};
use crate::domain::meter::{Charge, Meter};
use crate::domain::money::Money;
use crate::domain::price::{PriceBook, SECONDS_PER_MONTH};
use crate::domain::region::Region;
use crate::domain::size::GB;
use crate::domain::time::Timestamp;
use crate::ports::Clock;
use crate::store::{Batch, Record, Version, Watch, decode_record, record_prefix};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The recount; outlives restarts.
pub(super) struct Recount {
    clock: Arc<SimClock>,
    state: Mutex<State>,
}

struct State {
    /// Until when everything is counted.
    until: Timestamp,
    /// The clock was set back: then what passed cannot be told from what did not.
    went_back: bool,
    prices: BTreeMap<RegionId, PriceBook>,
    lines: BTreeMap<MeterId, Line>,
    closed: BTreeMap<MeterId, Money>,
}

struct Line {
    meter: Meter,
    /// Rate × quantity × seconds, not yet divided.
    owed: i128,
}

impl Recount {
    pub(super) fn new(clock: Arc<SimClock>) -> Self {
        let state = State {
            until: clock.now(),
            went_back: false,
            prices: BTreeMap::new(),
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
        let mut state = self.lock();
        state.pass(self.clock.now());
        let line = state.lines.get(&id).filter(|_| !state.went_back)?;
        let unit = match line.meter.charge {
            Charge::ImageStorage | Charge::BinStorage | Charge::SnapshotStorage | Charge::Disk { .. } => {
                i128::from(GB) * i128::from(SECONDS_PER_MONTH)
            }
            Charge::Running { .. } => 3600,
            Charge::SnapshotService => i128::from(SECONDS_PER_MONTH),
        };
        let half_up = (2 * line.owed + unit) / (2 * unit);
        Some(Money(i64::try_from(half_up).unwrap_or(i64::MAX)))
    }

    /// What a closed meter cost when it was first seen closed.
    pub(super) fn first_seen(&self, id: MeterId, cost: Money) -> Money {
        *self.lock().closed.entry(id).or_insert(cost)
    }
}

impl State {
    /// Lets everything that is open cost what it costs until `now`.
    fn pass(&mut self, now: Timestamp) {
        self.went_back |= now < self.until;
        let Self { until, prices, lines, .. } = self;
        for line in lines.values_mut().filter(|line| line.meter.to.is_none()) {
            line.owed += owed(prices, &line.meter, until.seconds(), now.seconds());
        }
        self.until = now;
    }

    fn meter(&mut self, meter: Meter) {
        let now = self.until.seconds();
        let known = self.lines.remove(&meter.id);
        let mut line = match known {
            Some(line) => Line { meter, ..line },
            None => Line { owed: owed(&self.prices, &meter, meter.from.seconds(), now), meter },
        };
        if let Some(to) = line.meter.to {
            line.owed += owed(&self.prices, &line.meter, now, to.seconds());
        }
        self.lines.insert(line.meter.id, line);
    }
}

fn owed(prices: &BTreeMap<RegionId, PriceBook>, meter: &Meter, from_s: i64, until_s: i64) -> i128 {
    let rate = prices.get(&meter.region).and_then(|book| match &meter.charge {
        Charge::ImageStorage => Some(book.image_gb_month),
        Charge::BinStorage => Some(book.bin_gb_month),
        Charge::SnapshotStorage => Some(book.snapshot_gb_month),
        Charge::SnapshotService => Some(book.snapshot_service_month),
        Charge::Disk { disk_kind } => book.disk_gb_month.get(disk_kind).copied(),
        Charge::Running { flavor } => book.flavor_hour.get(flavor).copied(),
    });
    let by_time = matches!(meter.charge, Charge::Running { .. } | Charge::SnapshotService);
    let quantity = if by_time { 1 } else { meter.quantity_bytes };
    i128::from(rate.unwrap_or_default().0) * i128::from(quantity) * i128::from(until_s - from_s)
}

impl Watch for Recount {
    fn committed(&self, _version: Version, batch: &Batch) {
        let mut state = self.lock();
        state.pass(self.clock.now());
        let (meters, regions) = (record_prefix(Meter::TABLE), record_prefix(Region::TABLE));
        for (key, value) in &batch.puts {
            // Meters that change in the commit of a change of prices are counted with the old ones: no time passes in a commit.
            if key.starts_with(&meters)
                && let Ok(meter) = decode_record(key, value)
            {
                state.meter(meter);
            }
            if key.starts_with(&regions)
                && let Ok(region) = decode_record::<Region>(key, value)
            {
                state.prices.insert(region.id, region.prices);
            }
        }
    }
}
