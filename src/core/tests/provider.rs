//! What the provider does: regions, types and prices, each change in the audit trail and each price from its moment on; and filling a
//! directory for trying things out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use darkroom_core::domain::Error;
use darkroom_core::domain::disk::DiskKind;
use darkroom_core::domain::event::AuditQuery;
use darkroom_core::domain::flavor::Flavor;
use darkroom_core::domain::ids::{InstanceId, ProjectId, RegionId, Subject};
use darkroom_core::domain::money::Money;
use darkroom_core::domain::price::DatedBook;
use darkroom_core::domain::region::Switch;
use darkroom_core::domain::usage::Period;
use darkroom_core::ops::ctx::{Ctx, Place};
use darkroom_core::ops::verify::verify;
use darkroom_core::ops::{audit, instances, provider, seeding, usage};
use darkroom_core::sim::{Bench, Crash, Provider, check};
use darkroom_core::store::{Order, StoreError, transact};

struct Scene {
    bench: Bench,
    provider: Provider,
    project: ProjectId,
}

fn scene() -> Scene {
    let bench = Bench::new(11);
    let provider = bench.provider().unwrap();
    let project = provider.projects[0].1;
    Scene { bench, provider, project }
}

impl Scene {
    fn owner(&self) -> Ctx {
        self.bench.user("owner@acme.example").unwrap()
    }

    fn machine(&self, name: &str) -> InstanceId {
        self.bench.machine(&self.owner(), &self.provider, self.project, name).unwrap()
    }

    fn place(&self) -> Place {
        Place { project: Some(self.project), region: "north-1".into() }
    }

    fn hourly(&self, rate: i64) {
        provider::change_region(&self.bench.app.system(), &"north-1".into(), |r| {
            r.prices.flavor_hour.values_mut().for_each(|price| *price = Money(rate));
            Ok(())
        })
        .unwrap();
    }

    /// What running a machine has cost by now.
    fn cost(&self, machine: InstanceId) -> Money {
        let (account, subject) = (self.provider.accounts[0], Subject::Instance(machine));
        usage::cost_of(&self.bench.app.system(), account, subject).unwrap()
    }

    fn an_hour_passes(&self) {
        self.bench.clock.advance(3_600_000);
    }
}

#[test]
fn every_change_of_a_region_and_of_a_type_is_in_the_audit_trail() {
    let s = scene();
    let system = s.bench.app.system();
    let north: RegionId = "north-1".into();
    provider::change_region(&system, &north, |r| {
        r.images = Switch::Off;
        r.zones = vec!["a".into(), "c".into()];
        r.limits.n_images_max = 1;
        r.prices.version += 1;
        r.prices.image_gb_month = Money(50_425);
        r.prices.disk_gb_month.remove(&DiskKind::Economy);
        r.prices.flavor_hour.insert("m1.large".into(), Money(18_000));
        Ok(())
    })
    .unwrap();
    provider::change_region(&system, &north, |_| Ok(())).unwrap();
    let mut tiny = system.read::<Flavor>(&"m1.tiny".into()).unwrap().unwrap();
    provider::put_flavor(&system, &tiny).unwrap();
    tiny.memory_mib = 384;
    provider::put_flavor(&system, &tiny).unwrap();
    let told = |subject| {
        let events = audit::about(&system, subject, None, 9).unwrap();
        events.into_iter().rev().map(|e| format!("{} {} {}", e.action, e.name, e.detail)).collect::<Vec<_>>()
    };
    assert_eq!(
        told(Subject::region(&north)),
        [
            "region.create north-1 ",
            "region.update north-1 Changed zones from a, b to a, c; image feature off; limits from 3 images, \
             4 instances, 2 images being made at once, 5 shares, 1000 GB of images, 4 snapshots to 1 image, 4 instances, 2 images being made at once, 5 shares, 1000 GB of images, 4 snapshots; \
             prices (version 2): images from €0.050 to €0.050425 per GB and month, economy disks from €0.030 \
             to no price per GB and month, m1.large from no price to €0.018 per hour.",
        ],
        "and a change of nothing is none"
    );
    assert_eq!(
        told(Subject::flavor(&"m1.tiny".into())),
        [
            "flavor.create m1.tiny 1 vCPU, 256 MiB, on ssd, economy disks.",
            "flavor.update m1.tiny From 1 vCPU, 256 MiB, on ssd, economy disks to 1 vCPU, 384 MiB, on ssd, economy disks.",
        ]
    );
    assert_eq!(s.bench.witness.broken(), Vec::<String>::new());
    // The provider's own business is not in the trail of a tenant.
    let seen = audit::list(&s.owner(), &s.place(), &AuditQuery::about(Subject::region(&north))).unwrap();
    assert_eq!(seen.page.total, 0);
}

