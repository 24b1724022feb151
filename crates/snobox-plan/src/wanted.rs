//! What a site needs before anything is pinned: names and references, from the site and from documents of its release.

use snobox_formats::digest::Digest;
use snobox_formats::reference::ImageRef;

use crate::lock::Role;
use crate::release::ReleaseImages;
use crate::site::Site;

/// One image that is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name in the lock: component name, `release`, or a reference.
    pub name: String,
    /// What it is there for.
    pub role: Role,
    /// The name to fetch and to serve it by.
    pub reference: ImageRef,
}

/// Everything that `site` needs of `release` and besides, in the order of the lock: the payload image, components by name, additional images in
/// the site's order.
pub fn wanted(site: &Site, release: &ReleaseImages) -> Vec<Wanted> {
    let payload = Wanted {
        name: "release".to_owned(),
        role: Role::Release,
        reference: site.release.payload(),
    };
    let components = release.components.iter().map(|(name, reference)| Wanted {
        name: name.clone(),
        role: Role::Component,
        reference: reference.clone(),
    });
    let mut components: Vec<_> = components.collect();
    components.sort_by(|a, b| a.name.cmp(&b.name));
    let additional = site.additional.iter().map(|reference| Wanted {
        name: reference.to_string(),
        role: Role::Additional,
        reference: reference.clone(),
    });
    std::iter::once(payload)
        .chain(components)
        .chain(additional)
        .collect()
}

/// Where the sigstore signatures of an image are, if it has any: in its own repository, one for its manifest or index, and for an index one for the child
/// that is kept. Clusters whose ClusterImagePolicy asks for them look nowhere else.
///
/// Source of truth: cosign's signature specification, "Storage", tag-based discovery.
pub fn signatures_of(
    reference: &ImageRef,
    digests: impl IntoIterator<Item = Digest>,
) -> Vec<Wanted> {
    let at = |digest: Digest| {
        let text = format!("{}:sha256-{}.sig", reference.name(), digest.hex());
        // A repository with a tag of letters, digits, a dash and a dot.
        let reference: ImageRef = text
            .parse()
            .unwrap_or_else(|_| unreachable!("{text} is a reference"));
        Wanted {
            name: text,
            role: Role::Signature,
            reference,
        }
    };
    digests.into_iter().map(at).collect()
}

/// The digest of what the image at `reference` is a signature of, as [`signatures_of`] names them.
pub fn signed_by(reference: &ImageRef) -> Option<Digest> {
    let tag = reference.tag()?;
    let hex = tag.strip_prefix("sha256-")?.strip_suffix(".sig")?;
    format!("sha256:{hex}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_looked_for_where_cosign_puts_it() {
        let reference: ImageRef = "quay.io/a/b:1".parse().unwrap();
        // By `cosign triangulate quay.io/a/b@sha256:e3b0…`, as its documentation shows it.
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let found = signatures_of(&reference, [format!("sha256:{hex}").parse().unwrap()]);
        let expected = format!("quay.io/a/b:sha256-{hex}.sig");
        assert_eq!(found[0].reference.to_string(), expected);
        let signed = signed_by(&found[0].reference).map(|digest| digest.to_string());
        assert_eq!(signed, Some(format!("sha256:{hex}")));
        assert_eq!(signed_by(&reference), None);
    }
}
