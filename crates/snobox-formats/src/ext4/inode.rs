//! Inodes (`inodes.rst`) and their extents (`ifork.rst`).
//!
//! The 60 bytes `i_block` of an inode hold an extent header and up to four extents, or up to four pointers to leaf
//! blocks, each with a header and up to 340 extents:
//!
//! ```text
//! header   magic 0xf30a u16, entries u16, capacity u16, depth u16, generation u32
//! extent   file block u32, length u16 (at most 32,768), disk block: high u16, low u32
//! pointer  file block u32, disk block: low u32, high u16, unused u16
//! ```

use super::{
    BLOCK_BYTES,
    field::{low32, put, put_u16, put_u32},
    geometry::{Geometry, blocks_for},
};

/// Bytes in an inode on disk.
pub(super) const INODE_BYTES: usize = 256;
/// Bytes in use beyond the 128 bytes of an ext2 inode (`i_extra_isize`).
pub(super) const EXTRA_ISIZE: u16 = 32;
/// Inode of the root directory.
pub(super) const ROOT_INODE: u32 = 2;
/// First inode that is not reserved.
pub(super) const FIRST_FREE_INODE: u32 = 11;

const EXTENT_MAGIC: u16 = 0xf30a;
const EXTENT_BYTES: usize = 12;
/// An extent of more blocks would mean blocks that are allocated but not written.
const BLOCKS_PER_EXTENT: u64 = 32_768;
const EXTENTS_PER_INODE: u64 = 4;
const EXTENTS_PER_LEAF: u64 = (BLOCK_BYTES - EXTENT_BYTES as u64) / EXTENT_BYTES as u64;
/// Blocks in a file at most, with a tree of depth one.
pub(super) const MAX_FILE_BLOCKS: u64 = EXTENTS_PER_INODE * EXTENTS_PER_LEAF * BLOCKS_PER_EXTENT;
const EXTENTS_FLAG: u32 = 0x8_0000;

/// The kinds of files in an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    Regular,
    Directory,
}

impl FileKind {
    /// The type in a directory entry.
    pub(super) fn directory_entry_type(self) -> u8 {
        match self {
            Self::Regular => 1,
            Self::Directory => 2,
        }
    }

    /// The type in `i_mode`.
    fn mode_bits(self) -> u16 {
        match self {
            Self::Regular => 0x8000,
            Self::Directory => 0x4000,
        }
    }
}

/// Blocks of extent leaves that a file of `size_bytes` contiguous bytes needs.
pub(super) fn leaf_blocks(size_bytes: u64) -> u64 {
    match blocks_for(size_bytes).div_ceil(BLOCKS_PER_EXTENT) {
        0..=EXTENTS_PER_INODE => 0,
        extents => extents.div_ceil(EXTENTS_PER_LEAF),
    }
}

/// What an inode says about its file, but for the place.
#[derive(Debug, Clone)]
pub(super) struct Inode {
    kind: FileKind,
    permissions: u16,
    links: u16,
    size_bytes: u64,
}

impl Inode {
    /// A directory with mode 0755.
    pub(super) fn directory(links: u16, size_bytes: u64) -> Self {
        Self {
            kind: FileKind::Directory,
            permissions: 0o755,
            links,
            size_bytes,
        }
    }

    /// A file with one name.
    pub(super) fn regular(permissions: u16, size_bytes: u64) -> Self {
        Self {
            kind: FileKind::Regular,
            permissions,
            links: 1,
            size_bytes,
        }
    }
}

/// The inode tables and extent leaves of an image; each inode takes the next free blocks.
pub(super) struct InodeTable {
    /// The table up to the last block with an inode in use.
    pub(super) inodes: Vec<u8>,
    /// The leaf blocks.
    pub(super) leaves: Vec<u8>,
    timestamp: u32,
    leaves_block: u64,
    next_block: u64,
}

impl InodeTable {
    /// An empty table; contents are placed from the first directory block of `geometry` on.
    pub(super) fn new(geometry: &Geometry, timestamp: u32) -> Self {
        let table_blocks = blocks_for(geometry.used_inodes * INODE_BYTES as u64);
        Self {
            inodes: vec![0; (table_blocks * BLOCK_BYTES) as usize],
            leaves: Vec::new(),
            timestamp,
            leaves_block: geometry.leaves_block,
            next_block: geometry.directories_block,
        }
    }

