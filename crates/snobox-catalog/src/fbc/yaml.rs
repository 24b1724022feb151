//! A catalog as YAML: documents divided by lines that begin with `---`.
//!
//! Each document becomes the same value that its JSON would be; scalars stay texts, so `1.10` is a version and not a number.

use std::collections::HashMap;
use std::io::BufRead;

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde::Deserialize as _;
use serde_json::{Map, Value};

use super::blob::{Blob, Fields, Meta};
use super::{Document, MAX_DOCUMENT, Stop};

const MAX_DEPTH: usize = 64;
/// What aliases may repeat, in values of one document.
const MAX_REPEATED: usize = 1 << 20;

pub(super) fn read(
    file: &str,
    mut reader: impl BufRead,
    take: &mut dyn FnMut(Document<'_>) -> Result<(), String>,
) -> Result<(), Stop> {
    let mut text: Vec<u8> = Vec::new();
    let (mut begins, mut line) = (1, 1);
    let number = std::cell::Cell::new(0);
    let mut finish = |text: &mut Vec<u8>, begins: usize| -> Result<(), Stop> {
        if let Some(value) =
            document(text).map_err(|(at, m)| Stop::At(begins + at - 1, number.get() + 1, m))?
        {
            number.set(number.get() + 1);
            let stop = |message| Stop::At(begins, number.get(), message);
            let blob = blob(&value).map_err(stop)?;
            let raw = text.as_slice();
            let document = Document {
                file,
                number: number.get(),
                line: begins,
                blob,
                raw,
            };
            take(document).map_err(stop)?;
        }
        text.clear();
        Ok(())
    };
    loop {
        let before = text.len();
        let limit = (MAX_DOCUMENT + 1).saturating_sub(before) as u64;
        let count = std::io::Read::take(&mut reader, limit).read_until(b'\n', &mut text)?;
        if count == 0 {
            break;
        }
        if text.len() > MAX_DOCUMENT {
            let message = format!("the document is larger than {MAX_DOCUMENT} bytes");
            return Err(Stop::At(begins, number.get() + 1, message));
        }
        if is_divider(&text[before..]) {
            let next = text.split_off(before);
            finish(&mut text, begins)?;
            text = next;
            begins = line;
        }
        line += 1;
    }
    finish(&mut text, begins)
}

/// `---` begins a document wherever it begins a line: no scalar may hold it.
fn is_divider(line: &[u8]) -> bool {
    line.strip_prefix(b"---")
        .is_some_and(|rest| rest.first().is_none_or(u8::is_ascii_whitespace))
}

fn blob(value: &Value) -> Result<Blob<'_>, String> {
    match Fields::deserialize(value) {
        Ok(fields) => fields.blob(),
        Err(error) => {
            let message = error.to_string();
            let meta = Meta::deserialize(value).ok();
            meta.and_then(|meta| meta.blob(&message)).ok_or(message)
        }
    }
}

/// A collection that has not ended yet.
struct Open {
    value: Value,
    anchor: usize,
    key: Option<String>,
}

/// The value of a document, `None` for an empty one; errors with the line.
fn document(bytes: &[u8]) -> Result<Option<Value>, (usize, String)> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = 1 + super::json::lines(&bytes[..error.valid_up_to()]);
        (at, "not a text in UTF-8".to_owned())
    })?;
    let mut open: Vec<Open> = Vec::new();
    let mut anchors: HashMap<usize, Value> = HashMap::new();
    let (mut root, mut repeated) = (None, 0);
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|e| (e.marker().line(), e.info().to_owned()))?;
        let at = span.start.line();
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain;
                let value = if plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL") {
                    Value::Null
                } else {
                    Value::String(text.into_owned())
                };
                (value, anchor)
            }
            Event::Alias(id) => {
                let value = anchors
                    .get(&id)
                    .cloned()
                    .ok_or((at, "an alias of nothing".to_owned()))?;
                repeated += count(&value);
                if repeated > MAX_REPEATED {
                    return Err((at, "aliases repeat too much".to_owned()));
                }
                (value, 0)
            }
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                if open.len() >= MAX_DEPTH {
                    return Err((at, format!("nested deeper than {MAX_DEPTH} levels")));
                }
                let value = if matches!(event, Event::SequenceStart(..)) {
                    Value::Array(Vec::new())
                } else {
                    Value::Object(Map::new())
                };
                open.push(Open {
                    value,
                    anchor,
                    key: None,
                });
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(ended) => (ended.value, ended.anchor),
                None => continue,
            },
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => continue,
        };
        if anchor != 0 {
            anchors.insert(anchor, value.clone());
        }
        match open.last_mut() {
            None => root = Some(value),
            Some(parent) => match &mut parent.value {
                Value::Array(items) => items.push(value),
                Value::Object(map) => match (parent.key.take(), value) {
                    (Some(key), value) => {
                        if map.insert(key.clone(), value).is_some() {
                            return Err((at, format!("the key {key:?} is given twice")));
                        }
                    }
                    (None, Value::String(key)) => parent.key = Some(key),
                    (None, Value::Null) => parent.key = Some("null".to_owned()),
                    (None, _) => return Err((at, "a key must be a text".to_owned())),
                },
                _ => {}
            },
        }
    }
    Ok(root.filter(|value| !value.is_null()))
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(map) => map.values().map(count).sum(),
        _ => 0,
    }
}
