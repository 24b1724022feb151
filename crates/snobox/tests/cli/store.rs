//! `snobox store ls|fsck|gc`: what a store holds, what is wrong with it, and what it can do without.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use snobox_testkit::practice::ADDITIONAL_REFERENCE;

use crate::practice_registry::Practice;
use crate::support::{Said, Sandbox, Serving, Tree, demo, tool};

/// Blobs of an image by digest, with their sizes: read off the manifests, as the specification has them.
fn blobs_of(store: &Path, entry: &Value) -> BTreeMap<String, u64> {
    let mut blobs = BTreeMap::new();
    let mut pending = vec![entry.clone()];
    while let Some(descriptor) = pending.pop() {
        let digest = descriptor["digest"].as_str().unwrap();
        blobs.insert(digest.to_owned(), descriptor["size"].as_u64().unwrap());
        let bytes = fs::read(store.join("blobs/sha256").join(&digest[7..])).unwrap();
        let manifest: Value = serde_json::from_slice(&bytes).unwrap();
        let kept = descriptor["annotations"]["io.snobox.sparse"].as_str();
        let children = manifest["manifests"].as_array().into_iter().flatten();
        pending.extend(
            children
                .filter(|child| kept.is_none_or(|k| k.contains(child["digest"].as_str().unwrap())))
                .cloned(),
        );
        for blob in manifest["layers"]
            .as_array()
            .into_iter()
            .flatten()
            .chain(manifest.get("config"))
        {
            let digest = blob["digest"].as_str().unwrap().to_owned();
            blobs.insert(digest, blob["size"].as_u64().unwrap());
        }
    }
    blobs
}

fn entries(store: &Path) -> Vec<Value> {
    let index: Value =
        serde_json::from_slice(&fs::read(store.join("index.json")).unwrap()).unwrap();
    index["manifests"].as_array().unwrap().clone()
}

fn name(entry: &Value) -> &str {
    entry["annotations"]["org.opencontainers.image.ref.name"]
        .as_str()
        .unwrap()
}

/// The first JSON document of a run that failed: its result.
fn result(said: &Said) -> Value {
    let mut documents = serde_json::Deserializer::from_slice(&said.stdout).into_iter();
    documents.next().unwrap().unwrap()
}

fn codes(findings: &Value) -> Vec<&str> {
    let findings = findings.as_array().unwrap();
    findings
        .iter()
        .map(|f| f["code"].as_str().unwrap())
        .collect()
}

fn blob_path(sandbox: &Sandbox, hex: &str) -> std::path::PathBuf {
    sandbox.path("store/blobs/sha256").join(hex)
}

/// Puts bytes into the store that no image names; returns their hash.
fn orphan(sandbox: &Sandbox, bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    fs::write(blob_path(sandbox, &hex), bytes).unwrap();
    hex
}

fn age(path: &Path) {
    let file = fs::File::options().write(true).open(path).unwrap();
    let yesterday = SystemTime::now() - Duration::from_secs(25 * 3600);
    file.set_modified(yesterday).unwrap();
}

/// The last layer of the additional image: nobody else has it.
fn own_layer() -> String {
    let store = demo().path("store");
    let entries = entries(&store);
    let entry = entries.iter().find(|e| name(e) == ADDITIONAL_REFERENCE);
    let digest = entry.unwrap()["digest"].as_str().unwrap();
    let bytes = fs::read(store.join("blobs/sha256").join(&digest[7..])).unwrap();
    let manifest: Value = serde_json::from_slice(&bytes).unwrap();
    let layer = manifest["layers"].as_array().unwrap().last().unwrap();
    layer["digest"].as_str().unwrap()[7..].to_owned()
}

#[test]
fn ls_names_each_image_with_what_it_needs_and_what_it_needs_alone() {
    let sandbox = Sandbox::new();
    let store = demo().path("store");
    let said = sandbox
        .run(&["--json", "store", "ls", store.to_str().unwrap()])
        .ok();
    let value = said.json();
    let entries = entries(&store);
    let images = value["images"].as_array().unwrap();
    assert_eq!(images.len(), entries.len());
    let needs: Vec<_> = entries.iter().map(|e| blobs_of(&store, e)).collect();
    let users = |digest: &String| needs.iter().filter(|n| n.contains_key(digest)).count();
    for ((image, entry), need) in images.iter().zip(&entries).zip(&needs) {
        assert_eq!(image["name"], name(entry));
        assert_eq!(image["digest"], entry["digest"]);
        assert_eq!(image["blobs"], need.len());
        assert_eq!(image["bytes"], need.values().sum::<u64>());
        let alone = need.iter().filter(|(digest, _)| users(digest) == 1);
        let alone: u64 = alone.map(|(_, size)| size).sum();
        assert_eq!(image["bytesAlone"], alone, "{image}");
        let kept = entry["annotations"]["io.snobox.sparse"].as_str();
        assert_eq!(
            image["sparse"].as_array().unwrap().len(),
            usize::from(kept.is_some())
        );
        assert_eq!(image["missingBlobs"], 0);
    }
    let unique: BTreeMap<_, _> = needs.iter().flatten().collect();
    assert_eq!(value["blobs"], unique.len());
    assert_eq!(value["bytes"], unique.values().copied().sum::<u64>());
    let text = sandbox
        .run(&["store", "ls", store.to_str().unwrap()])
        .ok()
        .text();
    for entry in &entries {
        assert!(text.contains(name(entry)), "{text}");
    }
    assert!(text.contains("(one platform of its list)"), "{text}");
}

