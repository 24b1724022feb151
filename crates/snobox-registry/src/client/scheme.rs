//! Plain HTTP or TLS: which of them a registry speaks.
//!
//! Registries on loopback often speak plain HTTP, as every other client allows there; all others speak TLS, unless they are known not to. One on loopback
//! is asked in clear once, and its answer tells: HTTP other than 400 is plain HTTP; 400, or bytes that are no HTTP, are what servers for TLS say to that. A
//! connection that breaks without a word tells nothing. It is asked again, and what is tried after that holds only when it is answered.

use reqwest::StatusCode;

use super::{Client, Place};

/// How often a registry is asked that says nothing.
const PROBES: u32 = 4;

/// What came of asking in clear.
enum Probe {
    /// What the registry speaks.
    Speaks(&'static str),
    /// Nobody listens, or nothing came in time: the caller's own request says so, and asks again next time.
    Nobody,
    /// The connection broke without a word.
    Broken,
}

impl Client {
    /// `http` or `https`.
    pub(super) async fn scheme(&self, place: &Place) -> &'static str {
        if let Some(scheme) = self.rule(place) {
            return scheme;
        }
        let mut schemes = self.shared.schemes.lock().await;
        if let Some(scheme) = schemes.get(&place.registry) {
            return scheme;
        }
        let patience = self.patience();
        let mut pause = patience.first_pause;
        for probe in 1..=PROBES {
            match self.probe(place).await {
                Probe::Speaks(scheme) => {
                    schemes.insert(place.registry.clone(), scheme);
                    return scheme;
                }
                Probe::Nobody => return "http",
                Probe::Broken if probe < PROBES => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(patience.longest_pause);
                }
                Probe::Broken => {}
            }
        }
        // Some servers for TLS hang up on whoever speaks in clear.
        "https"
    }

    /// The scheme, where it is beyond doubt.
    pub(super) async fn settled_scheme(&self, place: &Place) -> Option<&'static str> {
        match self.rule(place) {
            Some(scheme) => Some(scheme),
            None => {
                let schemes = self.shared.schemes.lock().await;
                schemes.get(&place.registry).copied()
            }
        }
    }

    /// Remembers by which scheme a registry has answered.
    pub(super) async fn settle_scheme(&self, place: &Place, scheme: &str, status: StatusCode) {
        let scheme = match scheme {
            "https" => "https",
            _ if status == StatusCode::BAD_REQUEST => return,
            _ => "http",
        };
        if self.rule(place).is_none() {
            let mut schemes = self.shared.schemes.lock().await;
            schemes.entry(place.registry.clone()).or_insert(scheme);
        }
    }

    /// What holds without asking.
    fn rule(&self, place: &Place) -> Option<&'static str> {
        if self.shared.plain_http.contains(&place.registry) {
            Some("http")
        } else if place.is_loopback() {
            None
        } else {
            Some("https")
        }
    }

    async fn probe(&self, place: &Place) -> Probe {
        let url = format!("http://{}/v2/", place.registry);
        match self.loopback.get(url).send().await {
            Ok(answer) if answer.status() == StatusCode::BAD_REQUEST => Probe::Speaks("https"),
            Ok(_) => Probe::Speaks("http"),
            Err(error) if error.is_connect() || error.is_timeout() => Probe::Nobody,
            Err(error) if is_no_http(&error) => Probe::Speaks("https"),
            Err(_) => Probe::Broken,
        }
    }
}

/// Whether bytes came that are no HTTP, such as an alert of TLS.
fn is_no_http(error: &reqwest::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if let Some(error) = inner.downcast_ref::<hyper::Error>() {
            return error.is_parse();
        }
        source = inner.source();
    }
    false
}
