//! Planning a read-only ext4 file system whose every byte follows from the list of its files.
//!
//! [`plan`] takes an inventory (paths, sizes, permission bits) and returns the metadata as bytes and, for each file,
//! the offset at which its data belongs. File data is contiguous and starts on a 4096-byte boundary, so a writer may
//! copy or reflink it in one go. Nothing here does IO, needs root or runs a program, and the same inventory gives the
//! same image whatever the order of its entries.
//!
//! Not for: reading files back, changing an image, journals, symbolic links, owners other than 0:0. [`probe`] reads
//! label, UUID and size of an existing file system, and no more.
//!
//! Source of truth: the Linux kernel's `Documentation/filesystems/ext4/` (`overview.rst`, `super.rst`,
//! `group_descr.rst`, `bitmaps.rst`, `inodes.rst`, `ifork.rst`, `directory.rst`), and e2fsck 1.47, which must find
//! nothing to say about a planned image.
//!
//! # Layout
//!
//! Blocks are 4096 bytes, inodes 256 bytes, all numbers little-endian. `G` is the number of block groups of 32,768
//! blocks. With `flex_bg` a group's metadata may lie anywhere, and `sparse_super2` with an empty list of backup groups
//! means that no group but the first holds a superblock; so all metadata is in front and the data is one run:
//!
//! ```text
//! block       length in blocks   content
//! 0           1                  1024 zero bytes, the superblock (1024 bytes), zeros
//! 1           ceil(G / 128)      group descriptors, 32 bytes a group
//! ..          G                  block bitmaps
//! ..          G                  inode bitmaps
//! ..          G × t              inode tables, t blocks a group: one array, inode n at 256 × (n - 1)
//! ..                             extent leaves, for files that need more than the four extents of an inode
//! ..                             directory blocks: linear, entries sorted by name, each directory contiguous
//! D           sum of the files   file data, each file contiguous
//! D + data                       end, unless the number of inodes asks for more groups: then a hole
//! ```
//!
//! Inodes: 1 to 10 are reserved (2 is the root), then the directories from 11 on in the order of a walk of the tree
//! (a directory before its subdirectories, siblings by name), then the files, directory by directory in that order,
//! by name within each. File data follows the order of the files' inodes.
//!
//! The root has one directory beyond the inventory, `lost+found`: e2fsck with leave to write makes one where it is
//! missing, and a full file system has no room for it.
//!
//! # Features
//!
//! | set | features |
//! |---|---|
//! | compatible | `sparse_super2` |
//! | incompatible | `filetype`, `extents`, `flex_bg` |
//! | read-only compatible | `sparse_super`, `large_file`, `extra_isize` |
//!
//! No journal, no checksums, no `64bit`, no hashed directories: Linux 4.18 (RHEL 8) and later mount it.
//!
//! # Compatibility
//!
//! The image carries no version of this planner; any change of the layout changes the bytes for a given inventory.

mod bitmap;
mod directory;
mod error;
mod field;
mod geometry;
mod inode;
mod metadata;
mod superblock;
mod tree;

use std::iter::zip;

pub use error::Ext4Error;
pub use metadata::MetadataRun;
pub use superblock::{SuperblockSummary, probe};

use geometry::{Demand, Geometry, blocks_for};
use inode::{Inode, InodeTable};
use metadata::Runs;
use tree::Tree;

/// Bytes in a block: sizes and data offsets are multiples of this.
pub const BLOCK_BYTES: u64 = 4096;

/// The largest file that an image can hold, in bytes (170 GiB): four leaves of 340 extents of 32,768 blocks.
pub const MAX_FILE_BYTES: u64 = inode::MAX_FILE_BLOCKS * BLOCK_BYTES;

/// What the file system says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FsOptions {
    /// Volume label: 1 to 16 printable ASCII characters.
    pub label: String,
    /// Volume UUID, most significant byte first; also the seed of directory hashes.
    pub uuid: [u8; 16],
    /// Seconds since 1970-01-01 UTC, for the superblock and the four times of every inode. e2fsck complains about a
    /// file system from the future.
    pub timestamp: u32,
}

/// A regular file of the inventory, owned by 0:0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// Path from the root of the file system, `/`-separated, without an empty, `.` or `..` component; at most 255
    /// bytes a component and 4095 bytes in all. Parent directories are implied, with mode 0755.
    pub path: String,
    /// Length in bytes, 0 to [`MAX_FILE_BYTES`].
    pub size_bytes: u64,
    /// Permission bits, 0 to 0o7777.
    pub mode: u16,
}

