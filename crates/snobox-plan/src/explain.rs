//! Why an image is in a lock, or why it is not.

use snobox_formats::reference::ImageRef;

use crate::boots;
use crate::lock::{LeftOut, Lock, LockedImage, Role};

/// An image that somebody asks about, and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Explained<'a> {
    /// The lock has it.
    In(&'a LockedImage),
    /// The lock leaves it out.
    LeftOut(&'a LeftOut),
}

/// Every image of `lock` that `asked` means: by name, by reference, by digest (`sha256:…`), or by repository (`registry/path`, or its end after a
/// slash). Images that are in come first. Empty where the release does not have it and the site does not name it.
pub fn explain<'a>(lock: &'a Lock, asked: &str) -> Vec<Explained<'a>> {
    let images = lock.images.iter().filter(|image| {
        let digests = [Some(image.digest), image.platform_digest];
        is_meant(asked, &image.name, &image.reference)
            || digests.iter().flatten().any(|d| d.to_string() == asked)
            || image.reference.pinned(image.digest).to_string() == asked
    });
    let left_out = lock.left_out.iter();
    let left_out = left_out.filter(|out| is_meant(asked, &out.name, &out.reference));
    images
        .map(Explained::In)
        .chain(left_out.map(Explained::LeftOut))
        .collect()
}

fn is_meant(asked: &str, name: &str, reference: &ImageRef) -> bool {
    let repository = reference.name();
    asked == name
        || asked == reference.to_string()
        || asked == repository
        || repository.ends_with(&format!("/{asked}"))
        || reference.digest().is_some_and(|d| d.to_string() == asked)
}

/// Who asked for an image, in words.
pub fn asked_by(image: &LockedImage, lock: &Lock) -> String {
    match image.role {
        Role::Release => "`release` of the site: it is the release itself".to_owned(),
        Role::Component => format!(
            "release {}: it is one of its components",
            lock.release.version
        ),
        Role::Additional if lock.image_sets.is_empty() => {
            "`images.additional` of the site".to_owned()
        }
        Role::Additional => "`images.additional` or an image set of the site".to_owned(),
        Role::Signature => {
            "the image whose digest is in its tag: it is its sigstore signature".to_owned()
        }
        Role::Operator => format!("image sets of the site: it is an image of {}", image.name),
        Role::Catalog => {
            "image sets of the site: it is the catalog of the chosen operators".to_owned()
        }
    }
}

/// What needs an image before the cluster runs, in words; empty where nothing does.
pub fn needed_by(image: &LockedImage) -> Vec<&'static str> {
    match image.role {
        Role::Release => vec![
            "the making of the image",
            "the first boot",
            "the boots from the disk",
        ],
        Role::Component => boots::needed_by(&image.name),
        _ => Vec::new(),
    }
}
