//! Use cases of the data disks of a machine that is there: add a new one, empty or from a data-disk image, and remove one. A disk that is there
//! is never written over (H17).

use super::ctx::Ctx;
use super::tasks::{self, About};
use super::{audit, billing, images, instances, ledger, people, prices, shares, snapshots};
use crate::domain::disk::DiskRole;
use crate::domain::error::Reason;
use crate::domain::flavor::Flavor;
use crate::domain::form::{AddDisk, AddDiskForm, DATA_DISKS_MAX, DiskSource, RemoveDiskForm, whole_gib};
use crate::domain::ids::{DiskId, InstanceId, RegionId, Subject, TaskId};
use crate::domain::image::{self, Image};
use crate::domain::instance::{Action, Disk, Instance, Status};
use crate::domain::policy::Act;
use crate::domain::region::Region;
use crate::domain::size;
use crate::domain::snapshot::{self, Snapshot};
use crate::domain::task::Kind as TaskKind;
use crate::domain::text::Name;
use crate::domain::view::{DiskOptions, DiskRemoval};
use crate::domain::{Error, FieldError, Result};
use crate::store::Tx;

/// Gives a machine that is off a new data disk: record and task in one commit. It is charged from when it exists.
///
/// # Errors
/// `Invalid` with fields; the machine's reason, such as `instance_not_stopped`; `data_disk_limit_reached`; at `source` the image's reason, such
/// as `image_is_not_data`, or the snapshot's, such as `disk_gone`; `price_changed`; `no_hypervisor`; `NotFound`.
pub fn add(ctx: &Ctx, form: &AddDiskForm) -> Result<DiskId> {
    let command = form.parse()?;
    let (machine, permit) = instances::load(ctx, command.instance, Act::DiskAdd)?;
    // Whoever may not know of it hears the same as of what does not exist.
    match command.source {
        DiskSource::Empty => {}
        DiskSource::Image(id) => drop(images::load(ctx, id, Act::ImageDeploy).map_err(|e| e.at("source"))?),
        DiskSource::Snapshot(id, _) => {
            snapshots::load(ctx, id, Act::SnapshotGet).map_err(|e| e.at("source"))?;
        }
    }
    if let Some(missing) = ctx.app.hypervisor.facts().missing {
        return Err(Error::unavailable("no_hypervisor", missing));
    }
    let (id, task) = (DiskId(ctx.app.ids.uuid()), TaskId(ctx.app.ids.uuid()));
    ctx.transact(&permit, |tx| {
        let mut machine = tx.get::<Instance>(&machine.id)?.ok_or_else(|| Error::not_found("instance"))?;
        machine.can(Action::AddDisk)?;
        machine.has_room_for_disk()?;
        billing::may_begin(tx, ctx, machine.account)?;
        let region = prices::region(tx, ctx, &machine.region)?;
        images::price_unchanged(&region.prices, command.price_version)?;
        let content = content(tx, ctx, &command, &machine)?;
        let disk = judge(tx, &command, &machine, &region, content.as_ref(), id)?;
        machine.disks.push(disk.clone());
        let from = content.map(|content| format!(" From {}.", content.name)).unwrap_or_default();
        let detail = format!("{}.{from}", machine.disk_label(&disk));
        tasks::begin(tx, ctx, &permit, task, TaskKind::DiskAdd, &About::disk(&machine, id))?;
        machine.status = Status::Updating;
        machine.task = Some(task);
        tx.put(&machine)?;
        audit::write(tx, ctx, &permit, &instances::entry(&machine, "disk.add", detail))
    })?;
    Ok(id)
}

/// What a new disk starts as.
struct Content {
    /// `image` or `snapshot`.
    noun: &'static str,
    name: Name,
    region: RegionId,
    least_bytes: u64,
    fingerprint: String,
}

