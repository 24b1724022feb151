//! YAML documents as trees in which every key and value knows its line and column.
//!
//! For configuration files that people write: scalars keep their text (`4.10` is not a number), duplicate keys, tags and
//! second documents are refused, size and depth are bounded, and so is what aliases repeat; the merge key `<<` does what it does in YAML 1.1. What an alias
//! stands for has its anchor's place. Not for reading arbitrary YAML. Parsing is `saphyr-parser`'s.

use std::collections::HashMap;
use std::fmt;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

/// Largest document, in bytes.
pub const MAX_BYTES: usize = 1024 * 1024;
const MAX_DEPTH: usize = 32;
/// What aliases may repeat, in values.
const MAX_REPEATED: usize = 1 << 16;
/// The byte order mark.
const MARK: char = '\u{feff}';
/// The key whose value's keys are those of the mapping that it stands in.
const MERGE: &str = "<<";

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

    /// The text of a scalar that was written without quotes.
    pub fn plain(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { quoted: true, .. } => None,
            _ => self.text(),
        }
    }

    /// How many values it is, and how many levels of collections.
    fn extent(&self) -> (usize, usize) {
        let inner = |nodes: &mut dyn Iterator<Item = &Node>| {
            nodes.fold((1, 1), |(count, depth), node| {
                let (own_count, own_depth) = node.extent();
                (count + own_count, depth.max(1 + own_depth))
            })
        };
        match &self.value {
            Value::Scalar { .. } => (1, 0),
            Value::Sequence(items) => inner(&mut items.iter()),
            Value::Mapping(entries) => inner(&mut entries.iter().map(|entry| &entry.node)),
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
    let text = text.strip_prefix(MARK).unwrap_or(text);
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
    /// What aliases may stand for, by number.
    anchors: HashMap<usize, Node>,
    repeated: usize,
}

/// A collection that has not ended yet.
struct Open {
    node: Node,
    anchor: usize,
    /// Of a mapping: the key that waits for its value.
    pending: Option<(String, Position)>,
    /// Of a mapping: the line of each key.
    lines: HashMap<String, usize>,
    /// Of a mapping: what it takes over from others.
    merged: Vec<Entry>,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, at: Position) -> Result<(), YamlError> {
        let refuse = |message: &str| Err(YamlError::new(at, message));
        match event {
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => refuse("tags are not allowed here"),
            Event::DocumentStart(_) => {
                self.documents += 1;
                Ok(())
            }
            Event::Scalar(text, style, anchor, _) => {
                let quoted = style != ScalarStyle::Plain;
                let text = text.into_owned();
                let value = Value::Scalar { text, quoted };
                self.value(Node { at, value }, anchor)
            }
            Event::Alias(id) => {
                let Some(node) = self.anchors.get(&id).cloned() else {
                    return refuse("an alias of nothing that has ended before it");
                };
                let (count, depth) = node.extent();
                self.repeated += count;
                if self.repeated > MAX_REPEATED {
                    return refuse("aliases repeat too much");
                }
                if self.open.len() + depth > MAX_DEPTH {
                    return Err(too_deep(at));
                }
                if self.is_key() && !matches!(node.value, Value::Scalar { .. }) {
                    return refuse(KEY);
                }
                self.value(node, 0)
            }
            Event::SequenceStart(anchor, _) => self.start(at, Value::Sequence(Vec::new()), anchor),
            Event::MappingStart(anchor, _) => self.start(at, Value::Mapping(Vec::new()), anchor),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(ended) => self.ended(ended),
                None => refuse("a collection ends that never began"),
            },
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    /// Whether what comes next is a key.
    fn is_key(&self) -> bool {
        self.open.last().is_some_and(|parent| {
            matches!(parent.node.value, Value::Mapping(_)) && parent.pending.is_none()
        })
    }

    fn start(&mut self, at: Position, value: Value, anchor: usize) -> Result<(), YamlError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep(at));
        }
        if self.is_key() {
            return Err(YamlError::new(at, KEY));
        }
        self.open.push(Open {
            node: Node { at, value },
            anchor,
            pending: None,
            lines: HashMap::new(),
            merged: Vec::new(),
        });
        Ok(())
    }

    fn ended(&mut self, ended: Open) -> Result<(), YamlError> {
        let Open {
            mut node,
            anchor,
            lines,
            merged,
            ..
        } = ended;
        if let Value::Mapping(entries) = &mut node.value {
            // Its own keys go before those that it takes over, and of these the first.
            let mut known = lines;
            let is_new = |entry: &Entry| known.insert(entry.key.clone(), entry.at.line).is_none();
            entries.extend(merged.into_iter().filter(is_new));
        }
        self.value(node, anchor)
    }

    fn value(&mut self, node: Node, anchor: usize) -> Result<(), YamlError> {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(parent) = self.open.last_mut() else {
            // A last `---` begins a document without anything in it.
            if self.documents > 1 && !node.is_null() {
                return Err(YamlError::new(node.at, "only one document is allowed"));
            }
            self.root.get_or_insert(node);
            return Ok(());
        };
        match &mut parent.node.value {
            Value::Sequence(items) => items.push(node),
            Value::Mapping(entries) => match parent.pending.take() {
                Some((key, _)) if key == MERGE => parent.merged.extend(merged(node)?),
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

const KEY: &str = "a key must be a plain text";

fn too_deep(at: Position) -> YamlError {
    YamlError::new(at, format!("nested deeper than {MAX_DEPTH} levels"))
}

/// The keys that a mapping takes over: those of one mapping, or of several.
fn merged(node: Node) -> Result<Vec<Entry>, YamlError> {
    match node.value {
        Value::Mapping(entries) => Ok(entries),
        Value::Sequence(items) => {
            let all: Result<Vec<_>, _> = items.into_iter().map(merged).collect();
            Ok(all?.into_iter().flatten().collect())
        }
        Value::Scalar { .. } => {
            let message = "the value of << must be a mapping, or a list of mappings";
            Err(YamlError::new(node.at, message))
        }
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
    fn aliases_and_merge_keys_mean_what_they_stand_for() {
        let root = parse("a: &x {k: 1, l: 2}\nb:\n  <<: *x\n  l: 3\nc: [*x]\n").unwrap();
        let text = |path: &[&str]| root.at_path(path).and_then(Node::text);
        assert_eq!(text(&["b", "k"]), Some("1"));
        assert_eq!(text(&["b", "l"]), Some("3"));
        let Value::Sequence(items) = &root.get("c").unwrap().value else {
            panic!()
        };
        assert_eq!(items[0], *root.get("a").unwrap());
        let two = parse("a: {<<: [{k: 1}, {k: 2, l: 2}]}\n").unwrap();
        assert_eq!(two.at_path(&["a", "k"]).and_then(Node::text), Some("1"));
        assert_eq!(two.at_path(&["a", "l"]).and_then(Node::text), Some("2"));
    }

    #[test]
    fn what_goes_round_a_document_is_passed_over() {
        for text in [
            "\u{feff}a: 1\n",
            "---\na: 1\n---\n",
            "a: 1\n---\n# end\n...\n",
        ] {
            assert_eq!(
                parse(text).unwrap().get("a").unwrap().text(),
                Some("1"),
                "{text:?}"
            );
        }
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
        assert!(refused("a: !!str 1\n").message.contains("tags"));
        assert!(
            refused("a: 1\n---\nb: 1\n")
                .message
                .contains("one document")
        );
        assert!(refused("a: &x [*x]\n").message.contains("alias"));
        assert!(
            refused("a: &x [1]\n? *x\n: 1\n")
                .message
                .contains("plain text")
        );
        assert!(refused("<<: 1\n").message.contains("<<"));
        let bomb: String = ('b'..='i')
            .zip('a'..)
            .map(|(now, last)| {
                format!(
                    "{now}: &{now} [{}]\n",
                    vec![format!("*{last}"); 9].join(",")
                )
            })
            .collect();
        let bomb = format!("a: &a [x,x,x,x,x,x,x,x,x]\n{bomb}");
        assert!(refused(&bomb).message.contains("repeat too much"));
        let ladder: String = (1..40)
            .map(|i| format!("k{i}: &a{i} [*a{}]\n", i - 1))
            .collect();
        let ladder = format!("k0: &a0 1\n{ladder}");
        assert!(refused(&ladder).message.contains("deeper"));
        assert!(refused("? [a]\n: 1\n").message.contains("plain text"));
        assert_eq!(refused("a: [1\nb: 2\n").at.line, 2);
        assert!(refused(&"[".repeat(100)).message.contains("deeper"));
    }
}
