//! Image references: `registry[:port]/repository[:tag][@digest]`.
//!
//! Source of truth: the grammar of `github.com/distribution/reference` (reference.go). Short names (`fedora`, `library/fedora`)
//! are refused: a name that does not say its registry means different things on different machines.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// A fully qualified image reference.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageRef {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Why a text is not a fully qualified image reference.
#[derive(Debug, thiserror::Error)]
#[error(
    "{given:?} is not an image reference: {why} (expected registry/repository:tag or registry/repository@sha256:…)"
)]
pub struct ParseReferenceError {
    /// What was given.
    pub given: String,
    /// The rule that it breaks.
    pub why: &'static str,
}

impl ImageRef {
    /// The registry host with its port, if one was given: `quay.io`, `127.0.0.1:5000`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository below the registry: `openshift-release-dev/ocp-release`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// `registry/repository`, without tag and digest.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// The tag, if one was given.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, if one was given. It wins over the tag.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// The same image by `digest` alone.
    pub fn pinned(&self, digest: Digest) -> Self {
        Self {
            registry: self.registry.clone(),
            repository: self.repository.clone(),
            tag: None,
            digest: Some(digest),
        }
    }

    /// What a registry's manifest address ends with: the digest, or else the tag, or else `latest`.
    pub fn manifest_key(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.clone(),
            (None, None) => "latest".to_owned(),
        }
    }
}

/// The name under which a registry that stands in for all others serves `name` (`registry[:port]/repository`).
///
/// A port's colon is not allowed in a repository name and becomes `_`: `localhost:5000/a` is served as `localhost_5000/a`. Neither are an IPv6 address's
/// colons and brackets: `[::1]:5000/a` is served as `ip6-0-0-0-0-0-0-0-1_5000/a`.
pub fn loopback_repository(name: &str) -> String {
    let (registry, path) = name.split_once('/').unwrap_or((name, ""));
    let v6 = registry
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
        .and_then(|(host, port)| Some((host.parse::<Ipv6Addr>().ok()?, port)));
    let Some((address, port)) = v6 else {
        return name.replacen(':', "_", 1);
    };
    let parts = address.segments().map(|segment| format!("{segment:x}"));
    format!("ip6-{}{}/{path}", parts.join("-"), port.replace(':', "_"))
}

/// An address without the credentials that somebody wrote into it.
fn without_password(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let host_end = rest.find('/').unwrap_or(rest.len());
    match rest[..host_end].rfind('@') {
        Some(at) => format!("{scheme}://…{}", &rest[at..]),
        None => text.to_owned(),
    }
}

fn is_registry(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.ends_with(']') || text.starts_with('[') => (host, Some(port)),
        _ => (text, None),
    };
    let host_ok = if let Some(v6) = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        v6.parse::<Ipv6Addr>().is_ok()
    } else {
        !host.is_empty()
            && host.split('.').all(|label| {
                !label.is_empty()
                    && label
                        .bytes()
                        .all(|c| c.is_ascii_alphanumeric() || c == b'-')
                    && !label.starts_with('-')
                    && !label.ends_with('-')
            })
    };
    host_ok
        && port.is_none_or(|p| {
            !p.is_empty() && p.bytes().all(|c| c.is_ascii_digit()) && p.parse::<u16>().is_ok()
        })
        && (text.contains('.') || text.contains(':') || text == "localhost")
}

/// Whether `text` is one or more repository path components of the distribution grammar.
pub fn is_repository(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 255
        && text.split('/').all(|component| {
            let bytes = component.as_bytes();
            let alnum = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
            bytes.first().is_some_and(|&c| alnum(c))
                && bytes.last().is_some_and(|&c| alnum(c))
                && bytes
                    .iter()
                    .all(|&c| alnum(c) || matches!(c, b'.' | b'_' | b'-'))
                && !component.contains("..")
                && !component.contains("___")
        })
}

