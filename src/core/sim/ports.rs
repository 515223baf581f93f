//! The simulated clock, ids and secrets. The hashing here keeps the meaning of the real one and none of its cost; it protects nothing.

use super::dice::Dice;
use crate::domain::time::Timestamp;
use crate::ports::{Clock, Ids, PortError, Secrets};
use sha2::{Digest, Sha256};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use uuid::Uuid;

/// A clock that is set by hand, and knows the latest moment that it ever showed.
pub struct SimClock {
    now: AtomicI64,
    latest: AtomicI64,
}

impl SimClock {
    /// A clock that shows `now`.
    pub fn new(now: Timestamp) -> Self {
        Self { now: AtomicI64::new(now.0), latest: AtomicI64::new(now.0) }
    }

    /// Moves the clock, back when `ms` is negative.
    pub fn advance(&self, ms: i64) {
        let now = self.now.fetch_add(ms, Ordering::Relaxed) + ms;
        self.latest.fetch_max(now, Ordering::Relaxed);
    }

    /// Moves the clock forward to `moment`, never back.
    pub fn reach(&self, moment: Timestamp) {
        self.now.fetch_max(moment.0, Ordering::Relaxed);
        self.latest.fetch_max(moment.0, Ordering::Relaxed);
    }

    /// Ends what moved the clock back: it shows the latest moment that it ever showed.
    pub fn set_right(&self) {
        self.now.store(self.latest.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::Relaxed))
    }
}

/// Ids and secrets from two seeded streams.
pub struct SimIds {
    uuids: Mutex<Dice>,
    secrets: Mutex<Dice>,
}

impl SimIds {
    /// The streams of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { uuids: Mutex::new(Dice::new(seed, 1)), secrets: Mutex::new(Dice::new(seed, 2)) }
    }
}

impl Ids for SimIds {
    fn uuid(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.uuids.lock().unwrap_or_else(PoisonError::into_inner).fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    fn secret(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).fill(&mut bytes);
        bytes
    }
}

/// Hashing at no cost: salted like the real one, so that two hashes of one password differ.
#[derive(Default)]
pub struct SimSecrets(AtomicU64);

impl Secrets for SimSecrets {
    fn hash_password(&self, password: &str) -> Result<String, PortError> {
        let salt = self.0.fetch_add(1, Ordering::Relaxed);
        Ok(format!("$sim${salt}${}", hex(&[b"password", &salt.to_be_bytes(), password.as_bytes()])))
    }

    fn verify_password(&self, password: &str, hash: &str) -> Result<bool, PortError> {
        let mut parts = hash.split('$').skip(1);
        let (Some("sim"), Some(salt), Some(digest)) = (parts.next(), parts.next(), parts.next()) else {
            return Ok(false);
        };
        let salt: u64 = salt.parse().map_err(|_| PortError::Corrupt("A password hash is damaged.".into()))?;
        Ok(digest == hex(&[b"password", &salt.to_be_bytes(), password.as_bytes()]))
    }

    fn hash_token(&self, token: &[u8; 32]) -> String {
        hex(&[token])
    }
}

/// SHA-256 of the parts one after the other, as lower-case hex.
pub(super) fn hex(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
