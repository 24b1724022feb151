//! A disk that is full: said as such, and nothing half-written. On a real small file system, mounted as root.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test code; a skip must be seen"
)]

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use snobox_formats::digest::Digest;
use snobox_store::{Store, StoreError};

struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"])
            .arg(folder.path())
            .output();
        if mount.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder));
        }
        println!("SKIPPED: no tmpfs can be mounted here; run as root");
        assert!(std::env::var_os("CI").is_none(), "CI must run this as root");
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a program that another test starts has our files for a moment.
        let mut umount = Command::new("umount");
        umount.arg("-l").arg(self.0.path()).status().ok();
    }
}

#[track_caller]
fn assert_full(error: &StoreError) {
    let StoreError::Io { source, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(source.kind(), ErrorKind::StorageFull, "{error:?}");
}

fn entries(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

#[test]
fn a_blob_that_does_not_fit_is_storage_full_and_leaves_nothing() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let store = Store::create(disk.path()).unwrap();
    let _lock = store.lock().unwrap();
    let bytes = vec![7; 3 << 20];
    let mut ingest = store
        .ingest(Digest::of(&bytes), bytes.len() as u64)
        .unwrap();
    let error = bytes
        .chunks(64 << 10)
        .find_map(|chunk| ingest.write(chunk).err())
        .unwrap();
    assert_full(&error);
    drop(ingest);
    assert_eq!(entries(&disk.path().join("blobs/sha256")), 0);
    assert_eq!(entries(&disk.path().join(".snobox/ingest")), 0);
    assert_full(&store.put(Digest::of(&bytes), &bytes).unwrap_err());
    assert_eq!(entries(&disk.path().join(".snobox/ingest")), 0);
    // The space is free again.
    let smaller = vec![7; 1 << 20];
    store.put(Digest::of(&smaller), &smaller).unwrap();
}

#[test]
fn an_index_that_does_not_fit_leaves_the_old_one() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let store = Store::create(disk.path()).unwrap();
    let old = store.index_json().unwrap();
    fs::write(disk.path().join("filler"), vec![0; 3 << 20]).unwrap_err();
    let mut index = store.index().unwrap();
    index.media_type = Some("x".repeat(64 << 10));
    assert_full(&store.set_index(&index).unwrap_err());
    assert_eq!(store.index_json().unwrap(), old);
    assert_eq!(entries(&disk.path().join(".snobox/ingest")), 0);
}

#[test]
fn a_partial_blob_on_a_full_disk_is_kept_and_leaves_room_for_the_index() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let store = Store::create(disk.path()).unwrap();
    let _lock = store.lock().unwrap();
    let bytes = vec![7; 3 << 20];
    let (digest, size) = (Digest::of(&bytes), bytes.len() as u64);
    assert!(matches!(
        store.check_room(size),
        Err(StoreError::NoRoom { .. })
    ));
    let mut partial = store.partial(digest, size).unwrap();
    let error = bytes
        .chunks(64 << 10)
        .find_map(|chunk| partial.write(chunk).err())
        .unwrap();
    assert_full(&error);
    drop(partial);
    let kept = store.partial_bytes(digest);
    assert!((256 << 10..2 << 20).contains(&kept), "{kept}");
    let mut index = store.index().unwrap();
    index.media_type = Some("x".repeat(64 << 10));
    store.set_index(&index).unwrap();
    // More room: it goes on.
    let more = Command::new("mount")
        .args(["-o", "remount,size=16m"])
        .arg(disk.path())
        .status();
    assert!(more.unwrap().success());
    let mut partial = store.partial(digest, size).unwrap();
    assert_eq!(partial.received_bytes(), kept);
    partial.write(&bytes[kept as usize..]).unwrap();
    partial.finish().unwrap();
    assert!(store.has(digest, size));
}
