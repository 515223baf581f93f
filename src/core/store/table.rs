//! Records: how a type becomes a row and back, and how to read it outside a transaction.
//! Values are JSON `{"v":VERSION,"r":{…}}`; what an older program wrote is brought up to date while it is read.
//! This file must not know any particular record.

use super::key::{index_key, record_key, show_key};
use super::{Order, Row, Store, StoreError, TableKey, Version, prefix_end};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A type that is stored in a table of its own.
pub trait Record: Serialize + DeserializeOwned {
    /// The table; part of every key, so it never changes. Short, and unique among all tables.
    const TABLE: &'static str;
    /// Goes up by one with every change of the stored form.
    const VERSION: u32;
    /// What tells records of the table apart.
    type Key: TableKey;

    /// This record's key.
    fn key(&self) -> Self::Key;

    /// Turns the stored form of an older version into the current one.
    fn upcast(from_version: u32, _value: serde_json::Value) -> Result<serde_json::Value, StoreError> {
        Err(StoreError::NoUpcast { table: Self::TABLE, found: from_version, known: Self::VERSION })
    }
}

/// Part of a listing, and where the next part begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The records or index rows, in order.
    pub items: Vec<T>,
    /// Pass this as `cursor` to go on; `None` when there is no more.
    pub next: Option<Vec<u8>>,
}

/// One row of a secondary index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexRow<V> {
    /// The whole key, usable as a cursor.
    pub key: Vec<u8>,
    /// What the row says, usually the key of the record.
    pub value: V,
}

/// The record with this key.
pub fn read<R: Record>(store: &dyn Store, key: &R::Key) -> Result<Option<R>, StoreError> {
    Ok(read_versioned(store, key)?.map(|(record, _)| record))
}

/// The record with this key, and the commit that last wrote it.
pub fn read_versioned<R: Record>(
    store: &dyn Store,
    key: &R::Key,
) -> Result<Option<(R, Version)>, StoreError> {
    let Some(row) = store.get(&record_key(R::TABLE, key))? else { return Ok(None) };
    Ok(Some((decode(&row.key, &row.value)?, row.version)))
}

/// Records whose key starts with `prefix` (`&()` for all of the table).
pub fn list<R: Record>(
    store: &dyn Store,
    prefix: &impl TableKey,
    order: Order,
    limit: u32,
    cursor: Option<&[u8]>,
) -> Result<Page<R>, StoreError> {
    page(record_key(R::TABLE, prefix), order, limit, cursor, &mut Scan(store), |row| {
        decode(&row.key, &row.value)
    })
}

/// The value of one row of an index.
pub fn read_index<V: DeserializeOwned>(
    store: &dyn Store,
    name: &str,
    key: &impl TableKey,
) -> Result<Option<V>, StoreError> {
    let row = store.get(&index_key(name, key))?;
    row.map(|row| decode_index(&row.key, &row.value)).transpose()
}

/// Rows of an index whose key starts with `prefix` (`&()` for all of the index).
pub fn list_index<V: DeserializeOwned>(
    store: &dyn Store,
    name: &str,
    prefix: &impl TableKey,
    order: Order,
    limit: u32,
    cursor: Option<&[u8]>,
) -> Result<Page<IndexRow<V>>, StoreError> {
    page(index_key(name, prefix), order, limit, cursor, &mut Scan(store), index_row)
}

pub(super) fn index_row<V: DeserializeOwned>(row: Row) -> Result<IndexRow<V>, StoreError> {
    let value = decode_index(&row.key, &row.value)?;
    Ok(IndexRow { key: row.key, value })
}

/// Where a page gets its rows from: a store, or a transaction that adds its own writes.
pub(super) trait Rows {
    fn rows(&mut self, start: &[u8], end: &[u8], order: Order, limit: u32) -> Result<Vec<Row>, StoreError>;
}

struct Scan<'a>(&'a dyn Store);

impl Rows for Scan<'_> {
    fn rows(&mut self, start: &[u8], end: &[u8], order: Order, limit: u32) -> Result<Vec<Row>, StoreError> {
        self.0.scan(start, end, order, limit)
    }
}

