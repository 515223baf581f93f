//! Everything that can go wrong in the chunk store, in words a person can act on.
//! A message never contains its source: whoever prints an error walks the chain.

use std::io;
use std::path::{Path, PathBuf};

use crate::chunk::ChunkId;
use crate::manifest::Fingerprint;

/// The result of every fallible call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file system (or its quota) is full. What the failed call had written is given back.
    #[error("no space is left on the storage that holds {}", path.display())]
    NoSpace {
        /// The file that could not grow.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// A stored chunk is not what it was when it was stored.
    #[error("chunk {id} in pack {pack} at byte {offset} is damaged: {why}")]
    CorruptChunk {
        /// The chunk that was asked for.
        id: ChunkId,
        /// The number of the pack that holds it.
        pack: u32,
        /// Where its record begins in the pack.
        offset: u64,
        /// What does not match.
        why: &'static str,
    },
    /// A stored manifest is not what it was when it was stored.
    #[error("the manifest {} is damaged: {why}", path.display())]
    CorruptManifest {
        /// The manifest's file.
        path: PathBuf,
        /// What does not match.
        why: &'static str,
    },
    /// Bytes that should be an encoded manifest are not.
    #[error("this is not a valid manifest: {why}")]
    InvalidManifest {
        /// What is wrong with it.
        why: &'static str,
    },
    /// No pack has this chunk.
    #[error("chunk {id} is not in the store")]
    MissingChunk {
        /// The chunk that was asked for.
        id: ChunkId,
    },
    /// The store has no such manifest.
    #[error("manifest {fingerprint} is not in the store")]
    UnknownManifest {
        /// The fingerprint that was asked for.
        fingerprint: Fingerprint,
    },
    /// Another process has the store open.
    #[error("the chunk store {} is in use by another process", path.display())]
    Locked {
        /// The store's directory.
        path: PathBuf,
    },
    /// The directory holds something else, or a store of a version this program does not know.
    #[error("{} is not a chunk store this program can open: {why}", path.display())]
    Unsupported {
        /// The file that gives it away.
        path: PathBuf,
        /// What is different.
        why: &'static str,
    },
    /// A disk is larger than a manifest can describe.
    #[error("a disk of {size_bytes} bytes is larger than the limit of {limit_bytes} bytes")]
    TooLarge {
        /// The size of the disk.
        size_bytes: u64,
        /// The largest size.
        limit_bytes: u64,
    },
    /// A read beyond the end of the disk.
    #[error("bytes {offset} to {end} were asked of a disk of {size_bytes} bytes")]
    OutOfRange {
        /// The first byte asked for.
        offset: u64,
        /// One past the last byte asked for.
        end: u64,
        /// The size of the disk.
        size_bytes: u64,
    },
    /// The caller asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// A pack could not be made durable earlier, so nothing more is trusted to it.
    #[error("an earlier attempt to write {} to the storage failed", path.display())]
    SyncFailed {
        /// The pack.
        path: PathBuf,
    },
    /// The disk that is being ingested could not be read.
    #[error("the disk could not be read at byte {offset}")]
    Source {
        /// Where the reading failed.
        offset: u64,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// Any other failure of the operating system.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The verb, as in "cannot read".
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// Whether freeing space and trying again can help.
    #[must_use]
    pub fn is_no_space(&self) -> bool {
        matches!(self, Self::NoSpace { .. })
    }

    /// Whether stored data is damaged or gone.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::CorruptChunk { .. } | Self::CorruptManifest { .. } | Self::MissingChunk { .. })
    }
}

/// Turns an error of the operating system into ours; "no space" and "over quota" are told apart from the rest.
pub(crate) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error + use<> {
    let path = path.to_owned();
    move |source| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::NoSpace { path, source },
        _ => Error::Io { action, path, source },
    }
}
