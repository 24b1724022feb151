//! From the reports of the other commands and the traces of the installer to one overview: phase, percent, what to do now.
//!
//! ```text
//! <status folder>/*.json                      reports (see `report`)
//! <root>/opt/openshift/.bootkube.done         the cluster's first configuration is made; the disk is written next
//! <root>/opt/openshift/coreos-installer.done  the system is on the disk
//! <root>/opt/openshift/.install-to-disk.done  all is done; the machine restarts
//! ```

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use serde::Serialize;

use crate::report::{Report, State};

/// Reports larger than this are not reports.
const MAX_REPORT_BYTES: u64 = 64 * 1024;
/// More components than this are not shown.
const MAX_REPORTS: usize = 16;
/// Components in the order in which they begin.
const ORDER: [&str; 5] = ["cache", "guard", "registry", "certs", "disk"];
/// What to do when there is nothing to do.
const WAIT: &str = "nothing: wait";

/// Everything that is shown. Its JSON form is drawn in `page`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Overview {
    pub(crate) version: u32,
    pub(crate) phase: Phase,
    pub(crate) title: String,
    pub(crate) percent: Option<u8>,
    pub(crate) action: String,
    pub(crate) components: Vec<Report>,
}

/// How far the installation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Phase {
    /// Nothing has reported yet.
    Starting,
    /// Stick and disk are being made ready.
    Preparing,
    /// The installer runs in memory.
    Installing,
    /// The system is being written to the disk.
    Writing,
    /// The system is on the disk.
    Restarting,
    /// Something failed.
    Stopped,
}

impl Phase {
    /// In plain words.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Starting => "Starting from the stick",
            Self::Preparing => "Step 1 of 3: making the stick and the disk ready",
            Self::Installing => "Step 2 of 3: preparing the cluster",
            Self::Writing => "Step 3 of 3: writing the system to the disk",
            Self::Restarting => "Installed: the machine restarts from its disk",
            Self::Stopped => "STOPPED: somebody has to help",
        }
    }
}

/// What the installer has left.
#[derive(Clone, Copy, Debug, Default)]
struct Traces {
    bootstrapped: bool,
    installed: bool,
}

impl Overview {
    /// Reads reports and traces. What cannot be read is taken as not there.
    pub(crate) fn read(folder: &Path, root: &Path) -> Self {
        let trace = |name: &str| root.join("opt/openshift").join(name).exists();
        let traces = Traces {
            bootstrapped: trace(".bootkube.done"),
            installed: trace("coreos-installer.done") || trace(".install-to-disk.done"),
        };
        Self::of(reports(folder), traces)
    }

    fn of(mut components: Vec<Report>, traces: Traces) -> Self {
        let place = |report: &Report| ORDER.iter().position(|name| *name == report.component);
        components.sort_by_key(|report| {
            (
                place(report).unwrap_or(ORDER.len()),
                report.component.clone(),
            )
        });
        let with = |state| components.iter().find(move |report| report.state == state);
        let phase = if traces.installed {
            Phase::Restarting
        } else if with(State::Failed).is_some() {
            Phase::Stopped
        } else if traces.bootstrapped {
            Phase::Writing
        } else if components.is_empty() {
            Phase::Starting
        } else if with(State::Working).is_some() || !is_serving(&components) {
            Phase::Preparing
        } else {
            Phase::Installing
        };
        let asked = components
            .iter()
            .filter(|report| report.state == State::Done)
            .find_map(|report| report.action.clone());
        let action = match (phase, with(State::Failed)) {
            (Phase::Restarting, _) => "unplug the stick as soon as the machine restarts".to_owned(),
            (Phase::Stopped, Some(report)) => call(report),
            _ => asked.unwrap_or_else(|| WAIT.to_owned()),
        };
        let percent = components
            .iter()
            .filter(|report| report.state == State::Working)
            .find_map(|report| report.percent);
        Self {
            version: 1,
            phase,
            title: phase.title().to_owned(),
            percent,
            action,
            components,
        }
    }
}

/// Whether images can be pulled; before that the installer waits.
fn is_serving(components: &[Report]) -> bool {
    let registry = components
        .iter()
        .find(|report| report.component == "registry");
    registry.is_some_and(|report| report.state == State::Done)
}

/// What a technician can do alone is said as it is; for everything else somebody has to be called.
fn call(failed: &Report) -> String {
    match &failed.action {
        Some(action) if action.starts_with("unplug") || action.starts_with("switch") => {
            action.clone()
        }
        Some(action) => format!("call: {action}"),
        None => "call: nobody here knows what to do".to_owned(),
    }
}

fn reports(folder: &Path) -> Vec<Report> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let files = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut files: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .collect();
    files.sort();
    files
        .into_iter()
        .take(MAX_REPORTS)
        .filter_map(|path| {
            let mut text = Vec::new();
            let file = File::open(path).ok()?;
            file.take(MAX_REPORT_BYTES).read_to_end(&mut text).ok()?;
            serde_json::from_slice(&text).ok()
        })
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn report(component: &str, state: State, percent: Option<u8>) -> Report {
        Report {
            component: component.to_owned(),
            state,
            message: format!("about {component}"),
            action: None,
            percent,
        }
    }

    pub(crate) fn overview(components: Vec<Report>) -> Overview {
        Overview::of(components, Traces::default())
    }

    #[test]
    fn the_phases_follow_each_other() {
        let busy = || vec![report("registry", State::Working, None)];
        let copying = || {
            vec![
                report("disk", State::Working, Some(45)),
                report("registry", State::Done, None),
            ]
        };
        let ready = || {
            vec![
                report("disk", State::Done, None),
                report("registry", State::Done, None),
            ]
        };
        let none = Traces::default();
        let bootstrapped = Traces {
            bootstrapped: true,
            ..none
        };
        let installed = Traces {
            installed: true,
            ..bootstrapped
        };
        for (reports, traces, phase, percent) in [
            (vec![], none, Phase::Starting, None),
            (busy(), none, Phase::Preparing, None),
            (
                vec![report("guard", State::Done, None)],
                none,
                Phase::Preparing,
                None,
            ),
            (copying(), none, Phase::Preparing, Some(45)),
            (ready(), none, Phase::Installing, None),
            (ready(), bootstrapped, Phase::Writing, None),
            (ready(), installed, Phase::Restarting, None),
        ] {
            let overview = Overview::of(reports, traces);
            assert_eq!((overview.phase, overview.percent), (phase, percent));
        }
    }

    #[test]
    fn a_failure_says_whom_to_ask_or_what_to_do() {
        let mut failed = report("disk", State::Failed, None);
        failed.action = Some("name one disk in site.yaml".to_owned());
        let of = |report: &Report| overview(vec![report.clone()]);
        assert_eq!(of(&failed).phase, Phase::Stopped);
        assert_eq!(of(&failed).action, "call: name one disk in site.yaml");
        failed.action = Some("unplug the stick and switch the machine off and on".to_owned());
        assert_eq!(
            of(&failed).action,
            "unplug the stick and switch the machine off and on"
        );
        // With the system on the disk, nothing on the stick matters any more.
        let traces = Traces {
            bootstrapped: true,
            installed: true,
        };
        assert_eq!(
            Overview::of(vec![failed], traces).action,
            "unplug the stick as soon as the machine restarts"
        );
    }

    #[test]
    fn what_a_finished_component_asks_for_is_said() {
        let mut done = report("guard", State::Done, None);
        assert_eq!(overview(vec![done.clone()]).action, "nothing: wait");
        done.action = Some("unplug the stick".to_owned());
        assert_eq!(overview(vec![done]).action, "unplug the stick");
    }
}
