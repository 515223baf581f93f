//! Use cases of scaling groups: make, change, roll, delete. What keeps a group at its count is in `groups/keep.rs`, what pages show in
//! `groups/read.rs`.

mod keep;
mod read;

pub use keep::sweep;
pub use read::{change, deletion, detail, list, options};
pub(crate) use read::{of_instance, using};

use super::audit::{self, Entry};
use super::ctx::{Ctx, Permit};
use super::{billing, images, instances, prices, shares};
use crate::domain::error::Reason;
use crate::domain::form::{Deploy, GroupEdit, GroupForm, GroupNew, ImageChoice};
use crate::domain::group::{Group, Roll, Status};
use crate::domain::ids::{GroupId, InstanceId, ProjectId, RegionId, Subject};
use crate::domain::image::{self, Image, Visibility};
use crate::domain::instance::Instance;
use crate::domain::policy::{Act, Resource};
use crate::domain::project::Project;
use crate::domain::text::{Name, counted};
use crate::domain::{Error, Result};
use crate::store::Tx;
use crate::store::records::index;

/// What the policy is asked about a group.
pub fn resource(group: &Group) -> Resource {
    Resource::Project { account: group.account, project: group.project }
}

/// Loads a group the caller may see.
///
/// # Errors
/// `NotFound`, also when it belongs to somebody else.
pub fn load(ctx: &Ctx, id: GroupId, act: Act) -> Result<(Group, Permit)> {
    let Some(group) = ctx.read::<Group>(&id)? else {
        ctx.authorize(act, &Resource::Provider, "scaling group")?;
        return Err(Error::not_found("scaling group"));
    };
    let permit = ctx.authorize(act, &resource(&group), "scaling group")?;
    Ok((group, permit))
}

/// Makes a group. Its machines are made one after the other by the reconciler; what does not fit a limit is told on its page.
///
/// # Errors
/// `Invalid` with fields; `group_name_taken`; `group_limit_reached`; the image's reason; `family_empty`; `price_changed`.
pub fn create(ctx: &Ctx, form: &GroupForm) -> Result<GroupId> {
    let (place, edit) = form.parse_new(ctx.app.settings.group_size_max)?;
    let (project, permit) = instances::in_project(ctx, place.project, Act::GroupCreate)?;
    let group = assemble(ctx, &project, place, edit.clone());
    let image = instances::chosen(ctx, group.project, &group.region, &group.image)?;
    ctx.transact(&permit, |tx| {
        billing::may_begin(tx, ctx, group.account)?;
        judge(tx, ctx, &group, &image, edit.price_version)?;
        take_name(tx, &group)?;
        take_place(tx, ctx, &group)?;
        tx.put(&group)?;
        let detail = format!(
            "{} of {}, from {}.",
            counted(group.wanted, "machine"),
            group.flavor,
            source(&group, &image)
        );
        audit::write(tx, ctx, &permit, &entry(&group, "group.create", detail))
    })?;
    Ok(group.id)
}

fn assemble(ctx: &Ctx, project: &Project, place: GroupNew, edit: GroupEdit) -> Group {
    Group {
        id: GroupId(ctx.app.ids.uuid()),
        account: project.account,
        project: project.id,
        region: place.region,
        zone: place.zone,
        name: edit.name,
        status: Status::Active,
        wanted: edit.wanted,
        flavor: edit.flavor,
        image: edit.image,
        disk_kind: edit.disk_kind,
        disk_bytes: edit.disk_bytes,
        ssh_keys: edit.ssh_keys,
        user_data: edit.user_data,
        members: vec![],
        n_made: 0,
        roll: None,
        trouble: None,
        tries: None,
        created: ctx.now,
        revision: 0,
    }
}

