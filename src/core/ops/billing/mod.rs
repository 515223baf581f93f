//! Money between an account and its provider: booking into its ledger, how it pays, its budget. What a month costs is in
//! `billing/forecast.rs`, what follows from a balance that is too low in `billing/arrears.rs`, what pages show in `billing/read.rs`, and months
//! are closed in `billing/statements.rs`.
//!
//! A balance is always computed: the entries of the ledger, without what was used since the last month that is closed.

mod arrears;
mod forecast;
mod read;
mod statements;

pub use arrears::sweep;
pub(crate) use arrears::{blocked, held, may_begin, may_purge, release};
pub use forecast::{ahead, month};
pub use read::{notices, of_account, own, statement, statement_lines};
pub(crate) use statements::link as link_statement;
pub use statements::sweep_months;

use super::audit;
use super::audit::chain::digest;
use super::ctx::{Ctx, Permit, Place};
use super::{people, provider, usage};
use crate::domain::billing::{Billing, Entry, Ledger, Notice};
use crate::domain::form::{BookForm, BudgetForm, PaymentForm};
use crate::domain::ids::AccountId;
use crate::domain::money::Money;
use crate::domain::policy::{Act, Resource};
use crate::domain::project::Account;
use crate::domain::statement::Statement;
use crate::domain::time::Timestamp;
use crate::domain::{Error, Result};
use crate::store::records::index;
use crate::store::{Order, Tx, list};

/// What an account has, and of what that is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Balance {
    /// The sum of the entries.
    pub booked: Money,
    /// What was used since the last month that is closed.
    pub unbilled: Money,
}

impl Balance {
    /// What it has.
    pub fn total(self) -> Money {
        self.booked - self.unbilled
    }
}

/// What an account has now.
///
/// # Errors
/// When the store cannot be read.
pub fn balance(ctx: &Ctx, account: AccountId) -> Result<Balance> {
    balance_of(ctx, &head(ctx, account)?)
}

/// The end of the last month that is closed for anybody: whatever was charged before it is on statements.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn closed_to(ctx: &Ctx) -> Result<Option<Timestamp>> {
    let heads = list::<Ledger>(ctx.app.store.as_ref(), &(), Order::Ascending, u32::MAX, None)?.items;
    Ok(heads.into_iter().filter_map(|head| head.closed_to).max())
}

/// The head of the ledger of an account.
pub(crate) fn head(ctx: &Ctx, account: AccountId) -> Result<Ledger> {
    Ok(ctx.read::<Ledger>(&account)?.unwrap_or_else(|| Ledger::empty(account)))
}

/// The balance that this head stands for. Entries are never changed, so those up to the head are what they were in its commit, and nobody
/// adds one without writing the head.
fn balance_of(ctx: &Ctx, head: &Ledger) -> Result<Balance> {
    let entries = entries(ctx, head.account, head.n_entries)?;
    let since = head.closed_to.unwrap_or_default();
    let unbilled = usage::cost_since(ctx, head.account, since)?;
    Ok(Balance { booked: entries.iter().map(|entry| entry.amount).sum(), unbilled })
}

/// The first `n` entries of an account.
fn entries(ctx: &Ctx, account: AccountId, n: u64) -> Result<Vec<Entry>> {
    let mut all = list::<Entry>(ctx.app.store.as_ref(), &account, Order::Ascending, u32::MAX, None)?.items;
    all.retain(|entry| entry.number <= n);
    Ok(all)
}

/// How an account pays and where it stands.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn of(ctx: &Ctx, account: AccountId) -> Result<Billing> {
    Ok(ctx.read::<Billing>(&account)?.unwrap_or_else(|| Billing::of(account)))
}

fn of_in(tx: &mut Tx<'_>, account: AccountId) -> Result<Billing> {
    Ok(tx.get::<Billing>(&account)?.unwrap_or_else(|| Billing::of(account)))
}

fn head_in(tx: &mut Tx<'_>, account: AccountId) -> Result<Ledger> {
    Ok(tx.get::<Ledger>(&account)?.unwrap_or_else(|| Ledger::empty(account)))
}

/// The symbol of the currency: regions have one each, and an account one balance, so it is that of the first.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn symbol(ctx: &Ctx) -> Result<String> {
    Ok(people::regions(ctx)?.first().map(|region| region.prices.symbol.clone()).unwrap_or_default())
}

