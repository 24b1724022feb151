//! What a cache lacks of all that its ignition will ask for. Which image a component is, the payload image in the cache itself says.

use std::collections::BTreeSet;
use std::io::Read as _;

use snobox_formats::digest::Digest;
use snobox_formats::ignition::Ignition;
use snobox_formats::image_file::{self, ImageFileError};
use snobox_formats::layout::{Blobs, Closure};
use snobox_formats::oci::{self, ImageIndex, Manifest, REF_NAME};
use snobox_formats::reference::ImageRef;
use snobox_plan::release::{
    IMAGE_REFERENCES, MAX_REFERENCES_BYTES, ReleaseError, ReleaseImages, parse_image_references,
};

use super::images::{BootstrapImages, Missing, Why, bootstrap_images, missing};
use super::{Layout, LayoutError};
use crate::verify::references;

/// The images of a cache.
pub struct Cached<'a> {
    /// Entries of its index, with the names that they are asked for by.
    pub index: &'a ImageIndex,
    /// Everything that the index leads to.
    pub closure: &'a Closure,
    /// Where its blobs are.
    pub blobs: &'a dyn Blobs,
}

/// Why nothing can be said about what an ignition asks for.
#[derive(Debug, thiserror::Error)]
pub enum CachedError {
    /// The ignition is none that is understood.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The payload image in the cache cannot be read.
    #[error("{release} in the cache cannot be read")]
    Release {
        /// The payload image.
        release: Box<ImageRef>,
        /// Why.
        source: ImageFileError,
    },
    /// It is no payload image.
    #[error("{release} in the cache is not a release")]
    NotARelease {
        /// The image.
        release: Box<ImageRef>,
        /// Why.
        source: ReleaseError,
    },
}

impl Cached<'_> {
    /// Everything that either boot will ask for and not get from this cache.
    ///
    /// # Errors
    /// [`CachedError`].
    pub fn missing(&self, ignition: &Ignition) -> Result<Vec<Missing>, CachedError> {
        let layout = Layout::detect(ignition)?;
        let asked = bootstrap_images(ignition, &layout);
        let manifests = self.manifests();
        let has = |image: &ImageRef| match image.digest() {
            Some(digest) => manifests.contains(&digest),
            None => self.is_named(image),
        };
        let Some(components) = self.components(&asked, &manifests)? else {
            // Without the release nobody knows what its components are.
            let known = BootstrapImages {
                components: [].into(),
                ..asked
            };
            return Ok(missing(&known, &|_| None, &has));
        };
        let component = |name: &str| {
            let mut named = components.components.iter();
            named
                .find(|(known, _)| known == name)
                .map(|(_, image)| image.clone())
        };
        Ok(missing(&asked, &component, &has))
    }

    /// The images that an ignition names by digest and that the cache lacks: all that can be said of an ignition that is not understood.
    pub fn missing_by_name(&self, ignition: &Ignition) -> Vec<Missing> {
        let manifests = self.manifests();
        references(ignition)
            .into_iter()
            .filter(|(image, _)| image.digest().is_some_and(|d| !manifests.contains(&d)))
            .map(|(image, asked_by)| Missing {
                component: None,
                image: Some(image),
                asked_by,
                why: Why::NotInCache,
            })
            .collect()
    }

    fn manifests(&self) -> BTreeSet<Digest> {
        let manifests = self.closure.blobs.iter().filter(|b| b.kind == "manifest");
        manifests.map(|blob| blob.descriptor.digest).collect()
    }

    fn is_named(&self, image: &ImageRef) -> bool {
        let name = image.to_string();
        let mut entries = self.index.manifests.iter();
        entries.any(|entry| entry.annotations.get(REF_NAME) == Some(&name))
    }

    /// The components of the release; `None` when the cache does not have it.
    fn components(
        &self,
        asked: &BootstrapImages,
        manifests: &BTreeSet<Digest>,
    ) -> Result<Option<ReleaseImages>, CachedError> {
        let release = || Box::new(asked.release.clone());
        let Some(digest) = asked.release.digest().filter(|d| manifests.contains(d)) else {
            return Ok(None);
        };
        let read =
            |digest| image_file::read(self.blobs, digest, IMAGE_REFERENCES, MAX_REFERENCES_BYTES);
        let text = match read(digest) {
            // A payload for several architectures: the cache holds the manifest of the one that is used.
            Err(ImageFileError::Manifest { .. }) => match self.child(digest, manifests) {
                Some(child) => read(child),
                None => Err(ImageFileError::Manifest { digest }),
            },
            other => other,
        };
        let text = text.map_err(|source| CachedError::Release {
            release: release(),
            source,
        })?;
        let components =
            parse_image_references(&text).map_err(|source| CachedError::NotARelease {
                release: release(),
                source,
            })?;
        Ok(Some(components))
    }

    /// The manifest of an index that the cache has.
    fn child(&self, index: Digest, manifests: &BTreeSet<Digest>) -> Option<Digest> {
        let mut bytes = Vec::new();
        let blob = self.blobs.open(index).ok()??;
        blob.take(oci::MAX_MANIFEST_BYTES)
            .read_to_end(&mut bytes)
            .ok()?;
        let (_, Manifest::Index(index)) = oci::parse_manifest(&bytes, None).ok()? else {
            return None;
        };
        let mut children = index.manifests.into_iter().map(|entry| entry.digest);
        children.find(|digest| manifests.contains(digest))
    }
}
