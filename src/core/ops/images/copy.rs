//! Copying images into other projects and regions (U9, U10, A11): what the dialog shows, the commit, and doing a failed copy again.

use super::edit::few_enough;
use super::read::received;
use super::{entry, load, price_unchanged, take_name};
use crate::domain::error::Reason;
use crate::domain::form::{CopyImage, CopyImageForm};
use crate::domain::ids::{AccountId, ImageId, ProjectId, RegionId, TaskId, ZoneId};
use crate::domain::image::copy::Target;
use crate::domain::image::{self, Action, CopiedFrom, Image, ImageDisk, Status, Visibility};
use crate::domain::money::Money;
use crate::domain::policy::{Act, Resource};
use crate::domain::project::Project;
use crate::domain::region::Region;
use crate::domain::share::Share;
use crate::domain::task::{Kind as TaskKind, Origin};
use crate::domain::text::{Name, counted};
use crate::domain::view::{CopyCost, CopyOptions, CopyRegion, CopyWithData, ProjectChoice};
use crate::domain::{Error, Kind, Result};
use crate::ops::ctx::{Ctx, Permit};
use crate::ops::{audit, billing, ledger, people, prices, shares, tasks};
use crate::store::records::index;
use crate::store::{Tx, read_index};

/// Copies an image to a project, into several regions at once: for each the quota counter, the unique name, the record and, when the content
/// has to travel, the task; all of them in one commit or none. Inside its region a copy is available and charged at once.
///
/// # Errors
/// `Invalid` with fields; `not_found`, at `project` also when that belongs to another account; `image_not_available`; `image_deprecated` and
/// `image_disabled`, but for who loses the image on a day and saves it until then ([`Share::can_save`]); for each region
/// `image_feature_off` (P15), `copies_off`, `price_changed`, `image_limit_reached`, `storage_limit_reached`, `image_name_taken`; `no_zone`.
pub fn copy(ctx: &Ctx, form: &CopyImageForm) -> Result<Vec<ImageId>> {
    let command = form.parse(ctx.app.settings.tag_lengths)?;
    let (source, _) = load(ctx, command.image, Act::ImageCopy)?;
    let given = shares::given(ctx, &source)?;
    let (project, permit) =
        target_project(ctx, command.project, &source, given.as_ref()).map_err(|e| e.at("project"))?;
    let ids = || (ImageId(ctx.app.ids.uuid()), TaskId(ctx.app.ids.uuid()));
    let targets: Vec<(&RegionId, u32, (ImageId, TaskId))> =
        command.regions.iter().map(|(region, shown_version)| (region, *shown_version, ids())).collect();
    ctx.transact(&permit, |tx| {
        let source = tx.get::<Image>(&source.id)?.ok_or_else(|| Error::not_found("image"))?;
        let has = may_copy(tx, ctx, &source, given.as_ref(), project.id)?;
        billing::may_begin(tx, ctx, project.account)?;
        // Of a shared image its recipient gets what it contains, not where it comes from.
        let source = if given.is_some() { received(source) } else { source };
        for (region, shown_version, ids) in &targets {
            let region = target_region(tx, ctx, region, &source, has.as_ref())?;
            price_unchanged(&region.prices, *shown_version)?;
            copy_to(tx, ctx, &permit, &source, &project, &region, &command, *ids)?;
        }
        Ok(())
    })?;
    Ok(targets.into_iter().map(|(_, _, (id, _))| id).collect())
}

/// Whether the image may be copied into the project `target` now; gives the share by which it may. A project that has the image copies it
/// as its recipient, whoever else its people are: what it was promised does not depend on that ([`Share::can_save`]).
fn may_copy(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    source: &Image,
    given: Option<&Share>,
    target: ProjectId,
) -> Result<Option<Share>> {
    let given = match given {
        Some(share) => Some(shares::still_given(tx, ctx, source, share.recipient)?),
        None => match source.can(Action::Copy) {
            Ok(()) => return Ok(None),
            Err(_) => None,
        },
    };
    let own = tx.get::<Share>(&(source.id, target))?.filter(|share| share.gives(source, ctx.now));
    let has = own.or(given);
    match &has {
        Some(share) => share.can_save(source)?,
        None => source.can(Action::Copy)?,
    }
    Ok(has)
}

/// Whether a copy may belong to this project: private images stay inside their account, shared ones become their recipient's (H10).
fn may_belong(source: &Image, given: Option<&Share>, project: &Project) -> bool {
    let account = given.map_or(source.account, |share| share.recipient_account);
    source.visibility == Visibility::Public || project.account == account
}

