//! What pages about machines show. Reads only.

use super::{load, resource};
use crate::domain::Result;
use crate::domain::disk::DiskKind;
use crate::domain::error::Reason;
use crate::domain::flavor::Flavor;
use crate::domain::ids::{InstanceId, RegionId, Subject};
use crate::domain::image::{self, Image};
use crate::domain::instance::{Action, Instance, Status};
use crate::domain::money::Money;
use crate::domain::page::{Page, ROWS_DEFAULT};
use crate::domain::policy::Act;
use crate::domain::price::Estimate;
use crate::domain::project::Project;
use crate::domain::region::Region;
use crate::domain::view::{
    DeployOptions, DiskView, ImageChoice, ImageLink, InstanceDeletion, InstanceDetail, InstanceLink,
    InstanceList, InstanceRow,
};
use crate::ops::ctx::{Ctx, Place};
use crate::ops::{audit, billing, groups, images, people, shares, snapshots, tasks, usage};
use crate::store::{Order, list as list_records};
use std::sync::Arc;

/// One page of the machines of project and region, newest first, whose name, image or id contains `text`.
///
/// # Errors
/// `NotFound` when the caller has no project; `Unauthenticated`.
pub fn list(ctx: &Ctx, place: &Place, text: &str, page: u32) -> Result<InstanceList> {
    let (project, own) = people::project_of(ctx, place, Act::InstanceGet)?;
    let region = people::region_of(ctx, place)?;
    let all = ctx.app.instances.group(&(project.id, region.id.clone()));
    let n_all = u32::try_from(all.len()).unwrap_or(u32::MAX);
    let needle = text.trim().to_lowercase();
    let mut found: Vec<Arc<Instance>> = all.into_iter().filter(|i| matches(i, &needle)).collect();
    found.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.id.cmp(&b.id)));
    Ok(InstanceList {
        page: Page::cut(found, page, ROWS_DEFAULT).map(|i| row(ctx, &i, &region)),
        text: text.trim().to_owned(),
        n_all,
        project: project.name,
        symbol: region.prices.symbol.clone(),
        region: region.id,
        may_change: ctx.may(Act::InstanceCreate, &own),
        now: ctx.now,
    })
}

fn matches(machine: &Instance, needle: &str) -> bool {
    needle.is_empty()
        || machine.name.as_str().to_lowercase().contains(needle)
        || machine.origin.name.as_str().to_lowercase().contains(needle)
        || machine.id.to_string().contains(needle)
}

/// A row of a list. The task is only looked up while it matters.
pub fn row(ctx: &Ctx, machine: &Instance, region: &Region) -> InstanceRow {
    let task = if machine.status.moving() { machine.task } else { machine.capturing };
    InstanceRow {
        id: machine.id,
        name: machine.name.clone(),
        status: machine.status,
        error: machine.error.clone(),
        capturing: machine.capturing.is_some(),
        flavor: summary(machine),
        zone: format!("{}{}", machine.region, machine.zone),
        image: machine.origin.name.clone(),
        ssh_port: machine.ssh_port,
        month: estimate(machine, region).map(|e| e.month),
        task: task.and_then(|id| tasks::view(ctx, id).ok().flatten()),
        created: machine.created,
    }
}

fn summary(machine: &Instance) -> String {
    let flavor = Flavor {
        id: machine.flavor.clone(),
        n_vcpus: machine.n_vcpus,
        memory_mib: machine.memory_mib,
        disk_kinds: vec![],
    };
    flavor.summary()
}

/// What a machine costs while it runs, at today's prices.
fn estimate(machine: &Instance, region: &Region) -> Option<Estimate> {
    let disks: Vec<(DiskKind, u64)> = machine.disks.iter().map(|d| (d.kind, d.size_bytes)).collect();
    let licence = region.prices.licence(&machine.origin.licence);
    Some(region.prices.machine(&machine.flavor, &disks)? + licence)
}

/// What deleting a machine saves a month: that of its disks, and of itself where it is charged.
pub(crate) fn saved(machine: &Instance, region: &Region) -> Money {
    let disks = machine.disks.iter().map(|d| region.prices.disk(d.kind, d.size_bytes).month).sum();
    match machine.status {
        Status::Running | Status::Stopping | Status::Rebooting => {
            estimate(machine, region).map_or(disks, |estimate| estimate.month)
        }
        Status::Creating
        | Status::Starting
        | Status::Stopped
        | Status::Updating
        | Status::Reinstalling
        | Status::Error
        | Status::Deleting => disks,
    }
}

/// A named link to a machine.
pub(crate) fn link(machine: &Instance) -> InstanceLink {
    InstanceLink { id: machine.id, name: machine.name.clone(), status: machine.status }
}

/// A machine, if it exists and the caller may see it.
pub(crate) fn visible(ctx: &Ctx, id: InstanceId) -> Result<Option<Instance>> {
    Ok(ctx.read::<Instance>(&id)?.filter(|i| ctx.may(Act::InstanceGet, &resource(i))))
}

