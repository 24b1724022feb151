//! A catalog out of a folder with an OCI image layout (`oci://FOLDER`), as skopeo and oc-mirror leave it. The image goes into the store, each blob by its
//! digest; from there on it is like any other.
//!
//! Source of truth: OCI image specification 1.1, image-layout; `internal/pkg/operator` of `github.com/openshift/oc-mirror` v2 for what is called how.

use std::path::Path;

use snobox_formats::digest::Digest;
use snobox_formats::oci::{self, Descriptor, ImageIndex};
use snobox_formats::reference::ImageRef;
use snobox_store::import::{AdoptError, Folder, Platforms, adopt};

use super::image::{Pulled, read};
use crate::error::{Error, Exit, Result};
use crate::flow::line::Line;
use crate::input;

/// The registry of names that no registry has, as podman writes it.
pub const NO_REGISTRY: &str = "localhost";
const HINT: &str = "expected a folder with an OCI image layout, as `skopeo copy docker://registry.example.com/index:v4.13 oci:FOLDER` makes it";

/// Takes the image of a layout into the store, under the name `served`, and reads the catalog in it. With `pin` it must be the image of that digest.
pub async fn pull_layout(
    line: &Line<'_>,
    path: &Path,
    served: &ImageRef,
    architecture: &str,
    pin: Option<Digest>,
) -> Result<Pulled> {
    let entry = entry(path, architecture)?;
    let digest = pin.unwrap_or(entry.digest);
    let media_type = (digest == entry.digest).then_some(entry.media_type.as_str());
    let folder = Folder::of_layout(path);
    let adopted = tokio::task::block_in_place(|| {
        adopt(
            &line.store,
            &line.writing,
            &folder,
            (digest, media_type),
            Platforms::One(architecture),
            &mut |_| line.interrupt.check(),
        )
    });
    adopted.map_err(|error| {
        if line.interrupt.is_set() {
            return Error::interrupted();
        }
        match error {
            AdoptError::Missing {
                kind: "manifest", ..
            } if digest != entry.digest => {
                let message = format!(
                    "{} holds {} now, and the lock has {digest}",
                    path.display(),
                    entry.digest
                );
                Error::new(Exit::Site, message).hint("--relock takes what is there now")
            }
            other => unusable(path, other),
        }
    })?;
    let set = line.pin(&[served.pinned(digest)], architecture).await?;
    let mut pinned = super::image::first(set.into_result()?)?;
    pinned.reference = served.clone();
    let pulled = read(line, pinned).await;
    pulled.map_err(|error| error.about(path))
}

/// The image of a layout: its only one, or of several platforms that for the architecture.
fn entry(path: &Path, architecture: &str) -> Result<Descriptor> {
    let failed =
        |why: String| Error::new(Exit::File, format!("{}: {why}", path.display())).hint(HINT);
    let file = path.join("index.json");
    let text = input::read(&file).map_err(|e| Error::file("read", &file, &e).hint(HINT))?;
    let index: ImageIndex =
        serde_json::from_slice(&text).map_err(|e| failed(format!("index.json: {e}")))?;
    match &index.manifests[..] {
        [] => Err(failed("it holds no image".to_owned())),
        [one] => Ok(one.clone()),
        several if several.iter().all(|entry| entry.platform.is_some()) => {
            let found = oci::select_platform(&index, architecture).cloned();
            found.ok_or_else(|| failed(format!("it has no image for linux/{architecture}")))
        }
        several => {
            let named = |entry: &Descriptor| match entry.annotations.get(oci::REF_NAME) {
                Some(name) => name.clone(),
                None => entry.digest.to_string(),
            };
            let names: Vec<_> = several.iter().map(named).collect();
            let message = format!("it holds several images: {}", names.join(", "));
            let hint = format!(
                "copy the catalog into a folder of its own: skopeo copy oci:{}:{} oci:FOLDER",
                path.display(),
                names[0]
            );
            Err(Error {
                hint: Some(hint),
                ..failed(message)
            })
        }
    }
}

fn unusable(path: &Path, error: AdoptError) -> Error {
    let hint = "the folder is not as it was written; copy the catalog into it again";
    match error {
        AdoptError::Store(error) => error.into(),
        AdoptError::Damaged { .. } => {
            Error::caused(Exit::WrongDigest, path.display().to_string(), &error).hint(hint)
        }
        AdoptError::Missing { .. } => {
            Error::caused(Exit::Truncated, path.display().to_string(), &error).hint(hint)
        }
        AdoptError::Manifest(_) | AdoptError::Platform { .. } => {
            Error::caused(Exit::File, path.display().to_string(), &error).hint(HINT)
        }
    }
}
