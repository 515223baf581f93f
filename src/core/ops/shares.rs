//! Use cases of sharing (H1 to H19, A5-5): offering an image to projects, deciding about what is offered, stopping with or without grace;
//! and sharing what follows in its family.
//! Each side's trail names the other by its project, never by its people.

mod following;
mod read;
mod sites;
mod slots;
mod whole;

pub(crate) use following::follow;
pub use following::unfollow;
pub(crate) use read::{accepted, n_open, shared_by, unsharing};
pub use read::{n_ending, n_waiting, options, received, sharing, stop_options};
pub(crate) use slots::n_counted;
pub(crate) use whole::{Consent, clear_ended, end_all, end_at, go_on, may_leave, resume, suspend};

use super::audit::{self, Entry};
use super::ctx::{App, Ctx, Permit, Place, each};
use super::{billing, images, people};
use crate::domain::actor::Actor;
use crate::domain::error::Reason;
use crate::domain::form::{ShareForm, StopSharingForm};
use crate::domain::ids::{AccountId, ImageId, ProjectId, RegionId, Subject};
use crate::domain::image::bin::DAY_MS;
use crate::domain::image::{self, Image};
use crate::domain::policy::{Act, Resource};
use crate::domain::project::Project;
use crate::domain::share::{Action, Share, Sharing, State};
use crate::domain::time::Timestamp;
use crate::domain::view::{BulkLine, ShareLine, Verdict};
use crate::domain::{Error, FieldError, Kind, Result};
use crate::store::{Order, Tx};
use std::sync::Arc;

/// The longest grace an owner can give.
const GRACE_MS_MAX: i64 = 366 * DAY_MS;
/// Rows read at once when all shares of an image are looked through.
const ROWS: u32 = 1000;

/// Offers an image to projects (H15, H16): all lines or none. A project that rejected it is asked again (H19); one that has it keeps it.
/// With `follow`, all of them get the new images of its family too.
///
/// # Errors
/// `Invalid` with one entry per line that has to be changed (H3 among them), at `projects` in sum; `share_limit_reached` (H1);
/// `share_no_family` and `follow_limit_reached` at `follow`; the image's reason.
pub fn share(ctx: &Ctx, form: &ShareForm) -> Result<ImageId> {
    let command = form.parse(ctx.app.settings.share_targets_max)?;
    let (_, permit) = images::load(ctx, command.image, Act::ImageShare)?;
    ctx.transact(&permit, |tx| {
        let image = tx.get::<Image>(&command.image)?.ok_or_else(|| Error::not_found("image"))?;
        image.can(image::Action::Share)?;
        billing::may_begin(tx, ctx, image.account)?;
        let mut sharing = count(tx, image.id)?;
        let mut asked = Vec::new();
        let mut all = Vec::new();
        let mut lines = Vec::new();
        for typed in &command.targets {
            let project = known(typed, |id| Ok(tx.get::<Project>(&id)?))?;
            let before = match &project {
                Some(project) => tx.get::<Share>(&(image.id, project.id))?,
                None => None,
            };
            let line = judge(ctx, &image, typed, project.as_ref(), before.as_ref());
            let line = sites::judge(tx, &image, project.as_ref(), line)?;
            if let Some(project) = project {
                let has = before.as_ref().is_some_and(|share| share.gives(&image, ctx.now));
                all.push((project.clone(), if has { State::Accepted } else { State::Pending }));
                if line.verdict == Verdict::Asked {
                    asked.push((project, before));
                }
            }
            lines.push(line);
        }
        refuse_wrong(&lines)?;
        // Who has it already can keep it, and follow its family, all the same.
        let anew = asked.iter().any(|(_, before)| before.as_ref().is_none_or(|s| !s.gives(&image, ctx.now)));
        if anew && sharing.n_accepted >= n_accepted_max(ctx, &image) {
            return Err(shared_limit(&sharing, "Stop sharing with one first.").at("projects"));
        }
        for (project, before) in asked {
            let after = offered(ctx, &image, &project, before.as_ref());
            sharing.stopped.remove(&project.id);
            moved(tx, ctx, &mut sharing, &after, before.map(|s| s.state), Some(after.state))?;
            tx.put(&after)?;
            both(tx, ctx, &permit, &image, &after, Side::Owner, "share.offer", "Offered to", "Offered by")?;
        }
        tx.put(&sharing)?;
        if command.follow {
            following::begin(tx, ctx, &permit, &image, &all)?;
        }
        Ok(())
    })?;
    Ok(command.image)
}

