//! The folder of a store: made, found, refused, locked.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::fs;

use snobox_formats::digest::Digest;
use snobox_store::{Store, StoreError};

#[test]
fn create_makes_an_empty_layout_as_the_specification_says() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("a/b");
    let store = Store::create(&root).unwrap();
    let read = |name: &str| fs::read_to_string(root.join(name)).unwrap();
    assert_eq!(read("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#);
    let index: serde_json::Value = serde_json::from_str(&read("index.json")).unwrap();
    assert_eq!(
        index,
        serde_json::json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [],
        })
    );
    assert!(root.join("blobs/sha256").is_dir());
    assert_eq!(
        Store::create(&root).unwrap(),
        store,
        "a second time it is opened"
    );
    assert_eq!(Store::open(&root).unwrap(), store);
}

#[test]
fn create_refuses_a_foreign_folder_and_leaves_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("holiday.jpg"), "x").unwrap();
    let error = Store::create(folder.path()).unwrap_err();
    assert!(matches!(error, StoreError::NotAStore { .. }), "{error:?}");
    let names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["holiday.jpg"]);
}

#[test]
fn open_refuses_an_absent_folder_and_makes_none() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    assert!(matches!(
        Store::open(&root),
        Err(StoreError::NotAStore { .. })
    ));
    assert!(!root.exists());
}

#[test]
fn an_interrupted_create_is_completed_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    Store::create(folder.path()).unwrap();
    // The marker is what `create` writes last.
    fs::remove_file(folder.path().join("oci-layout")).unwrap();
    assert!(Store::open(folder.path()).is_err());
    Store::create(folder.path()).unwrap();
    Store::open(folder.path()).unwrap();
}

#[test]
fn create_keeps_the_index_of_a_store_that_lost_its_marker() {
    let folder = tempfile::tempdir().unwrap();
    Store::create(folder.path()).unwrap();
    let index = r#"{"schemaVersion":2,"mediaType":"kept","manifests":[]}"#;
    fs::write(folder.path().join("index.json"), index).unwrap();
    for damage in ["", "x"] {
        fs::write(folder.path().join("oci-layout"), damage).unwrap();
        Store::create(folder.path()).unwrap();
        let found = fs::read_to_string(folder.path().join("index.json")).unwrap();
        assert_eq!(found, index);
    }
}

#[test]
fn a_second_writer_is_refused_until_the_first_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    let first = store.lock().unwrap();
    let again = Store::open(folder.path()).unwrap();
    assert!(matches!(again.lock(), Err(StoreError::Locked { .. })));
    drop(first);
    again.lock().unwrap();
}

#[test]
fn a_refused_writer_clears_nothing_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    let _first = store.lock().unwrap();
    let mut ingest = store.ingest(Digest::of(b"abc"), 3).unwrap();
    ingest.write(b"abc").unwrap();
    store.lock().unwrap_err();
    ingest.finish().unwrap();
}

#[test]
fn lock_clears_what_an_interrupted_writer_left() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    let leftover = folder.path().join(".snobox/ingest/0123abcd");
    fs::write(&leftover, "half").unwrap();
    store.put(Digest::of(b"whole"), b"whole").unwrap();
    store.lock().unwrap();
    assert!(!leftover.exists());
    assert!(store.has(Digest::of(b"whole"), 5));
}

#[test]
fn a_layout_of_another_program_can_be_written_to_once_locked() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    )
    .unwrap();
    fs::write(
        folder.path().join("index.json"),
        r#"{"schemaVersion":2,"manifests":[]}"#,
    )
    .unwrap();
    let store = Store::open(folder.path()).unwrap();
    let _lock = store.lock().unwrap();
    store.put(Digest::of(b"x"), b"x").unwrap();
    let index = store.index().unwrap();
    store.set_index(&index).unwrap();
}
