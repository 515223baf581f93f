//! What pages about snapshots show. Reads only. The data disks of machine images are rows of the list as well: they are kept and charged with
//! their image, and this derives them from it (U12).

use super::{load, resource, schedules, service};
use crate::domain::disk::DiskRole;
use crate::domain::error::Reason;
use crate::domain::form::SNAPSHOT_PREFIX;
use crate::domain::ids::{AccountId, InstanceId, ProjectId, RegionId, SnapshotId, Subject};
use crate::domain::image::{Image, ImageDisk, Kind as ImageKind, Status as ImageStatus};
use crate::domain::instance::{self, Instance};
use crate::domain::meter::Charge;
use crate::domain::page::{Page, ROWS_DEFAULT};
use crate::domain::policy::Act;
use crate::domain::region::Region;
use crate::domain::schedule::Schedule;
use crate::domain::size;
use crate::domain::snapshot::{Action, Kind, Snapshot, SnapshotDisk, Status, Which};
use crate::domain::text::counted;
use crate::domain::time::Timestamp;
use crate::domain::view::{
    DiskChoice, DiskSourceChoice, SnapshotDetail, SnapshotDiskOptions, SnapshotLink, SnapshotList,
    SnapshotOptions, SnapshotRow,
};
use crate::domain::{Error, Result};
use crate::ops::ctx::{Ctx, Place};
use crate::ops::usage::charged;
use crate::ops::{audit, billing, images, instances, people, tasks, usage};
use std::sync::Arc;

/// One page of the snapshots of project and region, newest first, whose name or machine contains `text`; only those of one machine when that
/// is named.
///
/// # Errors
/// `NotFound` when the caller has no project; `Unauthenticated`.
pub fn list(
    ctx: &Ctx,
    place: &Place,
    text: &str,
    instance: Option<InstanceId>,
    page: u32,
) -> Result<SnapshotList> {
    let (project, own) = people::project_of(ctx, place, Act::SnapshotGet)?;
    let region = people::region_of(ctx, place)?;
    let group = (project.id, region.id.clone());
    let needle = text.trim().to_lowercase();
    let matches = |name: &str, machine: &str| {
        needle.is_empty() || name.to_lowercase().contains(&needle) || machine.to_lowercase().contains(&needle)
    };
    let (mut rows, mut stored_bytes, mut n_all) = (Vec::new(), 0u64, 0u32);
    for snapshot in ctx.app.snapshots.group(&group) {
        n_all = n_all.saturating_add(1);
        if snapshot.status == Status::Available {
            stored_bytes = stored_bytes.saturating_add(snapshot.stored_bytes());
        }
        let of_it = instance.is_none_or(|id| snapshot.source.id == id);
        if of_it && matches(snapshot.name.as_str(), snapshot.source.name.as_str()) {
            rows.push(Found::Own(snapshot));
        }
    }
    for (image, n, disk) in of_images(ctx, project.id, &region.id) {
        n_all = n_all.saturating_add(1);
        let source = image.source.as_ref();
        let of_it = instance.is_none_or(|id| source.is_some_and(|s| s.id == id));
        if of_it && matches(image.name.as_str(), source.map_or("", |s| s.name.as_str())) {
            rows.push(Found::OfImage(image, n, disk));
        }
    }
    rows.sort_by_key(|row| std::cmp::Reverse(row.order()));
    let page = Page::cut(rows, page, ROWS_DEFAULT);
    let machine = instance.map(|id| instances::visible(ctx, id)).transpose()?.flatten();
    let charged_bytes =
        charged::sum(ctx, (project.account, Some(project.id)), &region, &Charge::SnapshotStorage);
    Ok(SnapshotList {
        page: page.try_map(|found| found.row(ctx, &region))?,
        text: text.trim().to_owned(),
        instance: machine.map(|m| instances::link(&m)),
        n_all,
        n_schedules: ctx.app.schedules.count(&group),
        stored_bytes,
        month: region.prices.snapshots(charged_bytes).month,
        charged_bytes,
        service: service::view(ctx, project.account, &region)?,
        project: project.name,
        region: region.id,
        may_change: ctx.may(Act::SnapshotCreate, &own),
        now: ctx.now,
    })
}

/// Rows of the list without a search.
pub(super) fn n_rows(ctx: &Ctx, project: ProjectId, region: &RegionId) -> u32 {
    let of_images = u32::try_from(of_images(ctx, project, region).len()).unwrap_or(u32::MAX);
    ctx.app.snapshots.count(&(project, region.clone())).saturating_add(of_images)
}

