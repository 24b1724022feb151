//! One blob: from one place after the other, again where that may help, and never a byte twice that need not be.
//!
//! What a place answers to `Range: bytes=N-END`:
//! * 206 with that range: the bytes go behind those that are there.
//! * 200: it cannot start in the middle, or something before it cannot. The first N bytes that come are skipped: they cross the line in any
//!   case, and starting again would lose what is there each time the line breaks before N, so that a large blob never came in whole.
//! * 416, or 206 with another range: asked once more for the whole. After 416 nothing of the old is kept, as the place's blob is not longer
//!   than that.
//!
//! A digest that is wrong in the end may be the fault of what was there before, of another place, or of a seam. Then the next places are asked for
//! the whole blob, and this one once more after them. One that sent all of it in one answer is not asked again.
//!
//! Fewer bytes than the manifest says, and yet the right digest: the manifest is wrong, and no other answer would help.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use snobox_formats::digest::Digest;
use snobox_store::{Partial, Store, StoreError};
use tokio::task::block_in_place;

use super::Job;
use crate::client::{BlobAnswer, Client, Flow, Place, RequestError};
use crate::pull::event::Tally;
use crate::pull::pace::Limit;
use crate::pull::patience::{Outage, Tries};
use crate::pull::{Event, EventSink, Failure, Gate, PullError};

/// A try that brought so many bytes was not in vain.
const PROGRESS_BYTES: u64 = 16 << 10;

/// What all streams share.
pub(super) struct Line {
    pub(super) client: Client,
    pub(super) store: Arc<Store>,
    pub(super) events: EventSink,
    pub(super) limit: Option<Limit>,
    pub(super) gate: Option<Gate>,
    pub(super) tally: Tally,
}

/// How a request ended well.
#[derive(PartialEq, Eq)]
enum Ended {
    Complete,
    GateClosed,
}

impl Line {
    pub(super) async fn fetch(&self, job: &Job) -> Result<(), Failure> {
        let outcome = self.fetch_from_all(job).await;
        outcome.map_err(|attempts| Failure {
            what: job.what(),
            attempts,
        })
    }

    async fn fetch_from_all(&self, job: &Job) -> Result<(), Vec<PullError>> {
        let (digest, bytes) = (job.blob.digest, job.blob.size);
        self.tell(Event::Started { digest, bytes });
        let mut partial = block_in_place(|| self.open(job)).map_err(|e| vec![e.into()])?;
        // Complete, but killed before it was moved; or a blob without a byte.
        if partial.received_bytes() == bytes {
            match self.finish(&mut partial, "an earlier run") {
                Ok(()) => return Ok(()),
                Err(StoreError::WrongDigest { .. }) => {}
                Err(error) => return Err(vec![error.into()]),
            }
        }
        let mut attempts = Vec::new();
        let of = job.names.iter().flat_map(|name| self.client.places(name));
        let mut places: VecDeque<(Place, bool)> = of.map(|place| (place, true)).collect();
        let mut outage = Outage::none();
        loop {
            let before = partial.received_bytes();
            if self.ask_all(&mut partial, places, &mut attempts).await {
                return Ok(());
            }
            if partial.received_bytes() >= before + PROGRESS_BYTES {
                outage.progressed();
            }
            let why = attempts.last().map(ToString::to_string);
            let Some(again) = outage.wait(&mut attempts, &self.client) else {
                return Err(attempts);
            };
            self.pause(digest, why.unwrap_or_default(), again.pause)
                .await;
            places = again.places.into_iter().map(|p| (p, true)).collect();
        }
    }

    /// One place after the other; whether the blob is there in the end. The store's failure is the last of `attempts`.
    async fn ask_all(
        &self,
        partial: &mut Partial<'_>,
        mut places: VecDeque<(Place, bool)>,
        attempts: &mut Vec<PullError>,
    ) -> bool {
        while let Some((place, first_time)) = places.pop_front() {
            // Bytes that an earlier answer brought count as one.
            let mut answers = u32::from(partial.received_bytes() > 0);
            let received = self.receive(partial, &place, &mut answers).await;
            let mixed = answers > 1;
            let finished = received.and_then(|()| {
                let from = place.to_string();
                self.finish(partial, &from).map_err(PullError::from)
            });
            let Err(error) = finished else { return true };
            let of_the_store = match &error {
                PullError::Store(StoreError::WrongDigest { .. }) if mixed && first_time => {
                    places.push_back((place, false));
                    continue;
                }
                PullError::Store(StoreError::WrongDigest { .. }) => false,
                other => matches!(other, PullError::Store(_)),
            };
            attempts.push(at_place(&place, error));
            if of_the_store {
                // Nothing else matters, and nothing is waited for.
                attempts.drain(..attempts.len() - 1);
                break;
            }
        }
        false
    }

    async fn pause(&self, digest: Digest, why: String, pause: Duration) {
        self.tally.retries.fetch_add(1, Ordering::Relaxed);
        self.tell(Event::Retried { digest, why, pause });
        tokio::time::sleep(pause).await;
    }

