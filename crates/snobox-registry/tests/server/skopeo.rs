//! skopeo pulls from the server, and every digest stays.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::oracle::{command, find, ok};
use super::served::{Served, blob, component, json, practice};

const FROM_HERE: [&str; 4] = [
    "copy",
    "--quiet",
    "--insecure-policy",
    "--src-tls-verify=false",
];

fn manifest(folder: &Path) -> Vec<u8> {
    fs::read(folder.join("manifest.json")).unwrap()
}

#[test]
fn an_image_by_tag_and_by_digest_keeps_its_digest_and_all_blobs() {
    let Some(skopeo) = find("skopeo") else { return };
    let served = Served::practice();
    let folder = tempfile::tempdir().unwrap();
    for (reference, target) in [
        (&practice().release, "tag"),
        (&practice().release_by_digest, "digest"),
    ] {
        let source = format!("docker://{}", served.name(reference));
        let mut copy = command(&skopeo, folder.path());
        ok(copy
            .args(FROM_HERE)
            .args(["--preserve-digests", &source, &format!("dir:{target}")]));
        let target = folder.path().join(target);
        assert_eq!(manifest(&target), blob(&practice().release_digest));
        for layer in json(&practice().release_digest)["layers"]
            .as_array()
            .unwrap()
        {
            let digest = layer["digest"].as_str().unwrap();
            assert_eq!(fs::read(target.join(&digest[7..])).unwrap(), blob(digest));
        }
    }
}

#[test]
fn a_list_comes_whole_with_all_and_as_one_image_without() {
    let Some(skopeo) = find("skopeo") else { return };
    let served = Served::practice();
    let folder = tempfile::tempdir().unwrap();
    let list = component("cli");
    let name = format!("quay.io/openshift-release-dev/ocp-v4.0-art-dev@{list}");
    let source = format!("docker://{}", served.name(&name));
    let mut copy = command(&skopeo, folder.path());
    ok(copy
        .args(FROM_HERE)
        .args(["--preserve-digests", "--all", &source, "dir:all"]));
    assert_eq!(manifest(&folder.path().join("all")), blob(&list));
    let mut copy = command(&skopeo, folder.path());
    ok(copy
        .args(["--override-os", "linux", "--override-arch", "arm64"])
        .args(FROM_HERE)
        .args([&source, "dir:one"]));
    let children = json(&list);
    let children = children["manifests"].as_array().unwrap();
    let arm = children
        .iter()
        .find(|c| c["platform"]["architecture"] == "arm64")
        .unwrap();
    assert_eq!(
        manifest(&folder.path().join("one")),
        blob(arm["digest"].as_str().unwrap())
    );
}

#[test]
fn tags_and_configuration_are_found() {
    let Some(skopeo) = find("skopeo") else { return };
    let served = Served::practice();
    let folder = tempfile::tempdir().unwrap();
    let repository = format!(
        "docker://{}",
        served.name("quay.io/openshift-release-dev/ocp-release")
    );
    let tags =
        ok(command(&skopeo, folder.path()).args(["list-tags", "--tls-verify=false", &repository]));
    let tags: Value = serde_json::from_str(&tags).unwrap();
    assert_eq!(tags["Tags"], serde_json::json!(["4.99.0-practice-x86_64"]));
    let release = format!("docker://{}", served.name(&practice().release));
    let shown =
        ok(command(&skopeo, folder.path()).args(["inspect", "--tls-verify=false", &release]));
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["Digest"], practice().release_digest.as_str());
    assert_eq!(shown["Labels"]["io.openshift.release"], "4.99.0-practice");
}
