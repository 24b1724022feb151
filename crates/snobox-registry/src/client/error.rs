//! What can go wrong between the client and one registry.

use std::error::Error as _;
use std::time::Duration;

use snobox_formats::digest::Digest;

use super::Place;

/// Why no client can be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// TLS cannot be set up.
    #[error("cannot set up TLS")]
    Tls(#[source] rustls::Error),
    /// A certificate of an authority that is to be trusted besides is none.
    #[error("the certificate of the authority cannot be used")]
    Authority(#[source] rustls::Error),
    /// A file that should hold certificates does not.
    #[error("no certificate in PEM (-----BEGIN CERTIFICATE-----)")]
    Pem,
    /// The HTTP client cannot be set up.
    #[error("cannot set up the HTTP client")]
    Http(#[source] reqwest::Error),
}

/// Why one request to one place failed.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// No connection could be made: no name, no route, nobody listening, no TLS.
    #[error("{}", unreachable(place, redirect.as_deref()))]
    Unreachable {
        /// Where.
        place: Place,
        /// The host that it sends its clients on to, if it is that one.
        redirect: Option<String>,
        /// Why.
        source: reqwest::Error,
    },
    /// The place sends its clients in a circle, from one address to the next without end, or to one that is none.
    #[error("{place} sends its clients on without end, or nowhere: {why}")]
    Redirects {
        /// Where.
        place: Place,
        /// Where to.
        why: String,
    },
    /// A page for people: a proxy or a portal answers in the registry's place.
    #[error(
        "{place} answers with a web page (text/html): something between here and the registry answers in its place"
    )]
    WebPage {
        /// Where.
        place: Place,
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
    #[error("{}", answers(place, redirect.as_deref(), *status))]
    Status {
        /// Where.
        place: Place,
        /// The host that it sends its clients on to, if it is that one which answers so.
        redirect: Option<String>,
        /// The status.
        status: u16,
        /// When the registry wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// A push that the registry does not take.
    #[error("{place} does not take it ({said})")]
    Refusal {
        /// Where.
        place: Place,
        /// The status.
        status: u16,
        /// The status, and what the registry says.
        said: String,
    },
    /// Nothing, or next to nothing, came for so long.
    #[error("nothing came from {place} for {} s", after.as_secs_f32())]
    Stalled {
        /// Where.
        place: Place,
        /// How long.
        after: Duration,
    },
    /// The part of a blob that was asked for cannot be had alone.
    #[error("{place} does not send the part of a blob that was asked for: {why}")]
    Range {
        /// Where.
        place: Place,
        /// 416, or 206 for another part.
        status: u16,
        /// What it said.
        why: String,
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
    #[error("{place} sends more than {limit_bytes} bytes for a manifest or another small document")]
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
    /// A manifest on a connection that told no length is not whole, or not the one that was asked for: what was cut short and what was altered look
    /// alike then.
    #[error("{}", cut(place, *expected, *found_bytes))]
    Cut {
        /// Where.
        place: Place,
        /// Digest asked for or announced.
        expected: Option<Digest>,
        /// Bytes that came.
        found_bytes: u64,
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
            Self::Unreachable {
                place,
                redirect: None,
                source,
            }
        } else {
            Self::Broken { place, source }
        }
    }

    /// The place that was asked, and the host that cannot be reached: its own, or the one that it sends its clients on to. `None` for what does not pass
    /// by itself.
    pub(crate) fn lost(&self) -> Option<(&Place, &str)> {
        match self {
            Self::Unreachable {
                place, redirect, ..
            } if !self.is_untrusted() => {
                Some((place, redirect.as_deref().unwrap_or(&place.registry)))
            }
            _ => None,
        }
    }

    /// Whether the registry presented a certificate that is not trusted: that does not change by itself.
    pub fn is_untrusted(&self) -> bool {
        let (Self::Unreachable { source, .. } | Self::Broken { source, .. }) = self else {
            return false;
        };
        source.source().is_some_and(is_untrusted)
    }
}

fn answers(place: &Place, redirect: Option<&str>, status: u16) -> String {
    match redirect {
        None => format!("{place} answers HTTP {status}"),
        Some(host) => format!(
            "{host}, where {} sends its clients, answers HTTP {status}",
            place.registry
        ),
    }
}

fn cut(place: &Place, expected: Option<Digest>, found_bytes: u64) -> String {
    let which = expected.map_or_else(|| "one".to_owned(), |digest| digest.to_string());
    format!(
        "{place} sends {found_bytes} bytes of a manifest, not the whole of {which}; it did not say how many would come"
    )
}

fn unreachable(place: &Place, redirect: Option<&str>) -> String {
    match redirect {
        None => format!("{} cannot be reached", place.registry),
        Some(host) => format!(
            "{host}, where {} sends its clients, cannot be reached",
            place.registry
        ),
    }
}

fn is_untrusted(error: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return matches!(tls, rustls::Error::InvalidCertificate(_));
    }
    // An IO error gives the source of what it wraps, and not that itself.
    let wrapped = error.downcast_ref::<std::io::Error>();
    let inner = wrapped.and_then(std::io::Error::get_ref);
    match inner {
        Some(inner) => is_untrusted(inner),
        None => error.source().is_some_and(is_untrusted),
    }
}
