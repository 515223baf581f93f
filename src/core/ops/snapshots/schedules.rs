//! Schedules: making, changing and deleting them, and the reconciler that takes a snapshot when one is due. What was missed while nobody looked
//! is made up for once; what cannot be done is told and tried again later, never at once.

use super::{service, stale, take};
use crate::domain::disk::DiskRole;
use crate::domain::form::{ScheduleEdit, ScheduleForm};
use crate::domain::ids::{DiskId, InstanceId, ScheduleId, SnapshotId, Subject, TaskId};
use crate::domain::instance::{Disk, Instance, Status};
use crate::domain::policy::{Act, Resource};
use crate::domain::price::Estimate;
use crate::domain::region::Region;
use crate::domain::schedule::{LastTry, Schedule};
use crate::domain::snapshot::{Snapshot, Which};
use crate::domain::task::bounded;
use crate::domain::text::Name;
use crate::domain::view::{
    InstanceLink, ScheduleDisk, ScheduleList, ScheduleOptions, ScheduleRow, SnapshotChoice, SnapshotLink,
};
use crate::domain::{Error, Kind, Result, size};
use crate::ops::audit::{self, Entry};
use crate::ops::ctx::{App, Ctx, Permit, Place, each};
use crate::ops::{images, instances, people, prices};
use crate::store::Tx;
use crate::store::records::index;
use std::sync::Arc;

fn resource(schedule: &Schedule) -> Resource {
    Resource::Project { account: schedule.account, project: schedule.project }
}

fn load(ctx: &Ctx, id: ScheduleId, act: Act) -> Result<(Schedule, Permit)> {
    let Some(schedule) = ctx.read::<Schedule>(&id)? else {
        ctx.authorize(act, &Resource::Provider, "schedule")?;
        return Err(Error::not_found("schedule"));
    };
    let permit = ctx.authorize(act, &resource(&schedule), "schedule")?;
    Ok((schedule, permit))
}

fn fresh(tx: &mut Tx<'_>, id: ScheduleId) -> Result<Schedule> {
    tx.get::<Schedule>(&id)?.ok_or_else(|| Error::not_found("schedule"))
}

/// The schedules of a machine. The row is read and rewritten with each of them, so that a machine never has more than it may and none outlives
/// it.
fn of_machine(tx: &mut Tx<'_>, id: InstanceId) -> Result<Vec<ScheduleId>> {
    Ok(tx.get_index(index::SCHEDULE_BY_INSTANCE, &id)?.unwrap_or_default())
}

fn put_of_machine(tx: &mut Tx<'_>, id: InstanceId, schedules: &[ScheduleId]) -> Result<()> {
    if schedules.is_empty() {
        tx.delete_index(index::SCHEDULE_BY_INSTANCE, &id);
        return Ok(());
    }
    Ok(tx.put_index(index::SCHEDULE_BY_INSTANCE, &id, &schedules)?)
}

/// Makes a schedule, or changes one. The next time is counted from now on.
///
/// # Errors
/// `Invalid` with fields; for a new one `snapshot_service_off`, `snapshot_feature_off`, `schedule_limit_reached`, `instance_busy`; `disk_gone` and
/// what U3 refuses, at `what`; `stale` when somebody changed it meanwhile; `NotFound`.
pub fn save(ctx: &Ctx, form: &ScheduleForm) -> Result<ScheduleId> {
    let edit = form.parse()?;
    match edit.schedule {
        None => create(ctx, &edit),
        Some(id) => change(ctx, id, &edit),
    }
}

fn create(ctx: &Ctx, edit: &ScheduleEdit) -> Result<ScheduleId> {
    let (machine, permit) = instances::load(ctx, edit.instance, Act::ScheduleUpdate)?;
    let id = ScheduleId(ctx.app.ids.uuid());
    ctx.transact(&permit, |tx| {
        let machine = tx.get::<Instance>(&machine.id)?.ok_or_else(|| Error::not_found("instance"))?;
        lasting(&machine)?;
        service::required(tx, ctx, machine.account, &machine.region)?;
        images::price_unchanged(&prices::region(tx, ctx, &machine.region)?.prices, edit.price_version)?;
        let mut all = of_machine(tx, machine.id)?;
        let max = ctx.app.settings.schedules_max;
        if all.len() >= usize::try_from(max).unwrap_or(usize::MAX) {
            return Err(Error::limit(
                "schedule_limit_reached",
                format!(
                    "{} has {} schedules, and {max} is the limit. Change or delete one of them.",
                    machine.name,
                    all.len()
                ),
            )
            .at("instance"));
        }
        all.push(id);
        put_of_machine(tx, machine.id, &all)?;
        let mut schedule = Schedule {
            id,
            account: machine.account,
            project: machine.project,
            region: machine.region.clone(),
            instance: machine.id,
            name: machine.name.clone(),
            what: edit.what,
            disk: String::new(),
            gone: None,
            rhythm: edit.rhythm,
            keep: edit.keep,
            on: edit.on,
            next: edit.rhythm.after(ctx.now),
            last: None,
            made: vec![],
            by: ctx.actor.name().to_owned(),
            created: ctx.now,
            revision: 0,
        };
        choose(&mut schedule, edit.what, &machine)?;
        tx.put(&schedule)?;
        audit::write(tx, ctx, &permit, &entry(&schedule, "schedule.create", capital(&schedule.words())))
    })?;
    Ok(id)
}

