//! The inventory as a tree: checked names, implied directories, inode numbers.

use std::collections::{BTreeMap, btree_map::Entry as Slot};

use super::{
    Ext4Error, FileEntry, MAX_FILE_BYTES,
    inode::{FIRST_FREE_INODE, FileKind, ROOT_INODE},
};

/// Where e2fsck puts what it finds without a name.
const LOST_AND_FOUND: &str = "lost+found";
const MAX_NAME_BYTES: usize = 255;
/// `PATH_MAX` of Linux without the NUL: a longer path could not be opened.
const MAX_PATH_BYTES: usize = 4095;
/// `EXT4_LINK_MAX` without `.` and the name in the parent: more would ask for the feature `dir_nlink`.
const MAX_SUBDIRECTORIES: usize = 65_000 - 2;
/// Directories stay below the signed 32-bit size that every reader knows; more would ask for the feature `large_dir`.
pub(super) const MAX_DIRECTORY_BYTES: u64 = i32::MAX as u64 - 4095;

/// A tree with numbered inodes.
pub(super) struct Tree<'a> {
    /// Directories in the order of their inodes, the root first.
    pub(super) directories: Vec<Directory<'a>>,
    /// Files in the order of their inodes.
    pub(super) files: Vec<File<'a>>,
    /// Number of inodes in use, the reserved ones included: also the number of the last one.
    pub(super) inodes: u32,
}

/// A directory with its entries sorted by name.
pub(super) struct Directory<'a> {
    /// Path from the root; empty for the root itself.
    pub(super) path: String,
    pub(super) inode: u32,
    pub(super) parent_inode: u32,
    /// Its name, its `.`, and the `..` of each subdirectory.
    pub(super) links: u16,
    pub(super) entries: Vec<Entry<'a>>,
}

/// A name in a directory.
pub(super) struct Entry<'a> {
    pub(super) name: &'a str,
    pub(super) inode: u32,
    pub(super) kind: FileKind,
}

/// A file of the inventory with its inode.
pub(super) struct File<'a> {
    pub(super) entry: &'a FileEntry,
    /// Position in the inventory.
    pub(super) index: usize,
    pub(super) inode: u32,
}

impl<'a> Tree<'a> {
    /// Checks `files` and gives each file and implied directory an inode.
    pub(super) fn build(files: &'a [FileEntry]) -> Result<Self, Ext4Error> {
        let mut names = Names::new();
        for (index, file) in files.iter().enumerate() {
            check(file)?;
            names.insert(&file.path, index)?;
        }
        names.number(files)
    }
}

/// Checks all that can be said about one file by itself.
fn check(file: &FileEntry) -> Result<(), Ext4Error> {
    let path = || file.path.clone();
    if file.path.len() > MAX_PATH_BYTES {
        return Err(Ext4Error::PathTooLong {
            path: path(),
            max_bytes: MAX_PATH_BYTES,
        });
    }
    if file.path.contains('\0') {
        return Err(Ext4Error::NulByte { path: path() });
    }
    for component in file.path.split('/') {
        match component {
            "" => return Err(Ext4Error::EmptyComponent { path: path() }),
            "." | ".." => {
                let component = component.to_owned();
                return Err(Ext4Error::DotComponent {
                    path: path(),
                    component,
                });
            }
            _ if component.len() > MAX_NAME_BYTES => {
                let (actual_bytes, max_bytes) = (component.len(), MAX_NAME_BYTES);
                return Err(Ext4Error::NameTooLong {
                    path: path(),
                    actual_bytes,
                    max_bytes,
                });
            }
            _ => {}
        }
    }
    if file.mode & !0o7777 != 0 {
        return Err(Ext4Error::Mode {
            path: path(),
            mode: file.mode,
        });
    }
    if file.size_bytes > MAX_FILE_BYTES {
        let (actual_bytes, max_bytes) = (file.size_bytes, MAX_FILE_BYTES);
        return Err(Ext4Error::FileTooLarge {
            path: path(),
            actual_bytes,
            max_bytes,
        });
    }
    Ok(())
}

/// A child of a directory: its position in `Names::directories`, or in the inventory.
#[derive(Clone, Copy)]
enum Child {
    Directory(usize),
    File(usize),
}

/// A directory before inodes are numbered.
struct NameList<'a> {
    path: &'a str,
    parent: usize,
    children: BTreeMap<&'a str, Child>,
}

/// All directories in one list, so that nothing recurses as deep as a path.
struct Names<'a> {
    directories: Vec<NameList<'a>>,
}

