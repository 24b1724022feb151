//! Image sets of a site, from `site.yaml` to the store inside the image: the practice catalog's operators, judged by skopeo, tar and the documents that
//! the cluster gets.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use base64::Engine as _;
use serde_json::{Value, json};

use crate::image::Mounted;
use crate::support::{PracticeRegistry, SITE, Sandbox, Serving, demo, mirrors, tool};

const REPOSITORY: &str = "registry.practice.example/catalogs/practice-operator-index";
const CATALOG: &str = "registry.practice.example/catalogs/practice-operator-index:v4.99";

/// One version of one operator of two.
const SET: &str = "\
kind: ImageSetConfiguration
apiVersion: mirror.openshift.io/v2alpha1
mirror:
  platform:
    channels:
    - name: stable-4.99
      minVersion: 4.99.0-practice
      maxVersion: 4.99.0-practice
  operators:
  - catalog: registry.practice.example/catalogs/practice-operator-index:v4.99
    packages:
    - name: practice-storage
      channels:
      - name: stable-4.99
        minVersion: 4.99.0
        maxVersion: 4.99.0
  additionalImages:
  - name: registry.practice.example/factory/line-agent:1.0
  blockedImages:
  - name: /practice-storage/agent@
";

/// A site with this image set, and a registry that has everything.
pub(crate) fn site(set: &str) -> (PracticeRegistry, Sandbox) {
    let registry = PracticeRegistry::start();
    let sandbox = Sandbox::new();
    for name in ["pull-secret.json", "id_practice.pub"] {
        sandbox.write(name, fs::read(demo().path(name)).unwrap());
    }
    sandbox.write("imageset.yaml", set);
    let images = "images: { imageSets: [imageset.yaml] }\n";
    // Nobody has signed the practice release.
    let site = SITE.replace("-practice }", "-practice, signature: ignored }");
    let text = format!("{site}{images}{}", mirrors(&[registry.address]));
    sandbox.write("site.yaml", text);
    (registry, sandbox)
}

pub(crate) fn lock(sandbox: &Sandbox) -> Value {
    serde_json::from_slice(&sandbox.read("site.lock")).unwrap()
}

/// References of the images of a role.
pub(crate) fn of_role(lock: &Value, role: &str) -> BTreeSet<String> {
    let images = lock["images"].as_array().unwrap().iter();
    images
        .filter(|image| image["role"] == role)
        .map(|image| image["reference"].as_str().unwrap().to_owned())
        .collect()
}

/// All regular files of a layer, by path.
pub(crate) fn files(blob: &[u8]) -> BTreeMap<String, String> {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("layer");
    fs::write(&path, blob).unwrap();
    let tar = tool("tar").unwrap();
    let path = path.to_str().unwrap();
    let names = tar.text(&["-tzf", path]);
    let names = names.lines().filter(|name| !name.ends_with('/'));
    names
        .map(|name| (name.to_owned(), tar.text(&["-xzOf", path, name])))
        .collect()
}

/// The manifests for the cluster that are in an image's ignition, by file name.
pub(crate) fn manifests(sandbox: &Sandbox, image: &str) -> BTreeMap<String, Value> {
    let shown = sandbox.run(&["iso", "show", "--ignition", image]).ok();
    let ignition = shown.json();
    let mut found = BTreeMap::new();
    for file in ignition["storage"]["files"].as_array().unwrap() {
        let path = file["path"].as_str().unwrap();
        let Some(name) = path.strip_prefix("/opt/openshift/openshift/99-snobox-") else {
            continue;
        };
        let source = file["contents"]["source"].as_str().unwrap();
        let (_, data) = source.split_once("base64,").unwrap();
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(data)
            .unwrap();
        found.insert(name.to_owned(), serde_json::from_slice(&bytes).unwrap());
    }
    found
}

