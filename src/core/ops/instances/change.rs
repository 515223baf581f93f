//! Changing the image of a machine: its system disk is replaced, everything else stays. The machine keeps what it has until the new system
//! runs; see `tasks/settle.rs` for the moment in which that becomes true.

use super::deploy::of_whole_machine;
use super::{Act, chosen, entry, image_faults, load, resource, runnable};
use crate::domain::disk::DiskKind;
use crate::domain::error::Reason;
use crate::domain::form::{ChangeImage, ChangeImageForm, ImageChoice};
use crate::domain::ids::{DiskId, InstanceId, TaskId};
use crate::domain::image::{self, Image};
use crate::domain::installation::{Installation, Next};
use crate::domain::instance::{Action, Disk, Instance, Origin, Status};
use crate::domain::region::Region;
use crate::domain::task::Kind as TaskKind;
use crate::domain::view::ChangeImageOptions;
use crate::domain::{Error, FieldError, Result};
use crate::ops::ctx::{Ctx, Permit, Place};
use crate::ops::tasks::{self, About};
use crate::ops::{audit, billing, groups, images, people, prices, shares};

/// Replaces the system disk of a machine that is off by a new one from another image, and starts it. Data disks, name, keys and user data
/// stay; cloud-init runs again. Until the new system runs, the old one is kept and charged.
///
/// # Errors
/// `Invalid` with fields; the machine's reason; `instance_in_group`; the image's reason; `family_empty`; `price_changed`;
/// `no_hypervisor`; `NotFound`.
pub fn change_image(ctx: &Ctx, form: &ChangeImageForm) -> Result<TaskId> {
    let command = form.parse()?;
    let (machine, permit) = load(ctx, command.instance, Act::InstanceReinstall)?;
    let image = chosen(ctx, machine.project, &machine.region, &command.image)?;
    begin(ctx, &permit, &machine, &image, &command)
}

/// Does again what failed: the same image, at today's price.
///
/// # Errors
/// As for [`change_image`]; `task_not_retryable` when nothing failed.
pub(crate) fn again(ctx: &Ctx, id: InstanceId) -> Result<TaskId> {
    let (machine, permit) = load(ctx, id, Act::InstanceReinstall)?;
    let failed = ctx.read::<Installation>(&id)?.and_then(|installation| installation.failed);
    let Some(wish) = failed else {
        return Err(Error::conflict(
            "task_not_retryable",
            "This is not what was tried last. Change the image on the page of the machine.",
        ));
    };
    let (image, _) = images::load(ctx, wish.image, Act::ImageDeploy)?;
    let command = ChangeImage {
        instance: id,
        image: ImageChoice::Id(wish.image),
        disk_bytes: Some(wish.disk_bytes),
        price_version: people::region(ctx, &machine.region)?.prices.version,
    };
    begin(ctx, &permit, &machine, &image, &command)
}

fn begin(
    ctx: &Ctx,
    permit: &Permit,
    machine: &Instance,
    image: &Image,
    command: &ChangeImage,
) -> Result<TaskId> {
    runnable(ctx)?;
    let (task, disk) = (TaskId(ctx.app.ids.uuid()), DiskId(ctx.app.ids.uuid()));
    ctx.transact(permit, |tx| {
        let mut machine = tx.get::<Instance>(&machine.id)?.ok_or_else(|| Error::not_found("instance"))?;
        machine.can(Action::ChangeImage)?;
        groups::in_none(tx, &machine)?;
        billing::may_begin(tx, ctx, machine.account)?;
        let image = tx.get::<Image>(&image.id)?.ok_or_else(|| Error::not_found("image"))?;
        shares::usable_in(tx, ctx, &image, machine.project)?;
        if let ImageChoice::Family(family) = &command.image {
            images::life::still_leads(tx, &image, family)?;
        }
        image.can(image::Action::Deploy)?;
        let region = prices::region(tx, ctx, &machine.region)?;
        let next = next(&machine, &image, command.disk_bytes, (task, disk));
        judge(&machine, &next, &image, &region)?;
        images::price_unchanged(&region.prices, command.price_version)?;
        let mut installation =
            tx.get::<Installation>(&machine.id)?.unwrap_or(Installation::first(machine.id));
        installation.next = Some(next);
        installation.failed = None;
        tx.put(&installation)?;
        tasks::begin(tx, ctx, permit, task, TaskKind::InstanceReinstall, &About::deploy(&machine, &image))?;
        let detail = format!("To {}; now it has {}.", image.name, machine.origin.name);
        machine.status = Status::Reinstalling;
        machine.error = None;
        machine.task = Some(task);
        tx.put(&machine)?;
        audit::write(tx, ctx, permit, &entry(&machine, "instance.reinstall", detail))
    })?;
    Ok(task)
}

