//! Which children of a list an entry of the index promises, when the list is entered again for others of them.
//!
//! An entry promises the children that its annotation [`SPARSE`] names, or all where it has none. What was promised and is whole stays promised: whoever
//! asks for one platform gives up none of those that are there, and a sweep leaves them alone. A list whose children are all promised has no annotation, so
//! that equal stores have equal indexes whatever came first.

use std::collections::BTreeSet;

use snobox_formats::digest::Digest;
use snobox_formats::layout::SPARSE;
use snobox_formats::oci::{self, Descriptor, ImageIndex, Manifest};

use crate::{Store, StoreError};

impl Store {
    /// `new` with what `there`, an entry of the same name, promises of the same list and the store has whole.
    pub(crate) fn widened(
        &self,
        mut new: Descriptor,
        there: Option<&Descriptor>,
    ) -> Result<Descriptor, StoreError> {
        let Some(asked) = promised(&new) else {
            return Ok(new);
        };
        // Without its list nothing more can be said of it.
        let Some(list) = self.list(&new) else {
            return Ok(new);
        };
        let there = there.filter(|there| there.digest == new.digest);
        let mut kept = Vec::new();
        let mut all = true;
        for child in &list.manifests {
            let digest = child.digest.to_string();
            let was = there.is_some_and(|there| {
                promised(there).is_none_or(|promised| promised.contains(&digest))
            });
            if asked.contains(&digest) || was && self.is_whole(&new, child.digest)? {
                kept.push(digest);
            } else {
                all = false;
            }
        }
        if all {
            new.annotations.remove(SPARSE);
        } else if asked.iter().all(|digest| kept.contains(digest)) {
            new.annotations.insert(SPARSE.to_owned(), kept.join(","));
        }
        Ok(new)
    }

    fn list(&self, entry: &Descriptor) -> Option<ImageIndex> {
        let bytes = self.read_blob(entry.digest, oci::MAX_MANIFEST_BYTES).ok()?;
        match oci::parse_manifest(&bytes, Some(&entry.media_type)) {
            Ok((_, Manifest::Index(list))) => Some(list),
            _ => None,
        }
    }

    /// Whether one child of a list is there with everything that it needs.
    fn is_whole(&self, list: &Descriptor, child: Digest) -> Result<bool, StoreError> {
        let mut only = list.clone();
        only.annotations
            .insert(SPARSE.to_owned(), child.to_string());
        let mut index = ImageIndex::empty();
        index.manifests.push(only);
        let closure = self.closure_of(&index)?;
        let is_there = |blob: &Descriptor| self.has(blob.digest, blob.size);
        Ok(closure.findings.is_empty() && closure.blobs.iter().all(|b| is_there(&b.descriptor)))
    }
}

/// The children that an entry promises; `None` for all.
fn promised(entry: &Descriptor) -> Option<BTreeSet<String>> {
    let kept = entry.annotations.get(SPARSE)?;
    Some(kept.split(',').map(str::to_owned).collect())
}
