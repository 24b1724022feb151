//! One file out of an image, without unpacking the image.
//!
//! Layers are searched from the top; what lies below is hidden by a whiteout (`.wh.NAME`, an opaque folder), and by anything else at the
//! same path. Hard links are followed, symbolic links are not. Source of truth: OCI image specification 1.1, "Image Layer Filesystem
//! Changeset".

mod folder;

use std::io::{self, Read};

use crate::digest::Digest;
use crate::layer::{self, plain_name};
use crate::layout::Blobs;
use crate::oci::{self, Descriptor, ImageManifest, Manifest};

pub use folder::read_folder;

/// Why a file could not be taken out of an image.
#[derive(Debug, thiserror::Error)]
pub enum ImageFileError {
    /// A blob is not there.
    #[error("the blob {digest} is not there")]
    Missing {
        /// The blob.
        digest: Digest,
    },
    /// A blob cannot be read.
    #[error("cannot read the blob {digest}")]
    Read {
        /// The blob.
        digest: Digest,
        /// What the medium says.
        source: io::Error,
    },
    /// The manifest is not what its name says.
    #[error("the manifest {digest} is damaged: its bytes hash to {found}")]
    Damaged {
        /// Its name.
        digest: Digest,
        /// The digest of its bytes.
        found: Digest,
    },
    /// The manifest cannot be understood, or is an index.
    #[error("{digest} is not the manifest of one image")]
    Manifest {
        /// The digest given.
        digest: Digest,
    },
    /// A layer cannot be read to its end.
    #[error("layer {layer} cannot be read as {media_type}")]
    Layer {
        /// The layer.
        layer: Digest,
        /// Its media type.
        media_type: String,
        /// What is wrong.
        source: io::Error,
    },
    /// A layer is compressed in a way that is not known.
    #[error("layer {layer} has the media type {media_type:?}: expected a tar, plain, gzip or zstd")]
    MediaType {
        /// The layer.
        layer: Digest,
        /// Its media type.
        media_type: String,
    },
    /// No layer has the file.
    #[error("the image has no file /{path}")]
    NotFound {
        /// The path asked for.
        path: String,
    },
    /// The sink refused bytes.
    #[error("cannot write /{path} out of the image")]
    Sink {
        /// The path asked for.
        path: String,
        /// What the sink said.
        source: io::Error,
    },
}

/// How many hard links are followed one after the other; a tar can link in a circle.
const MAX_LINKS: u32 = 8;

enum Search {
    Found,
    /// A hard link to this path of the same layer.
    Link(String),
    Hidden,
    NotHere,
}

/// Copies the file at `path` (no leading slash) of the image with this manifest into `sink`; returns its size in bytes.
///
/// # Errors
/// [`ImageFileError`]. `sink` may have received bytes when a layer turns out damaged.
pub fn copy(
    blobs: &dyn Blobs,
    manifest: Digest,
    path: &str,
    sink: &mut dyn io::Write,
) -> Result<u64, ImageFileError> {
    let image = image_manifest(blobs, manifest)?;
    let mut sink = CountingSink {
        inner: sink,
        count: 0,
        failure: None,
    };
    for layer in image.layers.iter().rev() {
        let mut wanted = path.to_owned();
        let mut links = 0;
        let found = loop {
            let result = search_layer(blobs, layer, &wanted, &mut sink);
            if let Some(source) = sink.failure.take() {
                return Err(ImageFileError::Sink {
                    path: path.to_owned(),
                    source,
                });
            }
            match result? {
                Search::Link(target) if links < MAX_LINKS => {
                    (wanted, links) = (target, links + 1);
                }
                other => break other,
            }
        };
        match found {
            Search::Found => return Ok(sink.count),
            Search::Hidden | Search::Link(_) => break,
            Search::NotHere if links > 0 => break,
            Search::NotHere => {}
        }
    }
    Err(ImageFileError::NotFound {
        path: path.to_owned(),
    })
}

fn image_manifest(blobs: &dyn Blobs, manifest: Digest) -> Result<ImageManifest, ImageFileError> {
    let mut bytes = Vec::new();
    open(blobs, manifest)?
        .take(oci::MAX_MANIFEST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| ImageFileError::Read {
            digest: manifest,
            source,
        })?;
    let found = Digest::of(&bytes);
    if found != manifest {
        return Err(ImageFileError::Damaged {
            digest: manifest,
            found,
        });
    }
    match oci::parse_manifest(&bytes, None) {
        Ok((_, Manifest::Image(image))) => Ok(image),
        _ => Err(ImageFileError::Manifest { digest: manifest }),
    }
}

/// The file at `path` of the image with this manifest, at most `limit` bytes.
///
/// # Errors
/// [`ImageFileError`]; a larger file is [`ImageFileError::Sink`].
pub fn read(
    blobs: &dyn Blobs,
    manifest: Digest,
    path: &str,
    limit: usize,
) -> Result<Vec<u8>, ImageFileError> {
    let mut sink = Limited {
        bytes: Vec::new(),
        limit,
    };
    copy(blobs, manifest, path, &mut sink)?;
    Ok(sink.bytes)
}

