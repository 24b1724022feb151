//! What is served, as a stick holds it: three images with a large layer that does not compress, and many small ones on a common layer, as releases have them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use snobox_formats::digest::{Digest, Hasher};
use snobox_formats::xxh3::Xxh3;
use snobox_image::sums::Sums;

use super::run;
use super::server::Server;

const LARGE: usize = 3;
const LARGE_BYTES: u64 = 256 << 20;
const SMALL: usize = 36;
const SMALL_BYTES: u64 = 512 << 10;
const COMMON_BYTES: u64 = 12 << 20;
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Quick sums of all blobs, in the folder of the layout.
pub const SUMS: &str = "sums";

/// An OCI image layout, and what a client asks for to get all of it.
pub struct Content {
    /// The layout.
    pub folder: PathBuf,
    /// `host/name:tag` of each image.
    pub images: Vec<String>,
    /// Each blob once.
    pub blobs: Vec<Blob>,
}

/// A blob, and a repository that has it.
pub struct Blob {
    /// Path below `/v2/`.
    pub repository: String,
    /// `sha256:…`
    pub digest: String,
    size: u64,
}

struct Writer {
    folder: PathBuf,
    blobs: BTreeMap<String, Blob>,
    index: Vec<Value>,
    images: Vec<String>,
    sums: Sums,
}

impl Content {
    /// Writes the layout.
    pub fn make(folder: &Path) -> Result<Self, String> {
        let mut writer = Writer {
            folder: folder.to_owned(),
            blobs: BTreeMap::new(),
            index: Vec::new(),
            images: Vec::new(),
            sums: Sums::default(),
        };
        writer
            .write()
            .map_err(|error| format!("cannot write to {}: {error}", folder.display()))?;
        Ok(Self {
            folder: folder.to_owned(),
            images: writer.images,
            blobs: writer.blobs.into_values().collect(),
        })
    }

    /// Bytes of all blobs.
    pub fn bytes(&self) -> u64 {
        self.blobs.iter().map(|blob| blob.size).sum()
    }

    /// Copies all images to a registry, with their digests.
    pub fn copy_to(&self, server: &Server, skopeo: &Path) -> Result<(), String> {
        for image in &self.images {
            let source = format!("oci:{}:{image}", self.folder.display());
            let target = format!("docker://{}/{image}", server.address);
            let mut copy = Command::new(skopeo);
            copy.args([
                "copy",
                "--quiet",
                "--insecure-policy",
                "--preserve-digests",
                "--dest-tls-verify=false",
            ]);
            run(copy.args([source, target]))?;
        }
        Ok(())
    }
}

impl Writer {
    fn write(&mut self) -> io::Result<()> {
        fs::create_dir_all(self.folder.join("blobs/sha256"))?;
        for number in 0..LARGE {
            let repository = format!("bench.example/large-{number}");
            let layer = self.layer(&repository, number as u64 + 1, LARGE_BYTES)?;
            self.image(&repository, vec![layer])?;
        }
        for number in 0..SMALL {
            let repository = "bench.example/small";
            let common = self.layer(repository, 1 << 20, COMMON_BYTES)?;
            let own = self.layer(repository, (1 << 21) + number as u64, SMALL_BYTES)?;
            self.image(&format!("{repository}:{number}"), vec![common, own])?;
        }
        let index = json!({ "schemaVersion": 2, "manifests": self.index });
        fs::write(self.folder.join("index.json"), index.to_string())?;
        fs::write(self.folder.join(SUMS), self.sums.to_bytes())?;
        let marker = r#"{"imageLayoutVersion":"1.0.0"}"#;
        fs::write(self.folder.join("oci-layout"), marker)
    }

    /// An image by its name with a tag, or with the tag 1.
    fn image(&mut self, name: &str, layers: Vec<Value>) -> io::Result<()> {
        let (repository, tag) = name.split_once(':').unwrap_or((name, "1"));
        let ids: Vec<&Value> = layers.iter().map(|layer| &layer["digest"]).collect();
        let config = json!({ "architecture": "amd64", "os": "linux", "config": { "Labels": { "tag": tag } },
            "rootfs": { "type": "layers", "diff_ids": ids } });
        let config = self.put(
            repository,
            "application/vnd.oci.image.config.v1+json",
            |w| w.write_all(config.to_string().as_bytes()),
        )?;
        let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers });
        let mut entry = self.put(repository, MANIFEST, |w| {
            w.write_all(manifest.to_string().as_bytes())
        })?;
        // Registries have manifests apart from blobs.
        self.blobs
            .remove(entry["digest"].as_str().unwrap_or_default());
        let name = format!("{repository}:{tag}");
        entry["annotations"] = json!({ "org.opencontainers.image.ref.name": name });
        self.index.push(entry);
        self.images.push(name);
        Ok(())
    }

    /// A layer that does not compress: xorshift64*, as in Vigna, "An experimental exploration of Marsaglia's xorshift generators".
    fn layer(&mut self, repository: &str, seed: u64, size: u64) -> io::Result<Value> {
        let mut state = seed;
        self.put(
            repository,
            "application/vnd.oci.image.layer.v1.tar",
            move |w| {
                for _ in 0..size / 8 {
                    state ^= state >> 12;
                    state ^= state << 25;
                    state ^= state >> 27;
                    w.write_all(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes())?;
                }
                Ok(())
            },
        )
    }

    fn put(
        &mut self,
        repository: &str,
        media_type: &str,
        write: impl FnOnce(&mut BufWriter<Hashing>) -> io::Result<()>,
    ) -> io::Result<Value> {
        let blobs = self.folder.join("blobs/sha256");
        let new = blobs.join("new");
        let mut writer = BufWriter::with_capacity(
            1 << 20,
            Hashing {
                file: File::create(&new)?,
                hash: Hasher::new(),
                sum: Xxh3::new(),
                size: 0,
            },
        );
        write(&mut writer)?;
        let written = writer.into_inner().map_err(|error| error.into_error())?;
        let digest: Digest = written.hash.finish();
        self.sums.add(digest, written.sum.finish());
        fs::rename(&new, blobs.join(digest.hex()))?;
        let digest = digest.to_string();
        let descriptor = json!({ "mediaType": media_type, "digest": digest, "size": written.size });
        self.blobs.entry(digest.clone()).or_insert(Blob {
            repository: repository.to_owned(),
            digest,
            size: written.size,
        });
        Ok(descriptor)
    }
}

struct Hashing {
    file: File,
    hash: Hasher,
    sum: Xxh3,
    size: u64,
}

impl io::Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hash.update(&bytes[..count]);
        self.sum.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
