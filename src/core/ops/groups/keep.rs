//! The reconciler of scaling groups: does what `Group::next` says, one thing in a commit, until nothing can be done now. It uses the same
//! use cases as people; a machine and its membership come and go in one commit, so a crash neither loses nor doubles one.

use super::{command, entry, give_place, machines, name_key, usable_by_project};
use crate::domain::form::Deploy;
use crate::domain::group::{Group, Member, Step, Why, YOUNG_MS};
use crate::domain::ids::{GroupId, InstanceId};
use crate::domain::image::Image;
use crate::domain::policy::{Act, Resource};
use crate::domain::project::Project;
use crate::domain::text::{Name, counted};
use crate::domain::{Error, Kind, Result};
use crate::ops::ctx::{App, Ctx, Permit, each};
use crate::ops::{audit, images, instances, people};
use crate::store::records::index;
use crate::store::{Tx, read_index};
use std::sync::Arc;

/// Things done to one group in one round: enough to bring the largest group up from nothing and down again. The next round goes on.
const STEPS_MAX: u32 = 64;
/// Names that are tried when others have a machine of that name already.
const NAMES_MAX: u32 = 1000;
/// Somebody changed the group between looking and doing: look again in the next round.
const MOVED: &str = "group_moved";

/// Brings every group nearer to its count. A reconciler: idempotent, without input. Gives how many things it did.
///
/// # Errors
/// The first failure, when all the others have been worked on.
pub fn sweep(app: &Arc<App>) -> Result<u32> {
    each(app.groups.all(), |group| {
        let mut n = 0;
        while n < STEPS_MAX && keep(&app.system(), group.id)? {
            n += 1;
        }
        Ok(n)
    })
}

/// Does the next thing for one group; `false` when there is none that can be done now.
fn keep(ctx: &Ctx, id: GroupId) -> Result<bool> {
    let permit = ctx.authorize(Act::GroupEdit, &Resource::Provider, "scaling group")?;
    let Some(group) = ctx.read::<Group>(&id)? else { return Ok(false) };
    let members: Vec<Member> = machines(ctx, &group).iter().map(|machine| Member::of(machine)).collect();
    if members.len() != group.members.len() {
        return Ok(false);
    }
    let makes = makes(ctx, &group);
    let Some(step) = group.next(&members, makes.as_ref().ok().map(|image| image.id), ctx.now) else {
        return Ok(false);
    };
    let done = match step {
        Step::Make => makes.and_then(|image| make(ctx, &permit, &group, &image)),
        Step::Start(machine) => {
            let why = format!("Its group {} keeps it running.", group.name);
            instances::start_because(ctx, machine, &why).map(drop)
        }
        Step::Delete(machine, why) => delete(ctx, &group, machine, why),
        Step::Rolled => {
            let image = group.roll.as_ref().map(|roll| roll.name.to_string()).unwrap_or_default();
            change(ctx, &permit, &group, format!("All are of {image}."), |group| group.roll = None)
        }
        Step::Well => {
            let detail = format!("Running again: {} of {}.", group.wanted, group.wanted);
            change(ctx, &permit, &group, detail, |group| group.trouble = None)
        }
        Step::Gone => gone(ctx, &permit, &group),
    };
    match (done, step) {
        (Ok(()), _) => Ok(true),
        (Err(error), _) if error.code == MOVED => Ok(false),
        // What keeps it from making or starting a machine is told to its people and tried again later; anything else is a failure here.
        (Err(error), Step::Make | Step::Start(_)) if error.kind != Kind::Internal => {
            refused(ctx, &permit, &group, &error)?;
            Ok(false)
        }
        // A machine that moved on by itself since it was looked at.
        (Err(error), Step::Delete(..)) if !error.kind.retryable() => Ok(false),
        (Err(error), _) => Err(error),
    }
}

/// The image that a new machine is made from: while rolling the one it is rolled to, else the one chosen.
///
/// # Errors
/// `family_empty`; `NotFound`.
pub(super) fn makes(ctx: &Ctx, group: &Group) -> Result<Image> {
    match &group.roll {
        Some(roll) => Ok(images::load(ctx, roll.image, Act::ImageDeploy)?.0),
        None => instances::chosen(ctx, group.project, &group.region, &group.image),
    }
}

/// Makes one machine, as its project could: what somebody else's image may do is judged for the project, not for darkroom.
fn make(ctx: &Ctx, permit: &Permit, group: &Group, image: &Image) -> Result<()> {
    let (number, name) = free_name(ctx, group)?;
    let project = ctx.read::<Project>(&group.project)?.ok_or_else(|| Error::not_found("project"))?;
    let price_version = people::region(ctx, &group.region)?.prices.version;
    let command = Deploy { price_version, ..command(group, name, image) };
    instances::make(ctx, permit, &project, &command, |tx, machine| {
        let mut fresh = unmoved(tx, group)?;
        usable_by_project(tx, ctx, image, group.project)?;
        fresh.members.push(machine.id);
        fresh.n_made = number;
        tx.put(&fresh)?;
        tx.put_index(index::GROUP_OF_INSTANCE, &machine.id, &group.id)?;
        let detail = format!("Made {} from {}.", machine.name, image.name);
        audit::write(tx, ctx, permit, &entry(&fresh, "group.scaled", detail))
    })?;
    Ok(())
}

