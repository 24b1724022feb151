//! The certificates of a bootstrap config, as openssl sees them.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test code; a skip must be seen"
)]

#[allow(dead_code, reason = "each test binary uses a part of it")]
mod bootstrap;
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod oracle;

use bootstrap::{certificates, config, files, install_config, installer, installer_at};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use oracle::Kept;

static PLAIN: LazyLock<(Kept, Value)> = LazyLock::new(|| {
    let dir = Kept::empty("installer-certificates");
    fs::write(dir.path().join("install-config.yaml"), install_config("")).unwrap();
    installer(dir.path(), &["create", "single-node-ignition-config"]).unwrap();
    let config = config(dir.path());
    let tls = dir.path().join("tls");
    fs::create_dir(&tls).unwrap();
    for (path, content) in files(&config) {
        if let Some(name) = path.strip_prefix("/opt/openshift/tls/") {
            fs::write(tls.join(name), content).unwrap();
        }
    }
    (dir, config)
});

fn openssl() -> Option<oracle::Oracle> {
    oracle::find("openssl", "SNOBOX_OPENSSL")
}

fn tls() -> std::path::PathBuf {
    LazyLock::force(&PLAIN).0.path().join("tls")
}

/// `subject ; issuer ; days` of a certificate. Days are of the issuer's clock: from notBefore, rounded down.
fn describe(tool: &oracle::Oracle, pem: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("c.pem"), pem).unwrap();
    let text = tool.ok(
        dir.path(),
        &[
            "x509", "-in", "c.pem", "-noout", "-subject", "-issuer", "-dates", "-nameopt",
            "RFC2253", "-dateopt", "iso_8601",
        ],
    );
    let field = |name: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap();
        line.trim_start_matches('=').to_owned()
    };
    let day = |name: &str| {
        let text = field(name);
        let number = |range: std::ops::Range<usize>| text[range].parse::<i32>().unwrap();
        let month = time::Month::try_from(number(5..7) as u8).unwrap();
        time::Date::from_calendar_date(number(0..4), month, number(8..10) as u8).unwrap()
    };
    let days = (day("notAfter") - day("notBefore")).whole_days();
    format!("{} ; {} ; {days}", field("subject"), field("issuer"))
}

#[test]
fn there_are_24_certificates_in_62_places_and_23_keys() {
    let found = certificates(&PLAIN.1);
    assert_eq!(found.len(), 62);
    let distinct: BTreeSet<_> = found.iter().map(|(_, pem)| pem).collect();
    assert_eq!(distinct.len(), 24);

    let nested = found
        .iter()
        .filter(|(place, _)| place.ends_with(">b64>b64"))
        .count();
    assert_eq!(nested, 2, "user data of master and worker");

    let mut keys = BTreeSet::new();
    for content in files(&PLAIN.1).values() {
        collect_keys(&String::from_utf8_lossy(content), &mut keys);
    }
    assert_eq!(keys.len(), 23);
}

fn collect_keys(text: &str, keys: &mut BTreeSet<String>) {
    use base64::Engine as _;
    for piece in text.split("-----BEGIN RSA PRIVATE KEY-----").skip(1) {
        keys.insert(piece.split("-----END").next().unwrap().to_owned());
    }
    assert!(
        !text.contains("-----BEGIN PRIVATE KEY-----"),
        "keys are PKCS#1"
    );
    for word in text.split([' ', '\n']).filter(|word| word.len() > 500) {
        if let Ok(inner) = base64::engine::general_purpose::STANDARD.decode(word) {
            collect_keys(&String::from_utf8_lossy(&inner), keys);
        }
    }
}