/// The content that is asked for, as it is in this transaction; `None` for an empty disk.
fn content(tx: &mut Tx<'_>, ctx: &Ctx, command: &AddDisk, machine: &Instance) -> Result<Option<Content>> {
    let at_source = |reason: Reason| Error::from(reason).at("source");
    Ok(Some(match command.source {
        DiskSource::Empty => return Ok(None),
        DiskSource::Image(id) => {
            let image = tx.get::<Image>(&id)?.ok_or_else(|| Error::not_found("image"))?;
            shares::usable_in(tx, ctx, &image, machine.project)?;
            image.can(image::Action::MakeDisk).map_err(at_source)?;
            let first = image.disks.first().ok_or_else(|| Error::not_found("image"))?;
            Content {
                noun: "image",
                name: image.name.clone(),
                region: image.region.clone(),
                least_bytes: image.least_disk_bytes(),
                fingerprint: first.fingerprint.clone(),
            }
        }
        DiskSource::Snapshot(id, disk) => {
            let snapshot = tx.get::<Snapshot>(&id)?.ok_or_else(|| Error::not_found("snapshot"))?;
            snapshot.can(snapshot::Action::NewDisk).map_err(at_source)?;
            let found = snapshot.content_of(disk).map_err(at_source)?;
            Content {
                noun: "snapshot",
                name: snapshot.name.clone(),
                region: snapshot.region.clone(),
                least_bytes: found.virtual_bytes,
                fingerprint: found.fingerprint.clone(),
            }
        }
    }))
}

/// Judges size, kind and place of the new disk; gives it.
fn judge(
    tx: &mut Tx<'_>,
    command: &AddDisk,
    machine: &Instance,
    region: &Region,
    content: Option<&Content>,
    id: DiskId,
) -> Result<Disk> {
    let mut faults = Vec::new();
    if let Some(content) = content.filter(|content| content.region != machine.region) {
        let way_out = if content.noun == "image" { " Copy it there first." } else { "" };
        let message = format!(
            "This {} is in {}, and the machine in {}.{way_out}",
            content.noun, content.region, machine.region
        );
        faults.push(FieldError::new("source", message));
    }
    let (noun, least) = content.map_or(("image", 0), |content| (content.noun, content.least_bytes));
    let size_bytes = command.size_bytes.unwrap_or_else(|| whole_gib(least));
    if size_bytes < least {
        let message = format!(
            "{} is smaller than the {noun}. Choose at least {} GiB.",
            size::binary(size_bytes),
            whole_gib(least) / size::GIB
        );
        faults.push(FieldError::new("size_gib", message));
    }
    let flavor = tx.get::<Flavor>(&machine.flavor)?;
    if let Some(flavor) = flavor.filter(|flavor| !flavor.disk_kinds.contains(&command.kind)) {
        let allowed = flavor.disk_kinds.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let message = format!("{} does not run on {} disks. Choose {allowed}.", flavor.id, command.kind);
        faults.push(FieldError::new("kind", message));
    } else if !region.prices.disk_gb_month.contains_key(&command.kind) {
        let message = format!("{} disks have no price in {}. Choose another kind.", command.kind, region.id);
        faults.push(FieldError::new("kind", message));
    }
    if !faults.is_empty() {
        return Err(Error::invalid(faults));
    }
    let base = content.map(|content| content.fingerprint.clone());
    Ok(Disk { id, role: DiskRole::Data, kind: command.kind, size_bytes, base })
}

impl Instance {
    /// Whether one more data disk may be added, as far as their number goes.
    ///
    /// # Errors
    /// `data_disk_limit_reached`.
    pub fn has_room_for_disk(&self) -> Result<(), Reason> {
        let n = self.disks.iter().filter(|disk| disk.role == DiskRole::Data).count();
        if n < DATA_DISKS_MAX {
            return Ok(());
        }
        Err(Reason::new(
            "data_disk_limit_reached",
            format!("A machine has at most {DATA_DISKS_MAX} data disks."),
            format!("It has {n}."),
            "Remove one first.",
        ))
    }
}

