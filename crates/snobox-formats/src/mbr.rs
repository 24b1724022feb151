//! The partition table in sector 0 of a hybrid ISO image, and one more entry in it.
//!
//! Not for: GPT, extended partitions, or changing and removing entries.
//!
//! ```text
//! byte 440  disk signature LE        446 + 16 n  entry of slot n + 1        510  55 aa
//! entry     0 status | 1 first CHS (3) | 4 type | 5 last CHS (3) | 8 first LBA LE | 12 sectors LE
//! ```
//!
//! A hybrid image as `isohybrid --uefi` makes it has slot 1 (0x80, type 0x00, LBA 0, the whole image), slot 2 (0xef,
//! the EFI image) and no 0xee entry, so that Linux goes by this table; slots 3 and 4 are free. Type 0x00 with a length
//! is therefore a used slot, as it is to Linux (`block/partitions/msdos.c`).
//!
//! Sources of truth: UEFI Specification 2.10, 5.2.1; syslinux 6.04 `utils/isohybrid.c`.

/// Bytes of a sector as this table counts them.
pub const SECTOR_BYTES: u64 = 512;

const DISK_SIGNATURE: usize = 440;
const ENTRIES: usize = 446;
const ENTRY_BYTES: usize = 16;
const TYPE_PROTECTIVE: u8 = 0xee;
/// Sectors that 32-bit addresses reach: 2 TiB.
const MAX_SECTORS: u64 = 1 << 32;
/// "Beyond what CHS can say" (UEFI 5.2.1).
const CHS_BEYOND: [u8; 3] = [0xfe, 0xff, 0xff];

/// A logical block address: sectors of 512 bytes from the start of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lba(pub u64);

impl Lba {
    /// The first sector boundary at or after a byte offset.
    #[must_use]
    pub fn at_or_after_byte(offset_bytes: u64) -> Self {
        Self(offset_bytes.div_ceil(SECTOR_BYTES))
    }

    /// The byte offset, saturating at `u64::MAX`.
    #[must_use]
    pub fn offset_bytes(self) -> u64 {
        self.0.saturating_mul(SECTOR_BYTES)
    }
}

/// One of the four places in the table; Linux numbers partitions by it, 1 to 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// Partition 1.
    One = 1,
    /// Partition 2.
    Two,
    /// Partition 3.
    Three,
    /// Partition 4.
    Four,
}

impl Slot {
    /// All slots in order.
    pub const ALL: [Self; 4] = [Self::One, Self::Two, Self::Three, Self::Four];

    /// The partition number, 1 to 4.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    fn index(self) -> usize {
        usize::from(self.number()) - 1
    }
}

/// A used entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// The status byte: 0x80 if the BIOS is to boot from it.
    pub status: u8,
    /// The type byte. 0x00 occurs in used entries of hybrid images.
    pub kind: u8,
    /// First sector.
    pub start: Lba,
    /// Number of sectors.
    pub sectors: u32,
}

impl Partition {
    /// The sector after the last one.
    #[must_use]
    pub fn end(&self) -> Lba {
        Lba(self.start.0 + u64::from(self.sectors))
    }
}

/// Why sector 0 holds no table, or an entry cannot be added to it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MbrError {
    /// The last two bytes are not the boot signature.
    #[error("sector 0 holds no partition table: it ends with {found:02x?}, not with [55, aa]")]
    NoSignature {
        /// Bytes 510 and 511.
        found: [u8; 2],
    },
    /// A 0xee entry says that the GPT counts, so an entry in this table would be ignored.
    #[error("partition {slot} is a protective entry (type 0xee): the disk is partitioned with GPT")]
    ProtectiveEntry {
        /// Its number.
        slot: u8,
    },
    /// The slot is in use.
    #[error(
        "partition {slot} exists already (type {kind:#04x}, first sector {start}, {sectors} sectors)"
    )]
    SlotInUse {
        /// Its number.
        slot: u8,
        /// Its type byte.
        kind: u8,
        /// Its first sector.
        start: u64,
        /// Its length in sectors.
        sectors: u32,
    },
    /// The new partition would begin before the end of the ISO image.
    #[error(
        "a partition from sector {start} would overlap the ISO image, which ends at sector {iso_end}"
    )]
    OverlapsIso {
        /// First sector asked for.
        start: u64,
        /// The sector after the image.
        iso_end: u64,
    },
    /// The new partition would overlap another one.
    #[error("a partition from sector {start} to {end} would overlap partition {slot}")]
    OverlapsPartition {
        /// First sector asked for.
        start: u64,
        /// The sector after the last one asked for.
        end: u64,
        /// The other's number.
        slot: u8,
    },
    /// The new partition would have no sectors, or type 0x00.
    #[error("a partition needs a type and at least one sector")]
    Empty,
    /// The new partition would end beyond 2 TiB.
    #[error(
        "a partition of {sectors} sectors from sector {start} ends beyond 2 TiB, the limit of an MBR"
    )]
    BeyondTwoTebibytes {
        /// First sector asked for.
        start: u64,
        /// Sectors asked for.
        sectors: u64,
    },
}

