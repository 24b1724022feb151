//! The bound on the speed of all streams together, and the gate that stops them and lets them go on.

use std::time::{Duration, Instant};

use snobox_registry::pull::{self, FetchOptions, Gate};
use snobox_testkit::fault_registry::{Answer, FaultRegistry};
use tokio::sync::watch;

use super::workbench::{Bench, OneBlob, plain_client, run};

#[test]
fn all_streams_together_keep_the_limit() {
    let blobs = [200_000, 200_001, 200_002].map(OneBlob::new);
    let registry = FaultRegistry::start().unwrap();
    for blob in &blobs {
        registry.script(&blob.path(), [Answer::bytes(blob.bytes.clone())]);
    }
    let images = blobs.each_ref().map(|blob| blob.image(registry.address()));
    let options = FetchOptions {
        limit: Some(500_000),
        ..FetchOptions::jobs(3)
    };
    let (bench, client) = (Bench::new(), plain_client());
    let events = bench.sink();
    let started = Instant::now();
    let fetched = run(pull::fetch(
        &client,
        &bench.store,
        &images,
        &options,
        &events,
    ));
    let took = started.elapsed().as_secs_f64();
    assert_eq!(fetched.into_result().unwrap().fetched_blobs, 3);
    // 600 KB at 500 KB/s, less a tenth of a second at once.
    assert!((1.0..6.0).contains(&took), "{took}");
}

#[test]
fn a_gate_that_closes_stops_streams_in_the_middle_and_opens_without_loss() {
    let blob = OneBlob::new(2_000_000);
    let answer = || Answer::bytes(blob.bytes.clone()).ranged();
    let registry = blob.served_as([answer().paced(2_000_000), answer()]);
    let (sender, receiver) = watch::channel(true);
    let options = FetchOptions {
        gate: Some(Gate::new(receiver)),
        ..FetchOptions::jobs(2)
    };
    let (bench, client) = (Bench::new(), plain_client());
    let events = bench.sink();
    let image = [blob.image(registry.address())];
    let fetched = run(async {
        let mind = async {
            while bench.store.partial_bytes(blob.digest) < 300_000 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            sender.send(false).unwrap();
            tokio::time::sleep(Duration::from_millis(300)).await;
            let kept = bench.store.partial_bytes(blob.digest);
            tokio::time::sleep(Duration::from_millis(200)).await;
            assert_eq!(bench.store.partial_bytes(blob.digest), kept, "it is closed");
            sender.send(true).unwrap();
            kept
        };
        let fetch = pull::fetch(&client, &bench.store, &image, &options, &events);
        tokio::join!(fetch, mind)
    });
    let (fetched, kept) = fetched;
    let summary = fetched.into_result().unwrap();
    assert_eq!((summary.retries, summary.received_bytes), (0, 2_000_000));
    let asked = registry.seen().pop().unwrap().range.unwrap();
    assert_eq!(asked, format!("bytes={kept}-1999999"));
}
