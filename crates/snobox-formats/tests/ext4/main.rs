//! Planned ext4 images, judged by e2fsck, dumpe2fs, debugfs, the ext4-view crate and the kernel.

#![allow(
    clippy::unwrap_used,
    reason = "clippy.toml allows it in tests; clippy does not see that functions here are tests too"
)]
#![allow(
    unreachable_pub,
    reason = "the modules of a test have no users outside it"
)]

mod image;
mod large;
mod mount;
mod probe;
mod refused;
mod small;
