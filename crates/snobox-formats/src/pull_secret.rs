//! Pull secrets: the credentials for registries, as `dockerconfigjson`.
//!
//! The right entry for a repository is the one whose key is its longest path prefix: `quay.io/ns/repo`, `quay.io/ns`, `quay.io`.
//! Source of truth: containers-auth.json(5).

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// A pull secret. `Debug` never shows what it holds.
#[derive(Clone)]
pub struct PullSecret {
    text: String,
    credentials: BTreeMap<String, Credentials>,
}

/// A user name and a password. `Debug` never shows them.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User name.
    pub username: String,
    /// Password or token.
    pub password: String,
}

/// Why a text is not a pull secret. Never quotes the text.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PullSecretError {
    /// Not JSON, or not of the right form.
    #[error(
        "not a pull secret: line {line}, column {column} is not as expected; expected JSON such as {{\"auths\": {{\"quay.io\": {{\"auth\": \"…\"}}}}}}"
    )]
    Json {
        /// Line of the fault, from 1.
        line: usize,
        /// Column of the fault, from 1; 0 at the very start.
        column: usize,
    },
    /// An entry's `auth` is not base64 of `user:password`.
    #[error(
        "the pull secret's entry for {registry:?} has an auth that is not base64 of user:password"
    )]
    Auth {
        /// Key of the entry.
        registry: String,
    },
}

#[derive(Deserialize)]
struct Document {
    auths: BTreeMap<String, AuthEntry>,
}

#[derive(Deserialize)]
struct AuthEntry {
    auth: Option<String>,
}

impl PullSecret {
    /// Reads a pull secret.
    ///
    /// # Errors
    /// [`PullSecretError`], which says where but never what.
    pub fn parse(text: &str) -> Result<Self, PullSecretError> {
        let document: Document = serde_json::from_str(text).map_err(|e| PullSecretError::Json {
            line: e.line(),
            column: e.column(),
        })?;
        let mut credentials = BTreeMap::new();
        for (registry, entry) in document.auths {
            let Some(auth) = entry.auth.filter(|a| !a.is_empty()) else {
                continue;
            };
            let decoded = STANDARD
                .decode(auth.trim())
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok());
            let Some((username, password)) = decoded.as_deref().and_then(|d| d.split_once(':'))
            else {
                return Err(PullSecretError::Auth { registry });
            };
            let found = Credentials {
                username: username.to_owned(),
                password: password.to_owned(),
            };
            let key = registry
                .trim_start_matches("https://")
                .trim_end_matches('/');
            let key = key.strip_suffix("/v1").unwrap_or(key).to_owned();
            credentials.insert(key, found);
        }
        Ok(Self {
            text: text.trim().to_owned(),
            credentials,
        })
    }

    /// A pull secret for one registry or repository prefix.
    pub fn of(registry: &str, username: &str, password: &str) -> Self {
        let auth = STANDARD.encode(format!("{username}:{password}"));
        let text = serde_json::json!({"auths": {registry: {"auth": auth}}}).to_string();
        let found = Credentials {
            username: username.to_owned(),
            password: password.to_owned(),
        };
        Self {
            text,
            credentials: BTreeMap::from([(registry.to_owned(), found)]),
        }
    }

    /// The credentials for a repository (`registry/path`), by the longest path prefix.
    pub fn find(&self, repository: &str) -> Option<&Credentials> {
        let mut key = repository;
        loop {
            if let Some(credentials) = self.credentials.get(key) {
                return Some(credentials);
            }
            key = &key[..key.rfind('/')?];
        }
    }

    /// Whether it has no credentials for any registry.
    pub fn is_empty(&self) -> bool {
        self.credentials.is_empty()
    }

    /// The text, to be handed to the installer and to nobody else.
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for PullSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_path_prefix_wins() {
        let auth = |user: &str| STANDARD.encode(format!("{user}:p:w"));
        let text = format!(
            r#"{{"auths":{{"quay.io":{{"auth":"{}"}},"quay.io/ns":{{"auth":"{}"}},"empty.io":{{}}}}}}"#,
            auth("host"),
            auth("ns")
        );
        let secret = PullSecret::parse(&text).unwrap();
        assert_eq!(secret.find("quay.io/ns/repo").unwrap().username, "ns");
        assert_eq!(secret.find("quay.io/nsx/repo").unwrap().username, "host");
        assert_eq!(secret.find("quay.io/ns/repo").unwrap().password, "p:w");
        assert!(
            PullSecret::parse(r#"{"auths":{"empty.io":{}}}"#)
                .unwrap()
                .is_empty()
        );
        assert!(
            !secret.is_empty()
                && secret.find("empty.io/a").is_none()
                && secret.find("docker.io/a").is_none()
        );
    }

    #[test]
    fn errors_and_debug_never_show_the_secret() {
        let canary = "hunter2-canary";
        for text in [
            canary.to_owned(),
            format!(r#"{{"auths":{{"a.io":{{"auth":"{canary}"}}}}}}"#),
            format!(r#"{{"auths":"{canary}"}}"#),
        ] {
            let error = PullSecret::parse(&text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains(canary), "{error}");
        }
        let good = format!(
            r#"{{"auths":{{"a.io":{{"auth":"{}"}}}}}}"#,
            STANDARD.encode(format!("u:{canary}"))
        );
        let secret = PullSecret::parse(&good).unwrap();
        assert_eq!(
            format!("{secret:?} {:?}", secret.find("a.io")),
            "[redacted] Some([redacted])"
        );
    }
}
