//! Again, where that may help: what is tried again, how soon, and for how long.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use snobox_registry::client::{Client, Mirror, RequestError};
use snobox_registry::pull::{Event, Patience, PullError};
use snobox_testkit::fault_registry::{Answer, FaultRegistry};

use super::oracle::silent_port;
use super::workbench::{Bench, OneBlob, PATIENCE, patient_client, plain_client, run, secret};

const SIZE: usize = 200_000;

fn ranged() -> Answer {
    Answer::bytes(OneBlob::new(SIZE).bytes).ranged()
}

fn with(patience: Patience) -> Client {
    patient_client(Vec::new(), None, patience)
}

/// Fetches a blob that is answered so; returns how long that took.
#[track_caller]
fn takes(client: &Client, answers: impl IntoIterator<Item = Answer>) -> Duration {
    let blob = OneBlob::new(SIZE);
    let registry = blob.served_as(answers);
    let bench = Bench::new();
    let started = Instant::now();
    run(bench.fetch(client, &[blob.image(registry.address())])).unwrap();
    assert!(bench.store.has(blob.digest, SIZE as u64));
    started.elapsed()
}

#[test]
fn a_line_that_breaks_all_the_time_but_brings_something_is_never_given_up() {
    let patience = Patience {
        tries: 2,
        ..PATIENCE
    };
    let breaks = (0..11).map(|_| ranged().cut_at(17_000));
    takes(&with(patience), breaks.chain([ranged()]));
}

#[test]
fn a_line_that_brings_next_to_nothing_is_given_up() {
    let blob = OneBlob::new(SIZE);
    let registry = blob.served_as([ranged().cut_at(1000)]);
    let failure = Bench::new().failure(&plain_client(), &blob.image(registry.address()));
    assert_eq!(registry.count(&blob.path()), 4, "{failure:?}");
    let text = failure.to_string();
    assert!(
        text.contains("sends 4000 bytes of a blob of 200000"),
        "{text}"
    );
}

#[test]
fn a_stream_that_stalls_is_noticed_and_goes_on() {
    let patience = Patience {
        stall: Duration::from_millis(300),
        ..PATIENCE
    };
    let took = takes(&with(patience), [ranged().stall_at(50_000), ranged()]);
    assert!(
        took > Duration::from_millis(300) && took < Duration::from_secs(10),
        "{took:?}"
    );
}

#[test]
fn a_stream_that_drips_is_a_stall() {
    let patience = Patience {
        stall: Duration::from_millis(300),
        ..PATIENCE
    };
    let took = takes(&with(patience), [ranged().paced(20), ranged()]);
    assert!(
        took > Duration::from_millis(300) && took < Duration::from_secs(10),
        "{took:?}"
    );
}

#[test]
fn an_answer_that_does_not_begin_is_noticed() {
    let patience = Patience {
        stall: Duration::from_millis(300),
        ..PATIENCE
    };
    let took = takes(&with(patience), [Answer::silence(), ranged()]);
    assert!(
        took > Duration::from_millis(300) && took < Duration::from_secs(10),
        "{took:?}"
    );
}

#[test]
fn a_registry_that_always_stalls_is_said_to() {
    let patience = Patience {
        stall: Duration::from_millis(100),
        ..PATIENCE
    };
    let blob = OneBlob::new(SIZE);
    let registry = blob.served_as([ranged().stall_at(0)]);
    let failure = Bench::new().failure(&with(patience), &blob.image(registry.address()));
    let cause = failure.cause();
    let stalled = matches!(
        cause,
        Some(PullError::Request(RequestError::Stalled { .. }))
    );
    assert!(stalled, "{failure:?}");
    assert_eq!(registry.count(&blob.path()), 4);
}

