//! What pages show of money between an account and its provider.

use super::statements::holds;
use super::{balance_of, entries, forecast, head, of, symbol};
use crate::domain::actor::Actor;
use crate::domain::billing::{Billing, Entry, EntryKind};
use crate::domain::ids::AccountId;
use crate::domain::image::bin::DAY_MS;
use crate::domain::money::Money;
use crate::domain::page::{Page, ROWS_DEFAULT};
use crate::domain::policy::{Act, Resource};
use crate::domain::project::Account;
use crate::domain::statement::{Line, Part, Statement};
use crate::domain::view::{Arrears, BillingView, EntryRow, MoneyNotices, StatementRow, StatementView};
use crate::domain::{Error, Result};
use crate::ops::ctx::{Ctx, Place};
use crate::ops::people;
use crate::store::{Order, list};

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
        statements: statements(ctx, id)?,
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

/// Lines that the page of a statement shows; all of them are in the file.
const LINES_SHOWN_MAX: u64 = 1000;
/// Lines that are computed again while somebody waits for the page.
const LINES_CHECKED_MAX: u64 = 20_000;

/// The statements of an account, latest first.
fn statements(ctx: &Ctx, account: AccountId) -> Result<Vec<StatementRow>> {
    let store = ctx.app.store.as_ref();
    let all = list::<Statement>(store, &account, Order::Descending, u32::MAX, None)?.items;
    Ok(all.into_iter().map(|statement| statement_row(&statement)).collect())
}

fn statement_row(statement: &Statement) -> StatementRow {
    StatementRow {
        account: statement.account,
        number: statement.number,
        from: statement.from,
        closed: statement.closed,
        n_lines: statement.n_lines,
        due: statement.due,
        symbol: statement.symbol.clone(),
    }
}

/// A statement that the caller may see: of the account of the project in force, or any for the provider.
///
/// # Errors
/// `NotFound`, also when it is somebody else's; `Unauthenticated`.
fn find(ctx: &Ctx, place: &Place, account: AccountId, number: u64) -> Result<Statement> {
    if !ctx.may(Act::ProviderGet, &Resource::Provider) {
        let (project, _) = people::project_of(ctx, place, Act::BillingGet)?;
        if project.account != account {
            return Err(Error::not_found("statement"));
        }
    }
    ctx.read::<Statement>(&(account, number))?.ok_or_else(|| Error::not_found("statement"))
}

/// One statement, with its lines and whether they are what was written.
///
/// # Errors
/// `NotFound`, also when it is somebody else's; `Unauthenticated`.
pub fn statement(ctx: &Ctx, place: &Place, account: AccountId, number: u64) -> Result<StatementView> {
    let found = find(ctx, place, account, number)?;
    let mut lines = Vec::new();
    if found.n_lines <= LINES_SHOWN_MAX {
        each_part(ctx, &found, |part| lines.extend(part))?;
    }
    let mut sums: Vec<(String, Money)> = Vec::new();
    for line in &lines {
        match sums.iter_mut().find(|(what, _)| *what == line.what) {
            Some((_, sum)) => *sum = *sum + line.amount,
            None => sums.push((line.what.clone(), line.amount)),
        }
    }
    sums.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let entries = entries(ctx, account, u64::MAX)?;
    let own = entries.into_iter().filter(|e| e.statement == Some(number) && e.kind == EntryKind::Correction);
    Ok(StatementView {
        holds: (found.n_lines <= LINES_CHECKED_MAX).then(|| holds(ctx, &found)).transpose()?,
        corrections: own.map(|entry| row(ctx, entry)).collect(),
        statement: found,
        lines,
        sums,
    })
}

/// The lines of a statement, all of them, for a file.
///
/// # Errors
/// `NotFound`, also when it is somebody else's; `Unauthenticated`.
pub fn statement_lines(ctx: &Ctx, place: &Place, account: AccountId, number: u64) -> Result<Vec<Line>> {
    let found = find(ctx, place, account, number)?;
    let mut lines = Vec::new();
    each_part(ctx, &found, |part| lines.extend(part))?;
    Ok(lines)
}

fn each_part(ctx: &Ctx, statement: &Statement, mut see: impl FnMut(Vec<Line>)) -> Result<()> {
    for place in 0..statement.n_parts {
        let part = ctx.read::<Part>(&(statement.account, statement.from.0, place))?;
        see(part
            .ok_or_else(|| Error::internal("Lines of this statement are missing; see `darkroom check`."))?
            .lines);
    }
    Ok(())
}
