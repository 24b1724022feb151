//! Where clients of registries look first: the loopback registry, by digest and by tag.
//!
//! * podman, CRI-O, skopeo, `ostree container` and rpm-ostree obey `registries.conf.d` (containers-registries.conf.d(5)). An entry of a drop-in replaces
//!   one of the same prefix in the main file as a whole, and the longest prefix wins: so each repository of the cache gets its own entry, whatever the
//!   installer wrote.
//! * `oc` obeys nothing but digest mirrors that it is given by flag; bootkube hands it the ImageDigestMirrorSet among the installer's manifests.
//! * signatures that are attached as tags are looked for at the mirror when `registries.d` says so for the mirror's name (containers-registries.d(5)).

use std::collections::BTreeSet;

use serde_json::json;
use snobox_formats::ignition::{File, Ignition};
use snobox_formats::reference::{ImageRef, loopback_repository};
use snobox_plan::install_config::DigestMirror;
use snobox_plan::site::Fallback;

use super::{REGISTRY, text};

const REGISTRIES: &str = "/etc/containers/registries.conf.d/50-snobox.conf";
const SIGNATURES: &str = "/etc/containers/registries.d/50-snobox.yaml";
const MIRROR_SET: &str = "/opt/openshift/manifests/image-digest-mirror-set.yaml";
/// What the installer writes instead for `imageContentSources`.
const CONTENT_SOURCES: &str = "/opt/openshift/manifests/image-content-source-policy.yaml";

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

/// Whether bootkube will find digest mirrors for `oc`.
pub(super) fn has_mirrors(ignition: &Ignition) -> bool {
    ignition
        .file_paths()
        .any(|path| path == MIRROR_SET || path == CONTENT_SOURCES)
}

/// What the installer writes for `imageDigestSources`, for an ignition that was made without: path and document.
pub(super) fn digest_mirror_set<'a>(
    images: impl Iterator<Item = &'a ImageRef>,
) -> (&'static str, String) {
    let mirrors: Vec<_> = mirrors(images)
        .into_iter()
        .map(|mirror| json!({"mirrors": mirror.mirrors, "source": mirror.source}))
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
}
