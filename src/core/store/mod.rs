//! The one transactional interface between the logic and whatever keeps the records.
//!
//! An engine offers `get`, `scan`, `commit` and `watch` over ordered byte keys; everything typed ([`Tx`], [`Record`], dump)
//! is built on that and knows no engine. All of it is synchronous: operations run on blocking threads.
//! This module must never name an engine, do I/O of its own, or know what a record means.

mod batch;
mod catalog;
pub mod conformance;
pub mod dump;
mod key;
mod memory;
pub mod records;
mod table;
mod tx;

use std::io;
use std::sync::Arc;

pub use batch::{Batch, Expect, KEY_BYTES_MAX, VALUE_BYTES_MAX};
pub use catalog::{Catalog, Cataloged};
pub use key::{KeyPart, TableKey, prefix_end};
pub(crate) use key::{index_key, record_key, show_key};
pub use memory::{Faults, MemoryStore};
pub(crate) use table::decode as decode_record;
pub use table::{IndexRow, Page, Record, list, list_index, read, read_index, read_versioned};
pub use tx::{ATTEMPTS_MAX, Tx, transact};

/// The common beginning of the keys of a table's records.
pub(crate) fn record_prefix(table: &str) -> Vec<u8> {
    key::record_key(table, &())
}

/// The global commit sequence number that last wrote a row.
///
/// It only ever grows, also over restarts (where it may skip numbers), and is never given out twice.
pub type Version = u64;

/// One stored row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The whole key, table prefix included.
    pub key: Vec<u8>,
    /// The commit that last wrote the row.
    pub version: Version,
    /// The stored bytes; shared, because engines and caches hand out the same row many times.
    pub value: Arc<[u8]>,
}

/// The direction of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// From the smallest key up.
    Ascending,
    /// From the largest key down.
    Descending,
}

/// A store of rows under ordered byte keys.
///
/// Reads never show a commit before it is durable, and one call never shows half of a commit.
pub trait Store: Send + Sync {
    /// The row with exactly this key.
    fn get(&self, key: &[u8]) -> Result<Option<Row>, StoreError>;

    /// At most `limit` rows with `start <= key < end`, as they were at one moment.
    fn scan(&self, start: &[u8], end: &[u8], order: Order, limit: u32) -> Result<Vec<Row>, StoreError>;

    /// Writes all of the batch or nothing, if everything it expects still holds. Serialisable, and durable on return.
    ///
    /// A batch without puts and deletes only checks what it expects and answers the newest version.
    fn commit(&self, batch: Batch) -> Result<Version, CommitError>;

    /// Calls `watcher` for every later commit that writes, in commit order, after it is applied and before its commit returns.
    fn watch(&self, watcher: Arc<dyn Watch>);
}

/// Somebody who wants to hear of every commit, such as live pages.
pub trait Watch: Send + Sync {
    /// Must be quick and must not commit: the next commit waits for it.
    fn committed(&self, version: Version, batch: &Batch);
}

/// Why a commit did not return a version.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A row is no longer what the batch expected. Nothing was written; read again and try again.
    #[error("the record changed in the meantime")]
    Conflict {
        /// The first row that was not as expected.
        key: Vec<u8>,
    },
    /// The engine failed. Unless the error says the batch was refused, it may or may not have been written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Any error from below, kept apart from the message.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why the store could not do what it was asked. Messages are for people; causes are in `source`.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk is full.
    #[error("no space is left for records on the data disk")]
    NoSpace {
        /// What the system said.
        #[source]
        source: Cause,
    },
    /// Stored bytes are not what was written.
    #[error("stored records are damaged: {what}")]
    Corrupt {
        /// What is wrong and where.
        what: String,
    },
    /// Reading or writing failed.
    #[error("the data disk failed while {doing}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        #[source]
        source: Cause,
    },
    /// Another process has the records open.
    #[error("the records in {path} are in use by another process")]
    Locked {
        /// The directory.
        path: String,
    },
    /// An earlier write could not be made durable, so nothing more is written until a restart.
    #[error("records are read-only since a write failed: {why}; free the cause and restart")]
    ReadOnly {
        /// The first failure.
        why: String,
    },
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
    /// A key is empty, too long, or starts with the byte that engines keep for themselves.
    #[error("a record key of {size_bytes} bytes is not allowed")]
    BadKey {
        /// Its length.
        size_bytes: u64,
    },
    /// A value is larger than every engine must take.
    #[error("a record of {size_bytes} bytes is larger than the {max_bytes} that fit: {key}")]
    TooLarge {
        /// The row.
        key: String,
        /// Its length.
        size_bytes: u64,
        /// The most that is allowed.
        max_bytes: u64,
    },
    /// An insert found the record already there.
    #[error("{key} exists already")]
    Exists {
        /// Table and key.
        key: String,
    },
    /// A transaction lost against others too often.
    #[error("the record {key} is being changed by too many at once; try again")]
    Contended {
        /// The row of the last conflict.
        key: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// A newer darkroom wrote this record.
    #[error("{key} was written by a newer darkroom (record version {found}, this one knows up to {known})")]
    NewerRecord {
        /// Table and key.
        key: String,
        /// The version found.
        found: u32,
        /// The newest version this program reads.
        known: u32,
    },
    /// An older record without a way to bring it up to date.
    #[error("the record {table} has no upcast from version {found} to {known}")]
    NoUpcast {
        /// The table.
        table: &'static str,
        /// The version found.
        found: u32,
        /// The current version.
        known: u32,
    },
    /// A value cannot be turned into JSON or back.
    #[error("{key} does not have the form that is expected of it")]
    Encoding {
        /// Table and key.
        key: String,
        /// What the encoder said.
        #[source]
        source: serde_json::Error,
    },
    /// An import needs an empty store.
    #[error("the store already has records; a dump is only imported into an empty one")]
    NotEmpty,
    /// Records changed while they were being exported.
    #[error("records changed during the export; stop the server, or try again")]
    ChangedDuringExport,
    /// A dump cannot be read.
    #[error("line {line} of the dump: {what}")]
    Dump {
        /// Counted from 1.
        line: u64,
        /// What is wrong and what to do.
        what: String,
    },
}

impl StoreError {
    /// Whether one record cannot be understood, while the store itself works: others may go on.
    pub const fn of_one_record(&self) -> bool {
        match self {
            Self::NewerRecord { .. } | Self::NoUpcast { .. } | Self::Encoding { .. } => true,
            Self::NoSpace { .. }
            | Self::Corrupt { .. }
            | Self::Io { .. }
            | Self::Locked { .. }
            | Self::ReadOnly { .. }
            | Self::Closed
            | Self::BadKey { .. }
            | Self::TooLarge { .. }
            | Self::Exists { .. }
            | Self::Contended { .. }
            | Self::NotEmpty
            | Self::ChangedDuringExport
            | Self::Dump { .. } => false,
        }
    }

    /// The message with its causes, for a log or a report.
    pub fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text = format!("{text} ({error})");
            cause = error.source();
        }
        text
    }

    /// Sorts an I/O error: a full disk or quota is told apart because the operator can do something about it.
    pub fn from_io(doing: &'static str, source: io::Error) -> StoreError {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                StoreError::NoSpace { source: source.into() }
            }
            _ => StoreError::Io { doing, source: source.into() },
        }
    }
}
