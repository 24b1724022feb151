//! What will be done to the installation disk: decided before anything is written, and printable.

use std::fmt;

use snobox_formats::gpt::{
    AddError, Guid, LINUX_FILE_SYSTEM, NewPartition, Partition, Soundness, Table,
};
use snobox_image::pins::{ExistingData, Pins};
use snobox_image::seal::seal_bytes;

use super::contents::{Contents, ErasableDisk, Refusal};
use super::device::Block;
use super::record;

/// The cache's partition: CoreOS has 1 to 4, and coreos-installer keeps the number of a saved partition that is larger than its own
/// (`SavedPartitions::merge` in its `src/blockdev.rs`).
const PARTITION_NUMBER: u32 = 9;
const MIB: u64 = 1 << 20;

/// What the system needs beside the cache: the root file system of a node, with room for its first images.
pub const SYSTEM_MINIMUM_BYTES: u64 = 16 << 30;

/// What becomes of the partition table.
#[derive(Debug)]
pub enum TableStep {
    /// It is as it has to be.
    Keep,
    /// It has only the cache's partition, and a part of it is missing: it is written again.
    Repair(Table),
    /// A new one.
    Write(Table, ErasableDisk),
}

/// The whole plan.
#[derive(Debug)]
pub struct Plan {
    disk: String,
    /// The partition table.
    pub table: TableStep,
    /// The cache's partition.
    pub partition: Partition,
    /// Where the partition starts.
    pub offset_bytes: u64,
    /// Its length.
    pub size_bytes: u64,
    /// Bytes of the cache's file system.
    pub cache_bytes: u64,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The disk holds something.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The disk is too small.
    #[error(
        "{disk} has {found_bytes} bytes, expected at least {expected_bytes}: {partition_bytes} for the cache, {system_bytes} for the system"
    )]
    TooSmall {
        /// The disk.
        disk: String,
        /// Its length.
        found_bytes: u64,
        /// What is needed.
        expected_bytes: u64,
        /// Of that, the partition.
        partition_bytes: u64,
        /// Of that, the system.
        system_bytes: u64,
    },
    /// The cache does not fit its partition.
    #[error("the cache needs {needed_bytes} bytes, but the image gives its partition {size_bytes}")]
    Partition {
        /// Cache, seal and record.
        needed_bytes: u64,
        /// The partition.
        size_bytes: u64,
    },
    /// The GUID of the partition is none.
    #[error("the image gives its partition the GUID `{given}`, which is none")]
    Guid {
        /// What is given.
        given: String,
    },
    /// No such partition can be made.
    #[error("no partition table can be made for {disk}: {source}")]
    Table {
        /// The disk.
        disk: String,
        /// Why.
        source: AddError,
    },
}

impl PlanError {
    /// What to do.
    pub fn action(&self) -> &'static str {
        match self {
            Self::Refused(_) => {
                "save what is needed, then either erase the disk or set node.installationDisk.existingData: erase in site.yaml, build the image and write the stick again"
            }
            Self::TooSmall { .. } => {
                "use a larger disk, or a smaller cache.size in site.yaml; then build the image and write the stick again"
            }
            Self::Partition { .. } | Self::Guid { .. } | Self::Table { .. } => {
                "build the image and write the stick again"
            }
        }
    }
}

/// What is given.
#[derive(Debug)]
pub struct Given<'a> {
    /// The disk.
    pub disk: &'a Block,
    /// Bytes of its sectors.
    pub sector_bytes: u64,
    /// What lies on it.
    pub contents: &'a Contents,
    /// The image.
    pub pins: &'a Pins,
    /// What the system needs.
    pub system_bytes: u64,
    /// A GUID that no other disk has.
    pub new_guid: Guid,
}

/// Decides.
///
/// # Errors
/// [`PlanError`].
pub fn plan(given: &Given<'_>) -> Result<Plan, PlanError> {
    let disk = given.disk.path().display().to_string();
    let size_bytes = given.pins.installation.partition.size_bytes;
    let cache_bytes = given.pins.cache.size_bytes;
    let needed_bytes = cache_bytes + seal_bytes(cache_bytes) + record::BYTES as u64;
    if needed_bytes > size_bytes {
        return Err(PlanError::Partition {
            needed_bytes,
            size_bytes,
        });
    }
    // A MiB in front and one behind are lost to tables and alignment.
    let expected_bytes = size_bytes + given.system_bytes + 2 * MIB;
    if given.disk.size_bytes() < expected_bytes {
        return Err(PlanError::TooSmall {
            disk,
            found_bytes: given.disk.size_bytes(),
            expected_bytes,
            partition_bytes: size_bytes,
            system_bytes: given.system_bytes,
        });
    }
    let (table, partition) = match given.contents {
        Contents::Ours(ours) => {
            let step = if ours.soundness == Soundness::Whole || ours.has_system() {
                TableStep::Keep
            } else {
                let mut table = empty(given, &disk)?;
                table.partitions.push(ours.partition.clone());
                TableStep::Repair(table)
            };
            (step, ours.partition.clone())
        }
        contents => {
            let policy: ExistingData = given.pins.installation.existing_data;
            let proof = contents.erasable(given.disk, policy)?;
            let (table, partition) = new_table(given, &disk)?;
            (TableStep::Write(table, proof), partition)
        }
    };
    Ok(Plan {
        disk,
        table,
        offset_bytes: partition.offset_bytes(given.sector_bytes),
        partition,
        size_bytes,
        cache_bytes,
    })
}

fn empty(given: &Given<'_>, disk: &str) -> Result<Table, PlanError> {
    Table::new(given.sector_bytes, given.disk.size_bytes(), given.new_guid).map_err(|source| {
        PlanError::Table {
            disk: disk.to_owned(),
            source,
        }
    })
}

fn new_table(given: &Given<'_>, disk: &str) -> Result<(Table, Partition), PlanError> {
    let pinned = &given.pins.installation.partition;
    let guid = pinned.uuid.parse().map_err(|_| PlanError::Guid {
        given: pinned.uuid.clone(),
    })?;
    let mut table = empty(given, disk)?;
    let added = table.add_at_end(&NewPartition {
        number: PARTITION_NUMBER,
        kind: LINUX_FILE_SYSTEM,
        guid,
        name: &pinned.label,
        size_bytes: pinned.size_bytes,
        alignment_bytes: MIB,
    });
    let fault = |source| PlanError::Table {
        disk: disk.to_owned(),
        source,
    };
    added.map_err(fault)?;
    let partition = table.partitions.first().cloned();
    let number = AddError::Number {
        number: PARTITION_NUMBER,
    };
    let partition = partition.ok_or_else(|| fault(number))?;
    Ok((table, partition))
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            disk, partition, ..
        } = self;
        match &self.table {
            TableStep::Keep => writeln!(f, "keep the partition table of {disk}")?,
            TableStep::Repair(_) => writeln!(
                f,
                "write the partition table of {disk} again: a part of it is missing"
            )?,
            TableStep::Write(_, proof) if proof.wipe() => {
                writeln!(f, "ERASE {disk} and write a new partition table")?;
            }
            TableStep::Write(..) => {
                writeln!(f, "write a partition table to {disk}, which is blank")?
            }
        }
        writeln!(
            f,
            "partition {} `{}` {}, {} bytes from byte {}",
            partition.number, partition.name, partition.guid, self.size_bytes, self.offset_bytes
        )?;
        write!(
            f,
            "copy {} bytes of cache into it, read them back, write the record",
            self.cache_bytes
        )
    }
}
