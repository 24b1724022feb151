//! Ignition configurations, specification 3.x: read, and extended without loss.
//!
//! The document stays the JSON tree that was parsed, in its order: fields that snobox does not know survive, and nothing that is there is
//! changed; files and units are only added. Not for validating an Ignition configuration: `ignition-validate` does that.
//! Source of truth: coreos/ignition `docs/configuration-v3_2.md`; RFC 2397 for data URLs.

mod view;

pub use view::{FileView, UnitView};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// An Ignition configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Ignition {
    root: Map<String, Value>,
}

/// A file to add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Absolute path on the node.
    pub path: String,
    /// Permission bits, `0o644` and the like.
    pub mode: u32,
    /// The content.
    pub contents: Vec<u8>,
}

/// A systemd unit to add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Unit name with its suffix.
    pub name: String,
    /// Whether Ignition enables it.
    pub enabled: bool,
    /// The unit file.
    pub contents: String,
}

/// Why a document cannot be read as, or extended as, an Ignition configuration.
#[derive(Debug, thiserror::Error)]
pub enum IgnitionError {
    /// Not JSON.
    #[error("not JSON")]
    Json(#[source] serde_json::Error),
    /// JSON, but not an Ignition configuration of specification 3.
    #[error("not an Ignition configuration: ignition.version is {found}, expected 3.x.y")]
    Version {
        /// What stands in its place.
        found: String,
    },
    /// A field has another type than the specification says.
    #[error("{field} is {found}, expected {expected}")]
    Shape {
        /// Dotted path of the field.
        field: String,
        /// JSON type that was found.
        found: &'static str,
        /// JSON type that the specification names.
        expected: &'static str,
    },
    /// The path or unit name to add exists already.
    #[error("the configuration already has the {kind} {name}")]
    Collision {
        /// `file` or `unit`.
        kind: &'static str,
        /// Path or unit name.
        name: String,
    },
    /// The content of a file is not a data URL that can be decoded.
    #[error("the content of {path} cannot be read: {why}")]
    Contents {
        /// Path of the file on the node.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

impl Ignition {
    /// Reads a configuration.
    ///
    /// # Errors
    /// [`IgnitionError::Json`], [`IgnitionError::Version`], or [`IgnitionError::Shape`] when files or units are not arrays of objects.
    pub fn parse(bytes: &[u8]) -> Result<Self, IgnitionError> {
        let value: Value = serde_json::from_slice(bytes).map_err(IgnitionError::Json)?;
        let version = value.pointer("/ignition/version").and_then(Value::as_str);
        if !version.is_some_and(|v| v.starts_with("3.")) {
            let found = version.map_or_else(|| "absent".to_owned(), |v| format!("{v:?}"));
            return Err(IgnitionError::Version { found });
        }
        let Value::Object(root) = value else {
            return Err(IgnitionError::Version {
                found: "absent".to_owned(),
            });
        };
        let ignition = Self { root };
        for (section, list) in [("storage", "files"), ("systemd", "units")] {
            ignition.check_list(section, list)?;
        }
        Ok(ignition)
    }

    /// The specification version, such as `3.2.0`.
    pub fn version(&self) -> &str {
        self.root
            .get("ignition")
            .and_then(|i| i.get("version"))
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// The paths of all files, in the order of the document.
    pub fn file_paths(&self) -> impl Iterator<Item = &str> {
        self.list("storage", "files")
            .filter_map(|f| f.get("path")?.as_str())
    }

    /// The names of all units, in the order of the document.
    pub fn unit_names(&self) -> impl Iterator<Item = &str> {
        self.list("systemd", "units")
            .filter_map(|u| u.get("name")?.as_str())
    }

    /// All texts of units and their drop-ins, each with the name of its unit.
    pub fn unit_texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.list("systemd", "units").flat_map(|unit| {
            let name = unit.get("name").and_then(Value::as_str).unwrap_or_default();
            let dropins = unit
                .get("dropins")
                .and_then(Value::as_array)
                .map_or(&[][..], Vec::as_slice);
            std::iter::once(unit)
                .chain(dropins)
                .filter_map(move |part| Some((name, part.get("contents")?.as_str()?)))
        })
    }

    /// The decoded content of the file at `path`: `None` when there is no such file. What is appended to an existing file counts too.
    ///
    /// # Errors
    /// [`IgnitionError::Contents`] for remote sources, compressed content and broken data URLs.
    pub fn file(&self, path: &str) -> Result<Option<Vec<u8>>, IgnitionError> {
        self.files()
            .find(|file| file.path() == path)
            .map(FileView::contents)
            .transpose()
    }

    /// Adds a file owned by root that replaces whatever the image has at its path.
    ///
    /// # Errors
    /// [`IgnitionError::Collision`] when the configuration has a file of that path.
    pub fn add_file(&mut self, file: &File) -> Result<(), IgnitionError> {
        if self.file_paths().any(|path| path == file.path) {
            return Err(IgnitionError::Collision {
                kind: "file",
                name: file.path.clone(),
            });
        }
        let source = format!(
            "data:text/plain;charset=utf-8;base64,{}",
            STANDARD.encode(&file.contents)
        );
        self.push(
            "storage",
            "files",
            json!({
                "overwrite": true,
                "path": file.path,
                "user": {"name": "root"},
                "contents": {"source": source},
                "mode": file.mode,
            }),
        );
        Ok(())
    }

    /// Adds a unit.
    ///
    /// # Errors
    /// [`IgnitionError::Collision`] when the configuration has a unit of that name.
    pub fn add_unit(&mut self, unit: &Unit) -> Result<(), IgnitionError> {
        if self.unit_names().any(|name| name == unit.name) {
            return Err(IgnitionError::Collision {
                kind: "unit",
                name: unit.name.clone(),
            });
        }
        self.push(
            "systemd",
            "units",
            json!({"contents": unit.contents, "enabled": unit.enabled, "name": unit.name}),
        );
        Ok(())
    }

    /// The document as compact JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        Value::Object(self.root.clone()).to_string().into_bytes()
    }

    fn list(&self, section: &str, list: &str) -> impl Iterator<Item = &Value> {
        let values = self
            .root
            .get(section)
            .and_then(|s| s.get(list))
            .and_then(Value::as_array);
        values.map_or(&[][..], Vec::as_slice).iter()
    }

    fn check_list(&self, section: &str, list: &str) -> Result<(), IgnitionError> {
        let shape = |field: String, value: &Value, expected| {
            Err(IgnitionError::Shape {
                field,
                found: json_type(value),
                expected,
            })
        };
        match self.root.get(section) {
            None | Some(Value::Object(_)) => {}
            Some(other) => return shape(section.to_owned(), other, "an object"),
        }
        match self.root.get(section).and_then(|s| s.get(list)) {
            None | Some(Value::Array(_)) => {}
            Some(other) => return shape(format!("{section}.{list}"), other, "an array"),
        }
        match self
            .list(section, list)
            .enumerate()
            .find(|(_, entry)| !entry.is_object())
        {
            Some((index, entry)) => shape(format!("{section}.{list}[{index}]"), entry, "an object"),
            None => Ok(()),
        }
    }

    fn push(&mut self, section: &str, list: &str, value: Value) {
        let section = self.root.entry(section).or_insert_with(|| json!({}));
        // `parse` has checked that a section is an object and a list an array, and nothing else changes them.
        if let Some(section) = section.as_object_mut()
            && let Some(list) = section
                .entry(list)
                .or_insert_with(|| json!([]))
                .as_array_mut()
        {
            list.push(value);
        }
    }
}

/// The bytes of an RFC 2397 data URL, base64 or percent-encoded.
///
/// # Errors
/// What is wrong with it.
pub fn decode_data_url(url: &str) -> Result<Vec<u8>, &'static str> {
    if url.is_empty() {
        return Ok(Vec::new());
    }
    let rest = url
        .strip_prefix("data:")
        .ok_or("it comes from a remote source")?;
    let (header, data) = rest.split_once(',').ok_or("the data URL has no comma")?;
    if header.ends_with(";base64") {
        return STANDARD
            .decode(data)
            .map_err(|_| "the data URL is not valid base64");
    }
    let mut bytes = Vec::with_capacity(data.len());
    let mut rest = data.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let hex = tail.get(..2).and_then(|h| std::str::from_utf8(h).ok());
        let decoded = hex.and_then(|h| u8::from_str_radix(h, 16).ok());
        bytes.push(decoded.ok_or("the data URL has a broken percent escape")?);
        rest = &tail[2..];
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Ignition {
        Ignition::parse(
            br#"{"ignition":{"version":"3.2.0"},"x-unknown":[1,{"b":2,"a":1}],
                "storage":{"files":[{"path":"/etc/motd","append":[{"source":"data:,a%20b"}]}]},
                "systemd":{"units":[{"name":"a.service","dropins":[{"name":"x.conf","contents":"[Unit]"}]}]}}"#,
        )
        .unwrap()
    }

