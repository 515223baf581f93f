//! Money at its largest: the month report and the forecast of an account with 10,000 images and 30,000 meters, and closing a month of
//! 1,000,000 meters. Prints `usage_month_p50_ms`, `forecast_ms`, `close_month_s` and `close_month_mb`.
//!
//! Arguments: a folder for temporary data.

mod support;
#[path = "support/ten_thousand.rs"]
mod ten_thousand;

use darkroom::server::open;
use darkroom::server::settings::Settings;
use darkroom_core::domain::disk::DiskKind;
use darkroom_core::domain::ids::{AccountId, FlavorId, MeterId, RegionId, Subject};
use darkroom_core::domain::meter::{Charge, Meter};
use darkroom_core::domain::money::Money;
use darkroom_core::domain::project::Account;
use darkroom_core::domain::time::Timestamp;
use darkroom_core::domain::usage::{Group, UsageQuery};
use darkroom_core::ops::ctx::{App, Ctx, Place};
use darkroom_core::ops::{billing, people, usage};
use darkroom_core::store::{StoreError, transact};
use std::sync::Arc;
use std::time::Instant;
use support::{Noise, Scratch, Tenant, figure, median, ms, note};
use uuid::Uuid;

const N_FORECAST: u64 = 30_000;
const N_CLOSED: u64 = 1_000_000;
/// Meters written in one commit.
const BATCH: u64 = 2_000;
const N_ROUNDS: usize = 25;
const DAY_MS: i64 = 86_400_000;

fn main() {
    let scratch = Scratch::new("billing");
    let opened = open(&scratch.path("data"), &Settings::default()).expect("a new data directory");
    let system = opened.app.system();
    let tenant = support::furnish(&system);
    let last_month = system.now.month_start().plus_ms(-1).month_start();
    age(&opened.app, tenant.account, last_month);
    let mut noise = Noise(11);
    ten_thousand::write(&system, &tenant, &scratch.path(""));
    let n_images = images_of(&opened.app, tenant.account, last_month, &mut noise);
    meters(&opened.app, &tenant, last_month, &mut noise, n_images..N_FORECAST);
    usage_month(&system, &tenant);
    forecast(&system, tenant.account);
    meters(&opened.app, &tenant, last_month, &mut noise, N_FORECAST..N_CLOSED);
    close(&opened.app);
    note(format!("all of it takes {} MB", support::folder_bytes(&scratch.path("data")) / 1_000_000));
}

/// The account has been there since the beginning of last month, so that it is to be closed.
fn age(app: &Arc<App>, id: AccountId, created: Timestamp) {
    transact::<_, StoreError>(app.store.as_ref(), 9, |tx| {
        let account = tx.get::<Account>(&id)?.expect("it was just made");
        tx.put(&Account { created, ..account })
    })
    .expect("written");
}

/// The images of the account have been there since some day of last month. Gives how many are charged: some of them failed.
fn images_of(app: &Arc<App>, account: AccountId, month: Timestamp, noise: &mut Noise) -> u64 {
    let open = app.meters.group(&account);
    assert!(open.len() > 9_500 && open.iter().all(|meter| meter.to.is_none()), "each image is charged");
    for batch in open.chunks(1_000) {
        transact::<_, StoreError>(app.store.as_ref(), 9, |tx| {
            batch
                .iter()
                .try_for_each(|meter| tx.put(&Meter { from: some_day(month, noise), ..Meter::clone(meter) }))
        })
        .expect("written");
    }
    open.len() as u64
}

fn some_day(month: Timestamp, noise: &mut Noise) -> Timestamp {
    month.plus_ms(i64::try_from(noise.below(20 * 86_400_000)).expect("days"))
}

/// Of three meters one runs on: images that were there last month, disks and machines that went away in it. Before the images' own number,
/// all of them have ended.
fn meters(app: &Arc<App>, tenant: &Tenant, from: Timestamp, noise: &mut Noise, all: std::ops::Range<u64>) {
    let mut n = all.start;
    while n < all.end {
        let batch: Vec<Meter> = (n..all.end.min(n + BATCH)).map(|n| meter(tenant, from, noise, n)).collect();
        n += BATCH;
        transact::<_, StoreError>(app.store.as_ref(), 9, |tx| {
            batch.iter().try_for_each(|meter| tx.put(meter))
        })
        .expect("written");
    }
}

