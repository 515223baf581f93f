//! What follows from a balance that is too low (A5-3): nothing new is begun, after some days images go to the recycle bin, and when the
//! account has paid everything that is still there comes back. Machines run on, and nothing is removed before its day.

use super::{balance_of, forecast, head_in, noted, of, of_in, symbol};
use crate::domain::billing::{Billing, Held, Ledger, Standing};
use crate::domain::error::Reason;
use crate::domain::ids::{AccountId, ImageId};
use crate::domain::image::{Image, Status, Visibility};
use crate::domain::policy::{Act, Resource};
use crate::domain::project::Account;
use crate::domain::time::Timestamp;
use crate::domain::{Error, Result};
use crate::ops::ctx::{App, Ctx, each};
use crate::ops::images;
use crate::store::{Order, Tx, list};
use std::sync::Arc;

/// Refuses to begin something new for an account in arrears. Everything that makes, copies, deploys, shares or scales up asks this in its
/// own transaction; the record is written when arrears begin and end, so nothing slips past them.
///
/// # Errors
/// `clock_behind` while the clock is in a month that is charged already; `in_arrears`, with the balance, since when, and what to do.
pub(crate) fn may_begin(tx: &mut Tx<'_>, ctx: &Ctx, account: AccountId) -> Result<()> {
    if let Some(reason) = behind(ctx, &head_in(tx, account)?) {
        return Err(reason.into());
    }
    match tx.get::<Billing>(&account)? {
        Some(billing) => refusal(ctx, &billing)?.map_or(Ok(()), |reason| Err(reason.into())),
        None => Ok(()),
    }
}

/// Why nothing new can be begun for this account now; `None` when it can. The same words on disabled buttons.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn blocked(ctx: &Ctx, account: AccountId) -> Result<Option<Reason>> {
    match behind(ctx, &super::head(ctx, account)?) {
        Some(reason) => Ok(Some(reason)),
        None => refusal(ctx, &of(ctx, account)?),
    }
}

/// A clock that was set back over a month that is closed: what is begun there could be charged on no statement any more.
fn behind(ctx: &Ctx, head: &Ledger) -> Option<Reason> {
    let closed_to = head.closed_to.filter(|closed_to| ctx.now < *closed_to)?;
    Some(Reason::new(
        "clock_behind",
        "Nothing new can be made while the provider's clock is in a month that is charged already.",
        format!("It says {}, and everything before {} is closed.", ctx.now.minute(), closed_to.minute()),
        "Ask your provider to set the clock right. What exists keeps running and is not charged twice.",
    ))
}

fn refusal(ctx: &Ctx, billing: &Billing) -> Result<Option<Reason>> {
    if billing.negative_since.is_none() {
        return Ok(None);
    }
    let balance = super::balance(ctx, billing.account)?.total().display(&symbol(ctx)?);
    // Once the day is over there is nothing to announce.
    let recycles = recycles(ctx, billing).filter(|at| *at > ctx.now);
    Ok(billing.refusal(&balance, recycles))
}

fn recycles(ctx: &Ctx, billing: &Billing) -> Option<Timestamp> {
    billing.recycles(ctx.app.settings.arrears_recycle_days)
}

/// Whether an image is in the recycle bin because of arrears, for which it is not restored by hand.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn held(ctx: &Ctx, image: &Image) -> Result<Option<Reason>> {
    Ok(ctx.read::<Held>(&(image.account, image.id))?.map(|held| held_back(&held)))
}

fn held_back(held: &Held) -> Reason {
    Reason::new(
        "held_for_arrears",
        "An image that is in the recycle bin because of arrears comes back by itself when the account has paid.",
        format!("It is there since {}.", held.since.minute()),
        "Ask your provider for a top-up.",
    )
}

/// An image leaves the recycle bin for its place: by hand only what is not held back.
///
/// # Errors
/// `held_for_arrears`.
pub(crate) fn release(tx: &mut Tx<'_>, image: &Image) -> Result<()> {
    match tx.get::<Held>(&(image.account, image.id))? {
        Some(held) => Err(held_back(&held).into()),
        None => Ok(()),
    }
}

