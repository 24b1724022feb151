//! Site files, and the files that they name, with mistakes in them.

use std::fs;

use serde_json::Value;

use crate::again::practice_ignition;
use crate::iso::large_config;
use crate::support::{SITE, Sandbox, Tree, demo, sample_iso, set_in, tool};

/// Every command that reads a site refuses it in the same way, and leaves all as it is.
#[track_caller]
fn all_refuse(sandbox: &Sandbox, exit: i32, parts: &[&str]) {
    let before = Tree::of(&sandbox.work());
    for command in ["check", "mirror", "build"] {
        let said = sandbox.run(&[command]).fails(exit);
        for part in parts {
            assert!(said.stderr.contains(part), "{command}: no {part:?}: {said}");
        }
        let said = sandbox.run(&["--json", command]).fails(exit);
        let error = &said.json()["error"];
        assert_eq!(error["exit"], exit, "{said}");
        assert!(error["hint"].is_string(), "{said}");
        assert_eq!(Tree::of(&sandbox.work()), before);
    }
}

#[test]
fn five_mistakes_are_told_at_once_each_with_its_place() {
    let sandbox = Sandbox::with_site();
    let text = "\
apiVersion: snobox.io/v1alpha1
kind: Site
metadata: { name: Bip_1 }
release: { version: latest }
baseDomain: practice.example
pullSecretFile: pull-secret.json
sshKeyFile: id_practice.pub
node:
  installationDisk: { path: sda }
  interface: { name: eth0 }
  address: 192.168.86.45
cache:
  lable: data
";
    sandbox.write("site.yaml", text);
    let places = [
        "5 problems in site.yaml",
        "\n  site.yaml:3:19: metadata.name: ",
        "\n  site.yaml:4:21: release.version: ",
        "\n  site.yaml:9:29: node.installationDisk.path: ",
        "\n  site.yaml:11:12: node.address: ",
        "\n  site.yaml:13:3: cache.lable: ",
        "did you mean \"label\"?",
        "Bip_1",
        "; allowed: ",
    ];
    all_refuse(&sandbox, 10, &places);
}

#[test]
fn a_site_that_is_not_there_or_no_yaml_is_refused() {
    let sandbox = Sandbox::with_site();
    fs::remove_file(sandbox.path("site.yaml")).unwrap();
    all_refuse(&sandbox, 10, &["cannot read site.yaml", "snobox init"]);
    sandbox.write("site.yaml", "metadata: { name: bip\nkind: [Site\n");
    all_refuse(&sandbox, 10, &["site.yaml:", "not valid YAML"]);
    sandbox.write("site.yaml", b"kind: \xff\xfe");
    all_refuse(&sandbox, 10, &["site.yaml"]);
    sandbox.write("site.yaml", "");
    all_refuse(&sandbox, 10, &["site.yaml"]);
}

#[test]
fn a_good_site_is_good() {
    let sandbox = Sandbox::with_site();
    sandbox.write("site.yaml", SITE);
    let said = sandbox.run(&["check"]).ok();
    assert!(said.text().contains("site.yaml is good"), "{said}");
    assert!(
        said.text().contains("ocp-release:4.99.0-practice-x86_64"),
        "{said}"
    );
    assert_eq!(sandbox.run(&["--json", "check"]).ok().json()["ok"], true);
}

#[test]
fn a_pull_secret_that_is_missing_is_refused() {
    let sandbox = Sandbox::with_site();
    fs::remove_file(sandbox.path("pull-secret.json")).unwrap();
    all_refuse(&sandbox, 11, &["pull-secret.json", "console.redhat.com"]);
}

#[test]
fn a_malformed_pull_secret_is_refused_and_never_shown() {
    let sandbox = Sandbox::with_site();
    let canary = "correct-horse-battery-staple";
    for text in [
        canary.to_owned(),
        format!("{{\"auths\":{{\"quay.io\":{{\"auth\":\"{canary}\"}}}}}}"),
        format!("{{\"auths\":[\"{canary}\"]}}"),
        format!("{{\"{canary}\":"),
        format!("{{\"auths\":{{\"quay.io\":\"{canary}\"}}}}"),
    ] {
        sandbox.write("pull-secret.json", &text);
        for command in ["check", "mirror", "build"] {
            for args in [&[command][..], &["--json", command]] {
                let said = sandbox.run(args).fails(11).says("pull-secret.json");
                assert!(!said.all().contains(canary), "{said}");
            }
        }
    }
}

