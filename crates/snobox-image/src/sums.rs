//! The sums: XXH3-128 of every blob of the cache, so that who serves it notices a damaged blob for a tenth of what SHA-256 costs.
//!
//! A sum tells damage and nothing else: clients hash what they get against its digest, and the [seal](crate::seal) covers the file of sums like all of the cache.
//! A blob whose sum is wrong is hashed by its digest before anybody calls it damaged.
//!
//! ```text
//! offset  length
//!      0       8   magic "SNBXSUMS"
//!      8       4   version, 1
//!     12       4   zeros
//!     16       8   number of blobs
//!     24    n×48   digest (32 bytes) and XXH3-128 (16 bytes), ascending by digest
//! ```
//!
//! Numbers are little-endian, a sum too. A reader refuses other versions.
//!
//! Source of truth for XXH3: `doc/xxhash_spec.md` of `github.com/Cyan4973/xxHash`, seed 0.

use std::collections::BTreeMap;

use snobox_formats::digest::Digest;

/// Path in the cache: behind all blobs by the order of its file system, since it is known only after them.
pub const PATH: &str = "sums/blobs";
const MAGIC: &[u8; 8] = b"SNBXSUMS";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 24;
const ENTRY_BYTES: usize = 48;

/// The sum of each blob.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums(BTreeMap<Digest, u128>);

/// Why bytes are not sums.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SumsError {
    /// No magic.
    #[error("there are no sums of blobs")]
    Magic,
    /// Another version.
    #[error("the sums of blobs have version {0}: not known here")]
    Version(u32),
    /// It ends too early or too late.
    #[error("the sums of blobs are not whole")]
    Length,
}

/// Length of the sums of so many blobs.
pub fn sums_bytes(blobs: usize) -> u64 {
    (HEADER_BYTES + blobs * ENTRY_BYTES) as u64
}

impl Sums {
    /// Adds a blob.
    pub fn add(&mut self, blob: Digest, sum: u128) {
        self.0.insert(blob, sum);
    }

    /// The sum of a blob, if it is known.
    pub fn get(&self, blob: Digest) -> Option<u128> {
        self.0.get(&blob).copied()
    }

    /// Each blob with its sum.
    pub fn iter(&self) -> impl Iterator<Item = (Digest, u128)> {
        self.0.iter().map(|(blob, sum)| (*blob, *sum))
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`SumsError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, SumsError> {
        if bytes.get(..8) != Some(MAGIC) {
            return Err(SumsError::Magic);
        }
        let (header, entries) = bytes
            .split_at_checked(HEADER_BYTES)
            .ok_or(SumsError::Length)?;
        let field = |at: usize| header[at..].iter().take(8).rev();
        let number = |at: usize, length: usize| {
            let bytes = field(at).skip(8 - length);
            bytes.fold(0_u64, |all, byte| all << 8 | u64::from(*byte))
        };
        let version = number(8, 4) as u32;
        if version != VERSION {
            return Err(SumsError::Version(version));
        }
        let (entries, rest) = entries.as_chunks::<ENTRY_BYTES>();
        if number(16, 8) != entries.len() as u64 || !rest.is_empty() {
            return Err(SumsError::Length);
        }
        let sums = entries.iter().map(|entry| {
            let (mut digest, mut sum) = ([0; 32], [0; 16]);
            digest.copy_from_slice(&entry[..32]);
            sum.copy_from_slice(&entry[32..]);
            (Digest::from_bytes(digest), u128::from_le_bytes(sum))
        });
        Ok(Self(sums.collect()))
    }

    /// The file's content, [`sums_bytes`] long.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + self.0.len() * ENTRY_BYTES);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend((self.0.len() as u64).to_le_bytes());
        for (blob, sum) in &self.0 {
            bytes.extend(blob.as_bytes());
            bytes.extend(sum.to_le_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_lie_as_the_drawing_says_and_read_back() {
        let mut sums = Sums::default();
        sums.add(Digest::from_bytes([9; 32]), 0x0102);
        sums.add(Digest::from_bytes([3; 32]), u128::MAX);
        let bytes = sums.to_bytes();
        assert_eq!(bytes.len() as u64, sums_bytes(2));
        assert_eq!(
            &bytes[..24],
            b"SNBXSUMS\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0"
        );
        assert_eq!(bytes[24..72], [vec![3; 32], vec![0xff; 16]].concat());
        assert_eq!(bytes[104..108], [2, 1, 0, 0]);
        assert_eq!(Sums::parse(&bytes).unwrap(), sums);
    }

    #[test]
    fn other_bytes_are_refused() {
        let mut sums = Sums::default();
        sums.add(Digest::from_bytes([9; 32]), 7);
        let good = sums.to_bytes();
        assert_eq!(Sums::parse(b""), Err(SumsError::Magic));
        assert_eq!(Sums::parse(&good[..20]), Err(SumsError::Length));
        assert_eq!(Sums::parse(&good[..71]), Err(SumsError::Length));
        assert_eq!(
            Sums::parse(&[&good[..], &[0; 48]].concat()),
            Err(SumsError::Length)
        );
        let mut newer = good;
        newer[8] = 2;
        assert_eq!(Sums::parse(&newer), Err(SumsError::Version(2)));
    }
}
