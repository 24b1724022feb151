//! `registries.conf.d`: where podman, CRI-O, skopeo and rpm-ostree look first.
//!
//! Source of truth: containers-registries.conf.d(5). An entry of a drop-in replaces one of the same prefix in the main file as a whole, and the
//! longest prefix wins: so each repository of the cache gets its own entry, whatever the installer wrote for shorter ones.

use std::collections::BTreeSet;

use snobox_formats::reference::{ImageRef, loopback_repository};
use snobox_plan::site::Fallback;

use super::REGISTRY;

pub(super) const PATH: &str = "/etc/containers/registries.conf.d/50-snobox.conf";

/// The drop-in for these images.
///
/// With [`Fallback::None`] the loopback registry takes the upstream's place, and so it does for whole registries: what the cache lacks fails at
/// once instead of waiting for a network that never answers.
pub(super) fn conf<'a>(images: impl Iterator<Item = &'a ImageRef>, fallback: Fallback) -> String {
    let mut prefixes = BTreeSet::new();
    for image in images {
        prefixes.insert(image.name());
        if fallback == Fallback::None {
            prefixes.insert(image.registry().to_owned());
        }
    }
    let mut text = "# Written by snobox: images come from the cache on this machine.\n".to_owned();
    for prefix in prefixes {
        let served = format!("{REGISTRY}/{}", loopback_repository(&prefix));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_fallback_no_entry_leads_off_the_machine() {
        let image: ImageRef = "quay.io/a/b:1".parse().unwrap();
        let local: ImageRef = "mirror.lan:5000/c:1".parse().unwrap();
        let text = conf([&image, &local].into_iter(), Fallback::None);
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
        let with_fallback = conf([&image].into_iter(), Fallback::Upstream);
        assert!(
            with_fallback.contains("location = \"quay.io/a/b\""),
            "{with_fallback}"
        );
    }
}
