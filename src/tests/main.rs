//! Tests.

mod cli;
mod qemu;
mod stores;
mod stores_kill;
mod stores_power;
