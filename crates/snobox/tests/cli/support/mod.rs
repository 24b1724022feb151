//! What every test here stands on: a folder to work in, the program, the demo's result, and other programs.

mod demo;
mod distribution;
mod gpg;
mod layout;
mod program;
mod registry;
mod sandbox;
mod serving;
mod site;
mod tools;
mod tree;

pub(crate) use demo::demo;
pub(crate) use distribution::Distribution;
pub(crate) use gpg::Gpg;
pub(crate) use layout::{ImageLayout, site_of};
pub(crate) use program::{Running, Said, binary};
pub(crate) use registry::PracticeRegistry;
pub(crate) use sandbox::Sandbox;
pub(crate) use serving::Serving;
pub(crate) use site::{SITE, mirrors, set_in};
pub(crate) use tools::{
    Tool, may_mount, sample_catalog, sample_graph, sample_ignitions, sample_iso, sample_isos,
    sample_manual_image_set, skip, tool,
};
pub(crate) use tree::{Tree, copy};
