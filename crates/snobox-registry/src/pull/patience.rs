//! Again, where a registry or the line may be better a moment later: how often, and after which pause.
//!
//! What counts is tries in a row without progress: a line that brings a little each time is never given up. A registry that has answered
//! before and cannot be reached now is behind a line that was cut, or down: other places are asked first, and if none has it, that is
//! waited for by the clock.

use std::future::Future;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::{Duration, Instant};

use super::PullError;
use crate::client::{Client, Place, RequestError};

/// Never waited for longer, whatever a registry says.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(300);

/// How long to wait and how often to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// How often one place is asked for one thing in a row without progress.
    pub tries: u32,
    /// The pause before the second try; each one after is twice as long. Half of each pause is left to chance, so that many streams
    /// that broke together do not come back together.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// How long a registry that has answered may be out of reach.
    pub outage: Duration,
    /// How long to wait for a registry that has never answered: one that is just starting, or a line that is just coming up. Waited for once, not by
    /// everybody who asks it.
    pub greeting: Duration,
    /// How long a stream may bring next to nothing.
    pub stall: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            tries: 8,
            first_pause: Duration::from_millis(200),
            longest_pause: Duration::from_secs(30),
            outage: Duration::from_secs(600),
            greeting: Duration::ZERO,
            stall: Duration::from_secs(30),
        }
    }
}

/// What a failure says about the next try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prospect {
    /// The next answer would be the same.
    Hopeless,
    /// It may work a moment later, or after the time that the registry named.
    Transient(Option<Duration>),
    /// The line is cut.
    Outage,
    /// Nobody has ever answered.
    Greeting,
}

impl Prospect {
    /// Judges a failure, as long as there are other places to ask: one that cannot be reached keeps nobody waiting. If none is left, it may
    /// be an [`Outage`].
    pub(super) fn of(error: &PullError) -> Self {
        match error {
            PullError::Request(error) => Self::of_request(error),
            _ => Self::Hopeless,
        }
    }

    fn of_request(error: &RequestError) -> Self {
        match error {
            _ if error.is_untrusted() => Self::Hopeless,
            RequestError::Broken { .. }
            | RequestError::Cut { .. }
            | RequestError::Stalled { .. }
            | RequestError::Range { .. } => Self::Transient(None),
            // A body that ended early; one that is too long is another body.
            RequestError::WrongSize {
                expected, found, ..
            } if found < expected => Self::Transient(None),
            RequestError::Status {
                status: 408 | 425 | 429 | 500 | 502..=504 | 506..,
                retry_after,
                ..
            } => Self::Transient(*retry_after),
            _ => Self::Hopeless,
        }
    }
}

impl Patience {
    /// The pause before the next try, if there is to be one: after `failed` tries in a row without progress, the first of them
    /// `silent_for` ago. `chance` is in `0.0..1.0`.
    pub(super) fn pause(
        &self,
        prospect: Prospect,
        failed: u32,
        silent_for: Duration,
        chance: f64,
    ) -> Option<Duration> {
        let (patient, named) = match prospect {
            Prospect::Hopeless => return None,
            Prospect::Transient(named) => (failed < self.tries, named),
            Prospect::Outage if self.tries <= 1 => return None,
            Prospect::Outage => (failed < self.tries || silent_for < self.outage, None),
            Prospect::Greeting => (failed < self.tries && silent_for < self.greeting, None),
        };
        let doubled = 2_u32.saturating_pow(failed.saturating_sub(1));
        let pause = self
            .first_pause
            .saturating_mul(doubled)
            .min(self.longest_pause);
        let pause = pause.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0);
        let named = named.unwrap_or_default().min(LONGEST_RETRY_AFTER);
        patient.then(|| pause.max(named))
    }
}

/// Places that cannot be reached now: those that have answered before, or a registry that nobody has met yet.
#[derive(Debug)]
pub(super) struct Outage(Tries);

