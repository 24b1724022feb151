//! Which certificates are renewed, why, and from when to when; which should be and cannot.
//!
//! 1. Those whose whole life is short.
//! 2. Issuers that end too early for one that is renewed.
//!
//! A renewed certificate stays within its issuer's validity: what ends a little later than its issuer is cut.

use std::collections::BTreeMap;
use std::fmt;

use time::{Duration, OffsetDateTime};

use crate::moment;
use crate::survey::Survey;

/// Certificates that live no longer than this are short-lived: a day, an hour in newer feature sets.
pub const SHORT_LIVED: Duration = Duration::days(30);
/// This takes those of a year, too.
pub const ALSO_LONGER: Duration = Duration::days(366);
/// How long before now renewed certificates begin to hold: clocks of others may be a little behind.
pub const SKEW: Duration = Duration::minutes(5);
/// An issuer that leaves less than this much (per cent) of what is wanted is renewed as well.
const ENOUGH_PERCENT: i32 = 90;
/// A certificate with this much (per cent) of its life ahead is fresh: operators rotate from there on.
const FRESH_PERCENT: i32 = 80;

/// How long renewed certificates hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// As long as each did before.
    Keep,
    /// This long.
    Exactly(Duration),
    /// As long as each did before, but not shorter than this.
    AtLeast(Duration),
}

/// What to renew, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// What the clock says.
    pub now: OffsetDateTime,
    /// From when on renewed certificates hold.
    pub not_before: OffsetDateTime,
    /// How long they hold.
    pub lifetime: Lifetime,
    /// Certificates that live no longer than this are renewed.
    pub up_to: Duration,
}

/// Why a certificate is renewed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Its life is short.
    ShortLived,
    /// It signed one that is renewed, and ends too early for it.
    Signs {
        /// Whom that one is for.
        subject: String,
    },
}

/// One certificate to renew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// Index into [`Survey::certificates`].
    pub certificate: usize,
    /// Why.
    pub reason: Reason,
    /// From when on it will hold.
    pub not_before: OffsetDateTime,
    /// Until when it will hold.
    pub not_after: OffsetDateTime,
}

/// Why a certificate cannot be renewed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The private key that signed it is not there.
    IssuerKeyMissing,
    /// It is signed with an algorithm that is not supported.
    Algorithm {
        /// With dots.
        oid: String,
    },
    /// Another names it by its serial number, which would change.
    SerialNamed {
        /// Whom the other is for.
        by: String,
    },
    /// Its issuer cannot be renewed and ends.
    IssuerEnds {
        /// When.
        at: OffsetDateTime,
    },
}

/// A certificate that should be renewed and cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// Index into [`Survey::certificates`].
    pub certificate: usize,
    /// Why.
    pub why: Why,
}

/// What will be done; nothing is done yet.
#[derive(Clone, Debug)]
pub struct Plan {
    now: OffsetDateTime,
    renewals: Vec<Renewal>,
    obstacles: Vec<Obstacle>,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IssuerKeyMissing => f.write_str(
                "the private key of its issuer is not there (expected RSA of 2048 to 4096 bits, P-256 or P-384)",
            ),
            Self::Algorithm { oid } => {
                write!(f, "signatures with the algorithm {oid} cannot be made")
            }
            Self::SerialNamed { by } => {
                write!(f, "{by} names it by its serial number, which would change")
            }
            Self::IssuerEnds { at } => {
                write!(
                    f,
                    "its issuer ends at {} and cannot be renewed",
                    moment::text(*at)
                )
            }
        }
    }
}

type Window = (OffsetDateTime, OffsetDateTime);

struct Selection<'a> {
    survey: &'a Survey,
    policy: &'a Policy,
    chosen: BTreeMap<usize, Reason>,
}

