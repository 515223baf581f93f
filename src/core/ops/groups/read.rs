//! What pages about scaling groups show. Reads only.

use super::keep::makes;
use super::{load, machines, resource, rolled};
use crate::domain::Result;
use crate::domain::error::Reason;
use crate::domain::flavor::Flavor;
use crate::domain::form::{GroupForm, ImageChoice};
use crate::domain::group::{Group, Status};
use crate::domain::ids::{GroupId, InstanceId, Subject};
use crate::domain::image::{self, Image};
use crate::domain::instance::{Instance, Status as MachineStatus};
use crate::domain::money::Money;
use crate::domain::page::{Page, ROWS_DEFAULT};
use crate::domain::policy::Act;
use crate::domain::price::{Estimate, PriceBook};
use crate::domain::text::counted;
use crate::domain::view::{
    GroupChange, GroupDeletion, GroupDetail, GroupLink, GroupList, GroupOptions, GroupRow, Health, MemberRow,
};
use crate::ops::ctx::{Ctx, Place};
use crate::ops::{audit, images, instances, people};
use crate::store::read_index;
use crate::store::records::index;
use std::sync::Arc;

/// One page of the groups of project and region, by name, whose name or family contains `text`.
///
/// # Errors
/// `NotFound` when the caller has no project; `Unauthenticated`.
pub fn list(ctx: &Ctx, place: &Place, text: &str, page: u32) -> Result<GroupList> {
    let (project, own) = people::project_of(ctx, place, Act::GroupGet)?;
    let region = people::region_of(ctx, place)?;
    let all = ctx.app.groups.group(&(project.id, region.id.clone()));
    let n_all = u32::try_from(all.len()).unwrap_or(u32::MAX);
    let needle = text.trim().to_lowercase();
    let matches = |group: &Group| {
        let family = match &group.image {
            ImageChoice::Family(family) => family.as_str(),
            ImageChoice::Id(_) => "",
        };
        needle.is_empty() || group.name.as_str().to_lowercase().contains(&needle) || family.contains(&needle)
    };
    let mut found: Vec<Arc<Group>> = all.into_iter().filter(|group| matches(group)).collect();
    found.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
    let cut = Page::cut(found, page, ROWS_DEFAULT);
    let mut rows = Vec::new();
    for group in &cut.rows {
        rows.push(row(ctx, group, &region.prices)?);
    }
    Ok(GroupList {
        page: Page { rows, number: cut.number, size: cut.size, total: cut.total },
        text: text.trim().to_owned(),
        n_all,
        project: project.name,
        symbol: region.prices.symbol.clone(),
        region: region.id,
        may_change: ctx.may(Act::GroupCreate, &own),
        now: ctx.now,
    })
}

fn row(ctx: &Ctx, group: &Group, prices: &PriceBook) -> Result<GroupRow> {
    let members = machines(ctx, group);
    let flavor = ctx.read::<Flavor>(&group.flavor)?;
    Ok(GroupRow {
        id: group.id,
        name: group.name.clone(),
        health: health(group, &members),
        n_running: n_running(&members),
        wanted: group.wanted,
        image: match &group.image {
            ImageChoice::Family(family) => format!("{family} (family)"),
            ImageChoice::Id(id) => {
                ctx.app.images.get(id).map_or_else(|| "gone".to_owned(), |image| image.name.to_string())
            }
        },
        flavor: flavor.map_or_else(|| group.flavor.to_string(), |flavor| flavor.summary()),
        month: estimate(ctx, group, prices, group.wanted).map(|e| e.month),
        created: group.created,
    })
}

