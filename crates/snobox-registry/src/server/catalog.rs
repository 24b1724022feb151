//! What a store's index names, by repository.

use std::collections::{BTreeMap, BTreeSet};

use snobox_formats::digest::Digest;
use snobox_formats::layout::{self, Finding};
use snobox_formats::oci::REF_NAME;
use snobox_formats::reference::{ImageRef, loopback_repository};
use snobox_store::{Store, StoreError};

/// Everything that may be served, by repository name.
#[derive(Debug, Default)]
pub struct Catalog {
    repositories: BTreeMap<String, Repository>,
}

/// One repository.
#[derive(Debug, Default)]
pub(crate) struct Repository {
    pub(crate) tags: BTreeMap<String, Digest>,
    pub(crate) manifests: BTreeMap<Digest, Content>,
    pub(crate) blobs: BTreeMap<Digest, Content>,
}

/// One thing to serve.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) media_type: String,
    pub(crate) size_bytes: u64,
}

impl Catalog {
    /// Reads the index and all manifests of a store. Images with a damaged manifest are left out, as are entries without a full name.
    ///
    /// # Errors
    /// [`StoreError`] when the index cannot be read.
    pub fn of(store: &Store) -> Result<Self, StoreError> {
        let mut catalog = Self::default();
        let closure = layout::closure(&store.index_json()?, store);
        let damaged: BTreeSet<Digest> = closure
            .findings
            .iter()
            .filter_map(Finding::digest)
            .collect();
        for entry in &store.index()?.manifests {
            let reference = entry
                .annotations
                .get(REF_NAME)
                .and_then(|name| name.parse::<ImageRef>().ok());
            let Some(reference) = reference.filter(|_| !damaged.contains(&entry.digest)) else {
                continue;
            };
            // A name without tag and digest means this tag.
            let tag = reference.tag().or(if reference.digest().is_none() {
                Some("latest")
            } else {
                None
            });
            if let Some(tag) = tag {
                let repository = catalog
                    .repositories
                    .entry(loopback_repository(&reference.name()))
                    .or_default();
                repository.tags.insert(tag.to_owned(), entry.digest);
            }
        }
        for needed in closure.blobs {
            let descriptor = needed.descriptor;
            if damaged.contains(&descriptor.digest) {
                continue;
            }
            let content = Content {
                media_type: descriptor.media_type,
                size_bytes: descriptor.size,
            };
            for name in needed
                .images
                .iter()
                .filter_map(|i| i.parse::<ImageRef>().ok())
                .map(|r| r.name())
            {
                let repository = catalog
                    .repositories
                    .entry(loopback_repository(&name))
                    .or_default();
                let list = if needed.kind == "manifest" {
                    &mut repository.manifests
                } else {
                    &mut repository.blobs
                };
                list.insert(descriptor.digest, content.clone());
            }
        }
        Ok(catalog)
    }

    /// Names of the repositories, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.repositories.keys().map(String::as_str)
    }

    pub(crate) fn repository(&self, name: &str) -> Option<&Repository> {
        self.repositories.get(name)
    }
}
