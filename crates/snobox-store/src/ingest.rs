//! A blob on its way into the store: hashed while written, whole or absent.
//!
//! [`Ingest`] is for bytes that are at hand; [`Partial`] for those that come over a line.

mod partial;
mod tally;

use std::io::Write as _;

use snobox_formats::digest::Digest;
use tempfile::NamedTempFile;

use crate::StoreError;
use crate::store::Store;

pub use partial::Partial;
use tally::Tally;

/// Receives the bytes of one blob. Dropped without [`finish`](Ingest::finish), it leaves nothing.
#[derive(Debug)]
pub struct Ingest<'a> {
    store: &'a Store,
    file: NamedTempFile,
    tally: Tally,
}

impl<'a> Ingest<'a> {
    pub(crate) fn new(store: &'a Store, file: NamedTempFile, expected: Digest, size: u64) -> Self {
        Self {
            store,
            file,
            tally: Tally::new(expected, size),
        }
    }

    /// Adds the next bytes.
    ///
    /// # Errors
    /// [`StoreError::Io`] when they cannot be written (a full disk among others), [`StoreError::WrongSize`] as soon as more bytes came
    /// than the descriptor says.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.tally.expect(bytes)?;
        self.file
            .write_all(bytes)
            .map_err(|source| self.io("write", source))?;
        self.tally.add(bytes);
        Ok(())
    }

    /// Checks length and digest, and makes the blob appear.
    ///
    /// # Errors
    /// [`StoreError::WrongSize`], [`StoreError::WrongDigest`], [`StoreError::Io`]; the bytes received are gone in each case.
    pub fn finish(self) -> Result<(), StoreError> {
        self.tally.check()?;
        self.file
            .as_file()
            .sync_data()
            .map_err(|source| self.io("sync", source))?;
        let target = self.store.blob_path(self.tally.expected);
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
