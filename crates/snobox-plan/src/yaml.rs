//! YAML documents as trees in which every key and value knows its line and column.
//!
//! For configuration files that people write: scalars keep their text (`4.10` is not a number), duplicate keys, anchors, aliases, tags and
//! second documents are refused, size and depth are bounded. Not for reading arbitrary YAML. Parsing is `saphyr-parser`'s.

use std::collections::HashMap;
use std::fmt;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

/// Largest document, in bytes.
pub const MAX_BYTES: usize = 1024 * 1024;
const MAX_DEPTH: usize = 32;

/// A place in a document; both count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Column, in characters.
    pub column: usize,
}

/// A value and where it starts.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it starts.
    pub at: Position,
    /// What it is.
    pub value: Value,
}

/// The kinds of values.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text, number, boolean or nothing: the text tells, once somebody asks for a type.
    Scalar {
        /// The text without quotes.
        text: String,
        /// Whether it was written in quotes or as a block, so that `"null"` and `"4"` are texts.
        quoted: bool,
    },
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values, in order.
    Mapping(Vec<Entry>),
}

/// One key of a mapping with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key starts.
    pub at: Position,
    /// Its value.
    pub node: Node,
}

/// Why a text is not a document of this kind.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("{message}{}", key.as_ref().map(|key| format!(": {key:?}")).unwrap_or_default())]
pub struct YamlError {
    /// Where it went wrong.
    pub at: Position,
    /// What is wrong. Quotes no more than one character of the document, which may hold secrets.
    pub message: String,
    /// The key that it is about, where there is one.
    pub key: Option<String>,
}

impl YamlError {
    fn new(at: Position, message: impl Into<String>) -> Self {
        Self {
            at,
            message: message.into(),
            key: None,
        }
    }
}

impl Node {
    /// The text of a scalar; `None` for lists, mappings and an unquoted null.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, quoted } if *quoted || !is_null(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a key of a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Mapping(entries) => entries.iter().find(|e| e.key == key).map(|e| &e.node),
            _ => None,
        }
    }

    /// The value at a path of keys.
    pub fn at_path(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// Whether the value is an unquoted null or an empty place.
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, quoted: false } if is_null(text))
    }
}

/// How the value would be named in a message: its text, or what kind it is.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Value::Scalar { .. } if self.is_null() => f.write_str("nothing"),
            Value::Scalar { text, .. } => {
                write!(f, "{:?}", text.chars().take(120).collect::<String>())
            }
            Value::Sequence(_) => f.write_str("a list"),
            Value::Mapping(_) => f.write_str("a mapping"),
        }
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

fn position(marker: &Marker) -> Position {
    Position {
        line: marker.line(),
        column: marker.col() + 1,
    }
}

/// Reads one document. An empty text is an empty mapping.
///
/// # Errors
/// [`YamlError`] with the place, for broken YAML and for what this module refuses.
pub fn parse(text: &str) -> Result<Node, YamlError> {
    let start = Position { line: 1, column: 1 };
    if text.len() > MAX_BYTES {
        let message = format!("the document is larger than {MAX_BYTES} bytes");
        return Err(YamlError::new(start, message));
    }
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|e| YamlError::new(position(e.marker()), e.info()))?;
        builder.event(event, position(&span.start))?;
    }
    Ok(builder.root.unwrap_or(Node {
        at: start,
        value: Value::Mapping(Vec::new()),
    }))
}

#[derive(Default)]
struct Builder {
    root: Option<Node>,
    open: Vec<Open>,
    documents: usize,
}

/// A collection that has not ended yet.
struct Open {
    node: Node,
    /// Of a mapping: the key that waits for its value.
    pending: Option<(String, Position)>,
    /// Of a mapping: the line of each key.
    lines: HashMap<String, usize>,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, at: Position) -> Result<(), YamlError> {
        let refuse = |message: &str| Err(YamlError::new(at, message));
        match event {
            Event::Scalar(_, _, anchor, tag) if anchor != 0 || tag.is_some() => {
                refuse("anchors and tags are not allowed here")
            }
            Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag)
                if anchor != 0 || tag.is_some() =>
            {
                refuse("anchors and tags are not allowed here")
            }
            Event::Alias(_) => refuse("aliases are not allowed here"),
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    refuse("only one document is allowed")
                } else {
                    Ok(())
                }
            }
            Event::Scalar(text, style, ..) => {
                let quoted = style != ScalarStyle::Plain;
                let text = text.into_owned();
                let value = Value::Scalar { text, quoted };
                self.value(Node { at, value })
            }
            Event::SequenceStart(..) => self.start(at, Value::Sequence(Vec::new())),
            Event::MappingStart(..) => self.start(at, Value::Mapping(Vec::new())),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(ended) => self.value(ended.node),
                None => refuse("a collection ends that never began"),
            },
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn start(&mut self, at: Position, value: Value) -> Result<(), YamlError> {
        if self.open.len() >= MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH} levels");
            return Err(YamlError::new(at, message));
        }
        if let Some(parent) = self.open.last()
            && matches!(parent.node.value, Value::Mapping(_))
            && parent.pending.is_none()
        {
            return Err(YamlError::new(at, "a key must be a plain text"));
        }
        self.open.push(Open {
            node: Node { at, value },
            pending: None,
            lines: HashMap::new(),
        });
        Ok(())
    }

    fn value(&mut self, node: Node) -> Result<(), YamlError> {
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut parent.node.value {
            Value::Sequence(items) => items.push(node),
            Value::Mapping(entries) => match parent.pending.take() {
                Some((key, at)) => entries.push(Entry { key, at, node }),
                None => {
                    let Value::Scalar { text, .. } = node.value else {
                        return Ok(());
                    };
                    if let Some(first) = parent.lines.insert(text.clone(), node.at.line) {
                        let message = format!("a key is given twice, first in line {first}");
                        return Err(YamlError {
                            key: Some(text),
                            ..YamlError::new(node.at, message)
                        });
                    }
                    parent.pending = Some((text, node.at));
                }
            },
            Value::Scalar { .. } => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_keep_their_text_and_place() {
        let root = parse("a: 4.10\nb:\n  - 'x'\n  - ~\n").unwrap();
        assert_eq!(root.get("a").unwrap().text(), Some("4.10"));
        let Value::Sequence(items) = &root.get("b").unwrap().value else {
            panic!()
        };
        assert_eq!(items[0].at, Position { line: 3, column: 5 });
        assert_eq!(items[0].text(), Some("x"));
        assert!(items[1].is_null() && items[1].text().is_none());
        assert_eq!(parse("").unwrap().value, Value::Mapping(vec![]));
    }

    #[test]
    fn what_hides_meaning_is_refused_with_its_place() {
        let refused = |text: &str| parse(text).unwrap_err();
        let twice = refused("a: 1\nb: 2\na: 3\n");
        assert_eq!(
            (twice.at.line, twice.message.contains("line 1")),
            (3, true),
            "{twice}"
        );
        assert!(refused("a: &x 1\nb: *x\n").message.contains("anchors"));
        assert!(
            refused("a: 1\n---\nb: 1\n")
                .message
                .contains("one document")
        );
        assert!(refused("? [a]\n: 1\n").message.contains("plain text"));
        assert_eq!(refused("a: [1\nb: 2\n").at.line, 2);
        assert!(refused(&"[".repeat(100)).message.contains("deeper"));
    }
}
