//! Catalogs: all records of one table, decoded and in memory, in groups that lists ask for. A list of 10,000 rows would else decode all of
//! them for every request. A catalog follows the store's commits, so what a caller committed it also finds here. It never writes.

use super::key::{TableKey, record_key};
use super::table::decode;
use super::{Batch, Order, Record, Store, StoreError, Version, Watch, list};
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// The key of a record without the name of its table, in its place for the ids that most records have: with a million records, what is
/// somewhere else in memory takes most of the time.
type Key = SmallVec<[u8; 16]>;

/// A record that a catalog can hold.
pub trait Cataloged: Record + Send + Sync + 'static {
    /// What lists ask for, such as project and region.
    type Group: Ord + Clone + Send + Sync;
    /// What a group is ordered by before the keys, so that lists need to look at its end only; `()` where keys are enough.
    type Rank: Ord + Clone + Default + Send + Sync;
    /// What is summed up over a group as its records come, change and go, so that nobody has to look at all of it; `()` where nothing is.
    type Tally: Default + Send + Sync;

    /// The group this record is in. A record never moves to another group.
    fn group(&self) -> Self::Group;
    /// Its place in the group.
    fn rank(&self) -> Self::Rank {
        Self::Rank::default()
    }
    /// Gives back memory that decoding left unused: a catalog keeps what it decodes.
    fn shrink(&mut self) {}
    /// Adds it to what is summed up.
    fn count_in(&self, _: &mut Self::Tally) {}
    /// Takes off what [`Cataloged::count_in`] added.
    fn count_out(&self, _: &mut Self::Tally) {}
}

struct Entry<R> {
    version: Version,
    record: Arc<R>,
}

struct Members<R: Cataloged> {
    by_rank: BTreeMap<(R::Rank, Key), Arc<R>>,
    tally: R::Tally,
}

impl<R: Cataloged> Default for Members<R> {
    fn default() -> Self {
        Self { by_rank: BTreeMap::new(), tally: R::Tally::default() }
    }
}

impl<R: Cataloged> Members<R> {
    fn put(&mut self, key: Key, record: Arc<R>) {
        record.count_in(&mut self.tally);
        self.by_rank.insert((record.rank(), key), record);
    }

    fn remove(&mut self, key: Key, record: &R) {
        record.count_out(&mut self.tally);
        self.by_rank.remove(&(record.rank(), key));
    }
}

struct Rows<R: Cataloged> {
    by_key: BTreeMap<Key, Entry<R>>,
    by_group: BTreeMap<R::Group, Members<R>>,
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
                catalog.put(key_of::<R>(&record.key()), 0, record);
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
        rows.by_key.get(&key_of::<R>(key)).map(|entry| entry.record.clone())
    }

    /// The records of a group, in the order of their ranks, then keys.
    pub fn group(&self, group: &R::Group) -> Vec<Arc<R>> {
        self.group_from(group, R::Rank::default())
    }

    /// The records of a group that have this rank or a higher one, in order; all of them from the rank that is the default.
    pub fn group_from(&self, group: &R::Group, first: R::Rank) -> Vec<Arc<R>> {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        let Some(members) = rows.by_group.get(group) else { return Vec::new() };
        members.by_rank.range((first, Key::new())..).map(|(_, record)| record.clone()).collect()
    }

    /// Shows what is summed up over a group to `look`, which must be quick and must not ask this catalog: writers wait meanwhile.
    pub fn tally<T>(&self, group: &R::Group, look: impl FnOnce(&R::Tally) -> T) -> T {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        match rows.by_group.get(group) {
            Some(members) => look(&members.tally),
            None => look(&R::Tally::default()),
        }
    }

    /// The groups that have records, in order.
    pub fn groups(&self) -> Vec<R::Group> {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        rows.by_group.keys().cloned().collect()
    }

    /// How many records a group has.
    pub fn count(&self, group: &R::Group) -> u32 {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        rows.by_group.get(group).map_or(0, |g| u32::try_from(g.by_rank.len()).unwrap_or(u32::MAX))
    }

    /// Shows the records of a group to `look`, in the order of their ranks, then keys, without copying the group for it. `look` must be
    /// quick and must not ask this catalog: writers wait meanwhile.
    pub fn look<T>(&self, group: &R::Group, look: impl FnOnce(&mut dyn Iterator<Item = &Arc<R>>) -> T) -> T {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        look(&mut rows.by_group.get(group).into_iter().flat_map(|members| members.by_rank.values()))
    }

    /// How many records of a group `wanted` picks.
    pub fn count_of(&self, group: &R::Group, wanted: impl Fn(&R) -> bool) -> u32 {
        self.look(group, |records| records.map(|record| u32::from(wanted(record))).sum())
    }

    /// Every record, in the order of their keys.
    pub fn all(&self) -> Vec<Arc<R>> {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        rows.by_key.values().map(|e| e.record.clone()).collect()
    }

    fn put(&self, key: Key, version: Version, mut record: R) {
        record.shrink();
        let record = Arc::new(record);
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        let before = rows.by_key.get(&key).map(|entry| (entry.version, entry.record.clone()));
        if before.as_ref().is_some_and(|(known, _)| *known > version) {
            return;
        }
        let group = record.group();
        let members = rows.by_group.entry(group).or_default();
        if let Some((_, before)) = before {
            members.remove(key.clone(), &before);
        }
        members.put(key.clone(), record.clone());
        rows.by_key.insert(key, Entry { version, record });
    }

    fn remove(&self, key: Key) {
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = rows.by_key.remove(&key) else { return };
        let group = entry.record.group();
        if let Some(members) = rows.by_group.get_mut(&group) {
            members.remove(key, &entry.record);
            if members.by_rank.is_empty() {
                rows.by_group.remove(&group);
            }
        }
    }
}

