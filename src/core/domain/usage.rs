//! Usage: what an account is charged in a period, as lines and as sums of them. A line is a meter within the period; its amount is what the
//! meter costs until the end of the period without what it costs until its beginning, so that lines and their groups always add up to the
//! same, to the millionth, and so do the parts of a period that is split.

mod export;
mod formula;
mod query;

pub use export::{Cursor, Export, ExportQuery};
pub use formula::formula;
pub use query::{DAYS_MAX, Group, UsageQuery};

use super::ids::{MeterId, ProjectId, RegionId, Subject};
use super::meter::{Charge, Meter, Per};
use super::money::{Exact, Money};
use super::price::{History, Part};
use super::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Seconds of a day.
const DAY_S: u64 = 86_400;

/// A stretch of time that is reported on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Period {
    /// From when on.
    pub from: Timestamp,
    /// Until when, exclusive.
    pub until: Timestamp,
}

impl Period {
    /// The month of the calendar that this moment is in, in UTC.
    pub fn month(at: Timestamp) -> Self {
        let (from, until) = at.month();
        Self { from, until }
    }

    /// The month before that of this moment.
    pub fn month_before(at: Timestamp) -> Self {
        Self::month(at.month_start().plus_ms(-1))
    }

    /// The part of it before this moment.
    #[must_use]
    pub fn before(self, at: Timestamp) -> Self {
        Self { from: self.from, until: self.until.min(at).max(self.from) }
    }

    /// The moments at which its days begin, in UTC, from its own beginning to its end: one more than it has days. Days are of 86,400 seconds,
    /// as UTC without leap seconds has them.
    pub fn days(self) -> Vec<Timestamp> {
        let day_ms = 86_400_000;
        let mut bounds = vec![self.from];
        let mut at = Timestamp((self.from.0.div_euclid(day_ms) + 1) * day_ms);
        while at < self.until {
            bounds.push(at);
            at = at.plus_ms(day_ms);
        }
        bounds.push(self.until.max(self.from));
        bounds
    }
}

/// The sections of a bill, in the order in which they stand there (P13).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// Images in use.
    Images,
    /// Machines while they run.
    Machines,
    /// Their disks.
    Disks,
    /// The snapshot service and what it keeps.
    SnapshotService,
    /// Market licences.
    Licences,
    /// Transfers between regions.
    Transfer,
    /// Images in the recycle bin.
    RecycleBin,
}

impl Section {
    /// Every section.
    pub const ALL: [Self; 7] = [
        Self::Images,
        Self::Machines,
        Self::Disks,
        Self::SnapshotService,
        Self::Licences,
        Self::Transfer,
        Self::RecycleBin,
    ];

    /// The section that a charge is in.
    pub const fn of(charge: &Charge) -> Self {
        match charge {
            Charge::ImageStorage => Self::Images,
            Charge::BinStorage => Self::RecycleBin,
            Charge::SnapshotStorage | Charge::SnapshotService => Self::SnapshotService,
            Charge::Disk { .. } => Self::Disks,
            Charge::Running { .. } => Self::Machines,
            Charge::Licence { .. } => Self::Licences,
            Charge::Transfer { .. } => Self::Transfer,
        }
    }

    /// Its heading.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Images => "Images",
            Self::Machines => "Machines",
            Self::Disks => "Disks",
            Self::SnapshotService => "Snapshot service",
            Self::Licences => "Licences",
            Self::Transfer => "Transfer",
            Self::RecycleBin => "Recycle bin",
        }
    }

    /// Its word in addresses and in files.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Machines => "machines",
            Self::Disks => "disks",
            Self::SnapshotService => "snapshot-service",
            Self::Licences => "licences",
            Self::Transfer => "transfer",
            Self::RecycleBin => "recycle-bin",
        }
    }

    /// Where it stands in [`Section::ALL`].
    pub fn index(self) -> usize {
        Self::ALL.iter().position(|section| *section == self).unwrap_or(0)
    }
}

/// What one meter charges in a period.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// The meter.
    pub meter: MeterId,
    /// What is charged.
    pub subject: Subject,
    /// Its name when the meter opened.
    pub name: String,
    /// In which project.
    pub project: ProjectId,
    /// Where.
    pub region: RegionId,
    /// For what.
    pub charge: Charge,
    /// In which section.
    pub section: Section,
    /// From when on within the period.
    pub from: Timestamp,
    /// Until when within the period.
    pub until: Timestamp,
    /// Seconds between these; 0 for what is charged once.
    pub seconds: u64,
    /// How much was charged last: bytes, or 1 for time alone.
    pub quantity: u64,
    /// The rates, in order, each with the seconds within the period that it holds for.
    pub parts: Vec<Part>,
    /// What it costs.
    pub amount: Money,
}

