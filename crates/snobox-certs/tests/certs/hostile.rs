//! Damaged inputs: whatever they hold, nothing panics, and what comes out has been proven.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PKCS_ECDSA_P384_SHA384};
use snobox_certs::ignition::Sources;
use snobox_certs::{Plan, Survey, SystemRandom, Text, renew};
use time::{Duration, OffsetDateTime};

use crate::openssl::{now, text};
use crate::pki::year;

/// Authority, leaf, and their keys: label and DER.
static BLOCKS: LazyLock<Vec<(&str, Vec<u8>)>> = LazyLock::new(|| {
    let start = OffsetDateTime::from_unix_timestamp(now()).unwrap();
    let params = |name: &str| {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = start;
        params.not_after = start + Duration::days(1);
        params.use_authority_key_identifier_extension = true;
        params
    };
    let mut root = params("root.example.test");
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = params("host.example.test")
        .signed_by(&key, &Issuer::from_params(&root, &root_key))
        .unwrap();
    let root = root.self_signed(&root_key).unwrap();
    vec![
        ("CERTIFICATE", root.der().to_vec()),
        ("CERTIFICATE", leaf.der().to_vec()),
        ("PRIVATE KEY", root_key.serialize_der()),
        ("PRIVATE KEY", key.serialize_der()),
    ]
});

fn pem(label: &str, der: &[u8]) -> String {
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        STANDARD.encode(der)
    )
}

/// A byte to change: where, and to what; or the end.
type Damage = (prop::sample::Index, Option<u8>);

fn damaged(mut bytes: Vec<u8>, damage: &[Damage]) -> Vec<u8> {
    for (at, new) in damage {
        if bytes.is_empty() {
            break;
        }
        let at = at.index(bytes.len());
        match new {
            Some(new) => bytes[at] = *new,
            None => bytes.truncate(at),
        }
    }
    bytes
}

fn damage() -> impl Strategy<Value = Vec<Damage>> {
    let byte = prop::option::weighted(0.95, any::<u8>());
    prop::collection::vec((any::<prop::sample::Index>(), byte), 1..4)
}

fn go(texts: Vec<Text>) {
    let survey = Survey::of(texts);
    let plan = Plan::new(&survey, &year());
    assert!(plan.text(&survey).len() < 100_000);
    // A key that is damaged may refuse to sign; all else is proven or not handed out.
    let _ = renew(&survey, &plan, &SystemRandom::new());
}

fn ignition() -> String {
    let text: String = BLOCKS.iter().map(|(label, der)| pem(label, der)).collect();
    let url = |text: &str| format!("data:;base64,{}", STANDARD.encode(text));
    let nested = format!(
        "a: {}\nb: data:,{}\n",
        STANDARD.encode(&text),
        text.replace('\n', "%0A").replace(' ', "%20")
    );
    format!(
        r#"{{"ignition":{{"version":"3.2.0"}},"storage":{{"files":[{{"path":"/a","contents":{{"source":"{}"}}}},{{"path":"/b","append":[{{"source":"{}"}}]}}]}}}}"#,
        url(&text),
        url(&nested)
    )
}

#[test]
fn what_is_damaged_below_is_whole_before() {
    let ignition = ignition();
    let (texts, sources) = Sources::read(ignition.as_bytes()).unwrap();
    let survey = Survey::of(texts);
    assert_eq!((survey.certificates().len(), survey.places()), (2, 6));
    let plan = Plan::new(&survey, &year());
    let renewed = renew(&survey, &plan, &SystemRandom::new()).unwrap();
    assert_eq!((renewed.certificates(), renewed.places()), (2, 6));
    assert_ne!(
        *sources.replace(ignition.as_bytes(), renewed.texts()),
        ignition.as_bytes()
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_der_is_refused_or_kept(which in 0..4_usize, damage in damage()) {
        let mut all = String::new();
        for (index, (label, der)) in BLOCKS.iter().enumerate() {
            let der = if index == which { damaged(der.clone(), &damage) } else { der.clone() };
            all += &pem(label, &der);
        }
        go(vec![text("all", all)]);
    }

    #[test]
    fn damaged_texts_are_read_as_far_as_they_go(damage in damage()) {
        if let Ok((texts, _)) = Sources::read(ignition().as_bytes()) {
            go(texts.into_iter().map(|t| text(&t.path, damaged(t.bytes.to_vec(), &damage))).collect());
        }
    }

    #[test]
    fn damaged_ignitions_are_refused_or_read(damage in damage()) {
        let document = damaged(ignition().into_bytes(), &damage);
        if let Ok((texts, sources)) = Sources::read(&document) {
            let same: Vec<_> = texts.iter().map(|_| None).collect();
            prop_assert_eq!(&*sources.replace(&document, &same), &document);
            go(texts);
        }
    }

    #[test]
    fn noise_is_no_certificate(noise in prop::collection::vec(any::<u8>(), 0..400), label in 0..5_usize) {
        let label = ["CERTIFICATE", "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "X"][label];
        go(vec![text("noise", &noise), text("pem", pem(label, &noise))]);
    }
}
