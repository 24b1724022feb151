//! Proof of a whole store: what is wrong is named, with the images that need it.

#![allow(clippy::unwrap_used, reason = "test code")]

mod shared_layout;

use std::fs;

use snobox_formats::digest::Digest;
use snobox_formats::layout::Finding;
use snobox_store::Store;
use snobox_testkit::practice::Practice;

use shared_layout::LAYOUT;

struct Filled {
    _folder: tempfile::TempDir,
    store: Store,
    practice: Practice,
}

/// A copy of the practice layout that a test may damage.
fn filled() -> Filled {
    let original = &*LAYOUT;
    let folder = tempfile::tempdir().unwrap();
    let blobs = "blobs/sha256";
    fs::create_dir_all(folder.path().join(blobs)).unwrap();
    for part in ["", blobs] {
        for entry in fs::read_dir(original.folder.join(part)).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                let target = folder.path().join(part).join(entry.file_name());
                fs::copy(entry.path(), target).unwrap();
            }
        }
    }
    let store = Store::open(folder.path()).unwrap();
    Filled {
        _folder: folder,
        store,
        practice: original.practice.clone(),
    }
}

impl Filled {
    fn findings(&self) -> Vec<Finding> {
        self.store.verify(&mut |_| Ok(())).unwrap().findings
    }

    fn json(&self, digest: &str) -> serde_json::Value {
        let bytes = fs::read(self.store.blob_path(digest.parse().unwrap())).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    /// The last layer of the release, which no other image has.
    fn own_layer(&self) -> Digest {
        let manifest = self.json(&self.practice.release_digest);
        let layers = manifest["layers"].as_array().unwrap();
        layers[layers.len() - 1]["digest"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    }

    fn release_names(&self) -> Vec<String> {
        vec![
            self.practice.release.clone(),
            self.practice.release_by_digest.clone(),
        ]
    }
}

#[test]
fn a_good_store_has_no_findings_and_every_byte_is_read_once() {
    let filled = filled();
    let mut read = 0;
    let closure = filled
        .store
        .verify(&mut |bytes| {
            read += bytes;
            Ok(())
        })
        .unwrap();
    assert_eq!(closure.findings, []);
    assert_eq!(read, filled.practice.total_bytes);
}

#[test]
fn a_missing_layer_is_named_with_the_images_that_need_it() {
    let filled = filled();
    let layer = filled.own_layer();
    fs::remove_file(filled.store.blob_path(layer)).unwrap();
    let expected = Finding::Missing {
        digest: layer,
        kind: "layer",
        images: filled.release_names(),
    };
    assert_eq!(filled.findings(), [expected]);
}

#[test]
fn a_truncated_layer_is_named_with_both_sizes() {
    let filled = filled();
    let layer = filled.own_layer();
    let path = filled.store.blob_path(layer);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let expected = Finding::WrongSize {
        digest: layer,
        expected: whole.len() as u64,
        found: whole.len() as u64 - 1,
        images: filled.release_names(),
    };
    assert_eq!(filled.findings(), [expected]);
}

#[test]
fn one_flipped_bit_is_found() {
    let filled = filled();
    let layer = filled.own_layer();
    let path = filled.store.blob_path(layer);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let findings = filled.findings();
    let [Finding::WrongDigest { digest, images, .. }] = &findings[..] else {
        panic!("{findings:?}")
    };
    assert_eq!((*digest, images), (layer, &filled.release_names()));
}

#[test]
fn a_missing_and_a_damaged_manifest_are_named() {
    let filled = filled();
    let digest: Digest = filled.practice.release_digest.parse().unwrap();
    let path = filled.store.blob_path(digest);
    let mut bytes = fs::read(&path).unwrap();
    bytes[20] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let findings = filled.findings();
    assert!(
        matches!(&findings[..], [Finding::WrongDigest { digest: d, .. }] if *d == digest),
        "{findings:?}"
    );
    fs::remove_file(&path).unwrap();
    let findings = filled.findings();
    assert!(
        matches!(&findings[..], [Finding::Missing { digest: d, kind: "manifest", .. }] if *d == digest),
        "{findings:?}"
    );
}

#[test]
fn a_sparse_entry_needs_only_the_children_that_it_names() {
    let filled = filled();
    let (_, cli) = filled
        .practice
        .components
        .iter()
        .find(|(name, _)| name == "cli")
        .unwrap();
    let digest = cli.split_once('@').unwrap().1;
    let list = filled.json(digest);
    let child = |architecture: &str| {
        let children = list["manifests"].as_array().unwrap();
        let found = children
            .iter()
            .find(|c| c["platform"]["architecture"] == architecture);
        found.unwrap()["digest"].as_str().unwrap().to_owned()
    };
    let (kept, dropped) = (child("amd64"), child("arm64"));
    fs::remove_file(filled.store.blob_path(dropped.parse().unwrap())).unwrap();

    let findings = filled.findings();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(
        matches!(&findings[0], Finding::Missing { digest, .. } if digest.to_string() == dropped)
    );

    let mut index = filled.store.index().unwrap();
    for entry in &mut index.manifests {
        if entry.digest.to_string() == digest {
            entry
                .annotations
                .insert("io.snobox.sparse".into(), kept.clone());
        }
    }
    filled.store.lock().unwrap();
    filled.store.set_index(&index).unwrap();
    assert_eq!(filled.findings(), []);

    fs::remove_file(filled.store.blob_path(kept.parse().unwrap())).unwrap();
    let findings = filled.findings();
    assert!(
        matches!(&findings[..], [Finding::Missing { digest, .. }] if digest.to_string() == kept)
    );
}

#[test]
fn an_index_that_is_not_json_is_a_finding() {
    let filled = filled();
    fs::write(filled.store.root().join("index.json"), "{").unwrap();
    let findings = filled.findings();
    assert!(
        matches!(&findings[..], [Finding::Index { .. }]),
        "{findings:?}"
    );
    fs::remove_file(filled.store.root().join("index.json")).unwrap();
    filled.store.verify(&mut |_| Ok(())).unwrap_err();
}
