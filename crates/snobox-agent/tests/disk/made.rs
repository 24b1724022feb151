//! What is made of a blank disk, and of one that may be erased.

use std::fs;

use snobox_image::pins::ExistingData;

use crate::machine::{DISK_BYTES, LABEL, Machine, PARTITION_BYTES, possible, program};

#[test]
fn a_blank_disk_gets_the_partition_at_its_end_and_the_cache_in_it() {
    let Some(machine) = Machine::possible() else {
        return;
    };
    let said = machine.disk_ends_well();
    assert!(said.contains("24 pieces written, 0 were there"), "{said}");
    let disk = machine.disk.name();
    assert!(program("sgdisk", &["-v", disk]).contains("No problems found"));
    assert!(program("sfdisk", &["--verify", disk]).contains("No errors detected"));
    let entry = program("sgdisk", &["-i", "9", disk]);
    for line in [
        "Partition GUID code: 0FC63DAF-8483-4772-8E79-3D69D8477DE4 (Linux filesystem)".to_owned(),
        format!(
            "Partition unique GUID: {}",
            machine.pins.installation.partition.uuid.to_uppercase()
        ),
        format!(
            "Partition size: {} sectors (32.0 MiB)",
            PARTITION_BYTES / 512
        ),
        format!("Partition name: '{LABEL}'"),
    ] {
        assert!(entry.contains(&line), "{line} is not in {entry}");
    }
    // 96 MiB less the table behind: whole MiB up to 95.
    assert_eq!(
        machine.partition_offset(512),
        DISK_BYTES - (1 << 20) - PARTITION_BYTES
    );
    machine.assert_copied(machine.partition_offset(512));
    let record = machine.record(machine.partition_offset(512));
    assert!(record.starts_with(b"SNBXINST\x01\0\0\0\x01\0\0\0"));
    assert_eq!(
        fs::read_link(machine.path("link")).unwrap(),
        machine.disk.node
    );
    let status = machine.status("disk");
    assert!(
        status.contains("\"done\"") && status.contains(disk),
        "{status}"
    );
    // The kernel shows the partition, and a foreign program likes what is in it.
    let partition = format!("{disk}p9");
    program("e2fsck", &["-f", "-n", &partition]);
    assert!(program("blkid", &["-p", &partition]).contains("LABEL=\"data\""));
}

#[test]
fn a_second_run_keeps_every_piece_and_the_table() {
    let Some(machine) = Machine::possible() else {
        return;
    };
    machine.disk_ends_well();
    let before = machine.disk.digest();
    let said = machine.disk_ends_well();
    assert!(said.contains("0 pieces written, 24 were there"), "{said}");
    assert!(said.contains("keep the partition table"), "{said}");
    assert_eq!(machine.disk.digest(), before);
}

#[test]
fn sectors_of_4096_bytes_work() {
    if !possible() {
        return;
    }
    let machine = Machine::with_disk(DISK_BYTES, &["--sector-size", "4096"]);
    machine.disk_ends_well();
    assert!(program("sgdisk", &["-v", machine.disk.name()]).contains("No problems found"));
    assert!(program("sfdisk", &["--verify", machine.disk.name()]).contains("No errors detected"));
    machine.assert_copied(machine.partition_offset(4096));
}

#[test]
fn a_foreign_disk_is_erased_when_the_site_says_so() {
    let Some(mut machine) = Machine::possible() else {
        return;
    };
    let disk = machine.disk.name().to_owned();
    program("sgdisk", &["-n", "1:0:+8M", "-c", "1:precious", &disk]);
    machine.pins.installation.existing_data = ExistingData::Erase;
    let dry = machine.disk_with(&["--dry-run"]);
    let said = String::from_utf8_lossy(&dry.stderr);
    assert!(said.contains(&format!("ERASE {disk}")), "{said}");
    assert!(program("sgdisk", &["-p", &disk]).contains("precious"));
    machine.disk_ends_well();
    let table = program("sgdisk", &["-p", &disk]);
    assert!(
        !table.contains("precious") && table.contains(LABEL),
        "{table}"
    );
    machine.assert_copied(machine.partition_offset(512));
}

#[test]
fn a_table_that_was_cut_short_is_written_again() {
    let Some(machine) = Machine::possible() else {
        return;
    };
    machine.disk_ends_well();
    // As after a cut between the two copies of the table.
    machine.disk.write(0, &[0; 34 * 512]);
    let said = machine.disk_ends_well();
    assert!(said.contains("a part of it is missing"), "{said}");
    assert!(said.contains("0 pieces written, 24 were there"), "{said}");
    assert!(program("sgdisk", &["-v", machine.disk.name()]).contains("No problems found"));
}
