//! Meters: intervals during which something is charged. They open and close in the same commit as the state change that causes it (D8).
//! A meter says what is charged and how much of it; what that costs is said by the price books that hold meanwhile.

use super::disk::DiskKind;
use super::ids::{AccountId, FlavorId, MeterId, ProjectId, RegionId, Subject};
use super::image::tags::Tags;
use super::money::{Exact, Money};
use super::price::{Basis, History, Part};
use super::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What a meter charges for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
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
    /// Running a machine that carries a market licence (U5): rate per hour.
    Licence {
        /// Which.
        licence: String,
    },
    /// Bringing an image to another region, charged once: `quantity_bytes` × rate per GB of the region that the bytes left.
    Transfer {
        /// Where the bytes went.
        to: RegionId,
    },
}

/// What a rate is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Per {
    /// A month of keeping something.
    Month,
    /// An hour of running.
    Hour,
    /// Nothing but the thing itself, once.
    Once,
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
            Self::Licence { .. } => "its licence",
            Self::Transfer { .. } => "a transfer",
        }
    }

    /// Which of its sort: the kind of disk, the instance type, the licence, or the region that a transfer goes to; empty for what has none.
    pub fn kind(&self) -> String {
        match self {
            Self::Disk { disk_kind } => disk_kind.to_string(),
            Self::Running { flavor } => flavor.to_string(),
            Self::Licence { licence } => licence.clone(),
            Self::Transfer { to } => to.to_string(),
            Self::ImageStorage | Self::BinStorage | Self::SnapshotStorage | Self::SnapshotService => {
                String::new()
            }
        }
    }

    /// What its rate is for.
    pub const fn per(&self) -> Per {
        match self {
            Self::ImageStorage
            | Self::BinStorage
            | Self::SnapshotStorage
            | Self::SnapshotService
            | Self::Disk { .. } => Per::Month,
            Self::Running { .. } | Self::Licence { .. } => Per::Hour,
            Self::Transfer { .. } => Per::Once,
        }
    }

    /// Whether its rate is for a unit of bytes, and not for time alone.
    pub const fn by_bytes(&self) -> bool {
        match self {
            Self::ImageStorage
            | Self::BinStorage
            | Self::SnapshotStorage
            | Self::Disk { .. }
            | Self::Transfer { .. } => true,
            Self::SnapshotService | Self::Running { .. } | Self::Licence { .. } => false,
        }
    }

    /// Whether it is for a machine only while that runs.
    pub const fn while_running(&self) -> bool {
        matches!(self, Self::Running { .. } | Self::Licence { .. })
    }

    /// What so many seconds at this rate cost for so much of it: bytes, or things where the charge is for time alone.
    pub fn owed(&self, part: &Part, quantity: u64, seconds: u64) -> Exact {
        let product = i128::from(part.rate.0).saturating_mul(i128::from(quantity));
        let divisor = if self.by_bytes() { part.unit.bytes() } else { 1 };
        Exact::of(product.saturating_mul(i128::from(seconds)), divisor, part.per_s)
    }

    /// How much is charged where images are by this basis: bytes of either kind, or how many things there are where the charge is for time
    /// alone.
    pub const fn quantity<N: Copy>(&self, basis: Basis, n: N, quantity_bytes: N, virtual_bytes: N) -> N {
        match (self.by_bytes(), self.of_image(), basis) {
            (false, _, _) => n,
            (true, true, Basis::Virtual) => virtual_bytes,
            (true, _, _) => quantity_bytes,
        }
    }

    /// Whether it is for an image, in the recycle bin or not.
    pub const fn of_image(&self) -> bool {
        match self {
            Self::ImageStorage | Self::BinStorage => true,
            Self::SnapshotStorage
            | Self::SnapshotService
            | Self::Disk { .. }
            | Self::Running { .. }
            | Self::Licence { .. }
            | Self::Transfer { .. } => false,
        }
    }
}

/// What an image was sorted by when an interval of it ended: what a month is grouped by stays as it was when the image changes or is gone.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Labels {
    /// Its tags.
    pub tags: Tags,
    /// Its family; empty for none.
    pub family: String,
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
    /// Bytes charged, of images those that nothing of the account holds before (`docs/adr/0018-unique-bytes.md`); zero where the charge is
    /// for time alone.
    pub quantity_bytes: u64,
    /// Bytes charged of an image where the prices say that virtual bytes are.
    pub virtual_bytes: u64,
    /// From when, inclusive, counted in whole seconds.
    pub from: Timestamp,
    /// Until when, exclusive; open while `None`.
    pub to: Option<Timestamp>,
    /// Of an image, what it was sorted by at the end; `None` while it is open, and where an older program closed it.
    pub labels: Option<Box<Labels>>,
}

