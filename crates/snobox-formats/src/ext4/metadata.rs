//! The metadata of an image as runs of bytes at ascending offsets.

use std::sync::Arc;

use super::BLOCK_BYTES;

/// A repeated block is handed out in runs of at most this many blocks (1 MiB), all of which share their memory.
const REPEAT_BLOCKS: u64 = 256;

/// Bytes of metadata and where they belong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataRun {
    /// Offset from the start of the file system in bytes.
    pub offset_bytes: u64,
    /// The bytes, never none. Runs of equal bytes may share them.
    pub bytes: Arc<[u8]>,
}

/// Runs under construction, pushed in ascending order.
#[derive(Default)]
pub(super) struct Runs {
    runs: Vec<MetadataRun>,
}

impl Runs {
    /// Appends whole blocks from block `first_block` on; no bytes make no run.
    pub(super) fn push(&mut self, first_block: u64, bytes: Vec<u8>) {
        self.push_shared(first_block, bytes.into());
    }

    /// Appends `count` copies of `block`, from block `first_block` on.
    pub(super) fn push_repeated(&mut self, first_block: u64, count: u64, block: &[u8]) {
        let chunk: Arc<[u8]> = block.repeat(REPEAT_BLOCKS as usize).into();
        let mut done = 0;
        while count - done >= REPEAT_BLOCKS {
            self.push_shared(first_block + done, Arc::clone(&chunk));
            done += REPEAT_BLOCKS;
        }
        self.push(first_block + done, block.repeat((count - done) as usize));
    }

    /// The runs, in the order in which they were pushed.
    pub(super) fn finish(self) -> Vec<MetadataRun> {
        self.runs
    }

    fn push_shared(&mut self, first_block: u64, bytes: Arc<[u8]>) {
        if !bytes.is_empty() {
            self.runs.push(MetadataRun {
                offset_bytes: first_block * BLOCK_BYTES,
                bytes,
            });
        }
    }
}
