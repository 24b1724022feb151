//! Catalogs out of files: a file of catalog documents, or a folder with such files in it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use snobox_catalog::catalog::{Builder, Catalog};
use snobox_catalog::fbc::{self, ReadError};

use crate::error::{Error, Exit, Result};

/// Folders within folders; more is a circle of links.
const MAX_DEPTH: usize = 32;
const HINT: &str = "expected documents of a file-based catalog, as `opm render` writes them or a catalog image has them in /configs";

/// Reads a catalog. Of a folder, all `.json`, `.yaml` and `.yml` files in it and below.
pub fn read(path: &Path) -> Result<Catalog> {
    let mut files = Vec::new();
    find(path, 0, &mut files)?;
    if files.is_empty() {
        let message = format!("{} has no .json, .yaml or .yml file in it", path.display());
        return Err(Error::new(Exit::File, message).hint(HINT));
    }
    let mut builder = Builder::default();
    for file in &files {
        let opened = File::open(file).map_err(|e| Error::file("read", file, &e))?;
        let name = file.display().to_string();
        fbc::read(&name, opened, &mut |document| builder.add(document)).map_err(|error| {
            match &error {
                ReadError::Io { .. } => {
                    Error::caused(Exit::File, "cannot read the catalog", &error)
                }
                ReadError::Document { .. } => Error::new(Exit::File, error.to_string()).hint(HINT),
            }
        })?;
    }
    super::finished(&path.display().to_string(), builder, HINT)
}

fn find(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<()> {
    let failed = |e: io::Error| Error::file("read", path, &e);
    let kind = fs::metadata(path).map_err(failed)?;
    if kind.is_file() {
        let extension = path.extension().and_then(|e| e.to_str());
        if depth == 0 || matches!(extension, Some("json" | "yaml" | "yml")) {
            files.push(path.to_owned());
        }
    } else if kind.is_dir() {
        if depth > MAX_DEPTH {
            return Err(failed(io::Error::other(
                "folders within folders without end",
            )));
        }
        let entries: io::Result<Vec<_>> = fs::read_dir(path).map_err(failed)?.collect();
        let mut paths: Vec<_> = entries
            .map_err(failed)?
            .iter()
            .map(fs::DirEntry::path)
            .collect();
        paths.sort();
        for path in paths {
            find(&path, depth + 1, files)?;
        }
    } else if depth == 0 {
        return Err(failed(io::Error::other("neither a file nor a folder")));
    }
    Ok(())
}
