//! Lays a list of files out as an ISO 9660 volume.
//!
//! ```text
//! sector  0-15  system area (partition tables, see `hybrid`)
//!        16     primary volume descriptor     17  El Torito boot record     18  terminator
//!        19,20  path table, little- and big-endian
//!        21…    directories, one sector each; then the files
//! ```

use super::content::{BIOS_BOOT, BOOT_CATALOG, EFI_BOOT};
use super::records::{
    Entry, Extent, Volume, boot_catalog, boot_record, directory_record, level_1, path_record,
    primary_descriptor, terminator,
};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes in a logical sector.
pub(super) const SECTOR: usize = 2048;

const PRIMARY_SECTOR: usize = 16;
const PATH_TABLE_SECTOR: u32 = 19;
const FIRST_DIRECTORY: u32 = 21;

/// Files and directories with their places.
pub(super) struct Tree {
    /// Path of each directory in path table order: by depth, then parent, then name. The root is the empty path.
    directories: Vec<String>,
    files: BTreeMap<&'static str, (Extent, Vec<u8>)>,
    sectors: usize,
}

impl Tree {
    /// Gives every directory and file its place.
    pub(super) fn lay_out(contents: Vec<(&'static str, Vec<u8>)>) -> Self {
        let mut directories = BTreeSet::from([String::new()]);
        for (path, _) in &contents {
            directories.extend(
                path.match_indices('/')
                    .map(|(end, _)| path[..end].to_owned()),
            );
        }
        let mut directories: Vec<String> = directories.into_iter().collect();
        // Sorting whole paths by depth first gives the order of parents too, because parents are sorted the same way.
        directories.sort_by_key(|path| (depth(path), path.to_uppercase()));

        let mut next = FIRST_DIRECTORY + directories.len() as u32;
        let mut files = BTreeMap::new();
        for (path, content) in contents {
            let extent = Extent {
                sector: next,
                length_bytes: content.len() as u32,
            };
            next += content.len().div_ceil(SECTOR) as u32;
            files.insert(path, (extent, content));
        }
        Self {
            directories,
            files,
            sectors: next as usize,
        }
    }

    /// Number of sectors up to the end of the last file.
    pub(super) fn sectors(&self) -> usize {
        self.sectors
    }

    /// Where a file is; an empty extent if there is none of this path.
    pub(super) fn file(&self, path: &str) -> Extent {
        self.files.get(path).map_or(
            Extent {
                sector: 0,
                length_bytes: 0,
            },
            |(extent, _)| *extent,
        )
    }

    /// The volume, padded with zeros to `length` bytes; the padding is not part of the size it declares.
    pub(super) fn write(&self, length: usize) -> Vec<u8> {
        let mut image = vec![0; length];
        let mut put = |sector: usize, bytes: &[u8]| {
            let start = sector * SECTOR;
            image[start..start + bytes.len()].copy_from_slice(bytes);
        };
        let little = self.path_table(u32::to_le_bytes, u16::to_le_bytes);
        let big = self.path_table(u32::to_be_bytes, u16::to_be_bytes);
        let volume = Volume {
            sectors: self.sectors as u32,
            path_table_bytes: little.len() as u32,
            path_table_sector: PATH_TABLE_SECTOR,
            root: directory_extent(0),
        };
        put(PRIMARY_SECTOR, &primary_descriptor(&volume));
        put(
            PRIMARY_SECTOR + 1,
            &boot_record(self.file(BOOT_CATALOG).sector),
        );
        put(PRIMARY_SECTOR + 2, &terminator());
        put(PATH_TABLE_SECTOR as usize, &little);
        put(PATH_TABLE_SECTOR as usize + 1, &big);
        for (number, path) in self.directories.iter().enumerate() {
            put(
                FIRST_DIRECTORY as usize + number,
                &self.directory(number, path),
            );
        }
        for (extent, content) in self.files.values() {
            put(extent.sector as usize, content);
        }
        let catalog = boot_catalog(self.file(BIOS_BOOT).sector, self.file(EFI_BOOT));
        put(self.file(BOOT_CATALOG).sector as usize, &catalog);
        image
    }

    fn number_of(&self, path: &str) -> usize {
        self.directories
            .iter()
            .position(|directory| directory == path)
            .unwrap_or(0)
    }

    fn path_table(&self, sector: fn(u32) -> [u8; 4], parent: fn(u16) -> [u8; 2]) -> Vec<u8> {
        let mut table = Vec::new();
        for (number, path) in self.directories.iter().enumerate() {
            let identifier = match path.as_str() {
                "" => vec![0],
                path => level_1(name(path)).into_bytes(),
            };
            // Directories are numbered from 1 here.
            let parent_number = self.number_of(parent_path(path)) as u16 + 1;
            table.extend(path_record(
                &identifier,
                sector(directory_extent(number).sector),
                parent(parent_number),
            ));
        }
        table
    }

    /// The records of one directory: itself, its parent, then its entries by identifier.
    fn directory(&self, number: usize, path: &str) -> Vec<u8> {
        let own = if number == 0 {
            Entry::Root
        } else {
            Entry::This
        };
        let parent = directory_extent(self.number_of(parent_path(path)));
        let mut records = directory_record(&own, directory_extent(number));
        records.extend(directory_record(&Entry::Parent, parent));
        let mut entries = BTreeMap::new();
        for (child, child_path) in self.directories.iter().enumerate().skip(1) {
            if parent_path(child_path) == path {
                let record =
                    directory_record(&Entry::Directory(name(child_path)), directory_extent(child));
                entries.insert(level_1(name(child_path)), record);
            }
        }
        for (file, (extent, _)) in &self.files {
            if parent_path(file) == path {
                entries.insert(
                    level_1(name(file)),
                    directory_record(&Entry::File(name(file)), *extent),
                );
            }
        }
        records.extend(entries.into_values().flatten());
        assert!(
            records.len() <= SECTOR,
            "a directory of the live ISO fits one sector"
        );
        records
    }
}

fn directory_extent(number: usize) -> Extent {
    Extent {
        sector: FIRST_DIRECTORY + number as u32,
        length_bytes: SECTOR as u32,
    }
}

fn depth(path: &str) -> usize {
    if path.is_empty() {
        0
    } else {
        1 + path.matches('/').count()
    }
}

fn parent_path(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

fn name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}
