//! What pages about sharing show. Reads only.

use super::{judge, known, n_accepted_max, shared, sites, slots};
use crate::domain::error::Reason;
use crate::domain::following::Following;
use crate::domain::form::ShareForm;
use crate::domain::ids::{AccountId, ImageId, ProjectId, RegionId};
use crate::domain::image::bin::DAY_MS;
use crate::domain::image::{Action, Image, Kind};
use crate::domain::policy::{Act, Resource};
use crate::domain::project::Project;
use crate::domain::share::{Share, Sharing, State};
use crate::domain::text::Name;
use crate::domain::view::{
    FamilySharing, FollowerRow, Grace, ImageSharing, Received, ReceivedRow, Saving, ShareOptions, ShareRow,
    SharedBy, StopOptions, Unsharing,
};
use crate::domain::{Error, Result};
use crate::ops::ctx::{Ctx, Place};
use crate::ops::{billing, images, people};
use crate::store::{Order, list};
use std::sync::Arc;

/// Shares that wait for a decision of `project`, oldest first.
pub(super) fn waiting(ctx: &Ctx, project: ProjectId, region: &RegionId) -> Vec<Arc<Share>> {
    let mut found: Vec<Arc<Share>> = ctx
        .app
        .shares
        .group(&(project, region.clone()))
        .into_iter()
        .filter(|s| s.state == State::Pending && here(ctx, s).is_some())
        .collect();
    found.sort_by_key(|s| (s.since, s.image));
    found
}

/// The image of a share that anything can come of: one that stands, of an image that is not in the recycle bin.
fn here(ctx: &Ctx, share: &Share) -> Option<Arc<Image>> {
    ctx.app.images.get(&share.image).filter(|image| share.counts_for(image, ctx.now))
}

/// How many shares wait for a decision of `project`: the red dot (H7).
pub fn n_waiting(ctx: &Ctx, project: ProjectId, region: &RegionId) -> u32 {
    u32::try_from(waiting(ctx, project, region).len()).unwrap_or(u32::MAX)
}

/// How many of the images that `project` uses are shared until a day to come only.
pub fn n_ending(ctx: &Ctx, project: ProjectId, region: &RegionId) -> u32 {
    let all = ctx.app.shares.group(&(project, region.clone()));
    let ending = all.iter().filter(|share| {
        share.state == State::Accepted
            && here(ctx, share).is_some_and(|image| share.ends_with(&image).is_some())
    });
    u32::try_from(ending.count()).unwrap_or(u32::MAX)
}

/// *Save as my own* for an image whose share ends, where the caller may and it fits; not for a whole machine, of which the dialog asks
/// whether the data disks come along.
fn saving(ctx: &Ctx, own: &Resource, share: &Share, image: &Image) -> Result<Option<Saving>> {
    if image.kind == Kind::Machine
        || !ctx.may(Act::ImageCreate, own)
        || images::copy_blocked(ctx, image, Some(share))?.is_some()
    {
        return Ok(None);
    }
    let region = people::region(ctx, &image.region)?;
    Ok(Some(Saving {
        stage: image.life.stage,
        name: images::free_name(ctx, &image.name, share.recipient_account, &[&region.id])?,
        estimate: image.estimate_for(Kind::System, &region.prices),
        symbol: region.prices.symbol,
        price_version: region.prices.version,
    }))
}

/// The page *Shared with me* of the project in force (H6).
///
/// # Errors
/// `NotFound` when the caller has no project; `Unauthenticated`.
pub fn received(ctx: &Ctx, place: &Place) -> Result<Received> {
    let (project, resource) = people::project_of(ctx, place, Act::ProjectGet)?;
    let row = |share: &Share| -> Result<Option<ReceivedRow>> {
        let (Some(image), Some(from)) = (here(ctx, share), ctx.read::<Project>(&share.project)?) else {
            return Ok(None);
        };
        let ends = share.ends_with(&image);
        let save = match ends.filter(|_| share.state == State::Accepted) {
            Some(_) => saving(ctx, &resource, share, &image)?,
            None => None,
        };
        Ok(Some(ReceivedRow {
            id: image.id,
            name: image.name.clone(),
            os: image.os.version.clone(),
            from: from.name,
            from_id: from.id,
            tags: image.tags.clone(),
            region: image.region.clone(),
            deploys: image.can(Action::Deploy).is_ok(),
            stored_bytes: image.stored_bytes(),
            since: share.since,
            state: share.state,
            ends,
            save,
            follows: follows(ctx, &image, share.recipient)?,
        }))
    };
    let mut rows = Vec::new();
    for share in waiting(ctx, project.id, &place.region) {
        rows.extend(row(&share)?);
    }
    let mut decided = Vec::new();
    for share in ctx.app.shares.group(&(project.id, place.region.clone())) {
        if share.state != State::Pending {
            decided.extend(row(&share)?);
        }
    }
    decided.sort_by(|a, b| (a.state, &a.name, a.id).cmp(&(b.state, &b.name, b.id)));
    Ok(Received {
        waiting: rows,
        decided,
        project: project.name,
        project_id: project.id,
        region: place.region.clone(),
        may_decide: ctx.may(Act::ShareDecide, &resource),
        now: ctx.now,
    })
}

