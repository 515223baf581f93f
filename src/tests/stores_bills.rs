//! Meters, ledgers and statements under `kill -9` and power losses. Months of a small provider, with everything that is charged for, are
//! lived once by the real use cases; their very commits then go to the sled adapter, and whatever is left of it must be the records as they
//! were after one of the commits, none of them acknowledged and missing, with every second of every meter charged once.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

use super::stores::Load;
use super::stores_kill::{self, Start};
use super::stores_power::{Memory, run};
use darkroom::server::store::SledStore;
use darkroom_core::domain::form::{AddDiskForm, BookForm, BulkForm, DeleteImageForm, RestoreImageForm};
use darkroom_core::domain::ids::{AccountId, MeterId, Subject};
use darkroom_core::domain::meter::Meter;
use darkroom_core::domain::money::Money;
use darkroom_core::domain::statement::{Month, Part, Statement};
use darkroom_core::domain::time::Timestamp;
use darkroom_core::domain::usage::{Period, Section, reaches};
use darkroom_core::ops::ctx::Ctx;
use darkroom_core::ops::verify::verify;
use darkroom_core::ops::{billing, disks, images, instances, prices, usage};
use darkroom_core::sim::{Bench, Provider};
use darkroom_core::store::{Batch, Order, Record, Row, Store, StoreError, Version, Watch, list, transact};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::{Arc, Mutex};

const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;
const N_MONTHS: usize = 3;
const DIRECTORY: &str = "DARKROOM_TEST_BILLS_DIRECTORY";
const COMMITS: &str = "DARKROOM_TEST_BILLS_COMMITS";

/// Rows to write and keys to remove: what is left of a commit when nobody else commits.
type Commit = (Vec<(Vec<u8>, Vec<u8>)>, Vec<Vec<u8>>);
type Rows = BTreeMap<Vec<u8>, Vec<u8>>;
/// From when until when something was charged, one stretch for each meter.
type Stretches = Vec<(Timestamp, Option<Timestamp>)>;

#[derive(Default)]
struct Recorder(Mutex<Vec<Commit>>);

impl Watch for Recorder {
    fn committed(&self, _version: Version, batch: &Batch) {
        self.0.lock().unwrap().push((batch.puts.clone(), batch.deletes.clone()));
    }
}

/// Three months of two accounts: machines that run and stop, disks that come and go, images that are captured, copied to another region, put
/// into the recycle bin and taken out of it, snapshots with their service, other prices, top-ups, and each month closed.
fn live() -> Vec<Commit> {
    let bench = Bench::new(23);
    let recorder = Arc::new(Recorder::default());
    bench.store.watch(recorder.clone());
    let provider = bench.provider().unwrap();
    let (ours, theirs) =
        (bench.user("owner@acme.example").unwrap(), bench.user("owner@bolt.example").unwrap());
    bench.service_on(&ours, provider.projects[0].1).unwrap();
    for (owner, project) in [(&ours, provider.projects[0].1), (&theirs, provider.projects[2].1)] {
        bench.machine(owner, &provider, project, "web").unwrap();
    }
    for month in 0..N_MONTHS {
        one_month(&bench, &provider, (&ours, &theirs), month);
    }
    drop(bench);
    let commits = recorder.0.lock().unwrap();
    commits.clone()
}

fn one_month(bench: &Bench, provider: &Provider, (ours, theirs): (&Ctx, &Ctx), month: usize) {
    let now = |ctx: &Ctx| bench.at_present(ctx);
    let next = bench.app.system().now.next_month();
    let machines = bench.app.instances.all();
    let of = |owner: AccountId| machines.iter().find(|machine| machine.account == owner).unwrap().id;
    let (our_machine, their_machine) = (of(provider.accounts[0]), of(provider.accounts[1]));
    let project = provider.projects[0].1;
    // What nobody has in the other region, so that it has to travel there.
    bench.host.write(our_machine, 3, 1_000 + u64::try_from(month).unwrap());
    let (image, _) = bench.capture(ours, our_machine, &format!("web-{month}")).unwrap();
    bench.capture(theirs, their_machine, &format!("their-{month}")).unwrap();
    bench.work().unwrap();
    let sorted = |tags: &str| {
        let form =
            BulkForm { action: "tag".to_owned(), images: vec![image.to_string()], tags: tags.to_owned() };
        assert!(images::bulk(&now(ours), &form).unwrap().iter().all(|line| !line.refused));
    };
    sorted("env=prod");
    bench.copy(ours, image, project, &["south-1"], &format!("far-{month}")).unwrap();
    bench.snapshot(ours, our_machine, "", &format!("before-{month}")).unwrap();
    let disk = AddDiskForm {
        instance: our_machine.to_string(),
        kind: "ssd".to_owned(),
        size_gib: "3".to_owned(),
        price_version: 1,
        ..AddDiskForm::default()
    };
    bench.work().unwrap();
    bench.clock.advance(4 * DAY_MS + 5 * HOUR_MS + 123);
    sorted("env=test");
    instances::stop(&now(ours), our_machine).unwrap();
    bench.work().unwrap();
    disks::add(&now(ours), &disk).unwrap();
    bench.work().unwrap();
    images::delete(&now(ours), &DeleteImageForm::at_once(image)).unwrap();
    bench.work().unwrap();
    bench.clock.advance(DAY_MS + 17);
    instances::start(&now(ours), our_machine).unwrap();
    bench.work().unwrap();
    if month == 1 {
        let form = RestoreImageForm { image: image.to_string(), ..RestoreImageForm::default() };
        images::restore(&now(ours), &form).unwrap();
        bench.work().unwrap();
    }
    let top_up = BookForm {
        account: provider.accounts[month % 2].to_string(),
        kind: "top_up".to_owned(),
        amount: "12.34".to_owned(),
        reference: format!("T-{month}"),
        statement: String::new(),
        note: String::new(),
    };
    billing::book(&bench.app.system(), &top_up).unwrap();
    if month + 1 == N_MONTHS {
        let north = "north-1".into();
        let mut book = usage::books(&bench.app, &north).in_force(now(ours).now).unwrap().prices.clone();
        book.image_gb_month = Money(77_777);
        prices::set(&bench.app.system(), &north, &book, None).unwrap();
    }
    bench.clock.advance(next.plus_ms(3 * DAY_MS).since_ms(bench.app.system().now));
    billing::sweep(&bench.app).unwrap();
    bench.work().unwrap();
}

