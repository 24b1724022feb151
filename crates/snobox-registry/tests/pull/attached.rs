//! Images that may be there or not: only a 404 says that one is not.

use snobox_formats::digest::Digest;
use snobox_formats::reference::ImageRef;
use snobox_registry::client::{Client, Mirror};
use snobox_registry::pull::{self, PinnedSet};
use snobox_testkit::fault_registry::{Answer, FaultRegistry};

use super::oracle::silent_port;
use super::workbench::{Bench, OCI_MANIFEST, client, run};

/// As cosign writes it: https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md
const SIGNATURE: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
"config":{"mediaType":"application/vnd.oci.image.config.v1+json","size":233,"digest":"sha256:d4e6059ece7bea95266fd7766353130d4bf3dc21048b8a9783c98b8412618c38"},
"layers":[{"mediaType":"application/vnd.dev.cosign.simplesigning.v1+json","size":241,"digest":"sha256:91a520bf1e0a3bcd1a75a7c9fd9ec43dd7ab6ac1ec8e0f4f5bd8cf6e6dd8e1b2",
"annotations":{"dev.cosignproject.cosign/signature":"MEUCIQ=="}}]}"#;

fn tag(hex: char) -> String {
    format!("sha256-{}.sig", hex.to_string().repeat(64))
}

fn references_at(registry: &str, count: u32) -> Vec<ImageRef> {
    let hex = |n| char::from_digit(n % 16, 16).unwrap();
    let text = |n| format!("{registry}/team/repository-{}:{}", n / 16, tag(hex(n)));
    (0..count).map(|n| text(n).parse().unwrap()).collect()
}

fn path(reference: &ImageRef, below: &str) -> String {
    format!(
        "/v2/{below}{}/manifests/{}",
        reference.repository(),
        reference.tag().unwrap()
    )
}

fn pin(client: &Client, bench: &Bench, references: &[ImageRef]) -> PinnedSet {
    let events = bench.sink();
    run(pull::pin_attached(
        client,
        &bench.store,
        references,
        &events,
    ))
}

fn signature() -> Answer {
    Answer::bytes(SIGNATURE).header("Content-Type", OCI_MANIFEST)
}

#[test]
fn what_is_there_is_pinned_and_what_is_not_is_no_failure() {
    let registry = FaultRegistry::start().unwrap();
    let references = references_at(&registry.address().to_string(), 20);
    registry.script(
        &path(&references[3], ""),
        [Answer::status(503), signature()],
    );
    let bench = Bench::new();
    let set = pin(&client(vec![], None), &bench, &references);
    assert!(set.failures.is_empty(), "{:?}", set.failures);
    let found: Vec<usize> = (0..20).filter(|n| set.images[*n].is_some()).collect();
    assert_eq!(found, [3]);
    let pinned = set.images[3].as_ref().unwrap();
    assert_eq!(pinned.reference, references[3]);
    assert_eq!(pinned.manifest.digest, Digest::of(SIGNATURE.as_bytes()));
    assert_eq!(pinned.blobs.len(), 2);
    assert!(
        bench
            .store
            .has(pinned.manifest.digest, SIGNATURE.len() as u64)
    );
}

#[test]
fn everything_but_404_is_a_failure() {
    let registry = FaultRegistry::start().unwrap();
    let references = references_at(&registry.address().to_string(), 5);
    for (reference, status) in references.iter().zip([500, 403, 401, 429]) {
        registry.script(&path(reference, ""), [Answer::status(status)]);
    }
    let bench = Bench::new();
    let set = pin(&client(vec![], None), &bench, &references);
    assert_eq!(set.failures.len(), 4, "{:?}", set.failures);
    assert!(set.images.iter().all(Option::is_none));
    let nowhere = silent_port().to_string();
    let set = pin(&client(vec![], None), &bench, &references_at(&nowhere, 3));
    assert_eq!(set.failures.len(), 3, "{:?}", set.failures);
}

/// A mirror without the signature, in front of an upstream that has it, that has not, and that is out of reach.
#[test]
fn a_mirror_without_it_does_not_answer_for_its_upstream() {
    let (mirror, upstream) = (
        FaultRegistry::start().unwrap(),
        FaultRegistry::start().unwrap(),
    );
    let rule = |source: &str| Mirror {
        source: source.to_owned(),
        mirrors: vec![format!("{}/mirrored", mirror.address())],
    };
    let name = upstream.address().to_string();
    let references = references_at(&name, 3);
    upstream.script(&path(&references[1], ""), [signature()]);
    let bench = Bench::new();
    let set = pin(&client(vec![rule(&name)], None), &bench, &references);
    assert!(set.failures.is_empty(), "{:?}", set.failures);
    let found: Vec<bool> = set.images.iter().map(Option::is_some).collect();
    assert_eq!(found, [false, true, false]);
    assert_eq!(mirror.count(&path(&references[1], "mirrored/")), 1);

    upstream.script(&path(&references[2], ""), [Answer::status(500)]);
    let set = pin(&client(vec![rule(&name)], None), &bench, &references);
    assert_eq!(set.failures.len(), 1, "{:?}", set.failures);

    let nowhere = silent_port().to_string();
    let unreachable = references_at(&nowhere, 30);
    let set = pin(&client(vec![rule(&nowhere)], None), &bench, &unreachable);
    assert!(set.failures.is_empty(), "{:?}", set.failures);
    assert!(set.images.iter().all(Option::is_none));
}