/// How many projects may have accepted the image (H1, A5-1).
pub(crate) fn n_accepted_max(ctx: &Ctx, image: &Image) -> u32 {
    match image.kind {
        image::Kind::Machine => ctx.app.settings.machine_shares_max,
        image::Kind::System | image::Kind::Data | image::Kind::Iso => ctx.app.settings.shares_max,
    }
}

/// The share of a project that is asked. One that was going to end and had been accepted goes on instead.
fn offered(ctx: &Ctx, image: &Image, project: &Project, before: Option<&Share>) -> Share {
    if let Some(before) = before.filter(|s| s.gives(image, ctx.now)) {
        return Share { ends: None, ..before.clone() };
    }
    Share::offered(image, project.id, project.account, ctx.now)
}

/// The project that is typed, if it is an id and there is such a project.
fn known(typed: &str, find: impl FnOnce(ProjectId) -> Result<Option<Project>>) -> Result<Option<Project>> {
    typed.parse::<ProjectId>().ok().map_or(Ok(None), find)
}

/// What becomes of one line.
fn judge(
    ctx: &Ctx,
    image: &Image,
    typed: &str,
    project: Option<&Project>,
    before: Option<&Share>,
) -> ShareLine {
    let (verdict, text) = match (project, before.filter(|s| s.stands(image, ctx.now))) {
        (None, _) if typed.parse::<ProjectId>().is_err() => {
            (Verdict::Wrong, "Not an id: it looks like 4b7e19c0-a2d8-4f36-9c1e-07aa53fe91c2".to_owned())
        }
        (None, _) => (Verdict::Wrong, "No such project".to_owned()),
        (Some(project), _) if project.id == image.project => {
            (Verdict::Wrong, "This is the image's own project".to_owned())
        }
        (Some(_), None) => (Verdict::Asked, "Will be asked to accept".to_owned()),
        (Some(_), Some(share)) => match (share.state, share.ends) {
            (State::Accepted, Some(end)) => {
                (Verdict::Asked, format!("Was to end on {}, will stay", end.plus_ms(-1).day()))
            }
            (State::Accepted, None) => (Verdict::Kept, "Accepted already, stays as it is".to_owned()),
            (State::Pending, _) => (Verdict::Kept, "Waiting already, stays as it is".to_owned()),
            (State::Rejected, _) => {
                let day = share.decided.unwrap_or(share.since).day();
                (Verdict::Asked, format!("Rejected on {day}, will be asked again"))
            }
        },
    };
    ShareLine { typed: typed.to_owned(), verdict, text }
}

fn refuse_wrong(lines: &[ShareLine]) -> Result<()> {
    let wrong: Vec<&ShareLine> = lines.iter().filter(|line| line.verdict == Verdict::Wrong).collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let need = if wrong.len() == 1 { "needs" } else { "need" };
    let sum =
        format!("{} of {} lines {need} a change. Nothing has been shared yet.", wrong.len(), lines.len());
    let mut fields = vec![FieldError::new("projects", sum.clone())];
    fields.extend(
        wrong.iter().map(|line| FieldError::new(&format!("projects.{}", line.typed), line.text.clone())),
    );
    Err(Error { kind: Kind::Invalid, code: "share_lines_wrong".to_owned(), message: sum, fields })
}

fn shared_limit(sharing: &Sharing, way_out: &str) -> Error {
    let n = sharing.n_accepted;
    let projects = if n == 1 { "1 project has".to_owned() } else { format!("{n} projects have") };
    Error::limit(
        "share_limit_reached",
        format!("Maximum number of shares reached: {projects} accepted this image. {way_out}"),
    )
}

/// What a recipient reads when who shares has no slot left: their figures are theirs.
fn for_recipient(refused: Error) -> Error {
    match refused.code.as_str() {
        "account_share_limit_reached" => Error::limit(
            "account_share_limit_reached",
            "Maximum share limit reached: who shares this image shares as much as they may. Ask them to stop another share or to get a higher limit, then accept again.",
        ),
        _ => refused,
    }
}

