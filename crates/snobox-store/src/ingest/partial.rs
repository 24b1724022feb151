//! A blob that arrives over a bad line: what has come stays on disk, and the next try goes on behind it.
//!
//! The file `.snobox/partial/<hex>` holds the first bytes of a blob and nothing else; its length says how many. Nothing is buffered above
//! it, so that a process killed at any moment loses only what it had not handed to the kernel. No state of the hash is kept: who opens
//! a partial file reads it again, so that what a crash of the machine left there cannot be mistaken for what came. Bytes with a
//! wrong digest go to `.snobox/quarantine/<hex>`, where somebody may look at them; the next good blob of that name removes them.
//!
//! Only the holder of the store's lock opens partial files, and each once.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use snobox_formats::digest::Digest;

use super::tally::Tally;
use crate::StoreError;
use crate::store::Store;

/// Given back when the disk is full, so that the index and other programs have room to end well.
const GIVEN_BACK_BYTES: u64 = 1 << 20;
const READ_BYTES: usize = 256 << 10;

/// Receives the bytes of one blob, now or later. Dropped without [`finish`](Partial::finish), it keeps what came.
#[derive(Debug)]
pub struct Partial<'a> {
    store: &'a Store,
    file: File,
    path: PathBuf,
    tally: Tally,
}

impl<'a> Partial<'a> {
    pub(crate) fn open(store: &'a Store, expected: Digest, size: u64) -> Result<Self, StoreError> {
        let path = store.partial_path(expected);
        let file = open_file(&path)?;
        let mut partial = Self {
            store,
            file,
            path,
            tally: Tally::new(expected, size),
        };
        partial.hash_again()?;
        Ok(partial)
    }

    fn hash_again(&mut self) -> Result<(), StoreError> {
        let length = self
            .file
            .metadata()
            .map_err(|e| self.io("look at", e))?
            .len();
        if length > self.tally.size {
            return self.restart();
        }
        let mut buffer = vec![0; READ_BYTES.min(length as usize)];
        while self.tally.received < length {
            let count = match self.file.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.io("read", error)),
            };
            self.tally.add(&buffer[..count]);
        }
        Ok(())
    }

    /// The blob.
    pub fn digest(&self) -> Digest {
        self.tally.expected
    }

    /// Bytes of the whole blob.
    pub fn size_bytes(&self) -> u64 {
        self.tally.size
    }

    /// Bytes that are there, from the first on.
    pub fn received_bytes(&self) -> u64 {
        self.tally.received
    }

    /// Whether what is there has the right digest already, whatever its size should be.
    pub fn is_whole(&self) -> bool {
        self.tally.is_whole()
    }

    /// Adds the next bytes.
    ///
    /// # Errors
    /// [`StoreError::WrongSize`] for more bytes than the descriptor says: none of `bytes` is kept. [`StoreError::Io`] when they cannot
    /// be written: this value is of no use any more, and on a full disk the last MiB is given back.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.tally.expect(bytes)?;
        if let Err(source) = self.file.write_all(bytes) {
            if source.kind() == io::ErrorKind::StorageFull {
                // The disk is full either way; less is fetched again than was given back.
                let _ = self
                    .file
                    .set_len(self.tally.received.saturating_sub(GIVEN_BACK_BYTES));
            }
            return Err(self.io("write", source));
        }
        self.tally.add(bytes);
        Ok(())
    }

    /// Throws away what came.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn restart(&mut self) -> Result<(), StoreError> {
        self.file.set_len(0).map_err(|e| self.io("empty", e))?;
        self.tally.restart();
        Ok(())
    }

    /// Checks length and digest, and makes the blob appear.
    ///
    /// # Errors
    /// [`StoreError::WrongSize`]: what came is kept, and more may follow. [`StoreError::WrongDigest`]: what came is in quarantine, and the
    /// blob may start again. [`StoreError::Io`].
    pub fn finish(&mut self) -> Result<(), StoreError> {
        match self.tally.check() {
            Err(wrong @ StoreError::WrongDigest { .. }) => {
                self.quarantine()?;
                return Err(wrong);
            }
            other => other?,
        }
        self.file.sync_data().map_err(|e| self.io("sync", e))?;
        let target = self.store.blob_path(self.tally.expected);
        fs::rename(&self.path, &target).map_err(|source| StoreError::Io {
            action: "rename into",
            path: target,
            source,
        })?;
        self.store.sync_blobs()?;
        // What was wrong before is of no interest any more, and mostly not there.
        let _ = fs::remove_file(self.store.quarantine_path(self.tally.expected));
        Ok(())
    }

    /// Moves the file away and starts with an empty one.
    fn quarantine(&mut self) -> Result<(), StoreError> {
        let away = self.store.quarantine_path(self.tally.expected);
        fs::rename(&self.path, &away).map_err(|source| StoreError::Io {
            action: "rename into",
            path: away,
            source,
        })?;
        self.file = open_file(&self.path)?;
        self.tally.restart();
        Ok(())
    }

    fn io(&self, action: &'static str, source: io::Error) -> StoreError {
        StoreError::Io {
            action,
            path: self.path.clone(),
            source,
        }
    }
}

/// A file without a byte says nothing.
impl Drop for Partial<'_> {
    fn drop(&mut self) {
        if self.tally.received == 0 {
            // The next one would find it empty.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn open_file(path: &Path) -> Result<File, StoreError> {
    let file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        // What is in a store is public by the rules of images; it must be readable by whoever serves it.
        .mode(0o644)
        .open(path);
    file.map_err(|source| StoreError::Io {
        action: "open",
        path: path.to_owned(),
        source,
    })
}
