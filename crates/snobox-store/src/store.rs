//! The store itself: open, look, put, list.

use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use snobox_formats::digest::Digest;
use snobox_formats::layout::{self, Blobs, Closure};
use snobox_formats::oci::{ImageIndex, OCI_LAYOUT};

use crate::{Ingest, Partial, StoreError};

/// An OCI image layout in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// Opens a store that is there.
    ///
    /// # Errors
    /// [`StoreError::NotAStore`], [`StoreError::DanglingLink`], [`StoreError::Version`], [`StoreError::Io`].
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Marker {
            image_layout_version: String,
        }
        let path = root.join("oci-layout");
        let text = fs::read(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => no_store_at(root),
            _ => StoreError::Io {
                action: "read",
                path,
                source,
            },
        })?;
        let marker: Marker = serde_json::from_slice(&text).map_err(|_| StoreError::NotAStore {
            path: root.to_owned(),
        })?;
        // Versions of one major number are compatible; there has never been another than 1.0.0.
        if !marker.image_layout_version.starts_with("1.") {
            return Err(StoreError::Version {
                path: root.to_owned(),
                found: marker.image_layout_version,
            });
        }
        Ok(Self {
            root: root.to_owned(),
        })
    }

    /// Opens a store, or makes an empty one in a folder that is empty or absent. What an interrupted `create` left is completed, and an index that somebody
    /// took away is made anew, without an image.
    ///
    /// # Errors
    /// [`StoreError::NotAStore`] when the folder holds something else, [`StoreError::DanglingLink`], [`StoreError::Io`].
    pub fn create(root: &Path) -> Result<Self, StoreError> {
        match Self::open(root) {
            Err(StoreError::NotAStore { path }) => {
                let io = |action| {
                    move |path: &Path, source| StoreError::Io {
                        action,
                        path: path.to_owned(),
                        source,
                    }
                };
                fs::create_dir_all(root).map_err(|e| io("create the folder")(root, e))?;
                let store = Self {
                    root: root.to_owned(),
                };
                // `.snobox` comes first: a folder that has it was on its way to become a store.
                let begun = root.join(".snobox").is_dir();
                if !begun
                    && fs::read_dir(root)
                        .map_err(|e| io("read")(root, e))?
                        .next()
                        .is_some()
                {
                    return Err(StoreError::NotAStore { path });
                }
                store.make_folders()?;
                store.make_index()?;
                store.replace("oci-layout", OCI_LAYOUT.as_bytes())?;
                Ok(store)
            }
            Ok(store) => {
                store.make_index()?;
                Ok(store)
            }
            Err(error) => Err(error),
        }
    }

    /// An empty index where there is none: one that is there was replaced whole, and names what the store holds.
    fn make_index(&self) -> Result<(), StoreError> {
        match fs::symlink_metadata(self.root.join("index.json")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.make_folders()?;
                self.set_index(&ImageIndex::empty())
            }
            _ => Ok(()),
        }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a blob is, if it is there.
    pub fn blob_path(&self, digest: Digest) -> PathBuf {
        self.blobs_folder().join(digest.hex())
    }

    /// Whether a blob of that size is there. Blobs are whole or absent, so its bytes are not read.
    pub fn has(&self, digest: Digest, size_bytes: u64) -> bool {
        self.blob_size(digest) == Some(size_bytes)
    }

    /// Bytes of a blob that is there.
    pub fn blob_size(&self, digest: Digest) -> Option<u64> {
        let found = fs::metadata(self.blob_path(digest)).ok()?;
        found.is_file().then_some(found.len())
    }

    /// Opens a blob for reading.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Io`].
    pub fn open_blob(&self, digest: Digest) -> Result<File, StoreError> {
        let path = self.blob_path(digest);
        File::open(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => StoreError::Missing {
                digest,
                path: self.root.clone(),
            },
            _ => StoreError::Io {
                action: "open",
                path,
                source,
            },
        })
    }

    /// Reads a small blob whole and checks its digest.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::WrongDigest`], [`StoreError::Io`] (also for a blob of more than `limit` bytes).
    pub fn read_blob(&self, digest: Digest, limit: u64) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::new();
        let io = |source| StoreError::Io {
            action: "read",
            path: self.blob_path(digest),
            source,
        };
        self.open_blob(digest)?
            .take(limit + 1)
            .read_to_end(&mut bytes)
            .map_err(io)?;
        if bytes.len() as u64 > limit {
            return Err(io(io::Error::other(format!("larger than {limit} bytes"))));
        }
        let found = Digest::of(&bytes);
        if found != digest {
            return Err(StoreError::WrongDigest {
                expected: digest,
                found,
            });
        }
        Ok(bytes)
    }

    /// Starts to receive a blob of `size` bytes.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn ingest(&self, digest: Digest, size: u64) -> Result<Ingest<'_>, StoreError> {
        let folder = self.ingest_folder();
        let file = self.temporary(&folder, &digest.hex())?;
        Ok(Ingest::new(self, file, digest, size))
    }

    /// Goes on with a blob of `size` bytes where an earlier try was interrupted, or starts it. Reads again what is there, which may be long.
    ///
    /// Only for the holder of the [`lock`](Self::lock), and once for each blob.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn partial(&self, digest: Digest, size: u64) -> Result<Partial<'_>, StoreError> {
        Partial::open(self, digest, size)
    }

    /// How many bytes of an incomplete blob are there.
    pub fn partial_bytes(&self, digest: Digest) -> u64 {
        fs::metadata(self.partial_path(digest)).map_or(0, |m| m.len())
    }

    /// Puts a small blob that is in memory. One that is there with damaged bytes is replaced.
    ///
    /// # Errors
    /// As [`Ingest::write`] and [`Ingest::finish`].
    pub fn put(&self, digest: Digest, bytes: &[u8]) -> Result<(), StoreError> {
        let size = bytes.len() as u64;
        if self.has(digest, size) && self.read_blob(digest, size).is_ok() {
            return Ok(());
        }
        let mut ingest = self.ingest(digest, size)?;
        ingest.write(bytes)?;
        ingest.finish()
    }

    /// The images of the store.
    ///
    /// # Errors
    /// [`StoreError::Index`], [`StoreError::Io`].
    pub fn index(&self) -> Result<ImageIndex, StoreError> {
        let path = self.root.join("index.json");
        serde_json::from_slice(&self.index_json()?)
            .map_err(|source| StoreError::Index { path, source })
    }

    /// The bytes of `index.json`.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn index_json(&self) -> Result<Vec<u8>, StoreError> {
        let path = self.root.join("index.json");
        fs::read(&path).map_err(|source| StoreError::Io {
            action: "read",
            path,
            source,
        })
    }

    /// Replaces `index.json`.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn set_index(&self, index: &ImageIndex) -> Result<(), StoreError> {
        let mut text = serde_json::to_vec_pretty(index).map_err(|source| StoreError::Index {
            path: self.root.join("index.json"),
            source,
        })?;
        text.push(b'\n');
        self.replace("index.json", &text)
    }

    /// Reads everything that the index leads to and hashes it. `progress` is told the bytes of each piece.
    ///
    /// # Errors
    /// [`StoreError::Io`] when `index.json` cannot be read, or `progress` says stop; everything else is a finding.
    pub fn verify(&self, progress: &mut layout::Progress<'_>) -> Result<Closure, StoreError> {
        layout::verify(&self.index_json()?, self, progress).map_err(|source| StoreError::Io {
            action: "verify",
            path: self.root.clone(),
            source,
        })
    }

    pub(crate) fn blobs_folder(&self) -> PathBuf {
        self.root.join("blobs/sha256")
    }

    pub(crate) fn ingest_folder(&self) -> PathBuf {
        self.root.join(".snobox/ingest")
    }

    pub(crate) fn partial_path(&self, digest: Digest) -> PathBuf {
        self.root.join(".snobox/partial").join(digest.hex())
    }

    pub(crate) fn quarantine_path(&self, digest: Digest) -> PathBuf {
        self.root.join(".snobox/quarantine").join(digest.hex())
    }

    /// After a rename into the folder of blobs.
    pub(crate) fn sync_blobs(&self) -> Result<(), StoreError> {
        let path = self.blobs_folder();
        let sync = File::open(&path).and_then(|folder| folder.sync_all());
        sync.map_err(|source| StoreError::Io {
            action: "sync",
            path,
            source,
        })
    }

    pub(crate) fn make_folders(&self) -> Result<(), StoreError> {
        let (partial, quarantine) = (".snobox/partial", ".snobox/quarantine");
        let on_the_way = [partial, quarantine].map(|name| self.root.join(name));
        for path in [self.ingest_folder(), self.blobs_folder()]
            .into_iter()
            .chain(on_the_way)
        {
            fs::create_dir_all(&path).map_err(|source| StoreError::Io {
                action: "create the folder",
                path,
                source,
            })?;
        }
        Ok(())
    }

    pub(crate) fn temporary(
        &self,
        folder: &Path,
        prefix: &str,
    ) -> Result<tempfile::NamedTempFile, StoreError> {
        // What is in a store is public by the rules of images; it must be readable by whoever serves it.
        let readable = fs::Permissions::from_mode(0o644);
        let made = tempfile::Builder::new()
            .prefix(prefix)
            .permissions(readable)
            .tempfile_in(folder);
        made.map_err(|source| StoreError::Io {
            action: "create a file in",
            path: folder.to_owned(),
            source,
        })
    }

    /// Puts a file in the place of an earlier one: whole, or not at all.
    pub(crate) fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.root.join(name);
        let io = |source| StoreError::Io {
            action: "write",
            path: path.clone(),
            source,
        };
        // The name of the file alone: a prefix has no folders.
        let prefix = name.rsplit('/').next().unwrap_or(name);
        let mut file = self.temporary(&self.ingest_folder(), prefix)?;
        file.write_all(bytes).map_err(io)?;
        file.as_file().sync_data().map_err(io)?;
        file.persist(&path).map_err(|e| io(e.error))?;
        File::open(&self.root)
            .and_then(|f| f.sync_all())
            .map_err(io)
    }
}

/// Why there is no store at a path.
fn no_store_at(root: &Path) -> StoreError {
    // A slash at the end would look through the link.
    let path: PathBuf = root.components().collect();
    match fs::read_link(&path) {
        Ok(target) if !path.exists() => StoreError::DanglingLink { path, target },
        _ => StoreError::NotAStore {
            path: root.to_owned(),
        },
    }
}

impl Blobs for Store {
    fn open(&self, digest: Digest) -> io::Result<Option<Box<dyn Read + '_>>> {
        match File::open(self.blob_path(digest)) {
            Ok(file) => Ok(Some(Box::new(file))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}
