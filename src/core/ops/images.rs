//! Use cases of images: making them, and what the others share. Changing is in `images/edit.rs`, deleting and the recycle bin in
//! `images/bin.rs`, many at once in `images/bulk.rs`, copying in `images/copy.rs`, reading for a page in `images/read.rs`, the provider's
//! own in `provider.rs`.

mod bin;
mod bulk;
mod copy;
mod edit;
mod export;
pub(crate) mod life;
mod read;
mod sums;

pub use bin::{
    Deleted, delete, deletion, keep, list_bin, purge, purge_all, restoration, restore, sweep_bin,
    sweep_leaving,
};
pub(crate) use bin::{hold_in_bin, let_out_of_bin, n_listed, n_recycled};
pub use bulk::{bulk, bulk_options};
pub use copy::{copy, copy_options};
pub(crate) use copy::{copy_blocked, free_name};
pub use edit::{protect, update};
pub use export::{ExportRow, export, export_public};
pub use life::{Staged, set_stage, sweep_plans, unplan};
pub(crate) use read::{capture_blocked, choice, link, public};
pub use read::{capture_options, detail, list, list_public, row};
pub use sums::Sums;

use super::audit::{self, Entry};
use super::ctx::{Ctx, Permit};
use super::{billing, ledger, prices, shares, snapshots, tasks};
use crate::domain::form::{CreateImage, CreateImageForm};
use crate::domain::ids::{AccountId, ImageId, ProjectId, RegionId, Subject, TaskId};
use crate::domain::image::made::{Inherited, Made};
use crate::domain::image::{self, Action, BootMode, Image, Os, Source, Status, Visibility, What};
use crate::domain::instance::{self, Instance, Origin};
use crate::domain::policy::{Act, Resource};
use crate::domain::price::PriceBook;
use crate::domain::region::{Region, Switch};
use crate::domain::task::Kind as TaskKind;
use crate::domain::text::Name;
use crate::domain::{Error, Kind, Result};
use crate::store::Tx;
use crate::store::records::index;

/// What the policy is asked about an image. A public one that was deleted is its provider's alone.
pub fn resource(image: &Image) -> Resource {
    match image.visibility {
        Visibility::Public if image.status != Status::Recycled => Resource::PublicImage,
        Visibility::Public | Visibility::Private => {
            Resource::Project { account: image.account, project: image.project }
        }
    }
}

/// Loads an image the caller may see.
///
/// # Errors
/// `NotFound`, also when it belongs to somebody else.
pub fn load(ctx: &Ctx, id: ImageId, act: Act) -> Result<(Image, Permit)> {
    let found = ctx.read::<Image>(&id)?;
    let Some(image) = found else {
        ctx.authorize(act, &Resource::Provider, "image")?;
        return Err(Error::not_found("image"));
    };
    let resource = match shares::given(ctx, &image)? {
        Some(share) => shares::resource(&share),
        None => resource(&image),
    };
    let permit = ctx.authorize(act, &resource, "image")?;
    Ok((image, permit))
}

/// Makes an image of a machine (P1, P2, P4): takes the quota and the name, marks the machine, creates the task; all in one commit.
///
/// # Errors
/// `Invalid` with fields; `image_limit_reached`; `storage_limit_reached`; `image_feature_off` (P15); `image_name_taken`; the machine's
/// reason; at `what` `no_data_disks`, `data_disk_kind` (U3), `not_a_data_disk`; for a whole machine `snapshot_service_off` and
/// `snapshot_feature_off` (U4); `price_changed`; `task_limit_reached`.
pub fn create(ctx: &Ctx, form: &CreateImageForm) -> Result<ImageId> {
    let command = form.parse()?;
    let (machine, permit) = super::instances::load(ctx, command.instance, Act::ImageCreate)?;
    let (id, task) = (ImageId(ctx.app.ids.uuid()), TaskId(ctx.app.ids.uuid()));
    ctx.transact(&permit, |tx| {
        let mut machine = tx.get::<Instance>(&machine.id)?.ok_or_else(|| Error::not_found("instance"))?;
        machine.can(instance::Action::Capture)?;
        billing::may_begin(tx, ctx, machine.account)?;
        let kind = machine.can_capture(command.what).map_err(|reason| Error::from(reason).at("what"))?;
        let region = region_with_images(tx, ctx, &machine.region)?;
        service_for(tx, ctx, kind, machine.account, &region.id)?;
        price_unchanged(&region.prices, command.price_version)?;
        let limits = ledger::limits(tx, machine.account, &region)?;
        ledger::count(tx, machine.account, &region.id, |c| {
            c.take_create(machine.project, &limits)?;
            c.take_image(&limits)
        })?;
        take_name(tx, machine.account, &region.id, &command.name, id)?;
        let image = captured(tx, ctx, &command, &machine, kind, id, task)?;
        ledger::hold(tx, ctx, 0, &image, Some(&limits))?;
        tasks::begin(tx, ctx, &permit, task, TaskKind::ImageCreate, &tasks::About::image(&image))?;
        tx.put(&image)?;
        machine.capturing = Some(task);
        tx.put(&machine)?;
        let detail = taken_from(&machine, command.what);
        audit::write(tx, ctx, &permit, &entry(&image, "image.create", detail))
    })?;
    Ok(id)
}

