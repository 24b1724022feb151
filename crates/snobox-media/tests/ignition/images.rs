//! Images that the node asks for.

use std::collections::BTreeSet;

use snobox_formats::reference::ImageRef;
use snobox_media::installer::{
    BootstrapImages, Layout, SECOND_BOOT, Why, bootstrap_images, missing,
};
use snobox_plan::boots::FIRST_BOOT;

use crate::edit::{add_file, add_unit, edit};
use crate::samples::{MIRRORS_420, PLAIN_413, PLAIN_420, PRACTICE, RELEASE, parse, sample};

/// `grep -oh 'image_for [a-z-]*' bootkube.sh crio-configure.sh kubelet-pause-image.sh | sort -u`, 4.20.
const OF_420: [&str; 16] = [
    "cloud-credential-operator",
    "cluster-authentication-operator",
    "cluster-bootstrap",
    "cluster-config-api",
    "cluster-config-operator",
    "cluster-etcd-operator",
    "cluster-ingress-operator",
    "cluster-kube-apiserver-operator",
    "cluster-kube-controller-manager-operator",
    "cluster-kube-scheduler-operator",
    "cluster-node-tuning-operator",
    "cluster-policy-controller",
    "etcd",
    "hyperkube",
    "machine-config-operator",
    "pod",
];
/// The same of 4.13.
const OF_413: [&str; 19] = [
    "baremetal-runtimecfg",
    "cloud-credential-operator",
    "cluster-bootstrap",
    "cluster-config-operator",
    "cluster-etcd-operator",
    "cluster-ingress-operator",
    "cluster-kube-apiserver-operator",
    "cluster-kube-controller-manager-operator",
    "cluster-kube-scheduler-operator",
    "cluster-node-tuning-operator",
    "cluster-policy-controller",
    "coredns",
    "etcd",
    "haproxy-router",
    "hyperkube",
    "keepalived-ipfailover",
    "machine-config-operator",
    "machine-os-content",
    "pod",
];

fn names(images: &BootstrapImages) -> BTreeSet<&str> {
    images.components.keys().map(String::as_str).collect()
}

fn with_node_image() -> BTreeSet<&'static str> {
    OF_420.into_iter().chain(["rhel-coreos"]).collect()
}

fn practice() -> (serde_json::Value, BootstrapImages) {
    let document = PRACTICE.clone();
    let images = derived(&document);
    (document, images)
}

fn derived(document: &serde_json::Value) -> BootstrapImages {
    let ignition = parse(document);
    bootstrap_images(&ignition, &Layout::detect(&ignition).unwrap())
}

fn image(name: &str) -> ImageRef {
    format!("quay.io/openshift-release-dev/ocp-v4.0-art-dev:{name}")
        .parse()
        .unwrap()
}

#[test]
fn real_installers_ask_for_exactly_these() {
    for (name, expected) in [
        (PLAIN_420, with_node_image()),
        (MIRRORS_420, with_node_image()),
        (PLAIN_413, BTreeSet::from(OF_413)),
    ] {
        let Some(ignition) = sample(name) else { return };
        let images = bootstrap_images(&ignition, &Layout::detect(&ignition).unwrap());
        assert_eq!(names(&images), expected, "{name}");
        assert_eq!(images.release.to_string(), RELEASE);
        assert!(images.direct.is_empty(), "{:?}", images.direct);
        assert!(images.unresolved.is_empty(), "{:?}", images.unresolved);
        let optional: Vec<_> = images.optional.iter().map(String::as_str).collect();
        let can_fail = if name == PLAIN_413 {
            vec!["keepalived-ipfailover"]
        } else {
            vec![]
        };
        assert_eq!(optional, can_fail, "{name}");
    }
    let ignition = sample(PLAIN_420).unwrap();
    let images = bootstrap_images(&ignition, &Layout::detect(&ignition).unwrap());
    assert_eq!(
        images.components["rhel-coreos"],
        "/usr/local/bin/node-image-pull.sh:10"
    );
    assert_eq!(images.components["etcd"], "/usr/local/bin/bootkube.sh:44");
}

#[test]
fn the_practice_installer_asks_for_what_the_real_one_does() {
    assert_eq!(names(&practice().1), with_node_image());
}

