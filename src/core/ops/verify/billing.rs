//! Verifies ledgers and statements: every entry and every number once and without a gap, every hash recomputed, the heads as the last ones
//! say, each statement charged once, and for what the meters say; arrears only where there can be any; and what arrears hold back is in the
//! recycle bin.

use super::{All, Expected};
use crate::domain::billing::{Billing, Entry, EntryKind, Held, Ledger, Mode};
use crate::domain::ids::{AccountId, RegionId};
use crate::domain::image::Status;
use crate::domain::money::Money as Amount;
use crate::domain::price::{DatedBook, History};
use crate::domain::statement::{Line, Month, Part, Series, Statement};
use crate::domain::time::Timestamp;
use crate::ops::audit::chain::hex;
use crate::ops::billing::{link, link_statement};
use crate::store::index_key;
use crate::store::records::index;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The lines of a month, as far as they are there: added up row by row, so that none has to be kept.
#[derive(Default)]
struct Lines {
    hasher: Sha256,
    n_lines: u64,
    n_parts: u32,
    total: Amount,
    /// A piece is missing before one that is there.
    broken: bool,
}

/// What there is of money.
#[derive(Default)]
pub(super) struct Money {
    pub(super) series: Series,
    pub(super) statements: Vec<Statement>,
    lines: BTreeMap<(AccountId, Timestamp), Lines>,
    pub(super) billings: Vec<Billing>,
    pub(super) ledgers: BTreeMap<AccountId, Ledger>,
    pub(super) entries: BTreeMap<AccountId, Vec<Entry>>,
    pub(super) held: Vec<Held>,
}

impl Money {
    pub(super) fn entry(&mut self, entry: Entry) {
        self.entries.entry(entry.account).or_default().push(entry);
    }

    /// Adds the lines of a piece to those of their month; pieces come in their order.
    pub(super) fn part(&mut self, part: &Part) {
        let lines = self.lines.entry((part.account, part.month)).or_default();
        lines.broken |= part.place != lines.n_parts;
        lines.n_parts += 1;
        for line in &part.lines {
            lines.hasher.update(line.written().as_bytes());
            lines.n_lines += 1;
            lines.total = lines.total + line.amount;
        }
    }

    /// Index rows that the entries call for.
    pub(super) fn expect(&self, rows: &mut Expected) {
        for entry in self.entries.values().flatten().filter(|entry| entry.kind != EntryKind::Charge) {
            let key = index_key(index::ENTRY_BY_REFERENCE, &(entry.account, entry.reference.clone()));
            rows.0.insert(key, Value::from(entry.number));
        }
    }
}

impl All {
    pub(super) fn billing(&mut self) {
        let mut money = std::mem::take(&mut self.money);
        let mut found = self.charged(&money);
        found.extend(self.statements(&mut money));
        for account in money.ledgers.keys() {
            money.entries.entry(*account).or_default();
        }
        for (account, entries) in std::mem::take(&mut money.entries) {
            let whose = self.account_name(account);
            if !self.accounts.contains_key(&account) {
                found.push(format!("The ledger of {whose} belongs to no account."));
            }
            let head = money.ledgers.remove(&account).unwrap_or_else(|| Ledger::empty(account));
            found.extend(ledger(&whose, entries, &head));
        }
        for billing in &money.billings {
            if billing.mode == Mode::Invoice && billing.negative_since.is_some() {
                let whose = self.account_name(billing.account);
                found.push(format!("{whose} pays by statement and is in arrears."));
            }
        }
        for held in &money.held {
            let image = self.images.get(&held.image.0);
            if image.is_none_or(|i| i.account != held.account || i.status != Status::Recycled) {
                found.push(format!(
                    "The image {} is held back because of arrears and is not in the recycle bin.",
                    held.image
                ));
            }
        }
        self.verified.findings.append(&mut found);
    }
}

impl All {
    /// Every second of every meter in a closed month is on its statement, and nothing else is: the months are charged once more.
    fn charged(&self, money: &Money) -> Vec<String> {
        let histories: BTreeMap<_, _> =
            self.prices.keys().map(|region| (region, self.history(region))).collect();
        let mut due: BTreeMap<(AccountId, Timestamp), Amount> = BTreeMap::new();
        for meter in self.meters.values() {
            let closed_to = money.ledgers.get(&meter.account).and_then(|head| head.closed_to);
            let (Some(closed_to), Some(history)) = (closed_to, histories.get(&meter.region)) else {
                continue;
            };
            let mut month = Month::of(meter.from);
            while month.to <= closed_to && meter.to.is_none_or(|to| month.from <= to) {
                if let Some(line) = Line::of(meter, history, month) {
                    let sum = due.entry((meter.account, month.from)).or_default();
                    *sum = *sum + line.amount;
                }
                month = Month::of(month.to);
            }
        }
        let mut found = Vec::new();
        let mut compare = |account, from: Timestamp, says: Amount, is: Amount| {
            if says != is {
                found.push(format!(
                    "The month {} of {} was closed with {} millionths, and its meters say {}.",
                    from.month_words(),
                    self.account_name(account),
                    says.0,
                    is.0
                ));
            }
        };
        for statement in &money.statements {
            let is = due.remove(&(statement.account, statement.from)).unwrap_or_default();
            compare(statement.account, statement.from, statement.total, is);
        }
        for ((account, from), is) in due {
            compare(account, from, Amount::ZERO, is);
        }
        found
    }