/// Images of whole machines need the snapshot service, for as long as they are being made (U4).
pub(crate) fn service_for(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    kind: image::Kind,
    account: AccountId,
    region: &RegionId,
) -> Result<()> {
    if image::needs_snapshot_service(kind) {
        snapshots::service::required(tx, ctx, account, region)?;
    }
    Ok(())
}

/// From which disks of which machine, in a sentence.
fn taken_from(machine: &Instance, what: What) -> String {
    match what {
        What::System => format!("From {}.", machine.name),
        What::Machine => format!("From {} with its data disks.", machine.name),
        What::Disk(disk) => format!("From {} of {}.", machine.disk_name(disk), machine.name),
    }
}

/// What an image of something that was deployed from `origin` inherits (U17). Machines of older programs did not note it: as long as their
/// image is there, it is asked; after that nobody knows any more, and nothing is inherited but the licence.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn inherited(tx: &mut Tx<'_>, origin: &Origin) -> Result<Inherited> {
    match &origin.inherits {
        Some(noted) => Ok(noted.clone()),
        None => Ok(tx.get::<Image>(&origin.id)?.map(|parent| parent.passes_on()).unwrap_or_default()),
    }
}

fn captured(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    command: &CreateImage,
    machine: &Instance,
    kind: image::Kind,
    id: ImageId,
    task: TaskId,
) -> Result<Image> {
    let of = Made {
        account: machine.account,
        project: machine.project,
        region: &machine.region,
        zone: &machine.zone,
        boot: machine.boot,
        origin: &machine.origin,
    };
    let disk = match command.what {
        What::Disk(disk) => Some(disk),
        What::System | What::Machine => None,
    };
    let inherited = inherited(tx, &machine.origin)?;
    let mut image = Image {
        remark: command.remark.clone(),
        source: Some(Source { id: machine.id, name: machine.name.clone(), disk }),
        task: Some(task),
        ..Image::begun(id, command.name.clone(), kind, &of, inherited, ctx.now)
    };
    image.reserved_bytes = image.may_need(machine);
    Ok(image)
}

/// Makes a failed image again, in the slot and under the name it already has: from the same machine, or as a copy of the same image.
///
/// # Errors
/// `source_gone` when that is gone; its reason; the image's reason; `task_limit_reached`; what a copy is refused with.
pub(crate) fn retry(ctx: &Ctx, id: ImageId) -> Result<TaskId> {
    let (image, permit) = load(ctx, id, Act::ImageCreate)?;
    match image.copied_from.clone() {
        Some(from) => copy::again(ctx, &permit, id, &from),
        None => capture_again(ctx, &permit, &image),
    }
}

