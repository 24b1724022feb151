//! Blobs that come in pieces: what came is there the next time, and wrong bytes are never a blob.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::fs;

use proptest::prelude::*;
use snobox_formats::digest::Digest;
use snobox_store::{Store, StoreError};

/// `printf abc | sha256sum`
const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(&folder.path().join("store")).unwrap();
    (folder, store)
}

fn abc() -> Digest {
    ABC.parse().unwrap()
}

fn names(store: &Store, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(store.root().join(folder)).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn what_came_is_there_the_next_time() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_folder, store) = store();
    let mut partial = store.partial(abc(), 3).unwrap();
    partial.write(b"ab").unwrap();
    // As a process that is killed: nothing is said at the end.
    drop(partial);
    let _lock = store.lock().unwrap();
    assert_eq!(store.partial_bytes(abc()), 2);
    assert!(!store.has(abc(), 3) && !store.has(abc(), 2));
    let mut partial = store.partial(abc(), 3).unwrap();
    assert_eq!((partial.received_bytes(), partial.size_bytes()), (2, 3));
    partial.write(b"c").unwrap();
    partial.finish().unwrap();
    assert_eq!(store.read_blob(abc(), 3).unwrap(), b"abc");
    assert_eq!(names(&store, ".snobox/partial"), [""; 0]);
    assert_eq!(store.partial_bytes(abc()), 0);
    let mode = fs::metadata(store.blob_path(abc())).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o644);
}

#[test]
fn a_blob_that_is_not_whole_is_refused_and_kept() {
    let (_folder, store) = store();
    let mut partial = store.partial(abc(), 3).unwrap();
    partial.write(b"ab").unwrap();
    let error = partial.finish().unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::WrongSize {
                expected: 3,
                found: 2,
                ..
            }
        ),
        "{error:?}"
    );
    partial.write(b"c").unwrap();
    partial.finish().unwrap();
}

#[test]
fn bytes_beyond_the_size_are_refused_and_not_kept() {
    let (_folder, store) = store();
    let mut partial = store.partial(abc(), 3).unwrap();
    partial.write(b"ab").unwrap();
    let error = partial.write(b"cd").unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::WrongSize {
                expected: 3,
                found: 4,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(store.partial_bytes(abc()), 2);
    partial.write(b"c").unwrap();
    partial.finish().unwrap();
}

#[test]
fn wrong_bytes_go_to_quarantine_until_good_ones_come() {
    let (_folder, store) = store();
    let mut partial = store.partial(abc(), 3).unwrap();
    partial.write(b"abd").unwrap();
    let error = partial.finish().unwrap_err();
    assert!(matches!(error, StoreError::WrongDigest { .. }), "{error:?}");
    assert_eq!(names(&store, "blobs/sha256"), [""; 0]);
    let away = store.root().join(".snobox/quarantine").join(&ABC[7..]);
    assert_eq!(fs::read(&away).unwrap(), b"abd");
    // From the start, with the same value.
    assert_eq!(partial.received_bytes(), 0);
    partial.write(b"abc").unwrap();
    partial.finish().unwrap();
    assert!(store.has(abc(), 3) && !away.exists());
}

#[test]
fn a_file_that_is_too_long_starts_again() {
    let (_folder, store) = store();
    let path = store.root().join(".snobox/partial").join(&ABC[7..]);
    fs::write(&path, b"abcd").unwrap();
    let mut partial = store.partial(abc(), 3).unwrap();
    assert_eq!(partial.received_bytes(), 0);
    partial.write(b"abc").unwrap();
    partial.finish().unwrap();
}

#[test]
fn a_restart_forgets_everything() {
    let (_folder, store) = store();
    let mut partial = store.partial(abc(), 3).unwrap();
    partial.write(b"zz").unwrap();
    partial.restart().unwrap();
    assert_eq!(
        (partial.received_bytes(), store.partial_bytes(abc())),
        (0, 0)
    );
    partial.write(b"abc").unwrap();
    partial.finish().unwrap();
}

#[test]
fn a_blob_of_which_nothing_came_leaves_nothing() {
    let (_folder, store) = store();
    drop(store.partial(abc(), 3).unwrap());
    assert_eq!(names(&store, ".snobox/partial"), [""; 0]);
    // Wrong without a byte: the digest is not that of nothing.
    let mut partial = store.partial(abc(), 0).unwrap();
    for _ in 0..2 {
        let error = partial.finish().unwrap_err();
        assert!(matches!(error, StoreError::WrongDigest { .. }), "{error:?}");
    }
}

#[test]
fn a_store_from_before_gets_its_folders_with_the_lock() {
    let (_folder, store) = store();
    for name in [".snobox/partial", ".snobox/quarantine"] {
        fs::remove_dir(store.root().join(name)).unwrap();
    }
    let _lock = store.lock().unwrap();
    store.partial(abc(), 3).unwrap().write(b"a").unwrap();
}

#[test]
fn room_is_what_the_system_says() {
    let (_folder, store) = store();
    store.check_room(0).unwrap();
    let error = store.check_room(u64::MAX).unwrap_err();
    let StoreError::NoRoom { free_bytes, .. } = error else {
        panic!("{error:?}")
    };
    // `df` counts as we should; other tests write at the same time.
    let df = std::process::Command::new("df")
        .args(["--output=avail", "-B1"])
        .arg(store.root())
        .output()
        .unwrap();
    let said = String::from_utf8(df.stdout).unwrap();
    let said: u64 = said.lines().nth(1).unwrap().trim().parse().unwrap();
    assert!(said.abs_diff(free_bytes) < 2 << 30, "{said} {free_bytes}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// However it is cut into pieces and interrupted, the blob is the same.
    #[test]
    fn any_pieces_and_interruptions_give_the_blob(
        bytes in proptest::collection::vec(any::<u8>(), 0..2000),
        pieces in proptest::collection::vec((1..400_usize, any::<bool>()), 0..20),
    ) {
        let (_folder, store) = store();
        let (digest, size) = (Digest::of(&bytes), bytes.len() as u64);
        let mut partial = store.partial(digest, size).unwrap();
        for (piece, interrupted) in pieces {
            let from = partial.received_bytes() as usize;
            let to = (from + piece).min(bytes.len());
            partial.write(&bytes[from..to]).unwrap();
            if interrupted {
                drop(partial);
                partial = store.partial(digest, size).unwrap();
                prop_assert_eq!(partial.received_bytes(), to as u64);
            }
        }
        let from = partial.received_bytes() as usize;
        partial.write(&bytes[from..]).unwrap();
        partial.finish().unwrap();
        prop_assert_eq!(fs::read(store.blob_path(digest)).unwrap(), bytes);
    }
}
