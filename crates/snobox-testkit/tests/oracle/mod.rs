//! Finds the real programs that check this crate's output.
//!
//! A missing program is a loud skip on a laptop (`SKIPPED:` on standard output) and a failure where `CI` is set.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A program that was found.
pub(crate) struct Oracle(PathBuf);

/// The program `name`, from the variable `variable` or from `PATH`.
///
/// # Panics
/// If it is missing and `CI` is set.
pub(crate) fn find(name: &str, variable: &str) -> Option<Oracle> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::var_os(variable)
        .map(PathBuf::from)
        .into_iter()
        .chain(std::env::split_paths(&path).map(|folder| folder.join(name)))
        .find(|candidate| candidate.is_file());
    if found.is_none() {
        println!("SKIPPED: {name} is not in PATH and {variable} does not name it");
        assert!(
            std::env::var_os("CI").is_none(),
            "{name} must be there in CI"
        );
    }
    found.map(Oracle)
}

impl Oracle {
    /// Runs it in `dir`.
    pub(crate) fn output(&self, dir: &Path, args: &[&str]) -> Output {
        Command::new(&self.0)
            .args(args)
            .current_dir(dir)
            .env("LC_ALL", "C")
            .output()
            .unwrap()
    }

    /// Runs it, expects success, and returns its standard output.
    pub(crate) fn ok(&self, dir: &Path, args: &[&str]) -> String {
        let output = self.output(dir, args);
        assert!(
            output.status.success(),
            "{} {args:?}: {}",
            self.0.display(),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

/// A folder for something that a whole test binary shares. A static is never dropped, so it lies in the target folder, where the next run
/// replaces it, and not among the temporary files.
#[allow(dead_code, reason = "not every test binary shares something")]
pub struct Kept(std::path::PathBuf);

#[allow(dead_code, reason = "not every test binary shares something")]
impl Kept {
    /// An empty folder of that name.
    pub fn empty(name: &str) -> Self {
        let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                panic!("{path:?}: {error}")
            }
            _ => std::fs::create_dir_all(&path).unwrap(),
        }
        Self(path)
    }

    pub fn path(&self) -> &std::path::Path {
        &self.0
    }
}
