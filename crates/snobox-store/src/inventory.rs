//! Which images a store has, and what each of them costs.

use std::collections::BTreeMap;

use snobox_formats::digest::Digest;
use snobox_formats::layout::{self, Closure, Finding, SPARSE};
use snobox_formats::oci::{Descriptor, REF_NAME};

use crate::{Store, StoreError};

/// One image of a store's index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredImage {
    /// Its reference; the digest where the index gives no name.
    pub name: String,
    /// Digest of its manifest or index.
    pub digest: Digest,
    /// Media type of its manifest or index.
    pub media_type: String,
    /// Of a sparse image, the children that are kept, as the index names them; empty for a whole one.
    pub sparse: Vec<String>,
    /// Blobs that it needs, manifests included.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes that no other image needs: what dropping it would free.
    pub bytes_alone: u64,
    /// Blobs that are not there, or have another size.
    pub missing_blobs: u64,
}

/// All images of a store, in the order of its index.
#[derive(Clone, Debug)]
pub struct Inventory {
    /// The images.
    pub images: Vec<StoredImage>,
    /// Different blobs that they need.
    pub blobs: u64,
    /// Their bytes, each blob counted once.
    pub bytes: u64,
    /// Bytes that are saved because images share blobs.
    pub shared_bytes: u64,
    /// What is wrong with manifests: what hangs below them is not counted.
    pub findings: Vec<Finding>,
}

/// The name of an index entry: its reference, or else its digest.
pub fn entry_name(entry: &Descriptor) -> String {
    let name = entry.annotations.get(REF_NAME);
    name.cloned().unwrap_or_else(|| entry.digest.to_string())
}

impl Store {
    /// Everything that the index leads to, by manifests alone: no blob is hashed.
    ///
    /// # Errors
    /// [`StoreError::Io`] when `index.json` cannot be read.
    pub fn closure(&self) -> Result<Closure, StoreError> {
        Ok(layout::closure(&self.index_json()?, self))
    }

    /// Enters images under the names in their annotations; those of the same name go. Returns how many were not there just so.
    ///
    /// Of a list that is there under its name, the platforms that the store has whole stay, besides those of the new entry.
    ///
    /// Entries are sorted by name, so that equal stores have equal indexes. Only for the holder of the [`lock`](Self::lock).
    ///
    /// # Errors
    /// [`StoreError::Index`], [`StoreError::Io`].
    pub fn enter(&self, images: Vec<Descriptor>) -> Result<usize, StoreError> {
        let mut index = self.index()?;
        let named = index.manifests.into_iter();
        let mut entries: BTreeMap<String, Descriptor> =
            named.map(|entry| (entry_name(&entry), entry)).collect();
        let mut changed = 0;
        for image in images {
            let name = entry_name(&image);
            let image = self.widened(image, entries.get(&name))?;
            changed += usize::from(entries.get(&name) != Some(&image));
            entries.insert(name, image);
        }
        index.manifests = entries.into_values().collect();
        self.set_index(&index)?;
        Ok(changed)
    }

    /// The images and what each costs. Reads manifests, and looks whether blobs are there; hashes none.
    ///
    /// # Errors
    /// [`StoreError::Index`], [`StoreError::Io`].
    pub fn inventory(&self) -> Result<Inventory, StoreError> {
        let index = self.index()?;
        let closure = self.closure()?;
        let mut costs: BTreeMap<&str, StoredImage> = BTreeMap::new();
        let entries: Vec<(String, &Descriptor)> = index
            .manifests
            .iter()
            .map(|entry| (entry_name(entry), entry))
            .collect();
        for (name, entry) in &entries {
            let kept = entry.annotations.get(SPARSE);
            let sparse = kept.into_iter().flat_map(|kept| kept.split(','));
            costs.insert(
                name,
                StoredImage {
                    name: name.clone(),
                    digest: entry.digest,
                    media_type: entry.media_type.clone(),
                    sparse: sparse.map(str::to_owned).collect(),
                    blobs: 0,
                    bytes: 0,
                    bytes_alone: 0,
                    missing_blobs: 0,
                },
            );
        }
        let (mut bytes, mut needed_bytes) = (0, 0);
        for needed in &closure.blobs {
            let size = needed.descriptor.size;
            let missing = !self.has(needed.descriptor.digest, size);
            bytes += size;
            for name in &needed.images {
                let Some(image) = costs.get_mut(name.as_str()) else {
                    continue;
                };
                needed_bytes += size;
                image.blobs += 1;
                image.bytes += size;
                image.missing_blobs += u64::from(missing);
                if needed.images.len() == 1 {
                    image.bytes_alone += size;
                }
            }
        }
        let names = entries.iter().map(|(name, _)| name.as_str());
        Ok(Inventory {
            images: names.filter_map(|name| costs.remove(name)).collect(),
            blobs: closure.blobs.len() as u64,
            bytes,
            shared_bytes: needed_bytes - bytes,
            findings: closure.findings,
        })
    }
}
