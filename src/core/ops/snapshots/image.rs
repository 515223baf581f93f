//! An image from a snapshot (A1): the same manifests under another record, so it is there at once whatever its size. It has its own id and its
//! own charge, and stays when the snapshot goes.

use super::{load, service};
use crate::domain::error::Reason;
use crate::domain::form::{SnapshotImage, SnapshotImageForm};
use crate::domain::ids::{ImageId, SnapshotId};
use crate::domain::image::{FromSnapshot, Image, Kind as ImageKind, Source, Status, Visibility};
use crate::domain::policy::Act;
use crate::domain::region::{Region, Switch};
use crate::domain::snapshot::{Action, Snapshot};
use crate::domain::view::SnapshotImageOptions;
use crate::domain::{Error, Result};
use crate::ops::ctx::Ctx;
use crate::ops::{audit, billing, images, ledger, people};
use std::collections::{BTreeMap, BTreeSet};

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
        let image = image(ctx, &command, &snapshot, id);
        ledger::hold(tx, ctx, 0, &image, Some(&limits))?;
        ledger::charge_image(tx, ctx, &image)?;
        tx.put(&image)?;
        let detail = format!("From the snapshot {}.", snapshot.name);
        audit::write(tx, ctx, &permit, &images::entry(&image, "image.create", detail))
    })?;
    Ok(id)
}

fn image(ctx: &Ctx, command: &SnapshotImage, snapshot: &Snapshot, id: ImageId) -> Image {
    // What it inherits comes from the image its machine was deployed from, if that still exists.
    let parent = ctx.read::<Image>(&snapshot.origin.id).ok().flatten();
    let inherited = |f: fn(&Image) -> u64| parent.as_ref().map_or(0, f);
    let allowed = |f: fn(&Image) -> bool| parent.as_ref().is_some_and(f);
    let kind = snapshot.makes();
    let data = snapshot.disks.first().filter(|_| kind == ImageKind::Data).map(|d| d.disk);
    let image = Image {
        id,
        account: snapshot.account,
        project: snapshot.project,
        region: snapshot.region.clone(),
        name: command.name.clone(),
        remark: command.remark.clone(),
        kind,
        zone: (kind == ImageKind::Machine).then(|| snapshot.zone.clone()),
        status: Status::Available,
        visibility: Visibility::Private,
        protected: false,
        hidden: false,
        tags: BTreeMap::new(),
        properties: BTreeMap::new(),
        os: parent.as_ref().map(|p| p.os.clone()).unwrap_or_default(),
        architecture: parent.as_ref().map_or_else(|| "x86_64".to_owned(), |p| p.architecture.clone()),
        boot: snapshot.boot,
        nic_multiqueue: allowed(|p| p.nic_multiqueue),
        sriov: allowed(|p| p.sriov),
        min_vcpus: parent.as_ref().map_or(0, |p| p.min_vcpus),
        min_memory_mib: inherited(|p| p.min_memory_mib),
        max_memory_mib: inherited(|p| p.max_memory_mib),
        min_disk_bytes: 0,
        parent: Some(snapshot.origin.id),
        source: Some(Source { id: snapshot.source.id, name: snapshot.source.name.clone(), disk: data }),
        copied_from: None,
        from_snapshot: Some(FromSnapshot { id: snapshot.id, name: snapshot.name.clone() }),
        family: String::new(),
        life: Default::default(),
        bin: None,
        leaves: None,
        licence: snapshot.origin.licence.clone(),
        reserved_bytes: 0,
        reaches: BTreeSet::new(),
        disks: snapshot.contents().cloned().collect(),
        consistency: snapshot.consistency,
        error: None,
        task: None,
        created: ctx.now,
        available: Some(ctx.now),
        revision: 0,
        changed: None,
    };
    let image = Image { min_disk_bytes: image.first_bytes(), ..image };
    if kind == ImageKind::Data { image.without_system() } else { image }
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
