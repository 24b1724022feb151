//! Initial RAM disks: "newc" cpio archives, plain or compressed, one after another.
//!
//! Not for: directories, links, devices, owners and modes. Only regular files are read, as path and bytes, and they
//! are written with mode 0600 below parent directories of mode 0755, as coreos-installer does.
//!
//! ```text
//! initrd   ((archive | xz(archive) | gzip(archive)) zero*)*        a later file of the same path replaces an earlier
//! archive  (entry)* entry "TRAILER!!!"
//! entry    "070701" 13 fields of 8 hex digits | name NUL | zeros to 4 | contents | zeros to 4
//! fields   ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
//! ```
//!
//! Sources of truth: the kernel's `Documentation/driver-api/early-userspace/buffer-format.rst`; coreos-installer 0.27.0
//! `src/io/initrd.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};

use flate2::bufread::GzDecoder;

use crate::xz::{self, XzError};

/// Files of an initrd: path to contents, in the order in which they are written.
pub type Members = BTreeMap<String, Vec<u8>>;

const MAGIC: &[u8; 6] = b"070701";
/// As [`MAGIC`], with a checksum field in use; the kernel takes it and so do we, unverified.
const MAGIC_CHECKSUM: &[u8; 6] = b"070702";
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const OTHER_COMPRESSIONS: [(&[u8], &str); 4] = [
    (&[0x28, 0xb5, 0x2f, 0xfd], "zstd"),
    (&[0x02, 0x21, 0x4c, 0x18], "lz4"),
    (b"BZh", "bzip2"),
    (b"\x5d\0\0", "lzma"),
];
const HEADER_BYTES: usize = 6 + 13 * 8;
const FIELD_MODE: usize = 1;
const FIELD_FILE_SIZE: usize = 6;
const FIELD_NAME_SIZE: usize = 11;
const TRAILER: &str = "TRAILER!!!";
/// The kernel's own limit (`PATH_MAX`), the final NUL included.
const MAX_NAME_BYTES: usize = 4096;
const TYPE_MASK: u32 = 0o170_000;
const REGULAR_0600: u32 = 0o100_600;
const DIRECTORY_0755: u32 = 0o040_755;

/// Why an initrd could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CpioError {
    /// At this place there is neither a cpio archive nor a known compression.
    #[error("no cpio archive at byte {offset_bytes} of the initrd")]
    NotAnArchive {
        /// From the start of the initrd, or of the decompressed archive.
        offset_bytes: usize,
    },
    /// A compression that is not supported here.
    #[error(
        "the archive at byte {offset_bytes} of the initrd is compressed with {compression}; only xz and gzip are supported"
    )]
    UnsupportedCompression {
        /// From the start of the initrd.
        offset_bytes: usize,
        /// Its name.
        compression: &'static str,
    },
    /// An entry is cut short, or a field of its header makes no sense.
    #[error("the cpio entry at byte {offset_bytes} is damaged: {detail}")]
    Damaged {
        /// From the start of the initrd, or of the decompressed archive.
        offset_bytes: usize,
        /// What is wrong.
        detail: &'static str,
    },
    /// Something other than zeros follows the archive in its compressed stream.
    #[error("data follows the cpio archive inside its compressed stream")]
    TrailingData,
    /// A member does not decompress.
    #[error("the xz archive at byte {offset_bytes} of the initrd cannot be read")]
    Xz {
        /// From the start of the initrd.
        offset_bytes: usize,
        /// What is wrong.
        #[source]
        source: XzError,
    },
    /// A member does not decompress.
    #[error("the gzip archive at byte {offset_bytes} of the initrd cannot be read")]
    Gzip {
        /// From the start of the initrd.
        offset_bytes: usize,
        /// What is wrong.
        #[source]
        source: io::Error,
    },
    /// The archives hold more than the caller allows.
    #[error("the initrd unpacks to more than {limit_bytes} bytes")]
    TooLarge {
        /// The caller's limit.
        limit_bytes: usize,
    },
    /// A path or file that the format cannot hold.
    #[error("{path:?} cannot be stored in an initrd: {detail}")]
    Unwritable {
        /// The path.
        path: String,
        /// Why not.
        detail: &'static str,
    },
}

