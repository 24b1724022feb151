//! The practice release as an OCI image layout: a release payload with its components, an operator catalog with its
//! bundles and operands, and one additional image; about 42 MB.
//!
//! Every manifest in `index.json` carries its full upstream reference, so `skopeo … oci:DIR:REFERENCE` finds it. The
//! version is fictional on purpose: nobody can mistake a practice stick for a real one. Formats follow the OCI image
//! specification 1.1 and Docker schema 2; the submodules name the source of each document.

mod catalog;
mod components;
mod image;
mod layer;
mod layout;
mod release;
mod runnable;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use components::SharedLayers;
use image::{Family, Image};
use layout::Layout;
pub use runnable::Runnable;
use std::io;
use std::path::{Path, PathBuf};

/// Version of the practice release.
pub const VERSION: &str = "4.99.0-practice";
/// Version of the operating system in the practice release, and part of the live ISO's volume name.
pub const COREOS_VERSION: &str = "499.99.0-practice";
/// Repository of the release payload.
pub const RELEASE_REPOSITORY: &str = "quay.io/openshift-release-dev/ocp-release";
/// Repository of the component images.
pub const COMPONENT_REPOSITORY: &str = "quay.io/openshift-release-dev/ocp-v4.0-art-dev";
/// The image that a site adds by itself.
pub const ADDITIONAL_REFERENCE: &str = "registry.practice.example/factory/line-agent:1.0";
/// The operator catalog.
pub const CATALOG_REFERENCE: &str =
    "registry.practice.example/catalogs/practice-operator-index:v4.99";

/// User name in [`pull_secret`].
pub const PULL_SECRET_USER: &str = "practice";
/// Password in [`pull_secret`].
pub const PULL_SECRET_PASSWORD: &str = "practice";
/// A well-formed public key whose private half was thrown away.
pub const SSH_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO3ZRQL20dmazpotqFXIGMAEv+fie6vWyKT1n65UjGh3 practice@snobox.example";

/// What [`write_layout`] wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Practice {
    /// [`VERSION`].
    pub version: String,
    /// The release payload by tag.
    pub release: String,
    /// The release payload by digest.
    pub release_by_digest: String,
    /// Digest of the release payload, `sha256:…`.
    pub release_digest: String,
    /// The components as (name, reference by digest), in the order of their names.
    pub components: Vec<(String, String)>,
    /// [`ADDITIONAL_REFERENCE`].
    pub additional: String,
    /// [`CATALOG_REFERENCE`].
    pub catalog: String,
    /// Sum of all blobs, each counted once; `oci-layout` and `index.json` not counted.
    pub total_bytes: u64,
    /// Number of different images that have a reference; a multi-architecture image counts once.
    pub images: usize,
}

/// The practice release could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PracticeError {
    /// A file or folder could not be written.
    #[error("cannot write {path}")]
    Write {
        /// What was to be written.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A layer could not be put together.
    #[error("cannot make a layer")]
    Layer(#[from] io::Error),
}

impl PracticeError {
    fn write(path: &Path, source: io::Error) -> Self {
        Self::Write {
            path: path.to_owned(),
            source,
        }
    }
}

/// Writes the practice release as an OCI image layout into `dir`, which is made if it does not exist.
///
/// `index.json` comes last: an interrupted run leaves no layout, and a second run into the same folder completes it.
///
/// # Errors
/// [`PracticeError::Write`] if the folder cannot be written.
pub fn write_layout(dir: &Path) -> Result<Practice, PracticeError> {
    write(Layout::create(dir, None)?)
}

/// As [`write_layout`], but the images for amd64 can be run: see [`Runnable`]. The operating system's image cannot; it is
/// there to be pulled.
///
/// # Errors
/// [`PracticeError::Write`] if the folder cannot be written.
pub fn write_layout_with(dir: &Path, runnable: &Runnable) -> Result<Practice, PracticeError> {
    write(Layout::create(dir, Some(runnable.layer()?))?)
}

fn write(mut layout: Layout) -> Result<Practice, PracticeError> {
    let shared = SharedLayers::make()?;

    let written = components::write_components(&mut layout, &shared)?;
    let release_image = release::write_release(&mut layout, &shared, &written)?;
    let release = format!("{RELEASE_REPOSITORY}:{VERSION}-x86_64");
    let release_by_digest = format!("{RELEASE_REPOSITORY}@{}", release_image.digest);
    layout.name(&release, &release_image);
    layout.name(&release_by_digest, &release_image);
    for component in &written {
        layout.name(&component.pull_spec(), &component.descriptor);
    }

    let agent = components::program_layer("line-agent")?;
    let additional = Image {
        name: "line-agent",
        family: Family::Oci,
        architecture: "amd64",
        layers: vec![&shared.base, &agent],
        labels: vec![],
    }
    .write(&mut layout)?;
    layout.name(ADDITIONAL_REFERENCE, &additional);
    catalog::write_catalog(&mut layout, &shared)?;

    let practice = Practice {
        version: VERSION.to_owned(),
        release,
        release_by_digest,
        release_digest: release_image.digest,
        components: written
            .iter()
            .map(|component| (component.name.to_owned(), component.pull_spec()))
            .collect(),
        additional: ADDITIONAL_REFERENCE.to_owned(),
        catalog: CATALOG_REFERENCE.to_owned(),
        total_bytes: layout.total_bytes(),
        images: layout.images(),
    };
    layout.finish()?;
    Ok(practice)
}

/// A well-formed pull secret (`.dockerconfigjson`) that opens nothing real.
#[must_use]
pub fn pull_secret() -> String {
    let auth = STANDARD.encode(format!("{PULL_SECRET_USER}:{PULL_SECRET_PASSWORD}"));
    serde_json::json!({
        "auths": {
            "quay.io": { "auth": auth },
            "registry.practice.example": { "auth": auth },
        },
    })
    .to_string()
}
