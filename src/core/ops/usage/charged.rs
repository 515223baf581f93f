//! What is charged at present for things that hold chunks, for pages that show it beside them: the bytes of their open meters, which are
//! fewer than they have where others hold the same (`docs/adr/0018-unique-bytes.md`).

use crate::domain::Result;
use crate::domain::attribution::{Class, Holder};
use crate::domain::ids::{AccountId, MeterId, ProjectId, Subject};
use crate::domain::image::{Image, Status};
use crate::domain::meter::Charge;
use crate::domain::money::Money;
use crate::domain::price::{Estimate, PriceBook};
use crate::domain::region::Region;
use crate::domain::snapshot::Snapshot;
use crate::ops::attribution::{holders, quantities};
use crate::ops::ctx::Ctx;
use crate::store::read_index;
use crate::store::records::index;
use std::collections::{BTreeMap, BTreeSet};

/// Bytes that are charged at present for what is charged by bytes; `None` for what is not.
fn charged_bytes(ctx: &Ctx, subject: Subject, prices: &PriceBook) -> Result<Option<u64>> {
    let open = read_index::<Vec<MeterId>>(ctx.app.store.as_ref(), index::METER_OPEN, &subject.uuid())?;
    let meters = open.unwrap_or_default().into_iter().filter_map(|id| ctx.app.meters.get(&id));
    let meter = meters.into_iter().find(|meter| Class::of(&meter.charge).is_some());
    Ok(meter.map(|meter| meter.quantity_by(prices.basis)))
}

/// What an image costs where it is now, in use or in the recycle bin; what it would cost alone where nothing is charged for it yet.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn image(ctx: &Ctx, image: &Image, prices: &PriceBook) -> Result<Estimate> {
    let alone = prices.counted(image.stored_bytes(), image.virtual_bytes());
    let bytes = charged_bytes(ctx, Subject::Image(image.id), prices)?.unwrap_or(alone);
    Ok(match image.status {
        Status::Recycled => prices.in_bin(bytes),
        Status::Available | Status::Creating | Status::Error | Status::Deleting => prices.image(bytes),
    })
}

/// What a snapshot costs.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn snapshot(ctx: &Ctx, snapshot: &Snapshot, prices: &PriceBook) -> Result<Estimate> {
    let bytes = charged_bytes(ctx, Subject::Snapshot(snapshot.id), prices)?;
    Ok(prices.snapshots(bytes.unwrap_or_else(|| snapshot.stored_bytes())))
}

/// Bytes that are charged at present for this in a region: of one project, or of all of the account.
pub(crate) fn sum(
    ctx: &Ctx,
    (account, project): (AccountId, Option<ProjectId>),
    region: &Region,
    charge: &Charge,
) -> u64 {
    let sum = ctx.app.meters.tally(&account, |running| running.of(&region.id, charge, project));
    sum.quantity_by(charge, region.prices.basis)
}

/// What removing images changes for who pays for them, per month.
pub(crate) struct Saved {
    /// What is no longer charged once they are gone for good. Less than nothing where what is left takes over their chunks at a higher rate.
    pub month: Money,
    /// What they still cost in the recycle bin, of that.
    pub bin_month: Money,
    /// Bytes that are no longer charged.
    pub bytes: u64,
}

/// What removing these images of one account and region saves: everything is counted with them, and without. Alone, each at its own price,
/// where the storage does not answer.
pub(crate) fn saved(ctx: &Ctx, account: AccountId, region: &Region, gone: &BTreeSet<Subject>) -> Saved {
    let prices = &region.prices;
    let before = holders(&ctx.app, account, &region.id);
    let mut binned = before.clone();
    binned.iter_mut().filter(|holder| gone.contains(&holder.subject)).for_each(|h| h.class = Class::Bin);
    binned.sort_by_key(Holder::rank);
    let after: Vec<_> = before.iter().filter(|holder| !gone.contains(&holder.subject)).cloned().collect();
    let blobs = ctx.app.storage.region(&region.id);
    // By class, so that each sum is priced and rounded once.
    let cost = |holders: &[Holder]| {
        let bytes = quantities(blobs.as_ref().ok()?.as_ref(), holders).ok()?;
        let mut sums: BTreeMap<Class, u64> = BTreeMap::new();
        for holder in holders {
            let own = bytes.get(&holder.subject).copied().unwrap_or(0);
            let counted = match (holder.subject, holder.class) {
                (Subject::Image(id), Class::Image | Class::Bin) => {
                    prices.counted(own, ctx.app.images.get(&id).map_or(0, |image| image.virtual_bytes()))
                }
                _ => own,
            };
            let sum = sums.entry(holder.class).or_default();
            *sum = sum.saturating_add(counted);
        }
        let of = |class| sums.get(&class).copied().unwrap_or(0);
        let month = prices.image(of(Class::Image)).month
            + prices.in_bin(of(Class::Bin)).month
            + prices.snapshots(of(Class::Snapshot)).month;
        Some((month, sums.values().copied().fold(0, u64::saturating_add)))
    };
    if let (Some(before), Some(binned), Some(after)) = (cost(&before), cost(&binned), cost(&after)) {
        return Saved {
            month: before.0 - after.0,
            bin_month: binned.0 - after.0,
            bytes: before.1.saturating_sub(after.1),
        };
    }
    let alone = gone.iter().filter_map(|subject| match subject {
        Subject::Image(id) => ctx.app.images.get(id),
        _ => None,
    });
    let bytes = alone
        .map(|image| prices.counted(image.stored_bytes(), image.virtual_bytes()))
        .fold(0, u64::saturating_add);
    Saved { month: prices.image(bytes).month, bin_month: prices.in_bin(bytes).month, bytes }
}