/// The project that a copy is for, if the caller may make images there.
fn target_project(
    ctx: &Ctx,
    id: ProjectId,
    source: &Image,
    given: Option<&Share>,
) -> Result<(Project, Permit)> {
    let found = ctx.read::<Project>(&id)?;
    let project =
        found.filter(|p| may_belong(source, given, p)).ok_or_else(|| Error::not_found("project"))?;
    let permit = ctx.authorize(Act::ImageCreate, &of_project(&project), "project")?;
    Ok((project, permit))
}

fn of_project(project: &Project) -> Resource {
    Resource::Project { account: project.account, project: project.id }
}

/// The region, if it takes a copy of `source`.
fn target_region(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    id: &RegionId,
    source: &Image,
    given: Option<&Share>,
) -> Result<Region> {
    let region = prices::region(tx, ctx, id).map_err(|e| e.at("regions"))?;
    match source.can_copy_to(&region, given.is_some()) {
        Ok(()) => Ok(region),
        Err(reason) => Err(Error { kind: Kind::Forbidden, ..reason.into() }.at("regions")),
    }
}

/// The zone that a copy with its data disks is for: in its region the image's own, elsewhere the first of the region's (U16).
fn zone_of_copy(source: &Image, region: &Region) -> Option<ZoneId> {
    let own = source.zone.clone().filter(|_| source.is_in(&region.id));
    own.or_else(|| region.zones.first().cloned())
}

fn no_zone(region: &Region) -> Error {
    let message =
        format!("{} has no zone that the copy could be deployed in. Leave out the data disks.", region.id);
    Error::conflict("no_zone", message).at("data_disks")
}

#[expect(clippy::too_many_arguments, reason = "each is another thing, and it is called once")]
fn copy_to(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    permit: &Permit,
    source: &Image,
    project: &Project,
    region: &Region,
    command: &CopyImage,
    (id, task): (ImageId, TaskId),
) -> Result<()> {
    let limits = ledger::limits(tx, project.account, region)?;
    ledger::count(tx, project.account, &region.id, |c| c.take_image(&limits).map_err(|e| e.at("regions")))?;
    take_name(tx, project.account, &region.id, &command.name, id)?;
    let whole = source.kind == image::Kind::Machine && command.with_data;
    let target = Target {
        kind: if source.kind == image::Kind::Machine && !whole { image::Kind::System } else { source.kind },
        zone: if whole { Some(zone_of_copy(source, region).ok_or_else(|| no_zone(region))?) } else { None },
        id,
        account: project.account,
        project: project.id,
        region: region.id.clone(),
        name: command.name.clone(),
        remark: command.remark.clone(),
        task,
    };
    let mut image = source.copy(target, ctx.now);
    if let Some(family) = &command.family {
        image.family.clone_from(family);
    }
    if let Some(tags) = &command.tags {
        few_enough(ctx, tags)?;
        image.tags.clone_from(tags);
    }
    ledger::hold(tx, ctx, 0, &image, Some(&limits)).map_err(|e| e.at("regions"))?;
    if image.status == Status::Available {
        ledger::charge_image(tx, ctx, &image)?;
    } else {
        begin(tx, ctx, permit, task, source, &image)?;
    }
    tx.put(&image)?;
    let from = format!("From {} in {}.", source.name, source.region);
    audit::write(tx, ctx, permit, &entry(&image, "image.copy", from))?;
    // Inside its region it is available already; elsewhere its task passes it on.
    shares::follow(tx, ctx, permit, &image)?;
    // What others do with an image that is public or was given to them is not told in its owner's trail.
    if source.visibility == Visibility::Private && source.account == project.account {
        let to = format!("To {} in {}.", image.name, image.region);
        audit::write(tx, ctx, permit, &entry(source, "image.copy", to))?;
    }
    Ok(())
}

/// Begins to bring the content of `source` to where `image` is.
fn begin(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    permit: &Permit,
    task: TaskId,
    source: &Image,
    image: &Image,
) -> Result<()> {
    let origin = Origin { region: source.region.clone(), disks: source.disks_for(image.kind) };
    tasks::begin(tx, ctx, permit, task, TaskKind::ImageCopy, &tasks::About::copy(image, origin))
}

