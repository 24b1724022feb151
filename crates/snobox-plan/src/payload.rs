//! Which components the cluster runs by itself: images of the workloads among a release's own manifests (`release-manifests/0000_*`).
//!
//! The Cluster Version Operator applies these manifests. A component that is the image of a container there runs on every cluster; one that is only
//! mentioned (in a variable, a ConfigMap, an ImageStream) runs where an operator decides so. Manifests are left out of account that are not for this
//! kind of cluster: those of other cluster profiles (`include.release.openshift.io/…`) and of feature sets other than the default.
//!
//! In doubt a component runs: a workload that cannot be understood runs everything that it mentions. Source of truth: openshift/cluster-version-operator
//! `docs/dev/operators.md` and openshift/library-go `pkg/manifest/manifest.go`.

use std::collections::BTreeSet;

use snobox_formats::digest::Digest;

use crate::yaml::{self, Node, Value};

/// Folder of the manifests in the payload image, with a slash at its end.
pub const MANIFESTS: &str = "release-manifests/";
/// The cluster profile of every cluster that a customer installs.
const PROFILE: &str = "include.release.openshift.io/self-managed-high-availability";
const PROFILES: &str = "include.release.openshift.io/";
const FEATURE_SET: &str = "release.openshift.io/feature-set";
/// Kinds whose pods run.
const WORKLOADS: [&str; 9] = [
    "Pod",
    "Deployment",
    "DaemonSet",
    "StatefulSet",
    "ReplicaSet",
    "ReplicationController",
    "Job",
    "CronJob",
    "List",
];

/// Images that workloads of these manifests run, by digest. Each text is a file of YAML documents, or of JSON.
pub fn running<'a>(manifests: impl IntoIterator<Item = &'a str>) -> BTreeSet<Digest> {
    let mut images = BTreeSet::new();
    for text in manifests {
        for document in documents(text) {
            if !may_be_workload(document) {
                continue;
            }
            match yaml::parse(document) {
                Ok(node) => workload(&node, &mut images),
                Err(_) => images.extend(mentioned(document)),
            }
        }
    }
    images
}

/// The documents of a file. A line `---` inside a block text would be indented.
fn documents(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let all = rest?;
        let is_end = |at: &usize| {
            let line = all[*at..].lines().next().unwrap_or_default();
            line.trim_end() == "---" || line.starts_with("--- ")
        };
        let starts = all.match_indices('\n').map(|(at, _)| at + 1);
        match starts.into_iter().find(is_end) {
            Some(at) => {
                let (document, next) = all.split_at(at);
                rest = Some(next.split_once('\n').map_or("", |(_, next)| next));
                Some(document)
            }
            None => rest.take(),
        }
    })
    .map(|document| document.strip_prefix("---\n").unwrap_or(document))
}

/// Cheap, because most documents are large and none.
fn may_be_workload(document: &str) -> bool {
    WORKLOADS.iter().any(|kind| {
        document.match_indices(kind).any(|(at, _)| {
            document[..at]
                .trim_end_matches(['"', '\'', ' '])
                .ends_with(':')
        })
    })
}

fn workload(node: &Node, images: &mut BTreeSet<Digest>) {
    let kind = node.get("kind").and_then(Node::text).unwrap_or_default();
    if !WORKLOADS.contains(&kind) || !is_applied(node) {
        return;
    }
    if kind == "List" {
        for item in items(node.get("items")) {
            workload(item, images);
        }
        return;
    }
    let template = match kind {
        "Pod" => node.at_path(&["spec"]),
        "CronJob" => node.at_path(&["spec", "jobTemplate", "spec", "template", "spec"]),
        _ => node.at_path(&["spec", "template", "spec"]),
    };
    for list in ["initContainers", "containers"] {
        for container in items(template.and_then(|spec| spec.get(list))) {
            let image = container.get("image").and_then(Node::text);
            images.extend(image.into_iter().flat_map(mentioned));
        }
    }
}

fn items(node: Option<&Node>) -> &[Node] {
    match node.map(|node| &node.value) {
        Some(Value::Sequence(items)) => items,
        _ => &[],
    }
}

