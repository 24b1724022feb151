//! From a `401` to an `Authorization`: Basic, or Bearer with a token fetched from the realm, and renewed before it expires.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::AUTHORIZATION;
use serde::Deserialize;
use snobox_formats::pull_secret::{Credentials, PullSecret};
use tokio::sync::Mutex;

use super::flow::read_small;
use super::{Client, Place, RequestError, retry_after};

/// A `WWW-Authenticate` challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// User name and password with each request.
    Basic,
    /// A token from `realm`.
    Bearer {
        /// Address of the token service.
        realm: String,
        /// The service's name for itself.
        service: Option<String>,
        /// What the token must allow.
        scope: Option<String>,
    },
}

impl Challenge {
    /// Reads the value of a `WWW-Authenticate` header; `None` for schemes that registries do not use.
    pub fn parse(header: &str) -> Option<Self> {
        let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let (mut realm, mut service, mut scope) = (None, None, None);
        let mut rest = rest.trim_start();
        while let Some((key, tail)) = rest.split_once('=') {
            let (value, tail) = match tail.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"')?,
                None => tail.split_once(',').unwrap_or((tail, "")),
            };
            match key.trim() {
                "realm" => realm = Some(value.to_owned()),
                "service" => service = Some(value.to_owned()),
                "scope" => scope = Some(value.to_owned()),
                _ => {}
            }
            rest = tail.trim_start_matches([',', ' ']);
        }
        Some(Self::Bearer {
            realm: realm?,
            service,
            scope,
        })
    }
}

/// Largest answer of a token service; real ones have a few KB.
const MAX_TOKEN_BYTES: usize = 1 << 20;

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

/// How long a token holds that does not say so: distribution's `docs/spec/auth/token.md`.
const UNSAID_LIFE: Duration = Duration::from_secs(60);
/// Longer is not believed: a token is renewed at least so often.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);

/// The last good `Authorization` for each place.
#[derive(Default)]
pub(super) struct Authorizations(Mutex<HashMap<String, Arc<Mutex<Option<Known>>>>>);

struct Known {
    value: String,
    challenge: Challenge,
    /// A little before it expires; `None` for a password.
    renew_at: Option<Instant>,
}

impl Authorizations {
    async fn slot(&self, place: &Place) -> Arc<Mutex<Option<Known>>> {
        let mut slots = self.0.lock().await;
        Arc::clone(slots.entry(place.to_string()).or_default())
    }
}

impl Client {
    /// What `place` accepted before, renewed where it is about to expire.
    pub(super) async fn known_authorization(&self, place: &Place) -> Option<String> {
        let slot = self.shared.authorizations.slot(place).await;
        let mut slot = slot.lock().await;
        let known = slot.as_ref()?;
        let due = known.renew_at.is_some_and(|at| Instant::now() >= at);
        if due {
            let challenge = known.challenge.clone();
            // The old one may still do; if not, the registry says so.
            if let Ok(renewed) = self.authorize(place, challenge).await {
                *slot = Some(renewed);
            }
        }
        slot.as_ref().map(|known| known.value.clone())
    }

    /// Another `Authorization` than `used`, which was refused. Requests that are refused at the same time get the same one.
    pub(super) async fn fresh_authorization(
        &self,
        place: &Place,
        challenge: Challenge,
        used: Option<String>,
    ) -> Result<String, RequestError> {
        let slot = self.shared.authorizations.slot(place).await;
        let mut slot = slot.lock().await;
        let other = slot.as_ref().map(|known| &known.value);
        if let Some(other) = other.filter(|other| used.as_ref() != Some(other)) {
            return Ok(other.clone());
        }
        let fresh = self.authorize(place, challenge).await?;
        Ok(slot.insert(fresh).value.clone())
    }

    /// It did not help.
    pub(super) async fn forget_authorization(&self, place: &Place, value: &str) {
        let slot = self.shared.authorizations.slot(place).await;
        slot.lock().await.take_if(|known| known.value == value);
    }

    async fn authorize(&self, place: &Place, challenge: Challenge) -> Result<Known, RequestError> {
        let asked = Instant::now();
        let (value, life) = self.answer(place, &challenge).await?;
        Ok(Known {
            value,
            challenge,
            renew_at: life.map(|life| asked + life.mul_f64(0.8)),
        })
    }

