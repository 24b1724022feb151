//! Reads `install-config.yaml` and refuses what a single node with bootstrap in place cannot be made of.
//!
//! All problems are reported at once. Source: openshift/installer `pkg/types/installconfig.go` and
//! `pkg/types/validation/installconfig.go`, 4.12 to 4.20; only what concerns this case is checked.

use super::InstallerError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::net::Ipv4Addr;

/// Where images of `source` are to be had instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mirrors {
    pub(super) source: String,
    pub(super) mirrors: Vec<String>,
}

/// An install config that passed all checks.
#[derive(Clone)]
pub(super) struct InstallConfig {
    document: Value,
    pub(super) name: String,
    pub(super) base_domain: String,
    /// Goes into `install-to-disk.sh` as it is: a device, or options and a device.
    pub(super) installation_disk: String,
    pub(super) pull_secret: String,
    pub(super) ssh_key: Option<String>,
    pub(super) trust_bundle: Option<String>,
    pub(super) digest_mirrors: Vec<Mirrors>,
    /// The same, asked for by the deprecated name `imageContentSources`.
    pub(super) content_sources: Vec<Mirrors>,
}

impl InstallConfig {
    /// Reads and checks the YAML text.
    ///
    /// # Errors
    /// [`InstallerError::InstallConfig`] with all problems.
    pub(super) fn parse(text: &str) -> Result<Self, InstallerError> {
        let document: Value = serde_saphyr::from_str(text).map_err(|error| {
            // Only the first line: those below quote the file, and the pull secret may be next to the mistake.
            let text = error.to_string();
            let problem = text.lines().next().unwrap_or_default();
            let problem = problem.trim_start_matches("error: ").to_owned();
            InstallerError::InstallConfig {
                problems: vec![problem],
            }
        })?;
        let problems = problems(&document);
        if !problems.is_empty() {
            return Err(InstallerError::InstallConfig { problems });
        }
        let text = |pointer| text_at(&document, pointer).map(str::to_owned);
        Ok(Self {
            name: text("/metadata/name").unwrap_or_default(),
            base_domain: text("/baseDomain").unwrap_or_default(),
            installation_disk: text("/bootstrapInPlace/installationDisk").unwrap_or_default(),
            pull_secret: text("/pullSecret").unwrap_or_default(),
            ssh_key: text("/sshKey").map(|key| format!("{}\n", key.trim_end())),
            trust_bundle: text("/additionalTrustBundle"),
            digest_mirrors: mirrors(&document["imageDigestSources"]),
            content_sources: mirrors(&document["imageContentSources"]),
            document,
        })
    }

    /// `<name>.<baseDomain>`
    pub(super) fn cluster_domain(&self) -> String {
        format!("{}.{}", self.name, self.base_domain)
    }

    /// Host name of the API.
    pub(super) fn api_host(&self) -> String {
        format!("api.{}", self.cluster_domain())
    }

    /// Host name of the API from within the cluster.
    pub(super) fn api_internal_host(&self) -> String {
        format!("api-int.{}", self.cluster_domain())
    }

    /// The first address of the service network: where the API is for pods.
    pub(super) fn service_address(&self) -> Option<Ipv4Addr> {
        let networking = self.networking();
        let network: Ipv4Addr = networking["serviceNetwork"][0]
            .as_str()?
            .split('/')
            .next()?
            .parse()
            .ok()?;
        Some(Ipv4Addr::from_bits(u32::from(network) + 1))
    }

    /// `networking` with the installer's defaults.
    pub(super) fn networking(&self) -> Value {
        let mut networking = json!({
            "clusterNetwork": [{ "cidr": "10.128.0.0/14", "hostPrefix": 23 }],
            "machineNetwork": [{ "cidr": "10.0.0.0/16" }],
            "networkType": "OVNKubernetes",
            "serviceNetwork": ["172.30.0.0/16"],
        });
        merge(&mut networking, &self.document["networking"]);
        networking
    }

    /// The whole document with defaults and without the pull secret, as the cluster keeps it.
    pub(super) fn published(&self) -> Value {
        let pool = |name: &str, replicas: u64| {
            json!({
                "architecture": "amd64",
                "hyperthreading": "Enabled",
                "name": name,
                "platform": {},
                "replicas": replicas,
            })
        };
        let mut document = json!({
            "additionalTrustBundlePolicy": "Proxyonly",
            "compute": [pool("worker", 0)],
            "controlPlane": pool("master", 1),
            "publish": "External",
        });
        merge(&mut document, &self.document);
        document["networking"] = self.networking();
        document["pullSecret"] = "".into();
        sorted(document)
    }
}

/// Puts `over` into `base`: mappings key by key, everything else as a whole.
fn merge(base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                merge(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (_, Value::Null) => {}
        (base, over) => *base = over.clone(),
    }
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map
                .into_iter()
                .map(|(key, value)| (key, sorted(value)))
                .collect();
            entries.sort_by(|left, right| left.0.cmp(&right.0));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        scalar => scalar,
    }
}

fn text_at<'a>(document: &'a Value, pointer: &str) -> Option<&'a str> {
    document
        .pointer(pointer)?
        .as_str()
        .filter(|text| !text.is_empty())
}

