//! What a store can do without: decided first, removed then.
//!
//! Kept is what the images of the index need, and what the images of the given roots need as far as it has come. The rest goes, except what
//! came of late without belonging to any image yet: a mirror that was killed goes on with it. Quarantined bytes are of no use to
//! anybody. Documents of what was worked out stay where the caller knows them to be of use, and the manifests that they need with them; the others go when
//! they are as old as a blob that nobody needs. A manifest that is kept and cannot be read hides what it needs, so that then nothing is removed at all.
//!
//! Who removes holds the lock of writers, and no program may be reading ([`Store::reading`]). The index is replaced first: a sweep
//! that is interrupted leaves files that nobody names, and the next one takes them.

use std::collections::BTreeSet;
use std::fs;
use std::time::SystemTime;

use snobox_formats::digest::Digest;
use snobox_formats::layout::{self, Closure};
use snobox_formats::oci::{Descriptor, ImageIndex};

use crate::contents::{FileKind, StoreFile};
use crate::inventory::entry_name;
use crate::{Store, StoreError, StoreSweep};

/// What is to be kept.
#[derive(Clone, Debug)]
pub struct GcPolicy {
    /// Names of index entries that go, with what only they need.
    pub drop: BTreeSet<String>,
    /// Images that may be on their way: what the store has of them stays. Sizes do not matter.
    pub roots: Vec<Descriptor>,
    /// Names of the documents that stay, whatever their age.
    pub documents: BTreeSet<String>,
    /// Manifests that stay for these documents, without what else their images need.
    pub manifests: BTreeSet<Digest>,
    /// What no image needs goes only if it was written before this.
    pub before: SystemTime,
}

/// What goes, and what stays for a reason.
#[derive(Clone, Debug)]
pub struct GcPlan {
    /// Names of the index entries that go.
    pub dropped: Vec<String>,
    /// The files that go.
    pub removed: Vec<StoreFile>,
    /// Files that nobody needs and that are too young to go.
    pub spared: Vec<StoreFile>,
    index: Option<ImageIndex>,
}

impl GcPlan {
    /// Bytes that it frees.
    pub fn bytes(&self) -> u64 {
        self.removed.iter().map(|file| file.bytes).sum()
    }
}

impl Store {
    /// Says what would go.
    ///
    /// # Errors
    /// [`StoreError::Unproved`] when a manifest that is to be kept is missing or damaged; [`StoreError::Index`], [`StoreError::Io`].
    pub fn plan_gc(&self, policy: &GcPolicy) -> Result<GcPlan, StoreError> {
        let mut index = self.index()?;
        let before = self.closure_of(&index)?;
        let (dropped, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut index.manifests)
            .into_iter()
            .partition(|entry| policy.drop.contains(&entry_name(entry)));
        index.manifests = kept;
        let closure = self.closure_of(&index)?;
        if let Some(finding) = closure.findings.first() {
            return Err(StoreError::Unproved {
                path: self.root().to_owned(),
                why: finding.to_string(),
            });
        }
        let coming = self.closure_of(&self.roots_there(&policy.roots))?;
        let needed = digests(&closure).chain(digests(&coming));
        let needed: BTreeSet<Digest> = needed.chain(policy.manifests.iter().copied()).collect();
        // Who drops an image means its blobs, however young they are.
        let of_dropped: BTreeSet<Digest> = digests(&before).collect();
        let (mut removed, mut spared) = (Vec::new(), Vec::new());
        for file in self.files()? {
            let is = |set: &BTreeSet<Digest>| file.digest.is_some_and(|d| set.contains(&d));
            match file.kind {
                FileKind::Stranger => {}
                FileKind::Blob | FileKind::Partial if is(&needed) => {}
                FileKind::Known if is_one_of(&policy.documents, &file) => {}
                FileKind::Blob | FileKind::Partial | FileKind::Known
                    if file.modified >= policy.before && !is(&of_dropped) =>
                {
                    spared.push(file);
                }
                _ => removed.push(file),
            }
        }
        Ok(GcPlan {
            index: (!dropped.is_empty()).then_some(index),
            dropped: dropped.iter().map(entry_name).collect(),
            removed,
            spared,
        })
    }

    /// The manifests of all images that a policy keeps: lists, and the children that are kept of them.
    ///
    /// # Errors
    /// [`StoreError::Index`], [`StoreError::Io`].
    pub fn manifests_kept(&self, policy: &GcPolicy) -> Result<BTreeSet<Digest>, StoreError> {
        let mut index = self.index()?;
        index
            .manifests
            .retain(|entry| !policy.drop.contains(&entry_name(entry)));
        index
            .manifests
            .extend(self.roots_there(&policy.roots).manifests);
        let closure = self.closure_of(&index)?;
        let manifests = closure.blobs.iter().filter(|blob| blob.kind == "manifest");
        Ok(manifests.map(|blob| blob.descriptor.digest).collect())
    }

    /// Removes what was planned while the same right was held. What is gone already is no error.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn sweep(&self, _sweeping: &StoreSweep, plan: &GcPlan) -> Result<(), StoreError> {
        if let Some(index) = &plan.index {
            self.set_index(index)?;
        }
        for file in &plan.removed {
            match fs::remove_file(&file.path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(StoreError::Io {
                        action: "remove",
                        path: file.path.clone(),
                        source: error,
                    });
                }
                _ => {}
            }
        }
        self.sync_blobs()
    }

    /// The roots whose manifests have come, as an index.
    fn roots_there(&self, roots: &[Descriptor]) -> ImageIndex {
        let mut index = ImageIndex::empty();
        let there = roots.iter().filter_map(|root| {
            let size = fs::metadata(self.blob_path(root.digest)).ok()?.len();
            Some(Descriptor {
                size,
                ..root.clone()
            })
        });
        index.manifests = there.collect();
        index
    }

    pub(crate) fn closure_of(&self, index: &ImageIndex) -> Result<Closure, StoreError> {
        let text = serde_json::to_vec(index).map_err(|source| StoreError::Index {
            path: self.root().join("index.json"),
            source,
        })?;
        Ok(layout::closure(&text, self))
    }
}

fn is_one_of(names: &BTreeSet<String>, file: &StoreFile) -> bool {
    let name = file.path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| names.contains(name))
}

fn digests(closure: &Closure) -> impl Iterator<Item = Digest> {
    closure.blobs.iter().map(|blob| blob.descriptor.digest)
}
