//! `snobox catalog list` and `select`: on the practice catalog, on real ones, and on the manual procedure's image set with a catalog in its form.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Sandbox, sample_catalog, sample_manual_image_set, tool};

const INDEX: &str = "registry.example.com/index:v1";

const CATALOG: &str = r#"{"schema":"olm.package","name":"foo","defaultChannel":"stable"}
{"schema":"olm.channel","package":"foo","name":"stable","entries":[{"name":"foo.v1.0.0"},{"name":"foo.v1.1.0","replaces":"foo.v1.0.0"},{"name":"foo.v2.0.0","replaces":"foo.v1.1.0"}]}
{"schema":"olm.channel","package":"foo","name":"fast","entries":[{"name":"foo.v2.0.0"}]}
{"schema":"olm.bundle","package":"foo","name":"foo.v1.0.0","image":"r.example.com/foo:1.0.0","properties":[{"type":"olm.package","value":{"packageName":"foo","version":"1.0.0"}}]}
{"schema":"olm.bundle","package":"foo","name":"foo.v1.1.0","image":"r.example.com/foo:1.1.0","properties":[{"type":"olm.package","value":{"packageName":"foo","version":"1.1.0"}}]}
{"schema":"olm.bundle","package":"foo","name":"foo.v2.0.0","image":"r.example.com/foo:2.0.0","properties":[{"type":"olm.package","value":{"packageName":"foo","version":"2.0.0"}}],
 "relatedImages":[{"name":"","image":"r.example.com/foo:2.0.0"},{"name":"operand","image":"r.example.com/operand:2"},{"name":"blocked","image":"r.example.com/aws:2"},{"name":"short","image":"operand"}]}
"#;

const GOOD: &str = r#"{"schema":"olm.package","name":"good","defaultChannel":"s"}
{"schema":"olm.channel","package":"good","name":"s","entries":[{"name":"good.v1.0.0"}]}
{"schema":"olm.bundle","package":"good","name":"good.v1.0.0","image":"r.example.com/good:1","properties":[{"type":"olm.package","value":{"packageName":"good","version":"1.0.0"}}]}
"#;

fn image_set(ask: &str) -> String {
    format!(
        "kind: ImageSetConfiguration\napiVersion: mirror.openshift.io/v2alpha1\nmirror:\n  blockedImages: [{{name: /aws}}]\n  operators:\n  - catalog: {INDEX}\n    packages:\n{ask}"
    )
}

fn select(sandbox: &Sandbox, ask: &str, json: bool) -> crate::support::Said {
    sandbox.write("catalog.json", CATALOG);
    sandbox.write("imageset.yaml", image_set(ask));
    let stand_in = format!("{INDEX}=catalog.json");
    let args = [
        "catalog",
        "select",
        "--image-set",
        "imageset.yaml",
        "--catalog",
        &stand_in,
    ];
    let mut all: Vec<&str> = args.to_vec();
    if json {
        all.push("--json");
    }
    sandbox.run(&all)
}

#[test]
fn chosen_bundles_come_with_channels_and_images() {
    let sandbox = Sandbox::new();
    let ask = "    - name: foo\n";
    let said = select(&sandbox, ask, true).ok().json();
    assert_eq!(
        said["bundles"],
        json!([{
            "package": "foo",
            "name": "foo.v2.0.0",
            "version": "2.0.0",
            "channels": ["fast", "stable"],
            "images": ["r.example.com/foo:2.0.0", "r.example.com/operand:2"],
        }])
    );
    let notes = said["notes"].as_array().unwrap();
    assert_eq!(notes.len(), 2, "{notes:?}");
    let said = select(&sandbox, ask, false)
        .ok()
        .says("note: foo.v2.0.0: r.example.com/aws:2 is left out: blockedImages has \"/aws\"");
    assert_eq!(
        said.text(),
        "PACKAGE  VERSION  BUNDLE      CHANNELS      IMAGES\n\
         foo      2.0.0    foo.v2.0.0  fast, stable  2\n\
         1 bundles, 2 images\n"
    );
}

