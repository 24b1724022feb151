//! The installation record: what an image has done to the disk that it lies on.
//!
//! The last 4096 bytes of the cache's partition:
//!
//! ```text
//! offset  length
//!      0       8   magic "SNBXINST"
//!      8       4   version, 1
//!     12       4   state: 1 copied, 2 installed
//!     16      36   the image: the UUID of its cache, as text
//!     52       4   length of the site's name, at most 1024
//!     56       …   the site's name; zeros behind
//!   4064      32   SHA-256 of everything before
//! ```
//!
//! Numbers are little-endian. Another version, or a sum that is wrong, is no record: then nothing is known of the disk, and the cache is checked and
//! copied again. Written whole and synced, after everything that it speaks of.

use snobox_formats::digest::Digest;

/// Length of a record.
pub const BYTES: usize = 4096;
const MAGIC: &[u8; 8] = b"SNBXINST";
const VERSION: u32 = 1;
const MAX_SITE: usize = 1024;
const SUM: usize = BYTES - 32;

/// How far an installation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The cache is on the disk, and was read back.
    Copied = 1,
    /// The system is on the disk, too.
    Installed = 2,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// How far it is.
    pub state: State,
    /// UUID of the image's cache, 36 characters.
    pub image: String,
    /// The site's name.
    pub site: String,
}

impl Record {
    /// Reads a record; nothing if there is none.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; BYTES] = bytes.try_into().ok()?;
        let number = |at: usize| {
            let number = bytes.get(at..at + 4)?.try_into().ok()?;
            Some(u32::from_le_bytes(number))
        };
        let text = |at: usize, length: usize| {
            let text = bytes.get(at..at + length)?;
            std::str::from_utf8(text).ok().map(str::to_owned)
        };
        let sum = Digest::of(&bytes[..SUM]);
        if !bytes.starts_with(MAGIC) || number(8)? != VERSION || bytes[SUM..] != *sum.as_bytes() {
            return None;
        }
        let length = number(52)? as usize;
        Some(Self {
            state: match number(12)? {
                1 => State::Copied,
                2 => State::Installed,
                _ => return None,
            },
            image: text(16, 36)?,
            site: text(56, (length <= MAX_SITE).then_some(length)?)?,
        })
    }

    /// The record's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut end = self.site.len().min(MAX_SITE);
        while !self.site.is_char_boundary(end) {
            end -= 1;
        }
        let site = &self.site[..end];
        let mut bytes = MAGIC.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend((self.state as u32).to_le_bytes());
        bytes.extend(self.image.bytes().chain(std::iter::repeat(0)).take(36));
        bytes.extend((site.len() as u32).to_le_bytes());
        bytes.extend(site.bytes());
        bytes.resize(SUM, 0);
        let sum = Digest::of(&bytes);
        bytes.extend(sum.as_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            state: State::Copied,
            image: "01234567-89ab-cdef-0123-456789abcdef".to_owned(),
            site: "bip".to_owned(),
        }
    }

    #[test]
    fn a_record_is_as_drawn_and_reads_back() {
        let bytes = record().to_bytes();
        assert_eq!(bytes.len(), 4096);
        assert_eq!(&bytes[..16], b"SNBXINST\x01\0\0\0\x01\0\0\0");
        assert_eq!(&bytes[16..52], b"01234567-89ab-cdef-0123-456789abcdef");
        assert_eq!(&bytes[52..60], b"\x03\0\0\0bip\0");
        assert_eq!(Record::parse(&bytes), Some(record()));
    }

    #[test]
    fn any_other_byte_is_no_record() {
        let bytes = record().to_bytes();
        for at in [0, 8, 12, 16, 52, 57, 3000, 4064, 4095] {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert_eq!(Record::parse(&other), None, "{at}");
        }
        assert_eq!(Record::parse(&bytes[1..]), None);
        assert_eq!(Record::parse(&[0; BYTES]), None);
    }

    #[test]
    fn another_version_is_no_record_even_with_a_right_sum() {
        let mut bytes = record().to_bytes();
        bytes[8] = 2;
        let sum = Digest::of(&bytes[..4064]);
        bytes[4064..].copy_from_slice(sum.as_bytes());
        assert_eq!(Record::parse(&bytes), None);
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let long = Record {
            site: "ä".repeat(600) + "x",
            ..record()
        };
        let read = Record::parse(&long.to_bytes()).unwrap();
        assert_eq!(read.site, "ä".repeat(512));
    }
}