#[test]
fn fsck_says_of_a_whole_store_that_it_is_whole_and_of_other_files_what_they_are() {
    let sandbox = Sandbox::with_site();
    let said = sandbox.run(&["--json", "store", "fsck"]).ok().json();
    assert_eq!(
        (&said["ok"], codes(&said["unneeded"]).len()),
        (&Value::Bool(true), 0)
    );
    let on_disk = fs::read_dir(sandbox.path("store/blobs/sha256")).unwrap();
    let bytes: u64 = on_disk.map(|e| e.unwrap().metadata().unwrap().len()).sum();
    assert_eq!(said["checked"]["bytes"], bytes);

    let hex = orphan(&sandbox, b"nobody's");
    fs::write(sandbox.path("store/blobs/sha256/README"), "x").unwrap();
    fs::write(
        sandbox.path("store/.snobox/partial").join(own_layer()),
        "12345",
    )
    .unwrap();
    fs::write(
        sandbox.path("store/.snobox/quarantine").join(own_layer()),
        "123",
    )
    .unwrap();
    fs::write(sandbox.path("store/.snobox/ingest/left"), "1").unwrap();
    let said = sandbox.run(&["--json", "store", "fsck"]).ok().json();
    let found = ["orphan", "partial", "quarantined", "ingest", "stranger"];
    assert_eq!(codes(&said["unneeded"]), found);
    assert_eq!(said["unneeded"][0]["digest"], format!("sha256:{hex}"));
    assert_eq!(said["unneeded"][1]["bytes"], 5);
    let text = sandbox.run(&["store", "fsck"]).ok().text();
    assert!(
        text.contains("orphan: 1 ") && text.contains("all whole"),
        "{text}"
    );
    // One that is damaged would be taken for whole by the next mirror.
    fs::write(blob_path(&sandbox, &hex), "other").unwrap();
    let said = sandbox.run(&["--json", "store", "fsck"]).fails(40);
    assert_eq!(codes(&result(&said)["findings"]), ["blob-wrong-digest"]);
}

#[test]
fn what_fsck_puts_aside_is_fetched_again() {
    let practice = Practice::start(|answer| answer);
    let sandbox = Sandbox::with_site();
    crate::support::set_in(
        &sandbox,
        &crate::support::mirrors(&[practice.registry.address()]),
    );
    let store = demo().path("store");
    let all: BTreeSet<String> = entries(&store)
        .iter()
        .flat_map(|entry| blobs_of(&store, entry))
        .filter(|(_, size)| *size > 1000)
        .map(|(digest, _)| digest[7..].to_owned())
        .collect();
    let mut some = all.into_iter();
    let [flipped, cut, gone] = std::array::from_fn(|_| some.next().unwrap());
    let mut bytes = fs::read(blob_path(&sandbox, &flipped)).unwrap();
    bytes[500] ^= 4;
    fs::write(blob_path(&sandbox, &flipped), bytes).unwrap();
    let bytes = fs::read(blob_path(&sandbox, &cut)).unwrap();
    fs::write(blob_path(&sandbox, &cut), &bytes[..900]).unwrap();
    fs::remove_file(blob_path(&sandbox, &gone)).unwrap();

    let before = Tree::of(&sandbox.work());
    let said = sandbox.run(&["--json", "store", "fsck"]).fails(40);
    assert!(
        Tree::of(&sandbox.work()) == before,
        "looking changed something"
    );
    let value = result(&said);
    let mut found: Vec<_> = value["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| {
            (
                f["digest"].as_str().unwrap()[7..].to_owned(),
                f["code"].as_str().unwrap(),
            )
        })
        .collect();
    found.sort();
    let mut expected = vec![
        (flipped.clone(), "blob-wrong-digest"),
        (cut.clone(), "blob-wrong-size"),
        (gone.clone(), "blob-missing"),
    ];
    expected.sort();
    assert_eq!(found, expected, "{said}");
    assert!(
        value["findings"][0]["images"]
            .as_array()
            .is_some_and(|i| !i.is_empty())
    );

    let said = sandbox
        .run(&["--json", "store", "fsck", "--repair"])
        .fails(40);
    assert_eq!(result(&said)["putAside"].as_array().unwrap().len(), 2);
    for hex in [&flipped, &cut] {
        assert!(!blob_path(&sandbox, hex).exists());
        assert!(sandbox.path("store/.snobox/quarantine").join(hex).exists());
    }
    let said = sandbox.run(&["--json", "mirror"]).ok();
    assert!(said.json()["fetchedBlobs"].as_u64().unwrap() <= 3);
    let said = sandbox.run(&["--json", "store", "fsck"]).ok().json();
    assert_eq!(said["ok"], true);
    sandbox.run(&["verify", "store"]).ok();
}

