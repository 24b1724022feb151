//! Image sets: files that say which operators, images and releases are wanted, in the words of oc-mirror.

use std::path::{Path, PathBuf};

use snobox_catalog::image_set::{self, ImageSet};
use snobox_formats::digest::Digest;
use snobox_plan::problem::Problem;

use crate::error::{Error, Exit, Result};
use crate::input;
use crate::site_file::problems_error;

/// An image set that was read and found good.
#[derive(Clone, Debug)]
pub struct ImageSetFile {
    /// Where it is.
    pub path: PathBuf,
    /// The digest of its text.
    pub digest: Digest,
    /// What it says.
    pub set: ImageSet,
}

/// Reads an image set; all its problems at once.
pub fn read(path: &Path) -> Result<ImageSetFile> {
    let text = input::read_text(path).map_err(|error| {
        let message = format!("cannot read {}", path.display());
        Error::caused(Exit::Site, message, &error)
    })?;
    let set = image_set::read(&text).map_err(|problems| refused(path, &problems))?;
    Ok(ImageSetFile {
        path: path.to_owned(),
        digest: Digest::of(text.as_bytes()),
        set,
    })
}

/// Problems of an image set as one error.
pub fn refused(path: &Path, problems: &[Problem]) -> Error {
    Error {
        hint: Some(format!(
            "mend {} and run the same command again",
            path.display()
        )),
        ..problems_error(path, problems)
    }
}

impl ImageSetFile {
    /// Fields that are accepted and change nothing, each as a line of talk.
    pub fn notes(&self) -> Vec<String> {
        let notes = self.set.notes.iter();
        notes
            .map(|(place, why)| {
                let path = self.path.display();
                format!("{path}:{}: {}: {why}", place.at.line, place.path)
            })
            .collect()
    }
}
