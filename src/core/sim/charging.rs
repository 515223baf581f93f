//! Prices that are announced and withdrawn, other units and months, and who pays for shared chunks: what happens to them, and the rules that
//! must hold, counted here in another way than the program does.

use super::bench::Bench;
use super::invariants::Checked;
use super::witness::Records;
use super::world::World;
use crate::domain::ids::{AccountId, RegionId};
use crate::domain::image::{Status, Visibility};
use crate::domain::money::Money;
use crate::domain::price::{Basis, Month, PriceBook, Unit};
use crate::domain::snapshot;
use crate::domain::usage::{ExportQuery, Period};
use crate::ops::verify::{self, Verified};
use crate::ops::{prices, provider, usage};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

impl World {
    /// One price of a book becomes another.
    pub(super) fn reprice(&mut self) -> impl Fn(&mut PriceBook) + use<> {
        let rate = Money(i64::try_from(self.dice.below(90_000)).unwrap_or(0));
        let of = self.dice.below(9);
        move |prices: &mut PriceBook| match of {
            0 => prices.image_gb_month = rate,
            3 => prices.bin_gb_month = rate,
            4 => prices.snapshot_gb_month = rate,
            5 => prices.snapshot_service_month = rate,
            1 => prices.disk_gb_month.values_mut().for_each(|price| *price = rate),
            6 => _ = prices.licence_hour.insert("GPL".to_owned(), rate),
            7 => prices.transfer_gb = rate,
            8 => {
                prices.basis = match prices.basis {
                    Basis::Unique => Basis::Virtual,
                    Basis::Virtual => Basis::Unique,
                }
            }
            _ => prices.flavor_hour.values_mut().for_each(|price| *price = rate),
        }
    }

    /// The provider announces prices for a day, or takes some back.
    pub(super) fn announces_prices(&mut self) -> (String, String) {
        let (region, ctx) = (self.region(), self.bench.app.system());
        if self.dice.chance(300) {
            let books = self.bench.app.books.group(&region);
            let versions: Vec<u32> = books.iter().map(|book| book.prices.version).collect();
            let version = self.dice.pick(&versions).copied().unwrap_or(1);
            let (_, outcome) = self.expect(prices::withdraw(&ctx, &region, version), &["prices_hold"]);
            return ("provider-withdraws".to_owned(), outcome);
        }
        let reprice = self.reprice();
        let books = self.bench.app.books.group(&region);
        let latest = books.iter().max_by_key(|book| book.prices.version);
        let mut book = latest.map(|book| book.prices.clone()).unwrap_or_default();
        reprice(&mut book);
        let hours = self.dice.pick(&[1, 5, 30, 400]).copied().unwrap_or(1);
        let result = prices::set(&ctx, &region, &book, Some(ctx.now.plus_ms(hours * 3_600_000)));
        let refusals = ["prices_unchanged", "price_date_order", "price_date_past", "prices_announced"];
        let (_, outcome) = self.expect(result, &refusals);
        ("provider-announces".to_owned(), outcome)
    }

    /// What the settings may say after the next start.
    pub(super) fn other_settings(&mut self) {
        if self.dice.chance(300) {
            self.bench.next.unit = if self.dice.chance(500) { Unit::Gb } else { Unit::Gib };
            self.bench.next.month = if self.dice.chance(500) { Month::Fixed } else { Month::Calendar };
        }
    }
}

/// Images in use, those in the recycle bin, snapshots; the older first; the smaller id first.
type Rank = (u8, i64, Uuid);

/// What every image and snapshot has to be charged for, where everything that changed is charged for already: block by block, each by the
/// first that has it.
pub(super) fn quantities_due(bench: &Bench, records: &Records) -> BTreeMap<Uuid, u64> {
    let mut holders: BTreeMap<(AccountId, RegionId), BTreeMap<Rank, Vec<String>>> = BTreeMap::new();
    for image in records.images.all().filter(|i| i.visibility == Visibility::Private) {
        let class = match image.status {
            Status::Available => 0,
            Status::Recycled => 1,
            Status::Creating | Status::Error | Status::Deleting => continue,
        };
        let contents = image.disks.iter().map(|disk| disk.fingerprint.clone()).collect();
        let place = holders.entry((image.account, image.region.clone())).or_default();
        place.insert((class, image.created.0, image.id.0), contents);
    }
    for snapshot in records.snapshots.all().filter(|s| s.status == snapshot::Status::Available) {
        let contents = snapshot.contents().map(|disk| disk.fingerprint.clone()).collect();
        let place = holders.entry((snapshot.account, snapshot.region.clone())).or_default();
        place.insert((2, snapshot.created.0, snapshot.id.0), contents);
    }
    let mut due = BTreeMap::new();
    for ((account, region), holders) in holders {
        let waits = records.holdings.all().any(|h| h.account == account && h.region == region);
        if waits {
            continue;
        }
        let mut paid = BTreeSet::new();
        for ((_, _, id), contents) in holders {
            let blocks = contents.iter().flat_map(|print| bench.host.blocks(&region, print));
            let n_own = blocks.filter(|block| paid.insert(*block)).count();
            due.insert(
                id,
                u64::try_from(n_own).unwrap_or(u64::MAX).saturating_mul(super::content::BLOCK_BYTES),
            );
        }
    }
    due
}

/// At rest everything is charged for, and `darkroom check` agrees.
pub(super) fn everything_is_attributed(bench: &Bench, records: &Records, verified: &Verified) -> Checked {
    let waits = records.holdings.all().next();
    if let Some(waits) = waits {
        return Err(format!("{:?} changed at rest and is not charged for", waits.subject));
    }
    let found = verify::attributed(verified, bench.app.storage.as_ref());
    found.into_iter().next().map_or(Ok(()), |what| Err(format!("`darkroom check` finds at rest: {what}")))
}

/// At rest the provider's page adds up to the usage of all accounts, month by month and to the millionth, and so do the lines of its latest
/// month, fetched a few at a time.
pub(super) fn the_provider_sees_what_accounts_see(bench: &Bench, records: &Records) -> Checked {
    let ctx = bench.app.system();
    let accounts: BTreeSet<AccountId> = records.meters.all().map(|meter| meter.account).collect();
    let page = provider::revenue(&ctx, "").map_err(|e| e.to_string())?;
    for month in &page.months {
        let period = Period::month(month.from).before(ctx.now);
        let mut sum = Money::ZERO;
        for account in &accounts {
            let lines = usage::lines(&bench.app, *account, period).map_err(|e| e.to_string())?;
            sum = sum + lines.iter().map(|line| line.amount).sum();
        }
        if sum != month.total {
            let month_words = month.from.month_words();
            return Err(format!("revenue of {month_words} is {:?}, and accounts used {sum:?}", month.total));
        }
    }
    let (mut sum, mut n_lines) = (Money::ZERO, 0u32);
    let mut query = ExportQuery { limit: "7".to_owned(), ..ExportQuery::of(page.chosen) };
    loop {
        let some = provider::usage_lines(&ctx, &query).map_err(|e| e.to_string())?;
        for line in some.lines {
            (sum, n_lines) = (sum + Money(line.amount_millionths), n_lines + 1);
        }
        match some.next {
            Some(next) => query.after = next,
            None => break,
        }
    }
    if (sum, n_lines) != (page.total, page.n_lines) {
        return Err(format!(
            "{n_lines} lines of {sum:?} were fetched of {}, which are {:?}",
            page.n_lines, page.total
        ));
    }
    Ok(())
}
