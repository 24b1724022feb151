//! The practice release, read back by hand and by skopeo.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test code; a skip must be seen"
)]

#[allow(dead_code, reason = "each test binary uses a part of it")]
mod oracle;

use flate2::read::GzDecoder;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use snobox_testkit::practice::{Practice, VERSION, pull_secret, write_layout};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::sync::LazyLock;

use oracle::Kept;

static LAYOUT: LazyLock<(Kept, Practice)> = LazyLock::new(|| {
    let dir = Kept::empty("practice-layout");
    let practice = write_layout(dir.path()).unwrap();
    (dir, practice)
});

fn blob(digest: &str) -> Vec<u8> {
    fs::read(LAYOUT.0.path().join("blobs").join(digest.replace(':', "/"))).unwrap()
}

fn json(digest: &str) -> Value {
    serde_json::from_slice(&blob(digest)).unwrap()
}

fn index() -> Vec<Value> {
    let text = fs::read(LAYOUT.0.path().join("index.json")).unwrap();
    let index: Value = serde_json::from_slice(&text).unwrap();
    index["manifests"].as_array().unwrap().clone()
}

fn reference(entry: &Value) -> &str {
    entry["annotations"]["org.opencontainers.image.ref.name"]
        .as_str()
        .unwrap()
}

fn digest_of(wanted: &str) -> String {
    let entries = index();
    let entry = entries
        .iter()
        .find(|entry| reference(entry) == wanted)
        .unwrap();
    entry["digest"].as_str().unwrap().to_owned()
}

/// Every file of an image as the topmost layer leaves it: path → content; whiteouts applied.
fn files(manifest: &str) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for layer in json(manifest)["layers"].as_array().unwrap() {
        let bytes = blob(layer["digest"].as_str().unwrap());
        let mut archive = tar::Archive::new(GzDecoder::new(bytes.as_slice()));
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().display().to_string();
            if path.contains("/.wh.") {
                assert!(
                    files.remove(&path.replace("/.wh.", "/")).is_some(),
                    "{path} hides nothing"
                );
            } else if entry.header().entry_type().is_file() {
                let mut content = Vec::new();
                entry.read_to_end(&mut content).unwrap();
                files.insert(path, content);
            }
        }
    }
    files
}

fn component(name: &str) -> String {
    let components = &LAYOUT.1.components;
    let (_, spec) = components
        .iter()
        .find(|(component, _)| component == name)
        .unwrap();
    digest_of(spec)
}

/// Calls `visit` with every descriptor below `descriptor`, itself first.
fn walk(descriptor: &Value, visit: &mut dyn FnMut(&Value)) {
    visit(descriptor);
    let kind = descriptor["mediaType"].as_str().unwrap();
    if !(kind.contains("manifest") || kind.contains("index")) {
        return;
    }
    let document = json(descriptor["digest"].as_str().unwrap());
    assert_eq!(document["mediaType"], descriptor["mediaType"]);
    for list in ["manifests", "layers"] {
        for child in document[list].as_array().into_iter().flatten() {
            walk(child, visit);
        }
    }
    if document["config"].is_object() {
        walk(&document["config"], visit);
    }
}

#[test]
fn two_runs_give_the_same_index() {
    let other = tempfile::tempdir().unwrap();
    let practice = write_layout(other.path()).unwrap();
    assert_eq!(practice, LAYOUT.1);
    let read = |dir: &Path| fs::read_to_string(dir.join("index.json")).unwrap();
    assert_eq!(read(other.path()), read(LAYOUT.0.path()));
}

