//! `snobox-agent guard` on loop devices: which machines it lets be installed, and how it starts the others. The programs that would restart the machine are
//! stand-ins that write down how they were called.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

#[path = "../disk/machine.rs"]
#[allow(dead_code, reason = "shared with the tests of `disk`")]
mod machine;

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;

use machine::{Machine, program};

const ESP_GUID: &str = "18ADD345-44B0-44DD-9AA9-FEAE671B7D2E";

/// Writes CoreOS to the disk as its installer leaves it, and as its first start does when `started`.
fn install(machine: &Machine, started: bool) {
    let disk = machine.disk.name();
    let esp = format!("2:{ESP_GUID}");
    let layout = [
        "-n",
        "1:2048:+1M",
        "-c",
        "1:BIOS-BOOT",
        "-n",
        "2:0:+4M",
        "-c",
        "2:EFI-SYSTEM",
        "-u",
        &esp,
        "-n",
        "3:14336:+16M",
        "-c",
        "3:boot",
        "-n",
        "4:0:+8M",
        "-c",
        "4:root",
        disk,
    ];
    program("sgdisk", &layout);
    let tree = machine.path("boot-tree");
    fs::create_dir_all(tree.join("loader/entries")).unwrap();
    fs::create_dir_all(tree.join("ostree")).unwrap();
    for version in ["1", "2"] {
        let entry = format!(
            "version {version}\noptions root=UUID=x $ignition_firstboot rw\nlinux /ostree/vmlinuz-{version}\ninitrd /ostree/initrd-{version}\n"
        );
        fs::write(
            tree.join(format!("loader/entries/ostree-{version}.conf")),
            entry,
        )
        .unwrap();
        fs::write(
            tree.join(format!("ostree/vmlinuz-{version}")),
            format!("kernel {version}"),
        )
        .unwrap();
        fs::write(
            tree.join(format!("ostree/initrd-{version}")),
            format!("initrd {version}"),
        )
        .unwrap();
    }
    if !started {
        fs::write(tree.join("ignition.firstboot"), "").unwrap();
    }
    let image = machine.path("boot-image");
    File::create(&image).unwrap().set_len(16 << 20).unwrap();
    program(
        "mkfs.ext4",
        &[
            "-q",
            "-L",
            "boot",
            "-d",
            tree.to_str().unwrap(),
            image.to_str().unwrap(),
        ],
    );
    machine.disk.write(14336 * 512, &fs::read(&image).unwrap());
}

/// Leaves the partition `boot` as a power cut does, moments after the first start took `ignition.firstboot` away: what happened last is in the journal alone.
fn cut_in_first_start(machine: &Machine, features: &str) {
    let (image, tree) = (machine.path("boot-image"), machine.path("boot-tree"));
    let (image, tree) = (image.to_str().unwrap(), tree.to_str().unwrap());
    program(
        "mkfs.ext4",
        &["-q", "-F", "-O", features, "-d", tree, image],
    );
    let folder = machine.path("mounted");
    fs::create_dir(&folder).unwrap();
    let mounted = folder.to_str().unwrap();
    program("mount", &["-o", "loop,commit=1", image, mounted]);
    fs::remove_file(folder.join("ignition.firstboot")).unwrap();
    program("sync", &["-f", mounted]);
    let cut = fs::read(image).unwrap();
    program("umount", &[mounted]);
    machine.disk.write(14336 * 512, &cut);
}

#[test]
fn a_system_whose_power_went_in_its_first_start_counts_as_started() {
    let Some(machine) = Machine::possible() else {
        return;
    };
    stand_in(&machine, "systemctl", "");
    stand_in(&machine, "kexec", "");
    machine.disk_ends_well();
    install(&machine, false);
    passes(&machine, "is not installed");
    cut_in_first_start(&machine, "metadata_csum,64bit");
    stops(&machine);
}

#[test]
fn a_machine_that_was_installed_is_left_alone_whatever_its_boot_partition_looks_like() {
    let Some(machine) = Machine::possible() else {
        return;
    };
    stand_in(&machine, "systemctl", "");
    stand_in(&machine, "kexec", "");
    machine.disk_ends_well();
    install(&machine, false);
    let output = machine.guard(&["--mark-installed"]);
    assert!(output.status.success());
    cut_in_first_start(&machine, "^metadata_csum");
    stops(&machine);
    machine.disk.write(14336 * 512, &[0x5a; 1 << 20]);
    let console = stops(&machine);
    assert!(console.contains("unplug the stick"), "{console}");
}

/// Stand-ins that append their command line to `calls`.
fn stand_in(machine: &Machine, name: &str, rest: &str) {
    let folder = machine.path("tools");
    fs::create_dir_all(&folder).unwrap();
    let calls = machine.path("calls");
    let script = format!(
        "#!/bin/sh\necho \"{name} $*\" >>{}\n{rest}\n",
        calls.display()
    );
    fs::write(folder.join(name), script).unwrap();
    fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).unwrap();
}

fn calls(machine: &Machine) -> String {
    fs::read_to_string(machine.path("calls")).unwrap_or_default()
}

