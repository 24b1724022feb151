//! A catalog in its image: which folder and which layers hold it, what is in them, and the same image with a part of it.
//!
//! ```text
//! manifest, configuration ──CatalogImage::new──▶ folder, layers to read ──survey──▶ Survey ──read──▶ documents
//!                                                                            └───── rebuild ──▶ Rebuilt
//! ```
//!
//! Source of truth: "File-based Catalogs" of Operator Framework for the label and `.indexignore`; OCI image specification 1.1 for configuration
//! and layers. What is decided where these are silent is in `docs/adr/0015-catalog-images.md`.

mod documents;
mod rebuild;

use std::collections::BTreeSet;
use std::io::{self, Read};

use serde_json::Value;
use snobox_formats::image_file::ImageFileError;
use snobox_formats::image_tree::{self, Visitor, is_below};
use snobox_formats::layout::Blobs;
use snobox_formats::oci::{self, Descriptor, Manifest};

use crate::fbc::{self, Document, IGNORE_FILE, Ignored, ReadError};

pub use rebuild::{Rebuilt, rebuild};

/// The label that names the folder of the documents.
pub const CONFIGS_LABEL: &str = "operators.operatorframework.io.index.configs.v1";
/// The label of a catalog that snobox made: the images that its bundles ask for and that were left out on purpose, as a list in JSON.
pub const LEFT_OUT_LABEL: &str = "io.snobox.catalog.left-out";
/// Configurations of images have some ten kilobytes.
pub const MAX_CONFIG_BYTES: u64 = 16 << 20;
/// The label of catalogs in the old form, with a database.
const DATABASE_LABEL: &str = "operators.operatorframework.io.index.database.v1";
/// Where catalog images keep what their server has made of the documents, if its command line does not say.
const CACHES: [&str; 2] = ["tmp/cache", "cache"];

/// An image that says it is a catalog.
#[derive(Clone, Debug)]
pub struct CatalogImage {
    /// Where the documents are, without slashes before and after: `configs`.
    folder: String,
    /// Where the server keeps what it made of them; goes with the documents.
    caches: Vec<String>,
    layers: Vec<Descriptor>,
    /// The lowest layer that can hold documents.
    lowest: usize,
    media_type: String,
    config_type: String,
    config: Value,
}

