//! A folder as it is: every path with its mode and bytes, to be compared with a later one.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

/// Path → mode, length and hash.
#[derive(PartialEq, Eq)]
pub(crate) struct Tree(BTreeMap<String, (u32, u64, u64)>);

impl Tree {
    pub(crate) fn of(folder: &Path) -> Self {
        let mut tree = Self(BTreeMap::new());
        tree.add(folder, folder);
        tree
    }

    fn add(&mut self, root: &Path, folder: &Path) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let name = path.strip_prefix(root).unwrap().display().to_string();
            let mode = metadata.permissions().mode() & 0o7777;
            if metadata.is_dir() {
                self.0.insert(format!("{name}/"), (mode, 0, 0));
                self.add(root, &path);
            } else {
                let mut hasher = DefaultHasher::new();
                fs::read(&path).unwrap().hash(&mut hasher);
                self.0.insert(name, (mode, metadata.len(), hasher.finish()));
            }
        }
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    /// Without what came of blobs that are not whole: it stays for the next run.
    pub(crate) fn without_partial_blobs(mut self) -> Self {
        let begun = |name: &str| {
            let folders = ["/.snobox/partial/", "/.snobox/quarantine/"];
            folders
                .iter()
                .any(|folder| name.contains(folder) && !name.ends_with(folder))
        };
        self.0.retain(|name, _| !begun(name));
        self
    }

    /// Mode of a file, or of a folder named with a slash at its end.
    pub(crate) fn mode(&self, name: &str) -> u32 {
        self.0[name].0
    }

    /// Names that look as if something stopped half-way.
    pub(crate) fn leftovers(&self) -> Vec<&str> {
        let half = |name: &&str| {
            let last = name.trim_end_matches('/').rsplit('/').next().unwrap();
            name.ends_with(".partial")
                || name.contains("ingest/") && !name.ends_with("ingest/")
                || last.starts_with(".registry-")
                || last.starts_with(".tmp")
                || last.contains("snobox-installer-")
        };
        self.names().into_iter().filter(half).collect()
    }
}

/// Only what differs is worth reading.
impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, (mode, length, hash)) in &self.0 {
            writeln!(f, "{mode:04o} {length:>10} {hash:016x} {name}")?;
        }
        Ok(())
    }
}

pub(crate) fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(status.unwrap().success());
}