impl Meter {
    /// The meter in a sentence, as the audit trail tells it: what is charged, how much of it, from when until when, and its id. Two meters
    /// of one sentence charge the same.
    pub fn told(&self) -> String {
        let kind = self.charge.kind();
        let what = [self.charge.words(), &kind].join(" ");
        let bytes = match (self.charge.by_bytes(), self.charge.of_image()) {
            (false, _) => String::new(),
            (true, false) => format!(", {} bytes", self.quantity_bytes),
            (true, true) => {
                format!(", {} bytes ({} virtual)", self.quantity_bytes, self.virtual_bytes)
            }
        };
        let until = self.to.map_or_else(|| "on".to_owned(), |to| format!("until {}", to.rfc3339_ms()));
        format!("For {}{bytes}, from {} {until}. Meter {}", what.trim(), self.from.rfc3339_ms(), self.id)
    }

    /// The id at the end of such a sentence.
    pub fn told_of(sentence: &str) -> Option<MeterId> {
        sentence.rsplit(' ').next()?.parse().ok()
    }

    /// What the interval costs up to `now` (P11, P12): to the second, so the last partial hour is charged pro rata; rounded half up once.
    /// A clock that stepped back charges nothing rather than a negative amount.
    pub fn cost(&self, prices: &History, now: Timestamp) -> Money {
        match self.charge.per() {
            Per::Once => self.cost_until(prices, Timestamp(i64::MAX)),
            Per::Month | Per::Hour => self.cost_until(prices, self.to.unwrap_or(now)),
        }
    }

    /// The part of the cost that falls between two moments: what it costs until the end without what it costs until the beginning. So the
    /// parts of a period add up to the whole, to the millionth, wherever it is split. What is charged once falls into the period whose
    /// seconds hold its moment.
    pub fn cost_between(&self, prices: &History, from: Timestamp, until: Timestamp) -> Money {
        self.cost_until(prices, until.max(from)) - self.cost_until(prices, from)
    }

    /// What it has cost since a moment by `now`. What is charged once counts at once, and not from the next second on.
    pub fn cost_since(&self, prices: &History, since: Timestamp, now: Timestamp) -> Money {
        self.cost(prices, now.max(since)) - self.cost_until(prices, since)
    }

    /// What it costs in the seconds before `end`.
    pub fn cost_until(&self, prices: &History, end: Timestamp) -> Money {
        let mut exact = Exact::default();
        for part in self.parts(prices, end) {
            exact.add(self.owed(&part, part.seconds()));
        }
        exact.rounded()
    }

    /// What so many seconds at this rate add to its cost.
    pub fn owed(&self, part: &Part, seconds: u64) -> Exact {
        self.charge.owed(part, self.quantity(part), seconds)
    }

    /// Its rates in the seconds before `end`, in order. What is charged once has one second.
    pub fn parts(&self, prices: &History, end: Timestamp) -> Vec<Part> {
        match self.charge.per() {
            Per::Once if end.seconds() > self.from.seconds() => {
                prices.at(&self.charge, self.from).into_iter().collect()
            }
            Per::Once => vec![],
            Per::Month | Per::Hour => {
                let end = self.to.map_or(end, |to| to.min(end));
                prices.parts(&self.charge, self.from, end)
            }
        }
    }

    /// How much is charged while this rate holds: bytes, or 1 for time alone.
    pub fn quantity(&self, part: &Part) -> u64 {
        self.quantity_by(part.basis)
    }

