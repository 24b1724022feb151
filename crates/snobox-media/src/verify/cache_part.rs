//! The cache part of an image: its seal, its file system, and the store in it.

use std::io::{self, Read, Seek, SeekFrom};

use ext4_view::{Ext4, Ext4Read};
use snobox_formats::digest::{Digest, Hasher};
use snobox_formats::ext4;
use snobox_formats::ignition::Ignition;
use snobox_formats::layout::{self, Blobs};
use snobox_formats::oci::ImageIndex;

use super::{Finding, Report};
use crate::cache::{AGENT, STORE, blob_path};
use crate::installer::{Cached, CachedError};
use snobox_image::pins::{CachePins, format_uuid};
use snobox_image::seal::{PIECE_BYTES, Seal, seal_bytes};

/// Largest `index.json` that is read.
const MAX_INDEX_BYTES: u64 = 64 << 20;

pub(super) fn check<R: Read + Seek + 'static>(
    file: &mut R,
    second: R,
    ignition: &Ignition,
    report: &mut Report,
    progress: &mut layout::Progress<'_>,
) -> io::Result<()> {
    let cache = report.pins.cache.clone();
    let length = file.seek(SeekFrom::End(0))?;
    let expected = cache.offset_bytes + cache.size_bytes + seal_bytes(cache.size_bytes);
    if length < expected {
        report.add(Finding::Truncated {
            expected,
            found: length,
        });
        return Ok(());
    }
    file.seek(SeekFrom::Start(cache.offset_bytes + cache.size_bytes))?;
    let mut bytes = vec![0; seal_bytes(cache.size_bytes) as usize];
    file.read_exact(&mut bytes)?;
    let found = Digest::of(&bytes);
    let seal = (found == cache.seal).then(|| Seal::parse(&bytes, cache.size_bytes));
    match seal {
        None => report.add(Finding::Seal {
            expected: cache.seal,
            found,
        }),
        Some(Err(error)) => report.add(Finding::SealUnreadable {
            why: error.to_string(),
        }),
        Some(Ok(seal)) => check_pieces(
            file,
            &seal,
            cache.offset_bytes,
            cache.size_bytes,
            report,
            progress,
        )?,
    }
    check_store(file, second, ignition, report, progress)
}

fn check_pieces(
    file: &mut (impl Read + Seek),
    seal: &Seal,
    start: u64,
    size: u64,
    report: &mut Report,
    progress: &mut layout::Progress<'_>,
) -> io::Result<()> {
    file.seek(SeekFrom::Start(start))?;
    let mut buffer = vec![0; PIECE_BYTES as usize];
    for (index, expected) in seal.pieces().iter().enumerate() {
        let offset = index as u64 * PIECE_BYTES;
        let chunk = &mut buffer[..(size - offset).min(PIECE_BYTES) as usize];
        file.read_exact(chunk)?;
        progress(chunk.len() as u64)?;
        if Digest::of(chunk) != *expected {
            report.add(Finding::Piece {
                offset_bytes: start + offset,
                length_bytes: chunk.len() as u64,
            });
        }
    }
    Ok(())
}

fn check_store<R: Read + Seek + 'static>(
    file: &mut R,
    second: R,
    ignition: &Ignition,
    report: &mut Report,
    progress: &mut layout::Progress<'_>,
) -> io::Result<()> {
    let cache = report.pins.cache.clone();
    let mut superblock = vec![0; 2048];
    file.seek(SeekFrom::Start(cache.offset_bytes))?;
    file.read_exact(&mut superblock)?;
    let expected = (cache.label.clone(), cache.uuid.clone(), cache.size_bytes);
    let found = ext4::probe(&superblock).map(|s| (s.label, format_uuid(&s.uuid), s.size_bytes));
    if found.as_ref() != Some(&expected) {
        report.add(Finding::FileSystem {
            why: format!("its superblock says {found:?}, expected {expected:?}"),
        });
        return Ok(());
    }
    let store = match CacheStore::open(second, &cache) {
        Ok(store) => store,
        Err(why) => {
            report.add(Finding::FileSystem { why });
            return Ok(());
        }
    };
    match store.hash(&format!("/{AGENT}")) {
        Ok(found) if found != cache.agent => report.add(Finding::Agent {
            expected: cache.agent,
            found,
        }),
        Ok(_) => {}
        Err(why) => report.add(Finding::FileSystem {
            why: format!("/{AGENT}: {why}"),
        }),
    }
    let index_json = match store.index_json() {
        Ok(bytes) => bytes,
        Err(why) => {
            report.add(Finding::FileSystem { why });
            return Ok(());
        }
    };
    let found = Digest::of(&index_json);
    if found != cache.index {
        report.add(Finding::Index {
            expected: cache.index,
            found,
        });
    }
    let closure = layout::verify(&index_json, &store, progress)?;
    report.blobs = closure.blobs.len() as u64;
    report.bytes = closure.blobs.iter().map(|b| b.descriptor.size).sum();
    for finding in &closure.findings {
        report.add(Finding::Store(finding.clone()));
    }
    let index: ImageIndex =
        serde_json::from_slice(&index_json).unwrap_or_else(|_| ImageIndex::empty());
    report.images = index.manifests.len() as u64;
    let cached = Cached {
        index: &index,
        closure: &closure,
        blobs: &store,
    };
    check_asked(&cached, ignition, report);
    Ok(())
}