fn next(machine: &Instance, image: &Image, disk_bytes: Option<u64>, ids: (TaskId, DiskId)) -> Next {
    let old = machine.system_disk();
    Next {
        task: ids.0,
        disk: Disk {
            id: ids.1,
            role: old.role,
            kind: old.kind,
            size_bytes: disk_bytes.unwrap_or(old.size_bytes),
            base: image.disks.first().map(|d| d.fingerprint.clone()),
        },
        origin: Origin::of(image),
        boot: image.boot,
        nic_multiqueue: image.nic_multiqueue,
        sriov: image.sriov,
    }
}

fn judge(machine: &Instance, next: &Next, image: &Image, region: &Region) -> Result<()> {
    let mut faults = image_faults(image, region, machine.account, next.disk.size_bytes);
    if image.kind == image::Kind::Iso {
        let message = "An ISO installs onto the empty disk of a new machine. Choose an image of a system.";
        faults.push(FieldError::new("image", message));
    }
    // The machine stays where it is, so whatever is wrong with that is wrong with the choice.
    let placed = of_whole_machine(image, &machine.zone, next.disk.kind).into_iter();
    faults.extend(placed.map(|fault| FieldError::new("image", fault.message)));
    if let Err(message) = image.fits(machine.n_vcpus, machine.memory_mib) {
        faults.push(FieldError::new("image", message));
    }
    let disks: Vec<(DiskKind, u64)> =
        next.applied(machine).disks.iter().map(|d| (d.kind, d.size_bytes)).collect();
    if faults.is_empty() && region.prices.machine(&machine.flavor, &disks).is_none() {
        let message =
            format!("{} has no price in {} any more. Ask your provider.", machine.flavor, region.id);
        faults.push(FieldError::new("image", message));
    }
    if faults.is_empty() { Ok(()) } else { Err(Error::invalid(faults)) }
}

/// Why the machine cannot be given another image now; `None` when it can.
pub(super) fn blocked(ctx: &Ctx, machine: &Instance) -> Result<Option<Reason>> {
    if let Err(reason) = machine.can(Action::ChangeImage) {
        return Ok(Some(reason));
    }
    Ok(groups::of_instance(ctx, machine.id)?.map(|group| groups::image_of_group(&group.name)))
}

/// What the dialog *Change image* shows.
///
/// # Errors
/// `NotFound`; `Forbidden` for who may only look.
pub fn change_options(ctx: &Ctx, id: InstanceId) -> Result<ChangeImageOptions> {
    let (machine, _) = load(ctx, id, Act::InstanceReinstall)?;
    let place = Place { project: Some(machine.project), region: machine.region.clone() };
    let mut options = super::read::deploy_options(ctx, &place)?;
    options.keep(|choice| choice.kind != image::Kind::Iso);
    let no_machines = runnable(ctx).err().map(|e| Reason::new(&e.code, e.message, "", "Tell your provider."));
    Ok(ChangeImageOptions {
        id,
        name: machine.name.clone(),
        image_name: machine.origin.name.clone(),
        memory_mib: machine.memory_mib,
        flavor: machine.flavor.clone(),
        disks: super::read::disks(ctx, &machine),
        licence: machine.origin.licence.clone(),
        blocked: blocked(ctx, &machine)?.or(no_machines),
        options,
        may_change: ctx.may(Act::InstanceReinstall, &resource(&machine)),
    })
}
