//! What is said to one request, and where it goes wrong.

use std::sync::Arc;

use super::Seen;

/// How the body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// After its last byte.
    Whole,
    /// The connection is closed after this many bytes.
    Cut(usize),
    /// The connection is reset after this many bytes.
    Reset(usize),
    /// Nothing more comes after this many bytes, and the connection stays open.
    Stall(usize),
    /// Not even a head.
    Silence,
    /// The connection is reset before the head.
    HangUp,
}

/// The answer to one request.
#[derive(Debug, Clone)]
pub struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Arc<Vec<u8>>,
    pub(super) announced_bytes: Option<usize>,
    /// Without `Content-Length`: the body ends with the connection.
    pub(super) open_ended: bool,
    pub(super) end: End,
    /// Whether a `Range` is answered with 206.
    pub(super) ranged: bool,
    pub(super) bytes_per_second: Option<u64>,
    /// (`Authorization` that is accepted, challenge for all others)
    guard: Option<(String, String)>,
}

impl Answer {
    /// A status without a body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Arc::default(),
            announced_bytes: None,
            open_ended: false,
            end: End::Whole,
            ranged: false,
            bytes_per_second: None,
            guard: None,
        }
    }

    /// Nothing at all, while the connection stays open.
    #[must_use]
    pub fn silence() -> Self {
        Self {
            end: End::Silence,
            ..Self::status(200)
        }
    }

    /// The connection is reset before anything is said.
    #[must_use]
    pub fn hang_up() -> Self {
        Self {
            end: End::HangUp,
            ..Self::status(200)
        }
    }

    /// 200 with a body.
    #[must_use]
    pub fn bytes(body: impl Into<Vec<u8>>) -> Self {
        Self {
            body: Arc::new(body.into()),
            ..Self::status(200)
        }
    }

    /// With another status.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// 307 to `location`.
    #[must_use]
    pub fn redirect(location: &str) -> Self {
        Self::status(307).header("Location", location)
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With the part that the request asks for, as 206, or 416 where there is none (RFC 9110, 14). Faults count from the first byte of the
    /// part. Without this, a `Range` is ignored.
    #[must_use]
    pub fn ranged(self) -> Self {
        Self {
            ranged: true,
            ..self
        }
    }

    /// Sends the body at this speed; at a few bytes in a second it drips.
    #[must_use]
    pub fn paced(self, bytes_per_second: u64) -> Self {
        Self {
            bytes_per_second: Some(bytes_per_second),
            ..self
        }
    }

    /// With a `Content-Length` that is not the body's.
    #[must_use]
    pub fn announcing(self, bytes: usize) -> Self {
        Self {
            announced_bytes: Some(bytes),
            ..self
        }
    }

    /// Without a `Content-Length`: only the end of the connection says where the body ends (RFC 9112, 6.3).
    #[must_use]
    pub fn open_ended(self) -> Self {
        Self {
            open_ended: true,
            ..self
        }
    }

    /// Closes the connection after `bytes` of the body.
    #[must_use]
    pub fn cut_at(self, bytes: usize) -> Self {
        Self {
            end: End::Cut(bytes),
            ..self
        }
    }

    /// Resets the connection after `bytes` of the body.
    #[must_use]
    pub fn reset_at(self, bytes: usize) -> Self {
        Self {
            end: End::Reset(bytes),
            ..self
        }
    }

    /// Sends `bytes` of the body and then nothing.
    #[must_use]
    pub fn stall_at(self, bytes: usize) -> Self {
        Self {
            end: End::Stall(bytes),
            ..self
        }
    }

    /// Only for requests with this `Authorization`; others get a 401 with `challenge` and leave the script where it is.
    #[must_use]
    pub fn only_with(self, authorization: &str, challenge: &str) -> Self {
        Self {
            guard: Some((authorization.to_owned(), challenge.to_owned())),
            ..self
        }
    }

    /// This answer for a request that names a range, and the byte at which its body begins.
    pub(super) fn for_range(&self, seen: &Seen) -> (Self, u64) {
        let whole = || (self.clone(), 0);
        let Some(range) = seen.range.as_deref().filter(|_| self.ranged) else {
            return whole();
        };
        let ends = range
            .strip_prefix("bytes=")
            .and_then(|range| range.split_once('-'));
        let Some((first, last)) = ends.and_then(|(first, last)| {
            let first: usize = first.parse().ok()?;
            let last = if last.is_empty() {
                Ok(usize::MAX)
            } else {
                last.parse()
            };
            Some((first, last.ok()?))
        }) else {
            return whole();
        };
        let total = self.body.len();
        if first >= total {
            let refused = Self::status(416).header("Content-Range", &format!("bytes */{total}"));
            return (refused, 0);
        }
        let last = last.min(total - 1);
        let part = Self {
            status: 206,
            body: Arc::new(self.body[first..=last].to_vec()),
            ..self.clone()
        };
        let part = part.header("Content-Range", &format!("bytes {first}-{last}/{total}"));
        (part, first as u64)
    }

    /// The 401 for a request that may not have this answer.
    pub(super) fn refusal(&self, seen: &Seen) -> Option<Self> {
        let (accepted, challenge) = self.guard.as_ref()?;
        let refused = seen.authorization.as_ref() != Some(accepted);
        refused.then(|| Self::status(401).header("WWW-Authenticate", challenge))
    }
}
