//! OCI distribution, both sides: the client that mirrors into a store and pushes out of one, and the read-only server that serves one.
//!
//! Each side is a feature, so that a program that only serves links no TLS.
//!
//! Source of truth: OCI distribution specification 1.1; for tokens, distribution's `docs/spec/auth/token.md`.

#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "client")]
pub mod pull;
#[cfg(feature = "client")]
pub mod push;
#[cfg(feature = "server")]
pub mod server;
