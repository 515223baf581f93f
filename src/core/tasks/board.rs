//! What is known of running tasks in memory only: progress between two checkpoints, requests to stop, and the bell that wakes workers.

use crate::domain::ids::{RegionId, TaskId};
use crate::domain::task::{Progress, Task};
use crate::store::{Batch, Record, Version, Watch, record_prefix};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// The board.
#[derive(Default)]
pub struct Board {
    progress: Mutex<BTreeMap<TaskId, Progress>>,
    cancelled: Mutex<BTreeSet<TaskId>>,
    sweeps: Mutex<BTreeSet<RegionId>>,
    bell: Mutex<u64>,
    rung: Condvar,
}

impl Board {
    /// How far a running task is, as last reported.
    pub fn progress(&self, id: TaskId) -> Option<Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).get(&id).copied()
    }

    /// Reports how far a running task is.
    pub fn report(&self, id: TaskId, progress: Progress) {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).insert(id, progress);
    }

    /// Whether somebody asked the task to stop.
    pub fn cancelled(&self, id: TaskId) -> bool {
        self.cancelled.lock().unwrap_or_else(PoisonError::into_inner).contains(&id)
    }

    /// Forgets a task that is not running any more.
    pub fn forget(&self, id: TaskId) {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        self.cancelled.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    /// Asks for a sweep of a region's storage soon; many requests become one sweep.
    pub fn request_sweep(&self, region: &RegionId) {
        self.sweeps.lock().unwrap_or_else(PoisonError::into_inner).insert(region.clone());
    }

    /// Takes the regions a sweep was asked for.
    pub fn take_sweeps(&self) -> BTreeSet<RegionId> {
        std::mem::take(&mut *self.sweeps.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How often the bell has rung: take it before looking for work, and pass it to [`Board::wait`] when there was none.
    pub fn rings(&self) -> u64 {
        *self.bell.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes every worker.
    pub fn ring(&self) {
        *self.bell.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.rung.notify_all();
    }

    /// Waits until the bell has rung more than `seen` times, or for `timeout` at most.
    pub fn wait(&self, seen: u64, timeout: Duration) {
        let bell = self.bell.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.rung.wait_timeout_while(bell, timeout, |rings| *rings == seen));
    }
}

impl Watch for Board {
    fn committed(&self, _version: Version, batch: &Batch) {
        let prefix = record_prefix(Task::TABLE);
        let mut any = false;
        for (key, value) in batch.puts.iter().filter(|(key, _)| key.starts_with(&prefix)) {
            any = true;
            if let Some(task) = crate::store::decode_record::<Task>(key, value)
                .ok()
                .filter(|t| t.cancel_requested && t.state.active())
            {
                self.cancelled.lock().unwrap_or_else(PoisonError::into_inner).insert(task.id);
            }
        }
        if any {
            self.ring();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_before_the_wait_is_not_missed() {
        let board = Board::default();
        let seen = board.rings();
        board.ring();
        // Would block for an hour if the ring were missed.
        board.wait(seen, Duration::from_secs(3600));
    }
}
