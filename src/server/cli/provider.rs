//! Regions, instance types, limits and public images, as the administrator's commands change them.

use super::command::{ImageAdd, LimitChange, RegionChange, find_account, unknown};
use super::host::Host;
use super::terminal::table;
use darkroom_core::domain::disk::DiskKind;
use darkroom_core::domain::flavor::Flavor;
use darkroom_core::domain::ids::{AccountId, FlavorId, ProjectId, RegionId, ZoneId};
use darkroom_core::domain::image::{self, Os};
use darkroom_core::domain::money::Money;
use darkroom_core::domain::price::PriceBook;
use darkroom_core::domain::project::Account;
use darkroom_core::domain::quota::Limits;
use darkroom_core::domain::region::{RECYCLE_DAYS_MAX, Region, SITE, Switch};
use darkroom_core::domain::text::{self, Name};
use darkroom_core::domain::{Error, Kind, Result};
use darkroom_core::ops::ctx::Ctx;
use darkroom_core::ops::images::PublicImage;
use darkroom_core::ops::{people, provider};
use darkroom_core::ports::Watcher;

/// The account that owns public images, and its project.
pub const PROVIDER: (&str, &str) = ("Provider", "public-images");
/// Limits of a region that is set up without naming any.
pub const USUAL_LIMITS: Limits = Limits {
    n_images_max: 30,
    n_instances_max: 20,
    n_creates_max: 40,
    n_shares_max: Limits::N_SHARES_MAX,
    stored_gb_max: Limits::STORED_GB_MAX,
    n_snapshots_max: Limits::N_SNAPSHOTS_MAX,
};
/// Days that deleted images stay in the recycle bin of a region that is set up without naming any.
const USUAL_RECYCLE_DAYS: u32 = 7;
/// Most vCPUs of a type: what QEMU's usual machine takes.
const VCPUS_MAX: u32 = 255;
/// Least and most memory of a type, in MiB.
const MEMORY_MIB: std::ops::RangeInclusive<u64> = 32..=4 << 20;

/// Slugs become folders and parts of addresses.
fn slug(noun: &str, text: &str) -> Result<()> {
    let plain = |byte: u8| {
        byte.is_ascii_lowercase()
            || byte.is_ascii_digit()
            || byte == b'-'
            || (byte == b'.' && noun != "region")
    };
    let edges = text.starts_with(['-', '.']) || text.ends_with(['-', '.']);
    if (1..=32).contains(&text.len()) && text.bytes().all(plain) && !edges {
        return Ok(());
    }
    let message = format!(
        "\"{text}\" cannot be the name of a {noun}. Use 1 to 32 lower-case letters, digits and inner dashes, such as north-1."
    );
    Err(Error::field(noun, "invalid_input", message))
}

/// Sets a new region up.
pub fn add_region(ctx: &Ctx, id: RegionId, change: &RegionChange) -> Result<String> {
    slug("region", id.as_str())?;
    if change.zones.is_empty() {
        return Err(Error::field(
            "zones",
            "invalid_input",
            "A region needs at least one zone. Name them with --zones, such as --zones a,b.",
        ));
    }
    if people::regions(ctx)?.iter().any(|region| region.id == id) {
        let message =
            format!("There is a region {id} already. Change it with `darkroom admin region set {id}`.");
        return Err(Error::conflict("region_exists", message));
    }
    let prices = PriceBook {
        version: 0,
        symbol: "€".to_owned(),
        image_gb_month: Money::ZERO,
        bin_gb_month: Money::ZERO,
        snapshot_service_month: Money::ZERO,
        snapshot_gb_month: Money::ZERO,
        disk_gb_month: [].into(),
        flavor_hour: [].into(),
        ..PriceBook::default()
    };
    let (images, accepts_copies, snapshots) = (Switch::On, Switch::On, Switch::On);
    let mut region = Region {
        id,
        zones: Vec::new(),
        images,
        accepts_copies,
        sites: [SITE.to_owned()].into(),
        snapshots,
        recycle_days: USUAL_RECYCLE_DAYS,
        prices,
        limits: USUAL_LIMITS,
    };
    check(ctx, change)?;
    apply(&mut region, change);
    provider::put_region(ctx, &region)?;
    // The folder is made now, so that a full or read-only disk shows at once and not at the first image.
    ctx.app.storage.region(&region.id)?;
    Ok(format!("Set up the region {}.", region.id))
}

