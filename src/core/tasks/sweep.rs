//! Reconcilers: compare what is with what is written down and mend the difference. They take no input, are idempotent, and run on a timer.

use super::settle;
use crate::domain::Result;
use crate::domain::attribution::Holding;
use crate::domain::ids::{RegionId, TaskId};
use crate::domain::installation::Installation;
use crate::domain::instance::{Instance, Status};
use crate::domain::policy::{Act, Resource};
use crate::domain::task::Task;
use crate::ops::ctx::{App, Ctx, each};
use crate::ops::{audit, instances};
use crate::ports::{Fingerprint, Power, Swept};
use crate::store::records::index;
use crate::store::{Order, list, list_index, read};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Sees machines that died, went off by themselves, or run although they are written down as off; says so and moves their meters.
/// Returns how many records it changed.
///
/// # Errors
/// When the store cannot be used. A machine whose state cannot be told is left alone.
pub fn machines(app: &Arc<App>) -> Result<u32> {
    let mut n = 0;
    for machine in app.instances.all() {
        if machine.status.moving() || machine.capturing.is_some() && machine.status != Status::Running {
            continue;
        }
        let Ok(power) = app.hypervisor.power(machine.id) else { continue };
        if differs(&machine, &power) {
            n += u32::from(mend(&app.system(), &machine, &power)?);
        }
    }
    Ok(n)
}

fn differs(machine: &Instance, power: &Power) -> bool {
    match (machine.status, power) {
        (Status::Running, Power::Running { ssh_port }) => machine.ssh_port != Some(*ssh_port),
        (Status::Running, Power::Off { .. } | Power::Absent) => true,
        (Status::Stopped | Status::Error, Power::Running { .. }) => true,
        (Status::Stopped, Power::Absent) => true,
        _ => false,
    }
}

/// Mends a machine that is still as it was `seen` before its power was looked at: what was seen of a machine that somebody moved since says
/// nothing about it.
fn mend(ctx: &Ctx, seen: &Instance, power: &Power) -> Result<bool> {
    let permit = ctx.authorize(Act::InstancePower, &Resource::Provider, "instance")?;
    ctx.transact(&permit, |tx| {
        let Some(mut machine) = tx.get::<Instance>(&seen.id)?.filter(|m| m == seen) else { return Ok(false) };
        let (action, detail) = match power {
            Power::Running { ssh_port } => {
                settle::running(tx, ctx, &mut machine, Some(*ssh_port))?;
                ("instance.running", String::new())
            }
            Power::Off { died: None } => {
                settle::stopped(tx, ctx, &mut machine)?;
                machine.error = None;
                ("instance.stopped", "It was shut down from inside.".to_owned())
            }
            Power::Off { died: Some(why) } => {
                settle::stopped(tx, ctx, &mut machine)?;
                machine.status = Status::Error;
                let why = format!(
                    "The machine's process ended unexpectedly. {why} Its disks are kept; start it again."
                );
                machine.error = Some(why.clone());
                ("instance.died", why)
            }
            Power::Absent => {
                settle::stopped(tx, ctx, &mut machine)?;
                machine.status = Status::Error;
                let why = "The machine's disks are gone from the host.".to_owned();
                machine.error = Some(why.clone());
                ("instance.lost", why)
            }
        };
        tx.put(&machine)?;
        audit::write(tx, ctx, &permit, &instances::entry(&machine, action, detail))?;
        Ok(true)
    })
}

/// Charges machines that ran before market licences were charged for theirs, from now on. Run once, when darkroom starts.
///
/// # Errors
/// When the store cannot be used.
pub fn licences(app: &Arc<App>) -> Result<u32> {
    let ctx = app.system();
    let permit = ctx.authorize(Act::InstancePower, &Resource::Provider, "instance")?;
    let running = app.instances.all().into_iter().filter(|m| m.status == Status::Running);
    each(running.filter(|m| !m.origin.licence.is_empty()), |seen| {
        ctx.transact(&permit, |tx| {
            let machine = tx.get::<Instance>(&seen.id)?.filter(|m| m.status == Status::Running);
            machine.map_or(Ok(0), |machine| settle::charge_running(tx, &ctx, &machine).map(|()| 1))
        })
    })
}