/// Whether the manifest is for this kind of cluster; one that does not say is.
fn is_applied(node: &Node) -> bool {
    let Some(Value::Mapping(annotations)) = node
        .at_path(&["metadata", "annotations"])
        .map(|annotations| &annotations.value)
    else {
        return true;
    };
    let mut profiles = annotations
        .iter()
        .filter(|entry| entry.key.starts_with(PROFILES) && entry.node.text() == Some("true"))
        .peekable();
    let in_profile = profiles.peek().is_none() || profiles.any(|entry| entry.key == PROFILE);
    let in_feature_set = annotations
        .iter()
        .filter(|entry| entry.key == FEATURE_SET)
        .filter_map(|entry| entry.node.text())
        .all(|sets| {
            sets.split(',')
                .any(|set| matches!(set.trim(), "" | "Default"))
        });
    in_profile && in_feature_set
}

/// Every digest in a text.
fn mentioned(text: &str) -> impl Iterator<Item = Digest> {
    text.match_indices("sha256:").filter_map(|(at, prefix)| {
        let digest = text.get(at..at + prefix.len() + 64)?;
        digest.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(letter: char) -> String {
        format!("sha256:{}", letter.to_string().repeat(64))
    }

    fn deployment(name: &str, annotations: &str, image: char, variable: char) -> String {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n  annotations: {annotations}\nspec:\n  template:\n    spec:\n      containers:\n      - name: a\n        image: quay.io/a/b@{}\n        env: [{{ name: X_IMAGE, value: \"quay.io/a/b@{}\" }}]\n",
            digest(image),
            digest(variable)
        )
    }

    fn letters(manifests: &[&str]) -> String {
        let found = running(manifests.iter().copied());
        found
            .iter()
            .map(|digest| digest.hex().chars().next().unwrap())
            .collect()
    }

    #[test]
    fn images_of_containers_run_and_what_is_only_mentioned_does_not() {
        let map = format!(
            "kind: ConfigMap\ndata:\n  images: |\n    kind: Pod\n    image: quay.io/a/b@{}\n",
            digest('c')
        );
        let text = format!(
            "---\n{}---\n{map}--- # last\n{}",
            deployment("x", "{}", 'a', 'b'),
            deployment("y", "{}", 'd', 'e')
        );
        assert_eq!(letters(&[&text]), "ad");
    }

    #[test]
    fn other_profiles_and_feature_sets_do_not_run_here() {
        let of = |annotations: &str| letters(&[&deployment("x", annotations, 'a', 'b')]);
        assert_eq!(
            of("{ include.release.openshift.io/self-managed-high-availability: \"true\" }"),
            "a"
        );
        assert_eq!(
            of("{ include.release.openshift.io/ibm-cloud-managed: \"true\" }"),
            ""
        );
        assert_eq!(
            of("{ release.openshift.io/feature-set: \"TechPreviewNoUpgrade,CustomNoUpgrade\" }"),
            ""
        );
        assert_eq!(
            of("{ release.openshift.io/feature-set: \"Default,TechPreviewNoUpgrade\" }"),
            "a"
        );
        assert_eq!(of("{ capability.openshift.io/name: baremetal }"), "a");
    }

    #[test]
    fn jobs_pods_and_lists_are_workloads_in_yaml_and_json() {
        let pod = |letter| {
            format!(
                r#"{{"containers":[],"initContainers":[{{"image":"quay.io/a/b@{}"}}]}}"#,
                digest(letter)
            )
        };
        let cron = format!(
            r#"{{"kind":"CronJob","spec":{{"jobTemplate":{{"spec":{{"template":{{"spec":{}}}}}}}}}}}"#,
            pod('a')
        );
        let list = format!(
            r#"{{"kind":"List","items":[{{"kind":"Pod","spec":{}}},{{"kind":"Secret"}}]}}"#,
            pod('b')
        );
        assert_eq!(letters(&[&cron, &list]), "ab");
    }

    #[test]
    fn a_workload_that_is_not_understood_runs_all_that_it_mentions() {
        let odd = format!("{}\n  x: !tag y\n", deployment("x", "{}", 'a', 'b'));
        assert_eq!(letters(&[&odd]), "ab");
        let odd = odd.replace("Deployment", "ConfigMap");
        assert_eq!(letters(&[&odd]), "");
    }
}
