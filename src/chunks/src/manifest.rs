//! A manifest: what one disk contains, as an ordered list of chunks. Encoding, decoding, fingerprint; no files.
//!
//! The encoding is canonical: equal content gives equal bytes, so the hash of the bytes names the content.
//!
//! ```text
//! magic "DRKMANI1" · chunk size u32 · number of runs u32 · virtual size u64
//! each run: zero chunks before it u32 · chunks u32 · their names, 32 bytes each
//! BLAKE3 of all of the above: checksum and fingerprint in one
//! ```
//! Numbers are little-endian. A run is never empty and two runs never touch, which is what makes it canonical.

use std::fmt;
use std::str::FromStr;

use crate::chunk::{CHUNK_BYTES, ChunkId, chunk_len, chunks_of, write_hex};
use crate::error::{Error, Result};

const MAGIC: &[u8; 8] = b"DRKMANI1";
const HEADER_BYTES: usize = 24;
const HASH_BYTES: usize = 32;

/// The name of a manifest: BLAKE3 of its canonical encoding. Equal disks have equal fingerprints.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(out, &self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Fingerprint({self})")
    }
}

impl FromStr for Fingerprint {
    type Err = Error;

    /// Reads 64 lower-case hexadecimal digits, and nothing else: one name has one spelling.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::InvalidManifest { why: "a fingerprint is 64 hexadecimal digits" };
        let lower = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 64 || !text.as_bytes().iter().all(lower) {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (place, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[place * 2..place * 2 + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

/// The content of one disk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manifest {
    virtual_bytes: u64,
    /// The chunks that are not all zero, by place, each place once and in order.
    chunks: Vec<(u32, ChunkId)>,
}

impl Manifest {
    /// A manifest of chunks given as (place, name), in order of place and each place once. What is not given is zero.
    pub fn new(virtual_bytes: u64, chunks: Vec<(u32, ChunkId)>) -> Result<Self> {
        let n_places = chunks_of(virtual_bytes)?;
        if chunks.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
            return Err(Error::InvalidManifest { why: "its chunks are not in order" });
        }
        if chunks.last().is_some_and(|(place, _)| *place >= n_places) {
            return Err(Error::InvalidManifest { why: "a chunk lies beyond the end of the disk" });
        }
        Ok(Self { virtual_bytes, chunks })
    }

    /// The size of the disk as its guest sees it.
    #[must_use]
    pub fn virtual_bytes(&self) -> u64 {
        self.virtual_bytes
    }

    /// The chunks that are not all zero: place on the disk in units of the chunk size, and name.
    #[must_use]
    pub fn chunks(&self) -> &[(u32, ChunkId)] {
        &self.chunks
    }

    /// The plain bytes of the chunks that are not all zero.
    #[must_use]
    pub fn data_bytes(&self) -> u64 {
        self.chunks.iter().map(|(place, _)| self.chunk_len(*place) as u64).sum()
    }

    /// The name of the chunk at a place, or `None` where the disk is zero.
    #[must_use]
    pub fn chunk_at(&self, place: u32) -> Option<ChunkId> {
        let found = self.chunks.binary_search_by_key(&place, |(place, _)| *place).ok()?;
        Some(self.chunks[found].1)
    }

    /// The length of the chunk at a place: only the last of a disk can be short.
    #[must_use]
    pub fn chunk_len(&self, place: u32) -> usize {
        chunk_len(self.virtual_bytes, place)
    }

    /// The name of this content.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(*blake3::hash(&self.encode_body()).as_bytes())
    }

    /// The canonical bytes, checksum included.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.encode_body();
        let hash = blake3::hash(&bytes);
        bytes.extend_from_slice(hash.as_bytes());
        bytes
    }

