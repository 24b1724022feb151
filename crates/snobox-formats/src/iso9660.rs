//! ISO 9660: finding a file in an image by its path.
//!
//! Not for: writing images, listing them, El Torito, or the long names of Rock Ridge and Joliet. A path is looked up
//! in the primary tree only, as coreos-installer and GRUB do.
//!
//! ```text
//! byte 32768  volume descriptors, 2048 bytes each, until type 255; type 1 is the primary one:
//!             0 type | 1 "CD001" | 6 version 1 | 40 volume id (32) | 80 blocks LE | 128 block size LE | 156 root record
//! directory   records, none across a 2048-byte sector; length 0 = go on in the next sector:
//!             0 length | 1 attribute blocks | 2 first block LE | 10 bytes LE | 25 flags | 32 name length | 33 name
//! ```
//!
//! Names: a component matches a record of the same name, upper or lower case, version (`;1`) aside. If there is none,
//! it matches its own interchange level 1 form: eight characters, a dot, three characters, anything but letters and
//! digits as `_`. So `coreos/kargs.json` finds `COREOS/KARGS.JSO;1`, the name coreos-installer asks for.
//!
//! Sources of truth: ECMA-119 3rd edition, 6.8, 7.5, 8.4, 9.1 and 10.1; coreos-installer 0.27.0 `src/iso9660.rs`.

mod directory;
mod error;

use std::io::{self, Read, Seek, SeekFrom};

pub use error::IsoError;

use directory::{FLAG_DIRECTORY, FLAG_MULTI_EXTENT, Record, find_record};

/// Bytes in a logical sector, and in a logical block of every image that is read here.
pub const SECTOR_BYTES: u64 = 2048;

const FIRST_DESCRIPTOR: u64 = 16;
const MAX_DESCRIPTORS: u64 = 64;
const MAX_DIRECTORY_BYTES: u64 = 4 << 20;

/// Where a file's bytes lie in the image: one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileExtent {
    /// First byte, from the start of the image.
    pub offset_bytes: u64,
    /// Length in bytes.
    pub length_bytes: u64,
}

/// The primary volume of an image. The image itself stays with the caller, who passes the same reader each time.
#[derive(Debug, Clone)]
pub struct IsoFs {
    volume_id: String,
    volume_size_bytes: u64,
    image_length_bytes: u64,
    root: FileExtent,
}

impl IsoFs {
    /// Reads the primary volume descriptor.
    ///
    /// # Errors
    /// [`IsoError::NotIso9660`], [`IsoError::Incomplete`] if the image is shorter than it states, or
    /// [`IsoError::Corrupt`].
    pub fn read(reader: &mut (impl Read + Seek)) -> Result<Self, IsoError> {
        let image_length_bytes =
            reader
                .seek(SeekFrom::End(0))
                .map_err(|source| IsoError::Read {
                    offset_bytes: 0,
                    length_bytes: 0,
                    source,
                })?;
        for index in 0..MAX_DESCRIPTORS {
            let offset = (FIRST_DESCRIPTOR + index) * SECTOR_BYTES;
            let complete = offset + SECTOR_BYTES <= image_length_bytes;
            if index == 0 && !complete {
                return Err(IsoError::NotIso9660);
            }
            if !complete {
                break;
            }
            let sector = read_at(reader, offset, SECTOR_BYTES)?;
            match (&sector[1..6] == b"CD001", sector[0]) {
                (false, _) if index == 0 => return Err(IsoError::NotIso9660),
                (false, _) | (true, 255) => break,
                (true, 1) => return Self::from_primary(&sector, image_length_bytes),
                (true, _) => {}
            }
        }
        Err(corrupt("it has no primary volume descriptor"))
    }

    fn from_primary(sector: &[u8], image_length_bytes: u64) -> Result<Self, IsoError> {
        if sector[6] != 1 {
            let version = sector[6];
            return Err(corrupt(format!("unknown descriptor version {version}")));
        }
        let block_size = u16::from_le_bytes([sector[128], sector[129]]);
        if u64::from(block_size) != SECTOR_BYTES {
            return Err(corrupt(format!(
                "its block size is {block_size}; only 2048 is supported"
            )));
        }
        let volume_size_bytes = u64::from(le_u32(sector, 80)) * SECTOR_BYTES;
        if volume_size_bytes > image_length_bytes {
            return Err(IsoError::Incomplete {
                expected_bytes: volume_size_bytes,
                actual_bytes: image_length_bytes,
            });
        }
        let root = Record::parse(&sector[156..190])
            .filter(|record| record.flags & FLAG_DIRECTORY != 0)
            .ok_or_else(|| corrupt("its root directory record is invalid"))?;
        let volume_id = String::from_utf8_lossy(&sector[40..72])
            .trim_end_matches([' ', '\0'])
            .to_owned();
        Ok(Self {
            volume_id,
            volume_size_bytes,
            image_length_bytes,
            root: root.extent,
        })
    }

