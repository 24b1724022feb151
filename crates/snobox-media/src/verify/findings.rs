//! What can be wrong with an image.

use std::fmt;

use snobox_formats::digest::Digest;
use snobox_formats::layout;
use snobox_image::pins::Pins;

use crate::installer::Missing;

/// What was proved, and what is wrong.
#[derive(Clone, Debug)]
pub struct Report {
    /// What the image says about itself.
    pub pins: Pins,
    /// The MBR partition of the cache, if the table has it.
    pub partition: Option<u8>,
    /// Images in the cache.
    pub images: u64,
    /// Blobs in the cache.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What is wrong; empty for a good image.
    pub findings: Vec<Finding>,
}

impl Report {
    pub(super) fn new(pins: Pins) -> Self {
        Self {
            pins,
            partition: None,
            images: 0,
            blobs: 0,
            bytes: 0,
            findings: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }
}

/// One thing that is wrong. `code` is stable for machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The image ends too early.
    Truncated {
        /// Bytes expected.
        expected: u64,
        /// Bytes found.
        found: u64,
    },
    /// The live ISO was changed outside of its embed areas.
    LiveIso {
        /// Pinned.
        expected: Digest,
        /// Found.
        found: Digest,
    },
    /// The kernel arguments are others.
    Kargs {
        /// Pinned.
        expected: String,
        /// Found.
        found: String,
    },
    /// A kernel argument area has other bytes than the arguments make.
    KargsArea {
        /// The file that holds it.
        path: String,
        /// Where in the image.
        offset_bytes: u64,
        /// Its length.
        length_bytes: u64,
    },
    /// The partition table does not have the cache.
    Partition {
        /// Where the partition should start.
        offset_bytes: u64,
    },
    /// Something lies between ISO and cache.
    Gap {
        /// The first byte that is not zero.
        offset_bytes: u64,
    },
    /// The seal is another.
    Seal {
        /// Pinned.
        expected: Digest,
        /// Found.
        found: Digest,
    },
    /// The seal is the pinned one but not understood.
    SealUnreadable {
        /// Why.
        why: String,
    },
    /// A piece of the cache was changed.
    Piece {
        /// Where in the image.
        offset_bytes: u64,
        /// Its length.
        length_bytes: u64,
    },
    /// The file system cannot be read.
    FileSystem {
        /// Why.
        why: String,
    },
    /// The agent is another.
    Agent {
        /// Pinned.
        expected: Digest,
        /// Found.
        found: Digest,
    },
    /// The cache's `index.json` is another.
    Index {
        /// Pinned.
        expected: Digest,
        /// Found.
        found: Digest,
    },
    /// Something in the cache's store.
    Store(layout::Finding),
    /// One of the boots will ask for an image that the cache does not have.
    NotInCache(Missing),
    /// The ignition is none that is understood, so that nobody can say what it asks for.
    Installer {
        /// What is other than expected.
        why: String,
    },
    /// The payload image in the cache does not say what it consists of.
    Release {
        /// Why.
        why: String,
    },
}

impl Finding {
    /// A stable name for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Truncated { .. } => "image-truncated",
            Self::LiveIso { .. } => "live-iso-changed",
            Self::Kargs { .. } | Self::KargsArea { .. } => "kargs-changed",
            Self::Partition { .. } => "partition-missing",
            Self::Gap { .. } => "gap-not-empty",
            Self::Seal { .. } => "seal-changed",
            Self::SealUnreadable { .. } => "seal-unreadable",
            Self::Piece { .. } => "cache-changed",
            Self::FileSystem { .. } => "file-system-unreadable",
            Self::Agent { .. } => "agent-changed",
            Self::Index { .. } => "index-changed",
            Self::Store(finding) => finding.code(),
            Self::NotInCache(_) => "not-in-cache",
            Self::Installer { .. } => "installer-unknown",
            Self::Release { .. } => "release-unreadable",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { expected, found } => {
                write!(f, "the image ends after {found} bytes, expected {expected}")
            }
            Self::LiveIso { expected, found } => {
                write!(
                    f,
                    "the live ISO was changed: outside of its embed areas it hashes to {found}, expected {expected}"
                )
            }
            Self::Kargs { expected, found } => write!(
                f,
                "the kernel arguments are {found:?}, expected {expected:?}"
            ),
            Self::KargsArea {
                path,
                offset_bytes,
                length_bytes,
            } => {
                let end = offset_bytes + length_bytes - 1;
                write!(
                    f,
                    "the kernel argument area in {path} was changed in the bytes {offset_bytes} to {end} of the image"
                )
            }
            Self::Partition { offset_bytes } => {
                write!(
                    f,
                    "the partition table has no entry for the cache at offset {offset_bytes}, or not the one that was built"
                )
            }
            Self::Gap { offset_bytes } => {
                write!(
                    f,
                    "the byte at offset {offset_bytes}, between live ISO and cache, is not zero"
                )
            }
            Self::Seal { expected, found } => write!(
                f,
                "the seal of the cache hashes to {found}, expected {expected}"
            ),
            Self::SealUnreadable { why } => write!(f, "the seal of the cache: {why}"),
            Self::Piece {
                offset_bytes,
                length_bytes,
            } => {
                let end = offset_bytes + length_bytes - 1;
                write!(
                    f,
                    "the cache was changed in the bytes {offset_bytes} to {end} of the image"
                )
            }
            Self::FileSystem { why } => write!(f, "the file system of the cache: {why}"),
            Self::Agent { expected, found } => write!(
                f,
                "the agent in the cache hashes to {found}, expected {expected}"
            ),
            Self::Index { expected, found } => {
                write!(
                    f,
                    "the cache's index.json hashes to {found}, expected {expected}"
                )
            }
            Self::Store(finding) => fmt::Display::fmt(finding, f),
            Self::NotInCache(missing) => fmt::Display::fmt(missing, f),
            Self::Installer { why } => write!(f, "the ignition: {why}"),
            Self::Release { why } => f.write_str(why),
        }
    }
}
