//! ISO files of the user's, plain or xz.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _};
use std::path::Path;

use snobox_formats::xz;

use crate::error::{Error, Result};

/// An ISO for reading; xz is recognised by its first bytes.
pub fn open(path: &Path) -> Result<Box<dyn Read>> {
    let failed = |e: io::Error| Error::file("open", path, &e);
    let mut file = File::open(path).map_err(failed)?;
    let compressed = is_xz(&mut file).map_err(failed)?;
    let reader = BufReader::with_capacity(1 << 20, file);
    Ok(if compressed {
        Box::new(xz::Decoder::new(reader))
    } else {
        Box::new(reader)
    })
}

/// Whether a file is compressed by xz; it is at its start afterwards.
pub fn is_xz(file: &mut File) -> io::Result<bool> {
    let mut start = Vec::new();
    Read::by_ref(file)
        .take(xz::MAGIC.len() as u64)
        .read_to_end(&mut start)?;
    file.rewind()?;
    Ok(start == xz::MAGIC)
}
