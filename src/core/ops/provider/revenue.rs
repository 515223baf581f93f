//! The provider's page *Revenue*: what all accounts were charged by region and month, who was charged most, and what is stored against what
//! is billed. Every figure is computed in one pass over the meters, with the functions that the accounts' own pages use.

use super::accounts;
use crate::domain::Result;
use crate::domain::attribution::Class;
use crate::domain::ids::{AccountId, RegionId};
use crate::domain::image::Visibility;
use crate::domain::money::Money;
use crate::domain::policy::{Act, Resource};
use crate::domain::price::Basis;
use crate::domain::time::Timestamp;
use crate::domain::usage::{self, Period};
use crate::domain::view::{RegionStorage, RevenueMonth, RevenuePage, StoredBytes, TopAccount};
use crate::ops::billing;
use crate::ops::ctx::Ctx;
use crate::ops::people;
use crate::ops::usage::Histories;
use crate::ports::{Fingerprint, PortError};
use std::collections::{BTreeMap, BTreeSet};

/// Months that are shown, the present one among them.
const MONTHS: usize = 12;
/// Accounts that are named; the others are one row.
const TOP_MAX: usize = 20;

/// The page; `month` is that of the accounts that are named, as `2026-11`, and the present one where it is none of those that are shown.
///
/// # Errors
/// `NotFound` or `Unauthenticated` for who is not the provider's; when the store cannot be read. Storage that does not answer is said on
/// the page.
pub fn revenue(ctx: &Ctx, month: &str) -> Result<RevenuePage> {
    ctx.authorize(Act::ProviderGet, &Resource::Provider, "page")?;
    let bounds = bounds(ctx.now);
    let chosen = bounds[..MONTHS].iter().position(|from| from.iso_month() == month).unwrap_or(MONTHS - 1);
    let mut histories = Histories::default();
    let sums = Sums::of(ctx, &mut histories, &bounds, chosen)?;
    let mut regions: BTreeSet<RegionId> = people::regions(ctx)?.into_iter().map(|region| region.id).collect();
    regions.extend(sums.by_region.keys().cloned());
    let regions: Vec<RegionId> = regions.into_iter().collect();
    let months = (0..MONTHS).rev().map(|place| {
        let of = |region: &RegionId| sums.by_region.get(region).map_or(Money::ZERO, |months| months[place]);
        let by_region: Vec<Money> = regions.iter().map(of).collect();
        RevenueMonth { from: bounds[place], total: by_region.iter().copied().sum(), by_region }
    });
    let total: Money = sums.by_account.values().copied().sum();
    let mut top = charged(ctx, &sums.by_account, total)?;
    let rest = top.split_off(top.len().min(TOP_MAX));
    let mut storage = Vec::new();
    for region in &regions {
        let book = histories.of(&ctx.app, region)?.in_force(ctx.now);
        let basis = book.map(|book| book.prices.basis).unwrap_or_default();
        let stored = stored(ctx, region).map_err(|error| error.to_string());
        let billed_bytes = sums.billed_bytes.get(region).copied().unwrap_or(0);
        storage.push(RegionStorage { region: region.clone(), stored, billed_bytes, basis });
    }
    Ok(RevenuePage {
        symbol: billing::symbol(ctx)?,
        months: months.collect(),
        regions,
        chosen: Period::month(bounds[chosen]),
        total,
        top,
        n_more: u32::try_from(rest.len()).unwrap_or(u32::MAX),
        more: rest.iter().map(|account| account.amount).sum(),
        n_lines: sums.n_lines,
        lines_max: ctx.app.settings.export_lines_max,
        storage,
        now: ctx.now,
    })
}

/// The first moments of the months that are shown, the earliest first, and now.
fn bounds(now: Timestamp) -> Vec<Timestamp> {
    let mut bounds = vec![now];
    let mut month = Period::month(now);
    for _ in 0..MONTHS {
        bounds.push(month.from);
        month = Period::month_before(month.from);
    }
    bounds.reverse();
    bounds
}

/// What one pass over all meters gives.
#[derive(Default)]
struct Sums {
    /// What each region was charged, month by month.
    by_region: BTreeMap<RegionId, [Money; MONTHS]>,
    /// What each account was charged in the month that is chosen.
    by_account: BTreeMap<AccountId, Money>,
    /// The lines of that month.
    n_lines: u32,
    /// Bytes of images and snapshots that are charged now.
    billed_bytes: BTreeMap<RegionId, u64>,
}

