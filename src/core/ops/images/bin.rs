//! Deleting images and the recycle bin (P7, A5-4): at once or on a day to come, taking a planned deletion back, restoring, removing for good,
//! and what happens by itself when a day has come.

mod read;

pub(super) use read::service_stays;
pub use read::{deletion, list_bin, restoration};
pub(crate) use read::{n_listed, n_recycled};

use super::{entry, load, price_unchanged, region_with_images, take_name};
use crate::domain::billing::Held;
use crate::domain::form::{DeleteImageForm, RestoreImage, RestoreImageForm};
use crate::domain::ids::{ImageId, ProjectId, RegionId, TaskId};
use crate::domain::image::{Action, Bin, Change, Image, Status};
use crate::domain::policy::{Act, Resource};
use crate::domain::region::Region;
use crate::domain::task::Kind as TaskKind;
use crate::domain::text::Name;
use crate::domain::time::Timestamp;
use crate::domain::{Error, Kind, Result};
use crate::ops::ctx::{App, Ctx, Permit, Place, each};
use crate::ops::shares::Consent;
use crate::ops::{audit, billing, ledger, people, shares, tasks};
use crate::store::Tx;
use crate::store::records::index;
use std::sync::Arc;

/// What became of an image that somebody deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deleted {
    /// It is in the recycle bin until this moment.
    Recycled(Timestamp),
    /// It will be deleted at this moment.
    Leaves(Timestamp),
    /// It is being removed for good by this task.
    Removed(TaskId),
}

/// Deletes an image: into the recycle bin where the region has one, else for good (P7, A15); at once, or at the end of a day. In one commit:
/// its meter, its slot and its name (so that at the cap deleting helps, P14), and what its shares become. Machines deployed from it keep
/// running (F16).
///
/// # Errors
/// The image's reason; `image_shared` without consent; `share_grace_too_short` at `when` or `day`; `NotFound`.
pub fn delete(ctx: &Ctx, form: &DeleteImageForm) -> Result<Deleted> {
    let command = form.parse()?;
    let (image, permit) = load(ctx, command.image, Act::ImageDelete)?;
    let task = TaskId(ctx.app.ids.uuid());
    let consent = if command.unshare { Consent::Unshare } else { Consent::None };
    ctx.transact(&permit, |tx| {
        let image = fresh(tx, image.id)?;
        image.can(Action::Delete)?;
        shares::may_leave(tx, ctx, &permit, &image, consent, command.leaves)?;
        match command.leaves {
            Some(at) => plan(tx, ctx, &permit, image, at),
            None => leave(tx, ctx, &permit, image, task, String::new()),
        }
    })
}

fn fresh(tx: &mut Tx<'_>, id: ImageId) -> Result<Image> {
    tx.get::<Image>(&id)?.ok_or_else(|| Error::not_found("image"))
}

/// Notes the day on which the image is deleted, and ends its shares with it.
fn plan(tx: &mut Tx<'_>, ctx: &Ctx, permit: &Permit, mut image: Image, at: Timestamp) -> Result<Deleted> {
    if image.status != Status::Available {
        let message = "Nobody has this image, because making it failed. Delete it now.";
        return Err(Error::field("when", "invalid_input", message));
    }
    if image.leaves != Some(at) {
        shares::end_at(tx, ctx, permit, &image, at)?;
        image.leaves = Some(at);
        tx.put(&image)?;
        let detail = format!("At the end of {}.", at.plus_ms(-1).day());
        audit::write(tx, ctx, permit, &entry(&image, "image.plan_deletion", detail))?;
    }
    Ok(Deleted::Leaves(at))
}

/// Takes the image away now: into the bin, or for good where there is none or nothing to bring back.
fn leave(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    permit: &Permit,
    mut image: Image,
    task: TaskId,
    why: String,
) -> Result<Deleted> {
    let region = tx.get::<Region>(&image.region)?.ok_or_else(|| Error::not_found("region"))?;
    unlist(tx, &image)?;
    let n_days = image.days_in_bin(region.recycle_days);
    if n_days == 0 {
        remove(tx, ctx, permit, &mut image, task)?;
        audit::write(tx, ctx, permit, &entry(&image, "image.delete", why))?;
        return Ok(Deleted::Removed(task));
    }
    recycle(tx, ctx, permit, image, n_days, "image.delete", &why).map(Deleted::Recycled)
}

/// The image gives back its slot and its name.
fn unlist(tx: &mut Tx<'_>, image: &Image) -> Result<()> {
    if image.takes_slot() {
        ledger::count(tx, image.account, &image.region, |c| {
            c.give_image();
            Ok(())
        })?;
    }
    tx.delete_index(index::IMAGE_BY_NAME, &name_key(image));
    Ok(())
}

/// The image is in the bin from now on, for so many days; gives until when.
fn recycle(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    permit: &Permit,
    mut image: Image,
    n_days: u32,
    action: &str,
    why: &str,
) -> Result<Timestamp> {
    shares::suspend(tx, ctx, permit, &image)?;
    let bin = Bin::from(ctx.now, n_days, ctx.actor.name());
    let until = bin.until;
    image.recycle(bin);
    ledger::charge_image(tx, ctx, &image)?;
    tx.put(&image)?;
    let detail = format!("{why} In the recycle bin until {}.", until.minute());
    audit::write(tx, ctx, permit, &entry(&image, action, detail.trim_start().to_owned()))?;
    Ok(until)
}

