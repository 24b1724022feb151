//! What is said to one request, and where it goes wrong.

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
}

/// The answer to one request.
#[derive(Debug, Clone)]
pub struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    pub(super) announced_bytes: Option<usize>,
    pub(super) end: End,
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
            body: Vec::new(),
            announced_bytes: None,
            end: End::Whole,
            guard: None,
        }
    }

    /// 200 with a body.
    #[must_use]
    pub fn bytes(body: impl Into<Vec<u8>>) -> Self {
        Self {
            body: body.into(),
            ..Self::status(200)
        }
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

    /// With a `Content-Length` that is not the body's.
    #[must_use]
    pub fn announcing(self, bytes: usize) -> Self {
        Self {
            announced_bytes: Some(bytes),
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

    /// The 401 for a request that may not have this answer.
    pub(super) fn refusal(&self, seen: &Seen) -> Option<Self> {
        let (accepted, challenge) = self.guard.as_ref()?;
        let refused = seen.authorization.as_ref() != Some(accepted);
        refused.then(|| Self::status(401).header("WWW-Authenticate", challenge))
    }
}
