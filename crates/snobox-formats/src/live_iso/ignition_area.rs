//! The Ignition area of a live ISO: an initrd between other initrds, padded with zeros.
//!
//! Not for: what an Ignition config says. Source of truth: coreos-installer 0.27.0 `src/live/embed.rs`.

use std::fmt;
use std::io::{Read, Seek};

use serde::Deserialize;

use super::{EmbedError, LiveIsoError, Patch, read_info};
use crate::cpio::{self, Members};
use crate::iso9660::{self, IsoError, IsoFs};
use crate::xz;

const INFO_PATH: &str = "coreos/igninfo.json";
const DEFAULT_FILE: &str = "images/ignition.img";
/// CoreOS has always made it 256 KiB.
const MAX_AREA_BYTES: u64 = 16 << 20;
/// What the initrd in the area may unpack to.
const MAX_UNPACKED_BYTES: usize = 64 << 20;

#[derive(Deserialize)]
struct IgnInfo {
    file: String,
    offset: Option<u64>,
    length: Option<u64>,
}

/// The Ignition area, and the files in it.
#[derive(Clone)]
pub struct IgnitionArea {
    path: String,
    offset_bytes: u64,
    length_bytes: u64,
    members: Members,
}

/// The files are secret (a pull secret, keys), so only their lengths are shown.
impl fmt::Debug for IgnitionArea {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lengths: Vec<_> = self
            .members
            .iter()
            .map(|(path, bytes)| (path, bytes.len()))
            .collect();
        f.debug_struct("IgnitionArea")
            .field("path", &self.path)
            .field("offset_bytes", &self.offset_bytes)
            .field("length_bytes", &self.length_bytes)
            .field("members", &lengths)
            .finish()
    }
}

/// How well members fit the area.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IgnitionFit {
    /// Length of the compressed initrd; 0 if it has no members.
    pub compressed_bytes: u64,
    /// Length of the area: at least `compressed_bytes`.
    pub area_bytes: u64,
}

impl IgnitionFit {
    /// How many bytes of the area stay free.
    #[must_use]
    pub fn margin_bytes(&self) -> u64 {
        self.area_bytes - self.compressed_bytes
    }
}

impl IgnitionArea {
    /// Finds and reads the area; the second value says whether `coreos/igninfo.json` describes it.
    pub(super) fn read(
        iso: &IsoFs,
        reader: &mut (impl Read + Seek),
    ) -> Result<(Self, bool), LiveIsoError> {
        let info = read_info::<IgnInfo>(iso, reader, INFO_PATH)?;
        let described = info.is_some();
        let info = info.unwrap_or_else(|| IgnInfo {
            file: DEFAULT_FILE.to_owned(),
            offset: None,
            length: None,
        });
        let path = info.file;
        let file = match iso.find(reader, &path) {
            Ok(file) => file,
            Err(IsoError::NoSuchFile { .. }) if !described => {
                let volume_id = iso.volume_id().to_owned();
                return Err(LiveIsoError::NotLive { volume_id });
            }
            Err(source) if described => {
                return Err(LiveIsoError::InfoTarget {
                    info_path: INFO_PATH,
                    source,
                });
            }
            Err(source) => return Err(source.into()),
        };
        let offset = info.offset.unwrap_or(0);
        let length = info
            .length
            .unwrap_or(file.length_bytes.saturating_sub(offset));
        if offset
            .checked_add(length)
            .is_none_or(|end| end > file.length_bytes)
        {
            return Err(LiveIsoError::AreaBeyondFile {
                path,
                offset_bytes: offset,
                length_bytes: length,
                file_bytes: file.length_bytes,
            });
        }
        if length > MAX_AREA_BYTES {
            return Err(LiveIsoError::AreaTooLarge {
                path,
                length_bytes: length,
                limit_bytes: MAX_AREA_BYTES,
            });
        }
        let offset_bytes = file.offset_bytes + offset;
        let bytes = iso9660::read_at(reader, offset_bytes, length)?;
        let members = match cpio::read_initrd(&bytes, MAX_UNPACKED_BYTES) {
            Ok(members) => members,
            Err(source) => return Err(LiveIsoError::Initrd { path, source }),
        };
        let area = Self {
            path,
            offset_bytes,
            length_bytes: length,
            members,
        };
        Ok((area, described))
    }

    /// Path in the image of the file that holds the area, as the image gives it.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// First byte of the area, from the start of the image.
    #[must_use]
    pub fn offset_bytes(&self) -> u64 {
        self.offset_bytes
    }

    /// Length of the area in bytes: the limit for the compressed initrd.
    #[must_use]
    pub fn length_bytes(&self) -> u64 {
        self.length_bytes
    }

    /// The files in the area, by path; empty if nothing is embedded.
    #[must_use]
    pub fn members(&self) -> &Members {
        &self.members
    }

    /// The patch that makes the area hold exactly `members`, and how well they fit.
    pub(super) fn pack(&self, members: &Members) -> Result<(Patch, IgnitionFit), EmbedError> {
        let packed = if members.is_empty() {
            Vec::new()
        } else {
            let archive =
                cpio::write_archive(members).map_err(|source| EmbedError::Members { source })?;
            xz::compress_for_initrd(&archive)
        };
        let fit = IgnitionFit {
            compressed_bytes: packed.len() as u64,
            area_bytes: self.length_bytes,
        };
        if fit.compressed_bytes > fit.area_bytes {
            return Err(EmbedError::TooLarge {
                compressed_bytes: fit.compressed_bytes,
                area_bytes: fit.area_bytes,
            });
        }
        let mut patch = self.zeroed();
        patch.bytes[..packed.len()].copy_from_slice(&packed);
        Ok((patch, fit))
    }

    /// The patch that empties the area.
    pub(super) fn zeroed(&self) -> Patch {
        Patch {
            offset_bytes: self.offset_bytes,
            bytes: vec![0; self.length_bytes as usize],
        }
    }
}
