//! Operator catalogs: out of files, and out of images of registries or folders.

mod files;
mod image;
mod kept;
mod layout;
mod smaller;

use std::path::PathBuf;

use snobox_catalog::catalog::Catalog;
use snobox_formats::reference::ImageRef;

use crate::error::{Error, Exit, Result};

pub use files::read as read_files;
pub use image::{Pulled, pull};
pub use kept::of_use;
pub use layout::{NO_REGISTRY, pull_layout};
pub use smaller::smaller;

/// What the user calls a catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// A file of documents, or a folder with such files.
    Files(PathBuf),
    /// A folder with an OCI image layout.
    Layout(PathBuf),
    /// An image of a registry.
    Image(ImageRef),
}

impl Named {
    /// `oci://` and a folder, or a path where there is something at it, or else an image reference.
    ///
    /// # Errors
    /// What is neither: with the system's word about the path.
    pub fn parse(text: &str) -> Result<Self> {
        if let Some(path) = text.strip_prefix("oci://") {
            return Ok(Self::Layout(path.into()));
        }
        let path = PathBuf::from(text);
        let looked = std::fs::metadata(&path);
        match (looked, text.parse()) {
            (Ok(_), _) if path.join("oci-layout").is_file() => Ok(Self::Layout(path)),
            (Ok(_), _) => Ok(Self::Files(path)),
            (Err(_), Ok(image)) => Ok(Self::Image(image)),
            (Err(error), Err(_)) => {
                let hint = "expected a folder or file of catalog documents, oci:// and a folder with an image layout, or a catalog image such as registry.redhat.io/redhat/redhat-operator-index:v4.13";
                Err(Error::file("read", &path, &error).hint(hint))
            }
        }
    }
}

/// A catalog that was put together, or why there is none.
fn finished(name: &str, builder: snobox_catalog::catalog::Builder, hint: &str) -> Result<Catalog> {
    let failed = |message| Error::new(Exit::File, format!("{name}: {message}")).hint(hint);
    let catalog = builder.finish();
    if catalog.packages.is_empty() {
        return Err(failed("no package in it".to_owned()));
    }
    Ok(catalog)
}
