//! The files of a folder and all below it, as texts in which certificates may be. Links are not followed: what they lead to has a place of its own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use snobox_certs::{Text, Zeroizing};

use super::replacement::FOLDER;

/// Larger files are no manifests. Of the installer's the largest has some 100 KiB.
const MAX_BYTES: u64 = 4 << 20;

/// A file or folder that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {path}", path = .path.display())]
pub struct ReadError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// What was read.
#[derive(Debug)]
pub struct Found {
    /// By path below the folder, in order.
    pub texts: Vec<Text>,
    /// Paths of files that are too large.
    pub skipped: Vec<String>,
}

/// Reads all files.
///
/// # Errors
/// [`ReadError`].
pub fn read(root: &Path) -> Result<Found, ReadError> {
    let mut found = Found {
        texts: Vec::new(),
        skipped: Vec::new(),
    };
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| ReadError { path, source }
        };
        for entry in fs::read_dir(&folder).map_err(failed(&folder))? {
            let path = entry.map_err(failed(&folder))?.path();
            let metadata = fs::symlink_metadata(&path).map_err(failed(&path))?;
            // A path that is not UTF-8 is none of the installer's.
            let Some(name) = path.strip_prefix(root).ok().and_then(Path::to_str) else {
                continue;
            };
            if metadata.is_dir() {
                if name != FOLDER {
                    folders.push(path);
                }
            } else if metadata.len() > MAX_BYTES {
                found.skipped.push(name.to_owned());
            } else if metadata.is_file() {
                let bytes = fs::read(&path).map_err(failed(&path))?;
                found.texts.push(Text {
                    path: name.to_owned(),
                    bytes: Zeroizing::new(bytes),
                });
            }
        }
    }
    found.texts.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}