/// Decides about an image that is offered to `project` (H7, H19).
///
/// # Errors
/// `NotFound`; the share's reason; `share_limit_reached` when meanwhile as many as may have accepted; `share_across_sites`
/// when the provider moved a side since (H3); `account_share_limit_reached` when who shares has no slot left (U18): an offer holds none (H5).
pub fn decide(ctx: &Ctx, image: ImageId, project: ProjectId, action: Action) -> Result<()> {
    let permit = in_project(ctx, project, Act::ShareDecide, "shared image")?;
    ctx.transact(&permit, |tx| {
        let share = tx.get::<Share>(&(image, project))?.ok_or_else(|| Error::not_found("shared image"))?;
        let image = tx
            .get::<Image>(&image)?
            .filter(|image| image.status.listed())
            .ok_or_else(|| Error::not_found("shared image"))?;
        share.can(action, &image, ctx.now)?;
        if let (Action::Accept, Some(reason)) = (action, sites::refuses(tx, &image, share.recipient_account)?)
        {
            return Err(reason.into());
        }
        let (state, word, told) = match action {
            Action::Accept => (State::Accepted, "share.accept", "Accepted by"),
            Action::Reject => (State::Rejected, "share.reject", "Rejected by"),
        };
        let mut sharing = count(tx, image.id)?;
        if state == State::Accepted && sharing.n_accepted >= n_accepted_max(ctx, &image) {
            return Err(shared_limit(&sharing, "Ask its owner to stop sharing it with another project."));
        }
        moved(tx, ctx, &mut sharing, &share, Some(share.state), Some(state)).map_err(for_recipient)?;
        let share = Share { state, decided: Some(ctx.now), ..share };
        tx.put(&sharing)?;
        tx.put(&share)?;
        following::answered(tx, ctx, &image, project, state)?;
        both(tx, ctx, &permit, &image, &share, Side::Recipient, word, told, "From")
    })
}

/// Accepts everything that waits for the project in force, each in a commit of its own. Gives one line per image, in the order of the page:
/// what is refused does not hold up the rest.
///
/// # Errors
/// When the store cannot be used, after which it can be asked again: what was accepted stays so.
pub fn accept_all(ctx: &Ctx, place: &Place) -> Result<Vec<BulkLine>> {
    let (project, _) = people::project_of(ctx, place, Act::ShareDecide)?;
    let mut lines = Vec::new();
    for share in read::waiting(ctx, project.id, &place.region) {
        let Some(image) = ctx.app.images.get(&share.image) else { continue };
        let (refused, text) = match decide(ctx, share.image, project.id, Action::Accept) {
            Ok(()) => (false, "Accepted".to_owned()),
            // Withdrawn meanwhile: there is nothing to accept, and nothing to say about it.
            Err(error) if error.kind == Kind::NotFound => continue,
            Err(error) if error.kind.retryable() => return Err(error),
            Err(error) => (true, error.message),
        };
        lines.push(BulkLine { image: image.id, name: image.name.clone(), refused, text });
    }
    Ok(lines)
}

/// The permit to do this in a project, which is as if it did not exist for who may not know of it.
fn in_project(ctx: &Ctx, project: ProjectId, act: Act, noun: &str) -> Result<Permit> {
    match ctx.read::<Project>(&project)? {
        Some(p) => {
            let resource = Resource::Project { account: p.account, project: p.id };
            ctx.authorize(act, &resource, noun)
        }
        None => {
            ctx.authorize(act, &Resource::Provider, noun)?;
            Err(Error::not_found(noun))
        }
    }
}

/// Stops sharing an image with a project (H12): at once, or from a day on that leaves the recipient time. Who has not accepted loses
/// nothing and is no longer asked at once. Machines made from it stay theirs, and what
/// follows in its family goes on reaching it.
///
/// # Errors
/// `Invalid` at `day` or `when`; `NotFound`.
pub fn stop(ctx: &Ctx, form: &StopSharingForm) -> Result<ImageId> {
    let command = form.parse()?;
    let (_, permit) = images::load(ctx, command.image, Act::ImageShare)?;
    ctx.transact(&permit, |tx| {
        let image = tx.get::<Image>(&command.image)?.ok_or_else(|| Error::not_found("image"))?;
        let share =
            tx.get::<Share>(&(image.id, command.project))?.ok_or_else(|| Error::not_found("share"))?;
        following::stopped(tx, ctx, &image, command.project)?;
        if !share.gives(&image, ctx.now) {
            remove(tx, ctx, &share)?;
            return both(
                tx,
                ctx,
                &permit,
                &image,
                &share,
                Side::Owner,
                "share.stop",
                "Withdrawn from",
                "Withdrawn by",
            );
        }
        judge_end(ctx, command.ends)?;
        match command.ends {
            None => {
                remove(tx, ctx, &share)?;
                both(tx, ctx, &permit, &image, &share, Side::Owner, "share.stop", "Stopped for", "Stopped by")
            }
            Some(end) => {
                let share = Share { ends: Some(end), ..share };
                tx.put(&share)?;
                // Nobody has an image for longer than it is there.
                let day = share.ends_with(&image).unwrap_or(end).plus_ms(-1).day();
                let (own, other) = (format!("Ends on {day} for"), format!("Ends on {day}, set by"));
                both(tx, ctx, &permit, &image, &share, Side::Owner, "share.end", &own, &other)
            }
        }
    })?;
    Ok(command.image)
}

