//! Bootstrap certificates of real and practice installers, and of generated authorities, judged by openssl.
//!
//! Real ignitions come from `$SNOBOX_SAMPLES`. A missing openssl is a line `SKIPPED: …`, and a failure where `CI` is set.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod found;
mod generated;
mod hostile;
mod ignitions;
mod keys;
mod openssl;
mod pki;
mod refused;
