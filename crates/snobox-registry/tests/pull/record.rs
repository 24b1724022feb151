//! The index: complete images only, sorted, and the same bytes for the same images.

use snobox_formats::digest::Digest;
use snobox_registry::pull::{Pinned, record};

use super::workbench::{Bench, OneBlob};

/// An image with one blob of `size` bytes under `name`, and whether its manifest and its blob are put.
fn image(bench: &Bench, name: &str, size: usize, manifest: bool, blob: bool) -> Pinned {
    let one = OneBlob::new(size);
    let mut image = one.image("r.lan");
    image.reference = name.parse().unwrap();
    let text = format!("stands for the manifest of {name}");
    image.manifest.digest = Digest::of(text.as_bytes());
    image.manifest.size = text.len() as u64;
    if manifest {
        bench
            .store
            .put(image.manifest.digest, text.as_bytes())
            .unwrap();
    }
    if blob {
        bench.store.put(one.digest, &one.bytes).unwrap();
    }
    image
}

fn entries(bench: &Bench) -> Vec<String> {
    let index: serde_json::Value =
        serde_json::from_slice(&bench.store.index_json().unwrap()).unwrap();
    let manifests = index["manifests"].as_array().unwrap();
    let name = |entry: &serde_json::Value| {
        entry["annotations"]["org.opencontainers.image.ref.name"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    manifests.iter().map(name).collect()
}

#[test]
fn only_complete_images_are_entered() {
    let bench = Bench::new();
    let images = [
        image(&bench, "r.lan/whole:v1", 10, true, true),
        image(&bench, "r.lan/no-blob:v1", 20, true, false),
        image(&bench, "r.lan/no-manifest:v1", 30, false, true),
    ];
    assert_eq!(record(&bench.store, &images).unwrap(), 1);
    assert_eq!(entries(&bench), ["r.lan/whole:v1"]);
}

#[test]
fn an_image_whose_child_manifest_is_missing_is_not_complete() {
    let bench = Bench::new();
    let mut image = image(&bench, "r.lan/list:v1", 10, true, true);
    let mut child = image.manifest.clone();
    child.digest = Digest::of(b"not there");
    image.platform = Some(child);
    assert_eq!(record(&bench.store, &[image]).unwrap(), 0);
}

#[test]
fn equal_stores_have_equal_index_bytes_whatever_the_order() {
    let names = ["r.lan/b:v1", "r.lan/a:v1", "r.lan/c:v1"];
    let filled = |order: [usize; 3], at_once: bool| {
        let bench = Bench::new();
        let images = order.map(|n| image(&bench, names[n], 10 + n, true, true));
        if at_once {
            record(&bench.store, &images).unwrap();
        } else {
            for image in images {
                record(&bench.store, &[image]).unwrap();
            }
        }
        assert_eq!(entries(&bench), ["r.lan/a:v1", "r.lan/b:v1", "r.lan/c:v1"]);
        bench.store.index_json().unwrap()
    };
    let first = filled([0, 1, 2], true);
    assert_eq!(filled([2, 0, 1], true), first);
    assert_eq!(filled([1, 2, 0], false), first);
}

#[test]
fn a_name_that_moved_has_one_entry_and_others_stay() {
    let bench = Bench::new();
    let (old, other) = (
        image(&bench, "r.lan/a:v1", 10, true, true),
        image(&bench, "r.lan/b:v1", 11, true, true),
    );
    record(&bench.store, &[old, other]).unwrap();
    let mut new = image(&bench, "r.lan/c:v1", 12, true, true);
    new.reference = "r.lan/a:v1".parse().unwrap();
    record(&bench.store, std::slice::from_ref(&new)).unwrap();
    assert_eq!(entries(&bench), ["r.lan/a:v1", "r.lan/b:v1"]);
    assert_eq!(
        bench.store.index().unwrap().manifests[0].digest,
        new.manifest.digest
    );
}
