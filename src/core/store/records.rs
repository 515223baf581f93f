//! Which domain types are records, under which keys, and the names of the secondary indexes. The only file that ties the domain to the
//! store. Indexes are plain rows; the use cases that write a record keep them in step in the same transaction.

use super::{KeyPart, Record, StoreError};
use crate::domain::attribution::{Attribution, Holding};
use crate::domain::billing::{Billing, Entry, Held, Ledger};
use crate::domain::event::{Chain, Event};
use crate::domain::flavor::Flavor;
use crate::domain::following::{FamilyKey, Following};
use crate::domain::group::Group;
use crate::domain::ids::{
    AccountId, DiskId, EventId, FlavorId, GroupId, ImageId, InstanceId, MeterId, ProjectId, RegionId,
    RequestId, ScheduleId, SessionId, SnapshotId, TaskId, UserId,
};
use crate::domain::image::Image;
use crate::domain::installation::Installation;
use crate::domain::instance::Instance;
use crate::domain::meter::Meter;
use crate::domain::price::DatedBook;
use crate::domain::project::{Account, Project, Session, User};
use crate::domain::quota::{Counter, Limits};
use crate::domain::region::{Region, SITE};
use crate::domain::request::Request;
use crate::domain::schedule::Schedule;
use crate::domain::seeding::Seeding;
use crate::domain::share::{Share, Sharing};
use crate::domain::snapshot::{Snapshot, SnapshotService};
use crate::domain::statement::{Part, Series, Statement};
use crate::domain::task::Task;
use serde_json::{Map, Value, json};

macro_rules! id_keys {
    ($($id:ident),*) => {$(
        impl KeyPart for $id {
            fn encode(&self, out: &mut Vec<u8>) {
                self.0.encode(out);
            }
        }
    )*};
}

id_keys!(
    AccountId, DiskId, EventId, FlavorId, GroupId, ImageId, InstanceId, MeterId, ProjectId, RegionId,
    RequestId, ScheduleId, SessionId, SnapshotId, TaskId, UserId
);

macro_rules! records {
    ($($record:ident, $table:literal, $version:literal, $key:ty, |$r:ident| $make:expr $(, $upcast:ident)?;)*) => {$(
        impl Record for $record {
            const TABLE: &'static str = $table;
            const VERSION: u32 = $version;
            type Key = $key;

            fn key(&self) -> $key {
                let $r = self;
                $make
            }

            $(fn upcast(from_version: u32, value: Value) -> Result<Value, StoreError> {
                $upcast(from_version, value)
            })?
        }
    )*};
}

records! {
    Account, "account", 3, AccountId, |r| r.id, older_account;
    Project, "project", 1, ProjectId, |r| r.id;
    User, "user", 1, UserId, |r| r.id;
    Session, "session", 1, SessionId, |r| r.id;
    Region, "region", 6, RegionId, |r| r.id.clone(), older_region;
    DatedBook, "book", 4, (RegionId, u32), |r| (r.region.clone(), r.prices.version), older_book;
    Seeding, "seeding", 1, (), |_r| ();
    Flavor, "flavor", 1, FlavorId, |r| r.id.clone();
    Counter, "counter", 6, (AccountId, RegionId), |r| (r.account, r.region.clone()), older_counter;
    Image, "image", 6, ImageId, |r| r.id, older_image;
    Instance, "instance", 5, InstanceId, |r| r.id, older_instance;
    Installation, "installation", 3, InstanceId, |r| r.instance, older_installation;
    Group, "group", 1, GroupId, |r| r.id;
    Task, "task", 3, TaskId, |r| r.id, older_task;
    Meter, "meter", 4, MeterId, |r| r.id, older_meter;
    Attribution, "attribution", 1, (AccountId, RegionId), |r| (r.account, r.region.clone());
    Holding, "holding", 1, (AccountId, RegionId, u64), |r| (r.account, r.region.clone(), r.number);
    Share, "share", 1, (ImageId, ProjectId), |r| (r.image, r.recipient);
    Sharing, "sharing", 2, ImageId, |r| r.image, older_sharing;
    Following, "following", 2, FamilyKey, |r| (r.project, r.region.clone(), r.family.clone()), older_following;
    Request, "request", 2, RequestId, |r| r.id, older_request;
    SnapshotService, "snapshot_service", 1, (AccountId, RegionId), |r| (r.account, r.region.clone());
    Snapshot, "snapshot", 2, SnapshotId, |r| r.id, older_snapshot;
    Schedule, "schedule", 2, ScheduleId, |r| r.id, older_schedule;
    Event, "event", 2, EventId, |r| r.id, older_event;
    Chain, "chain", 1, Option<AccountId>, |r| r.account;
    Billing, "billing", 1, AccountId, |r| r.account;
    Ledger, "ledger", 1, AccountId, |r| r.account;
    Entry, "entry", 1, (AccountId, u64), |r| (r.account, r.number);
    Statement, "statement", 1, (AccountId, u64), |r| (r.account, r.number);
    Part, "statement_part", 1, (AccountId, i64, u32), |r| (r.account, r.month.0, r.place);
    Series, "statement_series", 1, (), |_r| ();
    Held, "held", 1, (AccountId, ImageId), |r| (r.account, r.image);
}

