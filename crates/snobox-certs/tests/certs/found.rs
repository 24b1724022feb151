//! What is found in the real installer's ignition, against the table that was made by other means.

use std::collections::BTreeSet;
use std::fs;

use snobox_certs::ignition::Sources;
use snobox_certs::{ALSO_LONGER, SHORT_LIVED, Survey};
use time::Duration;

use crate::openssl::{counted, ignitions, samples};

fn survey(ignition: &[u8]) -> Survey {
    let (texts, sources) = Sources::read(ignition).unwrap();
    assert!(sources.skipped().is_empty(), "{:?}", sources.skipped());
    Survey::of(texts)
}

fn count(survey: &Survey, up_to: Duration) -> (usize, usize) {
    let short = survey
        .certificates()
        .iter()
        .filter(|found| found.certificate.life() <= up_to);
    let short: Vec<_> = short.map(|found| found.places.len()).collect();
    (short.len(), short.iter().sum())
}

#[test]
fn numbers_are_those_that_were_counted_by_hand() {
    for (name, ignition) in ignitions() {
        let survey = survey(&ignition);
        let found = (survey.certificates().len(), survey.places());
        assert_eq!(found, counted(&name), "{name}");
        assert_eq!(count(&survey, SHORT_LIVED), (9, 13), "{name}");
        assert_eq!(count(&survey, ALSO_LONGER), (14, 22), "{name}");
        assert_eq!(survey.unreadable(), [], "{name}");
        for (index, found) in survey.certificates().iter().enumerate() {
            let subject = found.certificate.subject();
            let issuer = found.certificate.issuer();
            let missing = [
                "admin-kubeconfig-signer",
                "kubelet-bootstrap-kubeconfig-signer",
            ]
            .iter()
            .any(|name| issuer.contains(name));
            let foreign = !found.is_ours;
            assert_eq!(
                survey.has_signing_key(index),
                !missing && !foreign,
                "{name}: {subject}"
            );
        }
    }
}

/// Subject, issuer and places of each certificate, as the table has them.
#[test]
fn every_name_and_place_is_the_one_in_the_table() {
    let Some(plain) = samples()
        .into_iter()
        .find(|p| p.ends_with("4.20-dev-plain.ign"))
    else {
        return;
    };
    let table = fs::read_to_string(plain.with_file_name("4.20-dev-certificates.txt")).unwrap();
    let mut expected = BTreeSet::new();
    let (mut subject, mut issuer) = ("", String::new());
    for line in table.lines() {
        if let Some(name) = line.strip_prefix("- ") {
            subject = name;
        } else if let Some(rest) = line.trim().strip_prefix("issuer=") {
            issuer = rest.split("  ca=").next().unwrap().to_owned();
            issuer = issuer.split(" SELF-SIGNED").next().unwrap().to_owned();
        } else if let Some(place) = line.trim().strip_prefix("@ ") {
            expected.insert((subject.to_owned(), issuer.clone(), place.to_owned()));
        }
    }
    let survey = survey(&fs::read(plain).unwrap());
    let found: BTreeSet<_> = survey
        .certificates()
        .iter()
        .flat_map(|found| {
            let (subject, issuer) = (found.certificate.subject(), found.certificate.issuer());
            found
                .places
                .iter()
                .map(move |place| (subject.to_owned(), issuer.to_owned(), place.to_string()))
        })
        .collect();
    assert_eq!(found, expected);
}
