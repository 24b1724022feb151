//! The site file that `init` writes.

use proptest::prelude::*;
use snobox_plan::init::{Answers, site_yaml};
use snobox_plan::site::{self, Architecture, Interface, ReleaseSource};
use snobox_plan::yaml;

use crate::texts::{FULL, SHORT, bad, good};

fn short() -> Answers {
    Answers {
        name: "bip".to_owned(),
        release: "4.13.1".to_owned(),
        base_domain: "example.com".to_owned(),
        pull_secret_file: "pull-secret.json".to_owned(),
        ssh_key_file: "id_ed25519.pub".to_owned(),
        disk: "/dev/sda".to_owned(),
        ..Answers::default()
    }
}

fn full() -> Answers {
    Answers {
        disk: "/dev/disk/by-id/ata-WDC_WD10EZEX".to_owned(),
        hostname: Some("bip".to_owned()),
        architecture: Some("x86_64".to_owned()),
        interface: Some("enp0s25".to_owned()),
        address: Some("192.168.86.45/24".to_owned()),
        gateway: Some("192.168.86.1".to_owned()),
        dns: vec!["192.168.86.27".to_owned()],
        ntp: vec!["192.168.86.27".to_owned()],
        ..short()
    }
}

/// Takes the `#` away where it stands right before a field.
fn uncommented(text: &str, but: &[&str]) -> String {
    let line = |line: &str| {
        let indent = line.len() - line.trim_start().len();
        let rest = &line[indent..];
        let is_field = rest.starts_with('#') && !rest.starts_with("# ");
        // Inside of a commented block the indentation comes after the mark.
        let in_block = line.starts_with("#  ");
        if (is_field || in_block) && !but.iter().any(|key| rest.starts_with(key)) {
            format!("{}{}\n", &line[..indent], &rest[1..])
        } else {
            format!("{line}\n")
        }
    };
    text.lines().map(line).collect()
}

#[test]
fn what_is_written_reads_back_as_the_site_that_was_meant() {
    assert_eq!(good(&site_yaml(&short())), good(SHORT));
    assert_eq!(good(&site_yaml(&full())), good(FULL));
}

#[test]
fn a_commented_field_shows_its_default() {
    let examples = [
        "#image:",
        "#address:",
        "#interface:",
        "#gateway:",
        "#dns:",
        "#ntp:",
    ];
    let text = uncommented(&site_yaml(&short()), &examples);
    for field in [
        "\n  architecture: x86_64\n",
        "\n  hostname: bip\n",
        "\n  size: 250GiB\n",
        "\nimages:\n  additional: []\n  profile: all\n  exclude: []\n",
        "\nmirrors: []\n",
    ] {
        assert!(text.contains(field), "{field}\n{text}");
    }
    assert_eq!(good(&text), good(SHORT));
}

#[test]
fn a_commented_field_without_a_default_shows_an_example_that_works() {
    let text = uncommented(&site_yaml(&short()), &["#image:"]);
    let site = good(&text);
    assert_eq!(site.node.address.unwrap().prefix, 24);
    assert!(
        site.node.gateway.is_some()
            && !site.node.dns_servers.is_empty()
            && !site.node.ntp_servers.is_empty()
    );
    let by_image = uncommented(&site_yaml(&short()), &[]).replacen("  version: 4.13.1\n", "", 1);
    assert_eq!(good(&by_image).release.payload(), site.release.payload());
}

#[test]
fn every_field_of_this_version_appears_and_none_of_a_later_one() {
    for answers in [short(), full()] {
        let text = site_yaml(&answers);
        for key in [
            "apiVersion",
            "kind",
            "metadata",
            "name",
            "release",
            "version",
            "image",
            "architecture",
            "baseDomain",
            "pullSecretFile",
            "sshKeyFile",
            "node",
            "hostname",
            "installationDisk",
            "path",
            "interface",
            "address",
            "gateway",
            "dns",
            "ntp",
            "images",
            "additional",
            "profile",
            "exclude",
            "cache",
            "size",
            "label",
            "afterInstall",
            "fallback",
            "certificates",
            "renew",
            "mirrors",
        ] {
            let is_there = |line: &str| {
                line.trim_start_matches([' ', '#'])
                    .starts_with(&format!("{key}:"))
            };
            assert!(text.lines().any(is_there), "{key}\n{text}");
        }
        for key in [
            "installConfig",
            "serial",
            "wwn",
            "model",
            "minSize",
            "serveLocally",
            "imageSets",
            "hub",
            "extraManifests",
        ] {
            assert!(!text.contains(&format!("{key}:")), "{key}");
        }
        assert!(
            text.lines()
                .all(|line| line.trim_end() == line && line.len() <= 170),
            "{text}"
        );
    }
}

#[test]
fn a_release_with_a_slash_is_an_image() {
    for image in [
        "quay.io/openshift-release-dev/ocp-release@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "quay.io/openshift-release-dev/ocp-release:4.13.1-aarch64",
    ] {
        let answers = Answers {
            release: image.to_owned(),
            architecture: Some("aarch64".to_owned()),
            ..short()
        };
        let site = good(&site_yaml(&answers));
        assert_eq!(
            site.release.source,
            ReleaseSource::Image(image.parse().unwrap())
        );
        assert_eq!(site.release.architecture, Architecture::Aarch64);
    }
}

