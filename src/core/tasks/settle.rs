//! What the end of a task does to records: image and machine states, meters, counters, events; in the commit that ends the task.

mod snapshots;

use crate::domain::Result;
use crate::domain::ids::{ImageId, InstanceId, Subject};
use crate::domain::image::{self, Image};
use crate::domain::installation::Installation;
use crate::domain::instance::{Disk, Instance, Status};
use crate::domain::meter::Charge;
use crate::domain::task::{Kind, State, Task};
use crate::ops::audit;
use crate::ops::ctx::{Ctx, Permit};
use crate::ops::ledger::{self, Opening};
use crate::ops::snapshots::schedules;
use crate::ops::{groups, images, instances, shares};
use crate::store::Tx;
use crate::store::records::index;

/// How a task ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ending {
    /// All steps are done.
    Done,
    /// A step failed for good, for this reason; all is undone.
    Failed(String),
    /// A person stopped it; all is undone.
    Cancelled,
}

/// Ends a task.
pub fn settle(tx: &mut Tx<'_>, ctx: &Ctx, permit: &Permit, task: &mut Task, ending: &Ending) -> Result<()> {
    match ending {
        Ending::Done => {
            task.state = State::Done;
            task.note(ctx.now, "Done.");
        }
        Ending::Failed(why) => {
            task.state = State::Failed;
            task.note(ctx.now, format!("Failed: {why} Everything is undone."));
        }
        Ending::Cancelled => {
            task.state = State::Cancelled;
            task.note(ctx.now, "Cancelled. Nothing is left of it.");
        }
    }
    match (task.kind, task.subject) {
        (Kind::ImageCreate, Subject::Image(id)) => image_created(tx, ctx, permit, task, id, ending),
        (Kind::ImageCopy, Subject::Image(id)) => image_copied(tx, ctx, permit, task, id, ending),
        (Kind::ImageDelete, Subject::Image(id)) => {
            let Some(image) = tx.get::<Image>(&id)? else { return Ok(()) };
            tx.delete::<Image>(&id);
            audit::write(tx, ctx, permit, &images::entry(&image, "image.deleted", String::new()))
        }
        (Kind::InstanceDelete, Subject::Instance(id)) => {
            let Some(machine) = tx.get::<Instance>(&id)? else { return Ok(()) };
            tx.delete::<Instance>(&id);
            tx.delete::<Installation>(&id);
            audit::write(tx, ctx, permit, &instances::entry(&machine, "instance.deleted", String::new()))
        }
        (Kind::SnapshotCreate, Subject::Snapshot(id)) => snapshots::taken(tx, ctx, permit, task, id, ending),
        (Kind::SnapshotDelete, Subject::Snapshot(id)) => snapshots::removed(tx, ctx, permit, id),
        (Kind::DiskAdd | Kind::DiskRemove, Subject::Instance(id)) => {
            disk_changed(tx, ctx, permit, task, id, ending)
        }
        (Kind::InstanceReinstall, Subject::Instance(id)) => reinstalled(tx, ctx, permit, task, id, ending),
        (kind, Subject::Instance(id)) => machine_moved(tx, ctx, permit, task, kind, id, ending),
        _ => Ok(()),
    }
}

fn image_created(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    permit: &Permit,
    task: &Task,
    id: ImageId,
    ending: &Ending,
) -> Result<()> {
    let Some(mut image) = tx.get::<Image>(&id)? else { return Ok(()) };
    if let Some(source) = &image.source
        && let Some(mut machine) = tx.get::<Instance>(&source.id)?
        && machine.capturing == Some(task.id)
    {
        machine.capturing = None;
        tx.put(&machine)?;
    }
    ledger::count(tx, image.account, &image.region, |c| {
        c.give_create(image.project);
        Ok(())
    })?;
    if *ending == Ending::Done {
        image.disks = task.outputs.stored.clone();
        image.min_disk_bytes = image.first_bytes();
        image.consistency = task.outputs.consistency;
    }
    image_made(tx, ctx, permit, image, ending)
}

fn image_copied(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    permit: &Permit,
    task: &Task,
    id: ImageId,
    ending: &Ending,
) -> Result<()> {
    let Some(mut image) = tx.get::<Image>(&id)? else { return Ok(()) };
    // One that was cancelled while it waited never had its turn.
    if task.started.is_some() {
        ledger::count(tx, image.account, &image.region, |c| {
            c.give_copy();
            Ok(())
        })?;
    }
    if *ending == Ending::Done {
        image.disks = task.outputs.transferred.iter().flat_map(|t| t.disks.clone()).collect();
        if let (Some(origin), Some(brought)) = (&task.origin, &task.outputs.transferred) {
            ledger::charge_transfer(tx, ctx, &image, &origin.region, brought.sent_bytes)?;
        }
    }
    image_made(tx, ctx, permit, image, ending)
}

