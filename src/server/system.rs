//! The clock, the source of chance and the hashing of this machine: the adapters behind `Clock`, `Ids` and `Secrets`.
//! Nothing else in darkroom may ask for the time or for randomness.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use darkroom_core::domain::time::Timestamp;
use darkroom_core::ports::{Clock, Ids, PortError, Secrets};
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, PoisonError};
use uuid::Uuid;

/// The machine's wall clock.
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the adapter that owns the clock")]
    fn now(&self) -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_millisecond())
    }
}

/// The machine's clock, ahead by as many milliseconds as a file says: for tests that cannot wait for the end of a month. A file that is
/// missing or says no number moves nothing.
pub struct MovedClock(PathBuf);

impl MovedClock {
    /// Reads this file whenever it is asked for the time.
    pub fn new(file: PathBuf) -> Self {
        tracing::warn!(file = %file.display(), "the clock is moved by a file, for tests only: everything is charged by it");
        Self(file)
    }
}

impl Clock for MovedClock {
    fn now(&self) -> Timestamp {
        let ahead = std::fs::read_to_string(&self.0).ok().and_then(|text| text.trim().parse().ok());
        SystemClock.now().plus_ms(ahead.unwrap_or(0))
    }
}

/// Ids and secrets from the operating system's generator.
pub struct RandomIds;

impl Ids for RandomIds {
    fn uuid(&self) -> Uuid {
        let mut bytes = [0u8; 16];
        getrandom::fill(&mut bytes).expect("the operating system always has randomness after boot");
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    fn secret(&self) -> [u8; 32] {
        let mut bytes = [0u8; 32];
        getrandom::fill(&mut bytes).expect("the operating system always has randomness after boot");
        bytes
    }
}

/// Passwords with argon2id at OWASP's parameters (19 MiB, 2 passes), at most two at a time so that many sign-ins cannot take all memory.
pub struct Argon2Secrets {
    free: Mutex<u32>,
    freed: Condvar,
}

/// Hashes at the same time, 19 MiB each.
const HASHES_MAX: u32 = 2;

impl Default for Argon2Secrets {
    fn default() -> Self {
        Self { free: Mutex::new(HASHES_MAX), freed: Condvar::new() }
    }
}

impl Argon2Secrets {
    fn hasher() -> Argon2<'static> {
        let params = Params::new(19_456, 2, 1, None).expect("these parameters are in range");
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
    }

    fn limited<T>(&self, work: impl FnOnce() -> T) -> T {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free == 0 {
            free = self.freed.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        drop(free);
        let result = work();
        *self.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.freed.notify_one();
        result
    }
}

impl Secrets for Argon2Secrets {
    fn hash_password(&self, password: &str) -> Result<String, PortError> {
        let hash = self.limited(|| Self::hasher().hash_password(password.as_bytes()).map(|h| h.to_string()));
        hash.map_err(|e| PortError::Refused(format!("The password could not be hashed: {e}.")))
    }

    fn verify_password(&self, password: &str, hash: &str) -> Result<bool, PortError> {
        let parsed = PasswordHash::new(hash)
            .map_err(|e| PortError::Corrupt(format!("A stored password hash is damaged: {e}.")))?;
        Ok(self.limited(|| Self::hasher().verify_password(password.as_bytes(), &parsed).is_ok()))
    }

    fn hash_token(&self, token: &[u8; 32]) -> String {
        Sha256::digest(token).iter().map(|b| format!("{b:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_core::ops::people::UNKNOWN_HASH;

    #[test]
    fn a_password_is_recognised_and_a_wrong_one_is_not() {
        let secrets = Argon2Secrets::default();
        let hash = secrets.hash_password("correct horse").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(secrets.verify_password("correct horse", &hash).unwrap());
        assert!(!secrets.verify_password("wrong horse", &hash).unwrap());
    }

    #[test]
    fn the_hash_of_unknown_users_is_well_formed_and_matches_nothing() {
        assert!(!Argon2Secrets::default().verify_password("", UNKNOWN_HASH).unwrap());
    }

    #[test]
    fn ids_are_version_4_and_differ() {
        let (a, b) = (RandomIds.uuid(), RandomIds.uuid());
        assert_eq!(a.get_version_num(), 4);
        assert_ne!(a, b);
    }
}
