//! Makes the new certificates, puts each in every place of the old one, and proves the result before it is handed out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

use crate::certificate::Certificate;
use crate::der::{self, BIT_STRING, SEQUENCE};
use crate::moment;
use crate::plan::{Plan, Renewal};
use crate::proof;
use crate::survey::{Survey, Text};

/// Why nothing was handed out.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    /// The system gives no randomness.
    #[error("the system gives no random numbers")]
    Random,
    /// A key that should sign does not: it is damaged, or its size is not between 2048 and 4096 bits.
    #[error(
        "the key that signed {subject} cannot be used for signing: expected RSA of 2048 to 4096 bits, P-256 or P-384"
    )]
    Sign {
        /// Whom the certificate is for.
        subject: String,
    },
    /// The result was read back and is not what it should be.
    #[error("the renewed certificates do not hold: {what}")]
    Unproven {
        /// Which certificate, and what is wrong with it.
        what: String,
    },
}

/// The proven result.
pub struct Renewed {
    texts: Vec<Option<Zeroizing<Vec<u8>>>>,
    certificates: usize,
    places: usize,
}

impl fmt::Debug for Renewed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Renewed({} in {} places)",
            self.certificates, self.places
        )
    }
}

impl Renewed {
    /// The new bytes of each text, in the order in which the survey got them; `None` for one that stays as it is.
    pub fn texts(&self) -> &[Option<Zeroizing<Vec<u8>>>] {
        &self.texts
    }

    /// Number of certificates that are new.
    pub fn certificates(&self) -> usize {
        self.certificates
    }

    /// Number of places in which they stand.
    pub fn places(&self) -> usize {
        self.places
    }
}

/// Carries a plan out, in memory.
///
/// # Errors
/// [`RenewError`].
pub fn renew(survey: &Survey, plan: &Plan, random: &SystemRandom) -> Result<Renewed, RenewError> {
    let mut serials: BTreeSet<Vec<u8>> = survey
        .certificates()
        .iter()
        .map(|found| found.certificate.serial.clone())
        .collect();
    let mut new = BTreeMap::new();
    for renewal in plan.renewals() {
        let old = &survey.certificates()[renewal.certificate].certificate;
        let der = reissue(survey, renewal, &mut serials, random)?;
        new.insert(old.der.clone(), der);
    }
    let texts: Vec<_> = survey
        .texts
        .iter()
        .map(|(_, layer)| {
            layer.replace(&|block, der| {
                let is_certificate = block.label == "CERTIFICATE";
                is_certificate.then(|| new.get(der).cloned()).flatten()
            })
        })
        .collect();
    let after = survey
        .texts
        .iter()
        .zip(&texts)
        .map(|((path, layer), new)| Text {
            path: path.clone(),
            bytes: new.clone().unwrap_or_else(|| layer.to_bytes()),
        });
    let after = Survey::of(after.collect());
    proof::prove(survey, plan, &new, &after).map_err(|what| RenewError::Unproven { what })?;
    Ok(Renewed {
        texts,
        certificates: new.len(),
        places: plan.places(survey),
    })
}

fn reissue(
    survey: &Survey,
    renewal: &Renewal,
    serials: &mut BTreeSet<Vec<u8>>,
    random: &SystemRandom,
) -> Result<Vec<u8>, RenewError> {
    let old: &Certificate = &survey.certificates()[renewal.certificate].certificate;
    let refuse = || RenewError::Sign {
        subject: old.subject().to_owned(),
    };
    // The plan holds only certificates that have both.
    let key = survey.signing_key(renewal.certificate).ok_or_else(refuse)?;
    let algorithm = key.algorithm(&old.algorithm).ok_or_else(refuse)?;
    let serial = serial(serials, random)?;
    let validity = [
        moment::write(renewal.not_before),
        moment::write(renewal.not_after),
    ];
    let body = der::write(
        SEQUENCE,
        &[
            &old.version,
            &serial,
            &algorithm.whole,
            &old.issuer,
            &der::write(SEQUENCE, &[&validity[0], &validity[1]]),
            &old.rest,
        ],
    );
    let signature = key.sign(&algorithm, &body, random).ok_or_else(refuse)?;
    let signature = der::write(BIT_STRING, &[&[0], &signature]);
    Ok(der::write(SEQUENCE, &[&body, &algorithm.whole, &signature]))
}

/// A serial number of 63 bits that no other certificate has; the whole element.
fn serial(serials: &mut BTreeSet<Vec<u8>>, random: &SystemRandom) -> Result<Vec<u8>, RenewError> {
    loop {
        let mut bytes = [0; 8];
        random.fill(&mut bytes).map_err(|_| RenewError::Random)?;
        let number = u64::from_be_bytes(bytes) >> 1;
        let whole = der::write_integer(number);
        // Tag and length take two bytes.
        if number != 0 && serials.insert(whole[2..].to_vec()) {
            return Ok(whole);
        }
    }
}
