//! `snobox push`, into a real registry, out of which skopeo pulls.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use serde_json::{Value, json};
use snobox_testkit::practice::ADDITIONAL_REFERENCE;

use crate::support::{Distribution, Sandbox, demo, tool};

/// The references of the demo's lock that stand for one image each, and those that stand for a list with one platform in the store.
fn plain_and_sparse() -> (Vec<String>, Vec<String>) {
    let lock = demo().lock();
    let images = lock["images"].as_array().unwrap().clone();
    let (sparse, plain): (Vec<Value>, Vec<Value>) = images
        .into_iter()
        .partition(|image| image.get("platformDigest").is_some());
    let names = |images: Vec<Value>| -> Vec<String> {
        let names = images
            .iter()
            .map(|i| i["reference"].as_str().unwrap().to_owned());
        names.collect()
    };
    (names(plain), names(sparse))
}

fn push<'a>(target: &'a str, store: &'a str, images: &'a [String]) -> Vec<&'a str> {
    let mut args = vec!["--json", "push", "--store", store, target];
    args.extend(images.iter().map(String::as_str));
    args
}

fn writes(registry: &Distribution) -> usize {
    let requests = registry.requests();
    let is_write = |line: &&String| {
        ["POST", "PATCH", "PUT"]
            .iter()
            .any(|m| line.contains(&format!("\"{m} ")))
    };
    requests.iter().filter(is_write).count()
}

#[test]
fn what_was_pushed_is_pulled_by_skopeo_and_a_second_push_transfers_nothing() {
    let (Some(registry), Some(skopeo)) = (Distribution::start(false), tool("skopeo")) else {
        return;
    };
    let sandbox = Sandbox::new();
    let store = demo().path("store");
    let store = store.to_str().unwrap();
    let target = format!("{}/factory", registry.address);
    let (plain, _) = plain_and_sparse();
    let args = push(&target, store, &plain);
    let said = sandbox.run(&args).ok().json();
    assert_eq!(said["images"], plain.len());
    for reference in &plain {
        let source = format!("docker://{target}/{reference}");
        let image = format!("dir:{}", sandbox.path("image").display());
        let copy = [
            "--override-arch=amd64",
            "--insecure-policy",
            "copy",
            "-q",
            "--src-tls-verify=false",
        ];
        // skopeo checks the digest of every blob that it copies.
        skopeo.run(&[&copy[..], &[&source, &image]].concat());
    }
    assert!(said["mountedBlobs"].as_u64() > Some(0), "{said}");
    let before = writes(&registry);
    let again = sandbox.run(&args).ok().json();
    for key in [
        "sentBytes",
        "uploadedBlobs",
        "mountedBlobs",
        "manifests",
        "retries",
    ] {
        assert_eq!(again[key], 0, "{again}");
    }
    assert_eq!(writes(&registry), before);
    // Images by digest alone have a name, too, so that nobody throws them away.
    let tags = skopeo.text(&[
        "list-tags",
        "--tls-verify=false",
        &format!("docker://{target}/quay.io/openshift-release-dev/ocp-v4.0-art-dev"),
    ]);
    assert!(tags.contains("\"snobox-"), "{tags}");
    // Each blob went over the line once, whatever the number of its repositories.
    let ls = sandbox.run(&["--json", "store", "ls", store]).ok().json();
    assert!(said["sentBytes"].as_u64() <= ls["bytes"].as_u64(), "{said}");
}

#[test]
fn a_list_of_which_one_platform_is_there_is_told_where_the_registry_refuses_it() {
    let Some(registry) = Distribution::start(false) else {
        return;
    };
    let sandbox = Sandbox::new();
    let (plain, sparse) = plain_and_sparse();
    let by_digest: Vec<String> = sparse.iter().filter(|r| r.contains('@')).cloned().collect();
    assert!(!by_digest.is_empty());
    let store = demo().path("store");
    let store = store.to_str().unwrap();
    let target = registry.address.to_string();
    let wanted = [&by_digest[..1], &plain[..1]].concat();
    let said = sandbox.run(&push(&target, store, &wanted)).fails(21);
    let said = said.says(&by_digest[0]).says("only some are there");
    assert!(!said.stderr.contains(&plain[0]), "{said}");
    // The same image by a tag: the tag leads to the platform.
    let serving = crate::support::Serving::start(&sandbox, &demo().path("store"));
    let entry_of = |name: &str| {
        let index: Value = serde_json::from_slice(&sandbox.read(name)).unwrap();
        index["manifests"][0].clone()
    };
    let served = format!("{}/{}", serving.address, by_digest[0]);
    sandbox.run(&["store", "add", &served]).ok();
    let mut entry = entry_of("store/index.json");
    let reference = "quay.io/factory/lists:1";
    entry["annotations"]["org.opencontainers.image.ref.name"] = reference.into();
    let platform = entry["annotations"]["io.snobox.sparse"]
        .as_str()
        .unwrap()
        .to_owned();
    sandbox.write(
        "store/index.json",
        json!({"schemaVersion": 2, "manifests": [entry]}).to_string(),
    );
    let said = sandbox.run(&["--json", "push", &target]).ok();
    assert_eq!(said.json()["flattened"], 1);
    let told = sandbox.run(&["push", &target]).ok();
    assert!(told.stderr.contains(reference), "{told}");
    if let Some(skopeo) = tool("skopeo") {
        let source = format!("docker://{target}/{reference}");
        let digest = skopeo.text(&[
            "inspect",
            "--tls-verify=false",
            "--format={{.Digest}}",
            &source,
        ]);
        assert_eq!(digest.trim(), platform);
    }
}

