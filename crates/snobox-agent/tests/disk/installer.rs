//! The real coreos-installer keeps the cache's partition.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::machine::{DISK_BYTES, Machine, possible, program};

/// A metal image as small as coreos-installer takes it.
fn metal_image(machine: &Machine) -> String {
    let path = machine.path("metal.raw");
    File::create(&path).unwrap().set_len(40 << 20).unwrap();
    let name = path.to_str().unwrap().to_owned();
    let layout = [
        "-n",
        "1:2048:+1M",
        "-c",
        "1:BIOS-BOOT",
        "-t",
        "1:ef02",
        "-n",
        "2:0:+4M",
        "-c",
        "2:EFI-SYSTEM",
        "-t",
        "2:ef00",
        "-n",
        "3:0:+16M",
        "-c",
        "3:boot",
        "-n",
        "4:0:+8M",
        "-c",
        "4:root",
        &name,
    ];
    program("sgdisk", &layout);
    name
}

/// The installer; on a machine without udev with stand-ins for it, in a mount namespace of its own, or it would refuse to work.
fn installer_command(machine: &Machine, installer: &OsStr) -> Command {
    if Path::new("/run/udev/control").exists() {
        return Command::new(installer);
    }
    let tools = machine.path("udev");
    fs::create_dir(&tools).unwrap();
    fs::write(tools.join("udevadm"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(tools.join("udevadm"), fs::Permissions::from_mode(0o755)).unwrap();
    let script =
        "mount -t tmpfs none /run && mkdir /run/udev && touch /run/udev/control && exec \"$@\"";
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c", script, "sh"])
        .arg(installer);
    command.env(
        "PATH",
        format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", tools.display()),
    );
    command
}

#[test]
fn coreos_installer_keeps_the_partition() {
    if !possible() {
        return;
    }
    let Some(installer) = std::env::var_os("SNOBOX_COREOS_INSTALLER") else {
        assert!(
            std::env::var_os("CI").is_none(),
            "SNOBOX_COREOS_INSTALLER is not set"
        );
        println!("SKIPPED: SNOBOX_COREOS_INSTALLER is not set");
        return;
    };
    // The installer wants a device that can have partitions.
    let machine = Machine::with_disk(DISK_BYTES, &["--partscan"]);
    machine.disk_ends_well();
    let offset = machine.partition_offset(512);
    let image = metal_image(&machine);
    let link = machine.path("link");
    let output = installer_command(&machine, &installer)
        .args([
            "install",
            "--insecure",
            "--save-partlabel",
            "data",
            "--image-file",
        ])
        .args([Path::new(&image), &link])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let table = program("sgdisk", &["-p", machine.disk.name()]);
    for name in ["BIOS-BOOT", "EFI-SYSTEM", "boot", "root", "data"] {
        assert!(table.contains(name), "{name} is not in {table}");
    }
    let entry = program("sgdisk", &["-i", "9", machine.disk.name()]);
    assert!(
        entry.contains(&machine.pins.installation.partition.uuid.to_uppercase()),
        "{entry}"
    );
    assert_eq!(machine.partition_offset(512), offset);
    machine.assert_copied(offset);
    assert!(machine.record(offset).starts_with(b"SNBXINST"));
    // Our disk with CoreOS on it is still ours.
    assert!(
        machine
            .disk_ends_well()
            .contains("0 pieces written, 24 were there")
    );
}
