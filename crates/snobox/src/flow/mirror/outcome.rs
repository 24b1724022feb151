//! What a mirror came to, for people and for machines.

use serde_json::{Value, json};
use snobox_plan::lock::Lock;

use crate::flow::line::Closing;

/// What was done.
#[derive(Debug)]
pub struct Outcome {
    /// The lock.
    pub lock: Lock,
    /// Counts and bytes.
    pub closing: Closing,
}

impl Outcome {
    /// For people.
    pub fn text(&self) -> String {
        let (images, version) = (self.closing.wanted, &self.lock.release.version);
        let present = match self.closing.present {
            0 => String::new(),
            count => format!(", {count} of them complete before"),
        };
        let text = self.closing.text();
        format!("{images} images of release {version}{present}: {text}")
    }

    /// For machines.
    pub fn json(&self) -> Value {
        let mut value = self.closing.json();
        value["release"] = json!(self.lock.release);
        value
    }
}