fn passes(machine: &Machine, words: &str) {
    let output = machine.guard(&[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains(words), "{said}");
    assert_eq!(calls(machine), "");
    assert!(machine.status("guard").contains("\"done\""));
}

fn stops(machine: &Machine) -> String {
    fs::write(machine.path("console"), "").unwrap();
    let output = machine.guard(&[]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{said}");
    fs::read_to_string(machine.path("console")).unwrap()
}

#[test]
fn machines_that_are_not_installed_pass() {
    let Some(machine) = Machine::possible() else {
        return;
    };
    passes(&machine, "is not installed");
    machine.disk_ends_well();
    passes(&machine, "is not installed");
    // Written, but never marked and never started: the installer may have been cut.
    install(&machine, false);
    passes(&machine, "is not installed");
    fs::write(machine.path("cache-device"), machine.disk.name()).unwrap();
    passes(&machine, "is not installed");
}

#[test]
fn a_started_system_stops_the_stick_unless_it_is_to_be_installed_again() {
    let Some(machine) = Machine::possible() else {
        return;
    };
    stand_in(&machine, "kexec", "exit 1");
    stand_in(&machine, "systemctl", "");
    machine.disk_ends_well();
    install(&machine, true);
    let console = stops(&machine);
    let unplug = "unplug the stick and switch the machine off and on";
    assert!(console.contains(unplug), "{console}");
    let status = machine.status("guard");
    assert!(
        status.contains("\"failed\"") && status.contains(unplug),
        "{status}"
    );
    assert!(!calls(&machine).contains("systemctl"));
    fs::remove_file(machine.path("calls")).unwrap();
    fs::write(machine.path("cmdline"), "quiet snobox.reinstall\n").unwrap();
    passes(&machine, "is installed again because of snobox.reinstall");
}

#[test]
fn without_uefi_the_newest_kernel_is_started() {
    let Some(machine) = Machine::possible() else {
        return;
    };
    stand_in(
        &machine,
        "kexec",
        "cat \"$2\" >>\"$(dirname \"$0\")/../calls\"",
    );
    stand_in(&machine, "systemctl", "");
    machine.disk_ends_well();
    install(&machine, true);
    stops(&machine);
    let expected = "kexec --load /run/snobox/kexec/vmlinuz --initrd=/run/snobox/kexec/initrd --command-line=root=UUID=x rw\nkernel 2systemctl kexec\n";
    assert_eq!(calls(&machine), expected);
    assert!(
        machine
            .status("guard")
            .contains("starting it from its disk")
    );
}

#[test]
fn with_uefi_the_disk_is_started_next_and_an_entry_made_if_there_is_none() {
    let Some(machine) = Machine::possible() else {
        return;
    };
    fs::create_dir(machine.path("efi")).unwrap();
    let made = machine.path("made");
    let script = format!(
        "printf 'BootCurrent: 0001\\nBoot0001* UEFI stick\\tUsbWwid(1,2)\\n'\ncase \"$*\" in *--create-only*) touch {0};; esac\nif test -e {0}; then printf 'Boot00A7* x\\tHD(2,GPT,%s,0x1000,0x2000)/File(x)\\n' 18add345-44b0-44dd-9aa9-feae671b7d2e; fi",
        made.display()
    );
    stand_in(&machine, "efibootmgr", &script);
    stand_in(&machine, "systemctl", "");
    machine.disk_ends_well();
    install(&machine, false);
    let output = machine.guard(&["--mark-installed"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let offset = machine.partition_offset(512);
    assert!(
        machine
            .record(offset)
            .starts_with(b"SNBXINST\x01\0\0\0\x02\0\0\0")
    );
    machine.assert_copied(offset);
    let disk = machine.disk.name();
    let create = format!(
        "efibootmgr -v\nefibootmgr --create-only --disk {disk} --part 2 --loader \\EFI\\BOOT\\BOOTX64.EFI --label snobox installed system\n"
    );
    let said = calls(&machine);
    assert_eq!(
        said,
        format!("{create}efibootmgr -v\nefibootmgr --bootnext 00A7\n")
    );

    fs::remove_file(machine.path("calls")).unwrap();
    let console = stops(&machine);
    assert!(console.contains("starting it from its disk"), "{console}");
    assert_eq!(
        calls(&machine),
        "efibootmgr -v\nefibootmgr --bootnext 00A7\nsystemctl reboot\n"
    );
    // A run of `disk` takes the mark away: the installer will write the system anew.
    machine.disk_ends_well();
    fs::remove_file(machine.path("calls")).unwrap();
    passes(&machine, "is not installed");
}

#[test]
fn a_disk_without_a_copied_cache_or_a_system_is_not_marked() {
    let Some(machine) = Machine::possible() else {
        return;
    };
    let output = machine.guard(&["--mark-installed"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("0 disks have the cache's partition"),
        "{said}"
    );
    // The service of the installer's script was stopped before it wrote the system.
    machine.disk_ends_well();
    let output = machine.guard(&["--mark-installed"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("there is no whole system"),
        "{said}"
    );
    let offset = machine.partition_offset(512);
    machine.disk.flip(offset + machine::PARTITION_BYTES - 2000);
    let output = machine.guard(&["--mark-installed"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("has no record"),
        "{said}"
    );
}
