//! One image, from the digest of its manifest on: what the store lacks is copied, each byte hashed.

use std::collections::BTreeSet;
use std::io::Read;

use snobox_formats::digest::Digest;
use snobox_formats::layout::{Blobs, Progress, SPARSE};
use snobox_formats::oci::{self, Descriptor, ImageManifest, Manifest, ManifestError};

use crate::{Store, StoreError, StoreLock};

const PIECE_BYTES: usize = 256 << 10;

/// Which images of a list are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platforms<'a> {
    /// That for Linux on this architecture, in Go's words.
    One(&'a str),
    /// All of them.
    All,
}

/// An image that is whole in the store.
#[derive(Clone, Debug)]
pub struct Adopted {
    /// Its entry for the index, without a name.
    pub entry: Descriptor,
    /// Everything that it needs.
    pub needed: BTreeSet<Digest>,
    /// Bytes that the store lacked.
    pub copied_bytes: u64,
}

/// Why an image could not be taken over.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// The store's side.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A blob is not there.
    #[error("{kind} {digest} is missing")]
    Missing {
        /// The blob.
        digest: Digest,
        /// Manifest, configuration or layer.
        kind: &'static str,
    },
    /// A blob is not what it should be.
    #[error("{kind} {digest} is damaged: {why}")]
    Damaged {
        /// The blob.
        digest: Digest,
        /// Manifest, configuration or layer.
        kind: &'static str,
        /// What is wrong.
        why: String,
    },
    /// A manifest cannot be understood.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The list has nothing for the wanted architecture.
    #[error("the image has no variant for linux/{architecture}: it has {available}")]
    Platform {
        /// What was wanted.
        architecture: String,
        /// What there is.
        available: String,
    },
}

struct Adoption<'a> {
    store: &'a Store,
    blobs: &'a dyn Blobs,
    needed: BTreeSet<Digest>,
    copied_bytes: u64,
}

/// Copies the image behind `digest` out of `blobs`, as far as the store does not have it. Give the store itself to see whether it is whole.
///
/// `media_type` is what its manifest is called, where somebody says. `progress` is told the bytes that are copied.
///
/// # Errors
/// [`AdoptError`]; what was copied stays.
pub fn adopt(
    store: &Store,
    _writing: &StoreLock,
    blobs: &dyn Blobs,
    (digest, media_type): (Digest, Option<&str>),
    platforms: Platforms<'_>,
    progress: &mut Progress<'_>,
) -> Result<Adopted, AdoptError> {
    let mut adoption = Adoption {
        store,
        blobs,
        needed: BTreeSet::new(),
        copied_bytes: 0,
    };
    let (mut entry, manifest) = adoption.manifest(digest, media_type)?;
    match manifest {
        Manifest::Image(image) => adoption.image(image, progress)?,
        Manifest::Index(index) => {
            let wanted: Vec<&Descriptor> = match platforms {
                Platforms::All => index.manifests.iter().collect(),
                Platforms::One(architecture) => {
                    let child = oci::select_platform(&index, architecture);
                    let child = child.ok_or_else(|| no_platform(&index, architecture))?;
                    if index.manifests.len() > 1 {
                        let kept = child.digest.to_string();
                        entry.annotations.insert(SPARSE.to_owned(), kept);
                    }
                    vec![child]
                }
            };
            for child in wanted {
                match adoption.manifest(child.digest, Some(&child.media_type))? {
                    (_, Manifest::Image(image)) => adoption.image(image, progress)?,
                    (found, Manifest::Index(_)) => {
                        return Err(AdoptError::Manifest(ManifestError::Unsupported {
                            media_type: found.media_type,
                            schema_version: 2,
                        }));
                    }
                }
            }
        }
    }
    Ok(Adopted {
        entry,
        needed: adoption.needed,
        copied_bytes: adoption.copied_bytes,
    })
}

fn no_platform(index: &oci::ImageIndex, architecture: &str) -> AdoptError {
    let platforms = index.manifests.iter().filter_map(|m| m.platform.as_ref());
    let available: Vec<_> = platforms
        .map(|p| format!("{}/{}", p.os, p.architecture))
        .collect();
    AdoptError::Platform {
        architecture: architecture.to_owned(),
        available: available.join(", "),
    }
}