/// The bytes of one table entry, and where they belong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryWrite {
    /// From the start of the disk: 446 to 494.
    pub offset_bytes: u64,
    /// The entry.
    pub bytes: [u8; ENTRY_BYTES],
}

/// The partition table of sector 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mbr {
    disk_signature: u32,
    entries: [Option<Partition>; 4],
}

impl Mbr {
    /// Parses sector 0. Entries are taken as they are: overlaps are normal in hybrid images.
    ///
    /// # Errors
    /// [`MbrError::NoSignature`].
    pub fn parse(sector: &[u8; 512]) -> Result<Self, MbrError> {
        let found = [sector[510], sector[511]];
        if found != [0x55, 0xaa] {
            return Err(MbrError::NoSignature { found });
        }
        let le_u32 = |at: usize| {
            u32::from_le_bytes([sector[at], sector[at + 1], sector[at + 2], sector[at + 3]])
        };
        let entries = Slot::ALL.map(|slot| {
            let at = ENTRIES + ENTRY_BYTES * slot.index();
            let partition = Partition {
                status: sector[at],
                kind: sector[at + 4],
                start: Lba(u64::from(le_u32(at + 8))),
                sectors: le_u32(at + 12),
            };
            (partition.kind != 0 || partition.sectors != 0).then_some(partition)
        });
        Ok(Self {
            disk_signature: le_u32(DISK_SIGNATURE),
            entries,
        })
    }

    /// The disk signature, from which Linux derives the PARTUUIDs. 0 means none.
    #[must_use]
    pub fn disk_signature(&self) -> u32 {
        self.disk_signature
    }

    /// The PARTUUID that Linux gives the partition of a slot, such as `0a1b2c3d-03`.
    #[must_use]
    pub fn partition_uuid(&self, slot: Slot) -> String {
        format!("{:08x}-{:02x}", self.disk_signature, slot.number())
    }

    /// The partition in a slot, `None` if the slot is free.
    #[must_use]
    pub fn partition(&self, slot: Slot) -> Option<&Partition> {
        self.entries[slot.index()].as_ref()
    }

    /// The slots that hold no partition, in order.
    #[must_use]
    pub fn free_slots(&self) -> Vec<Slot> {
        Slot::ALL
            .into_iter()
            .filter(|slot| self.partition(*slot).is_none())
            .collect()
    }

    /// The sector after the end of all partitions; 0 if there are none.
    #[must_use]
    pub fn end_of_used_lba(&self) -> Lba {
        let ends = self.entries.iter().flatten().map(Partition::end);
        ends.max().unwrap_or(Lba(0))
    }

    /// The entry for a new, not bootable partition in a free slot. The table itself does not change.
    ///
    /// `iso_end` is the sector after the ISO image, which is not always a partition.
    ///
    /// # Errors
    /// Every variant of [`MbrError`] but [`MbrError::NoSignature`].
    pub fn add_partition(
        &self,
        slot: Slot,
        kind: u8,
        start: Lba,
        sectors: u64,
        iso_end: Lba,
    ) -> Result<EntryWrite, MbrError> {
        let used = || Slot::ALL.into_iter().zip(&self.entries);
        let used = || used().filter_map(|(slot, entry)| entry.as_ref().map(|found| (slot, found)));
        if let Some((other, _)) = used().find(|(_, found)| found.kind == TYPE_PROTECTIVE) {
            return Err(MbrError::ProtectiveEntry {
                slot: other.number(),
            });
        }
        if let Some(found) = self.partition(slot) {
            return Err(MbrError::SlotInUse {
                slot: slot.number(),
                kind: found.kind,
                start: found.start.0,
                sectors: found.sectors,
            });
        }
        if sectors == 0 || kind == 0 {
            return Err(MbrError::Empty);
        }
        let too_far = MbrError::BeyondTwoTebibytes {
            start: start.0,
            sectors,
        };
        let Some(end) = start
            .0
            .checked_add(sectors)
            .filter(|end| *end <= MAX_SECTORS)
        else {
            return Err(too_far);
        };
        let (Ok(start_32), Ok(sectors_32)) = (u32::try_from(start.0), u32::try_from(sectors))
        else {
            return Err(too_far);
        };
        if start < iso_end {
            return Err(MbrError::OverlapsIso {
                start: start.0,
                iso_end: iso_end.0,
            });
        }
        if let Some((other, _)) =
            used().find(|(_, found)| found.start.0 < end && start < found.end())
        {
            return Err(MbrError::OverlapsPartition {
                start: start.0,
                end,
                slot: other.number(),
            });
        }
        let mut bytes = [0; ENTRY_BYTES];
        bytes[1..4].copy_from_slice(&CHS_BEYOND);
        bytes[4] = kind;
        bytes[5..8].copy_from_slice(&CHS_BEYOND);
        bytes[8..12].copy_from_slice(&start_32.to_le_bytes());
        bytes[12..16].copy_from_slice(&sectors_32.to_le_bytes());
        Ok(EntryWrite {
            offset_bytes: (ENTRIES + ENTRY_BYTES * slot.index()) as u64,
            bytes,
        })
    }
}

#[cfg(test)]
mod tests;
