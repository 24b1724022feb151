//! Problems: where they are, how they read, how many there are.

use crate::texts::{FULL, SHORT, bad, full_with};

fn told(text: &str) -> Vec<String> {
    let tell = |p: &snobox_plan::problem::Problem| match &p.hint {
        Some(hint) => format!("{p} ({hint})"),
        None => p.to_string(),
    };
    bad(text).iter().map(tell).collect()
}

#[test]
fn five_mistakes_are_five_problems_in_the_order_of_the_file() {
    let text = "\
apiVersion: snobox.io/v1alpha1
kind: Site
metadata: { name: bip }
release:
  version: 4.11.9
baseDomain: example.com
pullSecretFile: pull-secret.json
sshKeyfile: id_ed25519.pub
node:
  installationDisk: { path: /dev/sda }
  interface: { name: enp0s25 }
  address: 192.168.86.45/24
  gateway: 192.168.87.1
images:
  additional:
    - quay.io/team/app:1.2
    - Quay.io/Team/app
cache: { label: data, fallback: upsteam }
";
    assert_eq!(
        told(text),
        [
            "5:12: release.version: \"4.11.9\" is not allowed; allowed: a version such as 4.13.1, from 4.12 on",
            "8:1: sshKeyfile: unknown key; allowed: apiVersion, kind, metadata, release, baseDomain, pullSecretFile, sshKeyFile, node, images, \
             cache, certificates, mirrors (did you mean \"sshKeyFile\"?)",
            "13:12: node.gateway: \"192.168.87.1\" is not allowed; allowed: another address of 192.168.86.0/24, the network of node.address",
            "17:7: images.additional[1]: \"Quay.io/Team/app\" is not allowed; allowed: an image reference such as quay.io/team/app:1.2 or \
             quay.io/team/app@sha256:…",
            "18:33: cache.fallback: \"upsteam\" is not allowed; allowed: upstream, none (did you mean \"upstream\"?)",
        ]
    );
}

#[test]
fn an_empty_file_lists_everything_that_a_site_needs() {
    let paths: Vec<_> = bad("# nothing yet\n").into_iter().map(|p| p.path).collect();
    assert_eq!(
        paths,
        [
            "apiVersion",
            "kind",
            "metadata",
            "release",
            "baseDomain",
            "pullSecretFile",
            "sshKeyFile",
            "node"
        ]
    );
}

#[test]
fn a_document_that_is_no_mapping_is_one_problem() {
    for (text, given) in [
        ("- a\n", "a list is not allowed"),
        ("text\n", "\"text\" is not allowed"),
        ("~\n", "nothing is not allowed"),
    ] {
        let problems = bad(text);
        let [problem] = &problems[..] else {
            panic!("{problems:?}")
        };
        assert_eq!(
            (problem.path.as_str(), problem.given.as_str()),
            ("(document)", given)
        );
    }
}

#[test]
fn broken_yaml_is_one_problem_with_its_place() {
    assert_eq!(
        told("kind: Site\nnode: {\n"),
        [
            "3:1: (document): not valid YAML: while parsing a node, did not find expected node content"
        ]
    );
    assert_eq!(
        told("kind: Site\nkind: Site\n"),
        ["2:1: (document): not valid YAML: a key is given twice, first in line 1: \"kind\""]
    );
}

#[test]
fn a_misspelt_key_is_not_also_missing() {
    for (from, to, path, hint) in [
        (
            "metadata:",
            "metdata:",
            "metdata",
            "did you mean \"metadata\"?",
        ),
        (
            "{ name: bip }",
            "{ nmae: bip }",
            "metadata.nmae",
            "did you mean \"name\"?",
        ),
        (
            "version:",
            "versoin:",
            "release.versoin",
            "did you mean \"version\"?",
        ),
        (
            "installationDisk:",
            "installDisk:",
            "node.installDisk",
            "did you mean \"installationDisk\"?",
        ),
        (
            "{ name: enp0s25 }",
            "{ nam: enp0s25 }",
            "node.interface.nam",
            "did you mean \"name\"?",
        ),
        (
            "hostname:",
            "hostName:",
            "node.hostName",
            "did you mean \"hostname\"?",
        ),
        (
            "afterInstall:",
            "after_install:",
            "cache.after_install",
            "did you mean \"afterInstall\"?",
        ),
    ] {
        let problems = bad(&full_with(from, to));
        let [problem] = &problems[..] else {
            panic!("{to}: {problems:#?}")
        };
        assert_eq!(
            (problem.path.as_str(), problem.hint.as_deref()),
            (path, Some(hint)),
            "{to}"
        );
        assert_eq!(problem.given, "unknown key");
    }
}

#[test]
fn reclaiming_the_cache_is_refused_as_not_supported() {
    let problems = bad(&full_with("afterInstall: keep", "afterInstall: reclaim"));
    let [problem] = &problems[..] else {
        panic!("{problems:#?}")
    };
    assert_eq!(problem.path, "cache.afterInstall");
    assert_eq!(
        problem.hint.as_deref(),
        Some("reclaim is not supported by this version")
    );
}

#[test]
fn what_is_planned_is_refused_as_not_supported_yet() {
    let top = |line: &str| format!("{FULL}{line}\n");
    let cases = [
        ("installConfig", top("installConfig: install-config.yaml")),
        ("hub", top("hub: { importManifests: [import.yaml] }")),
        ("extraManifests", top("extraManifests: [manifests/]")),
        (
            "node.dns.serveLocally",
            full_with("[192.168.86.27] }", "[192.168.86.27], serveLocally: true }"),
        ),
    ];
    for (path, text) in cases {
        let problems = bad(&text);
        let [problem] = &problems[..] else {
            panic!("{path}: {problems:#?}")
        };
        assert_eq!(problem.path, path);
        assert_eq!(problem.given, "not supported by this version of snobox yet");
        assert_eq!(
            problem.hint.as_deref(),
            Some("remove it; nothing in this file is silently ignored")
        );
    }
}

#[test]
fn a_missing_field_is_told_where_it_belongs() {
    let missing = |from: &str| {
        let problems = bad(&SHORT.replacen(from, "", 1));
        let [problem] = &problems[..] else {
            panic!("{problems:#?}")
        };
        assert_eq!(problem.given, "is missing");
        (problem.at.line, problem.at.column, problem.path.clone())
    };
    assert_eq!(
        missing("baseDomain: example.com\n"),
        (1, 1, "baseDomain".to_owned())
    );
    assert_eq!(missing("name: bip"), (3, 11, "metadata.name".to_owned()));
    assert_eq!(
        missing("path: /dev/sda"),
        (9, 21, "node.installationDisk.path".to_owned())
    );
    // The place of a key that is there without a value.
    assert_eq!(
        missing(" pull-secret.json"),
        (6, 1, "pullSecretFile".to_owned())
    );
}
