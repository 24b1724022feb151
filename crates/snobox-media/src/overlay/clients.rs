//! Where clients of registries look first: the loopback registry, by digest and by tag.
//!
//! * podman, CRI-O, skopeo, `ostree container` and rpm-ostree obey `registries.conf.d` (containers-registries.conf.d(5)). An entry of a drop-in replaces
//!   one of the same prefix in the main file as a whole, and the longest prefix wins: so each repository of the cache gets its own entry, whatever the
//!   installer wrote.
//! * `oc` obeys nothing but digest mirrors that it is given by flag; bootkube hands it the ImageDigestMirrorSet among the installer's manifests.
//! * the Machine Config Operator writes the same into the main file out of mirror sets, for whoever looks at the cluster; the drop-in wins over that. It refuses
//!   all of them when two sets have different policies for one source, and up to 4.14 when there is an ImageContentSourcePolicy beside them.
//! * signatures that are attached as tags are looked for at the mirror when `registries.d` says so for the mirror's name (containers-registries.d(5)).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use snobox_formats::ignition::{File, Ignition};
use snobox_formats::reference::{ImageRef, loopback_repository};
use snobox_plan::install_config::{DigestMirror, Manifest};
use snobox_plan::site::Fallback;
use snobox_plan::yaml::{self, Node, Value};

use super::{REGISTRY, text};

const REGISTRIES: &str = "/etc/containers/registries.conf.d/50-snobox.conf";
const SIGNATURES: &str = "/etc/containers/registries.d/50-snobox.yaml";
const MIRROR_SET: &str = "/opt/openshift/manifests/image-digest-mirror-set.yaml";
/// What the installer writes instead for `imageContentSources`.
const CONTENT_SOURCES: &str = "/opt/openshift/manifests/image-content-source-policy.yaml";

const BOOTKUBE: &str = "/usr/local/bin/bootkube.sh";
/// What counts where no policy is given.
const ALLOW: &str = "AllowContactingSource";

/// The digest mirrors of an install-config for a cache with these images, one for each repository.
pub fn mirrors<'a>(images: impl Iterator<Item = &'a ImageRef>) -> Vec<DigestMirror> {
    let repositories: BTreeSet<String> = images.map(ImageRef::name).collect();
    let mirror = |source: String| DigestMirror {
        mirrors: vec![served(&source)],
        source,
    };
    repositories.into_iter().map(mirror).collect()
}

/// Files for every system that runs containers.
pub(super) fn files<'a>(
    images: impl Iterator<Item = &'a ImageRef>,
    fallback: Fallback,
) -> Vec<File> {
    let signatures = format!(
        "# Written by snobox: signatures are kept beside the images.\n\
         docker:\n  {REGISTRY}:\n    use-sigstore-attachments: true\n"
    );
    vec![
        text(REGISTRIES, 0o644, registries(images, fallback)),
        text(SIGNATURES, 0o644, signatures),
    ]
}

fn has(ignition: &Ignition, path: &str) -> bool {
    ignition.file_paths().any(|known| known == path)
}

/// Whether bootkube hands digest mirrors to `oc`, and will find none: an install-config that had them brings them, an ignition of the user's own may not.
/// Releases before 4.14 ask `oc` nothing, and before 4.13 have no such sets.
pub(super) fn lacks_mirrors(ignition: &Ignition) -> bool {
    let bootkube = ignition.file(BOOTKUBE).ok().flatten().unwrap_or_default();
    let name = MIRROR_SET.rsplit('/').next().unwrap_or(MIRROR_SET);
    let is_asked_for = String::from_utf8_lossy(&bootkube).contains(name);
    is_asked_for && !has(ignition, MIRROR_SET) && !has(ignition, CONTENT_SOURCES)
}

fn policy(fallback: Fallback) -> &'static str {
    match fallback {
        Fallback::Upstream => ALLOW,
        Fallback::None => "NeverContactSource",
    }
}

/// An ImageTagMirrorSet for the repositories of images that go by a tag, beside the digest mirrors of the ignition or of [`digest_mirror_set`]. None where
/// the ignition has digest mirrors of the older kind, or none at all.
pub(super) fn tag_mirror_set<'a>(
    tagged: impl Iterator<Item = &'a ImageRef>,
    fallback: Fallback,
    ignition: &Ignition,
) -> Option<Manifest> {
    let has_set = has(ignition, MIRROR_SET) || lacks_mirrors(ignition);
    let policies = policies(ignition);
    let mirror = |mirror: DigestMirror| {
        let given = policies.get(&mirror.source).map(String::as_str);
        let policy = given.unwrap_or_else(|| policy(fallback));
        json!({"mirrors": mirror.mirrors, "source": mirror.source, "mirrorSourcePolicy": policy})
    };
    let mirrors: Vec<_> = mirrors(tagged).into_iter().map(mirror).collect();
    if !has_set || mirrors.is_empty() || has(ignition, CONTENT_SOURCES) {
        return None;
    }
    let document = json!({
        "apiVersion": "config.openshift.io/v1",
        "kind": "ImageTagMirrorSet",
        "metadata": {"name": "snobox"},
        "spec": {"imageTagMirrors": mirrors},
    });
    Some(Manifest {
        name: "99-snobox-imagetagmirrorset.yaml".to_owned(),
        text: format!("{document:#}\n"),
    })
}