#[test]
fn what_is_not_there_is_told_with_what_is_and_the_line_that_would_help() {
    let sandbox = Sandbox::new();
    let ask = "    - name: foo\n      channels:\n      - {name: stable, minVersion: 1.1.5, maxVersion: 1.1.5}\n    - name: bar\n";
    let said = select(&sandbox, ask, true)
        .fails(10)
        .says("2 problems in imageset.yaml")
        .says("imageset.yaml:10:36: mirror.operators[0].packages[0].channels[0].minVersion: the channel \"stable\" of \"foo\" does not have version 1.1.5")
        .says("allowed: its versions near that: 1.0.0, 1.1.0, 2.0.0 (write minVersion: 1.1.0 and maxVersion: 1.1.0)")
        .says("imageset.yaml:11:7: mirror.operators[0].packages[1]: the package \"bar\" is not in registry.example.com/index:v1; allowed: its one package: foo");
    assert_eq!(said.json()["error"]["exit"], 10);
    // And with the line: good.
    let ask = "    - name: foo\n      channels:\n      - {name: stable, minVersion: 1.1.0, maxVersion: 1.1.0}\n";
    let said = select(&sandbox, ask, true).ok().json();
    assert_eq!(said["bundles"][0]["name"], "foo.v1.1.0");
}

#[test]
fn a_catalog_comes_from_its_registry_or_a_stand_in_and_a_stand_in_needs_a_catalog() {
    let sandbox = Sandbox::new();
    sandbox.write("catalog.json", CATALOG);
    sandbox.write("imageset.yaml", image_set("    - name: foo\n"));
    let run = |more: &[&str]| {
        let mut args = vec!["catalog", "select", "--image-set", "imageset.yaml"];
        args.extend_from_slice(more);
        sandbox.run(&args)
    };
    // Nothing stands in for it, so it is asked for; and nothing leaves the machine here.
    run(&[])
        .fails(20)
        .says("registry.example.com cannot be reached");
    sandbox.write(
        "layout.yaml",
        image_set("    - name: foo\n").replace(INDEX, "oci://no/such/layout"),
    );
    sandbox
        .run(&["catalog", "select", "--image-set", "layout.yaml"])
        .fails(31)
        .says("cannot read no/such/layout/index.json");
    run(&["--catalog", "registry.example.com/index:v2=catalog.json"])
        .fails(2)
        .says("does not name this catalog");
    let named = format!("{INDEX}=absent.json");
    run(&["--catalog", &named]).fails(31).says("absent.json");
    sandbox.write(
        "broken.json",
        CATALOG.replace("\"name\":\"fast\"", "name:fast"),
    );
    let named = format!("{INDEX}=broken.json");
    run(&["--catalog", &named])
        .fails(31)
        .says("broken.json:3: document 3: key must be a string");
    sandbox
        .run(&["catalog", "select", "--image-set", "absent.yaml"])
        .fails(10);
}

