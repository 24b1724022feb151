//! What changes from an older lock to this one, and what an update would fetch.
//!
//! For machines:
//!
//! ```json
//! { "from": { release of the old lock }, "to": { release of the new one },
//!   "added": [ { "kind": "component", "name": "…", "reference": "…", "digest": "…" } ],
//!   "removed": [ { "kind": "…", "name": "…", "reference": "…", "digest": "…", "leftOut": "reason, or absent" } ],
//!   "changed": [ { "kind": "…", "name": "…", "from": "sha256:…", "to": "sha256:…" } ], "unchanged": 20, "updateBytes": 1, "times": [ as in `costs` ] }
//! ```
//!
//! `updateBytes` counts blobs of the new set, manifests included, that the old set does not have, whatever the store has.

use std::path::Path;

use serde_json::{Value, json};
use snobox_plan::cost::added_bytes;
use snobox_plan::difference::{Difference, Entry, difference};
use snobox_plan::lock::Lock;

use super::costs::{times, times_text, times_value};
use super::{Answer, Planned, loads};
use crate::error::{Error, Exit, Result};
use crate::flow::line::Line;
use crate::input;
use crate::ui::bytes;

pub async fn answer(planned: &Planned<'_>, path: &Path, line: &Line<'_>) -> Result<Answer> {
    let text = input::read_text(path).map_err(|e| Error::file("read", path, &e))?;
    let old = Lock::parse(&text).map_err(|e| {
        Error::caused(Exit::Site, path.display().to_string(), &e)
            .hint("--diff takes an older site.lock")
    })?;
    let references: Vec<_> = old
        .images
        .iter()
        .map(|image| image.reference.pinned(image.digest))
        .collect();
    let pinned = line.pin(&references, &old.release.architecture).await?;
    let pinned = pinned.into_result()?;
    let update = added_bytes(&loads(&old, &pinned), &planned.loads());
    let difference = difference(&old, planned.lock);
    let times = times(planned, update);
    let mut json = value(&old, planned.lock, &difference, update);
    json["times"] = times_value(&times);
    Ok(Answer {
        text: said(&old, planned.lock, &difference, update) + &times_text(&times),
        json,
    })
}

fn said(old: &Lock, new: &Lock, difference: &Difference, update: u64) -> String {
    let mut text = String::new();
    for entry in &difference.added {
        text += &format!("+ {} {}\n", entry.kind, entry.name);
    }
    for entry in &difference.removed {
        let why = entry.left_out.as_ref();
        let why = why.map(|why| format!("  ({why})")).unwrap_or_default();
        text += &format!("- {} {}{why}\n", entry.kind, entry.name);
    }
    for change in &difference.changed {
        text += &format!("~ {} {}\n", change.kind, change.name);
    }
    text + &format!(
        "{} → {}: {} added, {} removed, {} changed, {} as before\nan update fetches {}",
        old.release.version,
        new.release.version,
        difference.added.len(),
        difference.removed.len(),
        difference.changed.len(),
        difference.unchanged,
        bytes(update),
    )
}

fn value(old: &Lock, new: &Lock, difference: &Difference, update: u64) -> Value {
    let entry = |entry: &Entry| {
        let mut value = json!({
            "kind": entry.kind,
            "name": entry.name,
            "reference": entry.reference,
            "digest": entry.digest,
        });
        if let Some(why) = &entry.left_out {
            value["leftOut"] = why.as_str().into();
        }
        value
    };
    let changed = difference.changed.iter().map(|change| {
        json!({"kind": change.kind, "name": change.name, "from": change.from, "to": change.to})
    });
    json!({
        "from": old.release,
        "to": new.release,
        "added": difference.added.iter().map(entry).collect::<Vec<_>>(),
        "removed": difference.removed.iter().map(entry).collect::<Vec<_>>(),
        "changed": changed.collect::<Vec<_>>(),
        "unchanged": difference.unchanged,
        "updateBytes": update,
    })
}