#[test]
fn an_ssh_key_that_is_none_is_refused_and_a_private_one_is_never_shown() {
    let sandbox = Sandbox::with_site();
    let private = "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0LWNhbmFyeQ==\n";
    for text in [private, "what is this", ""] {
        sandbox.write("id_practice.pub", text);
        let said = sandbox.run(&["check"]).fails(10).says("id_practice.pub");
        assert!(!said.all().contains("c2VjcmV0"), "{said}");
        let before = Tree::of(&sandbox.work());
        sandbox.run(&["build"]).fails(10);
        assert_eq!(Tree::of(&sandbox.work()), before);
    }
    fs::remove_file(sandbox.path("id_practice.pub")).unwrap();
    sandbox.run(&["check"]).fails(10).says("ssh-keygen");
}

#[test]
fn pull_secret_and_ssh_key_are_told_together() {
    let sandbox = Sandbox::with_site();
    fs::remove_file(sandbox.path("pull-secret.json")).unwrap();
    fs::remove_file(sandbox.path("id_practice.pub")).unwrap();
    sandbox
        .run(&["check"])
        .fails(11)
        .says("pull-secret.json")
        .says("id_practice.pub");
}

#[test]
fn a_lock_that_is_missing_old_or_foreign_is_refused_by_build() {
    let sandbox = Sandbox::with_site();
    let build = |part: &str| {
        let before = Tree::of(&sandbox.work());
        sandbox
            .run(&["build"])
            .fails(10)
            .says(part)
            .says("snobox mirror");
        assert_eq!(Tree::of(&sandbox.work()), before);
    };
    let good = String::from_utf8(sandbox.read("site.lock")).unwrap();
    sandbox.write(
        "site.lock",
        good.replace("snobox.io/v1alpha1", "snobox.io/v9"),
    );
    build("snobox.io/v9");
    sandbox.write("site.lock", &good[..good.len() / 2]);
    build("site.lock");
    fs::remove_file(sandbox.path("site.lock")).unwrap();
    build("there is no");
    sandbox.write("site.lock", good);
    let site = String::from_utf8(sandbox.read("site.yaml")).unwrap();
    let other = site.replace("line-agent:1.0", "line-agent:2.0");
    assert_ne!(other, site);
    sandbox.write("site.yaml", other);
    build("out of date");
}

#[test]
fn a_store_that_is_something_else_is_refused_and_left_as_it_is() {
    let sandbox = Sandbox::with_site();
    fs::create_dir(sandbox.path("photos")).unwrap();
    sandbox.write("photos/cat.jpg", "meow");
    let before = Tree::of(&sandbox.work());
    for command in ["mirror", "build"] {
        sandbox
            .run(&[command, "--store", "photos"])
            .fails(31)
            .says("photos");
        sandbox
            .run(&[command, "--store", "site.yaml"])
            .fails(31)
            .says("site.yaml");
        assert_eq!(Tree::of(&sandbox.work()), before);
    }
    sandbox
        .run(&["build", "--store", "absent"])
        .fails(31)
        .says("absent");
    assert_eq!(Tree::of(&sandbox.work()), before);
}

