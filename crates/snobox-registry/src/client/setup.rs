//! What a client is made of: where it asks, as whom, whom it trusts, and how it connects.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use snobox_formats::pull_secret::PullSecret;

use super::{ClientError, Mirror};
use crate::pull::Patience;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// A connection that carries nothing is asked whether it is still there: behind a line that was cut, nothing else would tell.
const ALIVE_EVERY: Duration = Duration::from_secs(15);
/// The largest window of a stream in HTTP/2: what is under way when this process ends is fetched again.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 16 << 20;

/// How a [`Client`](super::Client) is set up.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Places to try before the registries themselves.
    pub mirrors: Vec<Mirror>,
    /// Nothing but mirrors is asked where there are any: a registry that stands in for all others is no stepping stone to them.
    pub only_mirrors: bool,
    /// Credentials.
    pub secret: Option<PullSecret>,
    /// Certificates (DER) of authorities that are trusted besides those of the system: that of a proxy which looks into TLS, or of a
    /// registry of one's own.
    ///
    /// The system's are those of `SSL_CERT_FILE` and `SSL_CERT_DIR` where set, and Mozilla's where the system has none.
    pub authorities: Vec<Vec<u8>>,
    /// How long to wait and how often to try again.
    pub patience: Patience,
    /// Registries (host with port) besides those of this machine that speak plain HTTP: whoever names them trusts the line to them. What
    /// comes is checked by digest as ever; what a tag stands for is not, and passwords are not sent there.
    pub plain_http: HashSet<String>,
    /// The longest time until an answer begins, if it is not that of a stall: an upload is answered when it is through.
    pub answer: Option<Duration>,
}

impl Setup {
    /// Trusts the certificates of a PEM file besides; returns how many there are.
    ///
    /// # Errors
    /// [`ClientError::Pem`] when it cannot be read or has none.
    pub fn trust_pem(&mut self, pem: &[u8]) -> Result<usize, ClientError> {
        let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let all = all.unwrap_or_default();
        if all.is_empty() {
            return Err(ClientError::Pem);
        }
        let count = all.len();
        self.authorities
            .extend(all.into_iter().map(|certificate| certificate.to_vec()));
        Ok(count)
    }
}

/// For places outside, and for loopback: a proxy would ask its own loopback.
///
/// Proxies come from the environment, as everywhere: `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`.
pub(super) fn http(setup: &Setup) -> Result<[reqwest::Client; 2], ClientError> {
    let tls = tls(&setup.authorities)?;
    let builder = || {
        reqwest::Client::builder()
            .tls_backend_preconfigured(tls.clone())
            .user_agent(concat!("snobox/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(setup.answer.unwrap_or(setup.patience.stall))
            .tcp_user_timeout(setup.patience.stall)
            .http2_keep_alive_interval(ALIVE_EVERY)
            .http2_keep_alive_timeout(ALIVE_EVERY)
            .http2_initial_stream_window_size(STREAM_WINDOW_BYTES)
            .http2_initial_connection_window_size(CONNECTION_WINDOW_BYTES)
    };
    let outside = builder().build().map_err(ClientError::Http)?;
    let loopback = builder().no_proxy().build().map_err(ClientError::Http)?;
    Ok([outside, loopback])
}

fn tls(authorities: &[Vec<u8>]) -> Result<rustls::ClientConfig, ClientError> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    for authority in authorities {
        let certificate = CertificateDer::from(authority.as_slice());
        roots.add(certificate).map_err(ClientError::Authority)?;
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
