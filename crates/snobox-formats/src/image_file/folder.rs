//! The files of one folder of an image that came with one layer.

use std::io::{self, Read};

use super::{ImageFileError, image_manifest, open_layer, unreadable};
use crate::digest::Digest;
use crate::layer::plain_name;
use crate::layout::Blobs;

/// The regular files in `folder` (such as `release-manifests/`: no leading slash, one at its end), with their names in it, sorted: those of the topmost
/// layer that has any, because such a folder is made as one layer. Folders in it are left out. Empty where no layer has one.
///
/// # Errors
/// [`ImageFileError`]; more than `limit` bytes in all are [`ImageFileError::Layer`].
pub fn read_folder(
    blobs: &dyn Blobs,
    manifest: Digest,
    folder: &str,
    limit: u64,
) -> Result<Vec<(String, Vec<u8>)>, ImageFileError> {
    for layer in image_manifest(blobs, manifest)?.layers.iter().rev() {
        let reader = open_layer(blobs, layer)?;
        let mut files = files_of(reader, folder, limit).map_err(|e| unreadable(layer, e))?;
        if !files.is_empty() {
            files.sort();
            return Ok(files);
        }
    }
    Ok(Vec::new())
}

fn files_of(reader: impl Read, folder: &str, limit: u64) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    let mut left = limit;
    for entry in tar::Archive::new(reader).entries()? {
        let mut entry = entry?;
        let path = plain_name(&entry.path()?);
        let name = path
            .strip_prefix(folder)
            .filter(|name| !name.is_empty() && !name.contains('/'));
        let Some(name) = name.filter(|_| entry.header().entry_type().is_file()) else {
            continue;
        };
        let (name, size) = (name.to_owned(), entry.size());
        left = left
            .checked_sub(size)
            .ok_or_else(|| io::Error::other(format!("/{folder} has more than {limit} bytes")))?;
        let mut bytes = Vec::new();
        entry.by_ref().take(size).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != size {
            let why = "the layer ends inside the file";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, why));
        }
        files.push((name, bytes));
    }
    Ok(files)
}
