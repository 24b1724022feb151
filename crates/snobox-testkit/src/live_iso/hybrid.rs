//! The partition tables that make the ISO a disk image too, as `isohybrid --uefi` leaves them.
//!
//! ```text
//! MBR  1  active, type 0x00, from LBA 0, the whole image      2  type 0xef, efiboot.img      3, 4  empty
//! GPT  header at LBA 1, entries at LBA 2 and backups at the end: "ISOHybrid ISO" and "ISOHybrid"; there is no 0xee
//!      entry in the MBR, so Linux goes by the MBR
//! ```
//!
//! Sources: syslinux `utils/isohybrid.c`; UEFI specification 2.10, 5.3. An LBA here is 512 bytes.

use super::content::EFI_BOOT;
use super::tree::{SECTOR, Tree};
use flate2::Crc;

const LBA: usize = 512;
const ENTRIES: usize = 128;
const ENTRY_BYTES: usize = 128;
/// Space behind the file system for the backup entries and header, in bytes.
pub(super) const BACKUP_BYTES: usize = ENTRIES * ENTRY_BYTES + LBA;

/// MBR disk id of every practice ISO.
const DISK_ID: u32 = 0x534e_4f42;
/// `EBD0A0A2-B9E5-4433-87C0-68B6B72699C7`, basic data, as it is stored.
const BASIC_DATA: [u8; 16] = [
    0xa2, 0xa0, 0xd0, 0xeb, 0xe5, 0xb9, 0x33, 0x44, 0x87, 0xc0, 0x68, 0xb6, 0xb7, 0x26, 0x99, 0xc7,
];
const DISK_GUID: [u8; 16] = *b"snobox-practice0";
const ISO_GUID: [u8; 16] = *b"snobox-practice1";
const EFI_GUID: [u8; 16] = *b"snobox-practice2";

/// First and last LBA of a partition.
struct Span {
    first: u64,
    last: u64,
}

/// Writes MBR and both partition tables into a finished image.
pub(super) fn write_tables(image: &mut [u8], tree: &Tree) {
    let total = (image.len() / LBA) as u64;
    let iso = Span {
        first: 0,
        last: (tree.sectors() * SECTOR / LBA) as u64 - 1,
    };
    let extent = tree.file(EFI_BOOT);
    let first = u64::from(extent.sector) * (SECTOR / LBA) as u64;
    let efi = Span {
        first,
        last: first + u64::from(extent.length_bytes).div_ceil(LBA as u64) - 1,
    };

    write_mbr(image, total, &efi);
    let entries = gpt_entries(&iso, &efi);
    let backup_entries = total - 1 - (entries.len() / LBA) as u64;
    for (own, other, at) in [(1, total - 1, 2), (total - 1, 1, backup_entries)] {
        let header = gpt_header(own, other, at, total, &entries);
        put(image, own as usize * LBA, &header);
        put(image, at as usize * LBA, &entries);
    }
}

fn write_mbr(image: &mut [u8], total: u64, efi: &Span) {
    // Where a BIOS would start: an endless jump, because nothing here boots.
    put(image, 0, &[0xeb, 0xfe]);
    put(image, 440, &DISK_ID.to_le_bytes());
    // 64 heads of 32 sectors: a cylinder is 1 MiB, and the image is whole cylinders.
    let last_cylinder = (total / 2048 - 1) as u8;
    put(
        image,
        446,
        &mbr_entry([0x80, 0, 1, 0], [0x00, 0x3f, 0x20, last_cylinder], 0, total),
    );
    let size = efi.last - efi.first + 1;
    put(
        image,
        462,
        &mbr_entry(
            [0, 0xfe, 0xff, 0xff],
            [0xef, 0xfe, 0xff, 0xff],
            efi.first,
            size,
        ),
    );
    put(image, 510, &[0x55, 0xaa]);
}

/// `head`: flag and first CHS; `tail`: type and last CHS.
fn mbr_entry(head: [u8; 4], tail: [u8; 4], first: u64, count: u64) -> [u8; 16] {
    let mut entry = [0; 16];
    entry[..4].copy_from_slice(&head);
    entry[4..8].copy_from_slice(&tail);
    entry[8..12].copy_from_slice(&(first as u32).to_le_bytes());
    entry[12..].copy_from_slice(&(count as u32).to_le_bytes());
    entry
}

fn gpt_entries(iso: &Span, efi: &Span) -> Vec<u8> {
    let mut entries = vec![0; ENTRIES * ENTRY_BYTES];
    for (number, (guid, span, name)) in [
        (ISO_GUID, iso, "ISOHybrid ISO"),
        (EFI_GUID, efi, "ISOHybrid"),
    ]
    .into_iter()
    .enumerate()
    {
        let start = number * ENTRY_BYTES;
        put(&mut entries, start, &BASIC_DATA);
        put(&mut entries, start + 16, &guid);
        put(&mut entries, start + 32, &span.first.to_le_bytes());
        put(&mut entries, start + 40, &span.last.to_le_bytes());
        for (index, unit) in name.encode_utf16().enumerate() {
            put(&mut entries, start + 56 + 2 * index, &unit.to_le_bytes());
        }
    }
    entries
}

/// A header at LBA `own`, whose twin is at `other` and whose entries are at `at`.
fn gpt_header(own: u64, other: u64, at: u64, total: u64, entries: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 92];
    let entry_lbas = (entries.len() / LBA) as u64;
    put(&mut header, 0, b"EFI PART\0\0\x01\0\x5c\0\0\0");
    for (offset, number) in [
        (24, own),
        (32, other),
        (40, 2 + entry_lbas),
        (48, total - 2 - entry_lbas),
        (72, at),
    ] {
        put(&mut header, offset, &number.to_le_bytes());
    }
    put(&mut header, 56, &DISK_GUID);
    for (offset, number) in [
        (80, ENTRIES as u32),
        (84, ENTRY_BYTES as u32),
        (88, crc32(entries)),
    ] {
        put(&mut header, offset, &number.to_le_bytes());
    }
    let checksum = crc32(&header);
    put(&mut header, 16, &checksum.to_le_bytes());
    header
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn put(image: &mut [u8], offset: usize, bytes: &[u8]) {
    image[offset..offset + bytes.len()].copy_from_slice(bytes);
}