impl Adoption<'_> {
    fn manifest(
        &mut self,
        digest: Digest,
        media_type: Option<&str>,
    ) -> Result<(Descriptor, Manifest), AdoptError> {
        let kind = "manifest";
        let damaged = |why: String| AdoptError::Damaged { digest, kind, why };
        let opened = self
            .blobs
            .open(digest)
            .map_err(|e| damaged(e.to_string()))?;
        let reader = opened.ok_or(AdoptError::Missing { digest, kind })?;
        let mut bytes = Vec::new();
        reader
            .take(oci::MAX_MANIFEST_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| damaged(e.to_string()))?;
        if bytes.len() as u64 > oci::MAX_MANIFEST_BYTES {
            return Err(damaged(format!(
                "more than {} bytes",
                oci::MAX_MANIFEST_BYTES
            )));
        }
        let found = Digest::of(&bytes);
        if found != digest {
            return Err(damaged(format!("its bytes hash to {found}")));
        }
        let (media_type, manifest) = oci::parse_manifest(&bytes, media_type)?;
        self.store.put(digest, &bytes)?;
        self.needed.insert(digest);
        let descriptor = Descriptor {
            media_type,
            digest,
            size: bytes.len() as u64,
            platform: None,
            annotations: Default::default(),
        };
        Ok((descriptor, manifest))
    }

    fn image(
        &mut self,
        image: ImageManifest,
        progress: &mut Progress<'_>,
    ) -> Result<(), AdoptError> {
        self.blob(&image.config, "configuration", progress)?;
        for layer in &image.layers {
            self.blob(layer, "layer", progress)?;
        }
        Ok(())
    }

    fn blob(
        &mut self,
        blob: &Descriptor,
        kind: &'static str,
        progress: &mut Progress<'_>,
    ) -> Result<(), AdoptError> {
        let digest = blob.digest;
        self.needed.insert(digest);
        if self.store.has(digest, blob.size) {
            return Ok(());
        }
        let damaged = |why: String| AdoptError::Damaged { digest, kind, why };
        let opened = self
            .blobs
            .open(digest)
            .map_err(|e| damaged(e.to_string()))?;
        let reader = opened.ok_or(AdoptError::Missing { digest, kind })?;
        match store_blob(self.store, digest, blob.size, reader, progress)? {
            Stored::Whole => {
                self.copied_bytes += blob.size;
                Ok(())
            }
            Stored::Damaged(why) => Err(damaged(why)),
        }
    }
}

/// How a copy ended that did not fail on the store's side.
pub(super) enum Stored {
    /// The blob is there.
    Whole,
    /// The bytes are not those of the blob, or cannot be read.
    Damaged(String),
}

/// Copies a blob of `size` bytes into the store.
pub(super) fn store_blob(
    store: &Store,
    digest: Digest,
    size: u64,
    mut reader: impl Read,
    progress: &mut Progress<'_>,
) -> Result<Stored, StoreError> {
    store.check_room(size)?;
    let mut ingest = store.ingest(digest, size)?;
    let mut buffer = vec![0; PIECE_BYTES];
    let ended = loop {
        let count = match reader.read(&mut buffer) {
            Ok(0) => break ingest.finish(),
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Ok(Stored::Damaged(error.to_string())),
        };
        progress(count as u64).map_err(|source| StoreError::Io {
            action: "copy into",
            path: store.root().to_owned(),
            source,
        })?;
        if let Err(error) = ingest.write(&buffer[..count]) {
            break Err(error);
        }
    };
    match ended {
        Ok(()) => Ok(Stored::Whole),
        Err(StoreError::WrongDigest { found, .. }) => {
            Ok(Stored::Damaged(format!("its bytes hash to {found}")))
        }
        Err(StoreError::WrongSize {
            expected, found, ..
        }) => Ok(Stored::Damaged(format!(
            "it has {found} bytes, expected {expected}"
        ))),
        Err(error) => Err(error),
    }
}
