//! What is mirrored: a release in shape and size, and its payload image that names the rest.
//!
//! Layers are bytes that do not compress behind the first bytes of a gzip file: no client that keeps digests looks further.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::registry::Registry;

/// The registry and the repository that all references name.
pub const REGISTRY: &str = "bench.example";
pub const REPOSITORY: &str = "release/components";

const IMAGES: usize = 199;
const WITH_BASE: usize = 195;
const LISTS: usize = 20;
/// Besides the base: 200 layers that one image has, and 149 that two to four have.
const LAYERS: usize = 349;
const LAYER_REFERENCES: usize = 900 - WITH_BASE;
const BASE_BYTES: usize = 40_000_000;
/// They come to about 3 GB with the base.
const MEAN_LAYER_BYTES: usize = 8_300_000;

const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// How large a set is.
#[derive(Clone, Copy)]
pub struct Shape {
    /// Layers of a release's size, instead of a tenth of it.
    pub full: bool,
    /// So many times as many references, to the same layers.
    pub times: usize,
}

/// A set in a registry.
pub struct Set {
    /// `REPOSITORY@sha256:…`, payload included.
    pub references: Vec<String>,
    /// The payload image with its registry.
    pub release: String,
    /// Digest → size of configurations and layers for amd64.
    pub blobs: BTreeMap<String, u64>,
    /// With those of the second architecture.
    pub bytes_of_all_architectures: u64,
}

struct Filling<'a> {
    registry: &'a Registry,
    /// Of all architectures.
    blobs: BTreeMap<String, u64>,
    random: u64,
    scale: usize,
}

/// A manifest that was pushed, as a list names it.
struct Pushed {
    digest: String,
    size: usize,
}

impl Set {
    /// Makes it and pushes it.
    pub fn fill(registry: &Registry, shape: Shape) -> Result<Self, String> {
        let mut filling = Filling {
            registry,
            blobs: BTreeMap::new(),
            random: 0x9e37_79b9_7f4a_7c15,
            scale: if shape.full { 1 } else { 10 },
        };
        let base = filling.layer(BASE_BYTES)?;
        let mut layers = Vec::new();
        for _ in 0..LAYERS {
            // From a quarter of the mean to seven quarters of it.
            let size = MEAN_LAYER_BYTES / 4 + filling.next() as usize % (MEAN_LAYER_BYTES * 3 / 2);
            layers.push(filling.layer(size)?);
        }
        let mut references = Vec::new();
        for number in 0..IMAGES * shape.times {
            // Each layer once in its turn, then again from the beginning of the shared ones.
            let like = number % IMAGES;
            let of_image = (like..LAYER_REFERENCES).step_by(IMAGES);
            let own = of_image.map(|n| &layers[if n < LAYERS { n } else { (n * 7) % 149 + 200 }]);
            let base = (like < WITH_BASE).then_some(&base);
            let stack: Vec<Value> = base.into_iter().chain(own).cloned().collect();
            references.push((number, stack));
        }
        let mut pushed = Vec::new();
        for (number, stack) in &references {
            pushed.push(
                filling
                    .image(*number, "amd64", stack.clone())?
                    .entry("amd64"),
            );
        }
        let wanted = filling.blobs.clone();
        let mut digests = Vec::new();
        for (number, own) in pushed.into_iter().enumerate() {
            if number >= LISTS {
                digests.push(own["digest"].as_str().unwrap_or_default().to_owned());
                continue;
            }
            let foreign = filling.layer(MEAN_LAYER_BYTES)?;
            let other = filling
                .image(number, "arm64", vec![foreign])?
                .entry("arm64");
            let list = json!({ "schemaVersion": 2, "mediaType": LIST, "manifests": [own, other] });
            digests.push(filling.manifest(LIST, &list)?.digest);
        }
        let all = filling.blobs.clone();
        let payload = filling.payload(&digests)?;
        let mut blobs = wanted;
        let new = |(digest, _): &(&String, &u64)| !all.contains_key(*digest);
        blobs.extend(
            filling
                .blobs
                .iter()
                .filter(new)
                .map(|(d, size)| (d.clone(), *size)),
        );
        let references: Vec<String> = digests
            .iter()
            .chain([&payload])
            .map(|digest| format!("{REPOSITORY}@{digest}"))
            .collect();
        Ok(Self {
            references,
            release: format!("{REGISTRY}/{REPOSITORY}@{payload}"),
            blobs,
            bytes_of_all_architectures: filling.blobs.values().sum(),
        })
    }

