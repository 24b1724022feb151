//! Laws of the GPT reader and writer; real programs check the writer in `tests/gpt.rs`.

use std::io::Cursor;

use proptest::prelude::*;

use super::*;

const DISK: u64 = 8 << 20;

fn guid(text: &str) -> Guid {
    text.parse().unwrap()
}

fn table(sector_bytes: u64) -> Table {
    let disk = guid("11111111-2222-3333-4444-555555555555");
    let mut table = Table::new(sector_bytes, DISK, disk).unwrap();
    table.add_at_end(&cache("data", 2 << 20)).unwrap();
    table
}

fn cache(name: &str, size_bytes: u64) -> NewPartition<'_> {
    NewPartition {
        number: 9,
        kind: LINUX_FILE_SYSTEM,
        guid: guid("01234567-89ab-cdef-0123-456789abcdef"),
        name,
        size_bytes,
        alignment_bytes: 1 << 20,
    }
}

fn written(table: &Table, patches: usize) -> Vec<u8> {
    let mut disk = vec![0; DISK as usize];
    for patch in table.patches().iter().take(patches) {
        let at = patch.offset_bytes as usize;
        disk[at..at + patch.bytes.len()].copy_from_slice(&patch.bytes);
    }
    disk
}

fn found(disk: &[u8], sector_bytes: u64) -> Contents {
    read(&mut Cursor::new(disk), disk.len() as u64, sector_bytes).unwrap()
}

#[test]
fn a_guid_is_mixed_endian_on_disk() {
    // UEFI 2.10, appendix A: the EFI system partition's type, as text and as bytes.
    let esp = guid("C12A7328-F81F-11D2-BA4B-00A0C93EC93B");
    let bytes = [
        0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9,
        0x3b,
    ];
    assert_eq!(esp.to_disk(), bytes);
    assert_eq!(esp.to_string(), "c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
    for bad in ["", "c12a7328", "c12a7328-f81f-11d2-ba4b-00a0c93ec93g"] {
        assert!(bad.parse::<Guid>().is_err(), "{bad}");
    }
}

#[test]
fn the_partition_is_at_the_end_and_reads_back() {
    for sector_bytes in [512, 4096] {
        let table = table(sector_bytes);
        // 8 MiB less the table behind leaves 7 whole MiB: the partition has the last two of them.
        assert_eq!(table.partitions[0].offset_bytes(sector_bytes), 5 << 20);
        assert_eq!(table.partitions[0].size_bytes(sector_bytes), 2 << 20);
        let disk = written(&table, 5);
        let soundness = Soundness::Whole;
        assert_eq!(
            found(&disk, sector_bytes),
            Contents::Gpt { table, soundness }
        );
    }
}

#[test]
fn a_cut_at_any_patch_leaves_nothing_or_the_table() {
    let table = table(512);
    assert_eq!(found(&written(&table, 0), 512), Contents::Nothing);
    assert_eq!(found(&written(&table, 1), 512), Contents::Nothing);
    for patches in 2..5 {
        let Contents::Gpt {
            table: read,
            soundness,
        } = found(&written(&table, patches), 512)
        else {
            panic!("{patches} patches");
        };
        assert_eq!((read, soundness), (table.clone(), Soundness::Partial));
    }
}

#[test]
fn an_mbr_is_not_a_gpt_and_a_damaged_gpt_is_not_nothing() {
    let mut disk = vec![0; DISK as usize];
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    assert_eq!(found(&disk, 512), Contents::Nothing);
    disk[446 + 4] = 0x83;
    disk[446 + 9] = 8;
    disk[446 + 13] = 8;
    let partition = MbrPartition {
        number: 1,
        kind: 0x83,
        offset_bytes: 1 << 20,
        size_bytes: 1 << 20,
    };
    assert_eq!(found(&disk, 512), Contents::Mbr(vec![partition]));
    let mut disk = written(&table(512), 5);
    disk[512 + 60] ^= 1;
    let last = disk.len() - 512;
    disk[last + 60] ^= 1;
    assert_eq!(found(&disk, 512), Contents::Damaged);
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut table = table(512);
    let fault = |table: &mut Table, new: &NewPartition<'_>| table.add_at_end(new).unwrap_err();
    let number = AddError::Number { number: 9 };
    assert_eq!(fault(&mut table, &cache("x", 1 << 20)), number);
    let other = |name, size_bytes| NewPartition {
        number: 5,
        ..cache(name, size_bytes)
    };
    let overlap = AddError::Overlap { number: 9 };
    assert_eq!(fault(&mut table, &other("x", 1 << 20)), overlap);
    table.partitions.clear();
    let aligned = AddError::Alignment {
        size_bytes: 3 << 19,
        alignment_bytes: 1 << 20,
    };
    assert_eq!(fault(&mut table, &other("x", 3 << 19)), aligned);
    let small = AddError::TooSmall {
        disk_bytes: DISK,
        size_bytes: 7 << 20,
    };
    assert_eq!(fault(&mut table, &other("x", 7 << 20)), small);
    let long = "x".repeat(37);
    assert!(matches!(
        fault(&mut table, &other(&long, 1 << 20)),
        AddError::Name { .. }
    ));
    assert!(table.add_at_end(&other("x", 6 << 20)).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn any_bytes_can_be_read(edits in prop::collection::vec((0usize..20_000, any::<u8>()), 1..20)) {
        let mut disk = written(&table(512), 5);
        disk.truncate(1 << 16);
        for (at, byte) in edits {
            disk[at] = byte;
        }
        let _ = found(&disk, 512);
        let _ = found(&disk, 4096);
    }
}