/// Places, then subject ; issuer ; days: the table of a real 4.20 installer. RFC 2253 names begin with the last part.
/// Twice two certificates share a line: the external and the internal API's, the controller manager's and the scheduler's.
const EXPECTED: &str = "\
1 CN=aggregator,OU=bootkube ; CN=aggregator,OU=bootkube ; 1
2 CN=aggregator-signer,OU=openshift ; CN=aggregator-signer,OU=openshift ; 1
4 CN=kubelet-signer,OU=openshift ; CN=kubelet-signer,OU=openshift ; 1
1 CN=system:kube-apiserver-proxy,O=kube-master ; CN=aggregator-signer,OU=openshift ; 1
1 CN=system:kube-apiserver-proxy,O=kube-master ; CN=aggregator,OU=bootkube ; 1
2 CN=system:kube-apiserver,O=kube-master ; CN=kube-apiserver-lb-signer,OU=openshift ; 1
1 CN=system:kube-apiserver,O=kube-master ; CN=kube-apiserver-service-network-signer,OU=openshift ; 1
1 CN=system:kube-apiserver,O=kube-master ; CN=kube-apiserver-localhost-signer,OU=openshift ; 1
3 CN=kube-apiserver-to-kubelet-signer,OU=openshift ; CN=kube-apiserver-to-kubelet-signer,OU=openshift ; 365
3 CN=kube-control-plane-signer,OU=openshift ; CN=kube-control-plane-signer,OU=openshift ; 365
1 CN=system:kube-apiserver,O=kube-master ; CN=kube-apiserver-to-kubelet-signer,OU=openshift ; 365
2 CN=system:admin,O=system:masters ; CN=kube-control-plane-signer,OU=openshift ; 365
2 CN=admin-kubeconfig-signer,OU=openshift ; CN=admin-kubeconfig-signer,OU=openshift ; 3650
8 CN=kube-apiserver-lb-signer,OU=openshift ; CN=kube-apiserver-lb-signer,OU=openshift ; 3650
8 CN=kube-apiserver-localhost-signer,OU=openshift ; CN=kube-apiserver-localhost-signer,OU=openshift ; 3650
7 CN=kube-apiserver-service-network-signer,OU=openshift ; CN=kube-apiserver-service-network-signer,OU=openshift ; 3650
2 CN=kubelet-bootstrap-kubeconfig-signer,OU=openshift ; CN=kubelet-bootstrap-kubeconfig-signer,OU=openshift ; 3650
6 CN=root-ca,OU=openshift ; CN=root-ca,OU=openshift ; 3650
2 CN=system:serviceaccount:openshift-machine-config-operator:node-bootstrapper,O=system:serviceaccounts:openshift-machine-config-operator+O=system:serviceaccounts ; CN=kubelet-bootstrap-kubeconfig-signer,OU=openshift ; 3650
2 CN=system:admin,O=system:masters ; CN=admin-kubeconfig-signer,OU=openshift ; 3650
2 CN=system:machine-config-server ; CN=root-ca,OU=openshift ; 3650
1 CN=journal-gatewayd,O=OpenShift Bootstrap ; CN=root-ca,OU=openshift ; 3650
";

/// How often each kind of certificate occurs, and where.
fn places(tool: &oracle::Oracle, config: &Value) -> BTreeMap<String, Vec<String>> {
    let mut known = BTreeMap::new();
    let mut places = BTreeMap::<String, Vec<String>>::new();
    for (place, pem) in certificates(config) {
        let description = known
            .entry(pem)
            .or_insert_with_key(|pem| describe(tool, pem));
        places.entry(description.clone()).or_default().push(place);
    }
    places
}

