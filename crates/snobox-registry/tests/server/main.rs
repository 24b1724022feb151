//! The read-only server against real clients, and against the words of the distribution specification.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test code; a skip must be seen"
)]

#[path = "../oracle/mod.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod oracle;
#[path = "../../../snobox-store/tests/shared_layout/mod.rs"]
mod shared_layout;

mod access;
mod damage;
mod http;
mod podman;
mod protocol;
mod registries_conf;
mod served;
mod skopeo;
