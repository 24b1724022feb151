//! Catalogs out of files: a file of catalog documents, or a folder with such files in it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use snobox_catalog::catalog::{Builder, Catalog};
use snobox_catalog::fbc::{self, IGNORE_FILE, Ignored, ReadError};

use crate::error::{Error, Exit, Result};
use crate::ui::Ui;

/// Folders within folders; more is a circle of links.
const MAX_DEPTH: usize = 32;
const HINT: &str = "expected documents of a file-based catalog, as `opm render` writes them or a catalog image has them in /configs";

/// Reads a catalog. Of a folder, all files in it and below that no `.indexignore` names.
pub fn read(path: &Path, ui: &Ui) -> Result<Catalog> {
    let mut finding = Finding::default();
    finding.find(path, "", 0)?;
    let is_document = |(within, _): &(String, PathBuf)| finding.ignored.is_document(within);
    let all = finding.files.iter().filter(|file| is_document(file));
    let mut files: Vec<&PathBuf> = Vec::new();
    for (within, file) in all {
        let opened = File::open(file).map_err(|e| Error::file("read", file, &e))?;
        match fbc::is_other(within, opened) {
            Some(other) if !within.is_empty() => {
                ui.say(format!("note: {}: {}", path.display(), passed_over(&other)));
            }
            _ => files.push(file),
        }
    }
    if files.is_empty() {
        let message = format!("{} has no file of documents in it", path.display());
        return Err(Error::new(Exit::File, message).hint(HINT));
    }
    let mut builder = Builder::default();
    for file in &files {
        let opened = File::open(file).map_err(|e| Error::file("read", file, &e))?;
        let name = file.display().to_string();
        let mut take = |document: fbc::Document<'_>| {
            builder.add(document);
            Ok(())
        };
        fbc::read(&name, opened, &mut take).map_err(|error| match &error {
            ReadError::Io { .. } => Error::caused(Exit::File, "cannot read the catalog", &error),
            ReadError::Document { .. } => Error::new(Exit::File, error.to_string()).hint(HINT),
        })?;
    }
    super::finished(&path.display().to_string(), builder, HINT)
}

/// A file in the folder of the documents that is none, in words.
pub(super) fn passed_over(error: &ReadError) -> String {
    format!(
        "passed over, for it is no document of a catalog: {error}; opm wants it named in a file .indexignore"
    )
}

/// The files of a folder, each with its path below it, and what its `.indexignore` files say.
#[derive(Default)]
struct Finding {
    files: Vec<(String, PathBuf)>,
    ignored: Ignored,
}

impl Finding {
    fn find(&mut self, path: &Path, within: &str, depth: usize) -> Result<()> {
        let failed = |e: io::Error| Error::file("read", path, &e);
        let kind = fs::metadata(path).map_err(failed)?;
        if kind.is_file() {
            let folder = within.rsplit_once('/').map_or("", |(folder, _)| folder);
            if depth > 0 && path.file_name().is_some_and(|name| name == IGNORE_FILE) {
                let text = crate::input::read_text(path).map_err(failed)?;
                self.ignored.add(folder, &text);
            } else {
                self.files.push((within.to_owned(), path.to_owned()));
            }
        } else if kind.is_dir() {
            if depth > MAX_DEPTH {
                return Err(failed(io::Error::other(
                    "folders within folders without end",
                )));
            }
            let entries: io::Result<Vec<_>> = fs::read_dir(path).map_err(failed)?.collect();
            let mut entries = entries.map_err(failed)?;
            entries.sort_by_key(fs::DirEntry::file_name);
            for entry in entries {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                let slash = if within.is_empty() { "" } else { "/" };
                let within = format!("{within}{slash}{name}");
                self.find(&entry.path(), &within, depth + 1)?;
            }
        } else if depth == 0 {
            return Err(failed(io::Error::other("neither a file nor a folder")));
        }
        Ok(())
    }
}
