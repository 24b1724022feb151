//! The installer's folder: how inputs are read and consumed, and how a file is written.

use super::InstallerError;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The input that a user writes.
pub(super) const INSTALL_CONFIG: &str = "install-config.yaml";
/// The folders that `create manifests` writes and a user may add to.
pub(super) const FOLDERS: [&str; 2] = ["manifests", "openshift"];

/// Every file of the two folders by its path from `dir`. Folders in them are not looked into, as in the real installer.
pub(super) fn read_folders(dir: &Path) -> Result<BTreeMap<String, Vec<u8>>, InstallerError> {
    let mut files = BTreeMap::new();
    for folder in FOLDERS {
        let path = dir.join(folder);
        let list = match fs::read_dir(&path) {
            Ok(list) => list,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(source) => return Err(InstallerError::io("list", &path, source)),
        };
        for entry in list {
            let entry = entry.map_err(|source| InstallerError::io("list", &path, source))?;
            let file = entry.path();
            if file.is_file() {
                let content =
                    fs::read(&file).map_err(|source| InstallerError::io("read", &file, source))?;
                files.insert(
                    format!("{folder}/{}", entry.file_name().to_string_lossy()),
                    content,
                );
            }
        }
    }
    Ok(files)
}

/// Writes a file under another name first, so that it appears whole or not at all.
pub(super) fn write(path: &Path, mode: u32, content: &[u8]) -> Result<(), InstallerError> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let written = (|| {
        // A leftover of an interrupted run would keep its own mode.
        if part.exists() {
            fs::remove_file(&part)?;
        }
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&part)?;
        file.write_all(content)?;
        fs::rename(&part, path)
    })();
    written.map_err(|source| InstallerError::io("write", path, source))
}

pub(super) fn remove_install_config(dir: &Path) -> Result<(), InstallerError> {
    let path = dir.join(INSTALL_CONFIG);
    ignore_missing(fs::remove_file(&path))
        .map_err(|source| InstallerError::io("remove", &path, source))
}

pub(super) fn remove_folders(dir: &Path) -> Result<(), InstallerError> {
    for folder in FOLDERS {
        let path = dir.join(folder);
        ignore_missing(fs::remove_dir_all(&path))
            .map_err(|source| InstallerError::io("remove", &path, source))?;
    }
    Ok(())
}

fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
