//! The journey that snobox promises: a stick goes in, the machine installs itself and comes up from its disk, and no image byte has a network to come over.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::Path;
use std::time::Duration;

use super::image::Image;
use super::lab::Lab;
use super::machine::{BootOrder, Ending, Firmware, Run, Until};
use super::tool;

/// What the live boot must report (`guest/tree/usr/libexec/snobox-lab/live-checks.sh`).
const LIVE_CHECKS: [&str; 16] = [
    "no-network",
    "registry-before-release-image",
    "registry-before-crio",
    "registry-before-kubelet",
    "registry-before-bootkube",
    "certs-before-bootkube",
    "disk-before-install-to-disk",
    "registry-steady",
    "first-try",
    "no-upstream",
    "oc-asked-mirror",
    "bootstrap-images",
    "certificates",
    "cache-kept",
    "system-written",
    "no-failed-unit",
];
/// And from 4.19 on.
pub const NODELESS_CHECKS: [&str; 2] = ["registry-before-node-image-pull", "overlaid"];
/// What the first boot from the disk must report (`disk-checks.sh`).
const DISK_CHECKS: [&str; 16] = [
    "installed-no-network",
    "installed-registry-before-machine-config-daemon-pull",
    "installed-registry-before-machine-config-daemon-firstboot",
    "installed-registry-before-rpm-ostreed",
    "installed-registry-before-nodeip-configuration",
    "installed-registry-before-crio",
    "installed-registry-before-kubelet",
    "installed-registry-steady",
    "installed-first-try",
    "installed-no-upstream",
    "installed-release-complete",
    "installed-system-image",
    "installed-image-by-tag",
    "installed-cache-from-disk",
    "installed-medium-untouched",
    "installed-no-failed-unit",
];
/// What a later boot from the disk must report.
const AGAIN_CHECKS: [&str; 9] = [
    "again-no-network",
    "again-registry-before-crio",
    "again-registry-before-kubelet",
    "again-registry-steady",
    "again-first-try",
    "again-no-upstream",
    "again-cache-from-disk",
    "again-medium-untouched",
    "again-no-failed-unit",
];
/// Where snobox stopped the installation.
const STOPPED_CHECKS: [&str; 1] = ["nothing-installed"];

/// The installation disk: the system's partitions, and the cache's of 1 GiB.
const DISK_MIB: u64 = 20 << 10;
/// So slow that the copy of the cache, some 40 MB, takes twenty seconds.
const SLOW_BYTES_PER_SECOND: u64 = 2 << 20;
/// How often the power goes during the copy.
const CUTS: usize = 3;
/// The latest moment of a cut, after the copy was seen to go on. Three of them leave something to copy.
const LATEST_CUT_MILLISECONDS: u64 = 4000;
/// Kernel argument that makes the live system one of 4.19 and later.
pub const NODELESS: &str = "standin.nodeless";

/// UEFI, a release before 4.19, and a stick that lay in a drawer for more than a year. It stays in and is the firmware's first choice all the time.
pub fn uefi(lab: &Lab, image: &Image) -> Result<(), String> {
    let name = "journey-uefi";
    let mut machine = lab.machine(name, Firmware::Uefi, DISK_MIB)?;
    let later = clock("+400 days")?;
    machine
        .stick(&image.stick(lab, name)?)
        .order(BootOrder::StickFirst)
        .clock(Some(&later));
    // One run over both boots: after the installation, the machine must come up from its disk.
    let run = machine.run(&Until::Verdict, lab.limit())?;
    run.passed(&[&LIVE_CHECKS[..], &DISK_CHECKS[..]].concat())?;
    // The next start is the stick's again, and the guard hands over to the disk.
    let guarded = machine.run(&Until::Verdict, lab.limit())?;
    guarded.passed(&AGAIN_CHECKS)?;
    started_by_guard(&guarded)
}

