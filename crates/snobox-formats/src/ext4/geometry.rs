//! The size of an image: how many groups, inodes and blocks, and where each region starts.
//!
//! The number of groups decides how much metadata there is, and the metadata counts towards the number of groups;
//! [`Geometry::fit`] looks for the smallest number of groups that holds all.

use super::{BLOCK_BYTES, Ext4Error, inode::INODE_BYTES, superblock::DESCRIPTOR_BYTES};

/// Blocks in a group: as many as a bitmap of one block has bits.
pub(super) const BLOCKS_PER_GROUP: u64 = 8 * BLOCK_BYTES;
/// Inodes in a group at most, for the same reason.
const MAX_INODES_PER_GROUP: u64 = 8 * BLOCK_BYTES;
const INODES_PER_BLOCK: u64 = BLOCK_BYTES / INODE_BYTES as u64;
const DESCRIPTORS_PER_BLOCK: u64 = BLOCK_BYTES / DESCRIPTOR_BYTES as u64;
/// Without the feature `64bit` a block number has 32 bits.
const MAX_BLOCKS: u64 = u32::MAX as u64;

/// Blocks that hold `size_bytes` bytes.
pub(super) fn blocks_for(size_bytes: u64) -> u64 {
    size_bytes.div_ceil(BLOCK_BYTES)
}

/// What an inventory asks for.
#[derive(Debug, Clone)]
pub(super) struct Demand {
    /// Inodes, the reserved ones included.
    pub(super) inodes: u64,
    /// Blocks of extent leaves.
    pub(super) leaf_blocks: u64,
    /// Blocks of directories.
    pub(super) directory_blocks: u64,
    /// Blocks of file data.
    pub(super) data_blocks: u64,
}

/// The regions of an image, in blocks, in the order in which they follow each other from block 1 on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) groups: u64,
    pub(super) inodes_per_group: u64,
    pub(super) used_inodes: u64,
    pub(super) block_bitmaps_block: u64,
    pub(super) inode_bitmaps_block: u64,
    pub(super) inode_tables_block: u64,
    pub(super) leaves_block: u64,
    pub(super) directories_block: u64,
    pub(super) data_block: u64,
    /// End of the data; all blocks before it are in use.
    pub(super) used_blocks: u64,
    /// End of the file system.
    pub(super) total_blocks: u64,
}

impl Geometry {
    /// The smallest image for `demand`.
    ///
    /// # Errors
    ///
    /// [`Ext4Error::ImageTooLarge`] if blocks or inodes cannot be numbered with 32 bits.
    pub(super) fn fit(demand: &Demand) -> Result<Self, Ext4Error> {
        let too_large = Ext4Error::ImageTooLarge {
            max_blocks: MAX_BLOCKS,
        };
        let parts = [
            demand.inodes,
            demand.leaf_blocks,
            demand.directory_blocks,
            demand.data_blocks,
        ];
        if parts.iter().any(|&part| part > MAX_BLOCKS) {
            return Err(too_large);
        }
        let mut groups = demand.inodes.div_ceil(MAX_INODES_PER_GROUP).max(1);
        // Each turn adds a group. A group's own metadata is at most 2,051 of its 32,768 blocks, so the turns end.
        loop {
            let geometry = Self::with_groups(demand, groups);
            if geometry.total_blocks > MAX_BLOCKS || groups * geometry.inodes_per_group > MAX_BLOCKS
            {
                return Err(too_large);
            }
            let needed = geometry.used_blocks.div_ceil(BLOCKS_PER_GROUP);
            if needed <= groups {
                return Ok(geometry);
            }
            groups = needed;
        }
    }

    /// Blocks of inode table in each group.
    pub(super) fn table_blocks_per_group(&self) -> u64 {
        self.inodes_per_group / INODES_PER_BLOCK
    }

    /// Bits in use and bits that stand for something, in each group's block bitmap.
    pub(super) fn block_prefixes(&self) -> impl Iterator<Item = Prefix> {
        let (used, valid) = (self.used_blocks, self.total_blocks);
        (0..self.groups).map(move |group| Prefix::of(group, BLOCKS_PER_GROUP, used, valid))
    }

