//! The one place where written data becomes durable, behind a trait so that a test can cut the power around it.
//! It must not know what is in the file.

use std::fs::File;
use std::io;
use std::path::Path;

/// What the adapter asks of the disk besides what sled does by itself.
pub trait Disk: Send + Sync {
    /// Makes all that was written to sled's data file durable. Nothing is acknowledged before this returned.
    fn sync(&self, data: &File) -> io::Result<()>;

    /// How many bytes can still be written below this directory.
    fn free_bytes(&self, directory: &Path) -> io::Result<u64>;
}

/// The disk of this machine.
pub struct RealDisk;

impl Disk for RealDisk {
    fn sync(&self, data: &File) -> io::Result<()> {
        data.sync_data()
    }

    fn free_bytes(&self, directory: &Path) -> io::Result<u64> {
        let space = rustix::fs::statvfs(directory)?;
        Ok(space.f_bavail.saturating_mul(space.f_frsize))
    }
}