    /// The `Authorization` that answers `challenge`, and how long it holds if not for ever.
    async fn answer(
        &self,
        place: &Place,
        challenge: &Challenge,
    ) -> Result<(String, Option<Duration>), RequestError> {
        let credentials = self
            .shared
            .secret
            .as_ref()
            .and_then(|secret| find(secret, place));
        let basic = credentials.map(|c| {
            format!(
                "Basic {}",
                STANDARD.encode(format!("{}:{}", c.username, c.password))
            )
        });
        let Challenge::Bearer {
            realm,
            service,
            scope,
        } = challenge
        else {
            let denied = RequestError::Denied {
                place: place.clone(),
                status: 401,
            };
            if self.scheme(place).await == "http" && !place.is_loopback() {
                let why = "it wants a password over plain HTTP".to_owned();
                let place = place.clone();
                return Err(RequestError::Token { place, why });
            }
            return basic.map(|basic| (basic, None)).ok_or(denied);
        };
        let token_error = |why: String| RequestError::Token {
            place: place.clone(),
            why,
        };
        let mut url = reqwest::Url::parse(realm)
            .map_err(|_| token_error("the realm is not an address".to_owned()))?;
        // Credentials go out in clear only on this machine.
        let realm_place = Place {
            registry: url.authority().to_owned(),
            repository: String::new(),
        };
        if url.scheme() != "https" && !realm_place.is_loopback() {
            return Err(token_error(format!(
                "the realm {} is not https",
                url.authority()
            )));
        }
        let scope = scope
            .clone()
            .unwrap_or_else(|| format!("repository:{}:pull", place.repository));
        {
            let mut query = url.query_pairs_mut();
            if let Some(service) = service {
                query.append_pair("service", service);
            }
            // A mount needs two.
            for scope in scope.split(' ') {
                query.append_pair("scope", scope);
            }
        }
        let mut request = self.http(&realm_place).get(url);
        if let Some(basic) = basic {
            request = request.header(AUTHORIZATION, basic);
        }
        let request = request
            .build()
            .map_err(|e| RequestError::broken(place, e))?;
        let mut response = self.follow(&realm_place, request).await?;
        let status = response.status();
        if !status.is_success() {
            let place = place.clone();
            let status = status.as_u16();
            let denied = matches!(status, 400 | 401 | 403);
            let retry_after = retry_after(response.headers());
            return Err(if denied {
                RequestError::Denied { place, status }
            } else {
                RequestError::Status {
                    place,
                    redirect: None,
                    status,
                    retry_after,
                }
            });
        }
        let too_large =
            || token_error(format!("the answer is larger than {MAX_TOKEN_BYTES} bytes"));
        let stall = self.patience().stall;
        let limit = MAX_TOKEN_BYTES as u64;
        let body = read_small(&mut response, place, stall, limit, too_large).await?;
        let answer: TokenAnswer = serde_json::from_slice(&body)
            .map_err(|_| token_error("the answer is not JSON".to_owned()))?;
        let token = answer
            .token
            .or(answer.access_token)
            .ok_or_else(|| token_error("the answer has no token".to_owned()))?;
        let life = answer.expires_in.map_or(UNSAID_LIFE, |seconds| {
            Duration::from_secs(seconds).min(LONGEST_LIFE)
        });
        Ok((format!("Bearer {token}"), Some(life)))
    }
}

fn find<'a>(secret: &'a PullSecret, place: &Place) -> Option<&'a Credentials> {
    let hub = || {
        secret
            .find("index.docker.io")
            .filter(|_| place.registry == "docker.io")
    };
    secret.find(&place.to_string()).or_else(hub)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read_in_the_forms_that_registries_send() {
        let quay = r#"Bearer realm="https://quay.io/v2/auth",service="quay.io",scope="repository:a/b:pull,push""#;
        let expected = Challenge::Bearer {
            realm: "https://quay.io/v2/auth".into(),
            service: Some("quay.io".into()),
            scope: Some("repository:a/b:pull,push".into()),
        };
        assert_eq!(Challenge::parse(quay), Some(expected));
        let bare = Challenge::parse("bearer realm=https://x.io/t").unwrap();
        assert_eq!(
            bare,
            Challenge::Bearer {
                realm: "https://x.io/t".into(),
                service: None,
                scope: None
            }
        );
        assert_eq!(
            Challenge::parse(r#"Basic realm="x""#),
            Some(Challenge::Basic)
        );
        assert_eq!(Challenge::parse("Negotiate"), None);
        assert_eq!(Challenge::parse(r#"Bearer service="x""#), None);
        assert_eq!(Challenge::parse(r#"Bearer realm="x"#), None);
    }

    #[test]
    fn credentials_of_docker_hub_are_known_by_its_old_name_too() {
        // `printf hub:pass | base64`, as `docker login` writes it
        let text = r#"{"auths":{"https://index.docker.io/v1/":{"auth":"aHViOnBhc3M="}}}"#;
        let secret = PullSecret::parse(text).unwrap();
        let user = |registry: &str| {
            let place = Place {
                registry: registry.to_owned(),
                repository: "a/b".to_owned(),
            };
            find(&secret, &place).map(|c| c.username.clone())
        };
        assert_eq!(user("docker.io").as_deref(), Some("hub"));
        assert_eq!(user("quay.io"), None);
    }
}
