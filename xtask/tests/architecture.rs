//! The invariants of ARCHITECTURE.md that can be read off the sources.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot read the sources fails"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which crates of the workspace a crate may use. `snobox-testkit` is there for the demo, and for tests.
const MAY_USE: [(&str, &[&str]); 13] = [
    ("snobox-formats", &[]),
    ("snobox-plan", &["snobox-formats"]),
    ("snobox-image", &["snobox-formats"]),
    ("snobox-certs", &[]),
    ("snobox-catalog", &["snobox-formats", "snobox-plan"]),
    (
        "snobox-media",
        &["snobox-formats", "snobox-image", "snobox-plan"],
    ),
    ("snobox-store", &["snobox-formats"]),
    ("snobox-registry", &["snobox-formats", "snobox-store"]),
    ("snobox-host", &["snobox-formats"]),
    ("snobox-testkit", &[]),
    (
        "snobox-agent",
        &[
            "snobox-certs",
            "snobox-formats",
            "snobox-host",
            "snobox-image",
            "snobox-registry",
            "snobox-store",
        ],
    ),
    (
        "snobox",
        &[
            "snobox-catalog",
            "snobox-certs",
            "snobox-formats",
            "snobox-plan",
            "snobox-media",
            "snobox-store",
            "snobox-registry",
            "snobox-host",
            "snobox-testkit",
        ],
    ),
    (
        "xtask",
        &[
            "snobox-catalog",
            "snobox-formats",
            "snobox-image",
            "snobox-testkit",
        ],
    ),
];

/// Crates that touch no disk, network, clock or environment.
const PURE: [&str; 6] = [
    "snobox-catalog",
    "snobox-certs",
    "snobox-formats",
    "snobox-image",
    "snobox-plan",
    "snobox-media",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// All sources below `folder`, each with its text up to its unit tests.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else {
        return found;
    };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((
                path,
                text.split("#[cfg(test)]")
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
            ));
        }
    }
    found.sort();
    found
}

fn crate_sources(name: &str) -> Vec<(PathBuf, String)> {
    let sources = sources(&root().join("crates").join(name).join("src"));
    assert!(!sources.is_empty(), "{name} has no sources");
    sources
        .into_iter()
        .filter(|(path, _)| !is_test_module(path))
        .collect()
}

/// Modules that are compiled for unit tests only.
fn is_test_module(path: &Path) -> bool {
    path.file_stem()
        .is_some_and(|stem| stem == "tests" || stem == "fixture")
}

/// Code without comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(i, line)| (i + 1, line));
    lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn assert_absent(name: &str, words: &[&str], law: &str) {
    for (path, text) in crate_sources(name) {
        for (number, line) in code(&text) {
            let found = words.iter().find(|word| line.contains(**word));
            assert!(
                found.is_none(),
                "{}:{number}: {law}: {}",
                path.display(),
                line.trim()
            );
        }
    }
}

#[test]
fn crates_use_only_what_the_table_allows() {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--offline",
        ])
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let allowed: BTreeMap<&str, BTreeSet<&str>> = MAY_USE
        .into_iter()
        .map(|(name, uses)| (name, uses.iter().copied().collect()))
        .collect();
    let packages = metadata["packages"].as_array().unwrap();
    assert_eq!(
        packages.len(),
        MAY_USE.len(),
        "the table does not list every crate"
    );
    for package in packages {
        let name = package["name"].as_str().unwrap();
        for dependency in package["dependencies"].as_array().unwrap() {
            let used = dependency["name"].as_str().unwrap();
            let for_tests = dependency["kind"] == "dev";
            if allowed.contains_key(used) && !for_tests {
                assert!(allowed[name].contains(used), "{name} must not use {used}");
            }
        }
    }
}

#[test]
fn pure_crates_touch_no_disk_network_clock_or_environment() {
    let words = [
        "std::fs",
        "fs::File",
        "File::open",
        "std::net::Tcp",
        "std::net::Udp",
        "std::process",
        "std::env",
        "SystemTime::now",
        "Instant::now",
        "std::thread",
    ];
    for name in PURE {
        assert_absent(name, &words, "a pure crate must not reach outside");
    }
}

#[test]
fn programs_are_started_in_one_place() {
    for (name, _) in MAY_USE
        .into_iter()
        .filter(|(name, _)| name.starts_with("snobox") && *name != "snobox-host")
    {
        assert_absent(
            name,
            &["process::Command", "Command::new("],
            "only snobox-host starts programs",
        );
    }
}

#[test]
fn only_the_binary_prints() {
    // The installer stand-in prints in one place, because it takes the place of a program.
    let stand_in = Path::new("snobox-testkit/src/installer");
    for (name, _) in MAY_USE
        .into_iter()
        // The agent is a program, too: its standard error is the journal.
        .filter(|(name, _)| name.starts_with("snobox-") && *name != "snobox-agent")
    {
        for (path, text) in crate_sources(name) {
            let excused = path
                .to_string_lossy()
                .contains(&*stand_in.to_string_lossy());
            for (number, line) in code(&text).filter(|_| !excused) {
                let prints = [
                    "println!",
                    "eprintln!",
                    "print!(",
                    "dbg!(",
                    "io::stdout()",
                    "io::stderr()",
                ];
                let found = prints.iter().any(|word| line.contains(word));
                assert!(
                    !found,
                    "{}:{number}: a library prints: {}",
                    path.display(),
                    line.trim()
                );
            }
        }
    }
}

#[test]
fn every_source_says_what_it_is_for() {
    for folder in ["crates", "xtask"] {
        for (path, text) in sources(&root().join(folder)) {
            let first = text.lines().next().unwrap_or_default();
            assert!(
                first.starts_with("//!"),
                "{} does not open with //!",
                path.display()
            );
        }
    }
}

#[test]
fn files_stay_small() {
    for folder in ["crates", "xtask"] {
        for (path, _) in sources(&root().join(folder)) {
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            assert!(
                lines <= 500,
                "{} has {lines} lines: split it",
                path.display()
            );
        }
    }
}
