//! A store that changes while it is served: its index is looked at every second, and at once when something that it named before is not there any more; it
//! is read again when it was replaced.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::time::Duration;

use snobox_store::Store;
use tokio::sync::Mutex;

use super::{Catalog, ServerState};

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What tells one `index.json` from the next, which is another file: it is replaced whole.
type Mark = (u64, i64, i64, u64);

/// The index that is served.
#[derive(Debug)]
pub(super) struct Following(Mutex<Option<Mark>>);

impl Following {
    /// The index as it is now; to be asked before it is read.
    pub(super) fn of(store: &Store) -> Self {
        Self(Mutex::new(mark(store)))
    }
}

/// Runs until it is aborted.
pub(super) async fn follow(state: Arc<ServerState>) {
    let mut interval = tokio::time::interval(LOOK_EVERY);
    loop {
        interval.tick().await;
        look(&state).await;
    }
}

/// Serves what the index names now. One that cannot be read changes nothing.
pub(super) async fn look(state: &ServerState) {
    let Some(following) = &state.following else {
        return;
    };
    let mut known = following.0.lock().await;
    let now = mark(&state.store);
    if now.is_none() || now == *known {
        return;
    }
    let store = state.store.clone();
    // Manifests are read and hashed.
    let read = tokio::task::spawn_blocking(move || Catalog::of(&store)).await;
    if let Ok(Ok(catalog)) = read {
        state.serve_instead(catalog);
        *known = now;
    }
}

fn mark(store: &Store) -> Option<Mark> {
    let metadata = fs::metadata(store.root().join("index.json")).ok()?;
    Some((
        metadata.ino(),
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.len(),
    ))
}