pub(super) fn disks(ctx: &Ctx, machine: &Instance) -> Vec<DiskView> {
    let used = |disk| match machine.status {
        Status::Creating | Status::Deleting => None,
        _ => ctx.app.hypervisor.disk_used_bytes(machine.id, disk).ok(),
    };
    machine
        .disks
        .iter()
        .map(|d| DiskView {
            id: d.id,
            name: machine.disk_name(d.id),
            remove_blocked: machine.can_remove(d).err(),
            role: d.role,
            kind: d.kind,
            size_bytes: d.size_bytes,
            used_bytes: used(d.id),
        })
        .collect()
}

fn images_of(ctx: &Ctx, machine: &Instance) -> Vec<ImageLink> {
    let all = ctx.app.images.group(&(machine.project, machine.region.clone()));
    let mut found: Vec<&Arc<Image>> = all
        .iter()
        .filter(|i| i.status.listed() && i.source.as_ref().is_some_and(|s| s.id == machine.id))
        .collect();
    found.sort_by_key(|i| std::cmp::Reverse(i.created));
    found.into_iter().map(|i| images::link(i)).collect()
}

/// A machine in full.
///
/// # Errors
/// `NotFound`, also when it belongs to somebody else.
pub fn detail(ctx: &Ctx, id: InstanceId) -> Result<InstanceDetail> {
    let (machine, _) = load(ctx, id, Act::InstanceGet)?;
    let region = people::region(ctx, &machine.region)?;
    let own = resource(&machine);
    let image =
        ctx.read::<Image>(&machine.origin.id)?.filter(|i| ctx.may(Act::ImageGet, &images::resource(i)));
    let console = ctx.app.hypervisor.console_log(id, ctx.app.settings.console_tail_bytes).unwrap_or_default();
    let why_not = |action| machine.can(action).err();
    let mut cost = Money::ZERO;
    for subject in machine.disks.iter().map(|d| Subject::Disk(d.id)).chain([Subject::Instance(id)]) {
        cost = cost + usage::cost_of(ctx, machine.account, subject)?;
    }
    Ok(InstanceDetail {
        id,
        name: machine.name.clone(),
        status: machine.status,
        error: machine.error.clone(),
        started: machine.started,
        created: machine.created,
        zone: format!("{}{}", machine.region, machine.zone),
        flavor: machine.flavor.to_string(),
        flavor_summary: summary(&machine),
        disks: disks(ctx, &machine),
        image_name: machine.origin.name.clone(),
        image: image.map(|i| images::link(&i)),
        licence: machine.origin.licence.clone(),
        card: machine.card(),
        disc: machine.iso.is_some(),
        ssh_port: machine.ssh_port,
        images: images_of(ctx, &machine),
        snapshots: snapshots::of_machine(ctx, &machine),
        n_schedules: snapshots::schedules::n_of_machine(ctx, &machine),
        task: machine.task.map(|t| tasks::view(ctx, t)).transpose()?.flatten(),
        capture: machine.capturing.map(|t| tasks::view(ctx, t)).transpose()?.flatten(),
        console: printable(&console),
        estimate: estimate(&machine, &region),
        cost,
        symbol: region.prices.symbol.clone(),
        start_blocked: why_not(Action::Start),
        stop_blocked: why_not(Action::Stop),
        reboot_blocked: why_not(Action::Reboot),
        delete_blocked: why_not(Action::Delete),
        add_disk_blocked: why_not(Action::AddDisk).or_else(|| machine.has_room_for_disk().err()),
        capture_blocked: images::capture_blocked(ctx, &machine, &region)?,
        snapshot_blocked: snapshots::blocked(ctx, &machine, &region)?,
        console_blocked: why_not(Action::Console),
        change_image_blocked: super::change::blocked(ctx, &machine)?,
        group: groups::of_instance(ctx, id)?,
        may_change: ctx.may(Act::InstancePower, &own),
        events: audit::about(ctx, Subject::Instance(id), Some(machine.project), 10)?,
        region: region.id,
        now: ctx.now,
    })
}

