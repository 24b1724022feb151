//! What a mirror came to, for people and for machines.

use serde_json::{Value, json};
use snobox_plan::lock::Lock;
use snobox_registry::pull::Summary;

use crate::ui::bytes;

/// What was done.
#[derive(Debug)]
pub struct Outcome {
    /// The lock.
    pub lock: Lock,
    /// Counts and bytes.
    pub summary: Summary,
}

impl Outcome {
    /// For people.
    pub fn text(&self) -> String {
        let (images, version) = (self.summary.images, &self.lock.release.version);
        format!(
            "{images} images of release {version}: {}",
            said(&self.summary)
        )
    }

    /// For machines.
    pub fn json(&self) -> Value {
        let summary = &self.summary;
        json!({
            "release": self.lock.release,
            "images": summary.images,
            "fetchedBlobs": summary.fetched_blobs,
            "fetchedBytes": summary.fetched_bytes,
            "presentBlobs": summary.present_blobs,
            "presentBytes": summary.present_bytes,
            "sharedBytes": summary.shared_bytes,
            "receivedBytes": summary.received_bytes,
            "resumedBlobs": summary.resumed_blobs,
            "resumedBytes": summary.resumed_bytes,
            "retries": summary.retries,
        })
    }
}

/// Counts and bytes in words.
pub fn said(summary: &Summary) -> String {
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
    text
}
