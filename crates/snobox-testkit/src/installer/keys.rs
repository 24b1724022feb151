//! RSA-2048 keys in the forms that the installer writes: PKCS#1 PEM, the public half for OpenSSH.

use super::InstallerError;
use super::der::{bit_string, null, oid, sequence};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsa::pkcs1::{
    DecodeRsaPrivateKey as _, EncodeRsaPrivateKey as _, EncodeRsaPublicKey as _, LineEnding,
};
use rsa::rand_core::OsRng;
use rsa::traits::PublicKeyParts as _;
use rsa::{Pkcs1v15Sign, RsaPrivateKey};
use sha2::{Digest as _, Sha256};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

const BITS: usize = 2048;
/// `rsaEncryption`, 1.2.840.113549.1.1.1
const RSA_ENCRYPTION: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// `DigestInfo` of a SHA-256 hash up to the hash itself (RFC 8017, 9.2 note 1).
const SHA256_DIGEST_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

/// A private key.
#[derive(Clone)]
pub(super) struct Key(RsaPrivateKey);

impl Key {
    /// `count` fresh keys, made on all available cores.
    ///
    /// # Errors
    /// [`InstallerError::Key`] if the system gives no randomness.
    pub(super) fn generate(count: usize) -> Result<Vec<Self>, InstallerError> {
        let started = AtomicUsize::new(0);
        let make = || {
            let mut keys = Vec::new();
            while started.fetch_add(1, Ordering::Relaxed) < count {
                keys.push(Self(RsaPrivateKey::new(&mut OsRng, BITS)?));
            }
            Ok::<_, rsa::Error>(keys)
        };
        let threads = thread::available_parallelism()
            .map_or(1, usize::from)
            .min(count);
        let mut keys = Vec::with_capacity(count);
        thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(make)).collect();
            for worker in workers {
                let made = worker.join().unwrap_or(Err(rsa::Error::Internal));
                keys.extend(made.map_err(InstallerError::key)?);
            }
            Ok(keys)
        })
    }

    /// Reads what [`Key::to_pem`] wrote.
    ///
    /// # Errors
    /// [`InstallerError::Key`] if it is not a PKCS#1 key.
    pub(super) fn from_pem(text: &str) -> Result<Self, InstallerError> {
        RsaPrivateKey::from_pkcs1_pem(text)
            .map(Self)
            .map_err(InstallerError::key)
    }

    /// `-----BEGIN RSA PRIVATE KEY-----`
    ///
    /// # Errors
    /// [`InstallerError::Key`] if the key cannot be encoded.
    pub(super) fn to_pem(&self) -> Result<String, InstallerError> {
        let document = self
            .0
            .to_pkcs1_pem(LineEnding::LF)
            .map_err(InstallerError::key)?;
        Ok(document.to_string())
    }

    /// The public half as PKCS#1 DER.
    fn public_pkcs1(&self) -> Result<Vec<u8>, InstallerError> {
        let document = self
            .0
            .to_public_key()
            .to_pkcs1_der()
            .map_err(InstallerError::key)?;
        Ok(document.into_vec())
    }

    /// The public half as `SubjectPublicKeyInfo` DER.
    ///
    /// # Errors
    /// [`InstallerError::Key`] if the key cannot be encoded.
    pub(super) fn public_info(&self) -> Result<Vec<u8>, InstallerError> {
        let algorithm = sequence(&[oid(&RSA_ENCRYPTION), null()]);
        Ok(sequence(&[algorithm, bit_string(0, &self.public_pkcs1()?)]))
    }

    /// Key identifier: the first 20 bytes of the SHA-256 of the public key (RFC 7093, method 1).
    ///
    /// # Errors
    /// [`InstallerError::Key`] if the key cannot be encoded.
    pub(super) fn identifier(&self) -> Result<[u8; 20], InstallerError> {
        let hash = Sha256::digest(self.public_pkcs1()?);
        let mut identifier = [0; 20];
        identifier.copy_from_slice(&hash[..20]);
        Ok(identifier)
    }

    /// PKCS#1 v1.5 signature of the SHA-256 of `message`.
    ///
    /// # Errors
    /// [`InstallerError::Key`] if the key cannot sign.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, InstallerError> {
        let info = [&SHA256_DIGEST_INFO[..], &Sha256::digest(message)].concat();
        self.0
            .sign(Pkcs1v15Sign::new_unprefixed(), &info)
            .map_err(InstallerError::key)
    }

    /// One line for `authorized_keys`, without a comment (RFC 4253, 6.6).
    pub(super) fn to_ssh(&self) -> String {
        let mut blob = ssh_string(b"ssh-rsa");
        for number in [self.0.e(), self.0.n()] {
            let mut bytes = number.to_bytes_be();
            if bytes[0] & 0x80 != 0 {
                bytes.insert(0, 0);
            }
            blob.extend(ssh_string(&bytes));
        }
        format!("ssh-rsa {}", STANDARD.encode(blob))
    }
}

fn ssh_string(bytes: &[u8]) -> Vec<u8> {
    let mut string = (bytes.len() as u32).to_be_bytes().to_vec();
    string.extend_from_slice(bytes);
    string
}

/// PEM with lines of 64 characters (RFC 7468).
pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.extend(line.iter().map(|byte| char::from(*byte)));
        pem.push('\n');
    }
    pem.push_str(&format!("-----END {label}-----\n"));
    pem
}
