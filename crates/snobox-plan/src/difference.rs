//! What changes from one lock to another, image by image.

use std::collections::BTreeMap;

use snobox_formats::digest::Digest;
use snobox_formats::reference::ImageRef;

use crate::lock::Lock;

/// What is the same image in two locks: its role's word and its name.
type Key = (&'static str, String);

/// Images by what became of them, each list by role and name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// In the new lock only.
    pub added: Vec<Entry>,
    /// In the old lock only.
    pub removed: Vec<Entry>,
    /// In both, with another digest.
    pub changed: Vec<Change>,
    /// In both, with the same digest.
    pub unchanged: usize,
}

/// An image of one lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its role, in the lock's word.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Its reference.
    pub reference: ImageRef,
    /// Its digest.
    pub digest: Digest,
    /// Why the new lock leaves it out, where that is on purpose.
    pub left_out: Option<String>,
}

/// An image that both locks have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its role, in the lock's word.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// The digest in the old lock.
    pub from: Digest,
    /// The digest in the new lock.
    pub to: Digest,
}

/// Compares two locks.
pub fn difference(old: &Lock, new: &Lock) -> Difference {
    let (mut before, after) = (entries(old), entries(new));
    let mut difference = Difference::default();
    for (key, entry) in after {
        match before.remove(&key) {
            None => difference.added.push(entry),
            Some(was) if was.digest == entry.digest => difference.unchanged += 1,
            Some(was) => difference.changed.push(Change {
                kind: entry.kind,
                name: entry.name,
                from: was.digest,
                to: entry.digest,
            }),
        }
    }
    let removed = before.into_values().map(|mut entry| {
        let mut left_out = new.left_out.iter();
        let left_out =
            left_out.find(|out| (out.role.word(), &out.name) == (entry.kind, &entry.name));
        entry.left_out = left_out.map(|out| out.reason.clone());
        entry
    });
    difference.removed = removed.collect();
    difference
}

fn entries(lock: &Lock) -> BTreeMap<Key, Entry> {
    let images = lock.images.iter().map(|image| {
        let entry = Entry {
            kind: image.role.word(),
            name: image.name.clone(),
            reference: image.reference.clone(),
            digest: image.digest,
            left_out: None,
        };
        ((entry.kind, entry.name.clone()), entry)
    });
    images.collect()
}