#[test]
fn gc_says_what_would_go_and_takes_just_that() {
    let sandbox = Sandbox::with_site();
    let said = sandbox.run(&["store", "gc"]).ok();
    assert!(said.text().contains("nothing to remove"), "{said}");
    let (old, young) = (orphan(&sandbox, b"old"), orphan(&sandbox, b"young!"));
    age(&blob_path(&sandbox, &old));
    let partial = sandbox.path("store/.snobox/partial").join(&young);
    fs::write(&partial, "123456789").unwrap();
    age(&partial);
    let quarantined = sandbox.path("store/.snobox/quarantine").join(&young);
    fs::write(&quarantined, "12345").unwrap();
    let before = Tree::of(&sandbox.work());
    let value = sandbox.run(&["--json", "store", "gc"]).ok().json();
    assert!(
        Tree::of(&sandbox.work()) == before,
        "a dry run changed something"
    );
    assert_eq!(
        (&value["bytes"], &value["done"]),
        (&(3 + 9 + 5).into(), &false.into())
    );
    assert_eq!(value["spared"][0]["digest"], format!("sha256:{young}"));
    let done = sandbox.run(&["--json", "store", "gc", "--yes"]).ok().json();
    assert_eq!(
        (&done["bytes"], &done["done"]),
        (&value["bytes"], &true.into())
    );
    assert!(!partial.exists() && !quarantined.exists() && !blob_path(&sandbox, &old).exists());
    assert!(blob_path(&sandbox, &young).exists());
    sandbox
        .run(&["store", "gc", "--yes", "--older-than", "0h"])
        .ok();
    assert!(Tree::of(&sandbox.path("store")) == Tree::of(&demo().path("store")));
}

#[test]
fn a_dropped_image_frees_what_ls_says_and_nothing_of_others() {
    let sandbox = Sandbox::with_site();
    let images = sandbox.run(&["--json", "store", "ls"]).ok().json()["images"].clone();
    let image = images
        .as_array()
        .unwrap()
        .iter()
        .find(|i| i["name"] == ADDITIONAL_REFERENCE);
    let alone = image.unwrap()["bytesAlone"].as_u64().unwrap();
    assert!(alone > 0);
    let drop = ["--json", "store", "gc", "--drop", ADDITIONAL_REFERENCE];
    let said = sandbox.run(&drop).ok().json();
    assert_eq!(
        (&said["bytes"], &said["dropped"][0]),
        (&alone.into(), &ADDITIONAL_REFERENCE.into())
    );
    sandbox.run(&[&drop[..], &["--yes"]].concat()).ok();
    assert!(!blob_path(&sandbox, &own_layer()).exists());
    let value = sandbox.run(&["--json", "store", "fsck"]).ok().json();
    assert_eq!(
        (value["ok"].as_bool(), codes(&value["unneeded"]).len()),
        (Some(true), 0)
    );
    assert_eq!(
        entries(&sandbox.path("store")).len(),
        images.as_array().unwrap().len() - 1
    );
    let said = sandbox.run(&drop);
    let said = said.fails(2);
    said.says("store ls");
}

