//! Blobs from a registry that misbehaves: the right words, success where it may be had, and never half a blob.

use snobox_registry::client::{Mirror, RequestError};
use snobox_registry::pull::PullError;
use snobox_testkit::fault_registry::{Answer, FaultRegistry};

use super::oracle::silent_port;
use super::workbench::{Bench, OneBlob, client, mirrored_client, plain_client, run};

/// Fetches a blob of 100 KB that is answered with `answers`; returns the error and how often it was asked for.
#[track_caller]
fn fails_with(answers: impl IntoIterator<Item = Answer>) -> (RequestError, usize) {
    let blob = OneBlob::new(100_000);
    let registry = blob.served_as(answers);
    let bench = Bench::new();
    let mut failure = bench.failure(&plain_client(), &blob.image(registry.address()));
    bench.assert_no_blob();
    assert!(failure.what.contains(&blob.digest.to_string()), "{failure}");
    assert_eq!(failure.attempts.len(), 1, "{failure:?}");
    match failure.attempts.remove(0) {
        PullError::Request(error) => (error, registry.count(&blob.path())),
        other => panic!("{other:?}"),
    }
}

/// Fetches a blob that is answered with `answers` and then as it should be.
#[track_caller]
fn succeeds_after(answers: impl IntoIterator<Item = Answer>) {
    let blob = OneBlob::new(100_000);
    let answers: Vec<_> = answers.into_iter().collect();
    let failed = answers.len();
    let registry = blob.served_as(
        answers
            .into_iter()
            .chain([Answer::bytes(blob.bytes.clone())]),
    );
    let bench = Bench::new();
    let image = blob.image(registry.address());
    let summary = run(bench.fetch(&plain_client(), &[image])).unwrap();
    assert_eq!((summary.fetched_blobs, summary.fetched_bytes), (1, 100_000));
    assert_eq!(registry.count(&blob.path()), failed + 1);
    assert_eq!(
        std::fs::read(bench.store.blob_path(blob.digest)).unwrap(),
        blob.bytes
    );
    assert_eq!(bench.files(".snobox/ingest"), [""; 0]);
    // What is shown as done is what is in the store.
    assert_eq!(bench.shown_bytes(), 100_000);
}

fn whole() -> Answer {
    Answer::bytes(OneBlob::new(100_000).bytes)
}

#[test]
fn a_refusal_is_denied_and_asked_once() {
    for status in [401, 403] {
        let (error, asked) = fails_with([Answer::status(status)]);
        assert!(
            matches!(error, RequestError::Denied { status: s, .. } if s == status),
            "{error:?}"
        );
        assert_eq!(asked, 1);
    }
}

#[test]
fn absence_is_not_found_and_asked_once() {
    let (error, asked) = fails_with([Answer::status(404)]);
    assert!(matches!(error, RequestError::NotFound { .. }), "{error:?}");
    assert_eq!(asked, 1);
}

#[test]
fn another_status_is_named() {
    let (error, asked) = fails_with([Answer::status(418)]);
    assert!(
        matches!(error, RequestError::Status { status: 418, .. }),
        "{error:?}"
    );
    assert_eq!(asked, 1);
}

#[test]
fn a_busy_registry_is_asked_again() {
    succeeds_after([Answer::status(429), Answer::status(503)]);
}

#[test]
fn a_registry_that_stays_busy_is_given_up() {
    let (error, asked) = fails_with([Answer::status(503)]);
    assert!(
        matches!(error, RequestError::Status { status: 503, .. }),
        "{error:?}"
    );
    assert_eq!(asked, 4);
}

#[test]
fn a_body_cut_or_reset_on_the_way_is_fetched_again() {
    succeeds_after([
        whole().cut_at(40_000),
        whole().reset_at(70_000),
        whole().cut_at(0),
    ]);
}