impl Sums {
    fn of(ctx: &Ctx, histories: &mut Histories, bounds: &[Timestamp], chosen: usize) -> Result<Self> {
        let mut sums = Self::default();
        let month = Period { from: bounds[chosen], until: bounds[chosen + 1] };
        for meter in ctx.app.meters.all() {
            let history = histories.of(&ctx.app, &meter.region)?;
            let Self { by_region, by_account, .. } = &mut sums;
            usage::between(&meter, history, bounds, |place, amount| {
                let months = by_region.entry(meter.region.clone()).or_default();
                months[place] = months[place] + amount;
                if place == chosen {
                    let account = by_account.entry(meter.account).or_default();
                    *account = *account + amount;
                }
            });
            sums.n_lines = sums.n_lines.saturating_add(u32::from(usage::reaches(&meter, month)));
            if meter.to.is_none() && Class::of(&meter.charge).is_some() {
                let basis = history.in_force(ctx.now).map_or(Basis::default(), |book| book.prices.basis);
                let bytes = sums.billed_bytes.entry(meter.region.clone()).or_default();
                *bytes = bytes.saturating_add(meter.quantity_by(basis));
            }
        }
        Ok(sums)
    }
}

/// The accounts that were charged something, the dearest first.
fn charged(ctx: &Ctx, amounts: &BTreeMap<AccountId, Money>, total: Money) -> Result<Vec<TopAccount>> {
    let names: BTreeMap<AccountId, String> =
        accounts(ctx)?.into_iter().map(|account| (account.id, account.name.to_string())).collect();
    let row = |(id, amount): (&AccountId, &Money)| TopAccount {
        id: *id,
        name: names.get(id).cloned().unwrap_or_default(),
        amount: *amount,
        per_mille: per_mille(*amount, total),
    };
    let mut rows: Vec<TopAccount> = amounts.iter().map(row).collect();
    rows.sort_by(|a, b| b.amount.cmp(&a.amount).then_with(|| a.name.cmp(&b.name)));
    Ok(rows)
}

/// What part of the whole this is, in thousandths, rounded half up.
fn per_mille(part: Money, whole: Money) -> u32 {
    let (part, whole) = (i128::from(part.0), i128::from(whole.0));
    let doubled = part.saturating_mul(2_000).saturating_add(whole);
    doubled.checked_div(whole.saturating_mul(2)).and_then(|n| u32::try_from(n).ok()).unwrap_or(0)
}

/// What the storage of a region holds, and what of it are public images.
fn stored(ctx: &Ctx, region: &RegionId) -> std::result::Result<StoredBytes, PortError> {
    let blobs = ctx.app.storage.region(region)?;
    let mut public = BTreeSet::new();
    for image in ctx.app.images.all() {
        if image.region == *region && image.visibility == Visibility::Public {
            public.extend(image.disks.iter().map(|disk| disk.fingerprint.clone()));
        }
    }
    let public: Vec<Fingerprint> = public.into_iter().map(Fingerprint).collect();
    Ok(StoredBytes { stored_bytes: blobs.stored_bytes()?, public_bytes: blobs.union_bytes(&public)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twelve_months_end_with_the_present_one_and_now() {
        let day = |text: &str| Timestamp::of_day(text).expect("a day");
        let now = day("2028-02-29").plus_ms(5);
        let shown = bounds(now);
        assert_eq!(
            (shown.len(), shown[0], shown[11], shown[12]),
            (13, day("2027-03-01"), day("2028-02-01"), now)
        );
        assert!(shown.windows(2).all(|pair| pair[0] < pair[1]));
        let begun = bounds(day("2028-03-01"));
        assert_eq!(
            (begun[11], begun[12]),
            (day("2028-03-01"), day("2028-03-01")),
            "nothing of it is over yet"
        );
    }

    #[test]
    fn parts_are_in_thousandths_of_the_whole() {
        let of = |part, whole| per_mille(Money(part), Money(whole));
        assert_eq!(
            [of(1, 3), of(2, 3), of(5, 5), of(1, 2_000), of(1, 2_001), of(0, 0)],
            [333, 667, 1_000, 1, 0, 0]
        );
    }
}
