//! What a site needs before anything is pinned: names and references, from the site and from documents of its release.

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
