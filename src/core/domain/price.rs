//! Prices and estimates, the same in browser and server. A price of zero is a price.

mod ahead;
mod history;

pub use ahead::Ahead;
pub use history::{DatedBook, History, Part};

use super::disk::DiskKind;
use super::ids::FlavorId;
use super::meter::Charge;
use super::money::Money;
use super::size::{GB, GIB};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Add;

/// Hours in a month of 730 hours, and on average in one of the calendar: what every estimate is made with.
pub const HOURS_PER_MONTH: u64 = 730;
/// Seconds in such a month.
pub const SECONDS_PER_MONTH: u64 = HOURS_PER_MONTH * 3600;

/// Which bytes of an image are charged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// Compressed bytes of the chunks that no other image or snapshot of the account in the region holds before it.
    #[default]
    Unique,
    /// The size of its disks as a guest sees it.
    Virtual,
}

impl Basis {
    /// Every basis.
    pub const ALL: [Self; 2] = [Self::Unique, Self::Virtual];

    /// The word in forms and addresses.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Unique => "unique",
            Self::Virtual => "virtual",
        }
    }

    /// What it is, in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Unique => "stored unique bytes",
            Self::Virtual => "virtual bytes",
        }
    }
}

/// The unit that bytes are charged in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// 10^9 bytes.
    #[default]
    Gb,
    /// 2^30 bytes.
    Gib,
}

impl Unit {
    /// How it is written: `GB` or `GiB`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Gb => "GB",
            Self::Gib => "GiB",
        }
    }

    /// How many bytes it is.
    pub const fn bytes(self) -> u64 {
        match self {
            Self::Gb => GB,
            Self::Gib => GIB,
        }
    }
}

/// How long the month is that rates are quoted for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Month {
    /// 730 hours, whichever month it is.
    #[default]
    Fixed,
    /// The month of the calendar, in UTC: of 28 to 31 days.
    Calendar,
}

impl Month {
    /// What it is, in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Fixed => "A month is 730 hours.",
            Self::Calendar => {
                "A month is that of the calendar, in UTC; an estimate takes 730 hours, the average."
            }
        }
    }
}

/// The prices of a region.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct PriceBook {
    /// Rises with every change, so that a form knows which prices it showed.
    pub version: u32,
    /// The currency's symbol, such as `€`.
    pub symbol: String,
    /// Which bytes of images are charged, in the recycle bin as well.
    pub basis: Basis,
    /// What *GB* means in the names of the rates below.
    pub unit: Unit,
    /// How long a month is.
    pub month: Month,
    /// Per GB of images and month (P11).
    pub image_gb_month: Money,
    /// Per GB of images in the recycle bin and month.
    pub bin_gb_month: Money,
    /// Per month of the snapshot service being on, for an account, whatever it keeps; 0 for nothing.
    pub snapshot_service_month: Money,
    /// Per stored GB of snapshots and month.
    pub snapshot_gb_month: Money,
    /// Per provisioned GB of disk and month, by kind.
    pub disk_gb_month: BTreeMap<DiskKind, Money>,
    /// Per hour a machine of this type runs.
    pub flavor_hour: BTreeMap<FlavorId, Money>,
    /// Per hour a machine runs that carries this market licence (U5).
    pub licence_hour: BTreeMap<String, Money>,
    /// Per GB that travels from here to another region.
    pub transfer_gb: Money,
}

/// A price of stored bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rate {
    /// The amount.
    pub amount: Money,
    /// What it is for.
    pub unit: Unit,
}

impl Rate {
    /// `€0.050 per stored GB`.
    pub fn words(self, symbol: &str) -> String {
        format!("{} per stored {}", self.amount.rate(symbol), self.unit.word())
    }
}

/// A price before the click.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Estimate {
    /// Per hour.
    pub hour: Money,
    /// Per month; 730 hours, which is also the average month of the calendar.
    pub month: Money,
}

impl Add for Estimate {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { hour: self.hour + other.hour, month: self.month + other.month }
    }
}

impl Estimate {
    /// What nothing costs.
    pub const NOTHING: Self = Self { hour: Money::ZERO, month: Money::ZERO };

    /// What so many of it cost.
    #[must_use]
    pub fn times(self, n: u32) -> Self {
        Self { hour: self.hour.scaled(n.into(), 1), month: self.month.scaled(n.into(), 1) }
    }

