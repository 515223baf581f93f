//! What the logic needs from the world: time, ids, disk bytes, machines, secrets. Adapters implement these; the simulator has its own.
//!
//! Everything is synchronous: the edges run use cases and task steps on blocking threads. A port never sees a user, a permission or a price.

use crate::domain::ids::{DiskId, InstanceId, RegionId, TaskId};
pub use crate::domain::image::{BootMode, Consistency};
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// The wall clock, in UTC. Asked once per request, step or sweep.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// The source of new ids and of secrets.
pub trait Ids: Send + Sync {
    /// A fresh UUID, version 4.
    fn uuid(&self) -> Uuid;
    /// 32 fresh bytes fit for a secret token.
    fn secret(&self) -> [u8; 32];
}

/// One-way hashing of passwords and tokens.
pub trait Secrets: Send + Sync {
    /// A salted, slow hash of a password, as a PHC string.
    fn hash_password(&self, password: &str) -> Result<String, PortError>;
    /// Whether `password` belongs to `hash`. Takes as long for a wrong one.
    fn verify_password(&self, password: &str, hash: &str) -> Result<bool, PortError>;
    /// A fast hash of a 256-bit token, as lower-case hex (SHA-256).
    fn hash_token(&self, token: &[u8; 32]) -> String;
}

/// Why an effect did not happen, in words for the person whose task it was.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PortError {
    /// No space is left on the storage; the task can be retried when there is.
    #[error("No space left in {place} storage.")]
    NoSpace {
        /// What is full, such as `north-1`.
        place: String,
    },
    /// What the effect was about does not exist (any more).
    #[error("{0}")]
    Gone(String),
    /// The work was cancelled through its [`Watcher`].
    #[error("Cancelled.")]
    Cancelled,
    /// The stored bytes are not what they were.
    #[error("{0}")]
    Corrupt(String),
    /// What is asked for will never work: the sentence says why.
    #[error("{0}")]
    Refused(String),
    /// It may work later: busy, missing program, timeout, I/O error.
    #[error("{0}")]
    Unavailable(String),
}

impl PortError {
    /// Whether trying again later may succeed by itself.
    pub const fn retryable(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
            Self::NoSpace { .. } | Self::Gone(_) | Self::Cancelled | Self::Corrupt(_) | Self::Refused(_) => {
                false
            }
        }
    }
}

/// Follows long work: is told of progress and says when to stop.
pub trait Watcher: Sync {
    /// `done` of `total` bytes are finished. May be called often.
    fn progress(&self, done_bytes: u64, total_bytes: u64);
    /// Whether the work should stop as soon as it can and return [`PortError::Cancelled`].
    fn cancelled(&self) -> bool;
}

/// The BLAKE3 fingerprint of a manifest, as 64 lower-case hex digits: equal disk contents have equal fingerprints.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub String);

/// What storing one disk gave.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Stored {
    /// Names the content in the region's chunk store.
    pub fingerprint: Fingerprint,
    /// SHA-256 of the whole virtual disk as lower-case hex.
    pub sha256: String,
    /// The size the guest sees, in bytes.
    pub virtual_bytes: u64,
    /// Compressed bytes of all chunks of this disk, each counted once.
    pub stored_bytes: u64,
    /// Bytes this call added to the store.
    pub new_bytes: u64,
}

/// Sizes of one stored disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StoredSize {
    /// The size the guest sees, in bytes.
    pub virtual_bytes: u64,
    /// Compressed bytes of all its chunks, each counted once.
    pub stored_bytes: u64,
}

