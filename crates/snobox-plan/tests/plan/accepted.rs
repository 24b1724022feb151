//! Site files that are good, and what they become.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use snobox_plan::profile::{Pattern, Profile};
use snobox_plan::site::{
    Architecture, Cache, Certificates, ExistingData, Fallback, InstallationDisk, Interface, Mirror,
    Node, Release, ReleaseSource, SignaturePolicy, Site, Subnet, Verification,
};

use crate::texts::{FULL, SHORT, full_with, good};

fn by_default() -> Verification {
    Verification {
        policy: SignaturePolicy::IfOfficial,
        keys: vec![],
    }
}

fn manual_site() -> Site {
    Site {
        name: "bip".to_owned(),
        release: Release {
            source: ReleaseSource::Version("4.13.1".to_owned()),
            architecture: Architecture::X86_64,
            verification: by_default(),
        },
        base_domain: "example.com".to_owned(),
        pull_secret_file: PathBuf::from("pull-secret.json"),
        ssh_key_file: PathBuf::from("id_ed25519.pub"),
        node: Node {
            hostname: "bip".to_owned(),
            installation_disk: disk("/dev/disk/by-id/ata-WDC_WD10EZEX"),
            interface: Some(Interface::Name("enp0s25".to_owned())),
            address: Some(Subnet {
                address: Ipv4Addr::new(192, 168, 86, 45),
                prefix: 24,
            }),
            gateway: Some(Ipv4Addr::new(192, 168, 86, 1)),
            dns_servers: vec![Ipv4Addr::new(192, 168, 86, 27)],
            ntp_servers: vec!["192.168.86.27".to_owned()],
        },
        additional: vec![],
        image_sets: vec![],
        profile: Profile::All,
        exclude: vec![],
        cache: Cache {
            size_bytes: 268_435_456_000,
            label: "data".to_owned(),
            fallback: Fallback::Upstream,
        },
        certificates: Certificates::RenewOnDevice,
        mirrors: vec![],
    }
}

#[test]
fn the_installation_disk_may_be_named_by_what_it_is() {
    let hints = "{ serial: ' S5Y1 ', wwn: '0x5002538e', model: WDC WD10EZEX, minSize: 500GB, existingData: erase }";
    let site = good(&full_with(
        "{ path: /dev/disk/by-id/ata-WDC_WD10EZEX }",
        hints,
    ));
    let expected = InstallationDisk {
        path: None,
        serial: Some("S5Y1".to_owned()),
        wwn: Some("0x5002538e".to_owned()),
        model: Some("WDC WD10EZEX".to_owned()),
        min_size_bytes: Some(500_000_000_000),
        existing_data: ExistingData::Erase,
    };
    assert_eq!(site.node.installation_disk, expected);
}

fn disk(path: &str) -> InstallationDisk {
    InstallationDisk {
        path: Some(path.to_owned()),
        ..InstallationDisk::default()
    }
}

#[test]
fn every_supported_field_is_read() {
    assert_eq!(good(FULL), manual_site());
}

