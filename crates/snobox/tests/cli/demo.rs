//! `snobox demo`: two words, and everything is there.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Running, Sandbox, Tree, binary, copy, demo, may_mount, tool};

#[test]
fn the_demo_leaves_site_lock_store_and_image_and_nothing_half_made() {
    let tree = Tree::of(demo().folder());
    let top: BTreeSet<_> = tree
        .names()
        .into_iter()
        .map(|name| name.split('/').next().unwrap())
        .collect();
    let expected = [
        ".snobox-demo",
        "id_practice.pub",
        "practice-auth",
        "practice.img",
        "pull-secret.json",
        "site.lock",
        "site.yaml",
        "store",
    ];
    assert_eq!(top, BTreeSet::from(expected));
    assert_eq!(tree.leftovers(), [""; 0]);
    assert!(tree.names().contains(&"store/index.json"));
}

#[test]
fn what_holds_secrets_is_readable_by_nobody_else() {
    let tree = Tree::of(demo().folder());
    assert_eq!(tree.mode("practice.img"), 0o600);
    assert_eq!(tree.mode("pull-secret.json"), 0o600);
    assert_eq!(tree.mode("practice-auth/"), 0o700);
    assert_eq!(tree.mode("practice-auth/kubeconfig"), 0o600);
    assert_eq!(tree.mode("practice-auth/kubeadmin-password"), 0o600);
}

#[test]
fn json_is_one_document_on_stdout_and_lines_on_stderr() {
    let said = &demo().said;
    let value = said.json();
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    let stages: Vec<_> = value["stages"].as_array().unwrap().iter().collect();
    let names: Vec<_> = stages.iter().map(|stage| text(&stage["name"])).collect();
    assert_eq!(names, ["serve", "check", "mirror", "build", "verify"]);
    for stage in stages {
        assert!(stage["seconds"].as_f64().unwrap() >= 0.0);
        assert!(!text(&stage["made"]).is_empty());
    }
    for file in value["files"].as_array().unwrap() {
        assert!(fs::exists(text(file)).unwrap(), "{file}");
    }
    assert_eq!(value["verify"]["ok"], true);
    assert_eq!(value["verify"]["findings"], Value::Array(Vec::new()));
    assert_eq!(value["mirror"]["release"]["version"], "4.99.0-practice");
    let image = fs::metadata(demo().path("practice.img")).unwrap();
    assert_eq!(value["build"]["sizeBytes"], image.len());

    let events: Vec<Value> = said
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    let ended: BTreeSet<_> = events
        .iter()
        .filter(|event| event["event"] == "done")
        .map(|event| text(&event["stage"]))
        .collect();
    for stage in ["release", "images", "live ISO", "cache", "verify"] {
        assert!(ended.contains(stage), "{stage}: {ended:?}");
    }
    let of_stages = events.iter().filter(|event| !event["stage"].is_null());
    for event in of_stages {
        assert!(
            event["bytes"].is_u64() && event["totalBytes"].is_u64(),
            "{event}"
        );
    }
}

#[test]
fn a_second_demo_in_the_same_folder_fetches_nothing_and_replaces_the_image() {
    let sandbox = Sandbox::new();
    copy(demo().folder(), &sandbox.path("snobox-demo"));
    let lock = sandbox.read("snobox-demo/site.lock");
    let said = sandbox.run(&["demo"]).ok();
    for stage in ["serve", "check", "mirror", "build", "verify"] {
        assert!(said.text().contains(stage), "{said}");
        said.stderr.find(stage).unwrap_or_else(|| panic!("{said}"));
    }
    assert!(said.stderr.contains("0 B fetched in 0 blobs"), "{said}");
    assert!(
        said.text().contains("verify snobox-demo/practice.img"),
        "{said}"
    );
    assert_eq!(sandbox.read("snobox-demo/site.lock"), lock);
    let before = Tree::of(demo().folder());
    let after = Tree::of(&sandbox.path("snobox-demo"));
    assert_eq!(before.names(), after.names());
    sandbox.run(&["verify", "snobox-demo/practice.img"]).ok();
}

#[test]
fn a_folder_of_somebody_else_is_refused_and_left_as_it_is() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("mine")).unwrap();
    sandbox.write("mine/thesis.txt", "forty years of work");
    sandbox.write("mine/site.yaml", "mine too");
    let before = Tree::of(&sandbox.work());
    let said = sandbox.run(&["demo", "--dir", "mine"]).fails(31);
    assert!(said.stderr.contains("mine is not empty"), "{said}");
    assert_eq!(Tree::of(&sandbox.work()), before);
    let said = sandbox.run(&["demo", "--dir", "mine/thesis.txt"]).fails(31);
    assert!(said.stderr.contains("mine/thesis.txt"), "{said}");
    assert_eq!(Tree::of(&sandbox.work()), before);
}

/// In a network namespace that has nothing but its own loopback, as a user who owns nothing but the folder.
#[test]
fn the_demo_needs_neither_a_network_nor_root() {
    let needed = ["unshare", "ip", "setpriv", "chown"].map(tool);
    let [Some(unshare), Some(ip), Some(setpriv), Some(chown)] = needed else {
        return;
    };
    if !may_mount("a network namespace") {
        return;
    }
    // The build folder may be closed to others.
    let open = TempDir::new().unwrap();
    let everyone = fs::Permissions::from_mode(0o755);
    fs::set_permissions(open.path(), everyone.clone()).unwrap();
    let program = open.path().join("snobox");
    fs::copy(binary(), &program).unwrap();
    fs::set_permissions(&program, everyone).unwrap();
    let home = open.path().join("home");
    fs::create_dir(&home).unwrap();
    chown.run(&["65534:65534".as_ref(), home.as_os_str()]);

    let script = format!(
        "{} link set lo up && exec {} --reuid 65534 --regid 65534 --clear-groups {} demo",
        ip.path().display(),
        setpriv.path().display(),
        program.display()
    );
    let mut command = Command::new(unshare.path());
    command
        .args(["--net", "--", "sh", "-c", &script])
        .current_dir(&home)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("TMPDIR", &home);
    let said = Running::start(command).end().ok();
    assert!(said.text().contains("snobox-demo/practice.img"), "{said}");
    let tree = Tree::of(&home);
    assert_eq!(tree.leftovers(), [""; 0]);
    assert!(
        tree.names()
            .iter()
            .all(|name| name.starts_with("snobox-demo/"))
    );
}
