//! What is refused, and that the disk is the same afterwards.

use snobox_image::pins::{DiskHints, ExistingData};

use crate::machine::{DISK_BYTES, MIB, Machine, possible, program, unique};

fn refused_untouched(machine: &Machine) -> String {
    let before = machine.disk.digest();
    let said = machine.disk_fails();
    assert_eq!(machine.disk.digest(), before, "{said}");
    said
}

#[test]
fn partitions_and_file_systems_are_listed_and_kept() {
    let Some(machine) = Machine::possible() else {
        return;
    };
    let disk = machine.disk.name();
    program(
        "sgdisk",
        &[
            "-n",
            "1:2048:+20M",
            "-c",
            "1:precious",
            "-n",
            "2:0:+8M",
            disk,
        ],
    );
    let file = machine.path("fs");
    std::fs::File::create(&file)
        .unwrap()
        .set_len(20 * MIB)
        .unwrap();
    program("mkfs.ext4", &["-q", "-L", "photos", file.to_str().unwrap()]);
    machine.disk.write(MIB, &std::fs::read(&file).unwrap());
    let said = refused_untouched(&machine);
    for words in [
        "partition 1 `precious`, 20971520 bytes, ext4 photos",
        "partition 2 ``, 8388608 bytes, nothing known in it",
        "node.installationDisk.existingData: erase",
    ] {
        assert!(said.contains(words), "{words} is not in {said}");
    }
}

#[test]
fn an_mbr_a_whole_file_system_and_lvm_are_foreign() {
    let Some(machine) = Machine::possible() else {
        return;
    };
    let disk = machine.disk.name();
    program("mkfs.ext4", &["-q", "-F", "-L", "photos", disk]);
    assert!(refused_untouched(&machine).contains("on the whole disk: ext4 photos"));
    machine.disk.write(0, &vec![0; 2 * MIB as usize]);
    // A label of LVM2 as `pvcreate` writes it (lib/format_text/layout.h), with its CRC.
    program("wipefs", &["-a", disk]);
    let mut mbr = vec![0; 512];
    mbr[446..462].copy_from_slice(&[0, 0, 0, 0, 0x8e, 0, 0, 0, 0, 8, 0, 0, 0, 0x80, 0, 0]);
    mbr[510..].copy_from_slice(&[0x55, 0xaa]);
    machine.disk.write(0, &mbr);
    let said = refused_untouched(&machine);
    assert!(
        said.contains("partition 1 (MBR, type 0x8e), 16777216 bytes"),
        "{said}"
    );
}

#[test]
fn the_cache_of_another_image_is_named() {
    let Some(mut machine) = Machine::possible() else {
        return;
    };
    machine.disk_ends_well();
    machine.pins.installation.partition.uuid = unique();
    let said = refused_untouched(&machine);
    let words =
        "the cache of another snobox image: site bip, image 01234567-89ab-cdef-0123-456789abcdef";
    assert!(said.contains(words), "{said}");
}

#[test]
fn a_stranger_beside_our_partition_is_foreign() {
    let Some(machine) = Machine::possible() else {
        return;
    };
    machine.disk_ends_well();
    program(
        "sgdisk",
        &["-n", "1:0:+8M", "-c", "1:precious", machine.disk.name()],
    );
    assert!(refused_untouched(&machine).contains("`precious`"));
}

#[test]
fn a_small_disk_is_refused_with_expected_and_found() {
    if !possible() {
        return;
    }
    let machine = Machine::with_disk(60 * MIB, &[]);
    let said = refused_untouched(&machine);
    assert!(
        said.contains("has 62914560 bytes, expected at least 69206016"),
        "{said}"
    );
    let said = machine.disk_with(&["--system-minimum", "17179869184"]);
    assert!(!said.status.success());
}

#[test]
fn several_disks_are_refused_with_all_of_them() {
    if !possible() {
        return;
    }
    let mut machine = Machine::with_disk(40 << 30, &[]);
    let other = Machine::another_disk(machine.folder.path(), "other", 41 << 30, &[]);
    machine.pins.installation.disk = DiskHints {
        min_size_bytes: Some(39 << 30),
        ..DiskHints::default()
    };
    let said = machine.disk_fails();
    assert!(said.contains("2 disks of this machine could be"), "{said}");
    for words in [
        machine.disk.name(),
        other.name(),
        machine.stick.name(),
        "it is the stick",
        "node.installationDisk",
    ] {
        assert!(said.contains(words), "{words} is not in {said}");
    }
}

#[test]
fn the_stick_itself_is_refused_even_to_be_erased() {
    let Some(mut machine) = Machine::possible() else {
        return;
    };
    machine.pins.installation.existing_data = ExistingData::Erase;
    std::fs::write(machine.path("cache-device"), machine.disk.name()).unwrap();
    let said = refused_untouched(&machine);
    assert!(said.contains("it is the stick"), "{said}");
}

#[test]
fn a_mounted_disk_is_refused_even_to_be_erased() {
    if !possible() {
        return;
    }
    let mut machine = Machine::with_disk(DISK_BYTES, &[]);
    machine.pins.installation.existing_data = ExistingData::Erase;
    let disk = machine.disk.name().to_owned();
    program("mkfs.ext4", &["-q", "-F", &disk]);
    let place = machine.path("mounted");
    std::fs::create_dir(&place).unwrap();
    let place = place.to_str().unwrap();
    program("mount", &["-o", "ro", &disk, place]);
    let said =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| refused_untouched(&machine)));
    program("umount", &[place]);
    let said = said.unwrap();
    assert!(
        said.contains(&format!("{disk} is mounted on {place}")),
        "{said}"
    );
}