    fn encode_body(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + self.chunks.len() * 33 + HASH_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&(CHUNK_BYTES as u32).to_le_bytes());
        let runs = || self.chunks.chunk_by(|left, right| left.0 + 1 == right.0);
        let n_runs = u32::try_from(runs().count()).expect("there are no more runs than places");
        bytes.extend_from_slice(&n_runs.to_le_bytes());
        bytes.extend_from_slice(&self.virtual_bytes.to_le_bytes());
        let mut next = 0;
        for run in runs() {
            let first = run[0].0;
            let n_chunks = u32::try_from(run.len()).expect("a run is no longer than the disk");
            bytes.extend_from_slice(&(first - next).to_le_bytes());
            bytes.extend_from_slice(&n_chunks.to_le_bytes());
            run.iter().for_each(|(_, id)| bytes.extend_from_slice(&id.0));
            next = first + n_chunks;
        }
        bytes
    }

    /// Reads what [`Manifest::encode`] wrote. Anything else is refused, also what means the same in other bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let invalid = |why| Error::InvalidManifest { why };
        let (body, hash) = bytes
            .len()
            .checked_sub(HASH_BYTES)
            .filter(|length| *length >= HEADER_BYTES)
            .map(|length| bytes.split_at(length))
            .ok_or(invalid("it is too short"))?;
        if &body[..8] != MAGIC {
            return Err(invalid("it is of an unknown kind or version"));
        }
        if blake3::hash(body).as_bytes() != hash {
            return Err(invalid("its checksum does not match"));
        }
        let mut rest = Reader(&body[8..]);
        if rest.u32()? as usize != CHUNK_BYTES {
            return Err(invalid("its chunks have another size"));
        }
        let n_runs = rest.u32()?;
        let virtual_bytes = rest.u64()?;
        // Capacity from what is really there, not from what the bytes claim.
        let mut chunks = Vec::with_capacity(rest.0.len() / HASH_BYTES);
        let mut place = 0u32;
        for run in 0..n_runs {
            let (skip, n_chunks) = (rest.u32()?, rest.u32()?);
            if n_chunks == 0 || (skip == 0 && run > 0) {
                return Err(invalid("it is not canonical"));
            }
            place = place.checked_add(skip).ok_or(invalid("its places overflow"))?;
            for _ in 0..n_chunks {
                chunks.push((place, ChunkId(rest.array()?)));
                place = place.checked_add(1).ok_or(invalid("its places overflow"))?;
            }
        }
        if !rest.0.is_empty() {
            return Err(invalid("there are bytes after its end"));
        }
        Self::new(virtual_bytes, chunks)
    }
}

/// Takes numbers off the front of a slice, and says so when it is too short.
pub(crate) struct Reader<'a>(pub &'a [u8]);

impl Reader<'_> {
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, rest) =
            self.0.split_first_chunk::<N>().ok_or(Error::InvalidManifest { why: "it ends too early" })?;
        self.0 = rest;
        Ok(*head)
    }

    pub(crate) fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::CHUNK;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn any_manifest() -> impl Strategy<Value = Manifest> {
        (proptest::collection::btree_map(0u32..200, any::<[u8; 32]>(), 0..60), 0..CHUNK).prop_map(
            |(chunks, extra): (BTreeMap<u32, [u8; 32]>, u64)| {
                let chunks = chunks.into_iter().map(|(place, id)| (place, ChunkId(id))).collect();
                Manifest::new(200 * CHUNK + extra, chunks).unwrap()
            },
        )
    }

    proptest! {
        #[test]
        fn a_manifest_round_trips_and_its_checksum_is_its_fingerprint(manifest in any_manifest()) {
            let bytes = manifest.encode();
            prop_assert_eq!(&Manifest::decode(&bytes).unwrap(), &manifest);
            prop_assert_eq!(&bytes[bytes.len() - 32..], &manifest.fingerprint().0[..]);
            prop_assert_eq!(manifest.fingerprint().to_string().parse::<Fingerprint>().unwrap(), manifest.fingerprint());
        }

        #[test]
        fn a_changed_byte_is_noticed(manifest in any_manifest(), at in any::<prop::sample::Index>(), bit in 0..8) {
            let mut bytes = manifest.encode();
            let at = at.index(bytes.len());
            bytes[at] ^= 1u8 << bit;
            prop_assert!(Manifest::decode(&bytes).is_err());
            prop_assert!(Manifest::decode(&bytes[..at]).is_err());
        }

        #[test]
        fn junk_with_a_good_checksum_is_refused_or_canonical(body in proptest::collection::vec(0u8..3, 0..120)) {
            let mut bytes = MAGIC.to_vec();
            bytes.extend_from_slice(&(CHUNK_BYTES as u32).to_le_bytes());
            bytes.extend_from_slice(&body);
            let hash = *blake3::hash(&bytes).as_bytes();
            bytes.extend_from_slice(&hash);
            if let Ok(manifest) = Manifest::decode(&bytes) {
                prop_assert_eq!(manifest.encode(), bytes);
            }
        }
    }

    #[test]
    fn the_encoding_of_version_one_never_changes() {
        let manifest =
            Manifest::new(5 * CHUNK - 1, vec![(1, ChunkId([7; 32])), (4, ChunkId([9; 32]))]).unwrap();
        assert_eq!(
            manifest.fingerprint().to_string(),
            "cf071129a951dd4268b6cf5bf460e592827567c4996651fb031ec2a222e7dad7"
        );
    }

    #[test]
    fn places_out_of_order_or_beyond_the_end_are_refused() {
        let id = ChunkId([1; 32]);
        assert!(Manifest::new(4 * CHUNK, vec![(1, id), (1, id)]).is_err());
        assert!(Manifest::new(4 * CHUNK, vec![(2, id), (1, id)]).is_err());
        assert!(Manifest::new(4 * CHUNK, vec![(4, id)]).is_err());
        assert!(Manifest::new(4 * CHUNK + 1, vec![(4, id)]).is_ok());
        assert!(Manifest::new(u64::MAX, vec![]).is_err());
    }
}