#[test]
fn an_interface_is_told_by_name_or_by_hardware_address() {
    let interface = |text: &str| {
        good(&site_yaml(&Answers {
            interface: Some(text.to_owned()),
            ..full()
        }))
        .node
        .interface
        .unwrap()
    };
    assert_eq!(interface("enp0s25"), Interface::Name("enp0s25".to_owned()));
    assert_eq!(
        interface("28:D2:44:d3:ef:1c"),
        Interface::Mac("28:d2:44:d3:ef:1c".to_owned())
    );
    assert_eq!(
        interface("28-d2-44-d3-ef-1c"),
        Interface::Mac("28:d2:44:d3:ef:1c".to_owned())
    );
    let refused = bad(&site_yaml(&Answers {
        interface: Some("28:d2:44".to_owned()),
        ..full()
    }));
    assert_eq!(refused[0].path, "node.interface.mac");
}

#[test]
fn an_answer_that_is_not_allowed_is_refused_by_its_field() {
    let cases: [(&str, Answers); 5] = [
        (
            "metadata.name",
            Answers {
                name: "a b: #".to_owned(),
                hostname: Some("bip".to_owned()),
                ..short()
            },
        ),
        (
            "release.version",
            Answers {
                release: "yes".to_owned(),
                ..short()
            },
        ),
        (
            "node.installationDisk.path",
            Answers {
                disk: "{a: b}".to_owned(),
                ..short()
            },
        ),
        (
            "node.gateway",
            Answers {
                gateway: Some("\n  dns: {}".to_owned()),
                ..full()
            },
        ),
        (
            "images.additional[1]",
            Answers {
                additional: vec!["quay.io/a/b:1".to_owned(), "- x".to_owned()],
                ..short()
            },
        ),
    ];
    for (path, answers) in cases {
        let problems = bad(&site_yaml(&answers));
        let [problem] = &problems[..] else {
            panic!("{path}: {problems:#?}")
        };
        assert_eq!(problem.path, path);
    }
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "yes", "1.0", "#", ": ", " a", "a ", "@", "~", "", "null", "-", "a: b", "[", "{", "'",
            "\"", "\n", "\n# x", "\t"
        ])
        .prop_map(str::to_owned),
        "(?s).{0,10}",
    ]
}

prop_compose! {
    fn any_answers()(
        texts in prop::collection::vec(any_text(), 5),
        optional in prop::collection::vec(prop::option::of(any_text()), 5),
        lists in prop::collection::vec(prop::collection::vec(any_text(), 0..3), 3),
    ) -> Answers {
        Answers {
            name: texts[0].clone(),
            release: "4.13.1".to_owned(),
            architecture: optional[0].clone(),
            base_domain: texts[1].clone(),
            pull_secret_file: texts[2].clone(),
            ssh_key_file: texts[3].clone(),
            hostname: optional[1].clone(),
            disk: texts[4].clone(),
            interface: optional[2].clone(),
            address: optional[3].clone(),
            gateway: optional[4].clone(),
            dns: lists[0].clone(),
            ntp: lists[1].clone(),
            additional: lists[2].clone(),
        }
    }
}

proptest! {
    /// Whatever was answered stands in its own place, and nowhere else.
    #[test]
    fn every_answer_keeps_its_text_and_its_place(answers in any_answers()) {
        let text = site_yaml(&answers);
        let root = yaml::parse(&text).unwrap();
        let at = |path: &[&str]| root.at_path(path).and_then(yaml::Node::text).map(str::to_owned);
        let list = |path: &[&str]| match root.at_path(path).map(|node| &node.value) {
            Some(yaml::Value::Sequence(items)) => items.iter().map(|item| item.text().unwrap().to_owned()).collect(),
            _ => Vec::new(),
        };
        let interface = at(&["node", "interface", "name"]).or_else(|| at(&["node", "interface", "mac"]));
        let read = Answers {
            name: at(&["metadata", "name"]).unwrap(),
            release: at(&["release", "version"]).unwrap(),
            architecture: at(&["release", "architecture"]),
            base_domain: at(&["baseDomain"]).unwrap(),
            pull_secret_file: at(&["pullSecretFile"]).unwrap(),
            ssh_key_file: at(&["sshKeyFile"]).unwrap(),
            hostname: at(&["node", "hostname"]),
            disk: at(&["node", "installationDisk", "path"]).unwrap(),
            interface,
            address: at(&["node", "address"]),
            gateway: at(&["node", "gateway"]),
            dns: list(&["node", "dns", "servers"]),
            ntp: list(&["node", "ntp", "servers"]),
            additional: list(&["images", "additional"]),
        };
        prop_assert_eq!(read, answers);
    }

    #[test]
    fn good_answers_give_a_good_site(
        name in "[a-z]([a-z0-9-]{0,20}[a-z0-9])?",
        version in "4\\.(1[2-9]|20)\\.[1-9][0-9]?(-rc\\.[0-9])?",
        domain in "([a-z0-9]{1,8}\\.){0,2}[a-z]{2,5}",
        files in ("[\\PC&&[^\u{7f}-\u{9f}]]{1,20}", "\\PC{1,20}"),
        disk in "/dev/[a-zA-Z0-9#+.:=@_,%-]{3,20}",
        ntp in prop::collection::vec("[a-z0-9]([a-z0-9-]{0,3}[a-z0-9])?\\.lan", 0..3),
    ) {
        let answers = Answers {
            name: name.clone(), release: version.clone(), base_domain: domain.clone(),
            pull_secret_file: files.0.clone(), ssh_key_file: files.1.clone(), disk: disk.clone(), ntp: ntp.clone(), ..Answers::default()
        };
        let site = site::read(&site_yaml(&answers)).unwrap();
        prop_assert_eq!((site.name, site.base_domain, site.node.installation_disk.path), (name, domain, Some(disk)));
        prop_assert_eq!(site.release.source, ReleaseSource::Version(version));
        prop_assert_eq!((site.pull_secret_file, site.ssh_key_file), (files.0.into(), files.1.into()));
        prop_assert_eq!(site.node.ntp_servers, ntp);
    }
}
