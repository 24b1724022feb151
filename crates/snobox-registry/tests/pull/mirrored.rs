//! The whole practice release out of a real registry: digests stay, every blob comes once, a full store needs no network.

use std::collections::BTreeSet;

use snobox_formats::reference::ImageRef;
use snobox_registry::client::{Client, Mirror, RequestError};
use snobox_registry::pull::{self, PullError};

use super::distribution::{Distribution, blob, images, practice};
use super::oracle::silent_port;
use super::workbench::{Bench, run, secret};

fn client(registry: &Distribution) -> Client {
    let rule = |source: &str| Mirror {
        source: source.to_owned(),
        mirrors: vec![format!("{}/{source}", registry.address)],
    };
    let rules = ["quay.io", "registry.practice.example"].map(rule);
    super::workbench::client(rules.into(), None)
}

fn references() -> Vec<ImageRef> {
    images()
        .iter()
        .map(|(reference, _)| reference.parse().unwrap())
        .collect()
}

#[test]
fn the_practice_release_comes_whole_once_and_then_without_a_network() {
    let Some(registry) = Distribution::start(false) else {
        return;
    };
    registry.fill(|_| true);
    let bench = Bench::new();
    let references = references();
    let reach = client(&registry);

    let pinned = run(bench.pin(&reach, &references)).unwrap();
    for (image, (reference, digest)) in pinned.iter().zip(images()) {
        assert_eq!(image.reference.to_string(), reference);
        assert_eq!(image.manifest.digest.to_string(), digest, "{reference}");
        assert_eq!(
            std::fs::read(bench.store.blob_path(image.manifest.digest)).unwrap(),
            blob(&digest)
        );
    }
    let summary = run(bench.fetch(&reach, &pinned)).unwrap();
    assert_eq!(
        (summary.images, summary.present_blobs),
        (references.len() as u64, 0)
    );
    assert_eq!(
        pull::record(&bench.store, &pinned).unwrap(),
        references.len()
    );

    // Every blob once, by the registry's own account.
    let served = registry.blobs_served();
    let digests: BTreeSet<_> = served
        .iter()
        .filter_map(|path| path.rsplit('/').next())
        .collect();
    assert_eq!(
        (served.len(), digests.len()),
        (digests.len(), summary.fetched_blobs as usize)
    );
    let bytes: usize = digests.iter().map(|digest| blob(digest).len()).sum();
    assert_eq!(bytes as u64, summary.fetched_bytes);

    // Every byte proven; the foreign architecture is the only thing left behind.
    let closure = bench.store.verify(&mut |_| Ok(())).unwrap();
    assert_eq!(closure.findings, []);
    let kept: u64 = closure
        .blobs
        .iter()
        .map(|needed| needed.descriptor.size)
        .sum();
    assert!(kept < practice().total_bytes && kept > summary.fetched_bytes);

    let again = run(bench.fetch(&reach, &pinned)).unwrap();
    assert_eq!(
        (again.fetched_blobs, again.present_bytes),
        (0, summary.fetched_bytes)
    );
    assert_eq!(registry.blobs_served().len(), served.len());

    let index = bench.store.index_json().unwrap();
    drop(registry);
    let by_digest: Vec<_> = references
        .iter()
        .filter(|r| r.digest().is_some())
        .cloned()
        .collect();
    let offline = run(bench.pin(&reach, &by_digest)).unwrap();
    let nothing = run(bench.fetch(&reach, &offline)).unwrap();
    assert_eq!(nothing.fetched_blobs, 0);
    pull::record(&bench.store, &offline).unwrap();
    assert_eq!(
        bench.store.index_json().unwrap(),
        index,
        "the same images, the same bytes"
    );
}

