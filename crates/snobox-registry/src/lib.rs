//! OCI distribution, both sides: the client that mirrors into a store, and the read-only server that serves one.
//!
//! Source of truth: OCI distribution specification 1.1; for tokens, distribution's `docs/spec/auth/token.md`.

pub mod client;
pub mod pull;
pub mod server;
