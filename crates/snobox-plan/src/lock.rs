//! `site.lock`: every image that a site needs, pinned by digest, with its size. Stable for equal input, so that two locks can be compared.
//!
//! ```json
//! { "apiVersion": "snobox.io/v1alpha1", "kind": "Lock", "inputs": "sha256:…",
//!   "release": { "version": "4.13.1", "image": "quay.io/…@sha256:…", "architecture": "amd64" },
//!   "images": [ { "name": "etcd", "role": "component", "reference": "quay.io/…@sha256:…", "digest": "sha256:…",
//!                 "mediaType": "…", "platformDigest": "sha256:…", "sizeBytes": 123 } ],
//!   "leftOut": [ { "name": "aws-ebs-csi-driver", "role": "component", "reference": "quay.io/…@sha256:…", "reason": "…" } ] }
//! ```
//!
//! `inputs` is the digest of what the site asked for; a lock whose inputs differ from the site's is out of date. Images stand in the order
//! release, components by name, additional in the site's order, what image sets choose (images of operators, additional ones), the signatures that
//! all these have in their repositories, and catalogs. `imageSets` has the digests of the texts of the image sets, `catalogs` the catalogs that they
//! choose from, `leftOut` what `images.profile` and `images.exclude` leave out, in the same order; each is absent where there is none. Compatibility: a
//! reader refuses other values of `apiVersion`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use snobox_formats::digest::Digest;
use snobox_formats::reference::ImageRef;

use crate::cost::Part;
use crate::profile::Profile;
use crate::site::Site;
use crate::wanted::signed_by;

const API_VERSION: &str = "snobox.io/v1alpha1";

/// The lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lock {
    api_version: String,
    kind: String,
    /// Digest of what the site asked for: see [`inputs`].
    pub inputs: Digest,
    /// The release.
    pub release: LockedRelease,
    /// All images, the payload image first.
    pub images: Vec<LockedImage>,
    /// Digests of the texts of the site's image sets, in the site's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub image_sets: Vec<Digest>,
    /// Operator catalogs that image sets choose from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub catalogs: Vec<LockedCatalog>,
    /// Images that the release has or the site names, and that are left out on purpose.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
}

/// The release that a site is pinned to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LockedRelease {
    /// Version, as the payload says.
    pub version: String,
    /// The payload image by digest.
    pub image: ImageRef,
    /// Architecture in Go's words, such as `amd64`.
    pub architecture: String,
}

/// What an image is there for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// The payload image.
    Release,
    /// A component of the release.
    Component,
    /// Named under `images.additional`, or by an image set.
    Additional,
    /// The sigstore signature of another image of the lock, in its repository, under a tag made of its digest.
    Signature,
    /// An operator's, chosen by an image set.
    Operator,
    /// A catalog of the chosen operators.
    Catalog,
}

impl Role {
    /// Its word in the lock.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Component => "component",
            Self::Additional => "additional",
            Self::Signature => "signature",
            Self::Operator => "operator",
            Self::Catalog => "catalog",
        }
    }
}

/// One pinned image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LockedImage {
    /// Component name, `release`, the reference of an additional image, of a signature or of a catalog, or the operators that need it.
    pub name: String,
    /// What it is there for.
    pub role: Role,
    /// The name to fetch and to serve it by: with a tag where the site gave one.
    pub reference: ImageRef,
    /// Digest of the manifest or index that the reference stands for.
    pub digest: Digest,
    /// Media type of that manifest or index.
    pub media_type: String,
    /// For an index: the child for the release's architecture. The other children are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform_digest: Option<Digest>,
    /// Bytes of manifests, configuration and layers; layers that other images share count here too.
    pub size_bytes: u64,
}

/// An operator catalog, pinned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LockedCatalog {
    /// What the cluster calls it, without its kind: `redhat-operator-index-v4-13`.
    pub name: String,
    /// As the image set names it; for a catalog in a folder, the name that it is served by, in the registry `localhost`.
    pub reference: ImageRef,
    /// The image (or list of images) that the reference stood for.
    pub digest: Digest,
    /// The name that the catalog of the chosen operators is served by; it is among the images of the lock.
    pub served: ImageRef,
    /// Whether it is the whole catalog, as it is. Otherwise it is made here, and no registry has it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whole: bool,
}

