//! Every rule that must hold after every event, in one place. Each rule looks at all records and at the host, and gives the first thing
//! that breaks it as a sentence.

/// A rule that does not hold ends the check with a sentence.
macro_rules! hold {
    ($holds:expr, $($what:tt)+) => {
        if !$holds {
            return Err(format!($($what)+));
        }
    };
}

mod snapshots;
mod tasks;

use super::bench::{Bench, SHARES_MAX};
use super::witness::Records;
use super::{charging, grouping, kinds, paying, replay, staging};
use crate::domain::ids::{AccountId, ImageId, InstanceId, MeterId, ProjectId, RegionId, RequestId, Subject};
use crate::domain::image::{self, Image, Visibility};
use crate::domain::instance::{self, Instance};
use crate::domain::meter::{Charge, Meter};
use crate::domain::money::Money;
use crate::domain::request;
use crate::domain::share::{self, Sharing};
use crate::domain::task::Kind;
use crate::ops::images::Sums;
use crate::ops::usage::{self, Running};
use crate::ops::verify::verify;
use crate::ports::Clock;
use crate::store::records::index;
use crate::store::{Cataloged, KeyPart, Order, Store, list_index, read_index};
use crate::tasks::sweep;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// A rule holds, or a sentence says what breaks it.
pub type Checked = Result<(), String>;

/// Everything that must hold after every event.
///
/// # Errors
/// The first rule that is broken, with the value that breaks it.
pub fn check(bench: &Bench) -> Checked {
    let records = bench.witness.records();
    let store = bench.records();
    if let Some(what) = bench.host.broken().into_iter().next() {
        return Err(what);
    }
    catalogs_equal_the_store(bench, &records)?;
    snapshots::check(bench, &records)?;
    the_bin_is_in_order(&records)?;
    staging::plans_are_in_order(&records)?;
    names_and_their_indexes_agree(store, &records)?;
    counters_equal_a_recount(&records)?;
    shares_are_counted_and_lead_somewhere(bench, &records)?;
    records.followings_are_in_order(SHARES_MAX)?;
    one_request_of_a_kind_waits(store, &records)?;
    available_images_are_whole(bench, &records)?;
    kinds::disks_are_of_one_moment(bench, &records)?;
    grouping::disks_are_known(bench, &records)?;
    kinds::the_host_has_the_disks_that_are_written_down(bench, &records)?;
    everything_live_is_stored(bench, &records)?;
    tasks::check(bench, &records)?;
    grouping::members_are_there_once(bench, &records)?;
    open_meters_are_exactly_those_due(bench, &records)?;
    open_meters_are_indexed(store, &records)?;
    costs_equal_a_recount(bench, &records)?;
    paying::balances_equal_a_recount(bench, &records)?;
    hold!(records.heads_are_the_ends(), "the head of a chain of events is not its end");
    Ok(())
}

