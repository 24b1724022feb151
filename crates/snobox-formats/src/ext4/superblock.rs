//! The superblock (`super.rst`) and the group descriptors (`group_descr.rst`).

use super::{
    BLOCK_BYTES, Ext4Error, FsOptions,
    field::{get, get_u32, low32, put, put_u16, put_u32},
    geometry::{BLOCKS_PER_GROUP, Geometry},
    inode::{EXTRA_ISIZE, FIRST_FREE_INODE, INODE_BYTES},
    tree::Tree,
};

/// Bytes in a group descriptor without the feature `64bit`.
pub(super) const DESCRIPTOR_BYTES: usize = 32;

/// Offset of the superblock in bytes, whatever the size of a block.
const SUPERBLOCK_OFFSET: usize = 1024;
const SUPERBLOCK_BYTES: usize = 1024;
const MAGIC: u16 = 0xef53;
const LABEL_BYTES: usize = 16;

const COMPAT_SPARSE_SUPER2: u32 = 0x200;
const INCOMPAT_FILETYPE: u32 = 0x2;
const INCOMPAT_EXTENTS: u32 = 0x40;
const INCOMPAT_64BIT: u32 = 0x80;
const INCOMPAT_FLEX_BG: u32 = 0x200;
const RO_COMPAT_SPARSE_SUPER: u32 = 0x1;
const RO_COMPAT_LARGE_FILE: u32 = 0x2;
const RO_COMPAT_EXTRA_ISIZE: u32 = 0x40;

const STATE_CLEAN: u16 = 1;
const ERRORS_REMOUNT_READ_ONLY: u16 = 2;
const REVISION_DYNAMIC: u32 = 1;
const CREATOR_LINUX: u32 = 0;
const NO_MOUNT_LIMIT: u16 = u16::MAX;
const HASH_HALF_MD4: u8 = 1;
const FLAG_SIGNED_HASH: u32 = 1;

/// What an existing file system says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuperblockSummary {
    /// Volume label up to the first NUL; bytes that are not UTF-8 are replaced. May be empty.
    pub label: String,
    /// Volume UUID, most significant byte first.
    pub uuid: [u8; 16],
    /// Size of the file system in bytes.
    pub size_bytes: u64,
}

/// Reads the superblock of an ext2, ext3 or ext4 file system from the first 2048 bytes of a partition.
///
/// `None` if there is none: too few bytes, no magic number, or a size that makes no sense. It is a look at a label,
/// not a check of a file system.
pub fn probe(superblock: &[u8]) -> Option<SuperblockSummary> {
    let record = superblock.get(SUPERBLOCK_OFFSET..SUPERBLOCK_OFFSET + SUPERBLOCK_BYTES)?;
    if get(record, 0x38) != Some(MAGIC.to_le_bytes()) {
        return None;
    }
    let has_64bit = get_u32(record, 0x60)? & INCOMPAT_64BIT != 0;
    let high_blocks = if has_64bit {
        get_u32(record, 0x150)?
    } else {
        0
    };
    let blocks = u64::from(high_blocks) << 32 | u64::from(get_u32(record, 0x04)?);
    let block_bytes = match get_u32(record, 0x18)? {
        log @ 0..=6 => 1024_u64 << log,
        _ => return None,
    };
    let label: [u8; LABEL_BYTES] = get(record, 0x78)?;
    let label = label.split(|&byte| byte == 0).next().unwrap_or_default();
    Some(SuperblockSummary {
        label: String::from_utf8_lossy(label).into_owned(),
        uuid: get(record, 0x68)?,
        size_bytes: blocks.checked_mul(block_bytes)?,
    })
}

/// A label as the superblock stores it.
///
/// # Errors
///
/// [`Ext4Error::Label`] unless it is 1 to 16 printable ASCII characters.
pub(super) fn encode_label(label: &str) -> Result<[u8; LABEL_BYTES], Ext4Error> {
    let printable = label.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if !(1..=LABEL_BYTES).contains(&label.len()) || !printable {
        return Err(Ext4Error::Label {
            label: label.to_owned(),
        });
    }
    let mut field = [0; LABEL_BYTES];
    put(&mut field, 0, label.as_bytes());
    Ok(field)
}

