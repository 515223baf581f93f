//! The rules of tasks: whatever moves has exactly one that moves it, none is about nothing, and what ended left nothing.

use super::{Checked, rows, snapshots};
use crate::domain::ids::{ImageId, Subject, TaskId};
use crate::domain::image::{self, Image};
use crate::domain::instance;
use crate::domain::task::{Kind, State, Task};
use crate::sim::bench::Bench;
use crate::sim::witness::Records;
use crate::store::Store;
use crate::store::records::index;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Everything about them that must hold after every event.
pub(super) fn check(bench: &Bench, records: &Records) -> Checked {
    no_more_copies_travel_than_may(bench, records)?;
    subjects_and_tasks_agree(records)?;
    captures_and_machines_agree(records)?;
    task_indexes_are_exact(bench.records(), records)?;
    leases_are_ours(bench, records)?;
    finished_tasks_left_nothing(bench, records)?;
    stuck_only_after_lasting_errors(bench, records)
}

/// Whether something is still to be done about it.
pub(super) fn unfinished(task: &Task) -> bool {
    task.state.active() || task.state == State::Stuck
}

fn image_exists_for(task: &Task) -> Option<ImageId> {
    match task.subject {
        Subject::Image(id) => Some(id),
        _ => None,
    }
}

fn no_more_copies_travel_than_may(bench: &Bench, records: &Records) -> Checked {
    let max = bench.app.settings.n_copies_max;
    let over = records.counters.all().find(|c| c.n_copies > max);
    hold!(over.is_none(), "{:?} copies travel at once, and {max} may", over.map(|c| c.n_copies));
    Ok(())
}

/// Whatever moves has exactly one task that moves it, and no task is about nothing.
fn subjects_and_tasks_agree(records: &Records) -> Checked {
    let mut of_subject: BTreeMap<Uuid, Vec<&Task>> = BTreeMap::new();
    for task in records.tasks.all().filter(|t| unfinished(t)) {
        of_subject.entry(task.subject.uuid()).or_default().push(task);
    }
    for image in records.images.all() {
        let kind = match image.status {
            image::Status::Creating if image.copied_from.is_some() => Some(Kind::ImageCopy),
            image::Status::Creating => Some(Kind::ImageCreate),
            image::Status::Deleting => Some(Kind::ImageDelete),
            image::Status::Available | image::Status::Recycled | image::Status::Error => None,
        };
        let found = of_subject.remove(&image.id.0).unwrap_or_default();
        one_task(image.id.0, kind.as_slice(), image.task, &found)?;
    }
    for machine in records.instances.all() {
        use instance::Status::{
            Creating, Deleting, Error, Rebooting, Reinstalling, Running, Starting, Stopped, Stopping,
            Updating,
        };
        let found = of_subject.remove(&machine.id.0).unwrap_or_default();
        let kind = match machine.status {
            Creating => Some(Kind::InstanceCreate),
            Starting => Some(Kind::InstanceStart),
            Stopping => Some(Kind::InstanceStop),
            Rebooting => Some(Kind::InstanceReboot),
            Reinstalling => Some(Kind::InstanceReinstall),
            Deleting => Some(Kind::InstanceDelete),
            Updating if found.iter().any(|task| task.kind == Kind::DiskRemove) => Some(Kind::DiskRemove),
            Updating => Some(Kind::DiskAdd),
            Running | Stopped | Error => None,
        };
        one_task(machine.id.0, kind.as_slice(), machine.task, &found)?;
    }
    for snapshot in records.snapshots.all() {
        let found = of_subject.remove(&snapshot.id.0).unwrap_or_default();
        one_task(snapshot.id.0, snapshots::task_due(snapshot).as_slice(), snapshot.task, &found)?;
    }
    hold!(of_subject.is_empty(), "tasks are about nothing: {:?}", of_subject.keys());
    Ok(())
}

fn one_task(subject: Uuid, kinds: &[Kind], named: Option<TaskId>, found: &[&Task]) -> Checked {
    let has: Vec<Kind> = found.iter().map(|t| t.kind).collect();
    hold!(has == kinds, "{subject} needs the tasks {kinds:?} and has {has:?}");
    for task in found {
        hold!(named == Some(task.id), "{subject} names the task {named:?}, and {} works on it", task.id);
    }
    Ok(())
}

/// Whether it takes something of a machine.
fn captures(task: &Task) -> bool {
    matches!(task.kind, Kind::ImageCreate | Kind::SnapshotCreate)
}

