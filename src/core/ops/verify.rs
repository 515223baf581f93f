//! Verifies all records of a store: every row is understood, indexes and records agree both ways, counters are what a recount gives, meters
//! belong to something and exist once, references lead somewhere, events are chained without a gap. Changes nothing, mends nothing.
//!
//! It reads row by row and not through catalogs, so that one damaged row is one finding and not the end. Disk contents are verified by
//! whoever keeps them; [`Verified::needed`] says which ones the records need.

mod billing;
mod chains;
mod counters;
mod groups;
mod holders;
mod meters;
mod snapshots;

pub use holders::{Held, attributed};

use crate::domain::attribution::{Attribution, Holding};
use crate::domain::billing::{Billing, Entry, Held as HeldImage, Ledger};
use crate::domain::event::{Chain, Event};
use crate::domain::flavor::Flavor;
use crate::domain::following::{Follower, Following};
use crate::domain::group::Group;
use crate::domain::ids::{AccountId, ImageId, MeterId, ProjectId, RegionId, Subject};
use crate::domain::image::{self, Image};
use crate::domain::installation::Installation;
use crate::domain::instance::{self, Instance};
use crate::domain::meter::Meter;
use crate::domain::price::{DatedBook, PriceBook};
use crate::domain::project::{Account, Project, Session, Side, User};
use crate::domain::quota::Counter;
use crate::domain::region::Region;
use crate::domain::request::{Request, State};
use crate::domain::schedule::Schedule;
use crate::domain::seeding::Seeding;
use crate::domain::share::{Share, Sharing};
use crate::domain::snapshot::{self, Snapshot, SnapshotService};
use crate::domain::statement::{Part, Series, Statement};
use crate::domain::task::Task;
use crate::ops::audit::Indexes;
use crate::store::records::index;
use crate::store::{
    KEY_BYTES_MAX, Order, Record, Row, Store, StoreError, TableKey, decode_record, index_key, record_key,
    show_key,
};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Rows read at once.
const ROWS_MAX: u32 = 1000;

/// What a verification found.
#[derive(Debug, Default)]
pub struct Verified {
    /// Rows read.
    pub n_rows: u64,
    /// What is wrong, a sentence each.
    pub findings: Vec<String>,
    /// Which contents are needed, by region and fingerprint, and by whom.
    pub needed: BTreeMap<RegionId, BTreeMap<String, Vec<Needer>>>,
    /// Regions that are set up.
    pub regions: BTreeSet<RegionId>,
    /// What holds chunks, by account and region, where nothing waits to be charged: for [`attributed`].
    pub held: BTreeMap<(AccountId, RegionId), Held>,
}

/// Who needs a disk content.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Needer {
    /// `image` or `instance`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: Uuid,
    /// The project that owns it.
    pub project: String,
    /// The account that pays for it.
    pub account: String,
}

impl std::fmt::Display for Needer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kind, name, id, project, account } = self;
        write!(f, "{kind} “{name}” ({id}) in project {project} of {account}")
    }
}

/// Reads and verifies everything.
///
/// # Errors
/// When rows cannot be read at all.
pub fn verify(store: &dyn Store) -> Result<Verified, StoreError> {
    let mut all = All::default();
    let mut start = vec![1];
    let end = [0xFF; KEY_BYTES_MAX + 1];
    loop {
        let rows = store.scan(&start, &end, Order::Ascending, ROWS_MAX)?;
        let Some(last) = rows.last() else { break };
        start = [last.key.as_slice(), &[0]].concat();
        rows.iter().for_each(|row| all.take(row));
    }
    all.references();
    all.indexes();
    all.counters();
    all.shares();
    all.bin();
    all.groups();
    all.snapshots();
    all.meters();
    all.holders();
    all.books();
    all.contents();
    all.billing();
    all.told();
    all.chains();
    Ok(all.verified)
}

