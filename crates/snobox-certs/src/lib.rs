//! Bootstrap certificates: find them, plan their renewal, re-issue them with the keys that are there, prove the result.
//!
//! An ignition of `openshift-install` carries certificates that live for a day, and every key that signed them. The way of the data:
//!
//! ```text
//! Text… ──Survey::of──▶ Survey ──Plan::new──▶ Plan ──renew──▶ Renewed     (bytes of each text that changes)
//!   ▲                     every certificate, key and copy;     │  signs, replaces every copy, reads all of it back and compares;
//!   │                     who signed whom, by key              ▼  what does not verify is not handed out
//! a folder, or ignition::Sources ◀──────────────────── Sources::replace
//! ```
//!
//! A renewed certificate has a new serial number, validity and signature; subject, issuer, public key and every extension stay byte for byte, so that
//! whatever refers to it by key goes on to hold. Pure: time and randomness are passed in. Private keys never leave this crate, except in the texts that
//! held them; memory that held them is wiped. Not for making keys or new certificates, and not for deciding whether a certificate is to be trusted.
//!
//! Source of truth: RFC 5280 (certificates), RFC 7468 (PEM), RFC 5958, 5915 and 8017 (keys).

mod certificate;
mod deadline;
mod der;
pub mod ignition;
mod key;
mod layer;
mod moment;
mod name;
mod pem;
mod plan;
mod proof;
mod reissue;
mod survey;

pub use certificate::Certificate;
pub use deadline::Deadline;
pub use moment::{days_text, text as moment_text};
pub use plan::{
    ALSO_LONGER, Lifetime, Obstacle, Plan, Policy, Reason, Renewal, SHORT_LIVED, SKEW, Why,
    obstacle,
};
pub use reissue::{RenewError, Renewed, renew};
/// The randomness that signatures and serial numbers need: the system's.
pub use ring::rand::SystemRandom;
pub use survey::{Found, Place, Survey, Text, Unreadable};
/// Bytes that are wiped when they are dropped.
pub use zeroize::Zeroizing;
