//! Prices and estimates, the same in browser and server. A price of zero is a price.

use super::disk::DiskKind;
use super::ids::{FlavorId, RegionId};
use super::meter::Charge;
use super::money::Money;
use super::size::GB;
use super::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Hours in a month for every rate quoted per month.
pub const HOURS_PER_MONTH: u64 = 730;
/// Seconds in such a month.
pub const SECONDS_PER_MONTH: u64 = HOURS_PER_MONTH * 3600;

/// The prices of a region. GB means 10^9 bytes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PriceBook {
    /// Rises with every change, so that a form knows which prices it showed.
    pub version: u32,
    /// The currency's symbol, such as `€`.
    pub symbol: String,
    /// Per stored GB of images and month (P11).
    pub image_gb_month: Money,
    /// Per stored GB of images in the recycle bin and month.
    pub bin_gb_month: Money,
    /// Per month of the snapshot service being on, for an account, whatever it keeps; 0 for nothing.
    pub snapshot_service_month: Money,
    /// Per stored GB of snapshots and month.
    pub snapshot_gb_month: Money,
    /// Per provisioned GB of disk and month, by kind.
    pub disk_gb_month: BTreeMap<DiskKind, Money>,
    /// Per hour a machine of this type runs.
    pub flavor_hour: BTreeMap<FlavorId, Money>,
}

/// A price book of a region and from when on it holds; it is never changed, and the next version follows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DatedBook {
    /// Where it holds.
    pub region: RegionId,
    /// From when on, until the next version does; the first one also held before.
    pub from: Timestamp,
    /// The prices.
    pub prices: PriceBook,
}

/// All price books of a region, one after the other: what a charge costs at any moment. A change of prices adds a book at its end and
/// touches neither what was charged before it nor any meter.
#[derive(Clone, Debug, Default)]
pub struct History(Vec<Arc<DatedBook>>);

impl History {
    /// A history of these books of one region.
    pub fn new(mut books: Vec<Arc<DatedBook>>) -> Self {
        books.sort_by_key(|book| book.prices.version);
        Self(books)
    }

    /// The rates of a charge between two moments, each with the whole seconds that it holds for.
    pub fn rates(&self, charge: &Charge, from: Timestamp, until: Timestamp) -> Vec<(Money, u64)> {
        let mut rates = Vec::new();
        for (n, book) in self.0.iter().enumerate() {
            let begins = if n == 0 { from } else { book.from.max(from) };
            let ends = self.0.get(n + 1).map_or(until, |next| next.from.min(until));
            let seconds = u64::try_from(ends.seconds().saturating_sub(begins.seconds())).unwrap_or(0);
            if seconds > 0 {
                rates.push((book.prices.rate(charge), seconds));
            }
        }
        rates
    }
}

/// A price before the click.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Estimate {
    /// Per hour.
    pub hour: Money,
    /// Per month of 730 hours.
    pub month: Money,
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
        }
    }

    /// What keeping `stored_bytes` of image costs (P11).
    pub fn image(&self, stored_bytes: u64) -> Estimate {
        stored(self.image_gb_month, stored_bytes)
    }

    /// What keeping `stored_bytes` of image in the recycle bin costs.
    pub fn in_bin(&self, stored_bytes: u64) -> Estimate {
        stored(self.bin_gb_month, stored_bytes)
    }

    /// What keeping `stored_bytes` of snapshots costs, beside the service itself.
    pub fn snapshots(&self, stored_bytes: u64) -> Estimate {
        stored(self.snapshot_gb_month, stored_bytes)
    }

    /// What the snapshot service costs while it is on, beside what it keeps.
    pub fn snapshot_service(&self) -> Estimate {
        let month = self.snapshot_service_month;
        Estimate { hour: month.scaled(1, u128::from(HOURS_PER_MONTH)), month }
    }

    /// What a disk of this kind and size costs; nothing where the kind has no price.
    pub fn disk(&self, kind: DiskKind, size_bytes: u64) -> Estimate {
        stored(self.disk_gb_month.get(&kind).copied().unwrap_or_default(), size_bytes)
    }

    /// What a running machine with these disks costs. `None` when the type or a disk kind has no price here.
    pub fn machine(&self, flavor: &FlavorId, disks: &[(DiskKind, u64)]) -> Option<Estimate> {
        let hour = *self.flavor_hour.get(flavor)?;
        let mut total = Estimate { hour, month: hour.scaled(u128::from(HOURS_PER_MONTH), 1) };
        for (kind, size_bytes) in disks {
            let disk = stored(*self.disk_gb_month.get(kind)?, *size_bytes);
            total.month = total.month + disk.month;
            total.hour = total.hour + disk.hour;
        }
        Some(total)
    }
}

impl PriceBook {
    /// What is different from the book `before`, a phrase each.
    pub fn changes_since(&self, before: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        if self.symbol != before.symbol {
            changes.push(format!("currency from {} to {}", before.symbol, self.symbol));
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
        rate("images", "GB and month", Some(before.image_gb_month), Some(self.image_gb_month));
        rate("recycle bin", "GB and month", Some(before.bin_gb_month), Some(self.bin_gb_month));
        let service = |book: &Self| Some(book.snapshot_service_month);
        rate("snapshot service", "month", service(before), service(self));
        rate("snapshots", "GB and month", Some(before.snapshot_gb_month), Some(self.snapshot_gb_month));
        for kind in DiskKind::ALL {
            let (old, new) = (before.disk_gb_month.get(&kind), self.disk_gb_month.get(&kind));
            rate(&format!("{kind} disks"), "GB and month", old.copied(), new.copied());
        }
        let flavors: BTreeSet<&FlavorId> = before.flavor_hour.keys().chain(self.flavor_hour.keys()).collect();
        for id in flavors {
            let (old, new) = (before.flavor_hour.get(id), self.flavor_hour.get(id));
            rate(id.as_str(), "hour", old.copied(), new.copied());
        }
        changes
    }
}

/// What so many bytes cost at a rate per GB and month.
fn stored(rate: Money, bytes: u64) -> Estimate {
    let (bytes, gb) = (u128::from(bytes), u128::from(GB));
    Estimate { hour: rate.scaled(bytes, gb * u128::from(HOURS_PER_MONTH)), month: rate.scaled(bytes, gb) }
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
