//! Names of cached files: SHA-256 over everything that a file is made of.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// Collects inputs, each with its length before it, so that no two sequences of inputs look the same.
pub struct Key(Sha256);

impl Key {
    /// A key for one kind of file.
    pub fn new(kind: &str) -> Self {
        let mut key = Self(Sha256::new());
        key.text(kind);
        key
    }

    /// A text that the file is made of.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
        self
    }

    /// A file's content.
    pub fn file(&mut self, path: &Path) -> Result<&mut Self, String> {
        let bytes =
            fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        Ok(self.bytes(&bytes))
    }

    /// A folder: names, contents, link targets and executable bits, in order of names.
    pub fn folder(&mut self, folder: &Path) -> Result<&mut Self, String> {
        let failed = |error| format!("cannot read {}: {error}", folder.display());
        let mut entries = fs::read_dir(folder)
            .and_then(|entries| entries.collect::<Result<Vec<_>, _>>())
            .map_err(failed)?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (path, kind) = (entry.path(), entry.file_type().map_err(failed)?);
            self.text(&entry.file_name().to_string_lossy());
            if kind.is_dir() {
                self.text("folder").folder(&path)?.text("end");
            } else if kind.is_symlink() {
                let target = fs::read_link(&path).map_err(failed)?;
                self.text("link").text(&target.to_string_lossy());
            } else {
                let mode = entry.metadata().map_err(failed)?.permissions().mode();
                self.text(if mode & 0o100 == 0 { "file" } else { "program" });
                self.file(&path)?;
            }
        }
        Ok(self)
    }

    /// The name: sixteen hexadecimal digits.
    pub fn name(self) -> String {
        let digest = self.0.finalize();
        digest
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_key_is_sha256_over_lengths_and_texts() {
        // printf '\0\0\0\0\0\0\0\1a\0\0\0\0\0\0\0\2bc' | sha256sum
        let mut key = Key::new("a");
        key.text("bc");
        assert_eq!(key.name(), "3fafa1cf2f19a7c1");
    }

    #[test]
    fn a_folder_s_key_changes_with_content_name_link_and_executable_bit() {
        let folder = std::env::temp_dir().join(format!("snobox-key-{}", std::process::id()));
        fs::create_dir_all(folder.join("sub")).unwrap();
        let name = || {
            let mut key = Key::new("t");
            key.folder(&folder).unwrap();
            key.name()
        };
        let mut names = vec![name()];
        fs::write(folder.join("sub/file"), "1").unwrap();
        names.push(name());
        fs::write(folder.join("sub/file"), "2").unwrap();
        names.push(name());
        fs::set_permissions(folder.join("sub/file"), fs::Permissions::from_mode(0o755)).unwrap();
        names.push(name());
        fs::rename(folder.join("sub/file"), folder.join("file")).unwrap();
        names.push(name());
        std::os::unix::fs::symlink("file", folder.join("link")).unwrap();
        names.push(name());
        fs::remove_dir_all(&folder).unwrap();
        let different: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(different.len(), names.len(), "{names:?}");
    }
}
