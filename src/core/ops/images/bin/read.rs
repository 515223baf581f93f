//! What the dialogs that delete and restore an image, and the page *Recycle bin*, show. Reads only.

use super::super::copy::free_name;
use super::super::read::{link, unique_bytes};
use super::super::{life, load, resource};
use crate::domain::Result;
use crate::domain::error::Reason;
use crate::domain::ids::{ImageId, ProjectId, RegionId, Subject};
use crate::domain::image::life::newest;
use crate::domain::image::list::ImageQuery;
use crate::domain::image::{Action, Bin, Image, Kind, Visibility};
use crate::domain::instance::{Disk, Instance};
use crate::domain::meter::Charge;
use crate::domain::page::Page;
use crate::domain::policy::Act;
use crate::domain::price::Estimate;
use crate::domain::region::{Region, Switch};
use crate::domain::view::{
    BinList, BinRow, FamilyAfter, ImageDeletion, ImageLink, ImageRestoration, InstanceLink,
};
use crate::ops::ctx::{Ctx, Place};
use crate::ops::usage::charged;
use crate::ops::{billing, groups, instances, people, shares, snapshots, usage};
use std::sync::Arc;

/// Images of project and region that stand in lists: all but deleted ones.
pub(crate) fn n_listed(ctx: &Ctx, group: &(ProjectId, RegionId)) -> u32 {
    ctx.app.images.tally(group, |sums| sums.n_listed)
}

/// Images of project and region that are in the recycle bin.
pub(crate) fn n_recycled(ctx: &Ctx, group: &(ProjectId, RegionId)) -> u32 {
    ctx.app.images.tally(group, |sums| sums.n_recycled)
}

/// What the dialog that deletes an image shows: consequences and money.
///
/// # Errors
/// `NotFound`; `Forbidden` for who may only look.
pub fn deletion(ctx: &Ctx, id: ImageId) -> Result<ImageDeletion> {
    let (image, _) = load(ctx, id, Act::ImageDelete)?;
    let region = people::region(ctx, &image.region)?;
    let stored_bytes = image.stored_bytes();
    let all = ctx.app.images.all();
    let copied = |i: &Image| i.copied_from.as_ref().is_some_and(|from| from.id == id);
    let visible = |i: &Image| ctx.may(Act::ImageGet, &resource(i));
    let machines = machines(ctx, &image);
    let saved = charged::saved(ctx, image.account, &region, &[Subject::Image(id)].into());
    let n_days = image.days_in_bin(region.recycle_days);
    let bin = (n_days > 0).then(|| Bin::from(ctx.now, n_days, ""));
    Ok(ImageDeletion {
        id,
        name: image.name.clone(),
        n_machines: match image.visibility {
            Visibility::Public => n_machines(ctx, id),
            Visibility::Private => u32::try_from(machines.len()).unwrap_or(u32::MAX),
        },
        machines,
        family: family_after(ctx, &image),
        copies: links(&all, |i| copied(i) && visible(i)),
        replaces: links(&all, |i| i.life.replacement == Some(id) && visible(i)),
        groups: groups::using(ctx, &image),
        unsharing: shares::unsharing(ctx, id)?,
        stored_bytes,
        unique_bytes: unique_bytes(ctx, &image)?.unwrap_or(stored_bytes),
        month: saved.month,
        bin_month: bin.as_ref().map(|_| saved.bin_month),
        undo_until: bin.map(|bin| bin.until),
        service_stays: service_stays(ctx, &image, &region)?,
        leaves: image.leaves,
        cost: usage::cost_of(ctx, image.account, Subject::Image(id))?,
        symbol: region.prices.symbol,
        blocked: image.can(Action::Delete).err(),
    })
}

/// What the snapshot service goes on costing when a machine image is gone (U13).
pub(in crate::ops::images) fn service_stays(
    ctx: &Ctx,
    image: &Image,
    region: &Region,
) -> Result<Option<Estimate>> {
    match image.kind == Kind::Machine && image.visibility == Visibility::Private {
        true => snapshots::service::price_if_on(ctx, image.account, region),
        false => Ok(None),
    }
}

fn links(all: &[Arc<Image>], wanted: impl Fn(&Image) -> bool) -> Vec<ImageLink> {
    let mut found: Vec<&Arc<Image>> = all.iter().filter(|i| i.status.listed() && wanted(i)).collect();
    found.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
    found.into_iter().map(|i| link(i)).collect()
}

/// Machines of the account that come from the image, in whatever project and region, as far as the caller may see them; by name.
fn machines(ctx: &Ctx, image: &Image) -> Vec<InstanceLink> {
    let all = ctx.app.instances.all();
    let own = all
        .iter()
        .filter(|i| i.account == image.account && (i.origin.id == image.id || has_disk_of(image, i)));
    let seen = own.filter(|i| ctx.may(Act::InstanceGet, &instances::resource(i)));
    let mut found: Vec<InstanceLink> = seen.map(|i| instances::link(i)).collect();
    found.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
    found
}

/// Whether the machine has a disk that was made from this data-disk image.
fn has_disk_of(image: &Image, machine: &Instance) -> bool {
    let content = |disk: &Disk| image.disks.iter().any(|own| Some(&own.fingerprint) == disk.base.as_ref());
    image.kind == Kind::Data && machine.disks.iter().any(content)
}