fn n_running(members: &[Arc<Instance>]) -> u32 {
    let n = members.iter().filter(|m| m.status == MachineStatus::Running).count();
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn health(group: &Group, members: &[Arc<Instance>]) -> Health {
    let all_run = n_running(members) == group.wanted && members.len() == group.wanted as usize;
    match group.status {
        Status::Deleting => Health::Deleting,
        Status::Active if group.trouble.is_some() => Health::Troubled,
        Status::Active if group.roll.is_some() => Health::Rolling,
        Status::Active if all_run => Health::Well,
        Status::Active => Health::Changing,
    }
}

/// What so many machines of what it makes now cost while they run.
fn estimate(ctx: &Ctx, group: &Group, prices: &PriceBook, n: u32) -> Option<Estimate> {
    let licence = makes(&ctx.app.system(), group).map(|image| prices.licence(&image.licence));
    let one = prices.machine(&group.flavor, &[(group.disk_kind, group.disk_bytes)])?;
    let one = one + licence.unwrap_or(Estimate::NOTHING);
    Some(one.times(n))
}

/// A group in full.
///
/// # Errors
/// `NotFound`, also when it belongs to somebody else.
pub fn detail(ctx: &Ctx, id: GroupId) -> Result<GroupDetail> {
    let (group, _) = load(ctx, id, Act::GroupGet)?;
    let region = people::region(ctx, &group.region)?;
    let machines = machines(ctx, &group);
    // What the group makes is darkroom's to find, whoever looks; the link to it is only for those who may see it.
    let image = makes(&ctx.app.system(), &group);
    let fits = image
        .as_ref()
        .map_err(|e| e.message.clone())
        .and_then(|image| image.can(image::Action::Deploy).map_err(|reason| reason.sentence()));
    let makes = image.as_ref().ok();
    let newest = |machine: &Instance| makes.is_some_and(|image| machine.origin.id == image.id);
    let n_outdated = machines.iter().filter(|m| makes.is_some() && !newest(m)).count();
    let n_outdated = u32::try_from(n_outdated).unwrap_or(u32::MAX);
    let flavor = ctx.read::<Flavor>(&group.flavor)?;
    Ok(GroupDetail {
        id,
        name: group.name.clone(),
        status: group.status,
        health: health(&group, &machines),
        n_running: n_running(&machines),
        wanted: group.wanted,
        doing: doing(&group, &machines),
        members: machines
            .iter()
            .map(|m| MemberRow { row: instances::row(ctx, m, &region), newest: newest(m) })
            .collect(),
        family: match &group.image {
            ImageChoice::Family(family) => Some(family.clone()),
            ImageChoice::Id(_) => None,
        },
        makes: makes.filter(|i| images::load(ctx, i.id, Act::ImageGet).is_ok()).map(images::link),
        makes_blocked: fits.err(),
        n_outdated,
        roll: group.roll.clone(),
        trouble: group.trouble.clone(),
        next_try: group.tries_again_at(ctx.now),
        flavor: group.flavor.to_string(),
        flavor_summary: flavor.map_or_else(|| group.flavor.to_string(), |flavor| flavor.summary()),
        zone: format!("{}{}", group.region, group.zone),
        disk_kind: group.disk_kind,
        disk_bytes: group.disk_bytes,
        n_ssh_keys: u32::try_from(group.ssh_keys.len()).unwrap_or(u32::MAX),
        has_user_data: !group.user_data.is_empty(),
        each: estimate(ctx, &group, &region.prices, 1),
        estimate: estimate(ctx, &group, &region.prices, group.wanted),
        rolled: {
            let after = estimate(ctx, &group, &region.prices, n_outdated).map_or(Money::ZERO, |e| e.month);
            let old = machines.iter().filter(|m| makes.is_some() && !newest(m));
            let before = old.map(|m| instances::saved(m, &region)).sum();
            after - before
        },
        symbol: region.prices.symbol.clone(),
        price_version: region.prices.version,
        roll_blocked: roll_blocked(&group, makes, n_outdated),
        edit_blocked: group.kept().err(),
        may_change: ctx.may(Act::GroupEdit, &resource(&group)),
        events: audit::about(ctx, Subject::Group(id), Some(group.project), 10)?,
        region: region.id,
        created: group.created,
        now: ctx.now,
    })
}

fn roll_blocked(group: &Group, makes: Option<&Image>, n_outdated: u32) -> Option<Reason> {
    if let Err(reason) = group.kept() {
        return Some(reason);
    }
    let Some(image) = makes else {
        return Some(Reason::new(
            "image_gone",
            "There is no image to make machines from.",
            "",
            "Choose another one first.",
        ));
    };
    (n_outdated == 0).then(|| rolled(&image.name))
}

/// What darkroom does for the group now.
fn doing(group: &Group, machines: &[Arc<Instance>]) -> String {
    let n = u32::try_from(machines.len()).unwrap_or(u32::MAX);
    let moving: Vec<String> = machines
        .iter()
        .filter(|m| m.status.moving())
        .map(|m| format!("{} is {}", m.name, m.status.word().to_lowercase()))
        .collect();
    let counts = format!("{} wanted, {} running.", group.wanted, n_running(machines));
    if group.status == Status::Deleting {
        return format!("It is being deleted; {} left.", counted(n, "machine"));
    }
    let rolls = group.roll.as_ref().map(|roll| {
        let left = machines.iter().filter(|m| m.origin.id != roll.image).count();
        let left = u32::try_from(left).unwrap_or(u32::MAX);
        format!(" Rolling to {}: {} left to replace.", roll.name, counted(left, "machine"))
    });
    let moves = (!moving.is_empty()).then(|| format!(" {}.", moving.join(", ")));
    format!("{counts}{}{}", rolls.unwrap_or_default(), moves.unwrap_or_default())
}

/// What the page *New scaling group* offers, and the dialog that changes one.
///
/// # Errors
/// `NotFound` when the caller has no project; `Forbidden` for who may only look.
pub fn options(ctx: &Ctx, place: &Place) -> Result<GroupOptions> {
    let (project, own) = people::project_of(ctx, place, Act::GroupGet)?;
    ctx.authorize(Act::GroupCreate, &own, "project")?;
    let region = people::region_of(ctx, place)?;
    let (counter, limits) = people::counter(ctx, project.account, &region)?;
    let mut options = instances::deploy_options(ctx, place)?;
    // The others bring what each machine of a group would need a choice of its own for.
    options.keep(|choice| choice.kind == image::Kind::System);
    // A full quota does not keep a group from being made: it is told on its page, and tried again.
    let blocked = options
        .blocked
        .take()
        .filter(|reason| ["no_hypervisor", "in_arrears", "clock_behind"].contains(&reason.code.as_str()));
    Ok(GroupOptions {
        options,
        size_max: ctx.app.settings.group_size_max,
        n_free: limits.n_instances_max.saturating_sub(counter.n_instances),
        blocked,
    })
}

/// What the dialog that changes a group shows, or the one that rolls it.
///
/// # Errors
/// `NotFound`; `Forbidden` for who may only look.
pub fn change(ctx: &Ctx, id: GroupId) -> Result<GroupChange> {
    let (group, _) = load(ctx, id, Act::GroupEdit)?;
    let place = Place { project: Some(group.project), region: group.region.clone() };
    let choices = options(ctx, &place)?;
    // What is there can be changed in arrears, and whatever the clock says; only more of it cannot be asked for, which the commit says.
    let others = choices
        .blocked
        .clone()
        .filter(|reason| !["in_arrears", "clock_behind"].contains(&reason.code.as_str()));
    let blocked = group.kept().err().or(others);
    Ok(GroupChange { form: GroupForm::of(&group), choices: GroupOptions { blocked, ..choices } })
}

/// What the dialog that deletes a group shows: its machines and money.
///
/// # Errors
/// `NotFound`; `Forbidden` for who may only look.
pub fn deletion(ctx: &Ctx, id: GroupId) -> Result<GroupDeletion> {
    let (group, _) = load(ctx, id, Act::GroupDelete)?;
    let region = people::region(ctx, &group.region)?;
    let members = machines(ctx, &group);
    let disks = members.iter().flat_map(|m| &m.disks);
    Ok(GroupDeletion {
        id,
        name: group.name.clone(),
        disk_bytes: disks.fold(0, |sum, disk| sum.saturating_add(disk.size_bytes)),
        members: members.iter().map(|m| instances::link(m)).collect(),
        month: members.iter().map(|machine| instances::saved(machine, &region)).sum(),
        symbol: region.prices.symbol,
        blocked: group.kept().err(),
    })
}

/// The group that a machine is in, for a page the caller was already authorized for.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn of_instance(ctx: &Ctx, id: InstanceId) -> Result<Option<GroupLink>> {
    let group = read_index::<GroupId>(ctx.app.store.as_ref(), index::GROUP_OF_INSTANCE, &id)?;
    Ok(group.and_then(|id| ctx.app.groups.get(&id)).map(|group| link(&group)))
}

/// The groups that make their machines from this image now, by name: those of its project and region, as far as the caller may see them.
pub(crate) fn using(ctx: &Ctx, image: &Image) -> Vec<GroupLink> {
    let leads = |family: &str| {
        images::life::leader(ctx, image.project, &image.region, family).is_some_and(|i| i.id == image.id)
    };
    let uses = |group: &Group| {
        group.roll.as_ref().is_some_and(|roll| roll.image == image.id)
            || match &group.image {
                ImageChoice::Id(id) => *id == image.id,
                ImageChoice::Family(family) => {
                    (group.project, &group.region) == (image.project, &image.region)
                        && image.family == *family
                        && leads(family)
                }
            }
    };
    let all = ctx.app.groups.all();
    let mut found: Vec<&Arc<Group>> =
        all.iter().filter(|g| uses(g) && ctx.may(Act::GroupGet, &resource(g))).collect();
    found.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
    found.into_iter().map(|group| link(group)).collect()
}

fn link(group: &Group) -> GroupLink {
    GroupLink { id: group.id, name: group.name.clone() }
}
