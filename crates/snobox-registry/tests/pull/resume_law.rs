//! Laws of the queue and of resuming, over any row of faults: the blobs are right, each is there once, and nothing is fetched twice that
//! need not be.

use std::fs;
use std::time::Duration;

use proptest::prelude::*;
use snobox_registry::pull::Patience;
use snobox_testkit::fault_registry::{Answer, FaultRegistry};

use super::workbench::{Bench, OneBlob, PATIENCE, patient_client, run};

const SIZE: usize = 60_000;

#[derive(Clone, Debug)]
enum Fault {
    Cut(usize),
    Reset(usize),
    Status(u16),
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        4 => (0..SIZE).prop_map(Fault::Cut),
        1 => (0..SIZE).prop_map(Fault::Reset),
        2 => prop::sample::select(vec![429, 500, 502, 503, 504]).prop_map(Fault::Status),
    ]
}

fn answer(blob: &OneBlob, fault: &Fault) -> Answer {
    let whole = Answer::bytes(blob.bytes.clone()).ranged();
    match fault {
        Fault::Cut(at) => whole.cut_at(*at),
        Fault::Reset(at) => whole.reset_at(*at),
        Fault::Status(status) => Answer::status(*status),
    }
}

/// As often as there are faults.
fn patience() -> Patience {
    Patience {
        tries: 20,
        first_pause: Duration::from_micros(100),
        longest_pause: Duration::from_millis(1),
        ..PATIENCE
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_row_of_faults_ends_in_the_blob_with_every_byte_sent_once(
        faults in prop::collection::vec(fault(), 0..8), there in 0..SIZE,
    ) {
        let blob = OneBlob::new(SIZE);
        let answers = faults.iter().map(|fault| answer(&blob, fault));
        let whole = Answer::bytes(blob.bytes.clone()).ranged();
        let registry = blob.served_as(answers.chain([whole]));
        let bench = Bench::new();
        fs::write(bench.partial(blob.digest), &blob.bytes[..there]).unwrap();
        let client = patient_client(Vec::new(), None, patience());
        let summary = run(bench.fetch(&client, &[blob.image(registry.address())])).unwrap();
        prop_assert_eq!(&fs::read(bench.store.blob_path(blob.digest)).unwrap(), &blob.bytes);
        prop_assert_eq!(summary.received_bytes, (SIZE - there) as u64);
        prop_assert_eq!(summary.resumed_bytes, there as u64);
        prop_assert_eq!(bench.shown_bytes(), SIZE as i64);
        // Bytes in front of a reset may be lost on the way; all others are sent once.
        let reset = faults.iter().any(|fault| matches!(fault, Fault::Reset(_)));
        let sent: u64 = registry.sent().iter().map(|sent| sent.bytes).sum();
        prop_assert!(reset || sent == (SIZE - there) as u64, "{}", sent);
    }

    #[test]
    fn blobs_that_images_share_are_asked_for_once_and_the_largest_first(
        sizes in prop::collection::btree_set(1..5000_usize, 1..8),
        images in prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 1..5), 1..6),
        jobs in 1..4_usize,
    ) {
        let blobs: Vec<_> = sizes.iter().map(|size| OneBlob::new(*size)).collect();
        let registry = FaultRegistry::start().unwrap();
        for blob in &blobs {
            registry.script(&blob.path(), [Answer::bytes(blob.bytes.clone())]);
        }
        let mut wanted = std::collections::BTreeMap::new();
        let mut references = 0;
        let images: Vec<_> = images.iter().map(|picks| {
            let mut image = blobs[0].image(registry.address());
            image.blobs.clear();
            for pick in picks {
                let blob = pick.get(&blobs);
                image.blobs.extend(blob.image(registry.address()).blobs);
                wanted.insert(blob.bytes.len(), blob.path());
                references += blob.bytes.len();
            }
            image
        }).collect();
        let bench = Bench::new();
        let client = patient_client(Vec::new(), None, patience());
        let summary = run(bench.fetch_with(&client, &images, jobs)).unwrap();
        let unique: usize = wanted.keys().sum();
        prop_assert_eq!(summary.fetched_bytes, unique as u64);
        prop_assert_eq!(summary.shared_bytes, (references - unique) as u64);
        let mut asked: Vec<_> = registry.seen().into_iter().map(|seen| seen.path).collect();
        asked.retain(|path| path != "/v2/");
        if jobs == 1 {
            let largest_first: Vec<_> = wanted.values().rev().cloned().collect();
            prop_assert_eq!(&asked, &largest_first);
        }
        asked.sort();
        let mut once: Vec<_> = wanted.into_values().collect();
        once.sort();
        prop_assert_eq!(asked, once);
    }
}
