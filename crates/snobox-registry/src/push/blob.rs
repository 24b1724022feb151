//! One blob into every repository that needs it: found there, mounted from a neighbour, or uploaded.

use std::sync::Arc;

use reqwest::{Method, StatusCode};
use snobox_formats::digest::Digest;
use snobox_formats::oci::Descriptor;
use snobox_store::Store;

use super::event::Tally;
use super::{PushError, PushEvent, PushEvents};
use crate::client::{Client, Place, RequestError};
use crate::pull::Tries;

/// What all streams of a push share.
pub(super) struct Outlet {
    pub(super) client: Client,
    pub(super) store: Arc<Store>,
    pub(super) events: PushEvents,
    pub(super) tally: Tally,
}

/// A blob, and the repositories that lack it or have it.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) blob: Descriptor,
    pub(super) missing: Vec<Place>,
    pub(super) present: Vec<Place>,
}

impl Outlet {
    /// Asks each repository whether it has the blob.
    pub(super) async fn look(
        &self,
        blob: Descriptor,
        places: Vec<Place>,
    ) -> Result<Job, PushError> {
        let (mut missing, mut present) = (Vec::new(), Vec::new());
        for place in places {
            if self.has_blob(&place, blob.digest).await? {
                Tally::add(&self.tally.present_blobs, 1);
                present.push(place);
            } else {
                missing.push(place);
            }
        }
        Ok(Job {
            blob,
            missing,
            present,
        })
    }

    async fn has_blob(&self, place: &Place, digest: Digest) -> Result<bool, PushError> {
        let path = format!("blobs/{digest}");
        self.is_there(place, &path, &digest.to_string())
            .await
            .map(|answer| answer.is_some())
    }

    /// Whether the registry answers HEAD for `path` with success, and the digest that it names then.
    pub(super) async fn is_there(
        &self,
        place: &Place,
        path: &str,
        what: &str,
    ) -> Result<Option<String>, PushError> {
        self.retried(what, || async {
            let url = self.client.address(place, path).await;
            let accept = crate::client::MANIFEST_TYPES.join(", ");
            let make = |client: &reqwest::Client| {
                client
                    .head(&url)
                    .header(reqwest::header::ACCEPT, accept.as_str())
            };
            let response = self.client.ask(place, &make).await?;
            if response.status() == StatusCode::NOT_FOUND {
                return Ok(None);
            }
            let response = crate::client::check(place, response)?;
            let named = response.headers().get("docker-content-digest");
            let named = named.and_then(|value| value.to_str().ok());
            Ok(Some(named.unwrap_or_default().to_owned()))
        })
        .await
    }

    /// Brings the blob into every repository that lacks it.
    pub(super) async fn bring(&self, job: &mut Job) -> Result<(), PushError> {
        for place in std::mem::take(&mut job.missing) {
            let mounted = match job.present.first() {
                Some(from) => self.mount(&place, from, job.blob.digest).await?,
                None => false,
            };
            if mounted {
                Tally::add(&self.tally.mounted_blobs, 1);
            } else {
                self.upload(&place, &job.blob).await?;
                Tally::add(&self.tally.uploaded_blobs, 1);
            }
            job.present.push(place);
        }
        Ok(())
    }

    /// Whether the registry took the blob from a neighbouring repository. One that does not know how begins an upload, which is left to expire.
    async fn mount(&self, place: &Place, from: &Place, digest: Digest) -> Result<bool, PushError> {
        let path = format!("blobs/uploads/?mount={digest}&from={}", from.repository);
        let asked = self
            .retried(&digest.to_string(), || async {
                let url = self.client.address(place, &path).await;
                let make = |client: &reqwest::Client| {
                    client
                        .request(Method::POST, &url)
                        .header(reqwest::header::CONTENT_LENGTH, 0)
                };
                let response = self.client.ask(place, &make).await?;
                Ok(response.status())
            })
            .await?;
        Ok(asked == StatusCode::CREATED)
    }

    /// Tries until it succeeds or patience ends.
    pub(super) async fn retried<T, F>(
        &self,
        what: &str,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, PushError>
    where
        F: Future<Output = Result<T, RequestError>>,
    {
        let mut tries = Tries::none();
        loop {
            let error = match attempt().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            self.pause(&mut tries, what, error).await?;
        }
    }

    /// Waits before the next try; the error where there is none.
    pub(super) async fn pause(
        &self,
        tries: &mut Tries,
        what: &str,
        error: RequestError,
    ) -> Result<(), PushError> {
        let Some(pause) = tries.pause_for(&error, &self.client) else {
            return Err(error.into());
        };
        Tally::add(&self.tally.retries, 1);
        (self.events)(PushEvent::Retried {
            what: what.to_owned(),
            why: error.to_string(),
            pause,
        });
        tokio::time::sleep(pause).await;
        Ok(())
    }
}
