//! Use cases of machines: list, show, make, run, delete. Changing the image of one is in `instances/change.rs`.

mod change;
mod deploy;
mod read;

pub(crate) use change::again as change_image_again;
pub use change::{change_image, change_options};
pub use read::{console_log, console_socket, deletion, deploy_options, detail, list, row};
pub(crate) use read::{link, saved, visible};

use self::deploy::NewDisk;
use super::audit::{self, Entry};
use super::ctx::{Ctx, Permit};
use super::tasks::{self, About};
use super::{billing, groups, images, ledger, prices, shares, snapshots};
use crate::domain::disk::{DiskKind, DiskRole};
use crate::domain::flavor::Flavor;
use crate::domain::form::{DATA_DISKS_MAX, Deploy, DeployForm, ImageChoice};
use crate::domain::ids::{AccountId, DiskId, InstanceId, ProjectId, RegionId, Subject, TaskId};
use crate::domain::image::{self, Image};
use crate::domain::instance::{Action, Disk, Instance, Origin, Status};
use crate::domain::policy::{Act, Resource};
use crate::domain::project::Project;
use crate::domain::region::Region;
use crate::domain::size;
use crate::domain::task::Kind as TaskKind;
use crate::domain::text::Name;
use crate::domain::{Error, FieldError, Result};
use crate::store::Tx;
use crate::store::records::index;

/// What the policy is asked about a machine.
pub fn resource(machine: &Instance) -> Resource {
    Resource::Project { account: machine.account, project: machine.project }
}

/// Loads a machine the caller may see.
///
/// # Errors
/// `NotFound`, also when it belongs to somebody else.
pub fn load(ctx: &Ctx, id: InstanceId, act: Act) -> Result<(Instance, Permit)> {
    let Some(machine) = ctx.read::<Instance>(&id)? else {
        ctx.authorize(act, &Resource::Provider, "instance")?;
        return Err(Error::not_found("instance"));
    };
    let permit = ctx.authorize(act, &resource(&machine), "instance")?;
    Ok((machine, permit))
}

/// Makes a machine from an image (P8): takes quota and name, creates record and task in one commit.
///
/// # Errors
/// `Invalid` with fields; `instance_limit_reached`; `instance_name_taken`; the image's reason; `price_changed`; `no_hypervisor`.
pub fn create(ctx: &Ctx, form: &DeployForm) -> Result<InstanceId> {
    let command = form.parse()?;
    let (project, permit) = in_project(ctx, command.project, Act::InstanceCreate)?;
    make(ctx, &permit, &project, &command, |_, _| Ok(()))
}

/// The project, if the caller may do this in it.
pub(crate) fn in_project(ctx: &Ctx, id: ProjectId, act: Act) -> Result<(Project, Permit)> {
    let Some(project) = ctx.read::<Project>(&id)? else {
        ctx.authorize(act, &Resource::Provider, "project")?;
        return Err(Error::not_found("project"));
    };
    let own = Resource::Project { account: project.account, project: project.id };
    let permit = ctx.authorize(act, &own, "project")?;
    Ok((project, permit))
}

/// The image that somebody chose, as far as the caller may deploy it.
///
/// # Errors
/// `family_empty`; `NotFound`.
pub(crate) fn chosen(
    ctx: &Ctx,
    project: ProjectId,
    region: &RegionId,
    choice: &ImageChoice,
) -> Result<Image> {
    let id = match choice {
        ImageChoice::Id(id) => *id,
        ImageChoice::Family(family) => images::life::leader(ctx, project, region, family)
            .map(|image| image.id)
            .ok_or_else(|| family_empty(family, region))?,
    };
    Ok(images::load(ctx, id, Act::ImageDeploy)?.0)
}

/// Machines can be run here at all.
///
/// # Errors
/// `no_hypervisor`.
pub(crate) fn runnable(ctx: &Ctx) -> Result<()> {
    match ctx.app.hypervisor.facts().missing {
        Some(missing) => Err(Error::unavailable("no_hypervisor", missing)),
        None => Ok(()),
    }
}

