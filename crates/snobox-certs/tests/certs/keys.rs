//! Every kind of key and signature that openssl makes and the library knows.

use snobox_certs::Plan;

use crate::pki::{Pki, year};

const EXTENSIONS: &str = "keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\nsubjectAltName=DNS:host.example.test,IP:192.0.2.1\n\
    authorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n1.2.3.4.5=ASN1:UTF8String:kept\n";
const P256: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256";
const P384: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-384";

/// Authority and leaf, renewed; then openssl looks.
fn law(authority: &str, leaf: &str, options: &str, rewrite: Option<&str>, algorithm: &str) {
    let Some(mut pki) = Pki::possible() else {
        return;
    };
    pki.authority("root", authority, 1, options);
    pki.leaf("host", "root", leaf, 1, EXTENSIONS, options);
    if let Some(command) = rewrite {
        for name in ["root", "host"] {
            pki.openssl(&format!("{command} -in {name}.key -out {name}.key"));
        }
    }
    let fields = "-noout -subject -issuer -pubkey -ext subjectAltName,keyUsage,extendedKeyUsage,authorityKeyIdentifier,subjectKeyIdentifier,basicConstraints";
    let describe = |pki: &Pki| {
        ["root", "host"].map(|name| pki.openssl(&format!("x509 -in {name}.crt {fields}")))
    };
    let before = describe(&pki);
    assert!(pki.holds("root.crt", "host.crt", 2).is_err());
    let (plan, renewed) = pki.renew().unwrap();
    assert_eq!(plan.obstacles(), []);
    assert_eq!((renewed.certificates(), renewed.places()), (2, 2));
    assert_eq!(pki.holds("root.crt", "host.crt", 0), Ok(()));
    assert_eq!(pki.holds("root.crt", "host.crt", 328), Ok(()));
    assert!(pki.holds("root.crt", "host.crt", 366).is_err());
    assert_eq!(describe(&pki), before);
    let text = pki
        .openssl("x509 -in host.crt -noout -text -checkhost host.example.test -checkip 192.0.2.1");
    assert!(
        text.contains(&format!("Signature Algorithm: {algorithm}")),
        "{text}"
    );
    assert_eq!(text.matches("does match certificate").count(), 2, "{text}");
    assert!(
        text.contains("1.2.3.4.5: \n                ..kept"),
        "{text}"
    );
    for name in ["root", "host"] {
        let of_key = pki.openssl(&format!("pkey -in {name}.key -pubout"));
        assert_eq!(
            of_key,
            pki.openssl(&format!("x509 -in {name}.crt -noout -pubkey"))
        );
    }
}

#[test]
fn rsa_as_pkcs1() {
    let key = "-newkey rsa:2048";
    law(
        key,
        key,
        "-sha256",
        Some("rsa -traditional"),
        "sha256WithRSAEncryption",
    );
}

#[test]
fn rsa_as_pkcs8_with_every_hash() {
    let key = "-newkey rsa:3072";
    law(key, key, "-sha384", None, "sha384WithRSAEncryption");
    law(key, key, "-sha512", None, "sha512WithRSAEncryption");
}

#[test]
fn p256_as_pkcs8_and_as_sec1() {
    law(P256, P256, "-sha256", None, "ecdsa-with-SHA256");
    law(P256, P256, "-sha256", Some("ec"), "ecdsa-with-SHA256");
}

#[test]
fn p384_as_pkcs8_and_as_sec1() {
    law(P384, P384, "-sha384", None, "ecdsa-with-SHA384");
    law(P384, P384, "-sha384", Some("ec"), "ecdsa-with-SHA384");
}

#[test]
fn an_authority_of_one_kind_signs_leaves_of_another() {
    law(
        P384,
        "-newkey rsa:2048",
        "-sha384",
        None,
        "ecdsa-with-SHA384",
    );
    law(
        "-newkey rsa:2048",
        "-newkey ed25519",
        "-sha256",
        None,
        "sha256WithRSAEncryption",
    );
}

#[test]
fn signatures_that_cannot_be_made_are_told_by_name() {
    for (key, options, words) in [
        (
            "-newkey ed25519",
            "",
            "algorithm 1.3.101.112 cannot be made",
        ),
        (
            "-newkey rsa:2048",
            "-sha1",
            "algorithm 1.2.840.113549.1.1.5 cannot be made",
        ),
        (
            "-newkey rsa:2048",
            "-sigopt rsa_padding_mode:pss",
            "algorithm 1.2.840.113549.1.1.10 cannot be made",
        ),
        (
            "-newkey rsa:1024",
            "",
            "the private key of its issuer is not there (expected RSA of 2048",
        ),
        (
            "-newkey ec -pkeyopt ec_paramgen_curve:P-521",
            "",
            "the private key of its issuer is not there",
        ),
    ] {
        let Some(mut pki) = Pki::possible() else {
            return;
        };
        pki.authority("root", key, 1, options);
        let before = pki.read("root.crt");
        let plan = Plan::new(&pki.survey(), &year());
        let text = plan.text(&pki.survey());
        assert!(
            text.starts_with("cannot CN=root,OU=test") && text.contains(words),
            "{text}"
        );
        assert_eq!(pki.renew().unwrap().1.certificates(), 0);
        assert_eq!(pki.read("root.crt"), before);
    }
}