/// What must hold once no task is left, all faults are off, and the sweeps have done their work after the grace period.
///
/// # Errors
/// The first rule that is broken.
pub fn check_at_rest(bench: &Bench) -> Checked {
    check(bench)?;
    // Also what was followed commit by commit is read and recomputed as a whole.
    let verified = verify(bench.records()).map_err(|e| e.to_string())?;
    hold!(verified.findings.is_empty(), "`darkroom check` finds at rest: {:?}", verified.findings);
    let records = bench.witness.records();
    charging::everything_is_attributed(bench, &records, &verified)?;
    charging::the_provider_sees_what_accounts_see(bench, &records)?;
    replay::meters_are_those_of_the_trail(&records)?;
    replay::meters_follow_from_the_trail(bench, &records)?;
    for task in records.tasks.all() {
        hold!(!tasks::unfinished(task), "{} is still {:?} at rest", task.id, task.state);
    }
    hold!(bench.host.scratch().is_empty(), "scratch files are left at rest: {:?}", bench.host.scratch());
    for machine in records.instances.all() {
        let runs = bench.host.runs(machine.id);
        let says = machine.status == instance::Status::Running;
        hold!(runs == says, "{} is {:?} at rest, and its process runs: {runs}", machine.id, machine.status);
    }
    grouping::groups_are_at_their_count(&records)?;
    grouping::disks_are_exact(bench, &records)?;
    for region in records.regions.all() {
        let live = sweep::live(&bench.app, &region.id).map_err(|e| e.to_string())?;
        let (stored, bases) = bench.host.stored(&region.id);
        // What a machine that never ran is made of may still be where its image was (U15).
        let awaits = |m: &&Instance| m.region == region.id && m.fetch_from.is_some();
        let awaited: BTreeSet<&String> =
            records.instances.all().filter(awaits).flat_map(Instance::contents).collect();
        let missing = live.difference(&stored).find(|print| !awaited.contains(print));
        let exact = stored.is_subset(&live) && missing.is_none();
        hold!(exact, "{} keeps {stored:?} at rest, and needs {live:?}", region.id);
        hold!(bases.is_subset(&live), "{} has bases nobody needs at rest: {bases:?}", region.id);
    }
    Ok(())
}

fn catalogs_equal_the_store(bench: &Bench, records: &Records) -> Checked {
    let images = bench.app.images.all();
    hold!(
        images.iter().map(AsRef::as_ref).eq(records.images.all()),
        "the catalog of images differs from the store"
    );
    let machines = bench.app.instances.all();
    hold!(machines.iter().map(AsRef::as_ref).eq(records.instances.all()), "the catalog of machines differs");
    let meters = bench.app.meters.all();
    hold!(
        meters.iter().map(AsRef::as_ref).eq(records.meters.all()),
        "the catalog of meters differs from the store"
    );
    let mut running: BTreeMap<AccountId, Running> = BTreeMap::new();
    meters.iter().for_each(|meter| meter.count_in(running.entry(meter.account).or_default()));
    for (account, recount) in running {
        let says = bench.app.meters.tally(&account, Clone::clone);
        hold!(says == recount, "{account} is charged for {says:?}, and has open meters for {recount:?}");
    }
    let mut n = 0;
    for group in records.projects.all().flat_map(|p| records.regions.all().map(|r| (p.id, r.id.clone()))) {
        let mut recount = Sums::default();
        for image in bench.app.images.group(&group) {
            image.count_in(&mut recount);
            n += 1;
        }
        let says = bench.app.images.tally(&group, Clone::clone);
        hold!(
            says == recount,
            "the images of {group:?} are {recount:?} together, and {says:?} is said of them"
        );
    }
    hold!(n == images.len(), "the groups of the catalog of images hold {n} of {}", images.len());
    Ok(())
}

/// Each share is of an image that is there, at most as many accepted it as may, and both are what the image's count says.
fn shares_are_counted_and_lead_somewhere(bench: &Bench, records: &Records) -> Checked {
    let mut recount: BTreeMap<ImageId, Sharing> = BTreeMap::new();
    for share in records.shares.all() {
        let Some(image) = records.images.get(share.image.0) else {
            return Err(format!("the image {} is gone and still shared", share.image));
        };
        let there = matches!(image.status, image::Status::Available | image::Status::Recycled);
        hold!(there, "{} is shared and {:?}", image.id, image.status);
        hold!(
            (image.project, &image.region) == (share.project, &share.region)
                && share.recipient != image.project,
            "the share of {} does not fit to it: {share:?}",
            image.id
        );
        recount.entry(share.image).or_insert(Sharing::none(share.image)).moved(None, Some(share.state));
    }
    for says in records.sharings.all() {
        let are = recount.remove(&says.image).unwrap_or(Sharing::none(says.image));
        let are = Sharing { stopped: says.stopped.clone(), ..are };
        hold!(*says == are, "the shares of {} are {are:?}, and it says {says:?}", says.image);
        hold!(
            says.n_accepted <= SHARES_MAX,
            "{} is accepted by {} of {SHARES_MAX}",
            says.image,
            says.n_accepted
        );
    }
    hold!(recount.is_empty(), "shares are not counted: {recount:?}");
    let catalog = bench.app.shares.all();
    hold!(catalog.iter().map(AsRef::as_ref).eq(records.shares.all()), "the catalog of shares differs");
    Ok(())
}

