//! Keys: private ones as they stand in PEM, public ones as certificates hold them; signing and checking with them.
//!
//! RSA (PKCS#1, PKCS#8) and ECDSA on P-256 and P-384 (SEC1, PKCS#8): what `ring` signs with. Others are told by name.
//! Source of truth: RFC 8017 A.1 (RSA), RFC 5915 (EC), RFC 5958 (PKCS#8), RFC 5480 and 4055 (identifiers).

use std::fmt;

use ring::rand::SystemRandom;
use ring::signature::{self, EcdsaKeyPair, RsaKeyPair, UnparsedPublicKey, VerificationAlgorithm};
use zeroize::Zeroizing;

use crate::der::{
    self, BIT_STRING, Element, INTEGER, OCTET_STRING, OID, Reader, SEQUENCE, Why, single,
};

const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const P384: &[u8] = &[0x2b, 0x81, 4, 0, 34];
const SHA256_WITH_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11];
const SHA384_WITH_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 12];
const SHA512_WITH_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 13];
const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const ECDSA_WITH_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3];

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Rsa,
    P256,
    P384,
    Other,
}

/// A public key: equal for a certificate and its private key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PublicKey {
    pub(crate) kind: Kind,
    /// Of RSA an `RSAPublicKey`, of ECDSA a point; of others the whole `SubjectPublicKeyInfo`.
    bytes: Vec<u8>,
}

/// A private key that can sign.
pub(crate) struct PrivateKey {
    pub(crate) public: PublicKey,
    /// Of RSA an `RSAPrivateKey`, of ECDSA the number.
    secret: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({:?}, [redacted])", self.public.kind)
    }
}

/// The algorithm of a signature; the whole `AlgorithmIdentifier`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Algorithm {
    oid: Vec<u8>,
    pub(crate) whole: Vec<u8>,
}

impl Algorithm {
    pub(crate) fn read(element: Element<'_>) -> Result<Self, Why> {
        let mut reader = Reader::new(element.content);
        let oid = reader.expect(OID, "an algorithm has no identifier")?;
        Ok(Self {
            oid: oid.content.to_vec(),
            whole: element.whole.to_vec(),
        })
    }

    fn of(oid: &[u8]) -> Self {
        let whole = der::write(SEQUENCE, &[&der::write(OID, &[oid])]);
        let oid = oid.to_vec();
        Self { oid, whole }
    }

    /// Whether signatures with it can be checked and made.
    pub(crate) fn is_supported(&self) -> bool {
        [
            SHA256_WITH_RSA,
            SHA384_WITH_RSA,
            SHA512_WITH_RSA,
            ECDSA_WITH_SHA256,
            ECDSA_WITH_SHA384,
        ]
        .contains(&self.oid.as_slice())
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        der::dotted(&self.oid)
    }
}

impl PublicKey {
    /// Reads a `SubjectPublicKeyInfo`.
    pub(crate) fn read(info: Element<'_>) -> Result<Self, Why> {
        const WHY: Why = "the public key is not in the form of RFC 5280";
        let mut reader = Reader::new(info.content);
        let mut algorithm = Reader::new(reader.expect(SEQUENCE, WHY)?.content);
        let bits = der::bits(reader.expect(BIT_STRING, WHY)?)?;
        let oid = algorithm.expect(OID, WHY)?.content;
        let kind = match oid {
            RSA_ENCRYPTION => Kind::Rsa,
            EC_PUBLIC_KEY => curve(algorithm.optional(OID)?),
            _ => Kind::Other,
        };
        let bytes = if kind == Kind::Other {
            info.whole
        } else {
            bits
        };
        Ok(Self {
            kind,
            bytes: bytes.to_vec(),
        })
    }

    /// Whether `signature` is one of `message` by this key.
    pub(crate) fn verifies(&self, algorithm: &Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let how: &dyn VerificationAlgorithm = match (self.kind, algorithm.oid.as_slice()) {
            (Kind::Rsa, SHA256_WITH_RSA) => &signature::RSA_PKCS1_2048_8192_SHA256,
            (Kind::Rsa, SHA384_WITH_RSA) => &signature::RSA_PKCS1_2048_8192_SHA384,
            (Kind::Rsa, SHA512_WITH_RSA) => &signature::RSA_PKCS1_2048_8192_SHA512,
            (Kind::P256, ECDSA_WITH_SHA256) => &signature::ECDSA_P256_SHA256_ASN1,
            (Kind::P256, ECDSA_WITH_SHA384) => &signature::ECDSA_P256_SHA384_ASN1,
            (Kind::P384, ECDSA_WITH_SHA256) => &signature::ECDSA_P384_SHA256_ASN1,
            (Kind::P384, ECDSA_WITH_SHA384) => &signature::ECDSA_P384_SHA384_ASN1,
            _ => return false,
        };
        UnparsedPublicKey::new(how, &self.bytes)
            .verify(message, signature)
            .is_ok()
    }
}

fn curve(oid: Option<Element<'_>>) -> Kind {
    match oid.map(|element| element.content) {
        Some(P256) => Kind::P256,
        Some(P384) => Kind::P384,
        _ => Kind::Other,
    }
}

