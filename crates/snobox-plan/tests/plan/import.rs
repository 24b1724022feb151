//! An install-config as a start.

use proptest::prelude::*;
use snobox_plan::init::from_install_config;

const CANARY: &str = "hunter2-canary";
/// Made by `ssh-keygen -t ed25519`.
const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO3ZRQL20dmazpotqFXIGMAEv+fie6vWyKT1n65UjGh3";

/// As the manual procedure's repository has it, with options for coreos-installer, and fields that snobox does not know.
const GOOD: &str = r#"apiVersion: v1
baseDomain: example.com
compute:
  - name: worker
    replicas: 0
controlPlane:
  name: master
  replicas: 1
metadata:
  name: bip
networking:
  networkType: OVNKubernetes
  clusterNetwork:
    - cidr: 10.128.0.0/14
      hostPrefix: 23
  machineNetwork:
    - cidr: 192.168.86.0/24
  serviceNetwork:
    - 172.30.0.0/16
platform:
  none: {}
bootstrapInPlace:
  installationDisk: --save-partlabel data /dev/sda
pullSecret: '{"auths":{"quay.io":{"auth":"dXNlcjpodW50ZXIyLWNhbmFyeQ==","email":"hunter2-canary@x"}}}'
sshKey: |
  ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO3ZRQL20dmazpotqFXIGMAEv+fie6vWyKT1n65UjGh3 hunter2-canary
fips: false
somethingNew: [1, 2]
"#;

