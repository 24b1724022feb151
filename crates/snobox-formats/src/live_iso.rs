//! CoreOS live ISO images: the places in them that may be rewritten, what they hold, and the bytes that change it.
//!
//! Not for: writing. Every change is a list of [`Patch`]es against the image as it was read; the length of the image
//! and everything outside of its embed areas stay as they are. Not for `iso customize`, PXE, or minimal ISOs.
//!
//! ```text
//! coreos/igninfo.json   {file, offset?, length?}       where the Ignition area is; without it: images/ignition.img
//!   Ignition area       initrd, zeros to the end       all zeros = nothing embedded; "config.ign" is the config
//! coreos/kargs.json     {default, files: [{path, offset, pad?, end?}], size}
//!   kernel argument     text, end ("\n"), pad ("#") to the end; each area has `size` bytes, all hold the same text
//!   areas
//! coreos/features.json  what the OS inside can do
//! byte 32672            "coreKarg" header, 2021 only: the areas' addresses before kargs.json; noted, not used
//! byte 32744            "coreiso+" header, until 2021: the Ignition area's address; noted, not used
//! ```
//!
//! Paths in the image are found by the rule in [`crate::iso9660`].
//!
//! Source of truth: coreos-installer 0.27.0 `src/live/embed.rs`, `fixtures/iso/INDEX`.

mod error;
mod ignition_area;
mod kargs_area;
mod kargs_line;
mod patch;

use std::fmt;
use std::io::{Read, Seek};

pub use error::{EmbedError, LiveIsoError};
pub use ignition_area::{IgnitionArea, IgnitionFit};
pub use kargs_area::{KargsArea, KargsAreas};
pub use kargs_line::{append_karg, delete_karg};
pub use patch::{Patch, overlay};

use crate::cpio::Members;
use crate::iso9660::{self, IsoError, IsoFs};

/// Path of the Ignition config in the embedded initrd.
pub const IGNITION_MEMBER: &str = "config.ign";

const FEATURES_PATH: &str = "coreos/features.json";
const MAX_INFO_BYTES: u64 = 64 << 10;
const SYSTEM_AREA_BYTES: u64 = 32 << 10;
const LEGACY_IGNITION_MAGIC: &[u8] = b"coreiso+";
const LEGACY_IGNITION_HEADER_BYTES: u64 = 24;
const LEGACY_KARGS_MAGIC: &[u8] = b"coreKarg";
const LEGACY_KARGS_HEADER_BYTES: u64 = 72;

/// How an image describes its embed areas, by the steps in which CoreOS changed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Generation {
    /// `images/ignition.img` only.
    IgnitionOnly,
    /// Kernel argument areas, but addressed by the `coreKarg` header alone.
    KargsHeader,
    /// `coreos/kargs.json`, and the `coreKarg` header for older tools.
    KargsJsonAndHeader,
    /// `coreos/kargs.json`.
    KargsJson,
    /// `coreos/igninfo.json`, with or without `coreos/kargs.json`.
    IgnInfo,
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::IgnitionOnly => "2020: images/ignition.img, no areas for kernel arguments",
            Self::KargsHeader => {
                "early 2021: kernel arguments by the coreKarg header, no kargs.json"
            }
            Self::KargsJsonAndHeader => "late 2021: kargs.json and the coreKarg header",
            Self::KargsJson => "2022: kargs.json",
            Self::IgnInfo => "2023 or later: igninfo.json",
        })
    }
}

/// A CoreOS live ISO image as it was read: its embed areas, and what they hold.
#[derive(Debug, Clone)]
pub struct LiveIso {
    iso: IsoFs,
    generation: Generation,
    legacy_kargs_header: bool,
    legacy_ignition_header: bool,
    ignition_area: IgnitionArea,
    kargs: Option<KargsAreas>,
    features: Option<serde_json::Value>,
}

