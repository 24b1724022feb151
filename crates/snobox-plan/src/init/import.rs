//! An `install-config.yaml` for bootstrap in place → what it says about a site.
//!
//! Source of truth: the installer's `types.InstallConfig` (v1) and its validation for bootstrap in place. Fields without a place in `site.yaml`
//! are left alone; those that change the cluster are named. The document holds secrets: no problem quotes them, or a key.

use std::fmt;

use snobox_formats::pull_secret::PullSecret;
use snobox_formats::ssh_key::is_public_key;

use crate::ask::{Field, Fields};
use crate::problem::Problem;
use crate::yaml::{self, Node, Value, YamlError};

/// What was found. What is absent in the install-config is absent here.
#[derive(Clone, Default)]
pub struct Imported {
    /// `metadata.name`.
    pub name: Option<String>,
    /// `baseDomain`.
    pub base_domain: Option<String>,
    /// `controlPlane.architecture`, in the words of `site.yaml`.
    pub architecture: Option<String>,
    /// `bootstrapInPlace.installationDisk`: the device, without options of coreos-installer.
    pub disk: Option<String>,
    /// `pullSecret`.
    pub pull_secret: Option<PullSecret>,
    /// `sshKey`.
    pub ssh_key: Option<String>,
    /// Fields that change the cluster and that `site.yaml` has no place for.
    pub left_out: Vec<&'static str>,
}

impl fmt::Debug for Imported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Imported")
            .field("name", &self.name)
            .field("base_domain", &self.base_domain)
            .field("architecture", &self.architecture)
            .field("disk", &self.disk)
            .field("pull_secret", &self.pull_secret)
            .field("ssh_key", &self.ssh_key.as_ref().map(|_| "[redacted]"))
            .field("left_out", &self.left_out)
            .finish()
    }
}

/// Fields that are not carried over.
const LEFT_OUT: [&str; 11] = [
    "additionalTrustBundle",
    "capabilities",
    "cpuPartitioningMode",
    "credentialsMode",
    "featureGates",
    "featureSet",
    "fips",
    "imageContentSources",
    "imageDigestSources",
    "proxy",
    "publish",
];

/// Reads the text of an `install-config.yaml`.
///
/// # Errors
/// All reasons why it does not describe a single node with bootstrap in place, in the order of the file. None quotes a secret.
pub fn from_install_config(text: &str) -> Result<Imported, Vec<Problem>> {
    // The key that is named twice could be a piece of a secret that lost its quotes.
    let without_key = |error: YamlError| YamlError { key: None, ..error };
    let root = yaml::parse(text).map_err(|error| vec![without_key(error).into()])?;
    let mut problems = Vec::new();
    let imported = import(&root, &mut problems);
    problems.sort_by_key(|problem| problem.at);
    match imported {
        Some(imported) if problems.is_empty() => Ok(imported),
        _ => Err(problems),
    }
}

fn import(root: &yaml::Node, problems: &mut Vec<Problem>) -> Option<Imported> {
    let document = Field {
        node: root,
        path: String::new(),
    };
    let root = open(&document, problems, "an install-config.yaml")?;
    if let Some(version) = root.optional("apiVersion") {
        expect(&version, problems, "v1", |text| text == "v1");
    }
    platform(&root, problems);
    let mut imported = Imported {
        base_domain: root
            .optional("baseDomain")
            .and_then(|f| text(&f, problems, "a DNS name")),
        pull_secret: pull_secret(&root, problems),
        ssh_key: ssh_key(&root, problems),
        left_out: LEFT_OUT
            .into_iter()
            .filter(|key| root.optional(key).is_some())
            .chain(
                root.optional("networking")
                    .map_or_else(Vec::new, |f| other_networks(f.node)),
            )
            .collect(),
        ..Imported::default()
    };
    if let Some(metadata) = root.optional("metadata")
        && let Some(fields) = open(&metadata, problems, "a mapping with name")
        && let Some(name) = fields.optional("name")
    {
        imported.name = text(&name, problems, "a DNS label");
    }
    let allowed = "a mapping with installationDisk: only a single node with bootstrap in place can be taken over";
    if let Some(in_place) = root.required(problems, "bootstrapInPlace", allowed)
        && let Some(fields) = open(&in_place, problems, allowed)
        && let Some(disk) =
            fields.required(problems, "installationDisk", "a device such as /dev/sda")
    {
        imported.disk = device(&disk, problems);
    }
    imported.architecture = machines(&root, problems);
    Some(imported)
}