fn problems(text: &str) -> Vec<String> {
    match from_install_config(text) {
        Ok(imported) => panic!("accepted: {imported:?}\n{text}"),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

fn good_with(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from:?} is not in the text");
    GOOD.replacen(from, to, 1)
}

#[test]
fn what_a_site_can_say_is_taken_over() {
    let imported = from_install_config(GOOD).unwrap();
    assert_eq!(imported.name.as_deref(), Some("bip"));
    assert_eq!(imported.base_domain.as_deref(), Some("example.com"));
    assert_eq!(imported.disk.as_deref(), Some("/dev/sda"));
    assert_eq!(imported.architecture, None);
    assert_eq!(
        imported.ssh_key.as_deref(),
        Some(
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO3ZRQL20dmazpotqFXIGMAEv+fie6vWyKT1n65UjGh3 hunter2-canary"
        )
    );
    assert_eq!(imported.left_out, ["fips"]);
    let secret = imported.pull_secret.unwrap();
    assert_eq!(secret.find("quay.io/a").unwrap().password, CANARY);
    assert_eq!(
        secret.reveal(),
        r#"{"auths":{"quay.io":{"auth":"dXNlcjpodW50ZXIyLWNhbmFyeQ==","email":"hunter2-canary@x"}}}"#
    );
}

#[test]
fn what_is_absent_stays_open() {
    let imported = from_install_config(
        "platform: { none: {} }\nbootstrapInPlace: { installationDisk: /dev/sda }\n",
    )
    .unwrap();
    assert_eq!(imported.disk.as_deref(), Some("/dev/sda"));
    assert!(
        imported.name.is_none() && imported.base_domain.is_none() && imported.ssh_key.is_none()
    );
    assert!(imported.pull_secret.is_none() && imported.left_out.is_empty());
}

#[test]
fn the_device_is_found_among_options() {
    for (words, device) in [
        ("/dev/sda", "/dev/sda"),
        ("'  /dev/nvme0n1  '", "/dev/nvme0n1"),
        (
            "--save-partlabel data /dev/disk/by-id/ata-1",
            "/dev/disk/by-id/ata-1",
        ),
        ("--save-partindex 5- --copy-network /dev/vda", "/dev/vda"),
        ("/dev/sda --save-partlabel=data", "/dev/sda"),
    ] {
        let imported =
            from_install_config(&good_with("--save-partlabel data /dev/sda", words)).unwrap();
        assert_eq!(imported.disk.as_deref(), Some(device), "{words}");
    }
    assert_eq!(
        problems(&good_with("--save-partlabel data /dev/sda", "sda")),
        [
            "23:21: bootstrapInPlace.installationDisk: the given text is not allowed; allowed: a device such as /dev/sda"
        ]
    );
}

#[test]
fn the_architecture_is_given_in_the_words_of_a_site() {
    for (given, word) in [("amd64", "x86_64"), ("arm64", "aarch64")] {
        let text = good_with(
            "  name: master\n",
            &format!("  name: master\n  architecture: {given}\n"),
        );
        assert_eq!(
            from_install_config(&text).unwrap().architecture.as_deref(),
            Some(word)
        );
    }
    let text = good_with(
        "  name: master\n",
        "  name: master\n  architecture: ppc64le\n",
    );
    assert_eq!(
        problems(&text),
        ["8:17: controlPlane.architecture: the given text is not allowed; allowed: amd64, arm64"]
    );
}

#[test]
fn every_reason_why_it_is_not_one_node_is_told_with_its_place() {
    let text = "\
apiVersion: v2
controlPlane:
  replicas: 3
compute:
  - replicas: 2
platform:
  aws: { region: x }
metadata: [bip]
";
    let taken = "only a single node with bootstrap in place can be taken over";
    assert_eq!(
        problems(text),
        [
            "1:1: bootstrapInPlace: is missing; allowed: a mapping with installationDisk: ".to_owned() + taken,
            "1:13: apiVersion: the given text is not allowed; allowed: v1".to_owned(),
            "3:13: controlPlane.replicas: the given text is not allowed; allowed: 1: the node is the only one".to_owned(),
            "5:15: compute[0].replicas: the given text is not allowed; allowed: 0: the node is the only one".to_owned(),
            "7:3: platform: a mapping is not allowed; allowed: none: {}".to_owned(),
            "8:11: metadata: a list is not allowed; allowed: a mapping with name".to_owned(),
        ]
    );
}

#[test]
fn a_missing_platform_or_another_one_is_refused() {
    for (platform, path) in [
        ("", "platform: is missing"),
        ("platform: { none: {}, aws: {} }\n", "platform: a mapping"),
        ("platform: none\n", "platform: the given text"),
        ("platform: {}\n", "platform: a mapping"),
    ] {
        let told = problems(&good_with("platform:\n  none: {}\n", platform));
        assert!(told.len() == 1 && told[0].contains(path), "{told:?}");
    }
}

#[test]
fn neither_debug_nor_a_problem_shows_a_secret() {
    let imported = from_install_config(GOOD).unwrap();
    let shown = format!("{imported:?} {imported:#?}");
    assert!(
        !shown.contains(CANARY) && !shown.contains("dXNlcjpod"),
        "{shown}"
    );
    assert!(shown.contains("[redacted]"));

    let secret = r#"'{"auths":{"quay.io":{"auth":"dXNlcjpodW50ZXIyLWNhbmFyeQ==","email":"hunter2-canary@x"}}}'"#;
    for pull_secret in [
        // Without its quotes it is a mapping; cut off, broken, twice, or of another kind.
        secret.trim_matches('\'').to_owned(),
        format!("'{CANARY}'"),
        format!("'{CANARY}"),
        format!("{{\"{CANARY}\": 1, \"{CANARY}\": 2}}"),
        format!("'{{\"auths\":{{\"{CANARY}\":{{\"auth\":\"{CANARY}\"}}}}}}'"),
        format!("[{CANARY}]"),
        format!("{CANARY}: {CANARY}"),
        format!("&{CANARY} x"),
        format!("\"\\q{CANARY}\""),
    ] {
        let told = problems(&good_with(secret, &pull_secret)).join("\n");
        assert!(!told.contains(CANARY) && !told.is_empty(), "{told}");
    }
    let key = "|\n  ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO3ZRQL20dmazpotqFXIGMAEv+fie6vWyKT1n65UjGh3 hunter2-canary";
    for ssh_key in [
        // Two keys, of which a site could name one; something else; a private key.
        format!("|\n  {KEY} {CANARY}\n  {KEY} {CANARY}"),
        format!("ssh-ed25519 {CANARY}"),
        format!("|\n  -----BEGIN OPENSSH PRIVATE KEY-----\n  {CANARY}"),
        format!("[{CANARY}]"),
        format!("{{ {CANARY}: {CANARY} }}"),
    ] {
        let told = problems(&good_with(key, &ssh_key)).join("\n");
        assert!(!told.contains(CANARY) && told.contains("sshKey"), "{told}");
    }
    for place in [
        "none: {}",
        "--save-partlabel data /dev/sda",
        "replicas: 1",
        "name: bip",
    ] {
        let key = place.split(':').next().unwrap_or_default();
        for new in [
            format!("{key}: {CANARY}"),
            format!("[{CANARY}]"),
            format!("{{ {CANARY}: {CANARY} }}"),
        ] {
            if let Err(problems) = from_install_config(&good_with(place, &new)) {
                let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
                assert!(!told.concat().contains(CANARY), "{told:?}");
            }
        }
    }
}

proptest! {
    #[test]
    fn no_change_of_an_install_config_shows_its_secrets(
        at in any::<prop::sample::Index>(), length in 0..60_usize, new in "[\\[\\]{}:,'\"|>&*#@ \n-]{0,4}",
    ) {
        let mut text: Vec<char> = GOOD.chars().collect();
        let start = at.index(text.len());
        let end = (start + length).min(text.len());
        text.splice(start..end, new.chars());
        let shown = match from_install_config(&text.into_iter().collect::<String>()) {
            Ok(imported) => {
                // What stands in a place that is no secret is not one.
                format!("{:?}{:?}", imported.pull_secret, imported.ssh_key.map(|_| ()))
            }
            Err(problems) => format!("{problems:?}"),
        };
        prop_assert!(!shown.contains("canary") && !shown.contains("dXNlcjpod"), "{}", shown);
    }
}

#[test]
fn networks_that_a_site_would_change_are_named() {
    let text =
        good_with("10.128.0.0/14", "10.200.0.0/14").replace("172.30.0.0/16", "172.31.0.0/16");
    let left_out = from_install_config(&text).unwrap().left_out;
    assert_eq!(
        left_out,
        [
            "fips",
            "networking.clusterNetwork",
            "networking.serviceNetwork"
        ]
    );
    let text = good_with("OVNKubernetes", "OpenShiftSDN");
    assert_eq!(
        from_install_config(&text).unwrap().left_out,
        ["fips", "networking.networkType"]
    );
}
