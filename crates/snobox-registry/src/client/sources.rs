//! Where to ask for a repository: its mirrors, then the registry that its name says.

use std::fmt;

/// Places to try instead of a registry or repository prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// The prefix that is mirrored: `quay.io`, `quay.io/openshift-release-dev`.
    pub source: String,
    /// What to put in its place.
    pub mirrors: Vec<String>,
}

/// A repository at a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Host with port.
    pub registry: String,
    /// Repository.
    pub repository: String,
}

impl Place {
    /// The host to connect to. Docker Hub's has another name than its images, and its credentials a third one (containers/image,
    /// `docker/docker_client.go`).
    pub(super) fn host(&self) -> &str {
        match self.registry.as_str() {
            "docker.io" => "registry-1.docker.io",
            other => other,
        }
    }

    /// Whether the registry is on this machine.
    pub fn is_loopback(&self) -> bool {
        let host = match self
            .registry
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'))
        {
            Some((v6, _)) => v6,
            None => self.registry.split(':').next().unwrap_or_default(),
        };
        host == "localhost"
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|ip| ip.is_loopback())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)
    }
}

/// The places for `name` (`registry/path`): those of the rules with the longest matching source, in their order, then `name` itself.
pub(super) fn places(name: &str, mirrors: &[Mirror]) -> Vec<Place> {
    let rest_of = |rule: &Mirror| {
        name.strip_prefix(rule.source.as_str())
            .filter(|rest| rest.is_empty() || rest.starts_with('/'))
            .map(str::to_owned)
    };
    let matching = || {
        mirrors
            .iter()
            .filter_map(|rule| Some((rule, rest_of(rule)?)))
    };
    let longest = matching().map(|(rule, _)| rule.source.len()).max();
    matching()
        .filter(|(rule, _)| Some(rule.source.len()) == longest)
        .flat_map(|(rule, rest)| rule.mirrors.iter().map(move |m| format!("{m}{rest}")))
        .chain([name.to_owned()])
        .filter_map(|name| place(&name))
        .collect()
}

fn place(name: &str) -> Option<Place> {
    let (registry, repository) = name.split_once('/')?;
    Some(Place {
        registry: registry.to_owned(),
        repository: repository.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_source_wins_and_the_real_registry_comes_last() {
        let rule = |source: &str, mirror: &str| Mirror {
            source: source.into(),
            mirrors: vec![mirror.into()],
        };
        let rules = [
            rule("quay.io", "a.lan"),
            rule("quay.io/ns", "127.0.0.1:5000/x"),
            rule("quay.io/n", "wrong.lan"),
        ];
        let shown = |name: &str| {
            places(name, &rules)
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            shown("quay.io/ns/repo"),
            ["127.0.0.1:5000/x/repo", "quay.io/ns/repo"]
        );
        assert_eq!(
            shown("quay.io/other/repo"),
            ["a.lan/other/repo", "quay.io/other/repo"]
        );
        assert_eq!(shown("docker.io/a/b"), ["docker.io/a/b"]);
    }

    #[test]
    fn rules_for_one_source_are_all_tried_in_their_order() {
        let rule = |mirror: &str| Mirror {
            source: "quay.io".into(),
            mirrors: vec![mirror.into()],
        };
        let found = places("quay.io/a", &[rule("b.lan"), rule("a.lan")]);
        let shown: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["b.lan/a", "a.lan/a", "quay.io/a"]);
    }

    #[test]
    fn docker_hub_answers_under_another_name() {
        let host = |name: &str| place(name).unwrap().host().to_owned();
        assert_eq!(host("docker.io/library/busybox"), "registry-1.docker.io");
        assert_eq!(host("quay.io/a/b"), "quay.io");
    }

    #[test]
    fn loopback_is_known_in_all_its_forms() {
        let loopback = |registry: &str| {
            Place {
                registry: registry.into(),
                repository: "a".into(),
            }
            .is_loopback()
        };
        assert!(
            loopback("localhost")
                && loopback("127.0.0.1:5000")
                && loopback("127.8.8.8")
                && loopback("[::1]:5000")
        );
        assert!(
            !loopback("quay.io")
                && !loopback("10.0.0.1:5000")
                && !loopback("localhost.example.com")
        );
    }
}
