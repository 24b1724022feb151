//! The client's side of one request: where to ask, as whom, and what came.

mod auth;
mod blob;
mod document;
mod error;
mod flow;
mod redirect;
mod scheme;
mod setup;
mod sources;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, RANGE, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use reqwest::{RequestBuilder, Response, StatusCode};
use snobox_formats::digest::Digest;
use snobox_formats::oci::{self, DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};
use snobox_formats::pull_secret::PullSecret;
use snobox_formats::reference::ImageRef;
use tokio::sync::Mutex;

pub use auth::Challenge;
pub use blob::BlobAnswer;
pub use error::{ClientError, RequestError};
pub(crate) use flow::Flow;
pub use reqwest::Url;
pub use setup::Setup;
pub use sources::{Mirror, Place};

use crate::pull::Patience;
use auth::Authorizations;

/// Media types of manifests that are understood.
pub(crate) const MANIFEST_TYPES: [&str; 4] =
    [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST];

/// Asks registries for manifests and blobs. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    outside: reqwest::Client,
    /// For this machine: a proxy would ask its own loopback.
    loopback: reqwest::Client,
    shared: Arc<Shared>,
}

struct Shared {
    mirrors: Vec<Mirror>,
    only_mirrors: bool,
    secret: Option<PullSecret>,
    patience: Patience,
    authorizations: Authorizations,
    /// `http` or `https` for loopback registries, once one of them has told.
    schemes: Mutex<HashMap<String, &'static str>>,
    /// Registries that have answered: when one of them cannot be reached, it is the line.
    answered: RwLock<HashSet<String>>,
    /// Registries that have never answered, and were waited for.
    absent: RwLock<HashSet<String>>,
    /// Registries besides those of this machine that speak plain HTTP.
    plain_http: HashSet<String>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

/// A manifest as it came.
#[derive(Clone, Debug)]
pub struct RawManifest {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Their digest.
    pub digest: Digest,
    /// What the server called them.
    pub content_type: Option<String>,
}

impl Client {
    /// A client that tries `mirrors` first and knows the credentials of `secret`, and is otherwise as [`Setup`] has it by default.
    ///
    /// # Errors
    /// [`ClientError`] when TLS cannot be set up.
    pub fn new(mirrors: Vec<Mirror>, secret: Option<PullSecret>) -> Result<Self, ClientError> {
        Self::with(Setup {
            mirrors,
            secret,
            ..Setup::default()
        })
    }

    /// A client that is set up so.
    ///
    /// # Errors
    /// [`ClientError`] when TLS cannot be set up, or an authority is not one.
    pub fn with(setup: Setup) -> Result<Self, ClientError> {
        let [outside, loopback] = setup::http(&setup)?;
        let shared = Shared {
            mirrors: setup.mirrors,
            only_mirrors: setup.only_mirrors,
            secret: setup.secret,
            patience: setup.patience,
            authorizations: Authorizations::default(),
            schemes: Mutex::default(),
            answered: RwLock::default(),
            absent: RwLock::default(),
            plain_http: setup.plain_http,
        };
        Ok(Self {
            outside,
            loopback,
            shared: Arc::new(shared),
        })
    }

    /// How long it waits and how often it tries again.
    pub fn patience(&self) -> &Patience {
        &self.shared.patience
    }

    /// Whether a registry (host with port) has answered anything yet.
    pub fn has_answered(&self, registry: &str) -> bool {
        let answered = self.shared.answered.read();
        answered
            .unwrap_or_else(PoisonError::into_inner)
            .contains(registry)
    }

    /// Whether a registry that has never answered was waited for in vain.
    pub(crate) fn is_absent(&self, registry: &str) -> bool {
        let absent = self.shared.absent.read();
        absent
            .unwrap_or_else(PoisonError::into_inner)
            .contains(registry)
    }

    /// Remembers registries that were waited for in vain.
    pub(crate) fn note_absent(&self, registries: Vec<String>) {
        let absent = self.shared.absent.write();
        absent
            .unwrap_or_else(PoisonError::into_inner)
            .extend(registries);
    }

