//! The files of an Ignition config as texts, and a config with some of them replaced: every other byte of the document stays as it is.
//!
//! Nothing of the document is copied but the contents themselves: what is read points into it. Compressed files, remote sources, and sources with escapes
//! of JSON in them cannot be replaced; they are not looked into, and [`Sources::skipped`] says so.
//!
//! Source of truth: coreos/ignition `docs/configuration-v3_2.md`; RFC 2397 (data URLs).

use std::borrow::Cow;
use std::ops::Range;

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::pem;
use crate::survey::Text;

#[derive(Deserialize)]
struct Config<'a> {
    #[serde(borrow)]
    ignition: Header<'a>,
    #[serde(borrow, default)]
    storage: Storage<'a>,
}

#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    version: Cow<'a, str>,
}

#[derive(Deserialize, Default)]
struct Storage<'a> {
    #[serde(borrow, default)]
    files: Vec<File<'a>>,
}

#[derive(Deserialize)]
struct File<'a> {
    path: String,
    #[serde(borrow, default)]
    contents: Contents<'a>,
    #[serde(borrow, default)]
    append: Vec<Contents<'a>>,
}

#[derive(Deserialize, Default)]
struct Contents<'a> {
    #[serde(borrow, default)]
    source: Option<&'a serde_json::value::RawValue>,
    #[serde(borrow, default)]
    compression: Option<Cow<'a, str>>,
}

/// Why a document is no config.
#[derive(Debug, thiserror::Error)]
pub enum SourcesError {
    /// Not JSON of this form.
    #[error("not an Ignition config")]
    Json(#[source] serde_json::Error),
    /// Another specification.
    #[error("not an Ignition config: ignition.version is {found:?}, expected 3.x.y")]
    Version {
        /// What it is.
        found: String,
    },
}

/// Where the contents of the files stand in a document.
#[derive(Debug)]
pub struct Sources {
    /// Of the base64 of each text.
    ranges: Vec<Range<usize>>,
    /// Files that hold something that was not looked into.
    skipped: Vec<String>,
}

impl Sources {
    /// Reads a config: its files, and where they stand.
    ///
    /// # Errors
    /// [`SourcesError`].
    pub fn read(document: &[u8]) -> Result<(Vec<Text>, Self), SourcesError> {
        let config: Config<'_> = serde_json::from_slice(document).map_err(SourcesError::Json)?;
        if !config.ignition.version.starts_with("3.") {
            let found = config.ignition.version.into_owned();
            return Err(SourcesError::Version { found });
        }
        let mut texts = Vec::new();
        let mut sources = Self {
            ranges: Vec::new(),
            skipped: Vec::new(),
        };
        for file in &config.storage.files {
            for contents in std::iter::once(&file.contents).chain(&file.append) {
                let Some(source) = contents.source else {
                    continue;
                };
                let source = source.get();
                if matches!(source, "null" | "\"\"") {
                    continue;
                }
                let compressed = contents
                    .compression
                    .as_deref()
                    .is_some_and(|c| !c.is_empty());
                let read = base64_of(source).filter(|_| !compressed);
                let decoded = read.and_then(|base64| pem::decode(base64.as_bytes()));
                match (read, decoded) {
                    (Some(base64), Some(bytes)) => {
                        // Both point into the same document.
                        let start = base64.as_ptr() as usize - document.as_ptr() as usize;
                        sources.ranges.push(start..start + base64.len());
                        let path = file.path.clone();
                        texts.push(Text { path, bytes });
                    }
                    _ if is_plain(source) && !compressed => {}
                    _ => sources.skipped.push(file.path.clone()),
                }
            }
        }
        Ok((texts, sources))
    }

    /// Files that were not looked into: compressed, remote, or written in a way that cannot be replaced.
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// The document with other contents in the place of those that are given; `texts` goes with what [`read`](Self::read) gave.
    pub fn replace(
        &self,
        document: &[u8],
        texts: &[Option<Zeroizing<Vec<u8>>>],
    ) -> Zeroizing<Vec<u8>> {
        use base64::Engine as _;
        use base64::engine::general_purpose::STANDARD;

        let added: usize = texts
            .iter()
            .flatten()
            .map(|text| text.len() * 4 / 3 + 4)
            .sum();
        // Never grown, so that no copy is left behind.
        let mut new = Zeroizing::new(Vec::with_capacity(document.len() + added));
        let mut at = 0;
        for (range, text) in self.ranges.iter().zip(texts) {
            if let Some(text) = text {
                new.extend_from_slice(&document[at..range.start]);
                new.extend_from_slice(Zeroizing::new(STANDARD.encode(text)).as_bytes());
                at = range.end;
            }
        }
        new.extend_from_slice(&document[at..]);
        new
    }
}

/// The base64 of a data URL, given the string of JSON; `None` for anything else.
fn base64_of(source: &str) -> Option<&str> {
    let url = source.strip_prefix("\"data:")?.strip_suffix('"')?;
    let (header, data) = url.split_once(',')?;
    (header.ends_with(";base64") && !data.contains('\\')).then_some(data)
}

/// A data URL that cannot hold a PEM block, because its dashes would be seen.
fn is_plain(source: &str) -> bool {
    source.starts_with("\"data:") && !source.contains(";base64") && !source.contains("BEGIN")
}
