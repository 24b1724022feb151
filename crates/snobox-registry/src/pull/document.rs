//! A small document from a web server, with the same patience as everything else.

use super::patience::retried;
use super::{Failure, PullError};
use crate::client::{Client, RequestError, Url};

/// Fetches the document at `url` (`http` or `https`) in a media type that `accept` names, at most `limit_bytes`; `None` when the server says that it has none there.
///
/// # Errors
/// [`Failure`]: also for a server that cannot be reached, which has not said that.
pub async fn document(
    client: &Client,
    url: &Url,
    accept: &str,
    limit_bytes: u64,
) -> Result<Option<Vec<u8>>, Failure> {
    match retried(client, &|_, _| {}, || {
        client.document(url, accept, limit_bytes)
    })
    .await
    {
        Ok(bytes) => Ok(Some(bytes)),
        Err(PullError::Request(RequestError::NotFound { .. })) => Ok(None),
        Err(error) => Err(Failure {
            what: url.to_string(),
            attempts: vec![error],
        }),
    }
}
