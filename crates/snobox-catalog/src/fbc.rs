//! File-based catalogs: streams of `olm.package`, `olm.channel`, `olm.bundle` and `olm.deprecations` documents, as JSON or as YAML.
//!
//! Source of truth: the specification "File-based Catalogs" of Operator Framework. Every file of a catalog's folder is one of documents, whatever its
//! name, unless an `.indexignore` says otherwise; opm gives up at one that is not, snobox passes it over and says so if its name does not
//! promise documents either. A file is JSON if its first character is a brace: objects one behind the other, with nothing between them but white space.
//! Otherwise it is YAML, documents divided by `---`. A byte order mark is passed over. Keys that nobody here asks for are skipped without being kept: most
//! of a catalog is icons and manifests.
//!
//! Every document comes with its place and its bytes, so that what was selected can be written again unchanged.

mod blob;
mod ignore;
mod json;
mod yaml;

use std::io::{self, BufRead, BufReader, Cursor, Read};

pub(crate) use blob::INLINE;
pub use blob::{
    Blob, Bundle, Channel, Deprecation, Deprecations, Entry, Faulty, Package, Property, Schema,
};
pub use ignore::{IGNORE_FILE, Ignored};

/// Largest document, in bytes. The largest bundles of the known catalogs have a few megabytes.
pub const MAX_DOCUMENT: usize = 64 << 20;
/// The byte order mark in UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// One document of a catalog, and where it is.
#[derive(Debug)]
pub struct Document<'a> {
    /// The file, as the caller of [`read`] named it.
    pub file: &'a str,
    /// Which one of its file, from 1.
    pub number: usize,
    /// The line that it begins in, from 1.
    pub line: usize,
    /// What it says.
    pub blob: Blob<'a>,
    /// Its bytes.
    pub raw: &'a [u8],
}

/// Why a catalog cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The reader failed.
    #[error("{file} cannot be read")]
    Io {
        /// The file, as the caller named it.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// A document is not one of a catalog.
    #[error("{file}:{line}: document {number}: {message}")]
    Document {
        /// The file, as the caller named it.
        file: String,
        /// Where, from 1.
        line: usize,
        /// Which document, from 1.
        number: usize,
        /// What is wrong.
        message: String,
    },
}

impl ReadError {
    /// The file, as the caller named it.
    pub fn file(&self) -> &str {
        match self {
            Self::Io { file, .. } | Self::Document { file, .. } => file,
        }
    }
}

/// Reads all documents of one file, in order, and hands each to `take`. What `take` returns as a message ends the reading.
///
/// # Errors
/// [`ReadError`] with `file` and the place.
pub fn read(
    file: &str,
    reader: impl Read,
    take: &mut dyn FnMut(Document<'_>) -> Result<(), String>,
) -> Result<(), ReadError> {
    let failed = |source| ReadError::Io {
        file: file.to_owned(),
        source,
    };
    let mut reader = BufReader::with_capacity(64 << 10, reader);
    let mut begin = Vec::new();
    let length = MARK.len() as u64;
    let mark = reader.by_ref().take(length).read_to_end(&mut begin);
    mark.map_err(failed)?;
    if begin == MARK {
        begin.clear();
    }
    let mut reader = Cursor::new(begin).chain(reader);
    let mut blank_lines = 0;
    // Empty lines before the first document. Blanks that begin a line belong to YAML.
    let first = loop {
        let buffer = reader.fill_buf().map_err(failed)?;
        let Some(at) = buffer.iter().position(|c| !c.is_ascii_whitespace()) else {
            if buffer.is_empty() {
                return Ok(());
            }
            blank_lines += json::lines(buffer);
            let all = buffer.len();
            reader.consume(all);
            continue;
        };
        break buffer[at];
    };
    let place = |(line, number, message): (usize, usize, String)| ReadError::Document {
        file: file.to_owned(),
        line: line + blank_lines,
        number,
        message,
    };
    let mut take = |mut document: Document<'_>| {
        document.line += blank_lines;
        take(document)
    };
    let result = if matches!(first, b'{' | b'[') {
        json::read(file, reader, &mut take)
    } else {
        yaml::read(file, reader, &mut take)
    };
    result.map_err(|stop| match stop {
        Stop::Io(source) => failed(source),
        Stop::At(line, number, message) => place((line, number, message)),
    })
}

/// Why a file is none of documents, whose name does not say that it is one: what is wrong with its first document. `None` for a file of documents, and
/// for one that cannot be read at all, which is for [`read`] to tell.
pub fn is_other(name: &str, reader: impl Read) -> Option<ReadError> {
    let is_usual = name
        .rsplit_once('.')
        .is_some_and(|(_, extension)| matches!(extension, "json" | "yaml" | "yml"));
    if is_usual {
        return None;
    }
    let mut begins = false;
    let mut first = |_: Document<'_>| {
        begins = true;
        Err(String::new())
    };
    let stopped = read(name, reader, &mut first).err();
    stopped.filter(|error| !begins && matches!(error, ReadError::Document { .. }))
}

/// Why reading stopped.
enum Stop {
    Io(io::Error),
    /// Line, number of the document, message.
    At(usize, usize, String),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
