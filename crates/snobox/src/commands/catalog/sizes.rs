//! `snobox catalog list --sizes`: what versions of an operator weigh before one is chosen, by their manifests alone.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use snobox_catalog::catalog::{Channel, Package};
use snobox_catalog::channel::UpdateGraph;
use snobox_formats::digest::Digest;
use snobox_formats::reference::ImageRef;
use snobox_registry::pull::Pinned;

use super::list::sorted;
use super::{ARCHITECTURE, Sources};
use crate::error::{Error, Result};
use crate::ui::{bytes, table};

/// The versions of one channel, or the heads of all.
pub(super) async fn run(
    name: &str,
    package: &Package,
    channel: Option<(&String, &Channel)>,
    sources: &mut Sources<'_>,
) -> Result<()> {
    let bundles: Vec<&str> = match channel {
        Some((_, channel)) => sorted(package, channel)
            .into_iter()
            .map(|(_, bundle)| bundle)
            .collect(),
        None => heads(package),
    };
    let images = images(package, &bundles);
    let line = sources.line()?;
    let references: Vec<ImageRef> = images.values().cloned().collect();
    let set = line.pin(&references, ARCHITECTURE).await?;
    let failures = set.failures;
    let sizes: BTreeMap<&str, &Pinned> = images
        .keys()
        .copied()
        .zip(&set.images)
        .filter_map(|(text, pinned)| Some((text, pinned.as_ref()?)))
        .collect();
    if sizes.is_empty() && !failures.is_empty() {
        return Err(failures.into());
    }

    let mut rows = vec![["VERSION", "BUNDLE", "IMAGES", "SIZE", ""].map(str::to_owned)];
    let mut values = Vec::new();
    let mut all = Blobs::default();
    for bundle in bundles {
        let known = package.bundles.get(bundle);
        let images = known.map(|b| b.images.as_slice()).unwrap_or_default();
        let mut own = Blobs::default();
        let mut unknown = Vec::new();
        for image in images {
            match sizes.get(image.as_str()) {
                Some(pinned) => {
                    own.add(pinned);
                    all.add(pinned);
                }
                None => unknown.push(image.as_str()),
            }
        }
        let version = known
            .and_then(|b| b.version.as_ref())
            .map(ToString::to_string);
        let without = match unknown.len() {
            0 => String::new(),
            count => format!("without {count} images that cannot be had"),
        };
        rows.push([
            version.clone().unwrap_or_default(),
            bundle.to_owned(),
            images.len().to_string(),
            bytes(own.bytes),
            without,
        ]);
        values.push(json!({
            "version": version,
            "name": bundle,
            "images": images,
            "sizeBytes": own.bytes,
            "unknown": unknown,
        }));
    }
    let ui = sources.ui;
    if !failures.is_empty() {
        let count = failures.len();
        let error = Error::from(failures);
        ui.say(format!(
            "note: {count} images cannot be had\n{}",
            error.message
        ));
    }
    let text = format!(
        "{}\ntogether, each layer once: {}",
        table(&rows),
        bytes(all.bytes)
    );
    let value = json!({
        "package": name,
        "channel": channel.map(|(name, _)| name),
        "versions": values,
        "togetherBytes": all.bytes,
    });
    ui.result(text, &value)
}

/// The heads of all channels, each once; channels without one are left out.
fn heads(package: &Package) -> Vec<&str> {
    let heads = package.channels.values().filter_map(|channel| {
        let graph = UpdateGraph::of(channel).ok()?;
        let name = graph.head().name.as_str();
        package.bundles.get_key_value(name)
    });
    let mut heads: Vec<_> = heads
        .map(|(name, bundle)| (&bundle.version, name.as_str()))
        .collect();
    heads.sort();
    heads.dedup();
    heads.into_iter().map(|(_, name)| name).collect()
}

/// The images of these versions, by the catalog's word for them. What is no full reference is left out, and told as unknown.
fn images<'p>(package: &'p Package, bundles: &[&str]) -> BTreeMap<&'p str, ImageRef> {
    let bundles = bundles.iter().filter_map(|name| package.bundles.get(*name));
    let images = bundles.flat_map(|bundle| &bundle.images);
    images
        .filter_map(|text| Some((text.as_str(), text.parse().ok()?)))
        .collect()
}

/// Blobs that were counted, each once.
#[derive(Default)]
struct Blobs {
    seen: BTreeSet<Digest>,
    bytes: u64,
}

impl Blobs {
    fn add(&mut self, pinned: &Pinned) {
        let manifests = std::iter::once(&pinned.manifest).chain(&pinned.platform);
        for blob in manifests.chain(&pinned.blobs) {
            if self.seen.insert(blob.digest) {
                self.bytes += blob.size;
            }
        }
    }
}