/// Version 1 knew no limit of shares, version 2 none of stored bytes or snapshots and no sites.
fn older_account(from_version: u32, mut value: Value) -> Result<Value, StoreError> {
    match (from_version, value.as_object_mut()) {
        (1 | 2, Some(fields)) => {
            let own = fields.get_mut("limits").and_then(Value::as_object_mut);
            own.into_iter().flat_map(|own| own.values_mut()).for_each(more_limits);
            fields.insert("site".to_owned(), json!(SITE));
            Ok(value)
        }
        _ => Err(no_upcast::<Account>(from_version)),
    }
}

/// Limits from before there was one of shares, of stored bytes, or of snapshots.
fn more_limits(limits: &mut Value) {
    if let Some(fields) = limits.as_object_mut() {
        fields.entry("n_shares_max").or_insert_with(|| json!(Limits::N_SHARES_MAX));
        fields.insert("stored_gb_max".to_owned(), json!(Limits::STORED_GB_MAX));
        fields.insert("n_snapshots_max".to_owned(), json!(Limits::N_SNAPSHOTS_MAX));
    }
}

/// Version 1 did not count images being made. Those under way when the program is replaced stay uncounted until they end. Version 2 knew no
/// copies. Version 3 did not count shares, version 4 no stored bytes, and a counter cannot know how many there are: the first change of one
/// counts them. Version 4 knew no snapshots, of which there were none. Until version 5 shares that wait for an answer were counted with those
/// that are accepted, and which were which a counter cannot know either.
fn older_counter(from_version: u32, mut value: Value) -> Result<Value, StoreError> {
    match (from_version, value.as_object_mut()) {
        (1..=5, Some(fields)) => {
            fields.entry("creating").or_insert_with(|| json!({}));
            fields.entry("n_copies").or_insert_with(|| json!(0));
            fields.insert("n_shares".to_owned(), Value::Null);
            fields.entry("stored_bytes").or_insert(Value::Null);
            fields.entry("n_snapshots").or_insert_with(|| json!(0));
            Ok(value)
        }
        _ => Err(no_upcast::<Counter>(from_version)),
    }
}

/// Version 1 had no switch for copies; all regions take them until their provider says otherwise. Version 2 knew no recycle bin,
/// version 3 no limit of shares, version 4 no sites, no limit of stored bytes and no snapshots: accounts can have them until the provider
/// says otherwise. Version 5 knew one unit and one month, and charged neither licences nor transfers.
fn older_region(from_version: u32, mut value: Value) -> Result<Value, StoreError> {
    match (from_version, value.as_object_mut()) {
        (1..=5, Some(fields)) => {
            fields.entry("accepts_copies").or_insert_with(|| json!("on"));
            if from_version < 3 {
                fields.insert("recycle_days".to_owned(), json!(7));
                price_bin(fields);
            }
            if from_version < 5 {
                fields.insert("sites".to_owned(), json!([SITE]));
                price_snapshots(fields);
                fields.insert("snapshots".to_owned(), json!("on"));
                fields.get_mut("limits").into_iter().for_each(more_limits);
            }
            price_more(fields);
            Ok(value)
        }
        _ => Err(no_upcast::<Region>(from_version)),
    }
}

/// Version 1 knew no recycle bin, version 2 no snapshots, version 3 one unit and one month, neither licences nor transfers, and no book
/// was ever withdrawn.
fn older_book(from_version: u32, mut value: Value) -> Result<Value, StoreError> {
    match (from_version, value.as_object_mut()) {
        (1..=3, Some(fields)) => {
            if from_version < 2 {
                price_bin(fields);
            }
            if from_version < 3 {
                price_snapshots(fields);
            }
            price_more(fields);
            fields.insert("withdrawn".to_owned(), Value::Null);
            Ok(value)
        }
        _ => Err(no_upcast::<DatedBook>(from_version)),
    }
}

