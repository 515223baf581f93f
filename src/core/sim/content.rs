//! A model of what is on a disk: a size and a few blocks with numbers in them. Two disks with the same model have the same fingerprint.

use super::ports::hex;
use std::collections::BTreeMap;

/// What is on a disk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Content {
    /// The size a guest sees, in bytes.
    pub virtual_bytes: u64,
    /// Blocks that are not zero.
    pub blocks: BTreeMap<u64, u64>,
}

/// Compressed bytes of one block.
pub const BLOCK_BYTES: u64 = 50_000_000;

impl Content {
    /// An empty disk.
    pub const fn empty(virtual_bytes: u64) -> Self {
        Self { virtual_bytes, blocks: BTreeMap::new() }
    }

    /// Its fingerprint, 64 hex digits.
    pub fn fingerprint(&self) -> String {
        self.digest(b"manifest")
    }

    /// Stands for the SHA-256 of the whole disk.
    pub fn sha256(&self) -> String {
        self.digest(b"disk")
    }

    /// Compressed bytes of its blocks, each content counted once.
    pub fn stored_bytes(&self) -> u64 {
        let distinct: std::collections::BTreeSet<u64> = self.blocks.values().copied().collect();
        BLOCK_BYTES.saturating_mul(u64::try_from(distinct.len()).unwrap_or(u64::MAX))
    }

    fn digest(&self, purpose: &[u8]) -> String {
        let mut bytes = self.virtual_bytes.to_be_bytes().to_vec();
        for (at, value) in &self.blocks {
            bytes.extend_from_slice(&at.to_be_bytes());
            bytes.extend_from_slice(&value.to_be_bytes());
        }
        hex(&[purpose, &bytes])
    }
}
