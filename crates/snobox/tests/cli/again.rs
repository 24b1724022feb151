//! What was done once is not done again, and comes out the same.

use std::fs;
use std::path::PathBuf;

use serde_json::json;
use snobox_testkit::fault_registry::FaultRegistry;

use crate::support::{Running, Sandbox, Tree, demo, tool};

#[test]
fn a_second_mirror_asks_nobody_and_changes_nothing() {
    let sandbox = Sandbox::with_site();
    let before = Tree::of(&sandbox.work());
    // Whatever would leave the machine goes to this proxy.
    let proxy = FaultRegistry::start().unwrap();
    let address = format!("http://{}", proxy.address());
    let mut command = sandbox.command(&["--json", "mirror"]);
    command
        .env("HTTPS_PROXY", &address)
        .env("HTTP_PROXY", &address);
    let said = sandbox.end(Running::start(command)).ok();
    let value = said.json();
    assert_eq!(value["fetchedBytes"], 0);
    assert_eq!(value["fetchedBlobs"], 0);
    assert_eq!(
        value["images"],
        demo().lock()["images"].as_array().unwrap().len()
    );
    assert!(value["presentBytes"].as_u64().unwrap() > 30 << 20, "{said}");
    assert_eq!(proxy.seen(), []);
    assert_eq!(Tree::of(&sandbox.work()), before);
}

#[test]
fn store_and_image_of_the_demo_are_proved() {
    let sandbox = Sandbox::new();
    for name in ["store", "practice.img"] {
        let target = demo().path(name);
        let target = target.to_str().unwrap();
        let value = sandbox.run(&["--json", "verify", target]).ok().json();
        assert_eq!(value["ok"], true);
        assert!(value["proved"]["blobs"].as_u64().unwrap() > 20, "{value}");
        let said = sandbox.run(&["verify", target]).ok();
        assert!(said.text().starts_with(&format!("{target}: ")), "{said}");
    }
}

/// An ignition that the practice release's installer made for the demo's site.
pub(crate) fn practice_ignition(sandbox: &Sandbox) -> PathBuf {
    let folder = sandbox.path("cluster");
    fs::create_dir(&folder).unwrap();
    let text = |name: &str| String::from_utf8(sandbox.read(name)).unwrap();
    let config = json!({
        "apiVersion": "v1",
        "baseDomain": "practice.example",
        "metadata": {"name": "practice"},
        "compute": [{"name": "worker", "replicas": 0, "architecture": "amd64"}],
        "controlPlane": {"name": "master", "replicas": 1, "architecture": "amd64"},
        "networking": {
            "networkType": "OVNKubernetes",
            "clusterNetwork": [{"cidr": "10.128.0.0/14", "hostPrefix": 23}],
            "serviceNetwork": ["172.30.0.0/16"],
        },
        "platform": {"none": {}},
        "bootstrapInPlace": {"installationDisk": "--save-partlabel 'data' /run/snobox/installation-disk"},
        "pullSecret": text("pull-secret.json").trim(),
        "sshKey": text("id_practice.pub").trim(),
    });
    fs::write(folder.join("install-config.yaml"), config.to_string()).unwrap();
    let args = [
        "practice-installer",
        "create",
        "single-node-ignition-config",
        "--dir",
        "cluster",
    ];
    let mut command = sandbox.command(&args);
    let release = demo().lock()["release"]["image"]
        .as_str()
        .unwrap()
        .to_owned();
    command.env("OPENSHIFT_INSTALL_RELEASE_IMAGE_OVERRIDE", release);
    sandbox.end(Running::start(command)).ok();
    folder.join("bootstrap-in-place-for-live-iso.ign")
}

#[test]
fn the_same_inputs_give_the_same_image() {
    let Some(cmp) = tool("cmp") else { return };
    let sandbox = Sandbox::with_site();
    let ignition = practice_ignition(&sandbox);
    let ignition = ignition.to_str().unwrap();
    for name in ["one.img", "two.img"] {
        let said = sandbox
            .run(&["build", "--installer-ignition", ignition, "-o", name])
            .ok();
        assert!(!said.stderr.contains("warning"), "{said}");
    }
    let path = |name: &str| sandbox.path(name).into_os_string();
    cmp.run(&[path("one.img"), path("two.img")]);
    // The user's own ignition has no passwords that could be kept.
    assert!(!sandbox.path("one-auth").exists());
    sandbox.run(&["verify", "two.img"]).ok();
}

#[test]
fn an_image_that_is_there_is_replaced_only_by_force() {
    let sandbox = Sandbox::with_site();
    let ignition = practice_ignition(&sandbox);
    let args = ["build", "--installer-ignition", ignition.to_str().unwrap()];
    sandbox.run(&args).ok();
    let before = Tree::of(&sandbox.work());
    sandbox
        .run(&args)
        .fails(31)
        .says("practice.img is there already");
    assert_eq!(Tree::of(&sandbox.work()), before);
    sandbox.run(&[&args[..], &["--force"]].concat()).ok();
    assert_eq!(Tree::of(&sandbox.work()).mode("practice.img"), 0o600);
    sandbox.run(&["verify", "practice.img"]).ok();
}

#[test]
fn force_replaces_images_but_no_input_and_nothing_in_the_store() {
    let sandbox = Sandbox::with_site();
    let ignition = practice_ignition(&sandbox);
    let ignition = ignition.to_str().unwrap();
    sandbox
        .run(&["build", "--installer-ignition", ignition, "-o", "live.iso"])
        .ok();
    sandbox.run(&["iso", "embed", "live.iso", "--remove"]).ok();
    let before = Tree::of(&sandbox.work());
    for (output, why) in [
        ("site.yaml", "is not an image"),
        ("pull-secret.json", "is not an image"),
        ("live.iso", "is an input"),
        ("store/index.json", "would lie in the store"),
        ("store/blobs/new.img", "would lie in the store"),
    ] {
        let args = ["build", "--force", "-o", output, "--live-iso", "live.iso"];
        sandbox.run(&args).fails(31).says(why);
        assert_eq!(Tree::of(&sandbox.work()), before, "{output}");
    }
}

#[test]
fn the_way_into_an_earlier_cluster_is_not_overwritten() {
    let sandbox = Sandbox::with_site();
    fs::create_dir(sandbox.path("practice-auth")).unwrap();
    sandbox.write("practice-auth/kubeconfig", "of a cluster that runs");
    let before = Tree::of(&sandbox.work());
    sandbox.run(&["build"]).fails(31).says("practice-auth");
    assert_eq!(Tree::of(&sandbox.work()), before);
}
