//! The component images of the release: every name that the bootstrap scripts ask for, the two that snobox opens itself
//! (`installer`, `machine-os-images`), and a few that a single node on bare metal cannot use.

use super::image::{Family, Image, write_list};
use super::layer::{Layer, LayerBuilder};
use super::layout::{Descriptor, Layout};
use super::{COMPONENT_REPOSITORY, PracticeError, VERSION};
use crate::digest::sha256_hex;
use crate::live_iso::live_iso;
use crate::random::{PseudoRandom, commit_id, stand_in};
use std::io;

/// The program at `/usr/bin/openshift-install` of the `installer` image.
const INSTALLER_SCRIPT: &str = include_str!("openshift-install.sh");
/// What the `installer` image has at the same path one layer below: an extractor that takes the first hit gets this.
const SHADOWED_INSTALLER: &str =
    "#!/bin/sh\n# Shadowed by a later layer of this image; must never run.\nexit 70\n";

/// What stands between the base layer and a component's own layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Middle {
    /// Nothing.
    None,
    /// A layer shared by the operators.
    Operator,
}

/// A component without files of note: (name, source repository, family, middle layer).
type Plain = (&'static str, &'static str, Family, Middle);

const PLAIN: [Plain; 21] = {
    use Family::{Docker, Oci};
    use Middle::{None, Operator};
    [
        ("aws-ebs-csi-driver", "aws-ebs-csi-driver", Docker, None),
        ("azure-disk-csi-driver", "azure-disk-csi-driver", Oci, None),
        ("baremetal-runtimecfg", "baremetal-runtimecfg", Docker, None),
        (
            "cloud-credential-operator",
            "cloud-credential-operator",
            Oci,
            Operator,
        ),
        (
            "cluster-authentication-operator",
            "cluster-authentication-operator",
            Oci,
            Operator,
        ),
        ("cluster-bootstrap", "cluster-bootstrap", Docker, None),
        ("cluster-config-api", "api", Oci, None),
        (
            "cluster-config-operator",
            "cluster-config-operator",
            Oci,
            Operator,
        ),
        (
            "cluster-etcd-operator",
            "cluster-etcd-operator",
            Docker,
            Operator,
        ),
        (
            "cluster-ingress-operator",
            "cluster-ingress-operator",
            Oci,
            Operator,
        ),
        (
            "cluster-kube-apiserver-operator",
            "cluster-kube-apiserver-operator",
            Docker,
            Operator,
        ),
        (
            "cluster-kube-controller-manager-operator",
            "cluster-kube-controller-manager-operator",
            Oci,
            Operator,
        ),
        (
            "cluster-kube-scheduler-operator",
            "cluster-kube-scheduler-operator",
            Oci,
            Operator,
        ),
        (
            "cluster-node-tuning-operator",
            "cluster-node-tuning-operator",
            Docker,
            Operator,
        ),
        (
            "cluster-policy-controller",
            "cluster-policy-controller",
            Oci,
            None,
        ),
        (
            "cluster-version-operator",
            "cluster-version-operator",
            Oci,
            Operator,
        ),
        ("coredns", "coredns", Docker, None),
        ("etcd", "etcd", Oci, None),
        ("hyperkube", "kubernetes", Docker, None),
        (
            "machine-config-operator",
            "machine-config-operator",
            Oci,
            Operator,
        ),
        ("pod", "kubernetes", Oci, None),
    ]
};

/// A component image that has been written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) name: &'static str,
    /// Repository name below `github.com/openshift`.
    pub(crate) source: &'static str,
    pub(crate) descriptor: Descriptor,
}

impl Written {
    /// `repository@sha256:…`
    pub(crate) fn pull_spec(&self) -> String {
        format!("{COMPONENT_REPOSITORY}@{}", self.descriptor.digest)
    }
}

/// Layers that many images share.
pub(crate) struct SharedLayers {
    /// Below almost every image, 8 MiB.
    pub(crate) base: Layer,
    operator: Layer,
    base_arm64: Layer,
}

impl SharedLayers {
    /// Makes the shared layers.
    ///
    /// # Errors
    /// As [`LayerBuilder::build`].
    pub(crate) fn make() -> io::Result<Self> {
        Ok(Self {
            base: base("x86_64", 8 << 20)?,
            operator: LayerBuilder::default()
                .file(
                    "usr/lib64/libpractice-operator.so",
                    0o755,
                    stand_in("operator", 4 << 20),
                )
                .build()?,
            base_arm64: base("aarch64", 4 << 20)?,
        })
    }
}

fn base(machine: &str, size_bytes: usize) -> io::Result<Layer> {
    LayerBuilder::default()
        .file(
            "etc/os-release",
            0o644,
            format!("NAME=\"Practice Linux\"\nID=practice\nVERSION_ID=\"{VERSION}\"\n"),
        )
        .file("etc/practice-machine", 0o644, format!("{machine}\n"))
        .file(
            "usr/lib64/libpractice.so",
            0o755,
            stand_in(machine, size_bytes),
        )
        .build()
}

/// A layer with one program of 50 to 600 KiB.
///
/// # Errors
/// As [`LayerBuilder::build`].
pub(crate) fn program_layer(name: &str) -> io::Result<Layer> {
    let kib = 50 + (PseudoRandom::named(name).next_u64() % 551) as usize;
    LayerBuilder::default()
        .file(&format!("usr/bin/{name}"), 0o755, stand_in(name, kib << 10))
        .build()
}

