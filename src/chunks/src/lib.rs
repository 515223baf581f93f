//! A content-addressed chunk store on local disk: disks go in and come out, equal content is kept once, everything
//! that is read is verified. It knows nothing of images, tenants or money, and takes neither time nor chance from
//! its surroundings.
//!
//! A disk is cut into chunks of 256 KiB. A chunk is named by the BLAKE3 of its content, all-zero chunks are not
//! stored, the others are compressed where that pays and appended to packs of about 128 MiB. A [`Manifest`] lists
//! the chunks of one disk; its [`Fingerprint`] names the content.
//!
//! ```
//! # use darkroom_chunks::{ContentHash, IngestOptions, Settings, Store, SweepOptions};
//! # fn main() -> darkroom_chunks::Result<()> {
//! # let directory = tempfile::tempdir().expect("a temporary directory");
//! let store = Store::open(&directory.path().join("store"), Settings::default())?;
//! let hold = store.hold();
//! let disk = vec![7u8; 1_000_000];
//! let content_hash = ContentHash::Now;
//! let options = IngestOptions { content_hash, on_progress: &|_| {}, cancelled: &|| false, hold: &hold };
//! let ingested = store.ingest(&mut &disk[..], &options)?; // every chunk is durable
//! let fingerprint = store.put_manifest(&ingested.manifest, &hold)?; // the manifest too
//! // … commit the record that names the fingerprint, then let go:
//! drop(hold);
//! store.materialise(&store.manifest(&fingerprint)?, &directory.path().join("disk"), &|_| {}, &|| false)?;
//! store.sweep(&SweepOptions { live: &|_| true, now_s: 0, grace_s: 3600, keep_going: &|| true })?;
//! # Ok(())
//! # }
//! ```
//!
//! What is promised:
//! - when [`Store::ingest`] and [`Store::put_manifest`] return, what they stored survives a power failure;
//! - content is verified against its name whenever it is read, and never returned when it does not match;
//! - a sweep never removes what a live manifest or a [`Hold`] needs;
//! - a failed or cancelled ingest gives its space back;
//! - [`Store::fetch_from`] takes a disk over from another store with the same promises, and only what is missing travels.
//!
//! All calls block; call them from threads that may. [`Store`] is `Send + Sync`.
#![warn(missing_docs)]

mod check;
mod chunk;
mod dead;
mod error;
mod fetch;
mod index;
mod ingest;
mod manifest;
mod materialise;
mod pack;
mod recover;
mod source;
mod store;
mod sweep;
#[cfg(test)]
mod tests;
mod usage;
mod writer;

pub use check::{BadChunk, CheckReport};
pub use chunk::{CHUNK_BYTES, ChunkId};
pub use error::{Error, Result};
pub use fetch::{FetchOptions, Fetched};
pub use ingest::{ContentHash, IngestOptions, Ingested};
pub use manifest::{Fingerprint, Manifest};
pub use source::{RawFile, Source};
pub use store::{Hold, Recovery, Settings, Store};
pub use sweep::{SweepOptions, SweepReport};
pub use usage::{Stats, Usage};
