//! An operator catalog with two packages, and the bundle and operand images they name.
//!
//! The catalog is a file-based one: `/configs/<package>/catalog.json`, a stream of `olm.package`, `olm.channel` and
//! `olm.bundle` objects. Its image has the layers that such images have: the base, the program that serves (which only says
//! what it was called with), the documents, and the program's cache. Source: operator-framework "File-based Catalogs"
//! specification, and the Dockerfile that `opm generate dockerfile` writes.

use super::components::{SharedLayers, program_layer};
use super::image::{Family, Image};
use super::layer::LayerBuilder;
use super::layout::Layout;
use super::{CATALOG_REFERENCE, PracticeError};
use crate::random::stand_in;
use serde_json::{Value, json};

const REGISTRY: &str = "registry.practice.example";
/// Where the catalog's configs are, as a label of its image.
const CONFIGS_LABEL: (&str, &str) = (
    "operators.operatorframework.io.index.configs.v1",
    "/configs",
);

/// The stand-in for the program that serves a catalog.
const PROGRAM: &str = "#!/bin/sh\necho \"opm $*\"\n";

struct Package {
    name: &'static str,
    kind: &'static str,
    default_channel: &'static str,
    /// (channel, entries)
    channels: &'static [(&'static str, &'static [Entry])],
    /// Versions in rising order; each has one bundle image.
    versions: &'static [&'static str],
}

struct Entry {
    version: &'static str,
    replaces: Option<&'static str>,
    skip_range: Option<&'static str>,
}

const PACKAGES: [Package; 2] = [
    Package {
        name: "practice-storage",
        kind: "StoragePool",
        default_channel: "stable-4.99",
        channels: &[
            (
                "preview",
                &[Entry {
                    version: "4.99.1",
                    replaces: None,
                    skip_range: Some(">=4.98.0 <4.99.1"),
                }],
            ),
            (
                "stable-4.99",
                &[
                    Entry {
                        version: "4.99.0",
                        replaces: None,
                        skip_range: None,
                    },
                    Entry {
                        version: "4.99.1",
                        replaces: Some("4.99.0"),
                        skip_range: Some(">=4.98.0 <4.99.1"),
                    },
                ],
            ),
        ],
        versions: &["4.99.0", "4.99.1"],
    },
    Package {
        name: "practice-telemetry",
        kind: "Telescope",
        default_channel: "fast",
        channels: &[(
            "fast",
            &[Entry {
                version: "0.9.0",
                replaces: None,
                skip_range: None,
            }],
        )],
        versions: &["0.9.0"],
    },
];

/// Writes the catalog with everything it names, and lists all of it in the layout's index.
///
/// # Errors
/// [`PracticeError`] if a layer cannot be made or a blob not be written.
pub(crate) fn write_catalog(
    layout: &mut Layout,
    shared: &SharedLayers,
) -> Result<(), PracticeError> {
    let mut configs = LayerBuilder::default();
    for package in &PACKAGES {
        let mut text = String::new();
        for object in package_objects(layout, shared, package)? {
            text.push_str(&format!("{object:#}\n"));
        }
        configs = configs.file(
            &format!("configs/{}/catalog.json", package.name),
            0o644,
            text,
        );
    }
    let configs = configs
        .file("configs/.indexignore", 0o644, "*.md\n")
        .file("configs/README.md", 0o644, "No document of the catalog.\n")
        .build()?;
    let program = LayerBuilder::default()
        .file("usr/bin/opm", 0o755, PROGRAM)
        .build()?;
    let cache = LayerBuilder::default()
        .file("tmp/cache/digest", 0o644, "practice\n")
        .file(
            "tmp/cache/pogreb.v1/db",
            0o644,
            stand_in("opm-cache", 64 << 10),
        )
        .build()?;
    let catalog = Image {
        name: "opm",
        family: Family::Oci,
        architecture: "amd64",
        layers: vec![&shared.base, &program, &configs, &cache],
        labels: vec![CONFIGS_LABEL],
    }
    .write_edited(layout, made_by_opm)?;
    layout.name(CATALOG_REFERENCE, &catalog);
    Ok(())
}

/// The command, and what the instructions of the two uppermost layers were.
fn made_by_opm(config: &mut Value) {
    config["config"]["Cmd"] = json!(["serve", "/configs", "--cache-dir=/tmp/cache"]);
    let instructions = [
        "RUN /bin/opm serve /configs --cache-dir=/tmp/cache --cache-only",
        "ADD catalog /configs",
    ];
    let layers = config["history"].as_array_mut().into_iter().flatten().rev();
    for (layer, instruction) in layers.zip(instructions) {
        layer["created_by"] = instruction.into();
    }
}

