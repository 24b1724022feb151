//! A catalog as JSON: objects one behind the other.
//!
//! The parser works on a buffer. Where an object goes on behind its end, the rest is read and the object is begun again: that is for one object
//! in a hundred, and parsing out of a slice is several times as fast as byte by byte out of a reader.

use std::io::Read;

use serde::de::IgnoredAny;
use serde_json::Deserializer;
use serde_json::error::Category;

use super::blob::{Blob, Fields, Meta};
use super::{Document, MAX_DOCUMENT, Stop};

const FIRST_BUFFER: usize = 2 << 20;

/// Line ends in a piece of text.
pub(super) fn lines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

pub(super) fn read(
    file: &str,
    mut reader: impl Read,
    take: &mut dyn FnMut(Document<'_>) -> Result<(), String>,
) -> Result<(), Stop> {
    let mut buffer = vec![0; FIRST_BUFFER];
    let (mut start, mut end, mut ended) = (0, 0, false);
    let (mut line, mut number) = (1, 0);
    loop {
        let blank = buffer[start..end]
            .iter()
            .position(|c: &u8| !c.is_ascii_whitespace())
            .unwrap_or(end - start);
        line += lines(&buffer[start..start + blank]);
        start += blank;
        let rest = &buffer[start..end];
        let at = |inner: usize, message: String| {
            let message = if rest.first().is_some_and(|c| *c != b'{') {
                "expected an object: a catalog is objects one behind the other, without a list round them".to_owned()
            } else {
                message
            };
            Stop::At(line + inner.max(1) - 1, number + 1, message)
        };
        let outcome = if rest.is_empty() { None } else { one(rest) };
        match outcome {
            Some(Ok((blob, length))) => {
                number += 1;
                let raw = &rest[..length];
                let document = Document {
                    file,
                    number,
                    line,
                    blob,
                    raw,
                };
                take(document).map_err(|message| Stop::At(line, number, message))?;
                line += lines(raw);
                start += length;
            }
            Some(Err((inner, message))) => return Err(at(inner, message)),
            None if ended && rest.is_empty() => return Ok(()),
            None if ended => {
                return Err(at(
                    1 + lines(rest),
                    "the file ends within the object".to_owned(),
                ));
            }
            None => {
                if end - start > MAX_DOCUMENT {
                    return Err(at(
                        1,
                        format!("the object is larger than {MAX_DOCUMENT} bytes"),
                    ));
                }
                buffer.copy_within(start..end, 0);
                (start, end) = (0, end - start);
                if end > buffer.len() / 2 {
                    buffer.resize(buffer.len() * 2, 0);
                }
                while end < buffer.len() {
                    let count = reader.read(&mut buffer[end..])?;
                    if count == 0 {
                        ended = true;
                        break;
                    }
                    end += count;
                }
            }
        }
    }
}

type Outcome<'a> = Option<Result<(Blob<'a>, usize), (usize, String)>>;

/// The object that `bytes` begin with and its length; `None` if there is not all of it. Errors come with their line within the object.
fn one(bytes: &[u8]) -> Outcome<'_> {
    let mut stream = Deserializer::from_slice(bytes).into_iter::<Fields<'_>>();
    let error = match stream.next()? {
        Ok(fields) => {
            let length = stream.byte_offset();
            return Some(fields.blob().map(|blob| (blob, length)).map_err(|m| (1, m)));
        }
        Err(error) => error,
    };
    match error.classify() {
        Category::Eof => None,
        Category::Data => {
            let message = told(&error);
            let mut stream = Deserializer::from_slice(bytes).into_iter::<Meta<'_>>();
            let other = match stream.next()? {
                Ok(meta) => meta.blob(&message).map(|blob| (blob, stream.byte_offset())),
                Err(other) if other.is_eof() => return None,
                Err(_) => None,
            };
            let whole = Deserializer::from_slice(bytes)
                .into_iter::<IgnoredAny>()
                .next()?;
            match (other, whole) {
                (Some(found), _) => Some(Ok(found)),
                (None, Err(broken)) if broken.is_eof() => None,
                (None, _) => Some(Err((error.line(), message))),
            }
        }
        Category::Syntax | Category::Io => Some(Err((error.line(), told(&error)))),
    }
}

/// The error without its place: that one counts from the object's beginning.
fn told(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    text[..end].to_owned()
}
