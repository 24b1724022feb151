//! A stick with a bad spot: named for the clients and for the technician, and never taken for whole.

use std::fs;
use std::path::Path;

use serde_json::Value;
use snobox_formats::xxh3::Xxh3;
use snobox_image::sums::Sums;

use super::agent::{Agent, store_with};
use super::http::get;
use super::oracle::{command, find, refused};
use super::shared_layout::LAYOUT;

const RELEASE: &str = "/v2/quay.io/openshift-release-dev/ocp-release";

fn flip(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(file, bytes).unwrap();
}

/// The largest layer of the release.
fn layer() -> String {
    let hex = &LAYOUT.practice.release_digest[7..];
    let manifest = fs::read(LAYOUT.folder.join("blobs/sha256").join(hex)).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let layers = manifest["layers"].as_array().unwrap().iter();
    let largest = layers.max_by_key(|layer| layer["size"].as_u64());
    largest.unwrap()["digest"].as_str().unwrap().to_owned()
}

#[test]
fn a_flipped_bit_in_a_layer_fails_the_pull_and_is_named_to_all() {
    let Some(skopeo) = find("skopeo") else { return };
    let layer = layer();
    let store = tempfile::tempdir().unwrap();
    let own = store_with(store.path(), &[&layer]);
    flip(&own[0]);
    let agent = Agent::start(store.path());
    assert_eq!(agent.report()["state"], "done");

    let folder = tempfile::tempdir().unwrap();
    let source = format!("docker://{}", agent.name(&LAYOUT.practice.release));
    let copy = [
        "copy",
        "--quiet",
        "--insecure-policy",
        "--src-tls-verify=false",
    ];
    refused(
        command(&skopeo, folder.path())
            .args(copy)
            .args([&source, "dir:image"]),
    );

    let reply = get(agent.address, &format!("{RELEASE}/blobs/{layer}"));
    reply.assert_error(500, "UNKNOWN");
    let said = reply.json()["errors"][0]["message"].to_string();
    assert!(
        said.contains(&layer) && said.contains(&LAYOUT.practice.release),
        "{said}"
    );

    let report = agent.report();
    assert_eq!(report["state"], "failed");
    let message = report["message"].as_str().unwrap();
    assert!(
        message.contains(&layer) && message.contains(&LAYOUT.practice.release),
        "{message}"
    );
    let action = report["action"].as_str().unwrap();
    assert!(action.starts_with("write the stick again"), "{action}");
}

#[test]
fn a_damaged_manifest_is_reported_at_the_start_and_the_rest_is_served() {
    let digest = &LAYOUT.practice.release_digest;
    let store = tempfile::tempdir().unwrap();
    let own = store_with(store.path(), &[digest]);
    flip(&own[0]);
    let agent = Agent::start(store.path());
    let report = agent.report();
    assert_eq!(report["state"], "failed");
    let message = report["message"].as_str().unwrap();
    assert!(
        message.contains(digest) && message.contains(&LAYOUT.practice.release),
        "{message}"
    );
    let manifest = format!("{RELEASE}/manifests/{digest}");
    get(agent.address, &manifest).assert_error(500, "UNKNOWN");
    let (_, other) = &LAYOUT.practice.components[0];
    let (name, other) = other.split_once('@').unwrap();
    let other = get(agent.address, &format!("/v2/{name}/manifests/{other}"));
    assert_eq!(other.status, 200);
}

#[test]
fn sums_that_cannot_be_read_are_no_reason_not_to_serve_and_damage_is_found_without_them() {
    let layer = layer();
    let store = tempfile::tempdir().unwrap();
    let own = store_with(store.path(), &[&layer]);
    let sums = store.path().join("sums");
    fs::write(&sums, "SNBXSUMS").unwrap();
    let path = format!("{RELEASE}/blobs/{layer}");
    for file in [&sums, &store.path().join("absent")] {
        let agent = Agent::with(store.path(), &["--sums", file.to_str().unwrap()]);
        assert_eq!(get(agent.address, &path).body, fs::read(&own[0]).unwrap());
        assert_eq!(agent.report()["state"], "done");
    }
    flip(&own[0]);
    let agent = Agent::with(store.path(), &["--sums", sums.to_str().unwrap()]);
    let length = fs::read(&own[0]).unwrap().len();
    assert!(get(agent.address, &path).body.len() < length);
    assert_eq!(agent.report()["state"], "failed");
}

#[test]
fn with_sums_a_flipped_bit_is_found_and_what_is_sound_is_served() {
    let layer = layer();
    let store = tempfile::tempdir().unwrap();
    let own = store_with(store.path(), &[&layer]);
    let sound = fs::read(&own[0]).unwrap();
    let mut sum = Xxh3::new();
    sum.update(&sound);
    let mut sums = Sums::default();
    sums.add(layer.parse().unwrap(), sum.finish());
    let file = store.path().join("sums");
    fs::write(&file, sums.to_bytes()).unwrap();
    let start = || Agent::with(store.path(), &["--sums", file.to_str().unwrap()]);
    let path = format!("{RELEASE}/blobs/{layer}");
    assert_eq!(get(start().address, &path).body, sound);
    flip(&own[0]);
    let agent = start();
    assert!(get(agent.address, &path).body.len() < sound.len());
    assert_eq!(agent.report()["state"], "failed");
    let message = agent.report()["message"].to_string();
    assert!(message.contains(&layer), "{message}");
}
