//! Who may do what with a store at the same time.
//!
//! `.snobox/lock` is held by the one process that writes. `oci-layout`, which never changes, is shared by those that read blobs for long and
//! count on every one of them; who removes blobs holds both alone. A server holds neither: it goes on answering whatever comes and goes, and a
//! blob that it is sending stays readable until it is sent.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::Path;

use crate::{Store, StoreError};

/// Held by the one process that writes to a store; released when dropped.
#[derive(Debug)]
pub struct StoreLock(
    #[expect(dead_code, reason = "the lock lives as long as the file is open")] File,
);

/// Held by a process that counts on all blobs of a store; released when dropped.
#[derive(Debug)]
pub struct StoreReading(
    #[expect(dead_code, reason = "the lock lives as long as the file is open")] Option<File>,
);

/// Held by the one process that removes blobs; released when dropped.
#[derive(Debug)]
pub struct StoreSweep {
    _writing: StoreLock,
    _alone: File,
}

impl Store {
    /// Takes the right to write, and clears what an interrupted writer left.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has it, [`StoreError::Io`].
    pub fn lock(&self) -> Result<StoreLock, StoreError> {
        self.make_folders()?;
        let path = self.root().join(".snobox/lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|e| io("open", &path, e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Locked {
                    path: self.root().to_owned(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(io("lock", &path, source)),
        }
        let folder = self.ingest_folder();
        for entry in fs::read_dir(&folder).map_err(|e| io("read", &folder, e))? {
            let path = entry.map_err(|e| io("read", &folder, e))?.path();
            fs::remove_file(&path).map_err(|e| io("remove", &path, e))?;
        }
        Ok(StoreLock(file))
    }

    /// Whether another process writes at this moment.
    pub fn is_being_written(&self) -> bool {
        let file = File::open(self.root().join(".snobox/lock"));
        file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// Keeps others from removing blobs, as long as the value lives. On a file system without locks it keeps
    /// nobody.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when a process is removing blobs right now.
    pub fn reading(&self) -> Result<StoreReading, StoreError> {
        let Ok(file) = File::open(self.root().join("oci-layout")) else {
            return Ok(StoreReading(None));
        };
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked {
                path: self.root().to_owned(),
            }),
            Ok(()) | Err(TryLockError::Error(_)) => Ok(StoreReading(Some(file))),
        }
    }

    /// Takes the right to remove blobs.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when a process writes, [`StoreError::InUse`] when one reads, [`StoreError::Io`].
    pub fn sweeping(&self) -> Result<StoreSweep, StoreError> {
        let writing = self.lock()?;
        let path = self.root().join("oci-layout");
        let file = File::open(&path).map_err(|e| io("open", &path, e))?;
        match file.try_lock() {
            Ok(()) => Ok(StoreSweep {
                _writing: writing,
                _alone: file,
            }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse {
                path: self.root().to_owned(),
            }),
            Err(TryLockError::Error(source)) => Err(io("lock", &path, source)),
        }
    }
}

fn io(action: &'static str, path: &Path, source: std::io::Error) -> StoreError {
    StoreError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}
