//! Carrying out what the plan says of the partition table: the only place that writes outside the cache's partition.

use snobox_formats::gpt::Table;

use super::contents::ErasableDisk;
use super::device::{Block, DeviceError};

/// Where file systems, LVM, RAID and tables have their signatures: the first and the last MiB of a device.
const SIGNATURES_BYTES: u64 = 1 << 20;

/// Makes the disk's table new. Whatever was on the disk is lost.
///
/// # Errors
/// [`DeviceError`]; then the disk may be written to again.
pub fn write(disk: &Block, table: &Table, proof: &ErasableDisk) -> Result<(), DeviceError> {
    if proof.wipe() {
        // In front first: what is behind then still says that the disk is not blank, and the site's leave to erase it holds.
        let zeros = vec![0; SIGNATURES_BYTES as usize];
        for offset in [0, disk.size_bytes() - SIGNATURES_BYTES] {
            disk.write_at(offset, &zeros)?;
            disk.sync()?;
        }
    }
    put(disk, table)
}

/// Writes the table again that the disk has in part.
///
/// # Errors
/// [`DeviceError`].
pub fn repair(disk: &Block, table: &Table) -> Result<(), DeviceError> {
    put(disk, table)
}

fn put(disk: &Block, table: &Table) -> Result<(), DeviceError> {
    for patch in table.patches() {
        disk.write_at(patch.offset_bytes, &patch.bytes)?;
        disk.sync()?;
    }
    disk.forget(0, disk.size_bytes());
    Ok(())
}
