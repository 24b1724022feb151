//! `snobox store fsck`.

use std::path::Path;

use serde_json::{Value, json};
use snobox_formats::layout::Finding;
use snobox_store::{Checkup, FileKind, Store, StoreFile, StoreLock};

use crate::error::{Error, Exit, Result, index_hint};
use crate::interrupt::Interrupt;
use crate::ui::{Ui, bytes};

/// Goes through a store; damage is the result, and an exit status of its own.
pub fn run(path: &Path, repair: bool, ui: &Ui, interrupt: &Interrupt) -> Result<()> {
    let store = Store::open(path)?;
    // Who repairs must know that nobody writes; who only looks says so where somebody does.
    let writing = if repair { Some(store.lock()?) } else { None };
    let busy = writing.is_none() && store.is_being_written();
    let checkup = tokio::task::block_in_place(|| check(&store, ui, interrupt))?;
    let aside = match &writing {
        Some(writing) => set_aside(&store, writing, &checkup)?,
        None => Vec::new(),
    };
    ui.result(
        text(path, &checkup, busy, &aside),
        &value(&checkup, busy, &aside),
    )?;
    let count = checkup.closure.findings.len();
    if count == 0 {
        return Ok(());
    }
    let what = if count == 1 { "finding" } else { "findings" };
    let of_index = |finding: &Finding| matches!(finding, Finding::Index { .. });
    let hint = if checkup.closure.findings.iter().any(of_index) {
        index_hint(&path.join("index.json"))
    } else if repair {
        "`snobox mirror` fetches again what was put aside and what is missing".to_owned()
    } else {
        "`snobox store fsck --repair` puts damaged blobs aside, and `snobox mirror` fetches them again"
            .to_owned()
    };
    let message = format!("{count} {what} in {}", path.display());
    let mut error = Error::new(Exit::Findings, message).hint(hint);
    error.told = true;
    Err(error)
}

fn check(store: &Store, ui: &Ui, interrupt: &Interrupt) -> Result<Checkup> {
    let progress = ui.progress("fsck", store.check_bytes()?);
    let checkup = store.check(&mut |count| {
        progress.add(count);
        interrupt.check()
    })?;
    Ok(checkup)
}

/// Blobs whose bytes are not what they should be; what is missing, or whole but no manifest, would come again as it is.
fn set_aside(store: &Store, writing: &StoreLock, checkup: &Checkup) -> Result<Vec<String>> {
    let mut aside = Vec::new();
    for finding in &checkup.closure.findings {
        let wrong = matches!(
            finding,
            Finding::WrongSize { .. } | Finding::WrongDigest { .. } | Finding::Unreadable { .. }
        );
        if let (true, Some(digest)) = (wrong, finding.digest())
            && store.set_aside(writing, digest)?
        {
            aside.push(digest.to_string());
        }
    }
    Ok(aside)
}

/// A stable name for machines, and what it is for people.
fn kind(file: &StoreFile) -> (&'static str, &'static str) {
    match file.kind {
        FileKind::Blob => ("orphan", "blobs that no image names"),
        FileKind::Partial => ("partial", "blobs that have not come whole"),
        FileKind::Quarantined => ("quarantined", "blobs in quarantine"),
        FileKind::Ingest => ("ingest", "files of a writer"),
        FileKind::Known => ("known", "documents of catalogs"),
        FileKind::Stranger => ("stranger", "files that are no blobs"),
    }
}

fn text(path: &Path, checkup: &Checkup, busy: bool, aside: &[String]) -> String {
    let closure = &checkup.closure;
    let mut lines: Vec<String> = closure
        .findings
        .iter()
        .map(|finding| format!("{}: {finding}", finding.code()))
        .collect();
    for digest in aside {
        lines.push(format!("put aside: {digest}"));
    }
    let mut kinds: Vec<_> = checkup.unneeded.iter().map(kind).collect();
    kinds.dedup();
    for (code, what) in kinds {
        let of_kind = checkup.unneeded.iter().filter(|f| kind(f).0 == code);
        let (count, size) = of_kind.fold((0, 0), |(n, size), f| (n + 1, size + f.bytes));
        lines.push(format!("{code}: {count} {what}, {}", bytes(size)));
    }
    if busy {
        lines
            .push("another snobox writes to it: what is on its way belongs to no image yet".into());
    }
    if closure.findings.is_empty() {
        let size = closure.blobs.iter().map(|b| b.descriptor.size).sum();
        let (blobs, size) = (closure.blobs.len(), bytes(size));
        lines.push(format!(
            "{}: {blobs} blobs, {size}: all whole",
            path.display()
        ));
    }
    lines.join("\n")
}

fn value(checkup: &Checkup, busy: bool, aside: &[String]) -> Value {
    let finding = |finding: &Finding| {
        json!({
            "code": finding.code(),
            "digest": finding.digest(),
            "images": finding.images(),
            "text": finding.to_string(),
        })
    };
    let file = |file: &StoreFile| {
        let (code, path) = (kind(file).0, file.path.to_string_lossy());
        json!({"code": code, "digest": file.digest, "path": path, "bytes": file.bytes})
    };
    let closure = &checkup.closure;
    let size: u64 = closure.blobs.iter().map(|b| b.descriptor.size).sum();
    json!({
        "ok": closure.findings.is_empty(),
        "findings": closure.findings.iter().map(finding).collect::<Vec<_>>(),
        "unneeded": checkup.unneeded.iter().map(file).collect::<Vec<_>>(),
        "putAside": aside,
        "beingWritten": busy,
        "checked": {"blobs": closure.blobs.len(), "bytes": size},
    })
}