    fn open(&self, job: &Job) -> Result<Partial<'_>, StoreError> {
        let (digest, size) = (job.blob.digest, job.blob.size);
        let there = self.store.partial_bytes(digest);
        self.store.check_room(size.saturating_sub(there))?;
        let partial = self.store.partial(digest, size)?;
        let bytes = partial.received_bytes();
        if bytes > 0 {
            self.tell(Event::Resumed { digest, bytes });
            self.tally.resumed_blobs.fetch_add(1, Ordering::Relaxed);
            self.tally.resumed_bytes.fetch_add(bytes, Ordering::Relaxed);
        }
        Ok(partial)
    }

    fn finish(&self, partial: &mut Partial<'_>, from: &str) -> Result<(), StoreError> {
        let outcome = block_in_place(|| partial.finish());
        if let Err(StoreError::WrongDigest { expected, found }) = &outcome {
            self.tell(Event::Quarantined {
                digest: *expected,
                found: *found,
                place: from.to_owned(),
            });
            let bytes = partial.size_bytes();
            self.tell(Event::Discarded { bytes });
        }
        outcome
    }

    /// All bytes that are missing, from one place; `answers` counts what they are put together from.
    async fn receive(
        &self,
        partial: &mut Partial<'_>,
        place: &Place,
        answers: &mut u32,
    ) -> Result<(), PullError> {
        let mut tries = Tries::none();
        let mut ranges = true;
        loop {
            if let Some(gate) = &self.gate {
                gate.opened().await;
            }
            let before = partial.received_bytes();
            *answers += 1;
            let error = match self.ask(partial, place, ranges).await {
                Ok(Ended::Complete) => return Ok(()),
                Ok(Ended::GateClosed) => continue,
                Err(error) => error,
            };
            if partial.received_bytes() >= before + PROGRESS_BYTES {
                tries.progressed();
            }
            match &error {
                PullError::Request(RequestError::Range { status, .. }) if ranges => {
                    ranges = false;
                    if *status == 416 {
                        self.restart(partial)?;
                    }
                    continue;
                }
                // What came is not the beginning of what was asked for.
                PullError::Request(RequestError::WrongSize {
                    expected, found, ..
                }) if found > expected => self.restart(partial)?,
                PullError::Request(RequestError::WrongSize { .. }) if partial.is_whole() => {
                    return Err(PullError::Size {
                        digest: partial.digest(),
                        expected: partial.size_bytes(),
                        found: partial.received_bytes(),
                    });
                }
                _ => {}
            }
            let Some(pause) = tries.pause_after(&error, &self.client) else {
                return Err(error);
            };
            self.pause(partial.digest(), error.to_string(), pause).await;
        }
    }

    /// One request, and its body up to where it ends or breaks.
    async fn ask(
        &self,
        partial: &mut Partial<'_>,
        place: &Place,
        ranges: bool,
    ) -> Result<Ended, PullError> {
        let (digest, size) = (partial.digest(), partial.size_bytes());
        if partial.received_bytes() == size {
            return Ok(Ended::Complete);
        }
        let from = if ranges { partial.received_bytes() } else { 0 };
        let answer = self.client.blob(place, digest, size, from).await?;
        let (mut response, mut skip) = match answer {
            BlobAnswer::Rest(response) => (response, 0),
            BlobAnswer::Whole(response) => (response, partial.received_bytes()),
        };
        let mut flow = Flow::new(self.client.patience().stall);
        while partial.received_bytes() < size {
            let asked = Instant::now();
            let chunk = match tokio::time::timeout(flow.patience(), response.chunk()).await {
                Ok(Ok(Some(chunk))) => chunk,
                Err(_) => {
                    return Err(flow.stalled(place).into());
                }
                Ok(Err(error)) if error.is_timeout() => {
                    return Err(flow.stalled(place).into());
                }
                // A body that ends before its announced length is an error of the transport: say what it means.
                Ok(Ok(None) | Err(_)) => {
                    return Err(RequestError::WrongSize {
                        place: place.clone(),
                        expected: size,
                        found: partial.received_bytes(),
                    }
                    .into());
                }
            };
            let came = chunk.len() as u64;
            flow.came(came, asked.elapsed());
            self.tally.received_bytes.fetch_add(came, Ordering::Relaxed);
            let known = skip.min(came);
            skip -= known;
            if known > 0 {
                self.tell(Event::Skipped { bytes: known });
            }
            let new = &chunk[known as usize..];
            if !new.is_empty() {
                partial.write(new).map_err(|e| at_place(place, e.into()))?;
                let bytes = new.len() as u64;
                self.tell(Event::Received { bytes });
            }
            if let Some(limit) = &self.limit {
                limit.pay(came).await;
            }
            if self.gate.as_ref().is_some_and(|gate| !gate.is_open()) {
                return Ok(Ended::GateClosed);
            }
        }
        Ok(Ended::Complete)
    }

    fn restart(&self, partial: &mut Partial<'_>) -> Result<(), StoreError> {
        let bytes = partial.received_bytes();
        self.tell(Event::Discarded { bytes });
        partial.restart()
    }

    pub(super) fn tell(&self, event: Event) {
        (self.events)(event);
    }
}

/// Wrong bytes are the registry's fault, not the store's.
fn at_place(place: &Place, error: PullError) -> PullError {
    let place = place.clone();
    match error {
        PullError::Store(StoreError::WrongDigest { expected, found }) => {
            RequestError::WrongDigest {
                place,
                expected,
                found,
            }
            .into()
        }
        PullError::Store(StoreError::WrongSize {
            expected, found, ..
        }) => RequestError::WrongSize {
            place,
            expected,
            found,
        }
        .into(),
        other => other,
    }
}
