//! A store that changes while it is served: its index is looked at every second, and read again when it was replaced.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::time::Duration;

use super::{Catalog, ServerState};

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Runs until it is aborted.
pub(super) async fn follow(state: Arc<ServerState>) {
    let mut known = mark(&state);
    let mut interval = tokio::time::interval(LOOK_EVERY);
    loop {
        interval.tick().await;
        let now = mark(&state);
        if now.is_none() || now == known {
            continue;
        }
        let store = state.store.clone();
        // Manifests are read and hashed.
        let read = tokio::task::spawn_blocking(move || Catalog::of(&store)).await;
        if let Ok(Ok(catalog)) = read {
            state.serve_instead(catalog);
            known = now;
        }
    }
}

/// What tells one `index.json` from the next, which is another file: it is replaced whole.
fn mark(state: &ServerState) -> Option<(u64, i64, i64, u64)> {
    let metadata = fs::metadata(state.store.root().join("index.json")).ok()?;
    Some((
        metadata.ino(),
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.len(),
    ))
}