/// The blocks in front of the bitmaps: the superblock in its block, and the group descriptors.
pub(super) fn encode_with_descriptors(
    geometry: &Geometry,
    tree: &Tree<'_>,
    label: [u8; LABEL_BYTES],
    options: &FsOptions,
) -> Vec<u8> {
    let mut bytes = vec![0; (geometry.block_bitmaps_block * BLOCK_BYTES) as usize];
    let superblock = &mut bytes[SUPERBLOCK_OFFSET..SUPERBLOCK_OFFSET + SUPERBLOCK_BYTES];
    encode_superblock(superblock, geometry, label, options);
    let descriptors = bytes[BLOCK_BYTES as usize..].chunks_exact_mut(DESCRIPTOR_BYTES);
    let prefixes = geometry.block_prefixes().zip(geometry.inode_prefixes());
    for (group, (descriptor, (blocks, inodes))) in (0..).zip(descriptors.zip(prefixes)) {
        let table_block = geometry.inode_tables_block + group * geometry.table_blocks_per_group();
        put_u32(
            descriptor,
            0x00,
            low32(geometry.block_bitmaps_block + group),
        );
        put_u32(
            descriptor,
            0x04,
            low32(geometry.inode_bitmaps_block + group),
        );
        put_u32(descriptor, 0x08, low32(table_block));
        put_u16(descriptor, 0x0c, blocks.free());
        put_u16(descriptor, 0x0e, inodes.free());
        put_u16(
            descriptor,
            0x10,
            directories_in_group(group, geometry, tree),
        );
    }
    bytes
}

fn encode_superblock(
    record: &mut [u8],
    geometry: &Geometry,
    label: [u8; LABEL_BYTES],
    options: &FsOptions,
) {
    let inodes = geometry.groups * geometry.inodes_per_group;
    put_u32(record, 0x00, low32(inodes));
    put_u32(record, 0x04, low32(geometry.total_blocks));
    put_u32(
        record,
        0x0c,
        low32(geometry.total_blocks - geometry.used_blocks),
    );
    put_u32(record, 0x10, low32(inodes - geometry.used_inodes));
    for log_size in [0x18, 0x1c] {
        put_u32(record, log_size, (BLOCK_BYTES / 1024).ilog2()); // s_log_block_size, s_log_cluster_size
    }
    for per_group in [0x20, 0x24] {
        put_u32(record, per_group, low32(BLOCKS_PER_GROUP)); // s_blocks_per_group, s_clusters_per_group
    }
    put_u32(record, 0x28, low32(geometry.inodes_per_group));
    put_u32(record, 0x30, options.timestamp); // s_wtime; s_mtime stays 0: never mounted
    put_u16(record, 0x36, NO_MOUNT_LIMIT);
    put_u16(record, 0x38, MAGIC);
    put_u16(record, 0x3a, STATE_CLEAN);
    put_u16(record, 0x3c, ERRORS_REMOUNT_READ_ONLY);
    put_u32(record, 0x40, options.timestamp); // s_lastcheck; s_checkinterval stays 0: never due
    put_u32(record, 0x48, CREATOR_LINUX);
    put_u32(record, 0x4c, REVISION_DYNAMIC);
    put_u32(record, 0x54, FIRST_FREE_INODE);
    put_u16(record, 0x58, INODE_BYTES as u16);
    put_u32(record, 0x5c, COMPAT_SPARSE_SUPER2); // s_backup_bgs stays 0: no backups
    put_u32(
        record,
        0x60,
        INCOMPAT_FILETYPE | INCOMPAT_EXTENTS | INCOMPAT_FLEX_BG,
    );
    put_u32(
        record,
        0x64,
        RO_COMPAT_SPARSE_SUPER | RO_COMPAT_LARGE_FILE | RO_COMPAT_EXTRA_ISIZE,
    );
    put(record, 0x68, &options.uuid);
    put(record, 0x78, &label);
    put(record, 0xec, &options.uuid); // s_hash_seed: any constant will do, no directory is hashed
    put(record, 0xfc, &[HASH_HALF_MD4]);
    put_u32(record, 0x108, options.timestamp); // s_mkfs_time
    put_u16(record, 0x15c, EXTRA_ISIZE); // s_min_extra_isize
    put_u16(record, 0x15e, EXTRA_ISIZE); // s_want_extra_isize
    put_u32(record, 0x160, FLAG_SIGNED_HASH);
    // s_log_groups_per_flex: all groups in one, as their metadata is in one place; the kernel wants at least 1.
    put(
        record,
        0x174,
        &[geometry.groups.next_power_of_two().ilog2().max(1) as u8],
    );
}

/// Directories have the root's inode and then those from the first free one on.
fn directories_in_group(group: u64, geometry: &Geometry, tree: &Tree<'_>) -> u16 {
    let first = group * geometry.inodes_per_group + 1;
    let end = first + geometry.inodes_per_group;
    let directories = tree
        .directories
        .partition_point(|directory| u64::from(directory.inode) < end)
        - tree
            .directories
            .partition_point(|directory| u64::from(directory.inode) < first);
    directories as u16
}
