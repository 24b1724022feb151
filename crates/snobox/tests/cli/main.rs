//! The program `snobox` from outside: what it prints, leaves and returns, judged by other programs.
//!
//! Nothing here looks into the program: it is started with an empty environment in a folder of its own, may reach loopback only, and its
//! results are read by coreos-installer, skopeo, e2fsck, sfdisk, the kernel and friends. A program that is missing is a line `SKIPPED: …`, and
//! a failure where `CI` is set. Real inputs come from `$SNOBOX_SAMPLES`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod again;
mod asked;
mod bad_disk;
mod bad_registry;
mod bad_site;
mod bad_store;
mod bits;
mod catalog;
mod catalog_image;
mod catalog_layout;
mod catalogs_together;
mod certs;
mod cluster_resources;
mod damage;
mod demo;
mod fallback;
mod full_disk;
mod gc_catalogs;
mod help;
mod ignition;
mod image;
mod image_sets;
mod import_tree;
mod interrupt;
mod iso;
mod killed;
mod manual_procedure;
mod mirror;
mod mirror_killed;
mod plan;
mod practice_registry;
mod precaching;
mod progress;
mod promised;
mod push;
mod real_ignition;
mod release;
mod secrets;
mod serve;
mod signatures;
mod sigstore;
mod store;
mod store_add;
mod store_import;
mod support;
mod validity;
