//! Closing months: each month of each account once, in turn, by itself. Lines are written in pieces, which mean nothing until one commit
//! writes the statement, its number, the entry of the ledger and that the month is closed. So a crash anywhere leaves the month open, and
//! closing it begins again.

use super::{append, balance_of, head_in, noted, of_in, symbol};
use crate::domain::Result;
use crate::domain::billing::{Entry, EntryKind, Ledger};
use crate::domain::ids::AccountId;
use crate::domain::money::Money;
use crate::domain::policy::{Act, Resource};
use crate::domain::project::Account;
use crate::domain::statement::{LINES_PER_PART, Line, Month, Part, Series, Statement};
use crate::ops::attribution;
use crate::ops::audit;
use crate::ops::audit::chain::{digest, hex};
use crate::ops::ctx::{App, Ctx, Permit, each};
use crate::ops::provider;
use crate::ops::usage::{Histories, meters_since};
use crate::store::{Order, Tx, list};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Lines that are written in one commit.
const LINES_PER_COMMIT: usize = 20 * LINES_PER_PART;

/// Closes every month whose day has come. A reconciler: idempotent, without input. Gives how many statements it made.
///
/// # Errors
/// The first failure, when all the others have been worked on.
pub fn sweep_months(app: &Arc<App>) -> Result<u32> {
    // What holds chunks is charged from the moment of its change on, so it has to be charged before the month of that moment is frozen.
    let settled = attribution::sweep(app);
    let unsettled: BTreeSet<AccountId> =
        attribution::pending(app)?.into_iter().map(|(account, _)| account).collect();
    let all = list::<Account>(app.store.as_ref(), &(), Order::Ascending, u32::MAX, None)?.items;
    let closed = each(all.into_iter().filter(|account| !unsettled.contains(&account.id)), |account| {
        let mut n = 0;
        while let Some(made) = close_next(&app.system(), &account)? {
            n += made;
        }
        Ok(n)
    });
    settled.and(closed)
}

/// Closes the next month of the account, if its day has come; gives how many statements that made.
fn close_next(ctx: &Ctx, account: &Account) -> Result<Option<u32>> {
    let head = super::head(ctx, account.id)?;
    let due = |month: &Month| month.closes(ctx.app.settings.close_day) <= ctx.now;
    let Some(month) = Some(next(&head, account)).filter(due).map(|month| match head.closed_to {
        Some(_) => month,
        None => first(ctx, account.id, month),
    }) else {
        return Ok(None);
    };
    let permit = ctx.authorize(Act::LedgerUpdate, &Resource::Provider, "account")?;
    let lines = write_lines(ctx, &permit, account.id, month)?;
    close(ctx, &permit, &head, month, &lines).map(Some)
}

/// The month that is closed next: that after the last one, or the first in which there was the account.
fn next(head: &Ledger, account: &Account) -> Month {
    Month::of(head.closed_to.unwrap_or(account.created))
}

/// The first month that is closed: that of the account's making, unless a clock was set back behind it and something was used there.
fn first(ctx: &Ctx, account: AccountId, made: Month) -> Month {
    let used = ctx.app.meters.group(&account).iter().map(|meter| meter.from).min();
    used.map_or(made, |used| Month::of(used).min(made))
}

/// The lines of a month, once they are written.
struct Written {
    n_lines: u64,
    n_parts: u32,
    total: Money,
    hash: String,
}

/// Writes the lines of a month, a few in memory at once and in each commit. What an earlier try wrote is
/// written over: until the month is closed nobody has seen it.
fn write_lines(ctx: &Ctx, permit: &Permit, account: AccountId, month: Month) -> Result<Written> {
    let mut histories = Histories::default();
    let mut hasher = Sha256::new();
    let mut done = Written { n_lines: 0, n_parts: 0, total: Money::ZERO, hash: String::new() };
    let mut lines: Vec<Line> = Vec::new();
    // In the order of their ids, whatever the order of their making and of their ends.
    let mut meters = meters_since(&ctx.app, account, month.from);
    meters.sort_unstable_by_key(|meter| meter.id);
    for meter in meters {
        let Some(line) = Line::of(&meter, histories.of(&ctx.app, &meter.region)?, month) else { continue };
        hasher.update(line.written().as_bytes());
        done.total = done.total + line.amount;
        done.n_lines += 1;
        lines.push(line);
        if lines.len() == LINES_PER_COMMIT {
            done.n_parts = write_parts(ctx, permit, (account, month), done.n_parts, &lines)?;
            lines.clear();
        }
    }
    done.n_parts = write_parts(ctx, permit, (account, month), done.n_parts, &lines)?;
    done.hash = hex(&hasher.finalize());
    Ok(done)
}

