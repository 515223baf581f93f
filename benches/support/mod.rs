//! What the benches share: how a figure is printed, a folder of their own, and a small provider to measure on.
//! It must not measure anything itself.

use darkroom_core::domain::disk::DiskKind;
use darkroom_core::domain::flavor::Flavor;
use darkroom_core::domain::ids::{AccountId, FlavorId, ProjectId, RegionId, ZoneId};
use darkroom_core::domain::money::Money;
use darkroom_core::domain::price::PriceBook;
use darkroom_core::domain::project::{Role, Side};
use darkroom_core::domain::quota::Limits;
use darkroom_core::domain::region::{Region, Switch};
use darkroom_core::ops::ctx::Ctx;
use darkroom_core::ops::provider;
use darkroom_core::ports::Watcher;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub const MIB: u64 = 1 << 20;
pub const GIB: u64 = 1 << 30;

/// A figure, for `tools/bench.sh`, which knows the targets.
pub fn figure(name: &str, value: f64, unit: &str) {
    println!("{name} {value:.3} {unit}");
}

/// What a person may want to know about a figure.
pub fn note(text: impl AsRef<str>) {
    eprintln!("  {}", text.as_ref());
}

pub fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// The value that `part` of all values do not exceed.
pub fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (part * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// What the program was told.
pub fn arguments() -> Vec<String> {
    std::env::args().skip(1).collect()
}

/// A folder that is removed at the end, also when a measurement fails.
pub struct Scratch(PathBuf);

impl Scratch {
    /// In the folder that was given as the first argument, else where temporary files go.
    pub fn new(name: &str) -> Self {
        let parent = arguments().first().map_or_else(std::env::temp_dir, PathBuf::from);
        let path = parent.join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("the folder for measurements can be written");
        Self(path.canonicalize().expect("the folder was just made"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            note(format!("{} could not be removed: {error}", self.0.display()));
        }
    }
}

/// Bytes that nothing can compress, the same for the same seed.
pub struct Noise(pub u64);

impl Noise {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub fn fill(&mut self, bytes: &mut [u8]) {
        for word in bytes.chunks_mut(8) {
            word.copy_from_slice(&self.next().to_le_bytes()[..word.len()]);
        }
    }
}

/// Follows work without a word.
pub struct Quiet;

impl Watcher for Quiet {
    fn progress(&self, _: u64, _: u64) {}

    fn cancelled(&self) -> bool {
        false
    }
}

/// A tenant with a project in a region, and its owner.
pub struct Tenant {
    pub account: AccountId,
    pub project: ProjectId,
    pub region: RegionId,
}

pub const REGION: &str = "north-1";
pub const FLAVOR: &str = "m1.small";
pub const OWNER: &str = "owner@example.org";
pub const PASSWORD: &str = "correct horse battery";

/// Sets up a region, an instance type and a tenant with an owner, as the administrator's command line does.
pub fn furnish(system: &Ctx) -> Tenant {
    let region = RegionId(REGION.to_owned());
    let flavor = FlavorId(FLAVOR.to_owned());
    let prices = PriceBook {
        version: 1,
        symbol: "€".to_owned(),
        image_gb_month: Money(50_000),
        bin_gb_month: Money(50_000),
        snapshot_service_month: Money(1_000_000),
        snapshot_gb_month: Money(50_000),
        disk_gb_month: DiskKind::ALL.into_iter().map(|kind| (kind, Money(80_000))).collect(),
        flavor_hour: BTreeMap::from([(flavor.clone(), Money(10_000))]),
        ..PriceBook::default()
    };
    let limits = Limits {
        n_images_max: 20_000,
        n_instances_max: 100,
        n_creates_max: 40,
        n_shares_max: 1000,
        stored_gb_max: 1_000_000,
        n_snapshots_max: 20,
    };
    let zones = vec![ZoneId("a".to_owned())];
    let record = Region {
        id: region.clone(),
        zones,
        images: Switch::On,
        accepts_copies: Switch::On,
        sites: ["main".to_owned()].into(),
        snapshots: Switch::On,
        recycle_days: 7,
        prices,
        limits,
    };
    provider::put_region(system, &record).expect("a new region");
    let record = Flavor { id: flavor, n_vcpus: 1, memory_mib: 256, disk_kinds: DiskKind::ALL.to_vec() };
    provider::put_flavor(system, &record).expect("a new instance type");
    let account = provider::create_account(system, "Measured").expect("a new account");
    let project = provider::create_project(system, account, "web").expect("a new project");
    let side = Side::Tenant { account, roles: BTreeMap::from([(project, Role::Owner)]) };
    provider::create_user(system, OWNER, PASSWORD, side).expect("a new user");
    Tenant { account, project, region }
}

/// Bytes of all files under a folder, as long as they are.
pub fn folder_bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("a folder of ours");
    entries
        .map(|entry| {
            let entry = entry.expect("a folder of ours");
            let data = entry.metadata().expect("a file of ours");
            if data.is_dir() { folder_bytes(&entry.path()) } else { data.len() }
        })
        .sum()
}
