//! Again, where a registry may answer better a moment later.

use std::future::Future;
use std::time::Duration;

use super::PullError;

/// How often one place is asked for one thing before it is given up.
const TRIES: u32 = 4;

/// Runs `attempt` until it succeeds, fails for good, or has been tried [`TRIES`] times; returns the last answer.
pub(super) async fn retried<T, F>(mut attempt: impl FnMut() -> F) -> Result<T, PullError>
where
    F: Future<Output = Result<T, PullError>>,
{
    let mut tries = 1;
    loop {
        match attempt().await {
            Err(PullError::Request(error)) if error.is_transient() && tries < TRIES => {
                tokio::time::sleep(Duration::from_millis(200 << tries)).await;
                tries += 1;
            }
            answer => return answer,
        }
    }
}
