//! One request for a small document that lies beside registries on an ordinary web server, such as the signature of a release.

use reqwest::Url;
use reqwest::header::ACCEPT;

use super::flow::read_small;
use super::{Client, Place, RequestError, check};

impl Client {
    /// Fetches a document of at most `limit_bytes`, of a media type that `accept` names. Credentials of registries are never sent along.
    ///
    /// # Errors
    /// [`RequestError`]; [`RequestError::NotFound`] for 404 alone.
    pub async fn document(
        &self,
        url: &Url,
        accept: &str,
        limit_bytes: u64,
    ) -> Result<Vec<u8>, RequestError> {
        let place = place(url);
        let request = self.http(&place).get(url.clone()).header(ACCEPT, accept);
        let request = request.build();
        let request = request.map_err(|e| RequestError::broken(&place, e))?;
        let mut response = check(&place, self.follow(&place, request).await?)?;
        let too_large = || RequestError::TooLarge {
            place: place.clone(),
            limit_bytes,
        };
        let stall = self.patience().stall;
        read_small(&mut response, &place, stall, limit_bytes, too_large).await
    }
}

/// Whether a JSON document ends within itself.
pub(super) fn ends_early(bytes: &[u8]) -> bool {
    let parsed = serde_json::from_slice::<serde::de::IgnoredAny>(bytes);
    parsed.is_err_and(|error| error.is_eof())
}

/// The server and the path of a URL, as messages name them: without a query or a user's name.
fn place(url: &Url) -> Place {
    let host = url.host_str().unwrap_or_default();
    let registry = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    Place {
        registry,
        repository: url.path().trim_start_matches('/').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_ends_early_where_more_must_come_and_nowhere_else() {
        let whole = r#"{"schemaVersion":2,"layers":[]}"#;
        for bytes in 0..whole.len() {
            assert!(ends_early(&whole.as_bytes()[..bytes]), "{bytes}");
        }
        for other in [whole, "{}\n", "{]", "hello"] {
            assert!(!ends_early(other.as_bytes()), "{other}");
        }
    }
}
