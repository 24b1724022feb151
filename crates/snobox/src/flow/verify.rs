//! Proof of a store or of an image file.

use std::fs::{self, File};
use std::path::Path;

use serde_json::{Value, json};
use snobox_catalog::promised;
use snobox_formats::oci::ImageIndex;
use snobox_media::verify::{self as image, CacheStore, Report};
use snobox_store::Store;

use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::ui::{Ui, bytes};

/// What was proved, or what is wrong.
#[derive(Debug)]
pub struct Outcome {
    /// For people, when all is well.
    pub text: String,
    /// Code and text of each finding.
    pub findings: Vec<(&'static str, String)>,
    /// Counts for machines.
    pub counts: Value,
}

impl Outcome {
    /// For machines.
    pub fn json(&self) -> Value {
        let findings: Vec<_> = self
            .findings
            .iter()
            .map(|(code, text)| json!({"code": code, "text": text}))
            .collect();
        json!({"ok": self.findings.is_empty(), "findings": findings, "proved": self.counts})
    }
}

/// Proves a store (a folder) or an image (a file).
pub fn verify(target: &Path, ui: &Ui, interrupt: &Interrupt) -> Result<Outcome> {
    let metadata = fs::metadata(target).map_err(|e| Error::file("read", target, &e))?;
    if metadata.is_dir() {
        store(target, ui, interrupt)
    } else {
        image_file(target, metadata.len(), ui, interrupt)
    }
}

fn store(target: &Path, ui: &Ui, interrupt: &Interrupt) -> Result<Outcome> {
    let store = Store::open(target)?;
    let images = store.index()?.manifests.len();
    let closure = snobox_formats::layout::closure(&store.index_json()?, &store);
    let total = closure.blobs.iter().map(|b| b.descriptor.size).sum();
    let progress = ui.progress("verify", total);
    let closure = store.verify(&mut |count| {
        progress.add(count);
        interrupt.check()
    })?;
    drop(progress);
    let promised = promised::judge(&store.index()?, &store);
    let text = format!(
        "{}: {images} images, {} blobs, {}: all whole",
        target.display(),
        closure.blobs.len(),
        bytes(total)
    );
    let findings = closure
        .findings
        .iter()
        .map(|f| (f.code(), f.to_string()))
        .chain(promised.iter().map(|f| (f.code(), f.to_string())))
        .collect();
    Ok(Outcome {
        text,
        findings,
        counts: json!({"images": images, "blobs": closure.blobs.len(), "bytes": total}),
    })
}

fn image_file(target: &Path, length: u64, ui: &Ui, interrupt: &Interrupt) -> Result<Outcome> {
    let open = || File::open(target).map_err(|e| Error::file("open", target, &e));
    let (mut file, second) = (open()?, open()?);
    let progress = ui.progress("verify", image::planned_bytes(length));
    let report = image::verify(&mut file, second, &mut |count| {
        progress.add(count);
        interrupt.check()
    })
    .map_err(|e| Error::from(e).about(target))?;
    drop(progress);
    let promised = promised_by(open()?, &report);
    let findings = report
        .findings
        .iter()
        .map(|f| (f.code(), f.to_string()))
        .chain(promised.iter().map(|f| (f.code(), f.to_string())))
        .collect();
    Ok(Outcome {
        text: image_text(target, &report),
        findings,
        counts: image_counts(&report),
    })
}

/// What the catalogs of an image ask for in vain. A cache that cannot be read is a finding already.
fn promised_by(image: File, report: &Report) -> Vec<promised::Finding> {
    let Ok(cache) = CacheStore::open(image, &report.pins.cache) else {
        return Vec::new();
    };
    let index = cache.index_json().ok();
    let index = index.and_then(|text| serde_json::from_slice::<ImageIndex>(&text).ok());
    index.map_or_else(Vec::new, |index| promised::judge(&index, &cache))
}

fn image_text(target: &Path, report: &Report) -> String {
    format!(
        "{}: site {}, {} images in {} blobs, {}; live ISO, ignition, kernel arguments, seal and cache are as built",
        target.display(),
        report.pins.site,
        report.images,
        report.blobs,
        bytes(report.bytes)
    )
}

fn image_counts(report: &Report) -> Value {
    json!({
        "site": report.pins.site,
        "release": report.pins.release,
        "images": report.images,
        "blobs": report.blobs,
        "bytes": report.bytes,
        "partition": report.partition,
    })
}