/// Does a failed copy again, in the slot and under the name it already has, from the same image.
///
/// # Errors
/// `source_gone` when that image is gone or the caller may not copy it any more; its reason; the reason of the copy; `image_feature_off`;
/// `copies_off`; `storage_limit_reached`.
pub(super) fn again(ctx: &Ctx, permit: &Permit, id: ImageId, from: &CopiedFrom) -> Result<TaskId> {
    let gone = || {
        Error::conflict(
            "source_gone",
            format!(
                "The image {} in {} is gone, so it cannot be copied again. Delete the copy.",
                from.name, from.region
            ),
        )
    };
    load(ctx, from.id, Act::ImageCopy).map_err(|e| if e.kind == Kind::NotFound { gone() } else { e })?;
    let task = TaskId(ctx.app.ids.uuid());
    ctx.transact(permit, |tx| {
        let mut image = tx.get::<Image>(&id)?.ok_or_else(|| Error::not_found("image"))?;
        image.can(Action::Retry)?;
        let source = tx.get::<Image>(&from.id)?.ok_or_else(gone)?;
        if source.status == Status::Deleting {
            return Err(gone());
        }
        source.can(Action::Copy)?;
        let region = target_region(tx, ctx, &image.region, &source, None)?;
        billing::may_begin(tx, ctx, image.account)?;
        begin(tx, ctx, permit, task, &source, &image)?;
        let (held, limits) = (image.held_bytes(), ledger::limits(tx, image.account, &region)?);
        image.status = Status::Creating;
        image.reserved_bytes = source.stored_bytes_for(image.kind);
        ledger::hold(tx, ctx, held, &image, Some(&limits))?;
        image.error = None;
        image.task = Some(task);
        tx.put(&image)?;
        audit::write(tx, ctx, permit, &entry(&image, "image.retry", String::new()))
    })?;
    Ok(task)
}

/// What the dialog that copies an image shows: it proposes the image's own project, else the one that the caller works in.
///
/// # Errors
/// `NotFound`; `Forbidden` for who may only look.
pub fn copy_options(ctx: &Ctx, id: ImageId, works_in: Option<ProjectId>) -> Result<CopyOptions> {
    let (image, _) = load(ctx, id, Act::ImageCopy)?;
    let given = shares::given(ctx, &image)?;
    let projects = target_projects(ctx, &image, given.as_ref())?;
    let targets = targets(ctx, &image, given.as_ref(), &projects)?;
    let plain = image.disks_for(image::Kind::System);
    let sum = |of: fn(&ImageDisk) -> u64| plain.iter().map(of).fold(0, u64::saturating_add);
    let home = given.as_ref().map_or(image.project, |share| share.recipient);
    let by_id = |id| projects.iter().find(|p| p.id == id);
    let own = by_id(home).or_else(|| works_in.and_then(by_id)).or_else(|| projects.first());
    let regions: Vec<&RegionId> = targets.iter().map(|t| &t.id).collect();
    let suggested_name = match own {
        Some(project) => free_name(ctx, &image.name, project.account, &regions)?,
        None => image.name.to_string(),
    };
    Ok(CopyOptions {
        image: id,
        name: image.name.clone(),
        region: image.region.clone(),
        project: own.map(|p| p.id),
        suggested_name,
        tags: image.tags.clone(),
        kind: image.kind,
        virtual_bytes: sum(|disk| disk.virtual_bytes),
        stored_bytes: sum(|disk| disk.stored_bytes),
        with_data: (image.kind == image::Kind::Machine).then(|| CopyWithData {
            disks: image.disk_labels().into_iter().skip(1).collect(),
            virtual_bytes: image.virtual_bytes(),
            stored_bytes: image.stored_bytes(),
        }),
        n_copies_max: ctx.app.settings.n_copies_max,
        blocked: blocked(&image, given.as_ref(), &projects, &targets),
        projects: projects.iter().map(|p| people::choice(ctx, p)).collect::<Result<Vec<ProjectChoice>>>()?,
        regions: targets,
    })
}

/// The first reason that would refuse to copy the image anywhere, for who has it by the share `given`, if by any: what greys out the
/// button, and what the dialog says before anybody chooses anything.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn copy_blocked(ctx: &Ctx, image: &Image, given: Option<&Share>) -> Result<Option<Reason>> {
    let projects = target_projects(ctx, image, given)?;
    let targets = targets(ctx, image, given, &projects)?;
    Ok(blocked(image, given, &projects, &targets))
}

