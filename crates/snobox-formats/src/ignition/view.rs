//! Files and units of a configuration as they stand in it, for whoever shows, compares or judges configurations.
//!
//! Fields of another type than the specification's read as absent. Source of truth: coreos/ignition `docs/configuration-v3_2.md`.

use serde_json::Value;

use super::{Ignition, IgnitionError, decode_data_url};

/// A file of a configuration.
#[derive(Clone, Copy, Debug)]
pub struct FileView<'a>(pub(super) &'a Value);

impl<'a> FileView<'a> {
    /// Its absolute path on the node; empty when the document gives none.
    pub fn path(self) -> &'a str {
        self.0.get("path").and_then(Value::as_str).unwrap_or("")
    }

    /// Its permission bits, if given. The document has them in decimal.
    pub fn mode(self) -> Option<u64> {
        self.0.get("mode").and_then(Value::as_u64)
    }

    /// Its content, with what is appended to an existing file.
    ///
    /// # Errors
    /// [`IgnitionError::Contents`] for remote sources, compressed content and broken data URLs.
    pub fn contents(self) -> Result<Vec<u8>, IgnitionError> {
        let refuse = |why| IgnitionError::Contents {
            path: self.path().to_owned(),
            why,
        };
        let mut content = Vec::new();
        for part in self.0.get("contents").into_iter().chain(self.appended()) {
            if part
                .get("compression")
                .and_then(Value::as_str)
                .is_some_and(|c| !c.is_empty())
            {
                return Err(refuse("it is compressed"));
            }
            let Some(source) = part.get("source").and_then(Value::as_str) else {
                continue;
            };
            content.extend(decode_data_url(source).map_err(refuse)?);
        }
        Ok(content)
    }

    /// Its entry in the document.
    pub fn document(self) -> &'a Value {
        self.0
    }

    fn appended(self) -> &'a [Value] {
        list(self.0, "append")
    }
}

/// A unit of a configuration.
#[derive(Clone, Copy, Debug)]
pub struct UnitView<'a>(pub(super) &'a Value);

impl<'a> UnitView<'a> {
    /// Its name with its suffix; empty when the document gives none.
    pub fn name(self) -> &'a str {
        self.0.get("name").and_then(Value::as_str).unwrap_or("")
    }

    /// Whether Ignition enables or disables it; `None` when it does neither.
    pub fn enabled(self) -> Option<bool> {
        self.0.get("enabled").and_then(Value::as_bool)
    }

    /// The unit file; `None` for a unit that the system has, or that has drop-ins only.
    pub fn contents(self) -> Option<&'a str> {
        self.0.get("contents").and_then(Value::as_str)
    }

    /// Its entry in the document.
    pub fn document(self) -> &'a Value {
        self.0
    }

    /// Its drop-ins, name and text, in the order of the document.
    pub fn drop_ins(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        list(self.0, "dropins").iter().map(|part| {
            let text = |key| part.get(key).and_then(Value::as_str).unwrap_or("");
            (text("name"), text("contents"))
        })
    }
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

impl Ignition {
    /// All files, in the order of the document.
    pub fn files(&self) -> impl Iterator<Item = FileView<'_>> {
        self.list("storage", "files").map(FileView)
    }

    /// All units, in the order of the document.
    pub fn units(&self) -> impl Iterator<Item = UnitView<'_>> {
        self.list("systemd", "units").map(UnitView)
    }

    /// Everything that is neither a file nor a unit, as `section.key` and value: users, directories, the version.
    pub fn others(&self) -> impl Iterator<Item = (String, &Value)> {
        self.root.iter().flat_map(|(section, value)| {
            let parts: Vec<(String, &Value)> = match value {
                Value::Object(keys) => keys
                    .iter()
                    .filter(|(key, _)| {
                        !matches!(
                            (section.as_str(), key.as_str()),
                            ("storage", "files") | ("systemd", "units")
                        )
                    })
                    .map(|(key, value)| (format!("{section}.{key}"), value))
                    .collect(),
                other => vec![(section.clone(), other)],
            };
            parts
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_units_and_the_rest_are_seen_as_they_stand() {
        let config = Ignition::parse(
            br#"{"ignition":{"version":"3.2.0"},"passwd":{"users":[]},
                "storage":{"files":[{"path":"/a","mode":420,"contents":{"source":"data:,x"},"append":[{"source":"data:,y"}]},
                                    {"path":"/z","contents":{"source":"data:,","compression":"gzip"}}],"links":[1]},
                "systemd":{"units":[{"name":"a.service","enabled":true,"contents":"[Unit]","dropins":[{"name":"d.conf","contents":"[Service]"}]},
                                    {"name":"b.service"}]}}"#,
        )
        .unwrap();
        let files: Vec<_> = config.files().collect();
        assert_eq!((files[0].path(), files[0].mode()), ("/a", Some(420)));
        assert_eq!(files[0].contents().unwrap(), b"xy");
        assert_eq!(files[1].mode(), None);
        assert!(files[1].contents().is_err());
        let units: Vec<_> = config.units().collect();
        assert_eq!(
            (units[0].name(), units[0].enabled(), units[0].contents()),
            ("a.service", Some(true), Some("[Unit]"))
        );
        assert_eq!(
            units[0].drop_ins().collect::<Vec<_>>(),
            [("d.conf", "[Service]")]
        );
        assert_eq!((units[1].enabled(), units[1].contents()), (None, None));
        let others: Vec<_> = config.others().map(|(path, _)| path).collect();
        assert_eq!(
            others,
            ["ignition.version", "passwd.users", "storage.links"]
        );
    }
}
