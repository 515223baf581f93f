//! Who pays for chunks that several things share (`docs/adr/0018-unique-bytes.md`): inside an account and a region each chunk is paid once,
//! by the first that holds it. What a chunk is, and how large, only the storage knows; here is the order, and what is written down of every
//! change so that it can be charged from its own moment on.

use super::ids::{AccountId, RegionId, Subject};
use super::meter::{Charge, Meter};
use super::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The classes of what holds chunks, in the order in which they pay.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// An image in use.
    Image,
    /// An image in the recycle bin.
    Bin,
    /// A snapshot.
    Snapshot,
}

impl Class {
    /// The class of what this is charged for; `None` for what holds no chunks.
    pub const fn of(charge: &Charge) -> Option<Self> {
        match charge {
            Charge::ImageStorage => Some(Self::Image),
            Charge::BinStorage => Some(Self::Bin),
            Charge::SnapshotStorage => Some(Self::Snapshot),
            Charge::SnapshotService
            | Charge::Disk { .. }
            | Charge::Running { .. }
            | Charge::Licence { .. }
            | Charge::Transfer { .. } => None,
        }
    }
}

/// What holds chunks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Holder {
    /// The image or snapshot.
    pub subject: Subject,
    /// Its class.
    pub class: Class,
    /// When it was asked for: the older one pays.
    pub created: Timestamp,
    /// Its contents, by fingerprint.
    pub contents: Vec<String>,
}

impl Holder {
    /// Where it stands in the order of who pays: by class, then by age, then by id.
    pub fn rank(&self) -> impl Ord + use<> {
        (self.class, self.created, self.subject.uuid())
    }
}

/// How many changes of holders an account has seen in a region. It is read and rewritten with every one of them, so they are numbered
/// without a gap, and whoever computes what they mean learns when another came meanwhile.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Attribution {
    /// Whose.
    pub account: AccountId,
    /// Where.
    pub region: RegionId,
    /// The number of the latest change.
    pub number: u64,
}

/// A change of what holds chunks that is not charged for yet: written in the commit of the change, removed in the one that moves the meters.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Holding {
    /// Whose.
    pub account: AccountId,
    /// Where.
    pub region: RegionId,
    /// Counted from 1 for each account and region.
    pub number: u64,
    /// When; what is charged changes from here on.
    pub at: Timestamp,
    /// What changed.
    pub subject: Subject,
    /// When that was asked for.
    pub created: Timestamp,
    /// Its class before; `None` when it held nothing.
    pub before: Option<Class>,
    /// Its contents, by fingerprint; kept in the storage as long as this is here.
    pub contents: Vec<String>,
}

/// The holders from each moment on at which some changed, in the order of who pays: undoes the changes one by one, from the last, in what
/// is there `now`. Charges count whole seconds, so what changed within one second is one moment.
pub fn moments(now: Vec<Holder>, changes: &[Holding]) -> Vec<(Timestamp, Vec<Holder>)> {
    let mut state: BTreeMap<Subject, Holder> = now.into_iter().map(|h| (h.subject, h)).collect();
    let mut changes: Vec<&Holding> = changes.iter().collect();
    changes.sort_by_key(|change| change.number);
    let mut moments: Vec<(Timestamp, Vec<Holder>)> = Vec::new();
    for (n, change) in changes.iter().enumerate().rev() {
        let same = |other: &&&Holding| other.at.seconds() == change.at.seconds();
        if changes.get(n + 1).filter(same).is_none() {
            let mut holders: Vec<Holder> = state.values().cloned().collect();
            holders.sort_by_key(Holder::rank);
            moments.push((change.at, holders));
        } else if let Some((at, _)) = moments.last_mut() {
            *at = change.at;
        }
        match change.before {
            None => _ = state.remove(&change.subject),
            Some(class) => {
                let Holding { subject, created, contents, .. } = (*change).clone();
                state.insert(subject, Holder { subject, class, created, contents });
            }
        }
    }
    moments.reverse();
    moments
}

/// For each group of chunks in order, the bytes of those that no group before holds. In sum that is what all of them take together.
pub fn first_holders<C: Ord>(groups: impl IntoIterator<Item = Vec<(C, u64)>>) -> Vec<u64> {
    let mut seen = BTreeSet::new();
    let first = |(chunk, bytes)| if seen.insert(chunk) { bytes } else { 0 };
    let mut first = first;
    groups.into_iter().map(|group| group.into_iter().map(&mut first).fold(0, u64::saturating_add)).collect()
}

