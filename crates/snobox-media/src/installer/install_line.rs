//! The line of `install-to-disk.sh` that writes the disk.
//!
//! Source of truth: openshift/installer `data/data/bootstrap/bootstrap-in-place/files/usr/local/bin/install-to-disk.sh.template`, unchanged from 4.12 to
//! 4.20; coreos-installer 0.27 `install --help` for which options take a value.

use glob::Pattern;

use super::shell::{Command, Word};

/// The ignition of the installed system, as the installer's script calls it.
const IGNITION: &str = "/opt/openshift/master.ign";

/// Options of `coreos-installer install` that take a value in a word of its own.
const WITH_VALUE: [&str; 27] = [
    "-c",
    "--config-file",
    "-s",
    "--stream",
    "-u",
    "--image-url",
    "-f",
    "--image-file",
    "-i",
    "--ignition-file",
    "-I",
    "--ignition-url",
    "--ignition-hash",
    "-a",
    "--architecture",
    "-p",
    "--platform",
    "--console",
    "--append-karg",
    "--delete-karg",
    "--network-dir",
    "--save-partlabel",
    "--save-partindex",
    "--image-base-url",
    "--stream-base-url",
    "--fetch-retries",
    "--sector-size",
];

/// How coreos-installer is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstallLine {
    /// The line in the script, from 1.
    pub line: usize,
    /// Labels of partitions to keep, as given to `--save-partlabel`: shell patterns, several separated by commas.
    pub save_partlabels: Vec<String>,
    /// Whether one of these labels has a pattern character outside of quotes, so that the script's shell looks for files of that name.
    pub unquoted_pattern: bool,
    /// Whether partitions are kept by number.
    pub saves_by_index: bool,
    /// The device; empty when the line has none.
    pub target: String,
}

impl InstallLine {
    /// Whether a partition of this label is kept. Patterns mean what they mean to coreos-installer.
    pub fn keeps(&self, label: &str) -> bool {
        let mut patterns = self.save_partlabels.iter().flat_map(|l| l.split(','));
        patterns.any(|pattern| Pattern::new(pattern).is_ok_and(|p| p.matches(label)))
    }
}

/// Reads the one command `coreos-installer install` among the commands of the script; the error says what was found.
pub(super) fn parse(commands: &[Command]) -> Result<InstallLine, String> {
    let mut installs = commands
        .iter()
        .filter(|command| command.runs(&["coreos-installer", "install"]));
    let (Some(command), None) = (installs.next(), installs.next()) else {
        let count = commands
            .iter()
            .filter(|command| command.runs(&["coreos-installer", "install"]))
            .count();
        return Err(format!("{count} such commands"));
    };
    let mut found = InstallLine {
        line: command.line,
        save_partlabels: Vec::new(),
        unquoted_pattern: false,
        saves_by_index: false,
        target: String::new(),
    };
    let mut ignition = None;
    let mut words = command.run().iter().skip(2);
    while let Some(word) = words.next() {
        if !word.text.starts_with('-') {
            if found.target.is_empty() {
                found.target.clone_from(&word.text);
            }
            continue;
        }
        let (option, value) = match word.text.split_once('=') {
            Some((option, value)) => (option, (value, word.pattern)),
            None if WITH_VALUE.contains(&word.text.as_str()) => {
                let value = words.next();
                let text = value.map_or("", |w: &Word| w.text.as_str());
                (word.text.as_str(), (text, value.is_some_and(|w| w.pattern)))
            }
            None => (word.text.as_str(), ("", false)),
        };
        match option {
            "-i" | "--ignition-file" => ignition = Some(value.0),
            "--save-partlabel" => {
                found.save_partlabels.push(value.0.to_owned());
                found.unquoted_pattern |= value.1;
            }
            "--save-partindex" => found.saves_by_index = true,
            _ => {}
        }
    }
    match ignition {
        Some(IGNITION) => Ok(found),
        Some(other) => Err(format!("line {}: -i {other}", command.line)),
        None => Err(format!("line {}: no -i", command.line)),
    }
}
