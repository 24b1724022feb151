//! Proof of an OCI image layout: index → manifests → blobs, every byte hashed.
//!
//! Works over anything that can open a blob by digest: a folder, or a file system inside an image file. Source of truth: OCI image
//! specification 1.1, image-layout. One rule is snobox's own: an index entry with the annotation [`SPARSE`] keeps only the children
//! that the annotation names (digests, comma separated); without it, all children must be there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, Read};

use crate::digest::{Digest, Hasher};
use crate::oci::{self, Descriptor, ImageIndex, Manifest, REF_NAME};

/// Annotation of an index entry: which children of a multi-architecture index are kept.
pub const SPARSE: &str = "io.snobox.sparse";

/// Opens blobs by digest.
pub trait Blobs {
    /// A reader over the raw bytes of a blob, or `None` when it is not there.
    ///
    /// # Errors
    /// What the medium says.
    fn open(&self, digest: Digest) -> io::Result<Option<Box<dyn Read + '_>>>;
}

/// Something that is wrong. `code` is stable for machines; `Display` is for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// `index.json` cannot be understood.
    Index {
        /// Why.
        why: String,
    },
    /// A blob is not there.
    Missing {
        /// Its digest.
        digest: Digest,
        /// What it is: manifest, configuration or layer.
        kind: &'static str,
        /// The images that need it.
        images: Vec<String>,
    },
    /// A blob is shorter or longer than its descriptor says.
    WrongSize {
        /// Its digest.
        digest: Digest,
        /// Bytes that the descriptor names.
        expected: u64,
        /// Bytes that are there.
        found: u64,
        /// The images that need it.
        images: Vec<String>,
    },
    /// A blob has other bytes than its digest says.
    WrongDigest {
        /// The digest that it is stored under.
        digest: Digest,
        /// The digest of its bytes.
        found: Digest,
        /// The images that need it.
        images: Vec<String>,
    },
    /// A blob cannot be read.
    Unreadable {
        /// Its digest.
        digest: Digest,
        /// What the medium said.
        why: String,
        /// The images that need it.
        images: Vec<String>,
    },
    /// A manifest's bytes are whole but not a manifest.
    NotAManifest {
        /// Its digest.
        digest: Digest,
        /// Why.
        why: String,
        /// The images that need it.
        images: Vec<String>,
    },
}

impl Finding {
    /// The blob that it is about; `None` for the index itself.
    pub fn digest(&self) -> Option<Digest> {
        match self {
            Self::Index { .. } => None,
            Self::Missing { digest, .. }
            | Self::WrongSize { digest, .. }
            | Self::WrongDigest { digest, .. }
            | Self::Unreadable { digest, .. }
            | Self::NotAManifest { digest, .. } => Some(*digest),
        }
    }

    /// The images that need the blob, as far as they are known.
    pub fn images(&self) -> &[String] {
        match self {
            Self::Index { .. } => &[],
            Self::Missing { images, .. }
            | Self::WrongSize { images, .. }
            | Self::WrongDigest { images, .. }
            | Self::Unreadable { images, .. }
            | Self::NotAManifest { images, .. } => images,
        }
    }

    /// The same, needed by these images.
    #[must_use]
    pub fn needed_by(mut self, needed_by: &[String]) -> Self {
        match &mut self {
            Self::Index { .. } => {}
            Self::Missing { images, .. }
            | Self::WrongSize { images, .. }
            | Self::WrongDigest { images, .. }
            | Self::Unreadable { images, .. }
            | Self::NotAManifest { images, .. } => *images = needed_by.to_vec(),
        }
        self
    }