/// Prices from before the recycle bin: an image costs there what it costs anyway, until the provider says otherwise.
fn price_bin(fields: &mut Map<String, Value>) {
    if let Some(prices) = fields.get_mut("prices").and_then(Value::as_object_mut) {
        let same = prices.get("image_gb_month").cloned().unwrap_or_else(|| json!(0));
        prices.insert("bin_gb_month".to_owned(), same);
    }
}

/// Prices from before snapshots: they cost for their bytes what images cost, and the service itself nothing, until the provider says
/// otherwise.
fn price_snapshots(fields: &mut Map<String, Value>) {
    if let Some(prices) = fields.get_mut("prices").and_then(Value::as_object_mut) {
        let same = prices.get("image_gb_month").cloned().unwrap_or_else(|| json!(0));
        prices.insert("snapshot_service_month".to_owned(), json!(0));
        prices.insert("snapshot_gb_month".to_owned(), same);
    }
}

/// Prices from before there was a choice of units and months: GB and 730 hours, and what was not charged costs nothing.
fn price_more(fields: &mut Map<String, Value>) {
    if let Some(prices) = fields.get_mut("prices").and_then(Value::as_object_mut) {
        for (name, usual) in [("basis", "unique"), ("unit", "gb"), ("month", "fixed")] {
            prices.insert(name.to_owned(), json!(usual));
        }
        prices.insert("licence_hour".to_owned(), json!({}));
        prices.insert("transfer_gb".to_owned(), json!(0));
    }
}

/// Version 1 knew no copies, version 2 neither the recycle bin nor what network cards may do. Until version 3 every image was of one system
/// disk and reached no other region, and none reserved bytes: those being made when the program is replaced take none before they are
/// stored. Version 4 knew no least number of processors, version 5 one planned change of the stage at a time.
fn older_image(from_version: u32, mut value: Value) -> Result<Value, StoreError> {
    match (from_version, value.as_object_mut()) {
        (1..=5, Some(fields)) => {
            if from_version < 4 {
                fields.insert("reserved_bytes".to_owned(), json!(0));
                fields.insert("reaches".to_owned(), json!([]));
                fields.entry("copied_from").or_insert(Value::Null);
                let active = || json!({ "stage": "active", "plan": null, "replacement": null });
                fields.entry("life").or_insert_with(active);
                for new in ["bin", "leaves"] {
                    fields.entry(new).or_insert(Value::Null);
                }
                for new in ["nic_multiqueue", "sriov"] {
                    fields.entry(new).or_insert(json!(false));
                }
                fields.insert("kind".to_owned(), json!("system"));
                fields.insert("zone".to_owned(), Value::Null);
                fields.insert("from_snapshot".to_owned(), Value::Null);
                fields.get_mut("disks").into_iter().for_each(system_disks);
                if let Some(source) = fields.get_mut("source").and_then(Value::as_object_mut) {
                    source.insert("disk".to_owned(), Value::Null);
                }
            }
            fields.entry("min_vcpus").or_insert(json!(0));
            fields.get_mut("life").and_then(Value::as_object_mut).into_iter().for_each(several_plans);
            Ok(value)
        }
        _ => Err(no_upcast::<Image>(from_version)),
    }
}

/// The life of an image from before it could have several plans. One that would change nothing was possible then and is dropped.
fn several_plans(life: &mut Map<String, Value>) {
    let plan = life.remove("plan").filter(|plan| !plan.is_null() && plan.get("stage") != life.get("stage"));
    if plan.is_none() && life.get("stage") == Some(&json!("active")) {
        life.insert("replacement".to_owned(), Value::Null);
    }
    life.insert("plans".to_owned(), Value::Array(plan.into_iter().collect()));
}

/// Disks of images from before there were any but system disks.
fn system_disks(disks: &mut Value) {
    for disk in disks.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        disk.insert("role".to_owned(), json!("system"));
        disk.insert("storage".to_owned(), Value::Null);
    }
}

/// Version 1 did not say for whom the image was stopped.
fn older_sharing(from_version: u32, mut value: Value) -> Result<Value, StoreError> {
    match (from_version, value.as_object_mut()) {
        (1, Some(fields)) => {
            fields.insert("stopped".to_owned(), json!([]));
            Ok(value)
        }
        _ => Err(no_upcast::<Sharing>(from_version)),
    }
}

/// Version 1 held the images that were stopped, which each image says for itself since. They are not carried over: what was
/// stopped before can come back with its family.
fn older_following(from_version: u32, mut value: Value) -> Result<Value, StoreError> {
    match (from_version, value.get_mut("recipients").and_then(Value::as_array_mut)) {
        (1, Some(recipients)) => {
            recipients.iter_mut().filter_map(Value::as_object_mut).for_each(|one| drop(one.remove("except")));
            Ok(value)
        }
        _ => Err(no_upcast::<Following>(from_version)),
    }
}

