//! Proof that a release is the one that somebody has signed: atomic container signatures, as clusters verify them before an update.
//!
//! A signature is an OpenPGP message, signed in one pass, most often compressed, over a document of JSON that names a manifest's digest
//! (`claim.rs`). It is proved in this order: the message is read to its end and must have just that shape; the signature must be of a key of the
//! keyring, and not have ended; the document must have no field that is not known, be of the right type, name an image, and **name the digest that
//! is wanted**. Other verifiers stop before the last step, or look whether the signature is good before they have read what it signs.
//!
//! Not here: where signatures come from, and whether one is needed. Source of truth: `openshift/library-go`, `pkg/verify`; containers/image,
//! `docs/atomic-signature.md`; RFC 4880, 5.2 to 5.4 and 11.3.

mod claim;
mod config_map;
mod message;

use std::time::{Duration, SystemTime};

use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::SignatureType;
use snobox_formats::digest::Digest;

use super::keyring::{Fingerprint, Keyring};

pub use config_map::config_map;

/// How many signatures of one release are looked at.
pub const MAX_SIGNATURES: u32 = 10;
/// Largest signature, in bytes: real ones have less than 1 KiB.
pub const MAX_SIGNATURE_BYTES: usize = 50 * 1024;

/// A signature that holds for a release. Made only by [`verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    bytes: Vec<u8>,
    release: Digest,
    /// The primary key of who signed.
    pub signer: Fingerprint,
    /// The name under which the image was signed: for people, and no place to fetch it from.
    pub reference: String,
}

impl Verified {
    /// The signature as it came.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What it holds for: the digest of the payload image's manifest.
    pub fn release(&self) -> Digest {
        self.release
    }
}

/// Why a signature does not prove anything.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// Larger than [`MAX_SIGNATURE_BYTES`], or what it unpacks to is.
    #[error("it is larger than {MAX_SIGNATURE_BYTES} bytes")]
    TooLarge,
    /// Not OpenPGP, or damaged, or cut off.
    #[error("it is no OpenPGP message, or is damaged or cut off: {why}")]
    Message {
        /// What is wrong.
        why: String,
    },
    /// Nobody whose key counts claims to have made it.
    #[error("it was made with a key that is not trusted here: {issuer}")]
    ForeignKey {
        /// Its issuer's key id, or what it says instead.
        issuer: String,
    },
    /// It is of another kind than documents are signed with, or uses a hash that can be forged.
    #[error("it is of a kind that is not accepted: {kind}")]
    Kind {
        /// Its kind.
        kind: String,
    },
    /// It claims to be of a key that counts, and does not fit to what it signs; or that key had ended, or was withdrawn.
    #[error(
        "it does not hold: what it signs, or the signature itself, was changed, or its key had ended"
    )]
    Broken,
    /// It has ended.
    #[error("it has ended: it held for {} s", lifetime.as_secs())]
    Ended {
        /// How long it held.
        lifetime: Duration,
    },
    /// What is signed is not a document of the expected form.
    #[error("what it signs is no container signature")]
    Document(#[source] serde_json::Error),
    /// What is signed is a document of another type.
    #[error("what it signs has the type {found:?}, expected {:?}", claim::TYPE)]
    Type {
        /// The type.
        found: String,
    },
    /// What is signed names no image.
    #[error("what it signs names no image")]
    NoIdentity,
    /// It holds for another image.
    #[error("it holds for another image: expected {expected}, it signs {found:?}")]
    WrongDigest {
        /// The digest wanted.
        expected: Digest,
        /// The digest signed.
        found: String,
    },
}

/// Proves that `signature` holds for the manifest with the digest `release`, by a key of `keyring`, at the moment `now`.
///
/// # Errors
/// [`SignatureError`], of the first step that fails.
pub fn verify(
    signature: &[u8],
    release: Digest,
    keyring: &Keyring,
    now: SystemTime,
) -> Result<Verified, SignatureError> {
    let (body, made) = message::read(signature)?;
    let config = made.config().ok_or_else(|| SignatureError::Kind {
        kind: format!("version {:?}", made.version()),
    })?;
    if config.typ() != SignatureType::Binary {
        return Err(SignatureError::Kind {
            kind: format!("{:?}", config.typ()),
        });
    }
    let strong = [
        HashAlgorithm::Sha256,
        HashAlgorithm::Sha384,
        HashAlgorithm::Sha512,
        HashAlgorithm::Sha3_256,
        HashAlgorithm::Sha3_512,
    ];
    if !strong.contains(&config.hash_alg) {
        return Err(SignatureError::Kind {
            kind: config.hash_alg.to_string(),
        });
    }
    let signer = keyring.signer(&made, &body).ok_or_else(|| {
        if keyring.is_named_by(&made) {
            return SignatureError::Broken;
        }
        let issuers = made.issuer_key_id();
        let issuer = issuers.first().map(ToString::to_string);
        SignatureError::ForeignKey {
            issuer: issuer.map_or_else(|| "it names none".to_owned(), |id| id.to_uppercase()),
        }
    })?;
    let lifetime = made
        .signature_expiration_time()
        .map(Duration::from)
        .filter(|lifetime| !lifetime.is_zero());
    if let (Some(lifetime), Some(created)) = (lifetime, made.created())
        && SystemTime::from(created) + lifetime < now
    {
        return Err(SignatureError::Ended { lifetime });
    }
    let reference = claim::check(&body, release)?;
    Ok(Verified {
        bytes: signature.to_owned(),
        release,
        signer,
        reference,
    })
}
