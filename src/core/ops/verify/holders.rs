//! Verifies unique bytes (`docs/adr/0018-unique-bytes.md`): what changed and is not charged yet is numbered without a gap, and where nothing
//! waits, the meters of images and snapshots have what the storage says.

use super::{All, Verified};
use crate::domain::attribution::{Class, Holder};
use crate::domain::ids::{AccountId, RegionId, Subject};
use crate::ops::attribution::quantities;
use crate::ports::Storage;
use std::collections::{BTreeMap, BTreeSet};

/// What holds chunks of an account in a region, in the order of who pays.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// The holders.
    pub holders: Vec<Holder>,
    /// The name of each, and the bytes its open meter has.
    pub charged: BTreeMap<Subject, (String, u64)>,
}

impl All {
    pub(super) fn holders(&mut self) {
        let mut found = Vec::new();
        let mut pending: BTreeSet<(AccountId, RegionId)> = BTreeSet::new();
        for change in &self.holdings {
            let key = (change.account, change.region.clone());
            if self.attributions.get(&key).is_none_or(|head| head.number < change.number) {
                found.push(format!(
                    "The change {} of what holds chunks in {} is not counted.",
                    change.number, change.region
                ));
            }
            pending.insert(key);
        }
        let images = self.images.values().filter_map(|image| {
            let class = Class::of(image.charge().as_ref()?)?;
            Some(((image.account, image.region.clone()), image.holder(class)))
        });
        let snapshots = self.snapshots.values().filter_map(|snapshot| {
            let class = Class::of(snapshot.charge().as_ref()?)?;
            Some(((snapshot.account, snapshot.region.clone()), snapshot.holder(class)))
        });
        let mut held: BTreeMap<(AccountId, RegionId), Held> = BTreeMap::new();
        for (key, holder) in images.chain(snapshots) {
            // Before the first start that knows unique bytes, nothing is charged by them.
            if !pending.contains(&key) && self.attributions.contains_key(&key) {
                held.entry(key).or_default().holders.push(holder);
            }
        }
        let open = self.meters.values().filter(|m| m.to.is_none() && Class::of(&m.charge).is_some());
        for meter in open {
            if let Some(held) = held.get_mut(&(meter.account, meter.region.clone())) {
                held.charged.insert(meter.subject, (meter.name.clone(), meter.quantity_bytes));
            }
        }
        held.values_mut().for_each(|held| held.holders.sort_by_key(Holder::rank));
        self.verified.held = held;
        self.verified.findings.append(&mut found);
    }
}

/// Compares the meters of images and snapshots with what the storage says, a sentence for each that differs. A region that cannot be read
/// is told by whoever reads it.
pub fn attributed(verified: &Verified, storage: &dyn Storage) -> Vec<String> {
    let mut found = Vec::new();
    for ((_, region), held) in &verified.held {
        let due = storage.region(region).map_err(Into::into);
        let due = due.and_then(|blobs| quantities(blobs.as_ref(), &held.holders));
        let due = match due {
            Ok(due) => due,
            Err(error) => {
                found.push(format!(
                    "What is charged for contents in {region} cannot be counted again: {error}"
                ));
                continue;
            }
        };
        for (subject, (name, bytes)) in &held.charged {
            if let Some(due) = due.get(subject).filter(|due| *due != bytes) {
                found.push(format!(
                    "The {} “{name}” ({}) is charged for {bytes} bytes and holds {due} alone or before others.",
                    subject.noun(),
                    subject.uuid()
                ));
            }
        }
    }
    found
}
