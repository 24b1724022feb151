//! Builds the agent, which travels inside of `snobox` and from there onto the stick: one program to copy, and never an agent of another version.
//!
//! Cargo has no stable way to depend on another package's executable, so this starts cargo again, with a target folder of its own beside the usual ones
//! (two cargos must not wait for each other's lock). It is optimised for release always: what tests see is what a node gets.

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Crates that the agent is made of.
const SOURCES: [&str; 7] = [
    "snobox-agent",
    "snobox-certs",
    "snobox-formats",
    "snobox-host",
    "snobox-image",
    "snobox-registry",
    "snobox-store",
];

fn main() -> Result<(), Box<dyn Error>> {
    let manifest = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let crates = manifest.parent().ok_or("the crate lies in a folder")?;
    let workspace = crates.parent().ok_or("crates lie in the workspace")?;
    let target = env::var("TARGET")?;
    let folder = agent_folder(Path::new(&env::var("OUT_DIR")?), &target)?;

    let mut cargo = Command::new(env::var("CARGO")?);
    cargo
        .args(["build", "--quiet", "--release", "--package", "snobox-agent"])
        .args(["--target", &target])
        .arg("--target-dir")
        .arg(&folder)
        .current_dir(workspace)
        // The flags of this build script's own compilation are not the agent's.
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    // Both cargos share the number of jobs.
    if let Some(flags) = env::var_os("CARGO_MAKEFLAGS") {
        cargo.env("MAKEFLAGS", flags);
    }
    let status = cargo.status()?;
    if !status.success() {
        return Err(format!("the agent does not build: cargo ended with {status}").into());
    }
    let agent = folder.join(&target).join("release/snobox-agent");
    println!("cargo::rustc-env=SNOBOX_AGENT={}", agent.display());
    println!("cargo::rerun-if-changed={}", agent.display());
    for source in SOURCES {
        let folder = crates.join(source);
        println!("cargo::rerun-if-changed={}", folder.join("src").display());
        println!(
            "cargo::rerun-if-changed={}",
            folder.join("Cargo.toml").display()
        );
    }
    println!(
        "cargo::rerun-if-changed={}",
        workspace.join("Cargo.lock").display()
    );
    Ok(())
}

/// `TARGET_DIR/snobox-agent` for an `OUT_DIR` of `TARGET_DIR/TARGET/PROFILE/build/…/out`.
fn agent_folder(out: &Path, target: &str) -> Result<PathBuf, Box<dyn Error>> {
    let parent = out
        .ancestors()
        .find(|folder| folder.file_name().is_some_and(|name| name == target))
        .and_then(Path::parent);
    let parent = parent.ok_or(
        "OUT_DIR is below the target's folder, because .cargo/config.toml names the target",
    )?;
    Ok(parent.join("snobox-agent"))
}