/// Everything that could be understood.
#[derive(Default)]
struct All {
    verified: Verified,
    accounts: BTreeMap<AccountId, Account>,
    projects: BTreeMap<ProjectId, Project>,
    users: Vec<User>,
    sessions: Vec<Session>,
    counters: Vec<Counter>,
    images: BTreeMap<Uuid, Image>,
    instances: BTreeMap<Uuid, Instance>,
    groups: Vec<Group>,
    installations: BTreeMap<Uuid, Installation>,
    tasks: Vec<Task>,
    meters: BTreeMap<MeterId, Meter>,
    prices: BTreeMap<RegionId, PriceBook>,
    books: BTreeMap<RegionId, Vec<DatedBook>>,
    attributions: BTreeMap<(AccountId, RegionId), Attribution>,
    holdings: Vec<Holding>,
    events: Vec<Event>,
    chains: BTreeMap<Option<AccountId>, Chain>,
    flavors: Vec<Flavor>,
    shares: Vec<Share>,
    sharings: BTreeMap<ImageId, Sharing>,
    followings: Vec<Following>,
    requests: Vec<Request>,
    services: Vec<SnapshotService>,
    snapshots: BTreeMap<Uuid, Snapshot>,
    schedules: BTreeMap<Uuid, Schedule>,
    money: billing::Money,
    index_rows: BTreeMap<Vec<u8>, Value>,
}

impl All {
    fn found(&mut self, finding: String) {
        self.verified.findings.push(finding);
    }

    fn take(&mut self, row: &Row) {
        self.verified.n_rows += 1;
        let is_of = |prefix: Vec<u8>| row.key.starts_with(&prefix);
        macro_rules! tables {
            ($($record:ident => |$r:ident| $keep:expr;)*) => {$(
                if is_of(record_key($record::TABLE, &())) {
                    if let Some($r) = self.decode::<$record>(row) { $keep; }
                    return;
                }
            )*};
        }
        tables! {
            Account => |r| self.accounts.insert(r.id, r);
            Project => |r| self.projects.insert(r.id, r);
            User => |r| self.users.push(r);
            Session => |r| self.sessions.push(r);
            Region => |r| {
                self.verified.regions.insert(r.id.clone());
                self.prices.insert(r.id, r.prices)
            };
            Seeding => |r| self.found(format!(
                "Filling the data directory for trying things out began at {} and was broken off. Start `darkroom serve` with --seed-demo again.",
                r.began.minute()
            ));
            DatedBook => |r| self.books.entry(r.region.clone()).or_default().push(r);
            Flavor => |r| self.flavors.push(r);
            Counter => |r| self.counters.push(r);
            Image => |r| self.images.insert(r.id.0, r);
            Instance => |r| self.instances.insert(r.id.0, r);
            Group => |r| self.groups.push(r);
            Installation => |r| self.installations.insert(r.instance.0, r);
            Task => |r| self.tasks.push(r);
            Meter => |r| self.meters.insert(r.id, r);
            Attribution => |r| self.attributions.insert((r.account, r.region.clone()), r);
            Holding => |r| self.holdings.push(r);
            Share => |r| self.shares.push(r);
            Sharing => |r| self.sharings.insert(r.image, r);
            Following => |r| self.followings.push(r);
            Request => |r| self.requests.push(r);
            SnapshotService => |r| self.services.push(r);
            Snapshot => |r| self.snapshots.insert(r.id.0, r);
            Schedule => |r| self.schedules.insert(r.id.0, r);
            Event => |r| self.events.push(r);
            Chain => |r| self.chains.insert(r.account, r);
            Billing => |r| self.money.billings.push(r);
            Ledger => |r| self.money.ledgers.insert(r.account, r);
            Entry => |r| self.money.entry(r);
            HeldImage => |r| self.money.held.push(r);
            Statement => |r| self.money.statements.push(r);
            Part => |r| self.money.part(&r);
            Series => |r| self.money.series = r;
        }
        if INDEXES.iter().any(|name| is_of(index_key(name, &()))) {
            match serde_json::from_slice(&row.value) {
                Ok(value) => _ = self.index_rows.insert(row.key.clone(), value),
                Err(e) => self.found(format!("The index row {} is not readable: {e}.", show_key(&row.key))),
            }
            return;
        }
        self.found(format!("The row {} belongs to no table or index of this version.", show_key(&row.key)));
    }

