//! What happens during a push, and what it came to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Something that happened during a [`push`](super::push).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushEvent {
    /// Once, after the registry was asked what it has.
    Planned {
        /// Blobs to upload.
        blobs: u64,
        /// Their bytes.
        bytes: u64,
        /// Blobs to mount from another repository, each counted for each repository.
        mounts: u64,
    },
    /// Bytes went out.
    Sent {
        /// How many.
        bytes: u64,
    },
    /// Bytes that went out did not arrive.
    Lost {
        /// How many.
        bytes: u64,
    },
    /// A try failed, and there will be another.
    Retried {
        /// What is pushed.
        what: String,
        /// Why it failed.
        why: String,
        /// The next try comes after this pause.
        pause: Duration,
    },
    /// The registry takes no sparse list: the one platform got the list's tag.
    Flattened {
        /// The image.
        image: String,
        /// What the registry said.
        said: String,
    },
}

/// Receives events, from several threads.
pub type PushEvents = Arc<dyn Fn(PushEvent) + Send + Sync>;

/// What a [`push`](super::push) did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PushSummary {
    /// Images that are in the registry now, under all their names.
    pub images: u64,
    /// Blobs uploaded.
    pub uploaded_blobs: u64,
    /// Bytes of blobs that went out, those that went out twice included.
    pub sent_bytes: u64,
    /// Blobs mounted from another repository.
    pub mounted_blobs: u64,
    /// Blobs that were there, each counted for each repository.
    pub present_blobs: u64,
    /// Manifests put; those that were there are not.
    pub manifests: u64,
    /// Lists of which the registry has the one platform only.
    pub flattened: u64,
    /// How often something was tried again.
    pub retries: u64,
}

/// What all streams count.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) uploaded_blobs: AtomicU64,
    pub(super) sent_bytes: AtomicU64,
    pub(super) mounted_blobs: AtomicU64,
    pub(super) present_blobs: AtomicU64,
    pub(super) manifests: AtomicU64,
    pub(super) flattened: AtomicU64,
    pub(super) retries: AtomicU64,
}

impl Tally {
    pub(super) fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn summary(&self, images: u64) -> PushSummary {
        let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        PushSummary {
            images,
            uploaded_blobs: value(&self.uploaded_blobs),
            sent_bytes: value(&self.sent_bytes),
            mounted_blobs: value(&self.mounted_blobs),
            present_blobs: value(&self.present_blobs),
            manifests: value(&self.manifests),
            flattened: value(&self.flattened),
            retries: value(&self.retries),
        }
    }
}
