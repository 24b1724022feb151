//! Complete images → the store's index.

use snobox_formats::layout::SPARSE;
use snobox_formats::oci::{Descriptor, REF_NAME};
use snobox_store::{Store, StoreError};

use super::Pinned;

/// Enters those of `images` whose manifests and blobs are all in the store, each under its reference; returns how many. Other entries stay.
///
/// # Errors
/// [`StoreError`].
pub fn record(store: &Store, images: &[Pinned]) -> Result<usize, StoreError> {
    let complete = images.iter().filter(|image| image.is_in(store));
    let entries: Vec<Descriptor> = complete.map(Pinned::index_entry).collect();
    let count = entries.len();
    store.enter(entries)?;
    Ok(count)
}

/// How many of `images` have all their manifests and blobs in the store.
pub fn complete(store: &Store, images: &[Pinned]) -> usize {
    images.iter().filter(|image| image.is_in(store)).count()
}

impl Pinned {
    fn is_in(&self, store: &Store) -> bool {
        self.everything().all(|b| store.has(b.digest, b.size))
    }

    fn everything(&self) -> impl Iterator<Item = &Descriptor> {
        std::iter::once(&self.manifest)
            .chain(&self.platform)
            .chain(&self.blobs)
    }

    /// The entry of this image in the index of a layout.
    pub fn index_entry(&self) -> Descriptor {
        let mut entry = self.manifest.clone();
        entry
            .annotations
            .insert(REF_NAME.to_owned(), self.reference.to_string());
        if let Some(platform) = &self.platform {
            entry
                .annotations
                .insert(SPARSE.to_owned(), platform.digest.to_string());
        }
        entry
    }
}
