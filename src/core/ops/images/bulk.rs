//! One thing done to many images (A2): each image in a commit of its own, and one result per image, so that what is refused does not hold
//! up the rest.

use super::bin::service_stays;
use super::edit::{change, few_enough};
use super::read::found;
use super::{Deleted, delete, life, load, protect};
use crate::domain::form::{Bulk, BulkAction, BulkForm, DeleteImageForm};
use crate::domain::ids::{AccountId, ImageId, ProjectId, RegionId, Subject};
use crate::domain::image::list::ImageQuery;
use crate::domain::image::{Action, Image, Status, tags};
use crate::domain::money::Money;
use crate::domain::policy::Act;
use crate::domain::region::Region;
use crate::domain::view::{BulkLine, BulkOptions};
use crate::domain::{Kind, Result};
use crate::ops::ctx::{Ctx, Place};
use crate::ops::usage::charged;
use crate::ops::{groups, people, shares};
use std::collections::{BTreeMap, BTreeSet};

/// What the dialog shows for the images that were picked, or, when none is, for all that the query finds: each with what will become of it.
///
/// # Errors
/// `NotFound` when the caller has no project.
pub fn bulk_options(ctx: &Ctx, place: &Place, form: &BulkForm, query: &ImageQuery) -> Result<BulkOptions> {
    let most = ctx.app.settings.bulk_images_max;
    let region = people::region_of(ctx, place)?;
    let picked: Vec<ImageId> = form.images.iter().filter_map(|id| id.parse().ok()).collect();
    let ids = match form.images.is_empty() {
        true => found(ctx, place, query)?.iter().map(|image| image.id).collect(),
        false => picked,
    };
    let n_found = u32::try_from(ids.len()).unwrap_or(u32::MAX);
    let act = if form.action == "delete" { Act::ImageDelete } else { Act::ImageUpdate };
    let regions = people::regions(ctx)?;
    let mut gone: BTreeMap<(AccountId, RegionId), (&Region, BTreeSet<Subject>)> = BTreeMap::new();
    let mut stays = None;
    let deletes = form.action == "delete";
    let mut leaders = Leaders::new();
    let mut lines = Vec::new();
    for id in ids.into_iter().take(most as usize) {
        let image = match load(ctx, id, act) {
            Ok((image, _)) => image,
            // As in `bulk`; what the role forbids is not offered either.
            Err(error) if matches!(error.kind, Kind::NotFound | Kind::Forbidden) => continue,
            Err(error) => return Err(error),
        };
        let refused = refused(ctx, &image, &form.action)?;
        if refused.is_none() && image.status == Status::Available {
            // An image is charged where it is, which need not be where its owner looks.
            let home = regions.iter().find(|r| r.id == image.region).unwrap_or(&region);
            let place = (image.account, home.id.clone());
            gone.entry(place).or_insert_with(|| (home, BTreeSet::new())).1.insert(Subject::Image(id));
            if deletes && stays.is_none() {
                stays = service_stays(ctx, &image, home)?;
            }
        }
        lines.push(BulkLine {
            image: id,
            name: image.name.clone(),
            refused: refused.is_some(),
            text: refused
                .unwrap_or_else(|| if deletes { hangs(ctx, &mut leaders, &image) } else { String::new() }),
        });
    }
    let (mut month, mut bin_month, mut charged_bytes) = (Money::ZERO, Money::ZERO, 0u64);
    for ((account, _), (home, gone)) in gone.iter().filter(|_| deletes) {
        let saved = charged::saved(ctx, *account, home, gone);
        month = month + saved.month;
        if home.recycle_days > 0 {
            bin_month = bin_month + saved.bin_month;
        }
        charged_bytes = charged_bytes.saturating_add(saved.bytes);
    }
    Ok(BulkOptions {
        charged_bytes,
        lines,
        n_found,
        n_max: most,
        month,
        bin_month,
        service_stays: stays,
        symbol: region.prices.symbol,
    })
}

/// The images that families stand for, by project and region: looked up once for all lines.
type Leaders = BTreeMap<(ProjectId, RegionId), Vec<ImageId>>;

