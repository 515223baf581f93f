//! The embedded engine behind `core::store::Store`: sled, made durable. See `docs/adr/0002-sled-behind-store.md`.
//! Nothing outside this folder may name sled, and nothing in it may know what a record means.

mod committer;
mod disk;
mod open;
mod overlay;
mod sled_store;

pub use disk::{Disk, RealDisk};
pub use sled_store::{SledOptions, SledStore};
