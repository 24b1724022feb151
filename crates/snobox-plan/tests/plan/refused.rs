//! Every field refuses every value that is not of its kind, by its own path and by nothing else.

use proptest::prelude::*;
use snobox_plan::{install_config, kargs, lock, site};

use crate::texts::{FULL, SHORT, bad, full_with};

/// A place of the full text, the same with `@@` for the value, the path, and values that are refused.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);

const ROWS: &[Row] = &[
    (
        "snobox.io/v1alpha1",
        "@@",
        "apiVersion",
        &["snobox.io/v1", "v1", "[a]", "{ a: b }"],
    ),
    (
        "kind: Site",
        "kind: @@",
        "kind",
        &["site", "Sites", "[Site]", "{ a: b }"],
    ),
    (
        "metadata: { name: bip }",
        "metadata: @@",
        "metadata",
        &["bip", "[name]"],
    ),
    (
        "{ name: bip }",
        "{ name: @@ }",
        "metadata.name",
        &[
            "Bip", "''", "-a", "a-", "a.b", "a_b", "bïp", "[a]", "{ a: b }",
        ],
    ),
    (
        "{ version: 4.13.1, architecture: x86_64 }",
        "@@",
        "release",
        &["4.13.1", "[a]", "{}", "{ architecture: x86_64 }"],
    ),
    (
        "version: 4.13.1",
        "version: @@",
        "release.version",
        &[
            "4.11.9",
            "4.13",
            "4.10",
            "v4.13.1",
            "4.13.1_x",
            "3.11.0",
            "4.13.01",
            "4.+13.1",
            "4.13.1.1",
            "4.13.",
            "4..1",
            "latest",
            "''",
            "4.13.1-",
            "4.13.1-a/b",
            "4.13.1-a..b",
            "4.13.1-rc_1",
            "4.13.1+build",
            "'4.13.1 '",
            "4.13.99999999999",
            "[4.13.1]",
            "{ a: b }",
        ],
    ),
    (
        "version: 4.13.1",
        "image: @@",
        "release.image",
        &[
            "4.13.1",
            "ocp-release",
            "quay.io/a/b",
            "quay.io/A/b:1",
            "quay.io/a@sha256:12",
            "''",
            "[a]",
            "{ a: b }",
        ],
    ),
    (
        "x86_64",
        "@@",
        "release.architecture",
        &[
            "amd64", "X86_64", "arm64", "ppc64le", "''", "[x86_64]", "{ a: b }",
        ],
    ),
    (
        "example.com",
        "@@",
        "baseDomain",
        &[
            "Example.com",
            ".com",
            "a..b",
            "a.",
            "-a.com",
            "a_b.com",
            "''",
            "10.0.0.1",
            "[a]",
            "{ a: b }",
        ],
    ),
    (
        "pull-secret.json",
        "@@",
        "pullSecretFile",
        &["''", "\"a\\0b\"", "\"a\\nb\"", "[a]", "{ a: b }"],
    ),
    (
        "id_ed25519.pub",
        "@@",
        "sshKeyFile",
        &["''", "\"a\\0b\"", "[a]", "{ a: b }"],
    ),
    (
        "hostname: bip",
        "hostname: @@",
        "node.hostname",
        &[
            "localhost",
            "localhost.localdomain",
            "my-localhost",
            "Bip",
            "a_b",
            "a..b",
            "-a",
            "''",
            "192.168.86.45",
            "[a]",
            "{ a: b }",
        ],
    ),
    (
        "{ path: /dev/disk/by-id/ata-WDC_WD10EZEX }",
        "@@",
        "node.installationDisk",
        &["/dev/sda", "[/dev/sda]"],
    ),
    (
        "/dev/disk/by-id/ata-WDC_WD10EZEX",
        "@@",
        "node.installationDisk.path",
        &[
            "sda",
            "/dev/",
            "/dev",
            "dev/sda",
            "''",
            "/dev/../etc/passwd",
            "/dev//sda",
            "/dev/sda/",
            "'/dev/sda /dev/sdb'",
            "'/dev/$(id)'",
            "'/dev/sd[ab]'",
            "'/dev/sd{a,b}'",
            "'/dev/sda;id'",
            "/dev/sda(1)",
            "'/dev/sda!'",
            "/dev/sdä",
            "[/dev/sda]",
            "{ a: b }",
        ],
    ),
    (
        "{ name: enp0s25 }",
        "@@",
        "node.interface",
        &[
            "enp0s25",
            "[a]",
            "{}",
            "{ name: a, mac: '28:d2:44:d3:ef:1c' }",
        ],
    ),
    (
        "enp0s25",
        "@@",
        "node.interface.name",
        &[
            "a b",
            "a/b",
            "'a:b'",
            "abcdefghijklmnop",
            ".",
            "..",
            "''",
            "eth°",
            "[a]",
            "{ a: b }",
        ],
    ),
    (
        "name: enp0s25",
        "mac: @@",
        "node.interface.mac",
        &[
            "28:d2:44:d3:ef",
            "28:d2:44:d3:ef:1c:00",
            "28:d2:44:d3:ef:1",
            "28:d2:44:d3:ef:1g",
            "28d244d3ef1c",
            "''",
            "[a]",
            "{ a: b }",
        ],
    ),
    (
        "192.168.86.45/24",
        "@@",
        "node.address",
        &[
            "192.168.86.45",
            "192.168.86.45/0",
            "192.168.86.45/31",
            "192.168.86.45/255.255.255.0",
            "192.168.86.45/+24",
            "192.168.86.45/024",
            "192.168.086.45/24",
            "192.168.86.256/24",
            "fd00::1/64",
            "dhcp",
            "''",
            "[a]",
            "{ a: b }",
        ],
    ),
    (
        "192.168.86.1\n",
        "@@\n",
        "node.gateway",
        &[
            "192.168.86",
            "192.168.86.1/24",
            "router",
            "fe80::1",
            "''",
            "[a]",
            "{ a: b }",
        ],
    ),
    (
        "dns: { servers: [192.168.86.27] }",
        "dns: @@",
        "node.dns",
        &["192.168.86.27", "[192.168.86.27]"],
    ),
    (
        "dns: { servers: [192.168.86.27] }",
        "dns: { servers: @@ }",
        "node.dns.servers",
        &["192.168.86.27", "{ a: b }"],
    ),
    (
        "dns: { servers: [192.168.86.27] }",
        "dns: { servers: [1.1.1.1, @@] }",
        "node.dns.servers[1]",
        &["dns.lan", "''", "~", "[a]", "{ a: b }"],
    ),
    (
        "ntp: { servers: [192.168.86.27] }",
        "ntp: @@",
        "node.ntp",
        &["192.168.86.27", "[192.168.86.27]"],
    ),
    (
        "ntp: { servers: [192.168.86.27] }",
        "ntp: { servers: @@ }",
        "node.ntp.servers",
        &["192.168.86.27", "{ a: b }"],
    ),
    (
        "ntp: { servers: [192.168.86.27] }",
        "ntp: { servers: [@@] }",
        "node.ntp.servers[0]",
        &[
            "'a b'",
            "a_b",
            "10.0.0.256",
            "10.0.1",
            "''",
            "~",
            "[a]",
            "{ a: b }",
        ],
    ),
    (
        "images:\n  additional: []",
        "images: @@",
        "images",
        &["text", "[a]"],
    ),
    (
        "additional: []",
        "additional: @@",
        "images.additional",
        &["quay.io/a/b:1", "{ a: b }"],
    ),
    (
        "additional: []",
        "additional: [@@]",
        "images.additional[0]",
        &["fedora", "quay.io/A:1", "''", "~", "[a]", "{ a: b }"],
    ),
    (
        "{ size: 250GiB, label: data, afterInstall: keep, fallback: upstream }",
        "@@",
        "cache",
        &["250GiB", "[a]"],
    ),
    (
        "250GiB",
        "@@",
        "cache.size",
        &[
            "250",
            "250 gib",
            "1.5TiB",
            "-1GiB",
            "+5GiB",
            "0GiB",
            "1GB",
            "1024TiB",
            "99999999999TiB",
            "GiB",
            "''",
            "[a]",
            "{ a: b }",
        ],
    ),
    (
        "label: data",
        "label: @@",
        "cache.label",
        &[
            "''",
            "a b",
            "a/b",
            "abcdefghijklmnopq",
            "-a",
            "dätä",
            "root",
            "boot",
            "EFI-SYSTEM",
            "[a]",
            "{ a: b }",
        ],
    ),
    (
        "afterInstall: keep",
        "afterInstall: @@",
        "cache.afterInstall",
        &["Keep", "delete", "true", "''", "[a]", "{ a: b }"],
    ),
    (
        "fallback: upstream",
        "fallback: @@",
        "cache.fallback",
        &["None", "no", "false", "''", "[a]", "{ a: b }"],
    ),
    (
        "mirrors: []",
        "mirrors: @@",
        "mirrors",
        &["quay.io", "{ source: a }"],
    ),
    (
        "mirrors: []",
        "mirrors: [@@]",
        "mirrors[0]",
        &["quay.io", "[a]", "~"],
    ),
    (
        "mirrors: []",
        "mirrors: [{ source: @@, mirrors: [mirror.lan] }]",
        "mirrors[0].source",
        &[
            "quay",
            "Quay.io/A",
            "https://quay.io",
            "quay.io/a:1",
            "''",
            "/",
            "[a]",
            "{ a: b }",
        ],
    ),
    (
        "mirrors: []",
        "mirrors: [{ source: quay.io, mirrors: @@ }]",
        "mirrors[0].mirrors",
        &["mirror.lan", "[]", "{ a: b }"],
    ),
    (
        "mirrors: []",
        "mirrors: [{ source: quay.io, mirrors: [mirror.lan, @@] }]",
        "mirrors[0].mirrors[1]",
        &[
            "mirror",
            "http://mirror.lan",
            "mirror.lan/a@sha256:12",
            "''",
            "~",
            "[a]",
            "{ a: b }",
        ],
    ),
];

