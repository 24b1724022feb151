//! Keys that releases may be signed with: read out of armored text, and trusted by their fingerprints.
//!
//! What a text brings is trusted only as far as [`Keyring::only`] lets it: Red Hat's key comes out of the payload itself (the file
//! [`VERIFICATION_KEYS`]), and counts because its fingerprint is the one that is pinned here. Keys that a site names by file count whatever their
//! fingerprints are. A subkey signs for its key when that key says so and the subkey says so, too (RFC 4880, 5.2.1 and 11.1).
//!
//! Source of truth: RFC 4880 and 9580; openshift/cluster-update-keys, `manifests.rhel`; `openshift/library-go`, `pkg/verify`.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use pgp::composed::{Deserializable as _, SignedPublicKey, SignedPublicSubKey};
use pgp::packet::{PublicSubkey, Signature, SignatureType};
use pgp::types::{KeyDetails as _, Tag};

/// Path, in a payload image, of the ConfigMap that tells a cluster by which keys releases are verified.
pub const VERIFICATION_KEYS: &str = "release-manifests/0000_90_cluster-update-keys_configmap.yaml";

/// Fingerprints of the keys that releases of [`OFFICIAL_REPOSITORIES`] are signed with: "Red Hat, Inc. (release key 2)".
pub const OFFICIAL_KEYS: [Fingerprint; 1] = [Fingerprint([
    0x56, 0x7e, 0x34, 0x7a, 0xd0, 0x04, 0x4a, 0xde, 0x55, 0xba, 0x8a, 0x5f, 0x19, 0x9e, 0x2f, 0x91,
    0xfd, 0x43, 0x1d, 0x51,
])];

/// Where Red Hat publishes releases.
pub const OFFICIAL_REPOSITORIES: &str = "quay.io/openshift-release-dev/";

const BEGIN: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
const END: &str = "-----END PGP PUBLIC KEY BLOCK-----";

/// The fingerprint of a key of version 4: 20 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 20]);

impl Fingerprint {
    fn of(key: &SignedPublicKey) -> Option<Self> {
        key.fingerprint().as_bytes().try_into().ok().map(Self)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is not a fingerprint: it is not 40 hexadecimal digits, with or without spaces between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint has 40 hexadecimal digits")]
pub struct ParseFingerprintError;

impl FromStr for Fingerprint {
    type Err = ParseFingerprintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b' ').collect();
        let mut bytes = [0; 20];
        if digits.len() != 2 * bytes.len() || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(ParseFingerprintError);
        }
        let value = |digit: u8| char::from(digit).to_digit(16).unwrap_or_default() as u8;
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = value(pair[0]) << 4 | value(pair[1]);
        }
        Ok(Self(bytes))
    }
}

/// Why a text brings no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It has no armored key.
    #[error("no OpenPGP key in ASCII armor ({BEGIN})")]
    NoKey,
    /// An armored key cannot be read.
    #[error("the OpenPGP key number {number} cannot be read")]
    Unreadable {
        /// Which of the blocks; counts from 1.
        number: usize,
        /// What is wrong with it.
        source: Box<pgp::errors::Error>,
    },
    /// A key of another version than 4 has another kind of fingerprint.
    #[error("the OpenPGP key number {number} is not of version 4")]
    Version {
        /// Which of the blocks; counts from 1.
        number: usize,
    },
}

/// Keys that count.
#[derive(Clone, Default)]
pub struct Keyring {
    keys: Vec<SignedPublicKey>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.fingerprints()).finish()
    }
}

