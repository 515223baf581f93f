//! A transaction that reads like one: remembers what it read, holds back what it writes, commits both as one batch.
//! It must not retry by itself or keep state between attempts; [`transact`] does the former by running the closure again.

use super::key::{index_key, record_key, show_key};
use super::table::{Rows, decode, decode_index, encode, encode_index, index_row, page};
use super::{
    Batch, CommitError, Expect, IndexRow, Order, Page, Record, Row, Store, StoreError, TableKey, Version,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::ops::Bound;

/// A sensible bound for [`transact`]: with grouped commits one of all that contend for a row wins per group,
/// so this many may contend at once before anyone is turned away.
pub const ATTEMPTS_MAX: u32 = 256;

/// One attempt of a transaction.
///
/// What `get` and its relatives read is guarded: if any of it changes before the commit, the attempt is repeated.
/// **A scan guards nothing**: rows may appear in or vanish from its range unnoticed. An invariant over many rows (a quota,
/// a unique name, a reference count) needs a record or index row of its own that is read with `get` and written.
pub struct Tx<'a> {
    store: &'a dyn Store,
    reads: BTreeMap<Vec<u8>, Option<Row>>,
    writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

/// Runs `run` as a transaction: again when something it read has changed, at most `attempts_max` times.
///
/// `run` must have no effect other than through its transaction. Its error is only believed when what it had read still
/// holds together; else it is run again. When the result is an error of the engine, the commit may have happened.
pub fn transact<T, E: From<StoreError>>(
    store: &dyn Store,
    attempts_max: u32,
    mut run: impl FnMut(&mut Tx<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let mut contended = Vec::new();
    for _ in 0..attempts_max {
        let mut tx = Tx::new(store);
        let result = run(&mut tx);
        let outcome = if result.is_ok() { tx.commit() } else { tx.confirm() };
        match outcome {
            Ok(()) => return result,
            Err(CommitError::Conflict { key }) => contended = key,
            // The refusal came first and says more than a failure to confirm it.
            Err(CommitError::Store(error)) => return Err(result.err().unwrap_or_else(|| error.into())),
        }
    }
    Err(StoreError::Contended { key: show_key(&contended), attempts: attempts_max }.into())
}

impl<'a> Tx<'a> {
    fn new(store: &'a dyn Store) -> Tx<'a> {
        Tx { store, reads: BTreeMap::new(), writes: BTreeMap::new() }
    }

    /// The record with this key, as this transaction has written it or else as it is stored.
    pub fn get<R: Record>(&mut self, key: &R::Key) -> Result<Option<R>, StoreError> {
        let key = record_key(R::TABLE, key);
        self.get_bytes(&key, decode)
    }

    /// The stored record and the commit that last wrote it, whatever this transaction has written since.
    ///
    /// For edits that a person began earlier: compare the version with the one they were shown.
    pub fn get_versioned<R: Record>(&mut self, key: &R::Key) -> Result<Option<(R, Version)>, StoreError> {
        let key = record_key(R::TABLE, key);
        self.stored(&key)?.map(|row| Ok((decode(&row.key, &row.value)?, row.version))).transpose()
    }

    /// Writes the record, over any other with its key. Guards nothing by itself: read first what must not be lost.
    pub fn put<R: Record>(&mut self, record: &R) -> Result<(), StoreError> {
        let (key, value) = encode(record)?;
        self.writes.insert(key, Some(value));
        Ok(())
    }

    /// Writes a record that must not exist yet; an error says which does.
    pub fn insert<R: Record>(&mut self, record: &R) -> Result<(), StoreError> {
        let (key, value) = encode(record)?;
        self.insert_bytes(key, value)
    }

    /// Removes the record, if there is one.
    pub fn delete<R: Record>(&mut self, key: &R::Key) {
        self.writes.insert(record_key(R::TABLE, key), None);
    }

    /// Records whose key starts with `prefix`, with this transaction's own writes. Guards nothing.
    pub fn scan<R: Record>(
        &mut self,
        prefix: &impl TableKey,
        order: Order,
        limit: u32,
        cursor: Option<&[u8]>,
    ) -> Result<Page<R>, StoreError> {
        page(record_key(R::TABLE, prefix), order, limit, cursor, self, |row| decode(&row.key, &row.value))
    }

    /// The value of an index row; guarded like [`Tx::get`], so it can keep a name unique.
    pub fn get_index<V: DeserializeOwned>(
        &mut self,
        name: &str,
        key: &impl TableKey,
    ) -> Result<Option<V>, StoreError> {
        let key = index_key(name, key);
        self.get_bytes(&key, decode_index)
    }

    /// Writes an index row. Keeping it in step with its record is up to the caller.
    pub fn put_index(
        &mut self,
        name: &str,
        key: &impl TableKey,
        value: &impl Serialize,
    ) -> Result<(), StoreError> {
        let key = index_key(name, key);
        let value = encode_index(&key, value)?;
        self.writes.insert(key, Some(value));
        Ok(())
    }

    /// Writes an index row that must not exist yet, such as a unique name.
    pub fn insert_index(
        &mut self,
        name: &str,
        key: &impl TableKey,
        value: &impl Serialize,
    ) -> Result<(), StoreError> {
        let key = index_key(name, key);
        let value = encode_index(&key, value)?;
        self.insert_bytes(key, value)
    }

    /// Removes an index row, if there is one.
    pub fn delete_index(&mut self, name: &str, key: &impl TableKey) {
        self.writes.insert(index_key(name, key), None);
    }

    /// Index rows whose key starts with `prefix`, with this transaction's own writes. Guards nothing.
    pub fn scan_index<V: DeserializeOwned>(
        &mut self,
        name: &str,
        prefix: &impl TableKey,
        order: Order,
        limit: u32,
        cursor: Option<&[u8]>,
    ) -> Result<Page<IndexRow<V>>, StoreError> {
        page(index_key(name, prefix), order, limit, cursor, self, index_row)
    }

    fn get_bytes<T>(
        &mut self,
        key: &[u8],
        decode: impl Fn(&[u8], &[u8]) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        if let Some(written) = self.writes.get(key) {
            return written.as_ref().map(|value| decode(key, value)).transpose();
        }
        self.stored(key)?.map(|row| decode(key, &row.value)).transpose()
    }

    fn insert_bytes(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<(), StoreError> {
        let exists = match self.writes.get(&key) {
            Some(written) => written.is_some(),
            None => self.stored(&key)?.is_some(),
        };
        if exists {
            return Err(StoreError::Exists { key: show_key(&key) });
        }
        self.writes.insert(key, Some(value));
        Ok(())
    }

    /// The row as it was at the first read in this attempt, so that two reads of one row never differ.
    fn stored(&mut self, key: &[u8]) -> Result<Option<Row>, StoreError> {
        if let Some(row) = self.reads.get(key) {
            return Ok(row.clone());
        }
        let row = self.store.get(key)?;
        self.reads.insert(key.to_vec(), row.clone());
        Ok(row)
    }

    fn expects(&mut self) -> Vec<Expect> {
        let reads = std::mem::take(&mut self.reads);
        reads.into_iter().map(|(key, row)| Expect { key, version: row.map(|row| row.version) }).collect()
    }

    fn commit(mut self) -> Result<(), CommitError> {
        if self.writes.is_empty() {
            return self.confirm();
        }
        let mut batch = Batch { expects: self.expects(), ..Batch::new() };
        for (key, written) in std::mem::take(&mut self.writes) {
            match written {
                Some(value) => batch.puts.push((key, value)),
                None => batch.deletes.push(key),
            }
        }
        self.store.commit(batch).map(drop)
    }

    /// Checks that all that was read was there at one moment. A single row always was.
    fn confirm(mut self) -> Result<(), CommitError> {
        if self.reads.len() < 2 {
            return Ok(());
        }
        let batch = Batch { expects: self.expects(), ..Batch::new() };
        self.store.commit(batch).map(drop)
    }
}

impl Rows for Tx<'_> {
    fn rows(&mut self, start: &[u8], end: &[u8], order: Order, limit: u32) -> Result<Vec<Row>, StoreError> {
        if start >= end {
            return Ok(Vec::new());
        }
        let mut own = self.writes.range::<[u8], _>((Bound::Included(start), Bound::Excluded(end))).peekable();
        if own.peek().is_none() {
            return self.store.scan(start, end, order, limit);
        }
        let own: BTreeMap<_, _> = own.collect();
        // Every own row may hide a stored one.
        let hidden = u32::try_from(own.len()).unwrap_or(u32::MAX);
        let mut rows = self.store.scan(start, end, order, limit.saturating_add(hidden))?;
        rows.retain(|row| !own.contains_key(&row.key));
        rows.extend(own.into_iter().filter_map(|(key, written)| {
            let value = written.as_ref()?.as_slice().into();
            // A row that is not committed has no version yet; pages carry none.
            Some(Row { key: key.clone(), version: 0, value })
        }));
        match order {
            Order::Ascending => rows.sort_by(|a, b| a.key.cmp(&b.key)),
            Order::Descending => rows.sort_by(|a, b| b.key.cmp(&a.key)),
        }
        rows.truncate(limit as usize);
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::super::MemoryStore;
    use super::*;
    use serde::Deserialize;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Purse {
        owner: u64,
        coins: i64,
    }

    impl Record for Purse {
        const TABLE: &'static str = "purse";
        const VERSION: u32 = 1;
        type Key = u64;

        fn key(&self) -> u64 {
            self.owner
        }
    }

    fn purse(owner: u64, coins: i64) -> Purse {
        Purse { owner, coins }
    }

    fn put(store: &MemoryStore, purse: &Purse) {
        transact(store, 1, |tx| tx.put(purse)).unwrap();
    }

    #[test]
    fn a_transaction_reads_its_own_writes() {
        let store = MemoryStore::new();
        put(&store, &purse(1, 10));
        put(&store, &purse(2, 20));
        let result = transact(&store, 1, |tx| {
            tx.put(&purse(3, 30))?;
            tx.put(&purse(1, 11))?;
            tx.delete::<Purse>(&2);
            assert_eq!(tx.get::<Purse>(&1)?, Some(purse(1, 11)));
            assert_eq!(tx.get::<Purse>(&2)?, None);
            let up = tx.scan::<Purse>(&(), Order::Ascending, 9, None)?;
            assert_eq!(up.items, [purse(1, 11), purse(3, 30)]);
            let down = tx.scan::<Purse>(&(), Order::Descending, 1, None)?;
            assert_eq!(down.items, [purse(3, 30)]);
            assert!(down.next.is_some());
            assert_eq!(tx.get_versioned::<Purse>(&1)?, Some((purse(1, 10), 1)));
            Ok::<_, StoreError>(())
        });
        result.unwrap();
        assert_eq!(store.version(), 3, "all of it is one commit");
    }

    #[test]
    fn a_change_of_what_was_read_runs_the_closure_again() {
        let store = MemoryStore::new();
        put(&store, &purse(1, 10));
        let mut n_runs = 0;
        transact(&store, 5, |tx| {
            n_runs += 1;
            let read = tx.get::<Purse>(&1)?.unwrap();
            if n_runs == 1 {
                put(&store, &purse(1, 50));
            }
            tx.put(&purse(1, read.coins + 1))
        })
        .unwrap();
        assert_eq!(n_runs, 2);
        assert_eq!(super::super::read::<Purse>(&store, &1).unwrap(), Some(purse(1, 51)));
    }

    #[test]
    fn after_too_many_conflicts_the_error_names_the_record() {
        let store = MemoryStore::new();
        let mut coins = 0;
        let error = transact(&store, 3, |tx| {
            tx.get::<Purse>(&1)?;
            coins += 1;
            put(&store, &purse(1, coins));
            tx.put(&purse(1, -1))
        })
        .unwrap_err();
        assert!(
            matches!(&error, StoreError::Contended { attempts: 3, key } if key.starts_with("purse/")),
            "{error}"
        );
        assert_eq!(coins, 3);
    }

    #[test]
    fn two_inserts_of_one_record_are_told_apart() {
        let store = MemoryStore::new();
        transact(&store, 1, |tx| tx.insert(&purse(1, 1))).unwrap();
        let again = transact(&store, 1, |tx| tx.insert(&purse(1, 2))).unwrap_err();
        assert!(matches!(again, StoreError::Exists { .. }));
        let mut n_runs = 0;
        let raced = transact(&store, 5, |tx| {
            n_runs += 1;
            tx.insert_index("purse_by_name", &"red", &7)?;
            tx.insert(&purse(10 + n_runs, 0))?;
            if n_runs == 1 {
                transact(&store, 1, |other| other.insert_index("purse_by_name", &"red", &8))?;
            }
            Ok::<_, StoreError>(())
        });
        assert!(matches!(raced, Err(StoreError::Exists { .. })), "the second attempt sees the other's name");
        let name = super::super::read_index::<u64>(&store, "purse_by_name", &"red");
        assert_eq!(name.unwrap(), Some(8));
    }

    #[test]
    fn a_refusal_that_rests_on_a_mixture_of_states_is_not_believed() {
        let store = MemoryStore::new();
        put(&store, &purse(1, 5));
        put(&store, &purse(2, 5));
        let mut n_runs = 0;
        let result = transact(&store, 5, |tx| {
            n_runs += 1;
            let first = tx.get::<Purse>(&1)?.unwrap();
            if n_runs == 1 {
                transact(&store, 1, |tx| {
                    tx.put(&purse(1, 0))?;
                    tx.put(&purse(2, 10))
                })?;
            }
            let second = tx.get::<Purse>(&2)?.unwrap();
            match first.coins + second.coins {
                10 => Ok(()),
                _ => Err(StoreError::Closed),
            }
        });
        result.expect("the second run saw both purses at one moment");
        assert_eq!(n_runs, 2);
    }

    #[test]
    fn a_scan_guards_nothing() {
        let store = MemoryStore::new();
        put(&store, &purse(1, 1));
        let mut n_runs = 0;
        transact(&store, 5, |tx| {
            n_runs += 1;
            let seen = tx.scan::<Purse>(&(), Order::Ascending, 9, None)?.items.len();
            put(&store, &purse(2, 2));
            tx.put_index("n_purses", &(), &seen)
        })
        .unwrap();
        assert_eq!(n_runs, 1);
    }

    #[test]
    fn an_index_is_scanned_by_the_beginning_of_its_key() {
        let store = MemoryStore::new();
        transact(&store, 1, |tx| {
            for (owner, name) in [(1_u64, "b"), (1, "a"), (2, "c")] {
                tx.put_index("bag", &(owner, name), &name)?;
            }
            tx.delete_index("bag", &(1_u64, "b"));
            let page = tx.scan_index::<String>("bag", &1_u64, Order::Ascending, 9, None)?;
            assert_eq!(page.items.iter().map(|row| row.value.as_str()).collect::<Vec<_>>(), ["a"]);
            Ok::<_, StoreError>(())
        })
        .unwrap();
        let stored =
            super::super::list_index::<String>(&store, "bag", &(), Order::Descending, 9, None).unwrap();
        assert_eq!(stored.items.iter().map(|row| row.value.as_str()).collect::<Vec<_>>(), ["c", "a"]);
    }
}
