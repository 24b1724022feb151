//! What is not served, and what is said about it.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use super::agent::{command, report, sha256, store_with};
use super::oracle::refused;
use super::shared_layout::LAYOUT;

/// Starts the agent, which must fail; returns what it says on standard error, which must be what the technician is told.
#[track_caller]
fn fails(store: &Path, index: &str, listen: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let said = refused(&mut command(folder.path(), store, index, listen));
    let report = report(folder.path());
    assert_eq!(report["state"], "failed");
    for key in ["message", "action"] {
        let text = report[key].as_str().unwrap();
        assert!(said.contains(text), "{said} / {text}");
    }
    said
}

#[test]
fn an_index_that_the_image_does_not_pin() {
    let store = tempfile::tempdir().unwrap();
    store_with(store.path(), &[]);
    let index = store.path().join("index.json");
    let pinned = sha256(&index);
    let text = fs::read_to_string(&index).unwrap();
    fs::write(&index, text + " ").unwrap();
    let said = fails(store.path(), &pinned, "127.0.0.1:0");
    assert!(
        said.contains(&format!("expected {pinned}")) && said.contains(&sha256(&index)),
        "{said}"
    );
    assert!(said.contains("write the stick again"), "{said}");
}

#[test]
fn an_address_that_others_can_reach() {
    let index = sha256(&LAYOUT.folder.join("index.json"));
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:5000"] {
        let said = fails(&LAYOUT.folder, &index, listen);
        assert!(
            said.contains(listen) && said.contains("127.0.0.1"),
            "{said}"
        );
    }
}

#[test]
fn an_address_that_is_taken() {
    let index = sha256(&LAYOUT.folder.join("index.json"));
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let taken = taken.local_addr().map(|a| (a.to_string(), taken)).unwrap();
    let said = fails(&LAYOUT.folder, &index, &taken.0);
    assert!(said.contains(&taken.0), "{said}");
}

#[test]
fn a_folder_without_a_store() {
    let empty = tempfile::tempdir().unwrap();
    let index = sha256(&LAYOUT.folder.join("index.json"));
    let said = fails(empty.path(), &index, "127.0.0.1:0");
    assert!(said.contains("oci-layout"), "{said}");
}