    /// The prices of a region over time; those that its record says, where it kept no books yet.
    fn history(&self, region: &RegionId) -> History {
        let kept = self.books.get(region).map(|books| books.iter().cloned().map(Arc::new).collect());
        let always = || {
            let prices = self.prices.get(region).cloned().unwrap_or_default();
            let from = Timestamp::default();
            vec![Arc::new(DatedBook { region: region.clone(), from, withdrawn: None, prices })]
        };
        History::new(kept.unwrap_or_else(always))
    }

    /// Numbers without a gap, chains, lines, and one charge in the ledger for each.
    fn statements(&self, money: &mut Money) -> Vec<String> {
        let mut found = Vec::new();
        let mut statements = std::mem::take(&mut money.statements);
        statements.sort_unstable_by_key(|statement| statement.number);
        let mut ends: BTreeMap<AccountId, (u64, String, Timestamp)> = BTreeMap::new();
        let mut n = 0;
        for statement in statements {
            let what = format!("statement {} of {}", statement.number, self.account_name(statement.account));
            if statement.number != n + 1 {
                found.push(format!("The number before the {what} is missing or twice."));
            }
            n = statement.number;
            let (of_account, previous, last) = ends.entry(statement.account).or_default();
            if statement.previous != *previous || link_statement(&statement) != statement.hash {
                found.push(format!("The {what} is not what was written, or the one before it is not."));
            }
            if statement.from < *last {
                found.push(format!("The {what} is of a month that was closed before."));
            }
            (*of_account, *previous, *last) = (*of_account + 1, statement.hash.clone(), statement.to);
            let lines = money.lines.remove(&(statement.account, statement.from)).unwrap_or_default();
            let sums = (lines.n_lines, lines.n_parts, lines.total, lines.total.to_cents(), lines.broken);
            let says = (statement.n_lines, statement.n_parts, statement.total, statement.due, false);
            if sums != says || hex(&lines.hasher.finalize()) != statement.lines_hash {
                found.push(format!("The lines of the {what} are not what was written."));
            }
            let charged =
                |entry: &&Entry| entry.kind == EntryKind::Charge && entry.statement == Some(statement.number);
            let entries = money.entries.get(&statement.account).map_or(&[][..], Vec::as_slice);
            let charges: Vec<Amount> = entries.iter().filter(charged).map(|entry| entry.amount).collect();
            if charges != [Amount::ZERO - statement.due] {
                found.push(format!("The {what} is not charged once in the ledger: {charges:?}."));
            }
        }
        if n != money.series.n_statements {
            found.push(format!("The last statement is {n}, and {} were counted.", money.series.n_statements));
        }
        for head in money.ledgers.values() {
            let (n, hash, _) = ends.remove(&head.account).unwrap_or_default();
            if (head.n_statements, &head.statement_hash) != (n, &hash) {
                let whose = self.account_name(head.account);
                found.push(format!("{whose} has {n} statements, and its ledger says {}.", head.n_statements));
            }
        }
        // What a try that was broken off left is written over when the month is closed.
        for ((account, month), _) in std::mem::take(&mut money.lines) {
            let closed = money.ledgers.get(&account).and_then(|head| head.closed_to);
            if closed.is_some_and(|to| month < to) {
                let whose = self.account_name(account);
                found.push(format!(
                    "There are lines of {} of {whose} without a statement.",
                    month.month_words()
                ));
            }
        }
        found
    }
}

/// What is wrong with one ledger. One thing that is wrong is one finding: after it, the chain is followed from what is written.
fn ledger(whose: &str, mut entries: Vec<Entry>, head: &Ledger) -> Vec<String> {
    entries.sort_unstable_by_key(|entry| entry.number);
    let mut found = Vec::new();
    let (mut n, mut hash) = (0, String::new());
    for entry in entries {
        let what = format!("entry {} of the ledger of {whose}", entry.number);
        if entry.number != n + 1 {
            found.push(format!("Something is missing before {what}."));
        } else if link(&hash, &entry) != entry.hash {
            found.push(format!("The {what} is not what was written, or the one before it is not."));
        }
        let right = match entry.kind {
            EntryKind::Charge => entry.amount <= Amount::ZERO && entry.statement.is_some(),
            EntryKind::TopUp | EntryKind::Credit => entry.amount > Amount::ZERO && entry.statement.is_none(),
            EntryKind::Correction => entry.amount > Amount::ZERO && entry.statement.is_some(),
        };
        if !right {
            found.push(format!("The {what} is not one of its kind."));
        }
        (n, hash) = (entry.number, entry.hash);
    }
    if (head.n_entries, &head.hash) != (n, &hash) {
        found.push(format!(
            "The ledger of {whose} ends with entry {n}, and its head says {}.",
            head.n_entries
        ));
    }
    found
}