#[test]
fn retry_after_is_obeyed_in_seconds_and_as_a_date() {
    let busy = |value: &str| Answer::status(429).header("Retry-After", value);
    let took = takes(&plain_client(), [busy("1"), ranged()]);
    assert!(took >= Duration::from_secs(1), "{took:?}");
    let date =
        busy("Fri, 31 Dec 1999 23:59:31 GMT").header("Date", "Fri, 31 Dec 1999 23:59:30 GMT");
    let took = takes(&plain_client(), [date.with_status(503), ranged()]);
    assert!(took >= Duration::from_secs(1), "{took:?}");
    // What cannot be understood is not waited for.
    let took = takes(&plain_client(), [busy("later"), ranged()]);
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[test]
fn every_retry_is_told_with_its_reason() {
    let blob = OneBlob::new(SIZE);
    let registry = blob.served_as([Answer::status(502), ranged().cut_at(50_000), ranged()]);
    let bench = Bench::new();
    let image = blob.image(registry.address());
    let summary = run(bench.fetch(&plain_client(), &[image])).unwrap();
    assert_eq!(summary.retries, 2);
    let events = bench.events.lock().unwrap();
    let reasons: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Retried { why, .. } => Some(why.clone()),
            _ => None,
        })
        .collect();
    assert!(reasons[0].contains("HTTP 502"), "{reasons:?}");
    assert!(
        reasons[1].contains("50000 bytes of a blob of 200000"),
        "{reasons:?}"
    );
}

#[test]
fn a_registry_that_was_there_is_waited_for() {
    let blob = OneBlob::new(SIZE);
    let registry = blob.served_as([ranged().stall_at(50_000)]);
    let address = registry.address();
    let patience = Patience {
        tries: 3,
        outage: Duration::from_secs(20),
        ..PATIENCE
    };
    let bench = Bench::new();
    let client = with(patience);
    let image = [blob.image(address)];
    run(async {
        let comes_back = async {
            while bench.store.partial_bytes(blob.digest) != 50_000 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            drop(registry);
            tokio::time::sleep(Duration::from_millis(500)).await;
            let registry = FaultRegistry::start_at(address).unwrap();
            registry.script(&blob.path(), [ranged()]);
            registry
        };
        let (fetched, again) = tokio::join!(bench.fetch(&client, &image), comes_back);
        fetched.unwrap();
        let asked = again.seen().pop().unwrap().range;
        assert_eq!(asked.as_deref(), Some("bytes=50000-199999"));
    });
}