/// Lets a schedule take these disks.
fn choose(schedule: &mut Schedule, what: Which, machine: &Instance) -> Result<()> {
    schedule.choose(what, machine).map_err(|reason| Error::from(reason).at("what"))
}

/// A machine that is only being made or already being removed gets no schedule.
fn lasting(machine: &Instance) -> Result<()> {
    if !matches!(machine.status, Status::Creating | Status::Deleting) {
        return Ok(());
    }
    let message =
        format!("{} is {} now. Wait until that is done.", machine.name, machine.status.word().to_lowercase());
    Err(Error::conflict("instance_busy", message).at("instance"))
}

/// A phrase as a sentence.
fn capital(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), chars.as_str()))
}

fn change(ctx: &Ctx, id: ScheduleId, edit: &ScheduleEdit) -> Result<ScheduleId> {
    let (_, permit) = load(ctx, id, Act::ScheduleUpdate)?;
    ctx.transact(&permit, |tx| {
        let mut schedule = fresh(tx, id)?;
        if schedule.revision != edit.revision {
            return Err(stale("schedule of", schedule.name.as_str()));
        }
        let machine = tx.get::<Instance>(&schedule.instance)?.ok_or_else(|| Error::not_found("instance"))?;
        let before = schedule.clone();
        choose(&mut schedule, edit.what, &machine)?;
        (schedule.rhythm, schedule.keep, schedule.on) = (edit.rhythm, edit.keep, edit.on);
        if before == schedule {
            return Ok(());
        }
        let turned = (before.on != schedule.on).then(|| format!(" Turned {}.", schedule.on.word()));
        schedule.next = schedule.rhythm.after(ctx.now);
        schedule.revision += 1;
        tx.put(&schedule)?;
        let detail =
            format!("From {} to {}.{}", before.words(), schedule.words(), turned.unwrap_or_default());
        audit::write(tx, ctx, &permit, &entry(&schedule, "schedule.update", detail))
    })?;
    Ok(id)
}

/// Lets a schedule be due now, besides its times: its next snapshot is taken in a moment and counts as one of its own.
///
/// # Errors
/// `schedule_off`; `schedule_disk_gone`; `snapshot_service_off`; `snapshot_feature_off`; `NotFound`.
pub fn run(ctx: &Ctx, id: ScheduleId) -> Result<ScheduleId> {
    let (_, permit) = load(ctx, id, Act::ScheduleUpdate)?;
    ctx.transact(&permit, |tx| {
        let mut schedule = fresh(tx, id)?;
        schedule.works()?;
        service::required(tx, ctx, schedule.account, &schedule.region)?;
        schedule.next = schedule.next.min(ctx.now);
        tx.put(&schedule)?;
        audit::write(tx, ctx, &permit, &entry(&schedule, "schedule.run", String::new()))
    })?;
    Ok(id)
}

/// Deletes a schedule. The snapshots it made stay.
///
/// # Errors
/// `NotFound`.
pub fn delete(ctx: &Ctx, id: ScheduleId) -> Result<()> {
    let (_, permit) = load(ctx, id, Act::ScheduleUpdate)?;
    ctx.transact(&permit, |tx| {
        let schedule = fresh(tx, id)?;
        let mut all = of_machine(tx, schedule.instance)?;
        all.retain(|other| *other != id);
        put_of_machine(tx, schedule.instance, &all)?;
        end(tx, ctx, &permit, &schedule, String::new())
    })
}

fn end(tx: &mut Tx<'_>, ctx: &Ctx, permit: &Permit, schedule: &Schedule, why: String) -> Result<()> {
    tx.delete::<Schedule>(&schedule.id);
    audit::write(tx, ctx, permit, &entry(schedule, "schedule.delete", why))
}

