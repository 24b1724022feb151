//! Registries that lie, break off, refuse, or are not there.

use std::fs;
use std::net::TcpListener;

use serde_json::Value;
use snobox_testkit::fault_registry::{Answer, FaultRegistry};

use crate::support::{Sandbox, Serving, Tree, demo, mirrors, set_in};

const ADDITIONAL: &str = "registry.practice.example/factory/line-agent";

/// The demo's site, whose store lacks one thing that only the registry at hand can give.
pub(crate) struct Lacking {
    pub(crate) sandbox: Sandbox,
    pub(crate) registry: FaultRegistry,
    /// Where the registry is asked for it.
    pub(crate) asked: String,
    pub(crate) digest: String,
    pub(crate) bytes: Vec<u8>,
}

impl Lacking {
    /// Without the last layer of the additional image.
    pub(crate) fn layer() -> Self {
        Self::without(|_, bytes| {
            let manifest: Value = serde_json::from_slice(bytes).unwrap();
            let layer = manifest["layers"].as_array().unwrap().last().unwrap();
            ("blobs", layer["digest"].as_str().unwrap().to_owned())
        })
    }

    /// Without the manifest of the additional image.
    fn manifest() -> Self {
        Self::without(|manifest, _| ("manifests", manifest.to_owned()))
    }