/// Changes a group: its name and count at once, everything else for machines that are made from now on.
///
/// # Errors
/// `Invalid` with fields; `group_changed` when somebody was quicker; `group_deleting`; what [`create`] is refused with.
pub fn edit(ctx: &Ctx, form: &GroupForm) -> Result<GroupId> {
    let (id, edit) = form.parse_edit(ctx.app.settings.group_size_max)?;
    let (seen, permit) = load(ctx, id, Act::GroupEdit)?;
    let image = instances::chosen(ctx, seen.project, &seen.region, &edit.image)?;
    ctx.transact(&permit, |tx| {
        let before = tx.get::<Group>(&id)?.ok_or_else(|| Error::not_found("scaling group"))?;
        before.kept()?;
        if before.revision != form.revision {
            return Err(Error::conflict(
                "group_changed",
                "Somebody changed this group while you were looking. Open it again; nothing of yours was saved.",
            ));
        }
        let group = with(&before, edit.clone());
        if group.wanted > before.wanted {
            billing::may_begin(tx, ctx, group.account)?;
        }
        judge(tx, ctx, &group, &image, edit.price_version)?;
        if name_key(&group) != name_key(&before) {
            tx.delete_index(index::GROUP_BY_NAME, &name_key(&before));
            take_name(tx, &group)?;
        }
        tx.put(&group)?;
        audit::write(tx, ctx, &permit, &entry(&group, "group.edit", changes(&before, &group, &image)))
    })?;
    Ok(id)
}

/// The group with what a person changed. Whoever changes it wants it tried at once.
fn with(before: &Group, edit: GroupEdit) -> Group {
    Group {
        name: edit.name,
        wanted: edit.wanted,
        flavor: edit.flavor,
        image: edit.image,
        disk_kind: edit.disk_kind,
        disk_bytes: edit.disk_bytes,
        ssh_keys: edit.ssh_keys,
        user_data: edit.user_data,
        tries: None,
        revision: before.revision + 1,
        ..before.clone()
    }
}

fn changes(before: &Group, after: &Group, image: &Image) -> String {
    let mut said = Vec::new();
    if before.name != after.name {
        said.push(format!("Before: {}.", before.name));
    }
    if before.wanted != after.wanted {
        said.push(format!("Wanted {}, before {}.", after.wanted, before.wanted));
    }
    if before.image != after.image {
        said.push(format!("New ones from {}.", source(after, image)));
    }
    if before.flavor != after.flavor {
        said.push(format!("New ones of {}.", after.flavor));
    }
    if (before.disk_kind, before.disk_bytes) != (after.disk_kind, after.disk_bytes) {
        said.push("Another disk for new ones.".to_owned());
    }
    if before.ssh_keys != after.ssh_keys || before.user_data != after.user_data {
        said.push("Other keys or user data for new ones.".to_owned());
    }
    said.join(" ")
}

/// What the machines are made from, as the trail says it.
fn source(group: &Group, image: &Image) -> String {
    match &group.image {
        ImageChoice::Family(family) => format!("the family {family}, now {}", image.name),
        ImageChoice::Id(_) => image.name.to_string(),
    }
}

/// Begins to replace the machines by ones of the image that was chosen, or that its family stands for now: one at a time, and a new one
/// runs before an old one goes.
///
/// # Errors
/// `group_rolled` when all are of it already; `group_deleting`; the image's reason; `family_empty`; `price_changed`.
pub fn roll(ctx: &Ctx, id: GroupId, price_version: u32) -> Result<()> {
    let (seen, permit) = load(ctx, id, Act::GroupRoll)?;
    let image = instances::chosen(ctx, seen.project, &seen.region, &seen.image)?;
    ctx.transact(&permit, |tx| {
        let mut group = tx.get::<Group>(&id)?.ok_or_else(|| Error::not_found("scaling group"))?;
        group.kept()?;
        billing::may_begin(tx, ctx, group.account)?;
        judge(tx, ctx, &group, &image, price_version)?;
        if let ImageChoice::Family(family) = &group.image {
            images::life::still_leads(tx, &image, family)?;
        }
        let mut n_outdated = 0;
        for member in &group.members {
            let machine = tx.get::<Instance>(member)?;
            n_outdated += u32::from(machine.is_some_and(|machine| machine.origin.id != image.id));
        }
        if n_outdated == 0 {
            return Err(rolled(&image.name).into());
        }
        group.roll = Some(Roll { image: image.id, name: image.name.clone(), since: ctx.now });
        group.tries = None;
        group.revision += 1;
        tx.put(&group)?;
        let detail = format!("{} to {}.", counted(n_outdated, "machine"), image.name);
        audit::write(tx, ctx, &permit, &entry(&group, "group.roll", detail))
    })
}

