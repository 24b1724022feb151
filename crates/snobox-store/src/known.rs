//! What was worked out from blobs that need not stay: small documents under names of their own, so that planning works without a network.
//!
//! They are no part of the image layout. Whoever finds none works it out again, so each may go at any time; [`gc`](crate::GcPolicy) takes those that its
//! caller knows no use for.

use std::fs;
use std::io;
use std::path::PathBuf;

use crate::{Store, StoreError};

impl Store {
    /// Keeps a document under `name` (letters, digits, dots and dashes), in the place of an earlier one. Only for the holder of the [`lock`](Self::lock).
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn remember(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.known_path(name);
        let folder = self.known_folder();
        fs::create_dir_all(&folder).map_err(|source| StoreError::Io {
            action: "create the folder",
            path: folder,
            source,
        })?;
        self.replace(&format!(".snobox/known/{name}"), bytes)
            .map_err(|error| match error {
                StoreError::Io { action, source, .. } => StoreError::Io {
                    action,
                    path,
                    source,
                },
                other => other,
            })
    }

    /// The document under `name`, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Io`] when it is there and cannot be read.
    pub fn recall(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.known_path(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StoreError::Io {
                action: "read",
                path,
                source,
            }),
        }
    }

    fn known_folder(&self) -> PathBuf {
        self.root().join(".snobox/known")
    }

    fn known_path(&self, name: &str) -> PathBuf {
        self.known_folder().join(name)
    }
}
