//! Images that are there for other images, such as their signatures: most are not there at all, and that is no failure.
//!
//! Only 404 says that an image is not there. Every place is asked, the upstream of a mirror too: many mirrors were made without signatures. Where a mirror has
//! said 404 and its upstream has never answered, because this machine has no way to it, the mirror's word counts; such a registry is asked once, and not once for
//! each image.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use snobox_formats::oci::{self, Manifest, ManifestError};
use snobox_formats::reference::ImageRef;
use snobox_store::Store;

use super::pin::{self, PinnedSet, each};
use super::{EventSink, Failure, Pinned, PullError};
use crate::client::{Client, Place, RequestError};

/// Registries that cannot be reached and never could.
type Silent = Mutex<HashSet<String>>;

/// Pins those of the references that are there, each an image and no index; the others are `None` in the answer, without a failure.
pub async fn pin_attached(
    client: &Client,
    store: &Arc<Store>,
    references: &[ImageRef],
    events: &EventSink,
) -> PinnedSet {
    let silent = Arc::new(Silent::default());
    each(references, events, |reference| {
        let (client, store) = (client.clone(), Arc::clone(store));
        let (silent, events) = (Arc::clone(&silent), Arc::clone(events));
        async move { attached(&client, &store, &reference, &silent, &events).await }
    })
    .await
}

async fn attached(
    client: &Client,
    store: &Store,
    reference: &ImageRef,
    silent: &Silent,
    events: &EventSink,
) -> Result<Option<Pinned>, Failure> {
    let places = places(client, reference, silent);
    let raw = match pin::obtain(client, store, reference, places, events).await {
        Ok(raw) => raw,
        Err(failure) if is_absent(client, &failure, silent) => return Ok(None),
        Err(failure) => return Err(failure),
    };
    let fail = |error: ManifestError| Failure {
        what: reference.to_string(),
        attempts: vec![error.into()],
    };
    let parsed = oci::parse_manifest(&raw.bytes, raw.content_type.as_deref());
    match parsed.map_err(fail)? {
        (media_type, Manifest::Image(image)) => {
            let manifest = pin::descriptor(&raw, media_type);
            Ok(Some(pin::pinned(reference, manifest, None, image)))
        }
        (media_type, Manifest::Index(_)) => Err(fail(ManifestError::Unsupported {
            media_type,
            schema_version: 2,
        })),
    }
}

fn places(client: &Client, reference: &ImageRef, silent: &Silent) -> Vec<Place> {
    let all = client.places(&reference.name());
    let silent = silent.lock().unwrap_or_else(PoisonError::into_inner);
    let mut speaking = all.clone();
    speaking.retain(|place| !silent.contains(&place.registry));
    if speaking.is_empty() { all } else { speaking }
}

/// Whether somebody said 404, and nobody said anything else.
fn is_absent(client: &Client, failure: &Failure, silent: &Silent) -> bool {
    let (mut absent, mut other) = (false, false);
    for error in &failure.attempts {
        match error {
            PullError::Request(RequestError::NotFound { .. }) => absent = true,
            PullError::Request(RequestError::Unreachable { place, .. })
                if !client.has_answered(&place.registry) =>
            {
                let mut silent = silent.lock().unwrap_or_else(PoisonError::into_inner);
                silent.insert(place.registry.clone());
            }
            _ => other = true,
        }
    }
    absent && !other
}
