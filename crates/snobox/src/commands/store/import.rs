//! `snobox store import`: what other programs left on a disk → store.
//!
//! What PATH is, is seen by what is in it ([`find`]); then each image is taken over by itself ([`take`]) and entered at once, so that an import
//! that is stopped goes on where it was. An image that cannot be used keeps no other out.

mod find;
mod take;

use std::sync::Arc;

use serde_json::{Value, json};
use snobox_store::Store;

use crate::cli::ImportArgs;
use crate::error::{Error, Exit, Result};
use crate::interrupt::Interrupt;
use crate::ui::{Ui, bytes};

/// What an import came to.
#[derive(Debug, Default)]
struct Outcome {
    /// Names that are in the store now and were not before.
    imported: Vec<String>,
    /// Names that were there already.
    present: u64,
    /// Bytes that the store lacked.
    copied_bytes: u64,
    /// What could not be used, and why.
    unusable: Vec<(String, String)>,
}

/// Takes over every image that PATH holds.
pub fn run(args: &ImportArgs, ui: &Ui, interrupt: &Interrupt) -> Result<()> {
    let found = find::find(&args.path, args.name.as_ref())?;
    let store = Arc::new(Store::create(&args.store)?);
    let writing = store.lock()?;
    let outcome = tokio::task::block_in_place(|| {
        take::take_all(found, args, (&store, &writing), ui, interrupt)
    })?;
    for (what, why) in &outcome.unusable {
        ui.say(format!("{what}: {why}"));
    }
    ui.result(text(&outcome), &value(&outcome))?;
    if outcome.unusable.is_empty() {
        return Ok(());
    }
    let count = outcome.unusable.len();
    let message = format!("{count} things in {} cannot be used", args.path.display());
    let mut error = Error::new(Exit::Findings, message).hint(
        "everything else is in the store; `snobox store add` fetches what is missing, and takes nothing twice",
    );
    error.told = true;
    Err(error)
}

fn text(outcome: &Outcome) -> String {
    format!(
        "{} images imported, {} copied; {} were there already",
        outcome.imported.len(),
        bytes(outcome.copied_bytes),
        outcome.present
    )
}

fn value(outcome: &Outcome) -> Value {
    let unusable = outcome
        .unusable
        .iter()
        .map(|(what, why)| json!({"what": what, "why": why}));
    json!({
        "imported": outcome.imported,
        "present": outcome.present,
        "copiedBytes": outcome.copied_bytes,
        "unusable": unusable.collect::<Vec<_>>(),
    })
}