fn open(blobs: &dyn Blobs, digest: Digest) -> Result<Box<dyn Read + '_>, ImageFileError> {
    let opened = blobs
        .open(digest)
        .map_err(|source| ImageFileError::Read { digest, source })?;
    opened.ok_or(ImageFileError::Missing { digest })
}

fn search_layer(
    blobs: &dyn Blobs,
    layer: &Descriptor,
    path: &str,
    sink: &mut CountingSink<'_>,
) -> Result<Search, ImageFileError> {
    search_tar(open_layer(blobs, layer)?, path, sink).map_err(|e| unreadable(layer, e))
}

fn unreadable(layer: &Descriptor, source: io::Error) -> ImageFileError {
    ImageFileError::Layer {
        layer: layer.digest,
        media_type: layer.media_type.clone(),
        source,
    }
}

/// The tar archive of a layer.
fn open_layer<'a>(
    blobs: &'a dyn Blobs,
    layer: &Descriptor,
) -> Result<Box<dyn Read + 'a>, ImageFileError> {
    let file = io::BufReader::with_capacity(256 * 1024, open(blobs, layer.digest)?);
    let media_type = layer.media_type.as_str();
    let Some(reader) = layer::open(media_type, file) else {
        return Err(ImageFileError::MediaType {
            layer: layer.digest,
            media_type: media_type.to_owned(),
        });
    };
    Ok(reader)
}

fn search_tar(reader: impl Read, path: &str, sink: &mut CountingSink<'_>) -> io::Result<Search> {
    let mut archive = tar::Archive::new(reader);
    let mut hidden = false;
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = plain_name(&entry.path()?);
        let kind = entry.header().entry_type();
        if name == path {
            if kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse() {
                let expected = entry.size();
                let copied = io::copy(&mut entry, sink)?;
                // An archive that ends inside a file looks like a shorter file.
                if copied != expected {
                    return Err(layer::cut_short());
                }
                return Ok(Search::Found);
            }
            if let (true, Some(target)) = (kind.is_hard_link(), entry.link_name()?) {
                return Ok(Search::Link(plain_name(&target)));
            }
        }
        hidden |= hides(&name, path) || covers(&name, kind, path);
    }
    Ok(if hidden {
        Search::Hidden
    } else {
        Search::NotHere
    })
}

/// Whether a tar entry called `name` stands where the layers below have `path` or a folder on the way to it.
fn covers(name: &str, kind: tar::EntryType, path: &str) -> bool {
    let real = !kind.is_pax_global_extensions() && !name.is_empty();
    let on_the_way = path
        .strip_prefix(name)
        .is_some_and(|rest| rest.starts_with('/'));
    real && (name == path || (on_the_way && !kind.is_dir()))
}

/// Whether a whiteout called `name` hides `path` in the layers below.
fn hides(name: &str, path: &str) -> bool {
    let (folder, file) = name
        .rsplit_once('/')
        .map_or(("", name), |(folder, file)| (folder, file));
    let inside = |folder: &str| {
        folder.is_empty()
            || path
                .strip_prefix(folder)
                .is_some_and(|rest| rest.starts_with('/'))
    };
    let Some(target) = file.strip_prefix(".wh.") else {
        return false;
    };
    if target == ".wh..opq" {
        return inside(folder);
    }
    let target = if folder.is_empty() {
        target.to_owned()
    } else {
        format!("{folder}/{target}")
    };
    target == path || inside(&target)
}

struct CountingSink<'a> {
    inner: &'a mut dyn io::Write,
    count: u64,
    failure: Option<io::Error>,
}

impl io::Write for CountingSink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.inner.write(bytes) {
            Ok(n) => {
                self.count += n as u64;
                Ok(n)
            }
            Err(error) => {
                let kind = error.kind();
                // An interrupted write is tried again by the caller.
                self.failure = Some(error).filter(|_| kind != io::ErrorKind::Interrupted);
                Err(kind.into())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

struct Limited {
    bytes: Vec<u8>,
    limit: usize,
}

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.limit {
            return Err(io::Error::other(format!(
                "larger than {} bytes",
                self.limit
            )));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whiteouts_hide_files_folders_and_opaque_folders() {
        for (name, path, expected) in [
            ("usr/bin/.wh.a", "usr/bin/a", true),
            ("usr/.wh.bin", "usr/bin/a", true),
            ("usr/bin/.wh..wh..opq", "usr/bin/a", true),
            (".wh..wh..opq", "usr/bin/a", true),
            (".wh.usr", "usr/bin/a", true),
            ("usr/bin/.wh.b", "usr/bin/a", false),
            ("usr/bin/.wh.a", "usr/bin/ab", false),
            ("usr/bin/a", "usr/bin/a", false),
            ("usr/lib/.wh..wh..opq", "usr/bin/a", false),
        ] {
            assert_eq!(hides(name, path), expected, "{name} {path}");
        }
    }
}
