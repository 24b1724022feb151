//! A problem in a document that a person wrote: where it is, what was given, what is allowed, what to do.

use std::fmt;

use crate::yaml::{Position, YamlError};

/// The path of a problem with the document as a whole.
pub const DOCUMENT: &str = "(document)";

/// One problem. All problems of a document are collected before anything is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub at: Position,
    /// Dotted path of the field: `node.interface.mac`, `images.additional[2]`.
    pub path: String,
    /// What is wrong, with what was given.
    pub given: String,
    /// What is allowed.
    pub allowed: String,
    /// What to write instead, where that can be guessed.
    pub hint: Option<String>,
}

impl From<YamlError> for Problem {
    fn from(error: YamlError) -> Self {
        Self {
            at: error.at,
            path: DOCUMENT.to_owned(),
            given: format!("not valid YAML: {error}"),
            allowed: String::new(),
            hint: None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}: {}: {}",
            self.at.line, self.at.column, self.path, self.given
        )?;
        if !self.allowed.is_empty() {
            write!(f, "; allowed: {}", self.allowed)?;
        }
        Ok(())
    }
}

/// The one of `known` that `given` was probably meant to be.
pub fn did_you_mean<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    let lower = given.to_lowercase();
    let score = |k: &str| strsim::jaro_winkler(&lower, &k.to_lowercase());
    known
        .iter()
        .copied()
        .map(|k| (score(k), k))
        .filter(|(s, _)| *s > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, k)| k)
}