    /// Bytes of the wanted blobs.
    pub fn bytes(&self) -> u64 {
        self.blobs.values().sum()
    }
}

impl Pushed {
    fn entry(&self, architecture: &str) -> Value {
        json!({ "mediaType": MANIFEST, "digest": self.digest, "size": self.size,
            "platform": { "os": "linux", "architecture": architecture } })
    }
}

impl Filling<'_> {
    /// xorshift64*, as in Vigna, "An experimental exploration of Marsaglia's xorshift generators".
    fn next(&mut self) -> u64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        self.random.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn layer(&mut self, bytes: usize) -> Result<Value, String> {
        let mut content = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0];
        while content.len() < bytes / self.scale {
            content.extend(self.next().to_le_bytes());
        }
        self.blob(LAYER, &content)
    }

    fn blob(&mut self, media_type: &str, bytes: &[u8]) -> Result<Value, String> {
        let digest = digest(bytes);
        self.registry.push_blob(REPOSITORY, &digest, bytes)?;
        self.blobs.insert(digest.clone(), bytes.len() as u64);
        Ok(json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() }))
    }

    fn image(
        &mut self,
        number: usize,
        architecture: &str,
        layers: Vec<Value>,
    ) -> Result<Pushed, String> {
        let ids: Vec<&Value> = layers.iter().map(|layer| &layer["digest"]).collect();
        let config = json!({ "architecture": architecture, "os": "linux", "rootfs": { "type": "layers", "diff_ids": ids },
            "config": { "Labels": { "number": number.to_string() } } });
        let config = self.blob(CONFIG, config.to_string().as_bytes())?;
        let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers });
        self.manifest(MANIFEST, &manifest)
    }

    fn manifest(&self, media_type: &str, manifest: &Value) -> Result<Pushed, String> {
        let bytes = manifest.to_string().into_bytes();
        let digest = digest(&bytes);
        self.registry
            .push_manifest(REPOSITORY, &digest, media_type, &bytes)?;
        let size = bytes.len();
        Ok(Pushed { digest, size })
    }

    /// The image whose `image-references` name all others.
    fn payload(&mut self, digests: &[String]) -> Result<String, String> {
        let tags = digests.iter().enumerate().map(|(number, digest)| {
            json!({ "name": format!("component-{number}"),
                "from": { "kind": "DockerImage", "name": format!("{REGISTRY}/{REPOSITORY}@{digest}") } })
        });
        let stream = json!({ "kind": "ImageStream", "apiVersion": "image.openshift.io/v1", "metadata": { "name": "4.99.0" },
            "spec": { "tags": tags.collect::<Vec<_>>() } });
        let layer = tar_gz("release-manifests/image-references", &stream.to_string())?;
        let layer = self.blob(LAYER, &layer)?;
        Ok(self.image(usize::MAX, "amd64", vec![layer])?.digest)
    }
}

fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// A layer with one file.
fn tar_gz(path: &str, text: &str) -> Result<Vec<u8>, String> {
    let folder = std::env::temp_dir().join(format!("snobox-bench-payload-{}", std::process::id()));
    let file = folder.join(path);
    let made = file
        .parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| std::fs::write(&file, text));
    made.map_err(|error| format!("{}: {error}", file.display()))?;
    let output = Command::new("tar")
        .arg("--directory")
        .arg(&folder)
        .args(["--create", "--gzip", path])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot start tar: {error}"))?;
    drop(std::fs::remove_dir_all(&folder));
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(format!("tar failed ({})", output.status))
    }
}
