//! The live ISO, as the real coreos-installer and xorriso see it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test code; a skip must be seen"
)]

#[allow(dead_code, reason = "each test binary uses a part of it")]
mod oracle;

use snobox_testkit::live_iso::{DEFAULT_KARGS, IGNITION_AREA_BYTES, VOLUME_NAME, live_iso};
use std::fs;
use tempfile::TempDir;

fn written() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("live.iso"), live_iso()).unwrap();
    dir
}

fn coreos_installer() -> Option<oracle::Oracle> {
    oracle::find("coreos-installer", "SNOBOX_COREOS_INSTALLER")
}

#[test]
fn the_image_is_the_same_each_time_and_whole_mebibytes() {
    let iso = live_iso();
    assert_eq!(iso, live_iso());
    assert_eq!(iso.len() % (1 << 20), 0);
    assert!((3..=4).contains(&(iso.len() >> 20)));
}

#[test]
fn the_mbr_has_the_whole_image_the_efi_partition_and_two_free_slots() {
    let iso = live_iso();
    assert_eq!(iso[510..512], [0x55, 0xaa]);
    assert_ne!(iso[440..444], [0; 4]);
    let lba = |at: usize| u32::from_le_bytes(iso[at..at + 4].try_into().unwrap());
    assert_eq!((iso[446], iso[450]), (0x80, 0x00));
    assert_eq!((lba(454), lba(458) as usize), (0, iso.len() / 512));
    assert_eq!((iso[462], iso[466]), (0x00, 0xef));
    assert_eq!(iso[478..510], [0; 32]);
}

#[test]
fn coreos_installer_embeds_shows_and_removes_an_ignition_config() {
    let Some(tool) = coreos_installer() else {
        return;
    };
    let dir = written();
    let config = r#"{"ignition":{"version":"3.2.0"}}"#;
    fs::write(dir.path().join("config.ign"), config).unwrap();
    tool.ok(
        dir.path(),
        &["iso", "ignition", "embed", "-i", "config.ign", "live.iso"],
    );
    assert_ne!(fs::read(dir.path().join("live.iso")).unwrap(), live_iso());
    assert_eq!(
        tool.ok(dir.path(), &["iso", "ignition", "show", "live.iso"]),
        config
    );
    tool.ok(dir.path(), &["iso", "ignition", "remove", "live.iso"]);
    assert_eq!(fs::read(dir.path().join("live.iso")).unwrap(), live_iso());
}

#[test]
fn coreos_installer_refuses_a_config_that_does_not_fit_the_area() {
    let Some(tool) = coreos_installer() else {
        return;
    };
    let dir = written();
    // Letters at random from a linear congruence: xz cannot make 400 KiB of them fit.
    let mut state = 1_u32;
    let noise: String = (0..IGNITION_AREA_BYTES * 2)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from(b'A' + (state >> 24) as u8 % 58)
        })
        .filter(|character| *character != '\\')
        .collect();
    let config = format!(
        r#"{{"ignition":{{"version":"3.2.0"}},"storage":{{"files":[{{"path":"/x","contents":{{"source":"data:,{noise}"}}}}]}}}}"#
    );
    fs::write(dir.path().join("config.ign"), config).unwrap();
    let output = tool.output(
        dir.path(),
        &["iso", "ignition", "embed", "-i", "config.ign", "live.iso"],
    );
    assert!(!output.status.success());
    assert_eq!(fs::read(dir.path().join("live.iso")).unwrap(), live_iso());
}

#[test]
fn coreos_installer_shows_modifies_and_resets_the_kernel_arguments() {
    let Some(tool) = coreos_installer() else {
        return;
    };
    let dir = written();
    let show = || tool.ok(dir.path(), &["iso", "kargs", "show", "live.iso"]);
    assert_eq!(show().trim_end(), DEFAULT_KARGS);
    tool.ok(
        dir.path(),
        &["iso", "kargs", "modify", "-a", "rd.neednet=1", "live.iso"],
    );
    assert_eq!(show().trim_end(), format!("{DEFAULT_KARGS} rd.neednet=1"));
    tool.ok(dir.path(), &["iso", "kargs", "reset", "live.iso"]);
    assert_eq!(fs::read(dir.path().join("live.iso")).unwrap(), live_iso());
}

#[test]
fn xorriso_reads_the_tree_the_boot_catalog_and_the_partitions() {
    let Some(tool) = oracle::find("xorriso", "SNOBOX_XORRISO") else {
        return;
    };
    let dir = written();
    let tree = tool.ok(
        dir.path(),
        &["-indev", "live.iso", "-find", "/", "-type", "f"],
    );
    let mut files: Vec<_> = tree.lines().map(|line| line.trim_matches('\'')).collect();
    files.sort_unstable();
    // xorriso does not count /isolinux/boot.cat as a file: it is the boot catalog, reported below.
    assert_eq!(
        files,
        [
            "/EFI/redhat/grub.cfg",
            "/coreos/features.json",
            "/coreos/igninfo.json",
            "/coreos/kargs.json",
            "/coreos/miniso.dat",
            "/images/efiboot.img",
            "/images/ignition.img",
            "/images/pxeboot/initrd.img",
            "/images/pxeboot/rootfs.img",
            "/images/pxeboot/vmlinuz",
            "/isolinux/isolinux.bin",
            "/isolinux/isolinux.cfg",
        ]
    );
    let volume = tool.ok(dir.path(), &["-indev", "live.iso", "-pvd_info"]);
    assert!(
        volume.contains(&format!("Volume Id    : {VOLUME_NAME}")),
        "{volume}"
    );
    let boot = tool.ok(
        dir.path(),
        &["-indev", "live.iso", "-report_el_torito", "plain"],
    );
    assert!(
        boot.contains("/isolinux/isolinux.bin") && boot.contains("/images/efiboot.img"),
        "{boot}"
    );
    let area = tool.ok(
        dir.path(),
        &["-indev", "live.iso", "-report_system_area", "plain"],
    );
    assert!(area.contains("GPT") && area.contains("0xef"), "{area}");
}

#[test]
fn xorriso_reads_every_byte_of_a_file_back() {
    let Some(tool) = oracle::find("xorriso", "SNOBOX_XORRISO") else {
        return;
    };
    let dir = written();
    tool.ok(
        dir.path(),
        &[
            "-osirrox",
            "on",
            "-indev",
            "live.iso",
            "-extract",
            "/images/ignition.img",
            "area",
        ],
    );
    assert_eq!(
        fs::read(dir.path().join("area")).unwrap(),
        vec![0; IGNITION_AREA_BYTES]
    );
}