#[test]
fn a_catalog_is_listed_by_package_channel_and_version() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path("configs/foo")).unwrap();
    sandbox.write("configs/foo/index.json", CATALOG);
    sandbox.write("configs/README.md", "not a document");
    let list = |more: &[&str]| {
        let mut args = vec!["catalog", "list", "configs"];
        args.extend_from_slice(more);
        sandbox.run(&args)
    };
    assert_eq!(
        list(&[]).ok().text(),
        "PACKAGE  DEFAULT CHANNEL  HEAD\nfoo      stable           foo.v2.0.0\n"
    );
    assert_eq!(
        list(&["--package", "foo"]).ok().text(),
        "CHANNEL  HEAD        VERSIONS\nfast     foo.v2.0.0  1\nstable   foo.v2.0.0  3         default\n"
    );
    assert_eq!(
        list(&["--package", "foo", "--channel", "stable"])
            .ok()
            .text(),
        "VERSION  BUNDLE      IMAGES\n1.0.0    foo.v1.0.0  1\n1.1.0    foo.v1.1.0  1\n2.0.0    foo.v2.0.0  4       head\n"
    );
    let said = list(&["--package", "foo", "--json"]).ok().json();
    assert_eq!(
        said["channels"][1]["versions"],
        json!(["1.0.0", "1.1.0", "2.0.0"])
    );
    list(&["--package", "fo"])
        .fails(2)
        .says("did you mean \"foo\"?");
    list(&["--package", "foo", "--channel", "x"])
        .fails(2)
        .says("it has fast, stable");
    sandbox.run(&["catalog", "list", "."]).ok();
    fs::create_dir(sandbox.path("empty")).unwrap();
    sandbox.run(&["catalog", "list", "empty"]).fails(31);
    sandbox.run(&["catalog", "list", "/dev/zero"]).fails(31);
    sandbox
        .run(&["catalog", "list", "no/such/folder"])
        .fails(31);
    // What is no path is an image, and nothing leaves the machine here.
    sandbox
        .run(&["catalog", "list", INDEX])
        .fails(20)
        .says("registry.example.com cannot be reached");
}

#[test]
fn what_is_wrong_with_an_operator_is_listed_with_it() {
    let sandbox = Sandbox::new();
    let at_fault = CATALOG
        .replace("\"version\":\"1.0.0\"", "\"version\":\"1.0\"")
        .replace("\"version\":\"1.1.0\"", "\"version\":\"1.1\"");
    sandbox.write("catalog.json", format!("{at_fault}{GOOD}"));
    let list = |more: &[&str]| {
        let mut args = vec!["catalog", "list", "catalog.json"];
        args.extend_from_slice(more);
        sandbox.run(&args).ok()
    };
    let first = "note: foo is at fault: catalog.json:4:";
    list(&[])
        .says(first)
        .says("(and 1 more: `snobox catalog list … --package foo`)");
    for more in [
        &["--package", "foo"][..],
        &["--package", "foo", "--channel", "stable"],
    ] {
        list(more)
            .says(first)
            .says("note: foo is at fault: catalog.json:5:");
    }
    let said = list(&["--json"]).json();
    let packages = said["packages"].as_array().unwrap();
    let count = |package: &Value| package["faults"].as_array().unwrap().len();
    let faults: Vec<usize> = packages.iter().map(count).collect();
    assert_eq!(faults, [2, 0], "{said}");
}

#[test]
fn a_catalog_given_to_an_image_set_without_operators_is_told_so() {
    let sandbox = Sandbox::new();
    sandbox.write("catalog.json", CATALOG);
    sandbox.write(
        "imageset.yaml",
        "kind: ImageSetConfiguration\napiVersion: mirror.openshift.io/v2alpha1\nmirror:\n  additionalImages: [{name: r.example.com/app:1}]\n",
    );
    let stand_in = format!("{INDEX}=catalog.json");
    sandbox
        .run(&[
            "catalog",
            "select",
            "--image-set",
            "imageset.yaml",
            "--catalog",
            &stand_in,
        ])
        .fails(2)
        .says("it asks for no operators");
}

/// The same counts and names as `jq` finds.
#[test]
fn the_real_catalog_is_listed_as_jq_reads_it() {
    let (Some(jq), Some(path)) = (tool("jq"), sample_catalog("community-operators.json")) else {
        return;
    };
    let path = path.to_str().unwrap();
    let sandbox = Sandbox::new();
    let said = sandbox
        .run(&[
            "--json",
            "catalog",
            "list",
            path,
            "--package",
            "assisted-service-operator",
        ])
        .ok()
        .json();
    let channels = jq.text(&[
        "-r",
        "-s",
        "[.[]|select(.schema==\"olm.channel\")|{name,count:(.entries|length)}]|sort_by(.name)|.[]|\"\\(.name) \\(.count)\"",
        path,
    ]);
    let found: Vec<String> = said["channels"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| {
            format!(
                "{} {}",
                c["name"].as_str().unwrap(),
                c["versions"].as_array().unwrap().len()
            )
        })
        .collect();
    assert_eq!(found, channels.lines().collect::<Vec<_>>());
}

