//! New files that appear whole or not at all, after all of them were found to be allowed.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::error::{Error, Exit, Result};
use crate::flow::output::folder_of;

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Its owner alone: it holds secrets.
    Owner,
    /// Everybody whom the umask lets.
    Everybody,
}

/// What to do about a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// Refuse.
    Refuse,
    /// Refuse, unless it has the same content.
    RefuseOther,
    /// Replace it.
    Replace,
}

/// A file to be written. `Debug` is not derived: it may hold secrets.
pub(super) struct NewFile {
    path: PathBuf,
    text: String,
    access: Access,
    taken: Taken,
}

impl NewFile {
    pub(super) fn new(path: &Path, text: String, access: Access, taken: Taken) -> Self {
        Self {
            path: path.to_owned(),
            text,
            access,
            taken,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a file with this content is there and may stay.
    fn is_there(&self) -> Result<bool> {
        if self.taken != Taken::RefuseOther {
            refuse_taken(&self.path, self.taken)?;
            return Ok(false);
        }
        match fs::read_to_string(&self.path) {
            Ok(text) if text.trim() == self.text.trim() => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                refuse_taken(&self.path, self.taken)?;
                Ok(false)
            }
            _ => Err(is_taken(&self.path, "with other content")),
        }
    }

    fn write(&self) -> Result<()> {
        let failed = |error: &io::Error| Error::file("write", &self.path, error);
        let folder = folder_of(&self.path);
        let mode = match self.access {
            Access::Owner => 0o600,
            Access::Everybody => 0o644,
        };
        let mut builder = tempfile::Builder::new();
        let builder = builder
            .prefix(".snobox-")
            .suffix(".partial")
            .permissions(Permissions::from_mode(mode));
        let mut file = builder.tempfile_in(folder).map_err(|e| {
            Error::file("create a file in", folder, &e)
                .hint("is the folder there, and may you write to it?")
        })?;
        file.write_all(self.text.as_bytes())
            .map_err(|e| failed(&e))?;
        file.as_file().sync_all().map_err(|e| failed(&e))?;
        let persisted = match self.taken {
            Taken::Replace => file.persist(&self.path),
            Taken::Refuse | Taken::RefuseOther => file.persist_noclobber(&self.path),
        };
        persisted.map_err(|e| failed(&e.error))?;
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|e| failed(&e))
    }
}

/// Writes what is not there yet, in order; nothing, if one of them is refused. Returns what was written.
pub(super) fn write(files: Vec<NewFile>) -> Result<Vec<NewFile>> {
    let mut new = Vec::with_capacity(files.len());
    for file in files {
        if !file.is_there()? {
            new.push(file);
        }
    }
    new.iter().try_for_each(NewFile::write)?;
    Ok(new)
}

/// Refuses a path that is taken.
pub(super) fn refuse_taken(path: &Path, taken: Taken) -> Result<()> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.is_file() => {
            let message = format!(
                "{} is there already and is not a plain file",
                path.display()
            );
            Err(Error::new(Exit::File, message).hint("name another file"))
        }
        Ok(_) if taken != Taken::Replace => Err(is_taken(path, "")),
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::file("look at", path, &error))
        }
        _ => Ok(()),
    }
}

fn is_taken(path: &Path, how: &str) -> Error {
    let message = format!("{} is there already {how}", path.display());
    Error::new(Exit::File, message.trim_end()).hint("--force replaces it")
}