/// The data disks of the machine images of a project, each with its number in its image, from 1.
fn of_images(ctx: &Ctx, project: ProjectId, region: &RegionId) -> Vec<(Arc<Image>, usize, ImageDisk)> {
    let mut found = Vec::new();
    for image in ctx.app.images.group(&(project, region.clone())) {
        if image.kind != ImageKind::Machine || image.status != ImageStatus::Available {
            continue;
        }
        let data = image.disks.iter().filter(|d| d.role == DiskRole::Data);
        found.extend(data.enumerate().map(|(n, disk)| (image.clone(), n + 1, disk.clone())));
    }
    found
}

/// A row to be.
enum Found {
    Own(Arc<Snapshot>),
    OfImage(Arc<Image>, usize, ImageDisk),
}

impl Found {
    /// Newest first; no two are equal, or pages would flicker.
    fn order(&self) -> (Timestamp, uuid::Uuid, usize) {
        match self {
            Self::Own(snapshot) => (snapshot.created, snapshot.id.0, 0),
            Self::OfImage(image, n, _) => (image.created, image.id.0, *n),
        }
    }

    fn row(self, ctx: &Ctx, region: &Region) -> Result<SnapshotRow> {
        match self {
            Self::Own(snapshot) => row(ctx, &snapshot, region),
            Self::OfImage(image, n, disk) => Ok(row_of_image(ctx, &image, n, &disk)),
        }
    }
}

/// Why what belongs to an image is nothing by itself (U12).
fn belongs(image: &Image) -> Reason {
    Reason::new(
        "snapshot_of_image",
        "The data disks of a machine image cannot be deleted alone.",
        format!("This one belongs to {}, and is kept and charged with it.", image.name),
        "Delete that image.",
    )
}

fn row_of_image(ctx: &Ctx, image: &Image, n: usize, disk: &ImageDisk) -> SnapshotRow {
    let source = image.source.as_ref();
    let whole = Reason::new(
        "snapshot_of_image",
        "This is made from the image that it belongs to.",
        format!("It belongs to {}.", image.name),
        "Open that image.",
    );
    SnapshotRow {
        id: None,
        image: Some(images::link(image)),
        name: format!("{}, data disk {n}", image.name),
        kind: Kind::Disk,
        what: "data disk".to_owned(),
        status: Status::Available,
        error: None,
        task: None,
        source: source.map(|s| s.name.to_string()).unwrap_or_default(),
        machine: source.and_then(|s| ctx.app.instances.get(&s.id)).map(|m| instances::link(&m)),
        size_bytes: disk.virtual_bytes,
        stored_bytes: disk.stored_bytes,
        month: None,
        scheduled: false,
        created: image.created,
        image_blocked: Some(whole.clone()),
        disk_blocked: Some(whole),
        delete_blocked: Some(belongs(image)),
    }
}

/// A row of the list. The task is only looked up while it matters.
fn row(ctx: &Ctx, snapshot: &Snapshot, region: &Region) -> Result<SnapshotRow> {
    let task = match snapshot.status {
        Status::Available => None,
        Status::Creating | Status::Error | Status::Deleting => {
            snapshot.task.and_then(|id| tasks::view(ctx, id).ok().flatten())
        }
    };
    let why_not = |action| snapshot.can(action).err();
    let estimate = snapshot.charge().map(|_| charged::snapshot(ctx, snapshot, &region.prices)).transpose()?;
    Ok(SnapshotRow {
        id: Some(snapshot.id),
        image: None,
        name: snapshot.name.to_string(),
        kind: snapshot.kind,
        what: snapshot.words(),
        status: snapshot.status,
        error: snapshot.error.clone(),
        task,
        source: snapshot.source.name.to_string(),
        machine: ctx.app.instances.get(&snapshot.source.id).map(|m| instances::link(&m)),
        size_bytes: snapshot.size_bytes(),
        stored_bytes: snapshot.stored_bytes(),
        month: estimate.map(|estimate| estimate.month),
        scheduled: snapshot.schedule.is_some(),
        created: snapshot.created,
        image_blocked: why_not(Action::Image),
        disk_blocked: why_not(Action::NewDisk),
        delete_blocked: why_not(Action::Delete),
    })
}

/// A named link to a snapshot.
pub(crate) fn link(snapshot: &Snapshot) -> SnapshotLink {
    SnapshotLink {
        id: snapshot.id,
        name: snapshot.name.clone(),
        status: snapshot.status,
        created: snapshot.created,
    }
}

