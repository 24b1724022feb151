//! Manifests from a registry that misbehaves.

use std::time::{Duration, Instant};

use snobox_registry::client::RequestError;
use snobox_registry::pull::{self, Event, Failure, Patience, Pinned, PullError};
use snobox_testkit::fault_registry::{Answer, FaultRegistry};

use super::oracle::silent_port;
use super::workbench::{
    Bench, OneManifest, PATIENCE, mirrored_client, patient_client, plain_client, run,
};

/// Pins `a/b:v1` from a registry that answers so; returns the outcome and how often it was asked.
fn pin(
    bench: &Bench,
    answers: impl IntoIterator<Item = Answer>,
) -> (Result<Pinned, Failure>, usize) {
    let registry = FaultRegistry::start().unwrap();
    let manifest = OneManifest::new();
    let path = manifest.path("v1");
    registry.script(&path, answers);
    let reference = manifest.by_tag(registry.address());
    let client = plain_client();
    let events = bench.sink();
    let pinned =
        run(async { pull::pin(&client, &bench.store, &reference, "amd64", &events).await });
    (pinned, registry.count(&path))
}

#[track_caller]
fn fails_with(answers: impl IntoIterator<Item = Answer>) -> (PullError, usize) {
    let bench = Bench::new();
    let (pinned, asked) = pin(&bench, answers);
    bench.assert_no_blob();
    let mut failure = pinned.unwrap_err();
    assert_eq!(failure.attempts.len(), 1);
    (failure.attempts.remove(0), asked)
}

#[test]
fn refusal_and_absence_are_told_apart() {
    let (error, _) = fails_with([Answer::status(403)]);
    assert!(
        matches!(
            error,
            PullError::Request(RequestError::Denied { status: 403, .. })
        ),
        "{error:?}"
    );
    let (error, _) = fails_with([Answer::status(404)]);
    assert!(
        matches!(error, PullError::Request(RequestError::NotFound { .. })),
        "{error:?}"
    );
}

#[test]
fn a_busy_registry_is_asked_again() {
    let bench = Bench::new();
    let manifest = OneManifest::new();
    let cut = manifest.answer().cut_at(10);
    let answers = [
        Answer::status(429),
        Answer::status(502),
        cut,
        manifest.answer(),
    ];
    let (pinned, asked) = pin(&bench, answers);
    assert_eq!(
        (pinned.unwrap().manifest.digest, asked),
        (manifest.digest, 4)
    );
    assert_eq!(
        bench.store.read_blob(manifest.digest, 9999).unwrap(),
        manifest.bytes
    );
}

