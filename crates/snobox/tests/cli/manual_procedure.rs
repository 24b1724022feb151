//! The image set of the manual procedure, as it is, against catalogs that hold its operators in their true form: several packages in two catalogs, several
//! channels and versions of each, versions with the time of their build. Both as images in a registry that is not ours; chosen by `catalog select` and for a
//! site. What must come of it is written by hand.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::image_sets::{files, lock, of_role};
use crate::support::{Distribution, ImageLayout, Sandbox, sample_manual_image_set, site_of};

const REDHAT: &str = "registry.redhat.io/redhat/redhat-operator-index:v4.13";
const CERTIFIED: &str = "registry.redhat.io/redhat/certified-operator-index:v4.13";

/// An operator: its name, what its bundles are called before the version, its default channel, channels with their versions from the lowest, and the
/// repositories of bundle and operator.
struct Operator {
    name: &'static str,
    bundle: &'static str,
    default_channel: &'static str,
    channels: &'static [(&'static str, &'static [&'static str])],
    repositories: [&'static str; 2],
}

/// What the procedure asks for, and neighbours that it does not.
const OF_REDHAT: [Operator; 7] = [
    Operator {
        name: "kubernetes-nmstate-operator",
        bundle: "kubernetes-nmstate-operator.",
        default_channel: "stable",
        channels: &[(
            "stable",
            &[
                "4.13.0-202305101813",
                "4.13.0-202305262054",
                "4.13.0-202306072143",
                "4.13.0-202307242035",
            ],
        )],
        repositories: [
            "registry.redhat.io/openshift4/kubernetes-nmstate-operator-bundle",
            "registry.redhat.io/openshift4/kubernetes-nmstate-rhel8-operator",
        ],
    },
    Operator {
        name: "kubevirt-hyperconverged",
        bundle: "kubevirt-hyperconverged-operator.v",
        default_channel: "stable",
        channels: &[
            ("dev-preview", &["4.99.0-0.1685000000"]),
            ("stable", &["4.12.3", "4.13.0", "4.13.1", "4.13.2"]),
        ],
        repositories: [
            "registry.redhat.io/container-native-virtualization/hco-bundle-registry",
            "registry.redhat.io/container-native-virtualization/hyperconverged-cluster-operator",
        ],
    },
    Operator {
        name: "local-storage-operator",
        bundle: "local-storage-operator.v",
        default_channel: "stable",
        channels: &[("stable", &["4.13.0-202305262054"])],
        repositories: [
            "registry.redhat.io/openshift4/ose-local-storage-operator-bundle",
            "registry.redhat.io/openshift4/ose-local-storage-operator",
        ],
    },
    Operator {
        name: "lvms-operator",
        bundle: "lvms-operator.v",
        default_channel: "stable-4.13",
        channels: &[
            ("stable-4.12", &["4.12.0", "4.12.1"]),
            ("stable-4.13", &["4.12.1", "4.13.0", "4.13.1", "4.13.2"]),
        ],
        repositories: [
            "registry.redhat.io/lvms4/lvms-operator-bundle",
            "registry.redhat.io/lvms4/lvms-rhel8-operator",
        ],
    },
    Operator {
        name: "mtv-operator",
        bundle: "mtv-operator.v",
        default_channel: "release-v2.4",
        channels: &[
            ("release-v2.3", &["2.3.3", "2.3.4"]),
            ("release-v2.4", &["2.4.0", "2.4.1", "2.4.2"]),
        ],
        repositories: [
            "registry.redhat.io/migration-toolkit-virtualization/mtv-operator-bundle",
            "registry.redhat.io/migration-toolkit-virtualization/mtv-rhel8-operator",
        ],
    },
    Operator {
        name: "multicluster-engine",
        bundle: "multicluster-engine.v",
        default_channel: "stable-2.2",
        channels: &[
            ("stable-2.1", &["2.1.6", "2.1.7"]),
            ("stable-2.2", &["2.2.3", "2.2.4", "2.2.5"]),
        ],
        repositories: [
            "registry.redhat.io/multicluster-engine/mce-operator-bundle",
            "registry.redhat.io/multicluster-engine/backplane-rhel8-operator",
        ],
    },
    Operator {
        name: "nfd",
        bundle: "nfd.",
        default_channel: "stable",
        channels: &[(
            "stable",
            &[
                "4.13.0-202305101813",
                "4.13.0-202305262054",
                "4.13.0-202306072143",
            ],
        )],
        repositories: [
            "registry.redhat.io/openshift4/ose-cluster-nfd-operator-bundle",
            "registry.redhat.io/openshift4/ose-cluster-nfd-operator",
        ],
    },
];

