//! Sharing what follows: beginning and ending it, what a recipient's answers mean for it, and passing an image on when it becomes
//! available. The record of a family is read in each of these transactions, so none of them slips past another.

use super::{About, Side, both, count, in_project, moved, n_accepted_max, shared_limit, sites, tell};
use crate::domain::following::{Follower, Following, HasOther};
use crate::domain::form::{Unfollow, UnfollowForm};
use crate::domain::ids::ProjectId;
use crate::domain::image::Image;
use crate::domain::policy::Act;
use crate::domain::project::Project;
use crate::domain::share::{Share, State};
use crate::domain::{Error, Kind, Result};
use crate::ops::audit;
use crate::ops::ctx::{Ctx, Permit};
use crate::ops::images;
use crate::store::Tx;

/// Shares an image that became available with all who follow its family. Who has accepted the family has it at once, who has not answered
/// yet is asked, who rejected it is left alone. What does not fit is not shared and told in the owner's trail: making the image does not
/// fail for it. An image that may not be shared is not passed on (A5-8).
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn follow(tx: &mut Tx<'_>, ctx: &Ctx, permit: &Permit, image: &Image) -> Result<()> {
    if !image.passed_on() {
        return Ok(());
    }
    let Some(following) = of(tx, image)? else { return Ok(()) };
    let stopped = count(tx, image.id)?.stopped;
    for follower in following.due(&stopped) {
        // It has this one already, or has answered about it.
        if tx.get::<Share>(&(image.id, follower.project))?.is_none() {
            pass_on(tx, ctx, permit, image, follower)?;
        }
    }
    Ok(())
}

fn pass_on(tx: &mut Tx<'_>, ctx: &Ctx, permit: &Permit, image: &Image, follower: &Follower) -> Result<()> {
    let mut sharing = count(tx, image.id)?;
    let accepted = follower.state == State::Accepted;
    let share = Share {
        state: follower.state,
        decided: accepted.then_some(ctx.now),
        ..Share::offered(image, follower.project, follower.account, ctx.now)
    };
    // The provider may have moved an account to another site since the family was shared.
    let across = sites::refuses(tx, image, follower.account)?;
    let fits = match across {
        Some(reason) => Err(Error::from(reason)),
        None if sharing.n_accepted >= n_accepted_max(ctx, image) => {
            Err(shared_limit(&sharing, "Stop sharing with one first."))
        }
        None => moved(tx, ctx, &mut sharing, &share, None, Some(share.state)),
    };
    match fits {
        Ok(()) => {}
        Err(refused) if refused.kind == Kind::Limit || refused.code == "share_across_sites" => {
            let detail = format!(
                "New in {}, not shared with project {}. {}",
                image.family, follower.project, refused.message
            );
            return audit::write(tx, ctx, permit, &images::entry(image, "share.follow_refused", detail));
        }
        Err(error) => return Err(error),
    }
    tx.put(&sharing)?;
    tx.put(&share)?;
    let (to_owner, to_recipient) =
        if accepted { ("had at once by", "had at once from") } else { ("offered to", "offered by") };
    let (own, other) =
        (format!("New in {}, {to_owner}", image.family), format!("New in {}, {to_recipient}", image.family));
    both(tx, ctx, permit, image, &share, Side::Owner, "share.pass_on", &own, &other)
}

/// The family of an image, if somebody follows it.
fn of(tx: &mut Tx<'_>, image: &Image) -> Result<Option<Following>> {
    match image.family_key() {
        Some(key) => Ok(tx.get::<Following>(&key)?),
        None => Ok(None),
    }
}

/// Begins to share the family of an image with these projects; each with what it said to this image. Who follows already goes on.
///
/// # Errors
/// `share_no_family` and `follow_limit_reached`, both at `follow`.
pub(super) fn begin(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    permit: &Permit,
    image: &Image,
    projects: &[(Project, State)],
) -> Result<()> {
    if image.family.is_empty() {
        return Err(no_family());
    }
    let mut following = of(tx, image)?.unwrap_or_else(|| Following::none(image));
    let before = following.recipients.clone();
    for (project, state) in projects {
        let fresh = Follower { project: project.id, account: project.account, since: ctx.now, state: *state };
        let n = following.recipients.len();
        match following.follower_mut(project.id) {
            Some(known) if known.state.open() => continue,
            // It rejected the family and is asked again (H19).
            Some(known) => *known = fresh,
            None if n >= most(ctx) => return Err(full(&following)),
            None => following.recipients.push(fresh),
        }
        let about = About::image(image, (project.account, project.id));
        let (own, other) =
            (format!("New images of {} for", image.family), format!("New images of {} from", image.family));
        tell(tx, ctx, permit, &about, Side::Owner, "share.follow", &own, &other)?;
    }
    match following.recipients == before {
        true => Ok(()),
        false => Ok(tx.put(&following)?),
    }
}