/// A life, and what all its rows are after each of its commits, from none to all.
struct Bills {
    commits: Vec<Commit>,
    after: Vec<u64>,
}

impl Bills {
    fn of(commits: Vec<Commit>) -> Self {
        let (mut rows, mut after) = (Rows::new(), vec![digest(&Rows::new())]);
        for (puts, deletes) in &commits {
            rows.extend(puts.iter().cloned());
            deletes.iter().for_each(|key| _ = rows.remove(key));
            after.push(digest(&rows));
        }
        Self { commits, after }
    }

    /// Through a file, because children do not live it again.
    fn read(path: &Path) -> Self {
        Self::of(serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
    }

    /// The count of commits that leaves just these rows, from `least` on.
    fn count(&self, store: &dyn Store, least: u64) -> Result<u64, String> {
        let rows = store.scan(&[1], &[0xFF; 64], Order::Ascending, u32::MAX).map_err(|e| e.to_string())?;
        let rows: Rows =
            rows.into_iter().map(|Row { key, value, .. }| (key.to_vec(), value.to_vec())).collect();
        let is = digest(&rows);
        let from = usize::try_from(least).unwrap();
        let found = self.after[from..].iter().position(|after| *after == is);
        let n_rows = rows.len();
        let place = found.ok_or_else(|| {
            format!("{n_rows} rows are of no moment after commit {least}, which was acknowledged")
        })?;
        Ok(least + u64::try_from(place).unwrap())
    }
}

fn digest(rows: &Rows) -> u64 {
    let mut hasher = DefaultHasher::new();
    rows.hash(&mut hasher);
    hasher.finish()
}

impl Load for Bills {
    fn n_writers(&self) -> u64 {
        1
    }

    fn writer_of(&self, _batch: &Batch) -> usize {
        0
    }

    fn write(
        &self,
        store: &dyn Store,
        _writer: u64,
        goes_on: &dyn Fn(u64) -> bool,
        acknowledged: &dyn Fn(u64),
    ) {
        let first = self.count(store, 0).unwrap();
        for number in first..self.n_commits_max() {
            if !goes_on(number) {
                return;
            }
            let (puts, deletes) = self.commits[usize::try_from(number).unwrap()].clone();
            store.commit(Batch { expects: vec![], puts, deletes }).unwrap();
            acknowledged(number + 1);
        }
    }

    fn check(&self, store: &dyn Store, acknowledged: &[u64]) -> Result<Vec<u64>, String> {
        let there = self.count(store, acknowledged[0])?;
        let findings = verify(store).map_err(|e| e.to_string())?.findings;
        if let Some(finding) = findings.first() {
            return Err(format!("after {there} commits `darkroom check` finds: {finding}"));
        }
        every_second_is_charged_once(store).map_err(|wrong| format!("after {there} commits: {wrong}"))?;
        Ok(vec![there])
    }

