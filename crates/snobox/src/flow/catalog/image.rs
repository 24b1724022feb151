//! A catalog out of its image: manifest and configuration first, then only the layers that hold documents.
//!
//! What was read stays known in the store, by the digest of the image, and so does the digest that a tag stood for: a catalog that was read once can
//! be read again without a network.

use serde::{Deserialize, Serialize};
use serde_json::json;
use snobox_catalog::catalog::{Builder, Catalog};
use snobox_catalog::catalog_image::{CatalogImage, CatalogImageError, MAX_CONFIG_BYTES, Survey};
use snobox_formats::digest::Digest;
use snobox_formats::oci;
use snobox_formats::reference::ImageRef;
use snobox_registry::client::RequestError;
use snobox_registry::pull::{Pinned, PullError};

use super::files::passed_over;
use super::finished;
use crate::error::{Error, Exit, Result};
use crate::flow::line::Line;

/// Of what is known of catalogs; others are worked out again.
const VERSION: u32 = 3;
const HINT: &str = "expected the image of a file-based catalog, such as registry.redhat.io/redhat/redhat-operator-index:v4.13";

/// A catalog and the image that it came from.
#[derive(Debug)]
pub struct Pulled {
    /// The image.
    pub pinned: Pinned,
    /// What it holds.
    pub catalog: Catalog,
}

/// Reads the catalog in an image; one that was read before comes out of the store.
pub async fn pull(line: &Line<'_>, reference: &ImageRef, architecture: &str) -> Result<Pulled> {
    let pinned = pin(line, reference, architecture).await?;
    read(line, pinned).await
}

/// The same for an image whose manifests are in the store.
pub(super) async fn read(line: &Line<'_>, pinned: Pinned) -> Result<Pulled> {
    let name = catalog_document(pinned.image_manifest());
    if let Some(catalog) = known(line, &name)? {
        return Ok(Pulled { pinned, catalog });
    }
    let opened = Opened::fetch(line, &pinned).await?;
    let catalog = tokio::task::block_in_place(|| opened.read(line, &pinned.reference))?;
    let text = json!({"version": VERSION, "catalog": catalog});
    line.store.remember(&name, text.to_string().as_bytes())?;
    Ok(Pulled { pinned, catalog })
}

#[derive(Deserialize)]
struct Known {
    version: u32,
    catalog: Catalog,
}

fn known(line: &Line<'_>, name: &str) -> Result<Option<Catalog>> {
    let bytes = line.store.recall(name)?;
    // What another version left, or a disk has damaged, is worked out again.
    let known = bytes.and_then(|bytes| serde_json::from_slice::<Known>(&bytes).ok());
    Ok(known
        .filter(|known| known.version == VERSION)
        .map(|known| known.catalog))
}

/// What the catalog in an image is known by.
pub(super) fn catalog_document(image: Digest) -> String {
    format!("catalog-{}", image.hex())
}

/// What names of documents of [`Tag`]s begin with.
pub(super) const TAGS: &str = "tag-";

/// The digest that a tag stood for when somebody last asked.
#[derive(Serialize, Deserialize)]
pub(super) struct Tag {
    reference: ImageRef,
    pub(super) digest: Digest,
}