    #[test]
    fn adding_keeps_everything_that_was_there_in_its_order() {
        let mut config = sample();
        let before = serde_json::to_string(&config.root["x-unknown"]).unwrap();
        config
            .add_file(&File {
                path: "/etc/hostname".into(),
                mode: 0o644,
                contents: b"bip".to_vec(),
            })
            .unwrap();
        config
            .add_unit(&Unit {
                name: "b.service".into(),
                enabled: true,
                contents: "[Unit]\n".into(),
            })
            .unwrap();
        let again = Ignition::parse(&config.to_bytes()).unwrap();
        assert_eq!(again.file("/etc/hostname").unwrap().unwrap(), b"bip");
        assert_eq!(again.file("/etc/motd").unwrap().unwrap(), b"a b");
        assert_eq!(
            serde_json::to_string(&again.root["x-unknown"]).unwrap(),
            before
        );
        assert_eq!(again.root["storage"]["files"][1]["mode"], 420);
        assert_eq!(
            again.unit_texts().collect::<Vec<_>>(),
            [("a.service", "[Unit]"), ("b.service", "[Unit]\n")]
        );
    }

    #[test]
    fn a_second_file_or_unit_of_the_same_name_is_refused() {
        let mut config = sample();
        let file = File {
            path: "/etc/motd".into(),
            mode: 0o644,
            contents: vec![],
        };
        assert!(matches!(
            config.add_file(&file),
            Err(IgnitionError::Collision { kind: "file", .. })
        ));
        let unit = Unit {
            name: "a.service".into(),
            enabled: false,
            contents: String::new(),
        };
        assert!(matches!(
            config.add_unit(&unit),
            Err(IgnitionError::Collision { kind: "unit", .. })
        ));
    }

    #[test]
    fn other_documents_are_refused_by_what_they_are() {
        let refused = |text: &str| Ignition::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(refused("{}").contains("absent"));
        assert!(refused(r#"{"ignition":{"version":"2.3.0"}}"#).contains("2.3.0"));
        assert!(refused("{").contains("not JSON"));
        assert!(refused("[]").contains("absent"));
        let files = refused(r#"{"ignition":{"version":"3.2.0"},"storage":{"files":{}}}"#);
        assert!(files.contains("storage.files is an object"), "{files}");
        let unit = refused(r#"{"ignition":{"version":"3.2.0"},"systemd":{"units":[7]}}"#);
        assert!(unit.contains("systemd.units[0] is a number"), "{unit}");
    }
}