    fn without(pick: impl Fn(&str, &[u8]) -> (&'static str, String)) -> Self {
        let sandbox = Sandbox::with_site();
        let registry = FaultRegistry::start().unwrap();
        set_in(&sandbox, &mirrors(&[registry.address()]));
        let lock = demo().lock();
        let images = lock["images"].as_array().unwrap();
        let image = images
            .iter()
            .find(|image| image["role"] == "additional")
            .unwrap();
        let blob = |digest: &str| {
            format!(
                "store/blobs/sha256/{}",
                digest.strip_prefix("sha256:").unwrap()
            )
        };
        let manifest = image["digest"].as_str().unwrap();
        let (kind, digest) = pick(manifest, &sandbox.read(&blob(manifest)));
        let bytes = sandbox.read(&blob(&digest));
        fs::remove_file(sandbox.path(&blob(&digest))).unwrap();
        let asked = format!("/v2/{ADDITIONAL}/{kind}/{digest}");
        Self {
            sandbox,
            registry,
            asked,
            digest,
            bytes,
        }
    }

    pub(crate) fn answers(&self, answer: Answer) {
        self.registry.script(&self.asked, [answer]);
    }

    /// The registry mends its ways, and the same command does the rest.
    pub(crate) fn mends(&self) {
        self.answers(Answer::bytes(&self.bytes[..]));
        let said = self.sandbox.run(&["--json", "mirror"]).ok();
        assert_eq!(
            said.json()["fetchedBlobs"],
            u64::from(self.asked.contains("/blobs/"))
        );
        self.sandbox.run(&["verify", "store"]).ok();
        assert_eq!(
            self.sandbox.read("store/index.json"),
            fs::read(demo().path("store/index.json")).unwrap()
        );
    }

    /// With this answer, `mirror` ends so, and leaves everything as it is, but for what came of the blob.
    #[track_caller]
    fn refused(&self, answer: Answer, exit: i32, part: &str) {
        self.answers(answer);
        let before = Tree::of(&self.sandbox.work()).without_partial_blobs();
        let args = ["mirror", "--retries", "2"];
        let said = self.sandbox.run(&args).fails(exit).says(part);
        said.says(&self.digest)
            .says(&self.registry.address().to_string());
        assert!(self.registry.count(&self.asked) > 0);
        let after = Tree::of(&self.sandbox.work()).without_partial_blobs();
        assert_eq!(after, before);
    }
}

#[test]
fn a_blob_with_other_bytes_is_refused() {
    let lacking = Lacking::layer();
    let mut other = lacking.bytes.clone();
    let last = other.len() - 1;
    other[last] ^= 1;
    lacking.refused(Answer::bytes(other), 22, "wrong bytes");
    lacking.mends();
}

#[test]
fn a_manifest_with_other_bytes_is_refused() {
    let lacking = Lacking::manifest();
    let other = String::from_utf8(lacking.bytes.clone())
        .unwrap()
        .replacen('{', "{ ", 1);
    lacking.refused(Answer::bytes(other), 22, "wrong bytes");
    lacking.mends();
}

#[test]
fn a_blob_that_ends_early_is_refused() {
    let lacking = Lacking::layer();
    let (whole, half) = (lacking.bytes.clone(), lacking.bytes.len() / 2);
    let numbers = format!("sends {half} bytes of a blob of {}", whole.len());
    lacking.refused(Answer::bytes(whole).cut_at(half), 23, &numbers);
    lacking.mends();
}

#[test]
fn a_blob_whose_connection_breaks_is_refused() {
    let lacking = Lacking::layer();
    let (whole, half) = (lacking.bytes.clone(), lacking.bytes.len() / 2);
    lacking.refused(
        Answer::bytes(whole).reset_at(half),
        23,
        "bytes of a blob of",
    );
    lacking.mends();
}

#[test]
fn a_blob_that_is_shorter_than_its_manifest_says_is_refused() {
    let lacking = Lacking::layer();
    let half = &lacking.bytes[..lacking.bytes.len() / 2];
    lacking.refused(Answer::bytes(half), 23, "bytes of a blob of");
    lacking.mends();
}

#[test]
fn a_blob_that_breaks_once_is_fetched_at_the_second_try() {
    let lacking = Lacking::layer();
    let whole = Answer::bytes(&lacking.bytes[..]);
    let script = [whole.clone().cut_at(10), Answer::status(503), whole];
    lacking.registry.script(&lacking.asked, script);
    lacking.sandbox.run(&["mirror"]).ok();
    assert_eq!(lacking.registry.count(&lacking.asked), 3);
    lacking.sandbox.run(&["verify", "store"]).ok();
}

#[test]
fn a_registry_that_does_not_have_it_or_refuses_is_named() {
    let lacking = Lacking::layer();
    for (status, part) in [
        (404, "does not have it"),
        (401, "refuses access (HTTP 401)"),
        (403, "refuses access (HTTP 403)"),
    ] {
        lacking.refused(Answer::status(status), 21, part);
    }
    lacking.mends();
}

#[test]
fn a_registry_that_is_out_of_order_is_named() {
    Lacking::layer().refused(Answer::status(500), 21, "answers HTTP 500");
}

#[test]
fn a_registry_that_cannot_be_reached_is_named() {
    let sandbox = Sandbox::with_site();
    fs::remove_dir_all(sandbox.path("store")).unwrap();
    // A port that was free a moment ago.
    let nobody = TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap();
    set_in(&sandbox, &mirrors(&[nobody]));
    let said = sandbox.run(&["mirror"]).fails(20);
    said.says(&nobody.to_string())
        .says("quay.io cannot be reached");
    let tree = Tree::of(&sandbox.work());
    assert_eq!(tree.leftovers(), [""; 0]);
    assert!(
        !tree
            .names()
            .iter()
            .any(|name| name.starts_with("store/blobs/sha256/") && !name.ends_with('/'))
    );
}

#[test]
fn a_release_that_no_registry_has_leaves_no_lock() {
    let sandbox = Sandbox::with_site();
    fs::remove_dir_all(sandbox.path("store")).unwrap();
    fs::remove_file(sandbox.path("site.lock")).unwrap();
    let registry = FaultRegistry::start().unwrap();
    set_in(&sandbox, &mirrors(&[registry.address()]));
    sandbox
        .run(&["mirror"])
        .fails(21)
        .says("ocp-release:4.99.0-practice-x86_64");
    assert!(!sandbox.path("site.lock").exists());
    assert_eq!(Tree::of(&sandbox.work()).leftovers(), [""; 0]);
}

/// A lock and a store do not tell from where the images came, nor in which order.
#[test]
fn a_mirror_of_a_mirror_is_the_same_mirror() {
    let sandbox = Sandbox::with_site();
    fs::remove_dir_all(sandbox.path("store")).unwrap();
    fs::remove_file(sandbox.path("site.lock")).unwrap();
    let serving = Serving::start(&sandbox, &demo().path("store"));
    set_in(&sandbox, &mirrors(&[serving.address]));
    let said = sandbox.run(&["mirror", "--jobs", "1"]).ok();
    assert!(said.text().contains("next: snobox build"), "{said}");
    assert_eq!(
        sandbox.read("site.lock"),
        fs::read(demo().path("site.lock")).unwrap()
    );
    assert!(Tree::of(&sandbox.path("store")) == Tree::of(&demo().path("store")));
}

#[test]
fn a_registry_with_tokens_wants_the_entry_of_the_pull_secret() {
    let sandbox = Sandbox::with_site();
    fs::remove_dir_all(sandbox.path("store")).unwrap();
    sandbox.write("who", "practice:open-sesame\n");
    let store = demo().path("store");
    let args = [
        "serve",
        "--credentials-file",
        "who",
        "--listen",
        "127.0.0.1:0",
    ];
    let args = [&args[..], &["--store", store.to_str().unwrap()]].concat();
    let mut running = sandbox.start(&args);
    running.until("the address", |r| r.stderr().contains("Ctrl-C"));
    let talk = running.stderr();
    let address = talk
        .split("http://")
        .nth(1)
        .unwrap()
        .split(',')
        .next()
        .unwrap();
    set_in(&sandbox, &mirrors(&[address.parse().unwrap()]));

    let entry = |auth: &str| format!(r#"{{"auths":{{"{address}":{{"auth":"{auth}"}}}}}}"#);
    // `printf practice:wrong | base64` and `printf practice:open-sesame | base64`
    sandbox.write("pull-secret.json", entry("cHJhY3RpY2U6d3Jvbmc="));
    let said = sandbox
        .run(&["mirror"])
        .fails(21)
        .says("refuses access")
        .says("pull secret");
    assert!(!said.all().contains("wrong"), "{said}");
    sandbox.write("pull-secret.json", entry("cHJhY3RpY2U6b3Blbi1zZXNhbWU="));
    sandbox.run(&["mirror"]).ok();
    sandbox.run(&["verify", "store"]).ok();
}

#[test]
fn a_second_writer_to_a_store_is_refused() {
    let lacking = Lacking::layer();
    lacking.answers(Answer::bytes(&lacking.bytes[..]).stall_at(1));
    let mut first = lacking.sandbox.start(&["mirror"]);
    first.until("the request", |_| {
        lacking.registry.count(&lacking.asked) > 0
    });
    // In a sandbox of its own: only the store is shared.
    let second = Sandbox::with_site();
    let store = lacking.sandbox.path("store");
    let args = ["mirror", "--store", store.to_str().unwrap()];
    second.run(&args).fails(31).says("another process");
    // Readers are welcome.
    let index = [
        "serve",
        "--store",
        store.to_str().unwrap(),
        "--listen",
        "127.0.0.1:0",
    ];
    let mut reader = second.start(&index);
    reader.until("the address", |r| r.stderr().contains("Ctrl-C"));
    drop(reader);
    first.signal("INT");
    lacking.sandbox.end(first).fails(130);
    lacking.mends();
}
