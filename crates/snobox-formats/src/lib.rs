//! File formats that others define, as types and pure functions.
//!
//! Nothing in this crate touches a disk, a network, a clock or the environment: callers hand in bytes or
//! readers and get values, bytes or *patches* (offset and bytes to write) back.

pub mod cpio;
pub mod digest;
pub mod ext4;
pub mod gpt;
pub mod ignition;
pub mod image_file;
pub mod image_list;
pub mod image_tree;
pub mod iso9660;
pub mod layer;
pub mod layout;
pub mod live_iso;
pub mod mbr;
pub mod oci;
pub mod precaching;
pub mod pull_secret;
pub mod reference;
pub mod ssh_key;
pub mod validity;
pub mod xxh3;
pub mod xz;
