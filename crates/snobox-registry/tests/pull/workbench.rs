//! A store, a client, and one small image as a misbehaving registry would serve it.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use snobox_formats::digest::Digest;
use snobox_formats::oci::Descriptor;
use snobox_formats::pull_secret::PullSecret;
use snobox_formats::reference::ImageRef;
use snobox_registry::client::{Client, Mirror, Setup};
use snobox_registry::pull::{
    self, Event, EventSink, Failure, FetchOptions, Patience, Pinned, PinnedSet, Summary,
};
use snobox_store::Store;
use snobox_testkit::fault_registry::{Answer, FaultRegistry};

pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Runs `future` on a runtime like that of the program.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(future)
}

/// An empty store in a folder that goes away.
pub(crate) struct Bench {
    _folder: tempfile::TempDir,
    pub(crate) store: Arc<Store>,
    pub(crate) events: Arc<Mutex<Vec<Event>>>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::create(&folder.path().join("store")).unwrap());
        Self {
            _folder: folder,
            store,
            events: Arc::default(),
        }
    }

    pub(crate) fn sink(&self) -> EventSink {
        let events = Arc::clone(&self.events);
        Arc::new(move |event| events.lock().unwrap().push(event))
    }

    pub(crate) async fn fetch(
        &self,
        client: &Client,
        images: &[Pinned],
    ) -> Result<Summary, Vec<Failure>> {
        self.fetch_with(client, images, 4).await
    }

    pub(crate) async fn fetch_with(
        &self,
        client: &Client,
        images: &[Pinned],
        jobs: usize,
    ) -> Result<Summary, Vec<Failure>> {
        let options = FetchOptions::jobs(jobs);
        let events = self.sink();
        let fetched = pull::fetch(client, &self.store, images, &options, &events);
        fetched.await.into_result()
    }

    pub(crate) async fn pin(
        &self,
        client: &Client,
        references: &[ImageRef],
    ) -> Result<Vec<Pinned>, Vec<Failure>> {
        let events = self.sink();
        let pinning = pull::pin_all(client, &self.store, references, "amd64", &events);
        let set: PinnedSet = pinning.await;
        set.into_result()
    }

    /// Where the first bytes of a blob are kept.
    pub(crate) fn partial(&self, digest: Digest) -> std::path::PathBuf {
        self.store.root().join(".snobox/partial").join(digest.hex())
    }

    /// What is shown as done: what came, less what was thrown away.
    pub(crate) fn shown_bytes(&self) -> i64 {
        let events = self.events.lock().unwrap();
        let of = |event: &Event| match event {
            Event::Received { bytes } | Event::Resumed { bytes, .. } => *bytes as i64,
            Event::Discarded { bytes } => -(*bytes as i64),
            _ => 0,
        };
        events.iter().map(of).sum()
    }

    /// Fetches one image, and returns its one failure.
    #[track_caller]
    pub(crate) fn failure(&self, client: &Client, image: &Pinned) -> Failure {
        let fetched = run(self.fetch(client, std::slice::from_ref(image)));
        let mut failures = fetched.unwrap_err();
        assert_eq!(failures.len(), 1, "{failures:?}");
        failures.remove(0)
    }

    pub(crate) fn files(&self, folder: &str) -> Vec<String> {
        names(&self.store.root().join(folder))
    }

    /// No blob, whatever came of it.
    #[track_caller]
    pub(crate) fn assert_no_blob(&self) {
        assert_eq!(self.files("blobs/sha256"), [""; 0]);
        assert_eq!(self.files(".snobox/ingest"), [""; 0]);
    }
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Four tries, and no long waits.
pub(crate) const PATIENCE: Patience = Patience {
    tries: 4,
    first_pause: Duration::from_millis(10),
    longest_pause: Duration::from_millis(50),
    outage: Duration::from_millis(400),
    greeting: Duration::ZERO,
    stall: Duration::from_secs(20),
};

pub(crate) fn client(mirrors: Vec<Mirror>, secret: Option<PullSecret>) -> Client {
    patient_client(mirrors, secret, PATIENCE)
}

