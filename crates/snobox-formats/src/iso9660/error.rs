//! Why an ISO 9660 image, or a file in it, cannot be read.

use std::io;

/// Why an image, or a file in it, could not be read.
#[derive(Debug, thiserror::Error)]
pub enum IsoError {
    /// There is no volume descriptor where every ISO 9660 image has one.
    #[error("not an ISO 9660 image: no volume descriptor (\"CD001\") at byte 32768")]
    NotIso9660,
    /// The image ends before the length that it states.
    #[error(
        "the ISO 9660 image is incomplete: it states {expected_bytes} bytes and has {actual_bytes}"
    )]
    Incomplete {
        /// Length that the primary volume descriptor states.
        expected_bytes: u64,
        /// Length of the image.
        actual_bytes: u64,
    },
    /// A structure of the file system makes no sense.
    #[error("the ISO 9660 image is damaged: {detail}")]
    Corrupt {
        /// Which structure, and what is wrong with it.
        detail: String,
    },
    /// No file of this path; or a component on the way is a file.
    #[error("the ISO 9660 image has no file {path}")]
    NoSuchFile {
        /// The path as the caller gave it.
        path: String,
    },
    /// The path leads to a directory.
    #[error("{path} in the ISO 9660 image is a directory, not a file")]
    NotAFile {
        /// The path as the caller gave it.
        path: String,
    },
    /// The file is stored in several extents.
    #[error("{path} in the ISO 9660 image is stored in several extents")]
    SeveralExtents {
        /// The path as the caller gave it.
        path: String,
    },
    /// The file's extent does not lie within the image.
    #[error(
        "{path} in the ISO 9660 image ends at byte {end_bytes}, but the image ends at {image_bytes}"
    )]
    BeyondImage {
        /// The path as the caller gave it.
        path: String,
        /// End of the file's extent, exclusive.
        end_bytes: u64,
        /// Length of the image.
        image_bytes: u64,
    },
    /// The file is longer than the caller takes.
    #[error(
        "{path} in the ISO 9660 image has {length_bytes} bytes; at most {limit_bytes} are accepted"
    )]
    TooLarge {
        /// The path as the caller gave it.
        path: String,
        /// Length of the file.
        length_bytes: u64,
        /// The caller's limit.
        limit_bytes: u64,
    },
    /// Reading the image failed.
    #[error("reading {length_bytes} bytes at byte {offset_bytes} of the image failed")]
    Read {
        /// Where in the image.
        offset_bytes: u64,
        /// How many bytes.
        length_bytes: u64,
        /// What the reader said.
        #[source]
        source: io::Error,
    },
}
