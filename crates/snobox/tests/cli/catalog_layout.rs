//! Catalogs in folders (`oci://`): an image layout that skopeo wrote, listed, selected from, and brought with a site.

use std::fs;

use serde_json::{Value, json};

use crate::image_sets::{lock, manifests, of_role, site};
use crate::support::{PracticeRegistry, Sandbox, Tool, copy, tool};

const CATALOG: &str = "registry.practice.example/catalogs/practice-operator-index:v4.99";

/// What skopeo makes of the practice catalog, in `name` below the sandbox.
fn layout(registry: &PracticeRegistry, sandbox: &Sandbox, skopeo: &Tool, name: &str) {
    let source = format!("docker://{}/{CATALOG}", registry.address);
    let target = format!("oci:{}", sandbox.path(name).display());
    let copy = ["--override-arch=amd64", "--insecure-policy", "copy", "-q"];
    skopeo.run(&[&copy[..], &["--src-tls-verify=false", &source, &target]].concat());
}

fn index(sandbox: &Sandbox, name: &str) -> Value {
    serde_json::from_slice(&sandbox.read(&format!("{name}/index.json"))).unwrap()
}

fn set(more: &str) -> String {
    format!(
        "kind: ImageSetConfiguration\napiVersion: mirror.openshift.io/v2alpha1\nmirror:\n  operators:\n  - catalog: oci://layouts/my-index\n{more}"
    )
}

const PACKAGES: &str = "    packages:\n    - name: practice-telemetry\n";

