//! The machine's block devices, as `lsblk --json` and `/sys/block` show them.
//!
//! Only columns that util-linux 2.32 has are asked for. That version writes numbers and truth values as strings, versions from 2.33 on as what they
//! are: both are read. File systems of partitions are asked of `blkid` by offset ([`signatures`]), because `lsblk` knows only what udev told it.
//!
//! Source of truth: util-linux `misc-utils/lsblk.c`, `misc-utils/blkid.c`.

mod parse;
mod probe;

use std::path::{Path, PathBuf};

pub use parse::{ParseError, parse};
pub use probe::{Signature, reread_partitions, signatures};

use crate::program::{Program, ProgramError};

const COLUMNS: &str = "NAME,KNAME,TYPE,SIZE,RO,RM,TRAN,SERIAL,WWN,MODEL,FSTYPE,LABEL,PARTLABEL,PARTUUID,MOUNTPOINT,PKNAME";
/// The output for thousands of devices.
const MAX_BYTES: u64 = 16 << 20;

/// A block device: a disk, a partition of it, or what is made of partitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// The kernel's name: `sda`, `nvme0n1p2`, `dm-0`.
    pub kernel_name: String,
    /// `disk`, `part`, `loop`, `rom`, `lvm`, `crypt`, `raid1` …
    pub kind: String,
    /// Length.
    pub size_bytes: u64,
    /// Whether it cannot be written to.
    pub read_only: bool,
    /// Whether its medium can be taken out.
    pub removable: bool,
    /// `sata`, `nvme`, `usb` …
    pub transport: Option<String>,
    /// Serial number.
    pub serial: Option<String>,
    /// World wide name.
    pub wwn: Option<String>,
    /// Model.
    pub model: Option<String>,
    /// File system, or what else it holds: `LVM2_member`, `linux_raid_member`, `crypto_LUKS`.
    pub file_system: Option<String>,
    /// Label of the file system.
    pub label: Option<String>,
    /// Name of the partition.
    pub partition_name: Option<String>,
    /// GUID of the partition.
    pub partition_guid: Option<String>,
    /// Where it is mounted, `[SWAP]` if it is swapped to.
    pub mount_point: Option<String>,
    /// What is on it: partitions, and what is made of them.
    pub children: Vec<Device>,
    /// Devices that hold it, after `/sys/block/*/holders`.
    pub holders: Vec<String>,
    /// Bytes of a sector as it is addressed; 512 when nobody says.
    pub sector_bytes: u64,
}

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    /// `lsblk` did not do it.
    #[error("the disks of this machine cannot be listed")]
    Program(#[from] ProgramError),
    /// It wrote what cannot be read.
    #[error("what lsblk says cannot be read")]
    Parse(#[from] ParseError),
}

impl Device {
    /// Its node.
    pub fn path(&self) -> PathBuf {
        // The kernel writes `!` for the `/` in names such as `cciss/c0d0`.
        Path::new("/dev").join(self.kernel_name.replace('!', "/"))
    }

    /// It and all that is on it.
    pub fn all(&self) -> Vec<&Device> {
        let below = self.children.iter().flat_map(|child| child.all());
        std::iter::once(self).chain(below).collect()
    }

    /// Why it is in use, if it is: mounted, swapped to, or part of something.
    pub fn in_use(&self) -> Option<String> {
        self.all().into_iter().find_map(|device| {
            let name = device.path();
            if let Some(place) = &device.mount_point {
                return Some(format!("{} is mounted on {place}", name.display()));
            }
            let made_of_it = device.children.iter().find(|child| child.kind != "part");
            let holder = device
                .holders
                .first()
                .or(made_of_it.map(|d| &d.kernel_name));
            holder.map(|holder| format!("{} is part of /dev/{holder}", name.display()))
        })
    }
}

/// All block devices, each disk with what is on it.
///
/// # Errors
/// [`InventoryError`].
pub fn inventory() -> Result<Vec<Device>, InventoryError> {
    let output = Program::found("lsblk")?
        .args(["--json", "--bytes", "--output", COLUMNS])
        .output(MAX_BYTES)?;
    let mut devices = parse(&output)?;
    for device in &mut devices {
        observe(device, Path::new("/sys/class/block"));
    }
    Ok(devices)
}

/// Adds what only `/sys` knows.
fn observe(device: &mut Device, sys: &Path) {
    let folder = sys.join(&device.kernel_name);
    let sector = std::fs::read_to_string(folder.join("queue/logical_block_size"));
    device.sector_bytes = sector
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(512);
    let holders = std::fs::read_dir(folder.join("holders"));
    device.holders = holders
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    device.holders.sort();
    for child in &mut device.children {
        observe(child, sys);
    }
}

#[cfg(test)]
mod tests;
