//! The client's side of one request: where to ask, as whom, and what came.

mod auth;
mod error;
mod sources;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use reqwest::{Response, StatusCode};
use snobox_formats::digest::Digest;
use snobox_formats::oci::{self, DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};
use snobox_formats::pull_secret::PullSecret;
use snobox_formats::reference::ImageRef;
use tokio::sync::Mutex;

pub use auth::Challenge;
pub use error::{ClientError, RequestError};
pub use sources::{Mirror, Place};

const MANIFEST_TYPES: [&str; 4] = [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST];
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
const READ_TIMEOUT: Duration = Duration::from_secs(60);

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
    secret: Option<PullSecret>,
    /// The last good `Authorization` for a place's repository.
    authorizations: Mutex<HashMap<String, String>>,
    /// `http` or `https` for loopback registries, once known.
    schemes: Mutex<HashMap<String, &'static str>>,
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
    /// A client that tries `mirrors` first and knows the credentials of `secret`.
    ///
    /// TLS trusts the system's certificate authorities, and Mozilla's where the system has none. Proxies come from the environment, as
    /// everywhere (`HTTPS_PROXY`, `NO_PROXY`), but never for loopback.
    ///
    /// # Errors
    /// [`ClientError`] when TLS cannot be set up.
    pub fn new(mirrors: Vec<Mirror>, secret: Option<PullSecret>) -> Result<Self, ClientError> {
        let tls = tls_config()?;
        let builder = || {
            reqwest::Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .user_agent(concat!("snobox/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(CONNECT_TIMEOUT)
                .read_timeout(READ_TIMEOUT)
        };
        let outside = builder().build().map_err(ClientError::Http)?;
        let loopback = builder().no_proxy().build().map_err(ClientError::Http)?;
        let shared = Shared {
            mirrors,
            secret,
            authorizations: Mutex::default(),
            schemes: Mutex::default(),
        };
        Ok(Self {
            outside,
            loopback,
            shared: Arc::new(shared),
        })
    }

    /// The places to ask for a repository (`registry/path`), mirrors first.
    pub fn places(&self, name: &str) -> Vec<Place> {
        sources::places(name, &self.shared.mirrors)
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
            )
            .await?;
        let header = |name: &str| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        let content_type = header(CONTENT_TYPE.as_str());
        let announced = header("docker-content-digest").and_then(|text| text.parse().ok());
        let mut bytes = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|e| RequestError::broken(place, e))?
        {
            bytes.extend_from_slice(&chunk);
            if bytes.len() as u64 > oci::MAX_MANIFEST_BYTES {
                return Err(RequestError::TooLarge {
                    place: place.clone(),
                    limit_bytes: oci::MAX_MANIFEST_BYTES,
                });
            }
        }
        let digest = Digest::of(&bytes);
        match reference.digest().or(announced) {
            Some(expected) if expected != digest => Err(RequestError::WrongDigest {
                place: place.clone(),
                expected,
                found: digest,
            }),
            _ => Ok(RawManifest {
                bytes,
                digest,
                content_type,
            }),
        }
    }

    /// Asks `place` for a blob; the caller reads the body.
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn blob(&self, place: &Place, digest: Digest) -> Result<Response, RequestError> {
        self.get(place, &format!("blobs/{digest}"), "*/*").await
    }

    async fn get(&self, place: &Place, path: &str, accept: &str) -> Result<Response, RequestError> {
        let scheme = self.scheme(place).await;
        let url = format!("{scheme}://{}/v2/{}/{path}", place.host(), place.repository);
        let key = place.to_string();
        let known = self.shared.authorizations.lock().await.get(&key).cloned();
        let response = self.send(place, &url, accept, known.as_deref()).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return check(place, response);
        }
        let challenges = response.headers().get_all(WWW_AUTHENTICATE).iter();
        let challenge = challenges
            .filter_map(|v| Challenge::parse(v.to_str().ok()?))
            .next();
        let Some(challenge) = challenge else {
            return check(place, response);
        };
        let authorization = self.authorize(place, &challenge).await?;
        let response = self.send(place, &url, accept, Some(&authorization)).await?;
        if response.status().is_success() {
            self.shared
                .authorizations
                .lock()
                .await
                .insert(key, authorization);
        }
        check(place, response)
    }

    async fn send(
        &self,
        place: &Place,
        url: &str,
        accept: &str,
        authorization: Option<&str>,
    ) -> Result<Response, RequestError> {
        let mut request = self.http(place).get(url).header(ACCEPT, accept);
        if let Some(value) = authorization {
            request = request.header(AUTHORIZATION, value);
        }
        request
            .send()
            .await
            .map_err(|e| RequestError::broken(place, e))
    }

    fn http(&self, place: &Place) -> &reqwest::Client {
        if place.is_loopback() {
            &self.loopback
        } else {
            &self.outside
        }
    }

    /// Registries on loopback often speak plain HTTP, as every other client allows there; all others speak TLS.
    async fn scheme(&self, place: &Place) -> &'static str {
        if !place.is_loopback() {
            return "https";
        }
        let mut schemes = self.shared.schemes.lock().await;
        if let Some(scheme) = schemes.get(&place.registry) {
            return scheme;
        }
        let plain = self
            .loopback
            .get(format!("http://{}/v2/", place.registry))
            .send()
            .await;
        let scheme = match plain {
            Ok(r) if r.status() != StatusCode::BAD_REQUEST => "http",
            // Nothing listens: the caller's own request says so, and asks again next time.
            Err(e) if e.is_connect() => return "http",
            _ => "https",
        };
        schemes.insert(place.registry.clone(), scheme);
        scheme
    }
}

fn check(place: &Place, response: Response) -> Result<Response, RequestError> {
    let status = response.status();
    match status {
        s if s.is_success() => Ok(response),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(RequestError::Denied {
            place: place.clone(),
            status: status.as_u16(),
        }),
        StatusCode::NOT_FOUND => Err(RequestError::NotFound {
            place: place.clone(),
        }),
        _ => Err(RequestError::Status {
            place: place.clone(),
            status: status.as_u16(),
        }),
    }
}

fn tls_config() -> Result<rustls::ClientConfig, ClientError> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config = config
        .map_err(ClientError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // A preconfigured TLS setup has no ALPN of its own.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