#[test]
fn a_value_of_the_wrong_kind_is_refused_by_the_path_of_its_field() {
    for (place, pattern, path, values) in ROWS {
        for value in *values {
            let text = full_with(place, &pattern.replace("@@", value));
            let problems = bad(&text);
            let [problem] = &problems[..] else {
                panic!("{path} = {value}: {problems:#?}")
            };
            // An unknown key of a mapping where a mapping belongs is refused by its own path.
            assert_eq!(&problem.path, path, "{path} = {value}: {problem}");
            assert!(
                !problem.allowed.is_empty(),
                "{path} = {value}: what is allowed?"
            );
        }
    }
}

#[test]
fn every_required_field_is_missing_when_it_is_null() {
    for (place, pattern, path) in [
        ("snobox.io/v1alpha1", "@@", "apiVersion"),
        ("kind: Site", "kind: @@", "kind"),
        ("metadata: { name: bip }", "metadata: @@", "metadata"),
        ("{ name: bip }", "{ name: @@ }", "metadata.name"),
        ("{ version: 4.13.1, architecture: x86_64 }", "@@", "release"),
        ("example.com", "@@", "baseDomain"),
        ("pull-secret.json", "@@", "pullSecretFile"),
        ("id_ed25519.pub", "@@", "sshKeyFile"),
        (
            "{ path: /dev/disk/by-id/ata-WDC_WD10EZEX }",
            "@@",
            "node.installationDisk",
        ),
        (
            "/dev/disk/by-id/ata-WDC_WD10EZEX",
            "@@",
            "node.installationDisk.path",
        ),
    ] {
        for nothing in ["", "~", "null"] {
            let problems = bad(&full_with(place, &pattern.replace("@@", nothing)));
            let [problem] = &problems[..] else {
                panic!("{path}: {problems:#?}")
            };
            assert_eq!(
                (problem.path.as_str(), problem.given.as_str()),
                (path, "is missing")
            );
        }
    }
}

