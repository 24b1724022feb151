//! Writes a layer.

use std::collections::BTreeSet;
use std::io::{self, Write as _};

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use tar::{EntryType, Header};

use crate::digest::Digest;

/// `OS = unknown` in the header of gzip (RFC 1952, 2.3.1).
const UNKNOWN_SYSTEM: u8 = 255;

/// Collects files into a layer, in the order in which they come.
pub struct LayerWriter {
    archive: tar::Builder<Tee>,
    folders: BTreeSet<String>,
}

/// A finished layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The compressed bytes, as a registry serves them.
    pub blob: Vec<u8>,
    /// Digest of the archive before it was compressed, as the image's configuration lists it.
    pub diff_id: Digest,
}

impl Default for LayerWriter {
    fn default() -> Self {
        Self {
            archive: tar::Builder::new(Tee {
                gzip: gzip(),
                hasher: crate::digest::Hasher::new(),
            }),
            folders: BTreeSet::new(),
        }
    }
}

impl LayerWriter {
    /// Adds a folder that anybody may read, and those on the way to it.
    ///
    /// # Errors
    /// For a path that does not fit into a header of ustar.
    pub fn folder(&mut self, path: &str) -> io::Result<()> {
        let whole = format!("{path}/");
        for (end, _) in whole.match_indices('/') {
            let folder = &whole[..=end];
            if self.folders.insert(folder.to_owned()) {
                let mut header = header(EntryType::Directory, 0o755, 0)?;
                self.archive.append_data(&mut header, folder, io::empty())?;
            }
        }
        Ok(())
    }

    /// Adds a file that anybody may read at `path` (no leading slash), and the folders on the way to it.
    ///
    /// # Errors
    /// As [`folder`](Self::folder).
    pub fn file(&mut self, path: &str, content: &[u8]) -> io::Result<()> {
        if let Some((folder, _)) = path.rsplit_once('/') {
            self.folder(folder)?;
        }
        let mut header = header(EntryType::Regular, 0o644, content.len() as u64)?;
        self.archive.append_data(&mut header, path, content)
    }

    /// Adds a whiteout: nothing of the layers below is left at `path`.
    ///
    /// # Errors
    /// As [`folder`](Self::folder).
    pub fn remove(&mut self, path: &str) -> io::Result<()> {
        let marker = match path.rsplit_once('/') {
            Some((folder, name)) => format!("{folder}/.wh.{name}"),
            None => format!(".wh.{path}"),
        };
        self.file(&marker, &[])
    }

    /// Adds the mark that nothing of the layers below is left in the folder at `path`; what this layer puts into it stays.
    ///
    /// # Errors
    /// As [`folder`](Self::folder).
    pub fn empty(&mut self, path: &str) -> io::Result<()> {
        self.file(&format!("{path}/.wh..wh..opq"), &[])
    }

    /// The layer.
    ///
    /// # Errors
    /// None in memory; those of the writers of tar and gzip.
    pub fn finish(self) -> io::Result<Written> {
        let tee = self.archive.into_inner()?;
        Ok(Written {
            blob: tee.gzip.finish()?,
            diff_id: tee.hasher.finish(),
        })
    }
}

fn header(kind: EntryType, mode: u32, size: u64) -> io::Result<Header> {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_username("")?;
    header.set_groupname("")?;
    Ok(header)
}

/// Compresses, and hashes what was there before.
struct Tee {
    gzip: GzEncoder<Vec<u8>>,
    hasher: crate::digest::Hasher,
}

impl io::Write for Tee {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.gzip.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.gzip.flush()
    }
}

/// A layer of the entries of an archive, which come without its end.
///
/// # Errors
/// None in memory; those of the writer of gzip.
pub fn archived(mut entries: Vec<u8>) -> io::Result<Written> {
    entries.resize(entries.len() + 1024, 0);
    let mut gzip = gzip();
    gzip.write_all(&entries)?;
    Ok(Written {
        blob: gzip.finish()?,
        diff_id: Digest::of(&entries),
    })
}

fn gzip() -> GzEncoder<Vec<u8>> {
    GzBuilder::new()
        .mtime(0)
        .operating_system(UNKNOWN_SYSTEM)
        .write(Vec::new(), Compression::new(6))
}
