//! Who may pull: everybody, or holders of a token, as public registries do it.
//!
//! Source of truth: distribution's `docs/spec/auth/token.md`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// How long a token is good for.
pub(crate) const TOKEN_LIFE: Duration = Duration::from_secs(300);

/// Who may pull.
#[derive(Debug)]
pub enum Access {
    /// Everybody.
    Anonymous,
    /// Holders of a token; the server's own `/token` gives one for user name and password.
    Token(TokenAccess),
}

/// Tokens given out, and what they are given for.
pub struct TokenAccess {
    username: String,
    password: String,
    tokens: Mutex<BTreeMap<String, (String, Instant)>>,
}

impl fmt::Debug for TokenAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Access {
    /// Tokens for holders of `username` and `password`.
    pub fn token(username: &str, password: &str) -> Self {
        let tokens = Mutex::default();
        Self::Token(TokenAccess {
            username: username.to_owned(),
            password: password.to_owned(),
            tokens,
        })
    }
}

impl TokenAccess {
    /// A token for `scope`, if `authorization` is Basic with the right name and password.
    pub(crate) fn grant(
        &self,
        authorization: Option<&str>,
        scope: &str,
        now: Instant,
    ) -> Option<String> {
        let given = STANDARD
            .decode(authorization?.strip_prefix("Basic ")?)
            .ok()?;
        if given != format!("{}:{}", self.username, self.password).as_bytes() {
            return None;
        }
        let mut bytes = [0; 24];
        getrandom::fill(&mut bytes).ok()?;
        let token = URL_SAFE_NO_PAD.encode(bytes);
        let mut tokens = self
            .tokens
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        tokens.retain(|_, (_, expires)| *expires > now);
        tokens.insert(token.clone(), (scope.to_owned(), now + TOKEN_LIFE));
        Some(token)
    }

    /// Whether `authorization` carries a token for `scope`; with no scope any valid token will do.
    pub(crate) fn allows(
        &self,
        authorization: Option<&str>,
        scope: Option<&str>,
        now: Instant,
    ) -> bool {
        let Some(token) = authorization.and_then(|a| a.strip_prefix("Bearer ")) else {
            return false;
        };
        let tokens = self
            .tokens
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        tokens
            .get(token)
            .is_some_and(|(granted, expires)| *expires > now && scope.is_none_or(|s| s == granted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_for_one_scope_and_for_a_while() {
        let Access::Token(access) = Access::token("u", "p") else {
            unreachable!()
        };
        let now = Instant::now();
        let basic = format!("Basic {}", STANDARD.encode("u:p"));
        let wrong = format!("Basic {}", STANDARD.encode("u:q"));
        assert!(
            access.grant(Some(&wrong), "a", now).is_none()
                && access.grant(None, "a", now).is_none()
        );
        let bearer = format!("Bearer {}", access.grant(Some(&basic), "a", now).unwrap());
        assert!(
            access.allows(Some(&bearer), Some("a"), now) && access.allows(Some(&bearer), None, now)
        );
        assert!(
            !access.allows(Some(&bearer), Some("b"), now) && !access.allows(None, Some("a"), now)
        );
        assert!(!access.allows(Some(&bearer), Some("a"), now + TOKEN_LIFE));
    }
}
