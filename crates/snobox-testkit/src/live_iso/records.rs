//! Records of ISO 9660 (ECMA-119, 4th edition) with Rock Ridge names (RRIP 1.09), and El Torito 1.0.
//!
//! Numbers that ISO 9660 stores twice, little- and big-endian, are written by [`both_u16`] and [`both_u32`].

use super::VOLUME_NAME;
use super::tree::SECTOR;

/// 2026-01-01 00:00:00 UTC, as a directory record has it (9.1.5).
const RECORD_TIME: [u8; 7] = [126, 1, 1, 0, 0, 0, 0];
/// The same moment, as a volume descriptor has it (8.4.26.1).
const VOLUME_TIME: [u8; 17] = *b"2026010100000000\0";
const DIRECTORY_FLAG: u8 = 2;

/// A 16-bit number in both byte orders.
fn both_u16(number: u16) -> [u8; 4] {
    let (little, big) = (number.to_le_bytes(), number.to_be_bytes());
    [little[0], little[1], big[0], big[1]]
}

/// A 32-bit number in both byte orders.
fn both_u32(number: u32) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&number.to_le_bytes());
    bytes[4..].copy_from_slice(&number.to_be_bytes());
    bytes
}

/// Where a file or directory is: first sector, and length in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) sector: u32,
    pub(super) length_bytes: u32,
}