/// Why an image is not a catalog that can be read, or made smaller.
#[derive(Debug, thiserror::Error)]
pub enum CatalogImageError {
    /// Not the manifest of one image.
    #[error("not the manifest of one image")]
    Manifest,
    /// The configuration is not JSON, or has no list of layers that fits.
    #[error("the image's configuration cannot be used: {0}")]
    Config(String),
    /// It is a catalog in the form that OpenShift had up to 4.10.
    #[error("a catalog in the old form, as a database (label {DATABASE_LABEL})")]
    Database,
    /// It does not say that it is a catalog.
    #[error("not an operator catalog: it has no label {CONFIGS_LABEL}")]
    NoLabel,
    /// A layer cannot be read.
    #[error(transparent)]
    Layer(#[from] ImageFileError),
    /// A document cannot be read.
    #[error(transparent)]
    Document(#[from] ReadError),
    /// The smaller image cannot be put together.
    #[error("cannot put the smaller catalog together")]
    Write(#[source] io::Error),
}

impl CatalogImage {
    /// What manifest and configuration say.
    ///
    /// # Errors
    /// [`CatalogImageError`] for an image that is no file-based catalog.
    pub fn new(manifest: &[u8], config: &[u8]) -> Result<Self, CatalogImageError> {
        let Ok((media_type, Manifest::Image(image))) = oci::parse_manifest(manifest, None) else {
            return Err(CatalogImageError::Manifest);
        };
        let config: Value =
            serde_json::from_slice(config).map_err(|e| CatalogImageError::Config(e.to_string()))?;
        let labels = &config["config"]["Labels"];
        let folder = match labels[CONFIGS_LABEL].as_str().map(|f| f.trim_matches('/')) {
            Some(folder) if !folder.is_empty() => folder.to_owned(),
            _ if labels[DATABASE_LABEL].is_string() => return Err(CatalogImageError::Database),
            _ => return Err(CatalogImageError::NoLabel),
        };
        let lowest = lowest(&config, &folder, image.layers.len());
        let caches = caches(&config);
        Ok(Self {
            folder,
            caches,
            lowest,
            layers: image.layers,
            media_type,
            config_type: image.config.media_type,
            config,
        })
    }

    /// The images that were left out on purpose, where snobox made this catalog; `None` for any other.
    pub fn left_out(&self) -> Option<BTreeSet<String>> {
        let label = self.config["config"]["Labels"][LEFT_OUT_LABEL].as_str()?;
        serde_json::from_str(label).ok()
    }

    /// The layers that must be there for [`survey`](Self::survey) and [`read`](Self::read), lowest first.
    ///
    /// The image's history tells which instruction named the folder first; what was made before it cannot hold it.
    pub fn layers_to_read(&self) -> &[Descriptor] {
        &self.layers[self.lowest..]
    }

    /// Looks into all layers from now on; `false` if that is so already. For images whose history misleads.
    pub fn widen(&mut self) -> bool {
        std::mem::take(&mut self.lowest) > 0
    }

    /// What the layers hold.
    ///
    /// # Errors
    /// [`CatalogImageError::Layer`].
    pub fn survey(&self, blobs: &dyn Blobs) -> Result<Survey, CatalogImageError> {
        let layers = self.layers_to_read();
        let mut surveying = Surveying {
            image: self,
            survey: Survey {
                layers: vec![Holds::default(); layers.len()],
                ignored: Ignored::default(),
                passed_over: Vec::new(),
                documents: 0,
            },
        };
        image_tree::walk(blobs, layers, &self.folder, &mut surveying)?;
        Ok(surveying.survey)
    }

    /// Reads all documents of the catalog and hands each to `take`; what `take` returns as a message ends the reading.
    ///
    /// # Errors
    /// [`CatalogImageError::Layer`], [`CatalogImageError::Document`] with file and line.
    pub fn read(
        &self,
        survey: &Survey,
        blobs: &dyn Blobs,
        take: &mut dyn FnMut(Document<'_>) -> Result<(), String>,
    ) -> Result<(), CatalogImageError> {
        let mut reading = Reading {
            image: self,
            survey,
            take,
            stopped: None,
        };
        let walked = image_tree::walk(blobs, self.layers_to_read(), &self.folder, &mut reading);
        match (reading.stopped, walked) {
            // A layer that is cut short is not the document's fault.
            (Some(ReadError::Io { file, source }), Err(_)) => {
                Err(ReadError::Io { file, source }.into())
            }
            (Some(error), _) => Err(error.into()),
            (None, walked) => Ok(walked?),
        }
    }

    /// The part of a path that is below the folder of the documents.
    fn within<'p>(&self, path: &'p str) -> Option<&'p str> {
        path.strip_prefix(&self.folder)?.strip_prefix('/')
    }

    fn is_document(&self, survey: &Survey, path: &str) -> bool {
        let is_other = |within: &str| {
            let mut others = survey.passed_over.iter();
            others.any(|error| error.file() == within)
        };
        let within = self.within(path);
        within.is_some_and(|path| survey.ignored.is_document(path) && !is_other(path))
    }
}

/// What the layers of a catalog image hold.
#[derive(Debug)]
pub struct Survey {
    layers: Vec<Holds>,
    ignored: Ignored,
    passed_over: Vec<ReadError>,
    documents: usize,
}

impl Survey {
    /// Files in the folder of the documents that are none and that no `.indexignore` names.
    pub fn passed_over(&self) -> impl Iterator<Item = &ReadError> {
        let found = self.passed_over.iter();
        found.filter(|error| self.ignored.is_document(error.file()))
    }

    /// Whether there is a file of documents at all.
    pub fn has_documents(&self) -> bool {
        self.documents > 0
    }
}

/// What one layer holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Holds {
    /// The catalog, or its cache.
    catalog: bool,
    /// Anything else that is no folder.
    other: bool,
}

struct Surveying<'a> {
    image: &'a CatalogImage,
    survey: Survey,
}

