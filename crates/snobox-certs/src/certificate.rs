//! One certificate: what is read of it, and where its parts are, so that others can be put in their place.
//!
//! ```text
//! SEQUENCE { SEQUENCE { [0] version, serial, algorithm, issuer, validity, subject, public key, …, [3] extensions }, algorithm, signature }
//!                       └── head ──┘ new     new        kept    new       └───────────── rest: kept ─────────────┘  new        new
//! ```
//!
//! Source of truth: RFC 5280, 4.1 and 4.2.

use std::fmt;

use time::{Duration, OffsetDateTime};

use crate::der::{
    self, BIT_STRING, BOOLEAN, INTEGER, OCTET_STRING, OID, Reader, SEQUENCE, Why, single,
};
use crate::key::{Algorithm, PublicKey};
use crate::{moment, name};

const SUBJECT_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 14];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 19];
const AUTHORITY_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 35];
/// Extensions that RFC 5280 defines, below 2.5.29.
const KNOWN: [u8; 15] = [9, 14, 15, 17, 18, 19, 30, 31, 32, 33, 35, 36, 37, 46, 54];

/// A certificate as it was read.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    pub(crate) der: Vec<u8>,
    pub(crate) serial: Vec<u8>,
    /// The name of its issuer, as DER.
    pub(crate) issuer: Vec<u8>,
    pub(crate) subject: Vec<u8>,
    pub(crate) key: PublicKey,
    pub(crate) algorithm: Algorithm,
    pub(crate) version: Vec<u8>,
    pub(crate) rest: Vec<u8>,
    signed: Vec<u8>,
    signature: Vec<u8>,
    subject_text: String,
    issuer_text: String,
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
    extensions: Extensions,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Extensions {
    is_authority: bool,
    subject_key: Option<Vec<u8>>,
    authority_key: Option<Vec<u8>>,
    authority_serial: Option<Vec<u8>>,
    unknown_critical: Vec<String>,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let until = moment::text(self.not_after);
        write!(f, "Certificate({}, until {until})", self.subject_text)
    }
}

impl Certificate {
    /// Reads DER.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Why> {
        const WHY: Why = "it is not a certificate of RFC 5280";
        let mut outer = Reader::new(single(bytes, SEQUENCE, WHY)?.content);
        let signed = outer.expect(SEQUENCE, WHY)?;
        let outer_algorithm = outer.expect(SEQUENCE, WHY)?;
        let signature = der::bits(outer.expect(BIT_STRING, WHY)?)?;
        let mut body = Reader::new(signed.content);
        let version = body.optional(0xa0)?.map_or(&[][..], |v| v.whole);
        let serial = body.expect(INTEGER, WHY)?;
        let algorithm = body.expect(SEQUENCE, WHY)?;
        if algorithm.whole != outer_algorithm.whole || !outer.is_empty() {
            return Err("it names two algorithms for one signature");
        }
        let issuer = body.expect(SEQUENCE, WHY)?;
        let mut validity = Reader::new(body.expect(SEQUENCE, WHY)?.content);
        let not_before = moment::read(validity.next()?)?;
        let not_after = moment::read(validity.next()?)?;
        let rest = body.rest();
        let subject = body.expect(SEQUENCE, WHY)?;
        let key = PublicKey::read(body.expect(SEQUENCE, WHY)?)?;
        let mut extensions = Extensions::default();
        while !body.is_empty() {
            let part = body.next()?;
            if part.tag == 0xa3 {
                extensions = Extensions::read(single(part.content, SEQUENCE, WHY)?.content)?;
            }
        }
        Ok(Self {
            der: bytes.to_vec(),
            serial: serial.content.to_vec(),
            issuer: issuer.whole.to_vec(),
            subject: subject.whole.to_vec(),
            key,
            algorithm: Algorithm::read(algorithm)?,
            version: version.to_vec(),
            rest: rest.to_vec(),
            signed: signed.whole.to_vec(),
            signature: signature.to_vec(),
            subject_text: name::text(subject.content)?,
            issuer_text: name::text(issuer.content)?,
            not_before,
            not_after,
            extensions,
        })
    }

    /// Whom it is for, `CN=kubelet-signer,OU=openshift`.
    pub fn subject(&self) -> &str {
        &self.subject_text
    }

    /// Who signed it, by name.
    pub fn issuer(&self) -> &str {
        &self.issuer_text
    }

    /// From when on it holds.
    pub fn not_before(&self) -> OffsetDateTime {
        self.not_before
    }

    /// Until when it holds.
    pub fn not_after(&self) -> OffsetDateTime {
        self.not_after
    }

    /// From its first moment to its last.
    pub fn life(&self) -> Duration {
        self.not_after - self.not_before
    }

    /// Whether it says that it signs others.
    pub fn is_authority(&self) -> bool {
        self.extensions.is_authority
    }

    /// Critical extensions that RFC 5280 does not define, with dots; they are kept as they are.
    pub fn unknown_critical(&self) -> &[String] {
        &self.extensions.unknown_critical
    }

    /// Whether `key` signed it.
    pub(crate) fn is_signed_by(&self, key: &PublicKey) -> bool {
        key.verifies(&self.algorithm, &self.signed, &self.signature)
    }

    /// Whether it says of itself that `other` may have signed it: a hint in which order to try keys, never a proof.
    pub(crate) fn hints_at(&self, other: &Self) -> bool {
        let ours = &self.extensions.authority_key;
        self.issuer == other.subject && (ours.is_none() || *ours == other.extensions.subject_key)
    }

    /// Whether it names its issuer's certificate by serial number.
    pub(crate) fn pins_serial(&self) -> bool {
        self.extensions.authority_serial.is_some()
    }
}

impl Extensions {
    fn read(content: &[u8]) -> Result<Self, Why> {
        const WHY: Why = "an extension is not in the form of RFC 5280";
        let mut found = Self::default();
        let mut reader = Reader::new(content);
        while !reader.is_empty() {
            let mut extension = Reader::new(reader.expect(SEQUENCE, WHY)?.content);
            let oid = extension.expect(OID, WHY)?.content;
            let critical = extension.optional(BOOLEAN)?;
            let critical = critical.is_some_and(|flag| flag.content != [0]);
            let value = extension.expect(OCTET_STRING, WHY)?.content;
            match oid {
                SUBJECT_KEY_IDENTIFIER => {
                    found.subject_key = Some(single(value, OCTET_STRING, WHY)?.content.to_vec());
                }
                BASIC_CONSTRAINTS => {
                    let mut parts = Reader::new(single(value, SEQUENCE, WHY)?.content);
                    let flag = parts.optional(BOOLEAN)?;
                    found.is_authority = flag.is_some_and(|flag| flag.content != [0]);
                }
                AUTHORITY_KEY_IDENTIFIER => {
                    let mut parts = Reader::new(single(value, SEQUENCE, WHY)?.content);
                    found.authority_key = parts.optional(0x80)?.map(|e| e.content.to_vec());
                    parts.optional(0xa1)?;
                    found.authority_serial = parts.optional(0x82)?.map(|e| e.content.to_vec());
                }
                [0x55, 0x1d, kind] if KNOWN.contains(kind) => {}
                _ if critical => found.unknown_critical.push(der::dotted(oid)),
                _ => {}
            }
        }
        Ok(found)
    }
}
