//! Why an image could not be pushed.

use std::fmt;

use snobox_formats::oci::ManifestError;
use snobox_store::StoreError;

use crate::client::RequestError;

/// Why one thing could not be pushed.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The registry's side.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The store's side.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A manifest of the store cannot be understood.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The registry begins an upload in a way that is not the protocol's.
    #[error("{place} begins an upload in a way that is not understood: {why}")]
    Protocol {
        /// Where.
        place: String,
        /// What is odd.
        why: String,
    },
    /// The registry takes no list of which only some platforms are there.
    #[error(
        "{place} takes no list of platforms of which only some are there ({said}), and the image is asked for by the digest of its list"
    )]
    Sparse {
        /// Where.
        place: String,
        /// What it said.
        said: String,
    },
    /// A blob that the image needs could not be pushed.
    #[error("blob {digest} could not be pushed")]
    Incomplete {
        /// The first of them.
        digest: snobox_formats::digest::Digest,
    },
}

/// One thing that could not be pushed.
#[derive(Debug)]
pub struct PushFailure {
    /// The image or blob.
    pub what: String,
    /// Why.
    pub error: PushError,
}

impl fmt::Display for PushFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot push {}\n  {}", self.what, self.error)?;
        let mut source = std::error::Error::source(&self.error);
        while let Some(inner) = source {
            write!(f, ": {inner}")?;
            source = inner.source();
        }
        Ok(())
    }
}

impl std::error::Error for PushFailure {}
