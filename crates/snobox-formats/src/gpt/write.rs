//! A table as the bytes to write, in an order that leaves a readable table whenever the power fails.
//!
//! Behind the disk first, then in front, the protective MBR last: until the header in front is whole, the one behind is what a reader finds, and a table
//! that was in front before stays the table until it is replaced.

use super::crc::crc32;
use super::{ENTRY_BYTES, ENTRY_COUNT, HEADER_BYTES, REVISION, SIGNATURE, Table};

/// Bytes and where they go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// Offset on the disk.
    pub offset_bytes: u64,
    /// What to write.
    pub bytes: Vec<u8>,
}

struct Side {
    header_lba: u64,
    other_lba: u64,
    entries_lba: u64,
}

impl Table {
    /// What to write, in order; the caller syncs after each.
    pub fn patches(&self) -> Vec<Patch> {
        let last = self.disk_sectors - 1;
        let entries = self.entries();
        let front = Side {
            header_lba: 1,
            other_lba: last,
            entries_lba: 2,
        };
        let behind = Side {
            header_lba: last,
            other_lba: 1,
            entries_lba: last - self.entry_sectors(),
        };
        let at = |lba: u64, bytes: Vec<u8>| Patch {
            offset_bytes: lba * self.sector_bytes,
            bytes,
        };
        vec![
            at(behind.entries_lba, entries.clone()),
            at(last, self.header(&behind, &entries)),
            at(front.entries_lba, entries.clone()),
            at(1, self.header(&front, &entries)),
            at(0, self.protective_mbr()),
        ]
    }

    fn entries(&self) -> Vec<u8> {
        let mut bytes = vec![0; (ENTRY_COUNT * ENTRY_BYTES) as usize];
        for partition in &self.partitions {
            let at = (u64::from(partition.number) - 1) * ENTRY_BYTES;
            let Some(entry) = bytes.get_mut(at as usize..(at + ENTRY_BYTES) as usize) else {
                continue;
            };
            entry[..16].copy_from_slice(&partition.kind.to_disk());
            entry[16..32].copy_from_slice(&partition.guid.to_disk());
            entry[32..40].copy_from_slice(&partition.first_lba.to_le_bytes());
            entry[40..48].copy_from_slice(&partition.last_lba.to_le_bytes());
            entry[48..56].copy_from_slice(&partition.attributes.to_le_bytes());
            for (unit, place) in partition
                .name
                .encode_utf16()
                .zip(entry[56..].chunks_exact_mut(2))
            {
                place.copy_from_slice(&unit.to_le_bytes());
            }
        }
        bytes
    }

    fn header(&self, side: &Side, entries: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.sector_bytes as usize);
        bytes.extend(SIGNATURE);
        bytes.extend(REVISION.to_le_bytes());
        bytes.extend((HEADER_BYTES as u32).to_le_bytes());
        bytes.extend([0; 8]);
        bytes.extend(side.header_lba.to_le_bytes());
        bytes.extend(side.other_lba.to_le_bytes());
        bytes.extend(self.first_usable_lba().to_le_bytes());
        bytes.extend(self.last_usable_lba().to_le_bytes());
        bytes.extend(self.disk.to_disk());
        bytes.extend(side.entries_lba.to_le_bytes());
        bytes.extend((ENTRY_COUNT as u32).to_le_bytes());
        bytes.extend((ENTRY_BYTES as u32).to_le_bytes());
        bytes.extend(crc32(entries).to_le_bytes());
        let crc = crc32(&bytes);
        bytes[16..20].copy_from_slice(&crc.to_le_bytes());
        bytes.resize(self.sector_bytes as usize, 0);
        bytes
    }

    /// UEFI 5.2.3: one entry over the whole disk as far as 32 bits reach, and no boot code.
    fn protective_mbr(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.sector_bytes as usize];
        let sectors = u32::try_from(self.disk_sectors - 1).unwrap_or(u32::MAX);
        bytes[446..454].copy_from_slice(&[0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff]);
        bytes[454..458].copy_from_slice(&1u32.to_le_bytes());
        bytes[458..462].copy_from_slice(&sectors.to_le_bytes());
        bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
        bytes
    }
}
