//! Lists of several platforms that are entered more than once: nothing that is whole is given up, and a sweep leaves it alone.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, SystemTime};

use serde_json::json;
use snobox_formats::digest::Digest;
use snobox_formats::oci::Descriptor;
use snobox_store::{GcPolicy, Store};

const LIST: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const NAME: &str = "org.opencontainers.image.ref.name";
const SPARSE: &str = "io.snobox.sparse";

/// A store with a list of three platforms, each an image of a configuration and a layer.
struct Bench {
    _folder: tempfile::TempDir,
    store: Store,
    list: Descriptor,
    /// amd64, arm64, s390x.
    children: [Digest; 3],
    layers: [Digest; 3],
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(&folder.path().join("store")).unwrap();
        let put = |bytes: &[u8]| {
            let digest = Digest::of(bytes);
            store.put(digest, bytes).unwrap();
            digest
        };
        let images = ["amd64", "arm64", "s390x"].map(|architecture| {
            let (config, layer) = (format!("{{\"{architecture}\":1}}"), vec![b'x'; architecture.len() * 100]);
            let layer = [layer, architecture.into()].concat();
            let of = |bytes: &[u8]| json!({"mediaType": "x", "digest": put(bytes), "size": bytes.len()});
            let text = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": of(config.as_bytes()), "layers": [of(&layer)]});
            let text = text.to_string();
            let child = json!({
                "mediaType": MANIFEST, "digest": put(text.as_bytes()), "size": text.len(),
                "platform": {"architecture": architecture, "os": "linux"},
            });
            (child, Digest::of(text.as_bytes()), Digest::of(&layer))
        });
        let of_list = images.clone().map(|(child, ..)| child);
        let text = json!({"schemaVersion": 2, "mediaType": LIST, "manifests": of_list}).to_string();
        let list = Descriptor {
            media_type: LIST.to_owned(),
            digest: put(text.as_bytes()),
            size: text.len() as u64,
            platform: None,
            annotations: Default::default(),
        };
        Self {
            list,
            children: images.clone().map(|(_, child, _)| child),
            layers: images.map(|(.., layer)| layer),
            store,
            _folder: folder,
        }
    }

    /// Enters the list for these of its children: all where none is named.
    fn enter(&self, children: &[usize]) -> usize {
        let mut entry = self.list.clone();
        entry.annotations.insert(NAME.into(), "r.lan/a:1".into());
        if !children.is_empty() {
            let kept: Vec<_> = children
                .iter()
                .map(|n| self.children[*n].to_string())
                .collect();
            entry.annotations.insert(SPARSE.into(), kept.join(","));
        }
        self.store.enter(vec![entry]).unwrap()
    }

    /// The children that the one entry names; none for all of them.
    fn entered(&self) -> Vec<Digest> {
        let index: serde_json::Value =
            serde_json::from_slice(&self.store.index_json().unwrap()).unwrap();
        assert_eq!(index["manifests"].as_array().unwrap().len(), 1);
        let kept = index["manifests"][0]["annotations"][SPARSE].as_str();
        let kept = kept.into_iter().flat_map(|kept| kept.split(','));
        kept.map(|digest| digest.parse().unwrap()).collect()
    }

    /// Sweeps everything that nobody needs, however young.
    fn sweep(&self) -> usize {
        let sweeping = self.store.sweeping().unwrap();
        let plan = self
            .store
            .plan_gc(&GcPolicy {
                drop: BTreeSet::new(),
                roots: Vec::new(),
                documents: BTreeSet::new(),
                manifests: BTreeSet::new(),
                before: SystemTime::now() + Duration::from_secs(60),
            })
            .unwrap();
        self.store.sweep(&sweeping, &plan).unwrap();
        plan.removed.len()
    }
}

#[test]
fn who_asks_for_one_platform_of_a_whole_list_gives_up_none() {
    let bench = Bench::new();
    assert_eq!(bench.enter(&[]), 1);
    assert_eq!(bench.enter(&[0]), 0, "nothing has changed");
    assert_eq!(bench.entered(), []);
    assert_eq!(bench.sweep(), 0);
    assert!(
        bench
            .layers
            .iter()
            .all(|layer| bench.store.blob_path(*layer).exists())
    );
}

#[test]
fn platforms_that_come_one_after_the_other_add_up() {
    let bench = Bench::new();
    let [amd64, _, s390x] = bench.children;
    bench.enter(&[2]);
    assert_eq!(bench.entered(), [s390x]);
    bench.enter(&[0]);
    // In the order of the list, whichever came first.
    assert_eq!(bench.entered(), [amd64, s390x]);
    bench.enter(&[0]);
    assert_eq!(bench.entered(), [amd64, s390x]);
    // The platform that nobody asked for: manifest, configuration and layer.
    assert_eq!(bench.sweep(), 3);
    let there = bench
        .layers
        .map(|layer| bench.store.blob_path(layer).exists());
    assert_eq!(there, [true, false, true]);
    assert_eq!(
        bench.store.check(&mut |_| Ok(())).unwrap().closure.findings,
        []
    );
}

#[test]
fn a_list_of_which_all_platforms_came_is_whole_however_they_came() {
    let bench = Bench::new();
    for child in [1, 0, 2] {
        bench.enter(&[child]);
    }
    assert_eq!(bench.entered(), []);
    let one_by_one = bench.store.index_json().unwrap();
    let at_once = Bench::new();
    at_once.enter(&[]);
    assert_eq!(at_once.store.index_json().unwrap(), one_by_one);
    assert_eq!(bench.sweep(), 0);
}

#[test]
fn a_platform_that_is_no_longer_whole_is_not_promised_again() {
    let bench = Bench::new();
    let [amd64, _, s390x] = bench.children;
    bench.enter(&[]);
    fs::remove_file(bench.store.blob_path(bench.layers[1])).unwrap();
    bench.enter(&[0]);
    assert_eq!(bench.entered(), [amd64, s390x]);
    assert_eq!(
        bench.store.check(&mut |_| Ok(())).unwrap().closure.findings,
        []
    );
}

#[test]
fn a_name_that_stands_for_another_list_promises_what_was_asked_of_that() {
    let bench = Bench::new();
    let mut other = bench.list.clone();
    let text = fs::read_to_string(bench.store.blob_path(other.digest)).unwrap() + "\n";
    other.digest = Digest::of(text.as_bytes());
    other.size = text.len() as u64;
    bench.store.put(other.digest, text.as_bytes()).unwrap();
    other.annotations.insert(NAME.into(), "r.lan/a:1".into());
    bench.store.enter(vec![other]).unwrap();
    bench.enter(&[1]);
    assert_eq!(bench.entered(), [bench.children[1]]);
}