/// Ends the schedules of a machine in the commit that deletes it. The snapshots they made stay.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn machine_gone(tx: &mut Tx<'_>, ctx: &Ctx, permit: &Permit, machine: &Instance) -> Result<()> {
    for id in of_machine(tx, machine.id)? {
        let Some(schedule) = tx.get::<Schedule>(&id)? else { continue };
        end(tx, ctx, permit, &schedule, "With its machine.".to_owned())?;
    }
    tx.delete_index(index::SCHEDULE_BY_INSTANCE, &machine.id);
    Ok(())
}

/// A disk left the machine: the schedules that take it take nothing from this commit on, and say so once. They are not deleted, because
/// what they keep is theirs until somebody decides about it.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn disk_gone(tx: &mut Tx<'_>, ctx: &Ctx, permit: &Permit, machine: &Instance) -> Result<()> {
    for id in of_machine(tx, machine.id)? {
        let Some(mut schedule) = tx.get::<Schedule>(&id)? else { continue };
        if schedule.gone.is_some() || !schedule.misses(machine) {
            continue;
        }
        schedule.gone = Some(ctx.now);
        tx.put(&schedule)?;
        let detail = format!("{}. It takes nothing until another disk is chosen.", schedule.disk);
        audit::write(tx, ctx, permit, &entry(&schedule, "schedule.disk_gone", detail))?;
    }
    Ok(())
}

/// Takes the snapshots that are due. A reconciler: idempotent, without input. Gives how many it began.
///
/// # Errors
/// The first failure, when all the others have been worked on.
pub fn sweep_due(app: &Arc<App>) -> Result<u32> {
    let ctx = app.system();
    let all = app.schedules.all();
    each(all.iter().filter(|schedule| schedule.due(ctx.now)), |seen| attempt(&ctx, seen.id))
}

/// Takes the snapshot of a schedule that is due, or writes down why not; in both cases it is not due any more afterwards.
fn attempt(ctx: &Ctx, id: ScheduleId) -> Result<u32> {
    let permit = ctx.authorize(Act::SnapshotCreate, &Resource::Provider, "snapshot")?;
    let ids = (SnapshotId(ctx.app.ids.uuid()), TaskId(ctx.app.ids.uuid()));
    let done = ctx.transact(&permit, |tx| {
        let Some(mut schedule) = tx.get::<Schedule>(&id)?.filter(|s| s.due(ctx.now)) else { return Ok(0) };
        let following = schedule.rhythm.after(ctx.now);
        if schedule.next > ctx.now {
            // The clock was set back: nothing is due, but nobody is to wait for what was written down before that.
            schedule.next = following;
            tx.put(&schedule)?;
            return Ok(0);
        }
        let machine = tx.get::<Instance>(&schedule.instance)?.ok_or_else(|| Error::not_found("instance"))?;
        let name = name(&machine, ctx);
        take(tx, ctx, &permit, machine, schedule.what, &name, Some(&schedule), ids)?;
        schedule.next = following;
        schedule.last = Some(LastTry { at: ctx.now, snapshot: Some(ids.0), trouble: None });
        tx.put(&schedule)?;
        Ok(1)
    });
    match done {
        // A store that fails says nothing about the schedule: the next round tries again.
        Err(error) if matches!(error.kind, Kind::Internal | Kind::Unavailable) => Err(error),
        Err(error) => postpone(ctx, &permit, id, &error),
        Ok(n) => Ok(n),
    }
}

/// `web-2026-11-21-0300`.
pub(super) fn name(machine: &Instance, ctx: &Ctx) -> Name {
    Name::parse(&format!("{}-{}", machine.name, ctx.now.stamp())).unwrap_or_else(|_| machine.name.clone())
}

/// Notes why there was none, and that it is tried again in a while. Said once in the trail, however often it is tried for the same reason.
fn postpone(ctx: &Ctx, permit: &Permit, id: ScheduleId, why: &Error) -> Result<u32> {
    ctx.transact(permit, |tx| {
        let Some(mut schedule) = tx.get::<Schedule>(&id)?.filter(|s| s.due(ctx.now)) else { return Ok(0) };
        let again = ctx.now.plus_ms(ctx.app.settings.schedule_retry_ms);
        schedule.next = schedule.rhythm.after(ctx.now).min(again);
        trouble(tx, ctx, permit, &mut schedule, None, &why.message)?;
        tx.put(&schedule)?;
        Ok(0)
    })
}

