//! The kernel argument areas of a live ISO: the same text in the configuration of each boot loader.
//!
//! Not for: what the arguments mean. Source of truth: coreos-installer 0.27.0 `src/live/embed.rs`.

use std::io::{Read, Seek};

use serde::Deserialize;

use super::{EmbedError, LiveIsoError, Patch, read_info};
use crate::iso9660::{self, IsoFs};

const INFO_PATH: &str = "coreos/kargs.json";
/// The limit of coreos-installer.
const MAX_AREA_BYTES: u64 = 2048;
const DEFAULT_PAD: char = '#';
const DEFAULT_END: char = '\n';

#[derive(Deserialize)]
struct KargsInfo {
    default: String,
    files: Vec<KargsLocation>,
    size: u64,
}

#[derive(Deserialize)]
struct KargsLocation {
    path: String,
    offset: u64,
    pad: Option<char>,
    end: Option<char>,
}

/// One area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KargsArea {
    /// Path in the image of the file that holds it, as `coreos/kargs.json` gives it.
    pub path: String,
    /// First byte, from the start of the image.
    pub offset_bytes: u64,
    /// Fills the area after the end character.
    pub pad: u8,
    /// Ends the text.
    pub end: u8,
}

/// All areas of an image, and the text that they have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KargsAreas {
    size_bytes: usize,
    default: String,
    current: String,
    areas: Vec<KargsArea>,
}

impl KargsAreas {
    /// Finds and reads the areas; `None` if the image has no `coreos/kargs.json`.
    pub(super) fn read(
        iso: &IsoFs,
        reader: &mut (impl Read + Seek),
    ) -> Result<Option<Self>, LiveIsoError> {
        let Some(info) = read_info::<KargsInfo>(iso, reader, INFO_PATH)? else {
            return Ok(None);
        };
        if info.size > MAX_AREA_BYTES {
            return Err(LiveIsoError::AreaTooLarge {
                path: INFO_PATH.to_owned(),
                length_bytes: info.size,
                limit_bytes: MAX_AREA_BYTES,
            });
        }
        let size_bytes = info.size as usize;
        let default = info.default.trim().to_owned();
        if default.len() >= size_bytes {
            let length_bytes = default.len();
            return Err(LiveIsoError::DefaultKargsTooLong {
                length_bytes,
                size_bytes,
            });
        }
        let mut first: Option<(String, String)> = None;
        let mut areas = Vec::new();
        for location in info.files {
            let (area, text) = read_area(iso, reader, location, info.size)?;
            match &first {
                Some((first_path, first)) if *first != text => {
                    return Err(LiveIsoError::KargsDiffer {
                        first_path: first_path.clone(),
                        first: first.clone(),
                        other_path: area.path,
                        other: text,
                    });
                }
                Some(_) => {}
                None => first = Some((area.path.clone(), text)),
            }
            areas.push(area);
        }
        let (_, current) = first.ok_or(LiveIsoError::NoKargsAreas)?;
        Ok(Some(Self {
            size_bytes,
            default,
            current,
            areas,
        }))
    }

    /// The kernel arguments as they are in the areas.
    #[must_use]
    pub fn current(&self) -> &str {
        &self.current
    }

    /// The kernel arguments of the image as it was shipped.
    #[must_use]
    pub fn default_kargs(&self) -> &str {
        &self.default
    }

    /// Size of each area in bytes, at most 2048.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes as u64
    }

    /// Length in bytes of the longest text that fits: one less than the area, for the end character.
    #[must_use]
    pub fn limit_bytes(&self) -> usize {
        self.size_bytes - 1
    }

    /// The areas, in the order of `coreos/kargs.json`.
    #[must_use]
    pub fn areas(&self) -> &[KargsArea] {
        &self.areas
    }

    pub(super) fn replace(&self, kargs: &str) -> Result<Vec<Patch>, EmbedError> {
        let text = kargs.trim();
        if let Some(character) = text.chars().find(|c| c.is_control()) {
            return Err(EmbedError::KargsControlCharacter { character });
        }
        if text.len() > self.limit_bytes() {
            return Err(EmbedError::KargsTooLong {
                length_bytes: text.len(),
                limit_bytes: self.limit_bytes(),
            });
        }
        Ok(self.patches(text))
    }

    pub(super) fn reset(&self) -> Vec<Patch> {
        self.patches(&self.default)
    }

    /// `text` is shorter than an area.
    fn patches(&self, text: &str) -> Vec<Patch> {
        let patch = |area: &KargsArea| {
            let mut bytes = text.as_bytes().to_vec();
            bytes.push(area.end);
            bytes.resize(self.size_bytes, area.pad);
            Patch {
                offset_bytes: area.offset_bytes,
                bytes,
            }
        };
        self.areas.iter().map(patch).collect()
    }
}

/// Reads one area; returns where it is, and its text.
fn read_area(
    iso: &IsoFs,
    reader: &mut (impl Read + Seek),
    location: KargsLocation,
    size: u64,
) -> Result<(KargsArea, String), LiveIsoError> {
    let KargsLocation {
        path,
        offset,
        pad,
        end,
    } = location;
    let (pad, end) = (pad.unwrap_or(DEFAULT_PAD), end.unwrap_or(DEFAULT_END));
    if let Some(separator) = [pad, end].into_iter().find(|c| !c.is_ascii()) {
        return Err(LiveIsoError::InvalidSeparator { path, separator });
    }
    let file = iso
        .find(reader, &path)
        .map_err(|source| LiveIsoError::InfoTarget {
            info_path: INFO_PATH,
            source,
        })?;
    if offset
        .checked_add(size)
        .is_none_or(|end| end > file.length_bytes)
    {
        return Err(LiveIsoError::AreaBeyondFile {
            path,
            offset_bytes: offset,
            length_bytes: size,
            file_bytes: file.length_bytes,
        });
    }
    let offset_bytes = file.offset_bytes + offset;
    let bytes = iso9660::read_at(reader, offset_bytes, size)?;
    let Ok(text) = std::str::from_utf8(&bytes) else {
        return Err(LiveIsoError::KargsNotText { path });
    };
    let text = text
        .trim_end_matches(pad)
        .trim_end_matches(end)
        .trim()
        .to_owned();
    let area = KargsArea {
        path,
        offset_bytes,
        pad: pad as u8,
        end: end as u8,
    };
    Ok((area, text))
}
