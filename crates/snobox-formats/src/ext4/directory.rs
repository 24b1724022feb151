//! Directory contents (`directory.rst`, linear): entries that never cross a block, the last of each block reaching to
//! the block's end.
//!
//! ```text
//! offset   bytes   field of an entry
//! 0        4       inode
//! 4        2       distance to the next entry
//! 6        1       length of the name
//! 7        1       type: 1 regular file, 2 directory
//! 8        ..      name, padded with zeros to a multiple of four
//! ```

use super::{
    BLOCK_BYTES, Ext4Error,
    field::put_u16,
    inode::FileKind,
    tree::{Directory, MAX_DIRECTORY_BYTES},
};

const BLOCK: usize = BLOCK_BYTES as usize;
const ENTRY_HEADER_BYTES: usize = 8;

/// The blocks of a directory: `.`, `..`, then its entries in their order.
///
/// # Errors
///
/// [`Ext4Error::DirectoryTooLarge`] if they are more than [`MAX_DIRECTORY_BYTES`].
pub(super) fn encode(directory: &Directory<'_>) -> Result<Vec<u8>, Ext4Error> {
    let mut content = Content::default();
    content.push(directory.inode, FileKind::Directory, ".");
    content.push(directory.parent_inode, FileKind::Directory, "..");
    for entry in &directory.entries {
        content.push(entry.inode, entry.kind, entry.name);
        if content.bytes.len() as u64 > MAX_DIRECTORY_BYTES {
            let path = directory.path.clone();
            return Err(Ext4Error::DirectoryTooLarge {
                path,
                max_bytes: MAX_DIRECTORY_BYTES,
            });
        }
    }
    content.end_block();
    Ok(content.bytes)
}

#[derive(Default)]
struct Content {
    bytes: Vec<u8>,
    last_entry: usize,
}

impl Content {
    fn push(&mut self, inode: u32, kind: FileKind, name: &str) {
        let entry_bytes = (ENTRY_HEADER_BYTES + name.len()).next_multiple_of(4);
        if self.bytes.len() % BLOCK + entry_bytes > BLOCK {
            self.end_block();
        }
        self.last_entry = self.bytes.len();
        self.bytes.extend(inode.to_le_bytes());
        // Both fit: the tree admits names of at most 255 bytes.
        self.bytes.extend((entry_bytes as u16).to_le_bytes());
        self.bytes
            .extend([name.len() as u8, kind.directory_entry_type()]);
        self.bytes.extend(name.as_bytes());
        self.bytes.resize(self.last_entry + entry_bytes, 0);
    }

    /// Lets the last entry reach to the end of its block.
    fn end_block(&mut self) {
        self.bytes
            .resize(self.bytes.len().next_multiple_of(BLOCK), 0);
        let distance = self.bytes.len() - self.last_entry;
        put_u16(&mut self.bytes, self.last_entry + 4, distance as u16);
    }
}
