//! The formats that an image describes itself with: [`pins`] in its ignition, the [`seal`] behind its cache, the [`sums`] in it.
//!
//! A crate of its own because three parties read them and share nothing else: the laptop that makes an image, the laptop that proves it, and the agent
//! on the node, which knows nothing of `site.yaml`. Pure.

pub mod pins;
pub mod seal;
pub mod sums;
