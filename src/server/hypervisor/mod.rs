//! Machines on this computer: the adapter behind the `Hypervisor` port, and the import of disk files.
//!
//! Must not import `ops`, an edge or another adapter.

pub mod import;
pub mod qemu;
pub mod tool;

pub use qemu::QemuHypervisor;
pub use qemu::settings::QemuSettings;
