//! Who may do what at the same time: one operation per machine, one capture per machine, a few captures per host.

use darkroom_core::domain::ids::{InstanceId, TaskId};
use darkroom_core::ports::{PortError, Watcher};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often somebody who waits looks whether the work was cancelled.
const WATCH_INTERVAL: Duration = Duration::from_millis(100);

/// Locks that survive a panic of a holder: what they guard is on disk and is read anew each time.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One lock per machine.
#[derive(Default)]
pub struct Locks {
    machines: Mutex<BTreeMap<InstanceId, Arc<Mutex<()>>>>,
}

impl Locks {
    /// The lock of a machine, which every operation on its process or files holds.
    pub fn of(&self, id: InstanceId) -> Arc<Mutex<()>> {
        Arc::clone(lock(&self.machines).entry(id).or_default())
    }
}

/// Captures that are under way.
#[derive(Default)]
pub struct Captures {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    active: BTreeMap<InstanceId, TaskId>,
    discarded: BTreeSet<TaskId>,
}

/// The right to capture a disk of a machine; ends when dropped.
pub struct Pass<'a> {
    captures: &'a Captures,
    id: InstanceId,
    task: TaskId,
}

impl Captures {
    /// Waits until the machine and the host have room for a capture.
    pub fn enter(
        &self,
        id: InstanceId,
        task: TaskId,
        n_max: u32,
        watcher: &dyn Watcher,
    ) -> Result<Pass<'_>, PortError> {
        let mut state = lock(&self.state);
        let is_full = |state: &State| {
            state.active.contains_key(&id)
                || u32::try_from(state.active.len()).unwrap_or(u32::MAX) >= n_max.max(1)
        };
        while is_full(&state) {
            if watcher.cancelled() {
                return Err(PortError::Cancelled);
            }
            state =
                self.changed.wait_timeout(state, WATCH_INTERVAL).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.active.insert(id, task);
        Ok(Pass { captures: self, id, task })
    }

    /// Takes the machine for clearing up after `task`: stops it when it is under way here, and waits for the machine to be free.
    pub fn take_over(&self, id: InstanceId, task: TaskId, timeout: Duration) -> Result<Pass<'_>, PortError> {
        let deadline = Instant::now() + timeout;
        let mut state = lock(&self.state);
        while let Some(active) = state.active.get(&id) {
            if *active == task {
                state.discarded.insert(task);
            }
            if Instant::now() >= deadline {
                return Err(PortError::Unavailable(
                    "Another capture of this machine is under way.".to_owned(),
                ));
            }
            state =
                self.changed.wait_timeout(state, WATCH_INTERVAL).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.active.insert(id, task);
        Ok(Pass { captures: self, id, task })
    }

    /// Whether a disk of the machine is being captured.
    pub fn is_active(&self, id: InstanceId) -> bool {
        lock(&self.state).active.contains_key(&id)
    }
}

impl Pass<'_> {
    /// The watcher, which also says that the capture was discarded.
    pub fn watch<'a>(&'a self, watcher: &'a dyn Watcher) -> impl Watcher + 'a {
        Watched { pass: self, watcher }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.captures.state);
        state.active.remove(&self.id);
        state.discarded.remove(&self.task);
        self.captures.changed.notify_all();
    }
}

struct Watched<'a> {
    pass: &'a Pass<'a>,
    watcher: &'a dyn Watcher,
}

impl Watcher for Watched<'_> {
    fn progress(&self, done_bytes: u64, total_bytes: u64) {
        self.watcher.progress(done_bytes, total_bytes);
    }

    fn cancelled(&self) -> bool {
        self.watcher.cancelled() || lock(&self.pass.captures.state).discarded.contains(&self.pass.task)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};
    use uuid::Uuid;

    #[derive(Default)]
    struct Switch(AtomicBool);
    impl Watcher for Switch {
        fn progress(&self, _: u64, _: u64) {}
        fn cancelled(&self) -> bool {
            self.0.load(Ordering::SeqCst)
        }
    }

    fn ids(n: u128) -> (InstanceId, TaskId) {
        (InstanceId(Uuid::from_u128(n)), TaskId(Uuid::from_u128(n)))
    }

    #[test]
    fn captures_beyond_the_limit_wait_and_can_be_cancelled_while_waiting() {
        let captures = Captures::default();
        let watcher = Switch::default();
        let (first, second) = (ids(1), ids(2));
        let pass = captures.enter(first.0, first.1, 1, &watcher).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| captures.enter(second.0, second.1, 1, &watcher).map(|_| ()));
            watcher.0.store(true, Ordering::SeqCst);
            assert_eq!(waiting.join().unwrap(), Err(PortError::Cancelled));
        });
        watcher.0.store(false, Ordering::SeqCst);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| captures.enter(second.0, second.1, 1, &watcher).map(|_| ()));
            drop(pass);
            assert_eq!(waiting.join().unwrap(), Ok(()));
        });
    }

    #[test]
    fn discarding_a_capture_that_is_under_way_stops_it() {
        let captures = Captures::default();
        let watcher = Switch::default();
        let (id, task) = ids(1);
        std::thread::scope(|scope| {
            let pass = captures.enter(id, task, 1, &watcher).unwrap();
            let clearing = scope.spawn(|| captures.take_over(id, task, Duration::from_secs(20)).map(|_| ()));
            let watched = pass.watch(&watcher);
            let started = Instant::now();
            while !watched.cancelled() && started.elapsed() < Duration::from_secs(10) {
                std::thread::yield_now();
            }
            assert!(watched.cancelled());
            drop(watched);
            drop(pass);
            assert_eq!(clearing.join().unwrap(), Ok(()));
        });
        assert!(!captures.is_active(id));
    }
}