/// The end of making an image in whatever way; its disks are in it already when that went well.
fn image_made(tx: &mut Tx<'_>, ctx: &Ctx, permit: &Permit, mut image: Image, ending: &Ending) -> Result<()> {
    let held = image.held_bytes();
    image.reserved_bytes = 0;
    match ending {
        Ending::Done => {
            // The size is known before the image is available (P17), and charging starts with it (P10), in this commit.
            image.status = image::Status::Available;
            image.available = image.available.or(Some(ctx.now));
            image.error = None;
            ledger::charge_image(tx, ctx, &image)?;
            ledger::hold(tx, ctx, held, &image, None)?;
            tx.put(&image)?;
            audit::write(tx, ctx, permit, &images::entry(&image, "image.available", String::new()))?;
            shares::follow(tx, ctx, permit, &image)
        }
        Ending::Failed(why) => {
            image.status = image::Status::Error;
            image.error = Some(why.clone());
            ledger::hold(tx, ctx, held, &image, None)?;
            tx.put(&image)?;
            audit::write(tx, ctx, permit, &images::entry(&image, "image.failed", why.clone()))
        }
        Ending::Cancelled => {
            ledger::count(tx, image.account, &image.region, |c| {
                c.give_image();
                Ok(())
            })?;
            ledger::hold(tx, ctx, held, &image, None)?;
            tx.delete_index(
                index::IMAGE_BY_NAME,
                &(image.account, image.region.clone(), image.name.as_str().to_lowercase()),
            );
            tx.delete::<Image>(&image.id);
            audit::write(tx, ctx, permit, &images::entry(&image, "image.cancelled", String::new()))
        }
    }
}

fn machine_moved(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    permit: &Permit,
    task: &Task,
    kind: Kind,
    id: InstanceId,
    ending: &Ending,
) -> Result<()> {
    let Some(mut machine) = tx.get::<Instance>(&id)? else { return Ok(()) };
    match (ending, kind) {
        (Ending::Done, Kind::InstanceStop) => {
            stopped(tx, ctx, &mut machine)?;
            machine.error = None;
            tx.put(&machine)?;
            audit::write(tx, ctx, permit, &instances::entry(&machine, "instance.stopped", String::new()))
        }
        (Ending::Done, _) => {
            running(tx, ctx, &mut machine, task.outputs.ssh_port)?;
            tx.put(&machine)?;
            audit::write(tx, ctx, permit, &instances::entry(&machine, "instance.running", String::new()))
        }
        (Ending::Cancelled, _) => {
            instances::close_meters(tx, ctx, &machine)?;
            ledger::count(tx, machine.account, &machine.region, |c| {
                c.give_instance();
                Ok(())
            })?;
            tx.delete_index(index::INSTANCE_BY_NAME, &instances::name_key(&machine));
            groups::left(tx, ctx, permit, &machine, &format!("Making {} was cancelled.", machine.name))?;
            tx.delete::<Instance>(&id);
            audit::write(tx, ctx, permit, &instances::entry(&machine, "instance.cancelled", String::new()))
        }
        (Ending::Failed(why), _) => {
            stopped(tx, ctx, &mut machine)?;
            machine.status = Status::Error;
            machine.error = Some(why.clone());
            tx.put(&machine)?;
            audit::write(tx, ctx, permit, &instances::entry(&machine, "instance.failed", why.clone()))
        }
    }
}

/// A disk was added or removed: a new one is charged from now on; one that was removed, or could not be made, is the machine's no more.
fn disk_changed(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    permit: &Permit,
    task: &Task,
    id: InstanceId,
    ending: &Ending,
) -> Result<()> {
    let Some(mut machine) = tx.get::<Instance>(&id)? else { return Ok(()) };
    let found = machine.disks.iter().find(|disk| Some(disk.id) == task.disk).cloned();
    let label = found.as_ref().map(|disk| machine.disk_label(disk)).unwrap_or_default();
    machine.status = Status::Stopped;
    let (word, detail) = match (task.kind, ending) {
        (Kind::DiskAdd, Ending::Done) => {
            // All its disks are there, also those of a machine that never ran: they are charged from now on if they were not yet.
            for disk in &machine.disks {
                ledger::open(tx, ctx, disk_meter(&machine, disk))?;
            }
            ("disk.added", format!("{label}."))
        }
        (Kind::DiskAdd, Ending::Failed(why)) => ("disk.add_failed", format!("{label}. {why}")),
        (Kind::DiskAdd, Ending::Cancelled) => ("disk.add_cancelled", format!("{label}.")),
        (_, _) => ("disk.removed", format!("{label}.")),
    };
    if word != "disk.added" {
        machine.disks.retain(|disk| Some(disk.id) != task.disk);
        schedules::disk_gone(tx, ctx, permit, &machine)?;
    }
    tx.put(&machine)?;
    audit::write(tx, ctx, permit, &instances::entry(&machine, word, detail))
}

