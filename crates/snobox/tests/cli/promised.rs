//! What the catalogs on a stick promise, the stick has: every image that their bundles ask for, or else `build` warns and `verify` names operator, bundle and
//! image.

use serde_json::Value;

use crate::image_sets::{lock, of_role, site};
use crate::support::Sandbox;

const SET: &str = "\
kind: ImageSetConfiguration
apiVersion: mirror.openshift.io/v2alpha1
mirror:
  operators:
  - catalog: registry.practice.example/catalogs/practice-operator-index:v4.99
    packages:
    - name: practice-storage
      minVersion: 4.99.0
      maxVersion: 4.99.0
    - name: practice-telemetry
";

/// The agent of one of the operators, as the bundle asks for it.
fn agent(sandbox: &Sandbox) -> String {
    let operators = of_role(&lock(sandbox), "operator").into_iter();
    let mut agents = operators.filter(|name| name.contains("/practice-storage/agent@"));
    agents.next().unwrap()
}

fn edit(sandbox: &Sandbox, file: &str, change: impl FnOnce(&mut Value)) {
    let mut value: Value = serde_json::from_slice(&sandbox.read(file)).unwrap();
    change(&mut value);
    sandbox.write(file, value.to_string());
}

fn without(list: &mut Value, is_it: impl Fn(&Value) -> bool) {
    let list = list.as_array_mut().unwrap();
    let before = list.len();
    list.retain(|entry| !is_it(entry));
    assert_eq!(list.len(), before - 1);
}

#[test]
fn an_image_of_an_operator_that_is_not_there_is_named_with_its_bundle() {
    let (_registry, sandbox) = site(SET);
    sandbox.run(&["mirror"]).ok();
    sandbox.run(&["verify", "store"]).ok();
    sandbox.run(&["build", "--output", "whole.img"]).ok();
    sandbox.run(&["verify", "whole.img"]).ok();

    // Out of the store's index, which the stick gets; the lock must not insist on it.
    let agent = agent(&sandbox);
    edit(&sandbox, "store/index.json", |index| {
        without(&mut index["manifests"], |entry| {
            entry["annotations"]["org.opencontainers.image.ref.name"] == agent
        });
    });
    let finding = format!(
        "practice-storage: \"practice-storage.v4.99.0\" of the catalog registry.practice.example/catalogs/practice-operator-index:v4.99 asks for {agent}, which is not there"
    );
    let said = sandbox.run(&["verify", "store"]).fails(40);
    let expected = format!("operator-image-missing: {finding}\n");
    assert_eq!(said.says("1 finding in store").text(), expected);
    edit(&sandbox, "site.lock", |lock| {
        without(&mut lock["images"], |image| image["reference"] == agent);
    });
    let said = sandbox.run(&["--json", "build"]).ok();
    assert_eq!(said.json()["operatorsLack"][0]["text"], finding);
    let said = sandbox.run(&["--json", "verify", "bip.img"]);
    let findings = &said.json()["findings"];
    assert_eq!(findings.as_array().unwrap().len(), 1, "{findings:#}");
    assert_eq!(findings[0]["code"], "operator-image-missing");
    assert_eq!(findings[0]["text"], finding);
    said.fails(40).says("`snobox mirror`");

    // Where the node must not ask anybody, there is no such stick.
    let text = String::from_utf8(sandbox.read("site.yaml")).unwrap();
    sandbox.write("site.yaml", format!("{text}cache: {{ fallback: none }}\n"));
    let strict = ["build", "--output", "strict.img"];
    sandbox.run(&strict).fails(40).says(&finding);
    assert!(!sandbox.path("strict.img").exists());
    sandbox.run(&["mirror", "--relock"]).ok();
    sandbox.run(&strict).ok();
    sandbox.run(&["verify", "strict.img"]).ok();
}

#[test]
fn what_is_left_out_on_purpose_is_not_missed() {
    let blocked = format!("{SET}  blockedImages:\n  - name: /practice-telemetry/agent@\n");
    let (_registry, sandbox) = site(&blocked);
    let text = String::from_utf8(sandbox.read("site.yaml")).unwrap();
    let excluded = "imageSets: [imageset.yaml], exclude: [/practice-storage/agent@]";
    let text = text.replace("imageSets: [imageset.yaml]", excluded);
    sandbox.write("site.yaml", text);
    sandbox.run(&["mirror"]).ok();
    let operators = of_role(&lock(&sandbox), "operator");
    assert!(!operators.iter().any(|name| name.contains("/agent@")));
    assert_eq!(operators.len(), 4);
    sandbox.run(&["verify", "store"]).ok();
    let said = sandbox.run(&["--json", "build"]).ok();
    assert_eq!(said.json()["operatorsLack"], serde_json::json!([]));
    sandbox.run(&["verify", "bip.img"]).ok();
}
