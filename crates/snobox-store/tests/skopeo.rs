//! A store is an OCI image layout: skopeo reads it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test code; a skip must be seen"
)]

#[path = "../../snobox-testkit/tests/oracle/mod.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod oracle;

use std::fs;

use snobox_formats::digest::Digest;
use snobox_formats::oci::{Descriptor, ImageIndex, REF_NAME};
use snobox_store::Store;

const REFERENCE: &str = "quay.io/practice/tool:v1";

/// A store with one image, put blob by blob.
fn filled(store: &Store) -> Digest {
    let put = |bytes: &[u8]| {
        store.put(Digest::of(bytes), bytes).unwrap();
        Digest::of(bytes)
    };
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(5);
    header.set_mode(0o644);
    tar.append_data(&mut header, "hello", &b"hello"[..])
        .unwrap();
    let layer = tar.into_inner().unwrap();
    let config = serde_json::json!({
        "architecture": "amd64", "os": "linux", "config": { "Labels": { "made": "here" } },
        "rootfs": { "type": "layers", "diff_ids": [Digest::of(&layer)] },
    })
    .to_string();
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": put(config.as_bytes()), "size": config.len() },
        "layers": [{ "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": put(&layer), "size": layer.len() }],
    })
    .to_string();
    let digest = put(manifest.as_bytes());
    let mut index = ImageIndex::empty();
    index.manifests.push(Descriptor {
        media_type: "application/vnd.oci.image.manifest.v1+json".into(),
        digest,
        size: manifest.len() as u64,
        platform: None,
        annotations: [(REF_NAME.to_owned(), REFERENCE.to_owned())].into(),
    });
    store.set_index(&index).unwrap();
    digest
}

#[test]
fn skopeo_inspects_and_copies_an_image_out_of_a_store() {
    let Some(skopeo) = oracle::find("skopeo", "SNOBOX_SKOPEO") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(&folder.path().join("store")).unwrap();
    let _lock = store.lock().unwrap();
    let digest = filled(&store);
    let source = format!("oci:store:{REFERENCE}");
    let inspected: serde_json::Value =
        serde_json::from_str(&skopeo.ok(folder.path(), &["inspect", &source])).unwrap();
    assert_eq!(inspected["Digest"], digest.to_string());
    assert_eq!(inspected["Labels"]["made"], "here");
    let args = [
        "copy",
        "--quiet",
        "--insecure-policy",
        "--preserve-digests",
        &source,
        "dir:out",
    ];
    skopeo.ok(folder.path(), &args);
    let manifest = fs::read(folder.path().join("out/manifest.json")).unwrap();
    assert_eq!(manifest, fs::read(store.blob_path(digest)).unwrap());
}
