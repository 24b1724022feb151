//! What a store's index names, by repository.

use std::collections::{BTreeMap, BTreeSet};

use snobox_formats::digest::Digest;
use snobox_formats::layout::{self, Finding};
use snobox_formats::oci::{ImageIndex, REF_NAME};
use snobox_formats::reference::{ImageRef, loopback_repository};
use snobox_store::{Store, StoreError};

use super::ServerError;

/// Everything that may be served, by repository name.
#[derive(Debug, Default)]
pub struct Catalog {
    repositories: BTreeMap<String, Repository>,
    needed: BTreeMap<Digest, Needed>,
    findings: Vec<Finding>,
    images: usize,
}

/// What a blob is, and the images that need it.
#[derive(Debug)]
struct Needed {
    kind: &'static str,
    images: Vec<String>,
}

/// One repository.
#[derive(Debug, Default)]
pub(crate) struct Repository {
    pub(crate) tags: BTreeMap<String, Digest>,
    pub(crate) manifests: BTreeMap<Digest, Content>,
    pub(crate) blobs: BTreeMap<Digest, Content>,
    /// Manifests that are named but not whole.
    pub(crate) damaged: BTreeMap<Digest, Finding>,
}

/// One thing to serve.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) media_type: String,
    pub(crate) size_bytes: u64,
}

impl Catalog {
    /// Reads the index and all manifests of a store. Damaged manifests are [`Catalog::findings`]; entries without a full name are left out.
    ///
    /// # Errors
    /// [`StoreError`] when the index cannot be read.
    pub fn of(store: &Store) -> Result<Self, StoreError> {
        Self::read(store, &store.index_json()?)
    }

    /// As [`Catalog::of`], for a store whose `index.json` must have this digest.
    ///
    /// # Errors
    /// [`ServerError::WrongIndex`], [`ServerError::Store`].
    pub fn pinned(store: &Store, expected: Digest) -> Result<Self, ServerError> {
        let index_json = store.index_json()?;
        let found = Digest::of(&index_json);
        if found != expected {
            return Err(ServerError::WrongIndex {
                path: store.root().join("index.json"),
                expected,
                found,
            });
        }
        Ok(Self::read(store, &index_json)?)
    }

    fn read(store: &Store, index_json: &[u8]) -> Result<Self, StoreError> {
        let index: ImageIndex =
            serde_json::from_slice(index_json).map_err(|source| StoreError::Index {
                path: store.root().join("index.json"),
                source,
            })?;
        let closure = layout::closure(index_json, store);
        let mut catalog = Self {
            findings: closure.findings,
            ..Self::default()
        };
        let mut images = BTreeSet::new();
        let mut pinned = Vec::new();
        for entry in &index.manifests {
            let reference = entry
                .annotations
                .get(REF_NAME)
                .and_then(|name| name.parse::<ImageRef>().ok());
            let Some(reference) = reference else {
                continue;
            };
            images.insert(entry.digest);
            // A name without tag and digest means this tag.
            let tag = reference.tag().or(if reference.digest().is_none() {
                Some("latest")
            } else {
                None
            });
            if let Some(tag) = tag {
                if reference.digest().is_some() {
                    // What the tag itself stands for goes before what it once stood for.
                    pinned.push((reference.clone(), tag.to_owned(), entry.digest));
                } else {
                    let tags = &mut catalog.repository_of(&reference).tags;
                    tags.insert(tag.to_owned(), entry.digest);
                }
            }
        }
        for (reference, tag, digest) in pinned {
            let tags = &mut catalog.repository_of(&reference).tags;
            tags.entry(tag).or_insert(digest);
        }
        catalog.images = images.len();
        for needed in closure.blobs {
            let digest = needed.descriptor.digest;
            let content = Content {
                media_type: needed.descriptor.media_type,
                size_bytes: needed.descriptor.size,
            };
            // The walk names the image by which it met the damage; here all who need the manifest are known.
            let finding = catalog
                .findings
                .iter_mut()
                .find(|finding| finding.digest() == Some(digest))
                .map(|finding| {
                    *finding = finding.clone().needed_by(&needed.images);
                    finding.clone()
                });
            let names: BTreeSet<ImageRef> = needed
                .images
                .iter()
                .filter_map(|image| image.parse().ok())
                .collect();
            for name in &names {
                let repository = catalog.repository_of(name);
                if let Some(finding) = &finding {
                    repository.damaged.insert(digest, finding.clone());
                } else if needed.kind == "manifest" {
                    repository.manifests.insert(digest, content.clone());
                } else {
                    repository.blobs.insert(digest, content.clone());
                }
            }
            let (kind, images) = (needed.kind, needed.images);
            catalog.needed.insert(digest, Needed { kind, images });
        }
        Ok(catalog)
    }

    /// Names of the repositories, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.repositories.keys().map(String::as_str)
    }

    /// How many different images the index names.
    pub fn images(&self) -> usize {
        self.images
    }

    /// What is wrong with manifests. Images that need one of these cannot be pulled.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The manifests that are whole.
    pub(crate) fn manifests(&self) -> impl Iterator<Item = Digest> {
        let all = self.repositories.values();
        all.flat_map(|repository| repository.manifests.keys().copied())
    }

    /// What a blob is, and the images that need it.
    pub(crate) fn needed_by(&self, digest: Digest) -> (&'static str, &[String]) {
        self.needed
            .get(&digest)
            .map_or(("blob", &[]), |needed| (needed.kind, &needed.images))
    }

    pub(crate) fn repository(&self, name: &str) -> Option<&Repository> {
        self.repositories.get(name)
    }

    fn repository_of(&mut self, image: &ImageRef) -> &mut Repository {
        let name = loopback_repository(&image.name());
        self.repositories.entry(name).or_default()
    }
}
