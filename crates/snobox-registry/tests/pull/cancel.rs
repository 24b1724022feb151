//! A fetch that is dropped: what came is kept, whole or not, and nothing goes on.

use std::time::Duration;

use snobox_testkit::fault_registry::Answer;

use super::workbench::{Bench, OneBlob, plain_client, run};

#[test]
fn a_dropped_fetch_keeps_what_came() {
    let (whole, stalled) = (OneBlob::new(1000), OneBlob::new(100_000));
    let registry = whole.served_as([Answer::bytes(whole.bytes.clone())]);
    registry.script(
        &stalled.path(),
        [Answer::bytes(stalled.bytes.clone()).stall_at(60_000)],
    );
    let images = [
        whole.image(registry.address()),
        stalled.image(registry.address()),
    ];
    let bench = Bench::new();
    let client = plain_client();
    run(async {
        let half_way = async {
            while bench.store.partial_bytes(stalled.digest) != 60_000
                || !bench.store.has(whole.digest, 1000)
            {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            done = bench.fetch(&client, &images) => panic!("cannot end: {done:?}"),
            () = half_way => {}
        }
    });
    assert_eq!(bench.files("blobs/sha256"), [whole.digest.hex()]);
    let kept = std::fs::read(bench.partial(stalled.digest)).unwrap();
    assert_eq!(kept, stalled.bytes[..60_000]);
}

#[test]
fn a_full_disk_stops_the_transfers_that_are_under_way() {
    use snobox_registry::pull::{self, PullError};
    use snobox_store::StoreError;
    let (stalled, other) = (OneBlob::new(100_000), OneBlob::new(1000));
    let registry = stalled.served_as([Answer::bytes(stalled.bytes.clone()).stall_at(60_000)]);
    registry.script(&other.path(), [Answer::bytes(other.bytes.clone())]);
    let images = [
        stalled.image(registry.address()),
        other.image(registry.address()),
    ];
    let bench = Bench::new();
    // A folder in the blob's place fails as a full disk does: in the store.
    std::fs::create_dir(bench.store.blob_path(other.digest)).unwrap();
    let client = plain_client();
    let failures = run(async {
        let events = bench.sink();
        let options = pull::FetchOptions::jobs(4);
        let fetch = pull::fetch(&client, &bench.store, &images, &options, &events);
        tokio::time::timeout(Duration::from_secs(20), fetch).await
    });
    let failures = failures
        .expect("must not wait for the stalled one")
        .failures;
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert!(
        matches!(
            failures[0].cause(),
            Some(PullError::Store(StoreError::Io { .. }))
        ),
        "{failures:?}"
    );
    assert_eq!(bench.files(".snobox/ingest"), [""; 0]);
}
