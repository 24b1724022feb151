//! XZ streams: reading them within limits, and writing the kind that the Linux kernel unpacks as an initrd.
//!
//! Not for: `.lzma`, lzip, or parallel compression. The coder itself is `lzma-rust2`.
//!
//! Sources of truth: "The .xz File Format" 1.2.1 (tukaani.org), and the kernel's
//! `Documentation/staging/xz.rst`: the kernel verifies no check but CRC32, and supports no filter but LZMA2 and BCJ.

use std::io::{self, BufReader, Read, Write};

use lzma_rust2::{CheckType, XzOptions, XzReader, XzWriter};

/// The first six bytes of every XZ stream.
pub const MAGIC: [u8; 6] = [0xfd, b'7', b'z', b'X', b'Z', 0];

/// Largest dictionary that is accepted when reading, in bytes. `xz -9` makes 64 MiB.
pub const DICTIONARY_LIMIT_BYTES: u32 = 128 << 20;

const PRESET: u32 = 9;
const DICTIONARY_MIN_BYTES: usize = 4 << 10;
/// The encoder needs about twelve times its dictionary; this keeps it below 100 MiB whatever it is given.
const DICTIONARY_MAX_BYTES: usize = 8 << 20;
const MEMORY_LIMIT_KIB: u32 = DICTIONARY_LIMIT_BYTES / 1024 + 1024;
const READ_BUFFER_BYTES: usize = 64 << 10;

/// Why XZ data could not be read.
#[derive(Debug, thiserror::Error)]
pub enum XzError {
    /// Not XZ, cut short, damaged, or in need of more memory than [`DICTIONARY_LIMIT_BYTES`] allows.
    #[error("XZ data cannot be decompressed")]
    Corrupt {
        /// What the decoder found.
        #[source]
        source: io::Error,
    },
    /// The data decompresses to more than the caller allows.
    #[error("XZ data decompresses to more than {limit_bytes} bytes")]
    TooLarge {
        /// The caller's limit.
        limit_bytes: usize,
    },
}

/// Decompresses all of `bytes`: one or more XZ streams, and stream padding, to the end.
///
/// # Errors
/// [`XzError::Corrupt`] also when something other than XZ follows; [`XzError::TooLarge`] when the result would
/// be longer than `max_bytes`.
pub fn decompress(bytes: &[u8], max_bytes: usize) -> Result<Vec<u8>, XzError> {
    let mut rest = bytes;
    read_limited(&mut stream_reader(&mut rest, true), max_bytes)
}

/// Decompresses the one XZ stream at the start of `bytes`.
///
/// Returns the plain bytes, and how many bytes of the input the stream took; what follows is left alone.
///
/// # Errors
/// As [`decompress`], but for data after the stream.
pub fn decompress_first_stream(
    bytes: &[u8],
    max_bytes: usize,
) -> Result<(Vec<u8>, usize), XzError> {
    let mut rest = bytes;
    let plain = read_limited(&mut stream_reader(&mut rest, false), max_bytes)?;
    Ok((plain, bytes.len() - rest.len()))
}

fn stream_reader<R: Read>(inner: R, allow_multiple_streams: bool) -> XzReader<R> {
    XzReader::new_mem_limit(inner, allow_multiple_streams, MEMORY_LIMIT_KIB)
}

fn read_limited(reader: &mut impl Read, max_bytes: usize) -> Result<Vec<u8>, XzError> {
    let mut plain = Vec::new();
    // One byte more than allowed tells "full" from "too long"; it also lets the decoder reach the checksum.
    reader
        .take(max_bytes as u64 + 1)
        .read_to_end(&mut plain)
        .map_err(|source| XzError::Corrupt { source })?;
    if plain.len() > max_bytes {
        return Err(XzError::TooLarge {
            limit_bytes: max_bytes,
        });
    }
    Ok(plain)
}

/// Compresses `bytes` into one XZ stream that the kernel accepts as an initrd: LZMA2 only, CRC32.
///
/// The strength is that of `xz -9`, but the dictionary is no larger than the input needs (4 KiB to 8 MiB), so that
/// a small input takes little memory here and in the kernel. The same input always gives the same bytes.
#[must_use]
#[expect(clippy::expect_used, reason = "stated invariant")]
pub fn compress_for_initrd(bytes: &[u8]) -> Vec<u8> {
    const INVARIANT: &str = "XZ options are constant and valid, and a Vec takes every write";
    let dictionary = bytes
        .len()
        .min(DICTIONARY_MAX_BYTES)
        .next_power_of_two()
        .max(DICTIONARY_MIN_BYTES);
    let mut options = XzOptions::with_preset(PRESET);
    options.set_check_sum_type(CheckType::Crc32);
    options.lzma_options.dict_size = u32::try_from(dictionary).expect(INVARIANT);
    let mut writer = XzWriter::new(Vec::new(), options).expect(INVARIANT);
    writer.write_all(bytes).expect(INVARIANT);
    writer.finish().expect(INVARIANT)
}

