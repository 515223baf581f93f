//! Use cases of tasks: beginning one in the commit of what causes it, and seeing, cancelling and retrying them.

use super::audit::{self, Entry};
use super::ctx::{Ctx, Permit, Place};
use super::{images, instances, people, snapshots};
use crate::domain::ids::{AccountId, DiskId, ProjectId, RegionId, Subject, TaskId};
use crate::domain::image::Image;
use crate::domain::instance::Instance;
use crate::domain::page::{Page, ROWS_DEFAULT};
use crate::domain::policy::{Act, Resource};
use crate::domain::snapshot::Snapshot;
use crate::domain::task::{Action, Kind, Origin, Outputs, State, Task};
use crate::domain::view::{TaskList, TaskView};
use crate::domain::{Error, Result};
use crate::store::records::index;
use crate::store::{Order, Tx, list_index, read};

/// What a task is about.
pub(crate) struct About {
    subject: Subject,
    name: String,
    account: AccountId,
    project: ProjectId,
    region: RegionId,
    origin: Option<Origin>,
    disk: Option<DiskId>,
}

impl About {
    pub(crate) fn image(image: &Image) -> Self {
        Self {
            subject: Subject::Image(image.id),
            name: image.name.to_string(),
            account: image.account,
            project: image.project,
            region: image.region.clone(),
            origin: None,
            disk: None,
        }
    }

    /// A copy, whose content is brought from `origin`.
    pub(crate) fn copy(image: &Image, origin: Origin) -> Self {
        Self { origin: Some(origin), ..Self::image(image) }
    }

    pub(crate) fn snapshot(snapshot: &Snapshot) -> Self {
        Self {
            subject: Subject::Snapshot(snapshot.id),
            name: snapshot.name.to_string(),
            account: snapshot.account,
            project: snapshot.project,
            region: snapshot.region.clone(),
            origin: None,
            disk: None,
        }
    }

    /// A machine to be made of this image, or given it; where that is in another region, its content is kept there until it is fetched (U15).
    pub(crate) fn deploy(machine: &Instance, image: &Image) -> Self {
        let elsewhere = image.region != machine.region;
        let origin = Origin { region: image.region.clone(), disks: image.disks.clone() };
        Self { origin: elsewhere.then_some(origin), ..Self::instance(machine) }
    }

    pub(crate) fn instance(machine: &Instance) -> Self {
        Self {
            subject: Subject::Instance(machine.id),
            name: machine.name.to_string(),
            account: machine.account,
            project: machine.project,
            region: machine.region.clone(),
            origin: None,
            disk: None,
        }
    }

    /// One disk of a machine.
    pub(crate) fn disk(machine: &Instance, disk: DiskId) -> Self {
        Self { disk: Some(disk), ..Self::instance(machine) }
    }
}

/// Creates a task in the transaction of the change that needs it.
pub(crate) fn begin(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    _permit: &Permit,
    id: TaskId,
    kind: Kind,
    about: &About,
) -> Result<()> {
    let mut task = Task {
        id,
        kind,
        user: ctx.actor.user(),
        actor: ctx.actor.name().to_owned(),
        account: about.account,
        project: about.project,
        region: about.region.clone(),
        subject: about.subject,
        name: about.name.clone(),
        disk: about.disk,
        origin: about.origin.clone(),
        state: State::Queued,
        step: 0,
        attempts: 0,
        not_before: ctx.now,
        lease: None,
        cancel_requested: false,
        outputs: Outputs::default(),
        error: None,
        log: vec![],
        progress: None,
        created: ctx.now,
        started: None,
        finished: None,
    };
    task.note(ctx.now, format!("Asked for by {}.", ctx.actor.name()));
    tx.put(&task)?;
    tx.put_index(index::TASK_ACTIVE, &id, &id)?;
    Ok(tx.put_index(index::TASK_BY_PLACE, &(about.project, about.region.clone(), ctx.now.0, id), &id)?)
}

fn resource(task: &Task) -> Resource {
    Resource::Project { account: task.account, project: task.project }
}

fn load(ctx: &Ctx, id: TaskId, act: Act) -> Result<(Task, Permit)> {
    let Some(task) = ctx.read::<Task>(&id)? else {
        ctx.authorize(act, &Resource::Provider, "task")?;
        return Err(Error::not_found("task"));
    };
    let permit = ctx.authorize(act, &resource(&task), "task")?;
    Ok((task, permit))
}