#[test]
fn a_manifest_and_a_token_that_drip_are_stalls() {
    let patience = Patience {
        stall: Duration::from_millis(300),
        ..PATIENCE
    };
    let manifest = OneManifest::new();
    let service = FaultRegistry::start().unwrap();
    let token = Answer::bytes(r#"{"token":"good"}"#);
    service.script("/token", [token.clone().paced(20), token]);
    let challenge = format!("Bearer realm=\"http://{}/token\"", service.address());
    let registry = FaultRegistry::start().unwrap();
    let good = manifest.answer().only_with("Bearer good", &challenge);
    registry.script(&manifest.path("v1"), [good.clone().paced(20), good]);
    let bench = Bench::new();
    let client = patient_client(Vec::new(), None, patience);
    let started = Instant::now();
    let pinned = run(bench.pin(&client, &[manifest.by_tag(registry.address())])).unwrap();
    assert_eq!(pinned[0].manifest.digest, manifest.digest);
    // Each would have taken seconds: the token 16 bytes, the manifest some hundred, at 20 in a second.
    let took = started.elapsed();
    assert!(
        took > Duration::from_millis(600) && took < Duration::from_secs(4),
        "{took:?}"
    );
    assert_eq!(
        (
            service.count("/token"),
            registry.count(&manifest.path("v1"))
        ),
        (2, 4)
    );
}

#[test]
fn a_connection_that_is_reset_is_broken() {
    let (error, asked) = fails_with([OneManifest::new().answer().reset_at(0)]);
    assert!(
        matches!(error, PullError::Request(RequestError::Broken { .. })),
        "{error:?}"
    );
    assert_eq!(asked, 4);
}

#[test]
fn a_manifest_above_four_mebibytes_is_too_large_and_one_of_that_size_is_not() {
    let (error, asked) = fails_with([Answer::bytes(vec![b' '; (4 << 20) + 1])]);
    assert!(
        matches!(
            error,
            PullError::Request(RequestError::TooLarge {
                limit_bytes: 4_194_304,
                ..
            })
        ),
        "{error:?}"
    );
    assert_eq!(asked, 1);
    let bench = Bench::new();
    let mut bytes = OneManifest::new().bytes;
    bytes.resize(4 << 20, b' ');
    pin(&bench, [Answer::bytes(bytes)]).0.unwrap();
}

#[test]
fn a_manifest_that_is_not_the_one_announced_is_of_wrong_digest() {
    let other = format!("sha256:{}", "0".repeat(64));
    let answer = OneManifest::new()
        .answer()
        .header("Docker-Content-Digest", &other);
    let (error, asked) = fails_with([answer]);
    assert!(
        matches!(error, PullError::Request(RequestError::WrongDigest { .. })),
        "{error:?}"
    );
    assert_eq!(asked, 1);
}

#[test]
fn wrong_bytes_of_a_mirror_are_the_cause_when_the_real_registry_is_silent() {
    let manifest = OneManifest::new();
    let mirror = FaultRegistry::start().unwrap();
    mirror.script(
        &manifest.path(&manifest.digest.to_string()),
        [Answer::bytes("{}")],
    );
    let real = silent_port();
    let client = mirrored_client(&real.to_string(), &mirror);
    let bench = Bench::new();
    let reference = manifest.by_digest(real);
    let events = bench.sink();
    let pinned =
        run(async { pull::pin(&client, &bench.store, &reference, "amd64", &events).await });
    let failure = pinned.unwrap_err();
    let cause = failure.cause();
    assert!(
        matches!(
            cause,
            Some(PullError::Request(RequestError::WrongDigest { .. }))
        ),
        "{failure:?}"
    );
    bench.assert_no_blob();
}

#[test]
fn an_error_page_and_schema_1_are_not_manifests() {
    for text in [
        "<html>sign in to the hotel network</html>",
        r#"{"schemaVersion":1}"#,
    ] {
        let bench = Bench::new();
        let failure = pin(&bench, [Answer::bytes(text)]).0.unwrap_err();
        assert!(
            matches!(failure.cause(), Some(PullError::Manifest(_))),
            "{failure:?}"
        );
    }
}

#[test]
fn an_index_without_the_architecture_says_what_it_has() {
    let manifest = OneManifest::new();
    let child = serde_json::json!({
        "mediaType": super::workbench::OCI_MANIFEST, "digest": manifest.digest, "size": manifest.bytes.len(),
        "platform": { "os": "linux", "architecture": "s390x" },
    });
    let index = serde_json::json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [child],
    });
    let bench = Bench::new();
    let failure = pin(&bench, [Answer::bytes(index.to_string())])
        .0
        .unwrap_err();
    let text = failure.to_string();
    assert!(
        text.contains("no variant for linux/amd64: it has linux/s390x"),
        "{text}"
    );
}

#[test]
fn a_damaged_manifest_in_the_store_is_replaced() {
    let manifest = OneManifest::new();
    let registry = FaultRegistry::start().unwrap();
    registry.script(
        &manifest.path(&manifest.digest.to_string()),
        [manifest.answer()],
    );
    let bench = Bench::new();
    let path = bench.store.blob_path(manifest.digest);
    std::fs::write(&path, vec![0; manifest.bytes.len()]).unwrap();
    let reference = manifest.by_digest(registry.address());
    run(pull::pin(
        &plain_client(),
        &bench.store,
        &reference,
        "amd64",
        &bench.sink(),
    ))
    .unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), manifest.bytes);
}

#[test]
fn pin_all_keeps_the_order_and_reports_every_failure() {
    let manifest = OneManifest::new();
    let registry = FaultRegistry::start().unwrap();
    registry.script(&manifest.path("v1"), [manifest.answer()]);
    registry.script(&manifest.path("v2"), [manifest.answer()]);
    let reference = |tag: &str| format!("{}/a/b:{tag}", registry.address()).parse().unwrap();
    let (client, bench) = (plain_client(), Bench::new());
    let wanted = [reference("v2"), reference("v1"), reference("v2")];
    let pinned = run(bench.pin(&client, &wanted)).unwrap();
    let found: Vec<_> = pinned.into_iter().map(|image| image.reference).collect();
    assert_eq!(found, wanted);
    let wanted = [reference("x"), reference("v1"), reference("y")];
    let failures = run(bench.pin(&client, &wanted)).unwrap_err();
    assert_eq!(failures.len(), 2);
}