fn captures_and_machines_agree(records: &Records) -> Checked {
    let mut capturing: BTreeSet<TaskId> = BTreeSet::new();
    for machine in records.instances.all() {
        let Some(task) = machine.capturing else { continue };
        let found = records.tasks.get(task.0).filter(|t| unfinished(t) && captures(t));
        let image = found.and_then(image_exists_for).and_then(|id| records.images.get(id.0));
        let source = image.and_then(|i: &Image| i.source.as_ref()).map(|s| s.id);
        let source = source.or_else(|| found.and_then(|t| snapshots::source(t, records)));
        hold!(source == Some(machine.id), "{} is being captured by {task}, which is not so", machine.id);
        capturing.insert(task);
    }
    for task in records.tasks.all().filter(|t| unfinished(t) && captures(t)) {
        hold!(capturing.contains(&task.id), "no machine knows that {} captures it", task.id);
    }
    Ok(())
}

fn task_indexes_are_exact(store: &dyn Store, records: &Records) -> Checked {
    let listed: BTreeSet<TaskId> = rows(store, index::TASK_ACTIVE)?.into_iter().collect();
    let active: BTreeSet<TaskId> = records.tasks.all().filter(|t| t.state.active()).map(|t| t.id).collect();
    hold!(listed == active, "the engine looks at {listed:?}, and {active:?} are active");
    for task in records.tasks.all() {
        let ended = matches!(task.state, State::Done | State::Failed | State::Cancelled | State::Stuck);
        hold!(
            task.finished.is_some() == ended,
            "{} is {:?} and ended {:?}",
            task.id,
            task.state,
            task.finished
        );
        hold!(!ended || task.lease.is_none(), "{} is {:?} and leased", task.id, task.state);
    }
    let listed: Vec<TaskId> = rows(store, index::TASK_BY_PLACE)?;
    let all: BTreeSet<TaskId> = records.tasks.all().map(|t| t.id).collect();
    let exact = listed.len() == all.len() && listed.iter().all(|id| all.contains(id));
    hold!(exact, "lists show {} of {} tasks", listed.len(), all.len());
    Ok(())
}

fn leases_are_ours(bench: &Bench, records: &Records) -> Checked {
    for task in records.tasks.all() {
        let foreign = task.lease.is_some_and(|lease| lease.owner != bench.owner);
        hold!(!foreign, "{} is leased by an earlier run", task.id);
    }
    Ok(())
}

/// A task that ended leaves no scratch file; one that was cancelled or that removed something leaves nothing at all.
fn finished_tasks_left_nothing(bench: &Bench, records: &Records) -> Checked {
    for path in bench.host.scratch() {
        // scratch / machine / task / disk
        let owner = path.split('/').nth(2).and_then(|id| id.parse::<TaskId>().ok());
        let unfinished = owner.and_then(|id| records.tasks.get(id.0)).is_some_and(unfinished);
        hold!(unfinished, "{path} is left of a task that ended");
    }
    for id in bench.host.machines() {
        let machine = records.instances.get(id.0);
        hold!(machine.is_some(), "the host has a machine {id} that nobody knows");
        let failed = machine.and_then(|m| m.task).and_then(|t| records.tasks.get(t.0));
        let unmade = failed.is_some_and(|t| t.kind == Kind::InstanceCreate && t.state == State::Failed);
        hold!(!unmade, "making {id} failed, and its disks are left");
    }
    for task in records.tasks.all() {
        let gone = matches!(
            (task.kind, task.state),
            (
                Kind::ImageCreate | Kind::ImageCopy | Kind::InstanceCreate | Kind::SnapshotCreate,
                State::Cancelled
            ) | (Kind::ImageDelete | Kind::InstanceDelete | Kind::SnapshotDelete, State::Done)
        );
        let id = task.subject.uuid();
        let there = records.images.get(id).is_some()
            || records.instances.get(id).is_some()
            || records.snapshots.get(id).is_some();
        hold!(
            !gone || !there,
            "{} is {:?}, and its {} is still there",
            task.id,
            task.state,
            task.subject.noun()
        );
    }
    Ok(())
}

fn stuck_only_after_lasting_errors(bench: &Bench, records: &Records) -> Checked {
    let stuck = records.tasks.all().find(|t| t.state == State::Stuck);
    let (_, lasting) = bench.host.injected();
    hold!(stuck.is_none() || lasting > 0, "{:?} is stuck without a lasting error", stuck.map(|t| t.id));
    Ok(())
}
