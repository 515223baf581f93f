//! Claim, step, record, retry, unwind, recover. Every transition of a task is one commit that first checks that the lease is still held.

use super::settle::{self, Ending};
use super::steps;
use crate::domain::Result;
use crate::domain::ids::{AccountId, RegionId, TaskId};
use crate::domain::policy::{Act, Resource};
use crate::domain::quota::{Counter, Turn};
use crate::domain::task::{Kind, Lease, Outputs, Progress, State, Task, backoff_ms, bounded};
use crate::domain::time::Timestamp;
use crate::ops::ctx::{App, Ctx, Permit};
use crate::ops::ledger;
use crate::ports::{PortError, Watcher};
use crate::store::records::index;
use crate::store::{Order, Tx, list_index, read};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// What a call of [`Engine::run_once`] found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It moved a task one step.
    Worked(TaskId),
    /// Nothing is due; the next task is due at this moment, if any waits.
    Idle(Option<Timestamp>),
}

/// Moves tasks. Each run of the program has one, with its own owner id.
pub struct Engine {
    app: Arc<App>,
    owner: Uuid,
    unreadable: Mutex<BTreeMap<TaskId, Told>>,
    /// What a worker of this run is doing a step of right now. A lease says that to other processes; it runs out when a step gives no word
    /// for long or the clock is set forward, and a second worker in here must not begin the step a second time then.
    at_work: Mutex<BTreeSet<TaskId>>,
}

/// A task whose record cannot be understood, so that nobody works on it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unreadable {
    /// The task.
    pub task: TaskId,
    /// What is wrong with its record.
    pub why: String,
}

/// Whether somebody was told of an unreadable task.
enum Told {
    /// Not yet, and this is what to tell.
    NotYet(String),
    /// Once is enough: it is found again at every look for work.
    Once,
}

impl Engine {
    /// An engine that claims tasks as `owner`, which no other run may have used.
    pub fn new(app: Arc<App>, owner: Uuid) -> Self {
        Self { app, owner, unreadable: Mutex::default(), at_work: Mutex::default() }
    }

    /// Tasks that were found to be unreadable since the last call, each once in the life of the engine. The engine leaves them alone and
    /// goes on with all others; whoever runs it says so in the log.
    pub fn take_unreadable(&self) -> Vec<Unreadable> {
        let mut found = self.unreadable.lock().unwrap_or_else(PoisonError::into_inner);
        let new = found.iter_mut().filter_map(|(task, told)| match std::mem::replace(told, Told::Once) {
            Told::NotYet(why) => Some(Unreadable { task: *task, why }),
            Told::Once => None,
        });
        new.collect()
    }

    /// The task, if it is there and its record can be understood.
    fn look(&self, id: TaskId) -> Result<Option<Task>> {
        match read::<Task>(self.app.store.as_ref(), &id) {
            Err(error) if error.of_one_record() => {
                let mut found = self.unreadable.lock().unwrap_or_else(PoisonError::into_inner);
                found.entry(id).or_insert_with(|| Told::NotYet(error.with_causes()));
                Ok(None)
            }
            found => Ok(found?),
        }
    }

    fn ctx(&self) -> Result<(Ctx, Permit)> {
        let ctx = self.app.system();
        let permit = ctx.authorize(Act::TaskChange, &Resource::Provider, "task")?;
        Ok((ctx, permit))
    }

    /// Takes back the leases of earlier runs. Call once at start, while nothing else can hold one: the data directory is locked.
    ///
    /// # Errors
    /// When the store cannot be used.
    pub fn recover(&self) -> Result<u32> {
        let (ctx, permit) = self.ctx()?;
        let mut n = 0;
        for id in self.active()? {
            if self.look(id)?.is_none() {
                continue;
            }
            n += ctx.transact(&permit, |tx| {
                let Some(mut task) = tx.get::<Task>(&id)? else { return Ok(0) };
                if task.lease.take().is_none_or(|lease| lease.owner == self.owner) {
                    return Ok(0);
                }
                task.note(ctx.now, "darkroom restarted; the step begins again.");
                tx.put(&task)?;
                Ok(1)
            })?;
        }
        Ok(n)
    }

    fn active(&self) -> Result<Vec<TaskId>> {
        let found = list_index::<TaskId>(
            self.app.store.as_ref(),
            index::TASK_ACTIVE,
            &(),
            Order::Ascending,
            u32::MAX,
            None,
        )?;
        Ok(found.items.into_iter().map(|r| r.value).collect())
    }

