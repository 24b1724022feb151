//! The other programs, and the samples that nobody here wrote.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Says what cannot be tested here; where `CI` is set, that is a failure.
pub(crate) fn skip(what: &str) {
    assert!(std::env::var_os("CI").is_none(), "needed in CI: {what}");
    println!("SKIPPED: {what}");
}

/// A program that was found.
pub(crate) struct Tool(PathBuf);

/// The program `name`, from `PATH`, `/usr/sbin`, or the variable `SNOBOX_NAME`.
pub(crate) fn tool(name: &str) -> Option<Tool> {
    let variable = format!("SNOBOX_{}", name.to_uppercase().replace('-', "_"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::var_os(&variable)
        .map(PathBuf::from)
        .into_iter()
        .chain(std::env::split_paths(&path).map(|folder| folder.join(name)))
        .chain(["/usr/sbin", "/sbin"].map(|folder| Path::new(folder).join(name)))
        .find(|candidate| candidate.is_file());
    if found.is_none() {
        skip(&format!(
            "{name} is not in PATH and {variable} does not name it"
        ));
    }
    found.map(Tool)
}

impl Tool {
    pub(crate) fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn try_run<S: AsRef<OsStr>>(&self, args: &[S]) -> Output {
        Command::new(&self.0)
            .args(args)
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Runs it, which must succeed; returns its standard output.
    #[track_caller]
    pub(crate) fn run<S: AsRef<OsStr> + std::fmt::Debug>(&self, args: &[S]) -> Vec<u8> {
        let output = self.try_run(args);
        let talk = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{:?} {args:?}: {talk}", self.0);
        output.stdout
    }

    #[track_caller]
    pub(crate) fn text<S: AsRef<OsStr> + std::fmt::Debug>(&self, args: &[S]) -> String {
        String::from_utf8(self.run(args)).unwrap()
    }
}

/// Whether mounts and namespaces may be made (CAP_SYS_ADMIN); says so if not.
pub(crate) fn may_mount(what: &str) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .map_or(0, |hex| u64::from_str_radix(hex.trim(), 16).unwrap());
    let may = mask & 1 << 21 != 0;
    if !may {
        skip(&format!("{what} needs root"));
    }
    may
}

fn samples(folder: &str, suffix: &str) -> Vec<PathBuf> {
    let Some(root) = std::env::var_os("SNOBOX_SAMPLES") else {
        skip("SNOBOX_SAMPLES is not set");
        return Vec::new();
    };
    let folder = Path::new(&root).join(folder);
    let mut found: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(suffix))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "no *{suffix} in {}", folder.display());
    found
}

/// Ignitions of the real installer; none after saying so.
pub(crate) fn sample_ignitions() -> Vec<PathBuf> {
    samples("installer-ignition", ".ign")
}

/// CoreOS live ISOs, compressed; none after saying so.
pub(crate) fn sample_isos() -> Vec<PathBuf> {
    samples("live-iso", ".iso.xz")
}

pub(crate) fn sample_iso(name: &str) -> Option<PathBuf> {
    let found = sample_isos().into_iter().find(|path| path.ends_with(name));
    if found.is_none() && std::env::var_os("SNOBOX_SAMPLES").is_some() {
        panic!("no sample {name}");
    }
    found
}

fn sample(name: &str) -> Option<PathBuf> {
    let Some(root) = std::env::var_os("SNOBOX_SAMPLES") else {
        skip("SNOBOX_SAMPLES is not set");
        return None;
    };
    let path = Path::new(&root).join(name);
    assert!(path.exists(), "no sample {}", path.display());
    Some(path)
}

/// A file or folder of catalog documents; none after saying so.
pub(crate) fn sample_catalog(name: &str) -> Option<PathBuf> {
    sample(&format!("catalogs/{name}"))
}

/// The image set of the manual procedure; none after saying so.
pub(crate) fn sample_manual_image_set() -> Option<PathBuf> {
    sample("manual-procedure-4.13.1/imageset.yaml")
}

/// The update graph of stable-4.13; none after saying so.
pub(crate) fn sample_graph() -> Option<PathBuf> {
    sample("graph/amd64-stable-4.13.json")
}