/// A meter as it has to be when its quantity is this from each of these moments on, in order: the stretches it falls into, each with its
/// beginning and quantity. The first one begins with the meter, the last one ends with it.
pub fn stretches(meter: &Meter, quantities: &[(Timestamp, u64)]) -> Vec<(Timestamp, u64)> {
    let mut stretches = vec![(meter.from, meter.quantity_bytes)];
    for (at, quantity) in quantities {
        if meter.to.is_some_and(|to| to.seconds() <= at.seconds()) {
            break;
        }
        match stretches.last_mut() {
            Some((_, last)) if last == quantity => {}
            // Something changed in the second in which it begins: it began with that.
            Some((from, last)) if at.seconds() <= from.seconds() => *last = *quantity,
            _ => stretches.push((*at, *quantity)),
        }
    }
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::MeterId;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn image(n: u8) -> Subject {
        Subject::Image(Uuid::from_bytes([n; 16]).into())
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn holder(n: u8, class: Class) -> Holder {
        Holder { subject: image(n), class, created: at(i64::from(n)), contents: vec![] }
    }

    fn change(number: u64, at_ms: i64, n: u8, before: Option<Class>) -> Holding {
        let (subject, created) = (image(n), at(i64::from(n)));
        let (account, region) = (Uuid::nil().into(), "north-1".into());
        Holding { account, region, number, at: Timestamp(at_ms), subject, created, before, contents: vec![] }
    }

    #[test]
    fn what_was_there_at_every_moment_is_found_from_what_is_there_now() {
        // 1 and 2 were there; 1 went into the bin, 3 came, and 2 was removed.
        let now = vec![holder(3, Class::Image), holder(1, Class::Bin)];
        let changes = [
            change(1, 10_000, 1, Some(Class::Image)),
            change(3, 30_900, 2, Some(Class::Image)),
            change(2, 30_100, 3, None),
        ];
        let seen = moments(now, &changes);
        let shown: Vec<(i64, Vec<Subject>)> =
            seen.iter().map(|(at, all)| (at.0, all.iter().map(|h| h.subject).collect())).collect();
        assert_eq!(shown, [(10_000, vec![image(2), image(1)]), (30_100, vec![image(3), image(1)])]);
    }

    #[test]
    fn a_meter_changes_from_the_moment_of_the_change_on() {
        let meter = |from_s, to_s: Option<i64>| Meter {
            id: MeterId(Uuid::nil()),
            subject: image(1),
            name: String::new(),
            account: Uuid::nil().into(),
            project: Uuid::nil().into(),
            region: "north-1".into(),
            charge: Charge::ImageStorage,
            quantity_bytes: 9,
            virtual_bytes: 9,
            from: at(from_s),
            to: to_s.map(at),
            labels: None,
        };
        let changed = [(at(5), 4), (at(7), 6)];
        assert_eq!(stretches(&meter(1, None), &changed), [(at(1), 9), (at(5), 4), (at(7), 6)]);
        assert_eq!(stretches(&meter(5, Some(7)), &changed), [(at(5), 4)], "it began with it, and had ended");
        assert_eq!(stretches(&meter(6, None), &changed), [(at(6), 4), (at(7), 6)]);
        assert_eq!(stretches(&meter(1, Some(5)), &changed), [(at(1), 9)]);
        assert_eq!(stretches(&meter(1, None), &[(at(5), 9)]), [(at(1), 9)]);
    }

    fn groups() -> impl Strategy<Value = Vec<Vec<(u8, u64)>>> {
        let chunk = (0u8..12).prop_map(|chunk| (chunk, u64::from(chunk) * 7 + 1));
        proptest::collection::vec(proptest::collection::vec(chunk, 0..8), 1..7)
    }

    proptest! {
        #[test]
        fn the_parts_add_up_to_what_all_take_together(groups in groups()) {
            let union: BTreeMap<u8, u64> = groups.iter().flatten().copied().collect();
            prop_assert_eq!(first_holders(groups).iter().sum::<u64>(), union.values().sum::<u64>());
        }

        #[test]
        fn what_goes_leaves_its_chunks_to_the_next_and_nothing_else_changes(groups in groups(), gone in 0usize..6) {
            let gone = gone % groups.len();
            let before = first_holders(groups.clone());
            let mut rest = groups.clone();
            let lost = rest.remove(gone);
            let after = first_holders(rest.clone());
            prop_assert_eq!(&before[..gone], &after[..gone], "who comes before pays what they paid");
            for (n, group) in rest.iter().enumerate().skip(gone) {
                let more = after[n] - before[n + 1];
                let shared: BTreeMap<u8, u64> = group.iter().filter(|c| lost.contains(c)).copied().collect();
                prop_assert!(more <= shared.values().sum::<u64>());
            }
        }

        #[test]
        fn the_same_holders_pay_the_same_in_whatever_order_they_are_found(order in Just((0u8..6).collect::<Vec<_>>()).prop_shuffle()) {
            let class = |n: u8| [Class::Image, Class::Bin, Class::Snapshot][usize::from(n) % 3];
            let mut all: Vec<Holder> = order.into_iter().map(|n| holder(n, class(n))).collect();
            all.sort_by_key(Holder::rank);
            let ranked: Vec<Subject> = all.iter().map(|h| h.subject).collect();
            prop_assert_eq!(ranked, [0, 3, 1, 4, 2, 5].map(image));
        }
    }
}
