//! Use cases: one file per noun, one function per verb. Every door (portal, command line, programs) calls these and nothing else.
//!
//! A use case loads, authorizes, lets the domain judge, and commits everything that belongs together at once. It must not know HTTP, JSON
//! shapes, Leptos or an engine.

pub mod audit;
pub mod billing;
pub mod ctx;
pub mod disks;
pub mod groups;
pub mod images;
pub mod instances;
pub mod ledger;
pub mod people;
pub mod provider;
pub mod quotas;
pub mod seeding;
pub mod shares;
pub mod snapshots;
pub mod tasks;
pub mod usage;
pub mod verify;

pub use ctx::{App, Ctx, Permit, Place, Settings};
