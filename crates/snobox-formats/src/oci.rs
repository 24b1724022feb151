//! OCI image manifests, indexes and layouts, and their Docker schema 2 twins.
//!
//! Only the fields that snobox acts on are typed; digests are always those of the raw bytes, which callers keep.
//! Source of truth: OCI image specification 1.1 (manifest, image-index, image-layout) and Docker's "Image Manifest Version 2, Schema 2".

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// Media type of an OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of an OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Media type of a Docker schema 2 manifest.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Media type of a Docker manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// Annotation of an index entry: the name of the image in the layout. snobox writes the full upstream reference.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The content of the file `oci-layout`.
pub const OCI_LAYOUT: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;
/// Largest manifest or index that is read, in bytes: the limit of the distribution specification.
pub const MAX_MANIFEST_BYTES: u64 = 4 * 1024 * 1024;

/// The largest size that a descriptor may name: more is no size, and sums of sizes must not overflow. What JSON numbers hold exactly.
pub const MAX_SIZE_BYTES: u64 = 1 << 53;

fn possible_size<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let size = u64::deserialize(deserializer)?;
    if size > MAX_SIZE_BYTES {
        let message = format!("a size of {size} bytes is impossible");
        return Err(serde::de::Error::custom(message));
    }
    Ok(size)
}

/// A typed pointer to a blob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// Media type of the content.
    #[serde(default)]
    pub media_type: String,
    /// Digest of the raw content.
    pub digest: Digest,
    /// Size of the raw content in bytes; at most [`MAX_SIZE_BYTES`].
    #[serde(deserialize_with = "possible_size")]
    pub size: u64,
    /// Platform, on the entries of an image index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Free annotations, ordered by key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// The platform that an image runs on, in Go's words: `linux`, `amd64`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// Processor architecture: `amd64`, `arm64`, `ppc64le`, `s390x`.
    pub architecture: String,
    /// Operating system: `linux`.
    pub os: String,
    /// Variant of the architecture: `v8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// An image manifest: a configuration and layers, lowest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageManifest {
    /// The image configuration.
    pub config: Descriptor,
    /// The layers, lowest first.
    pub layers: Vec<Descriptor>,
}

/// An image index or manifest list, or the `index.json` of a layout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageIndex {
    /// Always 2.
    pub schema_version: u32,
    /// Media type, absent in many `index.json` files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The entries.
    pub manifests: Vec<Descriptor>,
}

impl ImageIndex {
    /// An index without entries, as a new layout has it.
    pub fn empty() -> Self {
        Self {
            schema_version: 2,
            media_type: Some(OCI_INDEX.to_owned()),
            manifests: Vec::new(),
        }
    }
}

/// What a manifest's bytes say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manifest {
    /// One image.
    Image(ImageManifest),
    /// A choice of images, one for each platform.
    Index(ImageIndex),
}

/// Why bytes are not a manifest that snobox understands.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not JSON, or a required field is missing.
    #[error("not a valid manifest")]
    Json(#[source] serde_json::Error),
    /// JSON, but of another kind: schema 1, an artifact, an error page.
    #[error(
        "manifest of media type {media_type:?} and schema version {schema_version} is not supported: expected an OCI or Docker schema 2 image or index"
    )]
    Unsupported {
        /// The media type, as far as one is given.
        media_type: String,
        /// The schema version; 0 when absent.
        schema_version: u64,
    },
}

/// The media type and the content of a manifest.
///
/// `content_type` is what the server or the descriptor said; the bytes' own `mediaType` wins over it, and the shape decides where
/// neither says.
///
/// # Errors
/// [`ManifestError`] for other documents.
pub fn parse_manifest(
    bytes: &[u8],
    content_type: Option<&str>,
) -> Result<(String, Manifest), ManifestError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Probe {
        #[serde(default)]
        schema_version: u64,
        media_type: Option<String>,
        manifests: Option<serde::de::IgnoredAny>,
        layers: Option<serde::de::IgnoredAny>,
    }
    let probe: Probe = serde_json::from_slice(bytes).map_err(ManifestError::Json)?;
    let media_type = probe.media_type.or_else(|| {
        content_type
            .map(|c| c.split(';').next().unwrap_or(c).trim().to_owned())
            .filter(|c| {
                [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST].contains(&c.as_str())
            })
    });
    let media_type = match media_type {
        Some(media_type) => media_type,
        None if probe.manifests.is_some() => OCI_INDEX.to_owned(),
        None if probe.layers.is_some() => OCI_MANIFEST.to_owned(),
        None => String::new(),
    };
    let manifest = match media_type.as_str() {
        OCI_MANIFEST | DOCKER_MANIFEST if probe.schema_version == 2 => {
            Manifest::Image(serde_json::from_slice(bytes).map_err(ManifestError::Json)?)
        }
        OCI_INDEX | DOCKER_LIST if probe.schema_version == 2 => {
            Manifest::Index(serde_json::from_slice(bytes).map_err(ManifestError::Json)?)
        }
        _ => {
            return Err(ManifestError::Unsupported {
                media_type,
                schema_version: probe.schema_version,
            });
        }
    };
    Ok((media_type, manifest))
}

