//! Why a CoreOS live ISO image cannot be read, and why a change to one cannot be made.

use crate::cpio::CpioError;
use crate::iso9660::IsoError;

/// Why an image cannot be read as a CoreOS live ISO.
#[derive(Debug, thiserror::Error)]
pub enum LiveIsoError {
    /// It is no ISO 9660 image, or a damaged one.
    #[error(transparent)]
    Iso(#[from] IsoError),
    /// It is an ISO 9660 image of something else.
    #[error(
        "the ISO image {volume_id:?} is not a CoreOS live ISO: it has no images/ignition.img and no coreos/igninfo.json"
    )]
    NotLive {
        /// Its label.
        volume_id: String,
    },
    /// A JSON file that describes the areas is not what it should be.
    #[error("{path} in the image is invalid")]
    InvalidInfo {
        /// Path in the image.
        path: &'static str,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// A JSON file names a file of the image that is not there, or cannot be used.
    #[error("{info_path} in the image refers to a file that cannot be used")]
    InfoTarget {
        /// Path of the JSON file in the image.
        info_path: &'static str,
        /// What is wrong with the file.
        #[source]
        source: IsoError,
    },
    /// An area does not lie within its file.
    #[error(
        "the embed area in {path} is damaged: {length_bytes} bytes at byte {offset_bytes} of a file of {file_bytes} bytes"
    )]
    AreaBeyondFile {
        /// Path of the file in the image.
        path: String,
        /// Start of the area in the file.
        offset_bytes: u64,
        /// Length of the area.
        length_bytes: u64,
        /// Length of the file.
        file_bytes: u64,
    },
    /// An area is larger than any that CoreOS makes.
    #[error(
        "the embed area in {path} has {length_bytes} bytes; at most {limit_bytes} are accepted"
    )]
    AreaTooLarge {
        /// Path of the file in the image.
        path: String,
        /// Length of the area.
        length_bytes: u64,
        /// The limit.
        limit_bytes: u64,
    },
    /// Two areas share bytes.
    #[error(
        "the embed areas at bytes {first_offset_bytes} and {second_offset_bytes} of the image overlap"
    )]
    AreasOverlap {
        /// Start of one area in the image.
        first_offset_bytes: u64,
        /// Start of the other.
        second_offset_bytes: u64,
    },
    /// `coreos/kargs.json` lists no areas.
    #[error("coreos/kargs.json in the image lists no areas")]
    NoKargsAreas,
    /// The default kernel arguments do not fit their own areas.
    #[error(
        "the default kernel arguments have {length_bytes} bytes, but their areas have {size_bytes}"
    )]
    DefaultKargsTooLong {
        /// Length of the text.
        length_bytes: usize,
        /// Size of each area, which must also hold an end character.
        size_bytes: usize,
    },
    /// A padding or end character is not one byte.
    #[error(
        "the kernel argument area in {path} has the separator {separator:?}, which is not ASCII"
    )]
    InvalidSeparator {
        /// Path of the file in the image.
        path: String,
        /// The character.
        separator: char,
    },
    /// An area holds something other than text.
    #[error("the kernel argument area in {path} is damaged: it is not UTF-8")]
    KargsNotText {
        /// Path of the file in the image.
        path: String,
    },
    /// The areas hold different kernel arguments.
    #[error(
        "the kernel argument areas differ: {first_path} has {first:?}, {other_path} has {other:?}"
    )]
    KargsDiffer {
        /// Path of one file in the image.
        first_path: String,
        /// Its text.
        first: String,
        /// Path of the other file.
        other_path: String,
        /// Its text.
        other: String,
    },
    /// The Ignition area holds something other than zeros and an initrd.
    #[error("the Ignition area in {path} is damaged")]
    Initrd {
        /// Path of the file in the image.
        path: String,
        /// What is wrong with the initrd.
        #[source]
        source: CpioError,
    },
}

/// Why a change to a live ISO image cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// The Ignition area is too small.
    #[error(
        "the Ignition config is too large by {}: compressed it takes {compressed_bytes} bytes, \
         and the image has room for {area_bytes}",
        bytes(compressed_bytes.saturating_sub(*area_bytes))
    )]
    TooLarge {
        /// Length of the compressed initrd: the config and every other member.
        compressed_bytes: u64,
        /// Length of the area.
        area_bytes: u64,
    },
    /// The members of the initrd cannot be written.
    #[error("the contents of the Ignition area cannot be written")]
    Members {
        /// Which one, and why.
        #[source]
        source: CpioError,
    },
    /// The image has no areas for kernel arguments that this program knows.
    #[error(
        "the image has no areas for kernel arguments: it has no coreos/kargs.json{}",
        if *legacy_header { ", only the coreKarg header of early 2021, which is not supported" } else { "" }
    )]
    NoKargsAreas {
        /// Whether it has the older description.
        legacy_header: bool,
    },
    /// The areas for kernel arguments are too small.
    #[error(
        "the kernel arguments are too long by {}: they have {length_bytes} bytes, \
         and the image has room for {limit_bytes}",
        bytes(length_bytes.saturating_sub(*limit_bytes) as u64)
    )]
    KargsTooLong {
        /// Length of the text.
        length_bytes: usize,
        /// Longest text that fits.
        limit_bytes: usize,
    },
    /// A line break or the like would end the boot loader's line.
    #[error("the kernel arguments contain the control character {character:?}")]
    KargsControlCharacter {
        /// The first such character.
        character: char,
    },
    /// The argument to delete is not there.
    #[error("the kernel arguments do not contain {argument:?}: {kargs:?}")]
    KargNotFound {
        /// The argument.
        argument: String,
        /// All that there are.
        kargs: String,
    },
    /// An argument is empty.
    #[error("an empty kernel argument cannot be appended or deleted")]
    EmptyKarg,
}

fn bytes(count: u64) -> String {
    let unit = if count == 1 { "byte" } else { "bytes" };
    format!("{count} {unit}")
}