/// Whether a meter charges for any second of a period.
pub fn reaches(meter: &Meter, period: Period) -> bool {
    match meter.charge.per() {
        Per::Once => (period.from.seconds()..period.until.seconds()).contains(&meter.from.seconds()),
        Per::Month | Per::Hour => {
            let ends = meter.to.map_or(period.until, |to| to.min(period.until));
            meter.from.max(period.from).seconds() < ends.seconds()
        }
    }
}

/// What a meter charges in a period; `None` when it does not reach into it. A meter that is open counts up to the end of the period, so cut
/// that off at the present moment where no forecast is wanted.
pub fn line(meter: &Meter, prices: &History, period: Period) -> Option<Line> {
    if !reaches(meter, period) {
        return None;
    }
    let from_s = period.from.seconds();
    let once = meter.charge.per() == Per::Once;
    let ends = meter.to.map_or(period.until, |to| to.min(period.until));
    let mut parts = meter.parts(prices, period.until);
    if !once {
        parts.retain(|part| part.until_s > from_s);
        if let Some(first) = parts.first_mut() {
            first.from_s = first.from_s.max(from_s);
        }
    }
    let (from, until) = if once { (meter.from, meter.from) } else { (meter.from.max(period.from), ends) };
    let seconds = until.seconds().saturating_sub(from.seconds());
    Some(Line {
        meter: meter.id,
        subject: meter.subject,
        name: meter.name.clone(),
        project: meter.project,
        region: meter.region.clone(),
        section: Section::of(&meter.charge),
        charge: meter.charge.clone(),
        from,
        until,
        seconds: u64::try_from(seconds).unwrap_or(0),
        quantity: parts.last().map_or(0, |part| meter.quantity(part)),
        parts,
        amount: meter.cost_between(prices, period.from, period.until),
    })
}

/// The sums of amounts by their keys. Every way to group gives the same in sum.
pub fn grouped<K: Ord>(amounts: impl IntoIterator<Item = (K, Money)>) -> BTreeMap<K, Money> {
    let mut sums = BTreeMap::new();
    for (key, amount) in amounts {
        let sum: &mut Money = sums.entry(key).or_default();
        *sum = *sum + amount;
    }
    sums
}

/// What a meter charges from each of these moments to the next, which are in order: for each stretch in which that is something, its place
/// and the amount. Over many days one division is made for each rate, and the rest is sums.
pub fn between(meter: &Meter, prices: &History, bounds: &[Timestamp], mut see: impl FnMut(usize, Money)) {
    let (Some(first), Some(last)) = (bounds.first(), bounds.last()) else { return };
    if meter.charge.per() == Per::Once {
        let at = meter.from.seconds();
        let day = bounds.windows(2).position(|pair| (pair[0].seconds()..pair[1].seconds()).contains(&at));
        return day.into_iter().for_each(|day| see(day, meter.cost(prices, *last)));
    }
    if meter.from.seconds() >= last.seconds() || meter.to.is_some_and(|to| to.seconds() <= first.seconds()) {
        return;
    }
    let mut sum = Exact::default();
    let mut before: Option<Money> = None;
    let mut n = 0;
    let mut reach = |sum: Exact, n: &mut usize| {
        let now = sum.rounded();
        if let Some(earlier) = before.filter(|earlier| *earlier != now) {
            see(*n - 1, now - earlier);
        }
        before = Some(now);
        *n += 1;
    };
    for part in meter.parts(prices, *last) {
        let mut whole_day = None;
        let mut at = part.from_s;
        while at < part.until_s {
            while bounds.get(n).is_some_and(|bound| bound.seconds() <= at) {
                reach(sum, &mut n);
            }
            let next = bounds.get(n).map_or(part.until_s, |bound| bound.seconds().min(part.until_s));
            let seconds = u64::try_from(next - at).unwrap_or(0);
            sum.add(match seconds {
                DAY_S => *whole_day.get_or_insert_with(|| meter.owed(&part, DAY_S)),
                other => meter.owed(&part, other),
            });
            at = next;
        }
    }
    while n < bounds.len() {
        reach(sum, &mut n);
    }
}

/// What an account is charged day by day, by section.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Daily {
    /// When each day begins, and when the last one ends.
    pub bounds: Vec<Timestamp>,
    /// For each day what each section of [`Section::ALL`] costs.
    pub days: Vec<[Money; 7]>,
}

