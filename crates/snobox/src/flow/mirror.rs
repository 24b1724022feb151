//! `site.yaml` → `site.lock` → store.

mod outcome;

use std::path::Path;
use std::sync::Arc;

use snobox_registry::pull;
use snobox_store::Store;

use crate::error::{Error, Exit, Result};
use crate::flow::line::{Line, Pace};
use crate::flow::resolve::{Resolved, resolve};
use crate::flow::signatures::Signatures;
use crate::flow::source::Source;
use crate::interrupt::Interrupt;
use crate::site_file::SiteFile;
use crate::ui::Ui;

pub use outcome::{Outcome, said};

/// How to mirror.
#[derive(Debug)]
pub struct Options<'a> {
    /// The store.
    pub store: &'a Path,
    /// Resolve everything again.
    pub relock: bool,
    /// How registries are asked.
    pub source: Source<'a>,
    /// How much of the line may be used.
    pub pace: Pace,
    /// Where the signature of the release is looked for.
    pub signatures: Signatures,
}

impl<'a> Options<'a> {
    /// Into this store; the rest as where nobody says otherwise.
    pub fn into_store(store: &'a Path) -> Self {
        Self {
            store,
            relock: false,
            source: Source::default(),
            pace: Pace::default(),
            signatures: Signatures::default(),
        }
    }
}

/// Brings everything that a site needs into the store.
///
/// With a lock that is up to date and a full store that needs no network.
pub async fn mirror(
    file: &SiteFile,
    options: Options<'_>,
    ui: &Ui,
    interrupt: &Interrupt,
) -> Result<Outcome> {
    // The site's files are looked at before a folder is made.
    let client = options.source.client_of(file)?;
    let store = Arc::new(Store::create(options.store)?);
    let _writing = store.lock()?;
    let line = Line {
        client,
        store,
        pace: options.pace,
        ui,
        interrupt,
    };
    let resolved = resolve(&line, file, options.relock, &options.signatures).await?;
    finish(&line, resolved).await
}

/// Everything that can be had, whatever happens to the rest.
async fn finish(line: &Line<'_>, resolved: Resolved) -> Result<Outcome> {
    let fetched = line.fetch("images", &resolved.pinned).await;
    let complete = pull::record(&line.store, &resolved.pinned);
    let fetched = fetched?;
    let wanted = resolved.pinned.len() + resolved.failures.len();
    let mut summary = outcome::sum(&resolved.payload, &fetched.summary);
    let failures: Vec<_> = resolved
        .failures
        .into_iter()
        .chain(fetched.failures)
        .collect();
    if !failures.is_empty() {
        // On a full disk this fails for the same reason, of which the failures tell.
        let complete = complete.unwrap_or_default();
        let text = outcome::said(&summary);
        line.ui.say(format!(
            "{complete} of {wanted} images are complete: {text}"
        ));
        return Err(failures.into());
    }
    complete?;
    let lock = resolved
        .lock
        .ok_or_else(|| Error::new(Exit::Internal, "nothing failed, and there is no lock"))?;
    summary.images = lock.images.len() as u64;
    Ok(Outcome { lock, summary })
}