fn n_machines(ctx: &Ctx, id: ImageId) -> u32 {
    let n = ctx.app.instances.all().iter().filter(|i| i.origin.id == id).count();
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// What the image's family stands for without it.
fn family_after(ctx: &Ctx, image: &Image) -> Option<FamilyAfter> {
    if image.family.is_empty() {
        return None;
    }
    let leader = life::leader(ctx, image.project, &image.region, &image.family);
    let others = ctx.app.images.group(&(image.project, image.region.clone()));
    let others = others.iter().map(AsRef::as_ref).filter(|i: &&Image| i.id != image.id);
    Some(FamilyAfter {
        name: image.family.clone(),
        leads: leader.is_some_and(|leader| leader.id == image.id),
        next: newest(others, &image.family).map(link),
    })
}

/// What the dialog that takes an image out of the recycle bin shows.
///
/// # Errors
/// `NotFound`; `Forbidden` for who may only look.
pub fn restoration(ctx: &Ctx, id: ImageId) -> Result<ImageRestoration> {
    let (image, _) = load(ctx, id, Act::ImageRestore)?;
    let region = people::region(ctx, &image.region)?;
    Ok(ImageRestoration {
        id,
        name: image.name.clone(),
        free_name: free_name(ctx, &image.name, image.account, &[&region.id])?,
        n_shares: shares::n_open(ctx, id)?,
        estimate: region.prices.image(region.prices.counted(image.stored_bytes(), image.virtual_bytes())),
        bin_month: charged::image(ctx, &image, &region.prices)?.month,
        price_version: region.prices.version,
        symbol: region.prices.symbol.clone(),
        blocked: restore_blocked(ctx, &image, &region)?,
    })
}

/// The first reason that would refuse to restore the image, its name apart.
fn restore_blocked(ctx: &Ctx, image: &Image, region: &Region) -> Result<Option<Reason>> {
    if let Err(reason) = image.can(Action::Restore) {
        return Ok(Some(reason));
    }
    if let Some(reason) = billing::held(ctx, image)? {
        return Ok(Some(reason));
    }
    if region.images == Switch::Off {
        return Ok(Some(region.images_off()));
    }
    let (mut counter, limits) = people::counter(ctx, image.account, region)?;
    let slot = match image.visibility {
        Visibility::Private => counter.take_image(&limits),
        Visibility::Public => Ok(()),
    };
    Ok(slot.err().map(|e| Reason::new(&e.code, e.message, "", "")))
}

/// One page of the recycle bin of the project and region in force, deleted last first; with what `query` searches for.
///
/// # Errors
/// `NotFound` when the caller has no project; `Unauthenticated`.
pub fn list_bin(ctx: &Ctx, place: &Place, query: ImageQuery) -> Result<BinList> {
    let (project, own) = people::project_of(ctx, place, Act::ImageGet)?;
    let region = people::region_of(ctx, place)?;
    // Its order is its own.
    let ImageQuery { text, tags, page, size, .. } = query;
    let query = ImageQuery { text, tags, page, size, ..ImageQuery::default() };
    let all = ctx.app.images.group(&(project.id, region.id.clone()));
    let n_all = u32::try_from(all.len()).unwrap_or(u32::MAX);
    let binned: Vec<Arc<Image>> = all.into_iter().filter(|image| image.bin.is_some()).collect();
    let n_in_bin = u32::try_from(binned.len()).unwrap_or(u32::MAX);
    let stored_bytes = binned.iter().map(|image| image.stored_bytes()).fold(0, u64::saturating_add);
    let charged_bytes = charged::sum(ctx, (project.account, Some(project.id)), &region, &Charge::BinStorage);
    let needle = query.text.to_lowercase();
    let found: Vec<Arc<Image>> = binned.into_iter().filter(|image| query.matches(image, &needle)).collect();
    let since = |image: &Image| image.bin.as_ref().map(|bin| bin.since);
    let page =
        Page::cut_ordered(found, query.page, query.size, |a, b| (since(b), b.id).cmp(&(since(a), a.id)));
    let rows =
        page.rows.iter().filter_map(|image| row(ctx, image, &region).transpose()).collect::<Result<_>>()?;
    Ok(BinList {
        page: Page { rows, number: page.number, size: page.size, total: page.total },
        query,
        n_in_bin,
        n_images: n_all.saturating_sub(n_in_bin),
        stored_bytes,
        month: region.prices.in_bin(charged_bytes).month,
        charged_bytes,
        rate: region.prices.stored_rate(region.prices.bin_gb_month),
        symbol: region.prices.symbol.clone(),
        recycle_days: region.recycle_days,
        project_id: project.id,
        project: project.name,
        region: region.id,
        images: region.images,
        may_restore: ctx.may(Act::ImageRestore, &own),
        may_purge: ctx.may(Act::ImagePurge, &own),
        now: ctx.now,
    })
}

fn row(ctx: &Ctx, image: &Image, region: &Region) -> Result<Option<BinRow>> {
    let Some(bin) = &image.bin else { return Ok(None) };
    Ok(Some(BinRow {
        id: image.id,
        name: image.name.clone(),
        stored_bytes: image.stored_bytes(),
        by: bin.by.clone(),
        since: bin.since,
        until: bin.until,
        month: charged::image(ctx, image, &region.prices)?.month,
    }))
}
