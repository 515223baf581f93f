//! Tests of the whole: the router, the executable, the stores, real machines, and the habits of the sources.

mod access;
mod cli;
mod cli_serve;
mod contrast;
mod qemu;
mod stores;
mod stores_kill;
mod stores_power;
mod support;
mod tidy;
