//! What lies on the installation disk, and whether it may go.
//!
//! * *blank*: no partition and no known signature;
//! * *ours*: a GPT with exactly the partition that the image pins, and beside it nothing, or only what CoreOS makes;
//! * *foreign*: everything else, caches of other images included.
//!
//! [`ErasableDisk`] is the proof that all functions that write outside the cache's partition want; it is made here only.

use std::io;

use snobox_formats::gpt::{self, Contents as Table, Partition, Soundness};
use snobox_host::disks::{Device, signatures};
use snobox_host::program::ProgramError;
use snobox_image::pins::{ExistingData, Pins};

use super::device::{Block, DeviceError};
use super::record::{self, Record};

/// Names of the partitions that a CoreOS image has (coreos-assembler `create_disk.sh`).
const COREOS: [&str; 6] = [
    "BIOS-BOOT",
    "EFI-SYSTEM",
    "PowerPC-PReP-boot",
    "boot",
    "root",
    "reserved",
];

/// What lies on a disk.
#[derive(Debug)]
pub enum Contents {
    /// Nothing.
    Blank,
    /// The cache's partition of this image.
    Ours(Ours),
    /// Something else.
    Foreign {
        /// One line for each thing found.
        findings: Vec<String>,
    },
}

/// A disk with the cache's partition.
#[derive(Debug)]
pub struct Ours {
    /// The table.
    pub table: gpt::Table,
    /// Whether the table is whole.
    pub soundness: Soundness,
    /// The cache's partition in it.
    pub partition: Partition,
    /// The record at its end, if it is one of this image.
    pub record: Option<Record>,
}

/// The proof that everything on a disk may be overwritten.
#[derive(Debug)]
pub struct ErasableDisk {
    wipe: bool,
}

impl ErasableDisk {
    /// Whether old signatures have to be removed first.
    pub fn wipe(&self) -> bool {
        self.wipe
    }
}

/// Why a disk is not touched.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{disk} is not empty, and site.yaml does not say that it may be erased; on it:\n  {}", findings.join("\n  "))]
pub struct Refusal {
    disk: String,
    findings: Vec<String>,
}

/// Why a disk cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum ExamineError {
    /// It cannot be read.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// Its table cannot be read.
    #[error("cannot read the partition table of {disk}: {source}")]
    Table {
        /// The disk.
        disk: String,
        /// Why.
        source: io::Error,
    },
    /// A program did not work.
    #[error(transparent)]
    Program(#[from] ProgramError),
}

impl Ours {
    /// Whether CoreOS is on the disk, too.
    pub fn has_system(&self) -> bool {
        self.table.partitions.len() > 1
    }

    /// A partition of CoreOS.
    pub fn system_partition(&self, name: &str) -> Option<&Partition> {
        let mut system = self.table.partitions.iter();
        system.find(|p| p.name == name && p.guid != self.partition.guid)
    }
}

impl Contents {
    /// Whether everything may be overwritten.
    ///
    /// # Errors
    /// [`Refusal`] with what is there.
    pub fn erasable(&self, disk: &Block, policy: ExistingData) -> Result<ErasableDisk, Refusal> {
        let refusal = |findings: &[String]| Refusal {
            disk: disk.path().display().to_string(),
            findings: findings.to_vec(),
        };
        match (self, policy) {
            (Self::Blank, _) => Ok(ErasableDisk { wipe: false }),
            (Self::Foreign { .. }, ExistingData::Erase) => Ok(ErasableDisk { wipe: true }),
            (Self::Foreign { findings }, ExistingData::Refuse) => Err(refusal(findings)),
            // Never asked for: what is ours is kept.
            (Self::Ours(_), _) => Err(refusal(&["the cache of this image".to_owned()])),
        }
    }
}

/// Looks at a disk.
///
/// # Errors
/// [`ExamineError`].
pub fn examine(disk: &mut Block, device: &Device, pins: &Pins) -> Result<Contents, ExamineError> {
    let size_bytes = disk.size_bytes();
    let found = gpt::read(disk, size_bytes, device.sector_bytes);
    let table = found.map_err(|source| ExamineError::Table {
        disk: disk.path().display().to_string(),
        source,
    })?;
    if let Table::Gpt { table, soundness } = &table
        && let Some(partition) = pinned(table, device.sector_bytes, pins)
    {
        let record = record_of(disk, partition, device.sector_bytes)?;
        return Ok(Contents::Ours(Ours {
            table: table.clone(),
            soundness: *soundness,
            partition: partition.clone(),
            record: record.filter(|record| record.image == pins.cache.uuid),
        }));
    }
    let findings = findings(disk, device, &table)?;
    Ok(if findings.is_empty() {
        Contents::Blank
    } else {
        Contents::Foreign { findings }
    })
}

