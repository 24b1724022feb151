//! A store with damage: what is whole is served, what is not is an error that names it, for GET and HEAD alike.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use snobox_formats::digest::Digest;
use snobox_formats::xxh3::Xxh3;
use snobox_registry::server::Access;

use super::http::{Reply, get, request};
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

/// Where a blob of the store in `folder` lies.
fn blob_file(folder: &Path, digest: &str) -> PathBuf {
    folder.join("blobs/sha256").join(&digest[7..])
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// Expects the error for damage, which names `digest` and the image that needs it.
#[track_caller]
fn assert_damaged(reply: &Reply, digest: &str) {
    reply.assert_error(500, "UNKNOWN");
    let message = reply.json()["errors"][0]["message"].to_string();
    assert!(message.contains(digest), "{message}");
    assert!(message.contains(&practice().release), "{message}");
}

/// A layer of the release that is larger than one piece of the server's, and one that is not.
fn layers() -> (String, String) {
    let manifest = blob_json(&practice().release_digest);
    let parts = manifest["layers"].as_array().unwrap().iter();
    let digest = |large: bool| {
        let mut parts = parts.clone();
        let part = parts.find(|part| (part["size"].as_u64().unwrap() > 1_000_000) == large);
        part.unwrap()["digest"].as_str().unwrap().to_owned()
    };
    (digest(true), digest(false))
}

#[test]
fn an_image_with_a_damaged_manifest_is_an_error_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    release_alone(folder.path());
    let digest = &practice().release_digest;
    flip(&blob_file(folder.path(), digest), 20);
    let served = Served::start(folder.path(), Access::Anonymous);
    for kind in ["manifests", "blobs"] {
        let reply = get(served.address, &format!("{RELEASE}/{kind}/{digest}"));
        assert_damaged(&reply, digest);
    }
    let tag = format!("{RELEASE}/manifests/4.99.0-practice-x86_64");
    assert_damaged(&get(served.address, &tag), digest);
    assert_eq!(request(served.address, "HEAD", &tag, &[]).status, 500);
    let tags = get(served.address, &format!("{RELEASE}/tags/list"));
    assert_eq!(tags.json()["tags"], json!(["4.99.0-practice-x86_64"]));
}

#[test]
fn a_truncated_or_missing_layer_is_an_error_with_its_name_and_the_rest_is_served() {
    let folder = tempfile::tempdir().unwrap();
    release_alone(folder.path());
    let (damaged, whole) = layers();
    let file = blob_file(folder.path(), &damaged);
    for gone in [false, true] {
        let served = Served::start(folder.path(), Access::Anonymous);
        fs::write(&file, "short").unwrap();
        if gone {
            fs::remove_file(&file).unwrap();
        }
        let path = format!("{RELEASE}/blobs/{damaged}");
        assert_eq!(request(served.address, "HEAD", &path, &[]).status, 500);
        assert_damaged(&get(served.address, &path), &damaged);
        assert_eq!(
            get(served.address, &format!("{RELEASE}/blobs/{whole}")).status,
            200
        );
    }
}

#[test]
fn a_layer_with_a_flipped_bit_never_arrives_whole_and_is_named_from_then_on() {
    let folder = tempfile::tempdir().unwrap();
    release_alone(folder.path());
    let (large, _) = layers();
    let size = blob(&large).len();
    flip(&blob_file(folder.path(), &large), 0);
    let served = Served::start(folder.path(), Access::Anonymous);
    let path = format!("{RELEASE}/blobs/{large}");
    let first = get(served.address, &path);
    assert_eq!(first.header("content-length"), size.to_string());
    assert!(
        first.body.len() < size,
        "the whole blob arrived, damaged as it is"
    );
    assert_damaged(&get(served.address, &path), &large);
    assert_eq!(request(served.address, "HEAD", &path, &[]).status, 500);
    let range = request(served.address, "GET", &path, &[("Range", "bytes=-1")]);
    assert_damaged(&range, &large);
    assert_eq!(served.damage(), [large]);
}

#[test]
fn a_small_blob_with_a_flipped_bit_is_an_error_at_once() {
    let folder = tempfile::tempdir().unwrap();
    release_alone(folder.path());
    let (_, small) = layers();
    flip(&blob_file(folder.path(), &small), 5);
    let served = Served::start(folder.path(), Access::Anonymous);
    let reply = get(served.address, &format!("{RELEASE}/blobs/{small}"));
    assert_damaged(&reply, &small);
}

