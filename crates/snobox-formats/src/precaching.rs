//! The files of a factory-precaching folder: names of artifacts, and which image belongs to which list.
//!
//! ```text
//! ocp-v4.0-art-dev@sha256_<hex>.tgz   tar.gz of a folder of that name: an image as skopeo's `dir:` has it
//! mapping.txt                         registry/repository@sha256:<hex>=repository:tag, one image in a line
//! ai-images.txt                       what discovery and bootstrap need
//! ocp-images.txt                      what the installed node needs; an image may be in both
//! ignored-images.txt                  lines of the mapping that were filtered out
//! ```
//!
//! Source of truth: openshift-kni/telco-ran-tools, `cmd/download.go` and `docs/resources/extract-*.sh` (2023-12).

use crate::reference::ImageRef;

/// Components that the bootstrap needs: `aiImages` of `cmd/download.go`.
const BOOTSTRAP: [&str; 14] = [
    "must-gather",
    "hyperkube",
    "cloud-credential-operator",
    "cluster-policy-controller",
    "pod",
    "cluster-config-operator",
    "cluster-etcd-operator",
    "cluster-kube-controller-manager-operator",
    "cluster-kube-scheduler-operator",
    "machine-config-operator",
    "etcd",
    "cluster-bootstrap",
    "cluster-ingress-operator",
    "cluster-kube-apiserver-operator",
];

/// What an image is to the one who makes the lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// The release payload of this version and architecture: `4.13.1-x86_64`.
    Release(&'a str),
    /// A component of it, by its name.
    Component {
        /// The release: `4.13.1-x86_64`.
        release: &'a str,
        /// The component: `etcd`.
        name: &'a str,
    },
    /// Any other image.
    Other,
}

/// The folder in an image's artifact, and with `.tgz` the artifact: the last part of its reference, with `_` for the first colon.
pub fn artifact(reference: &ImageRef) -> String {
    let text = reference.to_string();
    let last = text.rsplit('/').next().unwrap_or_default();
    last.replacen(':', "_", 1)
}

/// What a mapping has behind the `=`: where an image would be mirrored to, and its tag there.
pub fn target(reference: &ImageRef, part: Part<'_>) -> String {
    match part {
        Part::Release(release) => format!("openshift/release-images:{release}"),
        Part::Component { release, name } => format!("openshift/release:{release}-{name}"),
        Part::Other => {
            // Images by digest alone get eight digits of it, as oc-mirror does.
            let digits = reference.digest().map(|d| d.hex()[..8].to_owned());
            let tag = reference.tag().map(str::to_owned).or(digits);
            let tag = tag.unwrap_or_else(|| "latest".to_owned());
            format!("{}:{tag}", reference.repository())
        }
    }
}

/// Whether an image belongs to `ai-images.txt`.
pub fn is_for_discovery(reference: &ImageRef, part: Part<'_>) -> bool {
    match part {
        Part::Release(_) => true,
        Part::Component { name, .. } => BOOTSTRAP.contains(&name),
        Part::Other => reference
            .repository()
            .contains("multicluster-engine/assisted-installer"),
    }
}

/// Whether an image belongs to `ocp-images.txt`: all but those of the assisted installer that run before the installation.
pub fn is_for_the_node(reference: &ImageRef, part: Part<'_>) -> bool {
    let name = reference.repository();
    part != Part::Other
        || !is_for_discovery(reference, part)
        || name.contains("assisted-installer-reporter")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn reference(text: &str) -> ImageRef {
        text.parse().unwrap()
    }

    #[test]
    fn names_are_those_of_the_tool() {
        let component = reference(&format!(
            "quay.io/openshift-release-dev/ocp-v4.0-art-dev@{DIGEST}"
        ));
        assert_eq!(
            artifact(&component),
            format!("ocp-v4.0-art-dev@sha256_{}", &DIGEST[7..])
        );
        assert_eq!(artifact(&reference("quay.io/a/b:v1.2")), "b_v1.2");
        let (release, name) = ("4.13.1-x86_64", "etcd");
        assert_eq!(
            target(&component, Part::Component { release, name }),
            "openshift/release:4.13.1-x86_64-etcd"
        );
        assert_eq!(
            target(&component, Part::Release(release)),
            "openshift/release-images:4.13.1-x86_64"
        );
        assert_eq!(
            target(&component, Part::Other),
            "openshift-release-dev/ocp-v4.0-art-dev:ba7816bf"
        );
        assert_eq!(target(&reference("quay.io/a/b:v1"), Part::Other), "a/b:v1");
    }

    #[test]
    fn lists_follow_the_rules_of_the_tool() {
        let release = "4.13.1-x86_64";
        let lists = |text: &str, part| {
            let image = reference(text);
            (
                is_for_discovery(&image, part),
                is_for_the_node(&image, part),
            )
        };
        let component = |name| Part::Component { release, name };
        assert_eq!(lists("quay.io/a/b:1", Part::Release(release)), (true, true));
        assert_eq!(lists("quay.io/a/b:1", component("etcd")), (true, true));
        assert_eq!(lists("quay.io/a/b:1", component("console")), (false, true));
        assert_eq!(lists("quay.io/a/b:1", Part::Other), (false, true));
        let assisted = "registry.redhat.io/multicluster-engine/assisted-installer";
        let of = |suffix: &str| lists(&format!("{assisted}{suffix}:v2"), Part::Other);
        assert_eq!(of("-agent-rhel8"), (true, false));
        assert_eq!(of("-reporter-rhel8"), (true, true));
    }
}
