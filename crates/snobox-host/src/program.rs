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
    /// It is not installed.
    #[error("{name} is not installed: it was looked for in {PATH}")]
    Missing {
        /// Its name.
        name: String,
    },
    /// It wrote more than anybody would read.
    #[error("{path} wrote more than {limit_bytes} bytes")]
    TooMuch {
        /// The program.
        path: PathBuf,
        /// How much is read.
        limit_bytes: u64,
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

    /// A program by its name, in the usual folders.
    ///
    /// # Errors
    /// [`ProgramError::Missing`].
    pub fn found(name: &str) -> Result<Self, ProgramError> {
        Self::found_in(None, name)
    }

    /// A program by its name, in `first` and then in the usual folders.
    ///
    /// # Errors
    /// [`ProgramError::Missing`].
    pub fn found_in(first: Option<&Path>, name: &str) -> Result<Self, ProgramError> {
        first
            .into_iter()
            .chain(PATH.split(':').map(Path::new))
            .map(|folder| folder.join(name))
            .find(|path| path.is_file())
            .map(|path| Self::new(&path, &std::env::temp_dir()))
            .ok_or_else(|| ProgramError::Missing {
                name: name.to_owned(),
            })
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

    /// Runs to the end and gives what it wrote on standard output, at most `limit_bytes`.
    ///
    /// # Errors
    /// [`ProgramError`].
    pub fn output(&self, limit_bytes: u64) -> Result<Vec<u8>, ProgramError> {
        let start = |source| ProgramError::Start {
            path: self.path.clone(),
            source,
        };
        let mut said = tempfile::tempfile_in(&self.folder).map_err(start)?;
        let mut written = tempfile::tempfile_in(&self.folder).map_err(start)?;
        let mut child = self.spawn(&written, &said).map_err(start)?;
        let status = child.wait().map_err(start)?;
        if !status.success() {
            let tail = tail(&mut said).unwrap_or_else(|error| format!("(cannot be read: {error})"));
            return Err(ProgramError::Failed {
                path: self.path.clone(),
                status,
                tail,
            });
        }
        let mut bytes = Vec::new();
        written.rewind().map_err(start)?;
        let read = written
            .take(limit_bytes + 1)
            .read_to_end(&mut bytes)
            .map_err(start)?;
        if read as u64 > limit_bytes {
            return Err(ProgramError::TooMuch {
                path: self.path.clone(),
                limit_bytes,
            });
        }
        Ok(bytes)
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
        let mut child = self.spawn(&output, &output).map_err(start)?;
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

    fn spawn(&self, output: &File, errors: &File) -> io::Result<Child> {
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
            .stderr(errors.try_clone()?)
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
    fn output_is_what_standard_output_said() {
        let both = shell("echo said; echo not this >&2").output(100).unwrap();
        assert_eq!(both, b"said\n");
        let much = shell("echo 12345").output(5);
        assert!(matches!(much, Err(ProgramError::TooMuch { .. })));
        let missing = Program::found("no-such-program");
        assert!(matches!(missing, Err(ProgramError::Missing { .. })));
    }

    #[test]
    fn a_program_is_stopped_when_asked() {
        let started = std::time::Instant::now();
        let stopped = shell("sleep 60").run(&|| started.elapsed() > Duration::from_millis(100));
        assert!(matches!(stopped, Err(ProgramError::Stopped { .. })));
        assert!(started.elapsed() < Duration::from_secs(30));
    }
}
