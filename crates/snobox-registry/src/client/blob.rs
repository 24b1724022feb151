//! One request for a blob, or for the rest of one.
//!
//! Source of truth: OCI distribution specification 1.1, "Pulling blobs"; ranges: RFC 9110, 14 and 15.3.7. Ranges are closed
//! (`bytes=N-END`), as some storages that registries redirect to refuse open ones.

use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE};
use reqwest::{Response, StatusCode};
use snobox_formats::digest::Digest;

use super::{Client, Place, RequestError};

/// What a place sends of a blob.
#[derive(Debug)]
pub enum BlobAnswer {
    /// All of it, from its first byte on.
    Whole(Response),
    /// What is behind the byte that was asked for.
    Rest(Response),
}

impl Client {
    /// Asks `place` for a blob of `size` bytes from byte `from` on; the caller reads the body.
    ///
    /// # Errors
    /// [`RequestError`]; [`RequestError::Range`] when the place would send another part, or none.
    pub async fn blob(
        &self,
        place: &Place,
        digest: Digest,
        size: u64,
        from: u64,
    ) -> Result<BlobAnswer, RequestError> {
        let range = (from > 0).then(|| format!("bytes={from}-{}", size.saturating_sub(1)));
        let asked = self
            .get(place, &format!("blobs/{digest}"), "*/*", range.as_deref())
            .await;
        let refused = |status, why: String| RequestError::Range {
            place: place.clone(),
            status,
            why,
        };
        let response = match asked {
            Err(RequestError::Status { status: 416, .. }) if range.is_some() => {
                return Err(refused(416, "HTTP 416".to_owned()));
            }
            other => other?,
        };
        let header = |name| response.headers().get(name)?.to_str().ok();
        if response.status() == StatusCode::PARTIAL_CONTENT {
            let given = header(CONTENT_RANGE).unwrap_or("nothing about its range");
            return match content_range(given) {
                Some((first, total))
                    if from > 0 && first == from && total.is_none_or(|t| t == size) =>
                {
                    Ok(BlobAnswer::Rest(response))
                }
                _ => Err(refused(206, format!("HTTP 206 with {given:?}"))),
            };
        }
        let announced = header(CONTENT_LENGTH).and_then(|text| text.parse().ok());
        match announced {
            // One that is too short may be mended by another try, and brings what it brings.
            Some(found) if found > size => Err(RequestError::WrongSize {
                place: place.clone(),
                expected: size,
                found,
            }),
            _ => Ok(BlobAnswer::Whole(response)),
        }
    }
}

/// First byte and total of `bytes FIRST-LAST/TOTAL`; the total may be unknown.
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    let total = match total {
        "*" => None,
        number => Some(number.parse().ok()?),
    };
    (first <= last && total.is_none_or(|total| last < total)).then_some((first, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges_are_read_as_rfc_9110_writes_them() {
        assert_eq!(content_range("bytes 42-1233/1234"), Some((42, Some(1234))));
        assert_eq!(content_range("bytes 42-1233/*"), Some((42, None)));
        for wrong in [
            "bytes */1234",
            "bytes 5-4/10",
            "bytes 5-10/10",
            "bytes=1-2/3",
            "bytes 1-2",
            "items 1-2/3",
            "bytes -1-2/3",
            "",
        ] {
            assert_eq!(content_range(wrong), None, "{wrong:?}");
        }
    }
}
