//! Ignitions of the real installer in a real live ISO.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{Sandbox, sample_ignitions, sample_iso, tool};

const ISO: &str = "embed-areas-2023-07.x86_64.iso.xz";

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn list<'a>(config: &'a Value, section: &str, key: &str) -> &'a [Value] {
    config[section][key].as_array().map_or(&[], Vec::as_slice)
}

fn names<'a>(items: &'a [Value], key: &str) -> BTreeSet<&'a str> {
    items
        .iter()
        .map(|item| item[key].as_str().unwrap())
        .collect()
}

/// The installer's objects come first, as they were; returns what is behind them.
fn kept<'a>(before: &[Value], after: &'a [Value]) -> &'a [Value] {
    let (same, added) = after.split_at(before.len());
    for (before, after) in before.iter().zip(same) {
        assert_eq!(before, after);
    }
    added
}

#[test]
fn everything_of_the_installer_stays_and_ours_is_added() {
    let Some(iso) = sample_iso(ISO) else { return };
    let Some(validate) = tool("ignition-validate") else {
        return;
    };
    let ignitions = sample_ignitions();
    assert!(ignitions.len() >= 3, "{ignitions:?}");
    let sandbox = Sandbox::with_site();
    for ignition in &ignitions {
        let args = ["build", "--force", "-o", "real.img", "--installer-ignition"];
        let files = [
            ignition.to_str().unwrap(),
            "--live-iso",
            iso.to_str().unwrap(),
        ];
        // Its release is another one: allowed, and said.
        sandbox.run(&[&args[..], &files].concat()).ok();
        sandbox.run(&["iso", "show", "real.img"]).ok();
        let config = sandbox.run(&["iso", "show", "--ignition", "real.img"]).ok();
        let path = sandbox.write("real.ign", config.stdout);
        validate.run(&[&path]);
        compare(&json(ignition), &json(&path));
    }
}

fn compare(before: &Value, after: &Value) {
    for (key, value) in before.as_object().unwrap() {
        match key.as_str() {
            "storage" | "systemd" => {}
            _ => assert_eq!(&after[key], value, "{key}"),
        }
    }
    for (key, value) in before["storage"].as_object().unwrap() {
        if key != "files" {
            assert_eq!(&after["storage"][key], value, "storage.{key}");
        }
    }
    let files = kept(
        list(before, "storage", "files"),
        list(after, "storage", "files"),
    );
    let units = kept(
        list(before, "systemd", "units"),
        list(after, "systemd", "units"),
    );
    let mut expected = BTreeSet::from([
        "/etc/containers/registries.conf.d/50-snobox.conf",
        "/etc/containers/registries.d/50-snobox.yaml",
        "/etc/hostname",
        "/etc/snobox/image.json",
        "/etc/systemd/system/bootkube.service.d/50-snobox.conf",
        "/etc/systemd/system/crio.service.d/50-snobox.conf",
        "/etc/systemd/system/install-to-disk.service.d/50-snobox.conf",
        "/etc/systemd/system/kubelet.service.d/50-snobox.conf",
        "/etc/systemd/system/node-image-pull.service.d/50-snobox.conf",
        "/etc/systemd/system/release-image.service.d/50-snobox.conf",
        "/opt/openshift/openshift/99-master-snobox-cache.yaml",
        "/opt/openshift/openshift/99-master-snobox-node.yaml",
        "/opt/openshift/openshift/99-snobox-imagetagmirrorset.yaml",
        "/usr/local/bin/snobox-cache",
        "/usr/local/bin/snobox-install-agent",
    ]);
    let mirrors = "/opt/openshift/manifests/image-digest-mirror-set.yaml";
    if !names(list(before, "storage", "files"), "path").contains(mirrors) {
        expected.insert(mirrors);
    }
    assert_eq!(names(files, "path"), expected);
    for file in files {
        // 0644 and 0755, as JSON writes them.
        let script = file["path"]
            .as_str()
            .unwrap()
            .starts_with("/usr/local/bin/");
        assert_eq!(file["mode"], if script { 493 } else { 420 }, "{file}");
    }
    let expected = [
        "snobox-cache.service",
        "snobox-certs.service",
        "snobox-disk.service",
        "snobox-guard.service",
        "snobox-registry.service",
        "snobox-status.service",
    ];
    assert_eq!(names(units, "name"), BTreeSet::from(expected));
    assert!(units.iter().all(|unit| unit["enabled"] == true));
}

#[test]
fn an_image_with_a_foreign_release_says_what_its_cache_lacks() {
    let Some(iso) = sample_iso(ISO) else { return };
    let ignitions = sample_ignitions();
    let (ignition, iso) = (ignitions[0].to_str().unwrap(), iso.to_str().unwrap());
    let sandbox = Sandbox::with_site();
    let args = [
        "build",
        "-o",
        "real.img",
        "--installer-ignition",
        ignition,
        "--live-iso",
        iso,
    ];
    let said = sandbox.run(&args).ok();
    let value = sandbox
        .run(&[&["--json"], &args[..], &["--force"]].concat())
        .ok()
        .json();
    let lacking = value["notInCache"].as_array().unwrap();
    if lacking.is_empty() {
        sandbox.run(&["verify", "real.img"]).ok();
        return;
    }
    assert!(said.stderr.contains("warning: "), "{said}");
    for missing in lacking {
        let (image, place) = (missing["image"].as_str(), missing["askedBy"].as_str());
        let line = format!(
            "{} is not in the cache; asked for by {}",
            image.unwrap(),
            place.unwrap()
        );
        assert!(said.stderr.contains(&line), "{line}: {said}");
    }
    let said = sandbox.run(&["verify", "real.img"]).fails(40);
    let found: Vec<_> = said.text().lines().map(str::to_owned).collect();
    assert_eq!(found.len(), lacking.len(), "{said}");
    assert!(
        found.iter().all(|line| line.starts_with("not-in-cache: ")),
        "{said}"
    );
}

#[test]
fn without_fallback_a_foreign_release_is_refused() {
    let Some(iso) = sample_iso(ISO) else { return };
    let sandbox = Sandbox::with_site();
    crate::support::set_in(&sandbox, "cache: { fallback: none }\n");
    for ignition in sample_ignitions() {
        let text = fs::read_to_string(&ignition).unwrap();
        if !text.contains("@sha256") {
            continue;
        }
        let before = crate::support::Tree::of(&sandbox.work());
        let args = ["build", "--installer-ignition", ignition.to_str().unwrap()];
        let said = sandbox.run(&[&args[..], &["--live-iso", iso.to_str().unwrap()]].concat());
        said.fails(40).says("not in the cache");
        assert_eq!(crate::support::Tree::of(&sandbox.work()), before);
    }
}
