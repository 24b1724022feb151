//! The kernel mounts the image and sees the tree. Needs root and a loop device.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use snobox_formats::ext4::FileEntry;
use tempfile::TempDir;

use crate::image::{Data, OnDisk, TIMESTAMP, content_chunks, file, is_root, options, skipped};

/// A read-only loop mount that ends with its owner.
struct Mount {
    folder: TempDir,
}

impl Mount {
    /// `None`, said loudly, where mounting is not possible; as root in CI that is a failure.
    fn new(image: &Path) -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let mut command = Command::new("mount");
        command
            .args(["-t", "ext4", "-o", "ro,loop"])
            .arg(image)
            .arg(folder.path())
            .env("LC_ALL", "C");
        let output = command.output().unwrap();
        if output.status.success() {
            return Some(Self { folder });
        }
        let reason = format!("mount: {}", String::from_utf8_lossy(&output.stderr).trim());
        assert!(!(is_root() && std::env::var_os("CI").is_some()), "{reason}");
        // A kernel that can mount ext4 images of mke2fs but not this one would hide here.
        assert!(!is_root() || !reason.contains("bad superblock"), "{reason}");
        skipped(&reason);
        None
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let status = Command::new("umount").arg(self.folder.path()).status();
        assert!(status.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

fn assert_mounts(files: &[FileEntry], data: Data) {
    let disk = OnDisk::new(files, &options(), data);
    let Some(mount) = Mount::new(&disk.path) else {
        return;
    };
    let root = mount.folder.path();
    for entry in files {
        let path = root.join(&entry.path);
        let meta = path.metadata().unwrap();
        let actual = (
            meta.len(),
            meta.mode(),
            meta.uid(),
            meta.gid(),
            meta.nlink(),
            meta.mtime(),
        );
        let mode = 0o100_000 | u32::from(entry.mode);
        assert_eq!(
            actual,
            (entry.size_bytes, mode, 0, 0, 1, i64::from(TIMESTAMP)),
            "{}",
            entry.path
        );
        if data == Data::Written {
            let mut opened = File::open(&path).unwrap();
            for (number, expected) in content_chunks(entry).enumerate() {
                let mut actual = vec![0; expected.len()];
                opened.read_exact(&mut actual).unwrap();
                assert!(actual == expected, "MiB {number} of {}", entry.path);
            }
        }
    }
    let expected: BTreeSet<_> = files.iter().map(|entry| root.join(&entry.path)).collect();
    assert_eq!(files_below(root), expected);
}

fn files_below(root: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut pending = vec![root.to_owned()];
    while let Some(folder) = pending.pop() {
        let mode = folder.metadata().unwrap().mode();
        assert_eq!(mode, 0o40_755, "{}", folder.display());
        for entry in folder.read_dir().unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                pending.push(entry.path());
            } else {
                found.insert(entry.path());
            }
        }
    }
    found
}

#[test]
fn the_kernel_mounts_an_empty_tree() {
    assert_mounts(&[], Data::Written);
}

#[test]
fn the_kernel_reads_every_file_back() {
    let mut files: Vec<_> = [0, 1, 4095, 4096, 4097]
        .map(|n| file(&format!("sizes/{n}"), n))
        .into();
    files.extend((0..3000).map(|n| file(&format!("blobs/sha256/{n:064x}"), n % 5)));
    files.push(FileEntry {
        mode: 0o500,
        ..file("bin/tool", 9 << 20)
    });
    files.push(file("deep/er/and/deeper/still", 123_456));
    assert_mounts(&files, Data::Written);
}

#[test]
fn the_kernel_reads_a_file_of_more_than_four_extents() {
    let files = [
        file("a", 5000),
        file("blob", (700 << 20) + 1),
        file("z", 5000),
    ];
    assert_mounts(&files, Data::Written);
}

#[test]
fn the_kernel_mounts_two_hundred_gib() {
    let files = [
        file("big", 170 << 30),
        file("other", (40 << 30) + 1),
        file("z", 1),
    ];
    assert_mounts(&files, Data::Holes);
}

#[test]
fn the_kernel_mounts_a_last_group_of_one_block() {
    let files: Vec<_> = (0..33_000)
        .map(|n| file(&format!("{}/{n}", n % 7), 0))
        .collect();
    assert_mounts(&files, Data::Holes);
}