    /// The volume identifier (the "label"), without its padding.
    #[must_use]
    pub fn volume_id(&self) -> &str {
        &self.volume_id
    }

    /// Size of the volume by its own statement: a multiple of 2048, at most [`Self::image_length_bytes`].
    #[must_use]
    pub fn volume_size_bytes(&self) -> u64 {
        self.volume_size_bytes
    }

    /// Length of the image (file or device) that was read; padding and appended partitions may follow the volume.
    #[must_use]
    pub fn image_length_bytes(&self) -> u64 {
        self.image_length_bytes
    }

    /// Looks up a file by its real path, such as `coreos/kargs.json`; the module's header has the rule for names.
    ///
    /// A leading `/`, empty components and `.` are ignored. The extent always lies within the image.
    ///
    /// # Errors
    /// [`IsoError::NoSuchFile`], [`IsoError::NotAFile`], [`IsoError::SeveralExtents`], or a damaged image.
    pub fn find(
        &self,
        reader: &mut (impl Read + Seek),
        path: &str,
    ) -> Result<FileExtent, IsoError> {
        let mut extent = self.root;
        let mut is_directory = true;
        for component in path.split('/').filter(|c| !matches!(*c, "" | ".")) {
            let not_found = || IsoError::NoSuchFile { path: path.into() };
            if !is_directory {
                return Err(not_found());
            }
            let directory = self.read_directory(reader, extent)?;
            let record = find_record(&directory, component)?.ok_or_else(not_found)?;
            if record.flags & FLAG_MULTI_EXTENT != 0 {
                return Err(IsoError::SeveralExtents { path: path.into() });
            }
            is_directory = record.flags & FLAG_DIRECTORY != 0;
            extent = record.extent;
        }
        if is_directory {
            return Err(IsoError::NotAFile { path: path.into() });
        }
        let end_bytes = extent.offset_bytes + extent.length_bytes;
        if end_bytes > self.image_length_bytes {
            return Err(IsoError::BeyondImage {
                path: path.into(),
                end_bytes,
                image_bytes: self.image_length_bytes,
            });
        }
        Ok(extent)
    }

    /// Reads a whole file of at most `limit_bytes`.
    ///
    /// # Errors
    /// As [`Self::find`], and [`IsoError::TooLarge`].
    pub fn read_file(
        &self,
        reader: &mut (impl Read + Seek),
        path: &str,
        limit_bytes: u64,
    ) -> Result<Vec<u8>, IsoError> {
        let extent = self.find(reader, path)?;
        if extent.length_bytes > limit_bytes {
            return Err(IsoError::TooLarge {
                path: path.into(),
                length_bytes: extent.length_bytes,
                limit_bytes,
            });
        }
        read_at(reader, extent.offset_bytes, extent.length_bytes)
    }

    fn read_directory(
        &self,
        reader: &mut (impl Read + Seek),
        extent: FileExtent,
    ) -> Result<Vec<u8>, IsoError> {
        let end = extent.offset_bytes + extent.length_bytes;
        if extent.length_bytes > MAX_DIRECTORY_BYTES || end > self.image_length_bytes {
            return Err(corrupt(format!(
                "a directory of {} bytes at byte {} cannot be",
                extent.length_bytes, extent.offset_bytes
            )));
        }
        read_at(reader, extent.offset_bytes, extent.length_bytes)
    }
}

/// Reads exactly `length_bytes` at `offset_bytes`. Callers bound the length first.
pub(crate) fn read_at(
    reader: &mut (impl Read + Seek),
    offset_bytes: u64,
    length_bytes: u64,
) -> Result<Vec<u8>, IsoError> {
    let mut buffer = Vec::new();
    let mut read = || {
        reader.seek(SeekFrom::Start(offset_bytes))?;
        reader.take(length_bytes).read_to_end(&mut buffer)?;
        match buffer.len() as u64 == length_bytes {
            true => Ok(()),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    };
    read().map_err(|source| IsoError::Read {
        offset_bytes,
        length_bytes,
        source,
    })?;
    Ok(buffer)
}

fn corrupt(detail: impl Into<String>) -> IsoError {
    IsoError::Corrupt {
        detail: detail.into(),
    }
}

/// Callers hand in fixed-size structures that hold `at + 4` bytes.
fn le_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
