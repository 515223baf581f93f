//! The small provider that an empty data directory can begin with: two regions, five instance types, prices, limits, an operator, two
//! accounts with two projects each, and one public image. For trying things out; every figure can be changed with `darkroom admin`.

use super::host::Host;
use super::provider::ensure_own_project;
use super::terminal::Password;
use darkroom_core::domain::disk::DiskKind;
use darkroom_core::domain::flavor::Flavor;
use darkroom_core::domain::ids::{FlavorId, RegionId, ZoneId};
use darkroom_core::domain::image::{BootMode, Kind, Os};
use darkroom_core::domain::money::Money;
use darkroom_core::domain::price::PriceBook;
use darkroom_core::domain::project::{Role, Side};
use darkroom_core::domain::quota::Limits;
use darkroom_core::domain::region::{Region, SITE, Switch};
use darkroom_core::domain::text::Name;
use darkroom_core::domain::{Error, Result};
use darkroom_core::ops::ctx::Ctx;
use darkroom_core::ops::images::PublicImage;
use darkroom_core::ops::provider as ops;
use darkroom_core::ports::Watcher;
use darkroom_core::store::{KEY_BYTES_MAX, Order, Store, StoreError};
use std::collections::BTreeMap;
use std::path::Path;

/// The name of the public image, and what is inside: the machine that `end2end/guest/build.sh` builds says so in its `/etc/os-release`.
const IMAGE: (&str, &str) = ("darkroom test Linux 1", "darkroom test Linux 1");

/// A sign-in that was generated.
pub struct SignIn {
    /// Who that is, such as `acme-owner`.
    pub label: &'static str,
    /// What to sign in with.
    pub email: &'static str,
    /// The password.
    pub password: Password,
}

/// Whether there are no records at all.
pub fn is_empty(store: &dyn Store) -> Result<bool, StoreError> {
    Ok(store.scan(&[1], &[0xFF; KEY_BYTES_MAX + 1], Order::Ascending, 1)?.is_empty())
}

/// Sets the provider up, without its image.
pub fn provider(host: &Host) -> Result<Vec<SignIn>> {
    let ctx = &host.open.app.system();
    for flavor in flavors() {
        ops::put_flavor(ctx, &flavor)?;
    }
    for region in [north(), south()] {
        ops::put_region(ctx, &region)?;
    }
    ensure_own_project(ctx)?;
    let mut sign_ins = vec![sign_in(host, ctx, "operator", "operator@darkroom.example", Side::Operator)?];
    let acme = [
        ("acme-owner", "owner@acme.example", Role::Owner),
        ("acme-member", "member@acme.example", Role::Member),
        ("acme-reader", "reader@acme.example", Role::Reader),
    ];
    sign_ins.extend(account(host, ctx, "Acme", ["acme-prod", "acme-staging"], &acme)?);
    let globex = [("globex-owner", "owner@globex.example", Role::Owner)];
    sign_ins.extend(account(host, ctx, "Globex", ["globex-prod", "globex-lab"], &globex)?);
    Ok(sign_ins)
}

/// Registers the public image in both regions.
pub fn image(host: &Host, file: &Path, watcher: &dyn Watcher) -> Result<()> {
    let ctx = &host.open.app.system();
    let (account, project) = ensure_own_project(ctx)?;
    let name = Name::parse(IMAGE.0).map_err(|message| Error::field("name", "invalid_input", message))?;
    host.with_raw_disk(file, watcher, |raw| {
        for region in [north().id, south().id] {
            let public = PublicImage {
                kind: Kind::System,
                name: name.clone(),
                os: Os { kind: "linux".to_owned(), version: IMAGE.1.to_owned() },
                boot: BootMode::Bios,
                min_vcpus: 0,
                min_memory_mib: 128,
                licence: String::new(),
                account,
                project,
                region,
            };
            ops::register_image(ctx, public, raw, watcher)?;
        }
        Ok(())
    })
}