/// Decompresses a whole `.xz` file (one or more streams) while it is read, such as an `.iso.xz`.
///
/// It buffers its input, and memory is bounded by [`DICTIONARY_LIMIT_BYTES`]. Bounding the length of the output is
/// the caller's part. After the first error every further read fails.
pub struct Decoder<R: Read> {
    reader: XzReader<BufReader<R>>,
    failed: bool,
}

impl<R: Read> Decoder<R> {
    /// A decoder that reads from `inner`; nothing is read yet.
    pub fn new(inner: R) -> Self {
        let buffered = BufReader::with_capacity(READ_BUFFER_BYTES, inner);
        Self {
            reader: stream_reader(buffered, true),
            failed: false,
        }
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // The inner reader takes an empty read for the end of a block.
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.failed {
            return Err(io::Error::other("the XZ stream has failed before"));
        }
        let result = self.reader.read(buffer);
        self.failed = matches!(&result, Err(error) if error.kind() != io::ErrorKind::Interrupted);
        result
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `printf 'hello\n' | xz -9 --check=crc32` of XZ Utils 5.
    const HELLO: &str = "fd377a585a0000016922de36020021011c00000010cf58cc01000568656c6c6f0a000000\
                         20303a3600011a06c5eac8799042990d010000000001595a";

    fn unhex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    #[test]
    fn decompress_reads_what_xz_utils_wrote() {
        assert_eq!(decompress(&unhex(HELLO), 6).unwrap(), b"hello\n");
    }

    #[test]
    fn decompress_refuses_one_byte_over_the_limit() {
        let error = decompress(&unhex(HELLO), 5).unwrap_err();
        assert!(matches!(error, XzError::TooLarge { limit_bytes: 5 }));
    }

    #[test]
    fn the_check_is_crc32_and_the_dictionary_is_small() {
        let packed = compress_for_initrd(&[7; 300_000]);
        // Stream flags 00 01 = CRC32 (format 2.1.1.2); LZMA2 dictionary property 14 = 512 KiB (5.3.1).
        assert_eq!(packed[6..8], [0, 1]);
        assert_eq!(packed[14..17], [0x21, 1, 14]);
    }

    #[test]
    fn first_stream_leaves_the_rest_alone() {
        let mut bytes = unhex(HELLO);
        let length = bytes.len();
        bytes.extend_from_slice(b"\0\0\0junk");
        let (plain, used) = decompress_first_stream(&bytes, 100).unwrap();
        assert_eq!((plain.as_slice(), used), (b"hello\n".as_slice(), length));
        assert!(decompress(&bytes, 100).is_err());
    }

    #[test]
    fn decoder_reads_several_streams_and_fails_for_good() {
        let mut bytes = unhex(HELLO);
        bytes.extend_from_slice(&unhex(HELLO));
        let mut plain = Vec::new();
        Decoder::new(bytes.as_slice())
            .read_to_end(&mut plain)
            .unwrap();
        assert_eq!(plain, b"hello\nhello\n");

        bytes.truncate(bytes.len() - 3);
        let mut decoder = Decoder::new(bytes.as_slice());
        assert!(decoder.read_to_end(&mut plain).is_err());
        assert!(decoder.read(&mut [0; 8]).is_err());
    }

    #[test]
    fn an_oversized_dictionary_is_refused_before_it_is_allocated() {
        let mut bytes = unhex(HELLO);
        bytes[16] = 40; // 4 GiB - 1
        let sum = crc32(&bytes[12..20]);
        bytes[20..24].copy_from_slice(&sum.to_le_bytes());
        let error = decompress(&bytes, 100).unwrap_err();
        let XzError::Corrupt { source } = error else {
            panic!("{error}")
        };
        assert_eq!(source.kind(), io::ErrorKind::OutOfMemory);
    }

    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0u32, |sum, byte| {
            (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
                (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg())
            })
        })
    }

    proptest! {
        #[test]
        fn compress_then_decompress_is_identity(bytes in proptest::collection::vec(any::<u8>(), 0..5000), copies in 1usize..4) {
            let bytes = bytes.repeat(copies);
            let packed = compress_for_initrd(&bytes);
            prop_assert_eq!(&packed, &compress_for_initrd(&bytes));
            prop_assert_eq!(decompress(&packed, bytes.len()).unwrap(), bytes);
        }

        #[test]
        fn damaged_streams_never_panic(cut in 0usize..2000, at in 0usize..2000, value: u8) {
            let mut packed = compress_for_initrd(&(0..1500u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>());
            let length = packed.len();
            packed[at % length] = value;
            packed.truncate(length - cut % length);
            let _ = decompress(&packed, 1 << 20);
            let _ = decompress_first_stream(&packed, 1 << 20);
        }
    }
}
