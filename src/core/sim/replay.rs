//! Replays the trail: the meters that it tells of must be those that there are, all of them, with every byte and millisecond; and when
//! something was charged for must follow from what its events say happened. So a bill can be checked against the trail alone. Knows nothing
//! of how meters are opened and closed.

use super::bench::Bench;
use super::invariants::Checked;
use super::witness::Records;
use crate::domain::event::Event;
use crate::domain::ids::{MeterId, Subject};
use crate::domain::meter::{Charge, Meter};
use crate::domain::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Stretches of time in which something is charged, in order; the last one may be open.
type Stretches = Vec<(Timestamp, Option<Timestamp>)>;

/// What an event does to a charge.
enum Turn {
    On,
    Off,
}

/// What is replayed from what happened. Disks are not: only what is told of their charges names one of them by its id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum What {
    Image,
    Bin,
    Snapshot,
    Service,
    Machine,
    Licence,
}

impl What {
    fn of(charge: &Charge) -> Option<Self> {
        match charge {
            Charge::ImageStorage => Some(Self::Image),
            Charge::BinStorage => Some(Self::Bin),
            Charge::SnapshotStorage => Some(Self::Snapshot),
            Charge::SnapshotService => Some(Self::Service),
            Charge::Running { .. } => Some(Self::Machine),
            Charge::Licence { .. } => Some(Self::Licence),
            Charge::Disk { .. } | Charge::Transfer { .. } => None,
        }
    }

    /// What a subject can be charged for that its trail says exactly.
    fn all(subject: Subject) -> &'static [Self] {
        match subject {
            Subject::Image(_) => &[Self::Image, Self::Bin],
            Subject::Snapshot(_) => &[Self::Snapshot],
            Subject::Instance(_) => &[Self::Machine],
            Subject::Service(_) => &[Self::Service],
            _ => &[],
        }
    }

    fn turn(self, event: &Event, with_task: bool) -> Option<Turn> {
        let recycled = event.detail.contains("In the recycle bin until ");
        match (self, event.action.as_str()) {
            (Self::Image, "image.available" | "image.restore") => Some(Turn::On),
            // One that is taken of another says so in the trail of both.
            (Self::Image, "image.create" | "image.copy") if !with_task => {
                event.detail.starts_with("From ").then_some(Turn::On)
            }
            (Self::Image, "image.delete" | "image.hold" | "image.purge") => Some(Turn::Off),
            (Self::Bin, "image.delete" | "image.hold") => Some(if recycled { Turn::On } else { Turn::Off }),
            (Self::Bin, "image.restore" | "image.purge") => Some(Turn::Off),
            (Self::Snapshot, "snapshot.available") => Some(Turn::On),
            (Self::Snapshot, "snapshot.delete") => Some(Turn::Off),
            (Self::Service, "snapshot_service.on") => Some(Turn::On),
            (Self::Service, "snapshot_service.off") => Some(Turn::Off),
            (Self::Machine | Self::Licence, "instance.running" | "instance.reinstalled") => Some(Turn::On),
            (
                Self::Machine | Self::Licence,
                "instance.stopped"
                | "instance.died"
                | "instance.lost"
                | "instance.failed"
                | "instance.reinstall_failed"
                | "instance.reinstall_cancelled"
                | "instance.cancelled"
                | "instance.delete",
            ) => Some(Turn::Off),
            _ => None,
        }
    }
}

/// The latest that is told of each meter, one after the other, gives all meters and no other.
pub(super) fn meters_are_those_of_the_trail(records: &Records) -> Checked {
    let mut events: Vec<&Event> = records.events.all().filter(|event| event.of_charge()).collect();
    events.sort_by_key(|event| (event.account, event.number));
    let mut told: BTreeMap<MeterId, &str> = BTreeMap::new();
    for event in events {
        let id = Meter::told_of(&event.detail).ok_or_else(|| format!("no meter is named: {event:?}"))?;
        told.insert(id, &event.detail);
    }
    for meter in records.meters.all() {
        let (is, says) = (meter.told(), told.remove(&meter.id));
        if says != Some(is.as_str()) {
            return Err(format!("a meter is “{is}”, and the trail tells {says:?}"));
        }
    }
    told.into_values().next().map_or(Ok(()), |says| Err(format!("there is no such meter: {says}")))
}

