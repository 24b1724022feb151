//! The release payload image: which component is which digest, and the manifests that a cluster version applies.
//!
//! ```text
//! /release-manifests/image-references   ImageStream, image.openshift.io/v1, one tag for each component
//! /release-manifests/release-metadata   cincinnati-metadata-v0: version and where one may come from
//! /release-manifests/0000_NN_*.yaml     manifests, applied in the order of their names
//! ```
//!
//! Sources: `oc` `pkg/cli/admin/release/info.go` and `image_mapper.go`; cincinnati `docs/design/cincinnati.md`.

use super::components::{SharedLayers, Written, stream};
use super::image::{CREATED, Family, Image};
use super::layer::{Layer, LayerBuilder};
use super::layout::{Descriptor, Layout};
use super::{COREOS_VERSION, PracticeError, VERSION};
use crate::digest::sha256_hex;
use crate::live_iso::live_iso;
use crate::random::commit_id;
use serde_json::{Map, Value, json};
use std::io;

/// Version of Kubernetes that the release says it contains.
const KUBERNETES_VERSION: &str = "1.99.0";

/// Writes the payload image for `components`.
///
/// # Errors
/// [`PracticeError`] if the layer cannot be made or a blob not be written.
pub(crate) fn write_release(
    layout: &mut Layout,
    shared: &SharedLayers,
    components: &[Written],
) -> Result<Descriptor, PracticeError> {
    let manifests = manifests_layer(components)?;
    let operator = components
        .iter()
        .find(|component| component.name == "cluster-version-operator")
        .map_or("", |component| &component.descriptor.digest);
    Image {
        name: "cluster-version-operator",
        family: Family::Oci,
        architecture: "amd64",
        layers: vec![&shared.base, &manifests],
        labels: vec![
            ("io.openshift.release", VERSION),
            ("io.openshift.release.base-image-digest", operator),
        ],
    }
    .write(layout)
}

fn manifests_layer(components: &[Written]) -> io::Result<Layer> {
    let metadata = json!({
        "kind": "cincinnati-metadata-v0",
        "version": VERSION,
        "previous": ["4.98.7", "4.98.8"],
        "metadata": { "url": "https://registry.practice.example/errata/PRACTICE-4.99.0" },
    });
    LayerBuilder::default()
        .file(
            "release-manifests/0000_00_cluster-version-operator_00_namespace.yaml",
            0o644,
            NAMESPACE,
        )
        .file(
            "release-manifests/0000_00_cluster-version-operator_01_deployment.yaml",
            0o644,
            deployment(components),
        )
        .file(
            "release-manifests/0000_30_machine-config-operator_01_images.yaml",
            0o644,
            images(components),
        )
        .file(
            "release-manifests/0000_50_installer_coreos-bootimages.yaml",
            0o644,
            boot_images(),
        )
        .file(
            "release-manifests/image-references",
            0o644,
            format!("{:#}\n", image_references(components)),
        )
        .file(
            "release-manifests/release-metadata",
            0o644,
            format!("{metadata:#}\n"),
        )
        .build()
}

fn image_references(components: &[Written]) -> Value {
    let tags: Vec<Value> = components.iter().map(tag).collect();
    json!({
        "kind": "ImageStream",
        "apiVersion": "image.openshift.io/v1",
        "metadata": {
            "name": VERSION,
            "creationTimestamp": CREATED,
            "annotations": {
                "release.openshift.io/from-image-stream": "practice/4.99",
                "release.openshift.io/from-release": format!("registry.practice.example/release:{VERSION}"),
            },
        },
        "spec": { "lookupPolicy": { "local": false }, "tags": tags },
        "status": { "dockerImageRepository": "" },
    })
}

fn tag(component: &Written) -> Value {
    let mut annotations = Map::new();
    annotations.insert(
        "io.openshift.build.commit.id".into(),
        commit_id(component.source).into(),
    );
    annotations.insert("io.openshift.build.commit.ref".into(), "".into());
    let location = format!("https://github.com/openshift/{}", component.source);
    annotations.insert("io.openshift.build.source-location".into(), location.into());
    let (display, versions) = match component.name {
        "hyperkube" | "pod" => ("", format!("kubernetes={KUBERNETES_VERSION}")),
        "rhel-coreos" => (
            "machine-os=Practice Linux CoreOS",
            format!("machine-os={COREOS_VERSION}"),
        ),
        _ => ("", String::new()),
    };
    if !versions.is_empty() {
        annotations.insert(
            "io.openshift.build.version-display-names".into(),
            display.into(),
        );
        annotations.insert("io.openshift.build.versions".into(), versions.into());
    }
    json!({
        "name": component.name,
        "annotations": annotations,
        "from": { "kind": "DockerImage", "name": component.pull_spec() },
        "generation": null,
        "importPolicy": {},
        "referencePolicy": { "type": "" },
    })
}

const NAMESPACE: &str = "\
apiVersion: v1
kind: Namespace
metadata:
  name: openshift-cluster-version
";

fn deployment(components: &[Written]) -> String {
    let image = components
        .iter()
        .find(|component| component.name == "cluster-version-operator")
        .map(Written::pull_spec)
        .unwrap_or_default();
    format!(
        "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: cluster-version-operator
  namespace: openshift-cluster-version
spec:
  replicas: 1
  selector:
    matchLabels: {{app: cluster-version-operator}}
  template:
    metadata:
      labels: {{app: cluster-version-operator}}
    spec:
      containers:
      - name: cluster-version-operator
        image: {image}
        args: [start]
"
    )
}

fn images(components: &[Written]) -> String {
    let mut text = String::from(
        "\
apiVersion: v1
kind: ConfigMap
metadata:
  name: machine-config-operator-images
  namespace: openshift-machine-config-operator
data:
",
    );
    for component in components {
        text.push_str(&format!(
            "  {}: {}\n",
            component.name,
            component.pull_spec()
        ));
    }
    text
}

fn boot_images() -> String {
    let mut text = format!(
        "\
apiVersion: v1
kind: ConfigMap
metadata:
  name: coreos-bootimages
  namespace: openshift-machine-config-operator
data:
  releaseVersion: {VERSION}
  stream: |
"
    );
    for line in stream(&sha256_hex(&live_iso())).lines() {
        text.push_str(&format!("    {line}\n"));
    }
    text
}
