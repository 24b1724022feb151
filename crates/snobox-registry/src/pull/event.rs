//! What happens while manifests are read and blobs are fetched, and what it came to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use snobox_formats::digest::Digest;

use super::Failure;

/// Something that happened during [`fetch`](super::fetch), or while images were [pinned](super::pin_all).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// What an image is, is known now, or cannot be had.
    Pinned,
    /// A manifest was asked for in vain, and there will be another try.
    Postponed {
        /// The image.
        what: String,
        /// Why it failed.
        why: String,
        /// The next try comes after this pause.
        pause: Duration,
    },
    /// Once, at the start: what there is to do.
    Planned {
        /// Blobs to fetch.
        blobs: u64,
        /// Their bytes, those of incomplete blobs included.
        bytes: u64,
        /// Bytes of blobs that the store has already.
        present_bytes: u64,
    },
    /// A blob's turn has come.
    Started {
        /// Its digest.
        digest: Digest,
        /// All of its bytes.
        bytes: u64,
    },
    /// Bytes of it were there from an earlier run.
    Resumed {
        /// Its digest.
        digest: Digest,
        /// How many.
        bytes: u64,
    },
    /// Bytes came and were written.
    Received {
        /// How many.
        bytes: u64,
    },
    /// Bytes came that are there already: the place cannot start in the middle.
    Skipped {
        /// How many.
        bytes: u64,
    },
    /// Bytes that are there were thrown away, because the blob starts again.
    Discarded {
        /// How many.
        bytes: u64,
    },
    /// A try failed, and there will be another.
    Retried {
        /// The blob.
        digest: Digest,
        /// Why it failed.
        why: String,
        /// The next try comes after this pause.
        pause: Duration,
    },
    /// Bytes had another digest; they are in the store's quarantine.
    Quarantined {
        /// The digest asked for.
        digest: Digest,
        /// The digest of what came.
        found: Digest,
        /// From where the last of it came.
        place: String,
    },
    /// A blob is in the store.
    Stored {
        /// Its digest.
        digest: Digest,
    },
    /// A blob cannot be had.
    Failed {
        /// Its digest.
        digest: Digest,
    },
}

/// Receives events, from several threads.
pub type EventSink = Arc<dyn Fn(Event) + Send + Sync>;

/// What a [`fetch`](super::fetch) did.
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
    /// Blobs of which an earlier run had left a part.
    pub resumed_blobs: u64,
    /// The bytes of these parts.
    pub resumed_bytes: u64,
    /// Bytes of blobs that came over the line, those that came twice included.
    pub received_bytes: u64,
    /// Tries that failed and were followed by another.
    pub retries: u64,
}

/// What was fetched, and what was not.
#[derive(Debug)]
pub struct Fetched {
    /// Counts and bytes.
    pub summary: Summary,
    /// Every blob that could not be had.
    pub failures: Vec<Failure>,
}

impl Fetched {
    /// The summary, if nothing failed.
    ///
    /// # Errors
    /// Every failure.
    pub fn into_result(self) -> Result<Summary, Vec<Failure>> {
        if self.failures.is_empty() {
            Ok(self.summary)
        } else {
            Err(self.failures)
        }
    }
}

/// Counts of what all streams do.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) resumed_blobs: AtomicU64,
    pub(super) resumed_bytes: AtomicU64,
    pub(super) received_bytes: AtomicU64,
    pub(super) retries: AtomicU64,
}

impl Tally {
    pub(super) fn enter(&self, summary: &mut Summary) {
        let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        summary.resumed_blobs = value(&self.resumed_blobs);
        summary.resumed_bytes = value(&self.resumed_bytes);
        summary.received_bytes = value(&self.received_bytes);
        summary.retries = value(&self.retries);
    }
}
