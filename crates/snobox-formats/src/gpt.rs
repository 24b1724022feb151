//! GPT partition tables: reading what is on a disk, and writing a table.
//!
//! Not for: resizing, moving or deleting partitions, or keeping boot code.
//!
//! ```text
//! LBA 0        protective MBR, one entry of type 0xee
//! LBA 1        header: "EFI PART" | revision 0x10000 | 92 | CRC-32 of the header | 0 | this LBA | other header's LBA
//!              | first and last usable LBA | disk GUID | LBA of the entries | count | bytes of one | CRC-32 of the entries
//! LBA 2 …      entries of 128 bytes: type GUID | unique GUID | first LBA | last LBA | attributes | name, 36 × UTF-16LE
//! … last - 1   the same entries
//! last LBA     the same header, with the two LBAs exchanged
//! ```
//!
//! Numbers are little-endian; the first three fields of a GUID, too. A table is found by its sectors of 512 or 4096 bytes.
//!
//! Source of truth: UEFI Specification 2.10, 5.3.

mod crc;
mod guid;
mod read;
mod write;

pub use guid::{Guid, ParseGuidError};
pub use read::{Contents, MbrPartition, Soundness, read};
pub use write::Patch;

/// Type of a partition that holds a Linux file system.
pub const LINUX_FILE_SYSTEM: Guid = Guid::from_fields(
    0x0FC6_3DAF,
    0x8483,
    0x4772,
    [0x8E, 0x79, 0x3D, 0x69, 0xD8, 0x47, 0x7D, 0xE4],
);
/// Length of a name in UTF-16 units.
pub const NAME_UNITS: usize = 36;

const SIGNATURE: &[u8; 8] = b"EFI PART";
const REVISION: u32 = 0x0001_0000;
const HEADER_BYTES: usize = 92;
const ENTRY_BYTES: u64 = 128;
const ENTRY_COUNT: u64 = 128;
/// More entries than this are no table of any program.
const MAX_ENTRY_COUNT: u32 = 1024;
const MAX_ENTRY_BYTES: u32 = 4096;

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its number, from 1.
    pub number: u32,
    /// What it is for.
    pub kind: Guid,
    /// Its own GUID: `PARTUUID`.
    pub guid: Guid,
    /// First sector.
    pub first_lba: u64,
    /// Last sector, which belongs to it.
    pub last_lba: u64,
    /// Attribute bits.
    pub attributes: u64,
    /// Its name: `PARTLABEL`.
    pub name: String,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Bytes of a sector: 512 or 4096.
    pub sector_bytes: u64,
    /// Sectors of the disk that it was made for.
    pub disk_sectors: u64,
    /// The disk's GUID.
    pub disk: Guid,
    /// Partitions in the order of their numbers.
    pub partitions: Vec<Partition>,
}

/// Why a partition cannot be added.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddError {
    /// Sectors of another size than 512 or 4096 bytes.
    #[error("a disk with sectors of {sector_bytes} bytes cannot have a GPT from here")]
    Sector {
        /// Bytes of a sector.
        sector_bytes: u64,
    },
    /// No room for the table, let alone for the partition.
    #[error(
        "the disk has {disk_bytes} bytes, too few for a partition of {size_bytes} bytes at its end"
    )]
    TooSmall {
        /// Length of the disk.
        disk_bytes: u64,
        /// Length of the partition.
        size_bytes: u64,
    },
    /// The length is no multiple of the alignment.
    #[error("a partition of {size_bytes} bytes does not end where {alignment_bytes} bytes align")]
    Alignment {
        /// Length of the partition.
        size_bytes: u64,
        /// The alignment.
        alignment_bytes: u64,
    },
    /// The name is too long.
    #[error("the name {name} has more than {NAME_UNITS} UTF-16 units")]
    Name {
        /// The name.
        name: String,
    },
    /// The number is taken, or not 1 to 128.
    #[error("partition number {number} cannot be used")]
    Number {
        /// The number.
        number: u32,
    },
    /// There is something already.
    #[error("partition {number} lies there already")]
    Overlap {
        /// The number of what is there.
        number: u32,
    },
}

