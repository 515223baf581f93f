//! Deprecating, disabling and restoring images, now or on a day to come (A8, A5-8, A5-9), and what a family resolves to.

use super::{entry, load};
use crate::domain::form::{StageForm, StageImage};
use crate::domain::ids::{ImageId, ProjectId, RegionId};
use crate::domain::image::life::{Added, Plan, Stage, newest, plans_in_words};
use crate::domain::image::{self, Action, Change, Image};
use crate::domain::policy::{Act, Resource};
use crate::domain::time::Timestamp;
use crate::domain::{Error, Result};
use crate::ops::ctx::{App, Ctx, Permit, each};
use crate::ops::{audit, shares};
use crate::store::Tx;
use std::sync::Arc;

/// The furthest day that can be planned.
const PLAN_MS_MAX: i64 = 5 * 366 * 86_400_000;

/// What became of a change of stage.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Staged {
    /// It is done, and everything that was planned stays.
    Done,
    /// It is planned.
    Planned,
    /// It is planned for another day than before.
    Moved,
    /// What was planned is not any more.
    Unplanned,
    /// As asked; and other plans, which were of no use any more, are gone.
    Overtaken,
}

/// Changes the stage of an image, at once or on a day to come, and says what to use instead. Several changes can be planned, one for each
/// stage; a change drops the plans that it overtakes ([`Life`](crate::domain::image::life::Life)).
///
/// # Errors
/// `Invalid` with fields; the image's reason; `NotFound`.
pub fn set_stage(ctx: &Ctx, form: &StageForm) -> Result<Staged> {
    let StageImage { image: id, stage, at, replacement } = form.parse()?;
    let (_, permit) = load(ctx, id, Act::ImageUpdate)?;
    if let Some(other) = replacement {
        judge_replacement(ctx, id, other)?;
    }
    if let Some(at) = at {
        judge_day(ctx, at)?;
    }
    ctx.transact(&permit, |tx| {
        let mut image = tx.get::<Image>(&id)?.ok_or_else(|| Error::not_found("image"))?;
        image.can(Action::Stage)?;
        let before = image.life.stage;
        image.life.replacement = replacement;
        let (staged, what, detail, dropped) = match at {
            None => (Staged::Done, done(stage), String::new(), image.life.change(stage)),
            Some(at) => {
                let plan = Plan { stage, at };
                let refuse = |message| Error::field("day", "invalid_input", message);
                let Added { instead_of, dropped } = image.life.plan(plan).map_err(refuse)?;
                // The same day once more changes something else.
                let instead = instead_of
                    .filter(|old| old.at != plan.at)
                    .map(|old| format!(", instead of {}", old.at.day()));
                let staged = if instead.is_some() { Staged::Moved } else { Staged::Planned };
                let detail = format!("{} on {}{}.", stage.word(), at.day(), instead.unwrap_or_default());
                (staged, "image.plan", detail, dropped)
            }
        };
        let said = match at {
            None => format!("the stage to {}", stage.word().to_lowercase()),
            Some(_) => "what is planned for it".to_owned(),
        };
        write(tx, ctx, &permit, &mut image, (what, detail, &said), &dropped)?;
        activated(tx, ctx, &permit, &image, before)?;
        Ok(if dropped.is_empty() { staged } else { Staged::Overtaken })
    })
}

/// Takes back what is planned for an image to become, and what is of no use without that.
///
/// # Errors
/// The image's reason; `plan_gone` when it is not planned, or happened meanwhile; `NotFound`.
pub fn unplan(ctx: &Ctx, id: ImageId, stage: Stage) -> Result<Staged> {
    let (_, permit) = load(ctx, id, Act::ImageUpdate)?;
    ctx.transact(&permit, |tx| {
        let mut image = tx.get::<Image>(&id)?.ok_or_else(|| Error::not_found("image"))?;
        image.can(Action::Stage)?;
        let Some((plan, dropped)) = image.life.unplan(stage) else {
            let (planned, now) = (stage.word().to_lowercase(), image.life.stage.word().to_lowercase());
            let message = format!(
                "It is not planned any more that this image becomes {planned}: it is {now} now. Look at its page again."
            );
            return Err(Error::conflict("plan_gone", message));
        };
        let detail = format!("Not {}.", plan.words());
        let said = "what is planned for it";
        write(tx, ctx, &permit, &mut image, ("image.unplan", detail, said), &dropped)?;
        Ok(if dropped.is_empty() { Staged::Unplanned } else { Staged::Overtaken })
    })
}

