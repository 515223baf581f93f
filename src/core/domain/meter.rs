//! Meters: intervals during which something is charged. They open and close in the same commit as the state change that causes it (D8).
//! A meter says what is charged and how much of it; what that costs is said by the price books that hold meanwhile.

use super::disk::DiskKind;
use super::ids::{AccountId, FlavorId, MeterId, ProjectId, RegionId, Subject};
use super::money::Money;
use super::price::{History, SECONDS_PER_MONTH};
use super::size::GB;
use super::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What a meter charges for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum Charge {
    /// Keeping an image: `quantity_bytes` × rate per GB and month (P11).
    ImageStorage,
    /// Keeping an image in the recycle bin: `quantity_bytes` × rate per GB and month.
    BinStorage,
    /// Keeping a snapshot: `quantity_bytes` × rate per GB and month.
    SnapshotStorage,
    /// The snapshot service of an account in a region while it is on: rate per month.
    SnapshotService,
    /// Keeping a disk: `quantity_bytes` × rate per GB and month.
    Disk {
        /// Its kind.
        disk_kind: DiskKind,
    },
    /// Running a machine: rate per hour.
    Running {
        /// Its type.
        flavor: FlavorId,
    },
}

impl Charge {
    /// What it is for, in words.
    pub const fn words(&self) -> &'static str {
        match self {
            Self::ImageStorage => "storage",
            Self::BinStorage => "storage in the recycle bin",
            Self::SnapshotStorage => "storage of a snapshot",
            Self::SnapshotService => "the snapshot service",
            Self::Disk { .. } => "its disk",
            Self::Running { .. } => "running",
        }
    }

    /// Whether it is for an image, in the recycle bin or not.
    pub const fn of_image(&self) -> bool {
        match self {
            Self::ImageStorage | Self::BinStorage => true,
            Self::SnapshotStorage | Self::SnapshotService | Self::Disk { .. } | Self::Running { .. } => false,
        }
    }
}

/// An interval during which something is charged.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Meter {
    /// Its id.
    pub id: MeterId,
    /// What is charged.
    pub subject: Subject,
    /// Its name when the meter opened, so that a bill still reads well after the thing is gone.
    pub name: String,
    /// Who pays.
    pub account: AccountId,
    /// In which project.
    pub project: ProjectId,
    /// Where.
    pub region: RegionId,
    /// For what.
    pub charge: Charge,
    /// Bytes charged; zero where the charge is for time alone.
    pub quantity_bytes: u64,
    /// From when, inclusive, counted in whole seconds.
    pub from: Timestamp,
    /// Until when, exclusive; open while `None`.
    pub to: Option<Timestamp>,
}

impl Meter {
    /// What the interval costs up to `now` (P11, P12): to the second, so the last partial hour is charged pro rata; rounded half up once.
    /// A clock that stepped back charges nothing rather than a negative amount.
    pub fn cost(&self, prices: &History, now: Timestamp) -> Money {
        self.cost_until(prices, self.to.unwrap_or(now))
    }

    /// The part of the cost that falls between two moments: what it costs until the end without what it costs until the beginning. So the
    /// parts of a period add up to the whole, to the millionth, wherever it is split.
    pub fn cost_between(&self, prices: &History, from: Timestamp, until: Timestamp) -> Money {
        let within = |moment: Timestamp| self.to.map_or(moment, |to| to.min(moment));
        self.cost_until(prices, within(until.max(from))) - self.cost_until(prices, within(from))
    }