/// Puts an image into the bin because of arrears, protected or not, and also where deleted images are removed at once: for `n_days`, or for
/// as long as its region keeps what is deleted, if that is longer. Its shares are suspended with it.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn hold_in_bin(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    permit: &Permit,
    image: Image,
    n_days: u32,
) -> Result<()> {
    let region = tx.get::<Region>(&image.region)?.ok_or_else(|| Error::not_found("region"))?;
    unlist(tx, &image)?;
    let n_days = n_days.max(region.recycle_days);
    recycle(tx, ctx, permit, image, n_days, "image.hold", "Its account is in arrears.").map(drop)
}

/// Takes an image that arrears put into the bin out again, with its shares, its place in its family, its tags, and the day on which it was
/// going to be deleted. It takes its slot whatever the limit is now, and another name where somebody has taken its own.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn let_out_of_bin(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    permit: &Permit,
    mut image: Image,
    leaves: Option<Timestamp>,
) -> Result<()> {
    image.restore();
    image.leaves = leaves;
    if image.takes_slot() {
        ledger::count(tx, image.account, &image.region, |c| {
            c.n_images = c.n_images.saturating_add(1);
            Ok(())
        })?;
    }
    let before = image.name.clone();
    while tx.get_index::<ImageId>(index::IMAGE_BY_NAME, &name_key(&image))?.is_some() {
        image.name = Name::parse(&image.name.successor()).map_err(Error::internal)?;
    }
    let mut detail = "Its account is not in arrears any more.".to_owned();
    if image.name != before {
        let what = rename(ctx, &mut image, &before);
        detail.push_str(&format!(" Changed {what}, which another image has."));
    }
    relist(tx, ctx, permit, &image, detail)
}

/// Notes that the image has another name than `before`; gives what changed, in words.
fn rename(ctx: &Ctx, image: &mut Image, before: &Name) -> String {
    let what = format!("the name from “{before}” to “{}”", image.name);
    image.revision += 1;
    image.changed = Some(Change { by: ctx.actor.name().to_owned(), at: ctx.now, what: what.clone() });
    what
}

/// The image is back in lists, with everything that hangs on it; its slot is taken already.
fn relist(tx: &mut Tx<'_>, ctx: &Ctx, permit: &Permit, image: &Image, detail: String) -> Result<()> {
    take_name(tx, image.account, &image.region, &image.name, image.id)?;
    ledger::charge_image(tx, ctx, image)?;
    tx.put(image)?;
    shares::resume(tx, ctx, permit, image)?;
    audit::write(tx, ctx, permit, &entry(image, "image.restore", detail))?;
    shares::follow(tx, ctx, permit, image)
}

/// Begins to remove the image for good: its meter, its shares, the task.
fn remove(tx: &mut Tx<'_>, ctx: &Ctx, permit: &Permit, image: &mut Image, task: TaskId) -> Result<()> {
    shares::end_all(tx, ctx, permit, image)?;
    tx.delete::<Held>(&(image.account, image.id));
    let held = image.held_bytes();
    tasks::begin(tx, ctx, permit, task, TaskKind::ImageDelete, &tasks::About::image(image))?;
    image.status = Status::Deleting;
    image.bin = None;
    image.leaves = None;
    image.task = Some(task);
    ledger::charge_image(tx, ctx, image)?;
    ledger::hold(tx, ctx, held, image, None)?;
    Ok(tx.put(image)?)
}

fn name_key(image: &Image) -> impl crate::store::TableKey {
    (image.account, image.region.clone(), image.name.as_str().to_lowercase())
}

/// Takes a planned deletion back: the image stays, and the shares that were to end with it go on. Nothing changes where none is planned.
///
/// # Errors
/// The image's reason when it is gone already; `NotFound`.
pub fn keep(ctx: &Ctx, id: ImageId) -> Result<ImageId> {
    let (_, permit) = load(ctx, id, Act::ImageDelete)?;
    ctx.transact(&permit, |tx| {
        let mut image = fresh(tx, id)?;
        image.can(Action::Edit)?;
        let Some(at) = image.leaves.take() else { return Ok(()) };
        tx.put(&image)?;
        shares::go_on(tx, ctx, &permit, &image, at)?;
        audit::write(tx, ctx, &permit, &entry(&image, "image.keep", String::new()))?;
        shares::follow(tx, ctx, &permit, &image)
    })?;
    Ok(id)
}