/// A task for a row about something the caller was already authorized for; without its log.
pub(crate) fn view(ctx: &Ctx, id: TaskId) -> Result<Option<TaskView>> {
    let Some(task) = readable(ctx, id)? else { return Ok(None) };
    let queue_place = queue_place(ctx, &task)?;
    Ok(Some(shown(ctx, task, queue_place, Log::Leave)))
}

/// A task for a list: one whose record cannot be understood is left out, or it would take every page it is on with it. The engine and
/// `darkroom check` name it.
fn readable(ctx: &Ctx, id: TaskId) -> Result<Option<Task>> {
    match read::<Task>(ctx.app.store.as_ref(), &id) {
        Err(error) if error.of_one_record() => Ok(None),
        found => Ok(found?),
    }
}

enum Log {
    Keep,
    Leave,
}

fn queue_place(ctx: &Ctx, task: &Task) -> Result<Option<u32>> {
    if task.waits_for_turn() { Ok(place_among(&all_active(ctx)?, task)) } else { Ok(None) }
}

/// The place of a copy that waits for its turn, 1 for the next; those cancelled meanwhile do not count.
fn place_among(active: &[Task], task: &Task) -> Option<u32> {
    if !task.waits_for_turn() {
        return None;
    }
    let before = |other: &Task| {
        other.waits_for_turn()
            && (other.account, &other.region) == (task.account, &task.region)
            && (other.created, other.id) < (task.created, task.id)
    };
    let n = active.iter().filter(|other| before(other)).count();
    Some(u32::try_from(n).unwrap_or(u32::MAX).saturating_add(1))
}

fn shown(ctx: &Ctx, task: Task, queue_place: Option<u32>, log: Log) -> TaskView {
    let n_steps = u32::try_from(task.kind.plan().len()).unwrap_or(u32::MAX);
    let progress =
        if task.state == State::Running { ctx.app.board.progress(task.id).or(task.progress) } else { None };
    TaskView {
        id: task.id,
        kind: task.kind,
        subject: task.subject,
        name: task.name.clone(),
        state: task.state,
        cancel_requested: task.cancel_requested,
        step: task.current().map(|s| s.title().to_owned()).unwrap_or_default(),
        step_number: task.step.saturating_add(1).min(n_steps),
        n_steps,
        progress,
        queue_place,
        transferred: task.outputs.transferred.clone(),
        present_percent: task.present_percent(progress.as_ref()),
        cancel_blocked: task.can(Action::Cancel).err(),
        retry_blocked: task.can(Action::Retry).err(),
        error: task.error,
        log: match log {
            Log::Keep => task.log,
            Log::Leave => vec![],
        },
        actor: task.actor,
        created: task.created,
        finished: task.finished,
    }
}

/// One page of the tasks of project and region, newest first; only these states unless the list is empty.
///
/// # Errors
/// `NotFound` when the caller has no project; `Unauthenticated`.
pub fn list(ctx: &Ctx, place: &Place, states: Vec<State>, page: u32) -> Result<TaskList> {
    let (project, own) = people::project_of(ctx, place, Act::TaskGet)?;
    let region = people::region_of(ctx, place)?;
    let limit = ctx.app.settings.history_rows_max;
    let ids = list_index::<TaskId>(
        ctx.app.store.as_ref(),
        index::TASK_BY_PLACE,
        &(project.id, region.id),
        Order::Descending,
        limit,
        None,
    )?;
    let mut ids: Vec<TaskId> = ids.items.into_iter().map(|r| r.value).collect();
    if !states.is_empty() {
        let mut kept = Vec::new();
        for id in ids {
            if readable(ctx, id)?.is_some_and(|t| states.contains(&t.state)) {
                kept.push(id);
            }
        }
        ids = kept;
    }
    let cut = Page::cut(ids, page, ROWS_DEFAULT);
    let (number, size, total) = (cut.number, cut.size, cut.total);
    let mut rows = Vec::new();
    for id in cut.rows {
        rows.extend(view(ctx, id)?);
    }
    let active = rows.iter().any(|t| t.state.active());
    Ok(TaskList {
        page: Page { rows, number, size, total },
        states,
        active,
        may_change: ctx.may(Act::TaskChange, &own),
        now: ctx.now,
    })
}

/// Tasks at work in a project and region the caller was already authorized for, newest first.
pub(crate) fn active(ctx: &Ctx, project: ProjectId, region: &RegionId) -> Result<Vec<TaskView>> {
    let all = all_active(ctx)?;
    let here = all.iter().filter(|t| t.project == project && t.region == *region);
    let mut found: Vec<TaskView> =
        here.map(|task| shown(ctx, task.clone(), place_among(&all, task), Log::Leave)).collect();
    found.sort_by_key(|t| std::cmp::Reverse(t.created));
    Ok(found)
}

