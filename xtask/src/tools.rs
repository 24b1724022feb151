//! The real coreos-installer, built once and kept outside of the checkout.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::packages;

/// The version that the formats were checked against.
const VERSION: &str = "0.27.0";

/// The project's folder in the user's cache: what is kept there is found again by a fresh checkout.
pub fn cache() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    cache
        .or(home)
        .unwrap_or_else(std::env::temp_dir)
        .join("snobox")
}

/// Where it is kept.
fn root() -> PathBuf {
    cache()
        .join("tools")
        .join(format!("coreos-installer-{VERSION}"))
}

/// A coreos-installer of the right version that is there already: named by the environment, in the cache, or in `PATH`.
pub fn coreos_installer() -> Option<PathBuf> {
    let named = std::env::var_os("SNOBOX_COREOS_INSTALLER").map(PathBuf::from);
    let candidates = named
        .into_iter()
        .chain([root().join("bin/coreos-installer")])
        .chain(packages::find("coreos-installer"));
    candidates.into_iter().find(|path| is_right(path))
}

fn is_right(path: &Path) -> bool {
    let output = Command::new(path).arg("--version").output();
    output.is_ok_and(|o| o.status.success() && String::from_utf8_lossy(&o.stdout).contains(VERSION))
}

/// Builds it from crates.io; some minutes of one core. Hardly optimised: it writes small images here, and building it is a good part of a first run.
pub fn build_coreos_installer() -> Option<PathBuf> {
    let root = root();
    println!(
        "building coreos-installer {VERSION} into {} (once, some minutes)",
        root.display()
    );
    fs::create_dir_all(&root).ok()?;
    let status = Command::new("cargo")
        .args([
            "install",
            "coreos-installer",
            "--version",
            VERSION,
            "--locked",
            "--quiet",
            "--root",
        ])
        .arg(&root)
        // Away from the checkout, whose configuration links everything statically.
        .current_dir(&root)
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET")
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        .status();
    status.ok().filter(|status| status.success())?;
    Some(root.join("bin/coreos-installer"))
}
