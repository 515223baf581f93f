//! Verifies ledgers: every entry once and without a gap, every hash recomputed, the head as the last entry says; arrears only where there can
//! be any; and what arrears hold back is in the recycle bin.

use super::{All, Expected};
use crate::domain::billing::{Billing, Entry, EntryKind, Held, Ledger, Mode};
use crate::domain::ids::AccountId;
use crate::domain::image::Status;
use crate::ops::billing::link;
use crate::store::index_key;
use crate::store::records::index;
use serde_json::Value;
use std::collections::BTreeMap;

/// What there is of money.
#[derive(Default)]
pub(super) struct Money {
    pub(super) billings: Vec<Billing>,
    pub(super) ledgers: BTreeMap<AccountId, Ledger>,
    pub(super) entries: BTreeMap<AccountId, Vec<Entry>>,
    pub(super) held: Vec<Held>,
}

impl Money {
    pub(super) fn entry(&mut self, entry: Entry) {
        self.entries.entry(entry.account).or_default().push(entry);
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
        let mut found = Vec::new();
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
        let charges = entry.kind == EntryKind::Charge;
        if charges != (entry.amount < crate::domain::money::Money::ZERO) {
            found.push(format!("The {what} has the wrong sign."));
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