fn package_objects(
    layout: &mut Layout,
    shared: &SharedLayers,
    package: &Package,
) -> Result<Vec<Value>, PracticeError> {
    let name = package.name;
    let mut objects = vec![json!({
        "schema": "olm.package",
        "name": name,
        "defaultChannel": package.default_channel,
        "description": format!("A stand-in operator for {} objects.", package.kind),
    })];
    for (channel, entries) in package.channels {
        let entries: Vec<Value> = entries
            .iter()
            .map(|entry| channel_entry(name, entry))
            .collect();
        objects.push(json!({ "schema": "olm.channel", "name": channel, "package": name, "entries": entries }));
    }
    for version in package.versions {
        objects.push(bundle(layout, shared, package, version)?);
    }
    Ok(objects)
}

fn channel_entry(package: &str, entry: &Entry) -> Value {
    let mut value = json!({ "name": format!("{package}.v{}", entry.version) });
    if let Some(version) = entry.replaces {
        value["replaces"] = format!("{package}.v{version}").into();
    }
    if let Some(range) = entry.skip_range {
        value["skipRange"] = range.into();
    }
    value
}

/// Writes bundle, operator and operand of one version and returns its `olm.bundle` object.
fn bundle(
    layout: &mut Layout,
    shared: &SharedLayers,
    package: &Package,
    version: &str,
) -> Result<Value, PracticeError> {
    let name = package.name;
    let full_name = format!("{name}.v{version}");
    let mut related = Vec::new();
    for (role, family) in [("operator", Family::Oci), ("agent", Family::Docker)] {
        let own = program_layer(&format!("{name}-{role}-{version}"))?;
        let layers = vec![&shared.base, &own];
        let image = Image {
            name: role,
            family,
            architecture: "amd64",
            layers,
            labels: vec![("version", version)],
        };
        let descriptor = image.write(layout)?;
        let reference = format!("{REGISTRY}/{name}/{role}@{}", descriptor.digest);
        layout.name(&reference, &descriptor);
        related.push(json!({ "name": role, "image": reference }));
    }
    let csv = cluster_service_version(package, version, &related);
    let layer = LayerBuilder::default()
        .file(
            &format!("manifests/{name}.clusterserviceversion.yaml"),
            0o644,
            csv,
        )
        .file("metadata/annotations.yaml", 0o644, annotations(package))
        .file(
            "metadata/padding.bin",
            0o644,
            stand_in(&full_name, 20 << 10),
        )
        .build()?;
    let descriptor = Image {
        name: "bundle",
        family: Family::Oci,
        architecture: "amd64",
        layers: vec![&layer],
        labels: vec![
            (
                "operators.operatorframework.io.bundle.mediatype.v1",
                "registry+v1",
            ),
            (
                "operators.operatorframework.io.bundle.manifests.v1",
                "manifests/",
            ),
            ("operators.operatorframework.io.bundle.package.v1", name),
        ],
    }
    .write(layout)?;
    let reference = format!("{REGISTRY}/{name}/bundle@{}", descriptor.digest);
    layout.name(&reference, &descriptor);
    related.insert(0, json!({ "name": "", "image": reference }));
    Ok(json!({
        "schema": "olm.bundle",
        "name": full_name,
        "package": name,
        "image": reference,
        "properties": [
            { "type": "olm.gvk", "value": { "group": format!("{name}.practice.example"), "kind": package.kind, "version": "v1" } },
            { "type": "olm.package", "value": { "packageName": name, "version": version } },
        ],
        "relatedImages": related,
    }))
}

fn cluster_service_version(package: &Package, version: &str, related: &[Value]) -> String {
    let mut text = format!(
        "\
apiVersion: operators.coreos.com/v1alpha1
kind: ClusterServiceVersion
metadata:
  name: {name}.v{version}
spec:
  displayName: {name}
  version: {version}
  relatedImages:
",
        name = package.name
    );
    for image in related {
        // JSON is YAML.
        text.push_str(&format!("  - {image}\n"));
    }
    text
}

fn annotations(package: &Package) -> String {
    format!(
        "\
annotations:
  operators.operatorframework.io.bundle.mediatype.v1: registry+v1
  operators.operatorframework.io.bundle.manifests.v1: manifests/
  operators.operatorframework.io.bundle.metadata.v1: metadata/
  operators.operatorframework.io.bundle.package.v1: {}
  operators.operatorframework.io.bundle.channel.default.v1: {}
",
        package.name, package.default_channel
    )
}
