//! What the tests of factory-precaching-cli ask of their program (its regression scripts R1 to R17), asked of this one against the practice registry. Left out is
//! what is about profiles of telco operators and about files of its own. `images.imageSets` and `blockedImages` stand in for its generated image set and its
//! filter.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::image_sets::{lock, of_role, site};
use crate::support::Sandbox;

const CATALOG: &str = "registry.practice.example/catalogs/practice-operator-index:v4.99";

fn set(operators: &str, blocked: &[&str]) -> String {
    let mut text = format!(
        "kind: ImageSetConfiguration\napiVersion: mirror.openshift.io/v1alpha2\nmirror:\n  operators:\n  - catalog: {CATALOG}\n    packages:\n{operators}"
    );
    if !blocked.is_empty() {
        text += "  blockedImages:\n";
        for pattern in blocked {
            text += &format!("  - name: '{pattern}'\n");
        }
    }
    text
}

const BOTH: &str = "    - name: practice-storage\n    - name: practice-telemetry\n";

/// All references of a lock.
fn references(lock: &Value) -> BTreeSet<String> {
    let images = lock["images"].as_array().unwrap().iter();
    images
        .map(|image| image["reference"].as_str().unwrap().to_owned())
        .collect()
}

fn mirrored(blocked: &[&str]) -> (Sandbox, BTreeSet<String>, String) {
    let (_registry, sandbox) = site(&set(BOTH, blocked));
    let said = sandbox.run(&["mirror"]).ok();
    let found = references(&lock(&sandbox));
    (sandbox, found, said.stderr)
}

/// R1: everything that is asked for is listed, and is there.
#[test]
fn every_image_that_is_asked_for_is_in_the_lock_and_in_the_store() {
    let (sandbox, found, _) = mirrored(&[]);
    // By the practice release: a payload, 25 components, two heads with three images each, and the catalog.
    assert_eq!(found.len(), 1 + 25 + 2 * 3 + 1);
    for image in lock(&sandbox)["images"].as_array().unwrap() {
        let hex = &image["digest"].as_str().unwrap()[7..];
        assert!(sandbox.path(&format!("store/blobs/sha256/{hex}")).exists());
    }
    sandbox.run(&["verify", "store"]).ok();
}

/// R3: a filter that matches everything.
#[test]
fn what_blocks_everything_leaves_the_payload_and_the_catalog_and_names_the_rest() {
    let (sandbox, found, said) = mirrored(&[".*"]);
    let lock = lock(&sandbox);
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(of_role(&lock, "release").len(), 1);
    assert_eq!(of_role(&lock, "catalog").len(), 1);
    // Each of the others is named: 25 components, six images of operators.
    assert_eq!(said.matches(" is left out: ").count(), 31, "{said}");
}

/// R4: a filter that is no regular expression, with its line.
#[test]
fn a_pattern_that_is_none_is_refused_with_its_line() {
    let (_registry, sandbox) = site(&set(BOTH, &["[a"]));
    sandbox
        .run(&["mirror"])
        .fails(10)
        .says("imageset.yaml:10:")
        .says("mirror.blockedImages[0]");
    assert!(!sandbox.path("store").exists());
}

/// R5, R7: what a list of patterns matches is absent, is named, and the counts add up; anchors hold.
#[test]
fn what_is_blocked_and_what_is_there_add_up_to_everything() {
    let (_, all, _) = mirrored(&[]);
    for patterns in [
        &["/practice-telemetry/", "agent@"][..],
        &["^registry.practice.example\\W"],
        &["^quay\\W"],
    ] {
        let (_, left, said) = mirrored(patterns);
        assert!(left.is_subset(&all));
        let blocked: BTreeSet<_> = all.difference(&left).collect();
        assert!(!blocked.is_empty(), "{patterns:?}");
        for reference in blocked {
            let named = format!("{reference} is left out: blockedImages");
            assert!(said.contains(&named), "{patterns:?} {reference}: {said}");
        }
    }
}

/// R6: a pattern without a match.
#[test]
fn a_pattern_that_matches_nothing_blocks_nothing() {
    let (_, all, _) = mirrored(&[]);
    let (_, left, said) = mirrored(&["^qua\\b"]);
    assert_eq!(left, all);
    assert!(!said.contains("left out"), "{said}");
}

/// R8, R9, R10: versions that are none.
#[test]
fn versions_that_are_none_are_refused_by_place() {
    let operators = "    - name: practice-storage\n      minVersion: v4.99\n    - name: practice-telemetry\n      maxVersion: latest\n";
    let (_registry, sandbox) = site(&set(operators, &[]));
    sandbox
        .run(&["mirror"])
        .fails(10)
        .says("2 problems in imageset.yaml")
        .says("imageset.yaml:8:19: mirror.operators[0].packages[0].minVersion")
        .says("imageset.yaml:10:19: mirror.operators[0].packages[1].maxVersion")
        .says("a version by semver: three numbers");
    let text = String::from_utf8(sandbox.read("site.yaml")).unwrap();
    sandbox.write("imageset.yaml", set(BOTH, &[]));
    sandbox.write("site.yaml", text.replace("4.99.0-practice", "latest"));
    sandbox
        .run(&["mirror"])
        .fails(10)
        .says("release.version")
        .says("a version such as 4.13.1");
}

/// R11: what else the store holds stays.
#[test]
fn images_of_other_sites_stay_in_the_store() {
    let (_registry, sandbox) = site(&set(BOTH, &[]));
    sandbox.run(&["mirror"]).ok();
    let before = references(&lock(&sandbox));
    sandbox.write("imageset.yaml", set("    - name: practice-storage\n", &[]));
    sandbox.run(&["mirror"]).ok();
    let after = references(&lock(&sandbox));
    assert!(after.len() < before.len());
    let index = fs::read_to_string(sandbox.path("store/index.json")).unwrap();
    for reference in before {
        assert!(index.contains(&reference), "{reference}");
    }
}

/// R14, R15, R16: versions that no catalog has, each by the name of its operator, before anything of an operator is fetched.
#[test]
fn versions_that_are_not_there_are_named_for_each_operator() {
    let storage =
        "    - name: practice-storage\n      minVersion: 9.9.9\n      maxVersion: 9.9.9\n";
    let telemetry = "    - name: practice-telemetry\n      channels:\n      - name: fast\n        minVersion: 9.9.8\n        maxVersion: 9.9.8\n";
    let both = format!("{storage}{telemetry}");
    for (operators, count, names) in [
        (
            storage,
            "1 problem ",
            &["\"practice-storage\"", "9.9.9"][..],
        ),
        (
            telemetry,
            "1 problem ",
            &["\"practice-telemetry\"", "9.9.8"],
        ),
        (
            &both,
            "2 problems ",
            &["\"practice-storage\"", "\"practice-telemetry\""],
        ),
    ] {
        let (_registry, sandbox) = site(&set(operators, &[]));
        let mut said = sandbox.run(&["mirror"]).fails(10).says(count);
        for name in names {
            said = said.says(name);
        }
        let index = fs::read_to_string(sandbox.path("store/index.json")).unwrap();
        assert!(!index.contains("practice-storage/bundle"), "{said}");
    }
}

/// R17: an option that is none.
#[test]
fn an_unknown_option_is_refused() {
    let sandbox = Sandbox::new();
    let said = sandbox.run(&["mirror", "--rm-stale-images"]);
    assert_eq!(said.code(), 2, "{said}");
    said.says("--rm-stale-images");
}