#[test]
fn a_list_that_names_a_wrong_size_for_its_image_is_refused() {
    let manifest = OneManifest::new();
    let registry = FaultRegistry::start().unwrap();
    let child = serde_json::json!({
        "mediaType": super::workbench::OCI_MANIFEST, "digest": manifest.digest, "size": manifest.bytes.len() + 1,
        "platform": { "os": "linux", "architecture": "amd64" },
    });
    let index = serde_json::json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [child],
    });
    registry.script(&manifest.path("v1"), [Answer::bytes(index.to_string())]);
    let by_digest = manifest.path(&manifest.digest.to_string());
    registry.script(&by_digest, [manifest.answer()]);
    let (bench, client) = (Bench::new(), plain_client());
    let reference = manifest.by_tag(registry.address());
    let events = bench.sink();
    let pinned =
        run(async { pull::pin(&client, &bench.store, &reference, "amd64", &events).await });
    let text = pinned.unwrap_err().to_string();
    let expected = format!(
        "says that {} has {} bytes",
        manifest.digest,
        manifest.bytes.len() + 1
    );
    assert!(text.contains(&expected), "{text}");
}

#[test]
fn a_manifest_cut_short_where_no_length_was_told_is_asked_for_again() {
    let manifest = OneManifest::new();
    let whole = || manifest.answer().open_ended();
    // By a tag, the document itself says that more must come.
    let bench = Bench::new();
    let answers = [whole().cut_at(0), whole().cut_at(60), whole()];
    let (pinned, asked) = pin(&bench, answers);
    assert_eq!(pinned.unwrap().manifest.digest, manifest.digest);
    assert_eq!(asked, 3);
    // By a tag whose digest is told, and by a digest: what is missing may be no part of the document.
    let registry = FaultRegistry::start().unwrap();
    let spaced = OneManifest::of([&manifest.bytes[..], b"  \n"].concat());
    let whole = || spaced.answer().open_ended();
    let told = || whole().header("Docker-Content-Digest", &spaced.digest.to_string());
    let almost = spaced.bytes.len() - 1;
    registry.script(&spaced.path("v1"), [told().cut_at(almost), told()]);
    let by_digest = spaced.path(&spaced.digest.to_string());
    registry.script(&by_digest, [whole().cut_at(almost), whole()]);
    for reference in [
        spaced.by_tag(registry.address()),
        spaced.by_digest(registry.address()),
    ] {
        let bench = Bench::new();
        let pinned = run(bench.pin(&plain_client(), &[reference])).unwrap();
        assert_eq!(pinned[0].manifest.digest, spaced.digest);
    }
    assert_eq!(registry.count(&by_digest), 2);
    assert_eq!(registry.count(&spaced.path("v1")), 2);
}

#[test]
fn a_manifest_that_is_always_cut_short_is_said_to_be() {
    let manifest = OneManifest::new();
    let (error, asked) = fails_with([manifest.answer().open_ended().cut_at(60)]);
    let text = error.to_string();
    assert!(text.contains("sends 60 bytes of a manifest"), "{text}");
    assert_eq!(asked, 4);
    // With a length, nothing was cut.
    let (pinned, asked) = pin(&Bench::new(), [Answer::bytes(&manifest.bytes[..60])]);
    let failure = pinned.unwrap_err();
    assert!(
        matches!(failure.cause(), Some(PullError::Manifest(_))),
        "{failure:?}"
    );
    assert_eq!(asked, 1);
}

#[test]
fn what_a_manifest_is_waited_for_is_told_with_its_reason_and_how_long() {
    let manifest = OneManifest::new();
    let registry = FaultRegistry::start().unwrap();
    let busy = Answer::status(429).header("Retry-After", "1");
    let answers = [busy, Answer::status(503), manifest.answer()];
    registry.script(&manifest.path("v1"), answers);
    let reference = manifest.by_tag(registry.address());
    let bench = Bench::new();
    run(bench.pin(&plain_client(), std::slice::from_ref(&reference))).unwrap();
    let events = bench.events.lock().unwrap().clone();
    assert_eq!(events.len(), 3, "{events:?}");
    let told = |event: &Event, reason: &str, least: Duration| match event {
        Event::Postponed { what, why, pause } => {
            *what == reference.to_string() && why.contains(reason) && *pause >= least
        }
        _ => false,
    };
    assert!(
        told(&events[0], "HTTP 429", Duration::from_secs(1)),
        "{events:?}"
    );
    assert!(told(&events[1], "HTTP 503", Duration::ZERO), "{events:?}");
    assert_eq!(events[2], Event::Pinned);
}

#[test]
fn a_registry_that_hangs_up_on_the_first_who_asks_still_speaks_plain_http() {
    let manifest = OneManifest::new();
    for silent in 1..=3 {
        let registry = FaultRegistry::start().unwrap();
        let refusals = (0..silent).map(|_| Answer::hang_up());
        registry.script("/v2/", refusals.chain([Answer::status(200)]));
        registry.script(&manifest.path("v1"), [manifest.answer()]);
        let reference = manifest.by_tag(registry.address());
        let bench = Bench::new();
        run(bench.pin(&plain_client(), &[reference])).unwrap();
        assert_eq!(registry.count("/v2/"), silent + 1);
    }
}
