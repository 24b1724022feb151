//! Container layers with fixed bytes: ustar in gzip.
//!
//! Every header has owner 0:0, time 0 and no names; gzip has time 0 and "unknown" as its system, so that the digest of a
//! layer depends on its files alone. Sources: OCI image specification 1.1 `layer.md`; RFC 1952.

use crate::digest::oci_digest;
use flate2::{Compression, GzBuilder};
use std::collections::BTreeSet;
use std::io::{self, Write as _};

/// `OS = unknown` in the gzip header (RFC 1952, 2.3.1).
const GZIP_OS_UNKNOWN: u8 = 255;

/// One finished layer.
pub(crate) struct Layer {
    /// The compressed bytes as a registry serves them.
    pub(crate) blob: Vec<u8>,
    /// Digest of the uncompressed tar, as the image config lists it.
    pub(crate) diff_id: String,
}

/// Collects files into a [`Layer`]; files keep the order in which they were added.
#[derive(Default)]
pub(crate) struct LayerBuilder {
    files: Vec<(String, u32, Vec<u8>)>,
    links: Vec<(String, String)>,
}

impl LayerBuilder {
    /// Adds a file at `path` (no leading slash) with `mode`.
    pub(crate) fn file(mut self, path: &str, mode: u32, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((path.to_owned(), mode, content.into()));
        self
    }

    /// Adds a whiteout: the layer removes `name` in `directory` from the layers below it.
    pub(crate) fn whiteout(self, directory: &str, name: &str) -> Self {
        self.file(&format!("{directory}/.wh.{name}"), 0o644, Vec::new())
    }

    /// Adds a symbolic link at `path` to `target`; links come after all files.
    pub(crate) fn link(mut self, path: &str, target: &str) -> Self {
        self.links.push((path.to_owned(), target.to_owned()));
        self
    }

    /// Makes the layer.
    ///
    /// # Errors
    /// Only if a path does not fit a ustar header.
    pub(crate) fn build(self) -> io::Result<Layer> {
        let mut archive = tar::Builder::new(Vec::new());
        let mut directories = BTreeSet::new();
        for (path, mode, content) in &self.files {
            for (end, _) in path.match_indices('/') {
                let directory = &path[..=end];
                if directories.insert(directory.to_owned()) {
                    let mut header = header(tar::EntryType::Directory, 0o755, 0)?;
                    archive.append_data(&mut header, directory, io::empty())?;
                }
            }
            let mut header = header(tar::EntryType::Regular, *mode, content.len() as u64)?;
            archive.append_data(&mut header, path, content.as_slice())?;
        }
        for (path, target) in &self.links {
            let mut header = header(tar::EntryType::Symlink, 0o777, 0)?;
            archive.append_link(&mut header, path, target)?;
        }
        let tar = archive.into_inner()?;
        let mut gzip = GzBuilder::new()
            .mtime(0)
            .operating_system(GZIP_OS_UNKNOWN)
            .write(Vec::with_capacity(tar.len()), Compression::new(6));
        gzip.write_all(&tar)?;
        Ok(Layer {
            blob: gzip.finish()?,
            diff_id: oci_digest(&tar),
        })
    }
}

fn header(kind: tar::EntryType, mode: u32, size_bytes: u64) -> io::Result<tar::Header> {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size_bytes);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_username("")?;
    header.set_groupname("")?;
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Layer {
        LayerBuilder::default()
            .file("usr/bin/tool", 0o755, "#!/bin/sh\n")
            .file("usr/share/doc/tool", 0o644, "text\n")
            .whiteout("usr/bin", "old")
            .build()
            .unwrap()
    }

    #[test]
    fn equal_files_give_equal_bytes() {
        assert_eq!(sample().blob, sample().blob);
    }

    #[test]
    fn each_directory_comes_once_and_before_its_files() {
        let blob = sample().blob;
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(blob.as_slice()));
        let names: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect();
        assert_eq!(
            names,
            [
                "usr/",
                "usr/bin/",
                "usr/bin/tool",
                "usr/share/",
                "usr/share/doc/",
                "usr/share/doc/tool",
                "usr/bin/.wh.old"
            ]
        );
    }
}