/// Changes a region.
pub fn set_region(ctx: &Ctx, id: &RegionId, change: &RegionChange) -> Result<String> {
    check(ctx, change)?;
    let changed = provider::change_region(ctx, id, |region| {
        apply(region, change);
        Ok(())
    });
    changed.map_err(unknown("region", id.as_str()))?;
    Ok(format!("Changed the region {id}."))
}

fn check(ctx: &Ctx, change: &RegionChange) -> Result<()> {
    change.zones.iter().try_for_each(|zone| slug("zone", zone))?;
    let named =
        |site: &String| text::site(site).map_err(|m| Error::field("sites", "invalid_input", m)).map(drop);
    change.sites.iter().flatten().try_for_each(named)?;
    if change.symbol.as_ref().is_some_and(|symbol| symbol.is_empty() || symbol.chars().count() > 4) {
        return Err(Error::field(
            "currency",
            "invalid_input",
            "A currency is a symbol of 1 to 4 characters, such as €.",
        ));
    }
    if change.recycle_days.is_some_and(|days| days > RECYCLE_DAYS_MAX) {
        let message = format!("Deleted images can stay for 0 to {RECYCLE_DAYS_MAX} days.");
        return Err(Error::field("recycle-days", "invalid_input", message));
    }
    let known = provider::flavors(ctx)?;
    match change.flavor_prices.iter().find(|(flavor, _)| !known.contains(flavor)) {
        Some((flavor, _)) => {
            let message =
                format!("There is no instance type {flavor}. Add it first with `darkroom admin flavor add`.");
            Err(Error::field("price-flavor", "invalid_input", message))
        }
        None => Ok(()),
    }
}

fn apply(region: &mut Region, change: &RegionChange) {
    if !change.zones.is_empty() {
        region.zones = change.zones.iter().map(|zone| ZoneId(zone.clone())).collect();
        region.zones.dedup();
    }
    region.images = change.images.unwrap_or(region.images);
    region.accepts_copies = change.accepts_copies.unwrap_or(region.accepts_copies);
    region.snapshots = change.snapshots.unwrap_or(region.snapshots);
    region.recycle_days = change.recycle_days.unwrap_or(region.recycle_days);
    if let Some(sites) = &change.sites {
        region.sites = sites.iter().cloned().collect();
    }
    region.limits = limits(region.limits, change.limits);
    let before = region.prices.clone();
    if let Some(symbol) = &change.symbol {
        region.prices.symbol.clone_from(symbol);
    }
    region.prices.image_gb_month = change.image_price.unwrap_or(region.prices.image_gb_month);
    // A region that is set up without naming it charges in the recycle bin, and for snapshots, what images cost.
    let image = region.prices.image_gb_month;
    let usual = |known: Money| if before.version == 0 { image } else { known };
    let (bin, snapshot) = (usual(before.bin_gb_month), usual(before.snapshot_gb_month));
    region.prices.bin_gb_month = change.bin_price.unwrap_or(bin);
    region.prices.snapshot_gb_month = change.snapshot_price.unwrap_or(snapshot);
    let service = change.snapshot_service_price.unwrap_or(before.snapshot_service_month);
    region.prices.snapshot_service_month = service;
    region.prices.disk_gb_month.extend(change.disk_prices.iter().copied());
    region.prices.flavor_hour.extend(change.flavor_prices.iter().cloned());
    if region.prices != before || before.version == 0 {
        // A form that showed the old prices is refused and shows the new ones.
        region.prices.version = before.version.saturating_add(1);
    }
}

fn limits(before: Limits, change: LimitChange) -> Limits {
    Limits {
        n_images_max: change.n_images_max.unwrap_or(before.n_images_max),
        n_instances_max: change.n_instances_max.unwrap_or(before.n_instances_max),
        n_creates_max: change.n_creates_max.unwrap_or(before.n_creates_max),
        n_shares_max: change.n_shares_max.unwrap_or(before.n_shares_max),
        stored_gb_max: change.stored_gb_max.unwrap_or(before.stored_gb_max),
        n_snapshots_max: change.n_snapshots_max.unwrap_or(before.n_snapshots_max),
    }
}

