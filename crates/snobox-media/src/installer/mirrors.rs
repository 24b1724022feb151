//! Digest mirrors among the manifests: what `oc` is told to ask before the registry that a name stands for.
//!
//! Source of truth: openshift/api `config/v1` ImageDigestMirrorSet, `operator/v1alpha1` ImageContentSourcePolicy.

use snobox_plan::yaml::{self, Node, Value};

/// An ImageContentSourcePolicy: what the installer writes for `imageContentSources`.
pub const CONTENT_SOURCE_POLICY: &str = "/opt/openshift/manifests/image-content-source-policy.yaml";
/// An ImageDigestMirrorSet: what it writes for `imageDigestSources`.
pub const DIGEST_MIRROR_SET: &str = "/opt/openshift/manifests/image-digest-mirror-set.yaml";

/// Mirrors of one prefix of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestMirrors {
    /// The prefix: a registry, or a registry and the start of a repository.
    pub source: String,
    /// What is asked in its place, in this order.
    pub mirrors: Vec<String>,
}

impl DigestMirrors {
    /// Whether a repository (`registry/repository`) lies below the prefix.
    pub fn covers(&self, repository: &str) -> bool {
        repository
            .strip_prefix(&self.source)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// Reads either document; the error says what is wrong with it.
pub(super) fn parse(path: &str, text: &str) -> Result<Vec<DigestMirrors>, String> {
    let list = if path == DIGEST_MIRROR_SET {
        "imageDigestMirrors"
    } else {
        "repositoryDigestMirrors"
    };
    let root = yaml::parse(text).map_err(|e| format!("line {}: {e}", e.at.line))?;
    let Some(Value::Sequence(items)) = root.at_path(&["spec", list]).map(|node| &node.value) else {
        return Err(format!("no list spec.{list}"));
    };
    items
        .iter()
        .map(|item| {
            let source = item.get("source").and_then(Node::text);
            let mirrors = match item.get("mirrors").map(|node| &node.value) {
                Some(Value::Sequence(mirrors)) => mirrors.as_slice(),
                _ => &[],
            };
            let mirrors: Option<Vec<_>> = mirrors
                .iter()
                .map(|mirror| mirror.text().map(str::to_owned))
                .collect();
            match (source, mirrors) {
                (Some(source), Some(mirrors)) => Ok(DigestMirrors {
                    source: source.to_owned(),
                    mirrors,
                }),
                _ => Err(format!(
                    "line {}: an entry without source and mirrors",
                    item.at.line
                )),
            }
        })
        .collect()
}