/// Takes an image out of the recycle bin, under its own name or another: it takes a slot and the name again, and its shares, its place in
/// its family and its tags are back.
///
/// # Errors
/// The image's reason; `image_feature_off` (P15); `image_limit_reached` (P14); `image_name_taken` at `name`; `NotFound`.
pub fn restore(ctx: &Ctx, form: &RestoreImageForm) -> Result<ImageId> {
    let RestoreImage { image: id, name, price_version } = form.parse()?;
    let (_, permit) = load(ctx, id, Act::ImageRestore)?;
    ctx.transact(&permit, |tx| {
        let mut image = fresh(tx, id)?;
        image.can(Action::Restore)?;
        billing::release(tx, &image)?;
        let region = region_with_images(tx, ctx, &image.region)?;
        if let Some(shown) = price_version {
            price_unchanged(&region.prices, shown)?;
        }
        image.restore();
        if image.takes_slot() {
            let limits = ledger::limits(tx, image.account, &region)?;
            ledger::count(tx, image.account, &region.id, |c| c.take_image(&limits))?;
        }
        let mut detail = String::new();
        if let Some(name) = name.clone().filter(|name| *name != image.name) {
            let before = std::mem::replace(&mut image.name, name);
            detail = format!("Changed {}.", rename(ctx, &mut image, &before));
        }
        relist(tx, ctx, &permit, &image, detail)
    })?;
    Ok(id)
}

/// Removes an image from the recycle bin for good. What nobody else needs of it becomes free.
///
/// # Errors
/// The image's reason; `NotFound`.
pub fn purge(ctx: &Ctx, id: ImageId) -> Result<TaskId> {
    let (_, permit) = load(ctx, id, Act::ImagePurge)?;
    let task = TaskId(ctx.app.ids.uuid());
    ctx.transact(&permit, |tx| {
        let mut image = fresh(tx, id)?;
        image.can(Action::Purge)?;
        remove(tx, ctx, &permit, &mut image, task)?;
        audit::write(tx, ctx, &permit, &entry(&image, "image.purge", String::new()))
    })?;
    Ok(task)
}

/// What somebody else did to an image of the bin meanwhile.
const GONE: [&str; 2] = ["image_not_recycled", "image_deleting"];

/// Empties the recycle bin of a project in a region of what was in it at the moment `shown`. Gives how many images are being removed.
///
/// # Errors
/// `NotFound` when the caller has no project; `Forbidden`; what the store cannot do; what was begun before goes on.
pub fn purge_all(ctx: &Ctx, project: ProjectId, region: &RegionId, shown: Timestamp) -> Result<u32> {
    let place = Place { project: Some(project), region: region.clone() };
    let (project, own) = people::project_of(ctx, &place, Act::ImageGet)?;
    ctx.authorize(Act::ImagePurge, &own, "project")?;
    let mut n = 0;
    for image in ctx.app.images.group(&(project.id, region.clone())) {
        if image.bin.as_ref().is_none_or(|bin| bin.since > shown) {
            continue;
        }
        match purge(ctx, image.id) {
            Ok(_) => n += 1,
            // Restored or removed by somebody else meanwhile.
            Err(error) if error.kind == Kind::NotFound || GONE.contains(&error.code.as_str()) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(n)
}

/// Removes for good what has been in the recycle bin for its time. A reconciler: idempotent, without input. Gives how many.
///
/// # Errors
/// The first failure, when all the others have been worked on.
pub fn sweep_bin(app: &Arc<App>) -> Result<u32> {
    let ctx = app.system();
    let due = |image: &Image| image.bin.as_ref().is_some_and(|bin| bin.until <= ctx.now);
    sweep(app, &ctx, Act::ImagePurge, due, |tx, permit, mut image, task| {
        if !billing::may_purge(tx, &ctx, &image)? {
            return Ok(0);
        }
        remove(tx, &ctx, permit, &mut image, task)?;
        let detail = "Its time in the recycle bin is over.".to_owned();
        audit::write(tx, &ctx, permit, &entry(&image, "image.purge", detail)).map(|()| 1)
    })
}

/// Deletes the images whose day has come. A reconciler: idempotent, without input. Gives how many.
///
/// # Errors
/// The first failure, when all the others have been worked on.
pub fn sweep_leaving(app: &Arc<App>) -> Result<u32> {
    let ctx = app.system();
    // What may not be deleted any more stays until somebody decides.
    let due =
        |image: &Image| image.leaves.is_some_and(|at| at <= ctx.now) && image.can(Action::Delete).is_ok();
    sweep(app, &ctx, Act::ImageDelete, due, |tx, permit, image, task| {
        // By now every share has ended with the image, or before it.
        shares::clear_ended(tx, &ctx, permit, &image)?;
        leave(tx, &ctx, permit, image, task, "As planned.".to_owned()).map(|_| 1)
    })
}

fn sweep(
    app: &Arc<App>,
    ctx: &Ctx,
    act: Act,
    due: impl Fn(&Image) -> bool,
    mut act_on: impl FnMut(&mut Tx<'_>, &Permit, Image, TaskId) -> Result<u32>,
) -> Result<u32> {
    each(app.images.all().iter().filter(|image| due(image)), |seen| {
        let permit = ctx.authorize(act, &Resource::Provider, "image")?;
        let task = TaskId(app.ids.uuid());
        ctx.transact(&permit, |tx| match tx.get::<Image>(&seen.id)?.filter(&due) {
            Some(image) => act_on(tx, &permit, image, task),
            None => Ok(0),
        })
    })
}
