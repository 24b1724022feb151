//! The catalog's image with the chosen operators only.
//!
//! Layers below the catalog stay as they are, for the program that serves it is in them. Layers that hold only the catalog, or what its server made
//! of it, go; of those that hold other things as well, the other things stay, in a layer of their own. On top comes one layer with the documents of
//! what was chosen, in a folder that is marked as emptied. The server starts without a cache and makes one in a temporary folder: with `--cache-dir` it
//! would insist on one that fits, and the option that makes it insist on nothing is younger than some servers.
//!
//! Equal inputs give equal bytes: nothing but the image, the selection and what is left out of it goes in.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _};

use serde_json::{Value, json};
use snobox_formats::digest::Digest;
use snobox_formats::image_file::ImageFileError;
use snobox_formats::layer::{self, LayerWriter, Written, plain_name};
use snobox_formats::layout::Blobs;
use snobox_formats::oci::{DOCKER_MANIFEST, Descriptor};

use super::{CatalogImage, CatalogImageError, LEFT_OUT_LABEL, Survey, documents};
use crate::select::Selection;

const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// A catalog image that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// Its manifest.
    pub manifest: Descriptor,
    /// Configuration and layers, lowest first.
    pub blobs: Vec<Descriptor>,
    /// The bytes of what is new: manifest, configuration, layers. The other layers are those of the original.
    pub made: BTreeMap<Digest, Vec<u8>>,
}

/// Makes the image with the chosen operators only. `blobs` must have [`CatalogImage::layers_to_read`]; `left_out` are the images of the chosen operators
/// that nobody brings.
///
/// # Errors
/// [`CatalogImageError`].
pub fn rebuild(
    image: &CatalogImage,
    survey: &Survey,
    blobs: &dyn Blobs,
    selection: &Selection,
    left_out: &BTreeSet<String>,
) -> Result<Rebuilt, CatalogImageError> {
    let files = documents::chosen(image, survey, blobs, selection)?;
    let diff_ids = image.diff_ids()?;
    let mut making = Making {
        layer_type: if image.media_type == DOCKER_MANIFEST {
            DOCKER_LAYER
        } else {
            OCI_LAYER
        },
        layers: Vec::new(),
        diff_ids: Vec::new(),
        origins: Vec::new(),
        made: BTreeMap::new(),
    };
    for (place, (descriptor, diff_id)) in image.layers.iter().zip(diff_ids).enumerate() {
        let holds = place
            .checked_sub(image.lowest)
            .and_then(|place| survey.layers.get(place));
        match holds {
            Some(holds) if holds.catalog && holds.other => {
                let rest = rest(image, descriptor, blobs)?;
                making.add(rest, Some(place));
            }
            Some(holds) if holds.catalog => {}
            _ => making.keep(descriptor, diff_id, place),
        }
    }
    let top = documents_layer(&image.folder, &files).map_err(CatalogImageError::Write)?;
    making.add(top, None);
    making.finish(image, left_out)
}

fn documents_layer(folder: &str, files: &BTreeMap<String, Vec<u8>>) -> io::Result<Written> {
    let mut layer = LayerWriter::default();
    layer.folder(folder)?;
    layer.empty(folder)?;
    for (path, content) in files {
        layer.file(path, content)?;
    }
    layer.finish()
}

struct Making {
    layer_type: &'static str,
    layers: Vec<Descriptor>,
    diff_ids: Vec<String>,
    /// For each layer, the place of the original's that it comes from.
    origins: Vec<Option<usize>>,
    made: BTreeMap<Digest, Vec<u8>>,
}

impl Making {
    fn keep(&mut self, layer: &Descriptor, diff_id: String, origin: usize) {
        self.layers.push(layer.clone());
        self.diff_ids.push(diff_id);
        self.origins.push(Some(origin));
    }

    fn add(&mut self, written: Written, origin: Option<usize>) {
        self.layers.push(descriptor(self.layer_type, &written.blob));
        self.diff_ids.push(written.diff_id.to_string());
        self.origins.push(origin);
        self.put(written.blob);
    }

    fn put(&mut self, bytes: Vec<u8>) {
        self.made.insert(Digest::of(&bytes), bytes);
    }

    fn finish(
        mut self,
        image: &CatalogImage,
        left_out: &BTreeSet<String>,
    ) -> Result<Rebuilt, CatalogImageError> {
        let mut config = image.config.clone();
        image.set_command(&mut config)?;
        config["config"]["Labels"][LEFT_OUT_LABEL] = json!(left_out).to_string().into();
        config["rootfs"] = json!({"type": "layers", "diff_ids": self.diff_ids});
        image.set_history(&mut config, &self.origins);
        let config_bytes = config.to_string().into_bytes();
        let config = descriptor(&image.config_type, &config_bytes);
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": image.media_type,
            "config": plain(&config),
            "layers": self.layers.iter().map(plain).collect::<Vec<_>>(),
        });
        let manifest_bytes = manifest.to_string().into_bytes();
        let manifest = descriptor(&image.media_type, &manifest_bytes);
        self.put(config_bytes);
        self.put(manifest_bytes);
        Ok(Rebuilt {
            manifest,
            blobs: std::iter::once(config).chain(self.layers).collect(),
            made: self.made,
        })
    }
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Descriptor {
    Descriptor {
        media_type: media_type.to_owned(),
        digest: Digest::of(bytes),
        size: bytes.len() as u64,
        platform: None,
        annotations: BTreeMap::new(),
    }
}

