//! What is signed: a document that names an image.
//!
//! ```json
//! { "critical": { "type": "atomic container signature",
//!                 "image": { "docker-manifest-digest": "sha256:…" },
//!                 "identity": { "docker-reference": "quay.io/openshift-release-dev/ocp-release:4.13.1-x86_64" } },
//!   "optional": { "creator": "…", "timestamp": 1554833664 } }
//! ```
//!
//! A field that is not known is refused: it may say that the signature is meant for something else.

use serde::Deserialize;
use snobox_formats::digest::Digest;

use super::SignatureError;

/// The type of such a document.
pub(super) const TYPE: &str = "atomic container signature";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Claim {
    critical: Critical,
    #[serde(default, rename = "optional")]
    _optional: Option<Optional>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Critical {
    r#type: String,
    image: Image,
    identity: Identity,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    digest: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Identity {
    #[serde(rename = "docker-reference")]
    reference: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Optional {
    #[serde(default, rename = "creator")]
    _creator: Option<String>,
    #[serde(default, rename = "timestamp")]
    _timestamp: Option<i64>,
}

/// The name of the image in a document that holds for `release`.
pub(super) fn check(document: &[u8], release: Digest) -> Result<String, SignatureError> {
    let claim: Claim = serde_json::from_slice(document).map_err(SignatureError::Document)?;
    let Critical {
        r#type,
        image,
        identity,
    } = claim.critical;
    if r#type != TYPE {
        return Err(SignatureError::Type { found: r#type });
    }
    if identity.reference.is_empty() {
        return Err(SignatureError::NoIdentity);
    }
    if image.digest != release.to_string() {
        return Err(SignatureError::WrongDigest {
            expected: release,
            found: image.digest,
        });
    }
    Ok(identity.reference)
}
