//! How many bytes a cache takes: in an image file, and on the node's disk.

use snobox_image::seal::seal_bytes;

use crate::cache::CachePlan;

/// The cache starts in an image file at a multiple of this, for the flash memory of sticks.
pub const ALIGNMENT_BYTES: u64 = 4 << 20;
const MIB: u64 = 1 << 20;

/// The cache with its seal.
pub fn sealed_bytes(cache: &CachePlan) -> u64 {
    let fs_bytes = cache.fs.size_bytes();
    fs_bytes + seal_bytes(fs_bytes)
}

/// An image file with this cache behind a live ISO of `iso_bytes`, whose partitions end with it.
pub fn image_bytes(iso_bytes: u64, cache: &CachePlan) -> u64 {
    iso_bytes.next_multiple_of(ALIGNMENT_BYTES) + sealed_bytes(cache)
}

/// The smallest partition on a node's disk that holds this cache, in whole MiB: with room for the installation record.
pub fn partition_bytes(cache: &CachePlan) -> u64 {
    (sealed_bytes(cache) + MIB).next_multiple_of(MIB)
}