    fn decode<R: Record>(&mut self, row: &Row) -> Option<R> {
        match decode_record::<R>(&row.key, &row.value) {
            Ok(record) if record_key(R::TABLE, &record.key()) == row.key => Some(record),
            Ok(_) => {
                self.found(format!("The record {} lies under the key of another.", show_key(&row.key)));
                None
            }
            Err(error) => {
                self.found(format!("A record is not readable: {}.", error.with_causes()));
                None
            }
        }
    }

    // ------------------------------------------------------------------------------------------------- references

    fn references(&mut self) {
        let mut missing = Vec::new();
        let has_account = |id: &AccountId| self.accounts.contains_key(id);
        let has_project = |id: &ProjectId| self.projects.contains_key(id);
        for project in self.projects.values().filter(|p| !has_account(&p.account)) {
            missing.push(format!("The project {} ({}) belongs to no account.", project.name, project.id));
        }
        for user in &self.users {
            if let Side::Tenant { account, roles } = &user.side
                && (!has_account(account) || !roles.keys().all(has_project))
            {
                missing.push(format!(
                    "The user {} belongs to an account or project that does not exist.",
                    user.id
                ));
            }
        }
        for session in self.sessions.iter().filter(|s| !self.users.iter().any(|u| u.id == s.user)) {
            missing.push(format!("The session {} belongs to no user.", session.id));
        }
        let owned = |account, project, region| {
            has_account(account) && has_project(project) && self.verified.regions.contains(region)
        };
        for image in self.images.values().filter(|i| !owned(&i.account, &i.project, &i.region)) {
            missing
                .push(format!("The image {} ({}) has no account, project or region.", image.name, image.id));
        }
        for machine in self.instances.values().filter(|i| !owned(&i.account, &i.project, &i.region)) {
            missing.push(format!(
                "The instance {} ({}) has no account, project or region.",
                machine.name, machine.id
            ));
        }
        for following in &self.followings {
            let reach = |f: &Follower| self.projects.get(&f.project).is_some_and(|p| p.account == f.account);
            if !owned(&following.account, &following.project, &following.region)
                || !following.recipients.iter().all(reach)
            {
                missing.push(format!(
                    "The family {} of the project {} is shared from or with a project that does not exist.",
                    following.family, following.project
                ));
            }
        }
        for request in &self.requests {
            if !has_account(&request.account) || !self.verified.regions.contains(&request.region) {
                missing.push(format!("The request {} belongs to no account or region.", request.id));
            }
            if (request.state == State::Pending) != request.decision.is_none() {
                let word = request.state.word().to_lowercase();
                missing.push(format!("The request {} is {word}, and its decision does not fit.", request.id));
            }
        }
        for task in self.tasks.iter().filter(|t| t.state.active()) {
            if !self.exists(&task.subject) {
                missing.push(format!("The task {} works on something that does not exist.", task.id));
            }
        }
        self.verified.findings.append(&mut missing);
    }

