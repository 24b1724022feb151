//! Who must be ready before whom: what brings images goes before what pulls them, and the network has nothing to do with it.

use super::unit_file::UnitFile;
use super::{Finding, Severity, Subject};
use crate::installer::texts::{Boot, Texts, UnitText};
use crate::lint::programs::script_of;

/// Before this target, the network is not configured yet: a point in time that says nothing about images.
const TOO_EARLY: [&str; 1] = ["network-pre.target"];
/// Units of the assisted installer's live system: an ignition of bootstrap in place never has them.
const OTHER_INSTALLERS: [&str; 2] = ["agent.service", "assisted-service.service"];

/// Units that pull images in the live system.
const LIVE: [&str; 6] = [
    "node-image-pull.service",
    "release-image.service",
    "crio-configure.service",
    "crio.service",
    "kubelet.service",
    "bootkube.service",
];
/// Units that pull images in the installed system, and what they are started for.
const INSTALLED: [&str; 7] = [
    "machine-config-daemon-pull.service",
    "machine-config-daemon-firstboot.service",
    "rpm-ostreed.service",
    "nodeip-configuration.service",
    "kubelet-dependencies.target",
    "crio.service",
    "kubelet.service",
];

/// What a unit that brings images does.
const BRINGS: [&str; 7] = [
    "podman ",
    "skopeo ",
    "crictl ",
    "containers-storage:",
    "mount ",
    "/dev/disk/",
    "/dev/sd",
];

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let texts = &subject.texts;
    let mut findings = Vec::new();
    for unit in &texts.units {
        let file = UnitFile::parse(&unit.text);
        for (line, name) in file.words(&["Before"]) {
            if TOO_EARLY.contains(&name)
                && brings_images(texts, unit)
                && !is_waited_for(texts, unit)
            {
                let pullers = pullers(unit.boot).join(", ");
                findings.push(Finding {
                    id: "order-wrong-target",
                    severity: Severity::Error,
                    place: unit.place(line),
                    expected: format!("Before= one of those that pull images: {pullers}"),
                    found: format!("{} is only ordered before {name}", unit.name),
                    hint: "what pulls images does not wait for this unit, and goes to the network"
                        .to_owned(),
                });
            }
            if OTHER_INSTALLERS.contains(&name) && !has(texts, name) {
                findings.push(Finding {
                    id: "order-no-effect",
                    severity: Severity::Warning,
                    place: unit.place(line),
                    expected: "a unit of this live system".to_owned(),
                    found: format!(
                        "{} before {name}, which belongs to the assisted installer",
                        unit.name
                    ),
                    hint: "the line does nothing; delete it".to_owned(),
                });
            }
        }
    }
    findings
}

fn pullers(boot: Boot) -> &'static [&'static str] {
    match boot {
        Boot::Live => &LIVE,
        Boot::Installed => &INSTALLED,
    }
}

fn has(texts: &Texts, name: &str) -> bool {
    texts.units.iter().any(|unit| unit.name == name)
}

fn brings_images(texts: &Texts, unit: &UnitText) -> bool {
    let does = |text: &str| BRINGS.iter().any(|sign| text.contains(sign));
    does(&unit.text) || script_of(texts, unit).iter().any(|script| does(script))
}

/// Whether one that pulls images comes after the unit, by its own words or by those of the other.
fn is_waited_for(texts: &Texts, unit: &UnitText) -> bool {
    texts
        .units
        .iter()
        .filter(|other| other.boot == unit.boot)
        .any(|other| {
            let file = UnitFile::parse(&other.text);
            let mut before = file.words(&["Before"]);
            let mut after = file.words(&["After"]);
            let pulls = |name: &str| pullers(unit.boot).contains(&name);
            (other.name == unit.name && before.any(|(_, name)| pulls(name)))
                || (pulls(&other.name) && after.any(|(_, name)| name == unit.name))
        })
}
