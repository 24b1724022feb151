//! The practice release whose images run: each is unpacked, and its entrypoint started in a changed root.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test code; a skip must be seen"
)]

#[allow(dead_code, reason = "each test binary uses a part of it")]
mod oracle;

use flate2::read::GzDecoder;
use oracle::{Kept, Oracle};
use serde_json::Value;
use snobox_testkit::practice::{Practice, Runnable, write_layout, write_layout_with};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

/// The layout with a real shell; none where there is no static busybox.
static LAYOUT: LazyLock<Option<(Kept, Practice)>> = LazyLock::new(|| {
    oracle::find("busybox", "SNOBOX_BUSYBOX")?;
    let path = std::env::var_os("SNOBOX_BUSYBOX").unwrap_or_else(|| "/bin/busybox".into());
    let dir = Kept::empty("practice-runnable");
    let shell = fs::read(path).unwrap();
    let practice = write_layout_with(dir.path(), &Runnable { shell }).unwrap();
    Some((dir, practice))
});

/// A program must not be open for writing when it is started, not even in the child that another test is about to start.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn document(dir: &Path, digest: &str) -> Value {
    let path = dir.join("blobs").join(digest.replace(':', "/"));
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The manifest of `reference`, or of its child for `architecture`.
fn manifest(dir: &Path, reference: &str, architecture: &str) -> Value {
    let text = fs::read(dir.join("index.json")).unwrap();
    let index: Value = serde_json::from_slice(&text).unwrap();
    let entry = index["manifests"].as_array().unwrap().iter().find(|entry| {
        entry["annotations"]["org.opencontainers.image.ref.name"].as_str() == Some(reference)
    });
    let document_ = document(dir, entry.unwrap()["digest"].as_str().unwrap());
    let Some(children) = document_["manifests"].as_array() else {
        return document_;
    };
    let child = children
        .iter()
        .find(|child| child["platform"]["architecture"] == architecture);
    document(dir, child.unwrap()["digest"].as_str().unwrap())
}

/// An image that was unpacked, and how it wants to be started.
struct Unpacked {
    root: PathBuf,
    entrypoint: Vec<String>,
}

fn unpack(dir: &Path, reference: &str, root: &Path) -> Unpacked {
    let manifest = manifest(dir, reference, "amd64");
    let config = document(dir, manifest["config"]["digest"].as_str().unwrap());
    for layer in manifest["layers"].as_array().unwrap() {
        let digest = layer["digest"].as_str().unwrap();
        let blob = fs::File::open(dir.join("blobs").join(digest.replace(':', "/"))).unwrap();
        tar::Archive::new(GzDecoder::new(blob))
            .unpack(root)
            .unwrap();
    }
    Unpacked {
        root: root.to_owned(),
        entrypoint: serde_json::from_value(config["config"]["Entrypoint"].clone()).unwrap(),
    }
}

impl Unpacked {
    fn run(&self, unshare: &Oracle, words: &[&str]) -> Output {
        let root = format!("--root={}", self.root.display());
        let mut args = vec!["--map-root-user", &root];
        args.extend(self.entrypoint.iter().map(String::as_str));
        args.extend(words);
        unshare.output(Path::new("/"), &args)
    }
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn the_release_image_answers_with_the_pull_spec_of_a_component() {
    let (Some((dir, practice)), Some(unshare)) =
        (&*LAYOUT, oracle::find("unshare", "SNOBOX_UNSHARE"))
    else {
        return;
    };
    let _alone = alone();
    let root = tempfile::tempdir().unwrap();
    let release = unpack(dir.path(), &practice.release, root.path());
    for (name, spec) in &practice.components {
        assert_eq!(
            said(&release.run(&unshare, &["image", name])),
            format!("{spec}\n")
        );
    }
    let output = release.run(&unshare, &["image", "no-such"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty());
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "error: no image tag \"no-such\" exists in the release image\n"
    );
    // What bootkube also asks of it.
    assert_eq!(
        said(&release.run(&unshare, &["render", "--output-dir=/assets"])),
        "ran cluster-version-operator\n"
    );
}

#[test]
fn every_component_but_the_operating_system_runs_with_any_words() {
    let (Some((dir, practice)), Some(unshare)) =
        (&*LAYOUT, oracle::find("unshare", "SNOBOX_UNSHARE"))
    else {
        return;
    };
    let _alone = alone();
    for (name, spec) in &practice.components {
        let root = tempfile::tempdir().unwrap();
        let image = unpack(dir.path(), spec, root.path());
        if name == "rhel-coreos" {
            assert!(!root.path().join("bin/sh").exists());
            continue;
        }
        let output = image.run(&unshare, &["--any", "words", "image"]);
        assert_eq!(said(&output), format!("ran {name}\n"));
    }
}

#[test]
fn cluster_bootstrap_hands_the_clusters_ignition_on() {
    let (Some((dir, practice)), Some(unshare)) =
        (&*LAYOUT, oracle::find("unshare", "SNOBOX_UNSHARE"))
    else {
        return;
    };
    let _alone = alone();
    let (_, spec) = &practice.components[practice
        .components
        .iter()
        .position(|(name, _)| name == "cluster-bootstrap")
        .unwrap()];
    let root = tempfile::tempdir().unwrap();
    let image = unpack(dir.path(), spec, root.path());
    let assets = root.path().join("assets");
    fs::create_dir(&assets).unwrap();
    fs::write(assets.join("original-master.ign"), "{\"x\": 1}").unwrap();
    fs::write(assets.join("m.fcc"), "variant: fcos").unwrap();
    let words = ["bootstrap-in-place", "--asset-dir", "/assets", "--input"];
    let words = [&words[..], &["/assets/m.fcc", "--output", "/assets/o.ign"]].concat();
    assert_eq!(said(&image.run(&unshare, &words)), "");
    assert_eq!(
        fs::read_to_string(assets.join("o.ign")).unwrap(),
        "{\"x\": 1}"
    );
    // Without its input it fails, as the real one does.
    fs::remove_file(assets.join("m.fcc")).unwrap();
    assert!(!image.run(&unshare, &words).status.success());
}

#[test]
fn the_shell_is_one_layer_for_all_and_not_for_arm64() {
    let dir = tempfile::tempdir().unwrap();
    let shell = b"not really a shell".to_vec();
    let practice = write_layout_with(dir.path(), &Runnable { shell }).unwrap();
    let lowest = |reference: &str, architecture: &str| {
        manifest(dir.path(), reference, architecture)["layers"][0]["digest"].clone()
    };
    let release = lowest(&practice.release, "amd64");
    for reference in [&practice.additional, &practice.catalog] {
        assert_eq!(lowest(reference, "amd64"), release, "{reference}");
    }
    let (_, cli) = practice
        .components
        .iter()
        .find(|(name, _)| name == "cli")
        .unwrap();
    assert_eq!(lowest(cli, "amd64"), release);
    assert_ne!(lowest(cli, "arm64"), release);

    // The usual practice release has none of this.
    let plain_dir = tempfile::tempdir().unwrap();
    let plain = write_layout(plain_dir.path()).unwrap();
    let manifest = manifest(plain_dir.path(), &plain.release, "amd64");
    let config = document(
        plain_dir.path(),
        manifest["config"]["digest"].as_str().unwrap(),
    );
    assert_eq!(
        config["config"]["Entrypoint"],
        serde_json::json!(["/usr/bin/cluster-version-operator"])
    );
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 2);
}