    /// Writes inode `number`, which `geometry` counted, and returns the offset of its content in bytes.
    pub(super) fn add(&mut self, number: u32, inode: &Inode) -> u64 {
        let first_block = self.next_block;
        let blocks = blocks_for(inode.size_bytes);
        self.next_block += blocks;
        let map = self.map(first_block, blocks);
        let sectors = (blocks + leaf_blocks(inode.size_bytes)) * (BLOCK_BYTES / 512);
        // The second set of 32 bits counts 2^32 seconds each, added to a signed number.
        let epoch = u32::from(self.timestamp > i32::MAX as u32);

        let start = (number as usize - 1) * INODE_BYTES;
        let record = &mut self.inodes[start..start + INODE_BYTES];
        put_u16(record, 0x00, inode.kind.mode_bits() | inode.permissions);
        put_u32(record, 0x04, inode.size_bytes as u32);
        for time in [0x08, 0x0c, 0x10, 0x90] {
            put_u32(record, time, self.timestamp); // i_atime, i_ctime, i_mtime, i_crtime
        }
        put_u16(record, 0x1a, inode.links);
        put_u32(record, 0x1c, low32(sectors));
        put_u32(record, 0x20, EXTENTS_FLAG);
        put(record, 0x28, &map);
        put_u32(record, 0x6c, (inode.size_bytes >> 32) as u32);
        put_u16(record, 0x80, EXTRA_ISIZE);
        for extra in [0x84, 0x88, 0x8c, 0x94] {
            put_u32(record, extra, epoch); // i_ctime_extra, i_mtime_extra, i_atime_extra, i_crtime_extra
        }
        first_block * BLOCK_BYTES
    }

    /// `i_block` for `blocks` blocks from `first_block` on; appends leaves if four extents are too few.
    fn map(&mut self, first_block: u64, blocks: u64) -> [u8; 60] {
        let starts: Vec<u64> = (0..blocks).step_by(BLOCKS_PER_EXTENT as usize).collect();
        let extents = |starts: &[u64]| -> Vec<[u8; EXTENT_BYTES]> {
            let length = |start: u64| (blocks - start).min(BLOCKS_PER_EXTENT);
            starts
                .iter()
                .map(|&start| extent(start, length(start), first_block + start))
                .collect()
        };
        let mut map = [0; 60];
        if starts.len() as u64 <= EXTENTS_PER_INODE {
            put_node(&mut map, 0, &extents(&starts));
            return map;
        }
        let mut pointers = Vec::new();
        for starts in starts.chunks(EXTENTS_PER_LEAF as usize) {
            pointers.push(pointer(
                starts[0],
                self.leaves_block + blocks_for(self.leaves.len() as u64),
            ));
            let mut leaf = [0; BLOCK_BYTES as usize];
            put_node(&mut leaf, 0, &extents(starts));
            self.leaves.extend(leaf);
        }
        put_node(&mut map, 1, &pointers);
        map
    }
}

/// Fills a node of an extent tree: a header, then its entries, which fit.
fn put_node(node: &mut [u8], depth: u16, entries: &[[u8; EXTENT_BYTES]]) {
    let capacity = node.len() / EXTENT_BYTES - 1;
    put_u16(node, 0, EXTENT_MAGIC);
    put_u16(node, 2, entries.len() as u16);
    put_u16(node, 4, capacity as u16);
    put_u16(node, 6, depth);
    put(node, EXTENT_BYTES, entries.as_flattened());
}

fn extent(file_block: u64, length: u64, disk_block: u64) -> [u8; EXTENT_BYTES] {
    let mut record = [0; EXTENT_BYTES];
    put_u32(&mut record, 0, low32(file_block));
    put_u16(&mut record, 4, length as u16);
    put_u32(&mut record, 8, low32(disk_block));
    record
}

fn pointer(file_block: u64, leaf_block: u64) -> [u8; EXTENT_BYTES] {
    let mut record = [0; EXTENT_BYTES];
    put_u32(&mut record, 0, low32(file_block));
    put_u32(&mut record, 4, low32(leaf_block));
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_come_with_the_fifth_extent_and_each_holds_340() {
        const EXTENT: u64 = 128 << 20;
        let leaves = [
            0,
            1,
            4 * EXTENT,
            4 * EXTENT + 1,
            340 * EXTENT,
            340 * EXTENT + 1,
        ]
        .map(leaf_blocks);
        assert_eq!(leaves, [0, 0, 0, 1, 1, 2]);
        assert_eq!(MAX_FILE_BLOCKS * BLOCK_BYTES, 170 << 30);
        assert_eq!(leaf_blocks(170 << 30), 4);
    }
}
