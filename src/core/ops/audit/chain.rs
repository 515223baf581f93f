//! The chains of events: one per account and one for what belongs to none. Each event has a number and a hash that covers it and, through
//! the hash before it, everything earlier ([`Event::chained`]); the head of the chain stands in a record of its own.
//!
//! The hashes hold no secret. They show every change to whoever kept an earlier head or an export; who can rewrite all records can also
//! make a whole new chain.

use crate::domain::Result;
use crate::domain::event::{Chain, Event};
use crate::domain::ids::{AccountId, EventId};
use crate::ops::ctx::Ctx;
use crate::store::records::index;
use crate::store::{IndexRow, Order, Store, StoreError, Tx, list_index, read};
use sha2::{Digest, Sha256};

/// The hash of an event that follows on the hash `previous`.
pub(crate) fn link(previous: &str, event: &Event) -> String {
    digest(&event.chained(previous))
}

/// SHA-256 in lower-case hex.
pub(crate) fn digest(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

/// Bytes in lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The hash that a chain begins with: empty, or over the events that are older than it, in the order of their moments and ids.
pub(crate) fn origin<'a>(older: impl Iterator<Item = &'a Event>) -> String {
    older.fold(String::new(), |hash, event| link(&hash, event))
}

/// Gives the event its place in the chain of its account, and writes both.
pub(super) fn append(tx: &mut Tx<'_>, ctx: &Ctx, event: Event) -> Result<()> {
    let head = match tx.get::<Chain>(&event.account)? {
        Some(head) => head,
        None => begin(ctx.app.store.as_ref(), event.account)?,
    };
    let mut event = Event { number: head.n_events.saturating_add(1), ..event };
    event.hash = link(&head.hash, &event);
    tx.put(&Chain { account: event.account, n_events: event.number, hash: event.hash.clone() })?;
    Ok(tx.put(&event)?)
}

/// The head of a chain that has no event yet. What an older darkroom wrote is read once, then the first event vouches for it. The scan needs
/// no guard: whoever else adds an event meanwhile writes the head.
fn begin(store: &dyn Store, account: Option<AccountId>) -> Result<Chain, StoreError> {
    let rows: Vec<IndexRow<EventId>> = match account {
        Some(account) => {
            list_index(store, index::EVENT_BY_ACCOUNT, &account, Order::Ascending, u32::MAX, None)?.items
        }
        None => list_index(store, index::EVENT_BY_TIME, &(), Order::Ascending, u32::MAX, None)?.items,
    };
    let mut older = Vec::new();
    for row in rows {
        match read::<Event>(store, &row.value) {
            Ok(event) => older.extend(event.filter(|e| e.account == account && e.number == 0)),
            // `darkroom check` names it; nothing can be said about it here, and nothing else may stop for it.
            Err(error) if error.of_one_record() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Chain { account, n_events: 0, hash: origin(older.iter()) })
}
