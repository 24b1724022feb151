//! Images of small files, read back by other implementations.

use std::collections::BTreeMap;

use ext4_view::Ext4;
use proptest::prelude::*;
use snobox_formats::ext4::{self, FileEntry, FsOptions};

use crate::image::{Data, OnDisk, UUID_TEXT, content, file, options, program};

/// Every path below the root as ext4-view sees it: contents for a file, `None` for a directory.
fn read_back(disk: &OnDisk) -> BTreeMap<String, Option<Vec<u8>>> {
    let fs = Ext4::load_from_path(&disk.path).unwrap();
    let mut found = BTreeMap::new();
    let mut pending = vec![String::new()];
    while let Some(folder) = pending.pop() {
        for entry in fs.read_dir(format!("/{folder}").as_str()).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().as_str().unwrap().to_owned();
            if name == "." || name == ".." {
                continue;
            }
            let path = if folder.is_empty() {
                name
            } else {
                format!("{folder}/{name}")
            };
            let bytes = if entry.file_type().unwrap().is_dir() {
                pending.push(path.clone());
                None
            } else {
                Some(fs.read(format!("/{path}").as_str()).unwrap())
            };
            assert!(
                found.insert(path.clone(), bytes).is_none(),
                "{path} is listed twice"
            );
        }
    }
    found
}

fn expected(files: &[FileEntry]) -> BTreeMap<String, Option<Vec<u8>>> {
    let mut expected = BTreeMap::from([("lost+found".to_owned(), None)]);
    for entry in files {
        for (slash, _) in entry.path.match_indices('/') {
            expected.insert(entry.path[..slash].to_owned(), None);
        }
        expected.insert(entry.path.clone(), Some(content(entry)));
    }
    expected
}

fn assert_reads_back(files: &[FileEntry]) -> OnDisk {
    let disk = OnDisk::new(files, &options(), Data::Written);
    disk.assert_e2fsck_is_silent();
    assert_eq!(read_back(&disk), expected(files));
    disk
}

#[test]
fn an_empty_tree_is_a_file_system() {
    let disk = assert_reads_back(&[]);
    assert_eq!(disk.image.size_bytes(), 7 * 4096);
}

#[test]
fn an_empty_file_takes_no_block() {
    let disk = assert_reads_back(&[file("empty", 0)]);
    assert_eq!(disk.image.size_bytes(), 7 * 4096);
}

#[test]
fn sizes_around_a_block_read_back() {
    let sizes = [1, 4095, 4096, 4097, 3 * 4096];
    let files: Vec<_> = sizes
        .iter()
        .map(|&size| file(&format!("size-{size}"), size))
        .collect();
    let disk = assert_reads_back(&files);
    assert_eq!(disk.image.size_bytes(), (7 + 1 + 1 + 1 + 2 + 3) * 4096);
}

#[test]
fn nested_directories_are_implied() {
    let deep = vec!["d"; 500].join("/");
    let files = [
        file("blobs/sha256/00/aa", 10),
        file("blobs/sha256/00/ab", 5000),
        file("blobs/sha256/ff/aa", 4096),
        file("index.json", 77),
        file("lost+found/note", 3),
        file("umläut/日本語 \n name", 1),
        file(&"n".repeat(255), 1),
        file(&deep, 2),
    ];
    assert_reads_back(&files);
}

#[test]
fn a_directory_of_5000_files_reads_back() {
    let files: Vec<_> = (0..5000)
        .map(|n| file(&format!("sha256/{n:064x}"), n % 3))
        .collect();
    assert_reads_back(&files);
}

#[test]
fn more_inodes_than_a_bitmap_holds_take_a_second_group() {
    let files: Vec<_> = (0..33_000)
        .map(|n| file(&format!("{}/{n}", n % 7), 0))
        .collect();
    let disk = OnDisk::new(&files, &options(), Data::Written);
    disk.assert_e2fsck_is_silent();
    // The second group is there for its inodes only and has one block.
    assert_eq!(disk.image.size_bytes(), 32_769 * 4096);
    assert_eq!(read_back(&disk).len(), 33_008);
}