#[test]
fn the_chosen_operators_come_with_a_catalog_of_their_own_and_the_cluster_is_told() {
    let (registry, sandbox) = site(SET);
    sandbox
        .run(&["mirror"])
        .ok()
        .says("is left out: blockedImages has \"/practice-storage/agent@\"");
    let lock = lock(&sandbox);
    // By the practice release's own list: bundle and operator of one version, not its agent, and nothing of the other operator.
    let operators = of_role(&lock, "operator");
    assert_eq!(operators.len(), 2, "{operators:?}");
    assert!(
        operators
            .iter()
            .all(|name| name.contains("/practice-storage/"))
    );
    assert_eq!(
        of_role(&lock, "additional"),
        ["registry.practice.example/factory/line-agent:1.0".to_owned()].into()
    );
    assert_eq!(of_role(&lock, "catalog"), [CATALOG.to_owned()].into());
    let images = lock["images"].as_array().unwrap();
    let operator = images.iter().find(|i| i["role"] == "operator").unwrap();
    assert_eq!(operator["name"], "practice-storage");
    let catalog = images.iter().find(|i| i["role"] == "catalog").unwrap();
    let digest = catalog["digest"].as_str().unwrap().to_owned();
    let original = lock["catalogs"][0]["digest"].as_str().unwrap();
    assert_ne!(digest, original);
    assert_eq!(lock["catalogs"][0]["name"], "practice-operator-index-v4-99");

    // The catalog's image in the store: no layer of the full catalog or its cache, the program that serves, and the chosen operator.
    let blob = |digest: &str| sandbox.read(&format!("store/blobs/sha256/{}", &digest[7..]));
    let manifest: Value = serde_json::from_slice(&blob(&digest)).unwrap();
    let layers = manifest["layers"].as_array().unwrap();
    let contents: Vec<_> = layers
        .iter()
        .map(|layer| blob(layer["digest"].as_str().unwrap()))
        .collect();
    assert_eq!(contents.len(), 3);
    assert!(files(&contents[1]).contains_key("usr/bin/opm"));
    let top = files(&contents[2]);
    assert_eq!(
        top.keys().collect::<Vec<_>>(),
        [
            "configs/.wh..wh..opq",
            "configs/practice-storage/catalog.json"
        ]
    );
    let documents = &top["configs/practice-storage/catalog.json"];
    let documents: Vec<Value> = serde_json::Deserializer::from_str(documents)
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let names: Vec<_> = documents
        .iter()
        .map(|d| d["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "practice-storage",
            "stable-4.99",
            "practice-storage.v4.99.0"
        ]
    );
    assert_eq!(
        documents[1]["entries"],
        json!([{"name": "practice-storage.v4.99.0"}])
    );
    let config: Value =
        serde_json::from_slice(&blob(manifest["config"]["digest"].as_str().unwrap())).unwrap();
    assert_eq!(config["config"]["Entrypoint"], json!(["/usr/bin/opm"]));
    assert_eq!(config["config"]["Cmd"], json!(["serve", "/configs"]));
    let label = "operators.operatorframework.io.index.configs.v1";
    assert_eq!(config["config"]["Labels"][label], "/configs");

    // Again, without the registry: the same.
    drop(registry);
    let before = sandbox.read("site.lock");
    sandbox.run(&["mirror"]).ok();
    assert_eq!(sandbox.read("site.lock"), before);

    sandbox.run(&["build"]).ok();
    sandbox.run(&["verify", "bip.img"]).ok();
    let told = manifests(&sandbox, "bip.img");
    let name = "practice-operator-index-v4-99";
    let source = &told[&format!("catalogsource-{name}.yaml")];
    assert_eq!(source["kind"], "CatalogSource");
    assert_eq!(source["metadata"]["name"], format!("cs-{name}"));
    assert_eq!(source["metadata"]["namespace"], "openshift-marketplace");
    assert_eq!(source["spec"]["sourceType"], "grpc");
    assert_eq!(source["spec"]["image"], format!("{REPOSITORY}@{digest}"));
    let cluster = &told[&format!("clustercatalog-{name}.yaml")];
    assert_eq!(cluster["kind"], "ClusterCatalog");
    assert_eq!(
        cluster["spec"]["source"]["image"]["ref"],
        source["spec"]["image"]
    );
    assert_eq!(
        told["operatorhub.yaml"],
        json!({"apiVersion": "config.openshift.io/v1", "kind": "OperatorHub", "metadata": {"name": "cluster"}, "spec": {"disableAllDefaultSources": true}})
    );

    // What the stick serves: the catalog by tag and by digest, and everything that the operator needs.
    let image = sandbox.path("bip.img");
    let (Some(mounted), Some(skopeo)) = (Mounted::of(image.as_os_str()), tool("skopeo")) else {
        return;
    };
    let server = Sandbox::new();
    let serving = Serving::start(&server, &mounted.path("store"));
    let target = tempfile::TempDir::new().unwrap();
    let by_digest = format!("{REPOSITORY}@{digest}");
    for (place, asked) in operators
        .iter()
        .chain([&CATALOG.to_owned(), &by_digest])
        .enumerate()
    {
        let source = format!("docker://{}/{asked}", serving.address);
        let target = format!("dir:{}/{place}", target.path().display());
        let copy = ["--override-arch=amd64", "--insecure-policy", "copy", "-q"];
        skopeo.run(&[&copy[..], &["--src-tls-verify=false", &source, &target]].concat());
    }
    let raw = |place: usize| {
        fs::read(target.path().join(place.to_string()).join("manifest.json")).unwrap()
    };
    assert_eq!(raw(2), blob(&digest));
    assert_eq!(raw(3), blob(&digest));
}

