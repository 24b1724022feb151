//! New contents for several files: all of them or none, also when the power goes in between.
//!
//! ```text
//! ROOT/.snobox-certs/0, 1, 2 …   new contents, with mode, owner and SELinux label of what they replace
//! ROOT/.snobox-certs/journal     {"version": 1, "files": ["tls/kubelet-signer.crt", …]}; the first belongs to 0, and so on
//! ```
//!
//! The journal appears whole, after everything else is on the disk: from then on the replacement happens. Each file is then renamed to its place; one
//! that is not in the folder any more has been. Without a journal nothing has happened, and the folder is thrown away.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown,
};
use std::path::{Component, Path, PathBuf};

use rustix::fs::XattrFlags;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

/// Name of the folder below the root.
pub const FOLDER: &str = ".snobox-certs";
const JOURNAL: &str = "journal";
const LABEL: &str = "security.selinux";
const VERSION: u32 = 1;

/// What could not be done, on what.
#[derive(Debug, thiserror::Error)]
pub enum ReplacementError {
    /// The system says no.
    #[error("cannot {action} {path}", path = .path.display())]
    Io {
        /// What was done.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The journal is not what this program writes.
    #[error("{path} is not a journal of version {VERSION}", path = .path.display())]
    Journal {
        /// Where it is.
        path: PathBuf,
    },
}

#[derive(Serialize, Deserialize)]
struct Journal {
    version: u32,
    files: Vec<PathBuf>,
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ReplacementError {
    let path = path.to_owned();
    move |source| ReplacementError::Io {
        action,
        path,
        source,
    }
}

fn sync(path: &Path) -> Result<(), ReplacementError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(failed("sync", path))
}

/// Replaces the contents of files, given by their paths below the root.
///
/// # Errors
/// [`ReplacementError`].
pub fn replace(root: &Path, new: &[(&str, &[u8])]) -> Result<(), ReplacementError> {
    stage(root, new)?;
    recover(root).map(drop)
}

/// Writes everything beside, and the journal last.
fn stage(root: &Path, new: &[(&str, &[u8])]) -> Result<(), ReplacementError> {
    let folder = root.join(FOLDER);
    fs::DirBuilder::new()
        .mode(0o700)
        .create(&folder)
        .map_err(failed("make", &folder))?;
    for (index, (path, bytes)) in new.iter().enumerate() {
        let beside = folder.join(index.to_string());
        write_like(&root.join(path), &beside, bytes)?;
    }
    let files = new.iter().map(|(path, _)| PathBuf::from(path));
    let journal = Journal {
        version: VERSION,
        files: files.collect(),
    };
    let (unfinished, finished) = (folder.join("journal.new"), folder.join(JOURNAL));
    let bytes = serde_json::to_vec(&journal).map_err(io::Error::from);
    bytes
        .and_then(|bytes| fs::write(&unfinished, bytes))
        .map_err(failed("write", &unfinished))?;
    sync(&unfinished)?;
    sync(&folder)?;
    sync(root)?;
    fs::rename(&unfinished, &finished).map_err(failed("write", &finished))?;
    sync(&folder)
}

/// Finishes what has a journal, and throws away what has none. Returns whether there was something to finish.
///
/// # Errors
/// [`ReplacementError`].
pub fn recover(root: &Path) -> Result<bool, ReplacementError> {
    let folder = root.join(FOLDER);
    let path = folder.join(JOURNAL);
    let finished = match fs::read(&path) {
        Ok(bytes) => {
            finish(root, &folder, &read_journal(&path, &bytes)?)?;
            // Removed first: a folder without it has nothing left to say.
            fs::remove_file(&path).map_err(failed("remove", &path))?;
            sync(&folder)?;
            true
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(failed("read", &path)(error)),
    };
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(failed("remove", &folder)(error))
        }
        _ => Ok(finished),
    }
}

fn read_journal(path: &Path, bytes: &[u8]) -> Result<Journal, ReplacementError> {
    let journal: Option<Journal> = serde_json::from_slice(bytes).ok();
    let is_below = |file: &PathBuf| {
        let mut parts = file.components();
        parts.all(|part| matches!(part, Component::Normal(_)))
    };
    journal
        .filter(|journal| journal.version == VERSION && journal.files.iter().all(is_below))
        .ok_or_else(|| ReplacementError::Journal {
            path: path.to_owned(),
        })
}

fn finish(root: &Path, folder: &Path, journal: &Journal) -> Result<(), ReplacementError> {
    for (index, file) in journal.files.iter().enumerate() {
        let target = root.join(file);
        match fs::rename(folder.join(index.to_string()), &target) {
            // Renamed before the power went.
            Err(error) if error.kind() == io::ErrorKind::NotFound && target.exists() => {}
            result => result.map_err(failed("write", &target))?,
        }
        if let Some(parent) = target.parent() {
            sync(parent)?;
        }
    }
    Ok(())
}

/// Writes a new file with mode, owner and label of another.
fn write_like(model: &Path, path: &Path, bytes: &[u8]) -> Result<(), ReplacementError> {
    let like = fs::symlink_metadata(model).map_err(failed("read", model))?;
    let label = match label(model) {
        Ok(label) => label,
        Err(error) => return Err(failed("read the SELinux label of", model)(error)),
    };
    // Readable for nobody else until it has its owner.
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(path).map_err(failed("write", path))?;
    let written = file
        .write_all(bytes)
        .and_then(|()| fchown(&file, Some(like.uid()), Some(like.gid())))
        .and_then(|()| file.set_permissions(fs::Permissions::from_mode(like.mode() & 0o7777)))
        .and_then(|()| match &label {
            Some(label) => Ok(rustix::fs::fsetxattr(
                &file,
                LABEL,
                label,
                XattrFlags::empty(),
            )?),
            None => Ok(()),
        })
        .and_then(|()| file.sync_all());
    written.map_err(failed("write", path))
}

fn label(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut label = vec![0; 4096];
    match rustix::fs::lgetxattr(path, LABEL, &mut label[..]) {
        Ok(length) => {
            label.truncate(length);
            Ok(Some(label))
        }
        Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests;
