//! Prices of regions over time: which book holds now, the next one announced for a day, one withdrawn before its day. The record of a region
//! repeats the prices that held when it was written; whoever shows or charges a price asks here instead.

mod page;

pub use page::{page, set_form};

use super::audit::{self, Entry};
use super::ctx::{App, Ctx, Permit, each};
use super::{billing, people, usage};
use crate::domain::ids::{RegionId, Subject};
use crate::domain::meter::{Meter, Per};
use crate::domain::policy::{Act, Resource};
use crate::domain::price::{DatedBook, PriceBook};
use crate::domain::region::Region;
use crate::domain::time::Timestamp;
use crate::domain::{Error, Result};
use crate::store::Tx;
use std::sync::Arc;

/// The region with the prices that hold now, read in the transaction.
///
/// # Errors
/// `NotFound`; when the store cannot be read.
pub(crate) fn region(tx: &mut Tx<'_>, ctx: &Ctx, id: &RegionId) -> Result<Region> {
    let region = tx.get::<Region>(id)?.ok_or_else(|| Error::not_found("region"))?;
    Ok(at_present(ctx, region))
}

/// The region with the prices that hold now.
pub(crate) fn at_present(ctx: &Ctx, mut region: Region) -> Region {
    if let Some(book) = usage::books(&ctx.app, &region.id).in_force(ctx.now) {
        region.prices.clone_from(&book.prices);
    }
    region
}

/// Sets the prices of a region from a moment on: now, when none is given. What they cost before stays. Gives the version.
///
/// # Errors
/// `Forbidden`; `NotFound`; `prices_unchanged`; `price_date_past`, `price_date_order` at the field `from`; `prices_announced`.
pub fn set(ctx: &Ctx, id: &RegionId, prices: &PriceBook, from: Option<Timestamp>) -> Result<u32> {
    let permit = ctx.authorize(Act::RegionUpdate, &Resource::Provider, "region")?;
    let from = from.filter(|from| from.seconds() > ctx.now.seconds());
    ctx.transact(&permit, |tx| {
        let before = region(tx, ctx, id)?;
        let Some(from) = from else {
            let after = Region { prices: prices.clone(), ..before.clone() };
            let version = write(tx, ctx, &permit, &before, &after)?;
            return version.ok_or_else(|| unchanged(&before));
        };
        announce(tx, ctx, &permit, &before, prices, from)
    })
}

fn unchanged(region: &Region) -> Error {
    let message = format!(
        "These are the prices of {} already (version {}). Change one of them.",
        region.id, region.prices.version
    );
    Error::conflict("prices_unchanged", message)
}

/// Writes the region with other prices from now on, when they are other ones; gives their version then.
fn write(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    permit: &Permit,
    before: &Region,
    after: &Region,
) -> Result<Option<u32>> {
    let after = changed(tx, ctx, Some(before), after.clone())?;
    if after.prices.version == before.prices.version {
        return Ok(None);
    }
    tx.put(&after)?;
    let detail = after.changes_since(before);
    audit::write(tx, ctx, permit, &entry(&after, "region.update", detail))?;
    Ok(Some(after.prices.version))
}

pub(super) fn entry<'a>(region: &'a Region, action: &'a str, detail: String) -> Entry<'a> {
    Entry {
        subject: Subject::region(&region.id),
        name: region.id.as_str(),
        account: None,
        project: None,
        region: Some(&region.id),
        action,
        detail,
    }
}

/// A region that is to be written, with a book of its prices when they are new: the book holds from now on; if the clock was set back, from
/// where the latest charge in the region began or ended, and from the next second on where something was charged once in that one, so that
/// nothing that was charged already ever costs something else.
///
/// # Errors
/// `prices_announced` while others are to come; when the store cannot be used.
pub(super) fn changed(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    before: Option<&Region>,
    mut region: Region,
) -> Result<Region> {
    // Both are settings of the whole program and no region's own; who changes something else than prices does not bring them up to date.
    if before.is_none_or(|before| !equal(&before.prices, &region.prices)) {
        (region.prices.unit, region.prices.month) = (ctx.app.settings.unit, ctx.app.settings.month);
    }
    let Some(before) = before else {
        tx.put(&dated(&region.id, ctx.now, region.prices.clone()))?;
        return Ok(region);
    };
    if equal(&before.prices, &region.prices) {
        region.prices.version = before.prices.version;
        return Ok(region);
    }
    let history = usage::books(&ctx.app, &region.id);
    if let Some(next) = history.announced(ctx.now).next() {
        return Err(announced(&region.id, next));
    }
    keep_first(tx, before)?;
    region.prices.version = next_version(tx, ctx, &region.id, before)?;
    tx.put(&dated(&region.id, from_now_on(ctx, &region.id)?, region.prices.clone()))?;
    Ok(region)
}