    fn exists(&self, subject: &Subject) -> bool {
        match subject {
            Subject::Image(id) => self.images.contains_key(&id.0),
            Subject::Instance(id) => self.instances.contains_key(&id.0),
            Subject::Group(id) => self.groups.iter().any(|g| g.id == *id),
            Subject::Disk(id) => self.instances.values().any(|m| m.disks.iter().any(|d| d.id == *id)),
            Subject::Task(id) => self.tasks.iter().any(|t| t.id == *id),
            Subject::User(id) => self.users.iter().any(|u| u.id == *id),
            Subject::Project(id) => self.projects.contains_key(id),
            Subject::Account(id) => self.accounts.contains_key(id),
            Subject::Region(_) => self.verified.regions.iter().any(|id| Subject::region(id) == *subject),
            Subject::Flavor(_) => self.flavors.iter().any(|f| Subject::flavor(&f.id) == *subject),
            Subject::Snapshot(id) => self.snapshots.contains_key(&id.0),
            Subject::Schedule(id) => self.schedules.contains_key(&id.0),
            Subject::Service(_) => self.services.iter().any(|s| s.subject() == *subject),
        }
    }

    // ---------------------------------------------------------------------------------------------------- indexes

    fn indexes(&mut self) {
        let expected = self.expected_indexes();
        let mut found = Vec::new();
        for (key, value) in &expected {
            match self.index_rows.get(key) {
                None => found.push(format!("The index row {} is missing.", show_key(key))),
                Some(stored) if sorted(stored) != sorted(value) => {
                    found.push(format!(
                        "The index row {} says {stored} and should say {value}.",
                        show_key(key)
                    ));
                }
                Some(_) => {}
            }
        }
        for key in self.index_rows.keys().filter(|key| !expected.contains_key(*key)) {
            found.push(format!("The index row {} leads to nothing.", show_key(key)));
        }
        self.verified.findings.append(&mut found);
    }

    fn expected_indexes(&self) -> BTreeMap<Vec<u8>, Value> {
        let mut rows = Expected::default();
        for user in &self.users {
            rows.put(index::USER_BY_EMAIL, &user.email, user.id.0);
        }
        for session in &self.sessions {
            rows.put(index::SESSION_BY_TOKEN, &session.token_hash, session.id.0);
            rows.put(index::SESSION_BY_USER, &(session.user, session.id), session.id.0);
        }
        for image in self.images.values().filter(|i| i.status.listed()) {
            let name = image.name.as_str().to_lowercase();
            rows.put(index::IMAGE_BY_NAME, &(image.account, image.region.clone(), name), image.id.0);
        }
        for machine in self.instances.values().filter(|i| i.status != instance::Status::Deleting) {
            rows.put(index::INSTANCE_BY_NAME, &super::instances::name_key(machine), machine.id.0);
        }
        self.expect_groups(&mut rows);
        for task in &self.tasks {
            if task.state.active() {
                rows.put(index::TASK_ACTIVE, &task.id, task.id.0);
            }
            let place = (task.project, task.region.clone(), task.created.0, task.id);
            rows.put(index::TASK_BY_PLACE, &place, task.id.0);
        }
        self.schedule_rows(&mut rows);
        self.money.expect(&mut rows);
        for request in &self.requests {
            if request.state == State::Pending {
                rows.put(index::REQUEST_OPEN, &super::quotas::open_key(request), request.id.0);
            }
            let place = (request.account, request.region.clone(), request.at.0, request.id);
            rows.put(index::REQUEST_BY_PLACE, &place, request.id.0);
            rows.put(index::REQUEST_BY_TIME, &(request.at.0, request.id), request.id.0);
        }
        for event in &self.events {
            let (at, id) = (event.at.0, event.id);
            let by = Indexes::of(event.of_charge());
            rows.put(by.time, &(at, id), id.0);
            rows.put(by.subject, &(event.subject.uuid(), at, id), id.0);
            if let Some(account) = event.account {
                rows.put(by.account, &(account, at, id), id.0);
            }
            if let Some(project) = event.project {
                rows.put(by.project, &(project, at, id), id.0);
            }
        }
        let mut open: BTreeMap<Uuid, Vec<String>> = BTreeMap::new();
        for meter in self.meters.values().filter(|m| m.to.is_none()) {
            open.entry(meter.subject.uuid()).or_default().push(meter.id.to_string());
        }
        for (subject, meters) in open {
            rows.0.insert(index_key(index::METER_OPEN, &subject), Value::from(meters));
        }
        rows.0
    }

