//! What pages show of money between an account and its provider.

use super::{balance_of, entries, forecast, head, of, symbol};
use crate::domain::actor::Actor;
use crate::domain::billing::{Billing, Entry};
use crate::domain::ids::AccountId;
use crate::domain::image::bin::DAY_MS;
use crate::domain::page::{Page, ROWS_DEFAULT};
use crate::domain::policy::{Act, Resource};
use crate::domain::project::Account;
use crate::domain::view::{Arrears, BillingView, EntryRow, MoneyNotices};
use crate::domain::{Error, Result};
use crate::ops::ctx::{Ctx, Place};
use crate::ops::people;

/// The page *Billing* of the account of the project in force, with one page of its ledger.
///
/// # Errors
/// `NotFound` when the caller has no project; `Unauthenticated`.
pub fn own(ctx: &Ctx, place: &Place, page: u32) -> Result<BillingView> {
    let (project, _) = people::project_of(ctx, place, Act::BillingGet)?;
    view(ctx, project.account, page)
}

/// The same of any account, for the provider.
///
/// # Errors
/// `NotFound`; `Forbidden` for who is not the provider's.
pub fn of_account(ctx: &Ctx, id: AccountId, page: u32) -> Result<BillingView> {
    ctx.authorize(Act::ProviderGet, &Resource::Provider, "account")?;
    view(ctx, id, page)
}

fn view(ctx: &Ctx, id: AccountId, page: u32) -> Result<BillingView> {
    let account = ctx.read::<Account>(&id)?.ok_or_else(|| Error::not_found("account"))?;
    let (head, billing) = (head(ctx, id)?, of(ctx, id)?);
    let balance = balance_of(ctx, &head)?;
    let mut all = entries(ctx, id, head.n_entries)?;
    all.reverse();
    Ok(BillingView {
        account: id,
        name: account.name.to_string(),
        symbol: symbol(ctx)?,
        balance: balance.total(),
        booked: balance.booked,
        unbilled: balance.unbilled,
        unbilled_since: head.closed_to,
        mode: billing.mode,
        low_balance: billing.low_balance,
        budget: billing.budget,
        month: forecast::month(ctx, id)?,
        notices: said(ctx, &billing),
        entries: Page::cut(all, page, ROWS_DEFAULT).map(|entry| row(ctx, entry)),
        may_budget: ctx.may(Act::BillingBudget, &Resource::Account(id)),
        now: ctx.now,
    })
}

/// The names of the provider's people are told to the provider alone.
fn row(ctx: &Ctx, entry: Entry) -> EntryRow {
    let Entry { number, at, kind, amount, reference, statement, note, user, by, .. } = entry;
    let by = match (&ctx.actor, user) {
        (Actor::Tenant { .. } | Actor::Anonymous, Some(_)) => "Your provider".to_owned(),
        _ => by,
    };
    EntryRow { number, at, kind, amount, reference, statement, note, by }
}

/// What every page says about the money of this account. Reads one record and computes nothing.
///
/// # Errors
/// When the store cannot be read.
pub fn notices(ctx: &Ctx, account: AccountId) -> Result<MoneyNotices> {
    Ok(said(ctx, &of(ctx, account)?))
}

fn said(ctx: &Ctx, billing: &Billing) -> MoneyNotices {
    let settings = &ctx.app.settings;
    let arrears = billing.negative_since.zip(billing.recycles(settings.arrears_recycle_days));
    let this_month = billing.told.month == ctx.now.month_start();
    MoneyNotices {
        arrears: arrears.map(|(since, recycles)| Arrears {
            since,
            recycles,
            purges: recycles.plus_ms(i64::from(settings.arrears_purge_days).saturating_mul(DAY_MS)),
        }),
        low_since: billing.low_since,
        budget_percent: Some(billing.told.budget_percent)
            .filter(|percent| this_month && *percent > 0 && billing.budget.is_some()),
    }
}
