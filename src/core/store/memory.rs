//! The store in memory, for tests and the simulator: same contract, no disk, faults on demand.
//! It must never be chosen for a real server: what it holds is gone with the process.

use super::{Batch, CommitError, Order, Row, Store, StoreError, Version, Watch};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Decides which commits fail, and how.
pub trait Faults: Send + Sync {
    /// An error instead of the commit; nothing is applied.
    fn before_commit(&self, _batch: &Batch) -> Option<CommitError> {
        None
    }

    /// An error although the commit was applied: the answer got lost. Must not be a conflict, which promises the opposite.
    fn after_commit(&self, _version: Version, _batch: &Batch) -> Option<CommitError> {
        None
    }
}

type Rows = BTreeMap<Vec<u8>, (Version, Arc<[u8]>)>;

#[derive(Clone, Default)]
struct Committed {
    // Shared so that a snapshot costs nothing; the next commit after one copies the map.
    rows: Arc<Rows>,
    version: Version,
}

/// Rows in an ordered map behind a lock.
#[derive(Default)]
pub struct MemoryStore {
    /// Held during a whole commit, watchers included, so that they are called in commit order and may read.
    commits: Mutex<()>,
    committed: Mutex<Committed>,
    watchers: Mutex<Vec<Arc<dyn Watch>>>,
    faults: Option<Arc<dyn Faults>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    /// An empty store in which `faults` decides what fails.
    pub fn with_faults(faults: Arc<dyn Faults>) -> MemoryStore {
        MemoryStore { faults: Some(faults), ..MemoryStore::default() }
    }

    /// What a restart would find: all commits, none of the watchers, the same faults.
    pub fn snapshot(&self) -> MemoryStore {
        MemoryStore {
            committed: Mutex::new(lock(&self.committed).clone()),
            faults: self.faults.clone(),
            ..MemoryStore::default()
        }
    }

    /// The newest version.
    pub fn version(&self) -> Version {
        lock(&self.committed).version
    }

    fn apply(&self, batch: &Batch) -> Result<Version, CommitError> {
        let mut committed = lock(&self.committed);
        for expect in &batch.expects {
            if committed.rows.get(&expect.key).map(|(version, _)| *version) != expect.version {
                return Err(CommitError::Conflict { key: expect.key.clone() });
            }
        }
        if batch.is_read_only() {
            return Ok(committed.version);
        }
        let version = committed.version + 1;
        committed.version = version;
        let rows = Arc::make_mut(&mut committed.rows);
        for (key, value) in &batch.puts {
            rows.insert(key.clone(), (version, value.as_slice().into()));
        }
        for key in &batch.deletes {
            rows.remove(key);
        }
        Ok(version)
    }
}

impl Store for MemoryStore {
    fn get(&self, key: &[u8]) -> Result<Option<Row>, StoreError> {
        let committed = lock(&self.committed);
        Ok(committed.rows.get(key).map(|(version, value)| Row {
            key: key.to_vec(),
            version: *version,
            value: Arc::clone(value),
        }))
    }

    fn scan(&self, start: &[u8], end: &[u8], order: Order, limit: u32) -> Result<Vec<Row>, StoreError> {
        if start >= end {
            return Ok(Vec::new());
        }
        let committed = lock(&self.committed);
        let range = committed.rows.range::<[u8], _>((Bound::Included(start), Bound::Excluded(end)));
        let row = |(key, (version, value)): (&Vec<u8>, &(Version, Arc<[u8]>))| Row {
            key: key.clone(),
            version: *version,
            value: Arc::clone(value),
        };
        Ok(match order {
            Order::Ascending => range.take(limit as usize).map(row).collect(),
            Order::Descending => range.rev().take(limit as usize).map(row).collect(),
        })
    }

    fn commit(&self, batch: Batch) -> Result<Version, CommitError> {
        batch.check()?;
        if let Some(error) = self.faults.as_ref().and_then(|faults| faults.before_commit(&batch)) {
            return Err(error);
        }
        let _in_order = lock(&self.commits);
        let version = self.apply(&batch)?;
        if batch.is_read_only() {
            return Ok(version);
        }
        let watchers = lock(&self.watchers).clone();
        for watcher in watchers {
            watcher.committed(version, &batch);
        }
        match self.faults.as_ref().and_then(|faults| faults.after_commit(version, &batch)) {
            Some(error) => Err(error),
            None => Ok(version),
        }
    }

    fn watch(&self, watcher: Arc<dyn Watch>) {
        lock(&self.watchers).push(watcher);
    }
}

/// A panic elsewhere leaves the map whole: every change to it is one call that cannot panic half-way.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_store_conforms() {
        super::super::conformance::run(&|| Box::new(MemoryStore::new()));
    }

    struct FailFirst(Mutex<u32>);

    impl Faults for FailFirst {
        fn before_commit(&self, batch: &Batch) -> Option<CommitError> {
            batch
                .puts
                .iter()
                .any(|(key, _)| key == b"refused")
                .then_some(CommitError::Store(StoreError::Closed))
        }

        fn after_commit(&self, _version: Version, _batch: &Batch) -> Option<CommitError> {
            let mut n_left = lock(&self.0);
            let fails = *n_left > 0;
            *n_left = n_left.saturating_sub(1);
            fails.then_some(CommitError::Store(StoreError::Closed))
        }
    }

    #[test]
    fn a_fault_before_the_commit_writes_nothing_and_one_after_it_writes_all() {
        let store = MemoryStore::with_faults(Arc::new(FailFirst(Mutex::new(1))));
        assert!(store.commit(Batch::new().put("refused", "1")).is_err());
        assert!(store.get(b"refused").unwrap().is_none());
        assert!(store.commit(Batch::new().put("uncertain", "1")).is_err());
        assert!(store.get(b"uncertain").unwrap().is_some());
        assert!(store.commit(Batch::new().put("fine", "1")).is_ok());
    }

    #[test]
    fn a_snapshot_stands_still_while_the_store_goes_on() {
        let store = MemoryStore::new();
        store.commit(Batch::new().put("a", "1")).unwrap();
        let snapshot = store.snapshot();
        store.commit(Batch::new().put("a", "2")).unwrap();
        assert_eq!(&*snapshot.get(b"a").unwrap().unwrap().value, b"1");
        assert_eq!((snapshot.version(), store.version()), (1, 2));
    }
}
