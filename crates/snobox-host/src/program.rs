//! A program that runs to its end: known path, clean environment, and what it said when it failed.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// How much of the end of standard error an error quotes.
const TAIL_BYTES: u64 = 4096;
const POLL: Duration = Duration::from_millis(20);
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What to run.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    args: Vec<String>,
    folder: PathBuf,
    environment: Vec<(String, String)>,
}

/// Why a program did not end well.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It could not be started.
    #[error("cannot start {path}")]
    Start {
        /// The program.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It ended with a failure.
    #[error("{path} failed ({status}); the end of its output:\n{tail}")]
    Failed {
        /// The program.
        path: PathBuf,
        /// How it ended.
        status: ExitStatus,
        /// The end of its standard error and output.
        tail: String,
    },
    /// It was stopped because the caller said so.
    #[error("{path} was stopped")]
    Stopped {
        /// The program.
        path: PathBuf,
    },
}

impl Program {
    /// A program at an absolute path, which will run in `folder`.
    pub fn new(path: &Path, folder: &Path) -> Self {
        Self {
            path: path.to_owned(),
            args: Vec::new(),
            folder: folder.to_owned(),
            environment: Vec::new(),
        }
    }

    /// Adds arguments. They can be seen by every user of the machine: never a secret.
    pub fn args<'a>(mut self, args: impl IntoIterator<Item = &'a str>) -> Self {
        self.args.extend(args.into_iter().map(str::to_owned));
        self
    }

    /// Sets a variable of the environment, which is empty but for `PATH`, `HOME` (the folder) and `LC_ALL`.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs to the end, unless `stop` says true; asked many times a second.
    ///
    /// # Errors
    /// [`ProgramError`].
    pub fn run(&self, stop: &dyn Fn() -> bool) -> Result<(), ProgramError> {
        let start = |source| ProgramError::Start {
            path: self.path.clone(),
            source,
        };
        let mut output = tempfile::tempfile_in(&self.folder).map_err(start)?;
        let mut child = self.spawn(&output).map_err(start)?;
        let status = loop {
            match child.try_wait().map_err(start)? {
                Some(status) => break status,
                None if stop() => {
                    // It may have ended by itself in the meantime; either way it is gone afterwards.
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(ProgramError::Stopped {
                        path: self.path.clone(),
                    });
                }
                None => std::thread::sleep(POLL),
            }
        };
        if status.success() {
            return Ok(());
        }
        let tail = tail(&mut output).unwrap_or_else(|error| format!("(cannot be read: {error})"));
        Err(ProgramError::Failed {
            path: self.path.clone(),
            status,
            tail,
        })
    }

    fn spawn(&self, output: &File) -> io::Result<Child> {
        Command::new(&self.path)
            .args(&self.args)
            .current_dir(&self.folder)
            .env_clear()
            .env("PATH", PATH)
            .env("HOME", &self.folder)
            .env("LC_ALL", "C")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output.try_clone()?)
            .spawn()
    }
}

fn tail(output: &mut File) -> io::Result<String> {
    let length = output.seek(SeekFrom::End(0))?;
    output.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    output.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Program {
        Program::new(Path::new("/bin/sh"), &std::env::temp_dir()).args(["-c", script])
    }

    #[test]
    fn a_failure_quotes_the_end_of_the_output() {
        let error = shell("echo first; echo the reason >&2; exit 3")
            .run(&|| false)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("the reason") && error.contains("exit status: 3"),
            "{error}"
        );
    }

    #[test]
    fn the_environment_is_clean() {
        // CARGO is set in every test run.
        assert!(std::env::var_os("CARGO").is_some());
        shell("test -z \"${CARGO:-}\" && test \"$LC_ALL\" = C && test \"$GIVEN\" = yes")
            .env("GIVEN", "yes")
            .run(&|| false)
            .unwrap();
    }

    #[test]
    fn a_program_is_stopped_when_asked() {
        let started = std::time::Instant::now();
        let stopped = shell("sleep 60").run(&|| started.elapsed() > Duration::from_millis(100));
        assert!(matches!(stopped, Err(ProgramError::Stopped { .. })));
        assert!(started.elapsed() < Duration::from_secs(30));
    }
}
