//! `snobox store gc`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::SystemTime;

use serde_json::{Value, json};
use snobox_formats::layout::SPARSE;
use snobox_formats::oci::Descriptor;
use snobox_plan::lock::{Lock, LockedImage};
use snobox_store::{FileKind, GcPlan, GcPolicy, Store, StoreFile, entry_name};

use crate::cli::GcArgs;
use crate::error::{Error, Exit, Result};
use crate::flow::catalog;
use crate::input;
use crate::ui::{Ui, bytes};

/// Says what would go, or removes it.
pub fn run(args: &GcArgs, ui: &Ui) -> Result<()> {
    let store = Store::open(&args.store)?;
    let locks = args.keep_lock.iter().map(|path| read_lock(path));
    let locks = locks.collect::<Result<Vec<_>>>()?;
    // Planned under the lock that it is done under.
    let sweeping = if args.yes {
        Some(store.sweeping()?)
    } else {
        None
    };
    let policy = policy(args, &store, &locks)?;
    let plan = tokio::task::block_in_place(|| {
        let plan = store.plan_gc(&policy)?;
        if let Some(sweeping) = &sweeping {
            store.sweep(sweeping, &plan)?;
        }
        Ok::<_, Error>(plan)
    })?;
    ui.result(text(args, &plan), &value(args, &plan))
}

fn read_lock(path: &Path) -> Result<Lock> {
    let text = input::read_text(path).map_err(|e| Error::file("read", path, &e))?;
    Lock::parse(&text).map_err(|e| Error::caused(Exit::Site, path.display().to_string(), &e))
}

fn policy(args: &GcArgs, store: &Store, locks: &[Lock]) -> Result<GcPolicy> {
    let entries = store.index()?.manifests;
    let mut drop = BTreeSet::new();
    for wanted in &args.drop {
        let of_it = entries
            .iter()
            .filter(|entry| entry_name(entry) == *wanted || entry.digest.to_string() == *wanted);
        let before = drop.len();
        drop.extend(of_it.map(entry_name));
        if drop.len() == before && !drop.contains(wanted) {
            let message = format!("{} has no image {wanted}", args.store.display());
            return Err(Error::new(Exit::Usage, message).hint(format!(
                "`snobox store ls {}` shows the names",
                args.store.display()
            )));
        }
    }
    let images = || locks.iter().flat_map(|lock| &lock.images);
    if !locks.is_empty() {
        let kept: BTreeSet<String> = images().map(|i| i.reference.to_string()).collect();
        let names = entries.iter().map(entry_name);
        drop.extend(names.filter(|name| !kept.contains(name)));
    }
    let mut policy = GcPolicy {
        drop,
        roots: images().map(root).collect(),
        documents: BTreeSet::new(),
        manifests: BTreeSet::new(),
        before: SystemTime::now()
            .checked_sub(args.older_than)
            .unwrap_or(SystemTime::UNIX_EPOCH),
    };
    // What was read of a catalog stays as long as something of it: without a network it can be read in no other way.
    let of_catalogs = catalog::of_use(store, store.manifests_kept(&policy)?, locks)?;
    policy.documents = of_catalogs.documents;
    policy.manifests = of_catalogs.manifests;
    Ok(policy)
}

fn root(image: &LockedImage) -> Descriptor {
    let kept = image
        .platform_digest
        .map(|d| (SPARSE.to_owned(), d.to_string()));
    Descriptor {
        media_type: image.media_type.clone(),
        digest: image.digest,
        size: 0,
        platform: None,
        annotations: kept.into_iter().collect(),
    }
}

fn what(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Blob => "blobs",
        FileKind::Partial => "blobs that have not come whole",
        FileKind::Quarantined => "blobs in quarantine",
        FileKind::Ingest => "files of an interrupted writer",
        FileKind::Known => "documents of catalogs that nothing here comes from",
        FileKind::Stranger => "other files",
    }
}

fn counted(files: &[StoreFile]) -> String {
    let mut kinds: BTreeMap<FileKind, (u64, u64)> = BTreeMap::new();
    for file in files {
        let (count, size) = kinds.entry(file.kind).or_default();
        *count += 1;
        *size += file.bytes;
    }
    let parts = kinds
        .into_iter()
        .map(|(kind, (count, size))| format!("{count} {}, {}", what(kind), bytes(size)));
    parts.collect::<Vec<_>>().join("; ")
}

fn text(args: &GcArgs, plan: &GcPlan) -> String {
    let done = args.yes;
    let mut lines = Vec::new();
    for name in &plan.dropped {
        let verb = if done { "dropped" } else { "would drop" };
        lines.push(format!("{verb} {name}"));
    }
    if !plan.removed.is_empty() {
        let verb = if done { "removed" } else { "would remove" };
        lines.push(format!("{verb} {}", counted(&plan.removed)));
    }
    if !plan.spared.is_empty() {
        let hint = "too young, --older-than 0h takes them";
        lines.push(format!("spared {} ({hint})", counted(&plan.spared)));
    }
    let freed = bytes(plan.bytes());
    lines.push(
        match (plan.removed.is_empty() && plan.dropped.is_empty(), done) {
            (true, _) => "nothing to remove".to_owned(),
            (false, true) => format!("{freed} freed"),
            (false, false) => format!("{freed} would be freed; --yes does it"),
        },
    );
    lines.join("\n")
}

fn value(args: &GcArgs, plan: &GcPlan) -> Value {
    let file = |file: &StoreFile| {
        let kind = match file.kind {
            FileKind::Blob => "blob",
            FileKind::Partial => "partial",
            FileKind::Quarantined => "quarantined",
            FileKind::Ingest => "ingest",
            FileKind::Known => "known",
            FileKind::Stranger => "stranger",
        };
        let name = file.path.file_name().map(|name| name.to_string_lossy());
        let known = name.filter(|_| file.kind == FileKind::Known);
        json!({"kind": kind, "digest": file.digest, "name": known, "bytes": file.bytes})
    };
    json!({
        "done": args.yes,
        "dropped": plan.dropped,
        "removed": plan.removed.iter().map(file).collect::<Vec<_>>(),
        "spared": plan.spared.iter().map(file).collect::<Vec<_>>(),
        "bytes": plan.bytes(),
    })
}