#[test]
fn version_and_image_together_are_refused_with_advice() {
    let problems = bad(&full_with(
        "version: 4.13.1",
        "version: 4.13.1, image: 'quay.io/a/b:1'",
    ));
    let [problem] = &problems[..] else {
        panic!("{problems:#?}")
    };
    assert_eq!(problem.path, "release.image");
    assert_eq!(
        problem.hint.as_deref(),
        Some("keep image: a digest says more than a version")
    );
}

#[test]
fn names_one_character_too_long_are_refused() {
    let name =
        |count: usize| SHORT.replacen("name: bip", &format!("name: {}", "a".repeat(count)), 1);
    assert!(site::read(&name(54)).is_ok());
    assert_eq!(bad(&name(55))[0].path, "metadata.name");
    let host =
        |count: usize| full_with("hostname: bip", &format!("hostname: {}", "a".repeat(count)));
    assert!(site::read(&host(63)).is_ok());
    assert_eq!(bad(&host(64))[0].path, "node.hostname");
    // With the architecture it becomes a tag, and a tag has 128 characters.
    let version = |count: usize| full_with("4.13.1", &format!("4.13.1-{}", "a".repeat(count)));
    assert!(site::read(&version(93)).is_ok());
    assert_eq!(bad(&version(94))[0].path, "release.version");
    let label = |count: usize| full_with("label: data", &format!("label: {}", "a".repeat(count)));
    assert!(site::read(&label(16)).is_ok());
    assert_eq!(bad(&label(17))[0].path, "cache.label");
}