    /// A stable name for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Index { .. } => "index",
            Self::Missing { .. } => "blob-missing",
            Self::WrongSize { .. } => "blob-wrong-size",
            Self::WrongDigest { .. } => "blob-wrong-digest",
            Self::Unreadable { .. } => "blob-unreadable",
            Self::NotAManifest { .. } => "not-a-manifest",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let needed = |images: &[String]| match images {
            [] => String::new(),
            [one] => format!(" (needed by {one})"),
            [one, rest @ ..] => format!(" (needed by {one} and {} more)", rest.len()),
        };
        match self {
            Self::Index { why } => write!(f, "index.json: {why}"),
            Self::Missing {
                digest,
                kind,
                images,
            } => {
                write!(f, "{kind} {digest} is missing{}", needed(images))
            }
            Self::WrongSize {
                digest,
                expected,
                found,
                images,
            } => {
                write!(
                    f,
                    "blob {digest} has {found} bytes, expected {expected}{}",
                    needed(images)
                )
            }
            Self::WrongDigest {
                digest,
                found,
                images,
            } => {
                write!(
                    f,
                    "blob {digest} is damaged: its bytes hash to {found}{}",
                    needed(images)
                )
            }
            Self::Unreadable {
                digest,
                why,
                images,
            } => {
                write!(f, "blob {digest} cannot be read: {why}{}", needed(images))
            }
            Self::NotAManifest {
                digest,
                why,
                images,
            } => {
                write!(
                    f,
                    "blob {digest} is not a usable manifest: {why}{}",
                    needed(images)
                )
            }
        }
    }
}

/// The blobs that a layout's index leads to.
#[derive(Clone, Debug, Default)]
pub struct Closure {
    /// Each blob once, in the order of first use.
    pub blobs: Vec<Needed>,
    /// What is wrong with the way to them.
    pub findings: Vec<Finding>,
}

/// One blob that is needed.
#[derive(Clone, Debug)]
pub struct Needed {
    /// Its descriptor.
    pub descriptor: Descriptor,
    /// What it is: `manifest`, `configuration` or `layer`.
    pub kind: &'static str,
    /// Names of the images that need it, in the order of the index.
    pub images: Vec<String>,
}

/// Follows `index.json` to every blob. Reads (and proves) manifests only.
pub fn closure(index_json: &[u8], blobs: &dyn Blobs) -> Closure {
    let index: ImageIndex = match serde_json::from_slice(index_json) {
        Ok(index) => index,
        Err(error) => {
            let findings = vec![Finding::Index {
                why: error.to_string(),
            }];
            return Closure {
                blobs: Vec::new(),
                findings,
            };
        }
    };
    let mut walk = Walk {
        blobs,
        needed: BTreeMap::new(),
        order: Vec::new(),
        findings: Vec::new(),
    };
    for entry in &index.manifests {
        let name = entry
            .annotations
            .get(REF_NAME)
            .cloned()
            .unwrap_or_else(|| entry.digest.to_string());
        walk.manifest(entry, &name, 0);
    }
    let Walk {
        mut needed,
        order,
        findings,
        ..
    } = walk;
    let blobs = order
        .into_iter()
        .filter_map(|digest| needed.remove(&digest))
        .collect();
    Closure { blobs, findings }
}

/// Told the bytes of each piece read; an error stops everything.
pub type Progress<'a> = dyn FnMut(u64) -> io::Result<()> + 'a;

/// Follows `index.json` to every blob and hashes each once.
///
/// # Errors
/// Only what `progress` says; what is wrong with a layout is a finding.
pub fn verify(
    index_json: &[u8],
    blobs: &dyn Blobs,
    progress: &mut Progress<'_>,
) -> io::Result<Closure> {
    let mut closure = closure(index_json, blobs);
    let reported: BTreeSet<Digest> = closure
        .findings
        .iter()
        .filter_map(Finding::digest)
        .collect();
    for needed in &closure.blobs {
        if !reported.contains(&needed.descriptor.digest) {
            let finding = verify_blob(needed, blobs, progress)?;
            closure.findings.extend(finding);
        }
    }
    Ok(closure)
}