#[test]
fn every_field_can_have_another_value() {
    let text = "\
apiVersion: snobox.io/v1alpha1
kind: Site
metadata:
  name: edge-7
release:
  image: quay.io/openshift-release-dev/ocp-release:4.14.0-aarch64
  architecture: aarch64
baseDomain: lab.example.org
pullSecretFile: '/etc/snobox/pull secret.json'
sshKeyFile: ../keys/id_rsa.pub
node:
  hostname: node-1.lab.example.org
  installationDisk: { path: /dev/nvme0n1 }
  interface: { mac: 28-D2-44-D3-EF-1C }
  address: 10.0.8.2/22
  gateway: 10.0.11.254
  dns:
    servers:
      - 10.0.8.1
      - 1.1.1.1
  ntp:
    servers: [time.example.org, 10.0.8.1]
images:
  additional:
    - quay.io/team/app:1.2
    - localhost:5000/a
  profile: bare-metal-sno
  exclude: [aws|azure, ^quay\\.io/team/]
cache: { size: 1 TiB, label: cache_1, afterInstall: keep, fallback: none }
certificates: { bootstrapValidity: 365d }
mirrors:
  - source: quay.io
    mirrors: ['mirror.lan:5000', mirror.lan/quay/]
";
    let expected = Site {
        name: "edge-7".to_owned(),
        release: Release {
            source: ReleaseSource::Image(
                "quay.io/openshift-release-dev/ocp-release:4.14.0-aarch64"
                    .parse()
                    .unwrap(),
            ),
            architecture: Architecture::Aarch64,
            verification: by_default(),
        },
        base_domain: "lab.example.org".to_owned(),
        pull_secret_file: PathBuf::from("/etc/snobox/pull secret.json"),
        ssh_key_file: PathBuf::from("../keys/id_rsa.pub"),
        node: Node {
            hostname: "node-1.lab.example.org".to_owned(),
            installation_disk: disk("/dev/nvme0n1"),
            interface: Some(Interface::Mac("28:d2:44:d3:ef:1c".to_owned())),
            address: Some(Subnet {
                address: Ipv4Addr::new(10, 0, 8, 2),
                prefix: 22,
            }),
            gateway: Some(Ipv4Addr::new(10, 0, 11, 254)),
            dns_servers: vec![Ipv4Addr::new(10, 0, 8, 1), Ipv4Addr::new(1, 1, 1, 1)],
            ntp_servers: vec!["time.example.org".to_owned(), "10.0.8.1".to_owned()],
        },
        additional: vec![
            "quay.io/team/app:1.2".parse().unwrap(),
            "localhost:5000/a".parse().unwrap(),
        ],
        image_sets: vec![],
        profile: Profile::BareMetalSno,
        exclude: vec![
            Pattern::parse("aws|azure").unwrap(),
            Pattern::parse(r"^quay\.io/team/").unwrap(),
        ],
        cache: Cache {
            size_bytes: 1_099_511_627_776,
            label: "cache_1".to_owned(),
            fallback: Fallback::None,
        },
        certificates: Certificates::BootstrapValidity(Duration::from_secs(365 * 24 * 3600)),
        mirrors: vec![Mirror {
            source: "quay.io".to_owned(),
            mirrors: vec!["mirror.lan:5000".to_owned(), "mirror.lan/quay".to_owned()],
        }],
    };
    assert_eq!(good(text), expected);
}

#[test]
fn what_is_left_out_has_the_default_of_the_reference_case() {
    let manual = manual_site();
    let node = Node {
        hostname: "bip".to_owned(),
        installation_disk: disk("/dev/sda"),
        interface: None,
        address: None,
        gateway: None,
        dns_servers: vec![],
        ntp_servers: vec![],
    };
    assert_eq!(good(SHORT), Site { node, ..manual });
}

#[test]
fn a_key_without_a_value_counts_as_absent() {
    let text = format!(
        "{SHORT}  gateway:\n  dns: ~\n  ntp: {{ servers: }}\nimages:\ncache: null\nmirrors:\n"
    );
    assert_eq!(good(&text), good(SHORT));
}

#[test]
fn versions_from_4_12_on_are_accepted_and_name_their_payload() {
    for (version, payload) in [
        (
            "4.12.0",
            "quay.io/openshift-release-dev/ocp-release:4.12.0-x86_64",
        ),
        (
            "4.13.1",
            "quay.io/openshift-release-dev/ocp-release:4.13.1-x86_64",
        ),
        (
            "4.20.0-rc.1",
            "quay.io/openshift-release-dev/ocp-release:4.20.0-rc.1-x86_64",
        ),
        (
            "4.99.0-practice",
            "quay.io/openshift-release-dev/ocp-release:4.99.0-practice-x86_64",
        ),
        (
            "5.0.0",
            "quay.io/openshift-release-dev/ocp-release:5.0.0-x86_64",
        ),
        (
            "4.14.0-0.nightly-2023-06-01-123456",
            "quay.io/openshift-release-dev/ocp-release:4.14.0-0.nightly-2023-06-01-123456-x86_64",
        ),
    ] {
        let site = good(&full_with("4.13.1", version));
        assert_eq!(
            site.release.source,
            ReleaseSource::Version(version.to_owned())
        );
        assert_eq!(site.release.payload().to_string(), payload);
    }
}

