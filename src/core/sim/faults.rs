//! Which commits fail, and how: conflicts, errors before and after a commit, and the end of the whole program in the middle of one.

use super::dice::Dice;
use crate::store::{Batch, CommitError, Faults, StoreError, Version};
use std::sync::{Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// How the program ends at a commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Crash {
    /// Just before it: nothing of it is kept.
    Before,
    /// Just after it: all of it is kept, and nobody was told.
    After,
}

/// Decides over every commit of the simulated store.
pub struct StoreFaults(Mutex<State>);

struct State {
    dice: Dice,
    per_mille: u64,
    n_fired: u32,
    n_commits: u64,
    crash: Option<(u64, Crash)>,
    dead: bool,
    refused: Option<Uuid>,
}

impl StoreFaults {
    /// No faults yet.
    pub fn new(seed: u64) -> Self {
        let dice = Dice::new(seed, 3);
        Self(Mutex::new(State {
            dice,
            per_mille: 0,
            n_fired: 0,
            n_commits: 0,
            crash: None,
            dead: false,
            refused: None,
        }))
    }

    /// How many commits in a thousand fail.
    pub fn set_rate(&self, per_mille: u64) {
        self.lock().per_mille = per_mille;
    }

    /// Fails every commit that writes a record of this thing, until another is refused, or none.
    pub fn refuse(&self, id: Option<Uuid>) {
        self.lock().refused = id;
    }

    /// Ends the program at the commit after `n_more` others.
    pub fn crash_after(&self, n_more: u64, crash: Crash) {
        let mut state = self.lock();
        state.crash = Some((state.n_commits + n_more + 1, crash));
    }

    /// Whether the program has ended and must be started again.
    pub fn dead(&self) -> bool {
        self.lock().dead
    }

    /// No more faults, and no end that was planned.
    pub fn calm(&self) {
        let mut state = self.lock();
        state.per_mille = 0;
        state.crash = None;
    }

    /// The program starts again.
    pub fn revive(&self) {
        let mut state = self.lock();
        state.dead = false;
        state.crash = None;
    }

    /// Commits that were tried and that write something.
    pub fn n_commits(&self) -> u64 {
        self.lock().n_commits
    }

    /// How many errors, conflicts apart, were injected so far.
    pub fn n_fired(&self) -> u32 {
        self.lock().n_fired
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn broken(doing: &'static str) -> CommitError {
    let source = std::io::Error::other("injected").into();
    CommitError::Store(StoreError::Io { doing, source })
}

/// Whether the batch writes a row with this id in its key.
fn writes(batch: &Batch, id: Uuid) -> bool {
    let mut keys = batch.puts.iter().map(|(key, _)| key).chain(&batch.deletes);
    keys.any(|key| key.windows(16).any(|part| part == id.as_bytes()))
}

impl Faults for StoreFaults {
    fn before_commit(&self, batch: &Batch) -> Option<CommitError> {
        let mut state = self.lock();
        if state.dead {
            state.n_fired += 1;
            return Some(CommitError::Store(StoreError::Closed));
        }
        if batch.is_read_only() {
            return None;
        }
        state.n_commits += 1;
        if state.crash == Some((state.n_commits, Crash::Before)) {
            state.dead = true;
            state.n_fired += 1;
            return Some(CommitError::Store(StoreError::Closed));
        }
        if state.refused.is_some_and(|id| writes(batch, id)) {
            state.n_fired += 1;
            return Some(broken("writing"));
        }
        let rate = state.per_mille;
        if state.dice.chance(rate * 3) {
            return Some(CommitError::Conflict { key: b"injected".to_vec() });
        }
        if state.dice.chance(rate) {
            state.n_fired += 1;
            return Some(broken("writing"));
        }
        None
    }

    fn after_commit(&self, _version: Version, _batch: &Batch) -> Option<CommitError> {
        let mut state = self.lock();
        if state.crash == Some((state.n_commits, Crash::After)) {
            state.dead = true;
            state.n_fired += 1;
            return Some(CommitError::Store(StoreError::Closed));
        }
        let rate = state.per_mille;
        if state.dice.chance(rate) {
            state.n_fired += 1;
            return Some(broken("syncing"));
        }
        None
    }
}