/// Whom to ask again, and when.
pub(super) struct Again {
    pub(super) places: Vec<Place>,
    pub(super) pause: Duration,
}

impl Outage {
    pub(super) fn none() -> Self {
        Self(Tries::none())
    }

    /// After every place has failed: the ones worth waiting for, whose failures are taken out of `attempts`.
    pub(super) fn wait(&mut self, attempts: &mut Vec<PullError>, client: &Client) -> Option<Again> {
        let lost = |error: &PullError| match error {
            PullError::Request(error) => error
                .lost()
                .map(|(place, host)| (place.clone(), host.to_owned())),
            _ => None,
        };
        let cut = |error: &PullError| {
            let (place, host) = lost(error)?;
            client.has_answered(&host).then_some(place)
        };
        let places: Vec<Place> = attempts.iter().filter_map(cut).collect();
        if !places.is_empty() {
            let pause = self.0.pause(Prospect::Outage, client)?;
            attempts.retain(|error| cut(error).is_none());
            return Some(Again { places, pause });
        }
        let (places, hosts): (Vec<_>, Vec<_>) = attempts.iter().filter_map(lost).unzip();
        if places.len() < attempts.len() || hosts.iter().all(|host| client.is_absent(host)) {
            return None;
        }
        let Some(pause) = self.0.pause(Prospect::Greeting, client) else {
            client.note_absent(hosts);
            return None;
        };
        attempts.clear();
        Some(Again { places, pause })
    }

    /// Something came: counts anew.
    pub(super) fn progressed(&mut self) {
        self.0.progressed();
    }
}

/// Tries in a row at one place.
#[derive(Debug)]
pub(crate) struct Tries {
    failed: u32,
    since: Instant,
}

impl Tries {
    pub(crate) fn none() -> Self {
        Self {
            failed: 0,
            since: Instant::now(),
        }
    }

    /// The pause after this failure, or `None` to give up.
    pub(super) fn pause_after(&mut self, error: &PullError, client: &Client) -> Option<Duration> {
        self.pause(Prospect::of(error), client)
    }

    /// The pause after this failure of the only place there is, which is waited for when it was there before; `None` to give up.
    pub(crate) fn pause_for(&mut self, error: &RequestError, client: &Client) -> Option<Duration> {
        let prospect = match error {
            lost if lost
                .lost()
                .is_some_and(|(_, host)| client.has_answered(host)) =>
            {
                Prospect::Outage
            }
            other => Prospect::of_request(other),
        };
        self.pause(prospect, client)
    }

    fn pause(&mut self, prospect: Prospect, client: &Client) -> Option<Duration> {
        if self.failed == 0 {
            self.since = Instant::now();
        }
        self.failed += 1;
        let silent_for = self.since.elapsed();
        client
            .patience()
            .pause(prospect, self.failed, silent_for, chance())
    }

    /// Something came: counts anew.
    pub(crate) fn progressed(&mut self) {
        self.failed = 0;
    }
}

/// Runs `attempt` until it succeeds or patience ends; returns the last answer. `tell` learns of each failure that is followed by another try, and of
/// the pause before that.
pub(super) async fn retried<T, F>(
    client: &Client,
    tell: &(dyn Fn(&PullError, Duration) + Sync),
    mut attempt: impl FnMut() -> F,
) -> Result<T, PullError>
where
    F: Future<Output = Result<T, RequestError>>,
{
    let mut tries = Tries::none();
    loop {
        let error = match attempt().await {
            Ok(value) => return Ok(value),
            Err(error) => PullError::from(error),
        };
        match tries.pause_after(&error, client) {
            Some(pause) => {
                tell(&error, pause);
                tokio::time::sleep(pause).await;
            }
            None => return Err(error),
        }
    }
}

