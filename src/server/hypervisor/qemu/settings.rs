//! What an operator can set about machines. Every default works on an ordinary Debian machine.

use crate::server::hypervisor::tool::ToolLimits;
use serde::Deserialize;

/// Which accelerator runs guests.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Accelerator {
    /// KVM when a probe shows that it really runs a guest, else TCG.
    #[default]
    Auto,
    /// Always translate: slow, works everywhere.
    Tcg,
    /// Always KVM, even when the probe was not passed.
    Kvm,
}

/// What guests may reach.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GuestNetwork {
    /// Whatever the host reaches, through user-mode address translation.
    #[default]
    Open,
    /// Nothing: only the forwarded SSH port leads in.
    Isolated,
}

/// Settings of the QEMU adapter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QemuSettings {
    /// The emulator: a name to look for, or an absolute path.
    pub qemu: String,
    /// The image tool: a name to look for, or an absolute path.
    pub qemu_img: String,
    /// Which accelerator runs guests.
    pub accelerator: Accelerator,
    /// What guests may reach.
    pub network: GuestNetwork,
    /// The host address where guests' SSH ports appear.
    pub ssh_address: String,
    /// The first port for guests' SSH.
    pub ssh_port_first: u16,
    /// The last port for guests' SSH.
    pub ssh_port_last: u16,
    /// How long a process may take from its start to answering.
    pub start_timeout_ms: u64,
    /// How long a command to QEMU may take.
    pub command_timeout_ms: u64,
    /// How long a process may take to end when told to, before it is killed.
    pub quit_timeout_ms: u64,
    /// How long the guest agent may take to answer at all.
    pub agent_timeout_ms: u64,
    /// How long the guest agent may take to freeze the file systems.
    pub freeze_timeout_ms: u64,
    /// How long the boot probe of KVM may take.
    pub probe_timeout_ms: u64,
    /// The serial console's log is cut to half of this when it grows beyond.
    pub console_log_bytes: u64,
    /// Disks that are captured at the same time, on the whole host.
    pub n_captures_at_once: u32,
    /// Limits of every run of the image tool.
    pub tool: ToolLimits,
}

impl Default for QemuSettings {
    fn default() -> Self {
        Self {
            qemu: "qemu-system-x86_64".to_owned(),
            qemu_img: "qemu-img".to_owned(),
            accelerator: Accelerator::Auto,
            network: GuestNetwork::Open,
            ssh_address: "127.0.0.1".to_owned(),
            ssh_port_first: 22_000,
            ssh_port_last: 22_999,
            start_timeout_ms: 20_000,
            command_timeout_ms: 10_000,
            quit_timeout_ms: 5_000,
            agent_timeout_ms: 1_000,
            freeze_timeout_ms: 3_000,
            probe_timeout_ms: 10_000,
            console_log_bytes: 4 << 20,
            n_captures_at_once: 2,
            tool: ToolLimits::default(),
        }
    }
}
