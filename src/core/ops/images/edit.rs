//! Changing what an image is called, how it is found and what machines made from it get (U8, A14, F9, F14), and protecting it.

use super::{entry, load, take_name};
use crate::domain::form::{EditImage, EditImageForm};
use crate::domain::ids::ImageId;
use crate::domain::image::tags::{self, Tags};
use crate::domain::image::{Action, Change, Image};
use crate::domain::policy::Act;
use crate::domain::size::{MIB, binary};
use crate::domain::text::Name;
use crate::domain::{Error, Result};
use crate::ops::ctx::Ctx;
use crate::ops::{audit, ledger, shares};
use crate::store::Tx;
use crate::store::records::index;

/// Changes an image, unless somebody changed it since the form was filled (A14).
///
/// # Errors
/// `Invalid`, also at `tags` for more than `image_tags_max`; `image_name_taken`; `image_changed` that says who changed what and when.
pub fn update(ctx: &Ctx, form: &EditImageForm) -> Result<ImageId> {
    let edit = form.parse(ctx.app.settings.tag_lengths)?;
    let id = edit.image;
    let (_, permit) = load(ctx, id, Act::ImageUpdate)?;
    ctx.transact(&permit, |tx| {
        let mut image = tx.get::<Image>(&id)?.ok_or_else(|| Error::not_found("image"))?;
        image.can(Action::Edit)?;
        if image.revision != edit.revision {
            return Err(stale(&image));
        }
        if image.name != edit.name {
            rename(tx, &image, &edit.name)?;
        }
        if let Some(tags) = edit.tags.as_ref().filter(|tags| **tags != image.tags) {
            few_enough(ctx, tags)?;
        }
        let before = image.labels();
        let what = apply(&mut image, &edit);
        if what.is_empty() {
            return Ok(());
        }
        let what = what.join(" and ");
        image.revision += 1;
        image.changed = Some(Change { by: ctx.actor.name().to_owned(), at: ctx.now, what: what.clone() });
        tx.put(&image)?;
        ledger::relabel(tx, ctx, &image, &before)?;
        audit::write(tx, ctx, &permit, &entry(&image, "image.update", format!("Changed {what}.")))?;
        match image.family == before.family {
            true => Ok(()),
            // What is shared stays when it leaves a family; who follows the one it comes into gets it.
            false => shares::follow(tx, ctx, &permit, &image),
        }
    })?;
    Ok(id)
}

/// Writes the changes into the image and says each in a few words.
fn apply(image: &mut Image, edit: &EditImage) -> Vec<String> {
    let mut what = Vec::new();
    if image.name != edit.name {
        what.push(format!("the name from “{}” to “{}”", image.name, edit.name));
        image.name = edit.name.clone();
    }
    if replace(&mut image.remark, edit.remark.as_ref()) {
        what.push("the remark".to_owned());
    }
    if replace(&mut image.family, edit.family.as_ref()) {
        what.push(match image.family.as_str() {
            "" => "the family to none".to_owned(),
            family => format!("the family to “{family}”"),
        });
    }
    if replace(&mut image.tags, edit.tags.as_ref()) {
        what.push(match image.tags.is_empty() {
            true => "the tags to none".to_owned(),
            false => format!("the tags to {}", tags::text(&image.tags).replace('\n', ", ")),
        });
    }
    if replace(&mut image.min_memory_mib, edit.min_memory_mib.as_ref()) {
        what.push(format!("the least memory to {}", limit(image.min_memory_mib)));
    }
    if replace(&mut image.max_memory_mib, edit.max_memory_mib.as_ref()) {
        what.push(format!("the most memory to {}", limit(image.max_memory_mib)));
    }
    if replace(&mut image.boot, edit.boot.as_ref()) {
        what.push(format!("the boot mode to {}", image.boot.word()));
    }
    let on = |on: bool| if on { "on" } else { "off" };
    if replace(&mut image.nic_multiqueue, edit.nic_multiqueue.as_ref()) {
        what.push(format!("the queues of the network card to {}", on(image.nic_multiqueue)));
    }
    if replace(&mut image.sriov, edit.sriov.as_ref()) {
        what.push(format!("the SR-IOV driver to {}", on(image.sriov)));
    }
    what
}

/// Puts the new value in place if there is one and it is another.
fn replace<T: Clone + PartialEq>(old: &mut T, new: Option<&T>) -> bool {
    match new {
        Some(new) if new != old => {
            *old = new.clone();
            true
        }
        _ => false,
    }
}

fn limit(mib: u64) -> String {
    if mib == 0 { "no limit".to_owned() } else { binary(mib.saturating_mul(MIB)) }
}

/// Whether an image may have so many tags (A2).
///
/// # Errors
/// `Invalid` at `tags` with the figure and the limit.
pub(super) fn few_enough(ctx: &Ctx, tags: &Tags) -> Result<()> {
    let most = ctx.app.settings.image_tags_max;
    match u32::try_from(tags.len()) {
        Ok(n) if n <= most => Ok(()),
        _ => Err(Error::field(
            "tags",
            "image_tag_limit_reached",
            format!("{} tags are too many. An image has at most {most}.", tags.len()),
        )),
    }
}

fn stale(image: &Image) -> Error {
    let who = image.changed.as_ref().map_or_else(
        || "Somebody changed this image while you were editing it.".to_owned(),
        |c| format!("{} changed {} on {} while you were editing.", c.by, c.what, c.at.minute()),
    );
    Error::conflict(
        "image_changed",
        format!("{who} The name is “{}” now. Check your text and save again.", image.name),
    )
}

fn rename(tx: &mut Tx<'_>, image: &Image, name: &Name) -> Result<()> {
    let (old, new) = (image.name.as_str().to_lowercase(), name.as_str().to_lowercase());
    if old != new {
        take_name(tx, image.account, &image.region, name, image.id)?;
        tx.delete_index(index::IMAGE_BY_NAME, &(image.account, image.region.clone(), old));
    }
    Ok(())
}

/// Protects an image from deletion, or ends that. Doing it twice changes nothing.
///
/// # Errors
/// `NotFound`; the image's reason.
pub fn protect(ctx: &Ctx, id: ImageId, on: bool) -> Result<ImageId> {
    change(ctx, id, |image| {
        if image.protected == on {
            return Ok(None);
        }
        image.protected = on;
        let what = if on { "image.protect" } else { "image.unprotect" };
        Ok(Some((what, "the protection".to_owned(), String::new())))
    })
}

/// What a change did: the word of the trail, the words for who edits meanwhile, and the detail of the trail.
pub(super) type Changed = (&'static str, String, String);

/// Changes one image that may be edited, in a commit of its own; `None` means that there was nothing to change.
///
/// # Errors
/// `NotFound`; the image's reason; what `work` refuses.
pub(super) fn change(
    ctx: &Ctx,
    id: ImageId,
    work: impl Fn(&mut Image) -> Result<Option<Changed>>,
) -> Result<ImageId> {
    let (_, permit) = load(ctx, id, Act::ImageUpdate)?;
    ctx.transact(&permit, |tx| {
        let mut image = tx.get::<Image>(&id)?.ok_or_else(|| Error::not_found("image"))?;
        image.can(Action::Edit)?;
        let before = image.labels();
        let Some((action, what, detail)) = work(&mut image)? else { return Ok(()) };
        image.revision += 1;
        image.changed = Some(Change { by: ctx.actor.name().to_owned(), at: ctx.now, what });
        tx.put(&image)?;
        ledger::relabel(tx, ctx, &image, &before)?;
        audit::write(tx, ctx, &permit, &entry(&image, action, detail))
    })?;
    Ok(id)
}