impl Daily {
    /// The days of a period without any cost yet.
    pub fn of(period: Period) -> Self {
        let bounds = period.days();
        let days = vec![[Money::ZERO; 7]; bounds.len().saturating_sub(1)];
        Self { bounds, days }
    }

    /// Adds what a meter costs on each of the days; gives what that is together.
    pub fn add(&mut self, meter: &Meter, prices: &History) -> Money {
        let section = Section::of(&meter.charge).index();
        let Self { bounds, days } = self;
        let mut total = Money::ZERO;
        between(meter, prices, bounds, |day, amount| {
            if let Some(sum) = days.get_mut(day).and_then(|day| day.get_mut(section)) {
                *sum = *sum + amount;
            }
            total = total + amount;
        });
        total
    }

    /// Adds what others cost on the same days.
    pub fn merge(&mut self, more: &Self) {
        for (day, more) in self.days.iter_mut().zip(&more.days) {
            for (sum, amount) in day.iter_mut().zip(more) {
                *sum = *sum + *amount;
            }
        }
    }

    /// What all days cost together.
    pub fn total(&self) -> Money {
        self.days.iter().flatten().copied().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::disk::DiskKind;
    use crate::domain::price::{Basis, DatedBook, Month, PriceBook, Unit};
    use proptest::prelude::*;
    use std::sync::Arc;
    use uuid::Uuid;

    const DAY_MS: i64 = 86_400_000;

    fn start() -> Timestamp {
        Timestamp::of_day("2028-01-20").expect("a day")
    }

    fn histories() -> impl Strategy<Value = History> {
        let book = (0i64..40 * DAY_MS, 0i64..10_000_000, any::<[bool; 3]>());
        proptest::collection::vec(book, 1..5).prop_map(|books| {
            let mut from = start();
            let dated =
                books.into_iter().zip(1..).map(|((later_ms, rate, [virtually, gib, calendar]), version)| {
                    from = from.plus_ms(later_ms);
                    let rate = Money(rate);
                    let prices = PriceBook {
                        version,
                        basis: if virtually { Basis::Virtual } else { Basis::Unique },
                        unit: if gib { Unit::Gib } else { Unit::Gb },
                        month: if calendar { Month::Calendar } else { Month::Fixed },
                        image_gb_month: rate,
                        bin_gb_month: rate,
                        snapshot_gb_month: rate,
                        snapshot_service_month: rate,
                        disk_gb_month: [(DiskKind::Ssd, rate)].into(),
                        flavor_hour: [("m1.tiny".into(), rate)].into(),
                        licence_hour: [("suite".to_owned(), rate)].into(),
                        transfer_gb: rate,
                        ..PriceBook::default()
                    };
                    Arc::new(DatedBook { region: "north-1".into(), from, withdrawn: None, prices })
                });
            History::new(dated.collect())
        })
    }

    fn meters() -> impl Strategy<Value = Vec<Meter>> {
        let meter = (
            0usize..8,
            0u64..1 << 44,
            -20 * DAY_MS..80 * DAY_MS,
            proptest::option::of(0..90 * DAY_MS),
            0u8..4,
        );
        let made = |(charge, bytes, from_ms, lasts_ms, n): (usize, u64, i64, Option<i64>, u8)| {
            let charge = [
                Charge::ImageStorage,
                Charge::BinStorage,
                Charge::SnapshotStorage,
                Charge::SnapshotService,
                Charge::Disk { disk_kind: DiskKind::Ssd },
                Charge::Running { flavor: "m1.tiny".into() },
                Charge::Licence { licence: "suite".to_owned() },
                Charge::Transfer { to: "south-1".into() },
            ][charge]
                .clone();
            let from = start().plus_ms(from_ms);
            let to = match charge.per() {
                Per::Once => Some(from),
                Per::Month | Per::Hour => lasts_ms.map(|ms| from.plus_ms(ms)),
            };
            Meter {
                id: MeterId(Uuid::nil()),
                subject: Subject::Image(Uuid::from_bytes([n; 16]).into()),
                name: "web".to_owned(),
                account: Uuid::nil().into(),
                project: Uuid::from_bytes([n % 2; 16]).into(),
                region: "north-1".into(),
                charge,
                quantity_bytes: bytes,
                virtual_bytes: bytes / 3,
                from,
                to,
                labels: None,
            }
        };
        proptest::collection::vec(meter.prop_map(made), 0..9)
    }

    fn period(from_ms: i64, lasts_ms: i64) -> Period {
        let from = start().plus_ms(from_ms);
        Period { from, until: from.plus_ms(lasts_ms) }
    }

    fn lines(meters: &[Meter], prices: &History, period: Period) -> Vec<Line> {
        meters.iter().filter_map(|meter| line(meter, prices, period)).collect()
    }

    #[test]
    fn the_days_of_a_period_begin_at_midnight_and_end_with_it() {
        let day = |text: &str| Timestamp::of_day(text).expect("a day");
        let month = Period::month(day("2028-02-10"));
        assert_eq!((month.days().len(), Period::month_before(day("2028-03-31"))), (30, month));
        let odd = Period { from: day("2026-12-30").plus_ms(5), until: day("2027-01-01").plus_ms(7) };
        assert_eq!(odd.days(), [odd.from, day("2026-12-31"), day("2027-01-01"), odd.until]);
        assert_eq!(odd.before(day("2026-01-01")).days(), [odd.from, odd.from]);
    }

    proptest! {
        #[test]
        fn every_report_adds_up_to_the_same(
            prices in histories(),
            meters in meters(),
            from_ms in -10 * DAY_MS..60 * DAY_MS,
            lasts_ms in 0..70 * DAY_MS,
        ) {
            let period = period(from_ms, lasts_ms);
            let lines = lines(&meters, &prices, period);
            let total: Money = meters.iter().map(|m| m.cost_between(&prices, period.from, period.until)).sum();
            prop_assert_eq!(lines.iter().map(|line| line.amount).sum::<Money>(), total);
            let sum = |sums: Vec<Money>| sums.into_iter().sum::<Money>();
            prop_assert_eq!(sum(grouped(lines.iter().map(|l| (l.section, l.amount))).into_values().collect()), total);
            prop_assert_eq!(sum(grouped(lines.iter().map(|l| (l.subject, l.amount))).into_values().collect()), total);
            prop_assert_eq!(sum(grouped(lines.iter().map(|l| ((l.project, l.region.clone()), l.amount))).into_values().collect()), total);
            let mut daily = Daily::of(period);
            let amounts: Vec<Money> = meters.iter().map(|meter| daily.add(meter, &prices)).collect();
            prop_assert_eq!(amounts.into_iter().sum::<Money>(), daily.total());
            prop_assert_eq!(daily.total(), total);
            let by_section = grouped(lines.iter().map(|l| (l.section, l.amount)));
            for section in Section::ALL {
                let of_days: Money = daily.days.iter().map(|day| day[section.index()]).sum();
                prop_assert_eq!(of_days, by_section.get(&section).copied().unwrap_or_default());
            }
        }

        #[test]
        fn each_day_costs_what_its_own_period_does(prices in histories(), meters in meters(), from_ms in -10 * DAY_MS..60 * DAY_MS) {
            let mut daily = Daily::of(period(from_ms, 40 * DAY_MS));
            let amounts: Vec<Money> = meters.iter().map(|meter| daily.add(meter, &prices)).collect();
            prop_assert_eq!(amounts.into_iter().sum::<Money>(), daily.total());
            for (pair, day) in daily.bounds.windows(2).zip(&daily.days) {
                let own: Money = meters.iter().map(|m| m.cost_between(&prices, pair[0], pair[1])).sum();
                prop_assert_eq!(day.iter().copied().sum::<Money>(), own);
            }
        }

        #[test]
        fn a_period_that_is_split_costs_the_same_and_a_line_holds_what_it_is_made_of(
            prices in histories(),
            meters in meters(),
            cut_ms in 0..70 * DAY_MS,
        ) {
            let whole = period(0, 70 * DAY_MS);
            let cut = whole.from.plus_ms(cut_ms);
            let sum = |period| lines(&meters, &prices, period).iter().map(|l| l.amount).sum::<Money>();
            let parts = sum(whole.before(cut)) + sum(Period { from: cut, ..whole });
            prop_assert_eq!(parts, sum(whole));
            for meter in &meters {
                let Some(line) = line(meter, &prices, whole) else { continue };
                if meter.charge.per() != Per::Once {
                    prop_assert_eq!(line.parts.iter().map(Part::seconds).sum::<u64>(), line.seconds);
                }
                let mut exact = Exact::default();
                line.parts.iter().for_each(|part| exact.add(meter.owed(part, part.seconds())));
                prop_assert!((exact.rounded() - line.amount).0.abs() <= 1, "its parts are its amount, but for one rounding");
            }
        }
    }
}
