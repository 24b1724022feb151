//! Tests of the partition table. The sector is laid out as `isohybrid --uefi` does it; the expected entry is what
//! `sfdisk` writes for `start=8192, size=2048, type=83`, its CHS fields aside.

use proptest::prelude::*;

use super::*;

/// Slot 1: type 0x00, LBA 0, 4096 sectors; slot 2: 0xef, LBA 100, 64 sectors.
fn hybrid() -> [u8; 512] {
    let mut sector = [0; 512];
    sector[440..444].copy_from_slice(&[0x3d, 0x2c, 0x1b, 0x0a]);
    sector[446..462].copy_from_slice(&[0x80, 0, 1, 0, 0, 0x3f, 0xa0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0]);
    sector[462..478].copy_from_slice(&[
        0, 0xfe, 0xff, 0xff, 0xef, 0xfe, 0xff, 0xff, 100, 0, 0, 0, 64, 0, 0, 0,
    ]);
    sector[510..].copy_from_slice(&[0x55, 0xaa]);
    sector
}

fn add(slot: Slot, start: u64, sectors: u64) -> Result<EntryWrite, MbrError> {
    let mbr = Mbr::parse(&hybrid()).unwrap();
    mbr.add_partition(slot, 0x83, Lba(start), sectors, Lba(5000))
}

#[test]
fn a_hybrid_image_has_slots_three_and_four_free() {
    let mbr = Mbr::parse(&hybrid()).unwrap();
    assert_eq!(mbr.free_slots(), [Slot::Three, Slot::Four]);
    assert_eq!(mbr.end_of_used_lba(), Lba(4096));
    assert_eq!(mbr.disk_signature(), 0x0a1b_2c3d);
    assert_eq!(mbr.partition_uuid(Slot::Three), "0a1b2c3d-03");
    let efi = Partition {
        status: 0,
        kind: 0xef,
        start: Lba(100),
        sectors: 64,
    };
    assert_eq!(mbr.partition(Slot::Two), Some(&efi));
}

#[test]
fn a_sector_without_signature_is_refused() {
    assert_eq!(
        Mbr::parse(&[0; 512]),
        Err(MbrError::NoSignature { found: [0, 0] })
    );
}

#[test]
fn the_new_entry_has_the_documented_bytes() {
    let entry = add(Slot::Three, 8192, 2048).unwrap();
    assert_eq!(entry.offset_bytes, 478);
    assert_eq!(
        entry.bytes,
        [
            0, 0xfe, 0xff, 0xff, 0x83, 0xfe, 0xff, 0xff, 0, 0x20, 0, 0, 0, 8, 0, 0
        ]
    );
}

#[test]
fn a_used_slot_is_refused() {
    assert_eq!(
        add(Slot::One, 8192, 1),
        Err(MbrError::SlotInUse {
            slot: 1,
            kind: 0,
            start: 0,
            sectors: 4096
        })
    );
}

#[test]
fn overlaps_are_refused_and_the_first_free_sector_is_not() {
    assert_eq!(
        add(Slot::Three, 4999, 1),
        Err(MbrError::OverlapsIso {
            start: 4999,
            iso_end: 5000
        })
    );
    assert!(add(Slot::Three, 5000, 1).is_ok());
    let mbr = Mbr::parse(&hybrid()).unwrap();
    let short_iso =
        |start, sectors| mbr.add_partition(Slot::Four, 0x83, Lba(start), sectors, Lba(0));
    assert_eq!(
        short_iso(4095, 10),
        Err(MbrError::OverlapsPartition {
            start: 4095,
            end: 4105,
            slot: 1
        })
    );
    assert!(short_iso(4096, 10).is_ok());
}

#[test]
fn two_tebibytes_is_the_end_and_one_sector_more_is_refused() {
    let all = (1 << 32) - 5000;
    assert!(add(Slot::Four, 5000, all).is_ok());
    for (start, sectors) in [
        (5000, all + 1),
        (1 << 32, 1),
        (5000, u64::MAX),
        (u64::MAX, 1),
    ] {
        assert_eq!(
            add(Slot::Four, start, sectors),
            Err(MbrError::BeyondTwoTebibytes { start, sectors })
        );
    }
}

#[test]
fn empty_partitions_and_gpt_disks_are_refused() {
    assert_eq!(add(Slot::Three, 8192, 0), Err(MbrError::Empty));
    let mut sector = hybrid();
    sector[446 + 4] = 0xee;
    let mbr = Mbr::parse(&sector).unwrap();
    let result = mbr.add_partition(Slot::Three, 0x83, Lba(8192), 1, Lba(0));
    assert_eq!(result, Err(MbrError::ProtectiveEntry { slot: 1 }));
}

#[test]
fn bytes_are_rounded_up_to_sectors() {
    assert_eq!(Lba::at_or_after_byte(0), Lba(0));
    assert_eq!(Lba::at_or_after_byte(512), Lba(1));
    assert_eq!(Lba::at_or_after_byte(513), Lba(2));
    assert_eq!(Lba(3).offset_bytes(), 1536);
}

proptest! {
    #[test]
    fn any_sector_is_parsed_and_an_added_partition_is_read_back(
        head in proptest::collection::vec(any::<u8>(), 510),
        start in 0u64..1 << 33,
        sectors in 0u64..1 << 33,
        slot in proptest::sample::select(&Slot::ALL[..]),
    ) {
        let mut sector = [0; 512];
        sector[..510].copy_from_slice(&head);
        prop_assert!(Mbr::parse(&sector).is_err());
        sector[510..].copy_from_slice(&[0x55, 0xaa]);
        if start % 2 == 0 {
            sector[446..510].fill(0);
        }
        let mbr = Mbr::parse(&sector).unwrap();
        if let Ok(entry) = mbr.add_partition(slot, 0x83, Lba(start), sectors, Lba(0)) {
            let at = entry.offset_bytes as usize;
            sector[at..at + 16].copy_from_slice(&entry.bytes);
            let found = *Mbr::parse(&sector).unwrap().partition(slot).unwrap();
            prop_assert_eq!((found.start, found.kind), (Lba(start), 0x83));
            prop_assert_eq!(u64::from(found.sectors), sectors);
        }
    }
}
