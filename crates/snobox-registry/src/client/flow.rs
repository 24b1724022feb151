//! Bodies that drip: a server that sends a byte now and then would hold whoever waits for the next one for ever.

use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use reqwest::{Response, Version};

use super::{Place, RequestError};

/// A body that brings less than this in the time of a stall is one.
const TRICKLE_BYTES: u64 = 1 << 10;

/// Reads a small body whole; `too_large` says what one of more than `limit_bytes` is.
pub(super) async fn read_small(
    response: &mut Response,
    place: &Place,
    stall: Duration,
    limit_bytes: u64,
    too_large: impl FnOnce() -> RequestError,
) -> Result<Vec<u8>, RequestError> {
    let mut flow = Flow::new(stall);
    let mut bytes = Vec::new();
    loop {
        let asked = Instant::now();
        let chunk = match tokio::time::timeout(flow.patience(), response.chunk()).await {
            Err(_) => return Err(flow.stalled(place)),
            Ok(came) => came.map_err(|e| RequestError::broken(place, e))?,
        };
        let Some(chunk) = chunk else { return Ok(bytes) };
        flow.came(chunk.len() as u64, asked.elapsed());
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > limit_bytes {
            return Err(too_large());
        }
    }
}

/// Whether nothing but the end of the connection tells where the body ends (RFC 9112, 6.3): then a body that was cut short looks like a whole one.
pub(super) fn is_open_ended(response: &Response) -> bool {
    let headers = response.headers();
    response.version() <= Version::HTTP_11
        && !headers.contains_key(CONTENT_LENGTH)
        && !headers.contains_key(TRANSFER_ENCODING)
}

/// Whether a body still brings anything worth waiting for. Only time spent waiting for the place counts.
#[derive(Debug)]
pub(crate) struct Flow {
    stall: Duration,
    waited: Duration,
    bytes: u64,
}

impl Flow {
    pub(crate) fn new(stall: Duration) -> Self {
        Self {
            stall,
            waited: Duration::ZERO,
            bytes: 0,
        }
    }

    /// How long to wait for the next bytes.
    pub(crate) fn patience(&self) -> Duration {
        self.stall.saturating_sub(self.waited)
    }

    pub(crate) fn came(&mut self, bytes: u64, waited: Duration) {
        self.bytes += bytes;
        self.waited += waited;
        if self.bytes >= TRICKLE_BYTES {
            (self.bytes, self.waited) = (0, Duration::ZERO);
        }
    }

    pub(crate) fn stalled(&self, place: &Place) -> RequestError {
        RequestError::Stalled {
            place: place.clone(),
            after: self.stall,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STALL: Duration = Duration::from_secs(30);

    #[test]
    fn a_stream_that_drips_has_no_patience_left_in_the_end() {
        let mut flow = Flow::new(STALL);
        for _ in 0..6 {
            flow.came(1, Duration::from_secs(5));
        }
        assert_eq!(flow.patience(), Duration::ZERO);
        let mut flow = Flow::new(STALL);
        for _ in 0..1000 {
            flow.came(1024, Duration::from_secs(29));
        }
        assert_eq!(flow.patience(), STALL);
    }

    proptest! {
        #[test]
        fn a_kilobyte_in_time_is_always_enough(pieces in proptest::collection::vec((1..5000_u64, 0..2000_u64), 1..80)) {
            let mut flow = Flow::new(STALL);
            let (mut bytes, mut waited) = (0, Duration::ZERO);
            for (came, milliseconds) in pieces {
                let took = Duration::from_millis(milliseconds);
                (bytes, waited) = (bytes + came, waited + took);
                flow.came(came, took);
                if bytes >= 1024 {
                    (bytes, waited) = (0, Duration::ZERO);
                }
                prop_assert_eq!(flow.patience(), STALL.saturating_sub(waited));
            }
        }
    }
}
