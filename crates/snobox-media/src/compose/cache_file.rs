//! The cache → the image file: every blob hashed against its name, summed for the [`sums`](snobox_image::sums), and every byte into the seal.

use std::io::{self, Read, Seek, Write};

use snobox_formats::digest::{Digest, Hasher};
use snobox_formats::ext4::{Ext4Image, PlacedFile};
use snobox_formats::xxh3::Xxh3;
use snobox_image::seal::Sealer;
use snobox_image::sums::Sums;

use super::{BUFFER_BYTES, ComposeError, Inputs, write_at};
use crate::cache::Source;

/// Writes the file system that starts at byte `start`, front to back; returns the seal's bytes.
///
/// # Errors
/// [`ComposeError`].
pub(super) fn write<F: Write + Seek>(
    file: &mut F,
    start: u64,
    inputs: &Inputs<'_>,
    progress: &mut dyn FnMut(u64) -> io::Result<()>,
) -> Result<Vec<u8>, ComposeError> {
    let fs: &Ext4Image = &inputs.cache.fs;
    let mut out = CacheWriter {
        file,
        start,
        position: 0,
        sealer: Sealer::default(),
    };
    for run in fs.metadata() {
        out.write_at(run.offset_bytes, &run.bytes)
            .map_err(ComposeError::Write)?;
    }
    let mut files: Vec<_> = fs
        .files()
        .iter()
        .zip(&inputs.cache.sources)
        .filter(|(f, _)| f.size_bytes > 0)
        .collect();
    files.sort_by_key(|(placed, _)| placed.offset_bytes);
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut sums = Sums::default();
    for (placed, source) in files {
        let reader: Box<dyn Read + '_> = match source {
            Source::Bytes(bytes) => Box::new(&bytes[..]),
            Source::Sums => Box::new(io::Cursor::new(sums.to_bytes())),
            other => (inputs.open)(other).map_err(|source| read_error(placed, source))?,
        };
        let (found, sum) = out.copy(placed, reader, &mut buffer, progress)?;
        let expected = match source {
            Source::Blob(digest) => {
                sums.add(*digest, sum);
                *digest
            }
            Source::Agent => inputs.cache.agent,
            Source::Bytes(_) | Source::Sums => continue,
        };
        if found != expected {
            return Err(ComposeError::DamagedBlob { expected, found });
        }
    }
    Ok(out.finish(fs.size_bytes()))
}

fn read_error(placed: &PlacedFile, source: io::Error) -> ComposeError {
    let path = placed.path.clone();
    ComposeError::Read { path, source }
}

/// Writes ascending pieces of the file system, and seals them with the zeros between.
struct CacheWriter<'a, F> {
    file: &'a mut F,
    start: u64,
    position: u64,
    sealer: Sealer,
}

impl<F: Write + Seek> CacheWriter<'_, F> {
    /// Writes one file; returns its digest and its sum.
    fn copy(
        &mut self,
        placed: &PlacedFile,
        mut reader: impl Read,
        buffer: &mut [u8],
        progress: &mut dyn FnMut(u64) -> io::Result<()>,
    ) -> Result<(Digest, u128), ComposeError> {
        let wrong_size = |found| ComposeError::WrongSize {
            path: placed.path.clone(),
            expected: placed.size_bytes,
            found,
        };
        let (mut hasher, mut sum) = (Hasher::new(), Xxh3::new());
        let mut found = 0;
        loop {
            let length = match reader.read(buffer) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(read_error(placed, error)),
            };
            let (offset, chunk) = (placed.offset_bytes + found, &buffer[..length]);
            found += length as u64;
            if found > placed.size_bytes {
                return Err(wrong_size(found));
            }
            hasher.update(chunk);
            sum.update(chunk);
            self.write_at(offset, chunk).map_err(ComposeError::Write)?;
            progress(length as u64).map_err(ComposeError::Write)?;
        }
        if found != placed.size_bytes {
            return Err(wrong_size(found));
        }
        Ok((hasher.finish(), sum.finish()))
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let gap = offset
            .checked_sub(self.position)
            .ok_or_else(|| io::Error::other("pieces of the cache are not in order"))?;
        self.sealer.zeros(gap);
        self.sealer.update(bytes);
        self.position = offset + bytes.len() as u64;
        write_at(self.file, self.start + offset, bytes)
    }

    fn finish(mut self, size_bytes: u64) -> Vec<u8> {
        self.sealer.zeros(size_bytes.saturating_sub(self.position));
        self.sealer.finish()
    }
}