/// Reads one row more than asked for, which tells whether there is a next page.
pub(super) fn page<T>(
    prefix: Vec<u8>,
    order: Order,
    limit: u32,
    cursor: Option<&[u8]>,
    rows: &mut dyn Rows,
    decode: impl Fn(Row) -> Result<T, StoreError>,
) -> Result<Page<T>, StoreError> {
    let mut end = prefix_end(&prefix);
    let mut start = prefix;
    // A cursor comes back from a browser: it may narrow the range and never widen it.
    match (cursor, order) {
        (Some(cursor), Order::Ascending) if cursor >= start.as_slice() => {
            start = [cursor, &[0]].concat();
        }
        (Some(cursor), Order::Descending) if cursor < end.as_slice() => end = cursor.to_vec(),
        _ => {}
    }
    let mut rows = rows.rows(&start, &end, order, limit.saturating_add(1))?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| more).map(|row| row.key.clone());
    Ok(Page { items: rows.into_iter().map(decode).collect::<Result<_, _>>()?, next })
}

#[derive(Serialize)]
struct Written<'a, R> {
    v: u32,
    r: &'a R,
}

#[derive(Deserialize)]
struct Stored<'a> {
    v: u32,
    #[serde(borrow)]
    r: &'a RawValue,
}

/// The key and the bytes of a record.
pub(super) fn encode<R: Record>(record: &R) -> Result<(Vec<u8>, Vec<u8>), StoreError> {
    let key = record_key(R::TABLE, &record.key());
    let value = serde_json::to_vec(&Written { v: R::VERSION, r: record })
        .map_err(|source| StoreError::Encoding { key: show_key(&key), source })?;
    Ok((key, value))
}