fn mirrors(list: &Value) -> Vec<Mirrors> {
    let entries = list.as_array().map(Vec::as_slice).unwrap_or_default();
    entries
        .iter()
        .map(|entry| Mirrors {
            source: entry["source"].as_str().unwrap_or_default().to_owned(),
            mirrors: entry["mirrors"]
                .as_array()
                .map(|names| {
                    names
                        .iter()
                        .filter_map(Value::as_str)
                        .map(str::to_owned)
                        .collect()
                })
                .unwrap_or_default(),
        })
        .collect()
}

/// Every reason to refuse `document`, as `path: reason`.
fn problems(document: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let mut refuse = |path: &str, reason: String| problems.push(format!("{path}: {reason}"));
    if !document.is_object() {
        refuse("install-config.yaml", "expected a mapping".to_owned());
        return problems;
    }
    match text_at(document, "/apiVersion") {
        Some("v1") => {}
        found => refuse(
            "apiVersion",
            format!("expected v1, found {}", found.unwrap_or("nothing")),
        ),
    }
    for (path, pointer) in [
        ("metadata.name", "/metadata/name"),
        ("baseDomain", "/baseDomain"),
        (
            "bootstrapInPlace.installationDisk",
            "/bootstrapInPlace/installationDisk",
        ),
    ] {
        if text_at(document, pointer).is_none() {
            refuse(
                path,
                "required for bootstrap in place, found nothing".to_owned(),
            );
        }
    }
    let platforms = document["platform"].as_object();
    if !platforms.is_some_and(|platforms| platforms.len() == 1 && platforms.contains_key("none")) {
        refuse(
            "platform",
            format!("expected none, found {}", document["platform"]),
        );
    }
    let replicas = &document["controlPlane"]["replicas"];
    if replicas.as_u64() != Some(1) {
        refuse(
            "controlPlane.replicas",
            format!("expected 1 for bootstrap in place, found {replicas}"),
        );
    }
    if let Some(reason) = pull_secret_problem(document) {
        refuse("pullSecret", reason);
    }
    if let Some(key) = text_at(document, "/sshKey")
        && !is_ssh_key(key)
    {
        refuse(
            "sshKey",
            "not a public key in the form of authorized_keys".to_owned(),
        );
    }
    if !document["imageDigestSources"].is_null() && !document["imageContentSources"].is_null() {
        refuse(
            "imageContentSources",
            "cannot be used together with imageDigestSources".to_owned(),
        );
    }
    for list in ["imageDigestSources", "imageContentSources"] {
        for (number, mirrors) in mirrors(&document[list]).iter().enumerate() {
            if mirrors.source.is_empty() || mirrors.mirrors.is_empty() {
                refuse(
                    &format!("{list}[{number}]"),
                    "needs a source and at least one mirror".to_owned(),
                );
            }
        }
    }
    problems
}

/// Never quotes the secret.
fn pull_secret_problem(document: &Value) -> Option<String> {
    let Some(text) = text_at(document, "/pullSecret") else {
        return Some("required, found nothing".to_owned());
    };
    let Ok(secret) = serde_json::from_str::<Value>(text) else {
        return Some("not JSON".to_owned());
    };
    match secret["auths"].as_object() {
        Some(auths) if !auths.is_empty() => auths
            .iter()
            .find(|(_, entry)| {
                entry["auth"]
                    .as_str()
                    .is_none_or(|auth| STANDARD.decode(auth).is_err())
            })
            .map(|(registry, _)| format!("auths[{registry:?}] has no base64 auth")),
        _ => Some("has no auths".to_owned()),
    }
}

fn is_ssh_key(text: &str) -> bool {
    let mut words = text.split_whitespace();
    let (Some(kind), Some(blob)) = (words.next(), words.next()) else {
        return false;
    };
    // The blob repeats the kind as a length-prefixed string.
    STANDARD
        .decode(blob)
        .is_ok_and(|blob| blob.get(4..4 + kind.len()) == Some(kind.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_beside_the_secret_is_placed_and_not_quoted() {
        let text = "apiVersion: v1\npullSecret: 'canary'\nplatform: {none: {}\n";
        let Err(error) = InstallConfig::parse(text) else {
            panic!("accepted");
        };
        let message = error.to_string();
        assert!(message.contains("line "), "{message}");
        assert!(!message.contains("canary"), "{message}");
    }

    #[test]
    fn all_problems_come_at_once_and_never_quote_the_secret() {
        let text = "apiVersion: v1\nplatform: {aws: {}}\ncontrolPlane: {replicas: 3}\npullSecret: canary\nsshKey: ssh-rsa x\n";
        let Err(InstallerError::InstallConfig { problems }) = InstallConfig::parse(text) else {
            panic!("accepted");
        };
        let paths: Vec<_> = problems
            .iter()
            .map(|problem| problem.split(':').next().unwrap())
            .collect();
        assert_eq!(
            paths,
            [
                "metadata.name",
                "baseDomain",
                "bootstrapInPlace.installationDisk",
                "platform",
                "controlPlane.replicas",
                "pullSecret",
                "sshKey"
            ]
        );
        assert!(!problems.concat().contains("canary"));
    }
}