impl LiveIso {
    /// Reads the descriptions of the embed areas and the areas themselves, less than 20 MiB in all.
    ///
    /// # Errors
    /// [`LiveIsoError::Iso`] if it is no ISO 9660 image, [`LiveIsoError::NotLive`] if it is another ISO, and the other
    /// variants if areas are damaged or described wrongly.
    pub fn read(reader: &mut (impl Read + Seek)) -> Result<Self, LiveIsoError> {
        let iso = IsoFs::read(reader)?;
        let legacy_kargs_at =
            SYSTEM_AREA_BYTES - LEGACY_IGNITION_HEADER_BYTES - LEGACY_KARGS_HEADER_BYTES;
        let headers =
            iso9660::read_at(reader, legacy_kargs_at, SYSTEM_AREA_BYTES - legacy_kargs_at)?;
        let (kargs_header, ignition_header) = headers.split_at(LEGACY_KARGS_HEADER_BYTES as usize);
        let legacy_kargs_header = kargs_header.starts_with(LEGACY_KARGS_MAGIC);

        let (ignition_area, has_igninfo) = IgnitionArea::read(&iso, reader)?;
        let kargs = KargsAreas::read(&iso, reader)?;
        check_overlaps(&ignition_area, kargs.as_ref())?;
        let features = read_info::<serde_json::Value>(&iso, reader, FEATURES_PATH)?;
        let generation = match (has_igninfo, &kargs, legacy_kargs_header) {
            (true, _, _) => Generation::IgnInfo,
            (false, Some(_), true) => Generation::KargsJsonAndHeader,
            (false, Some(_), false) => Generation::KargsJson,
            (false, None, true) => Generation::KargsHeader,
            (false, None, false) => Generation::IgnitionOnly,
        };
        Ok(Self {
            iso,
            generation,
            legacy_kargs_header,
            legacy_ignition_header: ignition_header.starts_with(LEGACY_IGNITION_MAGIC),
            ignition_area,
            kargs,
            features,
        })
    }

    /// The volume identifier, which the kernel argument `coreos.liveiso=` repeats.
    #[must_use]
    pub fn volume_id(&self) -> &str {
        self.iso.volume_id()
    }

    /// Size of the ISO 9660 volume in bytes.
    #[must_use]
    pub fn volume_size_bytes(&self) -> u64 {
        self.iso.volume_size_bytes()
    }

    /// Length in bytes of what was read: at least the volume, and more if padding or partitions follow it.
    #[must_use]
    pub fn image_length_bytes(&self) -> u64 {
        self.iso.image_length_bytes()
    }

    /// How the image describes its embed areas; its `Display` is meant for people.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Whether the system area has the `coreKarg` header of 2021.
    #[must_use]
    pub fn has_legacy_kargs_header(&self) -> bool {
        self.legacy_kargs_header
    }

    /// Whether the system area has the `coreiso+` header of images until 2021.
    #[must_use]
    pub fn has_legacy_ignition_header(&self) -> bool {
        self.legacy_ignition_header
    }

    /// Contents of `coreos/features.json`, if there is one.
    #[must_use]
    pub fn features(&self) -> Option<&serde_json::Value> {
        self.features.as_ref()
    }

    /// The Ignition area.
    #[must_use]
    pub fn ignition_area(&self) -> &IgnitionArea {
        &self.ignition_area
    }

    /// The kernel argument areas; `None` if the image has no `coreos/kargs.json`.
    #[must_use]
    pub fn kargs(&self) -> Option<&KargsAreas> {
        self.kargs.as_ref()
    }

    /// The embedded Ignition config.
    #[must_use]
    pub fn ignition(&self) -> Option<&[u8]> {
        self.ignition_area
            .members()
            .get(IGNITION_MEMBER)
            .map(Vec::as_slice)
    }

    /// How much of the Ignition area would be taken with this config, next to the other members that are there.
    ///
    /// # Errors
    /// As [`Self::embed_ignition`].
    pub fn ignition_fit(&self, config: &[u8]) -> Result<IgnitionFit, EmbedError> {
        Ok(self.ignition_area.pack(&self.members_with(config))?.1)
    }

