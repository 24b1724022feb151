//! What each command says about itself, for the status page and the console.
//!
//! ```text
//! /run/snobox/status/<component>.json    {"component", "state", "message", "action", "percent"}
//! ```
//!
//! One file for each component, replaced whole; a reader that finds none knows that the component has not started. No secrets.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// How a component is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// At work.
    Working,
    /// Ready, or finished.
    Done,
    /// Stopped: somebody has to do something.
    Failed,
}

/// What one component says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Its name: `registry`, `disk`, `guard`.
    pub component: String,
    /// How it is.
    pub state: State,
    /// One line for people.
    pub message: String,
    /// What a person at the machine should do now, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// 0 to 100, where it can be known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
}

/// Writes the reports of one component. That a report cannot be written stops nothing: it is said in the journal.
#[derive(Clone, Debug)]
pub struct Reporter {
    folder: PathBuf,
    component: &'static str,
}

/// Why a command gave up, in words for the console: what, and what to do.
#[derive(Debug)]
pub struct Failure {
    /// What failed, on what; expected and found.
    pub message: String,
    /// What to do.
    pub action: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\nhint: {}", self.message, self.action)
    }
}

/// An error with all its sources, in one line.
pub fn reasons(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text += &format!(": {error}");
        source = error.source();
    }
    text
}

impl Reporter {
    /// The reporter of a component.
    pub fn new(folder: &Path, component: &'static str) -> Self {
        Self {
            folder: folder.to_owned(),
            component,
        }
    }

    /// Says that work goes on.
    pub fn working(&self, message: impl Into<String>, percent: Option<u8>) {
        self.write(State::Working, message.into(), None, percent);
    }

    /// Says that all is done or ready.
    pub fn done(&self, message: impl Into<String>, action: Option<String>) {
        self.write(State::Done, message.into(), action, None);
    }

    /// Says that somebody has to do something; returns the failure for the journal.
    pub fn failed(&self, message: impl Into<String>, action: impl Into<String>) -> Failure {
        let failure = Failure {
            message: message.into(),
            action: action.into(),
        };
        self.write(
            State::Failed,
            failure.message.clone(),
            Some(failure.action.clone()),
            None,
        );
        failure
    }

    fn write(&self, state: State, message: String, action: Option<String>, percent: Option<u8>) {
        let report = Report {
            component: self.component.to_owned(),
            state,
            message,
            action,
            percent,
        };
        let written = serde_json::to_vec(&report)
            .map_err(std::io::Error::from)
            .and_then(|bytes| {
                fs::create_dir_all(&self.folder)?;
                let path = self.folder.join(format!("{}.json", self.component));
                let new = path.with_extension("new");
                fs::write(&new, bytes)?;
                fs::rename(&new, &path)
            });
        if let Err(error) = written {
            eprintln!(
                "snobox-agent: cannot write to {}: {error}",
                self.folder.display()
            );
        }
    }
}