/// What hangs on an image that will be deleted (D4): its family and scaling groups; empty for nothing.
fn hangs(ctx: &Ctx, leaders: &mut Leaders, image: &Image) -> String {
    let place = (image.project, image.region.clone());
    let leads = leaders.entry(place).or_insert_with(|| {
        life::families(ctx, image.project, &image.region).iter().map(|leader| leader.id).collect()
    });
    let family = leads.contains(&image.id).then(|| format!("The family {} means it now", image.family));
    let groups = groups::using(ctx, image);
    let groups = groups.split_first().map(|(one, others)| match others.len() {
        0 => format!("The scaling group {} makes its machines from it", one.name),
        n => format!("The scaling group {} and {n} more make their machines from it", one.name),
    });
    [family, groups].into_iter().flatten().collect::<Vec<_>>().join(". ")
}

/// Why the image will be refused, as far as it can be known before.
fn refused(ctx: &Ctx, image: &Image, action: &str) -> Result<Option<String>> {
    let wanted = if action == "delete" { Action::Delete } else { Action::Edit };
    let reason = match image.can(wanted) {
        Err(reason) => Some(reason),
        Ok(()) if action == "delete" => shares::unsharing(ctx, image.id)?.map(|unsharing| unsharing.reason),
        Ok(()) => None,
    };
    Ok(reason.map(|reason| reason.sentence()))
}

/// Does it to each image. Gives one line per image, in the order sent.
///
/// # Errors
/// `Invalid` with fields, before anything is done; when the store cannot be used, after which the form can be sent again: what is done is
/// done, and doing it again changes nothing.
pub fn bulk(ctx: &Ctx, form: &BulkForm) -> Result<Vec<BulkLine>> {
    let Bulk { action, images } =
        form.parse(ctx.app.settings.bulk_images_max, ctx.app.settings.tag_lengths)?;
    let mut lines = Vec::with_capacity(images.len());
    for id in images {
        let name = match load(ctx, id, Act::ImageGet) {
            Ok((image, _)) => image.name,
            // Gone meanwhile, or never theirs: there is nothing to say about it.
            Err(error) if error.kind == Kind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let outcome = one(ctx, id, &action);
        let (refused, text) = match outcome {
            Ok(done) => (false, done.to_owned()),
            Err(error) if error.kind.retryable() => return Err(error),
            Err(error) => {
                (true, error.fields.into_iter().next().map_or(error.message, |field| field.message))
            }
        };
        lines.push(BulkLine { image: id, name, refused, text });
    }
    Ok(lines)
}

fn one(ctx: &Ctx, id: ImageId, action: &BulkAction) -> Result<&'static str> {
    match action {
        BulkAction::Delete => match delete(ctx, &DeleteImageForm::at_once(id)) {
            Ok(Deleted::Recycled(_) | Deleted::Leaves(_)) => Ok("In the recycle bin"),
            Ok(Deleted::Removed(_)) => Ok("Deleting"),
            // Done before, when a first try was interrupted.
            Err(error) if error.code == "image_recycled" => Ok("In the recycle bin"),
            Err(error) => Err(error),
        },
        BulkAction::Protect => protect(ctx, id, true).map(|_| "Protected"),
        BulkAction::Unprotect => protect(ctx, id, false).map(|_| "No longer protected"),
        BulkAction::Tag(added) => retag(ctx, id, |all| all.extend(added.clone())).map(|_| "Tagged"),
        BulkAction::Untag(keys) => {
            retag(ctx, id, |all| all.retain(|key, _| !keys.contains(key))).map(|_| "Tags taken away")
        }
    }
}

fn retag(ctx: &Ctx, id: ImageId, work: impl Fn(&mut tags::Tags)) -> Result<ImageId> {
    change(ctx, id, |image| {
        let before = image.tags.clone();
        work(&mut image.tags);
        if image.tags == before {
            return Ok(None);
        }
        few_enough(ctx, &image.tags)?;
        let detail = format!(
            "Changed the tags to {}.",
            match image.tags.is_empty() {
                true => "none".to_owned(),
                false => tags::text(&image.tags).replace('\n', ", "),
            }
        );
        Ok(Some(("image.update", "the tags".to_owned(), detail)))
    })
}