#[test]
fn a_catalog_that_was_made_is_made_again_from_the_lock_and_comes_out_the_same() {
    let (_registry, sandbox) = site(SET);
    sandbox.run(&["mirror"]).ok();
    let before = lock(&sandbox);
    fs::remove_dir_all(sandbox.path("store")).unwrap();
    sandbox.run(&["mirror"]).ok();
    assert_eq!(lock(&sandbox), before);
    sandbox.run(&["verify", "store"]).ok();
    // And build refuses a store that lacks an image of an operator.
    let missing = of_role(&before, "operator").into_iter().next().unwrap();
    let hex = missing.split_once("@sha256:").unwrap().1.to_owned();
    fs::remove_file(sandbox.path(&format!("store/blobs/sha256/{hex}"))).unwrap();
    sandbox.run(&["build"]).fails(40).says(&hex);
}

#[test]
fn a_lock_is_out_of_date_when_the_text_of_an_image_set_changes() {
    let (_registry, sandbox) = site(SET);
    sandbox.run(&["mirror"]).ok();
    let both = SET.replace(
        "    - name: practice-storage\n",
        "    - name: practice-telemetry\n    - name: practice-storage\n",
    );
    sandbox.write("imageset.yaml", both);
    sandbox.run(&["build"]).fails(10).says("is out of date");
    sandbox.run(&["mirror"]).ok();
    assert_eq!(of_role(&lock(&sandbox), "operator").len(), 5);
}

#[test]
fn problems_of_an_image_set_are_told_with_its_place_and_nothing_is_made() {
    let (_registry, sandbox) = site(&SET.replace(
        "    - name: practice-storage",
        "    - name: practice-storag",
    ));
    sandbox
        .run(&["mirror"])
        .fails(10)
        .says("1 problem in imageset.yaml")
        .says("imageset.yaml:12:7: mirror.operators[0].packages[0]: the package \"practice-storag\" is not in");
    assert!(!sandbox.path("site.lock").exists());
    sandbox.write("imageset.yaml", SET.replace("packages:", "packges:"));
    sandbox
        .run(&["check"])
        .fails(10)
        .says("imageset.yaml:11:5: mirror.operators[0].packges");
    fs::remove_file(sandbox.path("imageset.yaml")).unwrap();
    sandbox.run(&["check"]).fails(10).says("imageset.yaml");
}

