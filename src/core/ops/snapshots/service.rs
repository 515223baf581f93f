//! The snapshot service of an account in a region: turning it on and off, and asking whether it is on in the transaction of what needs it (U4).
//! What was taken stays when it is turned off, and goes on costing for its bytes until it is deleted.

use crate::domain::error::Reason;
use crate::domain::form::ServiceForm;
use crate::domain::ids::{AccountId, RegionId};
use crate::domain::image;
use crate::domain::meter::Charge;
use crate::domain::policy::{Act, Resource};
use crate::domain::price::Estimate;
use crate::domain::project::{Account, Project};
use crate::domain::region::{Region, Switch};
use crate::domain::snapshot::{SnapshotService, Status};
use crate::domain::view::ServiceView;
use crate::domain::{Error, Kind, Result};
use crate::ops::audit::{self, Entry};
use crate::ops::ctx::{App, Ctx, Permit, Place, each};
use crate::ops::usage::charged;
use crate::ops::{billing, images, ledger, people, prices};
use crate::store::{Order, Tx, list};
use std::sync::Arc;

/// Why nothing can be taken in this region, for an account whose service is on or off.
fn refusal(region: &Region, on: bool) -> Option<Error> {
    if region.snapshots == Switch::Off {
        return Some(Error { kind: Kind::Forbidden, ..region.snapshots_off().into() });
    }
    (!on).then(|| off(region).into())
}

/// What is said while an account has the service turned off: with the price, and what to do (U4).
fn off(region: &Region) -> Reason {
    let (prices, symbol) = (&region.prices, &region.prices.symbol);
    Reason::new(
        "snapshot_service_off",
        "Snapshots and machine images need the snapshot service.",
        format!("It is off in {}.", region.id),
        format!(
            "An owner can turn it on in Snapshots, for {} a month and {} per {} of what it keeps.",
            prices.snapshot_service_month.display(symbol),
            prices.snapshot_gb_month.rate(symbol),
            prices.per_month()
        ),
    )
}

/// The region, if it offers the service and the account has it on. Read again in the transaction that takes something, so that nothing slips
/// past turning it off.
///
/// # Errors
/// `snapshot_feature_off`; `snapshot_service_off`, with the price.
pub(crate) fn required(tx: &mut Tx<'_>, ctx: &Ctx, account: AccountId, id: &RegionId) -> Result<Region> {
    let region = prices::region(tx, ctx, id)?;
    let on = tx.get::<SnapshotService>(&(account, id.clone()))?.is_some();
    refusal(&region, on).map_or(Ok(region), Err)
}

/// Why nothing can be taken for this account in this region now; `None` when it can.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn blocked(ctx: &Ctx, account: AccountId, region: &Region) -> Result<Option<Reason>> {
    let on = ctx.read::<SnapshotService>(&(account, region.id.clone()))?.is_some();
    Ok(match (region.snapshots, on) {
        (Switch::Off, _) => Some(region.snapshots_off()),
        (Switch::On, false) => Some(off(region)),
        (Switch::On, true) => None,
    })
}

/// Turns the service of the account of the project in force on or off. On costs from now on; off ends that, stops what makes snapshots by
/// itself, and leaves what was taken as it is and charged for its bytes. What it is already, it stays, and nothing is written.
///
/// # Errors
/// `Invalid` with fields; `NotFound`; `Forbidden` for who is no owner; `snapshot_feature_off`; `price_changed`.
pub fn turn(ctx: &Ctx, place: &Place, form: &ServiceForm) -> Result<()> {
    let command = form.parse()?;
    let (project, _) = people::project_of(ctx, place, Act::SnapshotGet)?;
    let permit = ctx.authorize(Act::SnapshotService, &Resource::Account(project.account), "account")?;
    ctx.transact(&permit, |tx| {
        let region = prices::region(tx, ctx, &command.region)?;
        let found = tx.get::<SnapshotService>(&(project.account, region.id.clone()))?;
        match (command.turn, found) {
            (Switch::On, Some(_)) | (Switch::Off, None) => Ok(()),
            (Switch::On, None) => {
                if let Some(error) = refusal(&region, true) {
                    return Err(error);
                }
                billing::may_begin(tx, ctx, project.account)?;
                images::price_unchanged(&region.prices, command.price_version)?;
                turn_on(tx, ctx, &permit, &project, &region)
            }
            (Switch::Off, Some(service)) => turn_off(tx, ctx, &permit, &service, String::new()),
        }
    })
}

fn turn_on(tx: &mut Tx<'_>, ctx: &Ctx, permit: &Permit, project: &Project, region: &Region) -> Result<()> {
    let service = SnapshotService {
        account: project.account,
        region: region.id.clone(),
        project: project.id,
        since: ctx.now,
        by: ctx.actor.name().to_owned(),
    };
    tx.put(&service)?;
    ledger::charge_service(tx, ctx, &service)?;
    let symbol = &region.prices.symbol;
    let detail = format!(
        "For {} a month and {} per {} of what it keeps.",
        region.prices.snapshot_service_month.display(symbol),
        region.prices.snapshot_gb_month.rate(symbol),
        region.prices.per_month()
    );
    audit::write(tx, ctx, permit, &entry(&service, "snapshot_service.on", detail))
}

