//! `cargo xtask test`: everything that this machine can run; what it cannot is said loudly. The virtual machines take longer than all the rest together: only where
//! `CI` is set.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::{packages, tools, vm};

/// Runs everything.
pub fn run() -> Result<(), String> {
    let in_ci = std::env::var_os("CI").is_some();
    let known = tools::coreos_installer();
    let mut lacking = packages::provide(known.is_none());
    if in_ci {
        // The lab's own tests need some of it before the first machine starts.
        lacking.extend(packages::provide_for_lab());
    }
    let coreos_installer = known.or_else(tools::build_coreos_installer);
    if coreos_installer.is_none() {
        lacking.push(
            "coreos-installer: cargo install coreos-installer --version 0.27.0 --locked".to_owned(),
        );
    }
    if std::env::var_os("SNOBOX_SAMPLES").is_none() {
        lacking.push(
            "SNOBOX_SAMPLES: the folder with real inputs (installer ignitions, live ISO fixtures)"
                .to_owned(),
        );
    }
    if in_ci && !lacking.is_empty() {
        return Err(format!(
            "this machine lacks what the tests need, and in CI nothing may be skipped:\n  {}",
            lacking.join("\n  ")
        ));
    }

    step("format", &["fmt", "--all", "--check"], &[])?;
    step(
        "lints",
        &[
            "clippy",
            "--quiet",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ],
        &[],
    )?;
    step(
        "documentation",
        &["doc", "--quiet", "--workspace", "--no-deps"],
        &[("RUSTDOCFLAGS", "-D warnings".into())],
    )?;
    let mut environment = vec![("PATH", with_sbin())];
    environment
        .extend(coreos_installer.map(|path| ("SNOBOX_COREOS_INSTALLER", path.into_os_string())));
    let mut skipped = tests(&environment)?;
    if in_ci {
        println!("== virtual machines");
        vm::run(&[])?;
    } else {
        lacking.push("the virtual machines: cargo xtask vm".to_owned());
    }

    skipped.extend(lacking);
    if !skipped.is_empty() {
        skipped.sort();
        skipped.dedup();
        println!("\nNOT RUN on this machine:\n  {}", skipped.join("\n  "));
    }
    Ok(())
}

/// Tools of the administrator's (e2fsck, sfdisk) are not in everybody's `PATH`.
fn with_sbin() -> std::ffi::OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from));
    std::env::join_paths(folders).unwrap_or(path)
}

fn step(
    name: &str,
    args: &[&str],
    environment: &[(&str, std::ffi::OsString)],
) -> Result<(), String> {
    let started = Instant::now();
    println!("== {name}");
    let status = Command::new("cargo")
        .args(args)
        .envs(environment.iter().map(|(k, v)| (k, v)))
        .status();
    match status {
        Ok(status) if status.success() => {
            println!("   {:.0} s", started.elapsed().as_secs_f64());
            Ok(())
        }
        Ok(status) => Err(format!(
            "{name} failed: cargo {} ({status})",
            args.join(" ")
        )),
        Err(error) => Err(format!("cannot start cargo: {error}")),
    }
}

/// Runs all tests; returns the lines in which tests say that they were skipped.
fn tests(environment: &[(&str, std::ffi::OsString)]) -> Result<Vec<String>, String> {
    println!("== tests");
    let mut child = Command::new("cargo")
        .args([
            "test",
            "--workspace",
            "--no-fail-fast",
            "--",
            "--show-output",
        ])
        .envs(environment.iter().map(|(k, v)| (k, v)))
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    let output = child.stdout.take().ok_or("cargo has no output")?;
    let mut report = Report::default();
    for line in BufReader::new(output).lines() {
        report.line(line.map_err(|error| format!("cannot read cargo's output: {error}"))?);
    }
    let status = child
        .wait()
        .map_err(|error| format!("cannot wait for cargo: {error}"))?;
    println!(
        "{} passed, {} failed, {} skipped",
        report.passed,
        report.failed,
        report.skipped.len()
    );
    if status.success() {
        Ok(report.skipped)
    } else {
        Err(format!("tests failed ({status})"))
    }
}

/// What cargo prints, without the output of tests that passed.
#[derive(Default)]
struct Report {
    in_successes: bool,
    passed: u64,
    failed: u64,
    skipped: Vec<String>,
}

impl Report {
    fn line(&mut self, line: String) {
        if line == "successes:" {
            self.in_successes = true;
        } else if line == "failures:" || line.starts_with("test result:") {
            self.in_successes = false;
        }
        if let Some(rest) = line.strip_prefix("test result:") {
            let count = |what: &str| {
                let part = rest
                    .split(';')
                    .find_map(|part| part.trim().strip_suffix(what));
                part.and_then(|part| part.trim().rsplit(' ').next()?.parse::<u64>().ok())
                    .unwrap_or(0)
            };
            self.passed += count("passed");
            self.failed += count("failed");
        }
        if let Some(at) = line.find("SKIPPED:") {
            self.skipped.push(line[at..].to_owned());
        }
        if !self.in_successes {
            println!("{line}");
            // A pipe that nobody reads any more is not a failure of the tests.
            let _ = std::io::stdout().flush();
        }
    }
}