/// A partition that is to be added.
#[derive(Clone, Debug)]
pub struct NewPartition<'a> {
    /// Its number, 1 to 128.
    pub number: u32,
    /// What it is for.
    pub kind: Guid,
    /// Its own GUID.
    pub guid: Guid,
    /// Its name, at most [`NAME_UNITS`].
    pub name: &'a str,
    /// Its length, a multiple of the alignment.
    pub size_bytes: u64,
    /// What start and end are multiples of; itself a multiple of the sector.
    pub alignment_bytes: u64,
}

impl Partition {
    /// Offset of its first byte.
    pub fn offset_bytes(&self, sector_bytes: u64) -> u64 {
        self.first_lba.saturating_mul(sector_bytes)
    }

    /// Its length in bytes.
    pub fn size_bytes(&self, sector_bytes: u64) -> u64 {
        (self.last_lba - self.first_lba + 1).saturating_mul(sector_bytes)
    }
}

impl Table {
    /// A table without partitions.
    ///
    /// # Errors
    /// [`AddError::Sector`], [`AddError::TooSmall`].
    pub fn new(sector_bytes: u64, disk_bytes: u64, disk: Guid) -> Result<Self, AddError> {
        if sector_bytes != 512 && sector_bytes != 4096 {
            return Err(AddError::Sector { sector_bytes });
        }
        let table = Self {
            sector_bytes,
            disk_sectors: disk_bytes / sector_bytes,
            disk,
            partitions: Vec::new(),
        };
        if table.disk_sectors < 2 * (2 + table.entry_sectors()) {
            return Err(AddError::TooSmall {
                disk_bytes,
                size_bytes: 0,
            });
        }
        Ok(table)
    }

    /// Adds a partition as far behind as it can be.
    ///
    /// # Errors
    /// [`AddError`].
    pub fn add_at_end(&mut self, new: &NewPartition<'_>) -> Result<(), AddError> {
        let (size_bytes, alignment_bytes) = (new.size_bytes, new.alignment_bytes);
        if new.number == 0 || u64::from(new.number) > ENTRY_COUNT || self.numbered(new.number) {
            return Err(AddError::Number { number: new.number });
        }
        if new.name.encode_utf16().count() > NAME_UNITS {
            return Err(AddError::Name {
                name: new.name.to_owned(),
            });
        }
        if size_bytes == 0
            || alignment_bytes == 0
            || size_bytes % alignment_bytes != 0
            || alignment_bytes % self.sector_bytes != 0
        {
            return Err(AddError::Alignment {
                size_bytes,
                alignment_bytes,
            });
        }
        let end = (self.last_usable_lba() + 1) * self.sector_bytes;
        let end = end - end % alignment_bytes;
        let start = end
            .checked_sub(size_bytes)
            .filter(|start| *start >= self.first_usable_lba() * self.sector_bytes);
        let Some(start) = start else {
            return Err(AddError::TooSmall {
                disk_bytes: self.disk_sectors * self.sector_bytes,
                size_bytes,
            });
        };
        let (first_lba, last_lba) = (start / self.sector_bytes, end / self.sector_bytes - 1);
        let taken = self
            .partitions
            .iter()
            .find(|other| other.first_lba <= last_lba && other.last_lba >= first_lba);
        if let Some(other) = taken {
            return Err(AddError::Overlap {
                number: other.number,
            });
        }
        self.partitions.push(Partition {
            number: new.number,
            kind: new.kind,
            guid: new.guid,
            first_lba,
            last_lba,
            attributes: 0,
            name: new.name.to_owned(),
        });
        self.partitions.sort_by_key(|partition| partition.number);
        Ok(())
    }

    fn numbered(&self, number: u32) -> bool {
        self.partitions.iter().any(|p| p.number == number)
    }

    fn entry_sectors(&self) -> u64 {
        (ENTRY_COUNT * ENTRY_BYTES).div_ceil(self.sector_bytes)
    }

    fn first_usable_lba(&self) -> u64 {
        2 + self.entry_sectors()
    }

    fn last_usable_lba(&self) -> u64 {
        self.disk_sectors - 2 - self.entry_sectors()
    }
}

#[cfg(test)]
mod tests;
