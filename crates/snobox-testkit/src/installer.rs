//! A stand-in for `openshift-install`: the commands that make a single-node Ignition config, with the outputs, the habits
//! and the certificates of the real one, and none of its clouds.
//!
//! ```text
//! create manifests --dir D                     D/install-config.yaml → D/manifests, D/openshift, D/.openshift_install_state.json
//! create single-node-ignition-config --dir D   install-config.yaml, or what `create manifests` left →
//!                                              D/bootstrap-in-place-for-live-iso.ign, D/worker.ign, D/metadata.json,
//!                                              D/auth/{kubeconfig,kubeadmin-password}
//! version
//! ```
//!
//! As with the real one, inputs are consumed: `install-config.yaml` and the two folders are gone after success, files
//! that a user put into the folders arrive byte for byte, and folders next to an `install-config.yaml` are discarded
//! with a warning, because they were made from another one. Source: openshift/installer 4.20, `cmd/openshift-install`
//! and `pkg/asset`.

mod certificates;
mod command;
mod create;
mod der;
mod folder;
mod identity;
mod ignition;
mod install_config;
mod keys;
mod kubeconfig;
mod manifests;
mod state;
mod tls;
mod tls_files;

use command::Command;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Variable that names the release image instead of [`DEFAULT_RELEASE_IMAGE`].
pub const RELEASE_IMAGE_VARIABLE: &str = "OPENSHIFT_INSTALL_RELEASE_IMAGE_OVERRIDE";
/// The release image that the installer was built for. Not by digest, as in every self-built one.
pub const DEFAULT_RELEASE_IMAGE: &str =
    "quay.io/openshift-release-dev/ocp-release:4.99.0-practice-x86_64";

/// Exit status of [`main`] for a bad `install-config.yaml`; any other failure is 1.
pub const EXIT_INSTALL_CONFIG: i32 = 3;

/// What the installer takes from its surroundings.
#[derive(Debug, Clone)]
pub struct Environment {
    /// The start of every certificate's life.
    pub now: SystemTime,
    /// Pull spec of the release; [`DEFAULT_RELEASE_IMAGE`] if absent.
    pub release_image: Option<String>,
}

/// Why the installer stopped. No message contains a secret.
#[derive(Debug, thiserror::Error)]
pub enum InstallerError {
    /// The command line is not one of the three commands.
    #[error(
        "unknown command {command:?}: the practice installer knows `create manifests`, `create single-node-ignition-config` and `version`"
    )]
    Command {
        /// The words after the program's name.
        command: String,
    },
    /// An option is unknown or lacks its value.
    #[error("option {option:?}: expected --dir DIRECTORY or --log-level LEVEL")]
    Option {
        /// The option as it was given.
        option: String,
    },
    /// There is nothing to work from.
    #[error("found neither install-config.yaml nor manifests made earlier in {dir}")]
    NoInput {
        /// The installer's folder.
        dir: PathBuf,
    },
    /// `install-config.yaml` was refused.
    #[error("invalid \"install-config.yaml\" file: [{}]", problems.join(", "))]
    InstallConfig {
        /// Every problem, as `path: reason`.
        problems: Vec<String>,
    },
    /// `.openshift_install_state.json` is not one of this program.
    #[error("{path} was not written by this version of the installer")]
    State {
        /// The file.
        path: PathBuf,
    },
    /// A file could not be read, written or removed.
    #[error("cannot {action} {path}")]
    Io {
        /// `read`, `write`, `remove` …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A key could not be made or used.
    #[error("cannot make or use an RSA key")]
    Key {
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An object could not be written as YAML.
    #[error("cannot write YAML: {reason}")]
    Yaml {
        /// What the writer says.
        reason: String,
    },
    /// The output could not be written.
    #[error("cannot write to the output")]
    Output(#[source] io::Error),
}

impl InstallerError {
    fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }

    fn key(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Key {
            source: Box::new(source),
        }
    }
}

/// Runs one command. `args` are the words after the program's name; log lines and the answer of `version` go to `out`.
///
/// Reads no clock and no environment; keys come from the system's randomness.
///
/// # Errors
/// See [`InstallerError`]. After an error the inputs are still there.
pub fn run(
    args: &[String],
    environment: &Environment,
    out: &mut dyn Write,
) -> Result<(), InstallerError> {
    match Command::parse(args)? {
        Command::Version => writeln!(
            out,
            "openshift-install {}\nrelease image {}",
            crate::practice::VERSION,
            environment
                .release_image
                .as_deref()
                .unwrap_or(DEFAULT_RELEASE_IMAGE)
        )
        .map_err(InstallerError::Output),
        Command::Manifests { dir } => create::create_manifests(&dir, environment, out),
        Command::SingleNodeIgnition { dir } => create::create_ignition(&dir, environment, out),
    }
}

/// The program around [`run`]: takes clock and [`RELEASE_IMAGE_VARIABLE`] from the process, writes the version to
/// standard output and log lines to standard error, and returns the exit status.
pub fn main(args: &[String]) -> i32 {
    let environment = Environment {
        now: SystemTime::now(),
        release_image: std::env::var(RELEASE_IMAGE_VARIABLE)
            .ok()
            .filter(|image| !image.is_empty()),
    };
    let result = match args.first().map(String::as_str) {
        Some("version") => run(args, &environment, &mut io::stdout()),
        _ => run(args, &environment, &mut io::stderr()),
    };
    let Err(error) = result else { return 0 };
    let mut message = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        message.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    // A closed standard error leaves only the exit status to tell.
    let _ = log(&mut io::stderr(), "error", &message);
    match error {
        InstallerError::InstallConfig { .. } => EXIT_INSTALL_CONFIG,
        _ => 1,
    }
}

/// One line in the installer's manner: `level=info msg="…"`, quoted only where needed.
fn log(out: &mut dyn Write, level: &str, message: &str) -> io::Result<()> {
    let plain =
        |character: char| character.is_ascii_alphanumeric() || "-._/@^+".contains(character);
    if !message.is_empty() && message.chars().all(plain) {
        writeln!(out, "level={level} msg={message}")
    } else {
        writeln!(out, "level={level} msg={message:?}")
    }
}