/// Every task at work that can be read.
fn all_active(ctx: &Ctx) -> Result<Vec<Task>> {
    let ids = list_index::<TaskId>(
        ctx.app.store.as_ref(),
        index::TASK_ACTIVE,
        &(),
        Order::Ascending,
        u32::MAX,
        None,
    )?;
    let mut found = Vec::new();
    for row in ids.items {
        found.extend(readable(ctx, row.value)?);
    }
    Ok(found)
}

/// A task with its log.
///
/// # Errors
/// `NotFound`, also when it belongs to somebody else.
pub fn detail(ctx: &Ctx, id: TaskId) -> Result<TaskView> {
    let (task, _) = load(ctx, id, Act::TaskGet)?;
    let may_change = ctx.may(Act::TaskChange, &resource(&task));
    let queue_place = queue_place(ctx, &task)?;
    let mut view = shown(ctx, task, queue_place, Log::Keep);
    if !may_change {
        let reader = || {
            crate::domain::error::Reason::new(
                "role",
                "Your role may look but not change.",
                "",
                "Ask an owner of the project.",
            )
        };
        view.cancel_blocked = view.cancel_blocked.or_else(|| Some(reader()));
        view.retry_blocked = view.retry_blocked.or_else(|| Some(reader()));
    }
    Ok(view)
}

/// Asks a task to stop; the engine undoes what it did.
///
/// # Errors
/// The task's reason; `NotFound`; `Forbidden`.
pub fn cancel(ctx: &Ctx, id: TaskId) -> Result<()> {
    let (_, permit) = load(ctx, id, Act::TaskChange)?;
    ctx.transact(&permit, |tx| {
        let mut task = tx.get::<Task>(&id)?.ok_or_else(|| Error::not_found("task"))?;
        task.can(Action::Cancel)?;
        task.cancel_requested = true;
        task.not_before = ctx.now;
        task.note(ctx.now, format!("{} asked to cancel it.", ctx.actor.name()));
        tx.put(&task)?;
        audit::write(tx, ctx, &permit, &entry(&task, "task.cancel"))
    })
}

/// Does a failed task again: a new task for the same thing; a stuck one goes on where it stands.
///
/// # Errors
/// The task's reason, the subject's reason; `NotFound`; `Forbidden`.
pub fn retry(ctx: &Ctx, id: TaskId) -> Result<TaskId> {
    let (task, permit) = load(ctx, id, Act::TaskChange)?;
    task.can(Action::Retry)?;
    if task.state == State::Stuck {
        ctx.transact(&permit, |tx| {
            let mut task = tx.get::<Task>(&id)?.ok_or_else(|| Error::not_found("task"))?;
            task.can(Action::Retry)?;
            task.state = if task.kind.undoable() { State::Undoing } else { State::Running };
            task.attempts = 0;
            task.not_before = ctx.now;
            task.finished = None;
            task.note(ctx.now, format!("{} asked to try again.", ctx.actor.name()));
            tx.put(&task)?;
            tx.put_index(index::TASK_ACTIVE, &id, &id)?;
            audit::write(tx, ctx, &permit, &entry(&task, "task.retry"))
        })?;
        return Ok(id);
    }
    match (task.kind, task.subject) {
        (Kind::ImageCreate | Kind::ImageCopy, Subject::Image(image)) => images::retry(ctx, image),
        (Kind::SnapshotCreate, Subject::Snapshot(snapshot)) => snapshots::retry(ctx, snapshot),
        (Kind::InstanceCreate | Kind::InstanceStart, Subject::Instance(machine)) => {
            instances::start(ctx, machine)
        }
        (Kind::InstanceReinstall, Subject::Instance(machine)) => instances::change_image_again(ctx, machine),
        (Kind::InstanceStop, Subject::Instance(machine)) => instances::stop(ctx, machine),
        (Kind::InstanceReboot, Subject::Instance(machine)) => instances::reboot(ctx, machine),
        _ => Err(Error::conflict(
            "task_not_retryable",
            "This task cannot be done again. Start the same action on the page of the thing itself.",
        )),
    }
}

fn entry<'a>(task: &'a Task, action: &'a str) -> Entry<'a> {
    Entry {
        subject: task.subject,
        name: &task.name,
        account: Some(task.account),
        project: Some(task.project),
        region: Some(&task.region),
        action,
        detail: format!("{}.", task.kind.title()),
    }
}
