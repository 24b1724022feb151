//! One upload: in one piece where the blob is small, in chunks where it is large, and on from where the registry is after a break.
//!
//! A chunk is streamed from the store. After a break the registry is asked how far it is (`GET` of the upload's location); one that does not
//! know any more gets a new upload. Source of truth: OCI distribution specification 1.1, "Pushing a blob in chunks".

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, LOCATION, RANGE};
use reqwest::{Method, Response, StatusCode, Url};
use snobox_formats::oci::Descriptor;
use tokio::task::block_in_place;

use super::blob::Outlet;
use super::event::Tally;
use super::{PushError, PushEvent, PushEvents};
use crate::client::{Place, RequestError};
use crate::pull::Tries;

/// Blobs up to this size go in one request.
const WHOLE_BYTES: u64 = 1 << 20;
/// A chunk: what a slow line carries in a few minutes, and less than proxies before registries refuse.
const CHUNK_BYTES: u64 = 16 << 20;
const PIECE_BYTES: u64 = 128 << 10;
const OCTETS: &str = "application/octet-stream";

impl Outlet {
    /// Uploads a blob of the store.
    pub(super) async fn upload(&self, place: &Place, blob: &Descriptor) -> Result<(), PushError> {
        let file = Arc::new(self.store.open_blob(blob.digest)?);
        let what = blob.digest.to_string();
        let mut tries = Tries::none();
        loop {
            let sent = AtomicU64::new(0);
            let error = match self.attempt(place, blob, &file, &mut tries, &sent).await {
                Ok(()) => return Ok(()),
                Err(PushError::Request(error)) => error,
                Err(other) => return Err(other),
            };
            self.lost(sent.load(Ordering::Relaxed));
            self.pause(&mut tries, &what, error).await?;
        }
    }

    /// One upload from its beginning. `sent` counts what is lost if it fails.
    async fn attempt(
        &self,
        place: &Place,
        blob: &Descriptor,
        file: &Arc<File>,
        tries: &mut Tries,
        sent: &AtomicU64,
    ) -> Result<(), PushError> {
        let mut location = self.begin(place).await?;
        let mut at = 0;
        if blob.size <= WHOLE_BYTES {
            return self.end(place, &location, blob, Some(file)).await;
        }
        while at < blob.size {
            let end = blob.size.min(at + CHUNK_BYTES);
            let error = match self.chunk(place, &location, file, at, end).await {
                Ok(next) => {
                    (location, at) = (next, end);
                    sent.store(at, Ordering::Relaxed);
                    tries.progressed();
                    continue;
                }
                Err(error) => error,
            };
            // What of this chunk arrived is told by the registry; what it does not know is lost.
            self.pause(tries, &blob.digest.to_string(), error).await?;
            match self.progress(place, &location).await? {
                Some((next, there)) if (at..=end).contains(&there) => {
                    if there > at {
                        let bytes = there - at;
                        (self.events)(PushEvent::Sent { bytes });
                        tries.progressed();
                    }
                    (location, at) = (next, there);
                }
                // Another upload, from the start.
                _ => {
                    self.lost(at);
                    location = self.begin(place).await?;
                    at = 0;
                }
            }
            sent.store(at, Ordering::Relaxed);
        }
        self.end(place, &location, blob, None).await
    }

    async fn begin(&self, place: &Place) -> Result<Url, PushError> {
        let url = self.client.address(place, "blobs/uploads/").await;
        let make =
            |client: &reqwest::Client| client.request(Method::POST, &url).header(CONTENT_LENGTH, 0);
        let response = self.client.ask(place, &make).await?;
        let response = accepted(place, response, &[StatusCode::ACCEPTED]).await?;
        let base = Url::parse(&url).map_err(|_| odd(place, "its own address"))?;
        location(place, &base, response.headers())
    }

    /// Sends the bytes from `at` to `end`; returns where the next ones go.
    async fn chunk(
        &self,
        place: &Place,
        to: &Url,
        file: &Arc<File>,
        at: u64,
        end: u64,
    ) -> Result<Url, RequestError> {
        let out = Arc::new(AtomicU64::new(0));
        let make = |client: &reqwest::Client| {
            self.lost(self.count(&out));
            let body = Chunk::new(file, at, end, &self.events, &out);
            client
                .request(Method::PATCH, to.clone())
                .header(CONTENT_TYPE, OCTETS)
                .header(CONTENT_LENGTH, end - at)
                .header(CONTENT_RANGE, format!("{at}-{}", end - 1))
                .body(reqwest::Body::wrap(body))
        };
        let answered = self.client.ask(place, &make).await;
        let went_out = self.count(&out);
        let checked = match answered {
            Ok(response) => {
                accepted(
                    place,
                    response,
                    &[StatusCode::ACCEPTED, StatusCode::NO_CONTENT],
                )
                .await
            }
            Err(error) => Err(error),
        };
        match checked {
            // A registry that says nothing goes on at the same place.
            Ok(response) => {
                Ok(location(place, to, response.headers()).unwrap_or_else(|_| to.clone()))
            }
            Err(error) => {
                self.lost(went_out);
                Err(error)
            }
        }
    }

    /// Where an upload goes on, and how many bytes of it have arrived; `None` where the registry knows nothing of it.
    async fn progress(&self, place: &Place, at: &Url) -> Result<Option<(Url, u64)>, PushError> {
        let make = |client: &reqwest::Client| client.get(at.clone());
        let Ok(response) = self.client.ask(place, &make).await else {
            return Ok(None);
        };
        if !response.status().is_success() {
            return Ok(None);
        }
        let range = response.headers().get(RANGE);
        let there = range.and_then(|value| arrived(value.to_str().ok()?));
        let next = location(place, at, response.headers()).unwrap_or_else(|_| at.clone());
        Ok(there.map(|there| (next, there)))
    }

