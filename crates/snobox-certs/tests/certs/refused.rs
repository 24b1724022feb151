//! What is missing, damaged or strange: handled, or refused by name.

use snobox_certs::{Plan, Reason};

use crate::openssl;
use crate::pki::{Pki, year};

const P256: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256";

fn plan_text(pki: &Pki) -> String {
    let survey = pki.survey();
    Plan::new(&survey, &year()).text(&survey)
}

#[test]
fn a_leaf_whose_issuer_key_is_missing_is_told_and_left_alone() {
    let Some(mut pki) = Pki::possible() else {
        return;
    };
    pki.authority("root", P256, 3650, "");
    pki.leaf("host", "root", P256, 1, "", "");
    pki.hide("root.key");
    let (before, text) = (pki.read("host.crt"), plan_text(&pki));
    assert!(
        text.starts_with("cannot CN=host (of CN=root,OU=test, until 20"),
        "{text}"
    );
    assert!(
        text.contains("the private key of its issuer is not there"),
        "{text}"
    );
    let (plan, renewed) = pki.renew().unwrap();
    assert_eq!((plan.obstacles().len(), renewed.certificates()), (1, 0));
    assert_eq!(pki.read("host.crt"), before);
}

#[test]
fn an_issuer_that_ends_too_early_is_renewed_along() {
    let Some(mut pki) = Pki::possible() else {
        return;
    };
    pki.authority("root", P256, 40, "");
    pki.leaf("host", "root", P256, 1, "", "");
    let (plan, renewed) = pki.renew().unwrap();
    assert_eq!(renewed.certificates(), 2);
    let subject = "CN=host".to_owned();
    assert_eq!(plan.renewals()[0].reason, Reason::Signs { subject });
    assert_eq!(pki.holds("root.crt", "host.crt", 350), Ok(()));
}

#[test]
fn without_the_key_for_that_the_leaf_ends_with_its_issuer() {
    let Some(mut pki) = Pki::possible() else {
        return;
    };
    // The key of the intermediate is there, the one that signed it is not.
    pki.authority("root", P256, 3650, "");
    let ca = "basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign\n";
    pki.leaf("middle", "root", P256, 40, ca, "");
    pki.leaf("host", "middle", P256, 1, "", "");
    pki.hide("root.key");
    let (_, renewed) = pki.renew().unwrap();
    assert_eq!(renewed.certificates(), 1);
    let chain = [pki.read("root.crt"), pki.read("middle.crt")].concat();
    pki.add("chain.crt", chain);
    assert_eq!(pki.holds("chain.crt", "host.crt", 39), Ok(()));
    let end = |name: &str| openssl::moment(pki.path(), name, "notAfter");
    assert_eq!(end("host.crt"), end("middle.crt"));
}

#[test]
fn two_authorities_of_one_name_are_told_apart_by_their_keys() {
    let Some(mut pki) = Pki::possible() else {
        return;
    };
    // As the installer's `aggregator`, in two generations; without key identifiers there is nothing but the signature.
    let bare = "-config bare -extensions none";
    std::fs::write(
        pki.path().join("bare"),
        "[req]\ndistinguished_name=name\n[name]\n[none]\nbasicConstraints=critical,CA:true\n",
    )
    .unwrap();
    for name in ["one", "two"] {
        pki.openssl(&format!("req -x509 {P256} -nodes -keyout {name}.key -out {name}.crt -days 1 -subj /CN=same {bare}"));
        let (crt, key) = (
            pki.read(&format!("{name}.crt")),
            pki.read(&format!("{name}.key")),
        );
        pki.add(&format!("{name}.crt"), crt);
        pki.add(&format!("{name}.key"), key);
    }
    pki.leaf("host", "two", P256, 1, "", "");
    assert_eq!(pki.renew().unwrap().1.certificates(), 3);
    let verify = |authority: &str| {
        let at = openssl::now() + 300 * openssl::DAY;
        let line = format!("verify -attime {at} -CAfile {authority} host.crt");
        openssl::try_run(pki.path(), &line.split(' ').collect::<Vec<_>>())
            .status
            .success()
    };
    assert!(verify("two.crt") && !verify("one.crt"));
}