/// The policies of the installer's digest mirrors, by source.
fn policies(ignition: &Ignition) -> BTreeMap<String, String> {
    let text = ignition.file(MIRROR_SET).ok().flatten().unwrap_or_default();
    let root = yaml::parse(&String::from_utf8_lossy(&text)).ok();
    let list = root.and_then(|root| root.at_path(&["spec", "imageDigestMirrors"]).cloned());
    let Some(Value::Sequence(items)) = list.map(|node| node.value) else {
        return BTreeMap::new();
    };
    let policy = |item: &Node| {
        let source = item.get("source").and_then(Node::text)?;
        let policy = item.get("mirrorSourcePolicy").and_then(Node::text);
        Some((source.to_owned(), policy.unwrap_or(ALLOW).to_owned()))
    };
    items.iter().filter_map(policy).collect()
}

/// What the installer writes for `imageDigestSources`, for an ignition that was made without: path and document.
pub(super) fn digest_mirror_set<'a>(
    images: impl Iterator<Item = &'a ImageRef>,
    fallback: Fallback,
) -> (&'static str, String) {
    let policy = policy(fallback);
    let mirrors: Vec<_> = mirrors(images)
        .into_iter()
        .map(|mirror| {
            json!({"mirrors": mirror.mirrors, "source": mirror.source, "mirrorSourcePolicy": policy})
        })
        .collect();
    let document = json!({
        "apiVersion": "config.openshift.io/v1",
        "kind": "ImageDigestMirrorSet",
        "metadata": {"name": "snobox"},
        "spec": {"imageDigestMirrors": mirrors},
    });
    (MIRROR_SET, format!("{document:#}\n"))
}

/// With [`Fallback::None`] the loopback registry takes the upstream's place, and so it does for whole registries: what the cache lacks fails at
/// once instead of waiting for a network that never answers.
fn registries<'a>(images: impl Iterator<Item = &'a ImageRef>, fallback: Fallback) -> String {
    let mut prefixes = BTreeSet::new();
    for image in images {
        prefixes.insert(image.name());
        if fallback == Fallback::None {
            prefixes.insert(image.registry().to_owned());
        }
    }
    let mut text = "# Written by snobox: images come from the cache on this machine.\n".to_owned();
    for prefix in prefixes {
        let served = served(&prefix);
        text += &match fallback {
            Fallback::Upstream => format!(
                "\n[[registry]]\nprefix = \"{prefix}\"\nlocation = \"{prefix}\"\nmirror-by-digest-only = false\n\n\
                 [[registry.mirror]]\nlocation = \"{served}\"\ninsecure = true\n"
            ),
            Fallback::None => format!(
                "\n[[registry]]\nprefix = \"{prefix}\"\nlocation = \"{served}\"\ninsecure = true\n"
            ),
        };
    }
    text
}