/// The hash of an entry that follows on the hash `previous`.
pub(crate) fn link(previous: &str, entry: &Entry) -> String {
    digest(&entry.chained(previous))
}

/// Adds an entry to the end of the ledger, in this transaction, and gives it its place there.
fn append(tx: &mut Tx<'_>, head: &mut Ledger, entry: Entry) -> Result<Entry> {
    let mut entry = Entry { number: head.n_entries.saturating_add(1), ..entry };
    entry.hash = link(&head.hash, &entry);
    (head.n_entries, head.hash) = (entry.number, entry.hash.clone());
    tx.insert(&entry)?;
    tx.put(head)?;
    Ok(entry)
}

/// Books what an account paid, or is given, and gives the number of the entry. The same once more, as a double click sends it, is booked
/// once and gives the same number. Whoever was in arrears and has enough now is not any more, in the same commit.
///
/// # Errors
/// `Invalid` with fields; `reference_used` at `reference` when something else was booked under it; `no_statement` at `statement`;
/// `NotFound`; `Forbidden` for who is not the provider's.
pub fn book(ctx: &Ctx, form: &BookForm) -> Result<u64> {
    let permit = ctx.authorize(Act::LedgerUpdate, &Resource::Provider, "account")?;
    let booking = form.parse()?;
    let symbol = symbol(ctx)?;
    ctx.transact(&permit, |tx| {
        let account =
            tx.get::<Account>(&booking.account)?.ok_or_else(|| Error::not_found("account").at("account"))?;
        let entry = Entry {
            account: account.id,
            number: 0,
            at: ctx.now,
            kind: booking.kind,
            amount: booking.amount,
            reference: booking.reference.clone(),
            statement: booking.statement,
            note: booking.note.clone(),
            user: ctx.actor.user(),
            by: ctx.actor.name().to_owned(),
            hash: String::new(),
        };
        let key = (account.id, booking.reference.clone());
        if let Some(number) = tx.get_index::<u64>(index::ENTRY_BY_REFERENCE, &key)? {
            let first = tx.get::<Entry>(&(account.id, number))?.ok_or_else(|| Error::not_found("entry"))?;
            return if first.says(&entry) { Ok(number) } else { Err(used(&first, &symbol)) };
        }
        let mut head = head_in(tx, account.id)?;
        if let Some(statement) = booking.statement {
            correctable(tx, account.id, statement)?;
        }
        let before = balance_of(ctx, &head)?;
        let entry = append(tx, &mut head, entry)?;
        tx.put_index(index::ENTRY_BY_REFERENCE, &key, &entry.number)?;
        let detail = format!(
            "{} of {}, {}.{}",
            entry.kind.word(),
            entry.amount.display(&symbol),
            entry.reference,
            entry.statement.map(|number| format!(" Of statement {number}.")).unwrap_or_default()
        );
        let action = format!("billing.{}", entry.kind.slug());
        audit::write(tx, ctx, &permit, &provider::account_entry(&account, None, &action, detail))?;
        let mut billing = of_in(tx, account.id)?;
        let balance = before.total() + entry.amount;
        noted(tx, ctx, &permit, &account, &mut billing, |billing| billing.settle(balance, ctx.now), balance)?;
        Ok(entry.number)
    })
}

fn used(first: &Entry, symbol: &str) -> Error {
    let message = format!(
        "This reference names another entry already: {} of {} on {}. Write another one.",
        first.kind.word().to_lowercase(),
        first.amount.display(symbol),
        first.at.day()
    );
    Error::conflict("reference_used", message).at("reference")
}

/// A statement that can be corrected is one of the account's own.
fn correctable(tx: &mut Tx<'_>, account: AccountId, number: u64) -> Result<()> {
    if tx.get::<Statement>(&(account, number))?.is_some() {
        return Ok(());
    }
    let message = format!("There is no statement {number} of this account. Look at its statements.");
    Err(Error::field("statement", "no_statement", message))
}

/// Changes what is noted about an account with `change`, and writes it where it is another. Gives how much was told.
fn noted(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    permit: &Permit,
    account: &Account,
    billing: &mut Billing,
    change: impl FnOnce(&mut Billing) -> Vec<Notice>,
    balance: Money,
) -> Result<u32> {
    let before = billing.clone();
    let notices = change(billing);
    if *billing == before {
        return Ok(0);
    }
    tx.put(billing)?;
    let symbol = symbol(ctx)?;
    let n_notices = u32::try_from(notices.len()).unwrap_or(u32::MAX);
    for notice in notices {
        let (action, detail) = told(billing, notice, balance, &symbol);
        audit::write(tx, ctx, permit, &provider::account_entry(account, None, action, detail))?;
    }
    Ok(n_notices)
}