/// What a directory record is for.
pub(super) enum Entry<'a> {
    /// `.` of the root directory, which also announces Rock Ridge.
    Root,
    /// `.`
    This,
    /// `..`
    Parent,
    /// A directory by its true name.
    Directory(&'a str),
    /// A file by its true name.
    File(&'a str),
}

/// The level-1 identifier of a name: upper case, extension cut to three characters.
pub(super) fn level_1(name: &str) -> String {
    let upper = name.to_uppercase();
    match upper.split_once('.') {
        Some((stem, extension)) => format!("{stem}.{}", &extension[..extension.len().min(3)]),
        None => upper,
    }
}

/// One directory record (9.1), with the Rock Ridge fields behind it.
pub(super) fn directory_record(entry: &Entry<'_>, extent: Extent) -> Vec<u8> {
    let (identifier, name, is_directory) = match entry {
        Entry::Root | Entry::This => (vec![0], None, true),
        Entry::Parent => (vec![1], None, true),
        Entry::Directory(name) => (level_1(name).into_bytes(), Some(*name), true),
        Entry::File(name) => (
            format!("{};1", level_1(name)).into_bytes(),
            Some(*name),
            false,
        ),
    };
    let mut record = vec![0, 0];
    record.extend(both_u32(extent.sector));
    record.extend(both_u32(extent.length_bytes));
    record.extend(RECORD_TIME);
    record.push(if is_directory { DIRECTORY_FLAG } else { 0 });
    record.extend([0, 0]);
    record.extend(both_u16(1));
    record.push(identifier.len() as u8);
    record.extend(&identifier);
    if record.len() % 2 == 1 {
        record.push(0);
    }
    record.extend(rock_ridge(entry, name, is_directory));
    if record.len() % 2 == 1 {
        record.push(0);
    }
    record[0] = record.len() as u8;
    record
}

/// `SP` and `ER` on the root's own entry, `PX` (mode, links, owner) on all, `NM` (true name) where there is one.
fn rock_ridge(entry: &Entry<'_>, name: Option<&str>, is_directory: bool) -> Vec<u8> {
    let mut fields = Vec::new();
    if matches!(entry, Entry::Root) {
        fields.extend(*b"SP\x07\x01\xbe\xef\x00");
    }
    let mode: u32 = if is_directory { 0o040_555 } else { 0o100_444 };
    fields.extend(*b"PX\x24\x01");
    for number in [mode, if is_directory { 2 } else { 1 }, 0, 0] {
        fields.extend(both_u32(number));
    }
    if let Some(name) = name {
        fields.extend(*b"NM");
        fields.extend([5 + name.len() as u8, 1, 0]);
        fields.extend(name.bytes());
    }
    if matches!(entry, Entry::Root) {
        fields.extend(*b"ER\x12\x01\x0a\x00\x00\x01RRIP_1991A");
    }
    fields
}

/// One path table record (9.4), with `number` bytes in the table's own order.
pub(super) fn path_record(identifier: &[u8], sector: [u8; 4], parent: [u8; 2]) -> Vec<u8> {
    let mut record = vec![identifier.len() as u8, 0];
    record.extend(sector);
    record.extend(parent);
    record.extend(identifier);
    if record.len() % 2 == 1 {
        record.push(0);
    }
    record
}

/// What the primary volume descriptor says about the volume.
pub(super) struct Volume {
    pub(super) sectors: u32,
    pub(super) path_table_bytes: u32,
    /// Sector of the little-endian path table; the big-endian one follows in the next.
    pub(super) path_table_sector: u32,
    pub(super) root: Extent,
}

/// The primary volume descriptor (8.4).
pub(super) fn primary_descriptor(volume: &Volume) -> Vec<u8> {
    let mut sector = vec![0; SECTOR];
    let mut put =
        |offset: usize, bytes: &[u8]| sector[offset..offset + bytes.len()].copy_from_slice(bytes);
    put(0, b"\x01CD001\x01");
    put(8, &padded("LINUX", 32));
    put(40, &padded(VOLUME_NAME, 32));
    put(80, &both_u32(volume.sectors));
    put(120, &both_u16(1));
    put(124, &both_u16(1));
    put(128, &both_u16(SECTOR as u16));
    put(132, &both_u32(volume.path_table_bytes));
    put(140, &volume.path_table_sector.to_le_bytes());
    put(148, &(volume.path_table_sector + 1).to_be_bytes());
    // The record of the root is 34 bytes here, without Rock Ridge fields.
    let mut root = directory_record(&Entry::This, volume.root);
    root.truncate(34);
    root[0] = 34;
    put(156, &root);
    for (offset, length, text) in [
        (190, 128, ""),
        (318, 128, ""),
        (446, 128, "SNOBOX PRACTICE RELEASE"),
        (574, 128, ""),
        (702, 37, ""),
        (739, 37, ""),
        (776, 37, ""),
    ] {
        put(offset, &padded(text, length));
    }
    for offset in [813, 830] {
        put(offset, &VOLUME_TIME);
    }
    for offset in [847, 864] {
        put(offset, b"0000000000000000\0");
    }
    put(881, &[1]);
    sector
}

/// The boot record that points to the El Torito catalog.
pub(super) fn boot_record(catalog_sector: u32) -> Vec<u8> {
    let mut sector = vec![0; SECTOR];
    sector[..7].copy_from_slice(b"\x00CD001\x01");
    sector[7..30].copy_from_slice(b"EL TORITO SPECIFICATION");
    sector[71..75].copy_from_slice(&catalog_sector.to_le_bytes());
    sector
}

/// The volume descriptor set terminator (8.3).
pub(super) fn terminator() -> Vec<u8> {
    let mut sector = vec![0; SECTOR];
    sector[..7].copy_from_slice(b"\xffCD001\x01");
    sector
}

/// The El Torito catalog: a BIOS entry without emulation, then a section with one UEFI entry.
pub(super) fn boot_catalog(bios_sector: u32, efi: Extent) -> Vec<u8> {
    let mut sector = vec![0; SECTOR];
    // Validation entry: header, platform x86, sum of all words zero, key bytes.
    sector[0] = 1;
    sector[28..32].copy_from_slice(&[0xaa, 0x55, 0x55, 0xaa]);
    sector[32..40].copy_from_slice(&[0x88, 0, 0, 0, 0, 0, 4, 0]);
    sector[40..44].copy_from_slice(&bios_sector.to_le_bytes());
    // Section header: last one, platform EFI, one entry.
    sector[64..68].copy_from_slice(&[0x91, 0xef, 1, 0]);
    sector[96] = 0x88;
    let blocks = (efi.length_bytes / 512) as u16;
    sector[102..104].copy_from_slice(&blocks.to_le_bytes());
    sector[104..108].copy_from_slice(&efi.sector.to_le_bytes());
    sector
}

fn padded(text: &str, length: usize) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(length, b' ');
    bytes
}
