//! Which of a store's documents of catalogs are of use: those of catalogs that something in the store, or in a lock, comes from.
//!
//! A catalog counts as long as an image is kept that is the catalog itself or was made of it, or a lock names it. Then what was read of it stays, what its tag
//! stood for, and its manifests, which planning without a network begins with. What update services said of releases stays, too: it is little. Its layers do not: what was in them is known.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use snobox_formats::digest::Digest;
use snobox_formats::oci::{self, Manifest};
use snobox_plan::lock::Lock;
use snobox_store::{FileKind, Store};

use super::image::{TAGS, Tag, catalog_document};
use super::smaller::{Made, SMALLER};
use crate::error::Result;
use crate::flow::graph::GRAPHS;

/// What is of use of a store.
#[derive(Debug, Default)]
pub struct OfUse {
    /// Names of documents.
    pub documents: BTreeSet<String>,
    /// Manifests that are of no use but to those who read these documents.
    pub manifests: BTreeSet<Digest>,
}

/// Documents of catalogs that the images with the manifests `kept`, or `locks`, come from.
pub fn of_use(store: &Store, kept: BTreeSet<Digest>, locks: &[Lock]) -> Result<OfUse> {
    let files = store.files()?.into_iter();
    let known = files.filter(|file| file.kind == FileKind::Known);
    let names: Vec<String> = known
        .filter_map(|file| Some(file.path.file_name()?.to_str()?.to_owned()))
        .collect();
    let mut of_use = OfUse {
        manifests: kept,
        ..OfUse::default()
    };
    let mut made_of = Vec::new();
    for name in names.iter().filter(|name| name.starts_with(SMALLER)) {
        if let Some(made) = read::<Made>(store, name)?
            && of_use.manifests.contains(&made.manifest.digest)
        {
            of_use.documents.insert(name.clone());
            made_of.extend(made.of);
        }
    }
    of_use.manifests.extend(made_of);
    for catalog in locks.iter().flat_map(|lock| &lock.catalogs) {
        of_use
            .manifests
            .extend(with_children(store, catalog.digest));
    }
    let catalogs: BTreeSet<String> = of_use
        .manifests
        .iter()
        .copied()
        .map(catalog_document)
        .collect();
    for name in names {
        let is_of_use = catalogs.contains(&name)
            || name.starts_with(GRAPHS)
            || name.starts_with(TAGS)
                && read::<Tag>(store, &name)?
                    .is_some_and(|tag| of_use.manifests.contains(&tag.digest));
        if is_of_use {
            of_use.documents.insert(name);
        }
    }
    Ok(of_use)
}

/// What cannot be read is of no use.
fn read<T: DeserializeOwned>(store: &Store, name: &str) -> Result<Option<T>> {
    let bytes = store.recall(name)?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// An image or list, and of a list the children.
fn with_children(store: &Store, digest: Digest) -> Vec<Digest> {
    let bytes = store.read_blob(digest, oci::MAX_MANIFEST_BYTES).ok();
    let parsed = bytes.and_then(|bytes| oci::parse_manifest(&bytes, None).ok());
    let mut all = vec![digest];
    if let Some((_, Manifest::Index(list))) = parsed {
        all.extend(list.manifests.iter().map(|child| child.digest));
    }
    all
}
