//! Blobs of pinned images → store: each once, the largest first, several at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use snobox_formats::digest::Digest;
use snobox_formats::oci::Descriptor;
use snobox_store::{Store, StoreError};
use tokio::task::JoinSet;

use super::retry::retried;
use super::{Failure, Pinned, PullError};
use crate::client::{Client, Place, RequestError};

/// Something that happened during [`fetch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Once, at the start: what there is to do.
    Planned {
        /// Blobs to fetch.
        blobs: u64,
        /// Their bytes.
        bytes: u64,
        /// Bytes of blobs that the store has already.
        present_bytes: u64,
    },
    /// Bytes came and were written.
    Received {
        /// How many.
        bytes: u64,
    },
    /// Bytes that came were thrown away, because the blob starts again.
    Discarded {
        /// How many.
        bytes: u64,
    },
    /// A blob is in the store.
    Stored {
        /// Its digest.
        digest: Digest,
    },
}

/// Receives events, from several threads.
pub type EventSink = Arc<dyn Fn(Event) + Send + Sync>;

/// What a finished [`fetch`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Images asked for.
    pub images: u64,
    /// Blobs fetched.
    pub fetched_blobs: u64,
    /// Their bytes.
    pub fetched_bytes: u64,
    /// Blobs that were in the store.
    pub present_blobs: u64,
    /// Their bytes.
    pub present_bytes: u64,
    /// Bytes that several images need and that were counted once.
    pub shared_bytes: u64,
}

struct Job {
    blob: Descriptor,
    /// `registry/path` of the images that have it.
    names: Vec<String>,
}

/// Fetches what is missing, `jobs` blobs at a time.
///
/// # Errors
/// Every blob that could not be had; the others are in the store. A full disk or another failure of the store stops at once.
pub async fn fetch(
    client: &Client,
    store: &Arc<Store>,
    images: &[Pinned],
    jobs: usize,
    events: &EventSink,
) -> Result<Summary, Vec<Failure>> {
    let (mut queue, mut summary) = plan(store, images);
    let bytes = queue.iter().map(|job| job.blob.size).sum();
    let present_bytes = summary.present_bytes;
    events(Event::Planned {
        blobs: queue.len() as u64,
        bytes,
        present_bytes,
    });
    // The longest transfers start first, so that none is left alone at the end.
    queue.sort_by_key(|job| (job.blob.size, job.blob.digest));
    let mut tasks = JoinSet::new();
    let mut failures: Vec<Failure> = Vec::new();
    loop {
        while tasks.len() < jobs.max(1)
            && let Some(job) = queue.pop()
        {
            let (client, store, events) = (client.clone(), Arc::clone(store), Arc::clone(events));
            tasks.spawn(async move {
                fetch_blob(&client, &store, &job, &events)
                    .await
                    .map(|()| job.blob)
            });
        }
        match tasks.join_next().await {
            None => break,
            Some(Ok(Ok(blob))) => {
                summary.fetched_blobs += 1;
                summary.fetched_bytes += blob.size;
                events(Event::Stored {
                    digest: blob.digest,
                });
            }
            Some(Ok(Err(failure))) => {
                if matches!(
                    failure.cause(),
                    Some(PullError::Store(StoreError::Io { .. }))
                ) {
                    queue.clear();
                    tasks.abort_all();
                }
                failures.push(failure);
            }
            Some(Err(error)) if error.is_cancelled() => {}
            Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    if failures.is_empty() {
        Ok(summary)
    } else {
        Err(failures)
    }
}

fn plan(store: &Store, images: &[Pinned]) -> (Vec<Job>, Summary) {
    let mut summary = Summary {
        images: images.len() as u64,
        ..Summary::default()
    };
    let mut jobs: BTreeMap<Digest, Job> = BTreeMap::new();
    for image in images {
        let name = image.reference.name();
        for blob in &image.blobs {
            if let Some(job) = jobs.get_mut(&blob.digest) {
                summary.shared_bytes += blob.size;
                if !job.names.contains(&name) {
                    job.names.push(name.clone());
                }
            } else {
                jobs.insert(
                    blob.digest,
                    Job {
                        blob: blob.clone(),
                        names: vec![name.clone()],
                    },
                );
            }
        }
    }
    let has = |job: &Job| store.has(job.blob.digest, job.blob.size);
    let (present, missing): (Vec<_>, Vec<_>) = jobs.into_values().partition(has);
    summary.present_blobs = present.len() as u64;
    summary.present_bytes = present.iter().map(|job| job.blob.size).sum();
    (missing, summary)
}

async fn fetch_blob(
    client: &Client,
    store: &Store,
    job: &Job,
    events: &EventSink,
) -> Result<(), Failure> {
    let mut attempts = Vec::new();
    for place in job.names.iter().flat_map(|name| client.places(name)) {
        match retried(|| fetch_from(client, store, &place, &job.blob, events)).await {
            Ok(()) => return Ok(()),
            Err(error) => {
                let fatal = matches!(error, PullError::Store(_));
                attempts.push(error);
                if fatal {
                    break;
                }
            }
        }
    }
    Err(failure(job, attempts))
}

fn failure(job: &Job, attempts: Vec<PullError>) -> Failure {
    let of = job
        .names
        .first()
        .map(|name| format!(" of {name}"))
        .unwrap_or_default();
    Failure {
        what: format!("blob {}{of}", job.blob.digest),
        attempts,
    }
}

async fn fetch_from(
    client: &Client,
    store: &Store,
    place: &Place,
    blob: &Descriptor,
    events: &EventSink,
) -> Result<(), PullError> {
    let mut response = client.blob(place, blob.digest).await?;
    let mut ingest = store.ingest(blob.digest, blob.size)?;
    let mut received = 0;
    let outcome = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                if let Err(error) = ingest.write(&chunk) {
                    break Err(error.into());
                }
                received += chunk.len() as u64;
                events(Event::Received {
                    bytes: chunk.len() as u64,
                });
            }
            Ok(None) => {
                break tokio::task::block_in_place(|| ingest.finish()).map_err(PullError::Store);
            }
            Err(error) if error.is_timeout() => {
                break Err(RequestError::broken(place, error).into());
            }
            // A body that ends before its announced length is an error of the transport: say what it means.
            Err(_) if received < blob.size => {
                let (place, expected) = (place.clone(), blob.size);
                break Err(RequestError::WrongSize {
                    place,
                    expected,
                    found: received,
                }
                .into());
            }
            Err(error) => break Err(RequestError::broken(place, error).into()),
        }
    };
    outcome.map_err(|error| {
        events(Event::Discarded { bytes: received });
        at_place(place, error)
    })
}

/// Wrong bytes are the registry's fault, not the store's.
fn at_place(place: &Place, error: PullError) -> PullError {
    let place = place.clone();
    match error {
        PullError::Store(StoreError::WrongDigest { expected, found }) => {
            RequestError::WrongDigest {
                place,
                expected,
                found,
            }
            .into()
        }
        PullError::Store(StoreError::WrongSize {
            expected, found, ..
        }) => RequestError::WrongSize {
            place,
            expected,
            found,
        }
        .into(),
        other => other,
    }
}