#[test]
fn a_cluster_name_that_is_no_host_name_needs_a_host_name_beside_it() {
    let text = SHORT.replacen("name: bip", "name: localhost", 1);
    let problems = bad(&text);
    let [problem] = &problems[..] else {
        panic!("{problems:#?}")
    };
    assert_eq!(
        (problem.path.as_str(), problem.given.as_str()),
        ("node.hostname", "is missing")
    );
    assert!(site::read(&text.replacen("node:\n", "node:\n  hostname: bip\n", 1)).is_ok());
}

proptest! {
    /// Whatever is accepted can be used: nothing that was checked once is found wanting later.
    #[test]
    fn an_accepted_site_can_be_planned(
        version in "(4\\.1[0-9]|5\\.0)\\.[0-9]{1,3}(-[0-9a-zA-Z._/:@+-]{0,140})?",
        disk in "/dev/[ -~]{1,20}",
        address in "(10|172|192)\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}/[0-9]{1,2}",
    ) {
        let text = format!("{}{}", SHORT.replacen("4.13.1", &format!("{version:?}"), 1).replacen("/dev/sda", &format!("{disk:?}"), 1),
            format_args!("  interface: {{ name: eth0 }}\n  address: {address}\n"));
        if let Ok(site) = site::read(&text) {
            site.release.payload();
            lock::inputs(&site);
            install_config::manifests(&site);
            prop_assert_eq!(kargs::network(&site.node).len(), 2);
            let shell = |c: char| c.is_whitespace() || "'\"\\$`;&|<>*?(){}[]!~^".contains(c);
            let quiet = !site.node.installation_disk.contains(shell);
            prop_assert!(quiet, "{}", site.node.installation_disk);
        }
    }

    #[test]
    fn reading_a_changed_site_never_panics(at in 0..FULL.len(), length in 0..20_usize, new in "[\\PC\n]{0,8}") {
        let end = (at + length).min(FULL.len());
        let text = format!("{}{new}{}", &FULL[..at], &FULL[end..]);
        if let Err(problems) = site::read(&text) {
            prop_assert!(!problems.is_empty());
            prop_assert!(problems.is_sorted_by_key(|p| p.at));
        }
    }
}