#[test]
fn the_release_of_the_site_must_be_among_those_of_the_image_set() {
    let (_registry, sandbox) = site(&SET.replace("4.99.0-practice", "4.98.0"));
    sandbox.run(&["mirror"]).fails(10).says(
        "version 4.98.0 of stable-4.99 do not have 4.99.0-practice, the release of site.yaml",
    );
    let wide = SET.replace("minVersion: 4.99.0-practice", "minVersion: 4.98.0");
    sandbox.write("imageset.yaml", wide);
    sandbox
        .run(&["mirror"])
        .ok()
        .says("4.99.0-practice is brought, the one that site.yaml installs");
}

#[test]
fn a_whole_catalog_is_taken_as_it_is() {
    // All of it: three versions with a bundle and two other images each.
    let set = SET.split("    packages:").next().unwrap().to_owned() + "    full: true\n";
    let (_registry, sandbox) = site(&set);
    sandbox.run(&["mirror"]).ok();
    let lock = lock(&sandbox);
    let catalog = &lock["catalogs"][0];
    assert_eq!(catalog["whole"], true);
    let images = lock["images"].as_array().unwrap();
    let image = images.iter().find(|i| i["role"] == "catalog").unwrap();
    assert_eq!(image["digest"], catalog["digest"]);
    assert_eq!(of_role(&lock, "operator").len(), 9);
    sandbox.run(&["verify", "store"]).ok();
}

#[test]
fn two_entries_for_one_catalog_are_refused() {
    let (_registry, sandbox) = site(SET);
    sandbox.write("other.yaml", SET);
    let site = String::from_utf8(sandbox.read("site.yaml")).unwrap();
    sandbox.write(
        "site.yaml",
        site.replace("[imageset.yaml]", "[imageset.yaml, other.yaml]"),
    );
    sandbox
        .run(&["mirror"])
        .fails(10)
        .says("other.yaml:10:5: mirror.operators[0]: another entry of the site's image sets has a catalog of the name");
    sandbox.write(
        "other.yaml",
        SET.replace("    packages:", "    targetTag: other\n    packages:"),
    );
    sandbox.run(&["mirror"]).ok();
    assert_eq!(of_role(&lock(&sandbox), "catalog").len(), 2);
}

#[test]
fn check_tells_everything_of_all_image_sets_that_does_not_go_with_the_site() {
    let (_registry, sandbox) = site(&SET.replace("4.99.0-practice", "4.98.0"));
    let text = String::from_utf8(sandbox.read("site.yaml")).unwrap();
    let named = "imageSets: [imageset.yaml, twice.yaml]";
    sandbox.write(
        "site.yaml",
        text.replace("imageSets: [imageset.yaml]", named),
    );
    let twice = SET.replace("  platform:\n", "  platform:\n    architectures: [s390x]\n");
    sandbox.write("twice.yaml", &twice);
    sandbox
        .run(&["check"])
        .fails(10)
        .says("do not have 4.99.0-practice, the release of")
        .says("twice.yaml: mirror.platform does not ask for amd64")
        .says("another entry of the site's image sets has a catalog of the name");
    // Of files that cannot be read, every one.
    sandbox.write("imageset.yaml", SET.replace("kind: Image", "kind: image"));
    sandbox.write("twice.yaml", "kind: [");
    sandbox
        .run(&["check"])
        .fails(10)
        .says("1 problem in imageset.yaml")
        .says("1 problem in twice.yaml");
    sandbox.write("imageset.yaml", SET);
    fs::remove_file(sandbox.path("twice.yaml")).unwrap();
    sandbox
        .run(&["check"])
        .fails(10)
        .says("cannot read twice.yaml")
        .says("images.imageSets[1] of site.yaml names it");
}
