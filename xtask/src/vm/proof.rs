//! Proofs of the virtual machine itself, without snobox: that it starts, installs, keeps a partition and loses its power as a real one does.

use std::time::Duration;

use super::ignition::Document;
use super::lab::Lab;
use super::machine::{BootOrder, Ending, Firmware, Until};

/// SHA-256 of what the proof writes to the partition that is to be kept, its first 32 MiB, by sha256sum:
/// `(yes snobox | head -c 1M; head -c 31M /dev/zero) | sha256sum`.
const KEPT_SHA256: &str = "050a78743f946fd854b056b44e3f8d618816ba66b238b9d16ef9f73561bdd5c5";

const LIVE_CHECKS: [&str; 10] = [
    "no-network",
    "read-only-system",
    "firmware",
    "whole-disk-mounted",
    "ignition-applied",
    "only-enabled-units",
    "devices",
    "prepare",
    "install",
    "partition-kept",
];
const INSTALLED_CHECKS: [&str; 9] = [
    "installed-no-network",
    "installed-firmware",
    "installed-ignition",
    "installed-enabled",
    "installed-first-boot",
    "installed-kernel-argument",
    "installed-root-grown",
    "installed-partition-kept",
    "installed-containers",
];

const AGAIN_CHECKS: [&str; 4] = [
    "again-no-network",
    "again-no-ignition",
    "again-kept-var",
    "again-partition-kept",
];

/// A stick boots it, coreos-installer installs, the disk boots.
pub fn machine(lab: &Lab, firmware: Firmware) -> Result<(), String> {
    let name = format!("machine-{firmware:?}").to_lowercase();
    let mut machine = lab.machine(&name, firmware, 2048)?;
    let installed = document(firmware, "installed", include_str!("proof/installed.sh"));
    let mut live = document(firmware, "live", include_str!("proof/live.sh"));
    live.file("/etc/proof/installed.ign", 0o600, &installed.text());
    let stick = lab.stick(&format!("{name}.stick"), &live.text())?;
    machine.stick(&stick);
    match firmware {
        Firmware::Bios => {
            let live = machine
                .order(BootOrder::StickFirst)
                .run(&Until::Reboot, lab.limit())?;
            live.ended(Ending::Rebooted, &LIVE_CHECKS)?;
            let installed = machine
                .order(BootOrder::DiskFirst)
                .run(&Until::Verdict, lab.limit())?;
            installed.passed(&INSTALLED_CHECKS)?;
        }
        Firmware::Uefi => {
            // The disk is blank at first: the firmware goes on to the stick.
            let run = machine
                .order(BootOrder::DiskFirst)
                .run(&Until::Verdict, lab.limit())?;
            run.passed(&[&LIVE_CHECKS[..], &INSTALLED_CHECKS[..]].concat())?;
        }
    }
    // Once more from the disk alone: no Ignition now, and what was written is still there.
    let again = machine.without_stick().run(&Until::Verdict, lab.limit())?;
    again.passed(&AGAIN_CHECKS)
}

/// Its power can be cut, and it boots again afterwards with what was on its disk.
pub fn cut(lab: &Lab) -> Result<(), String> {
    let mut machine = lab.machine("machine-cut", Firmware::Bios, 2048)?;
    let script = include_str!("proof/cut.sh");
    let stick = lab.stick(
        "machine-cut.stick",
        &document(Firmware::Bios, "live", script).text(),
    )?;
    machine.stick(&stick).write_limit(Some(8 << 20));
    let cut = Until::PowerCut {
        key: "phase".to_owned(),
        value: "writing".to_owned(),
        delay: Duration::from_secs(3),
    };
    let run = machine.run(&cut, lab.limit())?;
    run.ended(Ending::PowerCut, &["no-network"])?;
    if run.results.has("phase", "written") {
        return Err(
            "the disk was written before the power was cut: the throttle does not work".to_owned(),
        );
    }
    let clock = "2031-05-06T07:08:09";
    let run = machine
        .write_limit(None)
        .clock(Some(clock))
        .run(&Until::Verdict, lab.limit())?;
    run.passed(&["no-network", "written-before-the-cut", "clock"])
}

/// An ignition whose unit runs the proof's script, with one unit beside it that is enabled and one that is not.
fn document(firmware: Firmware, config: &str, script: &str) -> Document {
    let unit = |command: &str, more: &str| {
        format!(
            "[Unit]\nDescription=Proof of the machine\n{more}[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart={command}\n\
             StandardOutput=journal+console\n[Install]\nWantedBy=multi-user.target\n"
        )
    };
    let mut document = Document::default();
    let variables = format!("FIRMWARE={firmware:?}\nKEPT_SHA256={KEPT_SHA256}\n").to_lowercase();
    let variables = variables
        .replace("firmware=", "FIRMWARE=")
        .replace("kept_sha256=", "KEPT_SHA256=");
    document
        .file("/etc/proof/config", 0o640, config)
        .file(
            "/usr/local/bin/proof-report.sh",
            0o644,
            &(variables + include_str!("proof/report.sh")),
        )
        .file("/usr/local/bin/proof", 0o755, script)
        .unit(
            "proof.service",
            true,
            &unit("/usr/local/bin/proof", "After=proof-enabled.service\n"),
        )
        .unit("proof-enabled.service", true, &unit("/bin/true", ""))
        .unit("proof-disabled.service", false, &unit("/bin/true", ""));
    document
}
