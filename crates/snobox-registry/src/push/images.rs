//! Many images: every blob once into each repository, then the manifests of those that are whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use snobox_formats::digest::Digest;
use snobox_formats::oci::Descriptor;
use snobox_store::Store;
use tokio::task::JoinSet;

use super::blob::{Job, Outlet};
use super::event::Tally;
use super::{PushError, PushEvent, PushEvents, PushFailure, PushImage, PushSummary};
use crate::client::{Client, Place};

/// How to push.
#[derive(Clone, Copy, Debug)]
pub struct PushOptions {
    /// Blobs and images under way at the same time.
    pub jobs: usize,
    /// Tag images that are asked for by digest alone with `snobox-` and the beginning of their digest: some registries throw away what has no
    /// tag.
    pub extra_tags: bool,
}

/// Pushes images. One that fails keeps no other out; dropping the future stops everything, and the next push goes on with what is missing.
pub async fn push(
    client: &Client,
    store: &Arc<Store>,
    images: Vec<PushImage>,
    options: PushOptions,
    events: &PushEvents,
) -> (PushSummary, Vec<PushFailure>) {
    let outlet = Arc::new(Outlet {
        client: client.clone(),
        store: Arc::clone(store),
        events: Arc::clone(events),
        tally: Tally::default(),
    });
    let mut failures = Failures::default();
    let looked = wanted(&images).into_values().map(|(blob, places)| {
        let outlet = Arc::clone(&outlet);
        async move {
            let digest = blob.digest;
            (digest, outlet.look(blob, places).await)
        }
    });
    let mut jobs: Vec<Job> = Vec::new();
    for (digest, outcome) in side_by_side(options.jobs, looked).await {
        match outcome {
            Ok(job) if job.missing.is_empty() => {}
            Ok(job) => jobs.push(job),
            Err(error) => failures.of_blob(digest, error),
        }
    }
    // The longest transfers start first, so that none is left alone at the end.
    jobs.sort_by_key(|job| (std::cmp::Reverse(job.blob.size), job.blob.digest));
    let uploads = jobs.iter().filter(|job| job.present.is_empty());
    let places: usize = jobs.iter().map(|job| job.missing.len()).sum();
    let blobs = uploads.clone().count() as u64;
    events(PushEvent::Planned {
        blobs,
        bytes: uploads.map(|job| job.blob.size).sum(),
        mounts: places as u64 - blobs,
    });
    let brought = jobs.into_iter().map(|mut job| {
        let outlet = Arc::clone(&outlet);
        async move {
            let outcome = outlet.bring(&mut job).await;
            (job.blob.digest, outcome)
        }
    });
    for (digest, outcome) in side_by_side(options.jobs, brought).await {
        if let Err(error) = outcome {
            failures.of_blob(digest, error);
        }
    }
    let mut named = Vec::new();
    for image in images {
        match image
            .blobs
            .iter()
            .find(|b| failures.blobs.contains(&b.digest))
        {
            Some(blob) => {
                let digest = blob.digest;
                let error = PushError::Incomplete { digest };
                let what = image.reference.to_string();
                failures.told.push(PushFailure { what, error });
            }
            None => named.push(image),
        }
    }
    let named = named.into_iter().map(|image| {
        let outlet = Arc::clone(&outlet);
        async move {
            let outcome = outlet.name(&image, options.extra_tags).await;
            (image.reference.to_string(), outcome)
        }
    });
    let mut whole = 0;
    for (what, outcome) in side_by_side(options.jobs, named).await {
        match outcome {
            Ok(()) => whole += 1,
            Err(error) => failures.told.push(PushFailure { what, error }),
        }
    }
    (outlet.tally.summary(whole), failures.told)
}

#[derive(Default)]
struct Failures {
    blobs: BTreeSet<Digest>,
    told: Vec<PushFailure>,
}

impl Failures {
    fn of_blob(&mut self, digest: Digest, error: PushError) {
        self.blobs.insert(digest);
        let what = format!("blob {digest}");
        self.told.push(PushFailure { what, error });
    }
}

/// Each blob once, with the places that need it in the order of the images.
fn wanted(images: &[PushImage]) -> BTreeMap<Digest, (Descriptor, Vec<Place>)> {
    let mut wanted: BTreeMap<Digest, (Descriptor, Vec<Place>)> = BTreeMap::new();
    for image in images {
        for blob in &image.blobs {
            let (_, places) = wanted
                .entry(blob.digest)
                .or_insert_with(|| (blob.clone(), Vec::new()));
            if !places.contains(&image.place) {
                places.push(image.place.clone());
            }
        }
    }
    wanted
}

/// Runs so many at the same time; the outcomes in the order of their ends.
async fn side_by_side<T, F>(jobs: usize, work: impl Iterator<Item = F>) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let (mut work, mut tasks, mut outcomes) = (work, JoinSet::new(), Vec::new());
    loop {
        while tasks.len() < jobs.max(1)
            && let Some(next) = work.next()
        {
            tasks.spawn(next);
        }
        match tasks.join_next().await {
            None => return outcomes,
            Some(Ok(outcome)) => outcomes.push(outcome),
            Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}
