//! Renewed ignitions of real and practice installers: every chain, name, kubeconfig and key pair, as openssl sees them.

use std::collections::BTreeMap;
use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use snobox_certs::ignition::Sources;
use snobox_certs::{
    ALSO_LONGER, Deadline, Lifetime, Plan, Policy, SHORT_LIVED, Survey, SystemRandom, moment_text,
    renew,
};
use time::{Duration, OffsetDateTime};

use crate::openssl::{self, DAY, Unpacked, described, ignitions, run_in};

/// Authority, leaf, and what else openssl is to check: what talks to what during an installation.
const CHAINS: [(&str, &str, &str); 16] = [
    (
        "kube-apiserver-lb-signer.crt",
        "kube-apiserver-lb-server.crt",
        "-purpose sslserver -verify_hostname api.bip.example.test",
    ),
    (
        "kube-apiserver-lb-ca-bundle.crt",
        "kube-apiserver-internal-lb-server.crt",
        "-purpose sslserver -verify_hostname api-int.bip.example.test",
    ),
    (
        "kube-apiserver-complete-server-ca-bundle.crt",
        "kube-apiserver-lb-server.crt",
        "-purpose sslserver -verify_hostname api.bip.example.test",
    ),
    (
        "kube-apiserver-localhost-signer.crt",
        "kube-apiserver-localhost-server.crt",
        "-purpose sslserver -verify_hostname localhost",
    ),
    (
        "kube-apiserver-localhost-ca-bundle.crt",
        "kube-apiserver-localhost-server.crt",
        "-verify_ip ::1",
    ),
    (
        "kube-apiserver-service-network-ca-bundle.crt",
        "kube-apiserver-service-network-server.crt",
        "-purpose sslserver -verify_hostname kubernetes.default.svc",
    ),
    (
        "kube-apiserver-complete-server-ca-bundle.crt",
        "kube-apiserver-service-network-server.crt",
        "-verify_ip 172.30.0.1",
    ),
    (
        "root-ca.crt",
        "machine-config-server.crt",
        "-purpose sslserver -verify_hostname api-int.bip.example.test",
    ),
    ("root-ca.crt", "journal-gatewayd.crt", ""),
    (
        "aggregator-ca.crt",
        "apiserver-proxy.crt",
        "-purpose sslclient",
    ),
    (
        "aggregator-ca-bundle.crt",
        "aggregator-client.crt",
        "-purpose sslclient",
    ),
    (
        "kube-apiserver-to-kubelet-ca-bundle.crt",
        "kube-apiserver-to-kubelet-client.crt",
        "-purpose sslclient",
    ),
    (
        "kube-apiserver-complete-client-ca-bundle.crt",
        "kube-control-plane-kube-scheduler-client.crt",
        "-purpose sslclient",
    ),
    (
        "kube-control-plane-ca-bundle.crt",
        "kube-control-plane-kube-controller-manager-client.crt",
        "-purpose sslclient",
    ),
    (
        "kubelet-bootstrap-kubeconfig-ca-bundle.crt",
        "kubelet-client.crt",
        "-purpose sslclient",
    ),
    (
        "kube-apiserver-complete-client-ca-bundle.crt",
        "kubelet-client.crt",
        "-purpose sslclient",
    ),
];
/// Bundles and signers that must hold by themselves.
const SIGNERS: [&str; 8] = [
    "kubelet-signer.crt",
    "kubelet-client-ca-bundle.crt",
    "kubelet-serving-ca-bundle.crt",
    "kube-control-plane-signer.crt",
    "kube-apiserver-to-kubelet-signer.crt",
    "aggregator-signer.crt",
    "aggregator-ca.crt",
    "admin-kubeconfig-ca-bundle.crt",
];
const KUBECONFIGS: [&str; 3] = ["kubeconfig", "kubeconfig-kubelet", "kubeconfig-loopback"];

fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).unwrap()
}

fn policy(now: i64, lifetime: Lifetime, up_to: Duration) -> Policy {
    Policy {
        now: at(now),
        not_before: at(now - 300),
        lifetime,
        up_to,
    }
}

/// The ignition with renewed certificates, and how many in how many places.
fn renewed(ignition: &[u8], policy: &Policy) -> (Vec<u8>, usize, usize) {
    let (texts, sources) = Sources::read(ignition).unwrap();
    let survey = Survey::of(texts);
    let plan = Plan::new(&survey, policy);
    assert_eq!(plan.obstacles(), []);
    let renewed = renew(&survey, &plan, &SystemRandom::new()).unwrap();
    let new = sources.replace(ignition, renewed.texts());
    (new.to_vec(), renewed.certificates(), renewed.places())
}

/// When an ignition was made.
fn made(ignition: &Unpacked) -> i64 {
    ignition.moment("kubelet-signer.crt", "notBefore")
}

