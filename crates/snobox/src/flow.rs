//! The stages of the way, each as one call: what the commands share with the demo.

pub mod build;
pub mod catalog;
pub mod graph;
pub mod image_sets;
pub mod iso_file;
pub mod line;
pub mod mirror;
pub mod output;
pub mod plan;
pub mod resolve;
pub mod signatures;
pub mod source;
pub mod verify;