/// Writes down why a schedule made none; the caller puts the record.
fn trouble(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    permit: &Permit,
    schedule: &mut Schedule,
    snapshot: Option<SnapshotId>,
    why: &str,
) -> Result<()> {
    let why = bounded(why);
    let known = schedule.last.as_ref().is_some_and(|last| last.trouble.as_ref() == Some(&why));
    schedule.last = Some(LastTry { at: ctx.now, snapshot, trouble: Some(why.clone()) });
    match known {
        true => Ok(()),
        false => audit::write(tx, ctx, permit, &entry(schedule, "schedule.failed", why)),
    }
}

/// The snapshot of a schedule is available: it is one of those that are kept, and the oldest that are too many now begin to be removed, in
/// the same commit.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn made(tx: &mut Tx<'_>, ctx: &Ctx, permit: &Permit, snapshot: &Snapshot) -> Result<()> {
    let Some(id) = snapshot.schedule else { return Ok(()) };
    let Some(mut schedule) = tx.get::<Schedule>(&id)? else { return Ok(()) };
    let surplus = schedule.keep_new(snapshot.id);
    tx.put(&schedule)?;
    for old in surplus {
        let Some(old) = tx.get::<Snapshot>(&old)? else { continue };
        let why = format!("The schedule keeps {}.", schedule.keep);
        super::remove(tx, ctx, permit, old, TaskId(ctx.app.ids.uuid()), why)?;
    }
    Ok(())
}

/// The snapshot of a schedule came to nothing.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn missed(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    permit: &Permit,
    snapshot: &Snapshot,
    why: &str,
) -> Result<()> {
    let Some(id) = snapshot.schedule else { return Ok(()) };
    let Some(mut schedule) = tx.get::<Schedule>(&id)? else { return Ok(()) };
    trouble(tx, ctx, permit, &mut schedule, None, why)?;
    Ok(tx.put(&schedule)?)
}

fn entry<'a>(schedule: &'a Schedule, action: &'a str, detail: String) -> Entry<'a> {
    Entry {
        subject: Subject::Schedule(schedule.id),
        name: schedule.name.as_str(),
        account: Some(schedule.account),
        project: Some(schedule.project),
        region: Some(&schedule.region),
        action,
        detail,
    }
}

/// The schedules of project and region, by machine.
///
/// # Errors
/// `NotFound` when the caller has no project; `Unauthenticated`.
pub fn list(ctx: &Ctx, place: &Place) -> Result<ScheduleList> {
    let (project, own) = people::project_of(ctx, place, Act::SnapshotGet)?;
    let region = people::region_of(ctx, place)?;
    let mut all = ctx.app.schedules.group(&(project.id, region.id.clone()));
    all.sort_by(|a, b| a.name.cmp(&b.name).then(a.created.cmp(&b.created)).then(a.id.cmp(&b.id)));
    Ok(ScheduleList {
        rows: all.iter().map(|schedule| row(ctx, schedule)).collect::<Result<_>>()?,
        n_snapshots: super::read::n_rows(ctx, project.id, &region.id),
        service: service::view(ctx, project.account, &region)?,
        project: project.name,
        region: region.id,
        may_change: ctx.may(Act::ScheduleUpdate, &own),
        now: ctx.now,
    })
}

fn row(ctx: &Ctx, schedule: &Schedule) -> Result<ScheduleRow> {
    let machine: Option<InstanceLink> =
        ctx.app.instances.get(&schedule.instance).map(|m| instances::link(&m));
    let last = schedule.last.as_ref();
    let snapshot = last.and_then(|last| last.snapshot).and_then(|id| ctx.app.snapshots.get(&id));
    Ok(ScheduleRow {
        id: schedule.id,
        name: machine.as_ref().map_or_else(|| schedule.name.clone(), |m| m.name.clone()),
        machine,
        what: match schedule.what {
            Which::System | Which::All => capital(&schedule.disks()).trim_end_matches('.').to_owned(),
            Which::Disk(_) => schedule.disk.clone(),
        },
        gone: schedule.gone,
        rhythm: schedule.rhythm.words(),
        keep: schedule.keep,
        n_made: u32::try_from(schedule.made.len()).unwrap_or(u32::MAX),
        on: schedule.on,
        next: schedule.works().is_ok().then_some(schedule.next),
        last: last.map(|last| last.at),
        snapshot: snapshot.map(|s| SnapshotLink {
            id: s.id,
            name: s.name.clone(),
            status: s.status,
            created: s.created,
        }),
        trouble: last.and_then(|last| last.trouble.clone()),
    })
}

/// How many schedules take this one disk of a machine.
pub(crate) fn n_of_disk(ctx: &Ctx, machine: &Instance, disk: DiskId) -> u32 {
    let takes = |s: &Schedule| s.instance == machine.id && s.what == Which::Disk(disk);
    ctx.app.schedules.count_of(&(machine.project, machine.region.clone()), takes)
}