fn capture_again(ctx: &Ctx, permit: &Permit, image: &Image) -> Result<TaskId> {
    let task = TaskId(ctx.app.ids.uuid());
    ctx.transact(permit, |tx| {
        let mut image = tx.get::<Image>(&image.id)?.ok_or_else(|| Error::not_found("image"))?;
        image.can(Action::Retry)?;
        let source = image.source.clone().ok_or_else(|| gone(&image.name))?;
        let mut machine = tx.get::<Instance>(&source.id)?.ok_or_else(|| gone(&source.name))?;
        machine.can(instance::Action::Capture)?;
        machine.can_capture(image.what())?;
        billing::may_begin(tx, ctx, image.account)?;
        let region = region_with_images(tx, ctx, &image.region)?;
        service_for(tx, ctx, image.kind, image.account, &region.id)?;
        let limits = ledger::limits(tx, image.account, &region)?;
        ledger::count(tx, image.account, &region.id, |c| c.take_create(image.project, &limits))?;
        tasks::begin(tx, ctx, permit, task, TaskKind::ImageCreate, &tasks::About::image(&image))?;
        let held = image.held_bytes();
        if image.kind != image::Kind::Data && image.parent != Some(machine.origin.id) {
            // The machine was given another image since: what is captured now comes from that.
            let inherited = inherited(tx, &machine.origin)?;
            image = image.inheriting(&machine.origin, machine.boot, inherited);
        }
        image.status = Status::Creating;
        image.reserved_bytes = image.may_need(&machine);
        image.error = None;
        image.task = Some(task);
        ledger::hold(tx, ctx, held, &image, Some(&limits))?;
        machine.capturing = Some(task);
        tx.put(&machine)?;
        tx.put(&image)?;
        audit::write(tx, ctx, permit, &entry(&image, "image.retry", String::new()))
    })?;
    Ok(task)
}

fn gone(name: &Name) -> Error {
    Error::conflict(
        "source_gone",
        format!("The machine {name} is gone, so the image cannot be made again. Delete the image."),
    )
}

/// Takes a name that must be free in account and region.
pub(crate) fn take_name(
    tx: &mut Tx<'_>,
    account: AccountId,
    region: &RegionId,
    name: &Name,
    id: ImageId,
) -> Result<()> {
    let key = (account, region.clone(), name.as_str().to_lowercase());
    if tx.get_index::<ImageId>(index::IMAGE_BY_NAME, &key)?.is_some() {
        let mut free = name.successor();
        for _ in 0..50 {
            let key = (account, region.clone(), free.to_lowercase());
            if tx.get_index::<ImageId>(index::IMAGE_BY_NAME, &key)?.is_none() {
                break;
            }
            free = Name::parse(&free).map(|n| n.successor()).unwrap_or(free);
        }
        let message = format!("You already have an image with this name in {region}. Try {free}.");
        return Err(Error::conflict("image_name_taken", message).at("name"));
    }
    Ok(tx.put_index(index::IMAGE_BY_NAME, &key, &id)?)
}

/// An audit entry about an image.
pub(crate) fn entry<'a>(image: &'a Image, action: &'a str, detail: String) -> Entry<'a> {
    Entry {
        subject: Subject::Image(image.id),
        name: image.name.as_str(),
        account: Some(image.account),
        project: Some(image.project),
        region: Some(&image.region),
        action,
        detail,
    }
}

/// The region, if it exists and its image feature is on (P15).
pub(crate) fn region_with_images(tx: &mut Tx<'_>, ctx: &Ctx, id: &RegionId) -> Result<Region> {
    let region = prices::region(tx, ctx, id)?;
    match region.images {
        Switch::On => Ok(region),
        Switch::Off => Err(feature_off(&region)),
    }
}

pub(crate) fn feature_off(region: &Region) -> Error {
    Error { kind: Kind::Forbidden, ..region.images_off().into() }
}

/// A price that was shown must still hold.
pub(crate) fn price_unchanged(prices: &PriceBook, shown_version: u32) -> Result<()> {
    if prices.version == shown_version {
        return Ok(());
    }
    Err(Error::new(
        Kind::PriceChanged,
        "price_changed",
        "The price changed while you were looking. The new one is shown now; press the button again if you agree.",
    ))
}

/// What the provider says of a public image.
pub struct PublicImage {
    /// A system disk or an ISO.
    pub kind: image::Kind,
    /// Its name.
    pub name: Name,
    /// The system inside.
    pub os: Os,
    /// How it starts.
    pub boot: BootMode,
    /// Least virtual processors; 0 for no limit.
    pub min_vcpus: u32,
    /// Least memory, in MiB; 0 for no limit.
    pub min_memory_mib: u64,
    /// Licence code that everything derived carries on (U5); empty for none.
    pub licence: String,
    /// The provider's account.
    pub account: AccountId,
    /// The provider's project.
    pub project: ProjectId,
    /// Where.
    pub region: RegionId,
}
