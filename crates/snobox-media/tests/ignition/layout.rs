//! Layouts: known ones are recognised, others are refused by what is not there.

use snobox_media::installer::{DigestMirrors, Layout};

use crate::edit::{edit, remove_file, remove_unit};
use crate::samples::{
    BY_HAND, MIRRORS_420, PLAIN_413, PLAIN_420, PRACTICE, RELEASE, parse, sample,
};

fn refused(document: &serde_json::Value) -> Vec<String> {
    let error = Layout::detect(&parse(document)).unwrap_err();
    error.problems.iter().map(ToString::to_string).collect()
}

#[test]
fn real_installers_are_recognised() {
    for (name, node_image, asks, saved) in [
        (PLAIN_413, false, false, &["snobox*"][..]),
        (PLAIN_420, true, true, &[]),
        (MIRRORS_420, true, true, &[]),
    ] {
        let Some(ignition) = sample(name) else { return };
        let layout = Layout::detect(&ignition).unwrap();
        assert_eq!(
            (layout.node_image, layout.asks_release_info),
            (node_image, asks),
            "{name}"
        );
        assert_eq!(layout.release.to_string(), RELEASE);
        assert_eq!(layout.install.target, "/dev/sda");
        assert_eq!(layout.install.save_partlabels, saved, "{name}");
    }
    let mirrors = Layout::detect(&sample(MIRRORS_420).unwrap()).unwrap();
    let expected = ["ocp-release", "ocp-v4.0-art-dev"].map(|name| DigestMirrors {
        source: format!("quay.io/openshift-release-dev/{name}"),
        mirrors: vec![format!(
            "registry.snobox.local:5000/openshift-release-dev/{name}"
        )],
    });
    assert_eq!(mirrors.digest_mirrors, expected);
    let release = RELEASE.parse().unwrap();
    assert_eq!(
        mirrors.mirrors_of(&release),
        ["registry.snobox.local:5000/openshift-release-dev/ocp-release"]
    );
    let other = "quay.io/openshift-release-dev/ocp-release-nightly:1"
        .parse()
        .unwrap();
    assert!(mirrors.mirrors_of(&other).is_empty());
}

#[test]
fn an_ignition_that_a_hand_edited_is_refused_by_its_missing_unit() {
    let Some(ignition) = sample(BY_HAND) else {
        return;
    };
    let problems = Layout::detect(&ignition).unwrap_err().problems;
    let anchors: Vec<_> = problems.iter().map(|p| p.anchor.as_str()).collect();
    assert_eq!(anchors, ["release-image.service"]);
}

#[test]
fn the_practice_installer_is_recognised_with_its_options() {
    let layout = Layout::detect(&parse(&PRACTICE)).unwrap();
    assert!(layout.node_image && layout.asks_release_info);
    assert_eq!(layout.install.save_partlabels, ["snobox*"]);
    assert!(!layout.install.unquoted_pattern);
    assert_eq!(layout.install.target, "/dev/sda");
    assert_eq!(layout.digest_mirrors.len(), 1);
}

#[test]
fn options_of_the_install_line_are_told_apart() {
    let line = |options: &str| {
        let mut document = PRACTICE.clone();
        edit(&mut document, "/usr/local/bin/install-to-disk.sh", |text| {
            text.replace("--save-partlabel 'snobox*' /dev/sda", options)
        });
        Layout::detect(&parse(&document)).map(|layout| layout.install)
    };
    let found = line("--save-partlabel snobox* --append-karg ip=dhcp /run/disk").unwrap();
    assert_eq!(
        (found.target.as_str(), found.unquoted_pattern),
        ("/run/disk", true)
    );
    let found = line("--save-partindex=5- --insecure /dev/vda").unwrap();
    assert_eq!(
        (found.target.as_str(), found.saves_by_index),
        ("/dev/vda", true)
    );
    let error = line("-i /other.ign /dev/sda").unwrap_err();
    assert!(error.to_string().contains("-i /other.ign"), "{error}");
}

#[test]
fn every_difference_is_named_at_once() {
    let mut document = PRACTICE.clone();
    remove_unit(&mut document, "crio-configure.service");
    remove_file(&mut document, "/usr/local/bin/node-image-pull.sh");
    remove_file(
        &mut document,
        "/opt/openshift/bootstrap-in-place/master-update.fcc",
    );
    edit(&mut document, "/usr/local/bin/install-to-disk.sh", |text| {
        text.replace("coreos-installer install", "dd")
    });
    let other = "b".repeat(64);
    edit(
        &mut document,
        "/usr/local/bin/release-image-download.sh",
        |text| text.replace(&RELEASE[RELEASE.len() - 64..], &other),
    );
    edit(
        &mut document,
        "/opt/openshift/manifests/image-digest-mirror-set.yaml",
        |_| "spec: {}\n".to_owned(),
    );
    document["ignition"]["version"] = "3.99.0".into();
    let problems = refused(&document);
    let starts = [
        "ignition.version: expected 3.0.0 to 3.5.0, found 3.99.0",
        "crio-configure.service: ",
        "/opt/openshift/bootstrap-in-place/master-update.fcc: ",
        "/usr/local/bin/node-image-pull.sh: ",
        "/usr/local/bin/install-to-disk.sh: expected one command `coreos-installer install",
        "release-image.sh and release-image-download.sh: expected the same release",
        "/opt/openshift/manifests/image-digest-mirror-set.yaml: ",
    ];
    assert_eq!(problems.len(), starts.len(), "{problems:#?}");
    for (problem, start) in problems.iter().zip(starts) {
        assert!(problem.starts_with(start), "{problem}");
    }
}

#[test]
fn a_release_by_tag_is_refused() {
    let mut document = PRACTICE.clone();
    for path in [
        "/usr/local/bin/release-image.sh",
        "/usr/local/bin/release-image-download.sh",
    ] {
        edit(&mut document, path, |text| {
            text.replace(RELEASE, "quay.io/openshift-release-dev/ocp-release:4.20")
        });
    }
    let problems = refused(&document);
    assert!(
        problems[0].contains("found quay.io/openshift-release-dev/ocp-release:4.20"),
        "{problems:?}"
    );
}