    fn n_commits_max(&self) -> u64 {
        u64::try_from(self.commits.len()).unwrap()
    }
}

fn all<R: Record>(store: &dyn Store) -> Vec<R> {
    list::<R>(store, &(), Order::Ascending, u32::MAX, None).unwrap().items
}

/// Of what is charged as long as it exists, one meter begins where the one before ends; no two of one charge are at once; and a statement has
/// a line for each meter that reaches into its month, from when to when it did, and none besides.
fn every_second_is_charged_once(store: &dyn Store) -> Result<(), String> {
    let meters: Vec<Meter> = all(store);
    let mut of: BTreeMap<(Subject, Section, String), Stretches> = BTreeMap::new();
    for meter in &meters {
        // An image is in use or in the recycle bin, and always one of them.
        let section = match Section::of(&meter.charge) {
            Section::RecycleBin => Section::Images,
            other => other,
        };
        of.entry((meter.subject, section, meter.charge.kind())).or_default().push((meter.from, meter.to));
    }
    for ((subject, section, kind), mut stretches) in of {
        // One that ended as it began charges for nothing.
        stretches.retain(|(from, to)| Some(*from) != *to);
        stretches.sort_unstable();
        for pair in stretches.windows(2) {
            let (ended, begun) = (pair[0].1, pair[1].0);
            let always = matches!(section, Section::Images | Section::Disks);
            if ended.is_none_or(|ended| ended > begun) || always && ended != Some(begun) {
                return Err(format!("{subject:?} was charged for {section:?} {kind} {stretches:?}"));
            }
        }
    }
    let closed: BTreeSet<(AccountId, Timestamp)> =
        all::<Statement>(store).iter().map(|statement| (statement.account, statement.from)).collect();
    let mut lines: BTreeMap<(MeterId, Timestamp), (Timestamp, Timestamp)> = BTreeMap::new();
    for part in all::<Part>(store).into_iter().filter(|part| closed.contains(&(part.account, part.month))) {
        for line in part.lines {
            if lines.insert((line.meter, part.month), (line.from, line.to)).is_some() {
                return Err(format!(
                    "two lines of {} are of the meter {}",
                    part.month.month_words(),
                    line.meter
                ));
            }
        }
    }
    for (account, from) in closed {
        let month = Month::of(from);
        let period = Period { from, until: month.to };
        for meter in meters.iter().filter(|meter| meter.account == account && reaches(meter, period)) {
            let once = meter.from.max(from);
            let until = if meter.to == Some(meter.from) {
                once
            } else {
                meter.to.map_or(month.to, |to| to.min(month.to))
            };
            if lines.remove(&(meter.id, from)) != Some((once, until)) {
                return Err(format!("a line of {} is not of the whole meter {meter:?}", from.month_words()));
            }
        }
    }
    match lines.pop_first() {
        Some(((meter, month), _)) => {
            Err(format!("{} has a line of {meter}, which it does not have", month.month_words()))
        }
        None => Ok(()),
    }
}

/// The life is worth the proof: it has everything that is charged for, and its months are closed.
#[test]
fn the_life_has_every_section_and_closed_months() {
    let bills = Bills::of(live());
    let directory = tempfile::tempdir().unwrap();
    let store = SledStore::open(directory.path()).unwrap();
    bills.write(&store, 0, &|_| true, &|_| ());
    assert_eq!(bills.check(&store, &[bills.n_commits_max()]), Ok(vec![bills.n_commits_max()]));
    let sections: BTreeSet<Section> =
        all::<Meter>(&store).iter().map(|meter| Section::of(&meter.charge)).collect();
    assert_eq!(sections.len(), Section::ALL.len(), "{sections:?}");
    assert!(all::<Statement>(&store).len() > N_MONTHS, "of both accounts");
    // And it is a proof: a second more or less is noticed.
    let meter = all::<Meter>(&store)
        .into_iter()
        .find(|meter| Section::of(&meter.charge) == Section::Disks && meter.to.is_none())
        .unwrap();
    transact::<_, StoreError>(&store, 1, |tx| {
        tx.put(&Meter { from: meter.from.plus_ms(1000), ..meter.clone() })
    })
    .unwrap();
    assert!(every_second_is_charged_once(&store).is_err());
}

/// Not a test by itself: does nothing unless the test below starts it.
#[test]
fn child_bills_until_it_is_killed() {
    stores_kill::commit_until_killed(DIRECTORY, || {
        Bills::read(Path::new(&std::env::var_os(COMMITS).unwrap()))
    });
}

#[test]
fn after_a_hundred_kills_every_second_is_charged_once() {
    let commits = live();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("commits.json");
    std::fs::write(&file, serde_json::to_vec(&commits).unwrap()).unwrap();
    let more = [(COMMITS, file)];
    let start =
        Start { test: "stores_bills::child_bills_until_it_is_killed", directory: DIRECTORY, more: &more };
    let n_commits = start.survives(&Bills::of(commits), 12);
    assert!(n_commits > 300, "the children did commit: {n_commits}");
}

#[test]
fn after_a_power_loss_every_second_is_charged_once() {
    let bills = Bills::of(live());
    let n_commits = bills.n_commits_max();
    let (power, outcome) = run(Arc::new(bills), Memory::Good, 5, n_commits);
    outcome.unwrap();
    assert!(power.n_cuts() > 10, "{} cuts", power.n_cuts());
    // And one that does not sync is noticed.
    let (_, outcome) = run(Arc::new(Bills::of(live())), Memory::Forgets, 5, n_commits);
    assert!(outcome.unwrap_err().contains("which was acknowledged"));
}
