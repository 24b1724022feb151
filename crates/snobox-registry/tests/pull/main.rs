//! The client and the way into a store, against a real registry and against one that misbehaves.

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

mod attached;
mod blob_faults;
mod cancel;
mod distribution;
mod http2;
mod manifest_faults;
mod mirrored;
mod pace;
mod proxy;
mod record;
mod resume;
mod resume_law;
mod retries;
mod tls;
mod tls_front;
mod tokens;
mod workbench;