/// Whether `text` is a tag of the distribution grammar.
pub fn is_tag(text: &str) -> bool {
    let bytes = text.as_bytes();
    (1..=128).contains(&bytes.len())
        && bytes
            .iter()
            .all(|&c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'.' | b'-'))
        && !matches!(bytes[0], b'.' | b'-')
}

impl FromStr for ImageRef {
    type Err = ParseReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = |why| ParseReferenceError {
            given: without_password(text).chars().take(200).collect(),
            why,
        };
        if text.contains("://") {
            return Err(refuse(
                "it is an address: leave out what is before the host",
            ));
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => {
                let digest = digest
                    .parse()
                    .map_err(|_| refuse("the digest is not sha256: and 64 hex digits"))?;
                (rest, Some(digest))
            }
            None => (text, None),
        };
        let (registry, path) = rest
            .split_once('/')
            .ok_or_else(|| refuse("it names no registry"))?;
        if !is_registry(registry) {
            return Err(refuse(
                "the part before the first slash is not a registry host",
            ));
        }
        let (repository, tag) = match path.rsplit_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (path, None),
        };
        if !is_repository(repository) {
            return Err(refuse(
                "the repository may hold lower-case letters, digits and single separators . _ - /",
            ));
        }
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(refuse(
                "the tag may hold up to 128 letters, digits, . _ and -",
            ));
        }
        Ok(Self {
            registry: registry.to_owned(),
            repository: repository.to_owned(),
            tag: tag.map(str::to_owned),
            digest,
        })
    }
}

impl TryFrom<String> for ImageRef {
    type Error = ParseReferenceError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ImageRef> for String {
    fn from(reference: ImageRef) -> Self {
        reference.to_string()
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_whatever_else_is_given() {
        let digest = Digest::of(b"x");
        let full: ImageRef = format!("127.0.0.1:5000/a/b-c:v1@{digest}").parse().unwrap();
        assert_eq!(full.registry(), "127.0.0.1:5000");
        assert_eq!(full.repository(), "a/b-c");
        assert_eq!(full.tag(), Some("v1"));
        assert_eq!(full.digest(), Some(digest));
        assert_eq!(full.manifest_key(), digest.to_string());
        let bare: ImageRef = "quay.io/a".parse().unwrap();
        assert_eq!(
            (bare.tag(), bare.digest(), bare.manifest_key().as_str()),
            (None, None, "latest")
        );
        assert_eq!(
            "[::1]:5000/a:t".parse::<ImageRef>().unwrap().registry(),
            "[::1]:5000"
        );
        assert_eq!(
            loopback_repository("localhost:5000/a/b"),
            "localhost_5000/a/b"
        );
        for (name, served) in [
            ("[::1]:5000/a/b", "ip6-0-0-0-0-0-0-0-1_5000/a/b"),
            ("[2001:db8::10]/a", "ip6-2001-db8-0-0-0-0-0-10/a"),
        ] {
            assert_eq!(loopback_repository(name), served);
            assert!(is_repository(served), "{served}");
        }
    }

    #[test]
    fn an_address_is_told_as_such_and_its_password_is_not() {
        let told = |text: &str| text.parse::<ImageRef>().unwrap_err().to_string();
        let secret = told("https://robot:hunter2@quay.io/a/b:1");
        assert!(
            !secret.contains("hunter2") && !secret.contains("robot"),
            "{secret}"
        );
        assert!(secret.contains("quay.io/a/b:1"), "{secret}");
        assert!(told("docker://quay.io/a/b").contains("leave out what is before the host"));
    }

    #[test]
    fn short_upper_case_and_broken_names_are_refused() {
        for bad in [
            "fedora",
            "library/fedora",
            "quay.io/",
            "quay.io/A",
            "quay.io/a//b",
            "quay.io/a:",
            "quay.io/a:-x",
            "quay.io/a@sha256:12",
            "quay.io/../etc",
            "quay.io:70000/a",
            "-x.io/a",
            "",
        ] {
            assert!(bad.parse::<ImageRef>().is_err(), "{bad}");
        }
    }
}
