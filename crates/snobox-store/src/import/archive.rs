//! An archive of a `dir:` or of an image layout (tar, or tar.gz), streamed into the store in one pass.
//!
//! A file that is named by 64 hex digits is stored under that digest if it hashes to it; manifests are kept in memory, as only `dir:` knows
//! what they are called. Everything else is passed over. Links, devices and paths that lead out have no place in such an archive:
//! it is refused whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, BufReader, Read};
use std::path::{Component, Path};

use flate2::read::MultiGzDecoder;
use snobox_formats::digest::Digest;
use snobox_formats::layout::{Blobs, Progress};
use snobox_formats::oci;

use super::adopt::{Stored, store_blob};
use crate::{Store, StoreError, StoreLock};

/// Bytes of manifests in one archive that are kept in memory, at most.
const MAX_KEPT_BYTES: u64 = 64 << 20;
/// Members of an archive: an image has hundreds.
const MAX_MEMBERS: usize = 1 << 20;

/// What came out of an archive.
#[derive(Debug, Default)]
pub struct Unpacked {
    /// Small documents by their path in the archive: `manifest.json`, `index.json`, `oci-layout`, and manifests of children.
    pub documents: BTreeMap<String, Vec<u8>>,
    /// Blobs that are not what their names say, and why.
    pub damaged: Vec<(Digest, String)>,
    manifests: BTreeMap<Digest, Vec<u8>>,
    /// With their sizes.
    arrived: Vec<(Digest, u64)>,
}

/// Why an archive could not be read.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The store's side.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is cut short, damaged, or no archive.
    #[error("the archive cannot be read")]
    Archive(#[source] io::Error),
    /// It holds something that no archive of an image holds.
    #[error("the archive is refused: {member:?} is {why}")]
    Hostile {
        /// The member.
        member: String,
        /// What it is.
        why: &'static str,
    },
}

impl Unpacked {
    /// Reads an archive to its end. `progress` is told the bytes of blobs that are stored.
    ///
    /// # Errors
    /// [`UnpackError`]; blobs that were stored stay.
    pub fn read(
        store: &Store,
        _writing: &StoreLock,
        archive: impl Read,
        progress: &mut Progress<'_>,
    ) -> Result<Self, UnpackError> {
        let mut archive = BufReader::with_capacity(256 << 10, archive);
        let zipped = io::BufRead::fill_buf(&mut archive)
            .map_err(UnpackError::Archive)?
            .starts_with(&[0x1f, 0x8b]);
        if zipped {
            Self::tar(store, MultiGzDecoder::new(archive), progress)
        } else {
            Self::tar(store, archive, progress)
        }
    }

    fn tar(
        store: &Store,
        stream: impl Read,
        progress: &mut Progress<'_>,
    ) -> Result<Self, UnpackError> {
        let mut unpacked = Self::default();
        let mut left = MAX_KEPT_BYTES;
        let mut archive = tar::Archive::new(stream);
        let members = archive.entries().map_err(unreadable)?;
        for (number, member) in members.enumerate() {
            let mut member = member.map_err(unreadable)?;
            let path = member.path().map_err(unreadable)?.into_owned();
            let hostile = |why| UnpackError::Hostile {
                member: path.display().to_string().chars().take(200).collect(),
                why,
            };
            if number >= MAX_MEMBERS {
                return Err(hostile("one too many"));
            }
            if leads_out(&path) {
                return Err(hostile("a path that leads out of the archive"));
            }
            let kind = member.header().entry_type();
            if kind.is_dir() || kind.is_pax_global_extensions() {
                continue;
            }
            if !kind.is_file() {
                return Err(hostile("neither a file nor a folder"));
            }
            let size = member.size();
            let name = path.file_name().and_then(|name| name.to_str());
            let Some(name) = name else { continue };
            if let Ok(digest) = format!("sha256:{name}").parse::<Digest>() {
                unpacked.blob(store, digest, size, &mut member, progress)?;
            } else if is_document(name) && size <= oci::MAX_MANIFEST_BYTES && size <= left {
                left -= size;
                let mut bytes = Vec::new();
                member
                    .read_to_end(&mut bytes)
                    .map_err(UnpackError::Archive)?;
                unpacked.manifests.insert(Digest::of(&bytes), bytes.clone());
                let path = path.to_string_lossy();
                let path = path.strip_prefix("./").unwrap_or(&path).to_owned();
                unpacked.documents.insert(path, bytes);
            }
        }
        Ok(unpacked)
    }

    fn blob(
        &mut self,
        store: &Store,
        digest: Digest,
        size: u64,
        member: &mut impl Read,
        progress: &mut Progress<'_>,
    ) -> Result<(), UnpackError> {
        if store.has(digest, size) {
            return Ok(());
        }
        match store_blob(store, digest, size, member, progress)? {
            Stored::Whole => self.arrived.push((digest, size)),
            Stored::Damaged(why) => self.damaged.push((digest, why)),
        }
        Ok(())
    }

    /// Bytes of the blobs that the store lacked and has now; of those that are `needed` alone, where that is known.
    pub fn arrived_bytes(&self, needed: Option<&BTreeSet<Digest>>) -> u64 {
        let stays = |digest: &Digest| needed.is_none_or(|needed| needed.contains(digest));
        let arrived = self.arrived.iter().filter(|(digest, _)| stays(digest));
        arrived.map(|(_, size)| size).sum()
    }

    /// Opens what came: manifests from memory, blobs from the store.
    pub fn blobs<'a>(&'a self, store: &'a Store) -> impl Blobs + 'a {
        Came {
            unpacked: self,
            store,
        }
    }

    /// Removes the blobs that came with this archive and that none of its images needs: other architectures.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn discard_unneeded(
        &self,
        store: &Store,
        _writing: &StoreLock,
        needed: &BTreeSet<Digest>,
    ) -> Result<(), StoreError> {
        for (digest, _) in self
            .arrived
            .iter()
            .filter(|(digest, _)| !needed.contains(digest))
        {
            let path = store.blob_path(*digest);
            match fs::remove_file(&path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(StoreError::Io {
                        action: "remove",
                        path,
                        source,
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

struct Came<'a> {
    unpacked: &'a Unpacked,
    store: &'a Store,
}

impl Blobs for Came<'_> {
    fn open(&self, digest: Digest) -> io::Result<Option<Box<dyn Read + '_>>> {
        match self.unpacked.manifests.get(&digest) {
            Some(bytes) => Ok(Some(Box::new(bytes.as_slice()))),
            None => Blobs::open(self.store, digest),
        }
    }
}

/// What the tar reader says of a header quotes it, and it may be a file of secrets that somebody named by mistake: only whether it was the disk or the end
/// is told on.
fn unreadable(error: io::Error) -> UnpackError {
    UnpackError::Archive(match error.kind() {
        io::ErrorKind::Other => io::Error::other("it is no tar archive, or damaged"),
        kind if error.raw_os_error().is_none() => kind.into(),
        _ => error,
    })
}

fn leads_out(path: &Path) -> bool {
    path.components()
        .any(|part| !matches!(part, Component::Normal(_) | Component::CurDir))
}

/// Names of manifests and of what leads to them.
fn is_document(name: &str) -> bool {
    matches!(
        name,
        "manifest.json" | "index.json" | "oci-layout" | "version"
    ) || name.ends_with(".manifest.json")
}