#[test]
fn a_mirror_that_goes_away_is_not_waited_for_while_another_place_has_it() {
    let (first, second) = (OneBlob::new(1000), OneBlob::new(SIZE));
    let mirror = FaultRegistry::start().unwrap();
    mirror.script(&first.path(), [Answer::bytes(first.bytes.clone())]);
    let real = second.served_as([ranged()]);
    let rule = Mirror {
        source: real.address().to_string(),
        mirrors: vec![mirror.address().to_string()],
    };
    let patience = Patience {
        first_pause: Duration::from_secs(30),
        outage: Duration::from_secs(60),
        ..PATIENCE
    };
    let client = patient_client(vec![rule], None, patience);
    let bench = Bench::new();
    run(bench.fetch(&client, &[first.image(real.address())])).unwrap();
    drop(mirror);
    let started = Instant::now();
    run(bench.fetch(&client, &[second.image(real.address())])).unwrap();
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_token_that_expires_between_two_parts_is_replaced_and_does_not_count_as_a_failure() {
    let blob = OneBlob::new(SIZE);
    let service = FaultRegistry::start().unwrap();
    let tokens = ["one", "two"].map(|token| Answer::bytes(format!(r#"{{"token":"{token}"}}"#)));
    service.script("/token", tokens);
    let challenge = format!("Bearer realm=\"http://{}/token\"", service.address());
    let registry = blob.served_as([
        ranged().cut_at(80_000).only_with("Bearer one", &challenge),
        ranged().only_with("Bearer two", &challenge),
    ]);
    let bench = Bench::new();
    let image = blob.image(registry.address());
    let summary = run(bench.fetch(&plain_client(), &[image])).unwrap();
    assert_eq!((summary.retries, summary.received_bytes), (1, SIZE as u64));
    assert_eq!(service.count("/token"), 2);
}

#[test]
fn a_token_is_renewed_before_it_expires() {
    let (first, second) = (OneBlob::new(1000), OneBlob::new(2000));
    let service = FaultRegistry::start().unwrap();
    let answer = |token: &str| format!(r#"{{"token":"{token}","expires_in":0}}"#);
    service.script("/token", ["one", "two"].map(|t| Answer::bytes(answer(t))));
    let challenge = format!("Bearer realm=\"http://{}/token\"", service.address());
    let good = |blob: &OneBlob| Answer::bytes(blob.bytes.clone());
    let registry = first.served_as([good(&first).only_with("Bearer one", &challenge)]);
    let second_answer = good(&second).only_with("Bearer two", &challenge);
    registry.script(&second.path(), [second_answer]);
    let client =
        super::workbench::client(Vec::new(), Some(secret(&[registry.address().to_string()])));
    let bench = Bench::new();
    for blob in [&first, &second] {
        run(bench.fetch(&client, &[blob.image(registry.address())])).unwrap();
    }
    // Without a refusal in between.
    assert_eq!(registry.count(&second.path()), 1);
}

#[test]
fn many_streams_share_one_new_token() {
    let blobs: Vec<_> = (1..9).map(|n| OneBlob::new(n * 1000)).collect();
    let service = FaultRegistry::start().unwrap();
    service.script("/token", [Answer::bytes(r#"{"token":"good"}"#)]);
    let challenge = format!("Bearer realm=\"http://{}/token\"", service.address());
    let registry = FaultRegistry::start().unwrap();
    for blob in &blobs {
        let answer = Answer::bytes(blob.bytes.clone()).only_with("Bearer good", &challenge);
        registry.script(&blob.path(), [answer]);
    }
    let images: Vec<_> = blobs
        .iter()
        .map(|blob| blob.image(registry.address()))
        .collect();
    run(Bench::new().fetch(&plain_client(), &images)).unwrap();
    assert_eq!(service.count("/token"), 1);
}

#[test]
fn a_registry_that_is_only_just_starting_is_waited_for_once_and_not_for_ever() {
    let patience = Patience {
        tries: 8,
        first_pause: Duration::from_millis(100),
        longest_pause: Duration::from_millis(100),
        greeting: Duration::from_millis(400),
        ..PATIENCE
    };
    let blob = OneBlob::new(SIZE);
    let nobody = blob.image(silent_port());
    let client = with(patience);
    let bench = Bench::new();
    let asked = || {
        let started = Instant::now();
        let failure = bench.failure(&client, &nobody);
        assert!(
            failure.to_string().contains("cannot be reached"),
            "{failure}"
        );
        started.elapsed()
    };
    assert!(asked() >= Duration::from_millis(300));
    // The next one who asks is told at once.
    assert!(asked() < Duration::from_millis(200));

    // One that comes up meanwhile is there for everybody.
    let (address, registry) = (silent_port(), blob.served_as([ranged()]));
    let behind = registry.address();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(150));
        for client in TcpListener::bind(address).unwrap().incoming() {
            forward(client.unwrap(), TcpStream::connect(behind).unwrap());
        }
    });
    run(bench.fetch(&with(patience), &[blob.image(address)])).unwrap();
    assert!(bench.store.has(blob.digest, SIZE as u64));
}

/// Both ways, until either side ends.
fn forward(client: TcpStream, server: TcpStream) {
    let ways = [
        (client.try_clone(), server.try_clone()),
        (Ok(server), Ok(client)),
    ];
    for (from, to) in ways {
        let (mut from, mut to) = (from.unwrap(), to.unwrap());
        std::thread::spawn(move || io::copy(&mut from, &mut to));
    }
}
