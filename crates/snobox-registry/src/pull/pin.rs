//! References → manifests in the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use snobox_formats::digest::Digest;
use snobox_formats::oci::{self, Descriptor, Manifest};
use snobox_formats::reference::ImageRef;
use snobox_store::Store;
use tokio::task::JoinSet;

use super::retry::retried;
use super::{Failure, Pinned, PullError};
use crate::client::{Client, RawManifest};

/// Manifests asked for at the same time.
const PARALLEL: usize = 8;

/// Pins many references, in their order. A manifest that the store has by digest is not asked for again.
///
/// # Errors
/// Every failure; the others' manifests are in the store.
pub async fn pin_all(
    client: &Client,
    store: &Arc<Store>,
    references: &[ImageRef],
    architecture: &str,
) -> Result<Vec<Pinned>, Vec<Failure>> {
    let mut pending = references.iter().cloned().enumerate();
    let mut tasks = JoinSet::new();
    let mut pinned: Vec<Option<Pinned>> = vec![None; references.len()];
    let mut failures = Vec::new();
    loop {
        while tasks.len() < PARALLEL
            && let Some((index, reference)) = pending.next()
        {
            let (client, store) = (client.clone(), Arc::clone(store));
            let architecture = architecture.to_owned();
            tasks.spawn(
                async move { (index, pin(&client, &store, &reference, &architecture).await) },
            );
        }
        match tasks.join_next().await {
            None => break,
            Some(Ok((index, Ok(image)))) => pinned[index] = Some(image),
            Some(Ok((_, Err(failure)))) => failures.push(failure),
            Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    if failures.is_empty() {
        Ok(pinned.into_iter().flatten().collect())
    } else {
        Err(failures)
    }
}

/// Reads the manifest of `reference`, and of its child for `architecture` (Go's name), into the store.
///
/// # Errors
/// [`Failure`], with the answer of every place asked.
pub async fn pin(
    client: &Client,
    store: &Store,
    reference: &ImageRef,
    architecture: &str,
) -> Result<Pinned, Failure> {
    let fail = |error: PullError| Failure {
        what: reference.to_string(),
        attempts: vec![error],
    };
    let raw = obtain(client, store, reference).await?;
    let parsed = oci::parse_manifest(&raw.bytes, raw.content_type.as_deref());
    let (media_type, manifest) = parsed.map_err(|e| fail(e.into()))?;
    let top = descriptor(&raw, media_type);
    let index = match manifest {
        Manifest::Image(image) => return Ok(pinned(reference, top, None, image)),
        Manifest::Index(index) => index,
    };
    let Some(child) = oci::select_platform(&index, architecture) else {
        let platforms = index.manifests.iter().filter_map(|m| m.platform.as_ref());
        let available: Vec<_> = platforms
            .map(|p| format!("{}/{}", p.os, p.architecture))
            .collect();
        let architecture = architecture.to_owned();
        return Err(fail(PullError::Platform {
            architecture,
            available: available.join(", "),
        }));
    };
    let raw = obtain(client, store, &reference.pinned(child.digest)).await?;
    match oci::parse_manifest(&raw.bytes, Some(&child.media_type)).map_err(|e| fail(e.into()))? {
        (media_type, Manifest::Image(image)) => Ok(pinned(
            reference,
            top,
            Some(descriptor(&raw, media_type)),
            image,
        )),
        (media_type, Manifest::Index(_)) => Err(fail(
            oci::ManifestError::Unsupported {
                media_type,
                schema_version: 2,
            }
            .into(),
        )),
    }
}

fn descriptor(raw: &RawManifest, media_type: String) -> Descriptor {
    let size = raw.bytes.len() as u64;
    Descriptor {
        media_type,
        digest: raw.digest,
        size,
        platform: None,
        annotations: BTreeMap::new(),
    }
}

fn pinned(
    reference: &ImageRef,
    manifest: Descriptor,
    platform: Option<Descriptor>,
    image: oci::ImageManifest,
) -> Pinned {
    let blobs = std::iter::once(image.config).chain(image.layers).collect();
    Pinned {
        reference: reference.clone(),
        manifest,
        platform,
        blobs,
    }
}

/// A manifest from the store or else from the first place that has it.
async fn obtain(
    client: &Client,
    store: &Store,
    reference: &ImageRef,
) -> Result<RawManifest, Failure> {
    if let Some(digest) = reference.digest()
        && let Ok(bytes) = store.read_blob(digest, oci::MAX_MANIFEST_BYTES)
    {
        return Ok(RawManifest {
            bytes,
            digest,
            content_type: None,
        });
    }
    let what = || reference.to_string();
    let mut attempts = Vec::new();
    for place in client.places(&reference.name()) {
        match retried(|| async { Ok(client.manifest(&place, reference).await?) }).await {
            Ok(raw) => {
                let put = put(store, raw.digest, &raw.bytes);
                return put.map(|()| raw).map_err(|e| Failure {
                    what: what(),
                    attempts: vec![e],
                });
            }
            Err(error) => attempts.push(error),
        }
    }
    Err(Failure {
        what: what(),
        attempts,
    })
}

fn put(store: &Store, digest: Digest, bytes: &[u8]) -> Result<(), PullError> {
    tokio::task::block_in_place(|| store.put(digest, bytes)).map_err(PullError::Store)
}
