//! What a chunk is: its size, its name (BLAKE3 of the plain content), whether it is all zero, and how it is packed
//! small. Pure functions over bytes; no file is touched here.

use std::fmt;

use crate::error::{Error, Result};

/// The size of every chunk but the last of a disk.
pub const CHUNK_BYTES: usize = 256 * 1024;

/// [`CHUNK_BYTES`] for arithmetic on disk offsets.
pub(crate) const CHUNK: u64 = CHUNK_BYTES as u64;

/// Chunk-sized zeros, for reading and hashing what is not stored.
pub(crate) static ZEROS: [u8; CHUNK_BYTES] = [0; CHUNK_BYTES];

/// The name of a chunk: BLAKE3 of its plain content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChunkId(pub [u8; 32]);

impl ChunkId {
    /// The name of this content.
    #[must_use]
    pub fn of(plain: &[u8]) -> Self {
        Self(*blake3::hash(plain).as_bytes())
    }

    /// The part of the name that the index in memory keeps.
    pub(crate) fn key(&self) -> Key {
        let mut key = [0; 16];
        key.copy_from_slice(&self.0[..16]);
        Key(key)
    }
}

impl fmt::Display for ChunkId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(out, &self.0)
    }
}

impl fmt::Debug for ChunkId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "ChunkId({self})")
    }
}

/// The first 128 bits of a chunk's name. Half of the memory of a whole name; a read still compares the whole name,
/// so two chunks that share a key can make a read fail but never make it return the other's content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Key(pub [u8; 16]);

/// Writes bytes as lower-case hexadecimal.
pub(crate) fn write_hex(out: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
}

/// Whether every byte is zero. Most chunks that are not are told by their first bytes.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    // Comparing slices is `memcmp`, which is fast in a debug build too; a page of zeros stays in the nearest cache.
    let (head, rest) = bytes.split_at(bytes.len().min(64));
    head == &ZEROS[..head.len()] && rest.chunks(4096).all(|part| part == &ZEROS[..part.len()])
}

/// How the content of a record is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Coding {
    /// As it is.
    Plain,
    /// One zstd frame.
    Zstd,
}

impl Coding {
    /// The byte in a record's header.
    pub(crate) fn to_byte(self) -> u8 {
        match self {
            Self::Plain => 0,
            Self::Zstd => 1,
        }
    }

    /// The reverse of [`Coding::to_byte`].
    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Plain),
            1 => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// Pieces of this size, spread over the chunk, are tried before the whole chunk is compressed.
const PROBE_PIECE_BYTES: usize = 2 * 1024;
/// How many pieces are tried.
const PROBE_PIECES: usize = 4;
/// Speed over ratio: at level 1 zstd keeps up with a disk.
const LEVEL: i32 = 1;

/// Makes chunks small where it pays. One per thread: it keeps its working memory.
pub(crate) struct Packer {
    compressor: zstd::bulk::Compressor<'static>,
    sample: Vec<u8>,
    packed: Vec<u8>,
}

impl Packer {
    /// A packer with its working memory allocated.
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self {
            compressor: zstd::bulk::Compressor::new(LEVEL)?,
            sample: Vec::with_capacity(PROBE_PIECE_BYTES * PROBE_PIECES),
            packed: vec![0; zstd::zstd_safe::compress_bound(CHUNK_BYTES)],
        })
    }

    /// The bytes to store for this content. Random or already compressed content comes back as it is, after a look
    /// at a few kilobytes of it.
    pub(crate) fn pack<'a>(&'a mut self, plain: &'a [u8]) -> (Coding, &'a [u8]) {
        if !self.worth_trying(plain) {
            return (Coding::Plain, plain);
        }
        // A failure to compress is no failure to store: the content is kept plain.
        match self.compressor.compress_to_buffer(plain, &mut self.packed[..]) {
            Ok(n) if n + plain.len() / 16 <= plain.len() => (Coding::Zstd, &self.packed[..n]),
            _ => (Coding::Plain, plain),
        }
    }

    fn worth_trying(&mut self, plain: &[u8]) -> bool {
        if plain.len() <= PROBE_PIECE_BYTES * PROBE_PIECES {
            return true;
        }
        self.sample.clear();
        let stride = plain.len() / PROBE_PIECES;
        for piece in 0..PROBE_PIECES {
            // The middle of each part: headers at the start of aligned blocks would flatter the rest.
            let start = piece * stride + (stride - PROBE_PIECE_BYTES) / 2;
            self.sample.extend_from_slice(&plain[start..start + PROBE_PIECE_BYTES]);
        }
        match self.compressor.compress_to_buffer(&self.sample, &mut self.packed[..]) {
            Ok(n) => n < self.sample.len() * 15 / 16,
            Err(_) => false,
        }
    }
}

