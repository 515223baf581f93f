//! The seeds that every test run goes through, and more on demand: `DARKROOM_SIM_SEEDS=n` for n seeds, `DARKROOM_SIM_SEED=x` for one with
//! its whole trace.

use super::{Bench, Content, Report, check, run};
use crate::domain::billing::{Billing, Entry, EntryKind, Held};
use crate::domain::event::{Chain, Event};
use crate::domain::ids::EventId;
use crate::domain::image::{Bin, Image, Status};
use crate::domain::instance::Instance;
use crate::domain::meter::Meter;
use crate::domain::money::Money;
use crate::domain::price::DatedBook;
use crate::domain::quota::Counter;
use crate::domain::statement::Statement;
use crate::domain::task::{State, Task};
use crate::store::records::index;
use crate::store::{Order, Record, StoreError, Tx, transact};
use std::collections::BTreeMap;
use uuid::Uuid;

const STEPS: u32 = 450;
const SEEDS: u64 = 200;

#[expect(clippy::disallowed_methods, reason = "a test has no settings but its environment")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a whole number"))
}

fn run_all(seeds: impl Iterator<Item = u64>, n_steps: u32) -> Vec<Report> {
    seeds.map(|seed| run(seed, n_steps).unwrap_or_else(|failure| panic!("\n{failure}\n"))).collect()
}

#[test]
fn no_seed_breaks_a_rule() {
    if let Some(seed) = number("DARKROOM_SIM_SEED") {
        match run(seed, STEPS) {
            Ok(report) => println!("{}\nseed {seed} broke no rule", report.trace.join("\n")),
            Err(failure) => panic!("\n{failure}\n"),
        }
        return;
    }
    let n_seeds = number("DARKROOM_SIM_SEEDS").unwrap_or(SEEDS);
    let half = n_seeds / 2;
    let reports = std::thread::scope(|scope| {
        let first = scope.spawn(|| run_all(0..half, STEPS));
        let mut all = run_all(half..n_seeds, STEPS);
        match first.join() {
            Ok(reports) => all.extend(reports),
            Err(panic) => std::panic::resume_unwind(panic),
        }
        all
    });
    let mut tally: BTreeMap<String, u32> = BTreeMap::new();
    for (event, n) in reports.iter().flat_map(|r| &r.tally) {
        *tally.entry(event.clone()).or_default() += n;
    }
    println!("{n_seeds} seeds of {STEPS} events broke no rule: {tally:#?}");
    // A world in which nothing can be done breaks no rule either.
    for event in EVENTS {
        assert!(n_seeds < SEEDS || tally.contains_key(*event), "in {n_seeds} seeds never: {event}");
    }
}

