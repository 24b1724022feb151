//! One image of a store as an archive for other programs: a tar.gz of a folder as skopeo's `dir:` has it.
//!
//! ```text
//! FOLDER/version                 Directory Transport Version: 1.1
//! FOLDER/manifest.json           the manifest, or the list
//! FOLDER/<hex>.manifest.json     of a list, each child that the store has
//! FOLDER/<hex>                   configurations and layers
//! ```
//!
//! Source of truth: containers/image, `directory/directory_transport.go`. Equal images make equal bytes: no times, no owners.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use snobox_formats::digest::{Digest, Hasher};
use snobox_formats::layout::{Progress, SPARSE};
use snobox_formats::oci::{self, Descriptor, ImageManifest, Manifest, ManifestError};

use crate::{Store, StoreError};

const VERSION: &[u8] = b"Directory Transport Version: 1.1\n";

/// Why an image could not be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store's side: a blob is missing or damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A manifest cannot be understood.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The archive cannot be written.
    #[error("cannot write the archive")]
    Write(#[source] io::Error),
}

impl Store {
    /// Writes the image behind an entry of the index as an archive of `folder`. Every blob is hashed on its way out.
    ///
    /// # Errors
    /// [`ExportError`]; what was written is of no use then.
    pub fn export_dir(
        &self,
        entry: &Descriptor,
        folder: &str,
        sink: impl Write,
        progress: &mut Progress<'_>,
    ) -> Result<(), ExportError> {
        // Layers are compressed already.
        let zip = GzEncoder::new(sink, Compression::fast());
        let mut archive = Archive {
            store: self,
            folder,
            tar: tar::Builder::new(zip),
            written: BTreeSet::new(),
        };
        archive.text("version", VERSION)?;
        let (bytes, manifest) = self.manifest(entry)?;
        archive.text("manifest.json", &bytes)?;
        match manifest {
            Manifest::Image(image) => archive.image(&image, progress)?,
            Manifest::Index(index) => {
                let kept = entry.annotations.get(SPARSE);
                for child in &index.manifests {
                    let text = child.digest.to_string();
                    if kept.is_some_and(|kept| !kept.split(',').any(|d| d == text)) {
                        continue;
                    }
                    let (bytes, manifest) = self.manifest(child)?;
                    archive.text(&format!("{}.manifest.json", child.digest.hex()), &bytes)?;
                    if let Manifest::Image(image) = manifest {
                        archive.image(&image, progress)?;
                    }
                }
            }
        }
        let zip = archive.tar.into_inner().map_err(ExportError::Write)?;
        zip.finish().map_err(ExportError::Write)?;
        Ok(())
    }

    fn manifest(&self, entry: &Descriptor) -> Result<(Vec<u8>, Manifest), ExportError> {
        let bytes = self.read_blob(entry.digest, oci::MAX_MANIFEST_BYTES)?;
        let (_, manifest) = oci::parse_manifest(&bytes, Some(&entry.media_type))?;
        Ok((bytes, manifest))
    }
}

struct Archive<'a, W: Write> {
    store: &'a Store,
    folder: &'a str,
    tar: tar::Builder<GzEncoder<W>>,
    written: BTreeSet<Digest>,
}

impl<W: Write> Archive<'_, W> {
    fn member(&mut self, name: &str, size: u64, content: impl Read) -> io::Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_size(size);
        header.set_mode(0o644);
        header.set_mtime(0);
        let path = format!("{}/{name}", self.folder);
        self.tar.append_data(&mut header, path, content)
    }

    fn text(&mut self, name: &str, bytes: &[u8]) -> Result<(), ExportError> {
        self.member(name, bytes.len() as u64, bytes)
            .map_err(ExportError::Write)
    }

    fn image(
        &mut self,
        image: &ImageManifest,
        progress: &mut Progress<'_>,
    ) -> Result<(), ExportError> {
        for blob in std::iter::once(&image.config).chain(&image.layers) {
            if self.written.insert(blob.digest) {
                self.blob(blob, progress)?;
            }
        }
        Ok(())
    }

    fn blob(&mut self, blob: &Descriptor, progress: &mut Progress<'_>) -> Result<(), ExportError> {
        let file = self.store.open_blob(blob.digest)?;
        let found = file.metadata().map_or(0, |metadata| metadata.len());
        if found != blob.size {
            let (digest, expected) = (blob.digest, blob.size);
            return Err(ExportError::Store(StoreError::WrongSize {
                digest,
                expected,
                found,
            }));
        }
        let mut hashed = Hashed {
            reader: file.take(blob.size),
            hasher: Hasher::new(),
            progress,
        };
        self.member(&blob.digest.hex(), blob.size, &mut hashed)
            .map_err(ExportError::Write)?;
        let found = hashed.hasher.finish();
        if found != blob.digest {
            return Err(ExportError::Store(StoreError::WrongDigest {
                expected: blob.digest,
                found,
            }));
        }
        Ok(())
    }
}

struct Hashed<'a, 'p, R> {
    reader: R,
    hasher: Hasher,
    progress: &'a mut Progress<'p>,
}

impl<R: Read> Read for Hashed<'_, '_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        (self.progress)(count as u64)?;
        Ok(count)
    }
}
