//! The cache goes from the stick into its partition, and is read back from there.
//!
//! 1. The record is taken away before the first byte changes: a partition with a record holds what the record says.
//! 2. Piece by piece: a piece that is on the disk already is left; any other is read from the stick, hashed, and only then written.
//! 3. The seal, behind the file system.
//! 4. Everything is synced, the page cache of the partition dropped, and all of it read back against the seal.
//!
//! The record is written by the caller, after that. A cut anywhere leaves pieces that the next run checks one by one.

use snobox_formats::digest::Digest;

use super::device::{DeviceError, Window};
use super::record;
use super::source::{Source, SourceError};

/// Written pieces go to the medium in such steps, so that the last sync is short.
const SYNC_EVERY: u64 = 128;

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Copying.
    Copy,
    /// Reading back.
    ReadBack,
}

/// How far it is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// Bytes of the cache done in this phase.
    pub done_bytes: u64,
    /// Bytes of the cache.
    pub total_bytes: u64,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Pieces written.
    pub written: u64,
    /// Pieces that were there already.
    pub kept: u64,
}

/// Why the cache is not in its partition.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The stick.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The disk cannot be used.
    #[error(transparent)]
    Disk(#[from] DeviceError),
    /// The disk does not give back what was written.
    #[error(
        "{disk} does not give back what was written to it: piece {piece} of the cache reads as {found}, expected {expected}"
    )]
    ReadBack {
        /// The disk.
        disk: String,
        /// Piece, from 1.
        piece: u64,
        /// As written.
        expected: Digest,
        /// As read.
        found: Digest,
    },
}

/// Takes the record away, so that nothing is claimed of the partition.
///
/// # Errors
/// [`DeviceError`].
pub fn clear_record(partition: &Window<'_>) -> Result<(), DeviceError> {
    let at = partition.size_bytes() - record::BYTES as u64;
    partition.write_at(at, &[0; record::BYTES])?;
    partition.sync()
}

/// Writes a record and syncs it.
///
/// # Errors
/// [`DeviceError`].
pub fn write_record(partition: &Window<'_>, record: &record::Record) -> Result<(), DeviceError> {
    let at = partition.size_bytes() - record::BYTES as u64;
    partition.write_at(at, &record.to_bytes())?;
    partition.sync()
}

/// Copies; with `resume`, pieces on the disk are looked at first.
///
/// # Errors
/// [`CopyError`].
pub fn copy(
    source: &Source,
    partition: &Window<'_>,
    resume: bool,
    progress: &mut dyn FnMut(Progress),
) -> Result<Copied, CopyError> {
    clear_record(partition)?;
    partition.forget();
    let mut copied = Copied::default();
    let mut buffer = Vec::new();
    for (offset, length, digest) in source.pieces() {
        buffer.resize(length, 0);
        let there = resume && {
            partition.read_at(offset, &mut buffer)?;
            Digest::of(&buffer) == digest
        };
        if there {
            copied.kept += 1;
        } else {
            source.read(offset, &mut buffer, digest)?;
            partition.write_at(offset, &buffer)?;
            copied.written += 1;
            if copied.written % SYNC_EVERY == 0 {
                partition.sync()?;
            }
        }
        progress(Progress {
            phase: Phase::Copy,
            done_bytes: offset + length as u64,
            total_bytes: source.size_bytes(),
        });
    }
    partition.write_at(source.size_bytes(), source.seal_file())?;
    partition.sync()?;
    Ok(copied)
}

/// Reads everything back from the medium.
///
/// # Errors
/// [`CopyError::ReadBack`], [`CopyError::Disk`].
pub fn read_back(
    source: &Source,
    partition: &Window<'_>,
    disk: &str,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), CopyError> {
    partition.forget();
    let mut buffer = Vec::new();
    for ((offset, length, expected), piece) in source.pieces().zip(1..) {
        buffer.resize(length, 0);
        partition.read_at(offset, &mut buffer)?;
        compare(disk, piece, expected, Digest::of(&buffer))?;
        progress(Progress {
            phase: Phase::ReadBack,
            done_bytes: offset + length as u64,
            total_bytes: source.size_bytes(),
        });
    }
    buffer.resize(source.seal_file().len(), 0);
    partition.read_at(source.size_bytes(), &mut buffer)?;
    let expected = Digest::of(source.seal_file());
    compare(
        disk,
        source.pieces().len() as u64 + 1,
        expected,
        Digest::of(&buffer),
    )
}

fn compare(disk: &str, piece: u64, expected: Digest, found: Digest) -> Result<(), CopyError> {
    if expected == found {
        return Ok(());
    }
    Err(CopyError::ReadBack {
        disk: disk.to_owned(),
        piece,
        expected,
        found,
    })
}

#[cfg(test)]
mod tests;
