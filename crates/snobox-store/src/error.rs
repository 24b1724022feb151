//! What can go wrong with a store.

use std::io;
use std::path::PathBuf;

use snobox_formats::digest::Digest;

use crate::RESERVE_BYTES;

/// Why a store operation failed. What is half-written is never taken for a blob.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file operation failed.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The disk is too small for what is to come.
    #[error(
        "No space left for what is to come to {path}: {needed_bytes} bytes are needed, of which {RESERVE_BYTES} are kept free for indexes and folders, and {free_bytes} are free"
    )]
    NoRoom {
        /// The store.
        path: PathBuf,
        /// Bytes that are needed, and a reserve.
        needed_bytes: u64,
        /// Bytes that the disk has.
        free_bytes: u64,
    },
    /// The folder is not a store.
    #[error("{path} is not an OCI image layout: it has no file oci-layout")]
    NotAStore {
        /// The folder.
        path: PathBuf,
    },
    /// Where the store should be is a link that leads nowhere.
    #[error("{path} is a link to {target}, which is not there")]
    DanglingLink {
        /// The link.
        path: PathBuf,
        /// What it names.
        target: PathBuf,
    },
    /// The folder is an image layout of another version.
    #[error("{path} is an image layout of version {found:?}: expected 1.0.0")]
    Version {
        /// The folder.
        path: PathBuf,
        /// What its `oci-layout` says.
        found: String,
    },
    /// `index.json` is not a valid index.
    #[error("{path} is not a valid image index")]
    Index {
        /// The file.
        path: PathBuf,
        /// Where it fails.
        source: serde_json::Error,
    },
    /// Another process writes to the store.
    #[error("the store {path} is being written to by another process")]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// Another process counts on blobs of the store.
    #[error("the store {path} is being read by another process, which counts on its blobs")]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// What is needed cannot be told.
    #[error("what the images of {path} need cannot be told: {why}")]
    Unproved {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The bytes that came are not the bytes that were asked for.
    #[error("wrong digest: expected {expected}, the bytes received hash to {found}")]
    WrongDigest {
        /// What was asked for.
        expected: Digest,
        /// What came.
        found: Digest,
    },
    /// Fewer or more bytes came than the descriptor says.
    #[error("blob {digest} has {expected} bytes, but {found} were received")]
    WrongSize {
        /// The blob.
        digest: Digest,
        /// Bytes expected.
        expected: u64,
        /// Bytes received.
        found: u64,
    },
    /// A blob that should be there is not.
    #[error("blob {digest} is not in the store {path}")]
    Missing {
        /// The blob.
        digest: Digest,
        /// The store.
        path: PathBuf,
    },
}
