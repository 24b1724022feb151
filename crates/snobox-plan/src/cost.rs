//! What a set of images costs in bytes: each blob once, what sharing saves, what is there already, and what dropping a part of it would save.
//!
//! A blob is anything that a store keeps by digest: manifests, configurations, layers. Sums do not depend on the order of images.

use std::collections::{BTreeMap, BTreeSet};

use snobox_formats::digest::Digest;

/// A blob of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Blob {
    /// Its digest.
    pub digest: Digest,
    /// Its length in bytes.
    pub size_bytes: u64,
}

/// What is kept or dropped together: a component, an additional image, an operator with all its images.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    /// What it is, in the lock's word: `component`, `additional`, …
    pub kind: &'static str,
    /// Its name.
    pub name: String,
}

/// One image as far as its cost is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    /// The parts that need it; one that several need is dropped with none of them alone.
    pub parts: Vec<Part>,
    /// Its blobs, those of one architecture.
    pub blobs: Vec<Blob>,
    /// Whether it is a signature: its bytes are those of the parts that it signs, and it is none of their images.
    pub signs: bool,
}

/// How much of a blob a store has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// Nothing.
    Absent,
    /// So many of its first bytes, from a run that was interrupted.
    Partial(u64),
    /// All of it.
    Whole,
}

/// What a set costs. All numbers count each blob once, unless they say otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Images.
    pub images: u64,
    /// Different blobs.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Blobs counted for every image that has them, and as often as it has them.
    pub references: u64,
    /// Their bytes.
    pub reference_bytes: u64,
    /// Blobs that the store has whole.
    pub present_blobs: u64,
    /// Their bytes.
    pub present_bytes: u64,
    /// Bytes that the store has of blobs which it does not have whole.
    pub partial_bytes: u64,
    /// Every part, the one that saves most first; then the one that costs most alone, then by kind and name.
    pub parts: Vec<PartCost>,
}

/// What a part of a set costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartCost {
    /// Which.
    pub part: Part,
    /// Its images, without their signatures.
    pub images: u64,
    /// Bytes of all its blobs, those of its signatures too, those included that others need too: what it would cost alone.
    pub bytes: u64,
    /// Bytes of the blobs that nothing else needs: what the set would cost less without it.
    pub saves_bytes: u64,
}

impl Cost {
    /// What sharing blobs saves: bytes that would come again if each image came alone.
    pub fn shared_bytes(&self) -> u64 {
        self.reference_bytes - self.bytes
    }

    /// Bytes that are to be fetched.
    pub fn fetch_bytes(&self) -> u64 {
        self.bytes - self.present_bytes - self.partial_bytes
    }

    /// Blobs that are to be fetched, at least in part.
    pub fn fetch_blobs(&self) -> u64 {
        self.blobs - self.present_blobs
    }
}

/// Weighs a set; `held` says what the store has of a blob.
pub fn weigh(set: &[Load], held: &dyn Fn(&Blob) -> Held) -> Cost {
    let mut cost = Cost {
        images: set.len() as u64,
        ..Cost::default()
    };
    // The size that is named first counts: one digest cannot have two.
    let mut blobs: BTreeMap<Digest, (u64, BTreeSet<&Part>)> = BTreeMap::new();
    let mut images: BTreeMap<&Part, u64> = BTreeMap::new();
    for load in set {
        for part in load.parts.iter().collect::<BTreeSet<_>>() {
            *images.entry(part).or_default() += u64::from(!load.signs);
        }
        for blob in &load.blobs {
            let (size, owners) = blobs
                .entry(blob.digest)
                .or_insert_with(|| (blob.size_bytes, BTreeSet::new()));
            owners.extend(&load.parts);
            cost.references += 1;
            cost.reference_bytes += *size;
        }
    }
    let mut of_parts: BTreeMap<&Part, (u64, u64)> = BTreeMap::new();
    for (&digest, (size_bytes, owners)) in &blobs {
        let size_bytes = *size_bytes;
        cost.blobs += 1;
        cost.bytes += size_bytes;
        match held(&Blob { digest, size_bytes }) {
            Held::Absent => {}
            Held::Partial(bytes) => cost.partial_bytes += bytes.min(size_bytes),
            Held::Whole => {
                cost.present_blobs += 1;
                cost.present_bytes += size_bytes;
            }
        }
        for &part in owners {
            let (bytes, saves) = of_parts.entry(part).or_default();
            *bytes += size_bytes;
            if owners.len() == 1 {
                *saves += size_bytes;
            }
        }
    }
    let parts = images.into_iter().map(|(part, images)| {
        let (bytes, saves_bytes) = of_parts.get(part).copied().unwrap_or_default();
        PartCost {
            part: part.clone(),
            images,
            bytes,
            saves_bytes,
        }
    });
    cost.parts = parts.collect();
    cost.parts
        .sort_by(|a, b| (b.saves_bytes, b.bytes, &a.part).cmp(&(a.saves_bytes, a.bytes, &b.part)));
    cost
}

/// Bytes of the blobs of `new` that `old` does not have: what an update fetches.
pub fn added_bytes(old: &[Load], new: &[Load]) -> u64 {
    let had: BTreeSet<Digest> = old
        .iter()
        .flat_map(|load| &load.blobs)
        .map(|blob| blob.digest)
        .collect();
    let mut seen = BTreeSet::new();
    let blobs = new.iter().flat_map(|load| &load.blobs);
    blobs
        .filter(|blob| !had.contains(&blob.digest) && seen.insert(blob.digest))
        .map(|blob| blob.size_bytes)
        .sum()
}

/// Seconds that `bytes` take on a line of so many bits in a second, rounded up. A line of 0 carries nothing in any time.
pub fn seconds(bytes: u64, bits_per_second: u64) -> u64 {
    let bits = u128::from(bytes) * 8;
    let seconds = bits.div_ceil(u128::from(bits_per_second.max(1)));
    u64::try_from(seconds).unwrap_or(u64::MAX)
}