#[test]
fn a_body_that_always_ends_early_is_of_wrong_size() {
    let (error, asked) = fails_with([whole().cut_at(99_999)]);
    assert!(
        matches!(
            error,
            RequestError::WrongSize {
                expected: 100_000,
                found: 99_999,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(asked, 4);
}

#[test]
fn a_body_announced_too_short_is_of_wrong_size() {
    let (error, _) = fails_with([whole().announcing(50_000)]);
    assert!(
        matches!(
            error,
            RequestError::WrongSize {
                expected: 100_000,
                found: 50_000,
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
fn a_body_that_is_too_long_is_of_wrong_size_and_not_asked_for_again() {
    let (error, asked) = fails_with([Answer::bytes(vec![0; 200_000])]);
    let RequestError::WrongSize {
        expected, found, ..
    } = error
    else {
        panic!("{error:?}")
    };
    assert!(expected == 100_000 && found > expected, "{found}");
    assert_eq!(asked, 1);
}

#[test]
fn bytes_after_the_announced_length_are_not_part_of_the_body() {
    let mut longer = OneBlob::new(100_000).bytes;
    longer.extend_from_slice(b"HTTP/1.1 200 OK\r\n\r\n");
    let blob = OneBlob::new(100_000);
    let registry = blob.served_as([Answer::bytes(longer).announcing(100_000)]);
    let bench = Bench::new();
    run(bench.fetch(&plain_client(), &[blob.image(registry.address())])).unwrap();
    assert_eq!(
        bench.store.read_blob(blob.digest, 100_000).unwrap(),
        blob.bytes
    );
}

#[test]
fn wrong_bytes_are_of_wrong_digest_and_not_asked_for_again() {
    let (error, asked) = fails_with([Answer::bytes(vec![0; 100_000])]);
    let RequestError::WrongDigest { expected, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(expected, OneBlob::new(100_000).digest);
    assert_eq!(asked, 1);
}

#[test]
fn a_port_where_nobody_listens_is_unreachable() {
    let blob = OneBlob::new(10);
    let bench = Bench::new();
    let failure = bench.failure(&plain_client(), &blob.image(silent_port()));
    let cause = failure.cause();
    assert!(
        matches!(
            cause,
            Some(PullError::Request(RequestError::Unreachable { .. }))
        ),
        "{failure:?}"
    );
    bench.assert_no_blob();
}

#[test]
fn a_redirect_to_another_port_is_followed_without_the_credentials() {
    let blob = OneBlob::new(100_000);
    let elsewhere = FaultRegistry::start().unwrap();
    elsewhere.script("/bucket/x", [Answer::bytes(blob.bytes.clone())]);
    let location = format!("http://{}/bucket/x?signature=1", elsewhere.address());
    let basic = "Basic cHJhY3RpY2U6cHJhY3RpY2U=";
    let registry =
        blob.served_as([Answer::redirect(&location).only_with(basic, "Basic realm=\"x\"")]);
    let secret = super::workbench::secret(&[registry.address().to_string()]);
    let client = client(Vec::new(), Some(secret));
    let bench = Bench::new();
    run(bench.fetch(&client, &[blob.image(registry.address())])).unwrap();
    let seen = registry.seen();
    assert_eq!(seen.last().unwrap().authorization.as_deref(), Some(basic));
    let seen = elsewhere.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(
        (seen[0].path.as_str(), &seen[0].authorization),
        ("/bucket/x?signature=1", &None)
    );
}

#[test]
fn the_real_registry_is_asked_when_the_mirror_has_wrong_bytes() {
    let blob = OneBlob::new(1000);
    let mirror = FaultRegistry::start().unwrap();
    mirror.script(&blob.path(), [Answer::bytes(vec![0; 1000])]);
    let real = blob.served_as([Answer::bytes(blob.bytes.clone())]);
    let client = mirrored_client(&real.address().to_string(), &mirror);
    let bench = Bench::new();
    run(bench.fetch(&client, &[blob.image(real.address())])).unwrap();
    assert_eq!(
        (mirror.count(&blob.path()), real.count(&blob.path())),
        (1, 1)
    );
    assert!(bench.store.has(blob.digest, 1000));
}

#[test]
fn the_cause_is_the_mirrors_wrong_bytes_when_the_real_registry_is_silent() {
    let blob = OneBlob::new(1000);
    let mirror = FaultRegistry::start().unwrap();
    mirror.script(&blob.path(), [Answer::bytes(vec![0; 1000])]);
    let real = silent_port();
    let bench = Bench::new();
    let failure = bench.failure(
        &mirrored_client(&real.to_string(), &mirror),
        &blob.image(real),
    );
    assert_eq!(failure.attempts.len(), 2, "{failure:?}");
    let Some(PullError::Request(RequestError::WrongDigest { place, .. })) = failure.cause() else {
        panic!("{failure:?}")
    };
    assert_eq!(place.registry, mirror.address().to_string());
    let text = failure.to_string();
    assert!(
        text.contains("sends wrong bytes") && text.contains("cannot be reached"),
        "{text}"
    );
    bench.assert_no_blob();
}

/// Fetches from a mirror and then from the registry itself; returns the place that the cause blames.
fn blamed(mirror: Option<Answer>, real: Option<Answer>) -> String {
    let blob = OneBlob::new(1000);
    let registries = [mirror, real].map(|answer| answer.map(|answer| blob.served_as([answer])));
    let silent = silent_port();
    let address = |n: usize| {
        registries[n]
            .as_ref()
            .map_or(silent, FaultRegistry::address)
    };
    // The upstream has a name of its own, so that a mirror that is silent is another place.
    let upstream = match address(1) {
        real if real == silent => silent_port(),
        real => real,
    };
    let rule = Mirror {
        source: upstream.to_string(),
        mirrors: vec![address(0).to_string()],
    };
    let client = client(vec![rule], None);
    let failure = Bench::new().failure(&client, &blob.image(upstream));
    assert_eq!(failure.attempts.len(), 2, "{failure:?}");
    let text = failure.cause().unwrap().to_string();
    let mirror = text.contains(&address(0).to_string());
    assert_ne!(mirror, text.contains(&upstream.to_string()), "{text}");
    if mirror { "mirror" } else { "real" }.to_owned()
}

#[test]
fn the_cause_is_damage_before_refusal_before_absence_before_silence() {
    let damage = || Some(Answer::bytes(vec![0; 1000]));
    let (refusal, absence) = (|| Some(Answer::status(403)), || Some(Answer::status(404)));
    for (more, less) in [
        (damage(), refusal()),
        (refusal(), absence()),
        (absence(), None),
        (damage(), None),
    ] {
        assert_eq!(
            blamed(more.clone(), less.clone()),
            "mirror",
            "{more:?} {less:?}"
        );
        assert_eq!(
            blamed(less.clone(), more.clone()),
            "real",
            "{less:?} {more:?}"
        );
    }
}

#[test]
fn one_blob_that_fails_does_not_keep_the_others_out() {
    let (good, bad) = (OneBlob::new(1000), OneBlob::new(2000));
    let registry = good.served_as([Answer::bytes(good.bytes.clone())]);
    let images = [
        good.image(registry.address()),
        bad.image(registry.address()),
    ];
    let bench = Bench::new();
    let failures = run(bench.fetch(&plain_client(), &images)).unwrap_err();
    assert_eq!(failures.len(), 1);
    assert!(bench.store.has(good.digest, 1000) && !bench.store.has(bad.digest, 2000));
}

#[test]
fn a_host_that_blobs_are_kept_at_and_that_is_down_is_named_and_not_waited_for() {
    let blob = OneBlob::new(10);
    let dead = silent_port();
    let registry = blob.served_as([Answer::redirect(&format!(
        "http://{dead}/bucket?sign=secret"
    ))]);
    let bench = Bench::new();
    let failure = bench.failure(&plain_client(), &blob.image(registry.address()));
    let text = failure.to_string();
    let expected = format!(
        "{dead}, where {} sends its clients, cannot be reached",
        registry.address()
    );
    assert!(text.contains(&expected), "{text}");
    assert!(!text.contains("secret"), "{text}");
    assert_eq!(registry.count(&blob.path()), 1, "{text}");
}

#[test]
fn a_host_that_blobs_are_kept_at_and_that_refuses_is_named_and_what_it_lacks_is_absent() {
    let fails_with = |status| {
        let blob = OneBlob::new(10);
        let bucket = FaultRegistry::start().unwrap();
        bucket.script("/bucket", [Answer::status(status)]);
        let location = format!("http://{}/bucket?sign=secret", bucket.address());
        let registry = blob.served_as([Answer::redirect(&location)]);
        let bench = Bench::new();
        let failure = bench.failure(&plain_client(), &blob.image(registry.address()));
        (failure, bucket.address())
    };
    let (failure, bucket) = fails_with(403);
    let text = failure.to_string();
    assert!(text.contains(&format!("{bucket}, where ")), "{text}");
    assert!(text.contains("answers HTTP 403"), "{text}");
    assert!(!text.contains("secret"), "{text}");
    let (failure, _) = fails_with(404);
    assert!(
        matches!(
            failure.cause(),
            Some(PullError::Request(RequestError::NotFound { .. }))
        ),
        "{failure}"
    );
}

#[test]
fn redirects_in_a_circle_are_told_as_such() {
    let blob = OneBlob::new(10);
    let registry = blob.served_as([Answer::redirect(&blob.path())]);
    let bench = Bench::new();
    let failure = bench.failure(&plain_client(), &blob.image(registry.address()));
    let text = failure.to_string();
    assert!(text.contains("sends its clients on without end"), "{text}");
    assert_eq!(registry.count(&blob.path()), 11, "{text}");
}

#[test]
fn a_web_page_in_the_place_of_a_blob_is_told_as_such() {
    let blob = OneBlob::new(10);
    let page = Answer::bytes("<html>Welcome to the hotel</html>")
        .header("Content-Type", "text/html; charset=utf-8");
    let registry = blob.served_as([page]);
    let bench = Bench::new();
    let failure = bench.failure(&plain_client(), &blob.image(registry.address()));
    let text = failure.to_string();
    assert!(text.contains("answers with a web page"), "{text}");
    assert_eq!(registry.count(&blob.path()), 1, "{text}");
    bench.assert_no_blob();
}

#[test]
fn a_manifest_that_contradicts_the_others_is_named_and_keeps_the_sound_image() {
    for bad_first in [false, true] {
        let blob = OneBlob::new(100_000);
        let registry = blob.served_as([whole()]);
        let good = blob.image(registry.address());
        let mut bad = good.clone();
        bad.blobs[0].size += 5;
        let images = if bad_first { [bad, good] } else { [good, bad] };
        let bench = Bench::new();
        let failures = run(bench.fetch(&plain_client(), &images)).unwrap_err();
        assert_eq!(failures.len(), 1, "{failures:?}");
        let text = failures[0].to_string();
        let expected = format!("{} has 100005 bytes, which has 100000", blob.digest);
        assert!(text.contains(&expected), "{text}");
        assert!(bench.store.has(blob.digest, 100_000), "{text}");
    }
}

#[test]
fn what_a_seam_spoils_is_asked_for_as_a_whole() {
    let blob = OneBlob::new(100_000);
    let mut spoiled = blob.bytes[60_000..].to_vec();
    spoiled[0] ^= 1;
    let rest = Answer::bytes(spoiled)
        .with_status(206)
        .header("Content-Range", "bytes 60000-99999/100000");
    let registry = blob.served_as([whole().cut_at(60_000), rest, whole()]);
    let bench = Bench::new();
    let summary = run(bench.fetch(&plain_client(), &[blob.image(registry.address())])).unwrap();
    assert_eq!(summary.fetched_blobs, 1);
    assert!(bench.store.has(blob.digest, 100_000));
    assert_eq!(registry.count(&blob.path()), 3);
}
