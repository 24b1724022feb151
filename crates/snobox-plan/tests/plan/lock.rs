//! The lock: its text, and when it is out of date.

use snobox_formats::digest::Digest;
use snobox_plan::lock::{LeftOut, Lock, LockError, LockedImage, LockedRelease, Role, inputs};

use crate::texts::{FULL, full_with, good};

/// SHA-256 of nothing, as the test vectors of FIPS 180 have it.
const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn digest() -> Digest {
    EMPTY.parse().unwrap()
}

fn lock(site: &str) -> Lock {
    let image = format!("quay.io/openshift-release-dev/ocp-release@{EMPTY}");
    let release = LockedRelease {
        version: "4.13.1".to_owned(),
        image: image.parse().unwrap(),
        architecture: "amd64".to_owned(),
    };
    let locked = |name: &str, role, reference: &str, platform_digest| LockedImage {
        name: name.to_owned(),
        role,
        reference: reference.parse().unwrap(),
        digest: digest(),
        media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
        platform_digest,
        size_bytes: 5_000_000_000,
    };
    let images = vec![
        locked("release", Role::Release, &image, None),
        locked(
            "etcd",
            Role::Component,
            &format!("quay.io/a/b@{EMPTY}"),
            Some(digest()),
        ),
        locked("etcd", Role::Additional, "quay.io/team/app:1.2", None),
    ];
    Lock::new(&good(site), release, images)
}

/// Names of the parts that an image of a lock belongs to.
fn parts(lock: &Lock, image: &LockedImage) -> Vec<String> {
    let parts = lock.parts_of(image).into_iter();
    parts.map(|p| format!("{} {}", p.kind, p.name)).collect()
}

#[test]
fn a_signature_belongs_to_the_images_that_it_signs() {
    let mut lock = lock(FULL);
    let hex = EMPTY.strip_prefix("sha256:").unwrap();
    let image = |name: &str, role, reference: &str| LockedImage {
        name: name.to_owned(),
        role,
        reference: reference.parse().unwrap(),
        ..lock.images[0].clone()
    };
    let signature = |repository: &str, hex: &str| {
        let reference = format!("{repository}:sha256-{hex}.sig");
        image(&reference.clone(), Role::Signature, &reference)
    };
    let other = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let mut list = image("cli", Role::Component, "quay.io/a/c:1");
    list.digest = format!("sha256:{other}").parse().unwrap();
    list.platform_digest = Some(digest());
    let operators = image("one, two", Role::Operator, &format!("quay.io/o/p@{EMPTY}"));
    let signatures = [
        signature("quay.io/a/b", hex),
        signature("quay.io/a/c", hex),
        signature("quay.io/a/c", other),
        signature("quay.io/o/p", hex),
        signature("quay.io/gone/away", hex),
    ];
    lock.images.extend([list, operators]);
    lock.images.extend(signatures.clone());
    let found = signatures.map(|signature| parts(&lock, &signature));
    let expected = [
        vec!["component etcd"],
        // By the digest of the child, and by that of the list.
        vec!["component cli"],
        vec!["component cli"],
        vec!["operator one", "operator two"],
        vec![
            "signature quay.io/gone/away:sha256-e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.sig",
        ],
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_lock_is_written_like_this() {
    // printf '{"release":"quay.io/openshift-release-dev/ocp-release:4.13.1-x86_64","architecture":"amd64","additional":[]}' | sha256sum
    let expected = format!(
        r#"{{
  "apiVersion": "snobox.io/v1alpha1",
  "kind": "Lock",
  "inputs": "sha256:7b6752dfd8991960ba0af0d8bafb0d1499d465dbaa5f8e2de19d6e25818ee02b",
  "release": {{
    "version": "4.13.1",
    "image": "quay.io/openshift-release-dev/ocp-release@{EMPTY}",
    "architecture": "amd64"
  }},
  "images": [
    {{
      "name": "release",
      "role": "release",
      "reference": "quay.io/openshift-release-dev/ocp-release@{EMPTY}",
      "digest": "{EMPTY}",
      "mediaType": "application/vnd.oci.image.manifest.v1+json",
      "sizeBytes": 5000000000
    }},
    {{
      "name": "etcd",
      "role": "component",
      "reference": "quay.io/a/b@{EMPTY}",
      "digest": "{EMPTY}",
      "mediaType": "application/vnd.oci.image.manifest.v1+json",
      "platformDigest": "{EMPTY}",
      "sizeBytes": 5000000000
    }},
    {{
      "name": "etcd",
      "role": "additional",
      "reference": "quay.io/team/app:1.2",
      "digest": "{EMPTY}",
      "mediaType": "application/vnd.oci.image.manifest.v1+json",
      "sizeBytes": 5000000000
    }}
  ]
}}
"#
    );
    assert_eq!(lock(FULL).to_text(), expected);
}