impl LockedImage {
    /// What is dropped when this image is: the parts of the set that it belongs to. An image of operators belongs to each of them.
    fn parts(&self) -> Vec<Part> {
        let kind = self.role.word();
        let of = |name: &str| Part {
            kind,
            name: name.to_owned(),
        };
        match self.role {
            Role::Operator => self.name.split(", ").map(of).collect(),
            _ => vec![of(&self.name)],
        }
    }
}

/// An image that is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LeftOut {
    /// As in [`LockedImage::name`].
    pub name: String,
    /// What it would be there for.
    pub role: Role,
    /// Its reference.
    pub reference: ImageRef,
    /// The rule, with its reason.
    pub reason: String,
}

/// Why a text is not a lock that can be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Not JSON of this form.
    #[error("not a lock")]
    Json(#[source] serde_json::Error),
    /// Of another version.
    #[error(
        "kind {kind:?} of apiVersion {api_version:?} is not known: expected Lock of {API_VERSION}"
    )]
    Version {
        /// The version found.
        api_version: String,
        /// The kind found.
        kind: String,
    },
}

/// The digest of everything in a site that decides which images are needed.
pub fn inputs(site: &Site) -> Digest {
    let mut asked = serde_json::json!({
        "release": site.release.payload().to_string(),
        "architecture": site.release.architecture.go(),
        "additional": site.additional.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    // Only what is asked for: locks from before there was a choice stay good.
    if site.profile != Profile::All {
        asked["profile"] = site.profile.word().into();
    }
    if !site.exclude.is_empty() {
        let patterns: Vec<_> = site
            .exclude
            .iter()
            .map(|pattern| pattern.as_str())
            .collect();
        asked["exclude"] = patterns.into();
    }
    Digest::of(asked.to_string().as_bytes())
}

impl Lock {
    /// A lock of `images` for `site`, which leaves out nothing.
    pub fn new(site: &Site, release: LockedRelease, images: Vec<LockedImage>) -> Self {
        Self {
            left_out: Vec::new(),
            api_version: API_VERSION.to_owned(),
            kind: "Lock".to_owned(),
            inputs: inputs(site),
            release,
            images,
            image_sets: Vec::new(),
            catalogs: Vec::new(),
        }
    }

    /// Reads a lock.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn parse(text: &str) -> Result<Self, LockError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Head {
            api_version: String,
            kind: String,
        }
        // The version first: what else another version holds is not known here.
        let Head { api_version, kind } = serde_json::from_str(text).map_err(LockError::Json)?;
        if api_version != API_VERSION || kind != "Lock" {
            return Err(LockError::Version { api_version, kind });
        }
        serde_json::from_str(text).map_err(LockError::Json)
    }

    /// The lock as text, ending in a newline; equal locks give equal texts.
    pub fn to_text(&self) -> String {
        // A value of plain strings and numbers always serialises.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Whether this lock was made for what `site` asks for now.
    pub fn is_for(&self, site: &Site) -> bool {
        self.inputs == inputs(site)
    }

    /// The parts of the set that an image of this lock belongs to: a signature to those of the images that it signs, as nobody needs it without them.
    pub fn parts_of(&self, image: &LockedImage) -> Vec<Part> {
        if image.role != Role::Signature {
            return image.parts();
        }
        let (place, digest) = (image.reference.name(), signed_by(&image.reference));
        let signed = self.images.iter().filter(|signed| {
            signed.role != Role::Signature
                && digest.is_some_and(|d| d == signed.digest || Some(d) == signed.platform_digest)
                && signed.reference.name() == place
        });
        let parts: BTreeSet<Part> = signed.flat_map(LockedImage::parts).collect();
        if parts.is_empty() {
            image.parts()
        } else {
            parts.into_iter().collect()
        }
    }

    /// The component of that name.
    pub fn component(&self, name: &str) -> Option<&LockedImage> {
        self.images
            .iter()
            .find(|image| image.role == Role::Component && image.name == name)
    }
}
