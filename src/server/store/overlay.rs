//! What readers see while a group of commits is applied but not yet durable: the rows as they were before.
//! With it a reader never sees a commit that a power loss could undo, nor half of one. It must not write anything.

use darkroom_core::store::{Order, Row, StoreError, Version};
use sled::IVec;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Bound;

/// Where the adapter keeps the sequence number; keys from outside never start with this byte.
pub(super) const VERSION_KEY: &[u8] = &[0];

/// The rows that the current group changes, as they were before it; `None` where there was none.
pub(super) type Overlay = BTreeMap<Vec<u8>, Option<IVec>>;

/// A value as sled holds it: the version in 8 bytes, then the bytes of the row.
pub(super) fn pack(version: Version, value: &[u8]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(8 + value.len());
    packed.extend_from_slice(&version.to_be_bytes());
    packed.extend_from_slice(value);
    packed
}

pub(super) fn version_of(packed: &[u8]) -> Result<Version, StoreError> {
    let bytes = packed.first_chunk::<8>().ok_or_else(too_short)?;
    Ok(Version::from_be_bytes(*bytes))
}

pub(super) fn row(key: &[u8], packed: &[u8]) -> Result<Row, StoreError> {
    let (version, value) = packed.split_first_chunk::<8>().ok_or_else(too_short)?;
    Ok(Row { key: key.to_vec(), version: Version::from_be_bytes(*version), value: value.into() })
}

fn too_short() -> StoreError {
    StoreError::Corrupt { what: "a row has no version".into() }
}

/// Merges the tree with the overlay, which wins where both have a key. The caller holds the overlay's lock.
pub(super) fn scan(
    tree: &sled::Tree,
    overlay: &Overlay,
    start: &[u8],
    end: &[u8],
    order: Order,
    limit: u32,
) -> Result<Vec<Row>, StoreError> {
    // The adapter's own row lies below every key from outside.
    let start = start.max(&[1]);
    if start >= end {
        return Ok(Vec::new());
    }
    let stored = tree.range(start..end);
    let before = overlay.range::<[u8], _>((Bound::Included(start), Bound::Excluded(end)));
    let limit = limit as usize;
    match order {
        Order::Ascending => merge(stored, before, limit, |a, b| a.cmp(b)),
        Order::Descending => merge(stored.rev(), before.rev(), limit, |a, b| b.cmp(a)),
    }
}

fn merge<'a>(
    stored: impl Iterator<Item = sled::Result<(IVec, IVec)>>,
    before: impl Iterator<Item = (&'a Vec<u8>, &'a Option<IVec>)>,
    limit: usize,
    compare: impl Fn(&[u8], &[u8]) -> Ordering,
) -> Result<Vec<Row>, StoreError> {
    let mut stored =
        stored.map(|pair| pair.map_err(|error| super::open::engine_error("reading records", error)));
    let mut before = before.peekable();
    let mut rows = Vec::new();
    if limit == 0 {
        return Ok(rows);
    }
    let mut next_stored = stored.next().transpose()?;
    while rows.len() < limit {
        let which = match (&next_stored, before.peek()) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((key, _)), Some((other, _))) => compare(key, other),
        };
        if which == Ordering::Less {
            if let Some((key, packed)) = &next_stored {
                rows.push(row(key, packed)?);
            }
        } else if let Some((key, Some(packed))) = before.next() {
            rows.push(row(key, packed)?);
        }
        if which != Ordering::Greater && rows.len() < limit {
            next_stored = stored.next().transpose()?;
        }
    }
    Ok(rows)
}
