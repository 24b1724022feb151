//! A store gone through whole: what its index leads to, and what lies there besides.
//!
//! Damage is what keeps an image from being served. What nobody needs only takes room, and what was interrupted goes on; both are said,
//! and neither is damage. A blob that no image names is hashed like the others: the next mirror would take it as it is.

use std::collections::BTreeSet;
use std::fs;

use snobox_formats::digest::Digest;
use snobox_formats::layout::{self, Closure, Finding, Needed, Progress};
use snobox_formats::oci::Descriptor;

use crate::contents::{FileKind, StoreFile};
use crate::{Store, StoreError, StoreLock};

/// What was found.
#[derive(Clone, Debug)]
pub struct Checkup {
    /// Blobs that the index leads to, and everything that is damaged, orphans included.
    pub closure: Closure,
    /// Files that no image needs: orphans, partial and quarantined blobs, what an interrupted writer left, and strangers.
    pub unneeded: Vec<StoreFile>,
}

impl Store {
    /// Bytes that [`check`](Self::check) will hash, as far as sizes are known.
    ///
    /// # Errors
    /// As [`Store::files`].
    pub fn check_bytes(&self) -> Result<u64, StoreError> {
        let files = self.files()?;
        let blobs = files.iter().filter(|file| file.kind == FileKind::Blob);
        Ok(blobs.map(|file| file.bytes).sum())
    }

    /// Hashes every blob, and follows the index to all that should be there. `progress` is told the bytes of each piece.
    ///
    /// # Errors
    /// [`StoreError::Io`] when a folder or `index.json` cannot be read, or `progress` says stop; everything else is a finding.
    pub fn check(&self, progress: &mut Progress<'_>) -> Result<Checkup, StoreError> {
        let mut closure = self.verify(progress)?;
        let needed: BTreeSet<Digest> = closure.blobs.iter().map(|b| b.descriptor.digest).collect();
        let is_needed = |file: &StoreFile| {
            file.kind == FileKind::Blob && file.digest.is_some_and(|d| needed.contains(&d))
        };
        let mut unneeded = self.files()?;
        // Documents of what was read belong to no image, and are no worse for it.
        unneeded.retain(|file| file.kind != FileKind::Known && !is_needed(file));
        for file in &unneeded {
            if let (FileKind::Blob, Some(digest)) = (file.kind, file.digest) {
                closure
                    .findings
                    .extend(self.check_orphan(digest, file.bytes, progress)?);
            }
        }
        Ok(Checkup { closure, unneeded })
    }

    fn check_orphan(
        &self,
        digest: Digest,
        size: u64,
        progress: &mut Progress<'_>,
    ) -> Result<Option<Finding>, StoreError> {
        let orphan = Needed {
            descriptor: Descriptor {
                media_type: String::new(),
                digest,
                size,
                platform: None,
                annotations: Default::default(),
            },
            kind: "blob",
            images: Vec::new(),
        };
        let found = layout::verify_blob(&orphan, self, progress);
        found.map_err(|source| StoreError::Io {
            action: "verify",
            path: self.root().to_owned(),
            source,
        })
    }

    /// Moves a damaged blob into quarantine, so that the next mirror fetches it again; returns whether there was a file to move.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn set_aside(&self, _writing: &StoreLock, digest: Digest) -> Result<bool, StoreError> {
        let (path, away) = (self.blob_path(digest), self.quarantine_path(digest));
        match fs::rename(&path, &away) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(source) => {
                return Err(StoreError::Io {
                    action: "move into quarantine",
                    path,
                    source,
                });
            }
        }
        self.sync_blobs().map(|()| true)
    }
}
