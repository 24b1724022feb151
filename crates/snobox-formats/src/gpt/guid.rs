//! GUIDs as GPT stores them: the first three fields little-endian, the rest as it is written.

use std::fmt;
use std::str::FromStr;

/// A GUID, in its bytes on disk.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Guid([u8; 16]);

/// Why text is no GUID.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is no GUID of the form 01234567-89ab-cdef-0123-456789abcdef")]
pub struct ParseGuidError {
    /// What was given.
    pub given: String,
}

impl Guid {
    /// The GUID that marks an unused entry.
    pub const UNUSED: Self = Self([0; 16]);

    /// From the fields in the order in which they are written.
    pub const fn from_fields(a: u32, b: u16, c: u16, d: [u8; 8]) -> Self {
        let (a, b, c) = (a.to_le_bytes(), b.to_le_bytes(), c.to_le_bytes());
        Self([
            a[0], a[1], a[2], a[3], b[0], b[1], c[0], c[1], d[0], d[1], d[2], d[3], d[4], d[5],
            d[6], d[7],
        ])
    }

    /// From bytes as they are on disk.
    pub fn from_disk(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Bytes as they are on disk.
    pub fn to_disk(self) -> [u8; 16] {
        self.0
    }
}

impl FromStr for Guid {
    type Err = ParseGuidError;

    fn from_str(text: &str) -> Result<Self, ParseGuidError> {
        let error = || ParseGuidError {
            given: text.to_owned(),
        };
        let parts: Vec<_> = text.split('-').collect();
        let lengths: Vec<_> = parts.iter().map(|part| part.len()).collect();
        if lengths != [8, 4, 4, 4, 12] || !text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
        {
            return Err(error());
        }
        let number = u128::from_str_radix(&parts.concat(), 16).map_err(|_| error())?;
        let rest = (number as u64).to_be_bytes();
        Ok(Self::from_fields(
            (number >> 96) as u32,
            (number >> 80) as u16,
            (number >> 64) as u16,
            rest,
        ))
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let b = &self.0;
        let order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
        for (at, index) in order.into_iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{:02x}", b[index])?;
        }
        Ok(())
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
