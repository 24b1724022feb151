//! What people call the images that a blob belongs to: a component's name rather than the digest that it is asked for by.

use std::collections::BTreeMap;

use snobox_formats::digest::Digest;
use snobox_formats::reference::ImageRef;
use snobox_registry::pull::Pinned;

/// Names of images by their references, as the lock has them. An image that is not among them is called after its reference.
pub type ImageNames = BTreeMap<ImageRef, String>;

/// The first image that has it, of each blob of `pinned`.
pub fn owners(pinned: &[Pinned], names: &ImageNames) -> BTreeMap<Digest, String> {
    let mut owners = BTreeMap::new();
    for image in pinned {
        for blob in &image.blobs {
            owners.entry(blob.digest).or_insert_with(|| {
                let name = names.get(&image.reference).cloned();
                name.unwrap_or_else(|| short(&image.reference))
            });
        }
    }
    owners
}

/// The last word of the repository, with the tag or the beginning of the digest: `ocp-release:4.13.1-x86_64`, `agent@sha256:0123456789ab`.
fn short(reference: &ImageRef) -> String {
    let repository = reference.repository();
    let last = repository.rsplit('/').next().unwrap_or(repository);
    match (reference.tag(), reference.digest()) {
        (Some(tag), _) => format!("{last}:{tag}"),
        (None, Some(digest)) => format!("{last}@sha256:{}", digest.short()),
        (None, None) => last.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_shortened_to_what_tells_them_apart() {
        let hex = "0123456789abcdef".repeat(4);
        let called = |text: &str| short(&text.parse().unwrap());
        let by_tag = called("quay.io/openshift-release-dev/ocp-release:4.13.1-x86_64");
        assert_eq!(by_tag, "ocp-release:4.13.1-x86_64");
        let by_digest = called(&format!("quay.io/team/agent@sha256:{hex}"));
        assert_eq!(by_digest, "agent@sha256:0123456789ab");
    }
}
