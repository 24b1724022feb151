//! The cache: which files the partition holds, and the file system that holds them.
//!
//! ```text
//! /bin/snobox-agent          the program that serves the store
//! /store/                    an OCI image layout: oci-layout, index.json, blobs/sha256/…
//! /sums/blobs                a quick sum of each blob, for whoever serves them (snobox-image/src/sums.rs)
//! ```
//!
//! The file system is read-only by nature: no journal, no free space, the same bytes for the same content. Its UUID is derived from the
//! content, so that two caches that differ are never taken for each other.

use std::collections::BTreeSet;

use snobox_formats::digest::Digest;
use snobox_formats::ext4::{self, Ext4Error, Ext4Image, FileEntry, FsOptions};
use snobox_formats::layout::Needed;
use snobox_formats::oci::OCI_LAYOUT;
use snobox_image::sums;

/// Folder of the store in the cache.
pub const STORE: &str = "store";
/// Path of the agent in the cache.
pub const AGENT: &str = "bin/snobox-agent";
/// 2020-01-01: all times of the file system, because equal content must give equal bytes.
const TIMESTAMP: u32 = 1_577_836_800;

/// Where the bytes of a file in the cache come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// From memory.
    Bytes(Vec<u8>),
    /// A blob of the store.
    Blob(Digest),
    /// The agent's executable.
    Agent,
    /// The sums of the blobs, which are known when all blobs are written.
    Sums,
}

/// A planned cache.
#[derive(Clone, Debug)]
pub struct CachePlan {
    /// The file system.
    pub fs: Ext4Image,
    /// Where the bytes of each of its files come from, in the order of [`Ext4Image::files`].
    pub sources: Vec<Source>,
    /// Label.
    pub label: String,
    /// UUID.
    pub uuid: [u8; 16],
    /// SHA-256 of `store/index.json`.
    pub index: Digest,
    /// SHA-256 of the agent.
    pub agent: Digest,
}

/// The agent's executable, as far as planning needs it.
#[derive(Clone, Copy, Debug)]
pub struct Agent {
    /// Its digest.
    pub digest: Digest,
    /// Its length in bytes.
    pub size_bytes: u64,
}

/// Plans a cache that holds `index_json` and the blobs that it needs.
///
/// # Errors
/// [`Ext4Error`], naming the path.
pub fn plan(
    index_json: &[u8],
    blobs: &[Needed],
    agent: Agent,
    label: &str,
) -> Result<CachePlan, Ext4Error> {
    let index = Digest::of(index_json);
    let file = |path: String, size_bytes, mode| FileEntry {
        path,
        size_bytes,
        mode,
    };
    let mut entries = vec![
        file(AGENT.to_owned(), agent.size_bytes, 0o755),
        file(
            format!("{STORE}/oci-layout"),
            OCI_LAYOUT.len() as u64,
            0o644,
        ),
        file(
            format!("{STORE}/index.json"),
            index_json.len() as u64,
            0o644,
        ),
    ];
    let mut sources = vec![
        Source::Agent,
        Source::Bytes(OCI_LAYOUT.into()),
        Source::Bytes(index_json.to_vec()),
    ];
    let mut seen = BTreeSet::new();
    for blob in blobs
        .iter()
        .map(|needed| &needed.descriptor)
        .filter(|blob| seen.insert(blob.digest))
    {
        entries.push(file(blob_path(blob.digest), blob.size, 0o644));
        sources.push(Source::Blob(blob.digest));
    }
    entries.push(file(
        sums::PATH.to_owned(),
        sums::sums_bytes(seen.len()),
        0o644,
    ));
    sources.push(Source::Sums);
    let uuid = uuid(index, agent.digest, label);
    let options = FsOptions {
        label: label.to_owned(),
        uuid,
        timestamp: TIMESTAMP,
    };
    let fs = ext4::plan(&entries, &options)?;
    Ok(CachePlan {
        fs,
        sources,
        label: label.to_owned(),
        uuid,
        index,
        agent: agent.digest,
    })
}

/// Path of a blob in the cache.
pub fn blob_path(digest: Digest) -> String {
    format!("{STORE}/blobs/sha256/{}", digest.hex())
}

/// A version 8 (custom) UUID of RFC 9562.
fn uuid(index: Digest, agent: Digest, label: &str) -> [u8; 16] {
    let seed = Digest::of(format!("snobox cache {index} {agent} {label}").as_bytes());
    let mut uuid = [0; 16];
    uuid.copy_from_slice(&seed.as_bytes()[..16]);
    uuid[6] = uuid[6] & 0x0f | 0x80;
    uuid[8] = uuid[8] & 0x3f | 0x80;
    uuid
}
