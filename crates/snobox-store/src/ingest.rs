//! A blob on its way into the store: hashed while written, whole or absent.
//!
//! [`Ingest`] is for bytes that are at hand; [`Partial`] for those that come over a line.

mod partial;

use std::io::Write as _;

use snobox_formats::digest::{Digest, Hasher};
use tempfile::NamedTempFile;

use crate::StoreError;
use crate::store::Store;

pub use partial::Partial;

/// Receives the bytes of one blob. Dropped without [`finish`](Ingest::finish), it leaves nothing.
#[derive(Debug)]
pub struct Ingest<'a> {
    store: &'a Store,
    file: NamedTempFile,
    hasher: Hasher,
    expected: Digest,
    size: u64,
    received: u64,
}

impl<'a> Ingest<'a> {
    pub(crate) fn new(store: &'a Store, file: NamedTempFile, expected: Digest, size: u64) -> Self {
        Self {
            store,
            file,
            hasher: Hasher::new(),
            expected,
            size,
            received: 0,
        }
    }

    /// Adds the next bytes.
    ///
    /// # Errors
    /// [`StoreError::Io`] when they cannot be written (a full disk among others), [`StoreError::WrongSize`] as soon as more bytes came
    /// than the descriptor says.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.received += bytes.len() as u64;
        if self.received > self.size {
            return Err(StoreError::WrongSize {
                digest: self.expected,
                expected: self.size,
                found: self.received,
            });
        }
        self.hasher.update(bytes);
        self.file
            .write_all(bytes)
            .map_err(|source| self.io("write", source))
    }

    /// Checks length and digest, and makes the blob appear.
    ///
    /// # Errors
    /// [`StoreError::WrongSize`], [`StoreError::WrongDigest`], [`StoreError::Io`]; the bytes received are gone in each case.
    pub fn finish(self) -> Result<(), StoreError> {
        if self.received != self.size {
            return Err(StoreError::WrongSize {
                digest: self.expected,
                expected: self.size,
                found: self.received,
            });
        }
        let found = self.hasher.clone().finish();
        if found != self.expected {
            return Err(StoreError::WrongDigest {
                expected: self.expected,
                found,
            });
        }
        self.file
            .as_file()
            .sync_data()
            .map_err(|source| self.io("sync", source))?;
        let target = self.store.blob_path(self.expected);
        self.file.persist(&target).map_err(|e| StoreError::Io {
            action: "rename into",
            path: target,
            source: e.error,
        })?;
        self.store.sync_blobs()
    }

    fn io(&self, action: &'static str, source: std::io::Error) -> StoreError {
        StoreError::Io {
            action,
            path: self.file.path().to_owned(),
            source,
        }
    }
}