/// Regions with their prices and limits.
pub fn list_regions(ctx: &Ctx) -> Result<String> {
    let head = [
        "NAME",
        "ZONES",
        "IMAGES",
        "COPIES",
        "SITES",
        "SNAPSHOTS",
        "RECYCLE DAYS",
        "LIMITS (IMAGES, INSTANCES, CREATES)",
        "IMAGE GB-MONTH",
        "BIN GB-MONTH",
        "SNAPSHOTS PER MONTH",
        "DISK GB-MONTH",
        "TYPES PER HOUR",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for region in people::regions(ctx)? {
        let site_names = region.site_names();
        let Region { id, zones, images, accepts_copies, snapshots, recycle_days, prices, limits, .. } =
            region;
        let symbol = &prices.symbol;
        let disks: Vec<String> = prices
            .disk_gb_month
            .iter()
            .map(|(kind, price)| format!("{kind} {}", price.rate(symbol)))
            .collect();
        let types: Vec<String> = prices
            .flavor_hour
            .iter()
            .map(|(flavor, price)| format!("{flavor} {}", price.rate(symbol)))
            .collect();
        rows.push(vec![
            id.to_string(),
            zones.iter().map(ZoneId::as_str).collect::<Vec<_>>().join(","),
            images.word().to_owned(),
            accepts_copies.word().to_owned(),
            site_names,
            snapshots.word().to_owned(),
            recycle_days.to_string(),
            format!("{}, {}, {}", limits.n_images_max, limits.n_instances_max, limits.n_creates_max),
            prices.image_gb_month.rate(symbol),
            prices.bin_gb_month.rate(symbol),
            format!(
                "{} and {} per GB",
                prices.snapshot_service_month.rate(symbol),
                prices.snapshot_gb_month.rate(symbol)
            ),
            disks.join(", "),
            types.join(", "),
        ]);
    }
    Ok(table(&rows))
}

/// Sets a new instance type up.
pub fn add_flavor(
    ctx: &Ctx,
    id: FlavorId,
    n_vcpus: u32,
    memory_mib: u64,
    disk_kinds: Vec<DiskKind>,
) -> Result<String> {
    slug("instance type", id.as_str())?;
    if !(1..=VCPUS_MAX).contains(&n_vcpus) || !MEMORY_MIB.contains(&memory_mib) || disk_kinds.is_empty() {
        let (least, most) = (MEMORY_MIB.start(), MEMORY_MIB.end());
        let message = format!(
            "An instance type has 1 to {VCPUS_MAX} vCPUs, {least} to {most} MiB of memory and at least one disk kind."
        );
        return Err(Error::field("flavor", "invalid_input", message));
    }
    if provider::flavors(ctx)?.contains(&id) {
        return Err(Error::conflict(
            "flavor_exists",
            format!("There is an instance type {id} already. Choose another name."),
        ));
    }
    let flavor = Flavor { id, n_vcpus, memory_mib, disk_kinds };
    provider::put_flavor(ctx, &flavor)?;
    Ok(format!(
        "Set up the instance type {} ({}). Give it a price in each region: `darkroom admin region set REGION --price-flavor {}=0.010`.",
        flavor.id,
        flavor.summary(),
        flavor.id
    ))
}

/// Instance types.
pub fn list_flavors(ctx: &Ctx) -> Result<String> {
    let mut rows = vec![["NAME", "SIZE", "DISK KINDS"].map(str::to_owned).to_vec()];
    for id in provider::flavors(ctx)? {
        let Some(flavor) = ctx.read::<Flavor>(&id)? else { continue };
        let kinds: Vec<&str> = flavor.disk_kinds.iter().map(|kind| kind.as_str()).collect();
        rows.push(vec![flavor.id.to_string(), flavor.summary(), kinds.join(", ")]);
    }
    Ok(table(&rows))
}

/// Sets what an account may have in a region.
pub fn set_limits(ctx: &Ctx, account: &str, region: &RegionId, change: LimitChange) -> Result<String> {
    let id = find_account(ctx, account)?;
    let found = ctx
        .read::<Region>(region)?
        .ok_or_else(|| unknown("region", region.as_str())(Error::not_found("region")))?;
    let own = ctx.read::<Account>(&id)?.and_then(|account| account.limits.get(region).copied());
    let limits = limits(own.unwrap_or(found.limits), change);
    provider::set_limits(ctx, id, region, Some(limits))?;
    Ok(format!(
        "{account} may have {} images and {} instances in {region}, and make {} images at the same time.",
        limits.n_images_max, limits.n_instances_max, limits.n_creates_max
    ))
}

/// Gives an account the region's own limits again.
pub fn reset_limits(ctx: &Ctx, account: &str, region: &RegionId) -> Result<String> {
    provider::set_limits(ctx, find_account(ctx, account)?, region, None)?;
    Ok(format!("The limits of {region} hold for {account} again."))
}

/// The provider's own account and the project of its public images, made when they are missing.
pub fn ensure_own_project(ctx: &Ctx) -> Result<(AccountId, ProjectId)> {
    let (account, project) = PROVIDER;
    let found = |result: Result<_>| match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    let account_id = match found(provider::account_by_name(ctx, account).map(|account| account.id))? {
        Some(id) => id,
        None => provider::create_account(ctx, account)?,
    };
    let by_name = provider::project_by_name(ctx, account_id, project).map(|project| project.id);
    let project_id = match by_name {
        Ok(id) => id,
        Err(error) if error.kind == Kind::NotFound => provider::create_project(ctx, account_id, project)?,
        Err(error) => return Err(error),
    };
    Ok((account_id, project_id))
}

/// Registers a public image from a disk file.
pub fn add_image(host: &Host, image: ImageAdd, watcher: &dyn Watcher) -> Result<String> {
    let ctx = &host.open.app.system();
    // Everything that can be refused is refused before the work begins.
    let name = Name::parse(&image.name).map_err(|message| Error::field("name", "invalid_input", message))?;
    ctx.read::<Region>(&image.region)?
        .ok_or_else(|| unknown("region", image.region.as_str())(Error::not_found("region")))?;
    let (account, project) = ensure_own_project(ctx)?;
    let taken = host.open.app.images.group(&(project, image.region.clone()));
    if taken.iter().any(|other| other.name.as_str().eq_ignore_ascii_case(name.as_str())) {
        let message =
            format!("There is a public image {name} in {} already. Choose another name.", image.region);
        return Err(Error::conflict("image_name_taken", message));
    }
    let ImageAdd { file, kind, region, os, os_kind, min_vcpus, min_memory_mib, licence, boot, .. } = image;
    let os = Os { kind: os_kind, version: os };
    let place = region.clone();
    let public =
        PublicImage { kind, name, os, boot, min_vcpus, min_memory_mib, licence, account, project, region };
    let shown = public.name.to_string();
    let register = |raw: &str| provider::register_image(ctx, public, raw, watcher);
    let id = match kind {
        image::Kind::Iso => host.with_iso(&file, register)?,
        image::Kind::System | image::Kind::Data | image::Kind::Machine => {
            host.with_raw_disk(&file, watcher, register)?
        }
    };
    Ok(format!("Registered the public image {shown} in {place} ({id})."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_fit_for_folders_and_addresses() {
        for good in ["north-1", "a", "m1"] {
            slug("region", good).unwrap();
        }
        for bad in ["", "North", "-a", "a-", "..", "a/b", "a.b", "a b", &"x".repeat(33)] {
            assert!(slug("region", bad).is_err(), "{bad}");
        }
        slug("instance type", "m1.tiny").unwrap();
    }

    #[test]
    fn only_changed_prices_raise_the_version() {
        let prices = PriceBook {
            version: 3,
            symbol: "€".into(),
            image_gb_month: Money(5),
            bin_gb_month: Money(5),
            snapshot_service_month: Money(1_000_000),
            snapshot_gb_month: Money(5),
            disk_gb_month: [].into(),
            flavor_hour: [].into(),
            ..PriceBook::default()
        };
        let (images, accepts_copies, snapshots) = (Switch::On, Switch::On, Switch::On);
        let before = Region {
            id: "r".into(),
            zones: vec![],
            images,
            accepts_copies,
            sites: [SITE.to_owned()].into(),
            snapshots,
            recycle_days: 7,
            prices,
            limits: USUAL_LIMITS,
        };
        let mut region = before.clone();
        apply(
            &mut region,
            &RegionChange {
                images: Some(Switch::Off),
                accepts_copies: Some(Switch::Off),
                image_price: Some(Money(5)),
                ..RegionChange::default()
            },
        );
        assert_eq!((region.prices.version, region.images), (3, Switch::Off));
        assert_eq!(region.accepts_copies, Switch::Off);
        apply(
            &mut region,
            &RegionChange { disk_prices: vec![(DiskKind::Ssd, Money(1))], ..RegionChange::default() },
        );
        assert_eq!(region.prices.version, 4);
    }
}
