//! What things cost, computed from meters and price books: nothing is ever stored that could be computed.

use super::ctx::{App, Ctx};
use crate::domain::Result;
use crate::domain::ids::{AccountId, RegionId, Subject};
use crate::domain::money::Money;
use crate::domain::price::{DatedBook, History};
use crate::domain::region::Region;
use crate::domain::time::Timestamp;
use crate::store::read;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

/// What `subject` has cost its account so far.
///
/// # Errors
/// When the store cannot be read.
pub fn cost_of(ctx: &Ctx, account: AccountId, subject: Subject) -> Result<Money> {
    let mut histories = Histories::default();
    let mut total = Money::ZERO;
    for meter in ctx.app.meters.group(&account).iter().filter(|m| m.subject == subject) {
        total = total + meter.cost(histories.of(&ctx.app, &meter.region)?, ctx.now);
    }
    Ok(total)
}

/// What an account has cost between `from` and `until`, all charges and images alone.
///
/// # Errors
/// When the store cannot be read.
pub fn cost_between(
    ctx: &Ctx,
    account: AccountId,
    from: Timestamp,
    until: Timestamp,
) -> Result<(Money, Money)> {
    let mut histories = Histories::default();
    let (mut all, mut images) = (Money::ZERO, Money::ZERO);
    for meter in ctx.app.meters.group(&account) {
        let cost = meter.cost_between(histories.of(&ctx.app, &meter.region)?, from, until);
        all = all + cost;
        if meter.charge.of_image() {
            images = images + cost;
        }
    }
    Ok((all, images))
}

/// The price books of a region.
///
/// # Errors
/// When the store cannot be read.
pub fn history(app: &App, region: &RegionId) -> Result<History> {
    let mut books = app.books.group(region);
    // A region of a darkroom that kept no books and whose prices were not changed since: they held always.
    if books.is_empty()
        && let Some(Region { prices, .. }) = read::<Region>(app.store.as_ref(), region)?
    {
        books.push(Arc::new(DatedBook { region: region.clone(), from: Timestamp::default(), prices }));
    }
    Ok(History::new(books))
}

/// Histories that were needed already.
#[derive(Default)]
pub(super) struct Histories(BTreeMap<RegionId, History>);

impl Histories {
    pub(super) fn of(&mut self, app: &App, region: &RegionId) -> Result<&History> {
        Ok(match self.0.entry(region.clone()) {
            Entry::Occupied(found) => found.into_mut(),
            Entry::Vacant(missing) => missing.insert(history(app, region)?),
        })
    }
}
