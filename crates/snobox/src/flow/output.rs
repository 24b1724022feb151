//! An output file that appears whole or not at all.
//!
//! Until then it lies beside its place as `.snobox-….partial`, locked by whoever writes it. One that nobody has locked was left by a run that was killed, and
//! the next run that writes into the folder removes it.

use std::fs::{self, File};
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::{Error, Exit, Result};

const BLOCK: usize = 64 * 1024;
const PREFIX: &str = ".snobox-";
const SUFFIX: &str = ".partial";

/// Who may read an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Only its owner: images hold secrets.
    Owner,
    /// Everybody.
    All,
}

/// A file beside its final place. Dropped without [`persist`](Self::persist), it is gone.
#[derive(Debug)]
pub struct Output {
    path: PathBuf,
    force: bool,
    file: NamedTempFile,
}

impl Output {
    /// Starts an output. Refuses a path that is taken, unless `force`.
    pub fn create(path: &Path, readers: Readers, force: bool) -> Result<Self> {
        refuse_existing(path, force)?;
        let folder = folder_of(path);
        clear_abandoned(folder);
        let mode = match readers {
            Readers::Owner => 0o600,
            Readers::All => 0o644,
        };
        let file = tempfile::Builder::new()
            .prefix(PREFIX)
            .suffix(SUFFIX)
            .permissions(fs::Permissions::from_mode(mode))
            .tempfile_in(folder);
        let file = file.map_err(|e| {
            Error::file("create a file in", folder, &e)
                .hint("is the folder there, and may you write to it?")
        })?;
        // On a file system without locks nothing is ever taken for abandoned.
        let _ = file.as_file().try_lock();
        Ok(Self {
            path: path.to_owned(),
            force,
            file,
        })
    }

    /// The file, open for reading and writing.
    pub fn file(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// Copies `reader` to the file from its start on; zeros become holes. Returns the length in bytes.
    pub fn fill(
        &mut self,
        mut reader: impl Read,
        progress: &mut dyn FnMut(u64) -> io::Result<()>,
    ) -> io::Result<u64> {
        let file = self.file.as_file_mut();
        let mut buffer = vec![0; BLOCK];
        let mut length = 0;
        loop {
            let filled = read_full(&mut reader, &mut buffer)?;
            if filled == 0 {
                break;
            }
            let chunk = &buffer[..filled];
            if chunk.iter().any(|byte| *byte != 0) {
                file.seek(SeekFrom::Start(length))?;
                file.write_all(chunk)?;
            }
            length += filled as u64;
            progress(filled as u64)?;
        }
        file.set_len(length)?;
        Ok(length)
    }

    /// Makes the file appear at its place, after all of it reached the disk.
    pub fn persist(self) -> Result<()> {
        refuse_existing(&self.path, self.force)?;
        self.file
            .as_file()
            .sync_all()
            .map_err(|e| Error::file("write", &self.path, &e))?;
        self.file
            .persist(&self.path)
            .map_err(|e| Error::file("write", &self.path, &e.error))?;
        Ok(())
    }
}

/// Removes what runs that were killed have left. Whatever cannot be is no worse than before.
fn clear_abandoned(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_ours = name
            .to_str()
            .is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX));
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_ours && is_file && File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok())
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// The folder of a file; the current one for a bare name.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn refuse_existing(path: &Path, force: bool) -> Result<()> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.is_file() => {
            let message = format!(
                "{} is there already and is not a plain file",
                path.display()
            );
            Err(Error::new(Exit::File, message).hint("name another file with --output"))
        }
        Ok(_) if !force => {
            let message = format!("{} is there already", path.display());
            Err(Error::new(Exit::File, message)
                .hint("--force replaces it; --output names another file"))
        }
        _ => Ok(()),
    }
}

fn read_full(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
