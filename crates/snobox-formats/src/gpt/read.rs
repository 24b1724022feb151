//! What partition table a disk has: none, an MBR, a GPT, or the remains of one.

use std::io::{self, Read, Seek, SeekFrom};

use super::crc::crc32;
use super::{
    Guid, HEADER_BYTES, MAX_ENTRY_BYTES, MAX_ENTRY_COUNT, NAME_UNITS, Partition, SIGNATURE, Table,
};

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contents {
    /// No table.
    Nothing,
    /// An MBR with partitions, none of them the protective one.
    Mbr(Vec<MbrPartition>),
    /// A GPT.
    Gpt {
        /// The table.
        table: Table,
        /// Whether all its parts are there.
        soundness: Soundness,
    },
    /// Signs of a GPT, but none that can be read.
    Damaged,
}

/// Whether all parts of a GPT are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Soundness {
    /// Both headers, both lists of partitions, the protective MBR; all as large as the disk.
    Whole,
    /// Something is missing or differs, as after a power cut or on a copy from a smaller disk.
    Partial,
}

/// A partition of an MBR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MbrPartition {
    /// Its number, 1 to 4.
    pub number: u8,
    /// Type byte.
    pub kind: u8,
    /// Offset of its first byte, by sectors of the disk's size.
    pub offset_bytes: u64,
    /// Its length.
    pub size_bytes: u64,
}

const PROTECTIVE: u8 = 0xee;

/// Looks at a disk of `disk_bytes` with sectors of `sector_bytes`. A GPT for sectors of another size is found, too.
///
/// # Errors
/// Only those of the reader.
pub fn read(
    disk: &mut (impl Read + Seek),
    disk_bytes: u64,
    sector_bytes: u64,
) -> io::Result<Contents> {
    let mut reader = Reader { disk, disk_bytes };
    let mbr = reader.mbr(sector_bytes)?;
    let protected = mbr.iter().any(|p| p.kind == PROTECTIVE);
    let mut signs = protected;
    for sector_bytes in [sector_bytes, if sector_bytes == 512 { 4096 } else { 512 }] {
        if disk_bytes < 8 * sector_bytes {
            continue;
        }
        let last = disk_bytes / sector_bytes - 1;
        let front = reader.side(sector_bytes, 1)?;
        let behind = reader.side(sector_bytes, last)?;
        signs |= front.signature || behind.signature;
        // Without a header at the end of this disk, the one in front says where the other is: a copy from a smaller disk.
        let same = front.table.is_some() && front.table == behind.table;
        if let Some(table) = front.table.or(behind.table) {
            let soundness = if same && protected {
                Soundness::Whole
            } else {
                Soundness::Partial
            };
            return Ok(Contents::Gpt { table, soundness });
        }
    }
    Ok(match (signs, mbr.is_empty()) {
        (true, _) => Contents::Damaged,
        (false, false) => Contents::Mbr(mbr),
        (false, true) => Contents::Nothing,
    })
}

struct Reader<'a, R> {
    disk: &'a mut R,
    disk_bytes: u64,
}

#[derive(Default)]
struct Side {
    signature: bool,
    table: Option<Table>,
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..at + 4)
        .and_then(|b| b.try_into().ok())
        .map_or(0, u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes
        .get(at..at + 8)
        .and_then(|b| b.try_into().ok())
        .map_or(0, u64::from_le_bytes)
}

fn guid_at(bytes: &[u8], at: usize) -> Guid {
    bytes
        .get(at..at + 16)
        .and_then(|b| b.try_into().ok())
        .map_or(Guid::UNUSED, Guid::from_disk)
}

impl<R: Read + Seek> Reader<'_, R> {
    fn at(&mut self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        if offset.saturating_add(length as u64) <= self.disk_bytes {
            self.disk.seek(SeekFrom::Start(offset))?;
            self.disk.read_exact(&mut bytes)?;
        }
        Ok(bytes)
    }

    fn mbr(&mut self, sector_bytes: u64) -> io::Result<Vec<MbrPartition>> {
        let sector = self.at(0, 512)?;
        if sector[510..] != [0x55, 0xaa] {
            return Ok(Vec::new());
        }
        let entries = sector[446..510].chunks_exact(16).zip(1..);
        Ok(entries
            .map(|(entry, number)| MbrPartition {
                number,
                kind: entry[4],
                offset_bytes: u64::from(u32_at(entry, 8)) * sector_bytes,
                size_bytes: u64::from(u32_at(entry, 12)) * sector_bytes,
            })
            // Type 0 with a length is a used entry: hybrid images have it.
            .filter(|partition| partition.size_bytes > 0)
            .collect())
    }

    fn side(&mut self, sector_bytes: u64, lba: u64) -> io::Result<Side> {
        let header = self.at(lba * sector_bytes, sector_bytes as usize)?;
        if header.get(..8) != Some(SIGNATURE) {
            return Ok(Side::default());
        }
        let table = self.table(sector_bytes, lba, header)?;
        Ok(Side {
            signature: true,
            table,
        })
    }

    fn table(
        &mut self,
        sector_bytes: u64,
        lba: u64,
        mut header: Vec<u8>,
    ) -> io::Result<Option<Table>> {
        let length = u32_at(&header, 12) as usize;
        let crc = u32_at(&header, 16);
        let (count, entry_bytes) = (u32_at(&header, 80), u32_at(&header, 84));
        if length < HEADER_BYTES
            || length > header.len()
            || u64_at(&header, 24) != lba
            || count > MAX_ENTRY_COUNT
            || !(128..=MAX_ENTRY_BYTES).contains(&entry_bytes)
        {
            return Ok(None);
        }
        header[16..20].fill(0);
        if crc32(&header[..length]) != crc {
            return Ok(None);
        }
        let offset = u64_at(&header, 72).saturating_mul(sector_bytes);
        let entries = self.at(offset, (count * entry_bytes) as usize)?;
        if crc32(&entries) != u32_at(&header, 88) {
            return Ok(None);
        }
        let partitions = entries
            .chunks_exact(entry_bytes as usize)
            .zip(1..)
            .filter(|(entry, _)| guid_at(entry, 0) != Guid::UNUSED)
            .map(|(entry, number)| partition(entry, number))
            .collect::<Option<Vec<_>>>();
        let disk_sectors = u64_at(&header, 24).max(u64_at(&header, 32)).checked_add(1);
        Ok(partitions
            .zip(disk_sectors)
            .map(|(partitions, disk_sectors)| Table {
                sector_bytes,
                disk_sectors,
                disk: guid_at(&header, 56),
                partitions,
            }))
    }
}

/// Nothing for a partition that ends before it starts.
fn partition(entry: &[u8], number: u32) -> Option<Partition> {
    let units = entry[56..128]
        .chunks_exact(2)
        .map(|unit| u16::from_le_bytes([unit[0], unit[1]]))
        .take(NAME_UNITS)
        .take_while(|unit| *unit != 0);
    let (first_lba, last_lba) = (u64_at(entry, 32), u64_at(entry, 40));
    (first_lba <= last_lba && last_lba < u64::MAX).then(|| Partition {
        number,
        kind: guid_at(entry, 0),
        guid: guid_at(entry, 16),
        first_lba,
        last_lba,
        attributes: u64_at(entry, 48),
        name: char::decode_utf16(units)
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect(),
    })
}