#[test]
fn every_blob_has_its_digest_and_size_and_is_named() {
    let mut named = BTreeSet::new();
    for entry in index() {
        walk(&entry, &mut |descriptor| {
            let digest = descriptor["digest"].as_str().unwrap();
            let bytes = blob(digest);
            assert_eq!(descriptor["size"], bytes.len());
            let hex: String = Sha256::digest(&bytes)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            assert_eq!(digest, format!("sha256:{hex}"));
            named.insert(hex);
        });
    }
    let stored: BTreeSet<_> = fs::read_dir(LAYOUT.0.path().join("blobs/sha256"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(named, stored);
    let total: u64 = fs::read_dir(LAYOUT.0.path().join("blobs/sha256"))
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    assert_eq!(LAYOUT.1.total_bytes, total);
    assert!((40_000_000..60_000_000).contains(&total), "{total}");
}

#[test]
fn a_reference_by_digest_names_its_own_digest() {
    let entries = index();
    let by_digest: Vec<_> = entries
        .iter()
        .filter(|entry| reference(entry).contains('@'))
        .collect();
    assert!(by_digest.len() > 25);
    for entry in by_digest {
        let (_, digest) = reference(entry).split_once('@').unwrap();
        assert_eq!(entry["digest"], digest);
    }
}

#[test]
fn both_families_and_one_list_occur() {
    let mut kinds = BTreeMap::<String, u32>::new();
    let mut platforms = Vec::new();
    for entry in index() {
        walk(&entry, &mut |descriptor| {
            *kinds
                .entry(descriptor["mediaType"].as_str().unwrap().to_owned())
                .or_default() += 1;
            if let Some(architecture) = descriptor["platform"]["architecture"].as_str() {
                platforms.push(architecture.to_owned());
            }
        });
    }
    for kind in [
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.oci.image.layer.v1.tar+gzip",
    ] {
        assert!(kinds.contains_key(kind), "{kind}");
    }
    assert_eq!(platforms, ["amd64", "arm64"]);
}

#[test]
fn image_references_name_every_component_that_bootstrap_asks_for() {
    let release = files(&LAYOUT.1.release_digest);
    let stream: Value =
        serde_json::from_slice(&release["release-manifests/image-references"]).unwrap();
    assert_eq!(
        (&stream["kind"], &stream["apiVersion"]),
        (&"ImageStream".into(), &"image.openshift.io/v1".into())
    );
    assert_eq!(stream["metadata"]["name"], VERSION);
    let listed: BTreeMap<_, _> = stream["spec"]["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| {
            (
                tag["name"].as_str().unwrap(),
                tag["from"]["name"].as_str().unwrap(),
            )
        })
        .collect();
    for name in [
        "machine-config-operator",
        "etcd",
        "pod",
        "cluster-etcd-operator",
        "cluster-config-api",
        "cluster-config-operator",
        "cluster-kube-apiserver-operator",
        "cluster-kube-controller-manager-operator",
        "cluster-kube-scheduler-operator",
        "cluster-ingress-operator",
        "cluster-node-tuning-operator",
        "cluster-authentication-operator",
        "cloud-credential-operator",
        "hyperkube",
        "cluster-policy-controller",
        "cluster-bootstrap",
        "baremetal-runtimecfg",
        "cli",
        "rhel-coreos",
        "cluster-version-operator",
        "installer",
        "machine-os-images",
    ] {
        digest_of(listed[name]);
    }
    let metadata: Value =
        serde_json::from_slice(&release["release-manifests/release-metadata"]).unwrap();
    assert_eq!(metadata["kind"], "cincinnati-metadata-v0");
    assert_eq!(metadata["version"], VERSION);
}

#[test]
fn the_upper_layer_of_the_installer_image_wins() {
    let manifest = component("installer");
    let script = String::from_utf8(
        files(&manifest)
            .remove("usr/bin/openshift-install")
            .unwrap(),
    )
    .unwrap();
    assert!(script.starts_with("#!/bin/sh\n") && script.contains("practice-installer \"$@\""));
    let layers = json(&manifest)["layers"].as_array().unwrap().len();
    assert_eq!(layers, 3, "the shadowed one is below");
}

#[test]
fn the_installer_script_starts_snobox_or_says_what_is_missing() {
    let Some(shell) = oracle::find("sh", "SNOBOX_SH") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let script = files(&component("installer"))
        .remove("usr/bin/openshift-install")
        .unwrap();
    fs::write(dir.path().join("openshift-install"), script).unwrap();
    let run = |prefix: &str| {
        let line =
            format!("unset SNOBOX; {prefix} sh ./openshift-install create manifests '--dir=a b'");
        shell.output(dir.path(), &["-c", &line])
    };
    let output = run("SNOBOX=echo");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "practice-installer create manifests --dir=a b\n"
    );
    let output = run("");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("SNOBOX: is not set"));
}

