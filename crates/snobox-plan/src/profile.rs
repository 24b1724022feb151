//! `images.profile` and `images.exclude`: which images of a site are left out, each with its reason.
//!
//! * `all` keeps everything.
//! * `bare-metal-sno` leaves out components that a single node on `platform: none` never starts, by name ([`RULES`]), unless a workload among the release's
//!   own manifests runs them ([`crate::payload`]) or something else that the site asks for is the same image.
//! * A pattern of `exclude` leaves out what it matches anywhere in the image's reference, or in the name and tag that mirrors give it: the meaning of
//!   factory-precaching's `--filter`. It also goes for images that the site names itself.
//!
//! What the boots or the making of the image need ([`crate::boots`]) is never left out: a pattern that would is an error.

use std::collections::BTreeSet;

use regex_lite::Regex;
use snobox_formats::digest::Digest;
use snobox_formats::reference::ImageRef;

use crate::boots;
use crate::lock::{LeftOut, Role};
use crate::wanted::Wanted;

/// What to keep of a release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Every component.
    #[default]
    All,
    /// What a single node on bare metal, `platform: none`, can start.
    BareMetalSno,
}

impl Profile {
    /// Its word in `site.yaml`.
    pub fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::BareMetalSno => "bare-metal-sno",
        }
    }
}

/// A regular expression of `images.exclude`: RE2's syntax, matched anywhere, case-sensitive.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl Pattern {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it, in the words of the regular expression engine.
    pub fn parse(text: &str) -> Result<Self, String> {
        Regex::new(text).map(Self).map_err(|e| e.to_string())
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Pattern {}

/// How a rule of [`RULES`] knows a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// One of the words between the dashes of its name.
    Word(&'static str),
    /// Its whole name.
    Whole(&'static str),
    /// The beginning of its name.
    Prefix(&'static str),
}

impl Named {
    fn is(self, name: &str) -> bool {
        match self {
            Self::Word(word) => name.split('-').any(|part| part == word),
            Self::Whole(whole) => name == whole,
            Self::Prefix(prefix) => name.starts_with(prefix),
        }
    }
}

/// What `bare-metal-sno` leaves out, and why.
///
/// Words are those by which operators choose what to start for a platform (cluster-storage-operator `pkg/operator/csidriveroperator`,
/// cluster-cloud-controller-manager-operator `pkg/cloud`, machine-api-operator `pkg/operator/config.go`, cloud-credential-operator `pkg/operator/podidentity`,
/// cluster-network-operator `pkg/network/cloud_network.go`). Not here, because a single node can start them: ironic and its images (a hub's
/// Provisioning), extensions of the operating system, the driver toolkit, technology previews.
pub const RULES: [(Named, &str); 22] = {
    use Named::{Prefix, Whole, Word};
    [
        (Word("alibaba"), "started on Alibaba Cloud only"),
        (Word("aws"), "started on AWS only"),
        (Word("azure"), "started on Azure only"),
        (Word("gcp"), "started on Google Cloud only"),
        (Word("ibm"), "started on IBM Cloud only"),
        (Word("ibmcloud"), "started on IBM Cloud only"),
        (Word("powervs"), "started on IBM Power Virtual Server only"),
        (Word("nutanix"), "started on Nutanix only"),
        (Word("openstack"), "started on OpenStack only"),
        (Word("manila"), "started on OpenStack only"),
        (Word("kuryr"), "started on OpenStack only"),
        (Word("ovirt"), "started on oVirt only"),
        (Word("vsphere"), "started on vSphere only"),
        (
            Word("kubevirt"),
            "started for clusters inside of KubeVirt only",
        ),
        (
            Word("libvirt"),
            "started on the developers' libvirt platform only",
        ),
        (
            Whole("cloud-network-config-controller"),
            "started on AWS, Azure, Google Cloud and OpenStack only",
        ),
        (
            Whole("baremetal-machine-controllers"),
            "started on the platform baremetal only, and this node's is none",
        ),
        (
            Whole("ovn-kubernetes-microshift"),
            "part of MicroShift only",
        ),
        (Whole("hypershift"), "part of hosted control planes only"),
        (
            Whole("apiserver-network-proxy"),
            "part of hosted control planes only",
        ),
        (
            Prefix("agent-installer-"),
            "started in the live system of the agent-based installer only",
        ),
        (
            Whole("tests"),
            "the end-to-end tests of the release: nothing in a cluster starts them",
        ),
    ]
};

/// A release, as far as names that mirrors give to its images depend on it.
#[derive(Clone, Copy, Debug)]
pub struct ReleaseName<'a> {
    /// Its version.
    pub version: &'a str,
    /// Architecture in the words of `uname -m`.
    pub machine: &'a str,
}

/// What to leave out.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// `images.profile`.
    pub profile: Profile,
    /// `images.exclude`.
    pub exclude: &'a [Pattern],
}

/// What stays and what goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Images that stay, in their order.
    pub wanted: Vec<Wanted>,
    /// Images that go, in their order.
    pub left_out: Vec<LeftOut>,
}