    fn account_name(&self, id: AccountId) -> String {
        self.accounts.get(&id).map_or_else(|| id.to_string(), |account| account.name.to_string())
    }

    // -------------------------------------------------------------------------------------------------------- bin

    /// What is in the recycle bin has a place there, nothing else has; and only what is available can be going to be deleted.
    fn bin(&mut self) {
        let mut found = Vec::new();
        for image in self.images.values() {
            let what = format!("The image “{}” ({})", image.name, image.id);
            let (recycled, word) =
                (image.status == image::Status::Recycled, image.status.word().to_lowercase());
            match &image.bin {
                None if recycled => {
                    found.push(format!("{what} is recycled and has no place in the recycle bin."))
                }
                Some(_) if !recycled => {
                    found.push(format!("{what} is {word} and has a place in the recycle bin."));
                }
                Some(bin) if bin.until < bin.since => {
                    found.push(format!("{what} leaves the recycle bin before it came there."));
                }
                None | Some(_) => {}
            }
            if image.leaves.is_some() && image.status != image::Status::Available {
                found.push(format!("{what} is {word} and is going to be deleted on a day to come."));
            }
        }
        self.verified.findings.append(&mut found);
    }

    // ------------------------------------------------------------------------------------------------------ books

    fn books(&mut self) {
        let mut found = Vec::new();
        for (region, books) in &mut self.books {
            books.sort_by_key(|book| book.prices.version);
            for pair in books.windows(2) {
                let (one, next) = (&pair[0], &pair[1]);
                let follows = one.prices.version.checked_add(1) == Some(next.prices.version);
                if !follows {
                    found.push(format!(
                        "The price book {} of {region} does not follow on {}.",
                        next.prices.version, one.prices.version
                    ));
                }
            }
            books.retain(|book| book.withdrawn.is_none());
            if let Some(next) = books.windows(2).find(|pair| pair[1].from < pair[0].from) {
                let (one, next) = (next[0].prices.version, next[1].prices.version);
                found.push(format!("The price book {next} of {region} begins before {one}."));
            }
            if !books.iter().any(|book| Some(&book.prices) == self.prices.get(region)) {
                found.push(format!("The prices of {region} are those of none of its price books."));
            }
        }
        self.verified.findings.append(&mut found);
    }

    // --------------------------------------------------------------------------------------------------- contents

