//! The threads that move tasks and run reconcilers. They hold no logic: they call the engine and the sweeps, and wait for the bell.

use darkroom_core::domain::time::Timestamp;
use darkroom_core::ops::ctx::App;
use darkroom_core::ops::snapshots::{schedules, service};
use darkroom_core::ops::{billing, groups, images, people, shares};
use darkroom_core::tasks::{Engine, Outcome, Unreadable, sweep};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often machines are compared with their records.
const MACHINES_EVERY: Duration = Duration::from_secs(2);
/// Every how many of those rounds storage and sessions are swept.
const STORAGE_EVERY_ROUNDS: u32 = 300;
/// Every how many of those rounds balances are looked at.
const BILLING_EVERY_ROUNDS: u32 = 5;
/// Longest wait for the bell, in case the clock was set.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Running threads.
pub struct Workers {
    app: Arc<App>,
    stopping: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Takes back leases of earlier runs and starts `n` workers and one sweeper.
    ///
    /// # Errors
    /// When the records cannot be used or a thread cannot be started.
    pub fn start(app: &Arc<App>, n: u32) -> Result<Self, String> {
        let engine = Arc::new(Engine::new(app.clone(), app.ids.uuid()));
        let n_recovered = engine.recover().map_err(|e| e.message)?;
        tell_unreadable(&engine);
        if n_recovered > 0 {
            tracing::info!(n_recovered, "tasks of the last run go on");
        }
        let stopping = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();
        for i in 0..n.max(1) {
            let (app, engine, stopping) = (app.clone(), engine.clone(), stopping.clone());
            threads.push(spawn(format!("worker-{i}"), move || work(&app, &engine, &stopping))?);
        }
        let (sweep_app, sweep_stopping) = (app.clone(), stopping.clone());
        threads.push(spawn("sweeper".to_owned(), move || reconcile(&sweep_app, &sweep_stopping))?);
        Ok(Self { app: app.clone(), stopping, threads })
    }

    /// Stops at the next safe point: a step that is running is let finish; what it gave is written down.
    pub fn stop(self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.app.board.ring();
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a worker ended by a defect");
            }
        }
    }
}

fn spawn(name: String, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, String> {
    std::thread::Builder::new()
        .name(name)
        .spawn(run)
        .map_err(|e| format!("A thread could not be started: {e}."))
}

fn work(app: &App, engine: &Engine, stopping: &AtomicBool) {
    while !stopping.load(Ordering::SeqCst) {
        let seen = app.board.rings();
        let outcome = engine.run_once();
        tell_unreadable(engine);
        match outcome {
            Ok(Outcome::Worked(task)) => tracing::debug!(task.id = %task, "task moved"),
            Ok(Outcome::Idle(next)) => app.board.wait(seen, until(app.clock.now(), next)),
            Err(error) => {
                tracing::error!(code = error.code, "tasks could not be moved: {}", error.message);
                app.board.wait(seen, WAIT_MAX);
            }
        }
    }
}

fn tell_unreadable(engine: &Engine) {
    for Unreadable { task, why } in engine.take_unreadable() {
        tracing::error!(task.id = %task, "the task {task} cannot be read and is left alone, all others go on; see `darkroom check`: {why}");
    }
}

fn until(now: Timestamp, next: Option<Timestamp>) -> Duration {
    let ms = next.map_or(i64::MAX, |n| n.since_ms(now).max(1));
    Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX)).min(WAIT_MAX)
}

fn reconcile(app: &Arc<App>, stopping: &AtomicBool) {
    let mut round = 0u32;
    while !stopping.load(Ordering::SeqCst) {
        match sweep::machines(app) {
            Ok(0) => {}
            Ok(n) => tracing::info!(n, "machines were not as written down; records mended"),
            Err(error) => {
                tracing::error!(code = error.code, "machines could not be compared: {}", error.message)
            }
        }
        if let Err(error) = shares::sweep_ended(app) {
            tracing::error!(code = error.code, "shares that ended could not be cleared: {}", error.message);
        }
        if let Err(error) = images::sweep_plans(app) {
            tracing::error!(
                code = error.code,
                "what was planned for images could not be done: {}",
                error.message
            );
        }
        if let Err(error) = images::sweep_leaving(app) {
            tracing::error!(
                code = error.code,
                "images whose day came could not be deleted: {}",
                error.message
            );
        }
        if let Err(error) = images::sweep_bin(app) {
            tracing::error!(code = error.code, "the recycle bin could not be swept: {}", error.message);
        }
        if let Err(error) = groups::sweep(app) {
            tracing::error!(
                code = error.code,
                "scaling groups could not be brought to their count: {}",
                error.message
            );
        }
        if let Err(error) = sweep::leftovers(app) {
            tracing::error!(code = error.code, "replaced disks could not be removed: {}", error.message);
        }
        if let Err(error) = service::sweep_ended(app) {
            tracing::error!(
                code = error.code,
                "snapshot services that ended could not be turned off: {}",
                error.message
            );
        }
        if round.is_multiple_of(BILLING_EVERY_ROUNDS)
            && let Err(error) = billing::sweep(app)
        {
            tracing::error!(code = error.code, "balances could not be looked at: {}", error.message);
        }
        match schedules::sweep_due(app) {
            Ok(0) => {}
            Ok(n) => tracing::info!(n, "snapshots were due and are being taken"),
            Err(error) => {
                tracing::error!(
                    code = error.code,
                    "snapshots that are due could not be taken: {}",
                    error.message
                )
            }
        }
        let asked = app.board.take_sweeps();
        let all = round.is_multiple_of(STORAGE_EVERY_ROUNDS);
        let regions = if all { super::regions(app).unwrap_or_default() } else { asked.into_iter().collect() };
        for region in regions {
            match sweep::storage(app, &region) {
                Ok(swept) if swept.freed_bytes > 0 => {
                    tracing::info!(region.id = %region, n_chunks = swept.n_chunks, freed_bytes = swept.freed_bytes, "storage swept");
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(region.id = %region, code = error.code, "storage could not be swept: {}", error.message)
                }
            }
        }
        if all && let Err(error) = people::sweep_sessions(&app.system()) {
            tracing::error!(code = error.code, "sessions could not be swept: {}", error.message);
        }
        round = round.wrapping_add(1);
        pause(app, stopping);
    }
}

/// Waits for the next round. The bell also rings for every change of a task, which is no reason for another round.
fn pause(app: &App, stopping: &AtomicBool) {
    let begun = std::time::Instant::now();
    while let Some(rest) =
        MACHINES_EVERY.checked_sub(begun.elapsed()).filter(|_| !stopping.load(Ordering::SeqCst))
    {
        let seen = app.board.rings();
        app.board.wait(seen, rest);
    }
}
