//! Images into a store: pin references to digests, then fetch every blob once.
//!
//! 1. [`pin`] reads manifests (KBs) and says which blobs an image needs for one architecture.
//! 2. [`fetch`] fetches the blobs of any number of pinned images that the store does not have yet.
//! 3. [`record`] enters the complete ones in the store's index.
//!
//! Dropping the future of a step stops it: what came of a blob stays, and the next [`fetch`] goes on behind it. The steps need tokio's
//! multi-thread runtime, and the store's lock.

mod attached;
mod document;
mod error;
mod event;
mod fetch;
mod pace;
mod patience;
mod pin;
mod record;

use snobox_formats::digest::Digest;
use snobox_formats::oci::Descriptor;
use snobox_formats::reference::ImageRef;

pub use attached::pin_attached;
pub use document::document;
pub use error::{Failure, PullError};
pub use event::{Event, EventSink, Fetched, Summary};
pub use fetch::{FetchOptions, fetch, missing_bytes};
pub use pace::Gate;
pub use patience::Patience;
pub(crate) use patience::Tries;
pub use pin::{PinnedSet, pin, pin_all};
pub use record::{complete, record};

/// An image whose manifests are in the store.
#[derive(Clone, Debug, PartialEq)]
pub struct Pinned {
    /// The name by which it is served: as asked for.
    pub reference: ImageRef,
    /// The manifest or index that the reference stands for.
    pub manifest: Descriptor,
    /// For an index: the child for the wanted architecture.
    pub platform: Option<Descriptor>,
    /// Configuration and layers.
    pub blobs: Vec<Descriptor>,
}

impl Pinned {
    /// The manifest of the one image that runs.
    pub fn image_manifest(&self) -> Digest {
        self.platform.as_ref().unwrap_or(&self.manifest).digest
    }

    /// Bytes of manifests, configuration and layers.
    pub fn size_bytes(&self) -> u64 {
        let manifests = self.manifest.size + self.platform.as_ref().map_or(0, |p| p.size);
        manifests + self.blobs.iter().map(|blob| blob.size).sum::<u64>()
    }
}
