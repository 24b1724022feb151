//! Which operators and releases somebody asked for: image sets, file-based catalogs, and the release graph.
//!
//! ```text
//! ImageSetConfiguration ──image_set::read──▶ ImageSet ─┐
//! catalog documents ──fbc──▶ catalog::Builder ──▶ Catalog ─┴─select──▶ Selection: bundles, channels, images, notes
//! Cincinnati graph ──graph::Graph──▶ releases::resolve ──▶ payloads
//! ```
//!
//! Pure: no disk, network, clock or environment. Callers hand in readers and texts. What is decided where the rules of others leave a
//! choice is written down in `docs/image-sets.md`.

pub mod catalog;
pub mod catalog_image;
pub mod channel;
pub mod fbc;
pub mod graph;
pub mod image_set;
pub mod promised;
pub mod range;
pub mod releases;
mod requirement;
pub mod select;
