//! TLS: whom it trusts, what it offers, which failures may pass; and the way through a proxy.
//!
//! The environment of a running test cannot be changed safely, so a test with a proxy runs itself again.

use std::process::Command;

use snobox_registry::client::{Client, Setup};
use snobox_registry::pull::{Failure, PullError};
use snobox_testkit::fault_registry::{Answer, FaultRegistry};

use super::tls_front::{Proxy, TlsFront};
use super::workbench::{Bench, OneBlob, PATIENCE, plain_client, run};

const SIZE: usize = 200_000;

fn served(answers: impl IntoIterator<Item = Answer>) -> (OneBlob, FaultRegistry, TlsFront) {
    let blob = OneBlob::new(SIZE);
    let registry = blob.served_as(answers);
    let front = TlsFront::start(registry.address());
    (blob, registry, front)
}

fn ranged() -> Answer {
    Answer::bytes(OneBlob::new(SIZE).bytes).ranged()
}

fn trusting(pem: &str) -> Client {
    let mut setup = Setup {
        patience: PATIENCE,
        ..Setup::default()
    };
    setup.trust_pem(pem.as_bytes()).unwrap();
    Client::with(setup).unwrap()
}

fn is_untrusted(failure: &Failure) -> bool {
    matches!(failure.cause(), Some(PullError::Request(error)) if error.is_untrusted())
}

#[test]
fn an_authority_that_is_named_is_trusted_and_no_other() {
    let (blob, registry, front) = served([ranged().cut_at(50_000), ranged()]);
    let bench = Bench::new();
    let failure = bench.failure(&plain_client(), &blob.image(front.address));
    assert!(is_untrusted(&failure), "{failure:?}");
    // The probe for plain HTTP, and one handshake: a certificate does not change by itself.
    assert_eq!(front.connections(), 2);
    assert_eq!(registry.seen(), []);
    run(bench.fetch(&trusting(&front.pem), &[blob.image(front.address)])).unwrap();
    assert!(bench.store.has(blob.digest, SIZE as u64));
    let asked = registry.seen().pop().unwrap().range;
    assert_eq!(asked.as_deref(), Some("bytes=50000-199999"));
}

#[test]
fn http_2_is_offered_and_http_1_too() {
    let (blob, _registry, front) = served([ranged()]);
    let bench = Bench::new();
    run(bench.fetch(&trusting(&front.pem), &[blob.image(front.address)])).unwrap();
    assert_eq!(front.offered(), [b"h2".to_vec(), b"http/1.1".to_vec()]);
}

#[test]
fn an_alert_of_a_registry_that_was_there_passes() {
    let (blob, registry, front) = served([ranged()]);
    let client = trusting(&front.pem);
    let bench = Bench::new();
    run(bench.fetch(&client, &[blob.image(front.address)])).unwrap();
    // More than the tries: what cannot be reached any more is an outage, and passes.
    let other = OneBlob::new(1000);
    registry.script(&other.path(), [Answer::bytes(other.bytes.clone())]);
    front.alert(6);
    let summary = run(bench.fetch(&client, &[other.image(front.address)])).unwrap();
    assert_eq!(summary.retries, 6);
}

#[test]
fn an_alert_of_a_registry_that_never_answered_is_said_at_once() {
    let (blob, _registry, front) = served([ranged()]);
    // The probe for plain HTTP has no handshake, so the next has.
    front.alert(99);
    let failure = Bench::new().failure(&trusting(&front.pem), &blob.image(front.address));
    assert_eq!(front.connections(), 2, "{failure}");
}

#[test]
fn an_alert_in_the_middle_of_a_blob_is_a_break_and_nothing_comes_twice() {
    let (blob, registry, front) = served([ranged()]);
    front.alert_after(80_000);
    let bench = Bench::new();
    let image = [blob.image(front.address)];
    let summary = run(bench.fetch(&trusting(&front.pem), &image)).unwrap();
    assert_eq!((summary.retries, summary.received_bytes), (1, SIZE as u64));
    let asked = registry.seen().pop().unwrap().range.unwrap();
    let (first, last) = asked
        .strip_prefix("bytes=")
        .unwrap()
        .split_once('-')
        .unwrap();
    // Behind what came before the alert: the head of the answer was a part of the 80,000 bytes.
    let first: u64 = first.parse().unwrap();
    assert!((1..80_000).contains(&first) && last == "199999", "{asked}");
}

