//! Proof of an image file: every byte is what was built, and everything that the ignition asks for is in the cache.
//!
//! 1. the live ISO with its embed areas set back hashes to the pinned digest, and the space behind it is empty;
//! 2. ignition and kernel arguments are readable, and the arguments are the pinned ones, to the last byte of their areas;
//! 3. the seal hashes to the pinned digest, and every piece of the cache to the seal's;
//! 4. index → manifests → blobs of the cache, each hashed;
//! 5. every image that the ignition names by digest is in the cache.

mod findings;
mod references;

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};

use ext4_view::{Ext4, Ext4Read};
use snobox_formats::digest::{Digest, Hasher};
use snobox_formats::ext4;
use snobox_formats::ignition::Ignition;
use snobox_formats::layout::{self, Blobs};
use snobox_formats::live_iso::{LiveIso, LiveIsoError, Patch};
use snobox_formats::mbr::{Lba, Mbr, Slot};
use snobox_formats::oci::ImageIndex;

pub use findings::{Finding, Report};
pub use references::in_ignition as references;

use crate::cache::{AGENT, STORE, blob_path};
use crate::compose::{LINUX_PARTITION, pristine_digest};
use crate::pins::{CachePins, PATH, Pins, format_uuid};
use crate::seal::{PIECE_BYTES, Seal, seal_bytes};

/// Largest `index.json` that is read.
const MAX_INDEX_BYTES: u64 = 64 << 20;

/// Why an image could not be looked at at all.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It is not a live ISO.
    #[error(transparent)]
    LiveIso(#[from] LiveIsoError),
    /// It is a live ISO, but not one that was built by snobox.
    #[error("this is a live ISO, but not an image built by snobox: {why}")]
    NotAnImage {
        /// What is missing.
        why: String,
    },
    /// It cannot be read.
    #[error("cannot read the image")]
    Read(#[source] io::Error),
}

/// Proves an image. `second` is another reader of the same image; `progress` is told the bytes of each piece read and may stop everything.
///
/// # Errors
/// [`VerifyError`] when there is nothing to prove; what is wrong with an image is a finding.
pub fn verify<R: Read + Seek + 'static>(
    file: &mut R,
    second: R,
    progress: &mut dyn FnMut(u64) -> io::Result<()>,
) -> Result<Report, VerifyError> {
    let iso = LiveIso::read(file)?;
    let config = iso.ignition().ok_or_else(|| VerifyError::NotAnImage {
        why: "it has no embedded ignition".to_owned(),
    })?;
    let ignition = Ignition::parse(config).map_err(|e| VerifyError::NotAnImage {
        why: format!("its ignition: {e}"),
    })?;
    let pins = match ignition.file(PATH) {
        Ok(Some(bytes)) => {
            Pins::parse(&bytes).map_err(|e| VerifyError::NotAnImage { why: e.to_string() })?
        }
        Ok(None) => {
            return Err(VerifyError::NotAnImage {
                why: format!("its ignition has no {PATH}"),
            });
        }
        Err(error) => {
            return Err(VerifyError::NotAnImage {
                why: error.to_string(),
            });
        }
    };
    let mut report = Report::new(pins);
    check_iso(file, &iso, &mut report).map_err(VerifyError::Read)?;
    check_seal(file, second, &ignition, &mut report, progress).map_err(VerifyError::Read)?;
    Ok(report)
}

/// Bytes that [`verify`] will report to its progress function for an image of that length: the cache twice, as a partition and as a store.
pub fn planned_bytes(image_bytes: u64) -> u64 {
    image_bytes * 2
}

fn check_iso(file: &mut (impl Read + Seek), iso: &LiveIso, report: &mut Report) -> io::Result<()> {
    let pins = &report.pins;
    let current = iso
        .kargs()
        .map(|k| k.current())
        .unwrap_or_default()
        .to_owned();
    let (expected, cache, live_iso) = (
        pins.kargs.clone(),
        pins.cache.clone(),
        pins.live_iso.clone(),
    );
    if current != expected {
        report.add(Finding::Kargs {
            expected,
            found: current,
        });
    }
    check_kargs_areas(file, iso, report)?;
    let mut sector = [0; 512];
    file.rewind()?;
    file.read_exact(&mut sector)?;
    let slot = [Slot::Three, Slot::Four]
        .into_iter()
        .find(|slot| has_entry(&sector, *slot, &cache, live_iso.size_bytes));
    let Some(slot) = slot else {
        report.add(Finding::Partition {
            offset_bytes: cache.offset_bytes,
        });
        return Ok(());
    };
    report.partition = Some(slot.number());
    if iso.image_length_bytes() < live_iso.size_bytes {
        report.add(Finding::Truncated {
            expected: live_iso.size_bytes,
            found: iso.image_length_bytes(),
        });
        return Ok(());
    }
    let found = pristine_digest(file, iso, slot, live_iso.size_bytes)?;
    if found != live_iso.digest {
        report.add(Finding::LiveIso {
            expected: live_iso.digest,
            found,
        });
    }
    let gap_end = cache.offset_bytes.min(iso.image_length_bytes());
    if let Some(offset_bytes) = first_nonzero(file, live_iso.size_bytes, gap_end)? {
        report.add(Finding::Gap { offset_bytes });
    }
    Ok(())
}