    /// Claims the task that is due longest and moves it by one step.
    ///
    /// # Errors
    /// When the store cannot be used; the task is then tried again when its lease ends.
    pub fn run_once(&self) -> Result<Outcome> {
        let now = self.app.clock.now();
        let mut due: Vec<Task> = Vec::new();
        let mut next: Option<Timestamp> = None;
        for id in self.active()? {
            if self.is_at_work(id) {
                // The end of its step wakes whoever waits.
                continue;
            }
            let Some(task) = self.look(id)? else { continue };
            let not_before = due_at(&task, now);
            let free_at = task.lease.map_or(not_before, |lease| lease.until.max(not_before));
            if free_at <= now {
                due.push(task);
            } else {
                next = Some(next.map_or(free_at, |n| n.min(free_at)));
            }
        }
        due.sort_by_key(|t| (t.not_before, t.id));
        let mut full = BTreeSet::new();
        for task in due {
            // Copies are asked for and due in the same order, so that whoever waits longest comes first when a turn is free.
            if task.waits_for_turn() && !self.has_room(&task, &mut full)? {
                continue;
            }
            let Some(at_work) = AtWork::begin(&self.at_work, task.id) else { continue };
            if let Some(task) = self.claim(task.id)? {
                let moved = self.step(&task);
                drop(at_work);
                // Whoever was woken by the commit still found the task at work.
                self.app.board.ring();
                moved?;
                return Ok(Outcome::Worked(task.id));
            }
        }
        Ok(Outcome::Idle(next))
    }

    /// Whether one more copy of the task's account may travel to its region, as far as can be told before the claim, which judges it. What is
    /// `full` already is not asked for again. When a turn is given back, the commit of that wakes whoever waits.
    fn has_room(&self, task: &Task, full: &mut BTreeSet<(AccountId, RegionId)>) -> Result<bool> {
        let place = (task.account, task.region.clone());
        if full.contains(&place) {
            return Ok(false);
        }
        let n_copies = read::<Counter>(self.app.store.as_ref(), &place)?.map_or(0, |c| c.n_copies);
        let room = n_copies < self.app.settings.n_copies_max;
        if !room {
            full.insert(place);
        }
        Ok(room)
    }

