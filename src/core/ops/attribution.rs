//! Brings the meters of images and snapshots to their unique bytes (`docs/adr/0018-unique-bytes.md`). Every change of what holds chunks is
//! written down in its own commit; the sweep asks the storage what it means and moves the meters, from the moment of the change on. So a
//! server that was off, or whose storage did not answer, loses nothing and charges nothing twice.

use super::ctx::{App, Ctx, each};
use super::ledger;
use crate::domain::attribution::{Attribution, Class, Holder, Holding, moments, stretches};
use crate::domain::ids::{AccountId, MeterId, RegionId, Subject};
use crate::domain::meter::Meter;
use crate::domain::policy::{Act, Resource};
use crate::domain::time::Timestamp;
use crate::domain::{Error, Result};
use crate::ports::{Blobs, Fingerprint};
use crate::store::records::index;
use crate::store::{Order, Tx, list, read};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Writes down that `holder` changes now, in the transaction that changes it: from what it was `before` to what it is from then on.
pub(super) fn note(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    (account, region): (AccountId, &RegionId),
    holder: Holder,
    before: Option<Class>,
) -> Result<()> {
    let mut head = tx.get::<Attribution>(&(account, region.clone()))?.unwrap_or_else(|| Attribution {
        account,
        region: region.clone(),
        number: 0,
    });
    head.number = head.number.saturating_add(1);
    tx.put(&head)?;
    let Holder { subject, created, contents, .. } = holder;
    let region = region.clone();
    let (number, at) = (head.number, ledger::moment(tx, ctx, account)?);
    Ok(tx.insert(&Holding { account, region, number, at, subject, created, before, contents })?)
}

/// What holds chunks of an account in a region now.
pub fn holders(app: &App, account: AccountId, region: &RegionId) -> Vec<Holder> {
    let here = |a: AccountId, r: &RegionId| a == account && r == region;
    let mut holders = Vec::new();
    for image in app.images.all().iter().filter(|i| here(i.account, &i.region)) {
        if let Some(class) = image.charge().as_ref().and_then(Class::of) {
            holders.push(image.holder(class));
        }
    }
    for snapshot in app.snapshots.all().iter().filter(|s| here(s.account, &s.region)) {
        if let Some(class) = snapshot.charge().as_ref().and_then(Class::of) {
            holders.push(snapshot.holder(class));
        }
    }
    holders.sort_by_key(Holder::rank);
    holders
}

/// For each of `holders`, which are in the order of who pays, the bytes it pays for.
///
/// # Errors
/// When the storage cannot tell.
pub fn quantities(blobs: &dyn Blobs, holders: &[Holder]) -> Result<BTreeMap<Subject, u64>> {
    let group = |holder: &Holder| holder.contents.iter().cloned().map(Fingerprint).collect();
    let groups: Vec<Vec<Fingerprint>> = holders.iter().map(group).collect();
    let bytes = blobs.attribute(&groups)?;
    Ok(holders.iter().map(|holder| holder.subject).zip(bytes).collect())
}

/// Accounts that held images before unique bytes were charged: notes that from now on they are. Run once, when darkroom starts.
///
/// # Errors
/// When the store cannot be used.
pub fn adopt(app: &Arc<App>) -> Result<u32> {
    let ctx = app.system();
    let images = app.images.all();
    let snapshots = app.snapshots.all();
    let places: BTreeSet<(AccountId, RegionId)> = images
        .iter()
        .filter(|image| image.charge().is_some())
        .map(|image| (image.account, image.region.clone()))
        .chain(snapshots.iter().filter(|s| s.charge().is_some()).map(|s| (s.account, s.region.clone())))
        .collect();
    each(places, |(account, region)| {
        let known = read::<Attribution>(app.store.as_ref(), &(account, region.clone()))?.is_some();
        let Some(first) = holders(app, account, &region).into_iter().next().filter(|_| !known) else {
            return Ok(0);
        };
        let permit = ctx.authorize(Act::ImageUpdate, &Resource::Provider, "image")?;
        let class = first.class;
        ctx.transact(&permit, |tx| note(tx, &ctx, (account, &region), first.clone(), Some(class)))?;
        Ok(1)
    })
}

/// Charges for what changed. Gives how many accounts and regions it brought up to date.
///
/// # Errors
/// The first failure, when all the others have been worked on.
pub fn sweep(app: &Arc<App>) -> Result<u32> {
    each(pending(app)?, |(account, region)| settle(app, account, &region))
}

/// The accounts and regions where something changed that is not charged yet.
///
/// # Errors
/// When the store cannot be read.
pub fn pending(app: &App) -> Result<BTreeSet<(AccountId, RegionId)>> {
    let all = list::<Holding>(app.store.as_ref(), &(), Order::Ascending, u32::MAX, None)?.items;
    Ok(all.into_iter().map(|change| (change.account, change.region)).collect())
}

