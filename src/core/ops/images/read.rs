//! What pages about images show. Reads only; every figure comes from records and the chunk store, none is made up.

use super::{load, resource};
use crate::domain::disk::DiskRole;
use crate::domain::error::Reason;
use crate::domain::ids::{ImageId, InstanceId, Subject};
use crate::domain::image::life::Stage;
use crate::domain::image::list::ImageQuery;
use crate::domain::image::{self, Image, Status, Visibility, What, tags};
use crate::domain::instance::{self, Disk, Instance};
use crate::domain::meter::Charge;
use crate::domain::money::Money;
use crate::domain::page::Page;
use crate::domain::policy::{Act, Resource};
use crate::domain::project::Project;
use crate::domain::region::{Region, Switch};
use crate::domain::text::Name;
use crate::domain::view::{
    CaptureChoice, CaptureOptions, ImageChoice, ImageDetail, ImageLink, ImageList, ImageRow, InstanceLink,
    PublicImages,
};
use crate::domain::{Error, Kind, Result};
use crate::ops::ctx::{Ctx, Place};
use crate::ops::usage::charged;
use crate::ops::{audit, billing, instances, ledger, people, shares, snapshots, tasks, usage};
use crate::ports::Fingerprint;
use crate::store::read_index;
use crate::store::records::index;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Tags that a filter proposes at most; any other can be typed.
const KNOWN_TAGS_MAX: usize = 100;

/// One page of My Images (P6), searched, filtered and sorted as `query` says.
///
/// # Errors
/// `NotFound` when the caller has no project; `Unauthenticated`.
pub fn list(ctx: &Ctx, place: &Place, query: ImageQuery) -> Result<ImageList> {
    let (project, permit_resource) = people::project_of(ctx, place, Act::ImageGet)?;
    let region = people::region_of(ctx, place)?;
    let needle = query.text.to_lowercase();
    let group = (project.id, region.id.clone());
    // One look at each image: with ten thousand of them, it is memory that takes the time.
    let page = ctx.app.images.look(&group, |images| {
        let listed = images.filter(|image| image.status != Status::Recycled && query.matches(image, &needle));
        let ranked = listed.map(|image| (query.rank(image), image)).collect();
        let page = Page::cut_ordered(ranked, query.page, query.size, |a, b| query.compare_ranked(a, b));
        page.map(|(_, image)| image.clone())
    });
    let page = page.try_map(|image| row(ctx, &image, &region))?;
    let (sums, known_tags) = ctx.app.images.tally(&group, |sums| {
        let tags = sums.tags().take(KNOWN_TAGS_MAX).map(|(key, value)| tags::label(key, value)).collect();
        ((sums.n_listed, sums.n_recycled, sums.virtual_bytes(), sums.stored_bytes()), tags)
    });
    let (n_all, n_in_bin, virtual_bytes, stored_bytes) = sums;
    let charged_bytes =
        charged::sum(ctx, (project.account, Some(project.id)), &region, &Charge::ImageStorage);
    Ok(ImageList {
        page,
        n_all,
        n_in_bin,
        virtual_bytes,
        stored_bytes,
        month: region.prices.image(charged_bytes).month,
        charged_bytes,
        rate: region.prices.stored_rate(region.prices.image_gb_month),
        symbol: region.prices.symbol.clone(),
        project: project.name,
        region: region.id,
        images: region.images,
        known_tags,
        may_change: ctx.may(Act::ImageCreate, &permit_resource),
        now: ctx.now,
        query,
    })
}

/// All images of the project and region in force that `query` finds, in its order.
///
/// # Errors
/// `NotFound` when the caller has no project; `Unauthenticated`.
pub(super) fn found(ctx: &Ctx, place: &Place, query: &ImageQuery) -> Result<Vec<Arc<Image>>> {
    let (project, _) = people::project_of(ctx, place, Act::ImageGet)?;
    let region = people::region_of(ctx, place)?;
    let needle = query.text.to_lowercase();
    let mut found = ctx.app.images.group(&(project.id, region.id));
    found.retain(|image| image.status != Status::Recycled && query.matches(image, &needle));
    found.sort_by(|a, b| query.compare(a, b));
    Ok(found)
}

/// A row of a list. The task is only looked up while it matters.
///
/// # Errors
/// When the store cannot be read.
pub fn row(ctx: &Ctx, image: &Image, region: &Region) -> Result<ImageRow> {
    let task = match image.status {
        Status::Available | Status::Recycled => None,
        Status::Creating | Status::Error | Status::Deleting => {
            image.task.and_then(|id| tasks::view(ctx, id).ok().flatten())
        }
    };
    Ok(ImageRow {
        id: image.id,
        name: image.name.clone(),
        kind: image.kind,
        tags: image.tags.clone(),
        protected: image.protected,
        source: image.source.as_ref().map(|s| s.name.clone()),
        virtual_bytes: image.virtual_bytes(),
        stored_bytes: image.stored_bytes(),
        status: image.status,
        stage: image.life.stage,
        leaves: image.leaves,
        instead: instead(ctx, image),
        error: image.error.clone(),
        task,
        created: image.created,
        month: (image.status == Status::Available)
            .then(|| charged::image(ctx, image, &region.prices).map(|estimate| estimate.month))
            .transpose()?,
    })
}