/// Everything but disks is charged exactly from and until when its trail says; not after a clock was set back, when the order of moments is
/// not that of events.
pub(super) fn meters_follow_from_the_trail(bench: &Bench, records: &Records) -> Checked {
    if bench.recount.went_back() {
        return Ok(());
    }
    let mut trail: BTreeMap<Subject, Vec<&Event>> = BTreeMap::new();
    for event in records.events.all().filter(|event| event.account.is_some()) {
        trail.entry(event.subject).or_default().push(event);
    }
    trail.values_mut().for_each(|events| events.sort_by_key(|event| event.number));
    let mut charged: BTreeMap<(Subject, What), Stretches> = BTreeMap::new();
    for meter in records.meters.all() {
        if let Some(what) = What::of(&meter.charge) {
            charged.entry((meter.subject, what)).or_default().push((meter.from, meter.to));
        }
    }
    let subjects: BTreeSet<Subject> =
        trail.keys().copied().chain(charged.keys().map(|(subject, _)| *subject)).collect();
    for subject in subjects {
        let events = trail.get(&subject).map_or(&[][..], Vec::as_slice);
        for what in What::all(subject) {
            let (says, is) =
                (replayed(*what, events), joined(charged.remove(&(subject, *what)).unwrap_or_default()));
            if says != is {
                return Err(format!(
                    "{subject:?} is charged for {what:?} {is:?}, and its trail says {says:?}"
                ));
            }
        }
        if let Some(is) = charged.remove(&(subject, What::Licence)) {
            licence_follows(subject, events, joined(is))?;
        }
    }
    match charged.into_iter().next() {
        Some(((subject, what), _)) => Err(format!("{subject:?} is charged for {what:?}, which it never is")),
        None => Ok(()),
    }
}

/// A machine that carries a licence is charged for it whenever it runs (U5); one that was reinstalled may have carried it for a while.
fn licence_follows(machine: Subject, events: &[&Event], is: Stretches) -> Checked {
    let says = replayed(What::Licence, events);
    let reinstalled = events.iter().any(|event| event.action == "instance.reinstalled");
    let ends = |to: Option<Timestamp>| to.map_or(i64::MAX, |to| to.0);
    let within = |(from, to): &(Timestamp, Option<Timestamp>)| {
        says.iter().any(|(begun, ended)| begun <= from && ends(*to) <= ends(*ended))
    };
    if is == says || is.is_empty() || reinstalled && is.iter().all(within) {
        return Ok(());
    }
    Err(format!("{machine:?} is charged for a licence {is:?}, and its trail says that it ran {says:?}"))
}

/// Meters that follow on one another are one stretch: what holds the same chunks changed in between. One that ended as it began is none.
fn joined(mut meters: Stretches) -> Stretches {
    meters.retain(|(from, to)| Some(*from) != *to);
    meters.sort_unstable();
    let mut stretches: Stretches = Vec::new();
    for (from, to) in meters {
        match stretches.last_mut() {
            Some(last) if last.1 == Some(from) => last.1 = to,
            _ => stretches.push((from, to)),
        }
    }
    stretches
}

/// The stretches that events, in their order, speak of.
fn replayed(what: What, events: &[&Event]) -> Stretches {
    // What is made with a task is charged when that is done, everything else when it is asked for.
    let ended = ["image.available", "image.failed", "image.cancelled"];
    let with_task = events.iter().any(|event| ended.contains(&event.action.as_str()));
    let mut stretches: Stretches = Vec::new();
    for event in events {
        let open = stretches.last().is_some_and(|(_, to)| to.is_none());
        match (what.turn(event, with_task), open) {
            (Some(Turn::On), false) => stretches.push((event.at, None)),
            (Some(Turn::Off), true) => {
                if let Some(last) = stretches.last_mut() {
                    last.1 = Some(event.at);
                }
            }
            _ => {}
        }
    }
    joined(stretches)
}