/// The snapshots of a machine, newest first.
pub(crate) fn of_machine(ctx: &Ctx, machine: &Instance) -> Vec<SnapshotLink> {
    let mut found = ctx.app.snapshots.group(&(machine.project, machine.region.clone()));
    found.retain(|snapshot| snapshot.source.id == machine.id && snapshot.takes_slot());
    found.sort_by_key(|snapshot| std::cmp::Reverse((snapshot.created, snapshot.id)));
    found.iter().map(|snapshot| link(snapshot)).collect()
}

/// What is stored of the snapshots of an account in a region: what an image shares with these is not freed with it.
pub(crate) fn prints(ctx: &Ctx, account: AccountId, region: &RegionId) -> Vec<String> {
    let all = ctx.app.snapshots.all();
    let own = all.iter().filter(|s| s.account == account && s.region == *region);
    own.flat_map(|s| s.contents().map(|d| d.fingerprint.clone())).collect()
}

fn disk_words(disk: &SnapshotDisk) -> String {
    let role = match disk.role {
        DiskRole::System => "System disk",
        DiskRole::Data => "Data disk",
    };
    format!("{role}, {}, {}", disk.kind, size::binary(disk.size_bytes))
}

/// A snapshot in full.
///
/// # Errors
/// `NotFound`, also when it belongs to somebody else.
pub fn detail(ctx: &Ctx, id: SnapshotId) -> Result<SnapshotDetail> {
    let (snapshot, _) = load(ctx, id, Act::SnapshotGet)?;
    let region = people::region(ctx, &snapshot.region)?;
    let own = resource(&snapshot);
    let schedule = snapshot.schedule.map(|id| ctx.read::<Schedule>(&id)).transpose()?.flatten();
    let all = ctx.app.images.group(&(snapshot.project, snapshot.region.clone()));
    let made = |image: &&Arc<Image>| {
        image.status.listed() && image.from_snapshot.as_ref().is_some_and(|from| from.id == id)
    };
    let disk = |d: &SnapshotDisk| (disk_words(d), d.content.as_ref().map_or(0, |c| c.stored_bytes));
    let prices = &region.prices;
    Ok(SnapshotDetail {
        row: row(ctx, &snapshot, &region)?,
        id,
        revision: snapshot.revision,
        consistency: snapshot.consistency,
        disks: snapshot.disks.iter().map(disk).collect(),
        schedule: schedule.map(|s| s.words()),
        images: all.iter().filter(made).map(|image| images::link(image)).collect(),
        cost: usage::cost_of(ctx, snapshot.account, Subject::Snapshot(id))?,
        estimate: snapshot.charge().map(|_| charged::snapshot(ctx, &snapshot, prices)).transpose()?,
        rate: prices.stored_rate(prices.snapshot_gb_month),
        symbol: prices.symbol.clone(),
        available: snapshot.available,
        rename_blocked: snapshot.can(Action::Rename).err(),
        may_change: ctx.may(Act::SnapshotUpdate, &own),
        events: audit::about(ctx, Subject::Snapshot(id), Some(snapshot.project), 10)?,
        region: region.id,
        now: ctx.now,
    })
}

/// What new disks can be made from: each disk of each available snapshot of a project, newest first.
pub(crate) fn disk_sources(ctx: &Ctx, project: ProjectId, region: &RegionId) -> Vec<DiskSourceChoice> {
    let mut found = ctx.app.snapshots.group(&(project, region.clone()));
    found.retain(|snapshot| snapshot.can(Action::NewDisk).is_ok());
    found.sort_by_key(|snapshot| std::cmp::Reverse((snapshot.created, snapshot.id)));
    let of_one = |snapshot: &Arc<Snapshot>| {
        let system = snapshot.disks.iter().filter(|d| d.role == DiskRole::System);
        let data = snapshot.disks.iter().filter(|d| d.role == DiskRole::Data);
        let several = data.clone().count() > 1;
        // What is kept on a data disk is wanted more often than another copy of a system.
        data.enumerate()
            .map(|(n, disk)| (disk, if several { format!(", data disk {}", n + 1) } else { String::new() }))
            .chain(system.map(|disk| (disk, ", system disk".to_owned())))
            .map(|(disk, part)| DiskSourceChoice {
                source: format!("{SNAPSHOT_PREFIX}{}/{}", snapshot.id, disk.disk),
                words: format!("{}{part}, {}", snapshot.name, size::binary(disk.size_bytes)),
                size_bytes: disk.size_bytes,
            })
            .collect::<Vec<_>>()
    };
    found.iter().flat_map(of_one).collect()
}