/// Hashes one blob.
///
/// # Errors
/// Only what `progress` says.
pub fn verify_blob(
    needed: &Needed,
    blobs: &dyn Blobs,
    progress: &mut Progress<'_>,
) -> io::Result<Option<Finding>> {
    let digest = needed.descriptor.digest;
    let images = needed.images.clone();
    let unreadable = |error: io::Error, images| Finding::Unreadable {
        digest,
        why: error.to_string(),
        images,
    };
    let mut reader = match blobs.open(digest) {
        Ok(Some(reader)) => reader,
        Ok(None) => {
            let kind = needed.kind;
            return Ok(Some(Finding::Missing {
                digest,
                kind,
                images,
            }));
        }
        Err(error) => return Ok(Some(unreadable(error, images))),
    };
    let mut hasher = Hasher::new();
    let mut found = 0;
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => {
                hasher.update(&buffer[..n]);
                found += n as u64;
                progress(n as u64)?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Ok(Some(unreadable(error, images))),
        }
    }
    let expected = needed.descriptor.size;
    if found != expected {
        return Ok(Some(Finding::WrongSize {
            digest,
            expected,
            found,
            images,
        }));
    }
    let found = hasher.finish();
    Ok((found != digest).then_some(Finding::WrongDigest {
        digest,
        found,
        images,
    }))
}

struct Walk<'a> {
    blobs: &'a dyn Blobs,
    needed: BTreeMap<Digest, Needed>,
    order: Vec<Digest>,
    findings: Vec<Finding>,
}

impl Walk<'_> {
    /// Whether the blob is seen for the first time.
    fn need(&mut self, descriptor: &Descriptor, kind: &'static str, image: &str) -> bool {
        let digest = descriptor.digest;
        if let Some(needed) = self.needed.get_mut(&digest) {
            if !needed.images.iter().any(|i| i == image) {
                needed.images.push(image.to_owned());
            }
            return false;
        }
        self.order.push(digest);
        self.needed.insert(
            digest,
            Needed {
                descriptor: descriptor.clone(),
                kind,
                images: vec![image.to_owned()],
            },
        );
        true
    }

    fn manifest(&mut self, descriptor: &Descriptor, image: &str, depth: usize) {
        let first = self.need(descriptor, "manifest", image);
        let images = vec![image.to_owned()];
        let digest = descriptor.digest;
        let bytes = match read_manifest(self.blobs, descriptor) {
            Ok(Some(bytes)) => bytes,
            Ok(None) if first => {
                return self.findings.push(Finding::Missing {
                    digest,
                    kind: "manifest",
                    images,
                });
            }
            Err(why) if first => {
                return self.findings.push(Finding::Unreadable {
                    digest,
                    why,
                    images,
                });
            }
            _ => return,
        };
        if first {
            if bytes.len() as u64 != descriptor.size {
                let (expected, found) = (descriptor.size, bytes.len() as u64);
                return self.findings.push(Finding::WrongSize {
                    digest,
                    expected,
                    found,
                    images,
                });
            }
            let found = Digest::of(&bytes);
            if found != digest {
                return self.findings.push(Finding::WrongDigest {
                    digest,
                    found,
                    images,
                });
            }
        }
        match oci::parse_manifest(&bytes, Some(&descriptor.media_type)) {
            Ok((_, Manifest::Image(manifest))) => {
                self.need(&manifest.config, "configuration", image);
                for layer in &manifest.layers {
                    self.need(layer, "layer", image);
                }
            }
            Ok((_, Manifest::Index(index))) if depth == 0 => {
                let kept = descriptor.annotations.get(SPARSE);
                for child in &index.manifests {
                    if kept
                        .is_none_or(|kept| kept.split(',').any(|d| d == child.digest.to_string()))
                    {
                        self.manifest(child, image, 1);
                    }
                }
            }
            Ok((_, Manifest::Index(_))) if first => {
                let why = "an index inside an index".to_owned();
                self.findings.push(Finding::NotAManifest {
                    digest,
                    why,
                    images,
                });
            }
            Err(error) if first => {
                self.findings.push(Finding::NotAManifest {
                    digest,
                    why: error.to_string(),
                    images,
                });
            }
            _ => {}
        }
    }
}

fn read_manifest(blobs: &dyn Blobs, descriptor: &Descriptor) -> Result<Option<Vec<u8>>, String> {
    let Some(reader) = blobs.open(descriptor.digest).map_err(|e| e.to_string())? else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    reader
        .take(oci::MAX_MANIFEST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| e.to_string())?;
    if bytes.len() as u64 > oci::MAX_MANIFEST_BYTES {
        return Err(format!("larger than {} bytes", oci::MAX_MANIFEST_BYTES));
    }
    Ok(Some(bytes))
}