#[test]
fn the_media_image_holds_the_iso_with_its_checksum() {
    let media = files(&component("machine-os-images"));
    let iso = &media["coreos/coreos-x86_64.iso"];
    assert_eq!(*iso, snobox_testkit::live_iso::live_iso());
    let hex: String = Sha256::digest(iso)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let line = String::from_utf8(media["coreos/coreos-x86_64.iso.sha256"].clone()).unwrap();
    assert_eq!(line, format!("{hex}  coreos-x86_64.iso\n"));
    let stream: Value = serde_json::from_slice(&media["coreos/coreos-stream.json"]).unwrap();
    assert_eq!(
        stream
            .pointer("/architectures/x86_64/artifacts/metal/formats/iso/disk/sha256")
            .unwrap(),
        &hex
    );
    assert!(!media.contains_key("coreos/coreos-x86_64.iso.part"));
}

#[test]
fn the_catalog_names_only_images_that_are_there() {
    let manifest = digest_of(&LAYOUT.1.catalog);
    let config = json(json(&manifest)["config"]["digest"].as_str().unwrap());
    assert_eq!(
        config["config"]["Labels"]["operators.operatorframework.io.index.configs.v1"],
        "/configs"
    );
    let mut schemas = BTreeMap::<String, u32>::new();
    for (path, text) in files(&manifest) {
        // What `.indexignore` names is no document.
        if !path.starts_with("configs/") || !path.ends_with(".json") {
            continue;
        }
        for object in serde_json::Deserializer::from_slice(&text).into_iter::<Value>() {
            let object = object.unwrap();
            *schemas
                .entry(object["schema"].as_str().unwrap().to_owned())
                .or_default() += 1;
            for image in object["relatedImages"].as_array().into_iter().flatten() {
                digest_of(image["image"].as_str().unwrap());
            }
        }
    }
    let counts: Vec<_> = schemas
        .iter()
        .map(|(name, count)| (name.as_str(), *count))
        .collect();
    assert_eq!(
        counts,
        [("olm.bundle", 3), ("olm.channel", 3), ("olm.package", 2)]
    );
}

#[test]
fn the_pull_secret_is_for_both_registries() {
    let secret: Value = serde_json::from_str(&pull_secret()).unwrap();
    // `printf practice:practice | base64`
    for registry in ["quay.io", "registry.practice.example"] {
        assert_eq!(
            secret["auths"][registry]["auth"],
            "cHJhY3RpY2U6cHJhY3RpY2U="
        );
    }
}

/// skopeo 1.9 finds a Docker manifest only in an index without names, so each gets a layout of its own over the same blobs.
fn alone(entry: &Value, dir: &Path) -> String {
    let single = dir.join("single");
    fs::create_dir(&single).unwrap();
    std::os::unix::fs::symlink(LAYOUT.0.path().join("blobs"), single.join("blobs")).unwrap();
    fs::copy(
        LAYOUT.0.path().join("oci-layout"),
        single.join("oci-layout"),
    )
    .unwrap();
    let mut entry = entry.clone();
    entry.as_object_mut().unwrap().remove("annotations");
    let index = serde_json::json!({ "schemaVersion": 2, "manifests": [entry] });
    fs::write(single.join("index.json"), index.to_string()).unwrap();
    format!("oci:{}", single.display())
}

#[test]
fn skopeo_copies_every_image_with_its_digest_kept() {
    let Some(tool) = oracle::find("skopeo", "SNOBOX_SKOPEO") else {
        return;
    };
    let layout = LAYOUT.0.path().display();
    let mut by_name = 0;
    for entry in index() {
        let copy = tempfile::tempdir().unwrap();
        let source = if entry["mediaType"].as_str().unwrap().contains("docker") {
            alone(&entry, copy.path())
        } else {
            by_name += 1;
            format!("oci:{layout}:{}", reference(&entry))
        };
        let mut args = vec!["copy", "--quiet", "--all", "--insecure-policy"];
        args.extend(["--preserve-digests", &source, "dir:out"]);
        tool.ok(copy.path(), &args);
        let bytes = fs::read(copy.path().join("out/manifest.json")).unwrap();
        assert_eq!(
            bytes,
            blob(entry["digest"].as_str().unwrap()),
            "{}",
            reference(&entry)
        );
    }
    assert!(by_name > 20);
    for wanted in [&LAYOUT.1.release, &LAYOUT.1.additional, &LAYOUT.1.catalog] {
        let manifest = tool.ok(
            Path::new("/"),
            &["inspect", "--raw", &format!("oci:{layout}:{wanted}")],
        );
        assert_eq!(manifest.as_bytes(), blob(&digest_of(wanted)));
    }
}
