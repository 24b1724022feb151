//! `snobox store ls`.

use std::path::Path;

use serde_json::{Value, json};
use snobox_store::{Inventory, Store, StoredImage};

use crate::error::Result;
use crate::ui::{Ui, bytes};

/// Lists the images of a store.
pub fn run(store: &Path, ui: &Ui) -> Result<()> {
    let inventory = tokio::task::block_in_place(|| Store::open(store)?.inventory())?;
    ui.result(text(&inventory), &value(&inventory))
}

fn text(inventory: &Inventory) -> String {
    let mut lines = Vec::new();
    if !inventory.images.is_empty() {
        lines.push(format!(
            "{:<12}  {:>11}  {:>11}  NAME",
            "DIGEST", "SIZE", "ALONE"
        ));
    }
    for image in &inventory.images {
        lines.push(format!(
            "{:<12}  {:>11}  {:>11}  {}{}",
            image.digest.short(),
            bytes(image.bytes),
            bytes(image.bytes_alone),
            image.name,
            remark(image)
        ));
    }
    for finding in &inventory.findings {
        lines.push(format!("{}: {finding}", finding.code()));
    }
    lines.push(format!(
        "{} images, {} blobs, {}; sharing blobs saves {}",
        inventory.images.len(),
        inventory.blobs,
        bytes(inventory.bytes),
        bytes(inventory.shared_bytes)
    ));
    lines.join("\n")
}

fn remark(image: &StoredImage) -> String {
    let mut remarks = Vec::new();
    match image.sparse.len() {
        0 => {}
        1 => remarks.push("one platform of its list".to_owned()),
        count => remarks.push(format!("{count} platforms of its list")),
    }
    if image.missing_blobs > 0 {
        remarks.push(format!("{} blobs are missing", image.missing_blobs));
    }
    if remarks.is_empty() {
        String::new()
    } else {
        format!("  ({})", remarks.join(", "))
    }
}

fn value(inventory: &Inventory) -> Value {
    let image = |image: &StoredImage| {
        json!({
            "name": image.name,
            "digest": image.digest,
            "mediaType": image.media_type,
            "sparse": image.sparse,
            "blobs": image.blobs,
            "bytes": image.bytes,
            "bytesAlone": image.bytes_alone,
            "missingBlobs": image.missing_blobs,
        })
    };
    let findings = inventory
        .findings
        .iter()
        .map(|f| json!({"code": f.code(), "text": f.to_string()}));
    json!({
        "images": inventory.images.iter().map(image).collect::<Vec<_>>(),
        "blobs": inventory.blobs,
        "bytes": inventory.bytes,
        "sharedBytes": inventory.shared_bytes,
        "findings": findings.collect::<Vec<_>>(),
    })
}