/// Version 1 knew no copies; version 2 one disk of an image, and no tasks for disks.
fn older_task(from_version: u32, mut value: Value) -> Result<Value, StoreError> {
    match (from_version, value.as_object_mut()) {
        (1 | 2, Some(fields)) => {
            let origin = fields.entry("origin").or_insert(Value::Null);
            origin.get_mut("disks").into_iter().for_each(system_disks);
            fields.insert("disk".to_owned(), Value::Null);
            if let Some(outputs) = fields.get_mut("outputs").and_then(Value::as_object_mut) {
                let transferred = outputs.entry("transferred").or_insert(Value::Null);
                transferred.get_mut("disks").into_iter().for_each(system_disks);
                let mut taken = |name: &str| outputs.get_mut(name).map(Value::take).filter(|v| !v.is_null());
                let scratch = taken("scratch").map(
                    |path| json!({ "path": path, "role": "system", "storage": null, "virtual_bytes": 0 }),
                );
                let mut stored = Value::Array(taken("stored").into_iter().collect());
                system_disks(&mut stored);
                outputs.insert("scratch".to_owned(), Value::Array(scratch.into_iter().collect()));
                outputs.insert("stored".to_owned(), stored);
            }
            Ok(value)
        }
        _ => Err(no_upcast::<Task>(from_version)),
    }
}

/// Version 1 had the rate of its beginning and kept it; now the price books say what it costs. Version 2 knew no virtual bytes; prices
/// for them did not exist, and the next change of what holds chunks writes them. Version 3 had no labels; the image's own are taken then.
fn older_meter(from_version: u32, mut value: Value) -> Result<Value, StoreError> {
    match (from_version, value.as_object_mut()) {
        (1 | 2, Some(fields)) => {
            fields.remove("rate");
            let quantity = fields.get("quantity_bytes").cloned().unwrap_or_else(|| json!(0));
            fields.insert("virtual_bytes".to_owned(), quantity);
            fields.insert("labels".to_owned(), Value::Null);
            Ok(value)
        }
        (3, Some(fields)) => {
            fields.insert("labels".to_owned(), Value::Null);
            Ok(value)
        }
        _ => Err(no_upcast::<Meter>(from_version)),
    }
}

/// Version 1 was for higher limits only.
fn older_request(from_version: u32, mut value: Value) -> Result<Value, StoreError> {
    match (from_version, value.as_object_mut()) {
        (1, Some(fields)) => {
            let mut wish = Map::from_iter([("for".to_owned(), json!("more"))]);
            for part in ["kind", "limit", "wanted"] {
                wish.extend(fields.remove(part).map(|value| (part.to_owned(), value)));
            }
            fields.insert("wish".to_owned(), Value::Object(wish));
            Ok(value)
        }
        _ => Err(no_upcast::<Request>(from_version)),
    }
}

/// Version 1 knew no chain. The first event that was chained vouches for all of them.
fn older_event(from_version: u32, mut value: Value) -> Result<Value, StoreError> {
    match (from_version, value.as_object_mut()) {
        (1, Some(fields)) => {
            fields.insert("number".to_owned(), json!(0));
            fields.insert("hash".to_owned(), json!(""));
            Ok(value)
        }
        _ => Err(no_upcast::<Event>(from_version)),
    }
}

/// Version 1 knew one queue of the network card, version 2 no ISO, version 3 neither where else its content is nor another network card
/// than virtio. Until version 4 it was not noted what images made of it inherit.
fn older_instance(from_version: u32, mut value: Value) -> Result<Value, StoreError> {
    match (from_version, value.as_object_mut()) {
        (1..=4, Some(fields)) => {
            fields.entry("nic_multiqueue").or_insert(json!(false));
            fields.entry("iso").or_insert(Value::Null);
            fields.entry("fetch_from").or_insert(Value::Null);
            fields.entry("sriov").or_insert(json!(false));
            inherits_unnoted(fields);
            Ok(value)
        }
        _ => Err(no_upcast::<Instance>(from_version)),
    }
}

/// An origin from before it was noted what is inherited from the image: that cannot be looked up here, so it is left open, and the image is
/// asked as long as it is there.
fn inherits_unnoted(fields: &mut Map<String, Value>) {
    if let Some(origin) = fields.get_mut("origin").and_then(Value::as_object_mut) {
        origin.insert("inherits".to_owned(), Value::Null);
    }
}