fn rows<V: DeserializeOwned>(store: &dyn Store, name: &str) -> Result<Vec<V>, String> {
    let page =
        list_index::<V>(store, name, &(), Order::Ascending, u32::MAX, None).map_err(|e| e.to_string())?;
    Ok(page.items.into_iter().map(|row| row.value).collect())
}

/// Whether an image has its name and its slot: deleted ones have neither, in the recycle bin or not.
fn has_its_place(image: &Image) -> bool {
    use image::Status::{Available, Creating, Error};
    matches!(image.status, Creating | Available | Error)
}

/// What is deleted and can come back says until when, and nothing else does; what is going to be deleted is still there.
fn the_bin_is_in_order(records: &Records) -> Checked {
    for image in records.images.all() {
        let recycled = image.status == image::Status::Recycled;
        hold!(image.bin.is_some() == recycled, "{} is {:?} with {:?}", image.id, image.status, image.bin);
        let forward = image.bin.as_ref().is_none_or(|bin| bin.since < bin.until);
        hold!(forward, "{} leaves the bin before it came there: {:?}", image.id, image.bin);
        let there = image.leaves.is_none() || image.status == image::Status::Available;
        hold!(there, "{} is {:?} and going to be deleted", image.id, image.status);
    }
    for share in records.shares.all().filter(|s| s.state == share::State::Pending) {
        let leaves = records.images.get(share.image.0).is_some_and(|image| image.leaves.is_some());
        hold!(!leaves, "its image is going to be deleted, and somebody is still asked: {share:?}");
    }
    Ok(())
}

/// A name is taken exactly while its thing is there and not deleted.
fn names_and_their_indexes_agree(store: &dyn Store, records: &Records) -> Checked {
    let mut taken = 0;
    for image in records.images.all().filter(|i| has_its_place(i)) {
        let key = (image.account, image.region.clone(), image.name.as_str().to_lowercase());
        let found = read_index::<ImageId>(store, index::IMAGE_BY_NAME, &key).map_err(|e| e.to_string())?;
        hold!(found == Some(image.id), "the name {} of {} leads to {found:?}", image.name, image.id);
        taken += 1;
    }
    let n = rows::<ImageId>(store, index::IMAGE_BY_NAME)?.len();
    hold!(n == taken, "{n} names of images are taken, and {taken} images have one");
    let mut taken = 0;
    for machine in records.instances.all().filter(|i| i.status != instance::Status::Deleting) {
        let key = (machine.project, machine.region.clone(), machine.name.as_str().to_lowercase());
        let found =
            read_index::<InstanceId>(store, index::INSTANCE_BY_NAME, &key).map_err(|e| e.to_string())?;
        hold!(found == Some(machine.id), "the name {} of {} leads to {found:?}", machine.name, machine.id);
        taken += 1;
    }
    let n = rows::<InstanceId>(store, index::INSTANCE_BY_NAME)?.len();
    hold!(n == taken, "{n} names of machines are taken, and {taken} machines have one");
    Ok(())
}

