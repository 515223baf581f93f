//! The rules of darkroom as plain values and functions, the same in server and browser.
//!
//! Nothing here may be asynchronous, read a clock, draw randomness or depend on the order of a hash map. Types that derive `Serialize` are
//! also the stored records (see `docs/ARCHITECTURE.md`), except those in [`view`], which are what a screen receives.

pub mod actor;
pub mod billing;
pub mod disk;
pub mod error;
pub mod event;
pub mod flavor;
pub mod following;
pub mod form;
pub mod format;
pub mod group;
pub mod hashing;
pub mod ids;
pub mod image;
pub mod installation;
pub mod instance;
pub mod meter;
pub mod money;
pub mod page;
pub mod policy;
pub mod price;
pub mod project;
pub mod quota;
pub mod region;
pub mod request;
pub mod schedule;
pub mod seeding;
pub mod share;
pub mod size;
pub mod snapshot;
pub mod statement;
pub mod task;
pub mod text;
pub mod time;
pub mod view;

pub use error::{Error, FieldError, Kind, Result};