/// Everything that the ignition will ask for is in the cache.
fn check_asked(cached: &Cached<'_>, ignition: &Ignition, report: &mut Report) {
    let missing = match cached.missing(ignition) {
        Ok(missing) => missing,
        Err(CachedError::Layout(error)) => {
            report.add(Finding::Installer {
                why: error.to_string(),
            });
            cached.missing_by_name(ignition)
        }
        Err(error) => {
            let source = std::error::Error::source(&error);
            let cause = source.map_or_else(String::new, |source| format!(": {source}"));
            report.add(Finding::Release {
                why: format!("{error}{cause}"),
            });
            cached.missing_by_name(ignition)
        }
    };
    for missing in missing {
        report.add(Finding::NotInCache(missing));
    }
}

/// The part of a reader that is the file system.
struct Window<R> {
    inner: R,
    start: u64,
    length: u64,
}

impl<R: Read + Seek> Ext4Read for Window<R> {
    fn read(
        &mut self,
        start_byte: u64,
        dst: &mut [u8],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync + 'static>> {
        if start_byte.saturating_add(dst.len() as u64) > self.length {
            return Err("beyond the end of the file system".into());
        }
        self.inner.seek(SeekFrom::Start(self.start + start_byte))?;
        self.inner.read_exact(dst)?;
        Ok(())
    }
}

/// The store inside the file system inside the image. Blobs are not hashed while they are read.
pub struct CacheStore {
    fs: Ext4,
}

impl CacheStore {
    /// Opens the cache that an image says it has.
    ///
    /// # Errors
    /// Why there is no file system, in words.
    pub fn open<R: Read + Seek + 'static>(image: R, cache: &CachePins) -> Result<Self, String> {
        let reader = Window {
            inner: image,
            start: cache.offset_bytes,
            length: cache.size_bytes,
        };
        let fs = Ext4::load(Box::new(reader)).map_err(|e| e.to_string())?;
        Ok(Self { fs })
    }

    /// Its list of images.
    ///
    /// # Errors
    /// Why it cannot be read, in words, with its path.
    pub fn index_json(&self) -> Result<Vec<u8>, String> {
        let path = format!("/{STORE}/index.json");
        let text = self.read(&path, MAX_INDEX_BYTES);
        text.map_err(|why| format!("{path}: {why}"))
    }

    fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        let file = self.fs.open(path).map_err(|e| e.to_string())?;
        file.take(limit + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| e.to_string())?;
        if bytes.len() as u64 > limit {
            Err(format!("larger than {limit} bytes"))
        } else {
            Ok(bytes)
        }
    }

    fn hash(&self, path: &str) -> Result<Digest, String> {
        let mut file = self.fs.open(path).map_err(|e| e.to_string())?;
        let mut hasher = Hasher::new();
        let mut buffer = vec![0; 256 * 1024];
        loop {
            match file.read(&mut buffer).map_err(|e| e.to_string())? {
                0 => return Ok(hasher.finish()),
                n => hasher.update(&buffer[..n]),
            }
        }
    }
}

impl Blobs for CacheStore {
    fn open(&self, digest: Digest) -> io::Result<Option<Box<dyn Read + '_>>> {
        let path = format!("/{}", blob_path(digest));
        match self.fs.open(path.as_str()) {
            Ok(file) => Ok(Some(Box::new(file))),
            Err(ext4_view::Ext4Error::NotFound) => Ok(None),
            Err(error) => Err(io::Error::other(error.to_string())),
        }
    }
}