fn meter(tenant: &Tenant, month: Timestamp, noise: &mut Noise, n: u64) -> Meter {
    let id = Uuid::from_u128(u128::from(noise.next()) << 64 | u128::from(n));
    let from = some_day(month, noise);
    let kind = if n < N_FORECAST { 1 + n % 2 } else { n % 3 };
    let (charge, subject, to) = match kind {
        0 => (Charge::ImageStorage, Subject::Image(id.into()), None),
        1 => {
            (Charge::Disk { disk_kind: DiskKind::Ssd }, Subject::Disk(id.into()), Some(from.plus_ms(DAY_MS)))
        }
        _ => {
            let flavor = FlavorId(support::FLAVOR.to_owned());
            (Charge::Running { flavor }, Subject::Instance(id.into()), Some(from.plus_ms(DAY_MS)))
        }
    };
    let quantity_bytes = if kind == 2 { 0 } else { 1_000_000 + noise.below(10_000_000_000) };
    Meter {
        id: MeterId(id),
        subject,
        name: format!("web-server-{n}"),
        account: tenant.account,
        project: tenant.project,
        region: RegionId(support::REGION.to_owned()),
        quantity_bytes,
        virtual_bytes: quantity_bytes,
        charge,
        from,
        to,
        labels: None,
    }
}

/// The page of last month, as its owner sees it: each of the meters is in it.
fn usage_month(system: &Ctx, tenant: &Tenant) {
    let signed_in =
        people::sign_in(system, support::OWNER, support::PASSWORD, "bench").expect("the password is right");
    let (actor, _) = people::recognise(system, &signed_in.token).expect("the session is new");
    let owner = Ctx { actor, ..system.clone() };
    let place = Place { project: Some(tenant.project), region: tenant.region.clone() };
    let query = UsageQuery { period: "last".to_owned(), group: Group::Tag, ..UsageQuery::default() };
    let mut times = Vec::new();
    for _ in 0..N_ROUNDS {
        let begun = Instant::now();
        let page = usage::page(&owner, &place, &query).expect("computed");
        times.push(ms(begun.elapsed()));
        let n_rows: u32 = page.sections.iter().map(|s| s.rows.total).sum();
        assert!(n_rows > 29_000 && page.total > Money::ZERO, "{n_rows} rows");
    }
    figure("usage_month_p50_ms", median(&times), "ms");
}

/// What the forecast adds to the cost so far, which the overview shows as well.
fn forecast(system: &Ctx, account: AccountId) {
    let (mut times, mut both) = (Vec::new(), Vec::new());
    for _ in 0..N_ROUNDS {
        let begun = Instant::now();
        let so_far = usage::cost_since(system, account, system.now.month_start()).expect("computed");
        let without = ms(begun.elapsed());
        let begun = Instant::now();
        let month = billing::month(system, account).expect("computed");
        let with = ms(begun.elapsed());
        assert!(month.forecast > so_far && month.so_far == so_far);
        times.push(with - without);
        both.push(with);
    }
    note(format!("cost so far and forecast together: {:.2} ms", median(&both)));
    figure("forecast_ms", median(&times), "ms");
}

fn close(app: &Arc<App>) {
    let before = memory_mb("VmRSS:");
    // The highest mark begins again.
    std::fs::write("/proc/self/clear_refs", "5").expect("our own process");
    let begun = Instant::now();
    let n = billing::sweep_months(app).expect("closed");
    let seconds = begun.elapsed().as_secs_f64();
    assert_eq!(n, 1, "one month is to be closed");
    let peak = memory_mb("VmHWM:");
    note(format!("{before:.0} MB before, {peak:.0} MB at most while it was closed"));
    figure("close_month_s", seconds, "s");
    figure("close_month_mb", peak - before, "MB");
}

fn memory_mb(line: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("our own process");
    let found = status.lines().find_map(|text| text.strip_prefix(line)).expect("every process has it");
    found.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1000.0
}