#[test]
fn an_architecture_has_its_word_for_tags_and_its_word_for_manifests() {
    let site = good(&full_with("x86_64", "aarch64"));
    assert_eq!(site.release.payload().tag(), Some("4.13.1-aarch64"));
    assert_eq!(
        (
            site.release.architecture.uname(),
            site.release.architecture.go()
        ),
        ("aarch64", "arm64")
    );
    assert_eq!(
        (Architecture::X86_64.uname(), Architecture::X86_64.go()),
        ("x86_64", "amd64")
    );
}

#[test]
fn sizes_are_bytes_by_their_unit() {
    for (size, bytes) in [
        ("1GiB", 1_073_741_824_u64),
        ("250GiB", 268_435_456_000),
        ("250G", 268_435_456_000),
        ("250Gi", 268_435_456_000),
        ("250 GiB", 268_435_456_000),
        ("2TiB", 2_199_023_255_552),
        ("2GB", 2_000_000_000),
        ("1TB", 1_000_000_000_000),
        ("1023TiB", 1_124_800_395_214_848),
    ] {
        assert_eq!(
            good(&full_with("250GiB", size)).cache.size_bytes,
            bytes,
            "{size}"
        );
    }
}

#[test]
fn host_names_may_have_dots_and_digits() {
    for name in ["bip", "n1", "1n", "42", "a-b.example.com", &"a".repeat(63)] {
        assert_eq!(
            good(&full_with("hostname: bip", &format!("hostname: {name}")))
                .node
                .hostname,
            name
        );
    }
}

#[test]
fn whose_signature_a_release_must_have_is_what_the_site_says_or_what_its_name_says() {
    let official = "version: 4.13.1";
    let tagged = "image: \"quay.io/openshift-release-dev/ocp-release:4.13.1-x86_64\"";
    let practice = "image: \"quay.io/openshift-release-dev/ocp-release:4.99.0-practice-x86_64\"";
    let pinned = &format!(
        "image: \"quay.io/openshift-release-dev/ocp-release:4.99.0-practice-x86_64@sha256:{}\"",
        "0".repeat(64)
    );
    let other = "image: \"quay.io/okd/scos-release:4.15\"";
    let prefix_of_the_name = "image: \"quay.io/openshift-release-development/ocp-release:4.13.1\"";
    for (release, more, needed) in [
        (official, "", true),
        ("version: 4.14.0-rc.3", "", true),
        ("version: 4.16.0-0.nightly-2024-06-06-064349", "", true),
        ("version: 4.99.0-practice", "", false),
        ("version: 4.99.0-practice", ", signature: required", true),
        (tagged, "", true),
        (practice, "", false),
        (pinned, "", true),
        (other, "", false),
        (prefix_of_the_name, "", false),
        (official, ", signature: ifOfficial", true),
        (other, ", signature: required", true),
        (official, ", signature: ignored", false),
        (other, ", verificationKeys: [a.asc]", true),
        (
            other,
            ", verificationKeys: [a.asc], signature: ifOfficial",
            false,
        ),
        (other, ", verificationKeys: []", false),
    ] {
        let text = SHORT.replace("version: 4.13.1", &format!("{release}{more}"));
        let site = good(&text);
        assert_eq!(site.release.needs_signature(), needed, "{release}{more}");
    }
    let text = SHORT.replace(
        "version: 4.13.1",
        "version: 4.13.1, verificationKeys: [a.asc, /b]",
    );
    let keys = good(&text).release.verification.keys;
    assert_eq!(keys, [PathBuf::from("a.asc"), PathBuf::from("/b")]);
}

#[test]
fn image_sets_are_files() {
    let site = good(&full_with(
        "  additional: []",
        "  imageSets: [imageset.yaml, sets/operators.yaml]",
    ));
    assert_eq!(
        site.image_sets,
        ["imageset.yaml", "sets/operators.yaml"].map(PathBuf::from)
    );
}