pub(crate) fn patient_client(
    mirrors: Vec<Mirror>,
    secret: Option<PullSecret>,
    patience: Patience,
) -> Client {
    Client::with(Setup {
        mirrors,
        secret,
        patience,
        ..Setup::default()
    })
    .unwrap()
}

/// A client without mirrors and credentials.
pub(crate) fn plain_client() -> Client {
    client(Vec::new(), None)
}

/// A client that asks `mirror` for everything of `quay.io` and then `quay.io` itself.
pub(crate) fn mirrored_client(source: &str, mirror: &FaultRegistry) -> Client {
    let rule = Mirror {
        source: source.to_owned(),
        mirrors: vec![mirror.address().to_string()],
    };
    client(vec![rule], None)
}

/// `practice:practice` for these registries or path prefixes.
pub(crate) fn secret(keys: &[String]) -> PullSecret {
    // `printf practice:practice | base64`
    let entry = serde_json::json!({ "auth": "cHJhY3RpY2U6cHJhY3RpY2U=" });
    let auths: serde_json::Map<_, _> = keys
        .iter()
        .map(|key| (key.clone(), entry.clone()))
        .collect();
    PullSecret::parse(&serde_json::json!({ "auths": auths }).to_string()).unwrap()
}

fn descriptor(media_type: &str, digest: Digest, size: usize) -> Descriptor {
    Descriptor {
        media_type: media_type.to_owned(),
        digest,
        size: size as u64,
        platform: None,
        annotations: Default::default(),
    }
}

/// One blob in the repository `a/b` of a registry, as part of an image that needs nothing else.
pub(crate) struct OneBlob {
    pub(crate) bytes: Vec<u8>,
    pub(crate) digest: Digest,
}

impl OneBlob {
    pub(crate) fn new(size: usize) -> Self {
        let bytes: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
        let digest = Digest::of(&bytes);
        Self { bytes, digest }
    }

    /// Where a registry has it.
    pub(crate) fn path(&self) -> String {
        format!("/v2/a/b/blobs/{}", self.digest)
    }

    pub(crate) fn served_as(&self, answers: impl IntoIterator<Item = Answer>) -> FaultRegistry {
        let registry = FaultRegistry::start().unwrap();
        registry.script(&self.path(), answers);
        registry
    }

    /// The image `registry/a/b`, which has this blob.
    pub(crate) fn image(&self, registry: impl std::fmt::Display) -> Pinned {
        let layer = descriptor(
            "application/vnd.oci.image.layer.v1.tar",
            self.digest,
            self.bytes.len(),
        );
        Pinned {
            reference: format!("{registry}/a/b:v1").parse().unwrap(),
            manifest: descriptor(OCI_MANIFEST, Digest::of(b"manifest"), 8),
            platform: None,
            blobs: vec![layer],
        }
    }
}

/// A manifest with no layers, and where a registry has it by tag and by digest.
pub(crate) struct OneManifest {
    pub(crate) bytes: Vec<u8>,
    pub(crate) digest: Digest,
}

impl OneManifest {
    pub(crate) fn new() -> Self {
        let config = descriptor(
            "application/vnd.oci.image.config.v1+json",
            Digest::of(b"{}"),
            2,
        );
        let manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [],
        });
        Self::of(manifest.to_string().into_bytes())
    }

    /// Of these bytes.
    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        let digest = Digest::of(&bytes);
        Self { bytes, digest }
    }

    pub(crate) fn answer(&self) -> Answer {
        Answer::bytes(self.bytes.clone()).header("Content-Type", OCI_MANIFEST)
    }

    pub(crate) fn path(&self, key: &str) -> String {
        format!("/v2/a/b/manifests/{key}")
    }

    pub(crate) fn by_tag(&self, registry: impl std::fmt::Display) -> ImageRef {
        format!("{registry}/a/b:v1").parse().unwrap()
    }

    pub(crate) fn by_digest(&self, registry: impl std::fmt::Display) -> ImageRef {
        format!("{registry}/a/b@{}", self.digest).parse().unwrap()
    }
}
