//! Tests of the whole: the router, the executable, the stores, real machines, and the habits of the sources.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod access;
mod cli;
mod cli_serve;
mod contrast;
mod forms;
mod qemu;
mod qemu_disks;
mod qemu_firmware;
mod qemu_import;
mod qemu_network;
mod qemu_processes;
mod revenue;
mod stores;
mod stores_bills;
mod stores_kill;
mod stores_power;
mod support;
mod tidy;
