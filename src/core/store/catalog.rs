//! Catalogs: all records of one table, decoded and in memory, in groups that lists ask for. A list of 10,000 rows would else decode all of
//! them for every request. A catalog follows the store's commits, so what a caller committed it also finds here. It never writes.

use super::key::record_key;
use super::table::decode;
use super::{Batch, Order, Record, Store, StoreError, Version, Watch, list};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// A record that a catalog can hold.
pub trait Cataloged: Record + Send + Sync + 'static {
    /// What lists ask for, such as project and region.
    type Group: Ord + Clone + Send + Sync;

    /// The group this record is in. A record never moves to another group.
    fn group(&self) -> Self::Group;
}

struct Entry<R> {
    version: Version,
    record: Arc<R>,
}

struct Rows<R: Cataloged> {
    by_key: BTreeMap<Vec<u8>, Entry<R>>,
    by_group: BTreeMap<R::Group, BTreeMap<Vec<u8>, Arc<R>>>,
}

/// All records of one table in memory.
pub struct Catalog<R: Cataloged> {
    prefix: Vec<u8>,
    rows: RwLock<Rows<R>>,
}

impl<R: Cataloged> Catalog<R> {
    /// Reads the whole table and follows the store from then on.
    ///
    /// # Errors
    /// When the store cannot be read or a record cannot be decoded.
    pub fn open(store: &dyn Store) -> Result<Arc<Self>, StoreError> {
        let catalog = Arc::new(Self {
            prefix: record_key(R::TABLE, &()),
            rows: RwLock::new(Rows { by_key: BTreeMap::new(), by_group: BTreeMap::new() }),
        });
        // Following starts before reading: a commit in between is seen twice, never missed.
        store.watch(catalog.clone());
        let mut cursor: Option<Vec<u8>> = None;
        loop {
            let page = list::<R>(store, &(), Order::Ascending, 1000, cursor.as_deref())?;
            for record in page.items {
                let key = record_key(R::TABLE, &record.key());
                catalog.put(key, 0, record);
            }
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(catalog),
            }
        }
    }

    /// The record of this key.
    pub fn get(&self, key: &R::Key) -> Option<Arc<R>> {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        rows.by_key.get(&record_key(R::TABLE, key)).map(|entry| entry.record.clone())
    }

    /// The records of a group, in the order of their keys.
    pub fn group(&self, group: &R::Group) -> Vec<Arc<R>> {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        rows.by_group.get(group).map(|g| g.values().cloned().collect()).unwrap_or_default()
    }

    /// The groups that have records, in order.
    pub fn groups(&self) -> Vec<R::Group> {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        rows.by_group.keys().cloned().collect()
    }

    /// How many records a group has.
    pub fn count(&self, group: &R::Group) -> u32 {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        rows.by_group.get(group).map_or(0, |g| u32::try_from(g.len()).unwrap_or(u32::MAX))
    }

    /// Shows every record of a group to `look`, in the order of their keys, without copying the group for it. `look` must be quick and
    /// must not ask this catalog: writers wait meanwhile.
    pub fn each(&self, group: &R::Group, look: impl FnMut(&Arc<R>)) {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        rows.by_group.get(group).into_iter().flat_map(|members| members.values()).for_each(look);
    }

    /// How many records of a group `wanted` picks.
    pub fn count_of(&self, group: &R::Group, wanted: impl Fn(&R) -> bool) -> u32 {
        let mut n = 0;
        self.each(group, |record| n += u32::from(wanted(record)));
        n
    }

    /// Every record, in the order of their keys.
    pub fn all(&self) -> Vec<Arc<R>> {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        rows.by_key.values().map(|e| e.record.clone()).collect()
    }

    fn put(&self, key: Vec<u8>, version: Version, record: R) {
        let group = record.group();
        let record = Arc::new(record);
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        if rows.by_key.get(&key).is_some_and(|e| e.version > version) {
            return;
        }
        rows.by_group.entry(group).or_default().insert(key.clone(), record.clone());
        rows.by_key.insert(key, Entry { version, record });
    }

    fn remove(&self, key: &[u8]) {
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = rows.by_key.remove(key) else { return };
        let group = entry.record.group();
        if let Some(members) = rows.by_group.get_mut(&group) {
            members.remove(key);
            if members.is_empty() {
                rows.by_group.remove(&group);
            }
        }
    }
}

impl<R: Cataloged> Watch for Catalog<R> {
    fn committed(&self, version: Version, batch: &Batch) {
        for (key, value) in batch.puts.iter().filter(|(key, _)| key.starts_with(&self.prefix)) {
            let record = decode::<R>(key, value).expect("a record that was encoded a moment ago decodes");
            self.put(key.clone(), version, record);
        }
        for key in batch.deletes.iter().filter(|key| key.starts_with(&self.prefix)) {
            self.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{MemoryStore, transact};
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Shoe {
        id: u64,
        shelf: u32,
        size: u32,
    }

    impl Record for Shoe {
        const TABLE: &'static str = "shoe";
        const VERSION: u32 = 1;
        type Key = u64;
        fn key(&self) -> u64 {
            self.id
        }
    }

    impl Cataloged for Shoe {
        type Group = u32;
        fn group(&self) -> u32 {
            self.shelf
        }
    }

    fn put(store: &MemoryStore, id: u64, shelf: u32, size: u32) {
        transact::<_, StoreError>(store, 9, |tx| tx.put(&Shoe { id, shelf, size })).unwrap();
    }

    #[test]
    fn a_catalog_holds_what_was_there_and_follows_every_commit() {
        let store = MemoryStore::new();
        put(&store, 1, 7, 40);
        let catalog = Catalog::<Shoe>::open(&store).unwrap();
        put(&store, 2, 7, 41);
        put(&store, 1, 7, 42);
        put(&store, 3, 8, 43);
        let sizes = |shelf| catalog.group(&shelf).iter().map(|s| s.size).collect::<Vec<_>>();
        assert_eq!((sizes(7), sizes(8), sizes(9)), (vec![42, 41], vec![43], vec![]));
        assert_eq!((catalog.get(&2).map(|s| s.size), catalog.get(&9).map(|s| s.size)), (Some(41), None));
        assert_eq!((catalog.count_of(&7, |shoe| shoe.size > 41), catalog.groups()), (1, vec![7, 8]));
        transact::<_, StoreError>(&store, 9, |tx| {
            tx.delete::<Shoe>(&1);
            Ok(())
        })
        .unwrap();
        assert_eq!((sizes(7), catalog.count(&7), catalog.all().len()), (vec![41], 1, 2));
    }
}
