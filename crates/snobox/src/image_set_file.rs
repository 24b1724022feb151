//! Image sets: files that say which operators, images and releases are wanted, in the words of oc-mirror.

use std::path::{Path, PathBuf};

use snobox_catalog::image_set::{self, ImageSet, Operator};
use snobox_formats::digest::Digest;
use snobox_plan::operators::Template;
use snobox_plan::problem::Problem;

use crate::error::{Error, Exit, Result};
use crate::flow::output::folder_of;
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
    /// A path as the image set means it: relative to its own folder.
    pub fn resolve(&self, path: &str) -> PathBuf {
        let folder = folder_of(&self.path);
        // Beside a file in the current folder, a path is what the file says.
        if folder == Path::new(".") {
            path.into()
        } else {
            folder.join(path)
        }
    }

    /// The CatalogSource that an entry wants for its catalog, if it names one.
    pub fn template(&self, operator: &Operator) -> Result<Option<Template>> {
        let Some(named) = &operator.source_template else {
            return Ok(None);
        };
        let path = self.resolve(named);
        let place = &operator.place;
        let hint = format!(
            "{}:{}: {}.targetCatalogSourceTemplate names it: a CatalogSource in YAML, of which name, namespace and image are filled in",
            self.path.display(),
            place.at.line,
            place.path
        );
        let text = input::read_text(&path).map_err(|error| {
            let message = format!("cannot read {}", path.display());
            Error::caused(Exit::Site, message, &error).hint(&hint)
        })?;
        let template = Template::read(&text).map_err(|problems| Error {
            hint: Some(hint),
            ..problems_error(&path, &problems)
        })?;
        Ok(Some(template))
    }

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
