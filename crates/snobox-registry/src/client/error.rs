//! What can go wrong between the client and one registry.

use snobox_formats::digest::Digest;

use super::Place;

/// Why no client can be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// TLS cannot be set up.
    #[error("cannot set up TLS")]
    Tls(#[source] rustls::Error),
    /// The HTTP client cannot be set up.
    #[error("cannot set up the HTTP client")]
    Http(#[source] reqwest::Error),
}

/// Why one request to one place failed.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// No connection could be made: no name, no route, nobody listening, no TLS.
    #[error("{} cannot be reached", place.registry)]
    Unreachable {
        /// Where.
        place: Place,
        /// Why.
        source: reqwest::Error,
    },
    /// The connection broke or stalled.
    #[error("the connection to {} broke", place.registry)]
    Broken {
        /// Where.
        place: Place,
        /// Why.
        source: reqwest::Error,
    },
    /// 401 or 403.
    #[error("{place} refuses access (HTTP {status})")]
    Denied {
        /// Where.
        place: Place,
        /// 401 or 403.
        status: u16,
    },
    /// 404.
    #[error("{place} does not have it")]
    NotFound {
        /// Where.
        place: Place,
    },
    /// Any other answer.
    #[error("{place} answers HTTP {status}")]
    Status {
        /// Where.
        place: Place,
        /// The status.
        status: u16,
    },
    /// An answer that is not what the token protocol says.
    #[error("{place} asks for a token in a way that is not understood: {why}")]
    Token {
        /// Where.
        place: Place,
        /// What is odd.
        why: String,
    },
    /// The answer is larger than it can be.
    #[error("{place} sends more than {limit_bytes} bytes for a manifest")]
    TooLarge {
        /// Where.
        place: Place,
        /// The limit.
        limit_bytes: u64,
    },
    /// The bytes are not the ones asked for.
    #[error("{place} sends wrong bytes: expected {expected}, they hash to {found}")]
    WrongDigest {
        /// Where.
        place: Place,
        /// Digest asked for or announced.
        expected: Digest,
        /// Digest of what came.
        found: Digest,
    },
    /// The body ended early or went on too long.
    #[error("{place} sends {found} bytes of a blob of {expected}")]
    WrongSize {
        /// Where.
        place: Place,
        /// Bytes that the manifest names.
        expected: u64,
        /// Bytes that came.
        found: u64,
    },
}

impl RequestError {
    /// A request or body that failed below HTTP.
    pub(crate) fn broken(place: &Place, source: reqwest::Error) -> Self {
        let place = place.clone();
        if source.is_connect() {
            Self::Unreachable { place, source }
        } else {
            Self::Broken { place, source }
        }
    }

    /// Whether the same request may succeed a moment later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Broken { .. } => true,
            // A body that ended early; one that is too long is another body.
            Self::WrongSize {
                expected, found, ..
            } => found < expected,
            Self::Status { status, .. } => *status == 429 || *status >= 500,
            _ => false,
        }
    }
}