async fn pin(line: &Line<'_>, reference: &ImageRef, architecture: &str) -> Result<Pinned> {
    let hex = Digest::of(reference.to_string().as_bytes()).hex();
    let name = format!("{TAGS}{hex}");
    let set = line
        .pin(std::slice::from_ref(reference), architecture)
        .await?;
    let failures = match set.into_result() {
        Ok(pinned) => {
            let pinned = first(pinned)?;
            if reference.digest().is_none() {
                let tag = Tag {
                    reference: reference.clone(),
                    digest: pinned.manifest.digest,
                };
                let text = json!(tag).to_string();
                line.store.remember(&name, text.as_bytes())?;
            }
            return Ok(pinned);
        }
        Err(failures) => failures,
    };
    let unreachable = failures.iter().all(|failure| {
        matches!(
            failure.cause(),
            Some(PullError::Request(RequestError::Unreachable { .. }))
        )
    });
    let tag = line.store.recall(&name)?;
    let tag = tag.and_then(|bytes| serde_json::from_slice::<Tag>(&bytes).ok());
    let Some(tag) = tag.filter(|_| unreachable) else {
        return Err(failures.into());
    };
    line.ui.say(format!(
        "note: {} cannot be reached; {reference} is taken for {}, as it was last",
        reference.registry(),
        tag.digest
    ));
    let set = line
        .pin(&[reference.pinned(tag.digest)], architecture)
        .await?;
    let mut pinned = first(set.into_result()?)?;
    pinned.reference = reference.clone();
    Ok(pinned)
}

pub(super) fn first(pinned: Vec<Pinned>) -> Result<Pinned> {
    let first = pinned.into_iter().next();
    first.ok_or_else(|| Error::new(Exit::Internal, "nothing was pinned"))
}

/// A catalog image whose documents are in the store.
pub(super) struct Opened {
    pub(super) image: CatalogImage,
    pub(super) survey: Survey,
}

impl Opened {
    /// Fetches configuration and layers, as far as the store lacks them.
    pub(super) async fn fetch(line: &Line<'_>, pinned: &Pinned) -> Result<Self> {
        let about = |error: CatalogImageError| refused(&pinned.reference, error);
        let manifest = line
            .store
            .read_blob(pinned.image_manifest(), oci::MAX_MANIFEST_BYTES)?;
        let config = pinned.blobs.first().cloned();
        let config =
            config.ok_or_else(|| Error::new(Exit::Internal, "an image without configuration"))?;
        bring(line, pinned, std::slice::from_ref(&config)).await?;
        let config = line.store.read_blob(config.digest, MAX_CONFIG_BYTES)?;
        let mut image = CatalogImage::new(&manifest, &config).map_err(about)?;
        loop {
            bring(line, pinned, image.layers_to_read()).await?;
            let looked = tokio::task::block_in_place(|| image.survey(&*line.store));
            let survey = looked.map_err(about)?;
            if survey.has_documents() || !image.widen() {
                return Ok(Self { image, survey });
            }
        }
    }

    fn read(&self, line: &Line<'_>, reference: &ImageRef) -> Result<Catalog> {
        for other in self.survey.passed_over() {
            line.ui
                .say(format!("note: {reference}: {}", passed_over(other)));
        }
        let mut builder = Builder::default();
        let read = self
            .image
            .read(&self.survey, &*line.store, &mut |document| {
                if line.interrupt.is_set() {
                    return Err(String::new());
                }
                builder.add(document);
                Ok(())
            });
        if line.interrupt.is_set() {
            return Err(Error::interrupted());
        }
        read.map_err(|error| refused(reference, error))?;
        finished(&reference.to_string(), builder, HINT)
    }
}

async fn bring(line: &Line<'_>, pinned: &Pinned, blobs: &[oci::Descriptor]) -> Result<()> {
    let wanted = Pinned {
        blobs: blobs.to_vec(),
        ..pinned.clone()
    };
    let is_there = |blob: &oci::Descriptor| line.store.has(blob.digest, blob.size);
    if !wanted.blobs.iter().all(is_there) {
        line.fetch("catalog", &[wanted]).await?.into_result()?;
    }
    Ok(())
}

/// An image that is no catalog, or one that cannot be used.
pub(super) fn refused(reference: &ImageRef, error: CatalogImageError) -> Error {
    match error {
        CatalogImageError::Layer(error) => {
            let error = Error::from(error);
            let message = format!("{reference}: {}", error.message);
            Error { message, ..error }
        }
        other => Error::caused(Exit::File, reference.to_string(), &other).hint(HINT),
    }
}
