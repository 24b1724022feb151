//! How much of a blob has come, and what it hashes to: the checks that every way into the store shares.

use snobox_formats::digest::{Digest, Hasher};

use crate::StoreError;

/// Counts and hashes the bytes of one blob.
#[derive(Debug)]
pub(super) struct Tally {
    hasher: Hasher,
    pub(super) expected: Digest,
    pub(super) size: u64,
    pub(super) received: u64,
}

impl Tally {
    pub(super) fn new(expected: Digest, size: u64) -> Self {
        Self {
            hasher: Hasher::new(),
            expected,
            size,
            received: 0,
        }
    }

    /// Refuses bytes of which the blob has no room left.
    pub(super) fn expect(&self, bytes: &[u8]) -> Result<(), StoreError> {
        let found = self.received + bytes.len() as u64;
        if found > self.size {
            return Err(self.wrong_size(found));
        }
        Ok(())
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.received += bytes.len() as u64;
    }

    pub(super) fn restart(&mut self) {
        *self = Self::new(self.expected, self.size);
    }

    /// Whether all of the blob came, and nothing else.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        if self.received != self.size {
            return Err(self.wrong_size(self.received));
        }
        let found = self.hasher.clone().finish();
        if found != self.expected {
            return Err(StoreError::WrongDigest {
                expected: self.expected,
                found,
            });
        }
        Ok(())
    }

    pub(super) fn is_whole(&self) -> bool {
        self.hasher.clone().finish() == self.expected
    }

    fn wrong_size(&self, found: u64) -> StoreError {
        StoreError::WrongSize {
            digest: self.expected,
            expected: self.size,
            found,
        }
    }
}
