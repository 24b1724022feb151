//! What an image of the store needs at a registry, and what it is called there.

use snobox_formats::digest::Digest;
use snobox_formats::layout::SPARSE;
use snobox_formats::oci::{self, Descriptor, ImageManifest, Manifest};
use snobox_formats::reference::{ImageRef, loopback_repository};
use snobox_store::Store;

use super::PushError;
use crate::client::Place;

/// Where images go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Host with port.
    pub registry: String,
    /// What all repositories begin with; empty for none.
    pub prefix: String,
    /// Leave the upstream registry's name out: `quay.io/a/b` becomes `PREFIX/a/b` and not `PREFIX/quay.io/a/b`.
    pub short_names: bool,
}

impl Target {
    /// The place for an image.
    pub fn place(&self, reference: &ImageRef) -> Place {
        let name = if self.short_names {
            reference.repository().to_owned()
        } else {
            loopback_repository(&reference.name())
        };
        let repository = if self.prefix.is_empty() {
            name
        } else {
            format!("{}/{name}", self.prefix)
        };
        Place {
            registry: self.registry.clone(),
            repository,
        }
    }
}

/// A manifest with its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushManifest {
    /// Its digest.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// An image to be pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushImage {
    /// Its reference in the store.
    pub reference: ImageRef,
    /// Where it goes.
    pub place: Place,
    /// The manifest or list that the reference stands for.
    pub top: PushManifest,
    /// Of a list, the children that the store has.
    pub children: Vec<PushManifest>,
    /// Whether the list names more children than these.
    pub sparse: bool,
    /// Configurations and layers.
    pub blobs: Vec<Descriptor>,
}

/// Reads the manifests of the image behind an entry of the store's index.
///
/// # Errors
/// [`PushError::Store`] for what is missing or damaged, [`PushError::Manifest`].
pub fn plan(
    store: &Store,
    reference: &ImageRef,
    entry: &Descriptor,
    target: &Target,
) -> Result<PushImage, PushError> {
    let (top, manifest) = read(store, entry)?;
    let mut image = PushImage {
        reference: reference.clone(),
        place: target.place(reference),
        top,
        children: Vec::new(),
        sparse: false,
        blobs: Vec::new(),
    };
    match manifest {
        Manifest::Image(manifest) => image.need(manifest),
        Manifest::Index(index) => {
            let kept = entry.annotations.get(SPARSE);
            for child in &index.manifests {
                let text = child.digest.to_string();
                if kept.is_some_and(|kept| !kept.split(',').any(|d| d == text)) {
                    image.sparse = true;
                    continue;
                }
                match read(store, child)? {
                    (manifest, Manifest::Image(of_child)) => {
                        image.children.push(manifest);
                        image.need(of_child);
                    }
                    (manifest, Manifest::Index(_)) => {
                        return Err(PushError::Manifest(oci::ManifestError::Unsupported {
                            media_type: manifest.media_type,
                            schema_version: 2,
                        }));
                    }
                }
            }
        }
    }
    Ok(image)
}

impl PushImage {
    fn need(&mut self, manifest: ImageManifest) {
        for blob in std::iter::once(manifest.config).chain(manifest.layers) {
            if !self.blobs.iter().any(|known| known.digest == blob.digest) {
                self.blobs.push(blob);
            }
        }
    }
}

fn read(store: &Store, entry: &Descriptor) -> Result<(PushManifest, Manifest), PushError> {
    let bytes = store.read_blob(entry.digest, oci::MAX_MANIFEST_BYTES)?;
    let (media_type, manifest) = oci::parse_manifest(&bytes, Some(&entry.media_type))?;
    let digest = entry.digest;
    Ok((
        PushManifest {
            digest,
            media_type,
            bytes,
        },
        manifest,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_have_the_upstreams_whole_name_unless_asked_otherwise() {
        let mut target = Target {
            registry: "reg.lan:5000".to_owned(),
            prefix: "factory".to_owned(),
            short_names: false,
        };
        let place = |target: &Target, name: &str| target.place(&name.parse().unwrap()).to_string();
        assert_eq!(
            place(&target, "localhost:5000/a/b:1"),
            "reg.lan:5000/factory/localhost_5000/a/b"
        );
        target.short_names = true;
        assert_eq!(place(&target, "quay.io/a/b:1"), "reg.lan:5000/factory/a/b");
        target.prefix.clear();
        assert_eq!(place(&target, "quay.io/a/b:1"), "reg.lan:5000/a/b");
    }
}
