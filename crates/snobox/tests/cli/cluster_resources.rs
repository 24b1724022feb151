//! What the cluster is told of its images besides catalogs: a CatalogSource of the user's own, and mirrors for tags. Digest mirrors are the installer's.

use std::fs;

use base64::Engine as _;
use serde_json::{Value, json};

use crate::image_sets::{manifests, site};
use crate::support::{Sandbox, sample_ignitions, sample_iso, set_in};

const SET: &str = "\
kind: ImageSetConfiguration
apiVersion: mirror.openshift.io/v2alpha1
mirror:
  platform:
    graph: true
  operators:
  - catalog: registry.practice.example/catalogs/practice-operator-index:v4.99
    targetCatalogSourceTemplate: templates/source.yaml
    packages:
    - name: practice-telemetry
  additionalImages:
  - name: registry.practice.example/factory/line-agent:1.0
";

const TEMPLATE: &str = "\
apiVersion: operators.coreos.com/v1alpha1
kind: CatalogSource
metadata:
  name: ours
  namespace: ours
spec:
  displayName: Ours
  priority: 100
  grpcPodConfig:
    securityContextConfig: restricted
";

const SOURCE: &str = "catalogsource-practice-operator-index-v4-99.yaml";

fn templated(template: &str) -> (crate::support::PracticeRegistry, Sandbox) {
    let (registry, sandbox) = site(SET);
    fs::create_dir(sandbox.path("templates")).unwrap();
    sandbox.write("templates/source.yaml", template);
    (registry, sandbox)
}

#[test]
fn a_catalog_source_comes_after_the_template_and_tags_have_mirrors_like_digests() {
    let (_registry, sandbox) = templated(TEMPLATE);
    sandbox.run(&["check"]).ok();
    sandbox
        .run(&["mirror"])
        .ok()
        .says("mirror.platform.graph: the image of the update graph is not brought");
    sandbox.run(&["build"]).ok();
    sandbox.run(&["verify", "bip.img"]).ok();
    let told = manifests(&sandbox, "bip.img");
    let mut source = told[SOURCE].clone();
    let image = source["spec"]["image"].take();
    let image = image.as_str().unwrap();
    let repository = "registry.practice.example/catalogs/practice-operator-index@sha256:";
    assert!(image.starts_with(repository), "{image}");
    assert_eq!(
        source,
        json!({
            "apiVersion": "operators.coreos.com/v1alpha1",
            "kind": "CatalogSource",
            "metadata": {"name": "cs-practice-operator-index-v4-99", "namespace": "openshift-marketplace"},
            "spec": {
                "displayName": "Ours",
                "priority": 100,
                "grpcPodConfig": {"securityContextConfig": "restricted"},
                "sourceType": "grpc",
                "image": null,
            },
        })
    );
    let mirror = |name: &str| {
        json!({
            "source": format!("registry.practice.example/{name}"),
            "mirrors": [format!("127.0.0.1:22626/registry.practice.example/{name}")],
            "mirrorSourcePolicy": "AllowContactingSource",
        })
    };
    assert_eq!(
        told["imagetagmirrorset.yaml"],
        json!({
            "apiVersion": "config.openshift.io/v1",
            "kind": "ImageTagMirrorSet",
            "metadata": {"name": "snobox"},
            "spec": {"imageTagMirrors": [mirror("catalogs/practice-operator-index"), mirror("factory/line-agent")]},
        })
    );
    // A template that was changed needs no other images.
    sandbox.write("templates/source.yaml", TEMPLATE.replace("100", "-5"));
    sandbox.run(&["build", "--force"]).ok();
    assert_eq!(
        manifests(&sandbox, "bip.img")[SOURCE]["spec"]["priority"],
        -5
    );
}

#[test]
fn a_template_that_is_none_is_told_with_its_place_before_anything_is_fetched() {
    let (_registry, sandbox) = templated(&TEMPLATE.replace("CatalogSource", "Subscription"));
    sandbox
        .run(&["check"])
        .fails(10)
        .says("1 problem in templates/source.yaml")
        .says("templates/source.yaml:2:7: kind: \"Subscription\" is not allowed; allowed: CatalogSource")
        .says("imageset.yaml:7: mirror.operators[0].targetCatalogSourceTemplate names it");
    sandbox.write("templates/source.yaml", "kind: [\n");
    sandbox
        .run(&["mirror"])
        .fails(10)
        .says("templates/source.yaml:2:1: (document): not valid YAML");
    fs::remove_file(sandbox.path("templates/source.yaml")).unwrap();
    sandbox
        .run(&["check"])
        .fails(10)
        .says("cannot read templates/source.yaml");
    assert!(!sandbox.path("store").exists());
}