#[test]
fn a_lock_is_read_back_as_it_was_and_written_the_same_again() {
    let lock = lock(FULL);
    let text = lock.to_text();
    let read = Lock::parse(&text).unwrap();
    assert_eq!(read, lock);
    assert_eq!(read.to_text(), text);
    assert_eq!(
        lock.component("etcd").unwrap().reference.repository(),
        "a/b"
    );
    assert!(lock.component("release").is_none());
}

#[test]
fn what_is_left_out_stands_behind_the_images_with_its_reason() {
    let mut lock = lock(FULL);
    lock.left_out.push(LeftOut {
        name: "aws-ebs-csi-driver".to_owned(),
        role: Role::Component,
        reference: format!("quay.io/a/b@{EMPTY}").parse().unwrap(),
        reason: "images.exclude: \"aws\"".to_owned(),
    });
    let text = lock.to_text();
    let expected = format!(
        r#"
  ],
  "leftOut": [
    {{
      "name": "aws-ebs-csi-driver",
      "role": "component",
      "reference": "quay.io/a/b@{EMPTY}",
      "reason": "images.exclude: \"aws\""
    }}
  ]
}}
"#
    );
    assert!(text.ends_with(&expected), "{text}");
    assert_eq!(Lock::parse(&text).unwrap(), lock);
}

#[test]
fn a_lock_of_another_version_is_refused_by_that_whatever_else_it_holds() {
    let text = lock(FULL).to_text();
    for (from, to) in [("v1alpha1", "v1beta1"), ("\"Lock\"", "\"Key\"")] {
        for also in ["", "\"new\": [1],"] {
            let other = text
                .replacen(from, to, 1)
                .replacen('{', &format!("{{{also}"), 1);
            assert!(
                matches!(Lock::parse(&other), Err(LockError::Version { .. })),
                "{to} {also}"
            );
        }
    }
    let grown = text.replacen('{', "{\"new\": [1],", 1);
    assert!(matches!(Lock::parse(&grown), Err(LockError::Json(_))));
    for broken in ["", "{}", "[]", "null", &text[..text.len() / 2]] {
        assert!(
            matches!(Lock::parse(broken), Err(LockError::Json(_))),
            "{broken:?}"
        );
    }
}

#[test]
fn a_lock_is_out_of_date_when_other_images_are_asked_for() {
    let lock = lock(FULL);
    assert!(lock.is_for(&good(FULL)));
    for (from, to) in [
        ("version: 4.13.1", "version: 4.13.2"),
        (
            "version: 4.13.1",
            "image: quay.io/other/release:4.13.1-x86_64",
        ),
        ("x86_64", "aarch64"),
        ("additional: []", "additional: [quay.io/team/app:1.2]"),
        ("additional: []", "profile: bare-metal-sno"),
        ("additional: []", "exclude: [aws]"),
    ] {
        assert!(!lock.is_for(&good(&full_with(from, to))), "{to}");
    }
    // The architecture decides which child of an index is taken, even where the payload's name stays the same.
    let by_digest = format!("image: quay.io/a/b@{EMPTY}");
    let text = full_with("version: 4.13.1", &by_digest);
    assert_ne!(
        inputs(&good(&text)),
        inputs(&good(&text.replacen("x86_64", "aarch64", 1)))
    );
    let two = |list: &str| {
        inputs(&good(&full_with(
            "additional: []",
            &format!("additional: [{list}]"),
        )))
    };
    assert_ne!(two("quay.io/a/b:1"), two("quay.io/a/b:2"));
    assert_ne!(two("quay.io/a/b:1"), two("quay.io/a/b:1, quay.io/a/b:2"));
}

#[test]
fn a_lock_stays_good_when_anything_else_changes() {
    let lock = lock(FULL);
    for (from, to) in [
        ("{ name: bip }", "{ name: bop }"),
        ("example.com", "example.org"),
        ("pull-secret.json", "other.json"),
        ("id_ed25519.pub", "other.pub"),
        ("hostname: bip", "hostname: bop"),
        ("/dev/disk/by-id/ata-WDC_WD10EZEX", "/dev/sda"),
        ("enp0s25", "eth0"),
        ("{ name: enp0s25 }", "{ mac: 28:d2:44:d3:ef:1c }"),
        ("192.168.86.45/24", "192.168.86.46/24"),
        ("  gateway: 192.168.86.1\n", ""),
        ("dns: { servers: [192.168.86.27] }", "dns: {}"),
        ("ntp: { servers: [192.168.86.27] }", "ntp: {}"),
        ("250GiB", "100GiB"),
        ("label: data", "label: cache"),
        // Locks from before there was a choice.
        ("additional: []", "profile: all"),
        ("additional: []", "exclude: []"),
        ("fallback: upstream", "fallback: none"),
        (
            "mirrors: []",
            "mirrors: [{ source: quay.io, mirrors: [mirror.lan] }]",
        ),
        // The same release in other words.
        (
            "version: 4.13.1",
            "image: quay.io/openshift-release-dev/ocp-release:4.13.1-x86_64",
        ),
    ] {
        assert!(lock.is_for(&good(&full_with(from, to))), "{to}");
    }
}
