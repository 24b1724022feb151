//! Writing the disk: the partition of the cache must be kept.

use snobox_image::pins::{PATH, Pins};

use super::{Finding, Severity, Subject};
use crate::installer::texts::Place;
use crate::installer::{INSTALL_TO_DISK, install_line};

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let text = |path| {
        subject
            .texts
            .live_file(path)
            .and_then(|file| file.text.as_deref())
    };
    let Some(line) = text(INSTALL_TO_DISK).and_then(|script| install_line(script).ok()) else {
        return Vec::new();
    };
    let label = text(PATH)
        .and_then(|pins| Pins::parse(pins.as_bytes()).ok())
        .map(|pins| pins.installation.partition.label);
    let place = Place::at(INSTALL_TO_DISK, line.line);
    let mut findings = Vec::new();
    let labels: Vec<&str> = line
        .save_partlabels
        .iter()
        .flat_map(|l| l.split(','))
        .collect();
    let kept = match &label {
        None => !labels.is_empty() || line.saves_by_index,
        Some(label) => line.keeps(label),
    };
    if !kept {
        let (severity, expected) = match &label {
            Some(label) => (Severity::Error, format!("--save-partlabel '{label}'")),
            None => (Severity::Warning, "--save-partlabel 'LABEL'".to_owned()),
        };
        findings.push(Finding {
            id: "save-partlabel",
            severity,
            place: place.clone(),
            expected,
            found: match labels.len() {
                0 => "no partition is kept".to_owned(),
                _ => format!("--save-partlabel {}", labels.join(",")),
            },
            hint: "coreos-installer replaces the partition table: give the option in `bootstrapInPlace.installationDisk` of the install-config, before the device".to_owned(),
        });
    }
    if line.unquoted_pattern {
        findings.push(Finding {
            id: "save-partlabel-pattern",
            severity: Severity::Warning,
            place,
            expected: "the label in single quotes".to_owned(),
            found: format!("--save-partlabel {}", labels.join(",")),
            hint: "the shell looks for files of that name first; quotes in `installationDisk` arrive in the script".to_owned(),
        });
    }
    findings
}