fn counters_equal_a_recount(records: &Records) -> Checked {
    let mut recount: BTreeMap<(Uuid, RegionId), (u32, u32)> = BTreeMap::new();
    let mut creating: BTreeMap<(Uuid, RegionId), BTreeMap<ProjectId, u32>> = BTreeMap::new();
    for image in records.images.all() {
        if image.status == image::Status::Creating && image.copied_from.is_none() {
            let account = creating.entry((image.account.0, image.region.clone())).or_default();
            *account.entry(image.project).or_default() += 1;
        }
        if image.visibility == Visibility::Private && has_its_place(image) {
            recount.entry((image.account.0, image.region.clone())).or_default().0 += 1;
        }
    }
    for machine in records.instances.all().filter(|i| i.status != instance::Status::Deleting) {
        recount.entry((machine.account.0, machine.region.clone())).or_default().1 += 1;
    }
    let mut travelling: BTreeMap<(Uuid, RegionId), u32> = BTreeMap::new();
    for task in records.tasks.all().filter(|t| t.has_turn()) {
        *travelling.entry((task.account.0, task.region.clone())).or_default() += 1;
    }
    let mut shared: BTreeMap<(Uuid, RegionId), u32> = BTreeMap::new();
    for share in records.shares.all().filter(|s| s.state.takes_slot()) {
        *shared.entry((share.account.0, share.region.clone())).or_default() += 1;
    }
    for counter in records.counters.all() {
        let key = (counter.account.0, counter.region.clone());
        let n_shares = shared.remove(&key).unwrap_or_default();
        hold!(
            counter.n_shares == Some(n_shares),
            "{:?} shares are counted as accepted, and {n_shares} are",
            counter.n_shares
        );
        let n_snapshots = snapshots::n_counted(&counter.account, &counter.region, records);
        hold!(
            counter.n_snapshots == n_snapshots,
            "{} snapshots are counted, and there are {n_snapshots}",
            counter.n_snapshots
        );
        let n_copies = travelling.remove(&key).unwrap_or_default();
        hold!(
            counter.n_copies == n_copies,
            "{} copies are counted as on their way, and {n_copies} are",
            counter.n_copies
        );
        let (real, made) =
            (recount.remove(&key).unwrap_or_default(), creating.remove(&key).unwrap_or_default());
        hold!(
            counter.creating == made,
            "{:?} images are counted as being made, and are {made:?}",
            counter.creating
        );
        let says = (counter.n_images, counter.n_instances);
        hold!(
            says == real,
            "the counter of {} in {} says {says:?}, and there are {real:?}",
            counter.account,
            counter.region
        );
    }
    hold!(recount.is_empty(), "things are counted nowhere: {recount:?}");
    hold!(shared.is_empty(), "shares are counted nowhere: {shared:?}");
    hold!(travelling.is_empty(), "copies are counted nowhere: {travelling:?}");
    Ok(())
}

/// And what leads to it is what keeps a second one away.
fn one_request_of_a_kind_waits(store: &dyn Store, records: &Records) -> Checked {
    let mut waiting: BTreeSet<RequestId> = rows(store, index::REQUEST_OPEN)?.into_iter().collect();
    let mut kinds = BTreeSet::new();
    for request in records.requests.all().filter(|r| r.state == request::State::Pending) {
        let first = kinds.insert((request.account, request.region.clone(), request.wish.key()));
        hold!(first, "the request {} waits beside another of its kind", request.id);
        hold!(waiting.remove(&request.id), "the request {} waits, and another could be made", request.id);
    }
    hold!(waiting.is_empty(), "requests are kept from being made by {waiting:?}");
    Ok(())
}

/// P17, and: an image is what the disks of its machine were at the one instant of the capture.
fn available_images_are_whole(bench: &Bench, records: &Records) -> Checked {
    for image in records.images.all() {
        let made = matches!(image.status, image::Status::Available | image::Status::Recycled);
        if !made {
            let whole = image.disks.is_empty() || image.status == image::Status::Deleting;
            hold!(whole, "{} is {:?} and has disks", image.id, image.status);
            continue;
        }
        hold!(!image.disks.is_empty() && image.virtual_bytes() > 0, "{} is available with size 0", image.id);
        hold!(
            image.kind == image::Kind::Iso || image.min_disk_bytes >= image.first_bytes(),
            "{} fits on a disk smaller than itself",
            image.id
        );
        hold!(image.error.is_none(), "{} is available with the error {:?}", image.id, image.error);
        if image.visibility == Visibility::Public {
            continue;
        }
        if let Some(from) = &image.from_snapshot {
            snapshots::image_is_true(image, from.id, records)?;
            continue;
        }
        if image.copied_from.is_some() {
            copies_are_true(image, records)?;
            continue;
        }
        let task = image.task.ok_or_else(|| format!("{} has no task", image.id))?;
        let taken = bench.host.captured(task);
        let has = image.consistency.map(|how| (prints(&image.disks), how));
        hold!(taken == has, "{} holds {has:?}, and its capture took {taken:?}", image.id);
    }
    Ok(())
}