/// Makes a machine as [`create`] does; `also` belongs to the same commit.
pub(crate) fn make(
    ctx: &Ctx,
    permit: &Permit,
    project: &Project,
    command: &Deploy,
    mut also: impl FnMut(&mut Tx<'_>, &Instance) -> Result<()>,
) -> Result<InstanceId> {
    let image = chosen(ctx, project.id, &command.region, &command.image)?;
    runnable(ctx)?;
    let (id, task) = (InstanceId(ctx.app.ids.uuid()), TaskId(ctx.app.ids.uuid()));
    let disk_ids: Vec<DiskId> = (0..=DATA_DISKS_MAX).map(|_| DiskId(ctx.app.ids.uuid())).collect();
    ctx.transact(permit, |tx| {
        let image = tx.get::<Image>(&image.id)?.ok_or_else(|| Error::not_found("image"))?;
        shares::usable_in(tx, ctx, &image, project.id)?;
        if let ImageChoice::Family(family) = &command.image {
            images::life::still_leads(tx, &image, family)?;
        }
        image.can(image::Action::Deploy)?;
        billing::may_begin(tx, ctx, project.account)?;
        let region = prices::region(tx, ctx, &command.region)?;
        let (flavor, data) = judge(tx, command, project.account, &image, &region)?;
        images::price_unchanged(&region.prices, command.price_version)?;
        let limits = ledger::limits(tx, project.account, &region)?;
        ledger::count(tx, project.account, &region.id, |c| c.take_instance(&limits))?;
        let machine = assemble(ctx, command, project, &image, &flavor, &data, id, task, &disk_ids);
        take_name(tx, &machine)?;
        tasks::begin(tx, ctx, permit, task, TaskKind::InstanceCreate, &About::deploy(&machine, &image))?;
        tx.put(&machine)?;
        audit::write(tx, ctx, permit, &entry(&machine, "instance.create", format!("From {}.", image.name)))?;
        also(tx, &machine)
    })?;
    Ok(id)
}

fn family_empty(family: &str, region: &RegionId) -> Error {
    let message = format!("No image of the family {family} can be deployed in {region}. Choose an image.");
    Error::conflict("family_empty", message).at("image")
}

/// What is wrong with a system disk of this size made from this image by this account in this region.
fn image_faults(image: &Image, region: &Region, account: AccountId, disk_bytes: u64) -> Vec<FieldError> {
    let mut faults = Vec::new();
    if !image.deploys_in(&region.id, account) {
        let message = format!(
            "This image is in {}. Choose one in {}, switch the region, or ask your provider to make it deployable there.",
            image.region, region.id
        );
        faults.push(FieldError::new("image", message));
    }
    let least = image.least_disk_bytes();
    if disk_bytes < least {
        let message = format!(
            "{} is smaller than the image. Choose at least {} GiB.",
            size::binary(disk_bytes),
            least.div_ceil(size::GIB)
        );
        faults.push(FieldError::new("disk_gib", message));
    }
    faults
}

/// Whether a machine can be made so, as far as records can tell.
///
/// # Errors
/// `Invalid` with fields.
pub(crate) fn deployable(
    tx: &mut Tx<'_>,
    command: &Deploy,
    account: AccountId,
    image: &Image,
    region: &Region,
) -> Result<()> {
    judge(tx, command, account, image, region).map(drop)
}

/// Judges what only the records can tell; gives the instance type and the data disks.
///
/// # Errors
/// `Invalid` with fields.
fn judge(
    tx: &mut Tx<'_>,
    command: &Deploy,
    account: AccountId,
    image: &Image,
    region: &Region,
) -> Result<(Flavor, Vec<NewDisk>)> {
    let mut faults = image_faults(image, region, account, command.disk_bytes);
    if !region.zones.contains(&command.zone) {
        let zones = region.zones.iter().map(|z| format!("{}{z}", region.id)).collect::<Vec<_>>().join(", ");
        faults.push(FieldError::new(
            "zone",
            format!("There is no zone {} in {}. Choose {zones}.", command.zone, region.id),
        ));
    }
    faults.extend(deploy::of_whole_machine(image, &command.zone, command.disk_kind));
    let (data, too_small) = deploy::data_disks(command, image);
    faults.extend(too_small);
    let flavor = tx.get::<Flavor>(&command.flavor)?;
    match &flavor {
        None => faults
            .push(FieldError::new("flavor", "There is no such instance type. Choose one from the list.")),
        Some(flavor) => {
            if let Err(message) = image.fits(flavor.n_vcpus, flavor.memory_mib) {
                faults.push(FieldError::new("flavor", message));
            }
            faults.extend(deploy::disk_kinds(command, &data, flavor));
        }
    }
    let disks: Vec<(DiskKind, u64)> = [(command.disk_kind, command.disk_bytes)]
        .into_iter()
        .chain(data.iter().map(|disk| (disk.kind, disk.size_bytes)))
        .collect();
    if faults.is_empty() && region.prices.machine(&command.flavor, &disks).is_none() {
        faults.push(FieldError::new(
            "flavor",
            format!("{} has no price in {}. Choose another type or disk kind.", command.flavor, region.id),
        ));
    }
    match flavor {
        Some(flavor) if faults.is_empty() => Ok((flavor, data)),
        _ => Err(Error::invalid(faults)),
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "each is one already judged part of the record that is put together here"
)]
fn assemble(
    ctx: &Ctx,
    command: &Deploy,
    project: &Project,
    image: &Image,
    flavor: &Flavor,
    data: &[NewDisk],
    id: InstanceId,
    task: TaskId,
    disk_ids: &[DiskId],
) -> Instance {
    let system = (
        DiskRole::System,
        command.disk_kind,
        command.disk_bytes,
        image.disks.first().filter(|_| image.kind != image::Kind::Iso).map(|d| d.fingerprint.clone()),
    );
    let data = data.iter().map(|disk| (DiskRole::Data, disk.kind, disk.size_bytes, disk.base.clone()));
    let disks = [system]
        .into_iter()
        .chain(data)
        .zip(disk_ids)
        .map(|((role, kind, size_bytes, base), id)| Disk { id: *id, role, kind, size_bytes, base })
        .collect();
    Instance {
        id,
        account: project.account,
        project: project.id,
        region: command.region.clone(),
        zone: command.zone.clone(),
        name: command.name.clone(),
        status: Status::Creating,
        flavor: flavor.id.clone(),
        n_vcpus: flavor.n_vcpus,
        memory_mib: flavor.memory_mib,
        disks,
        iso: image.disks.first().filter(|_| image.kind == image::Kind::Iso).map(|d| d.fingerprint.clone()),
        origin: Origin::of(image),
        fetch_from: Some(&image.region).filter(|region| **region != command.region).cloned(),
        boot: image.boot,
        nic_multiqueue: image.nic_multiqueue,
        sriov: image.sriov,
        ssh_keys: command.ssh_keys.clone(),
        user_data: command.user_data.clone(),
        ssh_port: None,
        error: None,
        task: Some(task),
        capturing: None,
        created: ctx.now,
        started: None,
    }
}

fn take_name(tx: &mut Tx<'_>, machine: &Instance) -> Result<()> {
    let key = name_key(machine);
    if tx.get_index::<InstanceId>(index::INSTANCE_BY_NAME, &key)?.is_some() {
        let mut free = machine.name.successor();
        for _ in 0..50 {
            let key = (machine.project, machine.region.clone(), free.to_lowercase());
            if tx.get_index::<InstanceId>(index::INSTANCE_BY_NAME, &key)?.is_none() {
                break;
            }
            free = Name::parse(&free).map(|n| n.successor()).unwrap_or(free);
        }
        let message = format!("You already have a machine with this name in {}. Try {free}.", machine.region);
        return Err(Error::conflict("instance_name_taken", message).at("name"));
    }
    Ok(tx.put_index(index::INSTANCE_BY_NAME, &key, &machine.id)?)
}

/// The key of the index of names.
pub(crate) fn name_key(
    machine: &Instance,
) -> (crate::domain::ids::ProjectId, crate::domain::ids::RegionId, String) {
    (machine.project, machine.region.clone(), machine.name.as_str().to_lowercase())
}

/// Starts a machine.
///
/// # Errors
/// The machine's reason; `NotFound`; `no_hypervisor`.
pub fn start(ctx: &Ctx, id: InstanceId) -> Result<TaskId> {
    start_because(ctx, id, "")
}

/// Starts a machine as [`start`] does; its trail says why.
pub(crate) fn start_because(ctx: &Ctx, id: InstanceId, why: &str) -> Result<TaskId> {
    if let Err(missing) = runnable(ctx) {
        load(ctx, id, Act::InstancePower)?;
        return Err(missing);
    }
    change_power(ctx, id, Action::Start, Status::Starting, TaskKind::InstanceStart, ("instance.start", why))
}

/// Stops a machine: presses its power button, and cuts the power after the time allowed.
///
/// # Errors
/// The machine's reason; `NotFound`.
pub fn stop(ctx: &Ctx, id: InstanceId) -> Result<TaskId> {
    change_power(ctx, id, Action::Stop, Status::Stopping, TaskKind::InstanceStop, ("instance.stop", ""))
}

/// Restarts a machine: stops it as [`stop`] does, then starts it.
///
/// # Errors
/// The machine's reason; `NotFound`.
pub fn reboot(ctx: &Ctx, id: InstanceId) -> Result<TaskId> {
    let said = ("instance.reboot", "");
    change_power(ctx, id, Action::Reboot, Status::Rebooting, TaskKind::InstanceReboot, said)
}

fn change_power(
    ctx: &Ctx,
    id: InstanceId,
    action: Action,
    status: Status,
    kind: TaskKind,
    (name, why): (&str, &str),
) -> Result<TaskId> {
    let (_, permit) = load(ctx, id, Act::InstancePower)?;
    let task = TaskId(ctx.app.ids.uuid());
    ctx.transact(&permit, |tx| {
        let mut machine = tx.get::<Instance>(&id)?.ok_or_else(|| Error::not_found("instance"))?;
        machine.can(action)?;
        tasks::begin(tx, ctx, &permit, task, kind, &About::instance(&machine))?;
        machine.status = status;
        machine.error = None;
        machine.task = Some(task);
        tx.put(&machine)?;
        audit::write(tx, ctx, &permit, &entry(&machine, name, why.to_owned()))
    })?;
    Ok(task)
}

/// Deletes a machine with all its disks: closes its meters, gives back its slot and name, creates the task; all in one commit.
///
/// # Errors
/// The machine's reason; `NotFound`.
pub fn delete(ctx: &Ctx, id: InstanceId) -> Result<TaskId> {
    delete_because(ctx, id, "", |_| Ok(()))
}

/// Deletes a machine as [`delete`] does; its trail and that of its group say why, and `also` belongs to the same commit.
pub(crate) fn delete_because(
    ctx: &Ctx,
    id: InstanceId,
    why: &str,
    mut also: impl FnMut(&mut Tx<'_>) -> Result<()>,
) -> Result<TaskId> {
    let (_, permit) = load(ctx, id, Act::InstanceDelete)?;
    let task = TaskId(ctx.app.ids.uuid());
    ctx.transact(&permit, |tx| {
        let mut machine = tx.get::<Instance>(&id)?.ok_or_else(|| Error::not_found("instance"))?;
        machine.can(Action::Delete)?;
        let told = if why.is_empty() { format!("{} was deleted.", machine.name) } else { why.to_owned() };
        groups::left(tx, ctx, &permit, &machine, &told)?;
        also(tx)?;
        close_meters(tx, ctx, &machine)?;
        snapshots::schedules::machine_gone(tx, ctx, &permit, &machine)?;
        ledger::count(tx, machine.account, &machine.region, |c| {
            c.give_instance();
            Ok(())
        })?;
        tx.delete_index(index::INSTANCE_BY_NAME, &name_key(&machine));
        tasks::begin(tx, ctx, &permit, task, TaskKind::InstanceDelete, &About::instance(&machine))?;
        machine.status = Status::Deleting;
        machine.task = Some(task);
        tx.put(&machine)?;
        audit::write(tx, ctx, &permit, &entry(&machine, "instance.delete", why.to_owned()))
    })?;
    Ok(task)
}

/// Closes the meters of a machine and of its disks.
pub(crate) fn close_meters(tx: &mut Tx<'_>, ctx: &Ctx, machine: &Instance) -> Result<()> {
    ledger::close(tx, ctx, Subject::Instance(machine.id), |_| true)?;
    for disk in &machine.disks {
        ledger::close(tx, ctx, Subject::Disk(disk.id), |_| true)?;
    }
    Ok(())
}

/// An audit entry about a machine.
pub(crate) fn entry<'a>(machine: &'a Instance, action: &'a str, detail: String) -> Entry<'a> {
    Entry {
        subject: Subject::Instance(machine.id),
        name: machine.name.as_str(),
        account: Some(machine.account),
        project: Some(machine.project),
        region: Some(&machine.region),
        action,
        detail,
    }
}