/// Disk contents of one region: content-addressed, deduplicated, durable when the call returns.
pub trait Blobs: Send + Sync {
    /// Stores the raw disk file that [`Hypervisor::capture`] left at `scratch`. Idempotent; leaves the file in place.
    fn ingest(&self, scratch: &str, watcher: &dyn Watcher) -> Result<Stored, PortError>;
    /// Makes sure a read-only raw file with this content exists, and returns its path. Quick when it is warm.
    fn base(&self, fingerprint: &Fingerprint, watcher: &dyn Watcher) -> Result<String, PortError>;
    /// Sizes of a stored disk.
    fn size(&self, fingerprint: &Fingerprint) -> Result<StoredSize, PortError>;
    /// Stored bytes that only `fingerprint` needs, given that `others` stay.
    fn unique_bytes(&self, fingerprint: &Fingerprint, others: &[Fingerprint]) -> Result<u64, PortError>;
    /// Compressed bytes of the union of chunks of `fingerprints`, each counted once.
    fn union_bytes(&self, fingerprints: &[Fingerprint]) -> Result<u64, PortError>;
    /// For groups of stored disks in order: the compressed bytes of the chunks of each group that no group before it holds. Together that
    /// is their union.
    fn attribute(&self, groups: &[Vec<Fingerprint>]) -> Result<Vec<u64>, PortError>;
    /// Removes chunks, manifests and bases that none of `live` needs, once they were unneeded for longer than the grace period.
    /// Never touches what an open ingest holds.
    fn sweep(&self, live: &[Fingerprint], now: Timestamp) -> Result<Swept, PortError>;
    /// Compressed bytes of everything that is stored, each chunk counted once, those that a coming sweep removes included.
    fn stored_bytes(&self) -> Result<u64, PortError>;
    /// Bytes free on the storage, if it can tell.
    fn free_bytes(&self) -> Option<u64>;
}

/// What a sweep did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Swept {
    /// Chunks dropped.
    pub n_chunks: u64,
    /// Bytes freed on disk.
    pub freed_bytes: u64,
}

/// What bringing a disk to another region gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transferred {
    /// Its sizes where it was brought to.
    pub size: StoredSize,
    /// Compressed bytes that travelled.
    pub sent_bytes: u64,
    /// Compressed bytes of its chunks that were there already.
    pub present_bytes: u64,
}

/// The chunk stores by region.
pub trait Storage: Send + Sync {
    /// The store of `region`; `Unavailable` when there is none.
    fn region(&self, region: &RegionId) -> Result<Arc<dyn Blobs>, PortError>;
    /// Brings a stored disk to another region. Only what is missing there travels, verified by its hashes, and progress counts only that.
    /// Idempotent; the source stays as it is.
    fn transfer(
        &self,
        from: &RegionId,
        to: &RegionId,
        fingerprint: &Fingerprint,
        watcher: &dyn Watcher,
    ) -> Result<Transferred, PortError>;
}

/// A disk of a machine, as the hypervisor sees it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DiskSpec {
    /// Names the disk's file.
    pub id: DiskId,
    /// The size the guest sees, in bytes; a multiple of 512.
    pub size_bytes: u64,
    /// Path of a read-only raw base from [`Blobs::base`] that the disk starts as; `None` for an empty disk.
    pub base: Option<String>,
}

/// Everything needed to run a machine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MachineSpec {
    /// Names the machine's folder and process.
    pub id: InstanceId,
    /// Host name given to the guest.
    pub hostname: String,
    /// Virtual processors.
    pub n_vcpus: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Disks in order; the first is the system disk.
    pub disks: Vec<DiskSpec>,
    /// Path of a read-only raw ISO from [`Blobs::base`] that is in the machine's drive. It boots from it while its system disk does not.
    pub iso: Option<String>,
    /// Public keys for the default user, one per entry.
    pub ssh_keys: Vec<String>,
    /// Cloud-init user data; empty for none.
    pub user_data: String,
    /// Boot with UEFI instead of BIOS.
    pub boot: BootMode,
    /// Whether the network card offers several queues, where the machine has several processors (F9).
    pub nic_multiqueue: bool,
    /// Whether the network card is one with SR-IOV instead of virtio (F9).
    #[serde(default)]
    pub sriov: bool,
    /// How often its system disk was replaced: when this changes, cloud-init runs again.
    #[serde(default)]
    pub n_installed: u32,
}