#[test]
fn e2fsck_with_leave_to_write_has_nothing_to_repair() {
    let disk = OnDisk::new(&[file("a/b", 1)], &options(), Data::Written);
    let Some(mut e2fsck) = program("e2fsck") else {
        return;
    };
    let output = e2fsck.arg("-fp").arg(&disk.path).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn the_superblock_says_what_was_asked_for() {
    let disk = OnDisk::new(&[file("a", 1)], &options(), Data::Written);
    let names = [
        "Filesystem volume name",
        "Filesystem UUID",
        "Filesystem features",
        "Filesystem state",
        "Errors behavior",
        "Filesystem OS type",
        "Filesystem revision #",
        "Filesystem created",
        "Last write time",
        "Last checked",
        "Last mount time",
        "Mount count",
        "Maximum mount count",
        "Check interval",
        "Block size",
        "Inode size",
        "Required extra isize",
        "Inode count",
        "Free inodes",
        "Block count",
        "Free blocks",
        "Directory Hash Seed",
    ];
    let Some(values) = disk.dumpe2fs(names) else {
        return;
    };
    let time = "Sun Sep 13 12:26:40 2020";
    let expected = [
        "SNOBOX-CACHE",
        UUID_TEXT,
        "sparse_super2 filetype extent flex_bg sparse_super large_file extra_isize",
        "clean",
        "Remount read-only",
        "Linux",
        "1 (dynamic)",
        time,
        time,
        time,
        "n/a",
        "0",
        "-1",
        "0 (<none>)",
        "4096",
        "256",
        "32",
        "16",
        "4",
        "8",
        "0",
        UUID_TEXT,
    ];
    assert_eq!(values, expected);
}

#[test]
fn an_inode_says_what_was_asked_for() {
    let entry = FileEntry {
        mode: 0o4751,
        ..file("folder/file", 8193)
    };
    let disk = OnDisk::new(std::slice::from_ref(&entry), &options(), Data::Written);
    let Some(stat) = disk.debugfs("stat /folder/file") else {
        return;
    };
    let words: Vec<_> = stat.split_whitespace().collect();
    let value = |name: &str| words[words.iter().position(|&word| word == name).unwrap() + 1];
    let names = [
        "Type:",
        "Mode:",
        "Flags:",
        "User:",
        "Group:",
        "Size:",
        "Links:",
        "Blockcount:",
    ];
    let expected = ["regular", "04751", "0x80000", "0", "0", "8193", "1", "24"];
    assert_eq!(names.map(value), expected, "{stat}");
    for time in ["ctime:", "atime:", "mtime:", "crtime:"] {
        assert_eq!(value(time), "0x5f5e1000:00000000", "{time} in {stat}");
    }
    assert_eq!(
        stat.matches("Sun Sep 13 12:26:40 2020").count(),
        4,
        "{stat}"
    );
    assert!(stat.contains("Size of extra inode fields: 32"), "{stat}");
    let block = disk.image.files()[0].offset_bytes / 4096;
    assert!(
        stat.contains(&format!("(0-2):{block}-{}", block + 2)),
        "{stat}"
    );

    let folder = disk.debugfs("stat /folder").unwrap();
    assert!(
        folder.contains("Type: directory    Mode:  0755"),
        "{folder}"
    );
    assert!(folder.contains("Links: 2 "), "{folder}");
    assert!(disk.debugfs("stat /").unwrap().contains("Links: 4 "));
}

#[test]
fn times_after_2038_are_kept() {
    let late = FsOptions {
        timestamp: 3_000_000_000,
        ..options()
    };
    let disk = OnDisk::new(&[file("a", 1)], &late, Data::Written);
    let Some(stat) = disk.debugfs("stat /a") else {
        return;
    };
    assert_eq!(
        stat.matches("Sat Jan 24 05:20:00 2065").count(),
        4,
        "{stat}"
    );
}

#[test]
fn debugfs_dumps_the_bytes_that_were_written() {
    let files = [file("a", 100), file("b/c", 50_000)];
    let disk = OnDisk::new(&files, &options(), Data::Written);
    let dump = disk.path.with_file_name("dump");
    if disk
        .debugfs(&format!("dump /b/c {}", dump.display()))
        .is_some()
    {
        assert_eq!(std::fs::read(dump).unwrap(), content(&files[1]));
    }
}

#[test]
fn the_order_of_the_inventory_does_not_matter() {
    let files = [
        file("b", 1),
        file("a/z", 5000),
        file("c", 0),
        file("a/y/x", 9000),
    ];
    let mut reversed = files.to_vec();
    reversed.reverse();
    let one = ext4::plan(&files, &options()).unwrap();
    let other = ext4::plan(&reversed, &options()).unwrap();
    assert_eq!(one, ext4::plan(&files, &options()).unwrap());
    assert_eq!(one.metadata(), other.metadata());
    assert_eq!(one.size_bytes(), other.size_bytes());
    assert!(one.files().iter().eq(other.files().iter().rev()));
}

#[test]
fn data_follows_a_walk_by_name_with_files_before_subdirectories() {
    let paths = ["b/x", "a/c/x", "z", "a/b/x", "a/x", "a-/x", "y"];
    let files = paths.map(|path| file(path, 4096));
    let image = ext4::plan(&files, &options()).unwrap();
    let mut placed = image.files().to_vec();
    assert!(placed.iter().map(|file| file.path.as_str()).eq(paths));
    placed.sort_by_key(|file| file.offset_bytes);
    let order: Vec<_> = placed.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(order, ["y", "z", "a/x", "a/b/x", "a/c/x", "a-/x", "b/x"]);
    let first = image.data_offset_bytes();
    let offsets = (0..7).map(|number| first + number * 4096);
    assert!(placed.iter().map(|file| file.offset_bytes).eq(offsets));
}

fn any_tree() -> impl Strategy<Value = Vec<FileEntry>> {
    let path = prop::collection::vec("[a-c]{1,2}|[é~ -]{60}", 1..4);
    let entry = (path, 0_u64..9000, 0_u16..=0o7777);
    prop::collection::vec(entry, 0..30).prop_map(|entries| {
        // Directories and files differ in their last letter, so that no path asks for both.
        let entries = entries.into_iter().map(|(path, size_bytes, mode)| {
            let path = path.join("D/") + "F";
            (
                path.clone(),
                FileEntry {
                    path,
                    size_bytes,
                    mode,
                },
            )
        });
        entries.collect::<BTreeMap<_, _>>().into_values().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_small_tree_reads_back(files in any_tree()) {
        assert_reads_back(&files);
    }
}
