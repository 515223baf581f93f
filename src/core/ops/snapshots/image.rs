//! An image from a snapshot (A1): the same manifests under another record, so it is there at once whatever its size. It has its own id and its
//! own charge, and stays when the snapshot goes.

use super::{load, service};
use crate::domain::error::Reason;
use crate::domain::form::{SnapshotImage, SnapshotImageForm};
use crate::domain::ids::{ImageId, SnapshotId};
use crate::domain::image::made::Made;
use crate::domain::image::{FromSnapshot, Image, Kind as ImageKind, Source, Status};
use crate::domain::policy::Act;
use crate::domain::region::{Region, Switch};
use crate::domain::snapshot::{Action, Snapshot};
use crate::domain::view::SnapshotImageOptions;
use crate::domain::{Error, Result};
use crate::ops::ctx::Ctx;
use crate::ops::{audit, billing, images, ledger, people};
use crate::store::Tx;

/// Makes an image from a snapshot: quota, name, record, meter and event in one commit.
///
/// # Errors
/// `Invalid` with fields; the snapshot's reason; `image_feature_off`; for a machine image `snapshot_service_off` (U4); `image_limit_reached`;
/// `storage_limit_reached`; `image_name_taken`; `price_changed`; `NotFound`.
pub fn create_image(ctx: &Ctx, form: &SnapshotImageForm) -> Result<ImageId> {
    let command = form.parse()?;
    let (_, permit) = load(ctx, command.snapshot, Act::ImageCreate)?;
    let id = ImageId(ctx.app.ids.uuid());
    ctx.transact(&permit, |tx| {
        let snapshot = super::fresh(tx, command.snapshot)?;
        snapshot.can(Action::Image)?;
        let region = images::region_with_images(tx, ctx, &snapshot.region)?;
        images::service_for(tx, ctx, snapshot.makes(), snapshot.account, &region.id)?;
        images::price_unchanged(&region.prices, command.price_version)?;
        billing::may_begin(tx, ctx, snapshot.account)?;
        let limits = ledger::limits(tx, snapshot.account, &region)?;
        ledger::count(tx, snapshot.account, &region.id, |c| c.take_image(&limits))?;
        images::take_name(tx, snapshot.account, &region.id, &command.name, id)?;
        let image = image(tx, ctx, &command, &snapshot, id)?;
        ledger::hold(tx, ctx, 0, &image, Some(&limits))?;
        ledger::charge_image(tx, ctx, &image)?;
        tx.put(&image)?;
        let detail = format!("From the snapshot {}.", snapshot.name);
        audit::write(tx, ctx, &permit, &images::entry(&image, "image.create", detail))
    })?;
    Ok(id)
}

fn image(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    command: &SnapshotImage,
    snapshot: &Snapshot,
    id: ImageId,
) -> Result<Image> {
    let of = Made {
        account: snapshot.account,
        project: snapshot.project,
        region: &snapshot.region,
        zone: &snapshot.zone,
        boot: snapshot.boot,
        origin: &snapshot.origin,
    };
    let kind = snapshot.makes();
    let disk = snapshot.disks.first().filter(|_| kind == ImageKind::Data).map(|d| d.disk);
    let inherited = images::inherited(tx, &snapshot.origin)?;
    let image = Image {
        remark: command.remark.clone(),
        status: Status::Available,
        source: Some(Source { id: snapshot.source.id, name: snapshot.source.name.clone(), disk }),
        from_snapshot: Some(FromSnapshot { id: snapshot.id, name: snapshot.name.clone() }),
        disks: snapshot.contents().cloned().collect(),
        consistency: snapshot.consistency,
        available: Some(ctx.now),
        ..Image::begun(id, command.name.clone(), kind, &of, inherited, ctx.now)
    };
    Ok(Image { min_disk_bytes: image.first_bytes(), ..image })
}

/// What the dialog that makes an image from a snapshot shows.
///
/// # Errors
/// `NotFound`; `Forbidden` for who may only look.
pub fn image_options(ctx: &Ctx, id: SnapshotId) -> Result<SnapshotImageOptions> {
    let (snapshot, _) = load(ctx, id, Act::ImageCreate)?;
    let region = people::region(ctx, &snapshot.region)?;
    let stored_bytes = snapshot.stored_bytes();
    Ok(SnapshotImageOptions {
        snapshot: id,
        makes: match snapshot.makes() {
            ImageKind::Machine => "machine image".to_owned(),
            ImageKind::Data => "data disk image".to_owned(),
            ImageKind::System | ImageKind::Iso => "system disk image".to_owned(),
        },
        suggested_name: images::free_name(ctx, &snapshot.name, snapshot.account, &[&region.id])?,
        stored_bytes,
        estimate: region.prices.image(region.prices.counted(stored_bytes, snapshot.size_bytes())),
        rate: region.prices.stored_rate(region.prices.image_gb_month),
        symbol: region.prices.symbol.clone(),
        price_version: region.prices.version,
        blocked: blocked(ctx, &snapshot, &region)?,
        name: snapshot.name,
        region: region.id,
    })
}

fn blocked(ctx: &Ctx, snapshot: &Snapshot, region: &Region) -> Result<Option<Reason>> {
    if let Err(reason) = snapshot.can(Action::Image) {
        return Ok(Some(reason));
    }
    if region.images == Switch::Off {
        return Ok(Some(region.images_off()));
    }
    if snapshot.makes() == ImageKind::Machine
        && let Some(reason) = service::blocked(ctx, snapshot.account, region)?
    {
        return Ok(Some(reason));
    }
    if let Some(reason) = billing::blocked(ctx, snapshot.account)? {
        return Ok(Some(reason));
    }
    let (mut counter, limits) = people::counter(ctx, snapshot.account, region)?;
    let held = ledger::held_by(ctx, snapshot.account, &region.id);
    let taken: Result<(), Error> = counter
        .take_image(&limits)
        .and_then(|()| counter.move_stored(0, snapshot.stored_bytes(), held, Some(&limits)));
    Ok(taken.err().map(|e| Reason::new(&e.code, e.message, "", "")))
}