#[test]
fn an_interrupted_fetch_goes_on_where_it_was() {
    let Some(registry) = Distribution::start(false) else {
        return;
    };
    registry.fill(|reference| reference == practice().release);
    let (reach, bench) = (client(&registry), Bench::new());
    let release: ImageRef = practice().release.parse().unwrap();
    let pinned = run(bench.pin(&reach, &[release])).unwrap();
    run(bench.fetch(&reach, &pinned)).unwrap();
    let lost = &pinned[0].blobs[1];
    let path = bench.store.blob_path(lost.digest);
    std::fs::write(&path, &blob(&lost.digest.to_string())[..10]).unwrap();
    assert_eq!(pull::record(&bench.store, &pinned).unwrap(), 0);
    let summary = run(bench.fetch(&reach, &pinned)).unwrap();
    assert_eq!(
        (summary.fetched_blobs, summary.fetched_bytes),
        (1, lost.size)
    );
    assert_eq!(pull::record(&bench.store, &pinned).unwrap(), 1);
    assert_eq!(bench.store.verify(&mut |_| Ok(())).unwrap().findings, []);
}

#[test]
fn a_real_registry_sends_the_rest_of_blobs_that_were_begun() {
    let Some(registry) = Distribution::start(false) else {
        return;
    };
    registry.fill(|reference| reference == practice().release);
    let (reach, bench) = (client(&registry), Bench::new());
    let release: ImageRef = practice().release.parse().unwrap();
    let pinned = run(bench.pin(&reach, &[release])).unwrap();
    let blobs = &pinned[0].blobs;
    let bytes_of = |n: usize| blob(&blobs[n].digest.to_string());
    // One begun as it is, one begun with other bytes, one complete but not moved.
    let begun = [bytes_of(0)[..7].to_vec(), vec![0; 1000], bytes_of(2)];
    for (blob, bytes) in blobs.iter().zip(&begun) {
        std::fs::write(bench.partial(blob.digest), bytes).unwrap();
    }
    let summary = run(bench.fetch(&reach, &pinned)).unwrap();
    assert_eq!((summary.fetched_blobs, summary.resumed_blobs), (3, 3));
    assert_eq!(registry.rests_served(), 2);
    let again = blobs[1].size + (blobs[1].size - 1000);
    assert_eq!(summary.received_bytes, blobs[0].size - 7 + again);
    pull::record(&bench.store, &pinned).unwrap();
    assert_eq!(bench.store.verify(&mut |_| Ok(())).unwrap().findings, []);
}

#[test]
fn a_password_is_found_by_the_path_and_asked_for_where_it_is_missing() {
    let Some(registry) = Distribution::start(true) else {
        return;
    };
    registry.fill(|reference| reference == practice().release);
    // An upstream of that name that is silent: nothing leaves this machine.
    let upstream = silent_port().to_string();
    let release = practice().release.replace("quay.io", &upstream);
    let release: [ImageRef; 1] = [release.parse().unwrap()];
    let pin = |keys: &[&str]| {
        let keys: Vec<_> = keys
            .iter()
            .map(|path| format!("{}{path}", registry.address))
            .collect();
        let rule = Mirror {
            source: upstream.clone(),
            mirrors: vec![format!("{}/quay.io", registry.address)],
        };
        let reach = super::workbench::client(vec![rule], Some(secret(&keys)));
        let bench = Bench::new();
        let pinned = run(bench.pin(&reach, &release));
        pinned.map(|pinned| run(bench.fetch(&reach, &pinned)).unwrap().fetched_blobs)
    };
    for key in [
        "",
        "/quay.io",
        "/quay.io/openshift-release-dev",
        "/quay.io/openshift-release-dev/ocp-release",
    ] {
        assert_eq!(pin(&[key]).unwrap(), 3, "{key}");
    }
    for keys in [&[][..], &["/quay.io/openshift"]] {
        let failures = pin(keys).unwrap_err();
        let cause = failures[0].cause();
        let denied = matches!(
            cause,
            Some(PullError::Request(RequestError::Denied { status: 401, .. }))
        );
        assert!(denied, "{keys:?}: {failures:?}");
    }
}