/// Writes lines in one commit, the first of them into the record of this place; gives the place after the last.
fn write_parts(
    ctx: &Ctx,
    permit: &Permit,
    of: (AccountId, Month),
    first: u32,
    lines: &[Line],
) -> Result<u32> {
    if lines.is_empty() {
        return Ok(first);
    }
    ctx.transact(permit, |tx| {
        let mut place = first;
        for lines in lines.chunks(LINES_PER_PART) {
            tx.put(&Part { account: of.0, month: of.1.from, place, lines: lines.to_vec() })?;
            place += 1;
        }
        Ok(place)
    })
}

/// The commit that closes a month: the statement with the next number, its charge in the ledger, and that the month is closed. A month in
/// which nothing was charged has none. Nothing happens where somebody else closed it since `seen`.
fn close(ctx: &Ctx, permit: &Permit, seen: &Ledger, month: Month, lines: &Written) -> Result<u32> {
    let symbol = symbol(ctx)?;
    ctx.transact(permit, |tx| {
        let Some(account) = tx.get::<Account>(&seen.account)? else { return Ok(0) };
        let mut head = head_in(tx, account.id)?;
        if head.closed_to != seen.closed_to {
            return Ok(0);
        }
        head.closed_to = Some(month.to);
        let charged = lines.total != Money::ZERO;
        remove_parts(tx, account.id, month, if charged { lines.n_parts } else { 0 })?;
        if !charged {
            tx.put(&head)?;
            return Ok(0);
        }
        let statement = number(tx, ctx, &account, &mut head, month, lines, &symbol)?;
        append(tx, &mut head, charge(ctx, &statement))?;
        let detail = format!("{} to pay for {}.", statement.due.display(&symbol), month.from.month_words());
        let name = format!("Statement {}", statement.number);
        let entry = provider::account_entry(&account, None, "billing.statement", format!("{name}: {detail}"));
        audit::write(tx, ctx, permit, &entry)?;
        // What is rounded may be the cent that was missing, or not any more.
        let balance = balance_of(ctx, &head)?.total() - statement.due;
        let mut billing = of_in(tx, account.id)?;
        let settle = |billing: &mut crate::domain::billing::Billing| billing.settle(balance, ctx.now);
        noted(tx, ctx, permit, &account, &mut billing, settle, balance)?;
        Ok(1)
    })
}

/// Pieces that an earlier try wrote and that are not of the statement.
fn remove_parts(tx: &mut Tx<'_>, account: AccountId, month: Month, first: u32) -> Result<()> {
    for place in first.. {
        let key = (account, month.from.0, place);
        if tx.get::<Part>(&key)?.is_none() {
            break;
        }
        tx.delete::<Part>(&key);
    }
    Ok(())
}

fn number(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    account: &Account,
    head: &mut Ledger,
    month: Month,
    lines: &Written,
    symbol: &str,
) -> Result<Statement> {
    let mut series = tx.get::<Series>(&())?.unwrap_or_default();
    series.n_statements = series.n_statements.saturating_add(1);
    let mut statement = Statement {
        account: account.id,
        number: series.n_statements,
        name: account.name.to_string(),
        from: month.from,
        to: month.to,
        closed: ctx.now,
        n_lines: lines.n_lines,
        n_parts: lines.n_parts,
        total: lines.total,
        due: lines.total.to_cents(),
        symbol: symbol.to_owned(),
        lines_hash: lines.hash.clone(),
        previous: head.statement_hash.clone(),
        hash: String::new(),
    };
    statement.hash = link(&statement);
    head.n_statements = head.n_statements.saturating_add(1);
    head.statement_hash.clone_from(&statement.hash);
    tx.insert(&statement)?;
    tx.put(&series)?;
    Ok(statement)
}

/// The hash of a statement.
pub(crate) fn link(statement: &Statement) -> String {
    digest(&statement.chained())
}

fn charge(ctx: &Ctx, statement: &Statement) -> Entry {
    Entry {
        account: statement.account,
        number: 0,
        at: ctx.now,
        kind: EntryKind::Charge,
        amount: Money::ZERO - statement.due,
        reference: statement.reference(),
        statement: Some(statement.number),
        note: String::new(),
        user: None,
        by: ctx.actor.name().to_owned(),
        hash: String::new(),
    }
}

/// Whether the lines and the hash of a statement are what was written: everything is read and computed again, a piece at a time.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn holds(ctx: &Ctx, statement: &Statement) -> Result<bool> {
    let mut hasher = Sha256::new();
    let (mut n_lines, mut total) = (0u64, Money::ZERO);
    for place in 0..statement.n_parts {
        let Some(part) = ctx.read::<Part>(&(statement.account, statement.from.0, place))? else {
            return Ok(false);
        };
        for line in &part.lines {
            hasher.update(line.written().as_bytes());
            n_lines += 1;
            total = total + line.amount;
        }
    }
    Ok(n_lines == statement.n_lines
        && total == statement.total
        && total.to_cents() == statement.due
        && hex(&hasher.finalize()) == statement.lines_hash
        && link(statement) == statement.hash)
}