    fn is_at_work(&self, id: TaskId) -> bool {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner).contains(&id)
    }

    /// Takes the lease of a due task; `None` when somebody was quicker.
    fn claim(&self, id: TaskId) -> Result<Option<Task>> {
        let (ctx, permit) = self.ctx()?;
        let claim = self.app.ids.uuid();
        ctx.transact(&permit, |tx| {
            let Some(mut task) = tx.get::<Task>(&id)? else { return Ok(None) };
            let leased = task.lease.is_some_and(|lease| lease.until > ctx.now);
            if !task.state.active() || leased || due_at(&task, ctx.now) > ctx.now {
                return Ok(None);
            }
            let mut turn = Turn::Now;
            if task.waits_for_turn() {
                ledger::count(tx, task.account, &task.region, |c| {
                    turn = c.take_copy(self.app.settings.n_copies_max);
                    Ok(())
                })?;
            }
            if turn == Turn::Later {
                return Ok(None);
            }
            task.lease = Some(self.lease(claim, ctx.now));
            if task.kind == Kind::ImageCopy && task.state == State::Queued && task.cancel_requested {
                // Nothing was done and no turn was taken.
                task.state = State::Undoing;
                tx.put(&task)?;
                return Ok(Some(task));
            }
            if task.state == State::Queued {
                task.state = State::Running;
            }
            if task.state == State::Running {
                task.started = task.started.or(Some(ctx.now));
            }
            if task.state == State::Running && task.cancel_requested && task.kind.cancellable() {
                unwind(&mut task, ctx.now);
            }
            tx.put(&task)?;
            Ok(Some(task))
        })
    }

    fn lease(&self, claim: Uuid, now: Timestamp) -> Lease {
        Lease { owner: self.owner, claim, until: now.plus_ms(self.app.settings.lease_ms) }
    }

    fn step(&self, task: &Task) -> Result<()> {
        let Some(lease) = task.lease else { return Ok(()) };
        let watcher = StepWatcher {
            engine: self,
            task: task.id,
            claim: lease.claim,
            since: self.app.clock.now(),
            beats: Mutex::new(Beats { last: self.app.clock.now(), leased_until: lease.until }),
            stop: AtomicBool::new(false),
        };
        let record = |change: &dyn Fn(&mut Task, Timestamp) -> Option<Ending>| {
            self.record(task.id, lease.claim, change)
        };
        let moved = match task.state {
            State::Running => match task.current() {
                Some(step) => {
                    let result = steps::run(&self.app, task, step, &watcher);
                    record(&|task, now| forward(task, now, result.clone(), self.app.settings.attempts_max))
                }
                None => record(&|_, _| Some(Ending::Done)),
            },
            State::Undoing if task.step == 0 => record(&|task, _| Some(ending(task))),
            State::Undoing => {
                let result = task
                    .step
                    .checked_sub(1)
                    .and_then(|i| task.kind.plan().get(usize::try_from(i).ok()?))
                    .map_or(Ok(()), |step| steps::undo(&self.app, task, *step));
                record(&|task, now| {
                    backward(task, now, result.clone(), self.app.settings.attempts_max);
                    None
                })
            }
            State::Queued | State::Done | State::Failed | State::Cancelled | State::Stuck => Ok(()),
        };
        self.app.board.forget(task.id);
        moved
    }

    /// Writes what a step gave, if the lease is still ours; settles the task when it ended.
    fn record(
        &self,
        id: TaskId,
        claim: Uuid,
        change: &dyn Fn(&mut Task, Timestamp) -> Option<Ending>,
    ) -> Result<()> {
        let (ctx, permit) = self.ctx()?;
        ctx.transact(&permit, |tx| {
            let Some(mut task) = held(tx, id, claim)? else { return Ok(()) };
            task.lease = None;
            task.progress = None;
            let ending = change(&mut task, ctx.now);
            if let Some(ending) = ending {
                settle::settle(tx, &ctx, &permit, &mut task, &ending)?;
            }
            if !task.state.active() {
                task.finished = Some(ctx.now);
                tx.delete_index(index::TASK_ACTIVE, &id);
            }
            Ok(tx.put(&task)?)
        })
    }

    /// Extends the lease and writes progress down, so that a restart and a second reader see it. Returns whether the step must stop:
    /// somebody asked for it, or the lease is lost and another worker does the step.
    fn checkpoint(&self, id: TaskId, claim: Uuid, progress: Option<Progress>) -> Result<bool> {
        let (ctx, permit) = self.ctx()?;
        ctx.transact(&permit, |tx| {
            let Some(mut task) = held(tx, id, claim)? else { return Ok(true) };
            task.lease = Some(self.lease(claim, ctx.now));
            task.progress = progress.or(task.progress);
            tx.put(&task)?;
            Ok(task.cancel_requested && task.kind.cancellable())
        })
    }
}

/// A task is being worked on in this process, until this is dropped: also when the worker ends by a defect.
struct AtWork<'a> {
    all: &'a Mutex<BTreeSet<TaskId>>,
    task: TaskId,
}

impl<'a> AtWork<'a> {
    /// `None` when another worker has it.
    fn begin(all: &'a Mutex<BTreeSet<TaskId>>, task: TaskId) -> Option<Self> {
        let new = all.lock().unwrap_or_else(PoisonError::into_inner).insert(task);
        new.then_some(Self { all, task })
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.task);
    }
}

/// When a task may be touched. No wait is longer than the longest between two tries: a moment further ahead was written before the clock
/// was set back, and nobody is to wait for that.
fn due_at(task: &Task, now: Timestamp) -> Timestamp {
    if task.not_before.since_ms(now) > backoff_ms(u32::MAX) { now } else { task.not_before }
}

/// The task, if this claim still holds it.
fn held(tx: &mut Tx<'_>, id: TaskId, claim: Uuid) -> Result<Option<Task>> {
    Ok(tx.get::<Task>(&id)?.filter(|t| t.lease.is_some_and(|lease| lease.claim == claim)))
}

/// Turns around: the step that is running or next may have effects, so it is undone as well.
fn unwind(task: &mut Task, now: Timestamp) {
    task.state = State::Undoing;
    task.step = task.step.saturating_add(1).min(u32::try_from(task.kind.plan().len()).unwrap_or(u32::MAX));
    task.attempts = 0;
    task.not_before = now;
    task.note(now, "Undoing what was done.");
}

fn ending(task: &Task) -> Ending {
    match (&task.error, task.cancel_requested) {
        (Some(error), false) => Ending::Failed(error.clone()),
        _ => Ending::Cancelled,
    }
}