#[test]
fn gc_keeps_what_a_lock_names_and_drops_the_rest() {
    let sandbox = Sandbox::with_site();
    let before = Tree::of(&sandbox.path("store"));
    sandbox
        .run(&["store", "gc", "--keep-lock", "site.lock", "--yes"])
        .ok();
    assert!(Tree::of(&sandbox.path("store")) == before);
    let mut lock: Value = serde_json::from_slice(&sandbox.read("site.lock")).unwrap();
    lock["images"]
        .as_array_mut()
        .unwrap()
        .retain(|image| image["role"] != "additional");
    sandbox.write("less.lock", lock.to_string());
    let said = sandbox
        .run(&["--json", "store", "gc", "--keep-lock", "less.lock", "--yes"])
        .ok();
    assert_eq!(
        said.json()["dropped"],
        serde_json::json!([ADDITIONAL_REFERENCE])
    );
    // Both together keep both: nothing is left to drop.
    let said = sandbox.run(&[
        "--json",
        "store",
        "gc",
        "--keep-lock",
        "less.lock",
        "--keep-lock",
        "site.lock",
    ]);
    assert_eq!(said.ok().json()["dropped"], serde_json::json!([]));
    // What a lock names stays while it is not complete, whatever its age.
    fs::remove_file(sandbox.path("store/index.json")).unwrap();
    let index = r#"{"schemaVersion":2,"manifests":[]}"#;
    fs::write(sandbox.path("store/index.json"), index).unwrap();
    let args = [
        "--json",
        "store",
        "gc",
        "--older-than",
        "0h",
        "--keep-lock",
        "less.lock",
    ];
    assert_eq!(sandbox.run(&args).ok().json()["bytes"], 0);
    let said = sandbox.run(&args[..5]).ok();
    assert!(said.json()["bytes"].as_u64().unwrap() > 30 << 20, "{said}");
}

#[test]
fn where_a_manifest_is_damaged_nothing_is_removed() {
    let sandbox = Sandbox::with_site();
    let entry = &entries(&sandbox.path("store"))[0];
    let hex = entry["digest"].as_str().unwrap()[7..].to_owned();
    fs::write(blob_path(&sandbox, &hex), "{}").unwrap();
    let before = Tree::of(&sandbox.work());
    let args = ["store", "gc", "--yes", "--older-than", "0h"];
    sandbox.run(&args).fails(40).says(&hex).says("fsck");
    assert!(Tree::of(&sandbox.work()) == before);
}

#[test]
fn gc_waits_for_a_mirror_and_a_killed_mirror_goes_on_after_it() {
    let practice = Practice::start(|answer| answer.paced(4 << 20));
    let sandbox = practice.sandbox();
    let mut running = sandbox.start(&["mirror"]);
    let blobs = |name: &str| {
        fs::read_dir(sandbox.path(name))
            .into_iter()
            .flatten()
            .count()
    };
    // Manifests and some layers are there, and one is on its way.
    running.until("some blobs", |_| {
        blobs("store/blobs/sha256") > 40 && blobs("store/.snobox/partial") > 0
    });
    let said = sandbox.run(&["store", "gc", "--yes", "--older-than", "0h"]);
    said.fails(31).says("written to by another process");
    let busy = sandbox.run(&["--json", "store", "fsck"]);
    assert_eq!(result(&busy)["beingWritten"], true);
    running.signal("KILL");
    drop(running);
    let before = Tree::of(&sandbox.path("store/blobs"));
    let partial = Tree::of(&sandbox.path("store/.snobox/partial"));
    sandbox.run(&["store", "gc", "--yes"]).ok();
    assert!(Tree::of(&sandbox.path("store/blobs")) == before);
    assert!(Tree::of(&sandbox.path("store/.snobox/partial")) == partial);
    let said = sandbox.run(&["--json", "mirror"]).ok();
    assert!(said.json()["presentBytes"].as_u64().unwrap() > 0, "{said}");
    assert!(Tree::of(&sandbox.path("store")) == Tree::of(&demo().path("store")));
}

#[test]
fn a_server_goes_on_answering_while_and_after_gc() {
    let Some(skopeo) = tool("skopeo") else { return };
    let sandbox = Sandbox::with_site();
    let serving = Serving::start(&sandbox, &sandbox.path("store"));
    let lock = demo().lock();
    let images = lock["images"].as_array().unwrap();
    let kept = images
        .iter()
        .find(|image| image["role"] == "release")
        .unwrap();
    let pull = |name: &str| {
        let source = format!("docker://{}/{name}", serving.address);
        let target = format!("dir:{}", sandbox.temporary().join("image").display());
        let copy = ["--override-arch=amd64", "--insecure-policy", "copy", "-q"];
        let said =
            skopeo.try_run(&[&copy[..], &["--src-tls-verify=false", &source, &target]].concat());
        fs::remove_dir_all(sandbox.temporary().join("image")).unwrap_or_default();
        said.status.success()
    };
    assert!(pull(ADDITIONAL_REFERENCE));
    sandbox
        .run(&["store", "gc", "--drop", ADDITIONAL_REFERENCE, "--yes"])
        .ok();
    assert!(pull(kept["reference"].as_str().unwrap()));
    assert!(!pull(ADDITIONAL_REFERENCE));
}
