//! The lab doubts itself: one part after the other is taken out of a stick, each alone, and each time the guest must report the check that is there for that part.

mod take_out;

use std::fs;
use std::time::Duration;

pub use take_out::take_out;

use super::image::Image;
use super::lab::Lab;
use super::machine::{BootOrder, Firmware, Until};

/// The installation disk, as in the journeys.
const DISK_MIB: u64 = 20 << 10;
/// The guest gives a boot up after so many seconds, where an absent part lets it wait for ever; the check must fail by then, not the clock.
const PATIENCE: &str = "standin.patience=400";
/// Long enough for the live system, and for the installed one to be given up.
const LIMIT: Duration = Duration::from_secs(1500);

/// One part, and how its absence shows.
#[derive(Debug, PartialEq, Eq)]
pub struct Case {
    /// The part, as [`take_out()`] names it.
    pub part: &'static str,
    /// The check that must fail.
    check: &'static str,
}

const fn case(part: &'static str, check: &'static str) -> Case {
    Case { part, check }
}

/// Every drop-in, every file that leads a client to the mirror, and the option that keeps the partition.
///
/// Not here, as no stand-in reads them: `registries.d` (signature attachments) and the manifests for the cluster. Nor the live system's
/// `/etc/containers/registries.conf`: `registries.conf.d` says the same again, so that nothing is missing without it.
pub const CASES: [Case; 18] = [
    case(
        "/etc/systemd/system/release-image.service.d/50-snobox.conf",
        "registry-before-release-image",
    ),
    case(
        "/etc/systemd/system/crio.service.d/50-snobox.conf",
        "registry-before-crio",
    ),
    case(
        "/etc/systemd/system/kubelet.service.d/50-snobox.conf",
        "registry-before-kubelet",
    ),
    case(
        "/etc/systemd/system/bootkube.service.d/50-snobox.conf",
        "registry-before-bootkube",
    ),
    case(
        "/etc/systemd/system/node-image-pull.service.d/50-snobox.conf",
        "registry-before-node-image-pull",
    ),
    case(
        "/etc/systemd/system/install-to-disk.service.d/50-snobox.conf",
        "disk-before-install-to-disk",
    ),
    case(
        "/opt/openshift/manifests/image-digest-mirror-set.yaml",
        "oc-asked-mirror",
    ),
    case(
        "/etc/containers/registries.conf.d/50-snobox.conf",
        "first-try",
    ),
    case("save-partlabel", "cache-kept"),
    case(
        "installed:machine-config-daemon-pull.service",
        "installed-registry-before-machine-config-daemon-pull",
    ),
    case(
        "installed:machine-config-daemon-firstboot.service",
        "installed-registry-before-machine-config-daemon-firstboot",
    ),
    case(
        "installed:rpm-ostreed.service",
        "installed-registry-before-rpm-ostreed",
    ),
    case(
        "installed:nodeip-configuration.service",
        "installed-registry-before-nodeip-configuration",
    ),
    case("installed:crio.service", "installed-registry-before-crio"),
    case(
        "installed:kubelet.service",
        "installed-registry-before-kubelet",
    ),
    case(
        "installed:/etc/containers/registries.conf.d/50-snobox.conf",
        "installed-first-try",
    ),
    case(
        "installed:var-mnt-snobox.mount",
        "installed-cache-from-disk",
    ),
    case(
        "installed:snobox-registry.service",
        "installed-registry-steady",
    ),
];

/// Starts a machine with a stick that lacks the part, and waits for the check to fail; then there is nothing more to see.
///
/// # Errors
/// The check did not fail: it held, or was never reached.
pub fn notice(lab: &Lab, image: &Image, case: &Case) -> Result<(), String> {
    let name = format!("sabotage-{}", case.check);
    let stick = image.stick(lab, &name)?;
    image.take_out(&stick, case.part)?;
    // The installed system has a patience of its own, and the live one before it takes what it takes.
    if !case.part.starts_with(take_out::INSTALLED_PART) {
        image.append_karg(&stick, PATIENCE)?;
    }
    if super::journey::NODELESS_CHECKS.contains(&case.check) {
        image.append_karg(&stick, super::journey::NODELESS)?;
    }
    let mut machine = lab.machine(&name, Firmware::Uefi, DISK_MIB)?;
    machine.stick(&stick).order(BootOrder::StickFirst);
    let noticed = Until::PowerCut {
        key: "check".to_owned(),
        value: format!("{} FAILED", case.check),
        delay: Duration::ZERO,
    };
    let run = machine.run(&noticed, lab.limit().max(LIMIT))?;
    let said = run
        .results
        .values("check")
        .find(|value| value.starts_with(&format!("{} FAILED", case.check)));
    let Some(said) = said else {
        return Err(format!(
            "without {} the check {} did not fail; the guest ended as {:?}",
            case.part, case.check, run.ending
        ));
    };
    println!("without {}: check {said}", case.part);
    // A disk with a system on it takes a gigabyte, and there are many.
    for kind in ["disk", "stick"] {
        let file = lab.folder().join(format!("{name}.{kind}"));
        fs::remove_file(&file)
            .map_err(|error| format!("cannot remove {}: {error}", file.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_case_takes_out_another_part_and_waits_for_another_check() {
        let parts: BTreeSet<_> = CASES.iter().map(|case| case.part).collect();
        let checks: BTreeSet<_> = CASES.iter().map(|case| case.check).collect();
        assert_eq!((parts.len(), checks.len()), (CASES.len(), CASES.len()));
    }
}
