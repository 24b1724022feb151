//! Registries → store: manifests and blobs over one line, with its pace, its progress, and an end at Ctrl-C.

mod closing;
mod display;
mod names;
mod reading;
mod window;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use snobox_formats::reference::ImageRef;
use snobox_registry::client::Client;
use snobox_registry::pull::{self, Failure, FetchOptions, Fetched, Pinned, PinnedSet, Summary};
use snobox_store::{RESERVE_BYTES, Store, StoreLock, is_out_of_inodes};

use crate::error::{Error, Exit, Result};
use crate::interrupt::Interrupt;
use crate::ui::{Ui, bytes};
use display::Display;
use reading::Reading;
use window::Watchman;

pub use closing::Closing;
pub use names::ImageNames;
pub use reading::Retries;
pub use window::Window;

/// Blobs fetched at the same time where nobody says otherwise.
const JOBS: usize = 6;

/// How much of the line may be used, and when.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Blobs fetched at the same time.
    pub jobs: usize,
    /// Bytes in a second, at most.
    pub limit: Option<u64>,
    /// When blobs may be fetched.
    pub window: Option<Window>,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            jobs: JOBS,
            limit: None,
            window: None,
        }
    }
}

impl Pace {
    /// Whether the line may be used as it is.
    pub fn is_free(&self) -> bool {
        self.limit.is_none() && self.window.is_none()
    }
}

/// From registries into a store.
pub struct Line<'a> {
    /// Asks the registries.
    pub client: Client,
    /// What is filled.
    pub store: Arc<Store>,
    /// The right to do so.
    pub writing: StoreLock,
    /// How fast.
    pub pace: Pace,
    /// Tries for manifests that failed and were followed by another.
    pub retries: Retries,
    /// Where progress is shown.
    pub ui: &'a Ui,
    /// Says stop.
    pub interrupt: &'a Interrupt,
}

impl Line<'_> {
    /// The manifests of `references`, with the child for `architecture` (Go's name) where one is a list.
    pub async fn pin(&self, references: &[ImageRef], architecture: &str) -> Result<PinnedSet> {
        let reading = Reading::start(self.ui, references.len(), &self.retries);
        let (events, store) = (reading.sink(), &self.store);
        let pinning = pull::pin_all(&self.client, store, references, architecture, &events);
        self.interrupt.or(pinning).await
    }

    /// The manifests of those references that are there: most images have no signature, for example.
    pub async fn pin_attached(&self, references: &[ImageRef]) -> Result<PinnedSet> {
        let reading = Reading::start(self.ui, references.len(), &self.retries);
        let events = reading.sink();
        let pinning = pull::pin_attached(&self.client, &self.store, references, &events);
        self.interrupt.or(pinning).await
    }

    /// The blobs of `pinned` that the store lacks; `stage` is what progress calls it.
    pub async fn fetch(&self, stage: &'static str, pinned: &[Pinned]) -> Result<Fetched> {
        self.fetch_called(stage, pinned, &ImageNames::new()).await
    }

    /// The same; progress calls the images by these names.
    pub async fn fetch_called(
        &self,
        stage: &'static str,
        pinned: &[Pinned],
        names: &ImageNames,
    ) -> Result<Fetched> {
        let Pace {
            jobs,
            limit,
            window,
        } = self.pace;
        let owners = names::owners(pinned, names);
        let display = Display::start(self.ui, stage, window, owners, &self.store);
        let watchman = window.map(|window| Watchman::start(window, display.window_sink()));
        let options = FetchOptions {
            jobs,
            limit,
            gate: watchman.as_ref().map(Watchman::gate),
        };
        let events = display.sink();
        let fetching = pull::fetch(&self.client, &self.store, pinned, &options, &events);
        self.interrupt.or(fetching).await
    }

    /// What a run came to: this, and the tries for manifests that failed.
    pub fn summary(&self, fetched: Summary) -> Summary {
        Summary {
            retries: fetched.retries + self.retries.load(Ordering::Relaxed),
            ..fetched
        }
    }

    /// The failures of fetching `pinned` as one; of a full disk, with how much is missing.
    pub fn failed(&self, failures: Vec<Failure>, pinned: &[Pinned]) -> Error {
        let mut error = Error::from(failures);
        if error.exit == Exit::DiskFull
            && !is_out_of_inodes(self.store.root())
            && let Ok(free) = self.store.free_bytes()
        {
            let needed = pull::missing_bytes(&self.store, pinned) + RESERVE_BYTES;
            let more = match needed.saturating_sub(free) {
                0 => "there is room again".to_owned(),
                short => format!(
                    "free {} more, or name another disk with --store",
                    bytes(short)
                ),
            };
            error.hint = Some(format!(
                "{} are still to come, of which {} are kept free for indexes, and {} are free on the disk of {}: {more}; what came is kept, so run the same command again",
                bytes(needed),
                bytes(RESERVE_BYTES),
                bytes(free),
                self.store.root().display()
            ));
        }
        error
    }
}

/// Two stages as one.
pub fn sum(first: &Summary, second: &Summary) -> Summary {
    Summary {
        fetched_blobs: first.fetched_blobs + second.fetched_blobs,
        fetched_bytes: first.fetched_bytes + second.fetched_bytes,
        // What came in the first stage was not there before.
        present_blobs: second.present_blobs.saturating_sub(first.fetched_blobs),
        present_bytes: second.present_bytes.saturating_sub(first.fetched_bytes),
        resumed_blobs: first.resumed_blobs + second.resumed_blobs,
        resumed_bytes: first.resumed_bytes + second.resumed_bytes,
        received_bytes: first.received_bytes + second.received_bytes,
        retries: first.retries + second.retries,
        ..*second
    }
}
