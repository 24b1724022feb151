//! Faults that ignitions of single nodes really had: those that hands leave behind, and those that keep a node from installing offline.
//!
//! Not for validating an Ignition configuration: `ignition-validate` does that, and finds none of these. Every rule has a stable id; a finding says
//! where, what was expected and found, and what to do, and quotes no content that could be a secret.
//!
//! | id | severity | rule |
//! |---|---|---|
//! | `decimal-mode` | error | a mode whose decimal digits are meant as octal permissions |
//! | `doubled-equals` | error | `Key==value` in a unit; a warning where the value is only shown to people |
//! | `unit-syntax` | warning | a line of a unit that systemd ignores |
//! | `order-wrong-target` | error | a unit that brings images orders itself before the network, and nothing that pulls waits for it |
//! | `order-no-effect` | warning | ordered before a unit of another installer |
//! | `unit-missing` | error | an ordering chain hangs on a unit that is not there; a warning when it is only wanted |
//! | `enabled-without-install` | warning | enabled, but no `[Install]` says what starts it |
//! | `duplicate` | error | a path or a unit given twice |
//! | `program-missing` | error | a unit or script starts a program that nothing brings; a warning in the installed system |
//! | `program-mode` | error | a unit starts a program that nobody may execute |
//! | `program-empty` | error | a unit starts an empty script |
//! | `image-for-undefined` | warning | `image_for` without the script that defines it |
//! | `image-for-unresolved` | warning | `image_for` with a name that cannot be told from the script |
//! | `release-differs` | error | scripts name different releases |
//! | `release-by-tag` | warning | the release is named by tag |
//! | `digest-mirrors-missing` | warning | `oc` asks for the release, and nothing sends it to a mirror |
//! | `empty-secret`, `empty-manifest`, `pull-secret` | error | keys, certificates, manifests or credentials are empty |
//! | `save-partlabel` | error | the disk is written without keeping the cache; a warning where there is none |
//! | `save-partlabel-pattern` | warning | the script's shell may replace the label by names of files |
//! | `yaml` | warning | a document that cannot be looked into |
//! | `layout` | warning | not as a known installer writes it |

mod disk;
mod duplicates;
mod modes;
mod order;
mod programs;
mod release;
mod secrets;
mod unit_file;
mod units;

use std::fmt;

use snobox_formats::ignition::Ignition;

use crate::installer::texts::Texts;
use crate::installer::{Layout, LayoutError};

pub use crate::installer::Place;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It does not do what it says.
    Error,
    /// It may be meant so.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule; stable.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Where.
    pub place: Place,
    /// What should stand there.
    pub expected: String,
    /// What does.
    pub found: String,
    /// What to do.
    pub hint: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}: {}: found {}, expected {}",
            self.severity, self.id, self.place, self.found, self.expected
        )
    }
}

/// What the rules look at.
struct Subject<'a> {
    ignition: &'a Ignition,
    texts: Texts,
    layout: Result<Layout, LayoutError>,
}

/// All faults, errors first, then by place.
pub fn lint(ignition: &Ignition) -> Vec<Finding> {
    let subject = Subject {
        ignition,
        texts: Texts::of(ignition),
        layout: Layout::detect(ignition),
    };
    let rules = [
        modes::check,
        units::check,
        order::check,
        programs::check,
        release::check,
        secrets::check,
        duplicates::check,
        disk::check,
        documents,
    ];
    let mut findings: Vec<_> = rules.iter().flat_map(|rule| rule(&subject)).collect();
    findings.sort_by(|a, b| (a.severity, &a.place, a.id).cmp(&(b.severity, &b.place, b.id)));
    findings.dedup();
    findings
}

/// Documents that cannot be read, and anchors of the layout that are not there.
fn documents(subject: &Subject<'_>) -> Vec<Finding> {
    let unreadable = subject.texts.unreadable.iter().map(|(place, why)| Finding {
        id: "yaml",
        severity: Severity::Warning,
        place: place.clone(),
        expected: "one YAML document without anchors".to_owned(),
        found: why.clone(),
        hint: "units and files in this document are not looked at".to_owned(),
    });
    let problems = match &subject.layout {
        Ok(_) => &[],
        Err(error) => error.problems.as_slice(),
    };
    let anchors = problems.iter().map(|problem| Finding {
        id: "layout",
        severity: Severity::Warning,
        place: Place::whole(&problem.anchor),
        expected: problem.expected.clone(),
        found: problem.found.clone(),
        hint: "`snobox build` takes what `openshift-install create single-node-ignition-config` of 4.12 to 4.20 wrote, unchanged".to_owned(),
    });
    unreadable.chain(anchors).collect()
}
