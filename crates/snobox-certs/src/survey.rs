//! All certificates and keys of some texts, where each of them stands, and who signed whom.
//!
//! Who signed is found by the key that verifies the signature; names and key identifiers only say which key to try first.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::certificate::Certificate;
use crate::key::{PrivateKey, PublicKey};
use crate::layer::{Encoding, Layer};

/// A named text: a file, or a part of one.
pub struct Text {
    /// What it is called in everything that is said about it.
    pub path: String,
    /// Its bytes; wiped in the end.
    pub bytes: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({}, {} bytes)", self.path, self.bytes.len())
    }
}

/// Where a block stands: `/opt/openshift/auth/kubeconfig>b64`, a `>` for each encoding within the other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    path: String,
    trail: Vec<Encoding>,
    /// Among the blocks of the text, from 0.
    ordinal: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        for encoding in &self.trail {
            f.write_str(match encoding {
                Encoding::Base64 | Encoding::Base64Unpadded => ">b64",
                Encoding::Percent => ">url",
            })?;
        }
        Ok(())
    }
}

/// A certificate, with all its copies.
#[derive(Debug)]
pub struct Found {
    /// The certificate.
    pub certificate: Certificate,
    /// Where its copies stand, in the order of the texts.
    pub places: Vec<Place>,
    /// Whether its own private key is there.
    pub has_key: bool,
    /// Whether it belongs to what the texts have keys for: its key or its issuer's is there, or it is above one of which that is so.
    pub is_ours: bool,
    /// The key that verifies its signature.
    pub(crate) signer: Option<PublicKey>,
}

/// A block of a certificate or private key that cannot be read; it stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Where it stands.
    pub place: Place,
    /// What it claims to be: `CERTIFICATE`, `RSA PRIVATE KEY` …
    pub label: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (place, label, why) = (&self.place, &self.label, self.why);
        write!(f, "{place}: {label} cannot be read: {why}")
    }
}

/// What was found in some texts.
pub struct Survey {
    pub(crate) texts: Vec<(String, Layer)>,
    certificates: Vec<Found>,
    pub(crate) keys: Vec<(PrivateKey, Vec<Place>)>,
    unreadable: Vec<Unreadable>,
}

impl fmt::Debug for Survey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Survey")
            .field("certificates", &self.certificates)
            .field("unreadable", &self.unreadable)
            .finish_non_exhaustive()
    }
}

impl Survey {
    /// Looks through texts.
    pub fn of(texts: Vec<Text>) -> Self {
        let mut survey = Self {
            texts: texts
                .into_iter()
                .map(|text| (text.path, Layer::scan(text.bytes)))
                .collect(),
            certificates: Vec::new(),
            keys: Vec::new(),
            unreadable: Vec::new(),
        };
        survey.collect();
        survey.connect();
        survey
    }

    fn collect(&mut self) {
        let mut known: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        let (certificates, keys, unreadable) =
            (&mut self.certificates, &mut self.keys, &mut self.unreadable);
        for (path, layer) in &self.texts {
            let mut ordinal = 0;
            layer.visit(&mut |trail, block| {
                let place = Place {
                    path: path.clone(),
                    trail: trail.to_vec(),
                    ordinal,
                };
                ordinal += 1;
                let is_certificate = block.label == "CERTIFICATE";
                if !is_certificate && !block.label.ends_with("PRIVATE KEY") {
                    return;
                }
                let mut refuse = |why| {
                    let (place, label) = (place.clone(), block.label.clone());
                    unreadable.push(Unreadable { place, label, why });
                };
                let der = match &block.content {
                    Ok(content) => &content.der,
                    Err(why) => return refuse(*why),
                };
                if !is_certificate {
                    match PrivateKey::read(&block.label, der) {
                        Some(Ok(key)) => {
                            match keys.iter_mut().find(|(k, _)| k.public == key.public) {
                                Some((_, places)) => places.push(place),
                                None => keys.push((key, vec![place])),
                            }
                        }
                        Some(Err(why)) => refuse(why),
                        // SSH's own form and the like: not for certificates.
                        None => {}
                    }
                    return;
                }
                if let Some(index) = known.get(&**der) {
                    certificates[*index].places.push(place);
                    return;
                }
                match Certificate::read(der) {
                    Ok(certificate) => {
                        known.insert(der.to_vec(), certificates.len());
                        certificates.push(Found {
                            certificate,
                            places: vec![place],
                            has_key: false,
                            is_ours: false,
                            signer: None,
                        });
                    }
                    Err(why) => refuse(why),
                }
            });
        }
    }