    /// The change that puts `config` in place of an embedded Ignition config, or adds it; other members stay.
    ///
    /// The patch covers the whole area. The config is taken as it is, not parsed.
    ///
    /// # Errors
    /// [`EmbedError::TooLarge`] if the area cannot hold it; [`EmbedError::Members`] if a member that is in the area
    /// already cannot be written again.
    pub fn embed_ignition(&self, config: &[u8]) -> Result<Vec<Patch>, EmbedError> {
        Ok(vec![self.ignition_area.pack(&self.members_with(config))?.0])
    }

    fn members_with(&self, config: &[u8]) -> Members {
        let mut members = self.ignition_area.members().clone();
        members.insert(IGNITION_MEMBER.to_owned(), config.to_vec());
        members
    }

    /// The change that removes the Ignition config; other members stay. An area with nothing left is all zeros.
    ///
    /// # Errors
    /// As [`Self::embed_ignition`], for the members that stay.
    pub fn remove_ignition(&self) -> Result<Vec<Patch>, EmbedError> {
        let mut members = self.ignition_area.members().clone();
        members.remove(IGNITION_MEMBER);
        Ok(vec![self.ignition_area.pack(&members)?.0])
    }

    /// The change that replaces the kernel arguments, in all areas. White space around them is dropped.
    ///
    /// # Errors
    /// [`EmbedError::NoKargsAreas`], [`EmbedError::KargsTooLong`], or [`EmbedError::KargsControlCharacter`].
    pub fn set_kargs(&self, kargs: &str) -> Result<Vec<Patch>, EmbedError> {
        self.kargs_areas()?.replace(kargs)
    }

    /// The change that brings back the default kernel arguments.
    ///
    /// # Errors
    /// [`EmbedError::NoKargsAreas`].
    pub fn reset_kargs(&self) -> Result<Vec<Patch>, EmbedError> {
        Ok(self.kargs_areas()?.reset())
    }

    fn kargs_areas(&self) -> Result<&KargsAreas, EmbedError> {
        self.kargs.as_ref().ok_or(EmbedError::NoKargsAreas {
            legacy_header: self.legacy_kargs_header,
        })
    }

    /// The change back to the image as it was shipped: nothing embedded, default kernel arguments.
    ///
    /// The patches cover all that this module ever changes, so an image with them applied (see [`overlay`]) has the
    /// same hash before and after any embedding.
    #[must_use]
    pub fn pristine_patches(&self) -> Vec<Patch> {
        let kargs = self.kargs.iter().flat_map(KargsAreas::reset);
        std::iter::once(self.ignition_area.zeroed())
            .chain(kargs)
            .collect()
    }
}

/// Reads and parses a small JSON file of the image; `None` if there is no such file.
fn read_info<T: serde::de::DeserializeOwned>(
    iso: &IsoFs,
    reader: &mut (impl Read + Seek),
    path: &'static str,
) -> Result<Option<T>, LiveIsoError> {
    match iso.read_file(reader, path, MAX_INFO_BYTES) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|source| LiveIsoError::InvalidInfo { path, source }),
        Err(IsoError::NoSuchFile { .. }) => Ok(None),
        Err(source) => Err(source.into()),
    }
}

fn check_overlaps(ignition: &IgnitionArea, kargs: Option<&KargsAreas>) -> Result<(), LiveIsoError> {
    let mut areas = vec![(ignition.offset_bytes(), ignition.length_bytes())];
    if let Some(kargs) = kargs {
        let all = kargs.areas().iter();
        areas.extend(all.map(|area| (area.offset_bytes, kargs.size_bytes())));
    }
    areas.sort_unstable();
    for pair in areas.windows(2) {
        if pair[0].0 + pair[0].1 > pair[1].0 {
            return Err(LiveIsoError::AreasOverlap {
                first_offset_bytes: pair[0].0,
                second_offset_bytes: pair[1].0,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
