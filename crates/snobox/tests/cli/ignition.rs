//! `snobox ignition show`, `lint` and `diff` on what the installer wrote, on what a build made of it, and on what a hand edited.

use std::path::PathBuf;

use serde_json::Value;

use crate::support::{Sandbox, sample_ignitions, tool};

/// The sample that a hand edited.
fn by_hand() -> Option<PathBuf> {
    let installers = sample_ignitions();
    let root = installers.first()?.parent()?.parent()?;
    Some(root.join("manual-procedure-4.13.1/bootstrap-in-place.ign"))
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().unwrap()
}

fn text(path: &std::path::Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn everything_is_listed_with_who_put_it_there() {
    let sandbox = Sandbox::with_image();
    let shown = sandbox
        .run(&["--json", "ignition", "show", "practice.img"])
        .ok()
        .json();
    let embedded = sandbox
        .run(&["iso", "show", "--ignition", "practice.img"])
        .ok()
        .json();
    let files = list(&shown, "files");
    let document = list(&embedded["storage"], "files");
    assert_eq!(files.len(), document.len());
    for (entry, file) in files.iter().zip(document) {
        assert_eq!(
            (&entry["path"], &entry["mode"]),
            (&file["path"], &file["mode"])
        );
    }
    assert_eq!(
        list(&shown, "units").len(),
        list(&embedded["systemd"], "units").len()
    );
    let origin = |path: &str| {
        let entry = files.iter().find(|entry| entry["path"] == path).unwrap();
        (
            entry["origin"].as_str().unwrap().to_owned(),
            entry["secret"].as_bool().unwrap(),
        )
    };
    assert_eq!(
        origin("/etc/snobox/image.json"),
        ("snobox".to_owned(), false)
    );
    assert_eq!(origin("/etc/hostname"), ("snobox".to_owned(), false));
    assert_eq!(
        origin("/usr/local/bin/bootkube.sh"),
        ("installer".to_owned(), false)
    );
    assert_eq!(
        origin("/root/.docker/config.json"),
        ("installer".to_owned(), true)
    );
    let table = sandbox
        .run(&["ignition", "show", "practice.img"])
        .ok()
        .text();
    assert!(table.contains("0555"), "{table}");
    assert!(table.contains("snobox-registry.service"), "{table}");
}

#[test]
fn one_file_or_unit_is_printed_and_a_secret_only_when_asked() {
    let Some(jq) = tool("jq") else { return };
    let sandbox = Sandbox::with_image();
    let config = sandbox
        .run(&["iso", "show", "--ignition", "practice.img"])
        .ok();
    let config = sandbox.write("config.ign", config.stdout);
    let show = |args: &[&str]| sandbox.run(&[&["ignition", "show", "config.ign"], args].concat());
    let path = "/usr/local/bin/bootkube.sh";
    let filter = format!(
        ".storage.files[] | select(.path == \"{path}\") | .contents.source | sub(\".*base64,\"; \"\") | @base64d"
    );
    let expected = jq.run(&["-j", &filter, text(&config)]);
    assert_eq!(show(&[path]).ok().stdout, expected);
    let unit = show(&["kubelet.service"]).ok().text();
    assert!(unit.starts_with("# kubelet.service\n[Unit]\n"), "{unit}");
    show(&["/nothing"])
        .fails(2)
        .says("no file and no unit /nothing");
    let secret = "/root/.docker/config.json";
    let refused = show(&[secret]).fails(2).says("--reveal");
    assert!(!refused.all().contains("auths"), "{refused}");
    assert!(show(&[secret, "--reveal"]).ok().text().contains("auths"));
}

#[test]
fn installers_and_images_have_no_errors() {
    let sandbox = Sandbox::with_image();
    let value = sandbox
        .run(&["--json", "ignition", "lint", "practice.img"])
        .ok()
        .json();
    assert_eq!(
        (&value["ok"], &value["errors"]),
        (&true.into(), &0.into()),
        "{value:#}"
    );
    for ignition in sample_ignitions() {
        sandbox.run(&["ignition", "lint", text(&ignition)]).ok();
    }
}

#[test]
fn faults_are_findings_and_an_exit_status() {
    let Some(by_hand) = by_hand() else { return };
    let sandbox = Sandbox::new();
    let said = sandbox.run(&["ignition", "lint", text(&by_hand)]).fails(40);
    let lines = said.text();
    assert!(
        lines.contains("error decimal-mode: /usr/local/bin/extract-ai.sh: found mode 755 of /usr/local/bin/extract-ai.sh, which is 01363, expected 493, which is 0755\n    hint: "),
        "{lines}"
    );
    let value = sandbox
        .run(&["--json", "ignition", "lint", text(&by_hand)])
        .fails(40)
        .json();
    let count = |severity: &str| {
        list(&value, "findings")
            .iter()
            .filter(|f| f["severity"] == severity)
            .count()
    };
    assert_eq!(value["errors"], count("error"));
    assert_eq!(value["warnings"], count("warning"));
    assert!(count("error") >= 3 && count("warning") >= 3, "{value:#}");
}

#[test]
fn a_build_only_adds() {
    let sandbox = Sandbox::with_image();
    let config = sandbox
        .run(&["iso", "show", "--ignition", "practice.img"])
        .ok();
    sandbox.write("after.ign", &config.stdout);
    let mut before: Value = serde_json::from_slice(&config.stdout).unwrap();
    for (section, key, name) in [("storage", "files", "path"), ("systemd", "units", "name")] {
        let items = before[section][key].as_array_mut().unwrap();
        items.retain(|item| !item[name].as_str().unwrap().contains("snobox"));
    }
    sandbox.write("before.ign", before.to_string());
    let args = ["--json", "ignition", "diff", "before.ign", "practice.img"];
    let value = sandbox.run(&args).fails(40).json();
    let differences = list(&value, "differences");
    assert!(differences.len() >= 3, "{value:#}");
    for difference in differences {
        assert_eq!(difference["change"], "added", "{difference:#}");
        assert!(difference["name"].as_str().unwrap().contains("snobox"));
    }
    let said = sandbox
        .run(&["ignition", "diff", "before.ign", "after.ign"])
        .fails(40);
    assert!(
        said.text().contains("added unit snobox-registry.service"),
        "{said}"
    );
    let equal = sandbox
        .run(&["ignition", "diff", "after.ign", "practice.img"])
        .ok();
    assert_eq!(equal.text(), "equal\n");
}

#[test]
fn what_is_no_config_is_refused_by_what_it_is() {
    let sandbox = Sandbox::new();
    sandbox.write("text", "hello");
    sandbox.write("old.ign", r#"{"ignition":{"version":"2.3.0"}}"#);
    sandbox.write("zeros", vec![0; 100_000]);
    sandbox
        .run(&["ignition", "lint", "text"])
        .fails(15)
        .says("not JSON");
    sandbox
        .run(&["ignition", "show", "old.ign"])
        .fails(15)
        .says("2.3.0");
    sandbox
        .run(&["ignition", "diff", "old.ign", "zeros"])
        .fails(15);
    sandbox.run(&["ignition", "lint", "zeros"]).fails(12);
    sandbox
        .run(&["ignition", "lint", "."])
        .fails(31)
        .says("is a folder");
    sandbox.run(&["ignition", "lint", "absent"]).fails(31);
}