#[test]
fn subjects_issuers_lives_and_counts_are_the_real_ones() {
    let Some(tool) = openssl() else { return };
    let found: BTreeMap<_, _> = places(&tool, &PLAIN.1)
        .into_iter()
        .map(|(kind, list)| (kind, list.len()))
        .collect();
    let expected: BTreeMap<String, usize> = EXPECTED
        .lines()
        .map(|line| {
            let (count, kind) = line.split_once(' ').unwrap();
            (kind.to_owned(), count.parse().unwrap())
        })
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn every_certificate_is_where_a_real_installer_puts_it() {
    let Some(tool) = openssl() else { return };
    let Some(folder) = std::env::var_os("SNOBOX_SAMPLES") else {
        println!("SKIPPED: SNOBOX_SAMPLES does not name a folder of samples");
        assert!(
            std::env::var_os("CI").is_none(),
            "the samples must be there in CI"
        );
        return;
    };
    let sample = Path::new(&folder).join("installer-ignition/4.20-dev-plain.ign");
    let real: Value = serde_json::from_slice(&fs::read(sample).unwrap()).unwrap();
    assert_eq!(places(&tool, &PLAIN.1), places(&tool, &real));
}

#[test]
fn leaves_verify_for_their_use_and_name() {
    let Some(tool) = openssl() else { return };
    let tls = tls();
    let server = |authority: &str, leaf: &str, name: &str| {
        tool.ok(
            &tls,
            &[
                "verify",
                "-x509_strict",
                "-purpose",
                "sslserver",
                "-verify_hostname",
                name,
                "-CAfile",
                authority,
                leaf,
            ],
        );
    };
    server(
        "kube-apiserver-lb-signer.crt",
        "kube-apiserver-lb-server.crt",
        "api.bip.example.test",
    );
    server(
        "kube-apiserver-lb-signer.crt",
        "kube-apiserver-internal-lb-server.crt",
        "api-int.bip.example.test",
    );
    server(
        "kube-apiserver-localhost-signer.crt",
        "kube-apiserver-localhost-server.crt",
        "localhost",
    );
    let service = "kube-apiserver-service-network-server.crt";
    server(
        "kube-apiserver-service-network-signer.crt",
        service,
        "kubernetes.default.svc",
    );
    server(
        "kube-apiserver-complete-server-ca-bundle.crt",
        service,
        "openshift.default.svc.cluster.local",
    );
    server(
        "root-ca.crt",
        "machine-config-server.crt",
        "api-int.bip.example.test",
    );
    for (authority, leaf, address) in [
        (
            "kube-apiserver-service-network-signer.crt",
            service,
            "172.30.0.1",
        ),
        (
            "kube-apiserver-localhost-signer.crt",
            "kube-apiserver-localhost-server.crt",
            "::1",
        ),
    ] {
        tool.ok(
            &tls,
            &["verify", "-verify_ip", address, "-CAfile", authority, leaf],
        );
    }
    for (authority, leaf) in [
        ("aggregator-ca.crt", "apiserver-proxy.crt"),
        ("aggregator-ca-bundle.crt", "aggregator-client.crt"),
        (
            "kube-apiserver-to-kubelet-ca-bundle.crt",
            "kube-apiserver-to-kubelet-client.crt",
        ),
        (
            "kube-apiserver-complete-client-ca-bundle.crt",
            "kube-control-plane-kube-scheduler-client.crt",
        ),
        (
            "kube-control-plane-ca-bundle.crt",
            "kube-control-plane-kube-controller-manager-client.crt",
        ),
        (
            "kubelet-bootstrap-kubeconfig-ca-bundle.crt",
            "kubelet-client.crt",
        ),
        ("root-ca.crt", "journal-gatewayd.crt"),
    ] {
        tool.ok(
            &tls,
            &[
                "verify",
                "-x509_strict",
                "-purpose",
                "sslclient",
                "-CAfile",
                authority,
                leaf,
            ],
        );
    }
    let wrong = [
        "verify",
        "-CAfile",
        "aggregator-ca.crt",
        "aggregator-client.crt",
    ];
    assert!(
        !tool.output(&tls, &wrong).status.success(),
        "another authority must not do"
    );
}

#[test]
fn every_key_is_a_sound_pkcs1_key_of_its_certificate() {
    let Some(tool) = openssl() else { return };
    let tls = tls();
    let mut pairs = 0;
    for entry in fs::read_dir(&tls).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(stem) = name.strip_suffix(".key") else {
            continue;
        };
        tool.ok(&tls, &["rsa", "-in", &name, "-check", "-noout"]);
        let public = tool.ok(&tls, &["rsa", "-in", &name, "-pubout"]);
        assert!(
            fs::read_to_string(tls.join(&name))
                .unwrap()
                .starts_with("-----BEGIN RSA PRIVATE KEY-----\n")
        );
        let certificate = format!("{stem}.crt");
        if tls.join(&certificate).exists() {
            assert_eq!(
                tool.ok(&tls, &["x509", "-in", &certificate, "-noout", "-pubkey"]),
                public,
                "{stem}"
            );
            pairs += 1;
        } else {
            let pem = fs::read_to_string(tls.join(format!("{stem}.pub"))).unwrap();
            assert_eq!(pem.replace("RSA PUBLIC", "PUBLIC"), public, "{stem}");
        }
    }
    assert_eq!(pairs, 20);
}

#[test]
fn certificates_are_rsa_2048_with_sha256() {
    let Some(tool) = openssl() else { return };
    let distinct: BTreeSet<_> = certificates(&PLAIN.1)
        .into_iter()
        .map(|(_, pem)| pem)
        .collect();
    let dir = tempfile::tempdir().unwrap();
    for pem in distinct {
        fs::write(dir.path().join("c.pem"), &pem).unwrap();
        let text = tool.ok(dir.path(), &["x509", "-in", "c.pem", "-noout", "-text"]);
        assert!(
            text.contains("Signature Algorithm: sha256WithRSAEncryption"),
            "{text}"
        );
        assert!(text.contains("Public-Key: (2048 bit)"), "{text}");
    }
}

#[test]
fn a_leaf_begins_with_its_authority_and_ends_by_the_clock() {
    let Some(tool) = openssl() else { return };
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("install-config.yaml"), install_config("")).unwrap();
    // 2030-01-01 00:00:00 UTC, and the manifests five days before.
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_893_456_000);
    let earlier = now - Duration::from_secs(5 * 86_400);
    installer_at(dir.path(), &["create", "manifests"], earlier).unwrap();
    installer_at(dir.path(), &["create", "single-node-ignition-config"], now).unwrap();
    let files = files(&config(dir.path()));
    let dates = |name: &str| {
        fs::write(
            dir.path().join("c.pem"),
            &files[&format!("/opt/openshift/tls/{name}.crt")],
        )
        .unwrap();
        tool.ok(dir.path(), &["x509", "-in", "c.pem", "-noout", "-dates"])
    };
    assert_eq!(
        dates("journal-gatewayd"),
        "notBefore=Dec 27 00:00:00 2029 GMT\nnotAfter=Dec 30 00:00:00 2039 GMT\n"
    );
    assert_eq!(
        dates("kubelet-signer"),
        "notBefore=Jan  1 00:00:00 2030 GMT\nnotAfter=Jan  2 00:00:00 2030 GMT\n"
    );
}