/// Images that others share with `project` in `region` and with which `wanted` can be done, by name.
pub(crate) fn accepted(
    ctx: &Ctx,
    project: ProjectId,
    region: &RegionId,
    wanted: Action,
) -> Result<Vec<Image>> {
    let mut found = Vec::new();
    for share in ctx.app.shares.group(&(project, region.clone())) {
        if let Some(image) = ctx.read::<Image>(&share.image)?
            && share.gives(&image, ctx.now)
            && image.can(wanted).is_ok()
        {
            found.push(image);
        }
    }
    found.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
    Ok(found)
}

/// By whom and since when the caller has this image; `None` when it is not through a share.
pub(crate) fn shared_by(ctx: &Ctx, share: &Share) -> Result<SharedBy> {
    let from = ctx.read::<Project>(&share.project)?.ok_or_else(|| Error::not_found("project"))?;
    let image = ctx.app.images.get(&share.image);
    let ends = image.map_or(share.ends, |image| share.ends_with(&image));
    Ok(SharedBy { from: from.name, from_id: from.id, since: share.since, ends })
}

fn rows(ctx: &Ctx, image: &Image) -> Result<Vec<ShareRow>> {
    let mut rows = Vec::new();
    let mut cursor: Option<Vec<u8>> = None;
    loop {
        let page = list::<Share>(
            ctx.app.store.as_ref(),
            &image.id,
            Order::Ascending,
            super::ROWS,
            cursor.as_deref(),
        )?;
        for share in page.items.iter().filter(|s| s.stands(image, ctx.now)) {
            rows.push(shown(ctx, image, share)?);
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    let rank = |state| match state {
        State::Accepted => 0,
        State::Pending => 1,
        State::Rejected => 2,
    };
    rows.sort_by_key(|r| (rank(r.state), r.since, r.project));
    Ok(rows)
}

/// A project's name is told once it has accepted, and within one account.
fn name_told(
    ctx: &Ctx,
    (account, project): (AccountId, ProjectId),
    state: State,
    owner: AccountId,
) -> Result<Option<Name>> {
    match state == State::Accepted || account == owner {
        true => Ok(ctx.read::<Project>(&project)?.map(|p| p.name)),
        false => Ok(None),
    }
}

fn shown(ctx: &Ctx, image: &Image, share: &Share) -> Result<ShareRow> {
    let name = name_told(ctx, (share.recipient_account, share.recipient), share.state, share.account)?;
    let ends = share.ends_with(image);
    Ok(ShareRow { project: share.recipient, name, state: share.state, since: share.since, ends })
}

/// Who follows the family of an image; `None` when it is in none or nobody does.
fn following(ctx: &Ctx, image: &Image) -> Result<Option<Following>> {
    match image.family_key() {
        Some(key) => ctx.read::<Following>(&key),
        None => Ok(None),
    }
}

/// The family of an image, where its new images are shared with `project`. Who rejected the family gets none.
fn follows(ctx: &Ctx, image: &Image, project: ProjectId) -> Result<Option<String>> {
    let following = following(ctx, image)?;
    let follower = following.as_ref().and_then(|f| f.follower(project)).filter(|f| f.state.open());
    Ok(follower.map(|_| image.family.clone()))
}

fn family(ctx: &Ctx, image: &Image) -> Result<Option<FamilySharing>> {
    if image.family.is_empty() {
        return Ok(None);
    }
    let mut followers = Vec::new();
    for follower in following(ctx, image)?.map(|f| f.recipients).unwrap_or_default() {
        followers.push(FollowerRow {
            project: follower.project,
            name: name_told(ctx, (follower.account, follower.project), follower.state, image.account)?,
            state: follower.state,
            since: follower.since,
        });
    }
    Ok(Some(FamilySharing { name: image.family.clone(), project: image.project, followers }))
}

/// The page *Sharing* of an image: for its own project only.
///
/// # Errors
/// `NotFound`; `Forbidden` for who has the image from somebody else.
pub fn sharing(ctx: &Ctx, id: ImageId) -> Result<ImageSharing> {
    let image = own(ctx, id, Act::ImageGet)?;
    Ok(ImageSharing {
        id,
        name: image.name.clone(),
        region: image.region.clone(),
        rows: rows(ctx, &image)?,
        family: family(ctx, &image)?,
        n_accepted_max: n_accepted_max(ctx, &image),
        blocked: blocked(ctx, &image)?,
        may_share: ctx.may(Act::ImageShare, &images::resource(&image)),
        now: ctx.now,
    })
}

/// Why the image cannot be shared with anybody anew; `None` when it can.
fn blocked(ctx: &Ctx, image: &Image) -> Result<Option<Reason>> {
    match image.can(Action::Share) {
        Ok(()) => billing::blocked(ctx, image.account),
        Err(reason) => Ok(Some(reason)),
    }
}

/// The image, if it is one of the caller's own projects'. Who received it does not learn who else did.
fn own(ctx: &Ctx, id: ImageId, act: Act) -> Result<Image> {
    let (image, _) = images::load(ctx, id, act)?;
    ctx.authorize(act, &images::resource(&image), "image")?;
    Ok(image)
}

/// How many projects have an image or are asked about it.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn n_open(ctx: &Ctx, image: ImageId) -> Result<u32> {
    Ok(ctx.read::<Sharing>(&image)?.map_or(0, |s| s.n_open()))
}

/// What deleting a shared image asks of its owner; `None` when nobody has it or is asked about it.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn unsharing(ctx: &Ctx, image: ImageId) -> Result<Option<Unsharing>> {
    let Some(sharing) = ctx.read::<Sharing>(&image)?.filter(|s| s.n_open() > 0) else { return Ok(None) };
    Ok(Some(Unsharing {
        reason: shared(sharing.n_open()),
        n_accepted: sharing.n_accepted,
        n_waiting: sharing.n_pending,
        grace: grace(ctx),
        at_once: sharing.n_accepted == 0 || ctx.app.settings.share_grace_days_min == 0,
    }))
}