    /// Closes an upload, with the bytes of a blob that goes in one piece.
    async fn end(
        &self,
        place: &Place,
        to: &Url,
        blob: &Descriptor,
        file: Option<&Arc<File>>,
    ) -> Result<(), PushError> {
        let out = Arc::new(AtomicU64::new(0));
        let mut to = to.clone();
        to.query_pairs_mut()
            .append_pair("digest", &blob.digest.to_string());
        let make = |client: &reqwest::Client| {
            let request = client.request(Method::PUT, to.clone());
            self.lost(self.count(&out));
            match file {
                None => request.header(CONTENT_LENGTH, 0),
                Some(file) => request
                    .header(CONTENT_TYPE, OCTETS)
                    .header(CONTENT_LENGTH, blob.size)
                    .body(reqwest::Body::wrap(Chunk::new(
                        file,
                        0,
                        blob.size,
                        &self.events,
                        &out,
                    ))),
            }
        };
        let answered = self.client.ask(place, &make).await;
        let went_out = self.count(&out);
        let wanted = [StatusCode::CREATED, StatusCode::NO_CONTENT];
        let ended = match answered {
            Ok(response) => accepted(place, response, &wanted).await,
            Err(error) => Err(error),
        };
        if let Err(error) = ended {
            self.lost(went_out);
            return Err(error.into());
        }
        Ok(())
    }

    fn lost(&self, bytes: u64) {
        if bytes > 0 {
            (self.events)(PushEvent::Lost { bytes });
        }
    }

    /// Enters what went out, and starts to count anew: what is asked again after a refusal goes out again.
    fn count(&self, out: &AtomicU64) -> u64 {
        let bytes = out.swap(0, Ordering::Relaxed);
        Tally::add(&self.tally.sent_bytes, bytes);
        bytes
    }
}

/// Bytes that have arrived, by the `Range: 0-N` of an upload; the distribution registry says `0-0` for none.
fn arrived(range: &str) -> Option<u64> {
    let range = range.trim();
    let (first, last) = range
        .strip_prefix("bytes=")
        .unwrap_or(range)
        .split_once('-')?;
    let last: u64 = last.trim().parse().ok()?;
    match (first.trim(), last) {
        ("0", 0) => Some(0),
        ("0", last) => last.checked_add(1),
        _ => None,
    }
}

fn odd(place: &Place, why: &str) -> PushError {
    PushError::Protocol {
        place: place.to_string(),
        why: why.to_owned(),
    }
}

fn location(place: &Place, base: &Url, headers: &HeaderMap) -> Result<Url, PushError> {
    let value = headers.get(LOCATION).and_then(|value| value.to_str().ok());
    let value = value.ok_or_else(|| odd(place, "no Location"))?;
    let joined = base.join(value);
    let mut url = joined.map_err(|_| odd(place, "a Location that is no address"))?;
    // A registry behind a proxy that ends TLS may not know that it is asked by it.
    if url.authority() == base.authority() && url.set_scheme(base.scheme()).is_err() {
        return Err(odd(place, "a Location of another scheme"));
    }
    Ok(url)
}

/// The response if its status is one of these; else what the registry says against it.
pub(super) async fn accepted(
    place: &Place,
    response: Response,
    wanted: &[StatusCode],
) -> Result<Response, RequestError> {
    let status = response.status();
    if wanted.contains(&status) {
        return Ok(response);
    }
    let may_pass =
        status.is_server_error() || matches!(status.as_u16(), 401 | 403 | 408 | 425 | 429);
    if may_pass {
        crate::client::check(place, response)?;
    } else {
        return Err(RequestError::Refusal {
            place: place.clone(),
            status: status.as_u16(),
            said: crate::client::said(response).await,
        });
    }
    Err(RequestError::Status {
        place: place.clone(),
        redirect: None,
        status: status.as_u16(),
        retry_after: None,
    })
}

/// Bytes of a file, from one place up to another, as the body of a request.
struct Chunk {
    file: Arc<File>,
    at: u64,
    end: u64,
    events: PushEvents,
    out: Arc<AtomicU64>,
}

impl Chunk {
    fn new(file: &Arc<File>, at: u64, end: u64, events: &PushEvents, out: &Arc<AtomicU64>) -> Self {
        Self {
            file: Arc::clone(file),
            at,
            end,
            events: Arc::clone(events),
            out: Arc::clone(out),
        }
    }
}

impl http_body::Body for Chunk {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let chunk = self.get_mut();
        let length = (chunk.end - chunk.at).min(PIECE_BYTES);
        if length == 0 {
            return Poll::Ready(None);
        }
        let mut bytes = vec![0; length as usize];
        if let Err(error) = block_in_place(|| chunk.file.read_exact_at(&mut bytes, chunk.at)) {
            return Poll::Ready(Some(Err(error)));
        }
        chunk.at += length;
        chunk.out.fetch_add(length, Ordering::Relaxed);
        (chunk.events)(PushEvent::Sent { bytes: length });
        Poll::Ready(Some(Ok(Frame::data(bytes.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.at == self.end
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.end - self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::arrived;

    #[test]
    fn what_has_arrived_is_read_as_registries_say_it() {
        assert_eq!(arrived("0-0"), Some(0));
        assert_eq!(arrived("0-16777215"), Some(16_777_216));
        assert_eq!(arrived("bytes=0-9"), Some(10));
        for wrong in ["", "5-9", "0-", "0-x", "x"] {
            assert_eq!(arrived(wrong), None, "{wrong:?}");
        }
    }
}