fn disk_meter(machine: &Instance, disk: &Disk) -> Opening {
    Opening {
        subject: Subject::Disk(disk.id),
        name: machine.name.to_string(),
        account: machine.account,
        project: machine.project,
        region: machine.region.clone(),
        charge: Charge::Disk { disk_kind: disk.kind },
        quantity_bytes: disk.size_bytes,
        virtual_bytes: disk.size_bytes,
    }
}

/// The end of replacing a machine's system. What it becomes is written down now that it runs; in the same moment the old system disk is
/// charged no more. Whatever else happened, the machine is off and has what it had.
fn reinstalled(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    permit: &Permit,
    task: &Task,
    id: InstanceId,
    ending: &Ending,
) -> Result<()> {
    let Some(mut machine) = tx.get::<Instance>(&id)? else { return Ok(()) };
    let mut installation = tx.get::<Installation>(&id)?.unwrap_or(Installation::first(id));
    let Some(next) = installation.next.take() else { return Ok(()) };
    let (action, detail) = match ending {
        Ending::Done => {
            let old = (machine.system_disk().id, machine.origin.name.clone());
            ledger::close(tx, ctx, Subject::Disk(old.0), |_| true)?;
            machine = next.applied(&machine);
            running(tx, ctx, &mut machine, task.outputs.ssh_port)?;
            installation.n_installed = installation.n_installed.saturating_add(1);
            installation.leftovers.push(old.0);
            ("instance.reinstalled", format!("From {}; before that from {}.", machine.origin.name, old.1))
        }
        Ending::Cancelled => {
            stopped(tx, ctx, &mut machine)?;
            machine.error = None;
            ("instance.reinstall_cancelled", format!("It still has {}.", machine.origin.name))
        }
        Ending::Failed(why) => {
            stopped(tx, ctx, &mut machine)?;
            machine.status = Status::Error;
            let kept = format!(
                "It could not be given the image {}: {why} Its old system disk is as it was; start it, or change the image again.",
                next.origin.name
            );
            machine.error = Some(kept.clone());
            installation.failed = Some(next.wish());
            ("instance.reinstall_failed", kept)
        }
    };
    match installation.is_first() {
        true => tx.delete::<Installation>(&id),
        false => tx.put(&installation)?,
    }
    tx.put(&machine)?;
    audit::write(tx, ctx, permit, &instances::entry(&machine, action, detail))
}

/// The machine runs: its disks are charged from now on if they were not yet, and so are its type and the licence it carries.
pub(super) fn running(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    machine: &mut Instance,
    ssh_port: Option<u16>,
) -> Result<()> {
    machine.status = Status::Running;
    machine.error = None;
    machine.ssh_port = ssh_port;
    machine.started = Some(ctx.now);
    // Its own region has what it is made of, and keeps it as long as it exists.
    machine.fetch_from = None;
    charge_running(tx, ctx, machine)?;
    machine.disks.iter().try_for_each(|disk| ledger::open(tx, ctx, disk_meter(machine, disk)))
}

/// Charges a machine that runs for its type and the licence it carries, from now on where that was not so yet.
pub(super) fn charge_running(tx: &mut Tx<'_>, ctx: &Ctx, machine: &Instance) -> Result<()> {
    for charge in machine.charges_running() {
        let running = Opening {
            subject: Subject::Instance(machine.id),
            name: machine.name.to_string(),
            account: machine.account,
            project: machine.project,
            region: machine.region.clone(),
            charge,
            quantity_bytes: 0,
            virtual_bytes: 0,
        };
        ledger::open(tx, ctx, running)?;
    }
    Ok(())
}

/// The machine is off: its type and its licence are not charged any more; its disks are, as long as they exist.
pub(super) fn stopped(tx: &mut Tx<'_>, ctx: &Ctx, machine: &mut Instance) -> Result<()> {
    machine.status = Status::Stopped;
    machine.ssh_port = None;
    machine.started = None;
    ledger::close(tx, ctx, Subject::Instance(machine.id), Charge::while_running)?;
    Ok(())
}
