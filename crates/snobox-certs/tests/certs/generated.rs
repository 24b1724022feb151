//! Laws over generated authorities: any forest of issuers, with some of the keys, in any encoding; judged by webpki.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use snobox_certs::{Plan, Survey, SystemRandom, renew};
use time::{Duration, OffsetDateTime};

use crate::openssl::{now, text};
use crate::pki::year;

const HOST: &str = "host.example.test";

/// What proptest makes up of one certificate.
#[derive(Clone, Debug)]
struct Wish {
    /// Which of the authorities before it signs it; itself if there is none.
    parent: usize,
    is_authority: bool,
    is_short: bool,
    has_key: bool,
    /// Whether it names its issuer's key.
    hints: bool,
    /// How a second copy is written, if there is one.
    copy: Option<u8>,
}

fn wish() -> impl Strategy<Value = Wish> {
    (
        0..6_usize,
        any::<bool>(),
        any::<bool>(),
        prop::bool::weighted(0.8),
        any::<bool>(),
        prop::option::of(0..4_u8),
    )
        .prop_map(
            |(parent, is_authority, is_short, has_key, hints, copy)| Wish {
                parent,
                is_authority,
                is_short,
                has_key,
                hints,
                copy,
            },
        )
}

struct Made {
    wish: Wish,
    /// Indices from itself up to the root.
    chain: Vec<usize>,
    key: KeyPair,
    params: CertificateParams,
    pem: String,
}

fn make(wishes: Vec<Wish>) -> Vec<Made> {
    let mut all: Vec<Made> = Vec::new();
    for (index, mut wish) in wishes.into_iter().enumerate() {
        let authorities: Vec<usize> = (0..index).filter(|i| all[*i].wish.is_authority).collect();
        let parent = authorities
            .get(wish.parent % (authorities.len() + 1))
            .copied();
        // A root that is no authority is nobody's.
        wish.is_authority |= parent.is_none();
        let mut params = CertificateParams::new(vec![HOST.to_owned()]).unwrap();
        // Few names: some authorities share one.
        params
            .distinguished_name
            .push(DnType::CommonName, format!("c{}", index % 4));
        let start = OffsetDateTime::from_unix_timestamp(now()).unwrap() - Duration::days(2);
        params.not_before = start;
        params.not_after = start + Duration::days(if wish.is_short { 1 } else { 3650 });
        params.use_authority_key_identifier_extension = wish.hints;
        if wish.is_authority {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        let key = KeyPair::generate().unwrap();
        let (certificate, chain) = match parent {
            Some(parent) => {
                let issuer = Issuer::from_params(&all[parent].params, &all[parent].key);
                let chain = [&[index][..], &all[parent].chain].concat();
                (params.signed_by(&key, &issuer).unwrap(), chain)
            }
            None => (params.self_signed(&key).unwrap(), vec![index]),
        };
        let pem = certificate.pem();
        all.push(Made {
            wish,
            chain,
            key,
            params,
            pem,
        });
    }
    all
}

fn encode(how: u8, pem: &str) -> String {
    let url = |text: &str| format!("{{\"source\": \"data:;base64,{}\"}}", STANDARD.encode(text));
    match how {
        0 => format!(
            "data:\n  ca.crt: |\n    {}\n",
            pem.trim_end().replace('\n', "\n    ")
        ),
        1 => format!("tls.crt: {}\n", STANDARD.encode(pem)),
        2 => format!("userData: {}\n", STANDARD.encode(url(pem))),
        _ => format!("{{\"text\": \"{}\"}}", pem.replace('\n', "\\n")),
    }
}

fn der(pem: &[u8]) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem).unwrap()
}

/// Whether webpki takes a leaf in so many days, given its chain up to the root.
fn holds(chain: &[CertificateDer<'_>], days: u64) -> bool {
    let (leaf, above) = chain.split_first().unwrap();
    let root = [webpki::anchor_from_trusted_cert(above.last().unwrap()).unwrap()];
    let at =
        UnixTime::since_unix_epoch(std::time::Duration::from_secs(now() as u64 + days * 86_400));
    let Ok(entity) = webpki::EndEntityCert::try_from(leaf) else {
        return false;
    };
    let usage = webpki::KeyUsage::server_auth();
    let algorithms = &[webpki::ring::ECDSA_P256_SHA256];
    let path = entity.verify_for_usage(algorithms, &root, above, at, usage, None, None);
    path.is_ok()
        && entity
            .verify_is_valid_for_subject_name(&ServerName::try_from(HOST).unwrap())
            .is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_can_be_renewed_is_and_nothing_else_changes(wishes in prop::collection::vec(wish(), 1..8)) {
        let all = make(wishes);
        let mut texts = Vec::new();
        for (index, made) in all.iter().enumerate() {
            texts.push((format!("c{index}.crt"), made.pem.clone()));
            if made.wish.has_key {
                texts.push((format!("c{index}.key"), made.key.serialize_pem()));
            }
            if let Some(how) = made.wish.copy {
                texts.push((format!("copy{index}"), encode(how, &made.pem)));
            }
        }
        let survey = Survey::of(texts.iter().map(|(path, bytes)| text(path, bytes)).collect());
        prop_assert_eq!(survey.certificates().len(), all.len());
        let plan = Plan::new(&survey, &year());
        let renewed = renew(&survey, &plan, &SystemRandom::new()).unwrap();
        let new = |path: &str| {
            let index = texts.iter().position(|(name, _)| name == path).unwrap();
            renewed.texts()[index].as_ref().map_or_else(|| texts[index].1.clone(), |text| String::from_utf8(text.to_vec()).unwrap())
        };
        let has_signing_key = |made: &Made| all[made.chain.get(1).copied().unwrap_or(made.chain[0])].wish.has_key;
        let mut changed = 0;
        for (index, made) in all.iter().enumerate() {
            let now = new(&format!("c{index}.crt"));
            let is_new = now != made.pem;
            changed += usize::from(is_new);
            prop_assert!(!is_new || has_signing_key(made));
            // An issuer that has ended and cannot be renewed is in the way, up to the first that holds.
            let mut short = made.chain[1..].iter().map(|i| &all[*i]).take_while(|issuer| issuer.wish.is_short);
            let ends = short.any(|issuer| !has_signing_key(issuer));
            prop_assert_eq!(is_new, made.wish.is_short && has_signing_key(made) && !ends, "{}", index);
            if let Some(how) = made.wish.copy {
                prop_assert_eq!(new(&format!("copy{index}")), encode(how, &now));
            }
            if !made.wish.is_authority && made.chain.len() > 1 {
                let chain: Vec<_> = made.chain.iter().map(|i| der(new(&format!("c{i}.crt")).as_bytes())).collect();
                // The root is trusted as it is, whether it has ended or not.
                let below_root = &made.chain[..made.chain.len() - 1];
                let lasting = below_root.iter().all(|i| !all[*i].wish.is_short || new(&format!("c{i}.crt")) != all[*i].pem);
                prop_assert_eq!(holds(&chain, 0), lasting);
                if lasting {
                    prop_assert!(holds(&chain, 350));
                    let old: Vec<_> = made.chain.iter().map(|i| der(all[*i].pem.as_bytes())).collect();
                    let short = below_root.iter().any(|i| all[*i].wish.is_short);
                    prop_assert_eq!(holds(&old, 0), !short);
                }
            }
        }
        prop_assert_eq!(changed, renewed.certificates());
        let distinct: BTreeSet<_> = (0..all.len()).map(|index| new(&format!("c{index}.crt"))).collect();
        prop_assert_eq!(distinct.len(), all.len());
    }
}