/// Writes the image down, and into the trail what was done and which plans went with it.
fn write(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    permit: &Permit,
    image: &mut Image,
    (action, mut detail, said): (&str, String, &str),
    dropped: &[Plan],
) -> Result<()> {
    image.revision += 1;
    image.changed = Some(Change { by: ctx.actor.name().to_owned(), at: ctx.now, what: said.to_owned() });
    tx.put(image)?;
    if !dropped.is_empty() {
        detail = format!("{detail} No longer planned: {}.", plans_in_words(dropped));
    }
    audit::write(tx, ctx, permit, &entry(image, action, detail.trim_start().to_owned()))
}

/// A day can be planned when it has not begun and is not too far away.
fn judge_day(ctx: &Ctx, at: Timestamp) -> Result<()> {
    let refuse = |message: &str| Err(Error::field("day", "invalid_input", message));
    if at <= ctx.now {
        return refuse("This day has begun already. Choose a later one, or now.");
    }
    if at.since_ms(ctx.now) > PLAN_MS_MAX {
        return refuse("This is more than five years from now. Choose an earlier day.");
    }
    Ok(())
}

/// Who follows the family gets an image that is for everything again.
fn activated(tx: &mut Tx<'_>, ctx: &Ctx, permit: &Permit, image: &Image, before: Stage) -> Result<()> {
    match before == image.life.stage {
        true => Ok(()),
        false => shares::follow(tx, ctx, permit, image),
    }
}

/// What is to be used instead must be there for whoever may use the image: in the same project and region.
fn judge_replacement(ctx: &Ctx, id: ImageId, other: ImageId) -> Result<()> {
    let refuse = |message: &str| Err(Error::field("replacement", "invalid_input", message));
    let (image, _) = load(ctx, id, Act::ImageUpdate)?;
    match ctx.read::<Image>(&other)? {
        _ if other == id => refuse("An image cannot stand in for itself. Choose another."),
        Some(found) if (found.project, &found.region) == (image.project, &image.region) => {
            // What stands in for it is used in the same way.
            let used = if image.kind == image::Kind::Data { Action::MakeDisk } else { Action::Deploy };
            found.can(used).map_err(|reason| {
                Error::field("replacement", "invalid_input", format!("{} Choose another.", reason.sentence()))
            })
        }
        _ => refuse("There is no such image in this project and region. Choose one of the list."),
    }
}

/// The word of the trail.
pub(crate) const fn done(stage: Stage) -> &'static str {
    match stage {
        Stage::Active => "image.activate",
        Stage::Deprecated => "image.deprecate",
        Stage::Disabled => "image.disable",
    }
}

/// Does what was planned and is due (A5-9), one change after the other where several days have passed. A reconciler: idempotent, without
/// input. Gives how many images it changed.
///
/// # Errors
/// The first failure, when all the others have been worked on.
pub fn sweep_plans(app: &Arc<App>) -> Result<u32> {
    let ctx = app.system();
    each(app.images.all().iter().filter(|image| image.life.is_due(ctx.now)), |seen| {
        let permit = ctx.authorize(Act::ImageUpdate, &Resource::Provider, "image")?;
        ctx.transact(&permit, |tx| {
            let Some(mut image) = tx.get::<Image>(&seen.id)? else { return Ok(0) };
            let before = image.life.stage;
            let due = image.life.advance(ctx.now);
            if due.is_empty() {
                return Ok(0);
            }
            tx.put(&image)?;
            for plan in due {
                audit::write(tx, &ctx, &permit, &entry(&image, done(plan.stage), "As planned.".to_owned()))?;
            }
            activated(tx, &ctx, &permit, &image, before)?;
            Ok(1)
        })
    })
}

/// The image that a family of a project stands for now (A8).
pub(crate) fn leader(ctx: &Ctx, project: ProjectId, region: &RegionId, family: &str) -> Option<Arc<Image>> {
    let all = ctx.app.images.group(&(project, region.clone()));
    let id = newest(all.iter().map(AsRef::as_ref), family)?.id;
    all.into_iter().find(|image| image.id == id)
}

/// Families of a project with the image each stands for, by name.
pub(crate) fn families(ctx: &Ctx, project: ProjectId, region: &RegionId) -> Vec<Arc<Image>> {
    let all = ctx.app.images.group(&(project, region.clone()));
    let mut names: Vec<&str> =
        all.iter().map(|image| image.family.as_str()).filter(|f| !f.is_empty()).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().filter_map(|family| leader(ctx, project, region, family)).collect()
}

/// Holds on to what a family stood for a moment ago, in the transaction of what it is needed for.
///
/// # Errors
/// `family_changed` when that image left its place meanwhile.
pub(crate) fn still_leads(tx: &mut Tx<'_>, image: &Image, family: &str) -> Result<()> {
    let fresh = tx.get::<Image>(&image.id)?;
    match fresh.as_ref().and_then(|fresh| newest([fresh], family)) {
        Some(_) => Ok(()),
        None => Err(Error::conflict(
            "family_changed",
            format!("The family {family} changed while you were looking. Press the button again."),
        )),
    }
}