/// The name of what to use instead of an image that is no longer active.
fn instead(ctx: &Ctx, image: &Image) -> Option<Name> {
    let id = image.life.replacement.filter(|_| image.life.stage != Stage::Active)?;
    ctx.read::<Image>(&id).ok().flatten().filter(|image| image.status.listed()).map(|image| image.name)
}

/// The provider's images in the region in force.
///
/// # Errors
/// `Unauthenticated`.
pub fn list_public(ctx: &Ctx, place: &Place) -> Result<PublicImages> {
    ctx.authorize(Act::ImageGet, &Resource::PublicImage, "image")?;
    let region = people::region_of(ctx, place)?;
    let images = public(ctx, &region);
    let may_deploy = match people::project_of(ctx, place, Act::ProjectGet) {
        Ok((_, resource)) => ctx.may(Act::InstanceCreate, &resource),
        Err(_) => false,
    };
    Ok(PublicImages { images, region: region.id, may_deploy, now: ctx.now })
}

/// Deployable public images of a region, by name.
pub(crate) fn public(ctx: &Ctx, region: &Region) -> Vec<ImageChoice> {
    public_images(ctx, region).iter().map(|image| choice(ctx, image)).collect()
}

pub(super) fn public_images(ctx: &Ctx, region: &Region) -> Vec<Arc<Image>> {
    let mut found = ctx.app.images.all();
    found.retain(|i| {
        i.visibility == Visibility::Public
            && i.region == region.id
            && i.status == Status::Available
            && !i.hidden
    });
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// An image in the picker.
pub(crate) fn choice(ctx: &Ctx, image: &Image) -> ImageChoice {
    ImageChoice {
        id: image.id,
        name: image.name.clone(),
        os: image.os.version.clone(),
        virtual_bytes: image.virtual_bytes(),
        kind: image.kind,
        zone: image.zone.clone(),
        data_disks: image.data_disks().map(|disk| disk.virtual_bytes).collect(),
        min_disk_bytes: image.least_disk_bytes(),
        min_memory_mib: image.min_memory_mib,
        max_memory_mib: image.max_memory_mib,
        created: image.created,
        deprecated: image.life.stage == Stage::Deprecated,
        instead: instead(ctx, image),
        licence: image.licence.clone(),
        leads: String::new(),
        from: None,
    }
}

/// A named link to an image.
pub(crate) fn link(image: &Image) -> ImageLink {
    ImageLink { id: image.id, name: image.name.clone(), status: image.status }
}

/// An image in full.
///
/// # Errors
/// `NotFound`, also when it belongs to somebody else.
pub fn detail(ctx: &Ctx, place: &Place, id: ImageId) -> Result<ImageDetail> {
    let (image, _) = load(ctx, id, Act::ImageGet)?;
    let region = people::region(ctx, &image.region)?;
    let given = shares::given(ctx, &image)?;
    // Who received it sees what is in it and from whom it is, not what its owner does with it or pays for it.
    let own = given.is_none() && image.visibility == Visibility::Private;
    let project = match own {
        true => ctx.read::<Project>(&image.project)?.map(|p| p.name.to_string()).unwrap_or_default(),
        false => String::new(),
    };
    let source = match &image.source {
        Some(s) => instances::visible(ctx, s.id)?.map(|i| instances::link(&i)),
        None => None,
    };
    let visible = |id: Option<ImageId>| -> Result<Option<ImageLink>> {
        // Also one that is shared with them. What they may not see is as if it was not there.
        match id.map(|id| load(ctx, id, Act::ImageGet)).transpose() {
            Ok(found) => Ok(found.map(|(image, _)| link(&image))),
            Err(error) if matches!(error.kind, Kind::NotFound | Kind::Forbidden) => Ok(None),
            Err(error) => Err(error),
        }
    };
    let prices = &region.prices;
    let charge = image.charge().filter(|_| own);
    let estimate = charge.as_ref().map(|_| charged::image(ctx, &image, prices)).transpose()?;
    let (policy, shared) = match &given {
        Some(share) => (shares::resource(share), Some(shares::shared_by(ctx, share)?)),
        None => (resource(&image), None),
    };
    let may_copy = ctx.may(Act::ImageCopy, &policy);
    Ok(ImageDetail {
        tag_lengths: ctx.app.settings.tag_lengths,
        project,
        source,
        parent: visible(image.parent)?,
        // What was deleted itself is nothing to use instead; restored, it is again.
        replacement: visible(image.life.replacement)?.filter(|link| link.status.listed()),
        copied_from: visible(image.copied_from.as_ref().map(|c| c.id))?,
        machines: deployed_from(ctx, place, &image, own),
        task: if own { image.task.map(|t| tasks::view(ctx, t)).transpose()?.flatten() } else { None },
        cost: if own { usage::cost_of(ctx, image.account, Subject::Image(id))? } else { Money::ZERO },
        estimate,
        rate: prices.stored_rate(prices.rate(charge.as_ref().unwrap_or(&Charge::ImageStorage))),
        unique_bytes: if charge.is_some() { unique_bytes(ctx, &image)? } else { None },
        events: if own { audit::about(ctx, Subject::Image(id), Some(image.project), 10)? } else { vec![] },
        n_shares: if own { shares::n_open(ctx, id)? } else { 0 },
        symbol: region.prices.symbol,
        may_change: ctx.may(Act::ImageUpdate, &policy),
        may_deploy: ctx.may(Act::ImageDeploy, &policy),
        may_copy,
        may_ask: own && ctx.may(Act::QuotaAsk, &Resource::Account(image.account)),
        copy_blocked: if may_copy { super::copy_blocked(ctx, &image, given.as_ref())? } else { None },
        now: ctx.now,
        shared,
        image: if own || image.visibility == Visibility::Public { image } else { received(image) },
    })
}

/// An image without what is its owner's business alone. The tags stay: recipients see them (H, tags).
pub(super) fn received(image: Image) -> Image {
    Image {
        remark: String::new(),
        source: None,
        properties: Default::default(),
        changed: None,
        task: None,
        leaves: None,
        parent: None,
        reaches: Default::default(),
        copied_from: None,
        from_snapshot: None,
        ..image
    }
}

/// Machines deployed from the image: of its own project, or of the project in force for one that is public or somebody else's.
fn deployed_from(ctx: &Ctx, place: &Place, image: &Image, own: bool) -> Vec<InstanceLink> {
    let project = match own {
        true => Some(image.project),
        false => place.project.filter(|_| people::project_of(ctx, place, Act::InstanceGet).is_ok()),
    };
    let Some(project) = project else { return vec![] };
    let regions = std::iter::once(&image.region).chain(&image.reaches);
    let all = regions.flat_map(|region| ctx.app.instances.group(&(project, region.clone())));
    all.filter(|i| i.origin.id == image.id).map(|i| instances::link(&i)).collect()
}

/// Stored bytes that nothing else in the region needs which the account knows of: no image or snapshot of its own, no public image, and no
/// machine of its own. What other accounts have is theirs to know. `None` while the storage cannot tell.
pub(super) fn unique_bytes(ctx: &Ctx, image: &Image) -> Result<Option<u64>> {
    // Copies of one image have one content: it is named once, however many there are.
    let known = |i: &Image| i.account == image.account || i.visibility == Visibility::Public;
    let images = ctx.app.images.all().into_iter().filter(|i| i.region == image.region && i.id != image.id);
    let machines = ctx.app.instances.all().into_iter();
    let machines = machines.filter(|m| m.account == image.account && m.keeps_in(&image.region));
    let others: BTreeSet<String> = images
        .filter(|i| known(i))
        .flat_map(|i| i.disks.iter().map(|d| d.fingerprint.clone()).collect::<Vec<_>>())
        .chain(machines.flat_map(|m| m.contents().cloned().collect::<Vec<_>>()))
        .chain(snapshots::prints(ctx, image.account, &image.region))
        .collect();
    let others: Vec<Fingerprint> = others.into_iter().map(Fingerprint).collect();
    let Ok(blobs) = ctx.app.storage.region(&image.region) else { return Ok(None) };
    let mut total = 0u64;
    for disk in &image.disks {
        match blobs.unique_bytes(&Fingerprint(disk.fingerprint.clone()), &others) {
            Ok(bytes) => total = total.saturating_add(bytes),
            Err(_) => return Ok(None),
        }
    }
    Ok(Some(total))
}

/// What the dialog that makes an image of a machine shows.
///
/// # Errors
/// `NotFound`; `Forbidden` for who may only look.
pub fn capture_options(ctx: &Ctx, id: InstanceId) -> Result<CaptureOptions> {
    let (machine, _) = instances::load(ctx, id, Act::ImageCreate)?;
    let region = people::region(ctx, &machine.region)?;
    let system = machine.system_disk();
    let used_bytes = used_bytes(ctx, &machine, system);
    let left_out = machine.disks.iter().skip(1).map(|disk| machine.disk_label(disk)).collect();
    Ok(CaptureOptions {
        instance: id,
        name: machine.name.clone(),
        status: machine.status,
        suggested_name: free_name(ctx, &machine)?,
        disk_bytes: system.size_bytes,
        used_bytes,
        likely: region.prices.image(region.prices.counted(used_bytes, system.size_bytes)),
        most: region.prices.image(system.size_bytes),
        rate: region.prices.stored_rate(region.prices.image_gb_month),
        left_out,
        choices: capture_choices(ctx, &machine, &region)?,
        symbol: region.prices.symbol.clone(),
        price_version: region.prices.version,
        blocked: capture_blocked(ctx, &machine, &region)?,
        region: region.id,
    })
}

/// What of the machine an image can be made of: the system disk, the whole machine where it has data disks, and each data disk.
fn capture_choices(ctx: &Ctx, machine: &Instance, region: &Region) -> Result<Vec<CaptureChoice>> {
    let (counter, limits) = people::counter(ctx, machine.account, region)?;
    let held = ledger::held_by(ctx, machine.account, &region.id);
    let no_room = |disk_bytes| {
        let taken = counter.clone().move_stored(0, disk_bytes, held, Some(&limits));
        taken.err().map(|e| Reason::new(&e.code, e.message, "", ""))
    };
    let no_service = snapshots::service::blocked(ctx, machine.account, region)?;
    let data = || machine.disks.iter().filter(|disk| disk.role == DiskRole::Data);
    let whole = data().next().map(|_| (What::Machine, "machine".to_owned(), machine.disks.iter().collect()));
    let each = data().map(|disk| (What::Disk(disk.id), disk.id.to_string(), vec![disk]));
    let system = (What::System, "system".to_owned(), vec![machine.system_disk()]);
    let choice = |(what, slug, disks): (What, String, Vec<&Disk>)| {
        let disk_bytes = disks.iter().map(|disk| disk.size_bytes).fold(0, u64::saturating_add);
        let used = disks.iter().map(|disk| used_bytes(ctx, machine, disk)).fold(0, u64::saturating_add);
        let kind = match what {
            What::System => image::Kind::System,
            What::Machine => image::Kind::Machine,
            What::Disk(_) => image::Kind::Data,
        };
        CaptureChoice {
            what: slug,
            kind,
            disks: disks.iter().map(|disk| machine.disk_label(disk)).collect(),
            disk_bytes,
            used_bytes: used,
            likely: region.prices.image(region.prices.counted(used, disk_bytes)),
            most: region.prices.image(disk_bytes),
            needs_snapshot_service: image::needs_snapshot_service(kind),
            refused: machine
                .can_capture(what)
                .err()
                .or_else(|| no_service.clone().filter(|_| image::needs_snapshot_service(kind)))
                .or_else(|| no_room(disk_bytes)),
        }
    };
    Ok([system].into_iter().chain(whole).chain(each).map(choice).collect())
}

/// About what will be stored of a disk: what it occupies, with the image it grew from.
fn used_bytes(ctx: &Ctx, machine: &Instance, disk: &Disk) -> u64 {
    let written = ctx.app.hypervisor.disk_used_bytes(machine.id, disk.id).unwrap_or(0);
    let inherited = disk.base.as_ref().map_or(0, |base| {
        let blobs = ctx.app.storage.region(&machine.region);
        blobs.and_then(|b| b.size(&Fingerprint(base.clone()))).map_or(0, |size| size.stored_bytes)
    });
    written.saturating_add(inherited).min(disk.size_bytes)
}

/// The first reason that would refuse to make an image of the machine: what greys out the button, and what the dialog says before anybody
/// types a name.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn capture_blocked(ctx: &Ctx, machine: &Instance, region: &Region) -> Result<Option<Reason>> {
    if region.images == Switch::Off {
        return Ok(Some(region.images_off()));
    }
    if let Err(reason) = machine.can(instance::Action::Capture) {
        return Ok(Some(reason));
    }
    if let Some(reason) = billing::blocked(ctx, machine.account)? {
        return Ok(Some(reason));
    }
    let (mut counter, limits) = people::counter(ctx, machine.account, region)?;
    let taken = counter.take_create(machine.project, &limits).and_then(|()| counter.take_image(&limits));
    Ok(taken.err().map(|e| Reason::new(&e.code, e.message, "", "")))
}

fn free_name(ctx: &Ctx, machine: &Instance) -> Result<String> {
    let start = format!("{}-v1", machine.name);
    let mut name = Name::parse(&start).unwrap_or_else(|_| machine.name.clone());
    for _ in 0..200 {
        let key = (machine.account, machine.region.clone(), name.as_str().to_lowercase());
        if read_index::<ImageId>(ctx.app.store.as_ref(), index::IMAGE_BY_NAME, &key)?.is_none() {
            break;
        }
        name = Name::parse(&name.successor())
            .map_err(|message| Error::field("name", "invalid_input", message))?;
    }
    Ok(name.to_string())
}
