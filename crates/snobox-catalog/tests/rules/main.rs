//! Rules of choosing, on small catalogs that a hand can judge, on real ones, and as laws.
//!
//! Expected bundles are written by hand, from the descriptions of the rules; numbers and names of the real catalogs come from `jq`. Real inputs are found
//! through `$SNOBOX_SAMPLES`.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod case;
mod constraints;
mod dependencies;
mod documents;
mod image_sets;
mod laws;
mod real;
mod releases;
mod v1;
mod v2;
mod v2_versions;
