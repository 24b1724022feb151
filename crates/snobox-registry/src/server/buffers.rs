//! Pieces of blobs on their way out: a few buffers that are used again and again, so that memory stays flat.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// Size of a piece, in bytes: large enough that the way through the scheduler costs little beside the copy.
pub(super) const PIECE_BYTES: usize = 128 * 1024;
/// How many unused buffers are kept.
const KEPT: usize = 16;

/// Buffers that nobody uses now.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    free: Mutex<Vec<Vec<u8>>>,
}

/// A buffer of [`PIECE_BYTES`], of which the first `filled` bytes mean something. Goes back when dropped.
#[derive(Debug)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    filled: usize,
    home: Arc<Buffers>,
}

impl Buffers {
    /// A buffer with old bytes in it.
    pub(super) fn take(self: &Arc<Self>) -> Buffer {
        let kept = self
            .free
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        Buffer {
            bytes: kept.unwrap_or_else(|| vec![0; PIECE_BYTES]),
            filled: 0,
            home: Arc::clone(self),
        }
    }
}

impl Buffer {
    /// All of it, to be filled.
    pub(super) fn space(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Says how many bytes mean something.
    pub(super) fn set_filled(&mut self, filled: usize) {
        self.filled = filled;
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }
}

impl From<Buffer> for Bytes {
    fn from(buffer: Buffer) -> Self {
        Self::from_owner(buffer)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut free = self
            .home
            .free
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if free.len() < KEPT {
            free.push(std::mem::take(&mut self.bytes));
        }
    }
}