#[test]
fn a_layout_is_listed_and_selected_from_without_a_network() {
    let Some(skopeo) = tool("skopeo") else { return };
    let (registry, sandbox) = (PracticeRegistry::start(), Sandbox::new());
    fs::create_dir_all(sandbox.path("sets/layouts")).unwrap();
    layout(&registry, &sandbox, &skopeo, "sets/layouts/my-index");
    drop(registry);
    let list = |name: &str| sandbox.run(&["--json", "catalog", "list", name]);
    let named = list("oci://sets/layouts/my-index").ok().json();
    let names: Vec<_> = named["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["practice-storage", "practice-telemetry"]);
    // By its whole path, and by the path alone.
    let path = sandbox.path("sets/layouts/my-index").display().to_string();
    assert_eq!(list(&format!("oci://{path}")).ok().json(), named);
    assert_eq!(list(&path).ok().json(), named);

    // Relative to the image set.
    sandbox.write("sets/imageset.yaml", set(PACKAGES));
    let args = [
        "--json",
        "catalog",
        "select",
        "--image-set",
        "sets/imageset.yaml",
    ];
    let said = sandbox.run(&args).ok().json();
    assert_eq!(said["bundles"][0]["name"], "practice-telemetry.v0.9.0");
    sandbox.run(&["verify", "store"]).ok();
}

#[test]
fn a_layout_that_cannot_be_used_is_told_by_its_path() {
    let Some(skopeo) = tool("skopeo") else { return };
    let (registry, sandbox) = (PracticeRegistry::start(), Sandbox::new());
    layout(&registry, &sandbox, &skopeo, "whole");
    let list = |name: &str| {
        let store = format!("store-{name}");
        sandbox.run(&[
            "catalog",
            "list",
            &format!("oci://{name}"),
            "--store",
            &store,
        ])
    };
    list("absent")
        .fails(31)
        .says("cannot read absent/index.json")
        .says("skopeo copy docker://");
    // Several images.
    layout(&registry, &sandbox, &skopeo, "several");
    let mut two = index(&sandbox, "several");
    let mut entry = two["manifests"][0].clone();
    entry["annotations"] = json!({"org.opencontainers.image.ref.name": "v2"});
    two["manifests"].as_array_mut().unwrap().push(entry);
    sandbox.write("several/index.json", two.to_string());
    list("several")
        .fails(31)
        .says("several: it holds several images: sha256:")
        .says(", v2");
    // A byte of its configuration.
    copy(&sandbox.path("whole"), &sandbox.path("damaged"));
    let manifest = |name: &str| {
        let digest = index(&sandbox, name)["manifests"][0]["digest"].clone();
        format!("{name}/blobs/sha256/{}", &digest.as_str().unwrap()[7..])
    };
    let parsed: Value = serde_json::from_slice(&sandbox.read(&manifest("damaged"))).unwrap();
    let config = parsed["config"]["digest"].as_str().unwrap();
    let path = format!("damaged/blobs/sha256/{}", &config[7..]);
    let mut bytes = sandbox.read(&path);
    bytes[10] ^= 1;
    sandbox.write(&path, bytes);
    list("damaged").fails(22).says(&format!(
        "damaged: configuration {config} is damaged: its bytes hash to"
    ));
    fs::remove_file(sandbox.path(&path)).unwrap();
    list("damaged")
        .fails(23)
        .says(&format!("damaged: configuration {config} is missing"));
    // An image that is no catalog.
    let source = format!(
        "docker://{}/registry.practice.example/factory/line-agent:1.0",
        registry.address
    );
    let target = format!("oci:{}", sandbox.path("agent").display());
    let args = ["--override-arch=amd64", "--insecure-policy", "copy", "-q"];
    skopeo.run(&[&args[..], &["--src-tls-verify=false", &source, &target]].concat());
    list("agent")
        .fails(31)
        .says("agent: ")
        .says("not an operator catalog: it has no label");
}

#[test]
fn a_site_takes_operators_from_a_layout_and_serves_its_catalog_by_the_name_of_the_folder() {
    let Some(skopeo) = tool("skopeo") else { return };
    let (registry, sandbox) = site(&set(PACKAGES));
    fs::create_dir(sandbox.path("layouts")).unwrap();
    layout(&registry, &sandbox, &skopeo, "layouts/my-index");
    sandbox
        .run(&["mirror"])
        .ok()
        .says("reading the catalog in layouts/my-index");
    let first = lock(&sandbox);
    let name = "localhost/my-index:latest";
    assert_eq!(of_role(&first, "catalog"), [name.to_owned()].into());
    assert_eq!(of_role(&first, "operator").len(), 3);
    let locked = &first["catalogs"][0];
    assert_eq!(locked["name"], "my-index-latest");
    assert_eq!(locked["reference"], name);
    // What skopeo wrote.
    let original = index(&sandbox, "layouts/my-index")["manifests"][0]["digest"].clone();
    assert_eq!(locked["digest"], original);
    let images = first["images"].as_array().unwrap();
    let image = images.iter().find(|i| i["role"] == "catalog").unwrap();
    assert_ne!(image["digest"], original);
    sandbox.run(&["verify", "store"]).ok();
    sandbox.run(&["build"]).ok();
    sandbox.run(&["verify", "bip.img"]).ok();
    let told = manifests(&sandbox, "bip.img");
    let source = &told["catalogsource-my-index-latest.yaml"];
    let by_digest = format!("localhost/my-index@{}", image["digest"].as_str().unwrap());
    assert_eq!(source["spec"]["image"], by_digest);

    // With the store gone: the same, from the folder.
    fs::remove_dir_all(sandbox.path("store")).unwrap();
    sandbox.run(&["mirror"]).ok();
    assert_eq!(lock(&sandbox), first);
    // With the folder gone: the store has everything.
    fs::rename(sandbox.path("layouts"), sandbox.path("away")).unwrap();
    sandbox.run(&["mirror"]).ok();
    // With another catalog in the folder: not what the lock has.
    fs::create_dir_all(sandbox.path("layouts/my-index")).unwrap();
    let source = format!(
        "docker://{}/registry.practice.example/factory/line-agent:1.0",
        registry.address
    );
    let target = format!("oci:{}", sandbox.path("layouts/my-index").display());
    let args = ["--override-arch=amd64", "--insecure-policy", "copy", "-q"];
    skopeo.run(&[&args[..], &["--src-tls-verify=false", &source, &target]].concat());
    sandbox.run(&["mirror"]).ok();
    fs::remove_dir_all(sandbox.path("store")).unwrap();
    let digest = original.as_str().unwrap();
    sandbox
        .run(&["mirror"])
        .fails(10)
        .says(&format!("now, and the lock has {digest}"))
        .says("--relock");
}

#[test]
fn a_whole_layout_comes_as_it_is_and_by_the_name_that_is_asked_for() {
    let Some(skopeo) = tool("skopeo") else { return };
    let whole = "    full: true\n    targetCatalog: team/operators\n    targetTag: v7\n";
    let (registry, sandbox) = site(&set(whole));
    fs::create_dir(sandbox.path("layouts")).unwrap();
    layout(&registry, &sandbox, &skopeo, "layouts/my-index");
    sandbox.run(&["mirror"]).ok();
    let first = lock(&sandbox);
    let name = "localhost/team/operators:v7";
    assert_eq!(of_role(&first, "catalog"), [name.to_owned()].into());
    let images = first["images"].as_array().unwrap();
    let image = images.iter().find(|i| i["role"] == "catalog").unwrap();
    let original = index(&sandbox, "layouts/my-index")["manifests"][0]["digest"].clone();
    assert_eq!(image["digest"], original);
    assert_eq!(of_role(&first, "operator").len(), 9);
    fs::remove_dir_all(sandbox.path("store")).unwrap();
    sandbox.run(&["mirror"]).ok();
    assert_eq!(lock(&sandbox), first);
    sandbox.run(&["verify", "store"]).ok();

    // A folder that no image can be called after.
    fs::rename(
        sandbox.path("layouts/my-index"),
        sandbox.path("layouts/My_Index!"),
    )
    .unwrap();
    sandbox.write(
        "imageset.yaml",
        set(PACKAGES).replace("my-index", "My_Index!"),
    );
    sandbox
        .run(&["mirror"])
        .fails(10)
        .says("imageset.yaml:5:5: mirror.operators[0]: no image can be called after oci://layouts/My_Index!")
        .says("add targetCatalog");
}