impl<'a> Names<'a> {
    /// The root with `lost+found`.
    fn new() -> Self {
        let list = |path| NameList {
            path,
            parent: 0,
            children: BTreeMap::new(),
        };
        let (mut root, lost_and_found) = (list(""), list(LOST_AND_FOUND));
        root.children.insert(LOST_AND_FOUND, Child::Directory(1));
        Self {
            directories: vec![root, lost_and_found],
        }
    }

    fn insert(&mut self, path: &'a str, file: usize) -> Result<(), Ext4Error> {
        let mut directory = 0;
        for (slash, _) in path.match_indices('/') {
            directory = self.directory(directory, &path[..slash])?;
        }
        match self.directories[directory]
            .children
            .entry(last_component(path))
        {
            Slot::Vacant(slot) => {
                slot.insert(Child::File(file));
                Ok(())
            }
            Slot::Occupied(slot) => Err(match slot.get() {
                Child::File(_) => Ext4Error::Duplicate {
                    path: path.to_owned(),
                },
                Child::Directory(_) => Ext4Error::FileAndDirectory {
                    path: path.to_owned(),
                },
            }),
        }
    }

    /// The directory `path` in directory `parent`, made if it is new.
    fn directory(&mut self, parent: usize, path: &'a str) -> Result<usize, Ext4Error> {
        let next = self.directories.len();
        match *self.directories[parent]
            .children
            .entry(last_component(path))
            .or_insert(Child::Directory(next))
        {
            Child::File(_) => {
                return Err(Ext4Error::FileAndDirectory {
                    path: path.to_owned(),
                });
            }
            Child::Directory(directory) if directory < next => return Ok(directory),
            Child::Directory(_) => {}
        }
        self.directories.push(NameList {
            path,
            parent,
            children: BTreeMap::new(),
        });
        Ok(next)
    }

    /// Walks the tree, a directory before its subdirectories and siblings by name.
    fn walk(&self) -> Vec<usize> {
        let mut order = Vec::with_capacity(self.directories.len());
        let mut pending = vec![0];
        while let Some(directory) = pending.pop() {
            order.push(directory);
            pending.extend(self.subdirectories(directory).rev());
        }
        order
    }

    fn subdirectories(&self, directory: usize) -> impl DoubleEndedIterator<Item = usize> {
        self.directories[directory]
            .children
            .values()
            .filter_map(|child| match child {
                Child::Directory(directory) => Some(*directory),
                Child::File(_) => None,
            })
    }

    fn number(&self, files: &'a [FileEntry]) -> Result<Tree<'a>, Ext4Error> {
        let too_many = Ext4Error::TooManyInodes {
            actual: self.directories.len() + files.len(),
        };
        // The root has a reserved inode; all others follow the reserved ones.
        let others = u32::try_from(self.directories.len() - 1 + files.len())
            .map_err(|_| too_many.clone())?;
        let inodes = (FIRST_FREE_INODE - 1).checked_add(others).ok_or(too_many)?;

        let order = self.walk();
        let mut last_number = FIRST_FREE_INODE - 1;
        let mut next_number = || {
            last_number += 1;
            last_number
        };
        let mut directory_inodes = vec![ROOT_INODE; self.directories.len()];
        for &directory in &order[1..] {
            directory_inodes[directory] = next_number();
        }

        let mut tree = Tree {
            directories: Vec::with_capacity(order.len()),
            files: Vec::with_capacity(files.len()),
            inodes,
        };
        for directory in order {
            let names = &self.directories[directory];
            let subdirectories = self.subdirectories(directory).count();
            if subdirectories > MAX_SUBDIRECTORIES {
                let (path, actual) = (names.path.to_owned(), subdirectories);
                return Err(Ext4Error::TooManySubdirectories {
                    path,
                    actual,
                    max: MAX_SUBDIRECTORIES,
                });
            }
            let mut entries = Vec::with_capacity(names.children.len());
            for (&name, &child) in &names.children {
                let (inode, kind) = match child {
                    Child::Directory(child) => (directory_inodes[child], FileKind::Directory),
                    Child::File(index) => {
                        let inode = next_number();
                        tree.files.push(File {
                            entry: &files[index],
                            index,
                            inode,
                        });
                        (inode, FileKind::Regular)
                    }
                };
                entries.push(Entry { name, inode, kind });
            }
            tree.directories.push(Directory {
                path: names.path.to_owned(),
                inode: directory_inodes[directory],
                parent_inode: directory_inodes[names.parent],
                links: 2 + subdirectories as u16,
                entries,
            });
        }
        Ok(tree)
    }
}

fn last_component(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}
