//! Catalogs in registries: what `snobox catalog` reads of the practice catalog's image, what it fetches for that, and what it still knows when the
//! registry is gone.

use std::fs;

use serde_json::json;

use crate::support::{PracticeRegistry, Sandbox};

const CATALOG: &str = "registry.practice.example/catalogs/practice-operator-index:v4.99";

fn mirror(practice: &PracticeRegistry) -> String {
    let source = "registry.practice.example";
    format!("{source}={}/{source}", practice.address)
}

fn layers(sandbox: &Sandbox) -> u64 {
    let blobs = fs::read_dir(sandbox.path("store/blobs/sha256")).unwrap();
    blobs.map(|b| b.unwrap().metadata().unwrap().len()).sum()
}

#[test]
fn a_catalog_image_is_listed_from_its_layers_of_documents_and_then_without_its_registry() {
    let (practice, sandbox) = (PracticeRegistry::start(), Sandbox::new());
    let mirror = mirror(&practice);
    let list = |more: &[&str]| {
        let args = ["--json", "catalog", "list", CATALOG, "--mirror", &mirror];
        sandbox.run(&[&args, more].concat())
    };
    let all = list(&[]).ok().json();
    let expected = json!({"packages": [
        {"name": "practice-storage", "defaultChannel": "stable-4.99", "faults": [], "channels": [
            {"name": "preview", "head": "practice-storage.v4.99.1"},
            {"name": "stable-4.99", "head": "practice-storage.v4.99.1"},
        ]},
        {"name": "practice-telemetry", "defaultChannel": "fast", "faults": [], "channels": [
            {"name": "fast", "head": "practice-telemetry.v0.9.0"},
        ]},
    ]});
    assert_eq!(all, expected);
    // Neither the base (of more than 2 MB) nor the program came.
    assert!(layers(&sandbox) < 200_000, "{}", layers(&sandbox));
    let index = String::from_utf8(sandbox.read("store/index.json")).unwrap();
    assert!(!index.contains("practice-operator-index"), "{index}");

    // By the name of the place itself, which speaks plain HTTP.
    let direct = format!("{}/{CATALOG}", practice.address);
    let said = sandbox.run(&["--json", "catalog", "list", &direct]).ok();
    assert_eq!(said.json(), expected);

    drop(practice);
    let said = list(&["--package", "practice-telemetry"]).ok();
    assert_eq!(said.json()["channels"][0]["versions"], json!(["0.9.0"]));
    let args = ["catalog", "list", CATALOG, "--mirror", &mirror];
    sandbox
        .run(&args)
        .ok()
        .says("note: registry.practice.example cannot be reached")
        .says("as it was last");
    let other = format!("{CATALOG}0");
    sandbox
        .run(&["catalog", "list", &other, "--mirror", &mirror])
        .fails(20);
}

#[test]
fn sizes_are_those_of_the_manifests_and_no_layer_comes() {
    let (practice, sandbox) = (PracticeRegistry::start(), Sandbox::new());
    let mirror = mirror(&practice);
    let args = [
        "--json",
        "catalog",
        "list",
        CATALOG,
        "--mirror",
        &mirror,
        "--package",
        "practice-storage",
        "--sizes",
    ];
    let heads = sandbox.run(&args).ok().json();
    assert_eq!(heads["versions"].as_array().unwrap().len(), 1);
    let channel = sandbox
        .run(&[&args[..], &["--channel", "stable-4.99"]].concat())
        .ok()
        .json();
    let versions = channel["versions"].as_array().unwrap();
    assert_eq!(versions.len(), 2);
    let size = |version: &serde_json::Value| version["sizeBytes"].as_u64().unwrap();
    // Each image is a base of two megabytes, which all share, and a program of 50 to 600 KiB.
    let together = channel["togetherBytes"].as_u64().unwrap();
    assert!(together < size(&versions[0]) + size(&versions[1]));
    assert!(size(&versions[0]) > 1_000_000, "{channel:#}");
    assert_eq!(versions[0]["unknown"], json!([]));
    assert_eq!(versions[0]["images"].as_array().unwrap().len(), 3);
    // Independently: the sizes in the manifests that skopeo would sum up, out of the store.
    let mut blobs = std::collections::BTreeMap::new();
    for image in versions[0]["images"].as_array().unwrap() {
        let digest = image.as_str().unwrap().split_once("@sha256:").unwrap().1;
        let bytes = sandbox.read(&format!("store/blobs/sha256/{digest}"));
        let manifest: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        blobs.insert(digest.to_owned(), bytes.len() as u64);
        let layers = manifest["layers"].as_array().unwrap();
        for blob in layers.iter().chain([&manifest["config"]]) {
            blobs.insert(
                blob["digest"].as_str().unwrap().to_owned(),
                blob["size"].as_u64().unwrap(),
            );
        }
    }
    assert_eq!(size(&versions[0]), blobs.values().sum::<u64>());
    assert!(layers(&sandbox) < 200_000, "{}", layers(&sandbox));
}

#[test]
fn an_image_set_is_selected_from_the_images_that_it_names() {
    let (practice, sandbox) = (PracticeRegistry::start(), Sandbox::new());
    sandbox.write(
        "imageset.yaml",
        format!(
            "kind: ImageSetConfiguration\napiVersion: mirror.openshift.io/v2alpha1\nmirror:\n  operators:\n  - catalog: {CATALOG}\n    packages:\n    - name: practice-telemetry\n"
        ),
    );
    let mirror = mirror(&practice);
    let args = [
        "--json",
        "catalog",
        "select",
        "--image-set",
        "imageset.yaml",
        "--mirror",
        &mirror,
    ];
    let said = sandbox.run(&args).ok().json();
    assert_eq!(said["bundles"][0]["name"], "practice-telemetry.v0.9.0");
    assert_eq!(said["bundles"][0]["images"].as_array().unwrap().len(), 3);
}

#[test]
fn an_image_that_is_no_catalog_is_refused_by_name() {
    let (practice, sandbox) = (PracticeRegistry::start(), Sandbox::new());
    let image = "registry.practice.example/factory/line-agent:1.0";
    sandbox
        .run(&["catalog", "list", image, "--mirror", &mirror(&practice)])
        .fails(31)
        .says("registry.practice.example/factory/line-agent:1.0: not an operator catalog: it has no label");
}