/// The control plane's architecture, after a look at the number of machines.
fn machines(root: &Fields<'_>, problems: &mut Vec<Problem>) -> Option<String> {
    if let Some(compute) = root.optional("compute") {
        for pool in compute.items(problems, "a list of machine pools") {
            let Some(fields) = open(&pool, problems, "a machine pool") else {
                continue;
            };
            if let Some(replicas) = fields.optional("replicas") {
                expect(&replicas, problems, "0: the node is the only one", |text| {
                    text == "0"
                });
            }
        }
    }
    let pool = root.optional("controlPlane")?;
    let fields = open(&pool, problems, "a machine pool")?;
    if let Some(replicas) = fields.optional("replicas") {
        expect(&replicas, problems, "1: the node is the only one", |text| {
            text == "1"
        });
    }
    let words = [("amd64", "x86_64"), ("arm64", "aarch64")];
    let architecture = fields.optional("architecture")?;
    let known = |text: &str| words.iter().find(|(word, _)| *word == text);
    let found = architecture.node.text().and_then(known);
    if found.is_none() {
        architecture.refuse_unseen(problems, "amd64, arm64");
    }
    found.map(|(_, word)| (*word).to_owned())
}

fn platform(root: &Fields<'_>, problems: &mut Vec<Problem>) {
    let allowed = "none: {}";
    let Some(platform) = root.required(problems, "platform", allowed) else {
        return;
    };
    match &platform.node.value {
        Value::Mapping(entries) if matches!(&entries[..], [only] if only.key == "none") => {}
        _ => platform.refuse_unseen(problems, allowed),
    }
}

/// The device among the words that the installer hands to coreos-installer.
fn device(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<String> {
    let mut words = field.node.text().unwrap_or_default().split_whitespace();
    let device = words.rfind(|word| word.starts_with("/dev/"));
    if device.is_none() {
        field.refuse_unseen(problems, "a device such as /dev/sda");
    }
    device.map(str::to_owned)
}

fn pull_secret(root: &Fields<'_>, problems: &mut Vec<Problem>) -> Option<PullSecret> {
    let field = root.optional("pullSecret")?;
    let allowed = "the pull secret as one text in single quotes: '{\"auths\": …}'";
    let given = text(&field, problems, allowed).filter(|text| !text.is_empty())?;
    let secret = PullSecret::parse(&given).ok();
    if secret.is_none() {
        field.refuse_unseen(problems, allowed);
    }
    secret
}

fn ssh_key(root: &Fields<'_>, problems: &mut Vec<Problem>) -> Option<String> {
    let field = root.optional("sshKey")?;
    let allowed = "one public key such as ssh-ed25519 AAAA… name";
    let given = text(&field, problems, allowed)?;
    let mut keys = given.lines().map(str::trim).filter(|line| !line.is_empty());
    let key = keys.next()?;
    // A site names one key: another one would be lost.
    if !is_public_key(key) || keys.next().is_some() {
        field.refuse_unseen(problems, allowed);
        return None;
    }
    Some(key.to_owned())
}

/// A text of any content.
fn text(field: &Field<'_>, problems: &mut Vec<Problem>, allowed: &str) -> Option<String> {
    let text = field.node.text().map(str::to_owned);
    if text.is_none() {
        field.refuse_unseen(problems, allowed);
    }
    text
}

fn expect(
    field: &Field<'_>,
    problems: &mut Vec<Problem>,
    allowed: &str,
    is_it: impl Fn(&str) -> bool,
) {
    if !field.node.text().is_some_and(is_it) {
        field.refuse_unseen(problems, allowed);
    }
}

/// A mapping with any keys.
fn open<'a>(field: &Field<'a>, problems: &mut Vec<Problem>, allowed: &str) -> Option<Fields<'a>> {
    let fields = field.any_fields();
    if fields.is_none() {
        field.refuse_unseen(problems, allowed);
    }
    fields
}

/// The parts of `networking` that are not what a site always gets.
fn other_networks(networking: &Node) -> Vec<&'static str> {
    let first = |key: &str| match networking.get(key).map(|node| &node.value) {
        Some(Value::Sequence(items)) if items.len() == 1 => items.first(),
        _ => None,
    };
    let pods = first("clusterNetwork").and_then(|n| n.get("cidr")?.text());
    let services = first("serviceNetwork").and_then(Node::text);
    let kind = networking.get("networkType").and_then(Node::text);
    let differs = [
        (
            "networking.clusterNetwork",
            "clusterNetwork",
            pods == Some("10.128.0.0/14"),
        ),
        (
            "networking.serviceNetwork",
            "serviceNetwork",
            services == Some("172.30.0.0/16"),
        ),
        (
            "networking.networkType",
            "networkType",
            kind == Some("OVNKubernetes"),
        ),
    ];
    let given = |key: &str| networking.get(key).is_some_and(|node| !node.is_null());
    differs
        .into_iter()
        .filter(|(_, key, same)| given(key) && !same)
        .map(|(name, ..)| name)
        .collect()
}
