//! The real programs on the other side of the line: found, run, ended.
//!
//! A missing program is a loud skip on a laptop (`SKIPPED:` on standard output) and a failure where `CI` is set.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// The program `name`, from the variable `SNOBOX_<NAME>` or from `PATH`.
///
/// # Panics
/// If it is missing and `CI` is set.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let variable = format!("SNOBOX_{}", name.to_uppercase().replace('-', "_"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::var_os(&variable)
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
    found
}

/// `program` in `dir`, apart from this machine's settings and proxies.
pub(crate) fn command(program: &Path, dir: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(dir)
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    for variable in [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "REGISTRY_AUTH_FILE",
    ] {
        command.env_remove(variable);
        command.env_remove(variable.to_lowercase());
    }
    command
}

/// Expects success, and returns standard output.
#[track_caller]
pub(crate) fn ok(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {stderr}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Expects failure, and returns standard error.
#[track_caller]
pub(crate) fn refused(command: &mut Command) -> String {
    let output: Output = command.output().unwrap();
    assert!(!output.status.success(), "{command:?} should fail");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A port of 127.0.0.1 where nobody listens.
pub(crate) fn silent_port() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap()
}

/// A program in the background; it ends when dropped.
pub(crate) struct Background(Child);

impl Background {
    /// Starts `command` and reads its standard error up to the line that holds `sign`, which it returns.
    pub(crate) fn start(command: &mut Command, sign: &str) -> (Self, String) {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let background = Self(child);
        let mut said = String::new();
        let line = lines.by_ref().map_while(Result::ok).find(|line| {
            said.push_str(line);
            said.push('\n');
            line.contains(sign)
        });
        let line = line.unwrap_or_else(|| panic!("{command:?} ended early: {said}"));
        // The rest is drained, or the program would block on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        (background, line)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