#[test]
fn credentials_are_those_of_the_longest_path_and_stay_secret() {
    let Some(registry) = Distribution::start(true) else {
        return;
    };
    let sandbox = Sandbox::new();
    let store = demo().path("store");
    let store = store.to_str().unwrap();
    let target = format!("{}/factory", registry.address);
    let image = [ADDITIONAL_REFERENCE.to_owned()];
    let args = push(&target, store, &image);
    sandbox.run(&args).fails(21).says("--pull-secret");
    // `printf practice:practice | base64` and `printf practice:other | base64`
    let (good, bad) = ("cHJhY3RpY2U6cHJhY3RpY2U=", "cHJhY3RpY2U6b3RoZXI=");
    let secret = |host: &str, longer: &str| json!({"auths": {registry.address.to_string(): {"auth": host}, target.clone(): {"auth": longer}}});
    sandbox.write("good.json", secret(bad, good).to_string());
    sandbox.write("bad.json", secret(good, bad).to_string());
    let said = sandbox.run(&[&args[..], &["--pull-secret", "bad.json"]].concat());
    let said = said.fails(21);
    assert!(
        !said.all().contains("other") && !said.all().contains(bad),
        "{said}"
    );
    sandbox
        .run(&[&args[..], &["--pull-secret", "good.json"]].concat())
        .ok();
}

/// Passes everything on, and breaks connections after so many bytes of the client's, as often as it is told to. Counts what it
/// passed on.
fn cutting(to: SocketAddr, after: u64, cuts: u64) -> (SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let left = Arc::new(AtomicU64::new(cuts));
    let arrived = Arc::new(AtomicU64::new(0));
    let total = Arc::clone(&arrived);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = TcpStream::connect(to).unwrap();
            let (mut from, mut back) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut back);
                let _ = back.shutdown(std::net::Shutdown::Both);
            });
            let (left, total) = (Arc::clone(&left), Arc::clone(&total));
            thread::spawn(move || {
                let (mut client, mut server, mut passed) = (client, server, 0);
                let mut buffer = vec![0; 64 << 10];
                while let Ok(count @ 1..) = client.read(&mut buffer) {
                    passed += count as u64;
                    let take = |left: u64| left.checked_sub(1);
                    if passed > after
                        && left
                            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, take)
                            .is_ok()
                    {
                        break;
                    }
                    if server.write_all(&buffer[..count]).is_err() {
                        break;
                    }
                    total.fetch_add(count as u64, Ordering::SeqCst);
                }
                let _ = client.shutdown(std::net::Shutdown::Both);
                let _ = server.shutdown(std::net::Shutdown::Both);
            });
        }
    });
    (address, arrived)
}

#[test]
fn breaks_of_the_line_cost_no_more_than_the_uploads_that_broke() {
    let Some(registry) = Distribution::start(false) else {
        return;
    };
    let sandbox = Sandbox::new();
    let store = demo().path("store");
    let (plain, _) = plain_and_sparse();
    let (line, arrived) = cutting(registry.address, 2 << 20, 6);
    let target = line.to_string();
    let said = sandbox
        .run(&push(&target, store.to_str().unwrap(), &plain))
        .ok()
        .json();
    let whole = Distribution::start(false).unwrap();
    let target = whole.address.to_string();
    let unbroken = sandbox
        .run(&push(&target, store.to_str().unwrap(), &plain))
        .ok()
        .json();
    assert_eq!(said["images"], unbroken["images"]);
    let bytes = |value: &Value| value["sentBytes"].as_u64().unwrap();
    // Headers count, too. What was between the programs when the line broke went out and never arrived.
    let arrived = arrived.load(Ordering::SeqCst);
    let twice = arrived.saturating_sub(bytes(&unbroken));
    println!(
        "six breaks: of {} bytes {twice} arrived twice; {} went out in all, {} retries",
        bytes(&unbroken),
        bytes(&said),
        said["retries"]
    );
    assert!(said["retries"].as_u64() >= Some(6), "{said}");
    // This registry does not go on with an upload that broke inside a chunk ("upload resumed at wrong offset"): what had arrived of the
    // blob, which is 2 MiB, comes again, and not a byte of any other.
    assert!(twice <= 6 * (2 << 20) + (1 << 20), "{twice}");
}

#[test]
fn one_image_that_is_damaged_keeps_no_other_out() {
    let Some(registry) = Distribution::start(false) else {
        return;
    };
    let sandbox = Sandbox::with_site();
    let ls = sandbox.run(&["--json", "store", "ls"]).ok().json();
    let images = ls["images"].as_array().unwrap();
    let additional = images
        .iter()
        .find(|i| i["name"] == ADDITIONAL_REFERENCE)
        .unwrap();
    let hex = &additional["digest"].as_str().unwrap()[7..];
    let manifest: Value =
        serde_json::from_slice(&sandbox.read(&format!("store/blobs/sha256/{hex}"))).unwrap();
    let layer = manifest["layers"].as_array().unwrap().last().unwrap()["digest"]
        .as_str()
        .unwrap();
    let file = format!("store/blobs/sha256/{}", &layer[7..]);
    let mut bytes = sandbox.read(&file);
    bytes[100] ^= 1;
    sandbox.write(&file, bytes);
    let (plain, _) = plain_and_sparse();
    let others = plain.len() - 1;
    let target = registry.address.to_string();
    let said = sandbox.run(&push(&target, "store", &plain)).fails(22);
    said.says(layer).says(ADDITIONAL_REFERENCE);
    let mut human = push(&target, "store", &plain);
    human.remove(0);
    let told = sandbox.run(&human).fails(22);
    told.says(&format!("{others} of {} images are there", plain.len()));
    let args = [
        "push",
        "--store",
        "store",
        &target,
        "quay.io/nobody/nothing:1",
    ];
    sandbox.run(&args).fails(2).says("store ls");
}