    /// How much is charged where images are by this basis.
    pub fn quantity_by(&self, basis: Basis) -> u64 {
        self.charge.quantity(basis, 1, self.quantity_bytes, self.virtual_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::price::{DatedBook, Month, PriceBook, SECONDS_PER_MONTH, Unit};
    use crate::domain::size::GB;
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
            virtual_bytes: quantity_bytes,
            from: at(from_s),
            to: to_s.map(at),
            labels: None,
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
                licence_hour: [("suite".to_owned(), Money(*rate))].into(),
                transfer_gb: Money(*rate),
                ..PriceBook::default()
            };
            Arc::new(DatedBook { region: "north-1".into(), from: at(*from_s), withdrawn: None, prices })
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

    #[test]
    fn a_month_of_the_calendar_costs_the_same_whatever_its_length() {
        let day = |text: &str| Timestamp::of_day(text).expect("a day");
        let book = |month, unit| {
            let prices = PriceBook { month, unit, image_gb_month: Money(310_000), ..PriceBook::default() };
            let book = DatedBook { region: "north-1".into(), from: at(0), withdrawn: None, prices };
            History::new(vec![Arc::new(book)])
        };
        let (calendar, fixed) = (book(Month::Calendar, Unit::Gb), book(Month::Fixed, Unit::Gb));
        let m = image(GB, 0, None);
        for (from, until) in
            [("2027-02-01", "2027-03-01"), ("2028-02-01", "2028-03-01"), ("2026-12-01", "2027-01-01")]
        {
            assert_eq!(m.cost_between(&calendar, day(from), day(until)), Money(310_000), "{from}");
        }
        assert_eq!(m.cost_between(&calendar, day("2026-12-05"), day("2026-12-06")), Money(10_000));
        let (rest, all) =
            (m.cost_until(&calendar, day("2027-02-05")), m.cost_until(&calendar, day("2027-02-06")));
        assert!((all - rest).0.abs_diff(11_071) <= 1, "a twenty-eighth, but for the rounding of the sum");
        let february = (day("2027-02-01"), day("2027-03-01"));
        assert!(m.cost_between(&fixed, february.0, february.1).0.abs_diff(285_370) <= 1);
        let gib =
            image(1 << 30, 0, None).cost_between(&book(Month::Fixed, Unit::Gib), february.0, february.1);
        assert!(gib.0.abs_diff(285_370) <= 1, "a GiB where GiB are charged");
    }

    #[test]
    fn a_transfer_costs_once_in_the_second_in_which_it_happened() {
        let m = meter(Charge::Transfer { to: "south-1".into() }, 3 * GB, 100, Some(100));
        let books = prices(&[(0, 10_000), (100, 20_000), (101, 70_000)]);
        assert_eq!(m.cost(&books, at(0)), Money(60_000));
        let between = |from_s, until_s| m.cost_between(&books, at(from_s), at(until_s));
        assert_eq!(
            [between(0, 100), between(100, 101), between(101, 999)],
            [Money(0), Money(60_000), Money(0)]
        );
    }

    #[test]
    fn what_the_prices_say_of_images_picks_the_bytes() {
        let books = |basis| {
            let prices = PriceBook { basis, image_gb_month: Money(1_000), ..PriceBook::default() };
            let book = DatedBook { region: "north-1".into(), from: at(0), withdrawn: None, prices };
            History::new(vec![Arc::new(book)])
        };
        let m = Meter { virtual_bytes: 40 * GB, ..image(3 * GB, 0, Some(2_628_000)) };
        assert_eq!(m.cost(&books(Basis::Unique), at(0)), Money(3_000));
        assert_eq!(m.cost(&books(Basis::Virtual), at(0)), Money(40_000));
        let snapshot = Meter { charge: Charge::SnapshotStorage, ..m };
        let parts = snapshot.parts(&books(Basis::Virtual), at(5));
        assert_eq!(parts.iter().map(|part| snapshot.quantity(part)).collect::<Vec<_>>(), [3 * GB]);
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
        fn splitting_never_changes_the_total_whatever_units_and_months_there_were(
            bytes in 0u64..1 << 46,
            books in proptest::collection::vec((0i64..40, 0i64..10_000_000, any::<bool>(), any::<bool>(), any::<bool>()), 1..5),
            kind in 0usize..5,
            mut cuts in proptest::collection::vec(0i64..90_000_000, 2..9),
        ) {
            // Two and a half years, with a leap day early on.
            let start = Timestamp::of_day("2027-12-30").expect("a day");
            let mut begins = start;
            let mut all = Vec::new();
            for (n, (days, rate, virtually, gib, calendar)) in books.into_iter().enumerate() {
                begins = begins.plus_ms(days * 86_400_000 + 1_500);
                let rate = Money(rate);
                let prices = PriceBook {
                    version: u32::try_from(n).expect("few"),
                    basis: if virtually { Basis::Virtual } else { Basis::Unique },
                    unit: if gib { Unit::Gib } else { Unit::Gb },
                    month: if calendar { Month::Calendar } else { Month::Fixed },
                    image_gb_month: rate,
                    snapshot_service_month: rate,
                    licence_hour: [("suite".to_owned(), rate)].into(),
                    disk_gb_month: [(DiskKind::Ssd, rate)].into(),
                    transfer_gb: rate,
                    ..PriceBook::default()
                };
                all.push(Arc::new(DatedBook { region: "north-1".into(), from: begins, withdrawn: None, prices }));
            }
            let prices = History::new(all);
            let charge = [
                Charge::ImageStorage,
                Charge::SnapshotService,
                Charge::Licence { licence: "suite".to_owned() },
                Charge::Disk { disk_kind: DiskKind::Ssd },
                Charge::Transfer { to: "south-1".into() },
            ][kind].clone();
            let m = Meter {
                from: start,
                to: Some(start.plus_ms(80_000_000_000)),
                virtual_bytes: bytes / 3,
                ..meter(charge, bytes, 0, None)
            };
            cuts.sort_unstable();
            let within = |s: i64| Timestamp::from_seconds(start.seconds() + s);
            let parts: Money = cuts.windows(2).map(|w| m.cost_between(&prices, within(w[0]), within(w[1]))).sum();
            prop_assert_eq!(parts, m.cost_between(&prices, within(cuts[0]), within(cuts[cuts.len() - 1])));
            prop_assert_eq!(m.cost_between(&prices, at(0), within(99_000_000)), m.cost(&prices, within(99_000_000)));
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
