//! The laws of `snobox-plan`. Expected values are literals: from the design, the manual procedure, or the specification of the format.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod accepted;
mod cost;
mod gpg;
mod import;
mod init;
mod installer;
mod kargs;
mod lock;
mod network;
mod problems;
mod profile;
mod refused;
mod refused_values;
mod signature;
mod texts;
mod yaml;