impl Visitor for Surveying<'_> {
    fn entry(&mut self, layer: usize, path: &str, is_folder: bool) {
        let holds = &mut self.survey.layers[layer];
        if self.image.is_of_catalog(path) {
            holds.catalog = true;
        } else if !is_folder {
            holds.other = true;
        }
    }

    fn file(&mut self, path: &str, content: &mut dyn Read) -> io::Result<()> {
        let Some(within) = self.image.within(path) else {
            return Ok(());
        };
        let (folder, name) = within.rsplit_once('/').unwrap_or(("", within));
        if name == IGNORE_FILE {
            let mut text = String::new();
            content.take(1 << 20).read_to_string(&mut text)?;
            self.survey.ignored.add(folder, &text);
        } else {
            match fbc::is_other(within, content) {
                Some(error) => self.survey.passed_over.push(error),
                None => self.survey.documents += 1,
            }
        }
        Ok(())
    }
}

impl CatalogImage {
    /// Whether something goes with the full catalog: documents and what was made of them.
    fn is_of_catalog(&self, path: &str) -> bool {
        std::iter::once(&self.folder)
            .chain(&self.caches)
            .any(|folder| path == folder || is_below(path, folder))
    }
}

struct Reading<'a> {
    image: &'a CatalogImage,
    survey: &'a Survey,
    take: &'a mut dyn FnMut(Document<'_>) -> Result<(), String>,
    stopped: Option<ReadError>,
}

impl Visitor for Reading<'_> {
    fn file(&mut self, path: &str, content: &mut dyn Read) -> io::Result<()> {
        if !self.image.is_document(self.survey, path) {
            return Ok(());
        }
        let read = fbc::read(&format!("/{path}"), content, self.take);
        read.map_err(|error| {
            self.stopped = Some(error);
            io::Error::other("it cannot be read")
        })
    }
}

/// Folders of the server's cache, by its command line and by habit.
fn caches(config: &Value) -> Vec<String> {
    let words = ["Entrypoint", "Cmd"].map(|key| config["config"][key].as_array());
    let words = words.into_iter().flatten().flatten();
    let words: Vec<&str> = words.filter_map(Value::as_str).collect();
    let mut found: Vec<String> = CACHES.map(str::to_owned).to_vec();
    for (place, word) in words.iter().enumerate() {
        let given = match word.strip_prefix("--cache-dir") {
            Some("") => words.get(place + 1).copied(),
            Some(rest) => rest.strip_prefix('='),
            None => None,
        };
        let given = given.map(|folder| folder.trim_matches('/'));
        // The whole of `/tmp` or of the root is nobody's cache alone.
        found.extend(given.filter(|f| f.contains('/')).map(str::to_owned));
    }
    found
}

/// The lowest of `count` layers that can hold `folder`, by the history: the first that an instruction made which names the folder, or that
/// comes after such an instruction. All can where the history does not fit the layers or does not name the folder.
fn lowest(config: &Value, folder: &str, count: usize) -> usize {
    let none = Vec::new();
    let history = config["history"].as_array().unwrap_or(&none);
    let is_empty = |entry: &Value| entry["empty_layer"] == Value::Bool(true);
    if history.iter().filter(|entry| !is_empty(entry)).count() != count {
        return 0;
    }
    let mut below = 0;
    for entry in history {
        let made_by = entry["created_by"].as_str().unwrap_or_default();
        if names(made_by, folder) {
            return below.min(count);
        }
        below += usize::from(!is_empty(entry));
    }
    0
}

/// Whether an instruction names the folder: as a whole, with or without a slash before it.
fn names(instruction: &str, folder: &str) -> bool {
    let goes_on = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let wanted = format!("/{folder}");
    instruction
        .match_indices(&wanted)
        .any(|(at, _)| !instruction[at + wanted.len()..].starts_with(goes_on))
}

#[cfg(test)]
mod tests;