#[test]
fn files_without_a_certificate_are_refused() {
    let mut setup = Setup::default();
    for text in [
        "",
        "hello",
        "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n",
    ] {
        assert!(setup.trust_pem(text.as_bytes()).is_err(), "{text:?}");
    }
}

const INNER: &str = "SNOBOX_TEST_AUTHORITY";

/// Runs one test again, with a proxy and without; returns what it says.
fn again(test: &str, front: &TlsFront, proxy: &Proxy, no_proxy: &str) -> String {
    again_by(test, front, &format!("http://{}", proxy.address), no_proxy)
}

fn again_by(test: &str, front: &TlsFront, address: &str, no_proxy: &str) -> String {
    let mut again = Command::new(std::env::current_exe().unwrap());
    again
        .args(["--exact", test, "--nocapture"])
        .env(INNER, &front.pem)
        .env("HTTPS_PROXY", address)
        .env("NO_PROXY", no_proxy)
        .env_remove("https_proxy")
        .env_remove("no_proxy")
        .env_remove("ALL_PROXY");
    let output = again.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

#[test]
fn a_proxy_of_the_environment_is_asked_and_exceptions_are_not() {
    let blob = OneBlob::new(SIZE);
    if let Ok(pem) = std::env::var(INNER) {
        let bench = Bench::new();
        let image = blob.image("registry.test.example");
        let fetched = run(bench.fetch(&trusting(&pem), &[image]));
        println!("fetched: {}", fetched.is_ok());
        return;
    }
    let (_, registry, front) = served([ranged().cut_at(50_000), ranged()]);
    let proxy = Proxy::start(front.address);
    let test = "tls::a_proxy_of_the_environment_is_asked_and_exceptions_are_not";
    let said = again(test, &front, &proxy, "other.example");
    assert!(said.contains("fetched: true"), "{said}");
    let connect = "CONNECT registry.test.example:443 HTTP/1.1";
    assert_eq!(proxy.asked(), [connect; 2]);
    assert_eq!(registry.count(&blob.path()), 2);
    // There is no such name outside.
    let said = again(test, &front, &proxy, "test.example");
    assert!(said.contains("fetched: false"), "{said}");
    assert_eq!(proxy.asked().len(), 2);
}

#[test]
fn a_proxy_that_wants_a_password_gets_that_of_its_address_and_no_failure_shows_it() {
    let blob = OneBlob::new(SIZE);
    if let Ok(pem) = std::env::var(INNER) {
        let bench = Bench::new();
        let image = blob.image("registry.test.example");
        match run(bench.fetch(&trusting(&pem), &[image])) {
            Ok(summary) => println!("fetched: {}", summary.received_bytes),
            Err(failures) => println!("failed: {} {failures:?}", failures[0]),
        }
        return;
    }
    let (_, _registry, front) = served([ranged()]);
    // `printf someone:canary-word | base64`
    let line = "proxy-authorization: Basic c29tZW9uZTpjYW5hcnktd29yZA==";
    let proxy = Proxy::guarded(front.address, line);
    let test =
        "tls::a_proxy_that_wants_a_password_gets_that_of_its_address_and_no_failure_shows_it";
    let by = |who: &str| again_by(test, &front, &format!("http://{who}{}", proxy.address), "");
    assert!(by("someone:canary-word@").contains("fetched: 200000"));
    let said = by("");
    assert!(
        said.contains("failed: ") && said.contains("proxy authorization required"),
        "{said}"
    );
    let said = by("someone:wrong-canary@");
    assert!(
        said.contains("failed: ") && !said.contains("canary"),
        "{said}"
    );
}
