//! Signatures of releases, beside the blobs: `.snobox/signatures/sha256=<hex>/signature-<n>`, as the servers that publish them lay them out, so that the
//! folder can be handed on. What is here is only kept: whoever uses a signature proves it.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use snobox_formats::digest::Digest;

use crate::{Store, StoreError};

impl Store {
    /// The signatures that were kept for a manifest, in their order: at most `count`, and of each at most `limit_bytes`; what is larger is none.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn signatures(
        &self,
        digest: Digest,
        count: u32,
        limit_bytes: u64,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        let folder = self.signatures_folder(digest);
        let mut found = Vec::new();
        for number in 1..=count {
            let path = folder.join(format!("signature-{number}"));
            let failed = |source| failed("read", &path, source);
            let file = match fs::File::open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                other => other.map_err(failed)?,
            };
            let mut bytes = Vec::new();
            file.take(limit_bytes + 1)
                .read_to_end(&mut bytes)
                .map_err(failed)?;
            if bytes.len() as u64 <= limit_bytes {
                found.push(bytes);
            }
        }
        Ok(found)
    }

    /// Keeps the signatures of a manifest in the place of those that are there. Only for the holder of the [`lock`](Self::lock).
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn keep_signatures(&self, digest: Digest, signatures: &[&[u8]]) -> Result<(), StoreError> {
        let folder = self.signatures_folder(digest);
        fs::create_dir_all(&folder).map_err(|e| failed("create the folder", &folder, e))?;
        for (index, bytes) in signatures.iter().enumerate() {
            let name = format!("signature-{}", index + 1);
            let path = folder.join(&name);
            let failed = |source| failed("write", &path, source);
            let mut file = self.temporary(&self.ingest_folder(), &name)?;
            file.write_all(bytes).map_err(failed)?;
            file.as_file().sync_data().map_err(failed)?;
            file.persist(&path).map_err(|e| failed(e.error))?;
        }
        // One that stays behind would come after these.
        let next = folder.join(format!("signature-{}", signatures.len() + 1));
        match fs::remove_file(&next) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("remove", &next, error));
            }
            _ => {}
        }
        let sync = fs::File::open(&folder).and_then(|folder| folder.sync_all());
        sync.map_err(|e| failed("sync", &folder, e))
    }

    fn signatures_folder(&self, digest: Digest) -> PathBuf {
        let name = format!("sha256={}", digest.hex());
        self.root().join(".snobox/signatures").join(name)
    }
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}
