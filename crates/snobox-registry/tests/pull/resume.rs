//! Inside a blob: what a place may answer to a request for the rest of one, and what becomes of the bytes that are there.

use std::fs;

use snobox_registry::client::{Mirror, RequestError};
use snobox_registry::pull::{Event, PullError};
use snobox_testkit::fault_registry::{Answer, FaultRegistry};

use super::workbench::{Bench, OneBlob, client, mirrored_client, plain_client, run};

const SIZE: usize = 100_000;

fn whole() -> Answer {
    Answer::bytes(OneBlob::new(SIZE).bytes)
}

fn ranged() -> Answer {
    whole().ranged()
}

/// The ranges that were asked for of this blob.
fn ranges(registry: &FaultRegistry, blob: &OneBlob) -> Vec<Option<String>> {
    let of_blob = |path: &str| path == blob.path();
    let seen = registry.seen().into_iter();
    seen.filter(|seen| of_blob(&seen.path))
        .map(|seen| seen.range)
        .collect()
}

fn range(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn bytes_sent(registry: &FaultRegistry) -> u64 {
    registry.sent().iter().map(|sent| sent.bytes).sum()
}

#[test]
fn a_broken_stream_goes_on_behind_its_last_byte() {
    let blob = OneBlob::new(SIZE);
    let registry = blob.served_as([ranged().cut_at(40_000), ranged().reset_at(30_000), ranged()]);
    let bench = Bench::new();
    let image = blob.image(registry.address());
    let summary = run(bench.fetch(&plain_client(), &[image])).unwrap();
    let expected = [None, range("bytes=40000-99999"), range("bytes=70000-99999")];
    assert_eq!(ranges(&registry, &blob), expected);
    assert_eq!(bytes_sent(&registry), 100_000, "every byte once");
    assert_eq!((summary.received_bytes, summary.retries), (100_000, 2));
    assert_eq!((summary.resumed_blobs, summary.resumed_bytes), (0, 0));
    assert_eq!(
        fs::read(bench.store.blob_path(blob.digest)).unwrap(),
        blob.bytes
    );
    assert_eq!(bench.shown_bytes(), 100_000);
}

#[test]
fn the_next_run_goes_on_where_one_was_killed() {
    let blob = OneBlob::new(SIZE);
    let registry = blob.served_as([ranged()]);
    let bench = Bench::new();
    fs::write(bench.partial(blob.digest), &blob.bytes[..60_001]).unwrap();
    let image = blob.image(registry.address());
    let summary = run(bench.fetch(&plain_client(), &[image])).unwrap();
    assert_eq!(ranges(&registry, &blob), [range("bytes=60001-99999")]);
    assert_eq!((summary.resumed_blobs, summary.resumed_bytes), (1, 60_001));
    assert_eq!(
        (summary.received_bytes, summary.fetched_bytes),
        (39_999, 100_000)
    );
    assert_eq!(bench.files(".snobox/partial"), [""; 0]);
    assert_eq!(bench.shown_bytes(), 100_000);
}

#[test]
fn a_blob_that_was_complete_is_not_asked_for() {
    let blob = OneBlob::new(SIZE);
    let bench = Bench::new();
    fs::write(bench.partial(blob.digest), &blob.bytes).unwrap();
    let nobody = super::oracle::silent_port();
    run(bench.fetch(&plain_client(), &[blob.image(nobody)])).unwrap();
    assert!(bench.store.has(blob.digest, 100_000));
}

#[test]
fn an_empty_blob_is_not_asked_for() {
    let blob = OneBlob::new(0);
    let bench = Bench::new();
    let nobody = super::oracle::silent_port();
    run(bench.fetch(&plain_client(), &[blob.image(nobody)])).unwrap();
    assert!(bench.store.has(blob.digest, 0));
}

#[test]
fn a_200_for_a_range_is_skipped_up_to_what_is_there() {
    let blob = OneBlob::new(SIZE);
    // The second breaks before what is there: nothing of that is lost.
    let answers = [whole().cut_at(40_000), whole().cut_at(10_000), whole()];
    let registry = blob.served_as(answers);
    let bench = Bench::new();
    let image = blob.image(registry.address());
    let summary = run(bench.fetch(&plain_client(), &[image])).unwrap();
    let asked = range("bytes=40000-99999");
    assert_eq!(ranges(&registry, &blob), [None, asked.clone(), asked]);
    assert_eq!(summary.received_bytes, 40_000 + 10_000 + 100_000);
    let skipped: u64 = bench
        .events
        .lock()
        .unwrap()
        .iter()
        .map(|event| match event {
            Event::Skipped { bytes } => *bytes,
            _ => 0,
        })
        .sum();
    assert_eq!(skipped, 50_000);
    assert_eq!(bench.shown_bytes(), 100_000);
    assert!(bench.store.has(blob.digest, 100_000));
}

#[test]
fn a_416_throws_away_what_is_there_and_asks_for_the_whole() {
    let blob = OneBlob::new(SIZE);
    let registry = blob.served_as([Answer::status(416), whole()]);
    let bench = Bench::new();
    fs::write(bench.partial(blob.digest), vec![1; 50_000]).unwrap();
    run(bench.fetch(&plain_client(), &[blob.image(registry.address())])).unwrap();
    assert_eq!(ranges(&registry, &blob), [range("bytes=50000-99999"), None]);
    assert!(bench.store.has(blob.digest, 100_000));
    assert_eq!(bench.shown_bytes(), 100_000);
}

#[test]
fn a_206_with_another_range_is_not_believed() {
    for other in [
        "bytes 0-99999/100000",
        "bytes 50001-99999/100000",
        "bytes 50000-99999/100001",
        "bytes */100000",
        "",
    ] {
        let blob = OneBlob::new(SIZE);
        let odd = Answer::bytes(&blob.bytes[50_000..])
            .with_status(206)
            .header("Content-Range", other);
        let registry = blob.served_as([odd, whole()]);
        let bench = Bench::new();
        fs::write(bench.partial(blob.digest), &blob.bytes[..50_000]).unwrap();
        run(bench.fetch(&plain_client(), &[blob.image(registry.address())])).unwrap();
        let expected = [range("bytes=50000-99999"), None];
        assert_eq!(ranges(&registry, &blob), expected, "{other:?}");
        assert!(bench.store.has(blob.digest, 100_000));
    }
}

#[test]
fn a_part_that_was_not_asked_for_is_not_believed() {
    let blob = OneBlob::new(SIZE);
    let odd = Answer::bytes(&blob.bytes[..]).with_status(206);
    let registry = blob.served_as([odd]);
    let failure = Bench::new().failure(&plain_client(), &blob.image(registry.address()));
    let cause = failure.cause();
    let range = matches!(cause, Some(PullError::Request(RequestError::Range { .. })));
    assert!(range, "{failure:?}");
}

#[test]
fn a_place_that_sends_too_much_behind_a_range_is_refused() {
    let blob = OneBlob::new(SIZE);
    let long = Answer::bytes(vec![0; 70_000])
        .with_status(206)
        .header("Content-Range", "bytes 50000-99999/100000");
    let registry = blob.served_as([long]);
    let bench = Bench::new();
    fs::write(bench.partial(blob.digest), &blob.bytes[..50_000]).unwrap();
    let failure = bench.failure(&plain_client(), &blob.image(registry.address()));
    let Some(PullError::Request(RequestError::WrongSize {
        expected, found, ..
    })) = failure.cause()
    else {
        panic!("{failure:?}")
    };
    assert!(*expected == 100_000 && found > expected);
    bench.assert_no_blob();
    assert_eq!(registry.count(&blob.path()), 1);
}

#[test]
fn a_changed_blob_is_put_aside_and_fetched_from_scratch() {
    let blob = OneBlob::new(SIZE);
    let registry = blob.served_as([ranged()]);
    let bench = Bench::new();
    fs::write(bench.partial(blob.digest), vec![1; 60_000]).unwrap();
    run(bench.fetch(&plain_client(), &[blob.image(registry.address())])).unwrap();
    let expected = [range("bytes=60000-99999"), None];
    assert_eq!(ranges(&registry, &blob), expected);
    let events = bench.events.lock().unwrap();
    let put_aside = |event: &&Event| matches!(event, Event::Quarantined { digest, .. } if *digest == blob.digest);
    assert_eq!(events.iter().filter(put_aside).count(), 1);
    assert!(bench.store.has(blob.digest, 100_000));
}

#[test]
fn a_changed_blob_is_first_asked_for_elsewhere() {
    let blob = OneBlob::new(SIZE);
    let mirror = FaultRegistry::start().unwrap();
    mirror.script(&blob.path(), [ranged()]);
    let real = blob.served_as([ranged()]);
    let bench = Bench::new();
    fs::write(bench.partial(blob.digest), vec![1; 60_000]).unwrap();
    let client = mirrored_client(&real.address().to_string(), &mirror);
    run(bench.fetch(&client, &[blob.image(real.address())])).unwrap();
    assert_eq!(ranges(&mirror, &blob), [range("bytes=60000-99999")]);
    assert_eq!(ranges(&real, &blob), [None]);
}

#[test]
fn wrong_bytes_stay_in_quarantine_and_each_place_is_asked_once_for_the_whole() {
    let blob = OneBlob::new(SIZE);
    let lie = || Answer::bytes(vec![0; SIZE]).ranged();
    let registry = blob.served_as([lie()]);
    let mirror = FaultRegistry::start().unwrap();
    mirror.script(&blob.path(), [lie()]);
    let bench = Bench::new();
    fs::write(bench.partial(blob.digest), vec![1; 60_000]).unwrap();
    let rule = Mirror {
        source: registry.address().to_string(),
        mirrors: vec![mirror.address().to_string()],
    };
    let failure = bench.failure(&client(vec![rule], None), &blob.image(registry.address()));
    assert!(
        matches!(
            failure.cause(),
            Some(PullError::Request(RequestError::WrongDigest { .. }))
        ),
        "{failure:?}"
    );
    assert_eq!(ranges(&mirror, &blob), [range("bytes=60000-99999"), None]);
    assert_eq!(ranges(&registry, &blob), [None]);
    bench.assert_no_blob();
    let away = bench.store.root().join(".snobox/quarantine");
    assert_eq!(
        fs::read(away.join(blob.digest.hex())).unwrap(),
        vec![0; SIZE]
    );
}

#[test]
fn what_one_place_began_another_finishes() {
    let blob = OneBlob::new(SIZE);
    let mirror = FaultRegistry::start().unwrap();
    mirror.script(&blob.path(), [ranged().cut_at(30_000), Answer::status(404)]);
    let real = blob.served_as([ranged()]);
    let client = mirrored_client(&real.address().to_string(), &mirror);
    let bench = Bench::new();
    run(bench.fetch(&client, &[blob.image(real.address())])).unwrap();
    assert_eq!(ranges(&real, &blob), [range("bytes=30000-99999")]);
    assert_eq!(bytes_sent(&mirror) + bytes_sent(&real), 100_000);
}

#[test]
fn a_range_follows_a_redirect_and_the_credentials_do_not() {
    let blob = OneBlob::new(SIZE);
    let elsewhere = FaultRegistry::start().unwrap();
    elsewhere.script("/bucket/x", [ranged().cut_at(70_000), ranged()]);
    let location = format!("http://{}/bucket/x?signature=1", elsewhere.address());
    let basic = "Basic cHJhY3RpY2U6cHJhY3RpY2U=";
    let registry =
        blob.served_as([Answer::redirect(&location).only_with(basic, "Basic realm=\"x\"")]);
    let secret = super::workbench::secret(&[registry.address().to_string()]);
    let bench = Bench::new();
    let client = client(Vec::new(), Some(secret));
    run(bench.fetch(&client, &[blob.image(registry.address())])).unwrap();
    let seen = elsewhere.seen();
    let asked: Vec<_> = seen.iter().map(|seen| seen.range.clone()).collect();
    assert_eq!(asked, [None, range("bytes=70000-99999")]);
    assert!(seen.iter().all(|seen| seen.authorization.is_none()));
    // Each time the registry itself is asked: what it signs holds for minutes only.
    assert_eq!(registry.count(&blob.path()), 3, "once without the password");
}