/// What follows from the result of a step.
fn forward(
    task: &mut Task,
    now: Timestamp,
    result: Result<Outputs, PortError>,
    attempts_max: u32,
) -> Option<Ending> {
    let title = task.current().map_or("", crate::domain::task::Step::title);
    match result {
        Ok(outputs) => {
            task.outputs = outputs;
            let more = task.current().is_some_and(|step| task.outputs.unfinished(step));
            if !more {
                task.note(now, format!("{title}: done."));
                task.step += 1;
            }
            task.attempts = 0;
            task.error = None;
            task.not_before = now;
            if task.cancel_requested && task.kind.cancellable() {
                unwind(task, now);
                return None;
            }
            task.current().is_none().then_some(Ending::Done)
        }
        // Also when it failed in another way: whoever cancelled must not wait for the next try.
        Err(_) if task.cancel_requested && task.kind.cancellable() => {
            task.note(now, format!("{title}: stopped."));
            unwind(task, now);
            None
        }
        Err(error) => {
            task.attempts += 1;
            task.error = Some(bounded(&error.to_string()));
            let again = (error.retryable() || error == PortError::Cancelled) && task.attempts < attempts_max;
            if again {
                let wait = backoff_ms(task.attempts);
                task.not_before = now.plus_ms(wait);
                task.note(
                    now,
                    format!("{title}: {error} Trying again in {}.", crate::domain::time::span(wait)),
                );
            } else if task.kind.undoable() {
                task.note(now, format!("{title}: {error}"));
                unwind(task, now);
            } else {
                task.note(now, format!("{title}: {error} Somebody must look."));
                task.state = State::Stuck;
            }
            None
        }
    }
}

/// What follows from the result of undoing a step.
fn backward(task: &mut Task, now: Timestamp, result: Result<(), PortError>, attempts_max: u32) {
    match result {
        Ok(()) => {
            task.step = task.step.saturating_sub(1);
            task.attempts = 0;
            task.not_before = now;
        }
        Err(error) => {
            task.attempts += 1;
            let wait = backoff_ms(task.attempts);
            task.not_before = now.plus_ms(wait);
            if task.attempts < attempts_max.saturating_mul(2) {
                task.note(
                    now,
                    format!("Undoing: {error} Trying again in {}.", crate::domain::time::span(wait)),
                );
            } else {
                task.note(now, format!("Undoing: {error} Somebody must look."));
                task.state = State::Stuck;
            }
        }
    }
}

/// Follows a running step: progress to the board, a checkpoint every few seconds, requests to stop from the board or the record.
struct StepWatcher<'a> {
    engine: &'a Engine,
    task: TaskId,
    claim: Uuid,
    since: Timestamp,
    beats: Mutex<Beats>,
    stop: AtomicBool,
}

#[derive(Clone, Copy)]
struct Beats {
    last: Timestamp,
    leased_until: Timestamp,
}

impl StepWatcher<'_> {
    /// Writes a checkpoint when one is due.
    fn beat(&self, at: Timestamp, progress: Option<Progress>) {
        let settings = self.engine.app.settings;
        let leased_until = {
            let mut beats = self.beats.lock().unwrap_or_else(PoisonError::into_inner);
            // A clock that was set back must not keep the lease from being extended.
            if at >= beats.last && at.since_ms(beats.last) < settings.checkpoint_ms {
                return;
            }
            beats.last = at;
            beats.leased_until
        };
        match self.engine.checkpoint(self.task, self.claim, progress) {
            Ok(false) => {
                let mut beats = self.beats.lock().unwrap_or_else(PoisonError::into_inner);
                beats.leased_until = at.plus_ms(settings.lease_ms);
            }
            Ok(true) => self.stop.store(true, Ordering::Relaxed),
            // Made up by the next one while the lease lasts; after that another worker may do the step already.
            Err(_) if at < leased_until => {}
            Err(_) => self.stop.store(true, Ordering::Relaxed),
        }
    }
}

impl Watcher for StepWatcher<'_> {
    fn progress(&self, done_bytes: u64, total_bytes: u64) {
        let app = &self.engine.app;
        let at = app.clock.now();
        let progress = Progress { done_bytes, total_bytes, since: self.since, at };
        app.board.report(self.task, progress);
        self.beat(at, Some(progress));
    }

    fn cancelled(&self) -> bool {
        // A step that only waits has no progress to report, and must keep its lease as well.
        self.beat(self.engine.app.clock.now(), None);
        self.stop.load(Ordering::Relaxed) || self.engine.app.board.cancelled(self.task)
    }
}
