//! Blobs on their way in: whole and hashed, or absent.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::fs;
use std::path::Path;

use snobox_formats::digest::Digest;
use snobox_store::{Store, StoreError};

/// `printf abc | sha256sum`
const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
/// `printf abd | sha256sum`
const ABD: &str = "sha256:a52d159f262b2c6ddb724a61840befc36eb30c88877a4030b65cbe86298449c9";

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(&folder.path().join("store")).unwrap();
    (folder, store)
}

fn abc() -> Digest {
    ABC.parse().unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[track_caller]
fn assert_nothing_is_left(store: &Store) {
    for folder in ["blobs/sha256", ".snobox/ingest"] {
        let found = names(&store.root().join(folder));
        assert!(found.is_empty(), "{folder}: {found:?}");
    }
}

#[test]
fn a_blob_appears_under_its_digest_with_bytes_that_anybody_may_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_folder, store) = store();
    let mut ingest = store.ingest(abc(), 3).unwrap();
    ingest.write(b"a").unwrap();
    assert!(!store.has(abc(), 3), "half a blob is no blob");
    ingest.write(b"bc").unwrap();
    ingest.finish().unwrap();
    let path = store.root().join("blobs/sha256").join(&ABC[7..]);
    assert_eq!(fs::read(&path).unwrap(), b"abc");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o644
    );
    assert!(store.has(abc(), 3) && !store.has(abc(), 4));
    assert!(names(&store.root().join(".snobox/ingest")).is_empty());
}

#[test]
fn put_rejects_a_blob_with_the_wrong_digest() {
    let (_folder, store) = store();
    let error = store.put(abc(), b"abd").unwrap_err();
    let StoreError::WrongDigest { expected, found } = error else {
        panic!("{error:?}")
    };
    assert_eq!(
        (expected.to_string(), found.to_string()),
        (ABC.to_owned(), ABD.to_owned())
    );
    assert_nothing_is_left(&store);
}

#[test]
fn a_blob_that_ends_early_is_refused() {
    let (_folder, store) = store();
    let mut ingest = store.ingest(abc(), 3).unwrap();
    ingest.write(b"ab").unwrap();
    let error = ingest.finish().unwrap_err();
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
    assert_nothing_is_left(&store);
}

#[test]
fn a_blob_that_goes_on_too_long_is_refused_at_the_first_byte_too_many() {
    let (_folder, store) = store();
    let mut ingest = store.ingest(abc(), 3).unwrap();
    ingest.write(b"abc").unwrap();
    let error = ingest.write(b"d").unwrap_err();
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
    drop(ingest);
    assert_nothing_is_left(&store);
}

#[test]
fn a_blob_dropped_half_way_leaves_nothing() {
    let (_folder, store) = store();
    let mut ingest = store.ingest(abc(), 3).unwrap();
    ingest.write(b"ab").unwrap();
    assert_eq!(names(&store.root().join(".snobox/ingest")).len(), 1);
    drop(ingest);
    assert_nothing_is_left(&store);
}

#[test]
fn an_empty_blob_is_a_blob() {
    let (_folder, store) = store();
    // `printf '' | sha256sum`
    let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let digest = digest.parse().unwrap();
    store.put(digest, b"").unwrap();
    assert!(store.has(digest, 0));
}

#[test]
fn put_replaces_a_blob_that_is_damaged() {
    let (_folder, store) = store();
    for damage in [&b"abX"[..], b"ab", b"abcd"] {
        fs::write(store.blob_path(abc()), damage).unwrap();
        store.put(abc(), b"abc").unwrap();
        assert_eq!(store.read_blob(abc(), 3).unwrap(), b"abc");
    }
}

#[test]
fn read_blob_gives_proven_bytes_or_says_what_is_wrong() {
    let (_folder, store) = store();
    assert!(matches!(
        store.read_blob(abc(), 9),
        Err(StoreError::Missing { .. })
    ));
    store.put(abc(), b"abc").unwrap();
    assert_eq!(store.read_blob(abc(), 3).unwrap(), b"abc");
    assert!(matches!(
        store.read_blob(abc(), 2),
        Err(StoreError::Io { .. })
    ));
    fs::write(store.blob_path(abc()), b"abd").unwrap();
    assert!(matches!(
        store.read_blob(abc(), 3),
        Err(StoreError::WrongDigest { .. })
    ));
}
