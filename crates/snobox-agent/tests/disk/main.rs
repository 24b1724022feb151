//! `snobox-agent disk` on loop devices: what sgdisk, sfdisk, e2fsck and coreos-installer say of its work, what it refuses, and what a power cut leaves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod cut;
mod damage;
mod installer;
#[allow(dead_code, reason = "shared with the tests of `guard`")]
mod machine;
mod made;
mod refused;
