//! Until when a node installs with a config: as it is, and when its certificates are renewed on the device.

use time::{Duration, OffsetDateTime};

use crate::ignition::{Sources, SourcesError};
use crate::plan::{ALSO_LONGER, Lifetime, Plan, Policy};
use crate::survey::Survey;

/// Two moments from which an installation fails; `None` where nothing ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// With the certificates as they are.
    pub as_it_is: Option<OffsetDateTime>,
    /// With those renewed that live no longer than a year.
    pub renewed: Option<OffsetDateTime>,
}

impl Deadline {
    /// Of an Ignition config.
    ///
    /// # Errors
    /// [`SourcesError`].
    pub fn of_ignition(document: &[u8], now: OffsetDateTime) -> Result<Self, SourcesError> {
        let (texts, _) = Sources::read(document)?;
        Ok(Self::of(&Survey::of(texts), now))
    }

    /// Of what was found.
    pub fn of(survey: &Survey, now: OffsetDateTime) -> Self {
        let policy = Policy {
            now,
            not_before: now,
            lifetime: Lifetime::AtLeast(Duration::DAY),
            up_to: ALSO_LONGER,
        };
        let plan = Plan::new(survey, &policy);
        Self {
            as_it_is: survey.installs_until(),
            renewed: plan.renewable_until(survey),
        }
    }
}
