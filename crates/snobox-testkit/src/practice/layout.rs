//! Writes an OCI image layout, blob by blob.
//!
//! ```text
//! DIR/oci-layout            {"imageLayoutVersion":"1.0.0"}
//! DIR/blobs/sha256/<hex>    manifests, configs, layers
//! DIR/index.json            written last: a folder without it is not a layout
//! ```
//!
//! Source: OCI image specification 1.1, `image-layout.md`. No locking: the folder belongs to the writer until
//! [`Layout::finish`] returns.

use super::PracticeError;
use super::layer::Layer;
use crate::digest::oci_digest;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Annotation that carries the reference of a manifest in `index.json`.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// What points to a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Descriptor {
    pub(crate) media_type: &'static str,
    pub(crate) digest: String,
    pub(crate) size_bytes: u64,
}

impl Descriptor {
    /// The three fields that every descriptor has.
    pub(crate) fn to_json(&self) -> Value {
        json!({ "mediaType": self.media_type, "digest": self.digest, "size": self.size_bytes })
    }
}

/// An image layout that is being written.
pub(crate) struct Layout {
    dir: PathBuf,
    blobs: BTreeMap<String, u64>,
    manifests: Vec<Value>,
    shell: Option<Rc<Layer>>,
}

impl Layout {
    /// Makes the folders of a layout in `dir`; `shell` is the lowest layer of every image that can run.
    ///
    /// # Errors
    /// [`PracticeError::Write`] if a folder cannot be made.
    pub(crate) fn create(dir: &Path, shell: Option<Layer>) -> Result<Self, PracticeError> {
        let blobs = dir.join("blobs/sha256");
        fs::create_dir_all(&blobs).map_err(|source| PracticeError::write(&blobs, source))?;
        Ok(Self {
            dir: dir.to_owned(),
            blobs: BTreeMap::new(),
            manifests: Vec::new(),
            shell: shell.map(Rc::new),
        })
    }

    /// The lowest layer of every image that can run, if images can.
    pub(crate) fn shell(&self) -> Option<Rc<Layer>> {
        self.shell.clone()
    }

    /// Stores a blob, once, and returns its descriptor.
    ///
    /// # Errors
    /// [`PracticeError::Write`] if the file cannot be written.
    pub(crate) fn put(
        &mut self,
        media_type: &'static str,
        bytes: &[u8],
    ) -> Result<Descriptor, PracticeError> {
        let digest = oci_digest(bytes);
        let size_bytes = bytes.len() as u64;
        if !self.blobs.contains_key(&digest) {
            let path = self.dir.join("blobs").join(digest.replace(':', "/"));
            fs::write(&path, bytes).map_err(|source| PracticeError::write(&path, source))?;
            self.blobs.insert(digest.clone(), size_bytes);
        }
        Ok(Descriptor {
            media_type,
            digest,
            size_bytes,
        })
    }

    /// Stores a JSON document in its compact form.
    ///
    /// # Errors
    /// [`PracticeError::Write`] if the file cannot be written.
    pub(crate) fn put_json(
        &mut self,
        media_type: &'static str,
        document: &Value,
    ) -> Result<Descriptor, PracticeError> {
        self.put(media_type, document.to_string().as_bytes())
    }

    /// Lists `descriptor` in `index.json` under `reference`.
    pub(crate) fn name(&mut self, reference: &str, descriptor: &Descriptor) {
        let mut entry = descriptor.to_json();
        entry["annotations"] = json!({ REF_NAME: reference });
        self.manifests.push(entry);
    }

    /// Number of different manifests that have a reference.
    pub(crate) fn images(&self) -> usize {
        let digests: std::collections::BTreeSet<_> = self
            .manifests
            .iter()
            .filter_map(|entry| entry["digest"].as_str())
            .collect();
        digests.len()
    }

    /// Sum of the sizes of all blobs, each counted once.
    pub(crate) fn total_bytes(&self) -> u64 {
        self.blobs.values().sum()
    }

    /// Writes `oci-layout` and `index.json`.
    ///
    /// # Errors
    /// [`PracticeError::Write`] if a file cannot be written.
    pub(crate) fn finish(self) -> Result<(), PracticeError> {
        let index = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": self.manifests,
        });
        for (name, text) in [
            ("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#.to_owned()),
            ("index.json", index.to_string()),
        ] {
            let path = self.dir.join(name);
            fs::write(&path, text).map_err(|source| PracticeError::write(&path, source))?;
        }
        Ok(())
    }
}