/// OCI image layout specification: `imageLayoutVersion` must be known.
#[test]
fn a_store_of_another_version_is_refused_and_left_as_it_is() {
    let sandbox = Sandbox::with_site();
    sandbox.write("store/oci-layout", r#"{"imageLayoutVersion":"9.0.0"}"#);
    let before = Tree::of(&sandbox.work());
    for args in [&["mirror"][..], &["build"], &["verify", "store"]] {
        sandbox.run(args).fails(31).says("9.0.0");
        assert_eq!(Tree::of(&sandbox.work()), before);
    }
}

#[test]
fn an_ignition_that_is_too_large_makes_no_image() {
    let sandbox = Sandbox::with_site();
    let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
    let mut config = json(&fs::read(practice_ignition(&sandbox)).unwrap());
    let large = json(large_config(700 << 10).as_bytes());
    let files = config["storage"]["files"].as_array_mut().unwrap();
    files.push(large["storage"]["files"][0].clone());
    sandbox.write("large.ign", config.to_string());
    let before = Tree::of(&sandbox.work());
    let said = sandbox
        .run(&["build", "--installer-ignition", "large.ign"])
        .fails(13);
    said.says("too large by ").says("room for 262144");
    assert_eq!(Tree::of(&sandbox.work()), before);
}

#[test]
fn an_ignition_that_cannot_be_extended_makes_no_image() {
    let sandbox = Sandbox::with_site();
    let image = demo().path("practice.img");
    let ours = sandbox.run(&["iso", "show", "--ignition", image.to_str().unwrap()]);
    sandbox.write("ours.ign", ours.ok().stdout);
    sandbox.write("old.ign", r#"{"ignition":{"version":"2.2.0"}}"#);
    sandbox.write("half.ign", r#"{"ignition":{"#);
    let before = Tree::of(&sandbox.work());
    for name in ["ours.ign", "old.ign", "half.ign"] {
        sandbox
            .run(&["build", "--installer-ignition", name])
            .fails(15);
        assert_eq!(Tree::of(&sandbox.work()), before);
    }
    sandbox
        .run(&["build", "--installer-ignition", "absent.ign"])
        .fails(31)
        .says("absent.ign");
    assert_eq!(Tree::of(&sandbox.work()), before);
}

#[test]
fn an_iso_that_is_no_coreos_live_iso_makes_no_image() {
    let sandbox = Sandbox::with_site();
    let ignition = practice_ignition(&sandbox);
    sandbox.write("text.iso", "not an ISO");
    let mut isos = vec![sandbox.path("text.iso"), demo().path("practice.img")];
    if let Some(sample) = sample_iso("synthetic.iso.xz") {
        // Packed and plain.
        if let Some(xz) = tool("xz") {
            let plain = xz.run(&["-dc".as_ref(), sample.as_os_str()]);
            isos.push(sandbox.write("synthetic.iso", plain));
        }
        isos.push(sample);
    }
    let before = Tree::of(&sandbox.work());
    for iso in isos {
        let args = ["build", "--installer-ignition", ignition.to_str().unwrap()];
        let iso = iso.to_str().unwrap();
        sandbox
            .run(&[&args[..], &["--live-iso", iso]].concat())
            .fails(12);
        assert_eq!(Tree::of(&sandbox.work()), before);
    }
    let args = ["build", "--live-iso", "absent.iso"];
    sandbox.run(&args).fails(31).says("absent.iso");
    assert_eq!(Tree::of(&sandbox.work()), before);
}

#[test]
fn a_live_iso_without_a_partition_table_makes_no_image() {
    let Some(iso) = sample_iso("embed-areas-2021-12.iso.xz") else {
        return;
    };
    let sandbox = Sandbox::with_site();
    let ignition = practice_ignition(&sandbox);
    let before = Tree::of(&sandbox.work());
    let args = ["build", "--installer-ignition", ignition.to_str().unwrap()];
    let said = sandbox.run(&[&args[..], &["--live-iso", iso.to_str().unwrap()]].concat());
    said.fails(12).says("partition table").says("stick");
    assert_eq!(Tree::of(&sandbox.work()), before);
}

#[test]
fn an_output_that_cannot_be_is_refused() {
    let sandbox = Sandbox::with_site();
    let before = Tree::of(&sandbox.work());
    sandbox
        .run(&["build", "-o", "no/such/folder/site.img"])
        .fails(31)
        .says("no/such/folder");
    // A folder is not replaced, even by force.
    sandbox
        .run(&["build", "--force", "-o", "store"])
        .fails(31)
        .says("not a plain file");
    assert_eq!(Tree::of(&sandbox.work()), before);
}

#[test]
fn wrong_usage_has_a_status_of_its_own() {
    let sandbox = Sandbox::new();
    for args in [
        &["frobnicate"][..],
        &["build", "--frobnicate"],
        &[],
        &["mirror", "--jobs", "0"],
    ] {
        let said = sandbox.run(args);
        assert_eq!(said.code(), 2, "{said}");
    }
    assert_eq!(Tree::of(&sandbox.work()).names(), [""; 0]);
}

#[test]
fn unused_additions_to_a_site_change_nothing_for_its_lock() {
    let sandbox = Sandbox::with_site();
    set_in(&sandbox, "cache: { label: sticky }\n");
    sandbox.run(&["mirror"]).ok();
    let lock = sandbox.read("site.lock");
    assert_eq!(lock, fs::read(demo().path("site.lock")).unwrap());
}