    fn contents(&mut self) {
        let mut needed: Vec<(RegionId, String, Needer)> = Vec::new();
        let mut found = Vec::new();
        for image in self.images.values() {
            let made = matches!(image.status, image::Status::Available | image::Status::Recycled);
            if made && (image.disks.is_empty() || image.disks.iter().any(|d| d.virtual_bytes == 0)) {
                found.push(format!(
                    "The image “{}” ({}) is {} and has no disk or one of size 0.",
                    image.name,
                    image.id,
                    image.status.word().to_lowercase()
                ));
            }
            if made && !image.disks.is_empty() && !image.is_of_its_kind() {
                found.push(format!(
                    "The image “{}” ({}) is of the kind “{}” and its disks are not.",
                    image.name,
                    image.id,
                    image.kind.word()
                ));
            }
            // What is being deleted needs nothing any more.
            if image.status != image::Status::Deleting {
                let needer =
                    self.needer("image", image.name.as_str(), image.id.0, image.project, image.account);
                let disks = image.disks.iter();
                needed.extend(disks.map(|d| (image.region.clone(), d.fingerprint.clone(), needer.clone())));
            }
        }
        for machine in self.instances.values().filter(|i| i.status != instance::Status::Deleting) {
            let needer = self.needer(
                "instance",
                machine.name.as_str(),
                machine.id.0,
                machine.project,
                machine.account,
            );
            let next = self.installations.get(&machine.id.0).and_then(|i| i.next.as_ref());
            let disks = machine.disks.iter().chain(next.map(|next| &next.disk));
            let bases = disks.filter_map(|d| d.base.clone()).chain(machine.iso.clone());
            // What is deployed from another region is fetched when the machine starts first (U15).
            let unfetched = matches!(machine.status, instance::Status::Creating | instance::Status::Error);
            let image = self.images.get(&machine.origin.id.0).filter(|_| unfetched);
            let from = machine.fetch_from.as_ref().or(image.map(|image| &image.region));
            let region = from.unwrap_or(&machine.region);
            needed.extend(bases.map(|base| (region.clone(), base, needer.clone())));
        }
        for snapshot in self.snapshots.values().filter(|s| s.status != snapshot::Status::Deleting) {
            let needer = self.needer(
                "snapshot",
                snapshot.name.as_str(),
                snapshot.id.0,
                snapshot.project,
                snapshot.account,
            );
            let disks = snapshot.contents();
            needed.extend(disks.map(|d| (snapshot.region.clone(), d.fingerprint.clone(), needer.clone())));
        }
        for task in self.tasks.iter().filter(|t| t.state.active()) {
            // A copy reads there until it is here, whatever becomes of its source.
            let Some(origin) = &task.origin else { continue };
            let needer = self.needer("image", &task.name, task.subject.uuid(), task.project, task.account);
            let disks = origin.disks.iter();
            needed.extend(disks.map(|d| (origin.region.clone(), d.fingerprint.clone(), needer.clone())));
        }
        for (region, fingerprint, needer) in needed {
            self.verified.needed.entry(region).or_default().entry(fingerprint).or_default().push(needer);
        }
        self.verified.findings.append(&mut found);
    }

    fn needer(
        &self,
        kind: &'static str,
        name: &str,
        id: Uuid,
        project: ProjectId,
        account: AccountId,
    ) -> Needer {
        let project = self.projects.get(&project).map_or_else(|| project.to_string(), |p| p.name.to_string());
        Needer { kind, name: name.to_owned(), id, project, account: self.account_name(account) }
    }
}

const INDEXES: [&str; 24] = [
    index::USER_BY_EMAIL,
    index::SESSION_BY_TOKEN,
    index::SESSION_BY_USER,
    index::IMAGE_BY_NAME,
    index::INSTANCE_BY_NAME,
    index::GROUP_BY_NAME,
    index::GROUP_BY_PLACE,
    index::GROUP_OF_INSTANCE,
    index::TASK_ACTIVE,
    index::TASK_BY_PLACE,
    index::METER_OPEN,
    index::SCHEDULE_BY_INSTANCE,
    index::REQUEST_OPEN,
    index::REQUEST_BY_PLACE,
    index::REQUEST_BY_TIME,
    index::ENTRY_BY_REFERENCE,
    index::EVENT_BY_ACCOUNT,
    index::EVENT_BY_PROJECT,
    index::EVENT_BY_SUBJECT,
    index::EVENT_BY_TIME,
    index::CHARGE_BY_ACCOUNT,
    index::CHARGE_BY_PROJECT,
    index::CHARGE_BY_SUBJECT,
    index::CHARGE_BY_TIME,
];

/// The index rows that the records call for.
#[derive(Default)]
struct Expected(BTreeMap<Vec<u8>, Value>);

impl Expected {
    fn put(&mut self, name: &str, key: &impl TableKey, id: Uuid) {
        self.0.insert(index_key(name, key), Value::from(id.to_string()));
    }
}

/// A list of ids says the same in any order.
fn sorted(value: &Value) -> Value {
    let Value::Array(items) = value else { return value.clone() };
    let mut items = items.clone();
    items.sort_by_key(Value::to_string);
    Value::Array(items)
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
