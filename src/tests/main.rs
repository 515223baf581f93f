//! Tests.

mod qemu;
mod stores;
mod stores_kill;
mod stores_power;