/// Whether an image whose time in the recycle bin is over may be removed for good: one that is held back only while the account is still in
/// arrears, and a protected one only where the provider says so.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn may_purge(tx: &mut Tx<'_>, ctx: &Ctx, image: &Image) -> Result<bool> {
    if tx.get::<Held>(&(image.account, image.id))?.is_none() {
        return Ok(true);
    }
    let billing = of_in(tx, image.account)?;
    Ok(billing.negative_since.is_some() && (!image.protected || ctx.app.settings.arrears_purge_protected))
}

/// Closes the months whose day has come, then looks at every account of which anything has to be noticed: writes down since when its balance is too low, tells what has to be told,
/// puts images into the recycle bin when their day has come, and takes them out when it has paid. A reconciler: idempotent, without input.
/// Gives how much it did.
///
/// # Errors
/// The first failure, when all the others have been worked on.
pub fn sweep(app: &Arc<App>) -> Result<u32> {
    let n_closed = super::sweep_months(app)?;
    let all = list::<Billing>(app.store.as_ref(), &(), Order::Ascending, u32::MAX, None)?.items;
    each(all.into_iter().filter(Billing::watched), |billing| look(&app.system(), billing.account))
        .and_then(|n| Ok(n_closed + n + restore_all(app)?))
}

fn look(ctx: &Ctx, id: AccountId) -> Result<u32> {
    let permit = ctx.authorize(Act::LedgerUpdate, &Resource::Provider, "account")?;
    let (n_told, billing) = ctx.transact(&permit, |tx| {
        let Some(account) = tx.get::<Account>(&id)? else { return Ok((0, Billing::of(id))) };
        let mut billing = of_in(tx, id)?;
        let head = head_in(tx, id)?;
        let balance = balance_of(ctx, &head)?.total();
        let month_cost = match billing.budget {
            Some(_) => forecast::month(ctx, id)?.so_far,
            None => Default::default(),
        };
        let standing = Standing { balance, month_cost, now: ctx.now };
        let n_told =
            noted(tx, ctx, &permit, &account, &mut billing, |billing| billing.note(standing), balance)?;
        Ok((n_told, billing))
    })?;
    let due = recycles(ctx, &billing).is_some_and(|at| at <= ctx.now);
    Ok(n_told + if due { recycle_all(ctx, id)? } else { 0 })
}

/// Whether arrears put this image into the recycle bin.
fn recyclable(image: &Image, account: AccountId) -> bool {
    image.account == account && image.visibility == Visibility::Private && image.status == Status::Available
}

fn recycle_all(ctx: &Ctx, id: AccountId) -> Result<u32> {
    let images = ctx.app.images.all();
    each(images.iter().filter(|image| recyclable(image, id)), |seen| {
        let permit = ctx.authorize(Act::ImageDelete, &Resource::Provider, "image")?;
        ctx.transact(&permit, |tx| {
            let due = recycles(ctx, &of_in(tx, id)?).is_some_and(|at| at <= ctx.now);
            match tx.get::<Image>(&seen.id)?.filter(|image| due && recyclable(image, id)) {
                Some(image) => {
                    tx.put(&Held { account: id, image: image.id, since: ctx.now, leaves: image.leaves })?;
                    let n_days = ctx.app.settings.arrears_purge_days;
                    images::hold_in_bin(tx, ctx, &permit, image, n_days).map(|()| 1)
                }
                None => Ok(0),
            }
        })
    })
}

/// Takes out of the recycle bin what is there because of arrears that are over.
fn restore_all(app: &Arc<App>) -> Result<u32> {
    let all = list::<Held>(app.store.as_ref(), &(), Order::Ascending, u32::MAX, None)?.items;
    each(all, |held| {
        let ctx = app.system();
        match of(&ctx, held.account)?.negative_since {
            Some(_) => Ok(0),
            None => restore(&ctx, held.account, held.image),
        }
    })
}

fn restore(ctx: &Ctx, account: AccountId, id: ImageId) -> Result<u32> {
    let permit = ctx.authorize(Act::ImageRestore, &Resource::Provider, "image")?;
    ctx.transact(&permit, |tx| {
        let settled = of_in(tx, account)?.negative_since.is_none();
        let Some(held) = tx.get::<Held>(&(account, id))?.filter(|_| settled) else { return Ok(0) };
        let image = tx.get::<Image>(&id)?.ok_or_else(|| Error::not_found("image"))?;
        tx.delete::<Held>(&(account, id));
        images::let_out_of_bin(tx, ctx, &permit, image, held.leaves).map(|()| 1)
    })
}