fn prints(disks: &[image::ImageDisk]) -> Vec<String> {
    disks.iter().map(|d| d.fingerprint.clone()).collect()
}

/// A copy has what its source had when it was asked for: as its task noted, and as its source still has.
fn copies_are_true(image: &Image, records: &Records) -> Checked {
    let has = prints(&image.disks);
    if let Some(task) =
        image.task.and_then(|id| records.tasks.get(id.0)).filter(|t| t.kind == Kind::ImageCopy)
    {
        let wanted = task.origin.as_ref().map(|o| prints(&o.disks));
        hold!(wanted.as_ref() == Some(&has), "{} holds {has:?}, and was to get {wanted:?}", image.id);
    }
    let source = image.copied_from.as_ref().and_then(|from| records.images.get(from.id.0));
    if let Some(source) = source.filter(|s| !s.disks.is_empty()) {
        let theirs = prints(&source.disks_for(image.kind));
        hold!(theirs == has, "{} holds {has:?}, and its source {theirs:?}", image.id);
    }
    Ok(())
}

/// Contents of images and bases of machines are never swept, nor what a copy still reads, also when its source was deleted.
fn everything_live_is_stored(bench: &Bench, records: &Records) -> Checked {
    for region in records.regions.all() {
        let (stored, _) = bench.host.stored(&region.id);
        for image in records.images.all().filter(|i| i.region == region.id) {
            for disk in &image.disks {
                let deleting = image.status == image::Status::Deleting;
                hold!(deleting || stored.contains(&disk.fingerprint), "the content of {} is gone", image.id);
            }
        }
        for task in records.tasks.all().filter(|t| t.state.active()) {
            let Some(origin) = task.origin.as_ref().filter(|o| o.region == region.id) else { continue };
            for disk in &origin.disks {
                hold!(stored.contains(&disk.fingerprint), "what the copy {} still reads is gone", task.id);
            }
        }
        // What is made of an image of another region is kept there until it has run (U15).
        let made_here = |machine: &&instance::Instance| {
            machine.fetch_from.as_ref().unwrap_or(&machine.region) == &region.id
        };
        for machine in records.instances.all().filter(made_here) {
            for base in machine.contents() {
                hold!(stored.contains(base), "the base of {} is gone", machine.id);
            }
        }
    }
    Ok(())
}

/// The charges that must be running for what the records say, each with its quantity; `None` where that waits to be computed.
fn charges_due(bench: &Bench, records: &Records) -> BTreeMap<(Uuid, String), Option<u64>> {
    let mut due = BTreeMap::new();
    let unique = charging::quantities_due(bench, records);
    for image in records.images.all() {
        if image.status == image::Status::Available && image.visibility == Visibility::Private {
            let key = (image.id.0, format!("{:?}", Charge::ImageStorage));
            due.insert(key, unique.get(&image.id.0).copied());
        }
        if image.status == image::Status::Recycled && image.visibility == Visibility::Private {
            let key = (image.id.0, format!("{:?}", Charge::BinStorage));
            due.insert(key, unique.get(&image.id.0).copied());
        }
    }
    due.extend(snapshots::charges_due(records, &unique));
    for machine in records.instances.all() {
        // A machine that is being stopped or restarted runs until that is done.
        use instance::Status::{Rebooting, Running, Stopping};
        if matches!(machine.status, Running | Stopping | Rebooting) {
            for charge in machine.charges_running() {
                due.insert((machine.id.0, format!("{charge:?}")), Some(0));
            }
        }
        if has_run(machine, records) && machine.status != instance::Status::Deleting {
            // One that is being made is not there yet, one that is being removed costs nothing any more.
            let changing = records.tasks.all().find(|t| machine.task == Some(t.id) && tasks::unfinished(t));
            for disk in machine.disks.iter().filter(|d| changing.and_then(|t| t.disk) != Some(d.id)) {
                let charge = Charge::Disk { disk_kind: disk.kind };
                due.insert((disk.id.0, format!("{charge:?}")), Some(disk.size_bytes));
            }
        }
    }
    due
}

