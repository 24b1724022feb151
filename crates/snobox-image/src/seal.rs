//! The seal: SHA-256 of every 1 MiB of the cache, so that one flipped bit anywhere in it can be named.
//!
//! ```text
//! offset  length
//!      0       8   magic "SNBXSEAL"
//!      8       4   version, 1
//!     12       4   bytes that each digest covers, 1,048,576
//!     16       8   bytes covered in all: the file system that the seal follows
//!     24    n×32   SHA-256 of each piece in order; the last piece may be short
//!      …       …   zeros up to a multiple of 4096
//! ```
//!
//! Numbers are little-endian. The seal's own digest (of everything above, zeros included) is pinned in the ignition. A reader refuses other versions.

use snobox_formats::digest::{Digest, Hasher};

/// Bytes that each digest covers.
pub const PIECE_BYTES: u64 = 1 << 20;
const MAGIC: &[u8; 8] = b"SNBXSEAL";
const VERSION: u32 = 1;
const HEADER_BYTES: u64 = 24;
const ALIGNMENT: u64 = 4096;

/// A seal that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    covered_bytes: u64,
    pieces: Vec<Digest>,
}

/// Why bytes are not a seal.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// No magic.
    #[error("there is no seal")]
    Magic,
    /// Another version or piece size.
    #[error("the seal has version {version} and pieces of {piece_bytes} bytes: not known here")]
    Version {
        /// Version found.
        version: u32,
        /// Piece size found.
        piece_bytes: u32,
    },
    /// It ends too early.
    #[error("the seal is not whole")]
    Truncated,
}

/// Length of the seal of a file system of that many bytes.
pub fn seal_bytes(covered_bytes: u64) -> u64 {
    (HEADER_BYTES + covered_bytes.div_ceil(PIECE_BYTES) * 32).next_multiple_of(ALIGNMENT)
}

impl Seal {
    /// Reads a seal of a file system of `covered_bytes`.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn parse(bytes: &[u8], covered_bytes: u64) -> Result<Self, SealError> {
        if bytes.get(..8) != Some(MAGIC) {
            return Err(SealError::Magic);
        }
        let u32_at = |at: usize| {
            bytes
                .get(at..at + 4)
                .and_then(|b| b.try_into().ok())
                .map(u32::from_le_bytes)
        };
        let u64_at = |at: usize| {
            bytes
                .get(at..at + 8)
                .and_then(|b| b.try_into().ok())
                .map(u64::from_le_bytes)
        };
        let (version, piece_bytes) = (
            u32_at(8).ok_or(SealError::Truncated)?,
            u32_at(12).ok_or(SealError::Truncated)?,
        );
        if version != VERSION || u64::from(piece_bytes) != PIECE_BYTES {
            return Err(SealError::Version {
                version,
                piece_bytes,
            });
        }
        let digests = bytes.get(HEADER_BYTES as usize..).unwrap_or_default();
        let count = covered_bytes.div_ceil(PIECE_BYTES) as usize;
        if u64_at(16) != Some(covered_bytes) || digests.len() < count * 32 {
            return Err(SealError::Truncated);
        }
        let pieces = digests
            .chunks_exact(32)
            .take(count)
            .filter_map(|d| d.try_into().ok().map(Digest::from_bytes))
            .collect();
        Ok(Self {
            covered_bytes,
            pieces,
        })
    }

    /// The digest of each piece.
    pub fn pieces(&self) -> &[Digest] {
        &self.pieces
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend((PIECE_BYTES as u32).to_le_bytes());
        bytes.extend(self.covered_bytes.to_le_bytes());
        bytes.extend(self.pieces.iter().flat_map(|digest| *digest.as_bytes()));
        bytes.resize(seal_bytes(self.covered_bytes) as usize, 0);
        bytes
    }
}

/// Makes a seal from the bytes in their order.
#[derive(Debug)]
pub struct Sealer {
    pieces: Vec<Digest>,
    current: Hasher,
    in_current: u64,
    covered_bytes: u64,
    /// Digest of a whole piece of zeros: images are sparse, and most of some is nothing.
    zero_piece: Digest,
}

impl Default for Sealer {
    fn default() -> Self {
        let zero_piece = Digest::of(&vec![0; PIECE_BYTES as usize]);
        Self {
            pieces: Vec::new(),
            current: Hasher::new(),
            in_current: 0,
            covered_bytes: 0,
            zero_piece,
        }
    }
}

impl Sealer {
    /// Adds bytes.
    pub fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = (PIECE_BYTES - self.in_current) as usize;
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.current.update(now);
            self.advance(now.len() as u64);
            bytes = later;
        }
    }

    /// Adds zeros.
    pub fn zeros(&mut self, mut count: u64) {
        let block = [0; 4096];
        while count > 0 {
            if self.in_current == 0 && count >= PIECE_BYTES {
                self.pieces.push(self.zero_piece);
                self.covered_bytes += PIECE_BYTES;
                count -= PIECE_BYTES;
                continue;
            }
            let now = count
                .min(block.len() as u64)
                .min(PIECE_BYTES - self.in_current);
            self.current.update(&block[..now as usize]);
            self.advance(now);
            count -= now;
        }
    }

    fn advance(&mut self, count: u64) {
        self.in_current += count;
        self.covered_bytes += count;
        if self.in_current == PIECE_BYTES {
            self.pieces.push(std::mem::take(&mut self.current).finish());
            self.in_current = 0;
        }
    }

    /// The seal's bytes.
    pub fn finish(mut self) -> Vec<u8> {
        if self.in_current > 0 {
            self.pieces.push(self.current.finish());
        }
        Seal {
            covered_bytes: self.covered_bytes,
            pieces: self.pieces,
        }
        .to_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_tells_the_same_however_the_bytes_came() {
        let whole = [vec![7; 300], vec![0; 3 << 20], vec![9; 5]].concat();
        let mut at_once = Sealer::default();
        at_once.update(&whole);
        let mut in_parts = Sealer::default();
        in_parts.update(&[7; 300]);
        in_parts.zeros(3 << 20);
        in_parts.update(&[9; 5]);
        let bytes = at_once.finish();
        assert_eq!(bytes, in_parts.finish());
        assert_eq!(bytes.len() as u64, seal_bytes(whole.len() as u64));
        let seal = Seal::parse(&bytes, whole.len() as u64).unwrap();
        let expected: Vec<_> = whole.chunks(1 << 20).map(Digest::of).collect();
        assert_eq!(seal.pieces(), expected);
    }

    #[test]
    fn other_bytes_are_refused() {
        let mut sealer = Sealer::default();
        sealer.zeros(5000);
        let good = sealer.finish();
        assert_eq!(Seal::parse(&good[1..], 5000), Err(SealError::Magic));
        assert_eq!(Seal::parse(&good[..30], 5000), Err(SealError::Truncated));
        assert_eq!(Seal::parse(&good, 5001), Err(SealError::Truncated));
        let mut newer = good.clone();
        newer[8] = 2;
        assert!(matches!(
            Seal::parse(&newer, 5000),
            Err(SealError::Version { version: 2, .. })
        ));
    }
}
