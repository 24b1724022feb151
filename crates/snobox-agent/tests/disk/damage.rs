//! Bytes that are not what they were, on the stick and on the disk.

use crate::machine::{BLOB_NAME, CACHE_BYTES, CACHE_OFFSET, Loop, Machine, program};

/// Offset within the stick of the middle of the blob, as debugfs says.
fn middle_of_blob(machine: &Machine) -> u64 {
    let cache = machine.path("cache");
    let request = format!("blocks /store/blobs/sha256/{BLOB_NAME}");
    let blocks = program("debugfs", &["-R", &request, cache.to_str().unwrap()]);
    let blocks: Vec<u64> = blocks
        .split_whitespace()
        .filter_map(|b| b.parse().ok())
        .collect();
    CACHE_OFFSET + blocks[blocks.len() / 2] * 4096 + 77
}

/// The stick with one bit flipped.
fn damaged(machine: &mut Machine, offset: u64) {
    let file = machine.stick.file.clone();
    machine.stick = Loop::new(file, &[]);
    machine.stick.flip(offset);
    std::fs::write(machine.path("cache-device"), machine.stick.name()).unwrap();
}

#[test]
fn a_flipped_bit_on_the_stick_is_named_and_nothing_is_recorded() {
    let Some(mut machine) = Machine::possible() else {
        return;
    };
    let offset = middle_of_blob(&machine);
    damaged(&mut machine, offset);
    let said = machine.disk_fails();
    let piece = (offset - CACHE_OFFSET) / (1 << 20) + 1;
    for words in [
        format!("piece {piece} of 24 of its cache"),
        format!("blob sha256:{BLOB_NAME} lies there"),
        "write the stick again".to_owned(),
    ] {
        assert!(said.contains(&words), "{words} is not in {said}");
    }
    let record = machine.record(machine.partition_offset(512));
    assert!(record.iter().all(|byte| *byte == 0));
}

#[test]
fn a_flipped_bit_in_the_seal_is_found_before_the_disk_is_touched() {
    let Some(mut machine) = Machine::possible() else {
        return;
    };
    damaged(&mut machine, CACHE_OFFSET + CACHE_BYTES + 40);
    let before = machine.disk.digest();
    let said = machine.disk_fails();
    assert!(said.contains("the seal of the cache on"), "{said}");
    assert_eq!(machine.disk.digest(), before);
}

#[test]
fn a_flipped_bit_on_the_disk_is_found_and_mended_by_the_next_run() {
    let Some(machine) = Machine::possible() else {
        return;
    };
    machine.disk_ends_well();
    let offset = machine.partition_offset(512);
    machine.disk.flip(offset + (5 << 20) + 1234);
    let said = machine.disk_ends_well();
    assert!(said.contains("1 pieces written, 23 were there"), "{said}");
    machine.assert_copied(offset);
}