fn from_now_on(ctx: &Ctx, region: &RegionId) -> Result<Timestamp> {
    let charged = latest_charge(ctx, region)?.map_or(ctx.now, |charged| charged.max(ctx.now));
    // What holds then may have begun within the same second, and nothing begins before it.
    let holds = usage::books(&ctx.app, region).in_force(charged).map(|book| book.from);
    let from = holds.map_or(charged, |from| from.max(charged));
    // What is charged once has the price of the whole second it falls into, and keeps it.
    let once = |m: &&Arc<Meter>| m.region == *region && m.charge.per() == Per::Once;
    let taken = ctx.app.meters.all().iter().filter(once).any(|m| m.from.seconds() == from.seconds());
    Ok(if taken { Timestamp::from_seconds(from.seconds() + 1) } else { from })
}

fn dated(region: &RegionId, from: Timestamp, prices: PriceBook) -> DatedBook {
    DatedBook { region: region.clone(), from, withdrawn: None, prices }
}

fn equal(one: &PriceBook, other: &PriceBook) -> bool {
    PriceBook { version: 0, ..one.clone() } == PriceBook { version: 0, ..other.clone() }
}

fn announced(region: &RegionId, next: &DatedBook) -> Error {
    let message = format!(
        "Version {} of the prices of {region} is announced for {}. Withdraw it first, or set the new prices from that day on.",
        next.prices.version,
        next.from.minute()
    );
    Error::conflict("prices_announced", message)
}

/// A darkroom that kept no books wrote the region: its prices held always.
fn keep_first(tx: &mut Tx<'_>, before: &Region) -> Result<()> {
    if tx.get::<DatedBook>(&(before.id.clone(), before.prices.version))?.is_none() {
        tx.put(&dated(&before.id, Timestamp::default(), before.prices.clone()))?;
    }
    Ok(())
}

/// Where the latest charge in the region began or ended, or the end of what is closed, where that is later: what is open is charged up to it.
fn latest_charge(ctx: &Ctx, region: &RegionId) -> Result<Option<Timestamp>> {
    let meters = ctx.app.meters.all();
    let latest = meters.iter().filter(|m| m.region == *region).map(|m| m.to.unwrap_or(m.from)).max();
    Ok(latest.max(billing::closed_to(ctx)?))
}

/// Books follow one another without a gap, those that were withdrawn as well. Whoever else adds one meanwhile adds this very number.
fn next_version(tx: &mut Tx<'_>, ctx: &Ctx, region: &RegionId, before: &Region) -> Result<u32> {
    let books = ctx.app.books.group(region);
    let last = books.iter().map(|book| book.prices.version).max().unwrap_or(before.prices.version);
    let mut next = last.max(before.prices.version).saturating_add(1);
    while tx.get::<DatedBook>(&(region.clone(), next))?.is_some() {
        next = next.saturating_add(1);
    }
    Ok(next)
}

fn announce(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    permit: &Permit,
    before: &Region,
    prices: &PriceBook,
    from: Timestamp,
) -> Result<u32> {
    let history = usage::books(&ctx.app, &before.id);
    let last = history.last().map_or(&before.prices, |book| &book.prices);
    let mut prices = prices.clone();
    (prices.unit, prices.month) = (ctx.app.settings.unit, ctx.app.settings.month);
    if equal(last, &prices) {
        return Err(unchanged(&Region { prices: last.clone(), ..before.clone() }));
    }
    if let Some(book) = history.last().filter(|book| from.seconds() <= book.from.seconds()) {
        let message = format!(
            "Version {} is announced for {}. Name a later day, or withdraw it first.",
            book.prices.version,
            book.from.minute()
        );
        return Err(Error::field("from", "price_date_order", message));
    }
    if let Some(charged) = latest_charge(ctx, &before.id)?.filter(|charged| *charged > from) {
        let message =
            format!("Charges of {} reach up to {} already. Name a later day.", before.id, charged.minute());
        return Err(Error::field("from", "price_date_past", message));
    }
    keep_first(tx, before)?;
    prices.version = next_version(tx, ctx, &before.id, before)?;
    let (version, changes) = (prices.version, prices.changes_since(last).join(", "));
    // Written as it is, so that two who announce at once do not pass each other.
    let stored = tx.get::<Region>(&before.id)?.ok_or_else(|| Error::not_found("region"))?;
    tx.put(&stored)?;
    tx.put(&dated(&before.id, from, prices))?;
    let detail = format!("Version {version} from {} on: {changes}.", from.minute());
    audit::write(tx, ctx, permit, &entry(before, "region.prices_announce", detail))?;
    Ok(version)
}