/// What must have happened somewhere in the fixed seeds for them to mean something.
const EVENTS: &[&str] = &[
    "deploy: ok",
    "deploy: instance_limit_reached",
    "deploy: instance_name_taken",
    "deploy: price_changed",
    "deploy: no_hypervisor",
    "capture: ok",
    "capture: image_limit_reached",
    "capture: storage_limit_reached",
    "ask-reach: ok",
    "capture: image_feature_off",
    "capture: image_name_taken",
    "capture: instance_capturing",
    "capture: price_changed",
    "capture: task_limit_reached",
    "capture-machine: ok",
    "capture-machine: data_disk_kind",
    "capture-disk: ok",
    "deploy-machine: ok",
    "deploy-iso: ok",
    "deploy-family: ok",
    "deploy-reach: ok",
    "deploy-given: ok",
    "deploy-machine: invalid_input",
    "add-disk: ok",
    "add-disk-of-image: ok",
    "add-disk-of-snapshot: ok",
    "remove-disk: ok",
    "copy: ok",
    "copy: image_limit_reached",
    "copy: image_feature_off",
    "copy: image_name_taken",
    "copy: image_not_available",
    "copy: copies_off",
    "copy: price_changed",
    "copy-whole-machine: ok",
    "save-as-own: ok",
    "save-as-own: shared_elsewhere",
    "save-as-promised: ok",
    "source-goes: ok",
    "stage: ok",
    "stage-planned: ok",
    "stage-planned: invalid_input",
    "stage-2-plans: ok",
    "stage-3-plans: ok",
    "stage-moved: ok",
    "stage-overtakes: ok",
    "unplan: ok",
    "unplan: plan_gone",
    "stage-replaced: ok",
    "stage-replaced: invalid_input",
    "start: ok",
    "stop: ok",
    "reboot: ok",
    "delete-machine: ok",
    "delete-image: recycled",
    "delete-image: leaves",
    "delete-image: removed",
    "delete-image: image_shared",
    "restore-image: ok",
    "restore-image: image_limit_reached",
    "purge-image: ok",
    "keep-image: ok",
    "rename: ok",
    "rename: refused",
    "bulk-delete: ok",
    "bulk-tag: ok",
    "bulk-untag: ok",
    "bulk-protect: ok",
    "bulk-unprotect: ok",
    "cancel: ok",
    "retry: ok",
    "share: ok",
    "decide: ok",
    "decide: account_share_limit_reached",
    "accept-all: ok",
    "accept-all: refused",
    "stop-sharing: ok",
    "share-follow: ok",
    "share-follow: share_no_family",
    "unfollow: ok",
    "passed-on: Accepted",
    "passed-on: Waiting",
    "passed-on: refused",
    "service-on: ok",
    "service-off: ok",
    "snapshot: ok",
    "snapshot: snapshot_service_off",
    "snapshot: snapshot_feature_off",
    "snapshot: snapshot_limit_reached",
    "snapshot: instance_capturing",
    "rename-snapshot: ok",
    "delete-snapshot: ok",
    "image-of-snapshot: ok",
    "schedule: ok",
    "schedule-one-disk: ok",
    "schedule: disk gone",
    "change-schedule: ok",
    "delete-schedule: ok",
    "run-schedule: ok",
    "kept: the newest",
    "ask-quota: ok",
    "ask-quota: quota_not_more",
    "ask-quota: request_open",
    "withdraw-quota: ok",
    "decide-quota: approve",
    "decide-quota: decline",
    "make-group: ok",
    "make-group: group_name_taken",
    "edit-group: ok",
    "roll-group: ok",
    "delete-group: ok",
    "provider-prices: ok",
    "provider-limits: ok",
    "provider-switch: ok",
    "provider-site: ok",
    "sweep-groups: moved",
    "sweep-machines: moved",
    "sweep-leaving: moved",
    "sweep-bin: moved",
    "sweep-plans: moved",
    "sweep-shares: moved",
    "sweep-schedules: moved",
    "sweep-services: ok",
    "sweep-sessions: ok",
    "sweep-leftovers: ok",
    "sweep-storage: ok",
    "change-image: ok",
    "change-image: instance_busy",
    "book-top_up: ok",
    "book-top_up: reference_used",
    "book-credit: ok",
    "payment-prepaid: ok",
    "payment-invoice: ok",
    "budget: ok",
    "sweep-billing: moved",
    "statement: closed",
    "deploy: in_arrears",
    "deploy: clock_behind",
    "restore-image: held_for_arrears",
    "look: ok",
    "export: ok",
    "forbidden: refused",
    "of-others: refused",
    "wrong-password: wrong_sign_in",
    "wrong-password: sign_in_pause",
    "sign-out: ok",
    "password: ok",
    "restart: ok",
    "engine: injected error",
];

