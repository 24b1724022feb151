//! The files of a store as they lie there, whoever needs them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use snobox_formats::digest::Digest;

use crate::{Store, StoreError};

/// What a file of a store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileKind {
    /// A whole blob.
    Blob,
    /// The first bytes of one.
    Partial,
    /// Bytes that had a wrong digest.
    Quarantined,
    /// A blob on its way in, or what an interrupted writer left.
    Ingest,
    /// A document of what was worked out from blobs; its file name is the name under which it is recalled.
    Known,
    /// Something among the blobs that is not named as one.
    Stranger,
}

/// One file of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreFile {
    /// What it is.
    pub kind: FileKind,
    /// The digest that it is named after, if any.
    pub digest: Option<Digest>,
    /// Where it is.
    pub path: PathBuf,
    /// Its length in bytes.
    pub bytes: u64,
    /// When it was last written; the epoch where the system does not say.
    pub modified: SystemTime,
}

impl Store {
    /// All files that hold blobs or parts of them, and documents of what was worked out, sorted by kind and path. What comes or goes meanwhile may be in it or not.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn files(&self) -> Result<Vec<StoreFile>, StoreError> {
        let folders = [
            (FileKind::Blob, self.blobs_folder()),
            (FileKind::Partial, self.root().join(".snobox/partial")),
            (
                FileKind::Quarantined,
                self.root().join(".snobox/quarantine"),
            ),
            (FileKind::Ingest, self.root().join(".snobox/ingest")),
            (FileKind::Known, self.root().join(".snobox/known")),
        ];
        let mut files = Vec::new();
        for (kind, folder) in folders {
            list(kind, &folder, &mut files)?;
        }
        files.sort_by(|a, b| (a.kind, &a.path).cmp(&(b.kind, &b.path)));
        Ok(files)
    }
}

fn list(kind: FileKind, folder: &Path, files: &mut Vec<StoreFile>) -> Result<(), StoreError> {
    let failed = |path: &Path, source| StoreError::Io {
        action: "read",
        path: path.to_owned(),
        source,
    };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        // Layouts of other programs have no folder of ours.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(folder, error)),
    };
    for entry in entries {
        let entry = entry.map_err(|e| failed(folder, e))?;
        let path = entry.path();
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(failed(&path, error)),
        };
        let name = entry.file_name();
        let digest = name
            .to_str()
            .filter(|_| metadata.is_file() && !matches!(kind, FileKind::Ingest | FileKind::Known))
            .and_then(|hex| format!("sha256:{hex}").parse().ok());
        let kind = match (kind, digest) {
            (FileKind::Blob, None) => FileKind::Stranger,
            (kind, _) => kind,
        };
        files.push(StoreFile {
            kind,
            digest,
            path,
            bytes: metadata.len(),
            modified: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
        });
    }
    Ok(())
}
