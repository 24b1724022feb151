//! A request, and where its answer sends it on to: registries keep blobs at other hosts.
//!
//! Followed by hand, so that a failure names the host that failed, and not the registry which answered well. Credentials are for the host that they
//! were made for, and for no other. Source of truth: RFC 9110, 15.4.

use reqwest::header::{AUTHORIZATION, LOCATION};
use reqwest::{Method, Request, Response, StatusCode, Url};

use super::{Client, Place, RequestError};

/// No registry sends its clients further.
const MAX_REDIRECTS: usize = 10;

impl Client {
    /// Sends `request` to `place`, and on from there.
    pub(super) async fn follow(
        &self,
        place: &Place,
        mut request: Request,
    ) -> Result<Response, RequestError> {
        let mut host: Option<String> = None;
        for _ in 0..=MAX_REDIRECTS {
            let next = request.try_clone();
            let reads = matches!(*request.method(), Method::GET | Method::HEAD);
            let client = match &host {
                None => self.http(place),
                Some(host) => self.http(&of_host(host)),
            };
            let sent = client.execute(request).await;
            let response = sent.map_err(|error| failed(place, host.as_deref(), error))?;
            self.note_answer(host.as_deref().unwrap_or(&place.registry));
            let (Some(target), Some(again)) = (target(&response, reads), next) else {
                return Ok(response);
            };
            let target = target.map_err(|why| RequestError::Redirects {
                place: place.clone(),
                why,
            })?;
            request = again;
            if !may_see(request.url(), &target) {
                request.headers_mut().remove(AUTHORIZATION);
            }
            host = elsewhere(place, &target);
            *request.url_mut() = target;
        }
        Err(RequestError::Redirects {
            place: place.clone(),
            why: format!(
                "{MAX_REDIRECTS} times, at last to {}",
                address(request.url())
            ),
        })
    }
}

/// Whether credentials for `from` may go on to `to`: to the same host and port, and never from TLS to plain HTTP.
fn may_see(from: &Url, to: &Url) -> bool {
    from.origin() == to.origin()
}

/// A request that failed at `place`, or at the host that it sent its client on to: without the address, whose query may be what opens the door.
fn failed(place: &Place, host: Option<&str>, error: reqwest::Error) -> RequestError {
    let Some(host) = host else {
        return RequestError::broken(place, error);
    };
    match RequestError::broken(place, error.without_url()) {
        RequestError::Unreachable { place, source, .. } => RequestError::Unreachable {
            place,
            redirect: Some(host.to_owned()),
            source,
        },
        other => other,
    }
}

/// Where an answer sends its client on to; `Err` for an address that is none. What changes something goes on only where it stays the same request.
fn target(response: &Response, reads: bool) -> Option<Result<Url, String>> {
    let is_on = match response.status() {
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => true,
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND | StatusCode::SEE_OTHER => reads,
        _ => false,
    };
    let location = response.headers().get(LOCATION).filter(|_| is_on)?;
    let text = String::from_utf8_lossy(location.as_bytes());
    let joined = response.url().join(&text).ok();
    let usable = joined.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    // Without a query, as in every address.
    let shown = text.split(['?', '#']).next().unwrap_or_default();
    Some(usable.ok_or_else(|| format!("to {shown:?}")))
}

/// The host of an address, if it is not the place's own. Whether a default port is written out makes no difference.
pub(super) fn elsewhere(place: &Place, url: &Url) -> Option<String> {
    let own = Url::parse(&format!("{}://{}", url.scheme(), place.host()));
    let is_own = own.is_ok_and(|own| own.origin() == url.origin());
    (!is_own).then(|| authority(url))
}

/// Host with port, as registries are called.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Without a query, which may hold a signature that opens the door.
fn address(url: &Url) -> String {
    format!("{}://{}{}", url.scheme(), authority(url), url.path())
}

fn of_host(host: &str) -> Place {
    Place {
        registry: host.to_owned(),
        repository: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_at_home_with_its_default_port_written_out_or_not() {
        let elsewhere =
            |registry: &str, url: &str| elsewhere(&of_host(registry), &Url::parse(url).unwrap());
        assert_eq!(elsewhere("quay.io:443", "https://quay.io/v2/"), None);
        assert_eq!(elsewhere("quay.io", "https://quay.io:443/v2/"), None);
        assert_eq!(
            elsewhere("docker.io", "https://registry-1.docker.io/v2/"),
            None
        );
        assert_eq!(elsewhere("[::1]:5000", "http://[::1]:5000/v2/"), None);
        let cdn = elsewhere("quay.io", "https://cdn.quay.io:8443/x?signature=secret");
        assert_eq!(cdn.as_deref(), Some("cdn.quay.io:8443"));
        assert_eq!(
            elsewhere("localhost:1", "http://localhost:2/").as_deref(),
            Some("localhost:2")
        );
    }

    #[test]
    fn credentials_stay_with_scheme_host_and_port() {
        let url = |text: &str| Url::parse(text).unwrap();
        let from = url("https://quay.io/v2/a/blobs/b");
        for same in ["https://quay.io/other", "https://quay.io:443/other"] {
            assert!(may_see(&from, &url(same)), "{same}");
        }
        for other in [
            "http://quay.io/v2/a/blobs/b",
            "http://quay.io:443/other",
            "https://quay.io:8443/other",
            "https://cdn.quay.io/other",
        ] {
            assert!(!may_see(&from, &url(other)), "{other}");
        }
    }
}