/// How many schedules a machine has.
pub(crate) fn n_of_machine(ctx: &Ctx, machine: &Instance) -> u32 {
    ctx.app.schedules.count_of(&(machine.project, machine.region.clone()), |s| s.instance == machine.id)
}

/// One schedule as a row, for its dialogs.
///
/// # Errors
/// `NotFound`, also when it belongs to somebody else.
pub fn get(ctx: &Ctx, id: ScheduleId) -> Result<ScheduleRow> {
    let (schedule, _) = load(ctx, id, Act::ScheduleUpdate)?;
    row(ctx, &schedule)
}

/// What the dialog that makes a schedule, or changes one, shows.
///
/// # Errors
/// `NotFound`; `Forbidden` for who may only look.
pub fn options(ctx: &Ctx, place: &Place, id: Option<ScheduleId>) -> Result<ScheduleOptions> {
    let found = id.map(|id| load(ctx, id, Act::ScheduleUpdate)).transpose()?.map(|(schedule, _)| schedule);
    let place = match &found {
        Some(schedule) => Place { project: Some(schedule.project), region: schedule.region.clone() },
        None => place.clone(),
    };
    let (project, own) = people::project_of(ctx, &place, Act::SnapshotGet)?;
    ctx.authorize(Act::ScheduleUpdate, &own, "project")?;
    let region = people::region_of(ctx, &place)?;
    let mut machines = ctx.app.instances.group(&(project.id, region.id.clone()));
    machines.retain(|machine| match &found {
        Some(schedule) => machine.id == schedule.instance,
        None => lasting(machine).is_ok(),
    });
    machines.sort_by(|a, b| a.name.cmp(&b.name));
    let blocked = match &found {
        Some(_) => None,
        None => service::blocked(ctx, project.account, &region)?,
    };
    Ok(ScheduleOptions {
        form: found.as_ref().map_or_else(ScheduleForm::usual, ScheduleForm::of),
        machines: machines.iter().map(|machine| choice(machine)).collect(),
        disks: disks(&machines, found.as_ref()),
        most: machines.iter().flat_map(|machine| most(machine, &region)).collect(),
        gone: found.as_ref().and_then(|schedule| schedule.gone),
        disk: found.as_ref().map_or_else(String::new, |schedule| schedule.disk.clone()),
        n_made: found.as_ref().map_or(0, |s| u32::try_from(s.made.len()).unwrap_or(u32::MAX)),
        service: service::view(ctx, project.account, &region)?,
        blocked,
        project: project.name,
    })
}

/// The data disks that a schedule can take one of, by machine; for one that is there, those of its machine alone.
fn disks(machines: &[Arc<Instance>], found: Option<&Schedule>) -> Vec<ScheduleDisk> {
    let of_one = |machine: &Arc<Instance>| {
        let data = machine.disks.iter().filter(|disk| disk.role == DiskRole::Data);
        data.map(|disk| {
            let label = machine.disk_label(disk);
            ScheduleDisk {
                slug: Which::Disk(disk.id).slug(),
                words: if found.is_some() { label } else { format!("{} of {}", label, machine.name) },
            }
        })
        .collect::<Vec<_>>()
    };
    machines.iter().flat_map(of_one).collect()
}

/// What a snapshot of each choice costs at most: as much as fits on its disks.
fn most(machine: &Instance, region: &Region) -> Vec<(InstanceId, String, Estimate)> {
    let one = |slug: String, disks: &[Disk]| {
        let bytes = disks.iter().map(|disk| disk.size_bytes).fold(0, u64::saturating_add);
        (machine.id, slug, region.prices.snapshots(bytes))
    };
    let data = machine.disks.iter().filter(|disk| disk.role == DiskRole::Data);
    let single = data.map(|disk| one(Which::Disk(disk.id).slug(), std::slice::from_ref(disk)));
    let system = one(Which::System.slug(), std::slice::from_ref(machine.system_disk()));
    [system, one(Which::All.slug(), &machine.disks)].into_iter().chain(single).collect()
}

pub(super) fn choice(machine: &Instance) -> SnapshotChoice {
    let bytes = machine.disks.iter().map(|d| d.size_bytes).fold(0, u64::saturating_add);
    let n = u32::try_from(machine.disks.len()).unwrap_or(u32::MAX);
    SnapshotChoice {
        id: machine.id,
        name: machine.name.clone(),
        words: format!("{}, {}", crate::domain::text::counted(n, "disk"), size::binary(bytes)),
    }
}
