//! A store with damage: what is whole is served, what is not is absent, for GET and HEAD alike.

use std::fs;
use std::path::Path;

use serde_json::json;
use snobox_registry::server::Access;

use super::http::{get, request};
use super::served::{Served, blob, json as blob_json, layout, practice};

/// A store with the release alone, in files of its own.
fn release_alone(folder: &Path) {
    let digest = &practice().release_digest;
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let manifest = blob_json(digest);
    let parts = manifest["layers"]
        .as_array()
        .unwrap()
        .iter()
        .chain([&manifest["config"]]);
    let digests = parts.map(|part| part["digest"].as_str().unwrap());
    for digest in digests.chain([digest.as_str()]) {
        fs::write(blobs.join(&digest[7..]), blob(digest)).unwrap();
    }
    let entry = json!({
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": blob(digest).len(),
        "annotations": { "org.opencontainers.image.ref.name": practice().release },
    });
    let index = json!({ "schemaVersion": 2, "manifests": [entry] });
    fs::write(folder.join("index.json"), index.to_string()).unwrap();
    fs::copy(layout().join("oci-layout"), folder.join("oci-layout")).unwrap();
}

const RELEASE: &str = "/v2/quay.io/openshift-release-dev/ocp-release";

#[test]
fn an_image_with_a_damaged_manifest_is_left_out_with_its_tag() {
    let folder = tempfile::tempdir().unwrap();
    release_alone(folder.path());
    let digest = &practice().release_digest;
    let path = folder.path().join("blobs/sha256").join(&digest[7..]);
    let mut bytes = fs::read(&path).unwrap();
    bytes[20] ^= 1;
    fs::write(&path, bytes).unwrap();
    let served = Served::start(folder.path(), Access::Anonymous);
    for key in [digest.as_str(), "4.99.0-practice-x86_64"] {
        let reply = get(served.address, &format!("{RELEASE}/manifests/{key}"));
        assert_eq!(reply.status, 404, "{key}");
    }
    assert_eq!(
        get(served.address, &format!("{RELEASE}/tags/list")).status,
        404
    );
}

#[test]
fn a_truncated_or_missing_layer_is_unknown_and_the_rest_is_served() {
    let folder = tempfile::tempdir().unwrap();
    release_alone(folder.path());
    let served = Served::start(folder.path(), Access::Anonymous);
    let manifest = blob_json(&practice().release_digest);
    let digest = |part: &serde_json::Value| part["digest"].as_str().unwrap().to_owned();
    let (damaged, whole) = (
        digest(&manifest["layers"][0]),
        digest(&manifest["layers"][1]),
    );
    let path = folder.path().join("blobs/sha256").join(&damaged[7..]);
    fs::write(&path, "short").unwrap();
    let (damaged, whole) = (
        format!("{RELEASE}/blobs/{damaged}"),
        format!("{RELEASE}/blobs/{whole}"),
    );
    for gone in [false, true] {
        if gone {
            fs::remove_file(&path).unwrap();
        }
        get(served.address, &damaged).assert_error(404, "BLOB_UNKNOWN");
        assert_eq!(request(served.address, "HEAD", &damaged, &[]).status, 404);
        assert_eq!(get(served.address, &whole).status, 200);
    }
}
