//! The blobs of a folder of another program: skopeo's `dir:`, or an image layout.
//!
//! Source of truth: containers/image, `directory/directory_transport.go` and `oci/layout`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use snobox_formats::digest::Digest;
use snobox_formats::layout::Blobs;
use snobox_formats::oci;

/// Opens blobs by digest, and manifests whatever they are called.
#[derive(Debug)]
pub struct Folder {
    blobs: PathBuf,
    manifests: BTreeMap<Digest, Vec<u8>>,
}

impl Folder {
    /// The folder of a `dir:` image; also the digest of its manifest. `None` where there is no `manifest.json`.
    ///
    /// # Errors
    /// What the system says.
    pub fn of_dir(path: &Path) -> io::Result<Option<(Self, Digest)>> {
        let Some(top) = document(&path.join("manifest.json"))? else {
            return Ok(None);
        };
        let digest = Digest::of(&top);
        let mut manifests = BTreeMap::from([(digest, top)]);
        for entry in fs::read_dir(path)? {
            let path = entry?.path();
            let is_child = path.to_string_lossy().ends_with(".manifest.json");
            if is_child && let Some(bytes) = document(&path)? {
                manifests.insert(Digest::of(&bytes), bytes);
            }
        }
        let blobs = path.to_owned();
        Ok(Some((Self { blobs, manifests }, digest)))
    }

    /// The folder of an image layout.
    pub fn of_layout(path: &Path) -> Self {
        Self {
            blobs: path.join("blobs/sha256"),
            manifests: BTreeMap::new(),
        }
    }
}

impl Blobs for Folder {
    fn open(&self, digest: Digest) -> io::Result<Option<Box<dyn Read + '_>>> {
        if let Some(bytes) = self.manifests.get(&digest) {
            return Ok(Some(Box::new(bytes.as_slice())));
        }
        let path = self.blobs.join(digest.hex());
        // Opening a pipe would wait for a writer.
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => Ok(Some(Box::new(File::open(&path)?))),
            Ok(_) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not a regular file",
            )),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The bytes of a manifest; `None` where there is no such file, or one that is too large to be a manifest.
fn document(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() && metadata.len() <= oci::MAX_MANIFEST_BYTES => {
            fs::read(path).map(Some)
        }
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
