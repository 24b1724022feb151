//! A registry with everything that the demo's lock names, as slow and as faulty as a test wants it.

use std::collections::BTreeMap;

use serde_json::Value;
use snobox_testkit::fault_registry::{Answer, FaultRegistry};

use crate::support::{Sandbox, demo, mirrors, set_in};

/// Below `/v2/`, as the site of [`Practice::sandbox`] asks for it.
pub(crate) struct Practice {
    pub(crate) registry: FaultRegistry,
    /// Path → bytes, of manifests and blobs.
    pub(crate) manifests: BTreeMap<String, Vec<u8>>,
    pub(crate) blobs: BTreeMap<String, Vec<u8>>,
}

impl Practice {
    /// Each answer goes through `shape`.
    pub(crate) fn start(shape: impl Fn(Answer) -> Answer) -> Self {
        let registry = FaultRegistry::start().unwrap();
        let (mut manifests, mut blobs) = (BTreeMap::new(), BTreeMap::new());
        for image in demo().lock()["images"].as_array().unwrap() {
            let name = repository(image);
            let mut wanted = vec![image["digest"].as_str().unwrap().to_owned()];
            wanted.extend(image["platformDigest"].as_str().map(str::to_owned));
            for digest in wanted {
                let bytes = read(&digest);
                let manifest: Value = serde_json::from_slice(&bytes).unwrap();
                let layers = manifest["layers"].as_array().into_iter().flatten();
                for blob in layers.chain(manifest.get("config")) {
                    let digest = blob["digest"].as_str().unwrap();
                    blobs.insert(format!("/v2/{name}/blobs/{digest}"), read(digest));
                }
                manifests.insert(format!("/v2/{name}/manifests/{digest}"), bytes);
            }
        }
        let media_type = |bytes: &[u8]| {
            let manifest: Value = serde_json::from_slice(bytes).unwrap();
            manifest["mediaType"].as_str().unwrap().to_owned()
        };
        for (path, bytes) in &manifests {
            let answer = Answer::bytes(bytes.clone()).header("Content-Type", &media_type(bytes));
            registry.script(path, [answer]);
        }
        for (path, bytes) in &blobs {
            registry.script(path, [shape(Answer::bytes(bytes.clone()).ranged())]);
        }
        Self {
            registry,
            manifests,
            blobs,
        }
    }

    /// The demo's site and lock without a store; everything comes from this registry.
    pub(crate) fn sandbox(&self) -> Sandbox {
        let sandbox = Sandbox::with_site();
        std::fs::remove_dir_all(sandbox.path("store")).unwrap();
        set_in(&sandbox, &mirrors(&[self.registry.address()]));
        sandbox
    }
}

/// `registry/path` of an image of the lock.
pub(crate) fn repository(image: &Value) -> String {
    let reference = image["reference"].as_str().unwrap();
    let without_digest = reference.split('@').next().unwrap();
    let (registry, path) = without_digest.split_once('/').unwrap();
    let path = path.split(':').next().unwrap();
    format!("{registry}/{path}")
}

fn read(digest: &str) -> Vec<u8> {
    let hex = digest.strip_prefix("sha256:").unwrap();
    std::fs::read(demo().path("store/blobs/sha256").join(hex)).unwrap()
}