/// Removes from the host the system disks that were replaced. Gives how many are gone.
///
/// # Errors
/// The first failure, when all the others have been worked on.
pub fn leftovers(app: &Arc<App>) -> Result<u32> {
    let ctx = app.system();
    let all = list::<Installation>(app.store.as_ref(), &(), Order::Ascending, u32::MAX, None)?.items;
    let left = all.iter().flat_map(|i| i.leftovers.iter().map(|disk| (i.instance, *disk)));
    each(left, |(machine, disk)| {
        app.hypervisor.remove_disk(machine, disk)?;
        let permit = ctx.authorize(Act::InstanceReinstall, &Resource::Provider, "instance")?;
        ctx.transact(&permit, |tx| {
            // The machine may be gone by now, and its disks with it.
            let Some(mut installation) = tx.get::<Installation>(&machine)? else { return Ok(0) };
            installation.leftovers.retain(|left| *left != disk);
            tx.put(&installation)?;
            Ok(1)
        })
    })
}

/// Removes from a region's storage what nobody needs any more, after the grace period.
///
/// # Errors
/// When the store or the storage cannot be used.
pub fn storage(app: &Arc<App>, region: &RegionId) -> Result<Swept> {
    let live: Vec<Fingerprint> = live(app, region)?.into_iter().map(Fingerprint).collect();
    Ok(app.storage.region(region)?.sweep(&live, app.clock.now())?)
}

/// The contents a region must keep: of images and snapshots, of the bases of machines, and of tasks that are about to name theirs.
///
/// # Errors
/// When the store cannot be read.
pub fn live(app: &App, region: &RegionId) -> Result<BTreeSet<String>> {
    let mut live = BTreeSet::new();
    // Tasks first: one that finishes in between is then found among the images.
    let active =
        list_index::<TaskId>(app.store.as_ref(), index::TASK_ACTIVE, &(), Order::Ascending, u32::MAX, None)?;
    for row in active.items {
        // A task that cannot be read stops the sweep: what it is about to name might be removed.
        let Some(task) = read::<Task>(app.store.as_ref(), &row.value)? else { continue };
        if let Some(origin) = &task.origin
            && (task.region == *region || origin.region == *region)
        {
            // A copy needs its content on both sides: there to read it, also when its source is deleted meanwhile, and here as it arrives.
            live.extend(origin.disks.iter().map(|d| d.fingerprint.clone()));
        }
        if task.region == *region {
            live.extend(task.outputs.stored.into_iter().map(|d| d.fingerprint));
        }
    }
    // Then what is to be a machine's system: once it is, it is found among the machines.
    for installation in list::<Installation>(app.store.as_ref(), &(), Order::Ascending, u32::MAX, None)?.items
    {
        let here = app.instances.get(&installation.instance).is_some_and(|machine| machine.region == *region);
        let bases = [installation.next].into_iter().flatten().filter_map(|next| next.disk.base);
        live.extend(bases.filter(|_| here));
    }
    for image in app.images.all().iter().filter(|i| i.region == *region) {
        live.extend(image.disks.iter().map(|d| d.fingerprint.clone()));
    }
    // What is gone and not charged for to its end yet: who pays for it next is still to be computed.
    for change in list::<Holding>(app.store.as_ref(), &(), Order::Ascending, u32::MAX, None)?.items {
        live.extend(change.contents.into_iter().filter(|_| change.region == *region));
    }
    for snapshot in app.snapshots.all().iter().filter(|s| s.region == *region) {
        live.extend(snapshot.contents().map(|d| d.fingerprint.clone()));
    }
    for machine in app.instances.all().iter().filter(|i| i.keeps_in(region)) {
        live.extend(machine.contents().cloned());
    }
    Ok(live)
}
