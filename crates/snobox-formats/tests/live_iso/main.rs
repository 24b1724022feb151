//! Real CoreOS live ISO images, and the real coreos-installer as the judge of what is read from and written to them.
//!
//! The images are those of `$SNOBOX_SAMPLES/live-iso` (`*.iso.xz`, the fixtures of coreos-installer); the program is
//! `$SNOBOX_COREOS_INSTALLER`, or `coreos-installer` of `$PATH`. Without them the tests say `SKIPPED`, and fail if `CI`
//! is set.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod ignition;
mod images;
mod initrd;
mod kargs;
mod oracle;
mod stick;
