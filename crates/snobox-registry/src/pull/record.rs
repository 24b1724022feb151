//! Complete images → the store's index.

use std::collections::BTreeMap;

use snobox_formats::layout::SPARSE;
use snobox_formats::oci::{Descriptor, REF_NAME};
use snobox_store::{Store, StoreError};

use super::Pinned;

/// Enters those of `images` whose manifests and blobs are all in the store, each under its reference; returns how many. Other entries stay.
///
/// Entries are sorted by name, so that equal stores have equal indexes.
///
/// # Errors
/// [`StoreError`].
pub fn record(store: &Store, images: &[Pinned]) -> Result<usize, StoreError> {
    let mut index = store.index()?;
    let name_of = |entry: &Descriptor| {
        entry
            .annotations
            .get(REF_NAME)
            .cloned()
            .unwrap_or_else(|| entry.digest.to_string())
    };
    let mut entries: BTreeMap<String, Descriptor> = index
        .manifests
        .into_iter()
        .map(|e| (name_of(&e), e))
        .collect();
    let complete = images
        .iter()
        .filter(|image| image.everything().all(|b| store.has(b.digest, b.size)));
    let mut count = 0;
    for image in complete {
        entries.insert(image.reference.to_string(), image.index_entry());
        count += 1;
    }
    index.manifests = entries.into_values().collect();
    store.set_index(&index)?;
    Ok(count)
}

impl Pinned {
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