#[test]
fn a_change_of_prices_is_charged_from_its_moment_on_and_moves_no_meter() {
    let s = scene();
    let machine = s.machine("web");
    s.an_hour_passes();
    let meters = s.bench.app.meters.all();
    s.hourly(10_000);
    assert_eq!(s.cost(machine), Money(4_000), "nothing that was charged changes");
    s.an_hour_passes();
    assert_eq!(s.cost(machine), Money(14_000));
    s.hourly(1_000);
    s.an_hour_passes();
    assert_eq!(s.cost(machine), Money(15_000));
    assert_eq!(
        s.bench.app.meters.all(),
        meters,
        "no meter is closed, opened or rewritten by a change of prices"
    );
    let (account, now) = (s.provider.accounts[0], s.bench.app.system().now);
    let between = |from_h: i64, until_h: i64| {
        let at = |h: i64| now.plus_ms(-3_600_000 * h);
        let period = Period { from: at(from_h), until: at(until_h) };
        usage::lines(&s.bench.app, account, period).unwrap().iter().map(|line| line.amount).sum::<Money>()
    };
    assert_eq!(between(3, 2) + between(2, 1) + between(1, 0), between(3, 0));
    check(&s.bench).unwrap();
    assert_eq!(verify(s.bench.records()).unwrap().findings, Vec::<String>::new());
}

#[test]
fn a_clock_that_was_set_back_lets_no_change_of_prices_reach_what_was_charged() {
    let s = scene();
    let machine = s.machine("web");
    s.an_hour_passes();
    instances::stop(&s.owner(), machine).unwrap();
    s.bench.work().unwrap();
    let cost = s.cost(machine);
    s.bench.clock.advance(-1_800_000);
    s.hourly(10_000);
    assert_eq!(s.cost(machine), cost);
    check(&s.bench).unwrap();
}

#[test]
fn what_a_darkroom_without_price_books_charged_is_charged_on_and_its_first_change_keeps_them() {
    let s = scene();
    let machine = s.machine("web");
    let first = (RegionId::from("north-1"), 1);
    transact::<_, StoreError>(s.bench.records(), 1, |tx| {
        tx.delete::<DatedBook>(&first);
        Ok(())
    })
    .unwrap();
    s.an_hour_passes();
    assert_eq!(s.cost(machine), Money(4_000));
    s.hourly(10_000);
    s.an_hour_passes();
    assert_eq!(s.cost(machine), Money(14_000));
    assert_eq!(s.owner().read::<DatedBook>(&first).unwrap().unwrap().prices.version, 1);
}

#[test]
fn a_filling_that_was_broken_off_at_any_commit_begins_again_from_nothing() {
    let fill = |bench: &Bench| -> Result<(), Error> {
        seeding::begin(&bench.app.system())?;
        bench.provider()?;
        seeding::end(&bench.app.system())
    };
    let rows = |bench: &Bench| bench.records().scan(&[1], &[0xFF], Order::Ascending, u32::MAX).unwrap().len();
    let state = |bench: &Bench| seeding::state(&bench.app.system()).unwrap();
    let whole = Bench::new(5);
    assert_eq!(state(&whole), seeding::State::Empty);
    fill(&whole).unwrap();
    assert_eq!(state(&whole), seeding::State::Used);
    for n in 0..whole.faults.n_commits() {
        for crash in [Crash::Before, Crash::After] {
            let mut bench = Bench::new(5);
            bench.faults.crash_after(n, crash);
            fill(&bench).unwrap_err();
            bench.restart().unwrap();
            let left = state(&bench);
            if left == seeding::State::Used {
                assert_eq!(
                    (n + 1, crash),
                    (whole.faults.n_commits(), Crash::After),
                    "only the last one ends it"
                );
            } else {
                // The second try is broken off as well, while it throws away what the first one left.
                bench.faults.crash_after(0, Crash::After);
                fill(&bench).unwrap_err();
                bench.restart().unwrap();
                fill(&bench).unwrap();
            }
            assert_eq!((state(&bench), rows(&bench)), (seeding::State::Used, rows(&whole)), "{n} {crash:?}");
            assert_eq!(verify(bench.records()).unwrap().findings, Vec::<String>::new());
        }
    }
    // What is somebody's is never thrown away.
    assert_eq!(fill(&whole).unwrap_err().code, "seeding_refused");
    whole.user("owner@acme.example").map(drop).unwrap();
}
