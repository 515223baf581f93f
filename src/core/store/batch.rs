//! What one commit does: rows that must still be as they were read, rows to write, rows to remove.
//! Plain data; engines decide how to apply it. It must not know tables or records.

use super::{StoreError, Version, key::show_key};

/// The longest key every engine takes.
pub const KEY_BYTES_MAX: usize = 1024;

/// The largest value every engine takes. Records are small; what is larger belongs into the chunk store.
pub const VALUE_BYTES_MAX: usize = 64 * 1024;

/// A condition of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    /// The row.
    pub key: Vec<u8>,
    /// The version it must have; `None` expects that there is no such row.
    pub version: Option<Version>,
}

/// One atomic change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// All of these must hold when the batch is applied.
    pub expects: Vec<Expect>,
    /// Rows to write, applied in order.
    pub puts: Vec<(Vec<u8>, Vec<u8>)>,
    /// Rows to remove, applied after the puts. Removing what is not there is no error.
    pub deletes: Vec<Vec<u8>>,
}

impl Batch {
    /// A batch that does nothing.
    pub fn new() -> Batch {
        Batch::default()
    }

    /// Adds a condition.
    pub fn expect(mut self, key: impl Into<Vec<u8>>, version: Option<Version>) -> Batch {
        self.expects.push(Expect { key: key.into(), version });
        self
    }

    /// Adds a row to write.
    pub fn put(mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Batch {
        self.puts.push((key.into(), value.into()));
        self
    }

    /// Adds a row to remove.
    pub fn delete(mut self, key: impl Into<Vec<u8>>) -> Batch {
        self.deletes.push(key.into());
        self
    }

    /// Whether the batch changes nothing and only checks what it expects.
    pub fn is_read_only(&self) -> bool {
        self.puts.is_empty() && self.deletes.is_empty()
    }

    /// Refuses what some engine could not take, before anything is written. Every engine calls this first.
    pub fn check(&self) -> Result<(), StoreError> {
        let expected = self.expects.iter().map(|expect| &expect.key);
        let keys = expected.chain(self.puts.iter().map(|(key, _)| key)).chain(&self.deletes);
        for key in keys {
            // 0x00 is where engines keep rows of their own, such as the sequence number.
            if key.is_empty() || key.len() > KEY_BYTES_MAX || key[0] == 0 {
                return Err(StoreError::BadKey { size_bytes: key.len() as u64 });
            }
        }
        for (key, value) in &self.puts {
            if value.len() > VALUE_BYTES_MAX {
                return Err(StoreError::TooLarge {
                    key: show_key(key),
                    size_bytes: value.len() as u64,
                    max_bytes: VALUE_BYTES_MAX as u64,
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_engines_keep_for_themselves_are_refused() {
        for key in [vec![], vec![0], vec![0, 1], vec![7; KEY_BYTES_MAX + 1]] {
            assert!(matches!(Batch::new().put(key.clone(), "x").check(), Err(StoreError::BadKey { .. })));
            assert!(matches!(Batch::new().delete(key.clone()).check(), Err(StoreError::BadKey { .. })));
            assert!(matches!(Batch::new().expect(key, None).check(), Err(StoreError::BadKey { .. })));
        }
        assert!(Batch::new().put(vec![1; KEY_BYTES_MAX], vec![0; VALUE_BYTES_MAX]).check().is_ok());
    }

    #[test]
    fn a_value_that_is_too_large_is_refused_with_its_size() {
        let error =
            Batch::new().put("k", vec![0; VALUE_BYTES_MAX + 1]).check().expect_err("one byte too many");
        assert_eq!(error.to_string(), "a record of 65537 bytes is larger than the 65536 that fit: k");
    }
}