/// The manifest of an ignition's file, in JSON or in YAML of the installer's form.
fn text(ignition: &Value, path: &str) -> Option<String> {
    let files = ignition["storage"]["files"].as_array().unwrap();
    let file = files.iter().find(|file| file["path"] == path)?;
    let source = file["contents"]["source"].as_str().unwrap();
    let (_, data) = source.split_once("base64,").unwrap();
    let bytes = base64::engine::general_purpose::STANDARD.decode(data);
    Some(String::from_utf8(bytes.unwrap()).unwrap())
}

/// Sources with their policies; what is not said is `AllowContactingSource`.
fn policies(manifest: &Value, list: &str) -> Vec<(String, String)> {
    let mirrors = manifest["spec"][list].as_array().unwrap().iter();
    let policy = |m: &Value| m["mirrorSourcePolicy"].as_str().unwrap().to_owned();
    mirrors
        .map(|m| (m["source"].as_str().unwrap().to_owned(), policy(m)))
        .collect()
}

#[test]
fn sets_for_digests_and_for_tags_have_one_policy_for_one_source() {
    // An installer that was told of no mirrors: both sets are written here.
    let Some(iso) = sample_iso("embed-areas-2023-07.x86_64.iso.xz") else {
        return;
    };
    let plain = sample_ignitions();
    let Some(plain) = plain.iter().find(|p| p.ends_with("4.20-dev-plain.ign")) else {
        panic!("no such sample in {plain:?}")
    };
    let (plain, iso) = (plain.to_str().unwrap(), iso.to_str().unwrap());
    let args = ["build", "--force", "-o", "plain.img", "--live-iso", iso];
    let tags = "/opt/openshift/openshift/99-snobox-imagetagmirrorset.yaml";
    let digests = "/opt/openshift/manifests/image-digest-mirror-set.yaml";
    let built = |sandbox: &Sandbox, ignition: &str| -> [Option<String>; 2] {
        sandbox
            .run(&[&args[..], &["--installer-ignition", ignition]].concat())
            .ok();
        let shown = sandbox
            .run(&["iso", "show", "--ignition", "plain.img"])
            .ok();
        let shown = shown.json();
        [text(&shown, tags), text(&shown, digests)]
    };
    let sandbox = Sandbox::with_site();
    let [Some(own), Some(all)] = built(&sandbox, plain) else {
        panic!("a set is missing")
    };
    let own = policies(&serde_json::from_str(&own).unwrap(), "imageTagMirrors");
    let all = policies(&serde_json::from_str(&all).unwrap(), "imageDigestMirrors");
    assert!(!own.is_empty());
    assert!(own.iter().all(|pair| all.contains(pair)), "{own:?} {all:?}");
    assert!(
        own.iter()
            .all(|(_, policy)| policy == "AllowContactingSource")
    );

    // An ignition with an ImageContentSourcePolicy gets none beside it.
    let mut ignition: Value = serde_json::from_slice(&fs::read(plain).unwrap()).unwrap();
    let older = json!({"path": "/opt/openshift/manifests/image-content-source-policy.yaml", "mode": 420, "contents": {"source": "data:,spec:%0A%20%20repositoryDigestMirrors:%20%5B%5D%0A"}});
    ignition["storage"]["files"]
        .as_array_mut()
        .unwrap()
        .push(older);
    let path = sandbox.write("older.ign", ignition.to_string());
    assert_eq!(built(&sandbox, path.to_str().unwrap()), [None, None]);

    // Without fallback, where nothing is missing in the cache: the installer's set says what it can say, and the other follows it.
    let sandbox = Sandbox::with_site();
    set_in(&sandbox, "cache: { fallback: none }\n");
    sandbox.run(&["build"]).ok();
    let told = manifests(&sandbox, "practice.img");
    let own = policies(&told["imagetagmirrorset.yaml"], "imageTagMirrors");
    assert!(
        own.iter()
            .all(|(_, policy)| policy == "AllowContactingSource"),
        "{own:?}"
    );
}