/// Why a record's content cannot be used.
pub(crate) type Why = &'static str;

/// Restores and verifies the content of a record.
pub(crate) fn unpack(
    id: &ChunkId,
    coding: Coding,
    plain_bytes: usize,
    stored: Vec<u8>,
) -> std::result::Result<Vec<u8>, Why> {
    let plain = match coding {
        Coding::Plain => stored,
        Coding::Zstd => {
            zstd::bulk::decompress(&stored, plain_bytes).map_err(|_| "it cannot be decompressed")?
        }
    };
    if plain.len() != plain_bytes {
        return Err("its length does not match");
    }
    if ChunkId::of(&plain) != *id {
        return Err("its content does not match its name");
    }
    Ok(plain)
}

/// The number of chunks of a disk of this size, or why there cannot be such a disk.
pub(crate) fn chunks_of(virtual_bytes: u64) -> Result<u32> {
    u32::try_from(virtual_bytes.div_ceil(CHUNK))
        .map_err(|_| Error::TooLarge { size_bytes: virtual_bytes, limit_bytes: u64::from(u32::MAX) * CHUNK })
}

/// The length of one chunk of a disk: the last one may be short.
pub(crate) fn chunk_len(virtual_bytes: u64, chunk: u32) -> usize {
    let start = u64::from(chunk) * CHUNK;
    usize::try_from(virtual_bytes.saturating_sub(start).min(CHUNK)).expect("a chunk's length fits in memory")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(plain: &[u8]) -> (Coding, usize) {
        let mut packer = Packer::new().unwrap();
        let (coding, stored) = packer.pack(plain);
        let stored = stored.to_vec();
        let n = stored.len();
        assert_eq!(unpack(&ChunkId::of(plain), coding, plain.len(), stored).unwrap(), plain);
        (coding, n)
    }

    #[test]
    fn text_is_stored_small_and_noise_as_it_is() {
        let text = b"the same words again and again, ".repeat(CHUNK_BYTES / 32);
        let (coding, n) = round_trip(&text);
        assert_eq!(coding, Coding::Zstd);
        assert!(n < CHUNK_BYTES / 10);
        let mut noise = vec![0; CHUNK_BYTES];
        blake3::Hasher::new().finalize_xof().fill(&mut noise);
        assert_eq!(round_trip(&noise), (Coding::Plain, CHUNK_BYTES));
    }

    #[test]
    fn a_wrong_length_or_content_is_refused() {
        let plain = b"hello".to_vec();
        let id = ChunkId::of(&plain);
        assert!(unpack(&id, Coding::Plain, 4, plain.clone()).is_err());
        assert!(unpack(&id, Coding::Plain, 5, b"hellO".to_vec()).is_err());
        assert!(unpack(&id, Coding::Zstd, 5, plain).is_err());
    }

    #[test]
    fn one_byte_anywhere_makes_a_chunk_not_zero() {
        let mut bytes = vec![0; CHUNK_BYTES];
        assert!(is_zero(&bytes));
        assert!(is_zero(&[]));
        for at in [0, 1, 63, 64, 65, 4095, CHUNK_BYTES - 1] {
            bytes[at] = 1;
            assert!(!is_zero(&bytes), "byte {at}");
            bytes[at] = 0;
        }
    }

    proptest! {
        #[test]
        fn any_content_round_trips(plain in proptest::collection::vec(0u8..4, 0..40_000)) {
            round_trip(&plain);
        }
    }
}
