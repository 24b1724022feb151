//! The disk space that a set of images takes at each stage: store, image file, stick, node.

use std::collections::BTreeSet;

use snobox_formats::layout::Needed;
use snobox_formats::oci::ImageIndex;
use snobox_media::cache;
use snobox_media::room::{image_bytes, partition_bytes};
use snobox_plan::cost::Cost;

use super::{Planned, everything};
use crate::agent::Agent;
use crate::error::{Error, Result};

/// kubelet removes images when its file system is so full: `imageGCHighThresholdPercent`, whose default OpenShift keeps.
pub const GC_PERCENT: u64 = 85;
/// What gzip makes of the file systems of real images, from below: unpacked they take up to this many times the bytes.
pub const UNPACKED_FACTOR: u64 = 3;

/// Bytes at each stage.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// The store, when all is there.
    pub store_bytes: u64,
    /// The image file, and so the smallest stick. About: the live ISO in it is as long as what is packed in the release, and a little more or less.
    pub image_bytes: u64,
    /// The smallest partition on the node's disk that holds the cache. Exact.
    pub partition_bytes: u64,
    /// The partition that the site gives.
    pub partition_given_bytes: u64,
    /// The node's file system of its own in which every image can be unpacked before kubelet starts to remove some. From above.
    pub node_root_bytes: u64,
}

/// Computes it with the layout that `build` will use.
pub fn room(planned: &Planned<'_>, cost: &Cost) -> Result<Room> {
    let mut manifests = Vec::new();
    for entry in planned.pinned.iter().map(|pinned| pinned.index_entry()) {
        if !manifests.contains(&entry) {
            manifests.push(entry);
        }
    }
    let index = ImageIndex {
        manifests,
        ..ImageIndex::empty()
    };
    let index_json =
        serde_json::to_vec(&index).map_err(|e| Error::internal("cannot write the index", &e))?;
    let mut seen = BTreeSet::new();
    let blobs: Vec<Needed> = planned
        .pinned
        .iter()
        .flat_map(everything)
        .filter(|descriptor| seen.insert(descriptor.digest))
        .map(|descriptor| Needed {
            descriptor: descriptor.clone(),
            kind: "blob",
            images: Vec::new(),
        })
        .collect();
    let site = &planned.file.site;
    let layout = cache::plan(&index_json, &blobs, Agent::own(), &site.cache.label)
        .map_err(|e| Error::internal("cannot lay out the cache", &e))?;
    let of_live_iso = cost
        .parts
        .iter()
        .find(|part| part.part.kind == "component" && part.part.name == "machine-os-images");
    let live_iso_bytes = of_live_iso.map_or(0, |part| part.saves_bytes);
    let unpacked = cost.bytes.saturating_mul(UNPACKED_FACTOR);
    Ok(Room {
        store_bytes: cost.bytes,
        image_bytes: image_bytes(live_iso_bytes, &layout),
        partition_bytes: partition_bytes(&layout),
        partition_given_bytes: site.cache.size_bytes,
        node_root_bytes: unpacked.saturating_mul(100) / GC_PERCENT,
    })
}