/// A catalog of the operators that the image set names: two versions in the channel, and a newer channel that is the default one, where `lost`.
fn manual_catalog(operators: &[(&str, &str, &str)], lost: bool) -> String {
    let mut text = String::new();
    for (name, channel, version) in operators {
        let newer = "99.0.0";
        let default = if lost { "newest" } else { channel };
        let bundle = |version: &str| {
            json!({"schema": "olm.bundle", "package": name, "name": format!("{name}.v{version}"), "image": format!("registry.redhat.io/{name}/bundle@sha256:{}", "0".repeat(64)),
                "properties": [{"type": "olm.package", "value": {"packageName": name, "version": version}}],
                "relatedImages": [{"name": "operator", "image": format!("registry.redhat.io/{name}/operator@sha256:{}", "1".repeat(64))}]})
        };
        let entry = |version: &str, below: Option<&str>| json!({"name": format!("{name}.v{version}"), "replaces": below.map(|b| format!("{name}.v{b}"))});
        for document in [
            json!({"schema": "olm.package", "name": name, "defaultChannel": default}),
            json!({"schema": "olm.channel", "package": name, "name": channel, "entries": [entry("0.0.1", None), entry(version, Some("0.0.1")), entry("98.0.0", Some(version))]}),
            json!({"schema": "olm.channel", "package": name, "name": "newest", "entries": [entry(newer, Some("98.0.0"))]}),
            bundle("0.0.1"),
            bundle(version),
            bundle("98.0.0"),
            bundle(newer),
        ] {
            text += &format!("{document}\n");
        }
    }
    text
}

const REDHAT: [(&str, &str, &str); 6] = [
    (
        "kubernetes-nmstate-operator",
        "stable",
        "4.13.0-202305262054",
    ),
    ("kubevirt-hyperconverged", "stable", "4.13.0"),
    ("lvms-operator", "stable-4.13", "4.13.1"),
    ("mtv-operator", "release-v2.4", "2.4.1"),
    ("multicluster-engine", "stable-2.2", "2.2.4"),
    ("nfd", "stable", "4.13.0-202305262054"),
];
const CERTIFIED: [(&str, &str, &str); 1] = [("gpu-operator-certified", "v23.3", "23.3.2")];

fn select_manual(sandbox: &Sandbox, set: &Path, lost: bool) -> crate::support::Said {
    sandbox.write("redhat.json", manual_catalog(&REDHAT, false));
    sandbox.write("certified.json", manual_catalog(&CERTIFIED, lost));
    sandbox.run(&[
        "--json",
        "catalog",
        "select",
        "--image-set",
        set.to_str().unwrap(),
        "--catalog",
        "registry.redhat.io/redhat/redhat-operator-index:v4.13=redhat.json",
        "--catalog",
        "registry.redhat.io/redhat/certified-operator-index:v4.13=certified.json",
    ])
}

#[test]
fn the_manual_procedure_gets_exactly_what_it_pins() {
    let Some(set) = sample_manual_image_set() else {
        return;
    };
    let sandbox = Sandbox::new();
    let said = select_manual(&sandbox, &set, false).ok().json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let found: Vec<_> = said["bundles"]
        .as_array()
        .unwrap()
        .iter()
        .map(|b| {
            (
                text(&b["package"]),
                text(&b["channels"][0]),
                text(&b["version"]),
            )
        })
        .collect();
    let expected: Vec<_> = REDHAT
        .iter()
        .chain(&CERTIFIED)
        .map(|(a, b, c)| ((*a).to_owned(), (*b).to_owned(), (*c).to_owned()))
        .collect();
    assert_eq!(found, expected);
    // A year later the default channel is another one: told, with the line that helps.
    select_manual(&sandbox, &set, true)
        .fails(10)
        .says("the default channel \"newest\" of \"gpu-operator-certified\" was filtered out")
        .says("(add defaultChannel: v23.3)");
}
