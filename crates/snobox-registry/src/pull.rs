//! Images into a store: pin references to digests, then fetch every blob once.
//!
//! 1. [`pin`] reads manifests (KBs) and says which blobs an image needs for one architecture.
//! 2. [`fetch`] fetches the blobs of any number of pinned images that the store does not have yet.
//! 3. [`record`] enters the complete ones in the store's index.
//!
//! Dropping the future of a step stops it: blobs that are whole stay, others leave nothing. The steps need tokio's multi-thread runtime.

mod error;
mod fetch;
mod pin;
mod record;
mod retry;

use snobox_formats::digest::Digest;
use snobox_formats::oci::Descriptor;
use snobox_formats::reference::ImageRef;

pub use error::{Failure, PullError};
pub use fetch::{Event, EventSink, Summary, fetch};
pub use pin::{pin, pin_all};
pub use record::record;

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