    fn cost_until(&self, prices: &History, end: Timestamp) -> Money {
        let (quantity, denominator) = match self.charge {
            Charge::ImageStorage | Charge::BinStorage | Charge::SnapshotStorage | Charge::Disk { .. } => {
                (i128::from(self.quantity_bytes), u128::from(GB) * u128::from(SECONDS_PER_MONTH))
            }
            Charge::Running { .. } => (1, 3600),
            Charge::SnapshotService => (1, u128::from(SECONDS_PER_MONTH)),
        };
        let mut charged: i128 = 0;
        for (rate, seconds) in prices.rates(&self.charge, self.from, end) {
            let part = i128::from(rate.0).saturating_mul(quantity).saturating_mul(i128::from(seconds));
            charged = charged.saturating_add(part);
        }
        Money::ratio(charged, denominator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::price::{DatedBook, PriceBook};
    use proptest::prelude::*;
    use std::sync::Arc;
    use uuid::Uuid;

    fn meter(charge: Charge, quantity_bytes: u64, from_s: i64, to_s: Option<i64>) -> Meter {
        Meter {
            id: MeterId(Uuid::nil()),
            subject: Subject::Image(Uuid::nil().into()),
            name: "web".to_owned(),
            account: Uuid::nil().into(),
            project: Uuid::nil().into(),
            region: "north-1".into(),
            charge,
            quantity_bytes,
            from: at(from_s),
            to: to_s.map(at),
        }
    }

    fn image(quantity_bytes: u64, from_s: i64, to_s: Option<i64>) -> Meter {
        meter(Charge::ImageStorage, quantity_bytes, from_s, to_s)
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    /// Books with these rates, each from its second on.
    fn prices(books: &[(i64, i64)]) -> History {
        let book = |(n, (from_s, rate)): (usize, &(i64, i64))| {
            let prices = PriceBook {
                version: u32::try_from(n).expect("few"),
                symbol: "€".to_owned(),
                image_gb_month: Money(*rate),
                bin_gb_month: Money(*rate),
                snapshot_service_month: Money(*rate),
                snapshot_gb_month: Money(*rate),
                disk_gb_month: [(DiskKind::Ssd, Money(*rate))].into(),
                flavor_hour: [("m1.tiny".into(), Money(*rate))].into(),
            };
            Arc::new(DatedBook { region: "north-1".into(), from: at(*from_s), prices })
        };
        History::new(books.iter().enumerate().map(book).collect())
    }

    #[test]
    fn a_month_of_ten_gigabytes_costs_ten_times_the_rate() {
        let month = i64::try_from(SECONDS_PER_MONTH).expect("fits");
        let cost = image(10 * GB, 0, Some(month)).cost(&prices(&[(0, 50_000)]), at(0));
        assert_eq!(cost, Money(500_000));
    }

    #[test]
    fn the_last_partial_hour_is_charged_pro_rata() {
        let cost = |to_s| image(730 * GB, 0, Some(to_s)).cost(&prices(&[(0, 50_000)]), at(0));
        assert_eq!((cost(3600), cost(1800)), (Money(50_000), Money(25_000)));
    }

    #[test]
    fn a_clock_that_stepped_back_charges_nothing() {
        assert_eq!(image(GB, 100, None).cost(&prices(&[(0, 50_000)]), at(50)), Money::ZERO);
    }

    #[test]
    fn a_change_of_prices_holds_from_its_moment_on_and_changes_nothing_before() {
        let hour = |from_s, to_s| meter(Charge::Running { flavor: "m1.tiny".into() }, 0, from_s, to_s);
        let (old, new) = (prices(&[(0, 4_000)]), prices(&[(0, 4_000), (3600, 10_000)]));
        assert_eq!(hour(0, Some(3600)).cost(&new, at(9_999)), Money(4_000), "it ended before");
        assert_eq!(hour(0, None).cost(&new, at(1800)), hour(0, None).cost(&old, at(1800)));
        assert_eq!(hour(0, None).cost(&new, at(7200)), Money(14_000), "an hour of each");
        assert_eq!(hour(5400, None).cost(&new, at(7200)), Money(5_000), "it began after");
        assert_eq!(
            hour(-7200, Some(0)).cost(&new, at(0)),
            Money(8_000),
            "the first book held before it was kept"
        );
        assert_eq!(hour(0, None).cost_between(&new, at(3600), at(7200)), Money(10_000));
        let twice = prices(&[(0, 4_000), (3600, 10_000), (3600, 2_000)]);
        assert_eq!(hour(0, None).cost(&twice, at(7200)), Money(6_000), "the later of two at once holds");
        let other = meter(Charge::Running { flavor: "m1.huge".into() }, 0, 0, None);
        assert_eq!(other.cost(&new, at(7200)), Money::ZERO, "what has no price");
    }

    fn books() -> impl Strategy<Value = Vec<(i64, i64)>> {
        proptest::collection::vec((0i64..5_000, 0i64..10_000_000), 1..6).prop_map(|mut books| {
            books.sort_by_key(|(from_s, _)| *from_s);
            books
        })
    }

    proptest! {
        #[test]
        fn cost_never_falls_as_time_passes(bytes in 0u64..1 << 50, books in books(), a in 0i64..1 << 32, b in 0i64..1 << 32) {
            let (m, prices) = (image(bytes, 0, None), prices(&books));
            prop_assert!(m.cost(&prices, at(a.min(b))) <= m.cost(&prices, at(a.max(b))));
        }

        #[test]
        fn splitting_a_period_never_changes_the_total(
            bytes in 0u64..1 << 44,
            books in books(),
            from_s in 0i64..5_000,
            lasts_s in proptest::option::of(0i64..5_000),
            mut cuts in proptest::collection::vec(-1_000i64..9_000, 2..8),
            of_machine in any::<bool>(),
        ) {
            let charge = if of_machine { Charge::Running { flavor: "m1.tiny".into() } } else { Charge::ImageStorage };
            let m = meter(charge, bytes, from_s, lasts_s.map(|s| from_s + s));
            let prices = prices(&books);
            cuts.sort_unstable();
            let parts: Money = cuts.windows(2).map(|w| m.cost_between(&prices, at(w[0]), at(w[1]))).sum();
            prop_assert_eq!(parts, m.cost_between(&prices, at(cuts[0]), at(cuts[cuts.len() - 1])));
            prop_assert_eq!(m.cost_between(&prices, at(-9_000), at(99_000)), m.cost(&prices, at(99_000)));
        }

        #[test]
        fn every_second_costs_what_the_book_of_that_second_says(books in books(), from_s in 0i64..5_000, lasts_s in 0i64..5_000) {
            let m = meter(Charge::Running { flavor: "m1.tiny".into() }, 0, from_s, Some(from_s + lasts_s));
            let rate_at = |second: i64| books.iter().rev().find(|(from_s, _)| *from_s <= second).unwrap_or(&books[0]).1;
            let owed: i64 = (from_s..from_s + lasts_s).map(rate_at).sum();
            prop_assert_eq!(m.cost(&prices(&books), at(0)), Money((owed + 1800) / 3600));
        }
    }
}