/// The entry of `index` for `linux` on `architecture` (Go's name, such as `amd64`); where there is none, the first that does not say what it is for, as
/// containers/image does (`internal/manifest/oci_index.go`, `chooseInstance`).
pub fn select_platform<'a>(index: &'a ImageIndex, architecture: &str) -> Option<&'a Descriptor> {
    let entries = || index.manifests.iter();
    let fits = |entry: &&Descriptor| {
        entry
            .platform
            .as_ref()
            .is_some_and(|p| p.os == "linux" && p.architecture == architecture)
    };
    let any = || entries().find(|entry| entry.platform.is_none() && !is_index(&entry.media_type));
    entries().find(fits).or_else(any)
}

/// Whether a media type names an index or manifest list.
pub fn is_index(media_type: &str) -> bool {
    media_type == OCI_INDEX || media_type == DOCKER_LIST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_without_a_platform_is_for_any_and_comes_last() {
        let entry = |content: &str, platform: &str| {
            let digest = Digest::of(content.as_bytes());
            format!(r#"{{"mediaType":"{OCI_MANIFEST}","digest":"{digest}","size":1{platform}}}"#)
        };
        let amd64 = r#","platform":{"os":"linux","architecture":"amd64"}"#;
        let chosen = |entries: &[String]| {
            let index = format!(
                r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{}]}}"#,
                entries.join(",")
            );
            let (_, Manifest::Index(index)) = parse_manifest(index.as_bytes(), None).unwrap()
            else {
                panic!("an index")
            };
            select_platform(&index, "amd64").map(|entry| entry.digest)
        };
        let both = [entry("any", ""), entry("amd64", amd64)];
        assert_eq!(chosen(&both), Some(Digest::of(b"amd64")));
        assert_eq!(chosen(&both[..1]), Some(Digest::of(b"any")));
        assert_eq!(chosen(&[]), None);
    }

    #[test]
    fn an_impossible_size_is_no_size() {
        let digest = Digest::of(b"");
        let sized = |size: &str| {
            let config = format!(r#"{{"digest":"{digest}","size":{size}}}"#);
            let text = format!(
                r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","config":{config},"layers":[]}}"#
            );
            parse_manifest(text.as_bytes(), None)
        };
        assert!(sized("9007199254740992").is_ok());
        for size in ["9007199254740993", "18446744073709551615", "-1"] {
            assert!(matches!(sized(size), Err(ManifestError::Json(_))), "{size}");
        }
    }

    #[test]
    fn the_bytes_own_media_type_wins_over_the_header() {
        let digest = Digest::of(b"");
        let index = format!(
            r#"{{"schemaVersion":2,"mediaType":"{DOCKER_LIST}","manifests":[{{"digest":"{digest}","size":1,"platform":{{"os":"linux","architecture":"arm64"}}}}]}}"#
        );
        let (media_type, manifest) = parse_manifest(index.as_bytes(), Some(OCI_MANIFEST)).unwrap();
        assert_eq!(media_type, DOCKER_LIST);
        let Manifest::Index(index) = manifest else {
            panic!("not an index")
        };
        assert!(select_platform(&index, "arm64").is_some());
        assert!(select_platform(&index, "amd64").is_none());
    }

    #[test]
    fn schema_1_and_error_pages_are_refused_by_name() {
        let schema1 = br#"{"schemaVersion":1,"name":"x","fsLayers":[]}"#;
        let error = parse_manifest(schema1, Some("application/json"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("schema version 1"), "{error}");
        assert!(matches!(
            parse_manifest(b"<html>", None),
            Err(ManifestError::Json(_))
        ));
    }
}