/// The days that recipients can be left, as the forms send them.
fn grace(ctx: &Ctx) -> Grace {
    let days = |n: u32| ctx.now.plus_ms(i64::from(n) * DAY_MS).iso_day();
    let settings = &ctx.app.settings;
    Grace {
        first_day: days(settings.share_grace_days_min),
        day: days(settings.share_grace_days.max(settings.share_grace_days_min)),
    }
}

/// The dialog *Share*, with a verdict on each line that is typed.
///
/// # Errors
/// `NotFound`; `Forbidden` for who may only look.
pub fn options(ctx: &Ctx, id: ImageId, form: &ShareForm) -> Result<ShareOptions> {
    let (image, _) = images::load(ctx, id, Act::ImageShare)?;
    let mut lines = Vec::new();
    for typed in
        form.targets().iter().take(usize::try_from(ctx.app.settings.share_targets_max).unwrap_or(usize::MAX))
    {
        let project = known(typed, |id| ctx.read::<Project>(&id))?;
        let before = match &project {
            Some(project) => ctx.read::<Share>(&(id, project.id))?,
            None => None,
        };
        let line = judge(ctx, &image, typed, project.as_ref(), before.as_ref());
        lines.push(sites::judge(&mut &*ctx, &image, project.as_ref(), line)?);
    }
    let (n_account, n_account_max) = slots::used(ctx, image.account, &image.region)?;
    Ok(ShareOptions {
        id,
        n_account,
        n_account_max,
        name: image.name.clone(),
        region: image.region.clone(),
        n_accepted: ctx.read::<Sharing>(&id)?.map_or(0, |s| s.n_accepted),
        n_accepted_max: n_accepted_max(ctx, &image),
        n_targets_max: ctx.app.settings.share_targets_max,
        lines,
        family: (!image.family.is_empty()).then(|| image.family.clone()),
        blocked: blocked(ctx, &image)?,
    })
}

/// The dialog *Stop sharing*.
///
/// # Errors
/// `NotFound`; `Forbidden` for who may only look.
pub fn stop_options(ctx: &Ctx, id: ImageId, project: ProjectId) -> Result<StopOptions> {
    let (image, _) = images::load(ctx, id, Act::ImageShare)?;
    let share = ctx.read::<Share>(&(id, project))?.ok_or_else(|| Error::not_found("share"))?;
    let grace = grace(ctx);
    Ok(StopOptions {
        id,
        name: image.name.clone(),
        share: shown(ctx, &image, &share)?,
        follows: follows(ctx, &image, project)?,
        first_day: grace.first_day,
        day: share.ends.map_or(grace.day, |end| end.plus_ms(-1).iso_day()),
        at_once: ctx.app.settings.share_grace_days_min == 0,
    })
}