    /// `€0.006 per hour, €4.12 per month`; the month first where an hour is too little to be written.
    pub fn words(&self, symbol: &str) -> String {
        let (hour, month) = (self.hour.fine(symbol), self.month.display(symbol));
        match self.hour.0 {
            1..50 => format!("{month} per month, {hour} per hour"),
            _ => format!("{hour} per hour, {month} per month"),
        }
    }
}

impl PriceBook {
    /// The rate of a charge: per GB and month, per month, or per hour. What has no price costs nothing.
    pub fn rate(&self, charge: &Charge) -> Money {
        match charge {
            Charge::ImageStorage => self.image_gb_month,
            Charge::BinStorage => self.bin_gb_month,
            Charge::SnapshotStorage => self.snapshot_gb_month,
            Charge::SnapshotService => self.snapshot_service_month,
            Charge::Disk { disk_kind } => self.disk_gb_month.get(disk_kind).copied().unwrap_or_default(),
            Charge::Running { flavor } => self.flavor_hour.get(flavor).copied().unwrap_or_default(),
            Charge::Licence { licence } => self.licence_hour.get(licence).copied().unwrap_or_default(),
            Charge::Transfer { .. } => self.transfer_gb,
        }
    }

    /// `GB and month`, or with the unit in force: what stored bytes are priced per.
    pub const fn per_month(&self) -> &'static str {
        match self.unit {
            Unit::Gb => "GB and month",
            Unit::Gib => "GiB and month",
        }
    }

    /// This amount as a price of a unit of stored bytes.
    pub const fn stored_rate(&self, amount: Money) -> Rate {
        Rate { amount, unit: self.unit }
    }

    /// Which bytes of an image are charged that has so many and shares none.
    pub const fn counted(&self, stored_bytes: u64, virtual_bytes: u64) -> u64 {
        match self.basis {
            Basis::Unique => stored_bytes,
            Basis::Virtual => virtual_bytes,
        }
    }

    /// What keeping `stored_bytes` of image costs (P11).
    pub fn image(&self, stored_bytes: u64) -> Estimate {
        self.stored(self.image_gb_month, stored_bytes)
    }

    /// What keeping `stored_bytes` of image in the recycle bin costs.
    pub fn in_bin(&self, stored_bytes: u64) -> Estimate {
        self.stored(self.bin_gb_month, stored_bytes)
    }

    /// What keeping `stored_bytes` of snapshots costs, beside the service itself.
    pub fn snapshots(&self, stored_bytes: u64) -> Estimate {
        self.stored(self.snapshot_gb_month, stored_bytes)
    }

    /// What the snapshot service costs while it is on, beside what it keeps.
    pub fn snapshot_service(&self) -> Estimate {
        let month = self.snapshot_service_month;
        Estimate { hour: month.scaled(1, u128::from(HOURS_PER_MONTH)), month }
    }

    /// What a disk of this kind and size costs; nothing where the kind has no price.
    pub fn disk(&self, kind: DiskKind, size_bytes: u64) -> Estimate {
        self.stored(self.disk_gb_month.get(&kind).copied().unwrap_or_default(), size_bytes)
    }

    /// What a running machine with these disks costs. `None` when the type or a disk kind has no price here.
    pub fn machine(&self, flavor: &FlavorId, disks: &[(DiskKind, u64)]) -> Option<Estimate> {
        let hour = *self.flavor_hour.get(flavor)?;
        let mut total = Estimate { hour, month: hour.scaled(u128::from(HOURS_PER_MONTH), 1) };
        for (kind, size_bytes) in disks {
            let disk = self.stored(*self.disk_gb_month.get(kind)?, *size_bytes);
            total.month = total.month + disk.month;
            total.hour = total.hour + disk.hour;
        }
        Some(total)
    }

    /// What the market licence of a machine costs while that runs, beside the machine; nothing for none.
    pub fn licence(&self, licence: &str) -> Estimate {
        let hour = self.licence_hour.get(licence).copied().unwrap_or_default();
        Estimate { hour, month: hour.scaled(u128::from(HOURS_PER_MONTH), 1) }
    }

    /// What it costs once that so many bytes travel from here to another region.
    pub fn transfer(&self, bytes: u64) -> Money {
        self.transfer_gb.scaled(u128::from(bytes), u128::from(self.unit.bytes()))
    }

    /// What so many bytes cost at a rate per unit and month.
    fn stored(&self, rate: Money, bytes: u64) -> Estimate {
        let (bytes, unit) = (u128::from(bytes), u128::from(self.unit.bytes()));
        Estimate {
            hour: rate.scaled(bytes, unit * u128::from(HOURS_PER_MONTH)),
            month: rate.scaled(bytes, unit),
        }
    }
}