/// The areas, fill included, must have exactly the bytes that the pinned arguments make: readers drop white space and fill around them.
fn check_kargs_areas(
    file: &mut (impl Read + Seek),
    iso: &LiveIso,
    report: &mut Report,
) -> io::Result<()> {
    let (Some(areas), Ok(patches)) = (iso.kargs(), iso.set_kargs(&report.pins.kargs)) else {
        return Ok(());
    };
    for (area, patch) in areas.areas().iter().zip(patches) {
        let mut found = vec![0; patch.bytes.len()];
        file.seek(SeekFrom::Start(patch.offset_bytes))?;
        file.read_exact(&mut found)?;
        if found != patch.bytes {
            report.add(Finding::KargsArea {
                path: area.path.clone(),
                offset_bytes: patch.offset_bytes,
                length_bytes: patch.bytes.len() as u64,
            });
        }
    }
    Ok(())
}

/// Whether a slot of the table holds the cache's entry, byte for byte.
fn has_entry(sector: &[u8; 512], slot: Slot, cache: &CachePins, iso_bytes: u64) -> bool {
    let sectors = (cache.size_bytes + seal_bytes(cache.size_bytes)) / 512;
    let at = 446 + 16 * (usize::from(slot.number()) - 1);
    let mut without = *sector;
    without[at..at + 16].fill(0);
    let start = Lba::at_or_after_byte(cache.offset_bytes);
    let iso_end = Lba::at_or_after_byte(iso_bytes);
    Mbr::parse(&without)
        .and_then(|mbr| mbr.add_partition(slot, LINUX_PARTITION, start, sectors, iso_end))
        .is_ok_and(|entry| Patch::from(entry).bytes == sector[at..at + 16])
}

fn first_nonzero(file: &mut (impl Read + Seek), start: u64, end: u64) -> io::Result<Option<u64>> {
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    // The gap is shorter than the alignment of partitions, 4 MiB; a damaged table could say otherwise.
    file.by_ref()
        .take(end.saturating_sub(start).min(64 << 20))
        .read_to_end(&mut bytes)?;
    Ok(bytes
        .iter()
        .position(|b| *b != 0)
        .map(|at| start + at as u64))
}

fn check_seal<R: Read + Seek + 'static>(
    file: &mut R,
    second: R,
    ignition: &Ignition,
    report: &mut Report,
    progress: &mut dyn FnMut(u64) -> io::Result<()>,
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
    progress: &mut dyn FnMut(u64) -> io::Result<()>,
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
    progress: &mut dyn FnMut(u64) -> io::Result<()>,
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
    let reader = Window {
        inner: second,
        start: cache.offset_bytes,
        length: cache.size_bytes,
    };
    let fs = match Ext4::load(Box::new(reader)) {
        Ok(fs) => fs,
        Err(error) => {
            report.add(Finding::FileSystem {
                why: error.to_string(),
            });
            return Ok(());
        }
    };
    let store = CacheStore { fs };
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
    let index_json = match store.read(&format!("/{STORE}/index.json"), MAX_INDEX_BYTES) {
        Ok(bytes) => bytes,
        Err(why) => {
            report.add(Finding::FileSystem {
                why: format!("/{STORE}/index.json: {why}"),
            });
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
    let mut stop = Ok(());
    let closure = layout::verify(&index_json, &store, &mut |bytes| {
        if stop.is_ok() {
            stop = progress(bytes);
        }
    });
    stop?;
    report.blobs = closure.blobs.len() as u64;
    report.bytes = closure.blobs.iter().map(|b| b.descriptor.size).sum();
    for finding in closure.findings {
        report.add(Finding::Store(finding));
    }
    let index: ImageIndex =
        serde_json::from_slice(&index_json).unwrap_or_else(|_| ImageIndex::empty());
    report.images = index.manifests.len() as u64;
    let manifests: BTreeMap<Digest, ()> = closure
        .blobs
        .iter()
        .filter(|b| b.kind == "manifest")
        .map(|b| (b.descriptor.digest, ()))
        .collect();
    for (reference, place) in references::in_ignition(ignition) {
        if reference
            .digest()
            .is_some_and(|digest| !manifests.contains_key(&digest))
        {
            report.add(Finding::NotInCache { reference, place });
        }
    }
    Ok(())
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

/// The store inside the file system inside the image.
struct CacheStore {
    fs: Ext4,
}

impl CacheStore {
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
