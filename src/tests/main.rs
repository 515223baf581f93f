//! Tests.

mod qemu;
