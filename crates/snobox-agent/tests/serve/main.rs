//! `snobox-agent serve` as a unit of the node starts it, asked by the real clients.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test code; a skip must be seen"
)]

#[path = "../../../snobox-registry/tests/server/http.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod http;
#[path = "../../../snobox-registry/tests/oracle/mod.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod oracle;
#[path = "../../../snobox-store/tests/shared_layout/mod.rs"]
mod shared_layout;

mod agent;
mod damage;
mod life;
mod memory;
mod pull;
mod refused;