/// Everything that does not hold at a moment.
fn faults(ignition: &Unpacked, at: i64) -> Vec<String> {
    let mut faults = Vec::new();
    let mut verify = |authority: &str, leaf: &str, extra: &str| {
        faults.extend(ignition.verify(at, authority, extra, leaf).err());
    };
    for (authority, leaf, extra) in CHAINS {
        verify(authority, leaf, extra);
    }
    for signer in SIGNERS {
        verify(signer, signer, "");
    }
    for name in KUBECONFIGS {
        let text = &ignition.files[&format!("/opt/openshift/auth/{name}")];
        let text = std::str::from_utf8(text).unwrap();
        for (field, file) in [
            ("certificate-authority-data: ", "ca"),
            ("client-certificate-data: ", "client"),
        ] {
            let (_, rest) = text.split_once(field).unwrap();
            let data = STANDARD
                .decode(rest.lines().next().unwrap().trim())
                .unwrap();
            fs::write(ignition.tls().join(format!("{name}-{file}.pem")), data).unwrap();
        }
        let server = if name == "kubeconfig-loopback" {
            "kube-apiserver-localhost-server.crt"
        } else {
            "kube-apiserver-internal-lb-server.crt"
        };
        verify(&format!("{name}-ca.pem"), server, "-purpose sslserver");
        let client = format!("{name}-client.pem");
        verify(
            "kube-apiserver-complete-client-ca-bundle.crt",
            &client,
            "-purpose sslclient",
        );
    }
    faults
}

/// Certificates whose public key is that of the key file beside them.
fn pairs(ignition: &Unpacked) -> usize {
    let mut pairs = 0;
    for path in ignition.files.keys() {
        let Some(stem) = path
            .strip_prefix("/opt/openshift/tls/")
            .and_then(|p| p.strip_suffix(".key"))
        else {
            continue;
        };
        if ignition.tls().join(format!("{stem}.crt")).exists() {
            let of_key = run_in(&ignition.tls(), &format!("pkey -in {stem}.key -pubout"));
            let of_certificate = run_in(
                &ignition.tls(),
                &format!("x509 -in {stem}.crt -noout -pubkey"),
            );
            assert_eq!(of_key, of_certificate, "{stem}");
            pairs += 1;
        }
    }
    pairs
}

/// All that openssl prints of a certificate but serial number, validity and signature.
fn kept(files: &BTreeMap<String, Vec<u8>>) -> Vec<(String, String)> {
    let no = "no_serial,no_validity,no_sigdump,no_header,no_version";
    described(
        files,
        &format!("-subject -issuer -pubkey -text -certopt {no}"),
    )
}

#[track_caller]
fn assert_proven(name: &str, before: &[u8], after: &[u8], now: i64, until: i64) {
    let (old, new) = (Unpacked::of(before), Unpacked::of(after));
    assert_eq!(faults(&new, now), [""; 0], "{name}");
    let late = now + (until - now) * 9 / 10;
    assert_eq!(faults(&new, late), [""; 0], "{name}");
    assert!(pairs(&new) >= 19, "{name}");
    let kept = [kept(&old.files), kept(&new.files)];
    assert_eq!(kept[0].len(), openssl::counted(name).1, "{name}");
    assert_eq!(kept[0], kept[1], "{name}");
    for (path, bytes) in &new.files {
        if path.ends_with(".key") || path.contains("/auth/") {
            assert_eq!(Some(bytes), old.files.get(path), "{name}: {path}");
        }
    }
}

#[test]
fn an_unchanged_ignition_fails_after_two_days() {
    if !openssl::is_there() {
        return;
    }
    for (name, ignition) in ignitions() {
        let ignition = Unpacked::of(&ignition);
        let made = made(&ignition);
        assert_eq!(faults(&ignition, made + 60), [""; 0], "{name}");
        let faults = faults(&ignition, made + 2 * DAY);
        assert!(faults.len() >= 12, "{name}: {faults:#?}");
        assert!(
            faults.iter().all(|fault| fault.contains("expired")),
            "{name}: {faults:#?}"
        );
    }
}

#[test]
fn an_extended_ignition_holds_to_90_percent_of_the_new_validity() {
    if !openssl::is_there() {
        return;
    }
    for (name, ignition) in ignitions() {
        // The stick was forgotten over a weekend.
        let now = made(&Unpacked::of(&ignition)) + 2 * DAY;
        let year = Lifetime::Exactly(Duration::days(365));
        let (new, certificates, places) = renewed(&ignition, &policy(now, year, SHORT_LIVED));
        assert_eq!((certificates, places), (9, 13), "{name}");
        assert_proven(&name, &ignition, &new, now, now + 364 * DAY);
        let end = Unpacked::of(&new).moment("kubelet-signer.crt", "notAfter");
        assert_eq!(end, now - 300 + 365 * DAY, "{name}");
    }
}

#[test]
fn those_of_a_year_are_extended_when_that_is_wanted() {
    if !openssl::is_there() {
        return;
    }
    for (name, ignition) in ignitions() {
        let now = made(&Unpacked::of(&ignition)) + 400 * DAY;
        let years = Lifetime::Exactly(Duration::days(3 * 365));
        let (new, certificates, places) = renewed(&ignition, &policy(now, years, ALSO_LONGER));
        assert_eq!((certificates, places), (14, 22), "{name}");
        assert_proven(&name, &ignition, &new, now, now + 3 * 364 * DAY);
    }
}

