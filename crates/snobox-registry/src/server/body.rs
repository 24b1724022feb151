//! What goes out behind the headers: a small text, or a blob, one piece being sent while the next one is read.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use snobox_formats::layout::Finding;
use tokio::sync::OwnedSemaphorePermit;

use super::ServerState;
use super::blob::{Reading, Step};
use super::buffers::Buffer;

/// The body of an answer.
pub(super) enum Body {
    /// Bytes in memory; none when they are sent.
    Text(Option<Bytes>),
    /// A blob.
    Blob(BlobBody),
}

/// A blob on its way out.
pub(super) struct BlobBody {
    state: Arc<ServerState>,
    /// Read, to be sent next.
    ready: Option<Buffer>,
    /// Bytes that have not been handed over yet.
    left: u64,
    next: Next,
    _permit: OwnedSemaphorePermit,
}

enum Next {
    Reading(Pin<Box<dyn Future<Output = Step> + Send>>),
    Over,
}

/// The blob is damaged: the connection breaks, so that no client takes what it got for the whole.
#[derive(Debug)]
pub(super) struct Broken(Arc<Finding>);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Broken {}

impl BlobBody {
    /// A body of `length` bytes that begins with a piece that is read already.
    pub(super) fn new(
        state: &Arc<ServerState>,
        first: Buffer,
        rest: Reading,
        length: u64,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        let mut body = Self {
            state: Arc::clone(state),
            ready: Some(first),
            left: length,
            next: Next::Over,
            _permit: permit,
        };
        body.read_on(rest);
        body
    }

    fn read_on(&mut self, reading: Reading) {
        self.next = if reading.is_over() {
            Next::Over
        } else {
            Next::Reading(Box::pin(Arc::clone(&self.state).step(reading)))
        };
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let body = match self.get_mut() {
            Self::Text(text) => return Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Self::Blob(body) => body,
        };
        let mut piece = body.ready.take();
        // Polled also with a piece in hand, so that the next one is read while this one is sent.
        while let Next::Reading(step) = &mut body.next
            && body.ready.is_none()
        {
            match step.as_mut().poll(context) {
                Poll::Ready(Ok((rest, buffer))) => {
                    body.read_on(rest);
                    if piece.is_none() {
                        piece = Some(buffer);
                    } else {
                        body.ready = Some(buffer);
                    }
                }
                Poll::Ready(Err(finding)) => {
                    body.next = Next::Over;
                    return Poll::Ready(Some(Err(Broken(finding))));
                }
                Poll::Pending if piece.is_none() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        let Some(piece) = piece else {
            return Poll::Ready(None);
        };
        body.left -= piece.as_ref().len() as u64;
        Poll::Ready(Some(Ok(Frame::data(piece.into()))))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Text(text) => text.is_none(),
            Self::Blob(body) => body.left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            Self::Text(text) => text.as_ref().map_or(0, Bytes::len) as u64,
            Self::Blob(body) => body.left,
        })
    }
}