impl PriceBook {
    /// What is different from the book `before`, a phrase each.
    pub fn changes_since(&self, before: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        if self.symbol != before.symbol {
            changes.push(format!("currency from {} to {}", before.symbol, self.symbol));
        }
        if self.basis != before.basis {
            changes.push(format!(
                "images charged by {} instead of {}",
                self.basis.words(),
                before.basis.words()
            ));
        }
        if self.unit != before.unit {
            changes.push(format!("unit from {} to {}", before.unit.word(), self.unit.word()));
        }
        if self.month != before.month {
            let month = |book: &Self| match book.month {
                Month::Fixed => "730 hours",
                Month::Calendar => "that of the calendar",
            };
            changes.push(format!("month from {} to {}", month(before), month(self)));
        }
        let mut rate = |what: &str, per: &str, old: Option<Money>, new: Option<Money>| {
            let shown = |rate: Option<Money>, symbol: &str| {
                rate.map_or_else(|| "no price".to_owned(), |rate| rate.exact(symbol))
            };
            if old != new {
                let (old, new) = (shown(old, &before.symbol), shown(new, &self.symbol));
                changes.push(format!("{what} from {old} to {new} per {per}"));
            }
        };
        let stored = self.per_month();
        rate("images", stored, Some(before.image_gb_month), Some(self.image_gb_month));
        rate("recycle bin", stored, Some(before.bin_gb_month), Some(self.bin_gb_month));
        let service = |book: &Self| Some(book.snapshot_service_month);
        rate("snapshot service", "month", service(before), service(self));
        rate("snapshots", stored, Some(before.snapshot_gb_month), Some(self.snapshot_gb_month));
        for kind in DiskKind::ALL {
            let (old, new) = (before.disk_gb_month.get(&kind), self.disk_gb_month.get(&kind));
            rate(&format!("{kind} disks"), stored, old.copied(), new.copied());
        }
        let flavors: BTreeSet<&FlavorId> = before.flavor_hour.keys().chain(self.flavor_hour.keys()).collect();
        for id in flavors {
            let (old, new) = (before.flavor_hour.get(id), self.flavor_hour.get(id));
            rate(id.as_str(), "hour", old.copied(), new.copied());
        }
        let licences: BTreeSet<&String> =
            before.licence_hour.keys().chain(self.licence_hour.keys()).collect();
        for licence in licences {
            let (old, new) = (before.licence_hour.get(licence), self.licence_hour.get(licence));
            rate(&format!("the licence {licence}"), "hour", old.copied(), new.copied());
        }
        rate("transfer", self.unit.word(), Some(before.transfer_gb), Some(self.transfer_gb));
        changes
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn book() -> PriceBook {
        PriceBook {
            version: 1,
            symbol: "€".to_owned(),
            image_gb_month: Money(50_000),
            bin_gb_month: Money(20_000),
            snapshot_service_month: Money(730_000),
            snapshot_gb_month: Money(30_000),
            disk_gb_month: [(DiskKind::Ssd, Money(80_000))].into(),
            flavor_hour: [("m1.tiny".into(), Money(4_000))].into(),
            ..PriceBook::default()
        }
    }

    #[test]
    fn an_image_costs_its_stored_size_times_the_rate() {
        let e = book().image(9_410_000_000);
        assert_eq!(e.month.display("€"), "€0.47");
        assert_eq!(e.hour, Money(645));
        assert_eq!(book().in_bin(10 * GB).month, Money(200_000));
        assert_eq!(book().snapshots(10 * GB).month, Money(300_000));
        assert_eq!(book().snapshot_service().hour, Money(1_000));
    }

    #[test]
    fn a_machine_costs_its_type_and_its_disks() {
        let e = book().machine(&"m1.tiny".into(), &[(DiskKind::Ssd, 10 * GB)]).expect("priced");
        assert_eq!(e.month, Money(4_000 * 730 + 800_000));
        assert!(book().machine(&"m1.tiny".into(), &[(DiskKind::Local, GB)]).is_none());
    }
}