impl Plan {
    /// Decides.
    pub fn new(survey: &Survey, policy: &Policy) -> Self {
        let mut selection = Selection {
            survey,
            policy,
            chosen: BTreeMap::new(),
        };
        let mut obstacles = Vec::new();
        for (index, found) in survey.certificates().iter().enumerate() {
            if found.certificate.life() <= policy.up_to {
                match obstacle(survey, index) {
                    None => drop(selection.chosen.insert(index, Reason::ShortLived)),
                    Some(why) => obstacles.push(Obstacle {
                        certificate: index,
                        why,
                    }),
                }
            }
        }
        while selection.grow() {}
        let mut renewals = Vec::new();
        for (&certificate, reason) in &selection.chosen {
            let (not_before, not_after) = selection.window(certificate, 0);
            if not_after <= policy.now {
                let why = Why::IssuerEnds { at: not_after };
                obstacles.push(Obstacle { certificate, why });
            } else {
                renewals.push(Renewal {
                    certificate,
                    reason: reason.clone(),
                    not_before,
                    not_after,
                });
            }
        }
        Self {
            now: policy.now,
            renewals,
            obstacles,
        }
    }

    /// What is renewed, in the order of [`Survey::certificates`].
    pub fn renewals(&self) -> &[Renewal] {
        &self.renewals
    }

    /// What should be renewed and cannot be.
    pub fn obstacles(&self) -> &[Obstacle] {
        &self.obstacles
    }

    /// What the clock said when it was made.
    pub fn now(&self) -> OffsetDateTime {
        self.now
    }

    /// Whether there is nothing to do yet: every certificate to renew holds, and has more than 80 % of its life ahead.
    pub fn is_fresh(&self, survey: &Survey) -> bool {
        self.renewals.iter().all(|renewal| {
            let certificate = &survey.certificates()[renewal.certificate].certificate;
            let ahead = certificate.not_after() - self.now;
            certificate.not_before() <= self.now && ahead * 100 > certificate.life() * FRESH_PERCENT
        })
    }

    /// Certificates of ours that have ended, and that this plan does not renew.
    pub fn ended<'a>(&self, survey: &'a Survey) -> Vec<&'a crate::Certificate> {
        let all = survey.certificates().iter().enumerate();
        all.filter(|(index, found)| {
            found.is_ours
                && found.certificate.not_after() <= self.now
                && self.renewals.iter().all(|r| r.certificate != *index)
        })
        .map(|(_, found)| &found.certificate)
        .collect()
    }

    /// The earliest end of a certificate of ours after the plan is carried out: from then on an installation fails. With the certificate.
    pub fn installs_until<'a>(
        &self,
        survey: &'a Survey,
    ) -> Option<(OffsetDateTime, &'a crate::Certificate)> {
        let all = survey.certificates().iter().enumerate();
        all.filter(|(_, found)| found.is_ours)
            .map(|(index, found)| {
                let renewal = self.renewals.iter().find(|r| r.certificate == index);
                let end = renewal.map_or(found.certificate.not_after(), |r| r.not_after);
                (end, &found.certificate)
            })
            .min_by_key(|(end, _)| *end)
    }

    /// The earliest end of a certificate of ours that the plan leaves as it is: from then on a renewal does not help.
    pub fn renewable_until(&self, survey: &Survey) -> Option<OffsetDateTime> {
        let all = survey.certificates().iter().enumerate();
        let left = all.filter(|(index, found)| {
            found.is_ours && self.renewals.iter().all(|r| r.certificate != *index)
        });
        left.map(|(_, found)| found.certificate.not_after()).min()
    }

    /// Number of places that change.
    pub fn places(&self, survey: &Survey) -> usize {
        let count = |renewal: &Renewal| survey.certificates()[renewal.certificate].places.len();
        self.renewals.iter().map(count).sum()
    }

    /// The plan for people, a line for each certificate.
    pub fn text(&self, survey: &Survey) -> String {
        let mut lines = Vec::new();
        for renewal in &self.renewals {
            let found = &survey.certificates()[renewal.certificate];
            let certificate = &found.certificate;
            let reason = match &renewal.reason {
                Reason::ShortLived => {
                    format!("lives for {}", moment::days_text(certificate.life()))
                }
                Reason::Signs { subject } => format!("ends too early for {subject}"),
            };
            let places = found.places.len();
            let mut line = format!(
                "renew  {} (of {}): {reason}; from {} until {}, {places} place{}",
                certificate.subject(),
                certificate.issuer(),
                moment::text(renewal.not_before),
                moment::text(renewal.not_after),
                if places == 1 { "" } else { "s" }
            );
            if !certificate.unknown_critical().is_empty() {
                let oids = certificate.unknown_critical().join(", ");
                line += &format!("; unknown critical extension {oids} kept as it is");
            }
            lines.push(line);
        }
        for obstacle in &self.obstacles {
            let certificate = &survey.certificates()[obstacle.certificate].certificate;
            lines.push(format!(
                "cannot {} (of {}, until {}): {}",
                certificate.subject(),
                certificate.issuer(),
                moment::text(certificate.not_after()),
                obstacle.why
            ));
        }
        lines.join("\n")
    }
}

