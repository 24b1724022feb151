//! From a 401 to a token, and what happens when that goes wrong.

use snobox_registry::client::{Client, RequestError};
use snobox_registry::pull::PullError;
use snobox_testkit::fault_registry::{Answer, FaultRegistry};

use super::workbench::{Bench, OneBlob, plain_client, run, secret};

const BASIC: &str = "Basic cHJhY3RpY2U6cHJhY3RpY2U=";

/// A registry that wants `Bearer good` from the token service at `realm`.
fn guarded(blob: &OneBlob, realm: &str) -> FaultRegistry {
    let challenge =
        format!("Bearer realm=\"{realm}\",service=\"the service\",scope=\"repository:a/b:pull\"");
    blob.served_as([Answer::bytes(blob.bytes.clone()).only_with("Bearer good", &challenge)])
}

/// A token service that answers so, and its realm.
fn token_service(answers: impl IntoIterator<Item = Answer>) -> (FaultRegistry, String) {
    let service = FaultRegistry::start().unwrap();
    service.script("/token", answers);
    let realm = format!("http://{}/token", service.address());
    (service, realm)
}

fn client_for(registry: &FaultRegistry) -> Client {
    let keys = [format!("{}/a", registry.address())];
    super::workbench::client(Vec::new(), Some(secret(&keys)))
}

#[test]
fn a_token_is_fetched_with_the_credentials_and_used_for_the_next_blob_too() {
    let (first, second) = (OneBlob::new(1000), OneBlob::new(2000));
    let (service, realm) =
        token_service([Answer::bytes(r#"{"token":"good"}"#).only_with(BASIC, "Basic")]);
    let registry = guarded(&first, &realm);
    registry.script(
        &second.path(),
        [Answer::bytes(second.bytes.clone()).only_with("Bearer good", "Basic")],
    );
    let client = client_for(&registry);
    let bench = Bench::new();
    run(bench.fetch(&client, &[first.image(registry.address())])).unwrap();
    run(bench.fetch(&client, &[second.image(registry.address())])).unwrap();
    let seen = service.seen();
    assert_eq!(seen.len(), 1, "one token for both: {seen:?}");
    assert_eq!(
        seen[0].path,
        "/token?service=the+service&scope=repository%3Aa%2Fb%3Apull"
    );
    assert_eq!(seen[0].authorization.as_deref(), Some(BASIC));
}

#[test]
fn a_token_that_has_expired_is_replaced() {
    let (first, second) = (OneBlob::new(1000), OneBlob::new(2000));
    let tokens =
        ["good", "better"].map(|token| Answer::bytes(format!(r#"{{"access_token":"{token}"}}"#)));
    let (service, realm) = token_service(tokens);
    let registry = guarded(&first, &realm);
    let challenge = format!("Bearer realm=\"{realm}\"");
    registry.script(
        &second.path(),
        [Answer::bytes(second.bytes.clone()).only_with("Bearer better", &challenge)],
    );
    let client = client_for(&registry);
    let bench = Bench::new();
    run(bench.fetch(&client, &[first.image(registry.address())])).unwrap();
    run(bench.fetch(&client, &[second.image(registry.address())])).unwrap();
    assert_eq!(service.count("/token"), 2);
}

#[track_caller]
fn fails(answers: impl IntoIterator<Item = Answer>) -> RequestError {
    let blob = OneBlob::new(1000);
    let (_service, realm) = token_service(answers);
    let registry = guarded(&blob, &realm);
    let bench = Bench::new();
    let mut failure = bench.failure(&client_for(&registry), &blob.image(registry.address()));
    bench.assert_no_blob();
    match failure.attempts.remove(0) {
        PullError::Request(error) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_token_that_does_not_help_is_denied() {
    let error = fails([Answer::bytes(r#"{"token":"bad"}"#)]);
    assert!(
        matches!(error, RequestError::Denied { status: 401, .. }),
        "{error:?}"
    );
}

#[test]
fn a_token_service_that_refuses_is_denied() {
    let error = fails([Answer::status(401)]);
    assert!(
        matches!(error, RequestError::Denied { status: 401, .. }),
        "{error:?}"
    );
}

#[test]
fn a_token_service_that_is_busy_is_asked_again() {
    let blob = OneBlob::new(1000);
    let (_service, realm) =
        token_service([Answer::status(503), Answer::bytes(r#"{"token":"good"}"#)]);
    let registry = guarded(&blob, &realm);
    let bench = Bench::new();
    run(bench.fetch(&client_for(&registry), &[blob.image(registry.address())])).unwrap();
}

#[test]
fn a_token_answer_that_is_odd_or_endless_is_said_to_be() {
    // A good answer, but for its length.
    let endless = r#"{"token":"good"}"#.to_owned() + &" ".repeat(1 << 20);
    for answer in [
        Answer::bytes("<html>"),
        Answer::bytes("{}"),
        Answer::bytes(endless),
    ] {
        let error = fails([answer]);
        assert!(matches!(error, RequestError::Token { .. }), "{error:?}");
    }
}

#[test]
fn credentials_never_go_to_a_realm_in_clear_outside_this_machine() {
    let blob = OneBlob::new(1000);
    // 192.0.2.0/24 is for documentation (RFC 5737): a request would hang, not answer.
    let registry = guarded(&blob, "http://192.0.2.1/token");
    let bench = Bench::new();
    let failure = bench.failure(&client_for(&registry), &blob.image(registry.address()));
    let cause = failure.cause();
    assert!(
        matches!(cause, Some(PullError::Request(RequestError::Token { .. }))),
        "{failure:?}"
    );
}

#[test]
fn without_credentials_a_password_prompt_is_denied() {
    let blob = OneBlob::new(1000);
    let registry = blob.served_as([Answer::bytes("x").only_with(BASIC, "Basic realm=\"x\"")]);
    let bench = Bench::new();
    let failure = bench.failure(&plain_client(), &blob.image(registry.address()));
    let cause = failure.cause();
    assert!(
        matches!(
            cause,
            Some(PullError::Request(RequestError::Denied { status: 401, .. }))
        ),
        "{failure:?}"
    );
    assert_eq!(registry.count(&blob.path()), 1);
}