#[test]
fn a_range_of_a_layer_that_was_never_checked_is_checked_first() {
    let folder = tempfile::tempdir().unwrap();
    release_alone(folder.path());
    let (large, _) = layers();
    let (path, whole) = (format!("{RELEASE}/blobs/{large}"), blob(&large));
    let part = |served: &Served| request(served.address, "GET", &path, &[("Range", "bytes=0-9")]);

    let served = Served::start(folder.path(), Access::Anonymous);
    let reply = part(&served);
    assert_eq!((reply.status, &reply.body[..]), (206, &whole[..10]));

    // The damage lies behind the range.
    flip(&blob_file(folder.path(), &large), whole.len() - 1);
    // What was checked is remembered: the file is not hashed again.
    assert_eq!(part(&served).status, 206);
    let served = Served::start(folder.path(), Access::Anonymous);
    assert_damaged(&part(&served), &large);
    assert_eq!(served.damage(), [large]);
}

#[test]
fn a_blob_that_was_sent_whole_is_remembered_as_checked() {
    let folder = tempfile::tempdir().unwrap();
    release_alone(folder.path());
    let (large, _) = layers();
    let (path, whole) = (format!("{RELEASE}/blobs/{large}"), blob(&large));
    let served = Served::start(folder.path(), Access::Anonymous);
    assert_eq!(get(served.address, &path).body, whole);
    flip(&blob_file(folder.path(), &large), 0);
    // Clients hash what they get; here it shows that the server did not.
    assert_eq!(get(served.address, &path).body.len(), whole.len());
}

/// The sum of a sound blob.
fn sum(digest: &str) -> (Digest, u128) {
    let mut sum = Xxh3::new();
    sum.update(&blob(digest));
    (digest.parse().unwrap(), sum.finish())
}

#[test]
fn a_flipped_bit_is_noticed_by_the_sum_and_named_by_the_digest() {
    let folder = tempfile::tempdir().unwrap();
    release_alone(folder.path());
    let (large, small) = layers();
    let path = |digest: &str| format!("{RELEASE}/blobs/{digest}");
    let sums = vec![sum(&large), sum(&small)];
    let start = || Served::with_sums(folder.path(), Access::Anonymous, sums.clone());
    let served = start();
    assert_eq!(get(served.address, &path(&large)).body, blob(&large));
    assert_eq!(served.damage(), [""; 0]);

    flip(&blob_file(folder.path(), &large), 7);
    let served = start();
    let first = get(served.address, &path(&large));
    assert!(
        first.body.len() < blob(&large).len(),
        "the whole blob arrived, damaged as it is"
    );
    let second = get(served.address, &path(&large));
    assert_damaged(&second, &large);
    let found = Digest::of(&fs::read(blob_file(folder.path(), &large)).unwrap()).to_string();
    let message = second.json()["errors"][0]["message"].to_string();
    assert!(message.contains(&found), "{message}");
    assert_eq!(get(served.address, &path(&small)).body, blob(&small));
    assert_eq!(served.damage(), [large]);
}

#[test]
fn a_wrong_sum_makes_no_blob_damaged() {
    let folder = tempfile::tempdir().unwrap();
    release_alone(folder.path());
    let (large, small) = layers();
    let wrong = |digest: &str| (digest.parse().unwrap(), sum(digest).1 ^ 1);
    let sums = vec![wrong(&large), wrong(&small)];
    let served = Served::with_sums(folder.path(), Access::Anonymous, sums);
    for digest in [&large, &small] {
        let path = format!("{RELEASE}/blobs/{digest}");
        assert_eq!(get(served.address, &path).body, blob(digest));
    }
    assert_eq!(served.damage(), [""; 0]);
}

#[test]
fn what_is_gone_with_its_name_is_absent_and_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    release_alone(folder.path());
    let served = Served::following(folder.path());
    let digest = &practice().release_digest;
    let layer = blob_json(digest)["layers"][0]["digest"].clone();
    let layer = layer.as_str().unwrap();
    let asked = [
        format!("{RELEASE}/manifests/{digest}"),
        format!("{RELEASE}/blobs/{layer}"),
    ];
    for path in &asked {
        assert_eq!(get(served.address, path).status, 200, "{path}");
    }
    // As a cleaning does it: the index first. Five times, so that none of them is the one at which the server looks by itself.
    let index = fs::read(folder.path().join("index.json")).unwrap();
    for _ in 0..5 {
        let replace = |bytes: &[u8]| {
            fs::write(folder.path().join("new"), bytes).unwrap();
            fs::rename(folder.path().join("new"), folder.path().join("index.json")).unwrap();
        };
        replace(br#"{"schemaVersion":2,"manifests":[]}"#);
        for digest in [digest.as_str(), layer] {
            fs::remove_file(blob_file(folder.path(), digest)).unwrap();
        }
        for path in &asked {
            get(served.address, path).assert_error(404, "NAME_UNKNOWN");
        }
        for digest in [digest.as_str(), layer] {
            fs::write(blob_file(folder.path(), digest), blob(digest)).unwrap();
        }
        replace(&index);
        while get(served.address, &asked[0]).status != 200 {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
    // What is still named and not there stays damage.
    fs::remove_file(blob_file(folder.path(), layer)).unwrap();
    assert_damaged(&get(served.address, &asked[1]), layer);
}
