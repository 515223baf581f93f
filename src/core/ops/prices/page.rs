//! The provider's page *Prices* of a region, and its form.

use super::set;
use crate::domain::form::PricesForm;
use crate::domain::ids::RegionId;
use crate::domain::policy::{Act, Resource};
use crate::domain::price::{DatedBook, PriceBook};
use crate::domain::time::Timestamp;
use crate::domain::view::{BookRow, BookState, PricesPage};
use crate::domain::{Error, Result};
use crate::ops::ctx::Ctx;
use crate::ops::{people, provider};
use std::sync::Arc;

/// The versions of the prices of a region, the newest first, and the form for new ones.
///
/// # Errors
/// `NotFound`; who is not the provider's finds nothing.
pub fn page(ctx: &Ctx, id: &RegionId) -> Result<PricesPage> {
    ctx.authorize(Act::ProviderGet, &Resource::Provider, "region")?;
    let region = people::region(ctx, id)?;
    let books = books(ctx, id, &region.prices);
    let latest = latest(&books).map_or(&region.prices, |book| &book.prices);
    let mut form = PricesForm::of(id, latest, &provider::flavors(ctx)?);
    form.shown = books.last().map_or(region.prices.version, |book| book.prices.version);
    let in_force = region.prices.version;
    Ok(PricesPage {
        region: region.id,
        prices: region.prices,
        books: rows(ctx, &books, in_force),
        form,
        now: ctx.now,
    })
}

/// All books by version, those that were withdrawn as well.
fn books(ctx: &Ctx, id: &RegionId, prices: &PriceBook) -> Vec<Arc<DatedBook>> {
    let mut books = ctx.app.books.group(id);
    if books.is_empty() {
        let (region, from, withdrawn) = (id.clone(), Timestamp::default(), None);
        books.push(Arc::new(DatedBook { region, from, withdrawn, prices: prices.clone() }));
    }
    books.sort_by_key(|book| book.prices.version);
    books
}

fn latest(books: &[Arc<DatedBook>]) -> Option<&Arc<DatedBook>> {
    books.iter().rev().find(|book| book.withdrawn.is_none())
}

fn rows(ctx: &Ctx, books: &[Arc<DatedBook>], in_force: u32) -> Vec<BookRow> {
    let mut before: Option<&PriceBook> = None;
    let mut rows = Vec::new();
    for book in books {
        let version = book.prices.version;
        let state = match book.withdrawn {
            Some(_) => BookState::Withdrawn,
            None if version == in_force => BookState::InForce,
            None if book.from.seconds() > ctx.now.seconds() => BookState::Announced,
            None => BookState::Past,
        };
        let changes = before.map(|before| book.prices.changes_since(before)).unwrap_or_default();
        rows.push(BookRow { version, from: book.from, state, changes });
        if book.withdrawn.is_none() {
            before = Some(&book.prices);
        }
    }
    rows.reverse();
    rows
}

/// Sets prices as the provider's form says.
///
/// # Errors
/// `Invalid` with fields; `prices_stale` when somebody set others meanwhile; as [`set`].
pub fn set_form(ctx: &Ctx, form: &PricesForm) -> Result<RegionId> {
    ctx.authorize(Act::RegionUpdate, &Resource::Provider, "region")?;
    let command = form.parse(ctx.now)?;
    let region = people::region(ctx, &command.region)?;
    let books = books(ctx, &command.region, &region.prices);
    if books.last().is_some_and(|book| book.prices.version != command.shown) {
        let message =
            "Somebody set other prices while you were typing. They are listed below; open the form again.";
        return Err(Error::conflict("prices_stale", message));
    }
    let latest = latest(&books).map_or(&region.prices, |book| &book.prices);
    set(ctx, &command.region, &command.prices(latest), command.from)?;
    Ok(command.region)
}
