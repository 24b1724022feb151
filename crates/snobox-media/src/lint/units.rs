//! Units, wherever they stand: syntax, enabling, and the units that they hang on.

use std::collections::BTreeSet;

use super::unit_file::UnitFile;
use super::{Finding, Severity, Subject};
use crate::installer::texts::{Boot, UnitText};

/// Units that only the installer brings: whoever needs one that is not in the ignition waits for nothing, or never starts.
const INSTALLERS: [&str; 13] = [
    "release-image.service",
    "crio-configure.service",
    "bootkube.service",
    "install-to-disk.service",
    "approve-csr.service",
    "progress.service",
    "chown-gatewayd-key.service",
    "node-image-pull.service",
    "node-image-overlay.service",
    "node-image-overlay.target",
    "node-image-finish.service",
    "release-image-pivot.service",
    "precache-images.service",
];
const OURS: &str = "snobox-";

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for unit in &subject.texts.units {
        let file = UnitFile::parse(&unit.text);
        syntax(unit, &file, &mut findings);
        enabled(unit, &file, &mut findings);
        needs(subject, unit, &file, &mut findings);
    }
    findings
}

fn syntax(unit: &UnitText, file: &UnitFile, findings: &mut Vec<Finding>) {
    for setting in &file.settings {
        // `ConditionKernelVersion==5.10` compares; the first sign of its value is an operator.
        let compares = setting.key.starts_with("Condition") || setting.key.starts_with("Assert");
        if !setting.value.starts_with('=') || compares {
            continue;
        }
        let shown = matches!(setting.key.as_str(), "Description" | "Documentation");
        findings.push(Finding {
            id: "doubled-equals",
            severity: if shown {
                Severity::Warning
            } else {
                Severity::Error
            },
            place: unit.place(setting.line),
            expected: format!("{}= in {}", setting.key, unit.name),
            found: format!("{}==", setting.key),
            hint: "the second sign becomes part of the value; delete it".to_owned(),
        });
    }
    for line in &file.ignored {
        findings.push(Finding {
            id: "unit-syntax",
            severity: Severity::Warning,
            place: unit.place(*line),
            expected: format!("a section, a setting or a comment in {}", unit.name),
            found: "a line without an equals sign".to_owned(),
            hint: "systemd ignores the line".to_owned(),
        });
    }
}

fn enabled(unit: &UnitText, file: &UnitFile, findings: &mut Vec<Finding>) {
    let installs = file.sections.iter().any(|section| section == "Install");
    if unit.enabled != Some(true) || unit.drop_in || unit.text.trim().is_empty() || installs {
        return;
    }
    findings.push(Finding {
        id: "enabled-without-install",
        severity: Severity::Warning,
        place: unit.whole(),
        expected: format!("a section [Install] in {}", unit.name),
        found: "enabled, but no [Install]".to_owned(),
        hint: "add WantedBy=multi-user.target, or do not enable the unit".to_owned(),
    });
}

fn needs(subject: &Subject<'_>, unit: &UnitText, file: &UnitFile, findings: &mut Vec<Finding>) {
    let here: BTreeSet<&str> = subject
        .texts
        .units
        .iter()
        .filter(|other| other.boot == unit.boot && !other.drop_in)
        .map(|other| other.name.as_str())
        .chain(
            subject
                .ignition
                .unit_names()
                .filter(|_| unit.boot == Boot::Live),
        )
        .collect();
    // A drop-in of a unit that does not exist does nothing.
    if unit.drop_in && INSTALLERS.contains(&unit.name.as_str()) && !here.contains(&*unit.name) {
        return;
    }
    let known = |name: &str| {
        name.starts_with(OURS) || (unit.boot == Boot::Live && INSTALLERS.contains(&name))
    };
    let strong: BTreeSet<_> = file.words(&["Requires", "Requisite", "BindsTo"]).collect();
    let weak = file.words(&["Wants", "After"]);
    let required: BTreeSet<&str> = strong.iter().map(|(_, name)| *name).collect();
    let weak = weak.filter(|(_, name)| !required.contains(name));
    let all = strong.iter().copied().map(|need| (Severity::Error, need));
    for (severity, (line, name)) in all.chain(weak.map(|need| (Severity::Warning, need))) {
        if !known(name) || here.contains(name) {
            continue;
        }
        let needs = if severity == Severity::Error {
            "requires"
        } else {
            "waits for"
        };
        findings.push(Finding {
            id: "unit-missing",
            severity,
            place: unit.place(line),
            expected: format!("the unit {name}"),
            found: format!(
                "{} {needs} it, and the ignition does not bring it",
                unit.name
            ),
            hint: "put the unit back, or order with a drop-in instead of taking units out"
                .to_owned(),
        });
    }
}