#[test]
fn unknown_critical_extensions_are_kept_and_told() {
    let Some(mut pki) = Pki::possible() else {
        return;
    };
    pki.authority("root", P256, 1, "");
    pki.leaf(
        "host",
        "root",
        P256,
        1,
        "1.2.3.4.5=critical,ASN1:UTF8String:strange\n",
        "",
    );
    let text = plan_text(&pki);
    assert!(
        text.contains("unknown critical extension 1.2.3.4.5 kept as it is"),
        "{text}"
    );
    pki.renew().unwrap();
    let text = pki.openssl("x509 -in host.crt -noout -text");
    assert!(
        text.contains("1.2.3.4.5: critical\n                ..strange"),
        "{text}"
    );
    assert_eq!(
        pki.survey().certificates()[1]
            .certificate
            .unknown_critical(),
        ["1.2.3.4.5"]
    );
}

#[test]
fn an_issuer_that_is_named_by_its_serial_number_keeps_it() {
    let Some(mut pki) = Pki::possible() else {
        return;
    };
    pki.authority("root", P256, 1, "");
    pki.leaf(
        "host",
        "root",
        P256,
        1,
        "authorityKeyIdentifier=keyid,issuer:always\n",
        "",
    );
    let text = plan_text(&pki);
    assert!(text.contains("cannot CN=root,OU=test"), "{text}");
    assert!(
        text.contains("CN=host names it by its serial number, which would change"),
        "{text}"
    );
}

#[test]
fn duplicates_in_a_bundle_stay_and_all_of_them_are_new() {
    let Some(mut pki) = Pki::possible() else {
        return;
    };
    pki.authority("root", P256, 1, "");
    let root = String::from_utf8(pki.read("root.crt")).unwrap();
    pki.add(
        "bundle.crt",
        format!("# a comment\n{root}\n{root}# the end\n"),
    );
    let (_, renewed) = pki.renew().unwrap();
    assert_eq!((renewed.certificates(), renewed.places()), (1, 3));
    let new = String::from_utf8(pki.read("root.crt")).unwrap();
    assert_ne!(new, root);
    let bundle = String::from_utf8(pki.read("bundle.crt")).unwrap();
    assert_eq!(bundle, format!("# a comment\n{new}\n{new}# the end\n"));
}

#[test]
fn garbage_is_told_with_its_place_and_stays_as_it_is() {
    let Some(mut pki) = Pki::possible() else {
        return;
    };
    pki.authority("root", P256, 1, "");
    let root = String::from_utf8(pki.read("root.crt")).unwrap();
    let garbage = "-----BEGIN CERTIFICATE-----\nAAECAwQ=\n-----END CERTIFICATE-----\n";
    let half = "-----BEGIN CERTIFICATE-----\nMIIB\n";
    pki.add("bundle.crt", format!("{garbage}{root}{half}"));
    pki.openssl("pkcs8 -topk8 -in root.key -out locked.key -passout pass:secret-word");
    let locked = pki.read("locked.key");
    pki.add("locked.key", locked);
    let survey = pki.survey();
    let told: Vec<_> = survey
        .unreadable()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        told,
        [
            "bundle.crt: CERTIFICATE cannot be read: it is not a certificate of RFC 5280",
            "bundle.crt: CERTIFICATE cannot be read: its END line is missing",
            "locked.key: ENCRYPTED PRIVATE KEY cannot be read: it is encrypted",
        ]
    );
    assert_eq!(pki.renew().unwrap().1.places(), 2);
    let new = String::from_utf8(pki.read("root.crt")).unwrap();
    let bundle = String::from_utf8(pki.read("bundle.crt")).unwrap();
    assert_eq!(bundle, format!("{garbage}{new}{half}"));
}

#[test]
fn what_is_said_holds_nothing_of_a_key() {
    let Some(mut pki) = Pki::possible() else {
        return;
    };
    pki.authority("root", "-newkey rsa:2048", 1, "");
    let survey = pki.survey();
    let (plan, renewed) = pki.renew().unwrap();
    let said = format!("{survey:?} {plan:?} {renewed:?} {}", plan.text(&survey));
    let key = String::from_utf8(pki.read("root.key")).unwrap();
    for line in key.lines().filter(|line| !line.starts_with('-')) {
        assert!(!said.contains(line));
    }
    assert!(!said.contains("PRIVATE KEY"), "{said}");
}
