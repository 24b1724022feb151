//! Room on the disk of a store: asked before something large comes, so that a full disk is said at the start and not in the night.
//!
//! Source of truth: statvfs(3); what only root may use does not count.

use std::io;
use std::path::Path;

use crate::{Store, StoreError};

/// Kept free besides what is asked for: indexes, folders, and the file system's own notes.
pub const RESERVE_BYTES: u64 = 4 << 20;

/// Files that may have been on their way when there was no place for another, and are gone again: more than a run writes at a time.
const ON_THE_WAY: u64 = 32;

/// Whether a failure for want of space on the file system on which `path` is, or would be, was for want of files and not of bytes. Some file systems
/// have no such limit.
pub fn is_out_of_inodes(path: &Path) -> bool {
    let found = path
        .ancestors()
        .find_map(|path| rustix::fs::statvfs(path).ok());
    found.is_some_and(|found| {
        let has_bytes = found.f_bavail.saturating_mul(found.f_frsize) > RESERVE_BYTES;
        let is_short = found.f_favail == 0 || found.f_favail <= ON_THE_WAY && has_bytes;
        found.f_files > 0 && is_short
    })
}

impl Store {
    /// Bytes free on the store's disk.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn free_bytes(&self) -> Result<u64, StoreError> {
        let found = rustix::fs::statvfs(self.root()).map_err(|errno| StoreError::Io {
            action: "ask for the free space of",
            path: self.root().to_owned(),
            source: io::Error::from(errno),
        })?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }

    /// Checks that `needed_bytes` more fit, and a reserve.
    ///
    /// # Errors
    /// [`StoreError::NoRoom`] when they do not, [`StoreError::Io`].
    pub fn check_room(&self, needed_bytes: u64) -> Result<(), StoreError> {
        let free_bytes = self.free_bytes()?;
        let needed_bytes = needed_bytes.saturating_add(RESERVE_BYTES);
        if needed_bytes <= free_bytes {
            return Ok(());
        }
        Err(StoreError::NoRoom {
            path: self.root().to_owned(),
            needed_bytes,
            free_bytes,
        })
    }
}