pub(crate) fn decode<R: Record>(key: &[u8], value: &[u8]) -> Result<R, StoreError> {
    let encoding = |source| StoreError::Encoding { key: show_key(key), source };
    // What this version wrote is read in one pass; looking for the record's end first would take half as long again.
    let begins = format!(r#"{{"v":{},"r":"#, R::VERSION);
    let inner = value.strip_prefix(begins.as_bytes()).and_then(|rest| rest.strip_suffix(b"}"));
    if let Some(record) = inner.and_then(|inner| serde_json::from_str(str::from_utf8(inner).ok()?).ok()) {
        return Ok(record);
    }
    let stored: Stored<'_> = serde_json::from_slice(value).map_err(encoding)?;
    if stored.v > R::VERSION {
        return Err(StoreError::NewerRecord { key: show_key(key), found: stored.v, known: R::VERSION });
    }
    if stored.v == R::VERSION {
        return serde_json::from_str(stored.r.get()).map_err(encoding);
    }
    let old = serde_json::from_str(stored.r.get()).map_err(encoding)?;
    serde_json::from_value(R::upcast(stored.v, old)?).map_err(encoding)
}

pub(super) fn encode_index(key: &[u8], value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(|source| StoreError::Encoding { key: show_key(key), source })
}

pub(super) fn decode_index<V: DeserializeOwned>(key: &[u8], value: &[u8]) -> Result<V, StoreError> {
    serde_json::from_slice(value).map_err(|source| StoreError::Encoding { key: show_key(key), source })
}

/// Whether bytes are one JSON value.
pub(super) fn is_json(value: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(value).is_ok()
}

#[cfg(test)]
mod tests {
    use super::super::{ATTEMPTS_MAX, Batch, MemoryStore, transact};
    use super::*;
    use serde_json::json;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Shelf {
        city: String,
        number: i64,
        label: String,
    }

    impl Record for Shelf {
        const TABLE: &'static str = "shelf";
        const VERSION: u32 = 2;
        type Key = (String, i64);

        fn key(&self) -> Self::Key {
            (self.city.clone(), self.number)
        }

        fn upcast(from_version: u32, mut value: serde_json::Value) -> Result<serde_json::Value, StoreError> {
            assert_eq!(from_version, 1);
            value["label"] = json!("none yet");
            Ok(value)
        }
    }

    fn shelf(city: &str, number: i64) -> Shelf {
        Shelf { city: city.into(), number, label: format!("{city} {number}") }
    }

    fn store_of(shelves: &[Shelf]) -> MemoryStore {
        let store = MemoryStore::new();
        transact(&store, ATTEMPTS_MAX, |tx| shelves.iter().try_for_each(|shelf| tx.put(shelf))).unwrap();
        store
    }

    #[test]
    fn a_record_is_stored_as_versioned_json_under_its_table() {
        let store = store_of(&[shelf("Rome", 1)]);
        let row = store.scan(b"t", b"u", Order::Ascending, 9).unwrap().remove(0);
        assert_eq!(row.key, b"tshelf\0Rome\0\0\x80\0\0\0\0\0\0\x01");
        assert_eq!(&*row.value, br#"{"v":2,"r":{"city":"Rome","number":1,"label":"Rome 1"}}"#);
        assert_eq!(read(&store, &("Rome".into(), 1)).unwrap(), Some(shelf("Rome", 1)));
        assert_eq!(read::<Shelf>(&store, &("Rome".into(), 2)).unwrap(), None);
    }

    #[test]
    fn an_older_record_is_brought_up_to_date_while_it_is_read() {
        let store = MemoryStore::new();
        let key = record_key("shelf", &("Rome", 1_i64));
        store.commit(Batch::new().put(key, r#"{"v":1,"r":{"city":"Rome","number":1}}"#)).unwrap();
        let read = read::<Shelf>(&store, &("Rome".into(), 1)).unwrap().unwrap();
        assert_eq!(read.label, "none yet");
    }

    #[test]
    fn a_record_of_a_newer_program_is_refused_with_table_and_key() {
        let store = MemoryStore::new();
        let key = record_key("shelf", &("Rome", 1_i64));
        store.commit(Batch::new().put(key, r#"{"v":3,"r":{"anything":[]}}"#)).unwrap();
        let error = read::<Shelf>(&store, &("Rome".into(), 1)).unwrap_err().to_string();
        assert!(error.starts_with("shelf/Rome"), "{error}");
        assert!(error.ends_with("newer darkroom (record version 3, this one knows up to 2)"), "{error}");
    }

    #[test]
    fn without_an_upcast_an_older_record_is_an_error() {
        #[derive(Debug, Serialize, Deserialize)]
        struct Plain(u64);
        impl Record for Plain {
            const TABLE: &'static str = "plain";
            const VERSION: u32 = 4;
            type Key = ();
            fn key(&self) {}
        }
        let error = decode::<Plain>(b"tplain\0", br#"{"v":3,"r":1}"#).unwrap_err();
        assert_eq!(error.to_string(), "the record plain has no upcast from version 3 to 4");
    }

    #[test]
    fn a_listing_goes_page_by_page_both_ways_and_keeps_to_its_prefix() {
        let shelves =
            [shelf("Oslo", 5), shelf("Rome", -2), shelf("Rome", 0), shelf("Rome", 3), shelf("Romeo", 1)];
        let store = store_of(&shelves);
        for (order, expected) in [(Order::Ascending, [-2, 0, 3]), (Order::Descending, [3, 0, -2])] {
            for limit in 1..5 {
                let mut numbers = Vec::new();
                let mut cursor = None;
                loop {
                    let page = list::<Shelf>(&store, &"Rome", order, limit, cursor.as_deref()).unwrap();
                    assert!(page.items.len() <= limit as usize);
                    numbers.extend(page.items.iter().map(|shelf| shelf.number));
                    cursor = page.next;
                    if cursor.is_none() {
                        break;
                    }
                }
                assert_eq!(numbers, expected, "{order:?}, {limit} at a time");
            }
        }
    }

    #[test]
    fn a_forged_cursor_cannot_leave_the_prefix() {
        let store = store_of(&[shelf("Oslo", 5), shelf("Rome", 0), shelf("Siena", 3)]);
        for (order, cursor) in [(Order::Ascending, b"a".as_slice()), (Order::Descending, b"z")] {
            let page = list::<Shelf>(&store, &"Rome", order, 9, Some(cursor)).unwrap();
            assert_eq!(page.items, [shelf("Rome", 0)]);
        }
        let past_the_end = list::<Shelf>(&store, &"Rome", Order::Ascending, 9, Some(b"z")).unwrap();
        assert!(past_the_end.items.is_empty());
    }
}