    /// The places to ask for a repository (`registry/path`), mirrors first, the registry of its name last.
    pub fn places(&self, name: &str) -> Vec<Place> {
        let mut places = sources::places(name, &self.shared.mirrors);
        if self.shared.only_mirrors && places.len() > 1 {
            places.pop();
        }
        places
    }

    /// Fetches the manifest of `reference` from `place`, and checks its digest where one is known.
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn manifest(
        &self,
        place: &Place,
        reference: &ImageRef,
    ) -> Result<RawManifest, RequestError> {
        let key = reference.manifest_key();
        let mut response = self
            .get(
                place,
                &format!("manifests/{key}"),
                &MANIFEST_TYPES.join(", "),
                None,
            )
            .await?;
        let header = |name: &str| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        let content_type = header(CONTENT_TYPE.as_str());
        let announced = header("docker-content-digest").and_then(|text| text.parse().ok());
        let limit_bytes = oci::MAX_MANIFEST_BYTES;
        let too_large = || RequestError::TooLarge {
            place: place.clone(),
            limit_bytes,
        };
        let stall = self.patience().stall;
        let open_ended = flow::is_open_ended(&response);
        let bytes = flow::read_small(&mut response, place, stall, limit_bytes, too_large).await?;
        let digest = Digest::of(&bytes);
        let expected = reference.digest().or(announced);
        let wrong = expected.filter(|expected| *expected != digest);
        if open_ended && (wrong.is_some() || document::ends_early(&bytes)) {
            return Err(RequestError::Cut {
                place: place.clone(),
                expected,
                found_bytes: bytes.len() as u64,
            });
        }
        match wrong {
            Some(expected) => Err(RequestError::WrongDigest {
                place: place.clone(),
                expected,
                found: digest,
            }),
            None => Ok(RawManifest {
                bytes,
                digest,
                content_type,
            }),
        }
    }

    /// Asks for `path` below the repository.
    async fn get(
        &self,
        place: &Place,
        path: &str,
        accept: &str,
        range: Option<&str>,
    ) -> Result<Response, RequestError> {
        let url = self.address(place, path).await;
        let make = |client: &reqwest::Client| {
            let request = client.get(&url).header(ACCEPT, accept);
            match range {
                Some(value) => request.header(RANGE, value),
                None => request,
            }
        };
        let response = check(place, self.ask(place, &make).await?)?;
        let content_type = response.headers().get(CONTENT_TYPE);
        if content_type.is_some_and(|value| value.as_bytes().starts_with(b"text/html")) {
            return Err(RequestError::WebPage {
                place: place.clone(),
            });
        }
        Ok(response)
    }

    /// The address of `path` below the repository.
    pub(crate) async fn address(&self, place: &Place, path: &str) -> String {
        let scheme = self.scheme(place).await;
        format!("{scheme}://{}/v2/{}/{path}", place.host(), place.repository)
    }

    /// Sends what `make` makes, and again with a fresh token where the last one is refused. The answer may have any status.
    pub(crate) async fn ask(
        &self,
        place: &Place,
        make: &(dyn Fn(&reqwest::Client) -> RequestBuilder + Sync),
    ) -> Result<Response, RequestError> {
        let used = self.known_authorization(place).await;
        let response = self.send(place, make, used.as_deref()).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        let challenges = response.headers().get_all(WWW_AUTHENTICATE).iter();
        let challenge = challenges
            .filter_map(|v| Challenge::parse(v.to_str().ok()?))
            .next();
        let Some(challenge) = challenge else {
            return Ok(response);
        };
        let fresh = self.fresh_authorization(place, challenge, used).await?;
        let response = self.send(place, make, Some(&fresh)).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            self.forget_authorization(place, &fresh).await;
        }
        Ok(response)
    }