/// Whether sharing may end at this moment, at once where there is none: recipients are left what the program says they are.
fn judge_end(ctx: &Ctx, ends: Option<Timestamp>) -> Result<()> {
    let least = ctx.now.plus_ms(i64::from(ctx.app.settings.share_grace_days_min) * DAY_MS);
    match ends {
        None if least > ctx.now => Err(too_soon(ctx, "when")),
        Some(end) if end < least || end <= ctx.now => Err(too_soon(ctx, "day")),
        Some(end) if end.since_ms(ctx.now) > GRACE_MS_MAX => Err(Error::field(
            "day",
            "invalid_input",
            "This is more than a year from now. Choose a day within a year.",
        )),
        None | Some(_) => Ok(()),
    }
}

fn too_soon(ctx: &Ctx, field: &str) -> Error {
    let message = match ctx.app.settings.share_grace_days_min {
        0 => "This day is over. Choose today or a later day.".to_owned(),
        1 => "Recipients are left at least 1 day here. Choose a later day.".to_owned(),
        n => format!("Recipients are left at least {n} days here. Choose a later day."),
    };
    Error::field(field, "share_grace_too_short", message)
}

/// Why a shared image cannot be deleted.
pub(crate) fn shared(n: u32) -> Reason {
    let projects = if n == 1 { "1 project".to_owned() } else { format!("{n} projects") };
    Reason::new(
        "image_shared",
        "A shared image cannot be deleted.",
        format!("It is shared with {projects}."),
        "Stop sharing it first, or choose “Unshare all and delete”; both can leave them time.",
    )
}

/// Clears away shares that have ended. A reconciler: idempotent, without input. Gives how many.
///
/// # Errors
/// The first failure, when all the others have been worked on.
pub fn sweep_ended(app: &Arc<App>) -> Result<u32> {
    let ctx = app.system();
    let over = |share: &Share, image: &Image| !share.stands(image, ctx.now);
    each(app.shares.all(), |seen| {
        if !app.images.get(&seen.image).is_some_and(|image| over(&seen, &image)) {
            return Ok(0);
        }
        let permit = ctx.authorize(Act::ImageShare, &Resource::Provider, "share")?;
        ctx.transact(&permit, |tx| {
            let Some(image) = tx.get::<Image>(&seen.image)? else { return Ok(0) };
            let Some(share) = tx.get::<Share>(&(seen.image, seen.recipient))?.filter(|s| over(s, &image))
            else {
                return Ok(0);
            };
            whole::ended(tx, &ctx, &permit, &image, &share)?;
            Ok(1)
        })
    })
}

/// Whether a machine of `project` may be made from `image`: its owner's may, everybody's may, and so may who was given it and accepted.
/// Read in the transaction that makes the machine, so that it cannot slip past the end of a share.
///
/// # Errors
/// `NotFound`, as for an image that does not exist.
pub(crate) fn usable_in(tx: &mut Tx<'_>, ctx: &Ctx, image: &Image, project: ProjectId) -> Result<()> {
    if ctx.may(Act::ImageDeploy, &images::resource(image)) {
        return Ok(());
    }
    still_given(tx, ctx, image, project).map(drop)
}

/// Holds on to a share in the transaction of what it is needed for: it must still give, or the image is as if it did not exist.
///
/// # Errors
/// `NotFound`.
pub(crate) fn still_given(tx: &mut Tx<'_>, ctx: &Ctx, image: &Image, recipient: ProjectId) -> Result<Share> {
    let share = tx.get::<Share>(&(image.id, recipient))?;
    share.filter(|share| share.gives(image, ctx.now)).ok_or_else(|| Error::not_found("image"))
}