/// Why there is nothing to replace.
fn rolled(image: &Name) -> Reason {
    Reason::new(
        "group_rolled",
        "All machines are of the newest image already.",
        format!("It is {image}."),
        "Make a newer one, or choose another image first.",
    )
}

/// Tries again at once what came to nothing.
///
/// # Errors
/// `group_deleting`; `NotFound`.
pub fn retry(ctx: &Ctx, id: GroupId) -> Result<()> {
    let (_, permit) = load(ctx, id, Act::GroupEdit)?;
    ctx.transact(&permit, |tx| {
        let mut group = tx.get::<Group>(&id)?.ok_or_else(|| Error::not_found("scaling group"))?;
        group.kept()?;
        group.tries = None;
        tx.put(&group)?;
        audit::write(tx, ctx, &permit, &entry(&group, "group.retry", String::new()))
    })
}

/// Deletes a group with all its machines. They are deleted by the reconciler; the group goes with the last of them.
///
/// # Errors
/// `group_deleting`; `NotFound`.
pub fn delete(ctx: &Ctx, id: GroupId) -> Result<()> {
    let (_, permit) = load(ctx, id, Act::GroupDelete)?;
    ctx.transact(&permit, |tx| {
        let mut group = tx.get::<Group>(&id)?.ok_or_else(|| Error::not_found("scaling group"))?;
        group.kept()?;
        group.status = Status::Deleting;
        group.roll = None;
        group.trouble = None;
        group.tries = None;
        group.revision += 1;
        tx.put(&group)?;
        let n = u32::try_from(group.members.len()).unwrap_or(u32::MAX);
        let detail = format!("With {}.", counted(n, "machine"));
        audit::write(tx, ctx, &permit, &entry(&group, "group.delete", detail))
    })
}

/// Judges a group as each of its machines is going to be judged. Nobody may choose an image that only they could deploy: the machines are
/// made when they are gone.
fn judge(tx: &mut Tx<'_>, ctx: &Ctx, group: &Group, image: &Image, price_version: u32) -> Result<()> {
    let image = tx.get::<Image>(&image.id)?.ok_or_else(|| Error::not_found("image"))?;
    shares::usable_in(tx, ctx, &image, group.project)?;
    usable_by_project(tx, ctx, &image, group.project)?;
    image.can(image::Action::Deploy)?;
    if image.kind != image::Kind::System {
        let message = format!(
            "A group makes its machines from an image of a system disk. This is one of: {}. Choose another, or copy it without its data disks.",
            image.kind.word().to_lowercase()
        );
        return Err(Error::field("image", "group_image_kind", message));
    }
    let region = prices::region(tx, ctx, &group.region)?;
    let command = command(group, group.name.clone(), &image);
    instances::deployable(tx, &command, group.account, &image, &region)?;
    images::price_unchanged(&region.prices, price_version)
}

/// The project itself has the image: it is its own, the provider's, or was given to it.
fn usable_by_project(tx: &mut Tx<'_>, ctx: &Ctx, image: &Image, project: ProjectId) -> Result<()> {
    if image.visibility == Visibility::Public || image.project == project {
        return Ok(());
    }
    shares::still_given(tx, ctx, image, project).map(drop).map_err(|_| {
        Error::conflict(
            "image_not_the_projects",
            "The machines of a group are made from an image of their own project, from one it was given, or from a public one. Copy this image into the project first.",
        )
        .at("image")
    })
}

/// A machine of the group as a person would ask for it.
fn command(group: &Group, name: Name, image: &Image) -> Deploy {
    Deploy {
        project: group.project,
        region: group.region.clone(),
        image: ImageChoice::Id(image.id),
        name,
        flavor: group.flavor.clone(),
        zone: group.zone.clone(),
        disk_kind: group.disk_kind,
        disk_bytes: group.disk_bytes,
        data_disks: Default::default(),
        ssh_keys: group.ssh_keys.clone(),
        user_data: group.user_data.clone(),
        price_version: 0,
    }
}

