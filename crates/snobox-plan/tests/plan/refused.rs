//! Every field refuses every value that is not of its kind, by its own path and by nothing else.

use proptest::prelude::*;
use snobox_plan::{install_config, kargs, lock, site};

use crate::refused_values::ROWS;
use crate::texts::{FULL, SHORT, bad, full_with};

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
            let path = site.node.installation_disk.path.unwrap_or_default();
            let quiet = !path.contains(shell);
            prop_assert!(quiet, "{}", path);
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
