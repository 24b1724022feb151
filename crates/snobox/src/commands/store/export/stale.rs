//! Archives in a folder of factory-precaching that no image of the store is called like: what an earlier export left. Only files of the form's own names
//! (`.tgz`) directly in the folder are looked at.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Files that were looked at and found stale: nothing else can be removed.
pub(super) struct Stale(Vec<PathBuf>);

impl Stale {
    /// Looks for them; `artifacts` are the names of the archives of all images of the store.
    pub(super) fn find(folder: &Path, artifacts: &BTreeSet<String>) -> Result<Self> {
        let failed = |e: std::io::Error| Error::file("read", folder, &e);
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let artifact = name.to_str().and_then(|name| name.strip_suffix(".tgz"));
            let is_stale = artifact.is_some_and(|artifact| !artifacts.contains(artifact));
            // A link or a folder is nobody's archive.
            if is_stale && entry.file_type().map_err(failed)?.is_file() {
                found.push(entry.path());
            }
        }
        found.sort();
        Ok(Self(found))
    }

    /// Their names.
    pub(super) fn names(&self) -> Vec<String> {
        let names = self.0.iter().filter_map(|path| path.file_name());
        names.map(|name| name.display().to_string()).collect()
    }

    /// Removes them.
    pub(super) fn remove(self) -> Result<()> {
        for path in &self.0 {
            fs::remove_file(path).map_err(|e| Error::file("remove", path, &e))?;
        }
        Ok(())
    }
}