    fn connect(&mut self) {
        let private: BTreeSet<PublicKey> = self
            .keys
            .iter()
            .map(|(key, _)| key.public.clone())
            .collect();
        let mut candidates: BTreeSet<&PublicKey> = private.iter().collect();
        candidates.extend(self.certificates.iter().map(|found| &found.certificate.key));
        let signer = |found: &Found| {
            let certificate = &found.certificate;
            let hinted = self.certificates.iter().map(|other| &other.certificate);
            let hinted = hinted.filter(|other| certificate.hints_at(other));
            hinted
                .map(|other| &other.key)
                .chain(candidates.iter().copied())
                .find(|key| certificate.is_signed_by(key))
                .cloned()
        };
        let signers: Vec<_> = self.certificates.iter().map(signer).collect();
        for (found, signer) in self.certificates.iter_mut().zip(signers) {
            found.has_key = private.contains(&found.certificate.key);
            found.is_ours = found.has_key || signer.as_ref().is_some_and(|s| private.contains(s));
            found.signer = signer;
        }
        let mut below: Vec<usize> = (0..self.certificates.len())
            .filter(|index| self.certificates[*index].is_ours)
            .collect();
        while let Some(index) = below.pop() {
            for issuer in self.issuers(index) {
                if !self.certificates[issuer].is_ours {
                    self.certificates[issuer].is_ours = true;
                    below.push(issuer);
                }
            }
        }
    }

    /// All certificates, each once, in the order of the texts.
    pub fn certificates(&self) -> &[Found] {
        &self.certificates
    }

    /// Number of places of all certificates.
    pub fn places(&self) -> usize {
        self.certificates
            .iter()
            .map(|found| found.places.len())
            .sum()
    }

    /// Blocks of certificates and private keys that cannot be read.
    pub fn unreadable(&self) -> &[Unreadable] {
        &self.unreadable
    }

    /// Whether the key is there that signed a certificate of [`certificates`](Self::certificates).
    pub fn has_signing_key(&self, certificate: usize) -> bool {
        self.signing_key(certificate).is_some()
    }

    /// The latest start of a certificate of ours: whoever made it had this on the clock.
    pub fn made_at(&self) -> Option<OffsetDateTime> {
        self.ours().map(Certificate::not_before).max()
    }

    /// The earliest end of a certificate of ours: from then on an installation fails.
    pub fn installs_until(&self) -> Option<OffsetDateTime> {
        self.ours().map(Certificate::not_after).min()
    }

    fn ours(&self) -> impl Iterator<Item = &Certificate> {
        let ours = self.certificates.iter().filter(|found| found.is_ours);
        ours.map(|found| &found.certificate)
    }

    pub(crate) fn signing_key(&self, certificate: usize) -> Option<&PrivateKey> {
        let signer = self.certificates.get(certificate)?.signer.as_ref()?;
        let mut keys = self.keys.iter().map(|(key, _)| key);
        keys.find(|key| key.public == *signer)
    }

    /// Certificates of the key that signed another, with the name that it gives; itself if it is self-signed.
    pub(crate) fn issuers(&self, certificate: usize) -> Vec<usize> {
        let found = &self.certificates[certificate];
        let is_issuer = |other: &Found| {
            found.signer.as_ref() == Some(&other.certificate.key)
                && other.certificate.subject == found.certificate.issuer
        };
        let all = self.certificates.iter().enumerate();
        all.filter(|(_, other)| is_issuer(other))
            .map(|(index, _)| index)
            .collect()
    }

    pub(crate) fn is_self_signed(&self, certificate: usize) -> bool {
        let found = &self.certificates[certificate];
        found.signer.as_ref() == Some(&found.certificate.key)
            && found.certificate.subject == found.certificate.issuer
    }
}