const OF_CERTIFIED: [Operator; 2] = [
    Operator {
        name: "gpu-operator-certified",
        bundle: "gpu-operator-certified.v",
        default_channel: "v23.3",
        channels: &[
            ("stable", &["22.9.2", "23.3.1", "23.3.2"]),
            ("v22.9", &["22.9.1", "22.9.2"]),
            ("v23.3", &["23.3.0", "23.3.1", "23.3.2"]),
        ],
        repositories: [
            "registry.connect.redhat.com/nvidia/gpu-operator-bundle",
            "registry.connect.redhat.com/nvidia/gpu-operator",
        ],
    },
    Operator {
        name: "sriov-fec",
        bundle: "sriov-fec.v",
        default_channel: "stable",
        channels: &[("stable", &["2.6.1", "2.7.0"])],
        repositories: [
            "registry.connect.redhat.com/intel/sriov-fec-operator-bundle",
            "registry.connect.redhat.com/intel/sriov-fec-operator",
        ],
    },
];

/// Operator, bundle, version, channel: by hand, from the image set.
const EXPECTED: [[&str; 4]; 7] = [
    [
        "kubernetes-nmstate-operator",
        "kubernetes-nmstate-operator.4.13.0-202305262054",
        "4.13.0-202305262054",
        "stable",
    ],
    [
        "kubevirt-hyperconverged",
        "kubevirt-hyperconverged-operator.v4.13.0",
        "4.13.0",
        "stable",
    ],
    [
        "lvms-operator",
        "lvms-operator.v4.13.1",
        "4.13.1",
        "stable-4.13",
    ],
    [
        "mtv-operator",
        "mtv-operator.v2.4.1",
        "2.4.1",
        "release-v2.4",
    ],
    [
        "multicluster-engine",
        "multicluster-engine.v2.2.4",
        "2.2.4",
        "stable-2.2",
    ],
    [
        "nfd",
        "nfd.4.13.0-202305262054",
        "4.13.0-202305262054",
        "stable",
    ],
    [
        "gpu-operator-certified",
        "gpu-operator-certified.v23.3.2",
        "23.3.2",
        "v23.3",
    ],
];

/// The documents of an operator, as `opm render` writes them. Only images of what is expected are there.
fn documents(
    operator: &Operator,
    layout: &mut ImageLayout,
    there: &mut BTreeSet<String>,
) -> String {
    let mut all = vec![json!({
        "schema": "olm.package", "name": operator.name, "defaultChannel": operator.default_channel,
        "icon": {"base64data": "eA==", "mediatype": "image/svg+xml"},
    })];
    let mut bundles = BTreeSet::new();
    for (channel, versions) in operator.channels {
        let name = |version: &str| format!("{}{version}", operator.bundle);
        let mut entries = Vec::new();
        for (place, version) in versions.iter().enumerate() {
            let mut entry = json!({
                "name": name(version),
                "skipRange": format!(">=4.10.0-0 <{version}"),
            });
            if let Some(below) = place.checked_sub(1) {
                entry["replaces"] = name(versions[below]).into();
            }
            entries.push(entry);
            bundles.insert(*version);
        }
        all.push(json!({
            "schema": "olm.channel", "package": operator.name, "name": channel, "entries": entries,
        }));
    }
    for version in bundles {
        let name = format!("{}{version}", operator.bundle);
        let is_expected = EXPECTED.iter().any(|[_, bundle, ..]| *bundle == name);
        let images = operator.repositories.map(|repository| {
            if is_expected {
                let image = layout.program(repository);
                there.insert(image.clone());
                return image;
            }
            format!("{repository}@sha256:{}", "0".repeat(64))
        });
        all.push(json!({
            "schema": "olm.bundle", "package": operator.name, "name": name, "image": images[0],
            "properties": [
                {"type": "olm.package", "value": {"packageName": operator.name, "version": version}},
                {"type": "olm.gvk", "value": {"group": format!("{}.example.com", operator.name), "kind": "Thing", "version": "v1"}},
            ],
            "relatedImages": [
                {"name": "", "image": images[0]},
                {"name": "operator", "image": images[1]},
            ],
        }));
    }
    all.iter()
        .map(|document| format!("{document:#}\n"))
        .collect()
}

