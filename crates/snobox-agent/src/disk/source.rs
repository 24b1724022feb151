//! The cache on the stick, piece by piece: every piece is hashed before anybody gets it.

use std::fmt;
use std::path::Path;

use snobox_formats::digest::Digest;
use snobox_image::pins::CachePins;
use snobox_image::seal::{PIECE_BYTES, Seal, SealError, seal_bytes};

use super::blob;
use super::device::{Block, DeviceError};

/// Read-ahead is forgotten in steps, or the page cache of a small machine would hold nothing but the stick.
const FORGET_EVERY: u64 = 64;

/// The cache on the stick.
#[derive(Debug)]
pub struct Source {
    stick: Block,
    offset_bytes: u64,
    size_bytes: u64,
    seal: Seal,
    seal_file: Vec<u8>,
}

/// What is wrong with the stick.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It cannot be read.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The list of digests is not the one that the image pins.
    #[error(
        "the seal of the cache on {stick} is {found}, expected {expected}: the stick is damaged, or not the stick of this image"
    )]
    Seal {
        /// The stick.
        stick: String,
        /// As pinned.
        expected: Digest,
        /// As read.
        found: Digest,
    },
    /// It is the right list, and cannot be read: another version of snobox made the image.
    #[error("the seal of the cache on {stick} cannot be read: {source}")]
    SealForm {
        /// The stick.
        stick: String,
        /// Why.
        source: SealError,
    },
    /// A piece is not what it was.
    #[error("{0}")]
    Damaged(Box<Damage>),
}

/// A damaged piece.
#[derive(Debug)]
pub struct Damage {
    stick: String,
    piece: u64,
    pieces: usize,
    offset_bytes: u64,
    expected: Digest,
    found: Digest,
    file: Option<String>,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the stick {} is damaged: piece {} of {} of its cache, at byte {} of the stick, has {}, expected {}",
            self.stick, self.piece, self.pieces, self.offset_bytes, self.found, self.expected
        )?;
        match &self.file {
            Some(file) => write!(f, "; {file} lies there"),
            None => Ok(()),
        }
    }
}

impl Source {
    /// Opens the cache on a stick, and checks its seal.
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn open(stick: &Path, pins: &CachePins) -> Result<Self, SourceError> {
        let name = stick.display().to_string();
        let stick = Block::look_at(stick)?;
        let mut seal_file = vec![0; seal_bytes(pins.size_bytes) as usize];
        stick.read_at(pins.offset_bytes + pins.size_bytes, &mut seal_file)?;
        let found = Digest::of(&seal_file);
        if found != pins.seal {
            return Err(SourceError::Seal {
                stick: name,
                expected: pins.seal,
                found,
            });
        }
        let seal =
            Seal::parse(&seal_file, pins.size_bytes).map_err(|source| SourceError::SealForm {
                stick: name,
                source,
            })?;
        Ok(Self {
            stick,
            offset_bytes: pins.offset_bytes,
            size_bytes: pins.size_bytes,
            seal,
            seal_file,
        })
    }

    /// The seal as it is on the stick.
    pub fn seal_file(&self) -> &[u8] {
        &self.seal_file
    }

    /// Length of the file system.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Offset within the cache, length and digest of each piece.
    pub fn pieces(&self) -> impl ExactSizeIterator<Item = (u64, usize, Digest)> + use<'_> {
        let size_bytes = self.size_bytes;
        self.seal
            .pieces()
            .iter()
            .enumerate()
            .map(move |(n, digest)| {
                let offset = n as u64 * PIECE_BYTES;
                (
                    offset,
                    PIECE_BYTES.min(size_bytes - offset) as usize,
                    *digest,
                )
            })
    }

    /// Reads the piece at `offset_bytes` of the cache and compares it with its digest.
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn read(
        &self,
        offset_bytes: u64,
        bytes: &mut [u8],
        expected: Digest,
    ) -> Result<(), SourceError> {
        let at = self.offset_bytes + offset_bytes;
        self.stick.read_at(at, bytes)?;
        let found = Digest::of(bytes);
        if found != expected {
            let length = bytes.len() as u64;
            return Err(SourceError::Damaged(Box::new(Damage {
                stick: self.stick.path().display().to_string(),
                piece: offset_bytes / PIECE_BYTES + 1,
                pieces: self.seal.pieces().len(),
                offset_bytes: at,
                expected,
                found,
                file: blob::file_at(self.stick.path(), self.offset_bytes, offset_bytes, length),
            })));
        }
        let piece = offset_bytes / PIECE_BYTES;
        if piece % FORGET_EVERY == FORGET_EVERY - 1 {
            let step = FORGET_EVERY * PIECE_BYTES;
            self.stick.forget(at + length_of(bytes) - step, step);
        }
        Ok(())
    }
}

fn length_of(bytes: &[u8]) -> u64 {
    bytes.len() as u64
}