/// Computed outside of the transaction, because the storage takes long; what changed meanwhile is seen by the number of the latest change,
/// or by a meter that is not what it was, and the next sweep begins again. Tens of thousands of meters in one commit would take the store
/// gigabytes, so they move some at a time, and what changed is removed after the last: until then nothing is frozen, and beginning again
/// finds those that have moved as they have to be.
fn settle(app: &Arc<App>, account: AccountId, region: &RegionId) -> Result<u32> {
    let ctx = app.system();
    let key = (account, region.clone());
    let Some(head) = read::<Attribution>(app.store.as_ref(), &key)? else { return Ok(0) };
    let changes = list::<Holding>(app.store.as_ref(), &key, Order::Ascending, u32::MAX, None)?.items;
    let blobs = app.storage.region(region)?;
    let mut due: BTreeMap<Subject, Vec<(Timestamp, u64)>> = BTreeMap::new();
    let moments = moments(holders(app, account, region), &changes);
    for (at, holders) in &moments {
        for (subject, bytes) in quantities(blobs.as_ref(), holders)? {
            due.entry(subject).or_default().push((*at, bytes));
        }
    }
    let Some((first, _)) = moments.first() else { return Ok(0) };
    let touched: Vec<Arc<Meter>> = app
        .meters
        .group(&account)
        .into_iter()
        .filter(|m| m.region == *region && Class::of(&m.charge).is_some())
        .filter(|m| m.to.is_none_or(|to| to.seconds() > first.seconds()) && due.contains_key(&m.subject))
        .collect();
    let permit = ctx.authorize(Act::ImageUpdate, &Resource::Provider, "image")?;
    let is_latest = |tx: &mut Tx<'_>| Ok::<_, Error>(tx.get::<Attribution>(&key)?.as_ref() == Some(&head));
    let per_commit = usize::try_from(app.settings.meters_per_commit).unwrap_or(usize::MAX).max(1);
    for some in touched.chunks(per_commit) {
        let moved = ctx.transact(&permit, |tx| {
            if !is_latest(tx)? {
                return Ok(false);
            }
            for seen in some {
                // An image that was sorted in another way meanwhile has another meter.
                let Some(meter) = tx.get::<Meter>(&seen.id)?.filter(|meter| meter == seen.as_ref()) else {
                    return Ok(false);
                };
                let quantities = due.get(&meter.subject).map_or(&[][..], Vec::as_slice);
                // Older programs did not write them.
                let virtual_bytes = match meter.subject {
                    Subject::Image(id) => app.images.get(&id).map(|image| image.virtual_bytes()),
                    _ => None,
                };
                let virtual_bytes = virtual_bytes.unwrap_or(meter.virtual_bytes);
                divide(tx, &ctx, &meter, virtual_bytes, quantities)?;
            }
            Ok(true)
        })?;
        if !moved {
            return Ok(0);
        }
    }
    // The oldest go first: what is there now minus those that are left is what it was at their moments, wherever this ends.
    for some in changes.chunks(per_commit) {
        let removed = ctx.transact(&permit, |tx| {
            if !is_latest(tx)? {
                return Ok(false);
            }
            for change in some {
                tx.delete::<Holding>(&(account, region.clone(), change.number));
            }
            Ok(true)
        })?;
        if !removed {
            return Ok(0);
        }
    }
    Ok(1)
}

/// Divides a meter into the stretches in which its quantity is the same; each but the first is a meter of its own.
fn divide(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    meter: &Meter,
    virtual_bytes: u64,
    quantities: &[(Timestamp, u64)],
) -> Result<()> {
    let stretches = stretches(meter, quantities);
    let key = meter.subject.uuid();
    for (n, (from, quantity_bytes)) in stretches.iter().enumerate() {
        let to = stretches.get(n + 1).map(|(next, _)| *next).or(meter.to);
        let id = if n == 0 { meter.id } else { MeterId(ctx.app.ids.uuid()) };
        let labels = match to {
            Some(_) => meter.labels.clone().or_else(|| ledger::labels_of(ctx, meter.subject)),
            None => None,
        };
        let quantity_bytes = *quantity_bytes;
        let stretch = Meter { id, from: *from, to, quantity_bytes, virtual_bytes, labels, ..meter.clone() };
        if stretch != *meter {
            ledger::keep(tx, ctx, &stretch, if n == 0 { "charge.change" } else { "charge.begin" })?;
        }
        if n > 0 && to.is_none() {
            let mut open: Vec<MeterId> = tx.get_index(index::METER_OPEN, &key)?.unwrap_or_default();
            open.retain(|open| *open != meter.id);
            open.push(id);
            tx.put_index(index::METER_OPEN, &key, &open)?;
        }
    }
    Ok(())
}