/// A pattern that would leave out what the installation cannot do without.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "images.exclude: {pattern:?} would leave out {name} ({reference}), which {needed_by} needs"
)]
pub struct ExcludeError {
    /// The pattern.
    pub pattern: String,
    /// Name of the image.
    pub name: String,
    /// Its reference.
    pub reference: String,
    /// Who needs it.
    pub needed_by: String,
}

/// Leaves out what `rules` say. `running` are the images that the release's own manifests run, by digest.
///
/// # Errors
/// [`ExcludeError`].
pub fn choose(
    wanted: Vec<Wanted>,
    rules: Rules<'_>,
    release: ReleaseName<'_>,
    running: &BTreeSet<Digest>,
) -> Result<Chosen, ExcludeError> {
    let others: BTreeSet<Digest> = wanted
        .iter()
        .filter(|wanted| wanted.role != Role::Component)
        .filter_map(|wanted| wanted.reference.digest())
        .collect();
    let mut chosen = Chosen {
        wanted: Vec::with_capacity(wanted.len()),
        left_out: Vec::new(),
    };
    for image in wanted {
        let reason = match excluded(&image, rules.exclude, release)? {
            Some(pattern) => Some(format!("images.exclude: {:?}", pattern.as_str())),
            None => {
                let digest = image.reference.digest();
                let is_used = digest.is_some_and(|d| running.contains(&d) || others.contains(&d));
                let rule = never_started(&image, rules.profile).filter(|_| !is_used);
                rule.map(|why| format!("images.profile {}: {why}", rules.profile.word()))
            }
        };
        match reason {
            None => chosen.wanted.push(image),
            Some(reason) => chosen.left_out.push(LeftOut {
                name: image.name,
                role: image.role,
                reference: image.reference,
                reason,
            }),
        }
    }
    Ok(chosen)
}

fn excluded<'a>(
    image: &Wanted,
    patterns: &'a [Pattern],
    release: ReleaseName<'_>,
) -> Result<Option<&'a Pattern>, ExcludeError> {
    if patterns.is_empty() {
        return Ok(None);
    }
    let names = [image.reference.to_string(), mapped_name(image, release)];
    let matches = |pattern: &&Pattern| names.iter().any(|name| pattern.matches(name));
    let Some(pattern) = patterns.iter().find(matches) else {
        return Ok(None);
    };
    match protection(image) {
        None => Ok(Some(pattern)),
        Some(needed_by) => Err(ExcludeError {
            pattern: pattern.as_str().to_owned(),
            name: image.name.clone(),
            reference: image.reference.to_string(),
            needed_by,
        }),
    }
}

/// The pattern that leaves out an image of operators.
pub fn excludes<'a>(patterns: &'a [Pattern], image: &ImageRef) -> Option<&'a Pattern> {
    let wanted = Wanted {
        name: String::new(),
        role: Role::Operator,
        reference: image.clone(),
    };
    // Names of operators' images do not depend on the release, and nothing protects them.
    let release = ReleaseName {
        version: "",
        machine: "",
    };
    excluded(&wanted, patterns, release).ok().flatten()
}

/// Who cannot do without an image before the cluster runs.
fn protection(image: &Wanted) -> Option<String> {
    match image.role {
        Role::Release => Some("every boot".to_owned()),
        Role::Component => {
            let needs = boots::needed_by(&image.name);
            (!needs.is_empty()).then(|| needs.join(" and "))
        }
        _ => None,
    }
}

fn never_started(image: &Wanted, profile: Profile) -> Option<&'static str> {
    if profile == Profile::All || image.role != Role::Component || protection(image).is_some() {
        return None;
    }
    let rule = RULES.iter().find(|(named, _)| named.is(&image.name));
    rule.map(|(_, why)| *why)
}

/// The repository and tag that `oc-mirror` and factory-precaching give to an image: `openshift/release:4.13.1-x86_64-etcd`.
pub fn mapped_name(image: &Wanted, release: ReleaseName<'_>) -> String {
    let ReleaseName { version, machine } = release;
    match image.role {
        Role::Release => format!("openshift/release-images:{version}-{machine}"),
        Role::Component => format!("openshift/release:{version}-{machine}-{}", image.name),
        _ => {
            let reference = &image.reference;
            let tag = match (reference.tag(), reference.digest()) {
                (Some(tag), _) => tag.to_owned(),
                (None, Some(digest)) => digest.hex().chars().take(8).collect(),
                (None, None) => "latest".to_owned(),
            };
            format!("{}:{tag}", reference.repository())
        }
    }
}
