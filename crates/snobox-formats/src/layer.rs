//! Layers of images: read whatever their compression, and written with fixed bytes.
//!
//! Source of truth: OCI image specification 1.1, "Image Layer Filesystem Changeset"; the media types of Docker's schema 2 stand for the same.
//! What is written is ustar in gzip: every header has owner 0:0, time 0 and no names, folders come once and before what is in them, so that
//! equal files give equal bytes.

mod write;
mod zstd;

use std::io::{self, BufRead, Read};

use flate2::read::MultiGzDecoder;

pub use write::{LayerWriter, Written, archived};
use zstd::Frames;

/// The tar archive of a layer; `None` for a media type that is not known.
pub fn open<'a>(media_type: &str, reader: impl BufRead + 'a) -> Option<Box<dyn Read + 'a>> {
    if media_type.ends_with("tar+gzip") || media_type.ends_with("tar.gzip") {
        Some(Box::new(MultiGzDecoder::new(reader)))
    } else if media_type.ends_with("tar+zstd") || media_type.ends_with("tar.zstd") {
        Some(Box::new(Frames::new(reader)))
    } else if media_type.ends_with(".tar") {
        Some(Box::new(reader))
    } else {
        None
    }
}

/// A name as archives write it, without what may stand before and after it: `./configs/` → `configs`.
pub fn plain_name(name: &std::path::Path) -> String {
    name.to_string_lossy()
        .trim_start_matches("./")
        .trim_matches('/')
        .to_owned()
}

/// A file that is shorter than its header says: an archive that ends inside a file looks like a shorter file.
pub(crate) fn cut_short() -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the layer ends inside the file",
    )
}