fn turn_off(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    permit: &Permit,
    service: &SnapshotService,
    why: String,
) -> Result<()> {
    tx.delete::<SnapshotService>(&(service.account, service.region.clone()));
    ledger::close(tx, ctx, service.subject(), |_| true)?;
    audit::write(tx, ctx, permit, &entry(service, "snapshot_service.off", why))
}

/// Turns the service off where the provider does not offer it any more: nobody pays for what cannot be used. A reconciler: idempotent, without
/// input. Gives how many it turned off.
///
/// # Errors
/// The first failure, when all the others have been worked on.
pub fn sweep_ended(app: &Arc<App>) -> Result<u32> {
    let ctx = app.system();
    let regions = people::regions(&ctx)?;
    if regions.iter().all(|region| region.snapshots == Switch::On) {
        return Ok(0);
    }
    let store = app.store.as_ref();
    let all = list::<SnapshotService>(store, &(), Order::Ascending, u32::MAX, None)?.items;
    let ended = |service: &&SnapshotService| {
        regions.iter().any(|region| region.id == service.region && region.snapshots == Switch::Off)
    };
    each(all.iter().filter(ended), |seen| {
        let permit = ctx.authorize(Act::SnapshotService, &Resource::Account(seen.account), "account")?;
        ctx.transact(&permit, |tx| {
            let key = (seen.account, seen.region.clone());
            let region = tx.get::<Region>(&seen.region)?;
            let Some(service) = tx.get::<SnapshotService>(&key)? else { return Ok(0) };
            if region.is_none_or(|region| region.snapshots == Switch::On) {
                return Ok(0);
            }
            turn_off(
                tx,
                &ctx,
                &permit,
                &service,
                "The provider does not offer it here any more.".to_owned(),
            )?;
            Ok(1)
        })
    })
}

fn entry<'a>(service: &'a SnapshotService, action: &'a str, detail: String) -> Entry<'a> {
    Entry {
        subject: service.subject(),
        name: service.region.as_str(),
        account: Some(service.account),
        project: Some(service.project),
        region: Some(&service.region),
        action,
        detail,
    }
}

/// The service with its price and what it keeps, for an account of which the caller may see a project.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn view(ctx: &Ctx, account: AccountId, region: &Region) -> Result<ServiceView> {
    let found = ctx.read::<SnapshotService>(&(account, region.id.clone()))?;
    let account = ctx.read::<Account>(&account)?.ok_or_else(|| Error::not_found("account"))?;
    let (mut n_snapshots, mut stored_bytes) = (0, 0u64);
    for snapshot in
        ctx.app.snapshots.all().iter().filter(|s| (s.account, &s.region) == (account.id, &region.id))
    {
        n_snapshots += u32::from(snapshot.takes_slot());
        if snapshot.status == Status::Available {
            stored_bytes = stored_bytes.saturating_add(snapshot.stored_bytes());
        }
    }
    let schedules = ctx.app.schedules.all();
    let n_schedules = schedules
        .iter()
        .filter(|s| (s.account, &s.region) == (account.id, &region.id) && s.on == Switch::On)
        .count();
    let n_machine_images = ctx
        .app
        .images
        .all()
        .iter()
        .filter(|i| (i.account, &i.region) == (account.id, &region.id))
        .filter(|i| i.status.listed() && i.kind == image::Kind::Machine)
        .count();
    let prices = &region.prices;
    let charged_bytes = charged::sum(ctx, (account.id, None), region, &Charge::SnapshotStorage);
    Ok(ServiceView {
        since: found.as_ref().map(|s| s.since),
        by: found.map(|s| s.by).unwrap_or_default(),
        region: region.id.clone(),
        service: prices.snapshot_service(),
        rate: prices.stored_rate(prices.snapshot_gb_month),
        n_snapshots,
        stored_bytes,
        kept: prices.snapshots(charged_bytes),
        n_schedules: u32::try_from(n_schedules).unwrap_or(u32::MAX),
        n_machine_images: u32::try_from(n_machine_images).unwrap_or(u32::MAX),
        symbol: prices.symbol.clone(),
        price_version: prices.version,
        may_switch: ctx.may(Act::SnapshotService, &Resource::Account(account.id)),
        blocked: (region.snapshots == Switch::Off).then(|| region.snapshots_off()),
        account: account.name.to_string(),
    })
}

/// The service of the account of the project in force, for its dialog.
///
/// # Errors
/// `NotFound` when the caller has no project; `Unauthenticated`.
pub fn service(ctx: &Ctx, place: &Place) -> Result<ServiceView> {
    let (project, _) = people::project_of(ctx, place, Act::SnapshotGet)?;
    view(ctx, project.account, &people::region_of(ctx, place)?)
}

/// What being on costs this account, beside what the service keeps; `None` while it is off (U13).
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn price_if_on(ctx: &Ctx, account: AccountId, region: &Region) -> Result<Option<Estimate>> {
    let on = ctx.read::<SnapshotService>(&(account, region.id.clone()))?.is_some();
    Ok(on.then(|| region.prices.snapshot_service()))
}
