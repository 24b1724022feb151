//! References → manifests in the store.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use snobox_formats::digest::Digest;
use snobox_formats::oci::{self, Descriptor, Manifest};
use snobox_formats::reference::ImageRef;
use snobox_store::Store;
use tokio::task::JoinSet;

use super::patience::{Outage, retried};
use super::{Event, EventSink, Failure, Pinned, PullError};
use crate::client::{Client, Place, RawManifest};

/// Manifests asked for at the same time.
const PARALLEL: usize = 16;

/// Images that were pinned, and those that were not.
#[derive(Debug, Default)]
pub struct PinnedSet {
    /// In the order of the references; `None` for those that failed, or need not be there and are not.
    pub images: Vec<Option<Pinned>>,
    /// Every failure.
    pub failures: Vec<Failure>,
}

impl PinnedSet {
    /// The images, if nothing failed.
    ///
    /// # Errors
    /// Every failure.
    pub fn into_result(self) -> Result<Vec<Pinned>, Vec<Failure>> {
        if self.failures.is_empty() {
            Ok(self.images.into_iter().flatten().collect())
        } else {
            Err(self.failures)
        }
    }
}

/// Pins many references, in their order. A manifest that the store has by digest is not asked for again.
///
/// One that cannot be had does not keep the others out.
pub async fn pin_all(
    client: &Client,
    store: &Arc<Store>,
    references: &[ImageRef],
    architecture: &str,
    events: &EventSink,
) -> PinnedSet {
    each(references, events, |reference| {
        let (client, store) = (client.clone(), Arc::clone(store));
        let (architecture, events) = (architecture.to_owned(), Arc::clone(events));
        async move {
            let pinned = pin(&client, &store, &reference, &architecture, &events).await?;
            Ok(Some(pinned))
        }
    })
    .await
}

/// Does the same for each reference, several at a time; keeps their order.
pub(super) async fn each<F>(
    references: &[ImageRef],
    events: &EventSink,
    one: impl Fn(ImageRef) -> F,
) -> PinnedSet
where
    F: Future<Output = Result<Option<Pinned>, Failure>> + Send + 'static,
{
    let mut pending = references.iter().cloned().enumerate();
    let mut tasks = JoinSet::new();
    let mut images: Vec<Option<Pinned>> = vec![None; references.len()];
    let mut failures = Vec::new();
    loop {
        while tasks.len() < PARALLEL
            && let Some((index, reference)) = pending.next()
        {
            let work = one(reference);
            tasks.spawn(async move { (index, work.await) });
        }
        let Some(ended) = tasks.join_next().await else {
            break;
        };
        events(Event::Pinned);
        match ended {
            Ok((index, Ok(image))) => images[index] = image,
            Ok((_, Err(failure))) => failures.push(failure),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    PinnedSet { images, failures }
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
    events: &EventSink,
) -> Result<Pinned, Failure> {
    let fail = |error: PullError| Failure {
        what: reference.to_string(),
        attempts: vec![error],
    };
    let places = client.places(&reference.name());
    let raw = obtain(client, store, reference, places.clone(), events).await?;
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
        let available = if available.is_empty() {
            "none".to_owned()
        } else {
            available.join(", ")
        };
        let architecture = architecture.to_owned();
        return Err(fail(PullError::Platform {
            architecture,
            available,
        }));
    };
    let child_reference = reference.pinned(child.digest);
    let raw = obtain(client, store, &child_reference, places, events).await?;
    let found = raw.bytes.len() as u64;
    if found != child.size {
        return Err(fail(PullError::Size {
            digest: child.digest,
            expected: child.size,
            found,
        }));
    }
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

pub(super) fn descriptor(raw: &RawManifest, media_type: String) -> Descriptor {
    let size = raw.bytes.len() as u64;
    Descriptor {
        media_type,
        digest: raw.digest,
        size,
        platform: None,
        annotations: BTreeMap::new(),
    }
}

pub(super) fn pinned(
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

/// A manifest from the store or else from the first of the places that has it.
pub(super) async fn obtain(
    client: &Client,
    store: &Store,
    reference: &ImageRef,
    mut places: Vec<Place>,
    events: &EventSink,
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
    let tell = |why: String, pause| {
        events(Event::Postponed {
            what: what(),
            why,
            pause,
        });
    };
    let failed = |error: &PullError, pause| tell(error.to_string(), pause);
    let mut attempts = Vec::new();
    let mut outage = Outage::none();
    loop {
        for place in &places {
            match retried(client, &failed, || client.manifest(place, reference)).await {
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
        let why = attempts.last().map(ToString::to_string);
        let Some(again) = outage.wait(&mut attempts, client) else {
            return Err(Failure {
                what: what(),
                attempts,
            });
        };
        tell(why.unwrap_or_default(), again.pause);
        tokio::time::sleep(again.pause).await;
        places = again.places;
    }
}

fn put(store: &Store, digest: Digest, bytes: &[u8]) -> Result<(), PullError> {
    tokio::task::block_in_place(|| store.put(digest, bytes)).map_err(PullError::Store)
}