impl PrivateKey {
    /// Reads the content of a PEM block with this label: `None` if it is none of a private key.
    pub(crate) fn read(label: &str, der: &[u8]) -> Option<Result<Self, Why>> {
        Some(match label {
            "RSA PRIVATE KEY" => rsa(der),
            "EC PRIVATE KEY" => sec1(der, None),
            "PRIVATE KEY" => pkcs8(der),
            "ENCRYPTED PRIVATE KEY" => Err("it is encrypted"),
            _ => return None,
        })
    }

    /// The algorithm that this key signs with where `before` was used: the same hash for RSA, the curve's own for ECDSA.
    pub(crate) fn algorithm(&self, before: &Algorithm) -> Option<Algorithm> {
        match (self.public.kind, before.oid.as_slice()) {
            (Kind::Rsa, SHA256_WITH_RSA | SHA384_WITH_RSA | SHA512_WITH_RSA) => {
                Some(before.clone())
            }
            (Kind::P256, _) => Some(Algorithm::of(ECDSA_WITH_SHA256)),
            (Kind::P384, _) => Some(Algorithm::of(ECDSA_WITH_SHA384)),
            _ => None,
        }
    }

    /// Signs; `None` for a key that cannot.
    pub(crate) fn sign(
        &self,
        algorithm: &Algorithm,
        message: &[u8],
        random: &SystemRandom,
    ) -> Option<Vec<u8>> {
        match self.public.kind {
            Kind::Rsa => {
                let how: &dyn signature::RsaEncoding = match algorithm.oid.as_slice() {
                    SHA256_WITH_RSA => &signature::RSA_PKCS1_SHA256,
                    SHA384_WITH_RSA => &signature::RSA_PKCS1_SHA384,
                    SHA512_WITH_RSA => &signature::RSA_PKCS1_SHA512,
                    _ => return None,
                };
                let pair = RsaKeyPair::from_der(&self.secret).ok()?;
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(how, random, message, &mut signature).ok()?;
                Some(signature)
            }
            Kind::P256 | Kind::P384 => {
                let how = if self.public.kind == Kind::P256 {
                    &signature::ECDSA_P256_SHA256_ASN1_SIGNING
                } else {
                    &signature::ECDSA_P384_SHA384_ASN1_SIGNING
                };
                let pair = EcdsaKeyPair::from_private_key_and_public_key(
                    how,
                    &self.secret,
                    &self.public.bytes,
                    random,
                );
                let signature = pair.ok()?.sign(random, message).ok()?;
                Some(signature.as_ref().to_vec())
            }
            Kind::Other => None,
        }
    }
}

fn rsa(bytes: &[u8]) -> Result<PrivateKey, Why> {
    const WHY: Why = "it is not an RSA key of RFC 8017";
    let mut reader = Reader::new(single(bytes, SEQUENCE, WHY)?.content);
    reader.expect(INTEGER, WHY)?;
    let modulus = reader.expect(INTEGER, WHY)?;
    let exponent = reader.expect(INTEGER, WHY)?;
    Ok(PrivateKey {
        public: PublicKey {
            kind: Kind::Rsa,
            bytes: der::write(SEQUENCE, &[modulus.whole, exponent.whole]),
        },
        secret: Zeroizing::new(bytes.to_vec()),
    })
}

fn pkcs8(bytes: &[u8]) -> Result<PrivateKey, Why> {
    const WHY: Why = "it is not a key of RFC 5958";
    let mut reader = Reader::new(single(bytes, SEQUENCE, WHY)?.content);
    reader.expect(INTEGER, WHY)?;
    let mut algorithm = Reader::new(reader.expect(SEQUENCE, WHY)?.content);
    let inner = reader.expect(OCTET_STRING, WHY)?.content;
    match algorithm.expect(OID, WHY)?.content {
        RSA_ENCRYPTION => rsa(inner),
        EC_PUBLIC_KEY => sec1(inner, Some(curve(algorithm.optional(OID)?))),
        _ => Err("its algorithm is neither RSA nor ECDSA"),
    }
}

fn sec1(bytes: &[u8], kind: Option<Kind>) -> Result<PrivateKey, Why> {
    const WHY: Why = "it is not a key of RFC 5915";
    let mut reader = Reader::new(single(bytes, SEQUENCE, WHY)?.content);
    reader.expect(INTEGER, WHY)?;
    let number = reader.expect(OCTET_STRING, WHY)?.content;
    let parameters = reader.optional(0xa0)?;
    let kind = match (kind, parameters) {
        (Some(kind), _) => kind,
        (None, Some(parameters)) => curve(Some(Reader::new(parameters.content).next()?)),
        (None, None) => Kind::Other,
    };
    let length: usize = match kind {
        Kind::P256 => 32,
        Kind::P384 => 48,
        _ => return Err("its curve is neither P-256 nor P-384"),
    };
    let Some(public) = reader.optional(0xa1)? else {
        return Err("it comes without its public key");
    };
    let public = der::bits(single(public.content, BIT_STRING, WHY)?)?;
    if number.len() > length {
        return Err(WHY);
    }
    let mut secret = Zeroizing::new(vec![0; length]);
    secret[length - number.len()..].copy_from_slice(number);
    Ok(PrivateKey {
        public: PublicKey {
            kind,
            bytes: public.to_vec(),
        },
        secret,
    })
}
