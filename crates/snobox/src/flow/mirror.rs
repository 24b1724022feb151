//! `site.yaml` → `site.lock` → store.

mod outcome;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use snobox_registry::pull;
use snobox_store::Store;

use crate::error::{Error, Exit, Result};
use crate::flow::line::{self, Closing, Line, Pace, Retries};
use crate::flow::resolve::{Resolved, resolve};
use crate::flow::signatures::Signatures;
use crate::flow::source::Source;
use crate::interrupt::Interrupt;
use crate::site_file::SiteFile;
use crate::ui::Ui;

pub use outcome::Outcome;

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

/// What less than this says of a line is mostly chance.
const TELLING_BYTES: u64 = 64 << 20;

/// Bits in a second of a line that was kept busy.
fn measured(received_bytes: u64, took: Duration) -> Option<u64> {
    let millis = u64::try_from(took.as_millis()).ok().filter(|ms| *ms > 0)?;
    let telling = received_bytes >= TELLING_BYTES;
    telling.then(|| received_bytes.saturating_mul(8000) / millis)
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
    let writing = store.lock()?;
    let line = Line {
        client,
        store,
        writing,
        pace: options.pace,
        retries: Retries::default(),
        ui,
        interrupt,
    };
    let started = Instant::now();
    let resolved = resolve(&line, file, options.relock, &options.signatures).await?;
    finish(&line, resolved, started).await
}

/// Everything that can be had, whatever happens to the rest.
async fn finish(way: &Line<'_>, resolved: Resolved, began: Instant) -> Result<Outcome> {
    let started = Instant::now();
    let present = pull::complete(&way.store, &resolved.pinned);
    let fetched = way
        .fetch_called("images", &resolved.pinned, &resolved.names)
        .await;
    if let Ok(fetched) = &fetched
        && way.pace.is_free()
        && let Some(rate) = measured(fetched.summary.received_bytes, started.elapsed())
    {
        // Only a hint for the next plan: a store that cannot take it has worse to tell.
        let _ = way.store.set_line_rate(rate);
    }
    let complete = pull::record(&way.store, &resolved.pinned);
    let fetched = fetched?;
    let wanted = resolved.pinned.len() + resolved.failures.len();
    let failures: Vec<_> = resolved
        .failures
        .into_iter()
        .chain(fetched.failures)
        .collect();
    let closing = Closing {
        wanted,
        present,
        // On a full disk this fails for the same reason, of which the failures tell.
        complete: complete.as_ref().copied().unwrap_or_default(),
        failures: failures.len(),
        summary: way.summary(line::sum(&resolved.payload, &fetched.summary)),
        took: began.elapsed(),
    };
    closing.tell(way.ui);
    if !failures.is_empty() {
        way.ui.say(closing.text_of_failed());
        return Err(way.failed(failures, &resolved.pinned));
    }
    complete?;
    let lock = resolved
        .lock
        .ok_or_else(|| Error::new(Exit::Internal, "nothing failed, and there is no lock"))?;
    Ok(Outcome { lock, closing })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_measured_by_what_came_when_enough_came() {
        let minute = Duration::from_secs(60);
        assert_eq!(measured(375_000_000, minute), Some(50_000_000));
        assert_eq!(measured(67_108_864, minute), Some(8_947_848));
        assert_eq!(measured(67_108_863, minute), None);
        assert_eq!(measured(u64::MAX, Duration::ZERO), None);
    }
}
