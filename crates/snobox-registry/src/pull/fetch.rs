//! Blobs of pinned images → store: each once, several at a time.
//!
//! The longest transfers start first, so that none is left alone at the end. One of the streams takes the smallest ones meanwhile: each of them is
//! mostly waiting for its answer, and all together at the end would leave the line idle ([`queue`]).

mod queue;
mod stream;

use std::collections::BTreeMap;
use std::sync::Arc;

use snobox_formats::digest::Digest;
use snobox_formats::oci::Descriptor;
use snobox_store::Store;
use tokio::task::JoinSet;

use super::event::Tally;
use super::pace::Limit;
use super::{Event, EventSink, Failure, Fetched, Gate, Pinned, PullError, Summary};
use crate::client::Client;
use queue::Queue;
use stream::Line;

/// How to fetch.
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// Blobs fetched at the same time.
    pub jobs: usize,
    /// At most so many bytes in a second, all streams together.
    pub limit: Option<u64>,
    /// Says when blobs may come.
    pub gate: Option<Gate>,
}

impl FetchOptions {
    /// So many blobs at the same time, as fast as they come.
    pub fn jobs(jobs: usize) -> Self {
        Self {
            jobs,
            limit: None,
            gate: None,
        }
    }
}

struct Job {
    blob: Descriptor,
    /// `registry/path` of the images that have it.
    names: Vec<String>,
}

impl Job {
    fn what(&self) -> String {
        let of = self.names.first().map(|name| format!(" of {name}"));
        format!("blob {}{}", self.blob.digest, of.unwrap_or_default())
    }

    /// What a manifest says of the blob, and what is true.
    fn wrong_size(&self, found: u64) -> Failure {
        let (digest, expected) = (self.blob.digest, self.blob.size);
        Failure {
            what: self.what(),
            attempts: vec![PullError::Size {
                digest,
                expected,
                found,
            }],
        }
    }
}

/// Fetches what is missing. A blob that cannot be had does not keep the others out.
///
/// A disk that is too small for all of it, or another failure of the store, stops everything: that is the only failure then. What came
/// stays, and the next call goes on behind it; so it does when this future is dropped.
pub async fn fetch(
    client: &Client,
    store: &Arc<Store>,
    images: &[Pinned],
    options: &FetchOptions,
    events: &EventSink,
) -> Fetched {
    let Plan {
        missing,
        contradicting,
        mut summary,
    } = plan(store, images);
    events(Event::Planned {
        blobs: missing.len() as u64,
        bytes: missing.iter().map(|job| job.blob.size).sum(),
        present_bytes: summary.present_bytes,
    });
    if let Err(error) = check_room(store, &missing) {
        let failure = Failure {
            what: format!("{} blobs", missing.len()),
            attempts: vec![error],
        };
        let failures = vec![failure];
        return Fetched { summary, failures };
    }
    let line = Arc::new(Line {
        client: client.clone(),
        store: Arc::clone(store),
        events: Arc::clone(events),
        limit: options.limit.map(Limit::new),
        gate: options.gate.clone(),
        tally: Tally::default(),
    });
    let mut failures = Vec::new();
    run(&line, missing, options, &mut summary, &mut failures).await;
    // What one manifest says of a blob and another denies: now it is there, or will be, if the first was wrong.
    let mut others = Vec::new();
    for job in contradicting {
        match store.blob_size(job.blob.digest) {
            Some(found) if found != job.blob.size => failures.push(job.wrong_size(found)),
            Some(_) => {}
            None => others.push(job),
        }
    }
    if !failures.iter().any(Failure::is_of_the_store) {
        run(&line, others, options, &mut summary, &mut failures).await;
    }
    line.tally.enter(&mut summary);
    Fetched { summary, failures }
}

/// Fetches blobs, each of them once.
async fn run(
    line: &Arc<Line>,
    jobs: Vec<Job>,
    options: &FetchOptions,
    summary: &mut Summary,
    failures: &mut Vec<Failure>,
) {
    let mut queue = Queue::new(jobs, options.jobs, |job| (job.blob.size, job.blob.digest));
    let mut tasks = JoinSet::new();
    loop {
        while let Some((job, turn)) = queue.next() {
            let line = Arc::clone(line);
            tasks.spawn(async move { (line.fetch(&job).await, job.blob, turn) });
        }
        let (outcome, blob) = match tasks.join_next().await {
            None => break,
            Some(Ok((outcome, blob, turn))) => {
                queue.ended(turn);
                (outcome, blob)
            }
            Some(Err(error)) if error.is_cancelled() => continue,
            Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
        };
        match outcome {
            Ok(()) => {
                summary.fetched_blobs += 1;
                summary.fetched_bytes += blob.size;
                line.tell(Event::Stored {
                    digest: blob.digest,
                });
            }
            Err(failure) => {
                line.tell(Event::Failed {
                    digest: blob.digest,
                });
                if failure.is_of_the_store() {
                    queue.clear();
                    tasks.abort_all();
                    // Of the blobs that failed before, each would be tried again; of the store, one word is enough.
                    failures.retain(|earlier| !earlier.is_of_the_store());
                }
                failures.push(failure);
            }
        }
    }
}

/// What there is to do.
struct Plan {
    /// Each blob that is not there once.
    missing: Vec<Job>,
    /// Blobs of which another manifest says another size, which is in `missing` or in the store.
    contradicting: Vec<Job>,
    summary: Summary,
}

fn plan(store: &Store, images: &[Pinned]) -> Plan {
    let mut contradicting = Vec::new();
    let mut summary = Summary {
        images: images.len() as u64,
        ..Summary::default()
    };
    let mut jobs: BTreeMap<Digest, Job> = BTreeMap::new();
    for image in images {
        let name = image.reference.name();
        for blob in &image.blobs {
            let job = || Job {
                blob: blob.clone(),
                names: vec![name.clone()],
            };
            match jobs.get_mut(&blob.digest) {
                None => {
                    jobs.insert(blob.digest, job());
                }
                Some(known) if known.blob.size != blob.size => contradicting.push(job()),
                Some(known) => {
                    summary.shared_bytes += blob.size;
                    if !known.names.contains(&name) {
                        known.names.push(name.clone());
                    }
                }
            }
        }
    }
    let has = |job: &Job| store.has(job.blob.digest, job.blob.size);
    let (present, missing): (Vec<_>, Vec<_>) = jobs.into_values().partition(has);
    summary.present_blobs = present.len() as u64;
    summary.present_bytes = present.iter().map(|job| job.blob.size).sum();
    Plan {
        missing,
        contradicting,
        summary,
    }
}

/// Bytes of the blobs of `images` that a [`fetch`] would still bring: what is there of incomplete blobs does not count.
pub fn missing_bytes(store: &Store, images: &[Pinned]) -> u64 {
    bytes_to_come(store, &plan(store, images).missing)
}

fn bytes_to_come(store: &Store, queue: &[Job]) -> u64 {
    let missing = |job: &Job| {
        let there = store.partial_bytes(job.blob.digest);
        job.blob.size.saturating_sub(there)
    };
    queue.iter().map(missing).sum()
}

fn check_room(store: &Store, queue: &[Job]) -> Result<(), PullError> {
    let needed = bytes_to_come(store, queue);
    if needed > 0 {
        store.check_room(needed)?;
    }
    Ok(())
}