/// BIOS, a release from 4.19 on, and the power goes three times while the cache is copied.
pub fn bios(lab: &Lab, image: &Image) -> Result<(), String> {
    let name = "journey-bios";
    let mut machine = lab.machine(name, Firmware::Bios, DISK_MIB)?;
    let stick = image.stick(lab, name)?;
    image.append_karg(&stick, NODELESS)?;
    machine
        .stick(&stick)
        .order(BootOrder::StickFirst)
        .write_limit(Some(SLOW_BYTES_PER_SECOND));
    for _ in 0..CUTS {
        let delay = Duration::from_millis(random() % LATEST_CUT_MILLISECONDS);
        println!("{name}: the power will go {delay:?} after the copy was seen to go on");
        let cut = Until::PowerCut {
            key: "phase".to_owned(),
            value: "disk-copying".to_owned(),
            delay,
        };
        let run = machine.run(&cut, lab.limit())?;
        run.ended(Ending::PowerCut, &[])?;
        if run.results.has("phase", "disk-copied") {
            return Err("the copy was through before the power was cut".to_owned());
        }
    }
    let live = machine.write_limit(None).run(&Until::Reboot, lab.limit())?;
    let checks = [&LIVE_CHECKS[..], &NODELESS_CHECKS[..]].concat();
    live.ended(Ending::Rebooted, &checks)?;
    // The stick comes first: the guard must not install again. It starts the disk's system from here.
    let guarded = machine.run(&Until::Verdict, lab.limit())?;
    guarded.passed(&DISK_CHECKS)?;
    started_by_guard(&guarded)
}

/// Another number each time: hashes of the standard library are seeded so.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A clock that fell back when its battery died: the certificates would be made for another year, so nothing goes on until somebody sets it.
pub fn wrong_clock(lab: &Lab, image: &Image) -> Result<(), String> {
    let name = "wrong-clock";
    let mut machine = lab.machine(name, Firmware::Bios, DISK_MIB)?;
    machine
        .stick(&image.stick(lab, name)?)
        .order(BootOrder::StickFirst)
        .clock(Some("2015-01-01T00:00:00"));
    let run = machine.run(&Until::Verdict, lab.limit())?;
    run.ended(Ending::Refused, &STOPPED_CHECKS)?;
    let said: Vec<&str> = run.results.values("certs-stopped").collect();
    let words = ["the clock is wrong: it says ", "sudo date -u -s"];
    if words
        .iter()
        .all(|word| said.iter().any(|said| said.contains(word)))
    {
        return Ok(());
    }
    Err(format!("nobody was told to set the clock: {said:?}"))
}

/// A moment relative to now, as the machine's clock takes it.
fn clock(when: &str) -> Result<String, String> {
    let printed = tool::call(
        Path::new("/"),
        "date",
        ["-u", "-d", when, "+%Y-%m-%dT%H:%M:%S"],
    )?;
    Ok(String::from_utf8_lossy(&printed).trim().to_owned())
}

/// One byte of a layer on the stick is wrong: nothing is installed, and the disk is what it was.
pub fn damage(lab: &Lab, image: &Image) -> Result<(), String> {
    let name = "damage";
    let mut machine = lab.machine(name, Firmware::Bios, DISK_MIB)?;
    let stick = image.stick(lab, name)?;
    image.damage_largest_blob(&stick)?;
    machine.stick(&stick).order(BootOrder::StickFirst);
    let run = machine.run(&Until::Verdict, lab.limit())?;
    run.ended(Ending::Refused, &STOPPED_CHECKS)?;
    let said: Vec<&str> = run
        .results
        .0
        .iter()
        .filter(|line| line.key.ends_with("-stopped"))
        .map(|line| line.value.as_str())
        .collect();
    if said
        .iter()
        .any(|value| value.contains("write the stick again"))
    {
        return Ok(());
    }
    Err(format!(
        "nobody was told to write the stick again: {said:?}"
    ))
}

/// The guard says on the console what it does; the machine restarts before anybody could report it.
fn started_by_guard(run: &Run) -> Result<(), String> {
    let console = std::fs::read(&run.console)
        .map_err(|error| format!("cannot read {}: {error}", run.console.display()))?;
    if String::from_utf8_lossy(&console).contains("snobox: this machine is installed") {
        return Ok(());
    }
    Err("the guard did not say that it started the disk".to_owned())
}
