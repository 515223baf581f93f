//! All logic of darkroom: rules, records, use cases, tasks and the simulator.
//!
//! This package must not do I/O: no files, sockets, processes, threads, clocks or randomness, and it must not know Leptos, axum, sled or
//! tokio. Time, ids and effects come in through [`ports`]. The browser gets the default feature only, which is [`domain`]: values in,
//! values out.

pub mod domain;

#[cfg(feature = "server")]
pub mod ops;
#[cfg(feature = "server")]
pub mod ports;
#[cfg(feature = "sim")]
pub mod sim;
#[cfg(feature = "server")]
pub mod store;
#[cfg(feature = "server")]
pub mod tasks;