/// What the dialog that makes a new disk from a snapshot shows.
///
/// # Errors
/// `NotFound`; `Forbidden` for who may only look.
pub fn disk_options(ctx: &Ctx, id: SnapshotId) -> Result<SnapshotDiskOptions> {
    let (snapshot, _) = load(ctx, id, Act::DiskAdd)?;
    let region = people::region(ctx, &snapshot.region)?;
    let all = disk_sources(ctx, snapshot.project, &snapshot.region);
    let mine = format!("{SNAPSHOT_PREFIX}{id}/");
    let mut machines = ctx.app.instances.group(&(snapshot.project, snapshot.region.clone()));
    machines.retain(|m| m.can(instance::Action::AddDisk).is_ok() && m.has_room_for_disk().is_ok());
    machines.sort_by(|a, b| a.name.cmp(&b.name));
    let nobody = machines.is_empty().then(|| {
        Reason::new(
            "no_machine_for_disk",
            "A new disk is added to a machine that is off and has room for one more.",
            format!("There is none in {} now.", snapshot.region),
            "Stop a machine first.",
        )
    });
    Ok(SnapshotDiskOptions {
        snapshot: id,
        sources: all.into_iter().filter(|choice| choice.source.starts_with(&mine)).collect(),
        machines: machines.iter().map(|machine| schedules::choice(machine)).collect(),
        prices: region.prices,
        blocked: snapshot.can(Action::NewDisk).err().or(nobody),
        name: snapshot.name,
        region: region.id,
    })
}

/// What the dialog that takes a snapshot shows.
///
/// # Errors
/// `NotFound`; `Forbidden` for who may only look.
pub fn options(ctx: &Ctx, id: InstanceId) -> Result<SnapshotOptions> {
    let (machine, _) = instances::load(ctx, id, Act::SnapshotCreate)?;
    let region = people::region(ctx, &machine.region)?;
    let (counter, limits) = people::counter(ctx, machine.account, &region)?;
    Ok(SnapshotOptions {
        instance: id,
        name: machine.name.clone(),
        running: machine.status == instance::Status::Running,
        suggested_name: schedules::name(&machine, ctx).to_string(),
        disks: choices(&machine, &region),
        blocked: blocked(ctx, &machine, &region)?,
        quota: format!(
            "{} of {} used in {}.",
            counter.n_snapshots,
            counted(limits.n_snapshots_max, "snapshot"),
            region.id
        ),
        service: service::view(ctx, machine.account, &region)?,
    })
}

/// The system disk, all disks, then each data disk.
fn choices(machine: &Instance, region: &Region) -> Vec<DiskChoice> {
    let data = machine.disks.iter().filter(|d| d.role == DiskRole::Data);
    let whole = data.clone().next().map(|_| Which::All);
    let one_by_one = data.map(|d| Which::Disk(d.id));
    let all = [Which::System].into_iter().chain(whole).chain(one_by_one);
    let choice = |which: Which| {
        let of_it: Vec<&instance::Disk> = machine.disks.iter().filter(|d| which.takes(d)).collect();
        let bytes = of_it.iter().map(|d| d.size_bytes).fold(0, u64::saturating_add);
        let words = match (which, of_it.first()) {
            (Which::All, _) | (_, None) => {
                let n = u32::try_from(of_it.len()).unwrap_or(u32::MAX);
                format!("All {} at one instant, {}", counted(n, "disk"), size::binary(bytes))
            }
            (_, Some(d)) => {
                let role = if d.role == DiskRole::System { "System disk" } else { "Data disk" };
                format!("{role}, {}, {}", d.kind, size::binary(d.size_bytes))
            }
        };
        DiskChoice {
            slug: which.slug(),
            words,
            most: region.prices.snapshots(bytes),
            blocked: which.of(machine).err(),
        }
    };
    all.map(choice).collect()
}

/// Why no snapshot can be taken of the machine now; `None` when one can.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn blocked(ctx: &Ctx, machine: &Instance, region: &Region) -> Result<Option<Reason>> {
    if let Some(reason) = service::blocked(ctx, machine.account, region)? {
        return Ok(Some(reason));
    }
    if let Err(reason) = machine.can(instance::Action::Capture) {
        return Ok(Some(reason));
    }
    if let Some(reason) = billing::blocked(ctx, machine.account)? {
        return Ok(Some(reason));
    }
    let (mut counter, limits) = people::counter(ctx, machine.account, region)?;
    let taken: Result<(), Error> = counter.take_snapshot(&limits);
    Ok(taken.err().map(|e| Reason::new(&e.code, e.message, "", "")))
}
