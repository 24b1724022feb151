//! Whether a store holds what the catalogs in it promise: every image that a bundle of a catalog of chosen operators asks for, or else the cluster shows an
//! operator that it cannot start.
//!
//! Catalogs that snobox made say so, and name the images that were left out on purpose, in a label ([`LEFT_OUT_LABEL`]). Other catalogs promise more
//! than anybody carries and are not looked into. As the registry on the node does, an image by digest counts in its own repository only.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Read as _;

use snobox_formats::digest::Digest;
use snobox_formats::layout::Blobs;
use snobox_formats::oci::{self, Descriptor, ImageIndex, Manifest, REF_NAME};
use snobox_formats::reference::ImageRef;

use crate::catalog_image::{CatalogImage, CatalogImageError, LEFT_OUT_LABEL, MAX_CONFIG_BYTES};
use crate::fbc::Blob;

/// What is wrong with a catalog.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// One of its bundles asks for an image that is not there.
    Missing {
        /// The catalog.
        catalog: String,
        /// The operator.
        package: String,
        /// Its bundle.
        bundle: String,
        /// The image, as the bundle names it.
        image: String,
    },
    /// Nobody can say what it promises.
    Unreadable {
        /// The catalog.
        catalog: String,
        /// Why.
        why: String,
    },
}

impl Finding {
    /// A stable name for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "operator-image-missing",
            Self::Unreadable { .. } => "catalog-unreadable",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing {
                catalog,
                package,
                bundle,
                image,
            } => write!(
                f,
                "{package}: {bundle:?} of the catalog {catalog} asks for {image}, which is not there"
            ),
            Self::Unreadable { catalog, why } => write!(f, "the catalog {catalog}: {why}"),
        }
    }
}

/// Judges all catalogs of a layout that snobox made; findings come sorted. What is damaged is for [`snobox_formats::layout::verify`] to say.
pub fn judge(index: &ImageIndex, blobs: &dyn Blobs) -> Vec<Finding> {
    let mut findings = BTreeSet::new();
    let mut held = None;
    for entry in &index.manifests {
        let Some((image, left_out)) = made_here(entry, blobs) else {
            continue;
        };
        let held = held.get_or_insert_with(|| Held::of(index, blobs));
        let name = entry.annotations.get(REF_NAME).cloned();
        let catalog = name.unwrap_or_else(|| entry.digest.to_string());
        let is_there = |image: &str| left_out.contains(image) || held.has(image);
        if let Err(error) = look(image, blobs, &catalog, &is_there, &mut findings) {
            let source = std::error::Error::source(&error);
            let cause = source.map_or_else(String::new, |source| format!(": {source}"));
            let why = format!("{error}{cause}");
            findings.insert(Finding::Unreadable { catalog, why });
        }
    }
    findings.into_iter().collect()
}

/// The catalog that snobox made, with the images that are left out of it; `None` for every other image.
fn made_here(entry: &Descriptor, blobs: &dyn Blobs) -> Option<(CatalogImage, BTreeSet<String>)> {
    let bytes = read(blobs, entry.digest, oci::MAX_MANIFEST_BYTES)?;
    let (_, Manifest::Image(manifest)) = oci::parse_manifest(&bytes, None).ok()? else {
        return None;
    };
    let config = read(blobs, manifest.config.digest, MAX_CONFIG_BYTES)?;
    // Most images are not even looked at as JSON.
    let label = LEFT_OUT_LABEL.as_bytes();
    if !config.windows(label.len()).any(|window| window == label) {
        return None;
    }
    let image = CatalogImage::new(&bytes, &config).ok()?;
    let left_out = image.left_out()?;
    Some((image, left_out))
}

fn look(
    mut image: CatalogImage,
    blobs: &dyn Blobs,
    catalog: &str,
    is_there: &dyn Fn(&str) -> bool,
    findings: &mut BTreeSet<Finding>,
) -> Result<(), CatalogImageError> {
    let mut survey = image.survey(blobs)?;
    while !survey.has_documents() && image.widen() {
        survey = image.survey(blobs)?;
    }
    image.read(&survey, blobs, &mut |document| {
        let Blob::Bundle(bundle) = document.blob else {
            return Ok(());
        };
        let all = std::iter::once(&bundle.image).chain(&bundle.related_images);
        for image in all.filter(|image| !image.is_empty() && !is_there(image)) {
            findings.insert(Finding::Missing {
                catalog: catalog.to_owned(),
                package: bundle.package.clone().into_owned(),
                bundle: bundle.name.clone().into_owned(),
                image: image.clone().into_owned(),
            });
        }
        Ok(())
    })
}

/// What a layout can be asked for.
struct Held {
    names: BTreeSet<String>,
    digests: BTreeMap<String, BTreeSet<Digest>>,
}

impl Held {
    fn of(index: &ImageIndex, blobs: &dyn Blobs) -> Self {
        let mut held = Self {
            names: BTreeSet::new(),
            digests: BTreeMap::new(),
        };
        for entry in &index.manifests {
            let name = entry.annotations.get(REF_NAME);
            let Some(reference) = name.and_then(|name| name.parse::<ImageRef>().ok()) else {
                continue;
            };
            held.names.insert(reference.to_string());
            let digests = held.digests.entry(reference.name()).or_default();
            digests.insert(entry.digest);
            if oci::is_index(&entry.media_type) {
                digests.extend(children(entry, blobs));
            }
        }
        held
    }

    fn has(&self, image: &str) -> bool {
        let Ok(reference) = image.parse::<ImageRef>() else {
            return false;
        };
        match reference.digest() {
            Some(digest) => {
                let known = self.digests.get(&reference.name());
                known.is_some_and(|known| known.contains(&digest))
            }
            None => self.names.contains(&reference.to_string()),
        }
    }
}

/// The images of a list that are there.
fn children(entry: &Descriptor, blobs: &dyn Blobs) -> Vec<Digest> {
    let bytes = read(blobs, entry.digest, oci::MAX_MANIFEST_BYTES);
    let parsed = bytes.and_then(|bytes| oci::parse_manifest(&bytes, None).ok());
    let Some((_, Manifest::Index(list))) = parsed else {
        return Vec::new();
    };
    let digests = list.manifests.iter().map(|child| child.digest);
    digests
        .filter(|digest| matches!(blobs.open(*digest), Ok(Some(_))))
        .collect()
}

/// A blob that is there and no larger than this.
fn read(blobs: &dyn Blobs, digest: Digest, limit: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let blob = blobs.open(digest).ok()??;
    blob.take(limit + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= limit).then_some(bytes)
}
