//! All files below one folder of an image, without unpacking the image.
//!
//! Layers are gone through from the top, each once and as a stream; a file counts where it is seen first, and what a whiteout, an opaque folder or
//! another thing at its place hides does not count. Source of truth: OCI image specification 1.1, "Image Layer Filesystem Changeset".

use std::collections::BTreeSet;
use std::io::{self, Read};

use crate::image_file::ImageFileError;
use crate::layer::{self, plain_name};
use crate::layout::Blobs;
use crate::oci::Descriptor;

/// What is told of an image while it is gone through.
pub trait Visitor {
    /// Something is in a layer, hidden or not: the layer's place among those given, its path without leading slash, and whether it is a folder.
    fn entry(&mut self, layer: usize, path: &str, is_folder: bool) {
        let _ = (layer, path, is_folder);
    }

    /// A file below the folder; `path` starts at the image's root. What is not read is skipped.
    ///
    /// # Errors
    /// Ends everything, as [`ImageFileError::Sink`].
    fn file(&mut self, path: &str, content: &mut dyn Read) -> io::Result<()>;
}

/// Goes through `layers` (lowest first) from the top and shows `visitor` every file below `folder` (no slash before or after it).
///
/// Symbolic links are not followed.
///
/// # Errors
/// [`ImageFileError`]; a hard link below the folder is one, because what it stands for may have gone by.
pub fn walk(
    blobs: &dyn Blobs,
    layers: &[Descriptor],
    folder: &str,
    visitor: &mut dyn Visitor,
) -> Result<(), ImageFileError> {
    let mut above = Above::default();
    for (place, layer) in layers.iter().enumerate().rev() {
        let digest = layer.digest;
        let opened = blobs
            .open(digest)
            .map_err(|source| ImageFileError::Read { digest, source })?
            .ok_or(ImageFileError::Missing { digest })?;
        let buffered = io::BufReader::with_capacity(256 * 1024, opened);
        let Some(archive) = layer::open(&layer.media_type, buffered) else {
            return Err(ImageFileError::MediaType {
                layer: digest,
                media_type: layer.media_type.clone(),
            });
        };
        let mut this = Above::default();
        let walked = walk_layer(archive, place, folder, &above, &mut this, visitor);
        walked.map_err(|stop| match stop {
            Stop::Layer(source) => ImageFileError::Layer {
                layer: digest,
                media_type: layer.media_type.clone(),
                source,
            },
            Stop::Sink(path, source) => ImageFileError::Sink { path, source },
        })?;
        above.absorb(this);
    }
    Ok(())
}

enum Stop {
    Layer(io::Error),
    /// The file, and what the visitor said.
    Sink(String, io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Layer(error)
    }
}

/// What the layers above say of the folder and the way to it.
#[derive(Default)]
struct Above {
    /// Files and everything else that is no folder.
    files: BTreeSet<String>,
    /// Folders.
    folders: BTreeSet<String>,
    /// What a whiteout takes away, with everything below it.
    removed: BTreeSet<String>,
    /// Folders of which a mark takes away what is in them.
    emptied: BTreeSet<String>,
}

impl Above {
    fn absorb(&mut self, mut other: Self) {
        self.files.append(&mut other.files);
        self.folders.append(&mut other.folders);
        self.removed.append(&mut other.removed);
        self.emptied.append(&mut other.emptied);
    }

    /// Whether a file at `path` in the layers below cannot be seen.
    fn hides(&self, path: &str) -> bool {
        let taken = |set: &BTreeSet<String>| set.contains(path);
        taken(&self.files)
            || taken(&self.folders)
            || taken(&self.removed)
            || folders_of(path).any(|folder| {
                self.files.contains(folder)
                    || self.removed.contains(folder)
                    || self.emptied.contains(folder)
            })
            || self.emptied.contains("")
    }
}

/// `a/b/c` → `a`, `a/b`.
fn folders_of(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(end, _)| &path[..end])
}

/// Whether `path` lies below `folder`, or `folder` is the root.
pub fn is_below(path: &str, folder: &str) -> bool {
    folder.is_empty()
        || path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.starts_with('/'))
}

fn walk_layer(
    archive: Box<dyn Read + '_>,
    place: usize,
    folder: &str,
    above: &Above,
    this: &mut Above,
    visitor: &mut dyn Visitor,
) -> Result<(), Stop> {
    let mut archive = tar::Archive::new(archive);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = plain_name(&entry.path()?);
        let kind = entry.header().entry_type();
        if kind.is_pax_global_extensions() || path.is_empty() {
            continue;
        }
        visitor.entry(place, &path, kind.is_dir());
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", &path));
        if let Some(target) = name.strip_prefix(".wh.") {
            if target == ".wh..opq" {
                this.emptied.insert(parent.to_owned());
            } else if !target.starts_with(".wh.") {
                let target = if parent.is_empty() {
                    target.to_owned()
                } else {
                    format!("{parent}/{target}")
                };
                this.removed.insert(target);
            }
            continue;
        }
        let matters = is_below(&path, folder) || path == folder || is_below(folder, &path);
        if !matters {
            continue;
        }
        if kind.is_dir() {
            this.folders.insert(path);
            continue;
        }
        let is_seen = is_below(&path, folder) && !above.hides(&path);
        this.files.insert(path.clone());
        if !is_seen {
            continue;
        }
        if kind.is_hard_link() {
            let why = io::Error::other("it is a hard link");
            return Err(Stop::Sink(path, why));
        }
        if kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse() {
            let mut content = Whole {
                left: entry.size(),
                entry: &mut entry,
            };
            if let Err(error) = visitor.file(&path, &mut content) {
                return Err(Stop::Sink(path, error));
            }
        }
    }
    Ok(())
}

/// A file that knows when it was cut short.
struct Whole<'a> {
    entry: &'a mut dyn Read,
    left: u64,
}

impl Read for Whole<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.entry.read(buffer)?;
        self.left = self.left.saturating_sub(count as u64);
        if count == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(layer::cut_short());
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