/// Whether the machine has run, or was given a disk: a meter of its running time or of a disk says so, open or closed.
fn has_run(machine: &Instance, records: &Records) -> bool {
    let of_disk = |m: &Meter| machine.disks.iter().any(|d| m.subject == Subject::Disk(d.id));
    let ran = |m: &Meter| m.subject == Subject::Instance(machine.id) || of_disk(m);
    machine.status == instance::Status::Running || records.meters.all().any(ran)
}

/// What is due is charged once, what is not due is not charged: a running machine, an available image, a disk that was ever in use.
fn open_meters_are_exactly_those_due(bench: &Bench, records: &Records) -> Checked {
    let mut due = charges_due(bench, records);
    for meter in records.meters.all().filter(|m| m.to.is_none()) {
        let key = (meter.subject.uuid(), format!("{:?}", meter.charge));
        let quantity = due.remove(&key);
        hold!(
            quantity.is_some_and(|due| due.is_none_or(|due| due == meter.quantity_bytes)),
            "{} charges {key:?} for {} bytes, and due is {quantity:?}",
            meter.id,
            meter.quantity_bytes
        );
    }
    hold!(due.is_empty(), "nothing charges {:?}", due.keys());
    Ok(())
}

fn open_meters_are_indexed(store: &dyn Store, records: &Records) -> Checked {
    let listed = rows::<Vec<MeterId>>(store, index::METER_OPEN)?.concat();
    let open: BTreeSet<MeterId> = records.meters.all().filter(|m| m.to.is_none()).map(|m| m.id).collect();
    hold!(listed.len() == open.len(), "the index knows {} open meters of {}", listed.len(), open.len());
    for id in listed {
        let mut key = Vec::new();
        id.encode(&mut key);
        hold!(open.contains(&id), "the index says that the meter {id} is open");
    }
    Ok(())
}

/// Costs are what a recount gives that knows no price books; they are never negative; and what a closed meter cost never changes, whatever
/// prices and clock do.
fn costs_equal_a_recount(bench: &Bench, records: &Records) -> Checked {
    let now = bench.clock.now();
    let mut histories = BTreeMap::new();
    for region in records.regions.all() {
        let history = usage::history(&bench.app, &region.id).map_err(|e| e.to_string())?;
        histories.insert(region.id.clone(), history);
    }
    for meter in records.meters.all() {
        let history = histories.get(&meter.region).ok_or_else(|| format!("{} is nowhere", meter.id))?;
        let cost = meter.cost(history, now);
        let backwards = meter.to.is_some_and(|to| to < meter.from);
        hold!(!backwards && cost >= Money::ZERO, "the meter {} goes backwards", meter.id);
        let counted = bench.recount.cost(meter.id).unwrap_or(cost);
        hold!(cost == counted, "the meter {} costs {cost:?}, and a recount gives {counted:?}", meter.id);
        if meter.to.is_some() {
            let first = bench.recount.first_seen(meter.id, cost);
            hold!(cost == first, "the meter {} was closed at {first:?} and now costs {cost:?}", meter.id);
        }
    }
    Ok(())
}
