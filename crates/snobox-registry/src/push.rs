//! Images out of a store into a registry: blobs that it lacks, then manifests, lists after their children.
//!
//! 1. [`plan`] reads manifests of the store and says which blobs and manifests each image needs, under which repository.
//! 2. [`push`] asks the registry for each blob in each repository, mounts what another repository of it has, and uploads the rest; then it
//!    puts the manifests of the images whose blobs are all there.
//!
//! What the registry has is not sent again, so that a second push transfers nothing. One image that cannot be pushed keeps no other out.
//! Needs tokio's multi-thread runtime. Source of truth: OCI distribution specification 1.1, "Push" and "Mounting a blob".

mod blob;
mod error;
mod event;
mod images;
mod manifest;
mod plan;
mod upload;

pub use error::{PushError, PushFailure};
pub use event::{PushEvent, PushEvents, PushSummary};
pub use images::{PushOptions, push};
pub use plan::{PushImage, PushManifest, Target, plan};
