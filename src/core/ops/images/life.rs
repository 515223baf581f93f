//! Deprecating, disabling and restoring images, now or on a day to come (A8, A5-8, A5-9), and what a family resolves to.

use super::{entry, load};
use crate::domain::form::{StageForm, StageImage};
use crate::domain::ids::{ImageId, ProjectId, RegionId};
use crate::domain::image::life::{Life, Plan, Stage, newest};
use crate::domain::image::{self, Action, Change, Image};
use crate::domain::policy::{Act, Resource};
use crate::domain::{Error, Result};
use crate::ops::ctx::{App, Ctx, Permit, each};
use crate::ops::{audit, shares};
use crate::store::Tx;
use std::sync::Arc;

/// The furthest day that can be planned.
const PLAN_MS_MAX: i64 = 5 * 366 * 86_400_000;

/// Changes the stage of an image, at once or on a day to come, and says what to use instead.
///
/// # Errors
/// `Invalid` with fields; the image's reason; `NotFound`.
pub fn set_stage(ctx: &Ctx, form: &StageForm) -> Result<ImageId> {
    let StageImage { image: id, stage, at, replacement } = form.parse()?;
    let (_, permit) = load(ctx, id, Act::ImageUpdate)?;
    if let Some(other) = replacement {
        judge_replacement(ctx, id, other)?;
    }
    ctx.transact(&permit, |tx| {
        let mut image = tx.get::<Image>(&id)?.ok_or_else(|| Error::not_found("image"))?;
        image.can(Action::Stage)?;
        // An image that is for everything needs no other in its place.
        let replacement = replacement.filter(|_| stage != Stage::Active);
        let before = image.life.stage;
        let (what, detail) = match at {
            None => {
                image.life = Life { stage, plan: None, replacement };
                (done(stage), String::new())
            }
            Some(at) if at <= ctx.now => {
                return Err(Error::field(
                    "day",
                    "invalid_input",
                    "This day has begun already. Choose a later one, or now.",
                ));
            }
            Some(at) if at.since_ms(ctx.now) > PLAN_MS_MAX => {
                return Err(Error::field(
                    "day",
                    "invalid_input",
                    "This is more than five years from now. Choose an earlier day.",
                ));
            }
            Some(at) => {
                image.life.plan = Some(Plan { stage, at });
                image.life.replacement = replacement;
                ("image.plan", format!("{} on {}.", stage.word(), at.day()))
            }
        };
        image.revision += 1;
        let said = format!("the stage to {}", stage.word().to_lowercase());
        image.changed = Some(Change { by: ctx.actor.name().to_owned(), at: ctx.now, what: said });
        tx.put(&image)?;
        audit::write(tx, ctx, &permit, &entry(&image, what, detail))?;
        activated(tx, ctx, &permit, &image, before)
    })?;
    Ok(id)
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
fn done(stage: Stage) -> &'static str {
    match stage {
        Stage::Active => "image.activate",
        Stage::Deprecated => "image.deprecate",
        Stage::Disabled => "image.disable",
    }
}

/// Does what was planned and is due (A5-9). A reconciler: idempotent, without input. Gives how many images it changed.
///
/// # Errors
/// The first failure, when all the others have been worked on.
pub fn sweep_plans(app: &Arc<App>) -> Result<u32> {
    let ctx = app.system();
    let due = |image: &Image| image.life.plan.filter(|plan| plan.at <= ctx.now);
    each(app.images.all().iter().filter(|image| due(image).is_some()), |seen| {
        let permit = ctx.authorize(Act::ImageUpdate, &Resource::Provider, "image")?;
        ctx.transact(&permit, |tx| {
            let Some(mut image) = tx.get::<Image>(&seen.id)? else { return Ok(0) };
            let Some(plan) = due(&image) else { return Ok(0) };
            let before = std::mem::replace(&mut image.life.stage, plan.stage);
            image.life.plan = None;
            tx.put(&image)?;
            audit::write(tx, &ctx, &permit, &entry(&image, done(plan.stage), "As planned.".to_owned()))?;
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