/// Both catalogs, a release, and all images that are expected, which come back.
fn registry() -> Option<(Distribution, BTreeSet<String>)> {
    let (mut layout, mut there) = (ImageLayout::new(), BTreeSet::new());
    layout.release("4.13.1");
    for (name, operators) in [(REDHAT, &OF_REDHAT[..]), (CERTIFIED, &OF_CERTIFIED[..])] {
        let texts: Vec<_> = operators
            .iter()
            .map(|operator| {
                let path = format!("configs/{}/catalog.json", operator.name);
                (path, documents(operator, &mut layout, &mut there))
            })
            .collect();
        let texts: Vec<_> = texts
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
            .collect();
        layout.catalog(name, &texts);
    }
    Some((layout.registry()?, there))
}

#[test]
fn the_image_set_of_the_manual_procedure_gets_its_bundles_from_catalogs_in_a_registry() {
    let Some(set) = sample_manual_image_set() else {
        return;
    };
    let Some((registry, there)) = registry() else {
        return;
    };
    let sandbox = Sandbox::new();
    let said = sandbox
        .run(&[
            "--json",
            "catalog",
            "select",
            "--image-set",
            set.to_str().unwrap(),
            "--mirror",
            &format!("registry.redhat.io={}/registry.redhat.io", registry.address),
        ])
        .ok()
        .json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let bundles = said["bundles"].as_array().unwrap();
    let found: Vec<[String; 4]> = bundles
        .iter()
        .map(|bundle| {
            assert_eq!(bundle["channels"].as_array().unwrap().len(), 1);
            [
                text(&bundle["package"]),
                text(&bundle["name"]),
                text(&bundle["version"]),
                text(&bundle["channels"][0]),
            ]
        })
        .collect();
    assert_eq!(found, EXPECTED.map(|row| row.map(str::to_owned)));
    let images = bundles.iter().flat_map(|b| b["images"].as_array().unwrap());
    assert_eq!(images.map(text).collect::<BTreeSet<_>>(), there);
    // By the mapping of the procedure: no bundle has another image of an operator than these fourteen.
    assert_eq!(there.len(), 14);

    let text = fs::read_to_string(&set).unwrap();
    let sandbox = site_of("4.13.1", &[("imageset.yaml", &text)], registry.address);
    sandbox.run(&["mirror"]).ok();
    let lock = lock(&sandbox);
    assert_eq!(of_role(&lock, "operator"), there);
    assert_eq!(
        of_role(&lock, "catalog"),
        [REDHAT, CERTIFIED].map(str::to_owned).into()
    );
    let mut left = BTreeSet::new();
    for image in lock["images"].as_array().unwrap() {
        if image["role"] != "catalog" {
            continue;
        }
        let blob = |digest: &Value| {
            let hex = &digest.as_str().unwrap()[7..];
            sandbox.read(&format!("store/blobs/sha256/{hex}"))
        };
        let manifest: Value = serde_json::from_slice(&blob(&image["digest"])).unwrap();
        let layers = manifest["layers"].as_array().unwrap();
        for (path, text) in files(&blob(&layers.last().unwrap()["digest"])) {
            let stream = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
            let documents = stream.map(Result::unwrap);
            let bundles = documents.filter(|document| document["schema"] == "olm.bundle");
            for bundle in bundles {
                let name = bundle["name"].as_str().unwrap().to_owned();
                left.insert((path.clone(), name));
            }
        }
    }
    let expected = EXPECTED.map(|[package, bundle, ..]| {
        let path = format!("configs/{package}/catalog.json");
        (path, bundle.to_owned())
    });
    assert_eq!(left, expected.into());
    sandbox.run(&["verify", "store"]).ok();
}