/// The log as text for a page: control sequences and control characters are left out, line feeds stay.
fn printable(log: &[u8]) -> String {
    let text = String::from_utf8_lossy(log);
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => {
                // A control sequence ends at its first letter or `~`; other escapes are two characters long.
                if chars.next_if_eq(&'[').is_some() {
                    while chars.next().is_some_and(|c| !(c.is_ascii_alphabetic() || c == '~')) {}
                } else {
                    chars.next();
                }
            }
            '\n' | '\t' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// The whole log of the serial console that is kept, as it was written.
///
/// # Errors
/// `NotFound`, also when it belongs to somebody else; `Unavailable`.
pub fn console_log(ctx: &Ctx, id: InstanceId) -> Result<Vec<u8>> {
    load(ctx, id, Act::InstanceGet)?;
    Ok(ctx.app.hypervisor.console_log(id, u64::MAX)?)
}

/// The socket of the serial console of a machine the caller may type into.
///
/// # Errors
/// `NotFound`; `Forbidden`; the machine's reason; `Unavailable`.
pub fn console_socket(ctx: &Ctx, id: InstanceId) -> Result<String> {
    let (machine, _) = load(ctx, id, Act::InstanceConsole)?;
    machine.can(Action::Console)?;
    Ok(ctx.app.hypervisor.console_socket(id)?)
}

/// What the page *New instance* offers (P8).
///
/// # Errors
/// `NotFound` when the caller has no project; `Forbidden` for who may only look.
pub fn deploy_options(ctx: &Ctx, place: &Place) -> Result<DeployOptions> {
    let (project, own) = people::project_of(ctx, place, Act::InstanceGet)?;
    ctx.authorize(Act::InstanceCreate, &own, "project")?;
    let region = people::region_of(ctx, place)?;
    let mut mine: Vec<Arc<Image>> = ctx.app.images.group(&(project.id, region.id.clone()));
    // Those of other regions that can be deployed here too (U15).
    mine.extend(elsewhere(ctx, &project, &region.id));
    mine.retain(|i| !i.hidden && i.can(image::Action::Deploy).is_ok());
    mine.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.id.cmp(&b.id)));
    let flavors = list_records::<Flavor>(ctx.app.store.as_ref(), &(), Order::Ascending, 500, None)?.items;
    let mut flavors: Vec<Flavor> =
        flavors.into_iter().filter(|f| region.prices.flavor_hour.contains_key(&f.id)).collect();
    flavors.sort_by_key(|f| (f.memory_mib, f.n_vcpus));
    Ok(DeployOptions {
        blocked: blocked(ctx, &project, &region),
        project: people::choice(ctx, &project)?,
        public: images::public(ctx, &region),
        families: images::life::families(ctx, project.id, &region.id)
            .iter()
            .map(|i| ImageChoice { leads: i.family.clone(), ..images::choice(ctx, i) })
            .collect(),
        mine: mine
            .iter()
            .map(|i| ImageChoice {
                from: (i.region != region.id).then(|| i.region.clone()),
                ..images::choice(ctx, i)
            })
            .collect(),
        shared: shares::accepted(ctx, project.id, &region.id, image::Action::Deploy)?
            .iter()
            .filter(|image| image.makes_machines().is_ok())
            .map(|i| images::choice(ctx, i))
            .collect(),
        flavors,
        zones: region.zones.clone(),
        prices: region.prices.clone(),
        region: region.id,
    })
}

/// Images of the project in other regions that can be deployed in this one.
fn elsewhere(ctx: &Ctx, project: &Project, region: &RegionId) -> Vec<Arc<Image>> {
    let others = ctx.app.images.all().into_iter();
    others
        .filter(|i| i.project == project.id && i.region != *region && i.deploys_in(region, project.account))
        .collect()
}

fn blocked(ctx: &Ctx, project: &Project, region: &Region) -> Option<Reason> {
    if let Some(missing) = ctx.app.hypervisor.facts().missing {
        return Some(Reason::new(
            "no_hypervisor",
            "No machine can run here now.",
            missing,
            "Tell your provider.",
        ));
    }
    if let Some(reason) = billing::blocked(ctx, project.account).ok()? {
        return Some(reason);
    }
    let (mut counter, limits) = people::counter(ctx, project.account, region).ok()?;
    counter.take_instance(&limits).err().map(|e| Reason::new(&e.code, e.message, "", ""))
}

/// What the dialog that deletes a machine shows: consequences and money.
///
/// # Errors
/// `NotFound`; `Forbidden` for who may only look.
pub fn deletion(ctx: &Ctx, id: InstanceId) -> Result<InstanceDeletion> {
    let (machine, _) = load(ctx, id, Act::InstanceDelete)?;
    let region = people::region(ctx, &machine.region)?;
    Ok(InstanceDeletion {
        id,
        name: machine.name.clone(),
        disks: disks(ctx, &machine),
        images: images_of(ctx, &machine),
        n_snapshots: u32::try_from(snapshots::of_machine(ctx, &machine).len()).unwrap_or(u32::MAX),
        n_schedules: snapshots::schedules::n_of_machine(ctx, &machine),
        month: saved(&machine, &region),
        group: groups::of_instance(ctx, id)?,
        symbol: region.prices.symbol,
        blocked: machine.can(Action::Delete).err(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_becomes_text_without_control_sequences() {
        assert_eq!(printable(b"\x1b[1;32mok\x1b[0m\r\nweb login: \x07\x1b(B"), "ok\nweb login: B");
        assert_eq!(printable(b"\xff\n"), "\u{fffd}\n");
    }
}