/// The next number whose name no other machine has.
fn free_name(ctx: &Ctx, group: &Group) -> Result<(u32, Name)> {
    for number in (group.n_made.saturating_add(1)..).take(usize::try_from(NAMES_MAX).unwrap_or(usize::MAX)) {
        let name = Name::parse(&format!("{}-{number}", group.name)).map_err(Error::internal)?;
        let key = (group.project, group.region.clone(), name.as_str().to_lowercase());
        let taken = read_index::<InstanceId>(ctx.app.store.as_ref(), index::INSTANCE_BY_NAME, &key)?;
        if taken.is_none() {
            return Ok((number, name));
        }
    }
    let message = format!(
        "The next {NAMES_MAX} names after {}-{} belong to other machines. Give the group another name.",
        group.name, group.n_made
    );
    Err(Error::conflict("group_names_taken", message))
}

fn delete(ctx: &Ctx, group: &Group, id: InstanceId, why: Why) -> Result<()> {
    let Some(machine) = ctx.app.instances.get(&id) else { return Err(moved()) };
    let error = machine.error.clone().unwrap_or_default();
    let said = match why {
        Why::Failed => format!("Replaced {}: {error}", machine.name),
        Why::TooMany => {
            format!("Deleted {}: {} wanted.", machine.name, counted(group.wanted, "machine"))
        }
        Why::Outdated => format!("Replaced {}, which was of {}.", machine.name, machine.origin.name),
        Why::GroupGoes => format!("Deleted {} with the group.", machine.name),
    };
    let young = ctx.now.since_ms(machine.created) < YOUNG_MS;
    instances::delete_because(ctx, id, &said, |tx| {
        let mut without = group.clone();
        without.members.retain(|member| *member != id);
        let mut fresh = unmoved(tx, &without)?;
        if why == Why::Failed {
            let n_max = ctx.app.settings.group_failures_max;
            let message = format!("{} failed: {error}", machine.name);
            // A machine that ran for long and died is replaced at once; one that fails at once would be made again and again.
            if young {
                fresh.failed(ctx.now, "member_failed", message, n_max);
            }
            tx.put(&fresh)?;
        }
        Ok(())
    })
    .map(drop)
}

fn change(
    ctx: &Ctx,
    permit: &Permit,
    group: &Group,
    detail: String,
    change: impl Fn(&mut Group),
) -> Result<()> {
    ctx.transact(permit, |tx| {
        let mut fresh = unmoved(tx, group)?;
        change(&mut fresh);
        tx.put(&fresh)?;
        audit::write(tx, ctx, permit, &entry(&fresh, "group.scaled", detail.clone()))
    })
}

fn gone(ctx: &Ctx, permit: &Permit, group: &Group) -> Result<()> {
    ctx.transact(permit, |tx| {
        let fresh = unmoved(tx, group)?;
        tx.delete_index(index::GROUP_BY_NAME, &name_key(&fresh));
        give_place(tx, &fresh)?;
        tx.delete::<Group>(&fresh.id);
        audit::write(tx, ctx, permit, &entry(&fresh, "group.deleted", String::new()))
    })
}

/// Notes why nothing could be made or started. The trail tells it once, however often it is tried.
fn refused(ctx: &Ctx, permit: &Permit, group: &Group, error: &Error) -> Result<()> {
    let n_max = ctx.app.settings.group_failures_max;
    ctx.transact(permit, |tx| {
        let Some(mut fresh) = tx.get::<Group>(&group.id)? else { return Ok(()) };
        let known = fresh.trouble.as_ref().is_some_and(|trouble| trouble.code == error.code);
        fresh.failed(ctx.now, &error.code, error.message.clone(), n_max);
        tx.put(&fresh)?;
        match known {
            true => Ok(()),
            false => audit::write(tx, ctx, permit, &entry(&fresh, "group.waits", error.message.clone())),
        }
    })
}

/// The group, if it is still as it was looked at.
fn unmoved(tx: &mut Tx<'_>, seen: &Group) -> Result<Group> {
    match tx.get::<Group>(&seen.id)? {
        Some(group) if group == *seen => Ok(group),
        _ => Err(moved()),
    }
}

fn moved() -> Error {
    Error::conflict(MOVED, "The group changed while darkroom was at work on it.")
}