/// Why a certificate of [`Survey::certificates`] cannot be renewed, if so.
pub fn obstacle(survey: &Survey, index: usize) -> Option<Why> {
    let found = &survey.certificates()[index];
    if !found.certificate.algorithm.is_supported() {
        let oid = found.certificate.algorithm.text();
        return Some(Why::Algorithm { oid });
    }
    if !survey.has_signing_key(index) {
        return Some(Why::IssuerKeyMissing);
    }
    let names_it = |other: &crate::Found| {
        other.certificate.pins_serial()
            && other.signer.as_ref() == Some(&found.certificate.key)
            && other.certificate.issuer == found.certificate.subject
    };
    let by = survey.certificates().iter().find(|other| names_it(other))?;
    let by = by.certificate.subject().to_owned();
    Some(Why::SerialNamed { by })
}

impl Selection<'_> {
    /// What the policy wants for a certificate, regardless of its issuer.
    fn wanted(&self, index: usize) -> Window {
        let before = self.survey.certificates()[index].certificate.life();
        let life = match self.policy.lifetime {
            Lifetime::Keep => before,
            Lifetime::Exactly(life) => life,
            Lifetime::AtLeast(life) => life.max(before),
        };
        // Certificates know no fractions.
        let start = self.policy.not_before.truncate_to_second();
        (start, start.saturating_add(life).truncate_to_second())
    }

    /// The validity of a certificate after the renewal. `depth` ends the way round a ring of issuers.
    fn window(&self, index: usize, depth: usize) -> Window {
        let certificate = &self.survey.certificates()[index].certificate;
        if !self.chosen.contains_key(&index) {
            return (certificate.not_before(), certificate.not_after());
        }
        let (start, end) = self.wanted(index);
        match self.issuer_window(index, depth) {
            Some((from, until)) => (start.max(from), end.min(until)),
            None => (start, end),
        }
    }

    /// The validity of the issuer that lasts longest; `None` when there is nothing to stay within.
    fn issuer_window(&self, index: usize, depth: usize) -> Option<Window> {
        const MAX_DEPTH: usize = 6;
        if depth == MAX_DEPTH || self.survey.is_self_signed(index) {
            return None;
        }
        // Twins of one key could branch at every step.
        let issuers = self.survey.issuers(index).into_iter().take(3);
        issuers
            .filter(|issuer| *issuer != index)
            .map(|issuer| self.window(issuer, depth + 1))
            .max_by_key(|(_, until)| *until)
    }

    /// Takes in one issuer that ends too early; false when none does.
    fn grow(&mut self) -> bool {
        for &index in self.chosen.keys() {
            let (start, end) = self.wanted(index);
            let Some((_, until)) = self.issuer_window(index, 0) else {
                continue;
            };
            if (until - start) * 100 >= (end - start) * ENOUGH_PERCENT {
                continue;
            }
            let issuer = self.survey.issuers(index).into_iter().find(|issuer| {
                !self.chosen.contains_key(issuer) && obstacle(self.survey, *issuer).is_none()
            });
            if let Some(issuer) = issuer {
                let subject = self.survey.certificates()[index].certificate.subject();
                let subject = subject.to_owned();
                self.chosen.insert(issuer, Reason::Signs { subject });
                return true;
            }
        }
        false
    }
}