/// Writes one uncompressed archive. The same members always give the same bytes.
///
/// # Errors
/// [`CpioError::Unwritable`] for a path that is empty, too long, contains NUL, equals the trailer or runs through
/// another file, and for a file of 4 GiB or more.
pub fn write_archive(members: &Members) -> Result<Vec<u8>, CpioError> {
    let mut archive = Vec::new();
    let mut directories = BTreeSet::new();
    let mut inode = 0;
    for (path, contents) in members {
        let unwritable = |detail| CpioError::Unwritable {
            path: path.clone(),
            detail,
        };
        if path.is_empty() || path == TRAILER || path.contains('\0') {
            return Err(unwritable("it is no path"));
        }
        if path.len() >= MAX_NAME_BYTES {
            return Err(unwritable("the path is too long"));
        }
        let size = u32::try_from(contents.len()).map_err(|_| unwritable("4 GiB or more"))?;
        // The kernel unpacks no file whose directories it has not met before.
        for (slash, _) in path.match_indices('/') {
            let parent = &path[..slash];
            if members.contains_key(parent) {
                return Err(unwritable("a parent directory is a file"));
            }
            if !parent.is_empty() && directories.insert(parent) {
                inode += 1;
                write_entry(&mut archive, inode, DIRECTORY_0755, parent, 0, &[]);
            }
        }
        inode += 1;
        write_entry(&mut archive, inode, REGULAR_0600, path, size, contents);
    }
    write_entry(&mut archive, 0, 0, TRAILER, 0, &[]);
    Ok(archive)
}

/// `size` is the length of `contents`; the name is known to be short.
fn write_entry(
    archive: &mut Vec<u8>,
    inode: u32,
    mode: u32,
    name: &str,
    size: u32,
    contents: &[u8],
) {
    let links = if mode & TYPE_MASK == DIRECTORY_0755 & TYPE_MASK {
        2
    } else {
        1
    };
    let name_size = name.len() as u32 + 1;
    let fields = [inode, mode, 0, 0, links, 0, size, 0, 0, 0, 0, name_size, 0];
    archive.extend_from_slice(MAGIC);
    for field in fields {
        archive.extend_from_slice(format!("{field:08x}").as_bytes());
    }
    archive.extend_from_slice(name.as_bytes());
    archive.push(0);
    pad(archive);
    archive.extend_from_slice(contents);
    pad(archive);
}

fn pad(archive: &mut Vec<u8>) {
    archive.resize(archive.len().next_multiple_of(4), 0);
}

/// Reads all archives of an initrd, in order, and ignores zeros before, between and after them.
///
/// `max_bytes` bounds what a compressed archive may unpack to, and the sum of all archives. Only zeros is an initrd
/// without members.
///
/// # Errors
/// [`CpioError`] for anything that is not such an initrd.
pub fn read_initrd(bytes: &[u8], max_bytes: usize) -> Result<Members, CpioError> {
    let mut members = Members::new();
    let mut unpacked_bytes = 0;
    let mut at = 0;
    while let Some(zeros) = bytes[at..].iter().position(|byte| *byte != 0) {
        at += zeros;
        let rest = &bytes[at..];
        let left = max_bytes - unpacked_bytes;
        let too_large = CpioError::TooLarge {
            limit_bytes: max_bytes,
        };
        let (used, plain_length) = if rest.starts_with(&xz::MAGIC) {
            let (plain, used) = match xz::decompress_first_stream(rest, left) {
                Ok(result) => result,
                Err(XzError::TooLarge { .. }) => return Err(too_large),
                Err(source) => {
                    return Err(CpioError::Xz {
                        offset_bytes: at,
                        source,
                    });
                }
            };
            read_whole_archive(&plain, &mut members)?;
            (used, plain.len())
        } else if rest.starts_with(&GZIP_MAGIC) {
            let (plain, used) = gunzip(rest, left).map_err(|source| CpioError::Gzip {
                offset_bytes: at,
                source,
            })?;
            if plain.len() > left {
                return Err(too_large);
            }
            read_whole_archive(&plain, &mut members)?;
            (used, plain.len())
        } else if let Some(compression) = other_compression(rest) {
            return Err(CpioError::UnsupportedCompression {
                offset_bytes: at,
                compression,
            });
        } else {
            let end = read_archive(bytes, at, &mut members)?;
            (end - at, end - at)
        };
        if plain_length > left {
            return Err(too_large);
        }
        unpacked_bytes += plain_length;
        at += used;
    }
    Ok(members)
}