/// What the trail says of a notice.
fn told(billing: &Billing, notice: Notice, balance: Money, symbol: &str) -> (&'static str, String) {
    let amount = |money: Option<Money>| money.unwrap_or_default().display(symbol);
    let balance = balance.display(symbol);
    match notice {
        Notice::Arrears => {
            let least = amount(billing.mode.least());
            ("billing.arrears", format!("The balance is {balance}; it may be {least} at least."))
        }
        Notice::Settled => ("billing.settled", format!("The balance is {balance}.")),
        Notice::Low => {
            let least = amount(billing.low_balance);
            ("billing.low", format!("The balance is {balance}, below {least}."))
        }
        Notice::Budget(percent) => {
            let budget = amount(billing.budget);
            ("billing.budget_reached", format!("{percent}% of the budget of {budget} a month."))
        }
    }
}

/// Says how an account pays, and below which balance it is told. Who is in arrears by it is so at once, and who is not any more neither.
///
/// # Errors
/// `Invalid` with fields; `NotFound`; `Forbidden` for who is not the provider's.
pub fn set_payment(ctx: &Ctx, form: &PaymentForm) -> Result<AccountId> {
    let permit = ctx.authorize(Act::LedgerUpdate, &Resource::Provider, "account")?;
    let payment = form.parse()?;
    let symbol = symbol(ctx)?;
    ctx.transact(&permit, |tx| {
        let account = tx.get::<Account>(&payment.account)?.ok_or_else(|| Error::not_found("account"))?;
        let mut billing = of_in(tx, account.id)?;
        if (billing.mode, billing.low_balance) == (payment.mode, payment.low_balance) {
            return Ok(());
        }
        let detail = match payment.mode.least() {
            None => "By statement.".to_owned(),
            Some(least) => format!("Prepaid, down to {}.", least.display(&symbol)),
        };
        let told = payment.low_balance.map(|low| format!(" Told below {}.", low.display(&symbol)));
        let detail = format!("{detail}{}", told.unwrap_or_default());
        audit::write(tx, ctx, &permit, &provider::account_entry(&account, None, "billing.payment", detail))?;
        let head = head_in(tx, account.id)?;
        let balance = balance_of(ctx, &head)?.total();
        let change = |billing: &mut Billing| {
            (billing.mode, billing.low_balance) = (payment.mode, payment.low_balance);
            billing.settle(balance, ctx.now)
        };
        noted(tx, ctx, &permit, &account, &mut billing, change, balance).map(drop)
    })?;
    Ok(payment.account)
}

/// Sets what the account of the project in force means to spend in a month, or that it has no budget. Nothing ends when it is reached; it is
/// told at half of it, at 80% and at all of it, once a month each, and anew after it was changed.
///
/// # Errors
/// `Invalid` at `budget`; `NotFound` without a project; `Forbidden` for who is no owner.
pub fn set_budget(ctx: &Ctx, place: &Place, form: &BudgetForm) -> Result<AccountId> {
    let (project, _) = people::project_of(ctx, place, Act::BillingGet)?;
    let permit = ctx.authorize(Act::BillingBudget, &Resource::Account(project.account), "account")?;
    let budget = form.parse()?;
    let symbol = symbol(ctx)?;
    ctx.transact(&permit, |tx| {
        let account = tx.get::<Account>(&project.account)?.ok_or_else(|| Error::not_found("account"))?;
        let mut billing = of_in(tx, account.id)?;
        if billing.budget == budget {
            return Ok(());
        }
        let words = |budget: Option<Money>| match budget {
            Some(budget) => format!("{} a month", budget.display(&symbol)),
            None => "none".to_owned(),
        };
        let detail = format!("Changed from {} to {}.", words(billing.budget), words(budget));
        billing.budget = budget;
        billing.told.budget_percent = 0;
        tx.put(&billing)?;
        audit::write(tx, ctx, &permit, &provider::account_entry(&account, None, "billing.budget", detail))
    })?;
    Ok(project.account)
}
