//! Documents in, decisions out: `site.yaml` → [`site::Site`]; the release payload's documents → [`lock::Lock`]; both → what the
//! installer reads and the kernel is told.
//!
//! Pure: no disk, network, clock or environment. Callers read the files and hand in their text.

pub mod ask;
pub mod boots;
pub mod cost;
pub mod difference;
pub mod explain;
pub mod init;
pub mod install_config;
pub mod kargs;
pub mod lock;
pub mod operators;
pub mod payload;
pub mod problem;
pub mod profile;
pub mod release;
pub mod site;
pub mod wanted;
pub mod yaml;
