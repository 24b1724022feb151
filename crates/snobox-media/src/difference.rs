//! How two ignitions differ: files, units and the rest, by name and not by their order in the document.
//!
//! Texts are compared by lines, in the form of `diff -u` (POSIX.1-2024, XCU `diff -U`); other contents by their bytes. What is secret is only said to
//! differ, unless the caller asks for more.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use similar::TextDiff;
use snobox_formats::ignition::{FileView, Ignition, UnitView};

use crate::inventory::{is_secret, unit_text};

/// Lines of context around a change.
const CONTEXT: usize = 3;

/// What happened to something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Only the second has it.
    Added,
    /// Only the first has it.
    Removed,
    /// Both have it, otherwise.
    Changed,
}

impl Change {
    /// A word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// What differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A file.
    File,
    /// A unit.
    Unit,
    /// Another field of the document: users, directories, the version.
    Field,
}

impl Kind {
    /// A word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Unit => "unit",
            Self::Field => "field",
        }
    }
}

/// How the contents of a changed file or unit differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contents {
    /// They do not.
    Same,
    /// Lines, in the form of `diff -u`.
    Text(String),
    /// Not text: bytes before and after.
    Bytes(u64, u64),
    /// Not to be shown.
    Secret,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Of what kind.
    pub kind: Kind,
    /// Path, unit or `section.key`.
    pub name: String,
    /// What happened.
    pub change: Change,
    /// What else changed, each as `what: before → after`: mode, enabled.
    pub attributes: Vec<String>,
    /// How the contents differ; of what was added or removed, all of it.
    pub contents: Contents,
}

/// All differences, files first, then units, then other fields, each by name. With `reveal`, secrets are compared like all else.
pub fn difference(before: &Ignition, after: &Ignition, reveal: bool) -> Vec<Entry> {
    let mut entries = Vec::new();
    let (old, new) = (files(before), files(after));
    for (name, sides) in pairs(&old, &new) {
        entries.extend(entry(Kind::File, name, sides, reveal));
    }
    let (old, new) = (units(before), units(after));
    for (name, sides) in pairs(&old, &new) {
        entries.extend(entry(Kind::Unit, name, sides, reveal));
    }
    let (old, new) = (fields(before), fields(after));
    for (name, sides) in pairs(&old, &new) {
        entries.extend(entry(Kind::Field, name, sides, reveal));
    }
    entries
}

/// One side of a comparison.
struct Side {
    bytes: Vec<u8>,
    attributes: BTreeMap<String, String>,
    secret: bool,
}

type Sides<'a> = (Option<&'a Side>, Option<&'a Side>);

/// Everything by its name; of duplicates, the first counts, as it does on the node.
fn by_name<K: Ord>(all: impl Iterator<Item = (K, Side)>) -> BTreeMap<K, Side> {
    let mut map = BTreeMap::new();
    for (name, side) in all {
        map.entry(name).or_insert(side);
    }
    map
}

fn files(ignition: &Ignition) -> BTreeMap<String, Side> {
    let side = |file: FileView<'_>| {
        let mut attributes =
            attributes_of(file.document(), &["path", "mode", "contents", "append"]);
        let mode = file
            .mode()
            .map_or("none".to_owned(), |mode| format!("{mode:04o}"));
        attributes.insert("mode".to_owned(), mode);
        let contents = file.contents();
        let side = Side {
            // What cannot be decoded is compared as it was written; an address can hold credentials.
            secret: contents
                .as_ref()
                .map_or(true, |bytes| is_secret(file.path(), bytes)),
            bytes: contents.unwrap_or_else(|_| file.document().to_string().into_bytes()),
            attributes,
        };
        (file.path().to_owned(), side)
    };
    by_name(ignition.files().map(side))
}

fn units(ignition: &Ignition) -> BTreeMap<String, Side> {
    let side = |unit: UnitView<'_>| {
        let side = Side {
            bytes: unit_text(unit).into_bytes(),
            attributes: attributes_of(unit.document(), &["name", "contents", "dropins"]),
            secret: false,
        };
        (unit.name().to_owned(), side)
    };
    by_name(ignition.units().map(side))
}

