//! The practice release: everything snobox needs from outside, in miniature, so that the whole way from `site.yaml` to a
//! stick can be walked offline in a minute and tested without a network.
//!
//! Not for production data: nothing here is signed, and nothing here boots. Formats are the real ones, sizes and contents
//! are stand-ins. The release, the ISO and the catalog are deterministic (same code, same bytes); what the installer
//! stand-in writes is not, because it makes fresh keys as the real one does.

pub mod fault_registry;
pub mod installer;
pub mod live_iso;
pub mod practice;

mod digest;
mod random;