#[test]
fn images_are_found_wherever_they_are_asked_for() {
    let (mut document, before) = practice();
    let digest = "a".repeat(64);
    let script = format!(
        "#!/bin/bash\n. /usr/local/bin/release-image.sh\nname=from-variable\nX=$(image_for \"${{name}}\")\n\
         for n in one two; do image_for $n; done\n# image_for commented\nimage_for \"$1\"\n\
         podman run --rm --env A=B registry.example/by/tag:v1 cmd\nimage=registry.example/by/variable:v2\npodman pull \"$image\"\n\
         skopeo copy docker://registry.example/copied:v3 oci:x\npodman run localhost/mine:latest\n\
         echo registry.example/by/digest@sha256:{digest}\nif Y=$(image_for asked); then :; fi\n"
    );
    add_file(&mut document, "/usr/local/bin/more.sh", 0o755, &script);
    add_unit(
        &mut document,
        "more.service",
        true,
        "[Service]\nExecStart=/bin/bash -c '. /usr/local/bin/release-image.sh; podman pull $$(image_for in-unit)'\nExecStartPre=-/usr/bin/podman pull registry.example/unit:v4\n[Install]\nWantedBy=multi-user.target\n",
    );
    edit(
        &mut document,
        "/opt/openshift/bootstrap-in-place/master-update.fcc",
        |text| {
            text + "    - name: later.service\n      contents: |\n        [Service]\n        ExecStart=podman pull registry.example/later:v5\n"
        },
    );
    let images = derived(&document);
    let added: BTreeSet<_> = names(&images)
        .difference(&names(&before))
        .copied()
        .collect();
    assert_eq!(
        added,
        BTreeSet::from(["asked", "from-variable", "in-unit", "one", "two"])
    );
    assert_eq!(images.optional, BTreeSet::from(["asked".to_owned()]));
    assert_eq!(
        images.components["from-variable"],
        "/usr/local/bin/more.sh:4"
    );
    assert_eq!(images.components["in-unit"], "more.service:2");
    assert_eq!(images.unresolved["$1"], "/usr/local/bin/more.sh:7");
    let direct: Vec<_> = images.direct.keys().map(ToString::to_string).collect();
    assert_eq!(
        direct,
        [
            format!("registry.example/by/digest@sha256:{digest}").as_str(),
            "registry.example/by/tag:v1",
            "registry.example/by/variable:v2",
            "registry.example/copied:v3",
            "registry.example/later:v5",
            "registry.example/unit:v4",
        ]
    );
}

#[test]
fn what_a_first_boot_asks_for_is_known_before_there_is_an_ignition() {
    let (_, images) = practice();
    let asked = images.components.keys().map(String::as_str);
    for name in OF_420.into_iter().chain(OF_413).chain(asked) {
        assert!(FIRST_BOOT.contains(&name), "{name}");
    }
}

#[test]
fn what_is_missing_is_named_with_who_asks() {
    let (_, images) = practice();
    let all = |name: &str| Some(image(name));
    assert!(missing(&images, &all, &|_| true).is_empty());
    // Everything: the release, 17 components, and what only the boots from the disk ask for.
    let second: Vec<_> = SECOND_BOOT
        .iter()
        .filter(|n| !images.components.contains_key(**n))
        .collect();
    assert_eq!(second, [&"baremetal-runtimecfg", &"rhel-coreos-8"]);
    assert_eq!(missing(&images, &all, &|_| false).len(), 1 + 17 + 2);

    let etcd = image("etcd");
    let found = missing(&images, &all, &|image| *image != etcd);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].why, Why::NotInCache);
    assert!(
        found[0].to_string().starts_with("etcd (quay.io/"),
        "{}",
        found[0]
    );
    assert!(found[0].asked_by.starts_with("/usr/local/bin/bootkube.sh:"));

    let no_etcd = |name: &str| (name != "etcd").then(|| image(name));
    let found = missing(&images, &no_etcd, &|_| true);
    assert_eq!((found.len(), found[0].why), (1, Why::NotInRelease));
    let optional = BootstrapImages {
        optional: BTreeSet::from(["etcd".to_owned()]),
        ..images
    };
    assert!(missing(&optional, &no_etcd, &|_| true).is_empty());
}