/// Removes a data disk of a machine that is off, with everything on it: closes its meter and creates the task; all in one commit.
///
/// # Errors
/// The machine's reason, such as `instance_not_stopped`; `system_disk`; `NotFound`.
pub fn remove(ctx: &Ctx, form: &RemoveDiskForm) -> Result<TaskId> {
    let command = form.parse()?;
    let (_, permit) = instances::load(ctx, command.instance, Act::DiskRemove)?;
    let task = TaskId(ctx.app.ids.uuid());
    ctx.transact(&permit, |tx| {
        let mut machine =
            tx.get::<Instance>(&command.instance)?.ok_or_else(|| Error::not_found("instance"))?;
        let disk = machine.disks.iter().find(|disk| disk.id == command.disk).cloned();
        let disk = disk.ok_or_else(|| Error::not_found("disk"))?;
        machine.can_remove(&disk)?;
        ledger::close(tx, ctx, Subject::Disk(disk.id), |_| true)?;
        tasks::begin(tx, ctx, &permit, task, TaskKind::DiskRemove, &About::disk(&machine, disk.id))?;
        machine.status = Status::Updating;
        machine.task = Some(task);
        tx.put(&machine)?;
        let detail = format!("{}.", machine.disk_label(&disk));
        audit::write(tx, ctx, &permit, &instances::entry(&machine, "disk.remove", detail))
    })?;
    Ok(task)
}

impl Instance {
    /// Whether this disk can be removed now.
    ///
    /// # Errors
    /// `system_disk`; the machine's reason.
    pub fn can_remove(&self, disk: &Disk) -> Result<(), Reason> {
        if disk.role == DiskRole::System {
            return Err(Reason::new(
                "system_disk",
                "The system disk stays as long as its machine.",
                "This is the system disk.",
                "Delete the machine to remove it.",
            ));
        }
        self.can(Action::RemoveDisk)
    }
}

/// What the dialog that adds a disk shows.
///
/// # Errors
/// `NotFound`; `Forbidden` for who may only look.
pub fn options(ctx: &Ctx, id: InstanceId) -> Result<DiskOptions> {
    let (machine, _) = instances::load(ctx, id, Act::DiskAdd)?;
    let region = people::region(ctx, &machine.region)?;
    let mut own = ctx.app.images.group(&(machine.project, machine.region.clone()));
    own.retain(|image| !image.hidden && image.can(image::Action::MakeDisk).is_ok());
    own.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.id.cmp(&b.id)));
    let given = shares::accepted(ctx, machine.project, &machine.region, image::Action::MakeDisk)?;
    let flavor = ctx.read::<Flavor>(&machine.flavor)?;
    let fits = |kind: &_| flavor.as_ref().is_none_or(|flavor| flavor.disk_kinds.contains(kind));
    Ok(DiskOptions {
        instance: id,
        name: machine.name.clone(),
        images: own.iter().map(|image| images::choice(ctx, image)).collect(),
        shared: given.iter().map(|image| images::choice(ctx, image)).collect(),
        snapshots: snapshots::disk_sources(ctx, machine.project, &machine.region),
        kinds: region.prices.disk_gb_month.keys().copied().filter(fits).collect(),
        blocked: match machine.can(Action::AddDisk).and_then(|()| machine.has_room_for_disk()) {
            Ok(()) => billing::blocked(ctx, machine.account)?,
            Err(reason) => Some(reason),
        },
        prices: region.prices,
    })
}

/// What the dialog that removes a disk shows.
///
/// # Errors
/// `NotFound`; `Forbidden` for who may only look.
pub fn removal(ctx: &Ctx, id: InstanceId, disk: DiskId) -> Result<DiskRemoval> {
    let (machine, _) = instances::load(ctx, id, Act::DiskRemove)?;
    let found = machine.disks.iter().find(|d| d.id == disk).ok_or_else(|| Error::not_found("disk"))?;
    let region = people::region(ctx, &machine.region)?;
    Ok(DiskRemoval {
        instance: id,
        name: machine.name.clone(),
        disk,
        label: machine.disk_label(found),
        n_schedules: snapshots::schedules::n_of_disk(ctx, &machine, disk),
        month: region.prices.disk(found.kind, found.size_bytes).month,
        symbol: region.prices.symbol,
        blocked: machine.can_remove(found).err(),
    })
}
