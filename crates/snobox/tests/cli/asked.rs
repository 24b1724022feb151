//! What `build` and `verify` say of an ignition that asks for more than the cache has, that installs elsewhere, or that nobody knows.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::again::practice_ignition;
use crate::support::{Said, Sandbox, Tree, sample_ignitions, set_in};

const BOOTKUBE: &str = "/usr/local/bin/bootkube.sh";
const INSTALL: &str = "/usr/local/bin/install-to-disk.sh";
const ABSENT: &str = "quay.io/practice/absent@sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// The practice installer's ignition, with one of its scripts changed.
fn changed(sandbox: &Sandbox, path: &str, change: impl Fn(&str) -> String) -> PathBuf {
    edited(sandbox, &practice_ignition(sandbox), path, change)
}

fn edited(
    sandbox: &Sandbox,
    ignition: &Path,
    path: &str,
    change: impl Fn(&str) -> String,
) -> PathBuf {
    let bytes = std::fs::read(ignition).unwrap();
    let mut document: Value = serde_json::from_slice(&bytes).unwrap();
    let files = document["storage"]["files"].as_array_mut().unwrap();
    let file = files.iter_mut().find(|file| file["path"] == path).unwrap();
    let source = file["contents"]["source"].as_str().unwrap();
    let text = STANDARD
        .decode(source.split_once("base64,").unwrap().1)
        .unwrap();
    let text = String::from_utf8(text).unwrap();
    let new = change(&text);
    assert_ne!(new, text);
    file["contents"]["source"] = format!("data:;base64,{}", STANDARD.encode(new)).into();
    sandbox.write("changed.ign", document.to_string())
}

fn build(sandbox: &Sandbox, ignition: &Path) -> Said {
    sandbox.run(&["build", "--installer-ignition", ignition.to_str().unwrap()])
}

/// Refused where nothing may go upstream; else built with a warning, and found by `verify`.
fn lacks(change: impl Fn(&str) -> String, expected: &str) {
    let sandbox = Sandbox::with_site();
    let ignition = changed(&sandbox, BOOTKUBE, change);
    let said = build(&sandbox, &ignition).ok();
    let (warning, listed) = (&said.stderr, format!("\n  {expected}"));
    assert!(
        warning.contains("warning: ") && warning.contains(&listed),
        "{said}"
    );
    let said = sandbox.run(&["verify", "practice.img"]).fails(40);
    assert_eq!(said.text().trim_end(), format!("not-in-cache: {expected}"));
    std::fs::remove_file(sandbox.path("practice.img")).unwrap();
    set_in(&sandbox, "cache: { fallback: none }\n");
    let before = Tree::of(&sandbox.work());
    build(&sandbox, &ignition).fails(40).says(expected);
    assert_eq!(Tree::of(&sandbox.work()), before);
}

#[test]
fn an_image_that_a_script_pulls_by_digest() {
    lacks(
        |text| format!("{text}podman pull {ABSENT}\n"),
        &format!("{ABSENT} is not in the cache; asked for by {BOOTKUBE}"),
    );
}

#[test]
fn a_component_that_the_release_does_not_have() {
    let line = "SPARE_IMAGE=$(image_for spare-component)\n";
    lacks(
        |text| text.replace("\nAPI_IMAGE=", &format!("\n{line}API_IMAGE=")),
        &format!("spare-component is not a component of the release; asked for by {BOOTKUBE}:14"),
    );
}

#[test]
fn an_image_that_a_script_pulls_by_tag() {
    lacks(
        |text| format!("{text}podman pull --quiet registry.practice.example/tools/absent:1\n"),
        &format!(
            "registry.practice.example/tools/absent:1 is not in the cache; asked for by {BOOTKUBE}:121"
        ),
    );
}

#[test]
fn an_ignition_that_installs_to_another_disk_is_refused() {
    let sandbox = Sandbox::with_site();
    let ignition = changed(&sandbox, INSTALL, |text| {
        text.replace("/run/snobox/installation-disk", "/dev/sdz")
    });
    let before = Tree::of(&sandbox.work());
    build(&sandbox, &ignition)
        .fails(15)
        .says("the ignition installs to /dev/sdz, but `node.installationDisk`")
        .says("installationDisk: /run/snobox/installation-disk");
    assert_eq!(Tree::of(&sandbox.work()), before);
}

#[test]
fn an_ignition_that_loses_the_cache_on_the_disk_is_refused_where_nothing_may_go_upstream() {
    let sandbox = Sandbox::with_site();
    let ignition = practice_ignition(&sandbox);
    let said = build(&sandbox, &ignition).ok();
    assert!(!said.stderr.contains("warning"), "{said}");
    std::fs::remove_file(sandbox.path("practice.img")).unwrap();
    let ignition = edited(&sandbox, &ignition, INSTALL, |text| {
        text.replace("--save-partlabel", "--append-karg")
    });
    let said = build(&sandbox, &ignition).ok();
    assert!(
        said.stderr.contains("does not keep the partition"),
        "{said}"
    );
    std::fs::remove_file(sandbox.path("practice.img")).unwrap();
    set_in(&sandbox, "cache: { fallback: none }\n");
    build(&sandbox, &ignition)
        .fails(40)
        .says("does not keep the partition")
        .says("--save-partlabel '");
}

#[test]
fn an_unknown_installer_is_refused_by_what_was_expected() {
    let Some(root) = sample_ignitions()
        .first()
        .map(|path| path.parent().unwrap().parent().unwrap().to_owned())
    else {
        return;
    };
    let sandbox = Sandbox::with_site();
    // A hand took a unit out.
    let by_hand = root.join("manual-procedure-4.13.1/bootstrap-in-place.ign");
    let before = Tree::of(&sandbox.work());
    build(&sandbox, &by_hand)
        .fails(15)
        .says("release-image.service: expected a unit of this name, found none");
    assert_eq!(Tree::of(&sandbox.work()), before);
}
