//! The image of a catalog with the chosen operators only, in the store.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::json;
use snobox_catalog::catalog_image::rebuild;
use snobox_catalog::select::Selection;
use snobox_formats::digest::Digest;
use snobox_formats::oci::Descriptor;
use snobox_formats::reference::ImageRef;
use snobox_registry::pull::Pinned;

use super::image::{Opened, refused};
use crate::error::{Error, Result};
use crate::flow::line::Line;

/// Of the way in which catalogs are made smaller; what another one made is made again.
const VERSION: u32 = 2;

/// What names of documents of [`Made`] begin with.
pub(super) const SMALLER: &str = "smaller-";

/// What was made before of the same image for the same selection.
#[derive(Serialize, Deserialize)]
pub(super) struct Made {
    pub(super) manifest: Descriptor,
    blobs: Vec<Descriptor>,
    /// Those that no registry has.
    own: Vec<Descriptor>,
    /// Digests of the manifests of what it was made of: a list and its child, or the image alone.
    #[serde(default)]
    pub(super) of: Vec<Digest>,
}

/// Makes the image under `name`, or finds it made. Its own blobs are in the store then; its other layers are those of the original, which the
/// repository of `name` or of the original has. `left_out` are the images of the chosen operators that nobody brings.
pub async fn smaller(
    line: &Line<'_>,
    original: &Pinned,
    name: &ImageRef,
    selection: &Selection,
    left_out: &BTreeSet<String>,
) -> Result<Pinned> {
    let asked = json!({
        "version": VERSION,
        "image": original.image_manifest().to_string(),
        "packages": selection.packages,
        "leftOut": left_out,
    });
    let hex = Digest::of(asked.to_string().as_bytes()).hex();
    let key = format!("{SMALLER}{hex}");
    let store = &line.store;
    let known = store.recall(&key)?;
    let known = known.and_then(|bytes| serde_json::from_slice::<Made>(&bytes).ok());
    let is_there = |made: &Made| {
        made.of == of(original)
            && made
                .own
                .iter()
                .all(|blob| store.has(blob.digest, blob.size))
    };
    let made = match known.filter(is_there) {
        Some(made) => made,
        None => {
            let made = make(line, original, selection, left_out).await?;
            let text = serde_json::to_vec(&made)
                .map_err(|e| Error::internal("cannot write what was made", &e))?;
            store.remember(&key, &text)?;
            made
        }
    };
    Ok(Pinned {
        reference: name.clone(),
        manifest: made.manifest,
        platform: None,
        blobs: made.blobs,
    })
}

fn of(original: &Pinned) -> Vec<Digest> {
    let manifests = std::iter::once(&original.manifest).chain(&original.platform);
    manifests.map(|manifest| manifest.digest).collect()
}

async fn make(
    line: &Line<'_>,
    original: &Pinned,
    selection: &Selection,
    left_out: &BTreeSet<String>,
) -> Result<Made> {
    let opened = Opened::fetch(line, original).await?;
    let store = &line.store;
    let rebuilt = tokio::task::block_in_place(|| {
        let rebuilt = rebuild(&opened.image, &opened.survey, &**store, selection, left_out)
            .map_err(|error| refused(&original.reference, error))?;
        for (digest, bytes) in &rebuilt.made {
            store.put(*digest, bytes)?;
        }
        Ok::<_, Error>(rebuilt)
    })?;
    let own = std::iter::once(&rebuilt.manifest)
        .chain(&rebuilt.blobs)
        .filter(|blob| rebuilt.made.contains_key(&blob.digest))
        .cloned()
        .collect();
    Ok(Made {
        own,
        manifest: rebuilt.manifest,
        blobs: rebuilt.blobs,
        of: of(original),
    })
}