/// A change behind the back of the use cases.
type Sabotage = fn(&mut Tx<'_>, &Image, &Instance) -> Result<(), StoreError>;

fn change<R: Record>(tx: &mut Tx<'_>, key: &R::Key, change: impl FnOnce(&mut R)) -> Result<(), StoreError> {
    let mut record = tx.get::<R>(key)?.expect("it is there");
    change(&mut record);
    tx.put(&record)
}

fn task(tx: &mut Tx<'_>, image: &Image, state: State) -> Result<(), StoreError> {
    change::<Task>(tx, &image.task.expect("it was made by one"), |t| t.state = state)
}

fn name(image: &Image) -> (crate::domain::ids::AccountId, crate::domain::ids::RegionId, String) {
    (image.account, image.region.clone(), image.name.as_str().to_lowercase())
}

/// An entry that nobody chained.
fn entry(image: &Image) -> Entry {
    Entry {
        account: image.account,
        number: 1,
        at: image.created,
        kind: EntryKind::TopUp,
        amount: Money(1),
        reference: "R".to_owned(),
        statement: None,
        note: String::new(),
        user: None,
        by: "nobody".to_owned(),
        hash: String::new(),
    }
}

/// The latest event about the image.
fn event(tx: &mut Tx<'_>, image: &Image) -> Result<EventId, StoreError> {
    let about = tx.scan_index::<EventId>(index::EVENT_BY_SUBJECT, &image.id.0, Order::Descending, 1, None)?;
    Ok(about.items[0].value)
}

const SABOTAGES: [(&str, Sabotage); 27] = [
    ("is not in the recycle bin", |tx, image, _| {
        tx.put(&Held { account: image.account, image: image.id, since: image.created, leaves: None })
    }),
    ("which does not follow on 0", |tx, image, _| tx.put(&entry(image))),
    ("which is in arrears", |tx, image, _| {
        tx.put(&Billing { negative_since: Some(image.created), ..Billing::of(image.account) })?;
        tx.put(&Image { id: Uuid::from_u128(7).into(), ..image.clone() })
    }),
    ("made a statement that does not follow", |tx, image, _| {
        tx.put(&Statement {
            account: image.account,
            number: 2,
            name: "acme".to_owned(),
            from: image.created.month_start(),
            to: image.created.next_month(),
            closed: image.created,
            n_lines: 0,
            n_parts: 0,
            total: Money(1),
            due: Money::ZERO,
            symbol: "€".to_owned(),
            lines_hash: String::new(),
            previous: String::new(),
            hash: String::new(),
        })
    }),
    ("without an audit event", |tx, image, _| change::<Image>(tx, &image.id, |i| i.remark.push('!'))),
    ("is Available with Some", |tx, image, _| {
        change::<Image>(tx, &image.id, |i| i.bin = Some(Bin::from(i.created, 7, "nobody")))
    }),
    ("is Recycled with None", |tx, image, _| change::<Image>(tx, &image.id, |i| i.status = Status::Recycled)),
    ("and due is None", |tx, image, _| {
        change::<Image>(tx, &image.id, |i| i.recycle(Bin::from(i.created, 7, "nobody")))?;
        tx.delete_index(index::IMAGE_BY_NAME, &name(image));
        change::<Counter>(tx, &(image.account, image.region.clone()), |c| c.n_images = 0)
    }),
    ("has disks", |tx, image, _| change::<Image>(tx, &image.id, |i| i.status = Status::Error)),
    ("available with size 0", |tx, image, _| change::<Image>(tx, &image.id, |i| i.disks.clear())),
    ("its capture took", |tx, image, _| {
        change::<Image>(tx, &image.id, |i| i.disks[0].fingerprint = "0".repeat(64))
    }),
    ("leads to None", |tx, image, _| {
        tx.delete_index(index::IMAGE_BY_NAME, &name(image));
        Ok(())
    }),
    ("names of images are taken", |tx, image, _| {
        tx.put_index(index::IMAGE_BY_NAME, &(image.account, image.region.clone(), "ghost"), &image.id)
    }),
    ("the counter of", |tx, image, _| {
        change::<Counter>(tx, &(image.account, image.region.clone()), |c| c.n_images = 0)
    }),
    ("counted as being made", |tx, image, _| {
        change::<Counter>(tx, &(image.account, image.region.clone()), |c| {
            c.creating.insert(image.project, 1);
        })
    }),
    ("shares are counted as accepted", |tx, image, _| {
        change::<Counter>(tx, &(image.account, image.region.clone()), |c| c.n_shares = Some(1))
    }),
    ("machines lead to the groups", |tx, _, machine| {
        tx.put_index(index::GROUP_OF_INSTANCE, &machine.id, &crate::domain::ids::GroupId(machine.id.0))
    }),
    ("are known", |tx, _, machine| {
        change::<Instance>(tx, &machine.id, |m| m.disks[0].id = crate::domain::ids::DiskId(m.id.0))
    }),
    ("needs the tasks", |tx, image, _| task(tx, image, State::Running)),
    ("is stuck", |tx, image, machine| {
        change::<Instance>(tx, &machine.id, |m| m.capturing = image.task)?;
        change::<Image>(tx, &image.id, |i| {
            i.status = Status::Creating;
            i.disks.clear();
        })?;
        change::<Counter>(tx, &(image.account, image.region.clone()), |c| {
            c.creating.insert(image.project, 1);
        })?;
        let open = tx.get_index::<Vec<crate::domain::ids::MeterId>>(index::METER_OPEN, &image.id.0)?;
        tx.delete::<Meter>(open.expect("it is charged").first().expect("once"));
        tx.delete_index(index::METER_OPEN, &image.id.0);
        task(tx, image, State::Stuck)
    }),
    ("is being captured by", |tx, image, machine| {
        change::<Instance>(tx, &machine.id, |m| m.capturing = image.task)
    }),
    ("a recount gives", |tx, image, _| {
        change::<DatedBook>(tx, &(image.region.clone(), 1), |b| b.prices.flavor_hour.clear())
    }),
    ("changed or removed an audit event", |tx, image, _| {
        let id = event(tx, image)?;
        change::<Event>(tx, &id, |e| e.actor = "nobody".to_owned())
    }),
    ("changed or removed an audit event", |tx, image, _| {
        let id = event(tx, image)?;
        tx.delete::<Event>(&id);
        Ok(())
    }),
    ("which does not follow on", |tx, image, _| {
        let id = event(tx, image)?;
        let event = tx.get::<Event>(&id)?.expect("it is there");
        tx.put(&Event { id: EventId(image.id.0), ..event })
    }),
    ("is not its end", |tx, image, _| {
        tx.delete::<Chain>(&Some(image.account));
        Ok(())
    }),
    ("nothing charges", |tx, _, machine| {
        let open = tx.get_index::<Vec<crate::domain::ids::MeterId>>(index::METER_OPEN, &machine.id.0)?;
        let id = *open.expect("it runs").first().expect("and is charged");
        change::<Meter>(tx, &id, |m| m.to = Some(m.from))
    }),
];

#[test]
fn every_rule_notices_what_breaks_it() {
    for (words, sabotage) in SABOTAGES {
        let bench = Bench::new(1);
        let provider = bench.provider().unwrap();
        let owner = bench.user("owner@acme.example").unwrap();
        let machine = bench.machine(&owner, &provider, provider.projects[0].1, "web").unwrap();
        let (image, _) = bench.capture(&owner, machine, "one").unwrap();
        bench.work().unwrap();
        check(&bench).unwrap();
        let (image, machine) = (owner.read(&image).unwrap().unwrap(), owner.read(&machine).unwrap().unwrap());
        transact(bench.records(), 1, |tx| sabotage(tx, &image, &machine)).unwrap();
        let noticed = bench.witness.broken().into_iter().chain(check(&bench).err()).collect::<Vec<_>>();
        assert!(noticed.iter().any(|what| what.contains(words)), "“{words}” is not noticed: {noticed:?}");
    }
}

/// The same, on a copy of the public image.
type SabotageOfCopy = fn(&mut Tx<'_>, &Image) -> Result<(), StoreError>;

const SABOTAGES_OF_COPIES: [(&str, SabotageOfCopy); 2] = [
    ("and its source", |tx, copy| change::<Image>(tx, &copy.id, |i| i.disks[0].fingerprint = "0".repeat(64))),
    ("counted as on their way", |tx, copy| {
        change::<Counter>(tx, &(copy.account, copy.region.clone()), |c| c.n_copies = 1)
    }),
];

#[test]
fn a_copy_that_is_not_what_it_was_copied_from_is_noticed() {
    for (words, sabotage) in SABOTAGES_OF_COPIES {
        let bench = Bench::new(1);
        let provider = bench.provider().unwrap();
        let owner = bench.user("owner@acme.example").unwrap();
        let project = provider.projects[0].1;
        let made = bench.copy(&owner, provider.public[0], project, &["north-1"], "mine").unwrap();
        let copy = owner.read::<Image>(&made[0].0).unwrap().unwrap();
        check(&bench).unwrap();
        transact(bench.records(), 1, |tx| sabotage(tx, &copy)).unwrap();
        let noticed = check(&bench).unwrap_err();
        assert!(noticed.contains(words), "“{words}” is not noticed: {noticed}");
    }
}

#[test]
fn content_that_is_taken_from_under_a_copy_is_noticed() {
    let bench = Bench::new(1);
    let provider = bench.provider().unwrap();
    let owner = bench.user("owner@acme.example").unwrap();
    let project = provider.projects[0].1;
    let made = bench.copy(&owner, provider.public[0], project, &["north-1"], "mine").unwrap();
    bench.copy(&owner, made[0].0, project, &["south-1"], "far").unwrap();
    check(&bench).unwrap();
    let north = bench.app.storage.region(&"north-1".into()).unwrap();
    for moment in [0, super::GRACE_MS + 1] {
        north.sweep(&[], crate::domain::time::Timestamp(moment)).unwrap();
    }
    assert!(check(&bench).unwrap_err().contains("the content of"));
}

#[test]
fn leftovers_on_the_host_are_noticed() {
    let bench = Bench::new(1);
    bench.provider().unwrap();
    check(&bench).unwrap();
    bench.host.put_file("scratch/machine/00000000-0000-4000-8000-000000000000", Content::empty(1));
    assert!(check(&bench).unwrap_err().contains("is left of a task that ended"));
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in [3, 8] {
        assert_eq!(run(seed, STEPS), run(seed, STEPS));
    }
    assert_ne!(run(3, STEPS).map(|r| r.trace), run(4, STEPS).map(|r| r.trace));
}
