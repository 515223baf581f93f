//! The file that remembers since when chunks and manifests are dead. It is advice: when it is lost or damaged the
//! grace starts again, which keeps garbage longer and never removes anything too early.

use std::fs;
use std::io;
use std::path::Path;

use crate::chunk::Key;
use crate::error::{Result, io_error};
use crate::index::Dead;
use crate::manifest::{Fingerprint, Reader};
use crate::store::Inner;

const MAGIC: &[u8; 8] = b"DRKDEAD1";
const NAME: &str = "dead";

/// Reads the marks of the store in this directory.
pub(crate) fn load(directory: &Path) -> Result<Dead> {
    let path = directory.join(NAME);
    match fs::read(&path) {
        Ok(bytes) => Ok(decode(&bytes).unwrap_or_default()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Dead::default()),
        Err(error) => Err(io_error("read", &path)(error)),
    }
}

impl Inner {
    /// Writes the marks if any was set or taken back since they were written, durable on return.
    pub(crate) fn save_dead_if_changed(&self) -> Result<()> {
        // First the turn, then the look: who finds nothing to do knows that it is already durable.
        let turn = self.dead_turn.lock().expect("nothing panics while it holds this lock");
        let dead = {
            let mut state = self.state();
            if !state.dead_changed {
                return Ok(());
            }
            state.dead_changed = false;
            state.dead.clone()
        };
        let saved = self.replace(&self.directory.join(NAME), &encode(&dead), NAME).and_then(|()| {
            let directory = fs::File::open(&self.directory).map_err(io_error("open", &self.directory))?;
            directory.sync_all().map_err(io_error("sync", &self.directory))
        });
        if saved.is_err() {
            self.state().dead_changed = true;
        }
        drop(turn);
        saved
    }
}

fn encode(dead: &Dead) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&(dead.chunks.len() as u64).to_le_bytes());
    for (key, since_s) in &dead.chunks {
        bytes.extend_from_slice(&key.0);
        bytes.extend_from_slice(&since_s.to_le_bytes());
    }
    for (fingerprint, since_s) in &dead.manifests {
        bytes.extend_from_slice(&fingerprint.0);
        bytes.extend_from_slice(&since_s.to_le_bytes());
    }
    let hash = blake3::hash(&bytes);
    bytes.extend_from_slice(hash.as_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<Dead> {
    let (body, hash) = bytes.split_at_checked(bytes.len().checked_sub(32)?)?;
    if blake3::hash(body).as_bytes() != hash {
        return None;
    }
    let mut rest = Reader(body.strip_prefix(MAGIC)?);
    let mut dead = Dead::default();
    for _ in 0..rest.u64().ok()? {
        dead.chunks.insert(Key(rest.array().ok()?), rest.u64().ok()?);
    }
    while !rest.0.is_empty() {
        dead.manifests.insert(Fingerprint(rest.array().ok()?), rest.u64().ok()?);
    }
    Some(dead)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_round_trip_and_damage_forgets_them() {
        let dead = Dead {
            chunks: (0..9u8).map(|n| (Key([n; 16]), u64::from(n))).collect(),
            manifests: (0..3u8).map(|n| (Fingerprint([n; 32]), 7)).collect(),
        };
        let bytes = encode(&dead);
        assert_eq!(decode(&bytes), Some(dead));
        for at in 0..bytes.len() {
            let mut hurt = bytes.clone();
            hurt[at] ^= 1;
            assert_eq!(decode(&hurt), None);
            assert_eq!(decode(&bytes[..at]), None);
        }
    }
}
