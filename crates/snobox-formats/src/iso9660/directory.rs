//! Directory records of ISO 9660, and how a name is matched.
//!
//! Not for: Rock Ridge and Joliet names. Source of truth: ECMA-119 3rd edition, 7.5, 9.1 and 10.1.

use super::{FileExtent, IsoError, SECTOR_BYTES, corrupt, le_u32};

pub(super) const FLAG_DIRECTORY: u8 = 0x02;
pub(super) const FLAG_MULTI_EXTENT: u8 = 0x80;

const SECTOR: usize = SECTOR_BYTES as usize;
const RECORD_HEADER_BYTES: usize = 33;

/// The record of `wanted` in the bytes of a directory: the exact name, else its level 1 form.
pub(super) fn find_record<'d>(
    directory: &'d [u8],
    wanted: &str,
) -> Result<Option<Record<'d>>, IsoError> {
    let level_one = level_one_name(wanted);
    let mut truncated_match = None;
    for sector in directory.chunks(SECTOR) {
        let mut rest = sector;
        while let Some(&length) = rest.first().filter(|length| **length != 0) {
            let Some((bytes, after)) = rest.split_at_checked(usize::from(length)) else {
                return Err(corrupt("a directory record crosses its sector"));
            };
            let record = Record::parse(bytes)
                .ok_or_else(|| corrupt("a directory record is shorter than its name"))?;
            let name = record.name();
            if name.eq_ignore_ascii_case(wanted.as_bytes()) {
                return Ok(Some(record));
            }
            if truncated_match.is_none() && name.eq_ignore_ascii_case(level_one.as_bytes()) {
                truncated_match = Some(record);
            }
            rest = after;
        }
    }
    Ok(truncated_match)
}

/// What is needed of one directory record.
pub(super) struct Record<'d> {
    pub(super) extent: FileExtent,
    pub(super) flags: u8,
    raw_name: &'d [u8],
}

impl<'d> Record<'d> {
    /// `None` if the record is too short for its name.
    pub(super) fn parse(bytes: &'d [u8]) -> Option<Self> {
        let (header, name) = bytes.split_at_checked(RECORD_HEADER_BYTES)?;
        let first_block = u64::from(le_u32(header, 2)) + u64::from(header[1]);
        Some(Self {
            extent: FileExtent {
                offset_bytes: first_block * SECTOR_BYTES,
                length_bytes: u64::from(le_u32(header, 10)),
            },
            flags: header[25],
            raw_name: name.get(..usize::from(header[32]))?,
        })
    }

    /// The name without version and without the dot of an empty extension.
    fn name(&self) -> &'d [u8] {
        let base = self.raw_name.split(|b| *b == b';').next();
        let base = base.unwrap_or_default();
        base.strip_suffix(b".").unwrap_or(base)
    }
}

/// The interchange level 1 form of one path component, upper case, as mkisofs and xorriso make it: `KARGS.JSO`.
pub(super) fn level_one_name(component: &str) -> String {
    let clean = |part: &str, length: usize| -> String {
        part.chars()
            .take(length)
            .map(|c| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_uppercase()
                } else {
                    '_'
                }
            })
            .collect()
    };
    match component.rsplit_once('.') {
        Some((base, extension)) if !extension.is_empty() => {
            format!("{}.{}", clean(base, 8), clean(extension, 3))
        }
        Some((base, _)) => clean(base, 8),
        None => clean(component, 8),
    }
}
