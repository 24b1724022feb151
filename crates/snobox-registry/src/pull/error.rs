//! Why an image could not be pulled.

use std::fmt;

use snobox_formats::digest::Digest;
use snobox_formats::oci::ManifestError;
use snobox_store::StoreError;

use crate::client::RequestError;

/// Why one thing could not be had from one place.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// The registry's side.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The store's side.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The manifest cannot be understood.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A manifest names another size than the blob or manifest with that digest has.
    #[error("its manifest is wrong: it says that {digest} has {expected} bytes, which has {found}")]
    Size {
        /// What it is about.
        digest: Digest,
        /// Bytes that the manifest names.
        expected: u64,
        /// Bytes that it has.
        found: u64,
    },
    /// The index has nothing for the wanted architecture.
    #[error("the image has no variant for linux/{architecture}: it has {available}")]
    Platform {
        /// What was wanted.
        architecture: String,
        /// What there is.
        available: String,
    },
}

/// One thing that could not be had from anywhere.
#[derive(Debug)]
pub struct Failure {
    /// The image or blob.
    pub what: String,
    /// Every place that was asked, and its answer; never empty.
    pub attempts: Vec<PullError>,
}

impl Failure {
    /// The most telling of the answers: damage before refusal before absence before silence.
    pub fn cause(&self) -> Option<&PullError> {
        self.attempts.iter().rev().max_by_key(|error| match error {
            PullError::Store(_) => 6,
            PullError::Request(RequestError::WrongDigest { .. }) => 5,
            PullError::Request(RequestError::WrongSize { .. } | RequestError::Cut { .. }) => 4,
            PullError::Manifest(_) | PullError::Platform { .. } | PullError::Size { .. } => 3,
            PullError::Request(RequestError::Denied { .. }) => 2,
            PullError::Request(
                RequestError::Unreachable { .. }
                | RequestError::Broken { .. }
                | RequestError::Stalled { .. },
            ) => 0,
            PullError::Request(_) => 1,
        })
    }

    /// Whether it is no registry's fault.
    pub(super) fn is_of_the_store(&self) -> bool {
        matches!(self.cause(), Some(PullError::Store(_)))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot fetch {}", self.what)?;
        for error in &self.attempts {
            write!(f, "\n  {error}")?;
            let mut source = std::error::Error::source(error);
            while let Some(inner) = source {
                write!(f, ": {inner}")?;
                source = inner.source();
            }
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}
