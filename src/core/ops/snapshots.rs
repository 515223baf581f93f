//! Use cases of snapshots: taking one of a machine, doing a failed one again, renaming, deleting, and an image made from one. The service they
//! need is in `snapshots/service.rs`, what makes them by itself in `snapshots/schedules.rs`, reading for a page in `snapshots/read.rs`.

mod image;
mod read;
pub mod schedules;
pub mod service;

pub use image::{create_image, image_options};
pub(crate) use read::{blocked, disk_sources, of_machine, prints};
pub use read::{detail, disk_options, list, options};

use super::audit::{self, Entry};
use super::ctx::{Ctx, Permit};
use super::{billing, images, instances, ledger, tasks};
use crate::domain::form::{CreateSnapshotForm, RenameSnapshotForm};
use crate::domain::ids::{ScheduleId, SnapshotId, Subject, TaskId};
use crate::domain::instance::{self, Instance};
use crate::domain::policy::{Act, Resource};
use crate::domain::schedule::Schedule;
use crate::domain::snapshot::{Action, Snapshot, Source, Status, Which};
use crate::domain::task::Kind as TaskKind;
use crate::domain::text::Name;
use crate::domain::{Error, Result};
use crate::store::Tx;

/// What the policy is asked about a snapshot.
pub fn resource(snapshot: &Snapshot) -> Resource {
    Resource::Project { account: snapshot.account, project: snapshot.project }
}

/// Loads a snapshot the caller may see.
///
/// # Errors
/// `NotFound`, also when it belongs to somebody else.
pub fn load(ctx: &Ctx, id: SnapshotId, act: Act) -> Result<(Snapshot, Permit)> {
    let Some(snapshot) = ctx.read::<Snapshot>(&id)? else {
        ctx.authorize(act, &Resource::Provider, "snapshot")?;
        return Err(Error::not_found("snapshot"));
    };
    let permit = ctx.authorize(act, &resource(&snapshot), "snapshot")?;
    Ok((snapshot, permit))
}

/// Takes a snapshot of one disk of a machine, or of all of them at one instant: takes the quota, marks the machine, creates the task; all in one
/// commit.
///
/// # Errors
/// `Invalid` with fields; `snapshot_service_off`; `snapshot_feature_off`; the machine's reason; `disk_gone` and what U3 refuses, at `what`;
/// `snapshot_limit_reached`; `price_changed`.
pub fn create(ctx: &Ctx, form: &CreateSnapshotForm) -> Result<SnapshotId> {
    let command = form.parse()?;
    let (machine, permit) = instances::load(ctx, command.instance, Act::SnapshotCreate)?;
    let ids = (SnapshotId(ctx.app.ids.uuid()), TaskId(ctx.app.ids.uuid()));
    ctx.transact(&permit, |tx| {
        let machine = tx.get::<Instance>(&machine.id)?.ok_or_else(|| Error::not_found("instance"))?;
        let region = service::required(tx, ctx, machine.account, &machine.region)?;
        images::price_unchanged(&region.prices, command.price_version)?;
        take(tx, ctx, &permit, machine, command.what, &command.name, None, ids)
    })?;
    Ok(ids.0)
}

/// Takes a snapshot in the transaction of what asks for it: a person, or a schedule that is due.
///
/// # Errors
/// As [`create`].
#[expect(clippy::too_many_arguments, reason = "each is another thing that the two who call it decided")]
pub(super) fn take(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    permit: &Permit,
    mut machine: Instance,
    what: Which,
    name: &Name,
    schedule: Option<&Schedule>,
    (id, task): (SnapshotId, TaskId),
) -> Result<()> {
    machine.can(instance::Action::Capture)?;
    let disks = what.of(&machine).map_err(|reason| Error::from(reason).at("what"))?;
    let region = service::required(tx, ctx, machine.account, &machine.region)?;
    billing::may_begin(tx, ctx, machine.account)?;
    let limits = ledger::limits(tx, machine.account, &region)?;
    ledger::count(tx, machine.account, &region.id, |c| c.take_snapshot(&limits))?;
    let snapshot = Snapshot {
        id,
        account: machine.account,
        project: machine.project,
        region: machine.region.clone(),
        zone: machine.zone.clone(),
        name: name.clone(),
        kind: what.kind(),
        status: Status::Creating,
        source: Source { id: machine.id, name: machine.name.clone() },
        origin: machine.origin.clone(),
        boot: machine.boot,
        disks,
        consistency: None,
        schedule: schedule.map(|s| s.id),
        error: None,
        task: Some(task),
        created: ctx.now,
        available: None,
        revision: 0,
    };
    tasks::begin(tx, ctx, permit, task, TaskKind::SnapshotCreate, &tasks::About::snapshot(&snapshot))?;
    tx.put(&snapshot)?;
    machine.capturing = Some(task);
    tx.put(&machine)?;
    let by = schedule.map(|s| format!(" By the schedule {}.", s.rhythm.words())).unwrap_or_default();
    let detail = format!("Of {}, {}.{by}", machine.name, snapshot.words());
    audit::write(tx, ctx, permit, &entry(&snapshot, "snapshot.create", detail))
}

