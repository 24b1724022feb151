//! What a run came to, whether all of it could be had or not: in words for people, and as fields for machines.

use std::time::Duration;

use serde_json::{Value, json};
use snobox_registry::pull::Summary;

use super::display::duration;
use crate::ui::{Ui, bytes};

/// Counts and bytes of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Closing {
    /// Images that were wanted.
    pub wanted: usize,
    /// Those of them that were complete before.
    pub present: usize,
    /// Those that are complete now.
    pub complete: usize,
    /// Manifests and blobs that could not be had.
    pub failures: usize,
    /// Blobs and bytes.
    pub summary: Summary,
    /// From the first request to the end.
    pub took: Duration,
}

impl Closing {
    /// For people.
    pub fn text(&self) -> String {
        let summary = &self.summary;
        let mut text = format!(
            "{} fetched in {} blobs, {} were there already; sharing layers saved {}",
            bytes(summary.fetched_bytes),
            summary.fetched_blobs,
            bytes(summary.present_bytes),
            bytes(summary.shared_bytes),
        );
        if summary.resumed_blobs > 0 {
            text += &format!(
                "; {} of {} blobs came in earlier runs",
                bytes(summary.resumed_bytes),
                summary.resumed_blobs
            );
        }
        match summary.retries {
            0 => {}
            1 => text += "; 1 retry",
            count => text += &format!("; {count} retries"),
        }
        text + &format!("; took {}", duration(self.took.as_secs()))
    }

    /// For people, of a run that could not have everything.
    pub fn text_of_failed(&self) -> String {
        let Self {
            complete,
            wanted,
            failures,
            ..
        } = self;
        let (text, plural) = (self.text(), if *failures == 1 { "" } else { "s" });
        format!("{complete} of {wanted} images are complete, {failures} failure{plural}: {text}")
    }

    /// For machines.
    pub fn json(&self) -> Value {
        let summary = &self.summary;
        json!({
            "images": self.wanted,
            "presentImages": self.present,
            "completeImages": self.complete,
            "failures": self.failures,
            "fetchedBlobs": summary.fetched_blobs,
            "fetchedBytes": summary.fetched_bytes,
            "presentBlobs": summary.present_blobs,
            "presentBytes": summary.present_bytes,
            "sharedBytes": summary.shared_bytes,
            "receivedBytes": summary.received_bytes,
            "resumedBlobs": summary.resumed_blobs,
            "resumedBytes": summary.resumed_bytes,
            "retries": summary.retries,
            "seconds": self.took.as_secs_f64(),
        })
    }

    /// Tells machines, also of a run that failed.
    pub fn tell(&self, ui: &Ui) {
        let mut event = json!({"event": "summary"});
        if let (Some(event), Value::Object(fields)) = (event.as_object_mut(), self.json()) {
            event.extend(fields);
        }
        ui.event(event);
    }
}