/// Takes back prices that were announced and do not hold yet.
///
/// # Errors
/// `Forbidden`; `NotFound`; `prices_hold` for those that already do.
pub fn withdraw(ctx: &Ctx, id: &RegionId, version: u32) -> Result<()> {
    let permit = ctx.authorize(Act::RegionUpdate, &Resource::Provider, "region")?;
    ctx.transact(&permit, |tx| {
        let region = region(tx, ctx, id)?;
        withdraw_in(tx, ctx, &permit, &region, version)
    })
}

fn withdraw_in(tx: &mut Tx<'_>, ctx: &Ctx, permit: &Permit, region: &Region, version: u32) -> Result<()> {
    let key = (region.id.clone(), version);
    let mut book = tx.get::<DatedBook>(&key)?.ok_or_else(|| Error::not_found("version"))?;
    if book.withdrawn.is_some() {
        return Ok(());
    }
    // After a clock was set back, what was charged already holds.
    let charged = from_now_on(ctx, &region.id)?;
    if !usage::books(&ctx.app, &region.id).announced(charged).any(|to_come| to_come.prices.version == version)
    {
        let message = format!(
            "Version {version} of the prices of {} holds since {}. Set new prices instead; they hold from then on.",
            region.id,
            book.from.minute()
        );
        return Err(Error::conflict("prices_hold", message));
    }
    book.withdrawn = Some(ctx.now);
    tx.put(&book)?;
    // With the prices that hold now: before a clock was set back it may have been written with these.
    tx.put(region)?;
    let detail = format!("Version {version}, which was to hold from {} on.", book.from.minute());
    audit::write(tx, ctx, permit, &entry(region, "region.prices_withdraw", detail))
}

/// Brings the prices of all regions to the unit and the month that the settings say, from now on and never backwards: a new book for what
/// holds now, and one for each that is announced. Run when darkroom starts.
///
/// # Errors
/// When the store cannot be used.
pub fn align(app: &Arc<App>) -> Result<u32> {
    let ctx = app.system();
    let permit = ctx.authorize(Act::RegionUpdate, &Resource::Provider, "region")?;
    each(people::regions(&ctx)?, |seen| {
        let differs = |book: &PriceBook| (book.unit, book.month) != (app.settings.unit, app.settings.month);
        let history = usage::books(app, &seen.id);
        let begins = from_now_on(&ctx, &seen.id)?;
        let to_come: Vec<_> = history.announced(begins).cloned().collect();
        let holds = history.in_force(begins).map_or(&seen.prices, |book| &book.prices);
        if !differs(holds) && !to_come.iter().any(|book| differs(&book.prices)) {
            return Ok(0);
        }
        ctx.transact(&permit, |tx| {
            let mut before = region(tx, &ctx, &seen.id)?;
            before.prices.clone_from(holds);
            realign(tx, &ctx, &permit, &before, begins, &to_come)
        })?;
        Ok(1)
    })
}

fn realign(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    permit: &Permit,
    before: &Region,
    begins: Timestamp,
    to_come: &[Arc<DatedBook>],
) -> Result<()> {
    keep_first(tx, before)?;
    for book in to_come {
        withdraw_in(tx, ctx, permit, before, book.prices.version)?;
    }
    let first = next_version(tx, ctx, &before.id, before)?;
    let now = dated(&before.id, begins, before.prices.clone());
    let books = std::iter::once(now).chain(to_come.iter().map(|book| book.as_ref().clone()));
    for (version, mut book) in (first..).zip(books) {
        let (unit, month) = (ctx.app.settings.unit, ctx.app.settings.month);
        book.prices = PriceBook { version, unit, month, ..book.prices };
        tx.put(&book)?;
        if version == first {
            let after = Region { prices: book.prices, ..before.clone() };
            tx.put(&after)?;
            let detail = after.changes_since(before);
            audit::write(tx, ctx, permit, &entry(&after, "region.update", detail))?;
        }
    }
    Ok(())
}