impl Keyring {
    /// All keys of a text: armored blocks, each with one key or several, and whatever stands around them. Lines may be indented, as they
    /// are in a ConfigMap.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn read(text: &str) -> Result<Self, KeyError> {
        let mut keys = Vec::new();
        for (index, block) in blocks(text).enumerate() {
            let number = index + 1;
            let unreadable = |source| KeyError::Unreadable {
                number,
                source: Box::new(source),
            };
            let (found, _) =
                SignedPublicKey::from_armor_many(block.as_bytes()).map_err(unreadable)?;
            for key in found {
                let key = key.map_err(unreadable)?;
                Fingerprint::of(&key).ok_or(KeyError::Version { number })?;
                keys.push(key);
            }
        }
        if keys.is_empty() {
            return Err(KeyError::NoKey);
        }
        Ok(Self { keys })
    }

    /// Those of its keys that have one of these fingerprints.
    #[must_use]
    pub fn only(mut self, trusted: &[Fingerprint]) -> Self {
        self.keys
            .retain(|key| Fingerprint::of(key).is_some_and(|print| trusted.contains(&print)));
        self
    }

    /// Takes in the keys of another one.
    pub fn add(&mut self, other: Self) {
        self.keys.extend(other.keys);
    }

    /// Whether no key counts.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The fingerprints of its primary keys, in the order in which they came.
    pub fn fingerprints(&self) -> impl Iterator<Item = Fingerprint> + '_ {
        self.keys.iter().filter_map(Fingerprint::of)
    }

    /// The key whose signature this is, over this body; `None` when it is of none of them.
    pub(super) fn signer(&self, signature: &Signature, body: &[u8]) -> Option<Fingerprint> {
        let made = SystemTime::from(signature.created()?);
        let signed = |key: &&SignedPublicKey| {
            let word = newest_word(key);
            let alive =
                word.is_none_or(|word| lives(key.primary_key.created_at().into(), word, made));
            if is_revoked(key) || !alive {
                return false;
            }
            (word.is_none_or(may_sign) && signature.verify(&key.primary_key, body).is_ok())
                || signing_subkeys(key, made).any(|subkey| signature.verify(subkey, body).is_ok())
        };
        self.keys.iter().find(signed).and_then(Fingerprint::of)
    }

    /// Whether a signature says that one of the keys, or of their subkeys, has made it.
    pub(super) fn is_named_by(&self, signature: &Signature) -> bool {
        let ids = signature.issuer_key_id();
        let prints = signature.issuer_fingerprint();
        let named = |id, print| ids.contains(&&id) || prints.contains(&&print);
        self.keys.iter().any(|key| {
            let subkeys = key.public_subkeys.iter().map(|subkey| &subkey.key);
            named(key.legacy_key_id(), key.fingerprint())
                || subkeys
                    .into_iter()
                    .any(|subkey| named(subkey.legacy_key_id(), subkey.fingerprint()))
        })
    }
}

/// Armored blocks without the indentation of their lines.
fn blocks(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(BEGIN).skip(1).map(|rest| {
        let body = rest.split(END).next().unwrap_or_default();
        let lines = body.lines().map(str::trim).collect::<Vec<_>>().join("\n");
        format!("{BEGIN}{lines}\n{END}\n")
    })
}

fn is_revoked(key: &SignedPublicKey) -> bool {
    let revocations = &key.details.revocation_signatures;
    revocations
        .iter()
        .any(|revocation| revocation.verify_key(&key.primary_key).is_ok())
}

/// What a primary key says about itself last; it may say nothing.
fn newest_word(key: &SignedPublicKey) -> Option<&Signature> {
    let primary = &key.primary_key;
    let certifications = key.details.users.iter().flat_map(|user| {
        let own = |signature: &&Signature| {
            signature.typ() != Some(SignatureType::CertRevocation)
                && signature
                    .verify_certification(primary, Tag::UserId, &user.id)
                    .is_ok()
        };
        user.signatures.iter().filter(own)
    });
    let direct = key.details.direct_signatures.iter();
    direct
        .filter(|signature| signature.verify_key(primary).is_ok())
        .chain(certifications)
        .max_by_key(|signature| signature.created())
}

/// Whether a key that says this of itself signs: where it does not say what it is for, it is for everything.
fn may_sign(word: &Signature) -> bool {
    let flags = word.key_flags();
    let says = flags.certify() || flags.encrypt_comms() || flags.encrypt_storage();
    flags.sign() || !says
}

/// Subkeys that signed for their key at that moment.
fn signing_subkeys(
    key: &SignedPublicKey,
    made: SystemTime,
) -> impl Iterator<Item = &PublicSubkey> + '_ {
    let bound = move |subkey: &&SignedPublicSubKey| {
        let signatures = &subkey.signatures;
        let is_revoked = signatures
            .iter()
            .any(|signature| signature.typ() == Some(SignatureType::SubkeyRevocation));
        let binds = |signature: &&Signature| {
            signature.key_flags().sign()
                && signature
                    .verify_subkey_binding(&key.primary_key, &subkey.key)
                    .is_ok()
                && signature.embedded_signature().is_some_and(|back| {
                    back.verify_primary_key_binding(&subkey.key, &key.primary_key)
                        .is_ok()
                })
        };
        let newest = signatures
            .iter()
            .filter(binds)
            .max_by_key(|signature| signature.created());
        !is_revoked && newest.is_some_and(|word| lives(subkey.key.created_at().into(), word, made))
    };
    key.public_subkeys
        .iter()
        .filter(bound)
        .map(|subkey| &subkey.key)
}

/// Whether a key that was made at `born`, and of which `word` says how long it lives, was alive at that moment.
fn lives(born: SystemTime, word: &Signature, at: SystemTime) -> bool {
    let lifetime = word
        .key_expiration_time()
        .map(Duration::from)
        .filter(|lifetime| !lifetime.is_zero());
    lifetime.is_none_or(|lifetime| at < born + lifetime)
}