/// The key of the index of names.
pub(crate) fn name_key(group: &Group) -> (ProjectId, RegionId, String) {
    (group.project, group.region.clone(), group.name.as_str().to_lowercase())
}

fn take_name(tx: &mut Tx<'_>, group: &Group) -> Result<()> {
    let key = name_key(group);
    if tx.get_index::<GroupId>(index::GROUP_BY_NAME, &key)?.is_some() {
        let message = format!(
            "You already have a scaling group with this name in {}. Try {}.",
            group.region,
            group.name.successor()
        );
        return Err(Error::conflict("group_name_taken", message).at("name"));
    }
    Ok(tx.put_index(index::GROUP_BY_NAME, &key, &group.id)?)
}

fn take_place(tx: &mut Tx<'_>, ctx: &Ctx, group: &Group) -> Result<()> {
    let place = (group.project, group.region.clone());
    let mut all: Vec<GroupId> = tx.get_index(index::GROUP_BY_PLACE, &place)?.unwrap_or_default();
    let n_max = ctx.app.settings.groups_max;
    if all.len() >= usize::try_from(n_max).unwrap_or(usize::MAX) {
        let message = format!(
            "Maximum number of scaling groups reached. A project has at most {n_max} in a region. Delete one first."
        );
        return Err(Error::limit("group_limit_reached", message));
    }
    all.push(group.id);
    Ok(tx.put_index(index::GROUP_BY_PLACE, &place, &all)?)
}

fn give_place(tx: &mut Tx<'_>, group: &Group) -> Result<()> {
    let place = (group.project, group.region.clone());
    let mut all: Vec<GroupId> = tx.get_index(index::GROUP_BY_PLACE, &place)?.unwrap_or_default();
    all.retain(|id| *id != group.id);
    match all.is_empty() {
        true => tx.delete_index(index::GROUP_BY_PLACE, &place),
        false => tx.put_index(index::GROUP_BY_PLACE, &place, &all)?,
    }
    Ok(())
}

/// A machine is going: it leaves its group, if it is in one, whoever deletes it. The trail of the group says so.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn left(tx: &mut Tx<'_>, ctx: &Ctx, permit: &Permit, machine: &Instance, why: &str) -> Result<()> {
    let Some(id) = tx.get_index::<GroupId>(index::GROUP_OF_INSTANCE, &machine.id)? else { return Ok(()) };
    tx.delete_index(index::GROUP_OF_INSTANCE, &machine.id);
    let Some(mut group) = tx.get::<Group>(&id)? else { return Ok(()) };
    group.members.retain(|member| *member != machine.id);
    tx.put(&group)?;
    audit::write(tx, ctx, permit, &entry(&group, "group.scaled", why.to_owned()))
}

/// A machine of a group gets its image from the group.
///
/// # Errors
/// `instance_in_group`.
pub(crate) fn in_none(tx: &mut Tx<'_>, machine: &Instance) -> Result<()> {
    let Some(id) = tx.get_index::<GroupId>(index::GROUP_OF_INSTANCE, &machine.id)? else { return Ok(()) };
    match tx.get::<Group>(&id)? {
        Some(group) => Err(image_of_group(&group.name).into()),
        None => Ok(()),
    }
}

/// Why a machine of a group is not given another image by itself.
pub(crate) fn image_of_group(name: &Name) -> Reason {
    Reason::new(
        "instance_in_group",
        "A machine of a scaling group gets its image from the group.",
        format!("It is in {name}."),
        "Choose another image for the group and roll it.",
    )
}

/// The machines of a group that are there.
fn machines(ctx: &Ctx, group: &Group) -> Vec<std::sync::Arc<Instance>> {
    group.members.iter().filter_map(|id: &InstanceId| ctx.app.instances.get(id)).collect()
}

/// An audit entry about a group.
pub(crate) fn entry<'a>(group: &'a Group, action: &'a str, detail: String) -> Entry<'a> {
    Entry {
        subject: Subject::Group(group.id),
        name: group.name.as_str(),
        account: Some(group.account),
        project: Some(group.project),
        region: Some(&group.region),
        action,
        detail,
    }
}
