//! Follows every commit: keeps the records decoded, so that checking the rules after each event is quick, and judges what only a single
//! commit shows: that every change has its event, that events are only ever added to the end of their chain, and that no counter rises over
//! the limit in force.

use crate::domain::attribution::Holding;
use crate::domain::billing::{Billing, Entry, Held, Ledger};
use crate::domain::event::{Chain, Event};
use crate::domain::flavor::Flavor;
use crate::domain::following::Following;
use crate::domain::group::{Group, Tries};
use crate::domain::ids::{AccountId, RegionId};
use crate::domain::image::{self, Image, Visibility};
use crate::domain::installation::Installation;
use crate::domain::instance::Instance;
use crate::domain::meter::Meter;
use crate::domain::project::{Account, Project, User};
use crate::domain::quota::{Counter, Limits};
use crate::domain::region::Region;
use crate::domain::request::Request;
use crate::domain::schedule::Schedule;
use crate::domain::share::{Share, Sharing};
use crate::domain::size::GB;
use crate::domain::snapshot::{Snapshot, SnapshotService};
use crate::domain::statement::Statement;
use crate::domain::task::Task;
use crate::ops::audit::chain::link;
use crate::store::{
    Batch, Order, Record, Store, Version, Watch, decode_record, prefix_end, record_key, record_prefix,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// The decoded rows of a table by their keys.
pub(super) struct Table<R> {
    prefix: Vec<u8>,
    rows: BTreeMap<Vec<u8>, R>,
}

impl<R: Record + Clone> Table<R> {
    fn new() -> Self {
        Self { prefix: record_prefix(R::TABLE), rows: BTreeMap::new() }
    }

    fn follow(&mut self, batch: &Batch) {
        for (key, value) in batch.puts.iter().filter(|(key, _)| key.starts_with(&self.prefix)) {
            // What a test damaged is no record any more.
            match decode_record(key, value) {
                Ok(record) => _ = self.rows.insert(key.clone(), record),
                Err(_) => _ = self.rows.remove(key),
            }
        }
        for key in batch.deletes.iter().filter(|key| key.starts_with(&self.prefix)) {
            self.rows.remove(key);
        }
    }

    /// The rows that this batch writes.
    pub(super) fn put_in(&self, batch: &Batch) -> Vec<R> {
        let puts = batch.puts.iter().filter(|(key, _)| key.starts_with(&self.prefix));
        puts.filter_map(|(key, value)| decode_record(key, value).ok()).collect()
    }

    /// The rows that this batch removes, as they were.
    pub(super) fn gone_in(&self, batch: &Batch) -> Vec<&R> {
        batch.deletes.iter().filter_map(|key| self.rows.get(key)).collect()
    }

    /// The row of this key once this batch is followed.
    pub(super) fn after(&self, batch: &Batch, key: &R::Key) -> Option<R> {
        let key = record_key(R::TABLE, key);
        match batch.puts.iter().find(|(put, _)| *put == key) {
            Some((_, value)) => decode_record(&key, value).ok(),
            None if batch.deletes.contains(&key) => None,
            None => self.rows.get(&key).cloned(),
        }
    }

    /// The rows that this batch adds; looked at before it is followed.
    pub(super) fn new_in(&self, batch: &Batch) -> Vec<R> {
        let puts = batch
            .puts
            .iter()
            .filter(|(key, _)| key.starts_with(&self.prefix) && !self.rows.contains_key(key));
        puts.filter_map(|(key, value)| decode_record(key, value).ok()).collect()
    }

    /// All rows, in the order of their keys.
    pub(super) fn all(&self) -> impl Iterator<Item = &R> {
        self.rows.values()
    }

    /// The row of this id.
    pub(super) fn get(&self, id: Uuid) -> Option<&R> {
        self.rows.get(&[&self.prefix[..], id.as_bytes()].concat())
    }

    fn touched(&self, batch: &Batch) -> bool {
        let puts = batch.puts.iter().map(|(key, _)| key);
        puts.chain(&batch.deletes).any(|key| key.starts_with(&self.prefix))
    }
}

pub(super) struct Records {
    pub(super) images: Table<Image>,
    pub(super) instances: Table<Instance>,
    pub(super) groups: Table<Group>,
    pub(super) installations: Table<Installation>,
    pub(super) tasks: Table<Task>,
    pub(super) meters: Table<Meter>,
    pub(super) holdings: Table<Holding>,
    pub(super) counters: Table<Counter>,
    pub(super) accounts: Table<Account>,
    pub(super) projects: Table<Project>,
    pub(super) regions: Table<Region>,
    pub(super) shares: Table<Share>,
    pub(super) sharings: Table<Sharing>,
    pub(super) requests: Table<Request>,
    pub(super) followings: Table<Following>,
    pub(super) services: Table<SnapshotService>,
    pub(super) snapshots: Table<Snapshot>,
    pub(super) schedules: Table<Schedule>,
    pub(super) billings: Table<Billing>,
    pub(super) ledgers: Table<Ledger>,
    pub(super) entries: Table<Entry>,
    pub(super) held: Table<Held>,
    pub(super) statements: Table<Statement>,
    flavors: Table<Flavor>,
    users: Table<User>,
    pub(super) events: Table<Event>,
    heads: Table<Chain>,
    /// The end of every chain as far as it was recomputed: nothing is ever hashed twice.
    ends: BTreeMap<Option<AccountId>, (u64, String)>,
    pub(super) n_events: u64,
    /// What became of images that were passed on, which snapshots were kept, and how often, since the world asked last.
    pub(super) passed_on: BTreeMap<String, u32>,
    pub(super) broken: Vec<String>,
}

impl Records {
    fn follow(&mut self, batch: &Batch) {
        self.images.follow(batch);
        self.instances.follow(batch);
        self.groups.follow(batch);
        self.installations.follow(batch);
        self.tasks.follow(batch);
        self.meters.follow(batch);
        self.holdings.follow(batch);
        self.counters.follow(batch);
        self.accounts.follow(batch);
        self.projects.follow(batch);
        self.regions.follow(batch);
        self.shares.follow(batch);
        self.sharings.follow(batch);
        self.requests.follow(batch);
        self.followings.follow(batch);
        self.services.follow(batch);
        self.snapshots.follow(batch);
        self.schedules.follow(batch);
        self.billings.follow(batch);
        self.ledgers.follow(batch);
        self.entries.follow(batch);
        self.held.follow(batch);
        self.statements.follow(batch);
        self.flavors.follow(batch);
        self.users.follow(batch);
        self.events.follow(batch);
        self.heads.follow(batch);
    }

    /// The limits of an account in a region.
    pub(super) fn limits(&self, account: Uuid, region: &RegionId) -> Option<Limits> {
        let own = self.accounts.get(account).and_then(|a| a.limits.get(region).copied());
        own.or_else(|| self.regions.all().find(|r| r.id == *region).map(|r| r.limits))
    }

    /// Whether a group changed, but for when it is tried again: that is told when it happens first.
    fn groups_changed(&self, batch: &Batch) -> bool {
        let bare = |group: &Group| {
            let told = group.trouble.as_ref().map(|trouble| trouble.code.clone());
            (Group { tries: None::<Tries>, trouble: None, ..group.clone() }, told)
        };
        let changed =
            |group: &Group| self.groups.get(group.id.0).is_none_or(|before| bare(before) != bare(group));
        self.groups.put_in(batch).iter().any(changed) || !self.groups.gone_in(batch).is_empty()
    }

    /// What this commit alone breaks; looked at before it is followed.
    fn judge(&mut self, version: Version, batch: &Batch) {
        let told = batch.puts.iter().filter(|(key, _)| key.starts_with(&self.events.prefix)).count();
        self.n_events += u64::try_from(told).unwrap_or(u64::MAX);
        let changes = [
            (self.images.touched(batch), "image"),
            (self.instances.touched(batch), "instance"),
            (self.groups_changed(batch), "scaling group"),
            (self.accounts.touched(batch), "account"),
            (self.projects.touched(batch), "project"),
            (self.users.touched(batch), "user"),
            (self.regions.touched(batch), "region"),
            (self.flavors.touched(batch), "instance type"),
            (self.shares.touched(batch), "share"),
            (self.requests.touched(batch), "request"),
            (self.followings.touched(batch), "following"),
            (self.services.touched(batch), "snapshot service"),
            (self.snapshots.touched(batch), "snapshot"),
            (self.entries.touched(batch), "ledger"),
        ];
        for (_, noun) in changes.iter().filter(|(touched, _)| *touched && told == 0) {
            self.broken.push(format!("commit {version} changed the {noun} without an audit event"));
        }
        // What is made, and what is to become of a machine that is there.
        let made = self.instances.new_in(batch).into_iter().map(|m| (m.origin.id, m.created, m));
        let began = self.installations.put_in(batch).into_iter().filter_map(|new| {
            let before = self.installations.get(new.instance.0).and_then(|old| old.next.as_ref());
            let next = new.next.filter(|next| Some(next) != before)?;
            let task = self.tasks.new_in(batch).into_iter().find(|task| task.id == next.task)?;
            Some((next.origin.id, task.created, self.instances.get(new.instance.0)?.clone()))
        });
        let of: Vec<_> = made.chain(began).collect();
        for (image, at, machine) in of {
            let Some(image) = self.images.get(image.0) else { continue };
            if image.status != image::Status::Available {
                self.broken.push(format!("commit {version} made {} of a deleted image", machine.id));
            }
            let own = image.visibility == Visibility::Public || image.account == machine.account;
            let gives =
                |s: &Share| s.image == image.id && s.recipient == machine.project && s.gives(image, at);
            if !own && !self.shares.all().any(gives) {
                self.broken
                    .push(format!("commit {version} made {} of an image it was not given", machine.id));
            }
        }
        for (key, value) in batch.puts.iter().filter(|(key, _)| key.starts_with(&self.counters.prefix)) {
            let new: Counter = decode_record(key, value).expect("what was encoded a moment ago decodes");
            let old = self.counters.rows.get(key);
            let (images, instances) = old.map_or((0, 0), |c| (c.n_images, c.n_instances));
            let shares = old.and_then(|c| c.n_shares).unwrap_or(0);
            let creating = old.map_or(0, Counter::n_creating);
            let Some(limits) = self.limits(new.account.0, &new.region) else { continue };
            let allowed = limits.n_images_max.max(images + self.n_given_back(batch, new.account));
            if new.n_images > images.max(allowed) || new.n_images > images + 1 {
                self.broken
                    .push(format!("commit {version} took image {} of {}", new.n_images, limits.n_images_max));
            }
            let snapshots = old.map_or(0, |c| c.n_snapshots);
            if new.n_snapshots > snapshots.max(limits.n_snapshots_max) || new.n_snapshots > snapshots + 1 {
                let (n, max) = (new.n_snapshots, limits.n_snapshots_max);
                self.broken.push(format!("commit {version} took snapshot {n} of {max}"));
            }
            if new.n_shares.is_some_and(|n| n > shares.max(limits.n_shares_max)) {
                let (n, max) = (new.n_shares, limits.n_shares_max);
                self.broken.push(format!("commit {version} took share {n:?} of {max}"));
            }
            let held = old.and_then(|c| c.stored_bytes).unwrap_or(0);
            let most = held.max(u64::from(limits.stored_gb_max).saturating_mul(GB));
            if let Some(n) = new.stored_bytes.filter(|n| *n > most) {
                self.broken.push(format!("commit {version} holds {n} bytes of {most}"));
            }
            let n = new.n_creating();
            if n > creating.max(limits.n_creates_max) || n > creating + 1 {
                let max = limits.n_creates_max;
                self.broken.push(format!("commit {version} began to make image {n} at once of {max}"));
            }
            if new.n_instances > instances.max(limits.n_instances_max) || new.n_instances > instances + 1 {
                let what = format!(
                    "commit {version} took machine {} of {}",
                    new.n_instances, limits.n_instances_max
                );
                self.broken.push(what);
            }
        }
    }
}

impl Records {
    /// Events are only added, each to the end of its chain, and the head says what the end is.
    fn judge_chains(&mut self, version: Version, batch: &Batch) {
        let mut new = self.events.new_in(batch);
        let put = batch.puts.iter().filter(|(key, _)| key.starts_with(&self.events.prefix)).count();
        let gone = batch.deletes.iter().any(|key| self.events.rows.contains_key(key));
        if put != new.len() || gone {
            self.broken.push(format!("commit {version} changed or removed an audit event"));
        }
        new.sort_unstable_by_key(|event| event.number);
        for event in new {
            let (n, hash) = self.ends.entry(event.account).or_default();
            if event.number != *n + 1 || event.hash != link(hash, &event) {
                let what =
                    format!("commit {version} wrote event {}, which does not follow on {n}", event.number);
                self.broken.push(what);
            }
            (*n, *hash) = (event.number, event.hash);
        }
        let heads = batch.puts.iter().filter(|(key, _)| key.starts_with(&self.heads.prefix));
        for head in heads.filter_map(|(key, value)| decode_record::<Chain>(key, value).ok()) {
            let end = self.ends.get(&head.account);
            if end.is_none_or(|(n, hash)| (head.n_events, &head.hash) != (*n, hash)) {
                let what =
                    format!("commit {version} says event {} is the last, and it is {end:?}", head.n_events);
                self.broken.push(what);
            }
        }
    }

    /// Whether every chain ends where its head says; up to there it was recomputed commit by commit.
    pub(super) fn heads_are_the_ends(&self) -> bool {
        let heads = self.heads.all().map(|head| (&head.account, head.n_events, &head.hash));
        heads.eq(self.ends.iter().map(|(account, (n, hash))| (account, *n, hash)))
    }
}

/// The follower.
pub struct Witness(Mutex<Records>);

impl Witness {
    /// Reads what is there, and follows the store from then on.
    ///
    /// # Panics
    /// When the memory store cannot be read, which would be a defect.
    pub fn open(store: &dyn Store) -> Arc<Self> {
        let mut records = Records {
            images: Table::new(),
            instances: Table::new(),
            groups: Table::new(),
            installations: Table::new(),
            tasks: Table::new(),
            meters: Table::new(),
            holdings: Table::new(),
            counters: Table::new(),
            accounts: Table::new(),
            projects: Table::new(),
            regions: Table::new(),
            shares: Table::new(),
            sharings: Table::new(),
            requests: Table::new(),
            followings: Table::new(),
            services: Table::new(),
            snapshots: Table::new(),
            schedules: Table::new(),
            billings: Table::new(),
            ledgers: Table::new(),
            entries: Table::new(),
            held: Table::new(),
            statements: Table::new(),
            flavors: Table::new(),
            users: Table::new(),
            events: Table::new(),
            heads: Table::new(),
            ends: BTreeMap::new(),
            n_events: 0,
            passed_on: BTreeMap::new(),
            broken: vec![],
        };
        let all = everything(store);
        records.judge_chains(0, &all);
        records.follow(&all);
        let witness = Arc::new(Self(Mutex::new(records)));
        store.watch(witness.clone());
        witness
    }

    pub(super) fn records(&self) -> MutexGuard<'_, Records> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What single commits broke.
    pub fn broken(&self) -> Vec<String> {
        self.records().broken.clone()
    }

    /// Audit events that were written while this follows.
    pub fn n_events(&self) -> u64 {
        self.records().n_events
    }
}

impl Watch for Witness {
    fn committed(&self, version: Version, batch: &Batch) {
        let mut records = self.records();
        records.judge(version, batch);
        records.judge_chains(version, batch);
        records.judge_following(version, batch);
        records.judge_plans(version, batch);
        records.judge_snapshots(version, batch);
        records.judge_paying(version, batch);
        records.follow(batch);
    }
}

/// All rows, as if one batch had written them.
fn everything(store: &dyn Store) -> Batch {
    let rows = store.scan(&[1], &prefix_end(&[0xFF]), Order::Ascending, u32::MAX);
    let rows = rows.expect("the memory store can always be read");
    Batch { puts: rows.into_iter().map(|row| (row.key, row.value.to_vec())).collect(), ..Batch::new() }
}
