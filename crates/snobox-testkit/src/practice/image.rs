//! Puts an image together: config, manifest, and the list of a multi-architecture image.
//!
//! Both families of media types are written, because real releases mix them. What a site names by tag is of the OCI family:
//! skopeo finds nothing else by name in a layout (1.9 refuses Docker media types in `index.json`; it reads such an image
//! if the index has no other). Sources: OCI image specification 1.1
//! (`manifest.md`, `config.md`, `image-index.md`); Docker image manifest version 2, schema 2.

use super::PracticeError;
use super::layer::Layer;
use super::layout::{Descriptor, Layout};
use super::runnable;
use serde_json::{Map, Value, json};

/// The moment that all images say they were made.
pub(crate) const CREATED: &str = "2026-01-01T00:00:00Z";

/// Which family of media types an image uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// `application/vnd.oci.image.*`
    Oci,
    /// `application/vnd.docker.*`, schema 2
    Docker,
}

impl Family {
    fn manifest(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.manifest.v1+json",
            Self::Docker => "application/vnd.docker.distribution.manifest.v2+json",
        }
    }

    fn list(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.index.v1+json",
            Self::Docker => "application/vnd.docker.distribution.manifest.list.v2+json",
        }
    }

    fn config(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.config.v1+json",
            Self::Docker => "application/vnd.docker.container.image.v1+json",
        }
    }

    fn layer(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.layer.v1.tar+gzip",
            Self::Docker => "application/vnd.docker.image.rootfs.diff.tar.gzip",
        }
    }
}

/// An image before it is written.
pub(crate) struct Image<'a> {
    /// Name in the image's own label; makes configs differ.
    pub(crate) name: &'a str,
    pub(crate) family: Family,
    /// `amd64` or `arm64`.
    pub(crate) architecture: &'a str,
    /// Lowest layer first.
    pub(crate) layers: Vec<&'a Layer>,
    pub(crate) labels: Vec<(&'a str, &'a str)>,
}

impl Image<'_> {
    /// Writes layers, config and manifest; returns the manifest's descriptor.
    ///
    /// # Errors
    /// [`PracticeError::Write`] if a blob cannot be written.
    pub(crate) fn write(&self, layout: &mut Layout) -> Result<Descriptor, PracticeError> {
        self.write_edited(layout, |_| {})
    }

    /// As [`write`](Self::write), with a configuration that `edit` has changed.
    ///
    /// # Errors
    /// [`PracticeError::Write`] if a blob cannot be written.
    pub(crate) fn write_edited(
        &self,
        layout: &mut Layout,
        edit: impl FnOnce(&mut Value),
    ) -> Result<Descriptor, PracticeError> {
        let shell = layout.shell().filter(|_| runnable::can_run(self));
        let stack: Vec<&Layer> = shell
            .as_deref()
            .into_iter()
            .chain(self.layers.iter().copied())
            .collect();
        let layers = stack
            .iter()
            .map(|layer| Ok(layout.put(self.family.layer(), &layer.blob)?.to_json()))
            .collect::<Result<Vec<Value>, PracticeError>>()?;
        let entrypoint = match shell {
            Some(_) => runnable::entrypoint(self.name),
            None => vec![format!("/usr/bin/{}", self.name)],
        };
        let mut config = self.config(&stack, &entrypoint);
        edit(&mut config);
        let config = layout.put_json(self.family.config(), &config)?;
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": self.family.manifest(),
            "config": config.to_json(),
            "layers": layers,
        });
        layout.put_json(self.family.manifest(), &manifest)
    }

    fn config(&self, stack: &[&Layer], entrypoint: &[String]) -> Value {
        let mut labels = Map::new();
        labels.insert("io.k8s.display-name".to_owned(), self.name.into());
        labels.insert("vendor".to_owned(), "snobox practice release".into());
        for (key, value) in &self.labels {
            labels.insert((*key).to_owned(), (*value).into());
        }
        let diff_ids: Vec<&str> = stack.iter().map(|layer| &*layer.diff_id).collect();
        let history: Vec<Value> = (1..=stack.len())
            .map(|number| json!({ "created": CREATED, "created_by": format!("practice layer {number}") }))
            .collect();
        json!({
            "created": CREATED,
            "architecture": self.architecture,
            "os": "linux",
            "config": {
                "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
                "Entrypoint": entrypoint,
                "Labels": labels,
            },
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
            "history": history,
        })
    }
}

/// Writes the list of a multi-architecture image: `children` are (architecture, manifest).
///
/// # Errors
/// [`PracticeError::Write`] if the blob cannot be written.
pub(crate) fn write_list(
    layout: &mut Layout,
    family: Family,
    children: &[(&str, Descriptor)],
) -> Result<Descriptor, PracticeError> {
    let manifests: Vec<Value> = children
        .iter()
        .map(|(architecture, descriptor)| {
            let mut child = descriptor.to_json();
            child["platform"] = json!({ "architecture": architecture, "os": "linux" });
            child
        })
        .collect();
    let list = json!({ "schemaVersion": 2, "mediaType": family.list(), "manifests": manifests });
    layout.put_json(family.list(), &list)
}