/// What the policy is asked about an image that came through this share.
pub(crate) fn resource(share: &Share) -> Resource {
    Resource::SharedImage { account: share.recipient_account, project: share.recipient }
}

/// The share by which the caller has an image that is none of theirs.
pub(crate) fn given(ctx: &Ctx, image: &Image) -> Result<Option<Share>> {
    let Actor::Tenant { roles, .. } = &ctx.actor else { return Ok(None) };
    if ctx.may(Act::ImageGet, &images::resource(image)) {
        return Ok(None);
    }
    for project in roles.keys() {
        if let Some(share) = ctx.read::<Share>(&(image.id, *project))?.filter(|s| s.gives(image, ctx.now)) {
            return Ok(Some(share));
        }
    }
    Ok(None)
}

fn count(tx: &mut Tx<'_>, image: ImageId) -> Result<Sharing> {
    Ok(tx.get::<Sharing>(&image)?.unwrap_or(Sharing::none(image)))
}

/// A share was in state `from` and is in state `to` from this commit on; `None` stands for no share. Counts it with its image, whose count
/// the caller writes, and with its account.
///
/// # Errors
/// `account_share_limit_reached`.
fn moved(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    sharing: &mut Sharing,
    share: &Share,
    from: Option<State>,
    to: Option<State>,
) -> Result<()> {
    sharing.moved(from, to);
    slots::moved(tx, ctx, share, from, to)
}

fn remove(tx: &mut Tx<'_>, ctx: &Ctx, share: &Share) -> Result<()> {
    let mut sharing = count(tx, share.image)?;
    moved(tx, ctx, &mut sharing, share, Some(share.state), None)?;
    tx.delete::<Share>(&(share.image, share.recipient));
    Ok(tx.put(&sharing)?)
}

fn all(tx: &mut Tx<'_>, image: ImageId) -> Result<Vec<Share>> {
    let mut found = Vec::new();
    let mut cursor: Option<Vec<u8>> = None;
    loop {
        let page = tx.scan::<Share>(&image, Order::Ascending, ROWS, cursor.as_deref())?;
        found.extend(page.items);
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(found),
        }
    }
}

/// Whose hand it was.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Owner,
    Recipient,
}

/// Writes one event for each side. The side that acted is named by its person, the other side hears of a project only.
#[expect(
    clippy::too_many_arguments,
    reason = "what is told differs in each of them, and nothing else would hold them together"
)]
fn both(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    permit: &Permit,
    image: &Image,
    share: &Share,
    acted: Side,
    action: &str,
    to_owner: &str,
    to_recipient: &str,
) -> Result<()> {
    let about = About::image(image, (share.recipient_account, share.recipient));
    tell(tx, ctx, permit, &about, acted, action, to_owner, to_recipient)
}

/// What both sides are told about.
struct About<'a> {
    /// The image; `None` for what is about a family, which each side finds at its own project.
    image: Option<ImageId>,
    /// Its name, or the family's.
    name: &'a str,
    region: &'a RegionId,
    owner: (AccountId, ProjectId),
    recipient: (AccountId, ProjectId),
}

impl<'a> About<'a> {
    fn image(image: &'a Image, recipient: (AccountId, ProjectId)) -> Self {
        Self {
            image: Some(image.id),
            name: image.name.as_str(),
            region: &image.region,
            owner: (image.account, image.project),
            recipient,
        }
    }
}

/// Writes one event for each side, as [`both`] does.
#[expect(clippy::too_many_arguments, reason = "as for `both`")]
fn tell(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    permit: &Permit,
    about: &About<'_>,
    acted: Side,
    action: &str,
    to_owner: &str,
    to_recipient: &str,
) -> Result<()> {
    let unnamed = Ctx { actor: Actor::System, ..ctx.clone() };
    for (side, (account, project), told, (_, other)) in [
        (Side::Owner, about.owner, to_owner, about.recipient),
        (Side::Recipient, about.recipient, to_recipient, about.owner),
    ] {
        let entry = Entry {
            subject: about.image.map_or(Subject::Project(project), Subject::Image),
            name: about.name,
            account: Some(account),
            project: Some(project),
            region: Some(about.region),
            action,
            detail: format!("{told} project {other}."),
        };
        audit::write(tx, if side == acted { ctx } else { &unnamed }, permit, &entry)?;
    }
    Ok(())
}