/// What a machine's process does now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Power {
    /// The process runs.
    Running {
        /// The port on the host's loopback that leads to the guest's SSH port.
        ssh_port: u16,
    },
    /// There is no process; the disks are there.
    Off {
        /// How the process ended, if it was not asked to: signal, exit code, last words.
        died: Option<String>,
    },
    /// Neither process nor disks exist.
    Absent,
}

/// Most disks that are captured at one instant: as many as a machine can have, with room.
pub const CAPTURE_DISKS_MAX: usize = 16;

/// What capturing a disk gave.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Captured {
    /// Path of a raw, sparse file with the disk's content at one instant; remove it with [`Hypervisor::discard_capture`].
    pub scratch: String,
    /// How consistent it is; the same for all disks of one capture.
    pub consistency: Consistency,
    /// The size the guest sees, in bytes.
    pub virtual_bytes: u64,
}

/// Whether machines can run here.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HypervisorFacts {
    /// `None` when machines can run; else a sentence that says what is missing and what to do.
    pub missing: Option<String>,
    /// The program and version, such as `QEMU 10.0.2`.
    pub version: String,
    /// `kvm` or `tcg`.
    pub accelerator: String,
}

/// Machines. Every call is idempotent, so that a step can run again after a crash.
pub trait Hypervisor: Send + Sync {
    /// Whether machines can run here.
    fn facts(&self) -> HypervisorFacts;
    /// Creates the machine's folder, disks and seed. An existing disk keeps its content.
    fn create(&self, spec: &MachineSpec) -> Result<(), PortError>;
    /// Starts the machine's process, or finds it running.
    fn start(&self, spec: &MachineSpec) -> Result<Power, PortError>;
    /// Presses the power button (ACPI). Returns at once.
    fn press_power(&self, id: InstanceId) -> Result<(), PortError>;
    /// Waits until the machine is off, for `timeout_ms` at most. Returns whether it is.
    fn wait_off(&self, id: InstanceId, timeout_ms: u64, watcher: &dyn Watcher) -> Result<bool, PortError>;
    /// Cuts the power. A machine that is off stays off.
    fn cut_power(&self, id: InstanceId) -> Result<(), PortError>;
    /// Resets a running machine.
    fn reset(&self, id: InstanceId) -> Result<(), PortError>;
    /// What the machine does now. Also re-attaches to a process that an earlier run of darkroom started.
    fn power(&self, id: InstanceId) -> Result<Power, PortError>;
    /// Removes one disk of a machine that is off; a disk or a machine that is not there is removed. `Refused` for the system disk and while
    /// the machine runs.
    fn remove_disk(&self, id: InstanceId, disk: DiskId) -> Result<(), PortError>;
    /// Cuts the power and removes everything of the machine.
    fn destroy(&self, id: InstanceId) -> Result<(), PortError>;
    /// Copies disks of one machine, all as they are at one and the same instant, each into a scratch file named after `capture` and the disk;
    /// gives the copies in the order of `disks`. The guest is not paused; its file systems are frozen for the instant, once for all, when its
    /// agent answers. Leftovers of an earlier try with the same name are discarded first; a try that fails leaves none. Progress counts the
    /// bytes of all disks together. `Refused` when `disks` is empty or names more than [`CAPTURE_DISKS_MAX`].
    fn capture(
        &self,
        id: InstanceId,
        disks: &[DiskId],
        capture: TaskId,
        watcher: &dyn Watcher,
    ) -> Result<Vec<Captured>, PortError>;
    /// Removes all scratch files (and jobs still running) of `capture`, if there are any.
    fn discard_capture(&self, id: InstanceId, capture: TaskId) -> Result<(), PortError>;
    /// Bytes a disk occupies on the host.
    fn disk_used_bytes(&self, id: InstanceId, disk: DiskId) -> Result<u64, PortError>;
    /// At most `limit_bytes` of the serial console's log that end at its end.
    fn console_log(&self, id: InstanceId, limit_bytes: u64) -> Result<Vec<u8>, PortError>;
    /// Path of the UNIX socket of the serial console, for a bridge to a browser.
    fn console_socket(&self, id: InstanceId) -> Result<String, PortError>;
}