/// What happens on the device: as if the installer had been run just now.
#[test]
fn after_a_year_in_a_drawer_all_lives_are_as_long_as_before() {
    if !openssl::is_there() {
        return;
    }
    for (name, ignition) in ignitions() {
        let old = Unpacked::of(&ignition);
        let now = made(&old) + 400 * DAY;
        let (new, certificates, _) = renewed(&ignition, &policy(now, Lifetime::Keep, ALSO_LONGER));
        assert_eq!(certificates, 14, "{name}");
        assert_proven(&name, &ignition, &new, now, now + DAY - 301);
        let new = Unpacked::of(&new);
        for file in ["kubelet-signer.crt", "kube-control-plane-signer.crt"] {
            let life = |ignition: &Unpacked| {
                ignition.moment(file, "notAfter") - ignition.moment(file, "notBefore")
            };
            assert_eq!(life(&new), life(&old), "{name}: {file}");
            assert_eq!(new.moment(file, "notBefore"), now - 300, "{name}: {file}");
        }
    }
}

#[test]
fn a_kubelet_certificate_of_the_renewed_signer_is_taken_by_the_client_bundle() {
    if !openssl::is_there() {
        return;
    }
    for (name, ignition) in ignitions() {
        // openssl 3.0 issues from the machine's clock on.
        let now = openssl::now();
        let sign = |ignition: &[u8]| {
            let ignition = Unpacked::of(ignition);
            let tls = ignition.tls();
            run_in(
                &tls,
                "req -new -newkey rsa:2048 -nodes -keyout n.key -out n.csr -subj /O=system:nodes/CN=system:node:bip",
            );
            run_in(
                &tls,
                "x509 -req -in n.csr -CA kubelet-signer.crt -CAkey kubelet-signer.key -days 30 -out n.crt",
            );
            let bundle = "kube-apiserver-complete-client-ca-bundle.crt";
            ignition.verify(now + 20 * DAY, bundle, "-purpose sslclient", "n.crt")
        };
        let year = Lifetime::Exactly(Duration::days(365));
        let (new, ..) = renewed(&ignition, &policy(now, year, SHORT_LIVED));
        assert_eq!(sign(&new), Ok(()), "{name}");
        assert!(sign(&ignition).unwrap_err().contains("expired"), "{name}");
    }
}

#[test]
fn nothing_of_the_document_changes_but_the_files_that_hold_renewed_certificates() {
    for (name, ignition) in ignitions() {
        let year = Lifetime::Exactly(Duration::days(365));
        let (new, ..) = renewed(&ignition, &policy(openssl::now(), year, SHORT_LIVED));
        let (old, new): (serde_json::Value, serde_json::Value) = (
            serde_json::from_slice(&ignition).unwrap(),
            serde_json::from_slice(&new).unwrap(),
        );
        let mut changed = Vec::new();
        let mut copy = old.clone();
        let files =
            |document: &serde_json::Value| document["storage"]["files"].as_array().unwrap().clone();
        for (index, (before, after)) in files(&old).iter().zip(&files(&new)).enumerate() {
            if before != after {
                changed.push(before["path"].as_str().unwrap().to_owned());
                copy["storage"]["files"][index]["contents"]["source"] =
                    after["contents"]["source"].clone();
            }
        }
        assert_eq!(copy, new, "{name}");
        let prefix = "/opt/openshift/tls/";
        assert!(
            changed
                .iter()
                .all(|path| path.starts_with(prefix) && path.ends_with(".crt")),
            "{changed:?}"
        );
        // 13 places; one bundle has one of them, no file two.
        assert_eq!(changed.len(), 13, "{name}: {changed:?}");
    }
}

/// What `build` warns with.
#[test]
fn the_deadline_is_the_first_end_and_with_renewal_that_of_the_oldest_authority() {
    if !openssl::is_there() {
        return;
    }
    for (name, ignition) in ignitions() {
        let unpacked = Unpacked::of(&ignition);
        let all = described(&unpacked.files, "-enddate -dateopt iso_8601");
        let mut ends: Vec<_> = all.iter().map(|(_, end)| end.trim()).collect();
        ends.sort_unstable();
        let deadline = Deadline::of_ignition(&ignition, at(made(&unpacked))).unwrap();
        let text = |moment: Option<OffsetDateTime>| moment_text(moment.unwrap()).replace('T', " ");
        assert_eq!(
            format!("notAfter={}", text(deadline.as_it_is)),
            ends[0],
            "{name}"
        );
        let years = (deadline.renewed.unwrap() - at(made(&unpacked))).whole_days();
        assert!((3640..=3650).contains(&years), "{name}: {years}");
        assert!(
            ends.contains(&format!("notAfter={}", text(deadline.renewed)).as_str()),
            "{name}"
        );
    }
}
