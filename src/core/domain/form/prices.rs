//! The provider's form that sets the prices of a region from a day on.

use super::Faults;
use crate::domain::disk::DiskKind;
use crate::domain::error::Error;
use crate::domain::ids::{FlavorId, RegionId};
use crate::domain::money::Money;
use crate::domain::price::{Basis, PriceBook};
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The dialog *New prices*. Every price is an amount such as `0.050`; an empty one of a kind, type or licence is no price.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PricesForm {
    /// The region, such as `north-1`.
    pub region: String,
    /// The latest version that the dialog showed: nobody writes over what another announced meanwhile.
    pub shown: u32,
    /// The day from which they hold, as `2026-11-18` in UTC; empty or today for now.
    pub from: String,
    /// `unique` or `virtual`: which bytes of images are charged.
    pub basis: String,
    /// Images.
    pub image: String,
    /// The recycle bin.
    pub bin: String,
    /// The snapshot service, for a month.
    pub service: String,
    /// Snapshots.
    pub snapshot: String,
    /// What travels to another region.
    pub transfer: String,
    /// Disks, by kind.
    pub disks: BTreeMap<String, String>,
    /// Instance types, for an hour.
    pub flavors: BTreeMap<String, String>,
    /// Market licences, for an hour: a line each, the name and the price.
    pub licences: String,
}

/// Set prices.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetPrices {
    /// The region.
    pub region: RegionId,
    /// The latest version that was shown.
    pub shown: u32,
    /// From when on; `None` for now.
    pub from: Option<Timestamp>,
    prices: PriceBook,
}

impl PricesForm {
    /// The form as it shows these prices, for everything that can have a price.
    pub fn of(region: &RegionId, prices: &PriceBook, flavors: &[FlavorId]) -> Self {
        let exact = |money: Money| money.exact("");
        let or_none = |money: Option<&Money>| money.map(|m| exact(*m)).unwrap_or_default();
        let disk = |kind: DiskKind| (kind.to_string(), or_none(prices.disk_gb_month.get(&kind)));
        let known = flavors.iter().chain(prices.flavor_hour.keys());
        let licence = |(name, price): (&String, &Money)| format!("{name} {}", exact(*price));
        Self {
            region: region.to_string(),
            shown: prices.version,
            from: String::new(),
            basis: prices.basis.slug().to_owned(),
            image: exact(prices.image_gb_month),
            bin: exact(prices.bin_gb_month),
            service: exact(prices.snapshot_service_month),
            snapshot: exact(prices.snapshot_gb_month),
            transfer: exact(prices.transfer_gb),
            disks: DiskKind::ALL.into_iter().map(disk).collect(),
            flavors: known.map(|id| (id.to_string(), or_none(prices.flavor_hour.get(id)))).collect(),
            licences: prices.licence_hour.iter().map(licence).collect::<Vec<_>>().join("\n"),
        }
    }

    /// Judges the form.
    ///
    /// # Errors
    /// `Invalid` with the fields that are wrong.
    pub fn parse(&self, now: Timestamp) -> Result<SetPrices, Error> {
        let mut faults = Faults::default();
        let mut price =
            |field: &str, text: &str| faults.take(field, Money::parse(text.trim())).unwrap_or_default();
        let mut prices = PriceBook {
            image_gb_month: price("image", &self.image),
            bin_gb_month: price("bin", &self.bin),
            snapshot_service_month: price("service", &self.service),
            snapshot_gb_month: price("snapshot", &self.snapshot),
            transfer_gb: price("transfer", &self.transfer),
            ..PriceBook::default()
        };
        for (kind, text) in self.disks.iter().filter(|(_, text)| !text.trim().is_empty()) {
            if let Some(kind) = DiskKind::ALL.into_iter().find(|known| known.to_string() == *kind) {
                prices.disk_gb_month.insert(kind, price(&format!("disk-{kind}"), text));
            }
        }
        for (flavor, text) in self.flavors.iter().filter(|(_, text)| !text.trim().is_empty()) {
            prices.flavor_hour.insert(FlavorId(flavor.clone()), price(&format!("flavor-{flavor}"), text));
        }
        for line in self.licences.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (name, text) = line.rsplit_once(char::is_whitespace).unwrap_or((line, ""));
            prices.licence_hour.insert(name.trim().to_owned(), price("licences", text));
        }
        let basis = Basis::ALL.into_iter().find(|basis| basis.slug() == self.basis);
        let basis = basis.ok_or_else(|| "Choose which bytes are charged.".to_owned());
        prices.basis = faults.take("basis", basis).unwrap_or_default();
        let today = now.iso_day();
        let from = Some(self.from.trim()).filter(|day| !day.is_empty() && *day != today);
        let from = from.and_then(|day| faults.take("from", day_to_come(day, now)));
        if !faults.0.is_empty() {
            return Err(Error::invalid(faults.0));
        }
        Ok(SetPrices { region: RegionId(self.region.clone()), shown: self.shown, from, prices })
    }
}

fn day_to_come(day: &str, now: Timestamp) -> Result<Timestamp, String> {
    match Timestamp::of_day(day) {
        None => Err("Name a day, such as 2026-11-18, or leave it empty for now.".to_owned()),
        Some(day) if day < now => {
            Err("That day is over. Prices never change backwards; leave it empty for now.".to_owned())
        }
        Some(day) => Ok(day),
    }
}

impl SetPrices {
    /// These prices in the currency of `before`.
    pub fn prices(&self, before: &PriceBook) -> PriceBook {
        PriceBook { symbol: before.symbol.clone(), ..self.prices.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::price::tests::book;

    #[test]
    fn the_form_shows_prices_and_reads_them_back() {
        let now = Timestamp::of_day("2026-11-18").expect("a day").plus_ms(5);
        let before = PriceBook { licence_hour: [("a suite".to_owned(), Money(1_500))].into(), ..book() };
        let form = PricesForm::of(&"north-1".into(), &before, &["m1.large".into()]);
        assert_eq!((form.licences.as_str(), form.flavors["m1.large"].as_str()), ("a suite 0.0015", ""));
        let read = form.parse(now).expect("right");
        let prices = read.prices(&before);
        assert_eq!((read.from, PriceBook { version: 1, ..prices }), (None, before));
        let wrong = |form: PricesForm| form.parse(now).unwrap_err().fields[0].field.clone();
        assert_eq!(wrong(PricesForm { from: "2026-11-17".into(), ..form.clone() }), "from");
        assert_eq!(wrong(PricesForm { image: "five".into(), ..form.clone() }), "image");
        assert_eq!(wrong(PricesForm { licences: "suite".into(), ..form.clone() }), "licences");
        let later = PricesForm { from: "2026-12-01".into(), ..form }.parse(now).expect("right");
        assert_eq!(later.from, Timestamp::of_day("2026-12-01"));
    }
}