/// Takes a failed snapshot again, in the slot it already has: of the same machine, as its disks are now.
///
/// # Errors
/// `source_gone` when the machine is gone; its reason; the snapshot's reason; `snapshot_service_off`; `snapshot_feature_off`; `disk_gone`.
pub fn retry(ctx: &Ctx, id: SnapshotId) -> Result<TaskId> {
    let (snapshot, permit) = load(ctx, id, Act::SnapshotCreate)?;
    let task = TaskId(ctx.app.ids.uuid());
    ctx.transact(&permit, |tx| {
        let mut snapshot = fresh(tx, snapshot.id)?;
        snapshot.can(Action::Retry)?;
        billing::may_begin(tx, ctx, snapshot.account)?;
        let gone = || {
            let message = format!(
                "The machine {} is gone, so the snapshot cannot be taken again. Delete the snapshot.",
                snapshot.source.name
            );
            Error::conflict("source_gone", message)
        };
        let mut machine = tx.get::<Instance>(&snapshot.source.id)?.ok_or_else(gone)?;
        machine.can(instance::Action::Capture)?;
        service::required(tx, ctx, snapshot.account, &snapshot.region)?;
        snapshot.disks = snapshot.which().of(&machine)?;
        // It may have been given another image since.
        snapshot.origin = machine.origin.clone();
        snapshot.boot = machine.boot;
        tasks::begin(tx, ctx, &permit, task, TaskKind::SnapshotCreate, &tasks::About::snapshot(&snapshot))?;
        snapshot.status = Status::Creating;
        snapshot.error = None;
        snapshot.task = Some(task);
        machine.capturing = Some(task);
        tx.put(&machine)?;
        tx.put(&snapshot)?;
        audit::write(tx, ctx, &permit, &entry(&snapshot, "snapshot.retry", String::new()))
    })?;
    Ok(task)
}

fn fresh(tx: &mut Tx<'_>, id: SnapshotId) -> Result<Snapshot> {
    tx.get::<Snapshot>(&id)?.ok_or_else(|| Error::not_found("snapshot"))
}

/// Changes the name of a snapshot.
///
/// # Errors
/// `Invalid` with fields; `stale` when somebody changed it meanwhile; the snapshot's reason; `NotFound`.
pub fn rename(ctx: &Ctx, form: &RenameSnapshotForm) -> Result<SnapshotId> {
    let command = form.parse()?;
    let (_, permit) = load(ctx, command.snapshot, Act::SnapshotUpdate)?;
    ctx.transact(&permit, |tx| {
        let mut snapshot = fresh(tx, command.snapshot)?;
        snapshot.can(Action::Rename)?;
        if snapshot.revision != command.revision {
            return Err(stale("snapshot", snapshot.name.as_str()));
        }
        if snapshot.name == command.name {
            return Ok(());
        }
        let before = std::mem::replace(&mut snapshot.name, command.name.clone());
        snapshot.revision += 1;
        tx.put(&snapshot)?;
        let detail = format!("From “{before}” to “{}”.", snapshot.name);
        audit::write(tx, ctx, &permit, &entry(&snapshot, "snapshot.update", detail))
    })?;
    Ok(command.snapshot)
}

/// Somebody else changed it while a person was looking.
fn stale(noun: &str, name: &str) -> Error {
    let message = format!(
        "The {noun} {name} was changed while you were looking. Look at it again and repeat what you still want."
    );
    Error::conflict("stale", message)
}

/// Deletes a snapshot: ends its meter, gives back its slot, creates the task; all in one commit. Images and disks made from it stay.
///
/// # Errors
/// The snapshot's reason; `NotFound`.
pub fn delete(ctx: &Ctx, id: SnapshotId) -> Result<TaskId> {
    let (_, permit) = load(ctx, id, Act::SnapshotDelete)?;
    let task = TaskId(ctx.app.ids.uuid());
    ctx.transact(&permit, |tx| {
        let snapshot = fresh(tx, id)?;
        snapshot.can(Action::Delete)?;
        remove(tx, ctx, &permit, snapshot, task, String::new())
    })?;
    Ok(task)
}

/// Begins to remove a snapshot, in the transaction of what asks for it.
pub(crate) fn remove(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    permit: &Permit,
    mut snapshot: Snapshot,
    task: TaskId,
    why: String,
) -> Result<()> {
    give_slot(tx, &snapshot)?;
    if let Some(schedule) = snapshot.schedule {
        forget(tx, schedule, snapshot.id)?;
    }
    tasks::begin(tx, ctx, permit, task, TaskKind::SnapshotDelete, &tasks::About::snapshot(&snapshot))?;
    snapshot.status = Status::Deleting;
    snapshot.task = Some(task);
    ledger::charge_snapshot(tx, ctx, &snapshot)?;
    tx.put(&snapshot)?;
    audit::write(tx, ctx, permit, &entry(&snapshot, "snapshot.delete", why))
}

/// Gives the slot of a snapshot back.
pub(crate) fn give_slot(tx: &mut Tx<'_>, snapshot: &Snapshot) -> Result<()> {
    ledger::count(tx, snapshot.account, &snapshot.region, |c| {
        c.give_snapshot();
        Ok(())
    })
}

/// A schedule does not count a snapshot any more that somebody deleted.
fn forget(tx: &mut Tx<'_>, schedule: ScheduleId, id: SnapshotId) -> Result<()> {
    let Some(mut schedule) = tx.get::<Schedule>(&schedule)? else { return Ok(()) };
    if schedule.made.contains(&id) {
        schedule.made.retain(|made| *made != id);
        tx.put(&schedule)?;
    }
    Ok(())
}

/// An audit entry about a snapshot.
pub(crate) fn entry<'a>(snapshot: &'a Snapshot, action: &'a str, detail: String) -> Entry<'a> {
    Entry {
        subject: Subject::Snapshot(snapshot.id),
        name: snapshot.name.as_str(),
        account: Some(snapshot.account),
        project: Some(snapshot.project),
        region: Some(&snapshot.region),
        action,
        detail,
    }
}