/// The fields of an entry but these.
fn attributes_of(entry: &Value, without: &[&str]) -> BTreeMap<String, String> {
    let fields = entry.as_object().into_iter().flatten();
    fields
        .filter(|(key, _)| !without.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.to_string()))
        .collect()
}

/// Users may have password hashes, and merged configurations credentials in their addresses: of these fields, only that they differ is shown.
fn fields(ignition: &Ignition) -> BTreeMap<String, Side> {
    by_name(ignition.others().map(|(name, value)| {
        let side = Side {
            bytes: format!("{value:#}\n").into_bytes(),
            attributes: BTreeMap::new(),
            secret: name != "ignition.version",
        };
        (name, side)
    }))
}

fn pairs<'a>(
    before: &'a BTreeMap<String, Side>,
    after: &'a BTreeMap<String, Side>,
) -> BTreeMap<&'a str, Sides<'a>> {
    let mut pairs: BTreeMap<&str, Sides<'_>> = BTreeMap::new();
    for (name, side) in before {
        pairs.entry(name).or_default().0 = Some(side);
    }
    for (name, side) in after {
        pairs.entry(name).or_default().1 = Some(side);
    }
    pairs
}

fn entry(kind: Kind, name: &str, (before, after): Sides<'_>, reveal: bool) -> Option<Entry> {
    let change = match (before, after) {
        (None, None) => return None,
        (None, Some(_)) => Change::Added,
        (Some(_), None) => Change::Removed,
        (Some(_), Some(_)) => Change::Changed,
    };
    let bytes = |side: Option<&Side>| side.map(|side| side.bytes.clone()).unwrap_or_default();
    let attributes = attributes(before, after);
    let secret = [before, after].iter().flatten().any(|side| side.secret);
    let (old, new) = (bytes(before), bytes(after));
    let contents = if old == new {
        Contents::Same
    } else if secret && !reveal {
        Contents::Secret
    } else {
        compare(name, &old, &new)
    };
    if change == Change::Changed && contents == Contents::Same && attributes.is_empty() {
        return None;
    }
    Some(Entry {
        kind,
        name: name.to_owned(),
        change,
        attributes,
        contents,
    })
}

/// `mode: 0644` of what is on one side, `mode: 0644 → 0755` of what changed.
fn attributes(before: Option<&Side>, after: Option<&Side>) -> Vec<String> {
    let (Some(before), Some(after)) = (before, after) else {
        let attributes = before
            .or(after)
            .into_iter()
            .flat_map(|side| &side.attributes);
        return attributes
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
    };
    let names: BTreeSet<&String> = before
        .attributes
        .keys()
        .chain(after.attributes.keys())
        .collect();
    let value = |side: &Side, name| {
        side.attributes
            .get(name)
            .map_or("none", String::as_str)
            .to_owned()
    };
    names
        .into_iter()
        .map(|name| (name, value(before, name), value(after, name)))
        .filter(|(_, old, new)| old != new)
        .map(|(name, old, new)| format!("{name}: {old} → {new}"))
        .collect()
}

fn compare(name: &str, old: &[u8], new: &[u8]) -> Contents {
    match (std::str::from_utf8(old), std::str::from_utf8(new)) {
        (Ok(old), Ok(new)) if !old.contains('\0') && !new.contains('\0') => {
            let text = TextDiff::from_lines(old, new)
                .unified_diff()
                .context_radius(CONTEXT)
                .header(&format!("a{}", rooted(name)), &format!("b{}", rooted(name)))
                .to_string();
            Contents::Text(text)
        }
        _ => Contents::Bytes(old.len() as u64, new.len() as u64),
    }
}

/// A path as it is, any other name below a slash.
fn rooted(name: &str) -> String {
    if name.starts_with('/') {
        name.to_owned()
    } else {
        format!("/{name}")
    }
}