    /// Bits in use and bits that stand for something, in each group's inode bitmap.
    pub(super) fn inode_prefixes(&self) -> impl Iterator<Item = Prefix> {
        let (used, per_group) = (self.used_inodes, self.inodes_per_group);
        let valid = per_group * self.groups;
        (0..self.groups).map(move |group| Prefix::of(group, per_group, used, valid))
    }

    fn with_groups(demand: &Demand, groups: u64) -> Self {
        let inodes_per_group = demand
            .inodes
            .div_ceil(groups)
            .next_multiple_of(INODES_PER_BLOCK);
        let block_bitmaps_block = 1 + groups.div_ceil(DESCRIPTORS_PER_BLOCK);
        let inode_bitmaps_block = block_bitmaps_block + groups;
        let inode_tables_block = inode_bitmaps_block + groups;
        let leaves_block = inode_tables_block + groups * inodes_per_group / INODES_PER_BLOCK;
        let directories_block = leaves_block + demand.leaf_blocks;
        let data_block = directories_block + demand.directory_blocks;
        let used_blocks = data_block + demand.data_blocks;
        Self {
            groups,
            inodes_per_group,
            used_inodes: demand.inodes,
            block_bitmaps_block,
            inode_bitmaps_block,
            inode_tables_block,
            leaves_block,
            directories_block,
            data_block,
            used_blocks,
            // Every group has at least one block, also where only its inodes are needed.
            total_blocks: used_blocks.max((groups - 1) * BLOCKS_PER_GROUP + 1),
        }
    }
}

/// A bitmap in which the things in use come first: blocks and inodes are handed out without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Prefix {
    /// Bits from 0 that are in use.
    pub(super) used: u16,
    /// Bits from 0 that stand for a block or inode; at least `used`.
    pub(super) valid: u16,
}

impl Prefix {
    /// Group `group` of groups of `per_group` (at most 32,768) things, of which the first `used` of `valid` are in use.
    fn of(group: u64, per_group: u64, used: u64, valid: u64) -> Self {
        let part = |total: u64| total.saturating_sub(group * per_group).min(per_group) as u16;
        Self {
            used: part(used),
            valid: part(valid),
        }
    }

    /// Bits that stand for something not in use.
    pub(super) fn free(self) -> u16 {
        self.valid - self.used
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand(inodes: u64, data_blocks: u64) -> Demand {
        Demand {
            inodes,
            leaf_blocks: 0,
            directory_blocks: 2,
            data_blocks,
        }
    }

    #[test]
    fn an_empty_tree_takes_seven_blocks() {
        let geometry = Geometry::fit(&demand(11, 0)).unwrap();
        assert_eq!((geometry.groups, geometry.total_blocks), (1, 7));
    }

    #[test]
    fn a_second_group_comes_with_the_block_that_does_not_fit_the_first() {
        let full = Geometry::fit(&demand(11, 32_768 - 7)).unwrap();
        assert_eq!((full.groups, full.total_blocks), (1, 32_768));
        let over = Geometry::fit(&demand(11, 32_768 - 6)).unwrap();
        assert_eq!((over.groups, over.total_blocks), (2, 32_769 + 3));
    }

    #[test]
    fn inodes_beyond_a_bitmap_ask_for_another_group() {
        let geometry = Geometry::fit(&demand(32_769, 0)).unwrap();
        assert_eq!((geometry.groups, geometry.total_blocks), (2, 32_769));
        assert!(geometry.groups * geometry.inodes_per_group >= 32_769);
    }

    #[test]
    fn more_than_32_bits_of_blocks_are_refused() {
        // 131,072 groups: 1 + 1,024 blocks in front, 3 a group, 2 directories.
        let largest = u64::from(u32::MAX) - (1 + 1_024 + 3 * 131_072 + 2);
        let geometry = Geometry::fit(&demand(11, largest)).unwrap();
        assert_eq!(
            (geometry.groups, geometry.total_blocks),
            (131_072, u64::from(u32::MAX))
        );
        let refused = Geometry::fit(&demand(11, largest + 1));
        assert_eq!(
            refused,
            Err(Ext4Error::ImageTooLarge {
                max_blocks: u64::from(u32::MAX)
            })
        );
        assert!(Geometry::fit(&demand(11, u64::MAX)).is_err());
        assert!(Geometry::fit(&demand(u64::MAX, 0)).is_err());
    }
}