/// A number in `0.0..1.0`; the standard library seeds its hashers by the system's random numbers.
fn chance() -> f64 {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u64(0);
    (hasher.finish() >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LONG_AGO: Duration = Duration::from_secs(3600);

    fn status(status: u16, retry_after: Option<Duration>) -> PullError {
        let place = Place {
            registry: "quay.io".to_owned(),
            repository: "a/b".to_owned(),
        };
        PullError::Request(RequestError::Status {
            place,
            redirect: None,
            status,
            retry_after,
        })
    }

    const PATIENCE: Patience = Patience {
        tries: 6,
        first_pause: Duration::from_millis(500),
        longest_pause: Duration::from_secs(30),
        outage: Duration::from_secs(600),
        greeting: Duration::from_secs(10),
        stall: Duration::from_secs(30),
    };

    #[test]
    fn pauses_double_up_to_the_longest_and_end_after_the_tries() {
        let patience = PATIENCE;
        let pauses: Vec<_> = (1..=6)
            .map(|failed| {
                let pause = patience.pause(Prospect::Transient(None), failed, LONG_AGO, 1.0);
                pause.map(|pause| pause.as_millis())
            })
            .collect();
        let expected = [
            Some(500),
            Some(1000),
            Some(2000),
            Some(4000),
            Some(8000),
            None,
        ];
        assert_eq!(pauses, expected);
        let capped = patience.pause(Prospect::Outage, 40, Duration::ZERO, 1.0);
        assert_eq!(capped, Some(Duration::from_secs(30)));
    }

    #[test]
    fn a_line_that_was_cut_is_waited_for_by_the_clock() {
        let patience = PATIENCE;
        let pause =
            |seconds| patience.pause(Prospect::Outage, 99, Duration::from_secs(seconds), 0.5);
        assert!(pause(599).is_some());
        assert_eq!(pause(600), None);
    }

    #[test]
    fn a_time_that_the_registry_names_is_kept_and_bounded() {
        let patience = PATIENCE;
        let pause = |seconds| {
            let named = Some(Duration::from_secs(seconds));
            patience.pause(Prospect::Transient(named), 1, Duration::ZERO, 0.0)
        };
        assert_eq!(pause(7), Some(Duration::from_secs(7)));
        assert_eq!(pause(0), Some(Duration::from_millis(250)));
        assert_eq!(pause(86_400), Some(Duration::from_secs(300)));
    }

    #[test]
    fn only_what_may_change_is_asked_for_again() {
        for code in [408, 425, 429, 500, 502, 503, 504, 520] {
            let prospect = Prospect::of(&status(code, None));
            assert_eq!(prospect, Prospect::Transient(None), "{code}");
        }
        for code in [400, 405, 410, 416, 418, 451, 501, 505] {
            let prospect = Prospect::of(&status(code, None));
            assert_eq!(prospect, Prospect::Hopeless, "{code}");
        }
    }

    proptest! {
        #[test]
        fn a_pause_is_never_longer_than_what_was_said_and_never_half_as_short(
            failed in 1..200_u32, chance in 0.0..1.0_f64, silent in 0..10_000_u64, named in proptest::option::of(0..100_000_u64),
        ) {
            let patience = PATIENCE;
            let prospect = Prospect::Transient(named.map(Duration::from_secs));
            let pause = patience.pause(prospect, failed, Duration::from_secs(silent), chance);
            prop_assert_eq!(pause.is_some(), failed < 6);
            if let Some(pause) = pause {
                prop_assert!(pause <= Duration::from_secs(300));
                prop_assert!(pause >= Duration::from_millis(250));
                prop_assert!(pause >= Duration::from_secs(named.unwrap_or(0).min(300)));
            }
        }
    }

    #[test]
    fn chance_is_spread() {
        let values: Vec<f64> = (0..200).map(|_| chance()).collect();
        assert!(values.iter().all(|value| (0.0..1.0).contains(value)));
        assert!(values.iter().any(|value| *value < 0.4) && values.iter().any(|v| *v > 0.6));
    }
}