fn served(name: &str) -> String {
    format!("{REGISTRY}/{}", loopback_repository(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_fallback_no_entry_leads_off_the_machine() {
        let image: ImageRef = "quay.io/a/b:1".parse().unwrap();
        let local: ImageRef = "mirror.lan:5000/c:1".parse().unwrap();
        let text = registries([&image, &local].into_iter(), Fallback::None);
        let locations: Vec<_> = text
            .lines()
            .filter_map(|l| l.strip_prefix("location = "))
            .collect();
        assert_eq!(locations.len(), 4, "{text}");
        assert!(
            locations
                .iter()
                .all(|l| l.starts_with("\"127.0.0.1:22626/")),
            "{text}"
        );
        assert!(
            text.contains("\"127.0.0.1:22626/mirror.lan_5000/c\""),
            "{text}"
        );
        let with_fallback = registries([&image].into_iter(), Fallback::Upstream);
        assert!(
            with_fallback.contains("location = \"quay.io/a/b\""),
            "{with_fallback}"
        );
    }

    #[test]
    fn a_repository_has_one_digest_mirror_however_many_images_it_holds() {
        let images: Vec<ImageRef> = ["quay.io/a/b:1", "quay.io/a/b:2", "r.io:5000/c:1"]
            .map(|image| image.parse().unwrap())
            .into();
        let mirrors = mirrors(images.iter());
        let pairs: Vec<_> = mirrors
            .iter()
            .map(|m| (m.source.as_str(), m.mirrors[0].as_str()))
            .collect();
        assert_eq!(
            pairs,
            [
                ("quay.io/a/b", "127.0.0.1:22626/quay.io/a/b"),
                ("r.io:5000/c", "127.0.0.1:22626/r.io_5000/c"),
            ]
        );
    }

    fn ignition(files: &[(&str, &str)]) -> Ignition {
        let file = |(path, text): &(&str, &str)| {
            let hex = text.bytes().map(|byte| format!("%{byte:02X}"));
            json!({"path": path, "contents": {"source": format!("data:,{}", hex.collect::<String>())}})
        };
        let files: Vec<_> = files.iter().map(file).collect();
        let config = json!({"ignition": {"version": "3.2.0"}, "storage": {"files": files}});
        Ignition::parse(config.to_string().as_bytes()).unwrap()
    }

    /// Source and policy of each entry of the tag set.
    fn tagged(files: &[(&str, &str)], fallback: Fallback) -> Option<Vec<String>> {
        let images: Vec<ImageRef> = ["quay.io/a/b:1", "quay.io/a/b:2", "r.io:5000/c:1"]
            .map(|image| image.parse().unwrap())
            .into();
        let manifest = tag_mirror_set(images.iter(), fallback, &ignition(files))?;
        let set: serde_json::Value = serde_json::from_str(&manifest.text).unwrap();
        let mirrors = set["spec"]["imageTagMirrors"].as_array().unwrap().iter();
        let text = |m: &serde_json::Value| {
            let [source, policy] =
                ["source", "mirrorSourcePolicy"].map(|key| m[key].as_str().unwrap().to_owned());
            format!("{source} {} {policy}", m["mirrors"][0].as_str().unwrap())
        };
        Some(mirrors.map(text).collect())
    }

    const DIGESTS: &str = "spec:\n  imageDigestMirrors:\n  - source: quay.io/a/b\n    mirrors: [m]\n  - source: quay.io\n    mirrors: [m]\n    mirrorSourcePolicy: NeverContactSource\n";
    const ASKS: &str = "if [ -f manifests/image-digest-mirror-set.yaml ]; then";

    #[test]
    fn tags_have_the_policy_of_the_digests_of_the_same_source_and_else_that_of_the_site() {
        let found = |policy: &str, fallback| {
            let digests = DIGESTS.replace(
                "[m]\n  - source: quay.io\n",
                &format!("[m]\n{policy}  - source: quay.io\n"),
            );
            tagged(&[(MIRROR_SET, &digests)], fallback)
                .unwrap()
                .join("\n")
        };
        // Two sets with different policies for one source, and the cluster gets no mirrors at all.
        let never = "    mirrorSourcePolicy: NeverContactSource\n";
        assert_eq!(
            found("", Fallback::None),
            "quay.io/a/b 127.0.0.1:22626/quay.io/a/b AllowContactingSource\nr.io:5000/c 127.0.0.1:22626/r.io_5000/c NeverContactSource"
        );
        assert_eq!(
            found(never, Fallback::Upstream),
            "quay.io/a/b 127.0.0.1:22626/quay.io/a/b NeverContactSource\nr.io:5000/c 127.0.0.1:22626/r.io_5000/c AllowContactingSource"
        );
        // Where both sets are written here, they say what the site says.
        let own = tagged(&[(BOOTKUBE, ASKS)], Fallback::None).unwrap();
        assert!(
            own.iter().all(|line| line.ends_with(" NeverContactSource")),
            "{own:?}"
        );
        let image: ImageRef = "quay.io/a/b:1".parse().unwrap();
        let (_, digests) = digest_mirror_set([&image].into_iter(), Fallback::None);
        assert!(digests.contains("\"NeverContactSource\""), "{digests}");
    }

    #[test]
    fn there_are_no_mirrors_for_tags_where_there_are_none_of_their_kind_for_digests() {
        let policy = (CONTENT_SOURCES, "spec:\n  repositoryDigestMirrors: []\n");
        assert_eq!(tagged(&[], Fallback::Upstream), None);
        assert_eq!(
            tagged(&[(BOOTKUBE, "oc adm release info")], Fallback::Upstream),
            None
        );
        assert_eq!(tagged(&[policy], Fallback::Upstream), None);
        assert_eq!(
            tagged(&[policy, (MIRROR_SET, DIGESTS)], Fallback::Upstream),
            None
        );
        assert_eq!(
            tagged(&[policy, (BOOTKUBE, ASKS)], Fallback::Upstream),
            None
        );
        assert!(!lacks_mirrors(&ignition(&[(
            BOOTKUBE,
            "oc adm release info"
        )])));
        assert!(lacks_mirrors(&ignition(&[(BOOTKUBE, ASKS)])));
        let none: [&ImageRef; 0] = [];
        let all = ignition(&[(MIRROR_SET, DIGESTS)]);
        assert_eq!(
            tag_mirror_set(none.into_iter(), Fallback::Upstream, &all),
            None
        );
    }
}
