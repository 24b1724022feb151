//! One file out of an image in the store.

use std::io;

use snobox_formats::digest::Digest;
use snobox_formats::image_file::{self, ImageFileError};

use crate::Store;

impl Store {
    /// Copies the file at `path` (no leading slash) of the image with this manifest into `sink`; returns its size in bytes.
    ///
    /// # Errors
    /// [`ImageFileError`]. `sink` may have received bytes when a layer turns out damaged.
    pub fn copy_image_file(
        &self,
        manifest: Digest,
        path: &str,
        sink: &mut dyn io::Write,
    ) -> Result<u64, ImageFileError> {
        image_file::copy(self, manifest, path, sink)
    }

    /// The file at `path` of the image with this manifest, at most `limit` bytes.
    ///
    /// # Errors
    /// [`ImageFileError`]; a larger file is [`ImageFileError::Sink`].
    pub fn read_image_file(
        &self,
        manifest: Digest,
        path: &str,
        limit: usize,
    ) -> Result<Vec<u8>, ImageFileError> {
        image_file::read(self, manifest, path, limit)
    }
}
