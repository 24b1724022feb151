//! What a catalog promises, against layouts put together here.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};

use serde_json::{Value, json};
use snobox_catalog::promised::{Finding, judge};
use snobox_formats::digest::Digest;
use snobox_formats::layer::LayerWriter;
use snobox_formats::layout::Blobs;
use snobox_formats::oci::ImageIndex;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const LIST: &str = "application/vnd.oci.image.index.v1+json";
const CATALOG: &str = "r.example.com/index:v1";

#[derive(Default)]
struct Layout {
    blobs: BTreeMap<Digest, Vec<u8>>,
    entries: Vec<Value>,
}

impl Blobs for Layout {
    fn open(&self, digest: Digest) -> io::Result<Option<Box<dyn Read + '_>>> {
        let found = self.blobs.get(&digest);
        Ok(found.map(|bytes| Box::new(Cursor::new(bytes)) as Box<dyn Read>))
    }
}

impl Layout {
    fn blob(&mut self, bytes: Vec<u8>) -> Value {
        let digest = Digest::of(&bytes);
        let size = bytes.len();
        self.blobs.insert(digest, bytes);
        json!({"digest": digest.to_string(), "size": size})
    }

    fn json(&mut self, media_type: &str, value: &Value) -> Value {
        let mut made = self.blob(value.to_string().into_bytes());
        made["mediaType"] = media_type.into();
        made
    }

    fn image(&mut self, label: &str, config: Value, layers: Vec<Value>) -> Value {
        let config = json!({"architecture": "amd64", "os": label, "config": config});
        let config = self.json("application/vnd.oci.image.config.v1+json", &config);
        let manifest =
            json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
        self.json(MANIFEST, &manifest)
    }

    fn name(&mut self, descriptor: &Value, name: &str) {
        let mut entry = descriptor.clone();
        entry["annotations"] = json!({"org.opencontainers.image.ref.name": name});
        self.entries.push(entry);
    }

    /// A catalog with one bundle of these images.
    fn catalog(&mut self, labels: &Value, images: &[&str]) {
        let related: Vec<_> = images.iter().map(|image| json!({"image": image})).collect();
        let bundle = json!({"schema": "olm.bundle", "package": "app", "name": "app.v1", "image": images[0], "relatedImages": related});
        let mut layer = LayerWriter::default();
        let text = bundle.to_string();
        layer.file("configs/app.json", text.as_bytes()).unwrap();
        let mut layer = self.blob(layer.finish().unwrap().blob);
        layer["mediaType"] = "application/vnd.oci.image.layer.v1.tar+gzip".into();
        let mut all = json!({"operators.operatorframework.io.index.configs.v1": "/configs"});
        for (key, value) in labels.as_object().unwrap() {
            all[key] = value.clone();
        }
        let image = self.image("linux", json!({"Labels": all}), vec![layer]);
        self.name(&image, CATALOG);
    }

    fn missing(&self) -> Vec<String> {
        let found = self.findings().into_iter().map(|finding| match finding {
            Finding::Missing {
                catalog,
                package,
                bundle,
                image,
            } => {
                assert_eq!((catalog.as_str(), package.as_str()), (CATALOG, "app"));
                assert_eq!(bundle, "app.v1");
                image
            }
            unreadable => panic!("{unreadable}"),
        });
        found.collect()
    }

    fn findings(&self) -> Vec<Finding> {
        let index = json!({"schemaVersion": 2, "manifests": self.entries});
        let index: ImageIndex = serde_json::from_value(index).unwrap();
        judge(&index, self)
    }
}

fn made(left_out: &str) -> Value {
    json!({"io.snobox.catalog.left-out": left_out})
}

#[test]
fn an_image_is_there_by_its_tag_or_by_a_digest_of_its_own_repository() {
    let mut layout = Layout::default();
    let here = layout.image("here", json!({}), vec![]);
    let child = layout.image("child", json!({}), vec![]);
    let mut absent = child.clone();
    absent["digest"] = format!("sha256:{}", "a".repeat(64)).into();
    let list = json!({"schemaVersion": 2, "mediaType": LIST, "manifests": [child, absent]});
    let list = layout.json(LIST, &list);
    let digest = |descriptor: &Value| descriptor["digest"].as_str().unwrap().to_owned();
    layout.name(&here, "r.example.com/app:1");
    layout.name(&list, &format!("r.example.com/list@{}", digest(&list)));
    let by = |repository: &str, descriptor: &Value| {
        format!("r.example.com/{repository}@{}", digest(descriptor))
    };
    let there = [
        "r.example.com/app:1".to_owned(),
        by("app", &here),
        by("list", &list),
        by("list", &child),
    ];
    let missing = [
        "r.example.com/app:2".to_owned(),
        by("app", &list),
        by("list", &absent),
        by("other", &here),
        "No Reference".to_owned(),
        "r.example.com/blocked:1".to_owned(),
    ];
    let asked: Vec<&str> = there.iter().chain(&missing).map(String::as_str).collect();
    layout.catalog(&made(r#"["r.example.com/blocked:1"]"#), &asked);
    let mut expected = missing[..5].to_vec();
    expected.sort();
    assert_eq!(layout.missing(), expected);
}

#[test]
fn only_catalogs_that_were_made_of_chosen_operators_promise_anything() {
    for (labels, count) in [
        (json!({}), 0),
        (made("[]"), 1),
        // Somebody else's word, or a damaged one.
        (made("everything"), 0),
    ] {
        let mut layout = Layout::default();
        layout.catalog(&labels, &["r.example.com/app:1"]);
        assert_eq!(layout.missing().len(), count, "{labels}");
    }
}

#[test]
fn a_catalog_that_cannot_be_read_is_named() {
    let mut layout = Layout::default();
    layout.catalog(&made("[]"), &["r.example.com/app:1"]);
    // The layer is the only blob that is no JSON.
    layout.blobs.retain(|_, bytes| bytes.starts_with(b"{"));
    let findings = layout.findings();
    let [finding @ Finding::Unreadable { catalog, .. }] = &findings[..] else {
        panic!("{findings:?}")
    };
    assert_eq!(catalog, CATALOG);
    assert_eq!(finding.code(), "catalog-unreadable");
}