    async fn send(
        &self,
        place: &Place,
        make: &(dyn Fn(&reqwest::Client) -> RequestBuilder + Sync),
        authorization: Option<&str>,
    ) -> Result<Response, RequestError> {
        let broken = |e| RequestError::broken(place, e);
        let mut request = make(self.http(place)).build().map_err(broken)?;
        // An upload may go on at another host, which is not the one that was asked for a token.
        let scheme = request.url().scheme().to_owned();
        let at_home = redirect::elsewhere(place, request.url()).is_none();
        let of_place = at_home && scheme == self.settled_scheme(place).await.unwrap_or("https");
        if let Some(value) = authorization.filter(|_| of_place)
            && let Ok(value) = HeaderValue::from_str(value)
        {
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        let response = self.follow(place, request).await?;
        if at_home {
            self.settle_scheme(place, &scheme, response.status()).await;
        }
        Ok(response)
    }

    fn note_answer(&self, registry: &str) {
        if !self.has_answered(registry) {
            let answered = self.shared.answered.write();
            answered
                .unwrap_or_else(PoisonError::into_inner)
                .insert(registry.to_owned());
        }
    }

    fn http(&self, place: &Place) -> &reqwest::Client {
        if place.is_loopback() {
            &self.loopback
        } else {
            &self.outside
        }
    }
}

/// The response if it is a success; else what its status says, of the place or of the host that it sent its client on to. What is absent is absent
/// either way.
pub(crate) fn check(place: &Place, response: Response) -> Result<Response, RequestError> {
    let status = response.status();
    let redirect = redirect::elsewhere(place, response.url());
    match status {
        s if s.is_success() => Ok(response),
        StatusCode::NOT_FOUND => Err(RequestError::NotFound {
            place: place.clone(),
        }),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if redirect.is_none() => {
            Err(RequestError::Denied {
                place: place.clone(),
                status: status.as_u16(),
            })
        }
        _ => Err(RequestError::Status {
            place: place.clone(),
            redirect,
            status: status.as_u16(),
            retry_after: retry_after(response.headers()),
        }),
    }
}

/// Largest error that is read for what it says.
const MAX_SAID_BYTES: usize = 8 << 10;

/// What a registry says against a request: code and message of its first error, or else the beginning of its answer.
pub(crate) async fn said(mut response: Response) -> String {
    let status = response.status();
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_SAID_BYTES {
            break;
        }
    }
    let value: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let first = &value["errors"][0];
    let text = |key: &str| first[key].as_str().unwrap_or_default().to_owned();
    let (code, message) = (text("code"), text("message"));
    let plain: String = String::from_utf8_lossy(&body)
        .chars()
        .filter(|c| !c.is_control())
        .take(200)
        .collect();
    let words = match (code.is_empty(), message.is_empty()) {
        (true, true) => plain.trim().to_owned(),
        (false, true) => code,
        (true, false) => message,
        (false, false) => format!("{code}: {message}"),
    };
    if words.is_empty() {
        format!("HTTP {}", status.as_u16())
    } else {
        format!("HTTP {}, {words}", status.as_u16())
    }
}

/// `Retry-After` in seconds, or as a date (RFC 9110, 10.2.3). A date is compared with the server's own clock where it tells it: ours may
/// be wrong.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok();
    let value: &str = text(RETRY_AFTER)?;
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(value).ok()?;
    let now = text(DATE).and_then(|date| httpdate::parse_http_date(date).ok());
    at.duration_since(now.unwrap_or_else(SystemTime::now)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_both_of_its_forms() {
        let after = |value: &'static str, date: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
            if let Some(date) = date {
                headers.insert(DATE, HeaderValue::from_static(date));
            }
            retry_after(&headers)
        };
        assert_eq!(after("120", None), Some(Duration::from_secs(120)));
        let (date, later) = (
            Some("Fri, 31 Dec 1999 23:59:29 GMT"),
            "Fri, 31 Dec 1999 23:59:59 GMT",
        );
        assert_eq!(after(later, date), Some(Duration::from_secs(30)));
        // Long ago by our own clock.
        assert_eq!(after(later, None), None);
        assert_eq!(after("soon", None), None);
        assert_eq!(after("-1", None), None);
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