/// As many as may have one image: the others could not have the new ones.
fn most(ctx: &Ctx) -> usize {
    usize::try_from(ctx.app.settings.shares_max).unwrap_or(usize::MAX)
}

fn no_family() -> Error {
    Error::field(
        "follow",
        "share_no_family",
        "Only what is in a family has new images that follow. This image is in none. Put it into one first, or share this image alone.",
    )
}

fn full(following: &Following) -> Error {
    let n = following.recipients.len();
    let projects = if n == 1 { "1 project gets".to_owned() } else { format!("{n} projects get") };
    let message = format!(
        "Maximum number of projects reached: {projects} the new images of {}. End that for one first, or share this image alone.",
        following.family
    );
    Error::limit("follow_limit_reached", message).at("follow")
}

/// Changes what is noted about one follower of the family of an image, if there is one.
fn note(
    tx: &mut Tx<'_>,
    image: &Image,
    project: ProjectId,
    change: impl FnOnce(&mut Follower),
) -> Result<()> {
    let Some(mut following) = of(tx, image)? else { return Ok(()) };
    let Some(follower) = following.follower_mut(project) else { return Ok(()) };
    let before = follower.clone();
    change(follower);
    match *follower == before {
        true => Ok(()),
        false => Ok(tx.put(&following)?),
    }
}

/// Somebody stops sharing this image with the project: what follows does not bring it back. Noted with the image, so that it never grows
/// beyond the followers of one family.
pub(super) fn stopped(tx: &mut Tx<'_>, ctx: &Ctx, image: &Image, project: ProjectId) -> Result<()> {
    let Some(following) = of(tx, image)?.filter(|f| f.follower(project).is_some()) else { return Ok(()) };
    let mut sharing = count(tx, image.id)?;
    if sharing.stopped.len() >= most(ctx) {
        sharing.stopped.retain(|noted| following.follower(*noted).is_some());
    }
    sharing.stopped.insert(project);
    Ok(tx.put(&sharing)?)
}

/// A recipient decided about this image.
pub(super) fn answered(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    image: &Image,
    project: ProjectId,
    state: State,
) -> Result<()> {
    let has_other = match state {
        State::Rejected if has_other(tx, ctx, image, project)? => HasOther::Yes,
        _ => HasOther::No,
    };
    note(tx, image, project, |follower| follower.answered(state, has_other, ctx.now))
}

/// Whether the project has accepted another image of the family. Each share is read in the transaction: of two that are rejected at once,
/// one sees the other.
fn has_other(tx: &mut Tx<'_>, ctx: &Ctx, image: &Image, project: ProjectId) -> Result<bool> {
    if image.family.is_empty() {
        return Ok(false);
    }
    let all = ctx.app.images.group(&(image.project, image.region.clone()));
    for other in all.iter().filter(|other| other.id != image.id && other.family == image.family) {
        if tx.get::<Share>(&(other.id, project))?.is_some_and(|share| share.gives(other, ctx.now)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Stops sharing what follows: new images of the family no longer reach the project. What is shared stays.
///
/// # Errors
/// `Invalid`; `NotFound` when the project does not follow, or the caller may not know.
pub fn unfollow(ctx: &Ctx, form: &UnfollowForm) -> Result<()> {
    let Unfollow { owner, region, family, project } = form.parse()?;
    let permit = in_project(ctx, owner, Act::ImageShare, "family")?;
    let key = (owner, region, family);
    ctx.transact(&permit, |tx| {
        let mut following = tx.get::<Following>(&key)?.ok_or_else(|| Error::not_found("family"))?;
        let recipient = following.follower(project).ok_or_else(|| Error::not_found("family"))?;
        let about = About {
            image: None,
            name: &key.2,
            region: &key.1,
            owner: (following.account, owner),
            recipient: (recipient.account, project),
        };
        let (own, other) =
            (format!("No new images of {} for", key.2), format!("No new images of {} from", key.2));
        tell(tx, ctx, &permit, &about, Side::Owner, "share.unfollow", &own, &other)?;
        following.recipients.retain(|follower| follower.project != project);
        match following.recipients.is_empty() {
            true => tx.delete::<Following>(&key),
            false => tx.put(&following)?,
        }
        Ok(())
    })
}