/// Writes all components, in the order of their names.
///
/// # Errors
/// [`PracticeError`] if a layer cannot be made or a blob not be written.
pub(crate) fn write_components(
    layout: &mut Layout,
    shared: &SharedLayers,
) -> Result<Vec<Written>, PracticeError> {
    let mut written = Vec::new();
    let mut note = |name, source, descriptor: Descriptor| {
        written.push(Written {
            name,
            source,
            descriptor,
        });
    };
    for (name, source, family, middle) in PLAIN {
        let own = program_layer(name)?;
        let mut layers = vec![&shared.base];
        if middle == Middle::Operator {
            layers.push(&shared.operator);
        }
        layers.push(&own);
        note(
            name,
            source,
            write_image(layout, name, source, family, layers)?,
        );
    }
    note("cli", "oc", cli(layout, shared)?);
    note("installer", "installer", installer(layout, shared)?);
    note(
        "machine-os-images",
        "machine-os-images",
        machine_os_images(layout, shared)?,
    );
    note("rhel-coreos", "os", rhel_coreos(layout)?);
    written.sort_by_key(|component| component.name);
    Ok(written)
}

fn write_image(
    layout: &mut Layout,
    name: &str,
    source: &str,
    family: Family,
    layers: Vec<&Layer>,
) -> Result<Descriptor, PracticeError> {
    let commit = commit_id(source);
    Image {
        name,
        family,
        architecture: "amd64",
        layers,
        labels: vec![("io.openshift.build.commit.id", &commit)],
    }
    .write(layout)
}

/// The only image with more than one architecture: a docker manifest list over two docker manifests.
fn cli(layout: &mut Layout, shared: &SharedLayers) -> Result<Descriptor, PracticeError> {
    let mut children = Vec::new();
    for (architecture, base) in [("amd64", &shared.base), ("arm64", &shared.base_arm64)] {
        let own = LayerBuilder::default()
            .file(
                "usr/bin/oc",
                0o755,
                stand_in(&format!("oc {architecture}"), 400 << 10),
            )
            .build()?;
        let image = Image {
            name: "cli",
            family: Family::Docker,
            architecture,
            layers: vec![base, &own],
            labels: vec![],
        };
        children.push((architecture, image.write(layout)?));
    }
    write_list(layout, Family::Docker, &children)
}

fn installer(layout: &mut Layout, shared: &SharedLayers) -> Result<Descriptor, PracticeError> {
    let shadowed = LayerBuilder::default()
        .file("usr/bin/openshift-install", 0o755, SHADOWED_INSTALLER)
        .build()?;
    let current = LayerBuilder::default()
        .file("usr/bin/openshift-install", 0o755, INSTALLER_SCRIPT)
        .build()?;
    let layers = vec![&shared.base, &shadowed, &current];
    write_image(layout, "installer", "installer", Family::Oci, layers)
}

fn machine_os_images(
    layout: &mut Layout,
    shared: &SharedLayers,
) -> Result<Descriptor, PracticeError> {
    let iso = live_iso();
    let checksum = sha256_hex(&iso);
    let old = LayerBuilder::default()
        .file(
            "coreos/coreos-x86_64.iso.part",
            0o644,
            "left over from a build\n",
        )
        .build()?;
    let media = LayerBuilder::default()
        .whiteout("coreos", "coreos-x86_64.iso.part")
        .file("coreos/coreos-stream.json", 0o644, stream(&checksum))
        .file("coreos/coreos-x86_64.iso", 0o644, iso)
        .file(
            "coreos/coreos-x86_64.iso.sha256",
            0o644,
            format!("{checksum}  coreos-x86_64.iso\n"),
        )
        .build()?;
    let layers = vec![&shared.base, &old, &media];
    write_image(
        layout,
        "machine-os-images",
        "machine-os-images",
        Family::Oci,
        layers,
    )
}

/// The CoreOS stream metadata that names the live ISO with this SHA-256.
pub(crate) fn stream(iso_sha256: &str) -> String {
    let document = serde_json::json!({
        "stream": "practice",
        "metadata": { "last-modified": super::image::CREATED, "generator": "practice release" },
        "architectures": { "x86_64": { "artifacts": { "metal": {
            "release": super::COREOS_VERSION,
            "formats": { "iso": { "disk": {
                "location": format!("https://registry.practice.example/coreos/{}/coreos-x86_64.iso", super::COREOS_VERSION),
                "sha256": iso_sha256,
            } } },
        } } } },
    });
    format!("{document:#}\n")
}

/// The node's operating system: shares nothing with the others and has many layers, as the real one.
fn rhel_coreos(layout: &mut Layout) -> Result<Descriptor, PracticeError> {
    let layers = (0..6)
        .map(|number| {
            let name = format!("rhel-coreos {number}");
            LayerBuilder::default()
                .file(
                    &format!("sysroot/ostree/repo/objects/{number:02}/practice.filez"),
                    0o644,
                    stand_in(&name, 2 << 20),
                )
                .build()
        })
        .collect::<io::Result<Vec<_>>>()?;
    write_image(
        layout,
        "rhel-coreos",
        "os",
        Family::Oci,
        layers.iter().collect(),
    )
}
