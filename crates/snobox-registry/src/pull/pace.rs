//! How fast and when: a bound on the bytes of all streams together, and a gate that others open and close.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// At most so many bytes in a second, for all streams together.
#[derive(Debug)]
pub(super) struct Limit(Mutex<Bucket>);

impl Limit {
    pub(super) fn new(bytes_per_second: u64) -> Self {
        Self(Mutex::new(Bucket::new(bytes_per_second, Instant::now())))
    }

    /// Waits until `bytes` that came are paid for.
    pub(super) async fn pay(&self, bytes: u64) {
        let pause = {
            let mut bucket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            bucket.take(bytes, Instant::now())
        };
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
}

/// A token bucket (as in tc-tbf(8)) that may be overdrawn: who overdraws it waits.
#[derive(Debug)]
struct Bucket {
    rate: f64,
    level: f64,
    at: Instant,
}

impl Bucket {
    /// What may come at once after a pause, as a part of a second.
    const BURST: f64 = 0.1;

    fn new(bytes_per_second: u64, now: Instant) -> Self {
        Self {
            rate: bytes_per_second.max(1) as f64,
            level: 0.0,
            at: now,
        }
    }

    fn take(&mut self, bytes: u64, now: Instant) -> Duration {
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * self.rate;
        self.level = (self.level + gained).min(self.rate * Self::BURST);
        self.at = now.max(self.at);
        self.level -= bytes as f64;
        Duration::try_from_secs_f64(-self.level / self.rate).unwrap_or_default()
    }
}

/// Whether blobs may come now. When the gate closes, streams end and keep what came; when it opens, they go on.
#[derive(Clone, Debug)]
pub struct Gate(watch::Receiver<bool>);

impl Gate {
    /// A gate that is open while the last value is true. A sender that is gone leaves it as it is: at the end of a run, nothing may slip through.
    pub fn new(open: watch::Receiver<bool>) -> Self {
        Self(open)
    }

    pub(super) fn is_open(&self) -> bool {
        *self.0.borrow()
    }

    pub(super) async fn opened(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|open| *open).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whoever waits as told never gets more than the rate and one burst; and the bucket does not ask for more than is due.
        #[test]
        fn a_bucket_lets_through_its_rate_and_no_more(
            rate in 1000..50_000_000_u64,
            pieces in proptest::collection::vec((1..500_000_u64, 0..50_u64), 1..60),
        ) {
            let start = Instant::now();
            let (mut bucket, mut now, mut taken, mut idle) = (Bucket::new(rate, start), start, 0, Duration::ZERO);
            for (bytes, milliseconds) in pieces {
                now += Duration::from_millis(milliseconds);
                idle += Duration::from_millis(milliseconds);
                now += bucket.take(bytes, now);
                taken += bytes;
            }
            let seconds = (now - start).as_secs_f64();
            prop_assert!(taken as f64 <= rate as f64 * (seconds + Bucket::BURST) + 1.0);
            prop_assert!(seconds <= taken as f64 / rate as f64 + idle.as_secs_f64() + 0.001);
        }
    }

    #[tokio::test]
    async fn a_gate_is_passed_when_it_opens_and_not_because_nobody_minds_it() {
        let (sender, receiver) = watch::channel(false);
        let gate = Gate::new(receiver);
        assert!(!gate.is_open());
        let closed = tokio::time::timeout(Duration::from_millis(20), gate.opened()).await;
        assert!(closed.is_err());
        sender.send(true).unwrap();
        gate.opened().await;
        assert!(gate.is_open());
        sender.send(false).unwrap();
        drop(sender);
        assert!(!gate.is_open());
        let closed = tokio::time::timeout(Duration::from_millis(20), gate.opened()).await;
        assert!(closed.is_err());
    }
}