/// The pinned partition, if it is as pinned and the rest of the table is CoreOS or nothing.
pub(crate) fn pinned<'t>(
    table: &'t gpt::Table,
    sector_bytes: u64,
    pins: &Pins,
) -> Option<&'t Partition> {
    let expected = &pins.installation.partition;
    let guid = expected.uuid.parse().ok()?;
    let is_pinned = |partition: &&Partition| partition.guid == guid;
    let partition = table.partitions.iter().find(is_pinned)?;
    let others = table.partitions.iter().filter(|p| !is_pinned(p));
    let as_pinned = table.sector_bytes == sector_bytes
        && partition.name == expected.label
        && partition.size_bytes(sector_bytes) == expected.size_bytes;
    let mut strangers = others.filter(|other| !COREOS.contains(&other.name.as_str()));
    (as_pinned && strangers.next().is_none()).then_some(partition)
}

fn record_of(
    disk: &Block,
    partition: &Partition,
    sector_bytes: u64,
) -> Result<Option<Record>, DeviceError> {
    let size_bytes = partition.size_bytes(sector_bytes);
    let window = disk.window(partition.offset_bytes(sector_bytes), size_bytes);
    let (Some(window), Some(at)) = (window, size_bytes.checked_sub(record::BYTES as u64)) else {
        return Ok(None);
    };
    let mut bytes = vec![0; record::BYTES];
    window.read_at(at, &mut bytes)?;
    Ok(Record::parse(&bytes))
}

fn findings(disk: &Block, device: &Device, table: &Table) -> Result<Vec<String>, ExamineError> {
    let mut findings = Vec::new();
    match table {
        Table::Nothing => {}
        Table::Damaged => findings.push("a damaged partition table (GPT)".to_owned()),
        Table::Mbr(partitions) => {
            for p in partitions {
                let inside = inside(disk, p.offset_bytes, p.size_bytes)?;
                findings.push(format!(
                    "partition {} (MBR, type {:#04x}), {} bytes, {inside}",
                    p.number, p.kind, p.size_bytes
                ));
            }
        }
        Table::Gpt { table, .. } => {
            let sector_bytes = table.sector_bytes;
            for p in &table.partitions {
                let size = p.size_bytes(sector_bytes);
                let inside = match record_of(disk, p, sector_bytes)? {
                    Some(record) => format!(
                        "the cache of another snobox image: site {}, image {}",
                        record.site, record.image
                    ),
                    None => inside(disk, p.offset_bytes(sector_bytes), size)?,
                };
                let (number, name) = (p.number, &p.name);
                findings.push(format!(
                    "partition {number} `{name}`, {size} bytes, {inside}"
                ));
            }
        }
    }
    // Of the whole disk; tables are not among signatures.
    if let Some(found) = signatures(disk.path(), 0, disk.size_bytes())? {
        let label = found.label.unwrap_or_default();
        findings.push(format!("on the whole disk: {} {label}", found.kind));
    } else if findings.is_empty() {
        let known = device.all().into_iter();
        findings.extend(known.filter_map(|d| {
            Some(format!(
                "{}: {}",
                d.path().display(),
                d.file_system.as_deref()?
            ))
        }));
    }
    Ok(findings)
}

fn inside(disk: &Block, offset_bytes: u64, size_bytes: u64) -> Result<String, ExamineError> {
    let end = offset_bytes.checked_add(size_bytes);
    if size_bytes == 0 || end.is_none_or(|end| end > disk.size_bytes()) {
        return Ok("reaching beyond the disk".to_owned());
    }
    let found = signatures(disk.path(), offset_bytes, size_bytes)?;
    Ok(found.map_or_else(
        || "nothing known in it".to_owned(),
        |found| format!("{} {}", found.kind, found.label.unwrap_or_default()),
    ))
}
