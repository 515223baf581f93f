//! Replays the trail: when something was charged for must follow from what the events of its account say happened, so that a bill can be
//! checked against the trail alone. Knows nothing of how meters are opened and closed.

use super::bench::Bench;
use super::invariants::Checked;
use super::witness::Records;
use crate::domain::event::Event;
use crate::domain::ids::Subject;
use crate::domain::meter::Charge;
use crate::domain::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Stretches of time in which something is charged, in order; the last one may be open.
type Stretches = Vec<(Timestamp, Option<Timestamp>)>;

/// What an event does to a charge.
enum Turn {
    On,
    Off,
}

/// Images, snapshots and machines are charged exactly from and until when their trail says; not after a clock was set back, when the order
/// of moments is not that of events.
pub(super) fn meters_follow_from_the_trail(bench: &Bench, records: &Records) -> Checked {
    if bench.recount.went_back() {
        return Ok(());
    }
    let mut trail: BTreeMap<Subject, Vec<&Event>> = BTreeMap::new();
    for event in records.events.all().filter(|event| event.account.is_some()) {
        trail.entry(event.subject).or_default().push(event);
    }
    let mut charged: BTreeMap<Subject, Stretches> = BTreeMap::new();
    for meter in records.meters.all() {
        if matches!(meter.charge, Charge::ImageStorage | Charge::SnapshotStorage | Charge::Running { .. }) {
            charged.entry(meter.subject).or_default().push((meter.from, meter.to));
        }
    }
    let subjects: BTreeSet<Subject> = trail.keys().chain(charged.keys()).copied().collect();
    for subject in subjects {
        let events = trail.remove(&subject).unwrap_or_default();
        let (says, is) = (replayed(events), joined(charged.remove(&subject).unwrap_or_default()));
        if says != is {
            return Err(format!("{subject:?} is charged {is:?}, and its trail says {says:?}"));
        }
    }
    Ok(())
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

fn replayed(mut events: Vec<&Event>) -> Stretches {
    events.sort_by_key(|event| event.number);
    // What is made with a task is charged when that is done, everything else when it is asked for.
    let ended = ["image.available", "image.failed", "image.cancelled"];
    let with_task = events.iter().any(|event| ended.contains(&event.action.as_str()));
    let mut stretches: Stretches = Vec::new();
    for event in events {
        let open = stretches.last().is_some_and(|(_, to)| to.is_none());
        match (turn(event, with_task), open) {
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

fn turn(event: &Event, with_task: bool) -> Option<Turn> {
    match event.action.as_str() {
        "image.available"
        | "image.restore"
        | "snapshot.available"
        | "instance.running"
        | "instance.reinstalled" => Some(Turn::On),
        // One that is taken of another says so in the trail of both.
        "image.create" | "image.copy" if !with_task && event.detail.starts_with("From ") => Some(Turn::On),
        "image.delete"
        | "image.hold"
        | "image.purge"
        | "snapshot.delete"
        | "instance.stopped"
        | "instance.died"
        | "instance.lost"
        | "instance.failed"
        | "instance.reinstall_failed"
        | "instance.reinstall_cancelled"
        | "instance.cancelled"
        | "instance.delete" => Some(Turn::Off),
        _ => None,
    }
}