impl<R: Cataloged> Watch for Catalog<R> {
    fn committed(&self, version: Version, batch: &Batch) {
        for (key, value) in &batch.puts {
            if let Some(own) = key.strip_prefix(self.prefix.as_slice()) {
                let record = decode::<R>(key, value).expect("a record that was encoded a moment ago decodes");
                self.put(Key::from_slice(own), version, record);
            }
        }
        for own in batch.deletes.iter().filter_map(|key| key.strip_prefix(self.prefix.as_slice())) {
            self.remove(Key::from_slice(own));
        }
    }
}

fn key_of<R: Record>(key: &R::Key) -> Key {
    let mut bytes = Vec::with_capacity(40);
    key.encode_key(&mut bytes);
    Key::from_slice(&bytes)
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
        type Rank = u32;
        type Tally = (u32, u32);
        fn group(&self) -> u32 {
            self.shelf
        }
        fn rank(&self) -> u32 {
            self.size
        }
        fn count_in(&self, (n, sizes): &mut (u32, u32)) {
            (*n, *sizes) = (*n + 1, *sizes + self.size);
        }
        fn count_out(&self, (n, sizes): &mut (u32, u32)) {
            (*n, *sizes) = (*n - 1, *sizes - self.size);
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
        let tally = |shelf| catalog.tally(&shelf, |tally| *tally);
        assert_eq!((sizes(7), sizes(8), sizes(9)), (vec![41, 42], vec![43], vec![]));
        let from = |size| catalog.group_from(&7, size).iter().map(|s| s.id).collect::<Vec<_>>();
        assert_eq!((from(41), from(42), from(43)), (vec![2, 1], vec![1], vec![]));
        assert_eq!((tally(7), tally(8), tally(9)), ((2, 83), (1, 43), (0, 0)));
        assert_eq!((catalog.get(&2).map(|s| s.size), catalog.get(&9).map(|s| s.size)), (Some(41), None));
        assert_eq!((catalog.count_of(&7, |shoe| shoe.size > 41), catalog.groups()), (1, vec![7, 8]));
        transact::<_, StoreError>(&store, 9, |tx| {
            tx.delete::<Shoe>(&1);
            Ok(())
        })
        .unwrap();
        assert_eq!((sizes(7), catalog.count(&7), catalog.all().len()), (vec![41], 1, 2));
        assert_eq!(tally(7), (1, 41));
    }
}
