//! Verifies the chains of events: every number once and without a gap, every hash recomputed, the head as the last event says.

use super::All;
use crate::domain::event::{Chain, Event};
use crate::domain::ids::{AccountId, MeterId};
use crate::domain::meter::Meter;
use crate::ops::audit::chain::{link, origin};
use std::collections::BTreeMap;

impl All {
    /// What the trail told last of a meter is what the meter says, so that a bill follows from the trail. Meters of before charges were told
    /// are in none.
    pub(super) fn told(&mut self) {
        let mut last: BTreeMap<MeterId, &Event> = BTreeMap::new();
        for event in self.events.iter().filter(|event| event.of_charge()) {
            let Some(meter) = Meter::told_of(&event.detail) else { continue };
            let known = last.entry(meter).or_insert(event);
            if known.number < event.number {
                *known = event;
            }
        }
        let mut found = Vec::new();
        for (id, event) in last {
            if self.meters.get(&id).is_none_or(|meter| meter.told() != event.detail) {
                found.push(format!(
                    "The meter {id} of “{}” is not what {} last told of it.",
                    event.name,
                    self.whose(event.account)
                ));
            }
        }
        self.verified.findings.append(&mut found);
    }

    pub(super) fn chains(&mut self) {
        let mut by_chain: BTreeMap<Option<AccountId>, Vec<Event>> = BTreeMap::new();
        for event in std::mem::take(&mut self.events) {
            by_chain.entry(event.account).or_default().push(event);
        }
        let mut heads = std::mem::take(&mut self.chains);
        for account in heads.keys() {
            by_chain.entry(*account).or_default();
        }
        for (account, events) in by_chain {
            let whose = self.whose(account);
            self.verified.findings.extend(chain(&whose, events, heads.remove(&account)));
        }
    }

    fn whose(&self, account: Option<AccountId>) -> String {
        match account {
            Some(account) => format!("the audit trail of {}", self.account_name(account)),
            None => "the provider's own audit trail".to_owned(),
        }
    }
}

/// `event 3`, or `events 3 to 5`.
fn words(first: u64, last: u64) -> String {
    if first == last { format!("event {first}") } else { format!("events {first} to {last}") }
}

/// What is wrong with one chain, in the order of its events. One thing that is wrong is one finding: after it, the chain is followed from
/// what is written.
fn chain(whose: &str, events: Vec<Event>, head: Option<Chain>) -> Vec<String> {
    let (mut older, mut events): (Vec<Event>, Vec<Event>) = events.into_iter().partition(|e| e.number == 0);
    older.sort_unstable_by_key(|e| (e.at, e.id));
    events.sort_unstable_by_key(|e| (e.number, e.id));
    let mut found = Vec::new();
    let mut last = Chain { account: None, n_events: 0, hash: origin(older.iter()) };
    // What comes after a gap cannot be recomputed.
    let mut known = true;
    for event in events {
        let name =
            format!("Event {} of {whose} ({}, {} of “{}”)", event.number, event.id, event.action, event.name);
        if event.number == last.n_events {
            found.push(format!("{name} was inserted: there is another one of this number."));
            continue;
        }
        if event.number != last.n_events.saturating_add(1) {
            let (first, end) = (last.n_events.saturating_add(1), event.number - 1);
            found.push(format!("Missing in {whose}: {}.", words(first, end)));
            known = false;
        }
        if known && link(&last.hash, &event) != event.hash {
            let before = match event.number {
                1 if older.is_empty() => "",
                1 => ", or an event from before there were chains is not",
                _ => ", or the one before it is not",
            };
            found.push(format!("{name} is not what was written{before}."));
        }
        last = Chain { n_events: event.number, hash: event.hash, ..last };
        known = true;
    }
    match head {
        // Nothing was written since there are chains.
        None if last.n_events == 0 => {}
        None => {
            found.push(format!("The head of {whose} is missing; its last one is event {}.", last.n_events))
        }
        Some(head) if head.n_events > last.n_events => {
            found.push(format!(
                "Missing in {whose}: {}.",
                words(last.n_events.saturating_add(1), head.n_events)
            ));
        }
        Some(head) if (head.n_events, &head.hash) != (last.n_events, &last.hash) => found.push(format!(
            "The head of {whose} is event {} with the hash {}; the last one is event {} with {}.",
            head.n_events, head.hash, last.n_events, last.hash
        )),
        Some(_) => {}
    }
    found
}
