//! An OCI image layout that a test fills with small images of its own: releases, catalogs, and whatever these name.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::{Value, json};
use snobox_formats::digest::Digest;
use snobox_formats::layer::LayerWriter;

use super::{Distribution, Sandbox};

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Files of one layer: path and content.
pub(crate) type Files<'a> = &'a [(&'a str, &'a str)];

/// A folder with images.
pub(crate) struct ImageLayout {
    sandbox: Sandbox,
    entries: Vec<Value>,
}

impl ImageLayout {
    pub(crate) fn new() -> Self {
        let sandbox = Sandbox::new();
        fs::create_dir_all(sandbox.path("made/blobs/sha256")).unwrap();
        sandbox.write("made/oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);
        let entries = Vec::new();
        Self { sandbox, entries }
    }

    fn blob(&self, bytes: &[u8]) -> (Digest, usize) {
        let digest = Digest::of(bytes);
        let path = format!("made/blobs/sha256/{}", digest.hex());
        self.sandbox.write(&path, bytes);
        (digest, bytes.len())
    }

    /// Adds an image; `name` gets the digest for `{}`. Returns the name.
    pub(crate) fn image(&mut self, name: &str, layers: &[Files<'_>], config: Value) -> String {
        let (mut descriptors, mut diff_ids) = (Vec::new(), Vec::new());
        for files in layers {
            let mut layer = LayerWriter::default();
            for (path, content) in *files {
                layer.file(path, content.as_bytes()).unwrap();
            }
            let written = layer.finish().unwrap();
            let (digest, size) = self.blob(&written.blob);
            descriptors
                .push(json!({"mediaType": LAYER, "digest": digest.to_string(), "size": size}));
            diff_ids.push(written.diff_id.to_string());
        }
        let config = json!({
            "architecture": "amd64", "os": "linux", "config": config,
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        let (digest, size) = self.blob(config.to_string().as_bytes());
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "layers": descriptors,
            "config": {"mediaType": CONFIG, "digest": digest.to_string(), "size": size},
        });
        let (digest, size) = self.blob(manifest.to_string().as_bytes());
        let name = name.replace("{}", &digest.to_string());
        self.entries.push(json!({
            "mediaType": MANIFEST, "digest": digest.to_string(), "size": size,
            "annotations": {"org.opencontainers.image.ref.name": name},
        }));
        name
    }

    /// An image of a program.
    pub(crate) fn program(&mut self, repository: &str) -> String {
        let name = format!("{repository}@{{}}");
        self.image(&name, &[&[("bin/program", repository)]], json!({}))
    }

    /// A catalog with these documents; its layers are the program that serves, the documents, and what the program made of them.
    pub(crate) fn catalog(&mut self, name: &str, documents: Files<'_>) {
        let config = json!({
            "Labels": {"operators.operatorframework.io.index.configs.v1": "/configs"},
            "Entrypoint": ["/bin/opm"],
            "Cmd": ["serve", "/configs", "--cache-dir=/tmp/cache"],
        });
        let layers: [Files<'_>; 3] = [
            &[("bin/opm", "opm")],
            documents,
            &[("tmp/cache/digest", "x")],
        ];
        self.image(name, &layers, config);
    }

    /// A release with one component.
    pub(crate) fn release(&mut self, version: &str) {
        let etcd = self.program("quay.io/openshift-release-dev/ocp-v4.0-art-dev");
        let references = json!({
            "kind": "ImageStream", "apiVersion": "image.openshift.io/v1",
            "metadata": {"name": version},
            "spec": {"tags": [{"name": "etcd", "from": {"kind": "DockerImage", "name": etcd}}]},
        });
        let name = format!("quay.io/openshift-release-dev/ocp-release:{version}-x86_64");
        let files: Files<'_> = &[(
            "release-manifests/image-references",
            &references.to_string(),
        )];
        let labels = json!({"Labels": {"io.openshift.release": version}});
        self.image(&name, &[files], labels);
    }

    /// The folder, complete.
    pub(crate) fn folder(&self) -> PathBuf {
        let index = json!({"schemaVersion": 2, "manifests": self.entries});
        self.sandbox.write("made/index.json", index.to_string());
        self.sandbox.path("made")
    }

    /// Puts everything into Debian's registry. `None` after saying that it is not here.
    pub(crate) fn registry(&self) -> Option<Distribution> {
        let registry = Distribution::start(false)?;
        let made = self.folder();
        let import = ["store", "import", made.to_str().unwrap()];
        self.sandbox.run(&import).ok();
        let target = registry.address.to_string();
        self.sandbox.run(&["push", &target]).ok();
        Some(registry)
    }
}

/// A sandbox with the site of a release that nobody signs, these image sets, and everything from one registry.
pub(crate) fn site_of(version: &str, sets: &[(&str, &str)], registry: SocketAddr) -> Sandbox {
    let sandbox = Sandbox::new();
    for name in ["pull-secret.json", "id_practice.pub"] {
        sandbox.write(name, fs::read(super::demo().path(name)).unwrap());
    }
    for (name, text) in sets {
        sandbox.write(name, text);
    }
    let names: Vec<_> = sets.iter().map(|(name, _)| *name).collect();
    let mut text = super::SITE.replace(
        "version: 4.99.0-practice",
        &format!("version: {version}, signature: ignored"),
    );
    text += &format!(
        "images: {{ imageSets: [{}] }}\nmirrors:\n",
        names.join(", ")
    );
    for source in [
        "quay.io",
        "registry.redhat.io",
        "registry.connect.redhat.com",
        "registry.example.com",
    ] {
        text += &format!("  - {{ source: {source}, mirrors: [\"{registry}/{source}\"] }}\n");
    }
    sandbox.write("site.yaml", text);
    sandbox
}
