//! What a release payload image says about itself: `release-manifests/image-references` and `release-manifests/release-metadata`.
//!
//! Source of truth: `oc adm release` (pkg/cli/admin/release) and OpenShift's ImageStream API, image.openshift.io/v1.

pub mod keyring;
pub mod signature;

use serde::Deserialize;
use snobox_formats::reference::{ImageRef, ParseReferenceError};

/// Path of the component list in the payload image.
pub const IMAGE_REFERENCES: &str = "release-manifests/image-references";
/// Largest `image-references` that is read, in bytes: real ones have 120 KB.
pub const MAX_REFERENCES_BYTES: usize = 16 << 20;
/// Path of the version document in the payload image.
pub const RELEASE_METADATA: &str = "release-manifests/release-metadata";

/// The components of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseImages {
    /// The version, such as `4.13.1`.
    pub version: String,
    /// Name and pull specification of each component, in the payload's order. Each is pinned by digest.
    pub components: Vec<(String, ImageRef)>,
}

/// Why an `image-references` document cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// Not JSON of the expected form.
    #[error("{IMAGE_REFERENCES} is not a JSON ImageStream")]
    Json(#[source] serde_json::Error),
    /// Another document.
    #[error("{IMAGE_REFERENCES} is a {found}, expected an ImageStream")]
    Kind {
        /// The kind that was found.
        found: String,
    },
    /// A component without a usable pull specification.
    #[error("component {component:?} of the release")]
    Reference {
        /// Name of the component.
        component: String,
        /// What is wrong.
        source: ParseReferenceError,
    },
    /// A component that is not pinned.
    #[error("component {component:?} of the release is not pinned by digest: {reference}")]
    Unpinned {
        /// Name of the component.
        component: String,
        /// Its pull specification.
        reference: Box<ImageRef>,
    },
}

/// Reads `image-references`.
///
/// # Errors
/// [`ReleaseError`], naming the component. Tags that import from somewhere else than a `DockerImage` are left out, as `oc` does.
pub fn parse_image_references(bytes: &[u8]) -> Result<ReleaseImages, ReleaseError> {
    #[derive(Deserialize)]
    struct ImageStream {
        kind: String,
        metadata: Metadata,
        spec: Spec,
    }
    #[derive(Deserialize)]
    struct Metadata {
        name: String,
    }
    #[derive(Deserialize)]
    struct Spec {
        tags: Vec<Tag>,
    }
    #[derive(Deserialize)]
    struct Tag {
        name: String,
        from: Option<From>,
    }
    #[derive(Deserialize)]
    struct From {
        kind: String,
        name: String,
    }
    let stream: ImageStream = serde_json::from_slice(bytes).map_err(ReleaseError::Json)?;
    if stream.kind != "ImageStream" {
        return Err(ReleaseError::Kind { found: stream.kind });
    }
    let mut components = Vec::with_capacity(stream.spec.tags.len());
    for tag in stream.spec.tags {
        let Some(from) = tag.from.filter(|from| from.kind == "DockerImage") else {
            continue;
        };
        let reference: ImageRef = from
            .name
            .parse()
            .map_err(|source| ReleaseError::Reference {
                component: tag.name.clone(),
                source,
            })?;
        if reference.digest().is_none() {
            return Err(ReleaseError::Unpinned {
                component: tag.name,
                reference: Box::new(reference),
            });
        }
        components.push((tag.name, reference));
    }
    Ok(ReleaseImages {
        version: stream.metadata.name,
        components,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unpinned_component_is_refused_by_name() {
        let text = r#"{"kind":"ImageStream","metadata":{"name":"4.1.0"},"spec":{"tags":[
            {"name":"skipped","from":{"kind":"ImageStreamTag","name":"x"}},
            {"name":"etcd","from":{"kind":"DockerImage","name":"quay.io/a/b:latest"}}]}}"#;
        let error = parse_image_references(text.as_bytes())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("etcd") && error.contains("quay.io/a/b:latest"),
            "{error}"
        );
    }

    #[test]
    fn a_real_release_is_read_whole() {
        let Some(samples) = std::env::var_os("SNOBOX_SAMPLES") else {
            assert!(
                std::env::var_os("CI").is_none(),
                "SNOBOX_SAMPLES is not set"
            );
            return println!("SKIPPED: SNOBOX_SAMPLES is not set");
        };
        let path = std::path::Path::new(&samples).join("release-4.12.0/image-references");
        let release = parse_image_references(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!(release.version, "4.12.0");
        // 183 by `jq '.spec.tags|length'`.
        assert_eq!(release.components.len(), 183);
        assert!(
            release
                .components
                .iter()
                .any(|(name, _)| name == "machine-os-images")
        );
    }
}