fn plain(descriptor: &Descriptor) -> Value {
    json!({
        "mediaType": descriptor.media_type,
        "digest": descriptor.digest.to_string(),
        "size": descriptor.size,
    })
}

impl CatalogImage {
    fn diff_ids(&self) -> Result<Vec<String>, CatalogImageError> {
        let found = self.config["rootfs"]["diff_ids"].as_array();
        let found: Vec<String> = found
            .into_iter()
            .flatten()
            .filter_map(|id| id.as_str().map(str::to_owned))
            .collect();
        if found.len() == self.layers.len() {
            return Ok(found);
        }
        let why = format!(
            "it lists {} layers, the manifest {}",
            found.len(),
            self.layers.len()
        );
        Err(CatalogImageError::Config(why))
    }

    /// The program as it was, told to serve the folder and nothing else.
    fn set_command(&self, config: &mut Value) -> Result<(), CatalogImageError> {
        let words = |key: &str| -> Vec<String> {
            let words = config["config"][key].as_array().into_iter().flatten();
            words
                .filter_map(|word| word.as_str().map(str::to_owned))
                .collect()
        };
        let (entrypoint, command) = (words("Entrypoint"), words("Cmd"));
        let is_in_command = entrypoint.is_empty();
        let mut program = if is_in_command { command } else { entrypoint };
        program.truncate(
            program
                .iter()
                .position(|word| word == "serve")
                .unwrap_or(program.len()),
        );
        if program.is_empty() {
            let why = "it names no program that serves the catalog".to_owned();
            return Err(CatalogImageError::Config(why));
        }
        let serve = ["serve".to_owned(), format!("/{}", self.folder)];
        if is_in_command {
            program.truncate(1);
            config["config"]["Cmd"] = program.into_iter().chain(serve).collect();
        } else {
            config["config"]["Entrypoint"] = program.into_iter().collect();
            config["config"]["Cmd"] = serve.into_iter().collect();
        }
        Ok(())
    }

    /// The entries of the layers that stay, and one for the new layer; none where the history does not fit the layers.
    fn set_history(&self, config: &mut Value, origins: &[Option<usize>]) {
        let is_empty = |entry: &Value| entry["empty_layer"] == Value::Bool(true);
        let made_by = format!("snobox: chosen operators in /{}", self.folder);
        let Some(Value::Array(history)) = config.get_mut("history") else {
            return;
        };
        if history.iter().filter(|entry| !is_empty(entry)).count() != self.layers.len() {
            if let Some(config) = config.as_object_mut() {
                config.remove("history");
            }
            return;
        }
        let mut place = 0;
        history.retain(|entry| {
            if is_empty(entry) {
                return true;
            }
            place += 1;
            origins.contains(&Some(place - 1))
        });
        history.push(json!({"created_by": made_by}));
    }
}

/// What a layer holds besides the catalog, byte for byte as it is in the archive.
fn rest(
    image: &CatalogImage,
    descriptor: &Descriptor,
    blobs: &dyn Blobs,
) -> Result<Written, CatalogImageError> {
    let digest = descriptor.digest;
    let failed = |source| ImageFileError::Layer {
        layer: digest,
        media_type: descriptor.media_type.clone(),
        source,
    };
    let open = || -> Result<_, ImageFileError> {
        let blob = blobs
            .open(digest)
            .map_err(|source| ImageFileError::Read { digest, source })?
            .ok_or(ImageFileError::Missing { digest })?;
        let blob = io::BufReader::with_capacity(256 * 1024, blob);
        layer::open(&descriptor.media_type, blob).ok_or_else(|| ImageFileError::MediaType {
            layer: digest,
            media_type: descriptor.media_type.clone(),
        })
    };
    let kept = kept_ranges(image, open()?).map_err(failed)?;
    let mut archive = open()?;
    let mut tar = Vec::new();
    let mut at = 0;
    let copy = || -> io::Result<()> {
        for (from, to) in kept {
            io::copy(&mut archive.by_ref().take(from - at), &mut io::sink())?;
            let copied = archive.by_ref().take(to - from).read_to_end(&mut tar)?;
            if copied as u64 != to - from {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            at = to;
        }
        Ok(())
    };
    copy().map_err(failed)?;
    layer::archived(tar).map_err(CatalogImageError::Write)
}

/// Bytes of the archive that belong to entries outside of the catalog, each with its extended headers and its padding.
fn kept_ranges(
    image: &CatalogImage,
    archive: Box<dyn io::Read + '_>,
) -> io::Result<Vec<(u64, u64)>> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    let mut begins = 0;
    let mut archive = tar::Archive::new(archive);
    for entry in archive.entries()? {
        let entry = entry?;
        if entry.header().entry_type().is_gnu_sparse() {
            return Err(io::Error::other("it has sparse files beside the catalog"));
        }
        let ends = entry.raw_file_position() + entry.size().next_multiple_of(512);
        if !image.is_of_catalog(&plain_name(&entry.path()?)) {
            match ranges.last_mut() {
                Some(last) if last.1 == begins => last.1 = ends,
                _ => ranges.push((begins, ends)),
            }
        }
        begins = ends;
    }
    Ok(ranges)
}
