//! Ignition documents that the lab makes itself, to prove the machine before snobox is in it. Source of truth: Ignition spec 3.2.0.

use serde_json::{Value, json};

/// A document of files and units.
#[derive(Default)]
pub struct Document {
    files: Vec<Value>,
    units: Vec<Value>,
}

impl Document {
    /// Adds a file.
    pub fn file(&mut self, path: &str, mode: u32, text: &str) -> &mut Self {
        let source = format!("data:,{}", percent_encoded(text));
        self.files.push(
            json!({"path": path, "mode": mode, "overwrite": true, "contents": {"source": source}}),
        );
        self
    }

    /// Adds a unit.
    pub fn unit(&mut self, name: &str, enabled: bool, text: &str) -> &mut Self {
        self.units
            .push(json!({"name": name, "enabled": enabled, "contents": text}));
        self
    }

    /// The document as JSON.
    pub fn text(&self) -> String {
        json!({
            "ignition": {"version": "3.2.0"},
            "storage": {"files": self.files},
            "systemd": {"units": self.units},
        })
        .to_string()
    }
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(2 * text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