fn other_compression(bytes: &[u8]) -> Option<&'static str> {
    OTHER_COMPRESSIONS
        .iter()
        .find(|(magic, _)| bytes.starts_with(magic))
        .map(|(_, name)| *name)
}

/// The first gzip member: plain bytes, at most one more than `max_bytes`, and the length of the input it took.
fn gunzip(bytes: &[u8], max_bytes: usize) -> io::Result<(Vec<u8>, usize)> {
    let mut rest = bytes;
    let mut plain = Vec::new();
    GzDecoder::new(&mut rest)
        .take(max_bytes as u64 + 1)
        .read_to_end(&mut plain)?;
    Ok((plain, bytes.len() - rest.len()))
}

fn read_whole_archive(plain: &[u8], members: &mut Members) -> Result<(), CpioError> {
    let end = read_archive(plain, 0, members)?;
    match plain[end..].iter().all(|byte| *byte == 0) {
        true => Ok(()),
        false => Err(CpioError::TrailingData),
    }
}

/// Reads the archive that starts at `start`; returns where it ends.
fn read_archive(bytes: &[u8], start: usize, members: &mut Members) -> Result<usize, CpioError> {
    let mut at = start;
    loop {
        let entry = Entry::read(bytes, at, start)?;
        at = entry.end;
        if entry.name == TRAILER {
            return Ok(at);
        }
        if entry.mode & TYPE_MASK == REGULAR_0600 & TYPE_MASK {
            members.insert(entry.name.to_owned(), entry.contents.to_vec());
        }
    }
}

struct Entry<'b> {
    name: &'b str,
    mode: u32,
    contents: &'b [u8],
    end: usize,
}

impl<'b> Entry<'b> {
    /// Reads the entry at `at`; padding counts from the start of its archive.
    fn read(bytes: &'b [u8], at: usize, archive_start: usize) -> Result<Self, CpioError> {
        let damaged = |detail| CpioError::Damaged {
            offset_bytes: at,
            detail,
        };
        let rest = bytes.get(at..).unwrap_or_default();
        if !rest.starts_with(MAGIC) && !rest.starts_with(MAGIC_CHECKSUM) {
            return Err(CpioError::NotAnArchive { offset_bytes: at });
        }
        let header = rest
            .get(..HEADER_BYTES)
            .ok_or_else(|| damaged("its header is cut short"))?;
        let field = |index: usize| -> Result<u32, CpioError> {
            let digits = &header[6 + 8 * index..14 + 8 * index];
            std::str::from_utf8(digits)
                .ok()
                .filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()))
                .and_then(|text| u32::from_str_radix(text, 16).ok())
                .ok_or_else(|| damaged("a field is not hexadecimal"))
        };
        let name_size = field(FIELD_NAME_SIZE)? as usize;
        // dracut-cpio pads names with NULs to align the contents, beyond what the kernel calls a path.
        let raw_name = bytes
            .get(at + HEADER_BYTES..at + HEADER_BYTES + name_size)
            .ok_or_else(|| damaged("its name is cut short"))?;
        let name_end = raw_name
            .iter()
            .position(|byte| *byte == 0)
            .filter(|length| *length < MAX_NAME_BYTES)
            .ok_or_else(|| damaged("its name does not end"))?;
        let name = std::str::from_utf8(&raw_name[..name_end])
            .map_err(|_| damaged("its name is not UTF-8"))?;
        let aligned = |end: usize| archive_start + (end - archive_start).next_multiple_of(4);
        let start = aligned(at + HEADER_BYTES + name_size);
        let end = start + field(FIELD_FILE_SIZE)? as usize;
        let contents = bytes
            .get(start..end)
            .ok_or_else(|| damaged("its contents are cut short"))?;
        Ok(Self {
            name,
            mode: field(FIELD_MODE)?,
            contents,
            end: aligned(end).min(bytes.len()),
        })
    }
}

#[cfg(test)]
mod tests;