fn blocked(
    image: &Image,
    given: Option<&Share>,
    projects: &[Project],
    targets: &[CopyRegion],
) -> Option<Reason> {
    let copied = given.map_or_else(|| image.can(Action::Copy), |share| share.can_save(image));
    if let Err(reason) = copied {
        return Some(reason);
    }
    if projects.is_empty() {
        return Some(Reason::new(
            "no_project",
            "There is no project that you may make images in.",
            "",
            "Ask an owner of your account for a higher role.",
        ));
    }
    let mut refused = targets.iter().map(|t| t.refused.as_ref());
    if refused.clone().any(|reason| reason.is_none()) {
        return None;
    }
    // Nowhere: said of its own region, where a copy would be wanted first.
    let own = targets.iter().find(|t| t.inside).and_then(|t| t.refused.as_ref());
    own.or_else(|| refused.next().flatten()).cloned()
}

/// Projects that the caller may copy the image to.
fn target_projects(ctx: &Ctx, image: &Image, given: Option<&Share>) -> Result<Vec<Project>> {
    let all = people::projects(ctx)?;
    Ok(all
        .into_iter()
        .filter(|p| may_belong(image, given, p) && ctx.may(Act::ImageCreate, &of_project(p)))
        .collect())
}

/// All regions, as the account of these projects finds them; none for who has no project to copy to.
fn targets(ctx: &Ctx, image: &Image, given: Option<&Share>, projects: &[Project]) -> Result<Vec<CopyRegion>> {
    let Some(account) = projects.first().map(|p| p.account) else { return Ok(vec![]) };
    people::regions(ctx)?.iter().map(|region| target(ctx, image, given, account, region)).collect()
}

fn target(
    ctx: &Ctx,
    image: &Image,
    given: Option<&Share>,
    account: AccountId,
    region: &Region,
) -> Result<CopyRegion> {
    let (mut counter, limits) = people::counter(ctx, account, region)?;
    let left = limits.n_images_max.saturating_sub(counter.n_images);
    let quota = format!(
        "{} of {} used in {}, {left} left.",
        counter.n_images,
        counted(limits.n_images_max, "image"),
        region.id
    );
    let plain = image.stored_bytes_for(image::Kind::System);
    let whole = image.kind == image::Kind::Machine;
    let held = ledger::held_by(ctx, account, &region.id);
    let arrears = billing::blocked(ctx, account)?;
    let slot = counter
        .take_image(&limits)
        // What is copied at least; with its data disks it may still be too much, which the commit says.
        .and_then(|()| counter.move_stored(0, plain, held, Some(&limits)))
        .map_err(|e| Reason::new(&e.code, e.message, "", ""));
    let origin = people::region(ctx, &image.region)?;
    let cost = |kind| {
        let stored_bytes = image.stored_bytes_for(kind);
        let transfer = match image.is_in(&region.id) {
            true => Money::ZERO,
            false => origin.prices.transfer(stored_bytes),
        };
        CopyCost { stored_bytes, estimate: image.estimate_for(kind, &region.prices), transfer }
    };
    Ok(CopyRegion {
        refused: arrears.map_or(Ok(()), Err).and(image.can_copy_to(region, given.is_some())).and(slot).err(),
        inside: image.is_in(&region.id),
        free_name: free_name(ctx, &image.name, account, &[&region.id])?,
        cost: cost(image::Kind::System),
        with_data: whole.then(|| cost(image::Kind::Machine)),
        zone: if whole { zone_of_copy(image, region) } else { None },
        rate: region.prices.stored_rate(region.prices.image_gb_month),
        symbol: region.prices.symbol.clone(),
        price_version: region.prices.version,
        quota,
        id: region.id.clone(),
    })
}

/// The name, or the first of its successors that is free in all these regions.
pub(crate) fn free_name(ctx: &Ctx, name: &Name, account: AccountId, regions: &[&RegionId]) -> Result<String> {
    let taken = |name: &Name| -> Result<bool> {
        for region in regions {
            let key = (account, (*region).clone(), name.as_str().to_lowercase());
            if read_index::<ImageId>(ctx.app.store.as_ref(), index::IMAGE_BY_NAME, &key)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    };
    let mut name = name.clone();
    for _ in 0..200 {
        if !taken(&name)? {
            break;
        }
        name = Name::parse(&name.successor())
            .map_err(|message| Error::field("name", "invalid_input", message))?;
    }
    Ok(name.to_string())
}
