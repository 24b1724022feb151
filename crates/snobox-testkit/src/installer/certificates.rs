//! Issues X.509 v3 certificates (RFC 5280).
//!
//! Written out rather than taken from a library, because the subject of the node bootstrapper has one relative name with
//! two organizations (`O=… + O=…`), which `rcgen`'s names cannot say, and a practice ignition without it would not test
//! what a real one does to a re-issuer.

use super::InstallerError;
use super::der::{
    bit_string, integer, octet_string, oid, printable, sequence, set_of, time, tlv, yes,
};
use super::keys::{Key, pem};
use ::time::{Duration, OffsetDateTime};
use rsa::rand_core::{OsRng, RngCore as _};
use std::net::Ipv4Addr;

/// `sha256WithRSAEncryption`, 1.2.840.113549.1.1.11
const SHA256_WITH_RSA: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b];
const SERVER_AUTH: [u8; 8] = [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];
const CLIENT_AUTH: [u8; 8] = [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02];

const SUBJECT_KEY_IDENTIFIER: u8 = 14;
const KEY_USAGE: u8 = 15;
const SUBJECT_ALTERNATIVE_NAME: u8 = 17;
const BASIC_CONSTRAINTS: u8 = 19;
const AUTHORITY_KEY_IDENTIFIER: u8 = 35;
const EXTENDED_KEY_USAGE: u8 = 37;

/// A subject: organizations form one relative name, as Go's `crypto/x509` writes them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject {
    pub(super) organizations: &'static [&'static str],
    pub(super) unit: Option<&'static str>,
    pub(super) common_name: &'static str,
}

impl Subject {
    fn to_der(self) -> Vec<u8> {
        let attribute =
            |kind: u8, text: &str| sequence(&[oid(&[0x55, 0x04, kind]), printable(text)]);
        let mut names = Vec::new();
        if !self.organizations.is_empty() {
            names.push(set_of(
                self.organizations
                    .iter()
                    .map(|name| attribute(10, name))
                    .collect(),
            ));
        }
        if let Some(unit) = self.unit {
            names.push(set_of(vec![attribute(11, unit)]));
        }
        names.push(set_of(vec![attribute(3, self.common_name)]));
        sequence(&names)
    }
}

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Signs others.
    Authority,
    /// TLS server.
    Server,
    /// TLS server, without the key usage extension: the installer leaves it out for the machine config server.
    ServerAnyUse,
    /// TLS client.
    Client,
    /// Both.
    ServerAndClient,
}

/// A name in the subject alternative name extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AlternativeName {
    Dns(String),
    Address4(Ipv4Addr),
    /// `::1`
    Loopback6,
}

/// A certificate to be issued.
pub(super) struct Request<'a> {
    pub(super) subject: Subject,
    pub(super) purpose: Purpose,
    pub(super) names: Vec<AlternativeName>,
    pub(super) key: &'a Key,
    /// Absent: self-signed, valid from `now`. Present: valid from where the issuer is.
    pub(super) issuer: Option<&'a Issued>,
}

/// A certificate with its key.
#[derive(Clone)]
pub(super) struct Issued {
    subject: Subject,
    pub(super) key: Key,
    pub(super) not_before: OffsetDateTime,
    pub(super) not_after: OffsetDateTime,
    pub(super) pem: String,
}

impl Issued {
    /// Takes up a certificate that was issued earlier.
    pub(super) fn again(
        subject: Subject,
        key: Key,
        validity: (OffsetDateTime, OffsetDateTime),
        pem: String,
    ) -> Self {
        Self {
            subject,
            key,
            not_before: validity.0,
            not_after: validity.1,
            pem,
        }
    }
}

/// Issues a certificate that ends `life` after `now`.
///
/// # Errors
/// [`InstallerError::Key`] if a key cannot be encoded or cannot sign.
pub(super) fn issue(
    request: &Request<'_>,
    now: OffsetDateTime,
    life: Duration,
) -> Result<Issued, InstallerError> {
    let not_before = request.issuer.map_or(now, |issuer| issuer.not_before);
    let not_after = now + life;
    let signer = request.issuer.map_or(request.key, |issuer| &issuer.key);
    let issuer_subject = request
        .issuer
        .map_or(request.subject, |issuer| issuer.subject);
    let algorithm = sequence(&[oid(&SHA256_WITH_RSA), super::der::null()]);
    // 63 bits, never zero.
    let serial = (OsRng.next_u64() >> 1) | 1;
    let body = sequence(&[
        tlv(0xa0, &integer(&[2])),
        integer(&serial.to_be_bytes()),
        algorithm.clone(),
        issuer_subject.to_der(),
        sequence(&[time(not_before), time(not_after)]),
        request.subject.to_der(),
        request.key.public_info()?,
        tlv(0xa3, &extensions(request)?),
    ]);
    let signature = signer.sign(&body)?;
    let der = sequence(&[body, algorithm, bit_string(0, &signature)]);
    Ok(Issued {
        subject: request.subject,
        key: request.key.clone(),
        not_before,
        not_after,
        pem: pem("CERTIFICATE", &der),
    })
}

fn extensions(request: &Request<'_>) -> Result<Vec<u8>, InstallerError> {
    let mut list = Vec::new();
    let mut add = |kind: u8, critical: bool, value: Vec<u8>| {
        let mut parts = vec![oid(&[0x55, 0x1d, kind])];
        if critical {
            parts.push(yes());
        }
        parts.push(octet_string(&value));
        list.push(sequence(&parts));
    };
    // digitalSignature and keyEncipherment; an authority has keyCertSign too.
    match request.purpose {
        Purpose::Authority => add(KEY_USAGE, true, bit_string(2, &[0xa4])),
        Purpose::ServerAnyUse => {}
        Purpose::Server | Purpose::Client | Purpose::ServerAndClient => {
            add(KEY_USAGE, true, bit_string(5, &[0xa0]))
        }
    }
    let uses: &[[u8; 8]] = match request.purpose {
        Purpose::Authority => &[],
        Purpose::Server | Purpose::ServerAnyUse => &[SERVER_AUTH],
        Purpose::Client => &[CLIENT_AUTH],
        Purpose::ServerAndClient => &[SERVER_AUTH, CLIENT_AUTH],
    };
    if !uses.is_empty() {
        let uses: Vec<_> = uses.iter().map(|purpose| oid(purpose)).collect();
        add(EXTENDED_KEY_USAGE, false, sequence(&uses));
    }
    let constraints = if request.purpose == Purpose::Authority {
        vec![yes()]
    } else {
        vec![]
    };
    add(BASIC_CONSTRAINTS, true, sequence(&constraints));
    add(
        SUBJECT_KEY_IDENTIFIER,
        false,
        octet_string(&request.key.identifier()?),
    );
    if let Some(issuer) = request.issuer {
        add(
            AUTHORITY_KEY_IDENTIFIER,
            false,
            sequence(&[tlv(0x80, &issuer.key.identifier()?)]),
        );
    }
    if !request.names.is_empty() {
        let names: Vec<_> = request.names.iter().map(alternative_name).collect();
        add(SUBJECT_ALTERNATIVE_NAME, false, sequence(&names));
    }
    Ok(sequence(&list))
}

fn alternative_name(name: &AlternativeName) -> Vec<u8> {
    match name {
        AlternativeName::Dns(name) => tlv(0x82, name.as_bytes()),
        AlternativeName::Address4(address) => tlv(0x87, &address.octets()),
        AlternativeName::Loopback6 => tlv(0x87, &std::net::Ipv6Addr::LOCALHOST.octets()),
    }
}
