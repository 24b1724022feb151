//! Zstandard, frame after frame: layers in the form "zstd:chunked" have one for each file, and frames to be skipped behind them.
//!
//! Source of truth: RFC 8878, 3.1 (frames, skippable frames).

use std::io::{self, BufRead, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// The content of all frames.
pub(super) struct Frames<R> {
    source: R,
    decoder: FrameDecoder,
    /// Whether a frame has begun whose content is not handed out yet.
    is_within: bool,
}

impl<R: BufRead> Frames<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            source,
            decoder: FrameDecoder::new(),
            is_within: false,
        }
    }

    /// Goes to the next frame with content; `false` at the end.
    fn next_frame(&mut self) -> io::Result<bool> {
        loop {
            if self.source.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.decoder.reset(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let wanted = u64::from(length);
                    let skipped =
                        io::copy(&mut self.source.by_ref().take(wanted), &mut io::sink())?;
                    if skipped != wanted {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(io::Error::other(error.to_string())),
            }
        }
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if self.is_within {
                while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                    let some = BlockDecodingStrategy::UptoBytes(buffer.len());
                    self.decoder
                        .decode_blocks(&mut self.source, some)
                        .map_err(|error| io::Error::other(error.to_string()))?;
                }
                let count = self.decoder.read(buffer)?;
                if count > 0 {
                    return Ok(count);
                }
                self.is_within = false;
            }
            if !self.next_frame()? {
                return Ok(0);
            }
            self.is_within = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf 'hello hello hello hello\n' | zstd`, by zstd 1.5.4.
    const HELLO: [u8; 26] = [
        0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x58, 0x6d, 0x00, 0x00, 0x38, 0x68, 0x65, 0x6c, 0x6c, 0x6f,
        0x20, 0x0a, 0x01, 0x00, 0x99, 0x4b, 0x11, 0xa8, 0x7c, 0x2e, 0xa8,
    ];
    /// A skippable frame of three bytes.
    const SKIPPED: [u8; 11] = [0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];

    fn read(bytes: &[u8]) -> io::Result<String> {
        let mut text = String::new();
        Frames::new(bytes).read_to_string(&mut text).map(|_| text)
    }

    #[test]
    fn frames_follow_each_other_and_skippable_ones_are_skipped() {
        let hello = "hello hello hello hello\n";
        assert_eq!(read(&HELLO).unwrap(), hello);
        let all = [&HELLO[..], &SKIPPED, &HELLO, &SKIPPED].concat();
        assert_eq!(read(&all).unwrap(), hello.repeat(2));
        assert_eq!(read(b"").unwrap(), "");
    }

    #[test]
    fn what_is_cut_short_or_no_frame_is_an_error() {
        for length in [3, 7, 12, 20] {
            assert!(read(&HELLO[..length]).is_err(), "{length}");
        }
        assert!(read(&SKIPPED[..9]).is_err());
        assert!(read(b"{\"schema\":1}").is_err());
    }
}