/// Version 1 did not note what images made from it inherit.
fn older_snapshot(from_version: u32, mut value: Value) -> Result<Value, StoreError> {
    match (from_version, value.as_object_mut()) {
        (1, Some(fields)) => {
            inherits_unnoted(fields);
            Ok(value)
        }
        _ => Err(no_upcast::<Snapshot>(from_version)),
    }
}

/// Version 1 knew one kind of network card, and until version 2 it was not noted what images made of the machine inherit.
fn older_installation(from_version: u32, mut value: Value) -> Result<Value, StoreError> {
    match (from_version, value.as_object_mut()) {
        (1 | 2, Some(fields)) => {
            if let Some(next) = fields.get_mut("next").and_then(Value::as_object_mut) {
                next.entry("sriov").or_insert(json!(false));
                inherits_unnoted(next);
            }
            Ok(value)
        }
        _ => Err(no_upcast::<Installation>(from_version)),
    }
}

/// Version 1 took the system disk or all disks, never one that can go.
fn older_schedule(from_version: u32, mut value: Value) -> Result<Value, StoreError> {
    match (from_version, value.as_object_mut()) {
        (1, Some(fields)) => {
            fields.insert("disk".to_owned(), json!(""));
            fields.insert("gone".to_owned(), Value::Null);
            Ok(value)
        }
        _ => Err(no_upcast::<Schedule>(from_version)),
    }
}

fn no_upcast<R: Record>(found: u32) -> StoreError {
    StoreError::NoUpcast { table: R::TABLE, found, known: R::VERSION }
}

/// Names of the secondary indexes.
pub mod index {
    /// e-mail address → user.
    pub const USER_BY_EMAIL: &str = "user_by_email";
    /// token hash → session.
    pub const SESSION_BY_TOKEN: &str = "session_by_token";
    /// (user, session) → session.
    pub const SESSION_BY_USER: &str = "session_by_user";
    /// (account, region, lower-case name) → image: names are unique.
    pub const IMAGE_BY_NAME: &str = "image_by_name";
    /// (project, region, lower-case name) → instance: names are unique.
    pub const INSTANCE_BY_NAME: &str = "instance_by_name";
    /// (project, region, lower-case name) → group: names are unique.
    pub const GROUP_BY_NAME: &str = "group_by_name";
    /// (project, region) → groups: how many there may be is judged by it.
    pub const GROUP_BY_PLACE: &str = "group_by_place";
    /// instance → group: a machine is in one group at most.
    pub const GROUP_OF_INSTANCE: &str = "group_of_instance";
    /// task → task: those the engine still works on.
    pub const TASK_ACTIVE: &str = "task_active";
    /// (project, region, created, task) → task.
    pub const TASK_BY_PLACE: &str = "task_by_place";
    /// subject → open meters of it: guards against opening one twice.
    pub const METER_OPEN: &str = "meter_open";
    /// instance → schedules of it: guards against too many, and against one that outlives its machine.
    pub const SCHEDULE_BY_INSTANCE: &str = "schedule_by_instance";
    /// (account, region, kind) → request: one of a kind waits at a time.
    pub const REQUEST_OPEN: &str = "request_open";
    /// (account, region, moment, request) → request.
    pub const REQUEST_BY_PLACE: &str = "request_by_place";
    /// (moment, request) → request: everything.
    pub const REQUEST_BY_TIME: &str = "request_by_time";
    /// (account, reference) → number of the entry: what a person books is booked once.
    pub const ENTRY_BY_REFERENCE: &str = "entry_by_reference";
    /// (account, moment, event) → event.
    pub const EVENT_BY_ACCOUNT: &str = "event_by_account";
    /// (project, moment, event) → event.
    pub const EVENT_BY_PROJECT: &str = "event_by_project";
    /// (subject, moment, event) → event.
    pub const EVENT_BY_SUBJECT: &str = "event_by_subject";
    /// (moment, event) → event: everything but what is charged.
    pub const EVENT_BY_TIME: &str = "event_by_time";
    /// (account, moment, event) → event: what is charged, which is in none of the four before.
    pub const CHARGE_BY_ACCOUNT: &str = "charge_by_account";
    /// (project, moment, event) → event.
    pub const CHARGE_BY_PROJECT: &str = "charge_by_project";
    /// (subject, moment, event) → event.
    pub const CHARGE_BY_SUBJECT: &str = "charge_by_subject";
    /// (moment, event) → event.
    pub const CHARGE_BY_TIME: &str = "charge_by_time";
}