fn account(
    host: &Host,
    ctx: &Ctx,
    name: &str,
    projects: [&str; 2],
    people: &[(&'static str, &'static str, Role)],
) -> Result<Vec<SignIn>> {
    let account = ops::create_account(ctx, name)?;
    let ids = projects.map(|project| ops::create_project(ctx, account, project));
    let ids = ids.into_iter().collect::<Result<Vec<_>>>()?;
    let user = |(label, email, role): &(&'static str, &'static str, Role)| {
        let roles: BTreeMap<_, _> = ids.iter().map(|project| (*project, *role)).collect();
        sign_in(host, ctx, label, email, Side::Tenant { account, roles })
    };
    people.iter().map(user).collect()
}

fn sign_in(host: &Host, ctx: &Ctx, label: &'static str, email: &'static str, side: Side) -> Result<SignIn> {
    let password = host.password();
    ops::create_user(ctx, email, &password.0, side)?;
    Ok(SignIn { label, email, password })
}

/// Small enough to run many of them without hardware acceleration.
fn flavors() -> Vec<Flavor> {
    let flavor = |id: &str, n_vcpus, memory_mib, disk_kinds: &[DiskKind]| Flavor {
        id: id.into(),
        n_vcpus,
        memory_mib,
        disk_kinds: disk_kinds.to_vec(),
    };
    let network = [DiskKind::Ssd, DiskKind::Economy];
    vec![
        flavor("m1.tiny", 1, 128, &network),
        flavor("m1.small", 1, 256, &network),
        flavor("m1.medium", 1, 512, &network),
        flavor("m1.large", 2, 1024, &network),
        flavor("local1.small", 1, 256, &[DiskKind::Local]),
    ]
}

fn north() -> Region {
    Region {
        id: RegionId::from("north-1"),
        zones: vec![ZoneId::from("a"), ZoneId::from("b")],
        images: Switch::On,
        accepts_copies: Switch::On,
        sites: [SITE.to_owned()].into(),
        snapshots: Switch::On,
        recycle_days: 7,
        prices: prices(50_000, [100_000, 40_000, 60_000], [4_000, 8_000, 16_000, 32_000, 9_000]),
        limits: Limits {
            n_images_max: 30,
            n_instances_max: 20,
            n_creates_max: 40,
            n_shares_max: Limits::N_SHARES_MAX,
            stored_gb_max: Limits::STORED_GB_MAX,
            n_snapshots_max: Limits::N_SNAPSHOTS_MAX,
        },
    }
}

fn south() -> Region {
    Region {
        id: RegionId::from("south-1"),
        zones: vec![ZoneId::from("a")],
        images: Switch::On,
        accepts_copies: Switch::On,
        sites: [SITE.to_owned()].into(),
        snapshots: Switch::On,
        recycle_days: 7,
        prices: prices(55_000, [110_000, 45_000, 65_000], [4_500, 9_000, 18_000, 36_000, 10_000]),
        limits: Limits {
            n_images_max: 10,
            n_instances_max: 10,
            n_creates_max: 40,
            n_shares_max: Limits::N_SHARES_MAX,
            stored_gb_max: Limits::STORED_GB_MAX,
            n_snapshots_max: Limits::N_SNAPSHOTS_MAX,
        },
    }
}

/// Millionths of a euro: per stored GB and month, per GB of disk and month by kind, per hour by type.
fn prices(image: i64, disks: [i64; 3], types: [i64; 5]) -> PriceBook {
    let flavors: Vec<FlavorId> = flavors().into_iter().map(|flavor| flavor.id).collect();
    PriceBook {
        version: 1,
        symbol: "€".to_owned(),
        image_gb_month: Money(image),
        bin_gb_month: Money(image / 2),
        snapshot_service_month: Money(1_000_000),
        snapshot_gb_month: Money(image * 3 / 5),
        disk_gb_month: DiskKind::ALL.into_iter().zip(disks.map(Money)).collect(),
        flavor_hour: flavors.into_iter().zip(types.map(Money)).collect(),
        ..PriceBook::default()
    }
}