/// Where the data of a file belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedFile {
    /// Path as given in the inventory.
    pub path: String,
    /// Offset from the start of the file system in bytes, a multiple of [`BLOCK_BYTES`]. For an empty file it is
    /// where the data would have been, which may be the end of the file system.
    pub offset_bytes: u64,
    /// Length in bytes; the rest of the last block is zero.
    pub size_bytes: u64,
}

/// A planned file system: the metadata, and the places of the files.
///
/// What is neither in [`metadata`](Self::metadata) nor in a file is zero. In a new sparse file that is a hole; on a
/// device with old content the writer must write the zeros, at least below
/// [`data_offset_bytes`](Self::data_offset_bytes).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ext4Image {
    size_bytes: u64,
    data_offset_bytes: u64,
    metadata: Vec<MetadataRun>,
    files: Vec<PlacedFile>,
}

impl Ext4Image {
    /// Size of the whole file system in bytes, a multiple of [`BLOCK_BYTES`].
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Offset in bytes at which the metadata ends and the data of the first file starts.
    pub fn data_offset_bytes(&self) -> u64 {
        self.data_offset_bytes
    }

    /// The metadata: runs that do not overlap, in ascending order of offset, each a multiple of [`BLOCK_BYTES`] in
    /// offset and length.
    pub fn metadata(&self) -> &[MetadataRun] {
        &self.metadata
    }

    /// The files with their offsets, in the order of the inventory.
    pub fn files(&self) -> &[PlacedFile] {
        &self.files
    }
}

/// Lays out a file system for `files`.
///
/// The root gets an empty directory `lost+found`, unless the inventory has files in it. The image does not depend on the order of `files`. It needs memory for the metadata only.
///
/// # Errors
///
/// An [`Ext4Error`] that names the path if a path or mode is not allowed, is given twice, or asks for a directory where
/// there is a file (`lost+found` is a directory), or if a file or directory is larger than the format allows; and one without a path if the
/// label is not allowed or the whole is larger than 16 TiB.
pub fn plan(files: &[FileEntry], options: &FsOptions) -> Result<Ext4Image, Ext4Error> {
    let label = superblock::encode_label(&options.label)?;
    let tree = Tree::build(files)?;
    let directories = tree
        .directories
        .iter()
        .map(directory::encode)
        .collect::<Result<Vec<_>, _>>()?;
    let geometry = Geometry::fit(&Demand {
        inodes: u64::from(tree.inodes),
        leaf_blocks: directories
            .iter()
            .map(|content| content.len() as u64)
            .chain(tree.files.iter().map(|file| file.entry.size_bytes))
            .map(inode::leaf_blocks)
            .sum(),
        directory_blocks: directories
            .iter()
            .map(|content| blocks_for(content.len() as u64))
            .sum(),
        data_blocks: tree
            .files
            .iter()
            .map(|file| blocks_for(file.entry.size_bytes))
            .sum(),
    })?;

    // From here on nothing can fail: the geometry has room for all that is placed.
    let mut table = InodeTable::new(&geometry, options.timestamp);
    for (directory, content) in zip(&tree.directories, &directories) {
        table.add(
            directory.inode,
            &Inode::directory(directory.links, content.len() as u64),
        );
    }
    let mut placed: Vec<PlacedFile> = files
        .iter()
        .map(|file| PlacedFile {
            path: file.path.clone(),
            offset_bytes: 0,
            size_bytes: file.size_bytes,
        })
        .collect();
    for file in &tree.files {
        let inode = Inode::regular(file.entry.mode, file.entry.size_bytes);
        placed[file.index].offset_bytes = table.add(file.inode, &inode);
    }

    let mut runs = Runs::default();
    runs.push(
        0,
        superblock::encode_with_descriptors(&geometry, &tree, label, options),
    );
    bitmap::push_bitmaps(&mut runs, &geometry);
    runs.push(geometry.inode_tables_block, table.inodes);
    runs.push(geometry.leaves_block, table.leaves);
    runs.push(geometry.directories_block, directories.concat());
    Ok(Ext4Image {
        size_bytes: geometry.total_blocks * BLOCK_BYTES,
        data_offset_bytes: geometry.data_block * BLOCK_BYTES,
        metadata: runs.finish(),
        files: placed,
    })
}
