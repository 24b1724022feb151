//! `snobox store add`: a plain list of images, out of a registry on this machine.

use std::fs;

use serde_json::Value;

use crate::serve::some_images;
use snobox_testkit::fault_registry::{Answer, FaultRegistry};

use crate::support::{Distribution, PracticeRegistry, Sandbox, Serving, demo, tool};

/// The images as a registry on this machine has them: by tag where they have one, and by digest.
fn references(serving: &Serving) -> Vec<String> {
    let images = some_images().into_iter();
    images
        .map(|(reference, _)| format!("{}/{reference}", serving.address))
        .collect()
}

#[test]
fn a_list_is_mirrored_once_and_then_there() {
    let sandbox = Sandbox::new();
    let serving = Serving::start(&sandbox, &demo().path("store"));
    let references = references(&serving);
    assert!(
        references.iter().any(|r| r.contains('@')) && references.iter().any(|r| !r.contains('@'))
    );
    let list = format!(
        "# images\n\n{}  # the first\n{}\n",
        references[0],
        references[1..].join("\n")
    );
    sandbox.write("refs.txt", list);
    let args = [
        "--json",
        "store",
        "add",
        "--refs",
        "refs.txt",
        &references[0],
        "--plain-http",
    ];
    let said = sandbox.run(&args).ok().json();
    assert_eq!(said["images"], references.len());
    assert!(said["fetchedBytes"].as_u64() > Some(1 << 20), "{said}");
    assert_eq!(said["receivedBytes"], said["fetchedBytes"]);
    let index: Value = serde_json::from_slice(&sandbox.read("store/index.json")).unwrap();
    let mut expected = some_images();
    expected.sort_by_key(|(reference, _)| reference.clone());
    let named: Vec<_> = index["manifests"].as_array().unwrap().iter().collect();
    for ((reference, digest), entry) in expected.iter().zip(named) {
        let name = entry["annotations"]["org.opencontainers.image.ref.name"].as_str();
        assert_eq!(name, Some(&*format!("{}/{reference}", serving.address)));
        assert_eq!(entry["digest"], **digest);
    }
    sandbox.run(&["verify", "store"]).ok();
    if let Some(skopeo) = tool("skopeo") {
        let source = format!("oci:{}:{}", sandbox.path("store").display(), references[0]);
        skopeo.run(&["--override-arch=amd64", "inspect", &source]);
    }
    let again = sandbox.run(&args).ok().json();
    assert_eq!(again["receivedBytes"], 0);
    assert_eq!(again["presentBytes"], said["fetchedBytes"]);
}

#[test]
fn what_cannot_be_had_keeps_nothing_else_out() {
    let sandbox = Sandbox::new();
    let serving = Serving::start(&sandbox, &demo().path("store"));
    let good = &references(&serving)[0];
    let bad = format!("{}/quay.io/nobody/nothing:1", serving.address);
    let said = sandbox.run(&["store", "add", &bad, good]).fails(21);
    said.says(&bad).says("1 of 2 images are complete");
    let text = sandbox.run(&["store", "ls"]).ok().text();
    assert!(text.contains(&**good) && !text.contains("nobody"), "{text}");
}

#[test]
fn lists_that_are_wrong_are_told_line_by_line_before_anything_is_made() {
    let sandbox = Sandbox::new();
    sandbox.write("a.txt", "quay.io/a:1\nfedora\n");
    sandbox.write("b.txt", "# nothing\n\nquay.io/A\n");
    sandbox.write("empty.txt", "# nothing\n");
    let said = sandbox.run(&["store", "add", "--refs", "a.txt"]).fails(2);
    said.says("a.txt:2: ");
    let said = sandbox.run(&["store", "add", "--refs", "b.txt"]).fails(2);
    said.says("b.txt:3: ");
    sandbox
        .run(&["store", "add", "--refs", "empty.txt"])
        .fails(2);
    sandbox
        .run(&["store", "add", "--refs", "absent.txt"])
        .fails(31)
        .says("absent.txt");
    assert_eq!(sandbox.run(&["store", "add"]).code(), 2);
    assert_eq!(sandbox.run(&["store", "add", "fedora"]).code(), 2);
    let args = ["store", "add", "quay.io/a:1", "--plain-http"];
    sandbox.run(&args).fails(2).says("--plain-http=quay.io");
    sandbox.write("secret", "{}");
    let args = ["store", "add", "quay.io/a:1", "--pull-secret", "secret"];
    sandbox.run(&args).fails(11).says("secret");
    assert!(!sandbox.path("store").exists());
    assert_eq!(fs::read_dir(sandbox.work()).unwrap().count(), 4);
}

#[test]
fn a_second_platform_comes_beside_the_first_and_both_stay() {
    let practice = PracticeRegistry::start();
    let sandbox = Sandbox::new();
    let lock = demo().lock();
    let images = lock["images"].as_array().unwrap();
    let list = images
        .iter()
        .find(|image| image.get("platformDigest").is_some());
    let list = list.unwrap()["reference"].as_str().unwrap();
    let reference = format!("{}/{list}", practice.address);
    let sparse = || {
        let ls = sandbox.run(&["--json", "store", "ls"]).ok().json();
        ls["images"][0]["sparse"].as_array().unwrap().len()
    };
    let add = |architecture: &str| {
        let args = ["--json", "store", "add", &reference, "--plain-http"];
        sandbox
            .run(&[&args[..], &["--arch", architecture]].concat())
            .ok()
            .json()
    };
    add("arm64");
    assert_eq!(sparse(), 1);
    add("amd64");
    // The practice list has these two.
    assert_eq!(sparse(), 0);
    let again = add("arm64");
    assert_eq!(again["receivedBytes"], 0);
    let gc = ["--json", "store", "gc", "--yes", "--older-than", "0h"];
    assert_eq!(sandbox.run(&gc).ok().json()["bytes"], 0);
    sandbox.run(&["verify", "store"]).ok();
    assert_eq!(sparse(), 0);
}

#[test]
fn plain_http_without_a_name_is_for_every_registry_of_this_machine_that_is_named() {
    let manifest = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]}"#;
    let start = || {
        let registry = FaultRegistry::start().unwrap();
        // Who asks what it speaks is told TLS.
        registry.script("/v2/", [Answer::status(400)]);
        registry.script("/v2/a/b/manifests/1", [Answer::bytes(manifest)]);
        let config = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        registry.script(&format!("/v2/a/b/blobs/{config}"), [Answer::bytes("{}")]);
        registry
    };
    let (first, second) = (start(), start());
    let references = [&first, &second].map(|r| format!("{}/a/b:1", r.address()));
    let sandbox = Sandbox::new();
    let args = ["--json", "store", "add", &references[0], &references[1]];
    let said = sandbox.run(&[&args[..], &["--plain-http"]].concat()).ok();
    assert_eq!(said.json()["completeImages"], 2, "{said}");
    for registry in [&first, &second] {
        assert_eq!(registry.count("/v2/"), 0, "nothing is asked that is known");
    }
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_said_with_the_option_that_does() {
    let Some(openssl) = tool("openssl") else {
        return;
    };
    let sandbox = Sandbox::new();
    let (certificate, key) = (sandbox.path("ca.pem"), sandbox.path("key.pem"));
    let (cert, key_text) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    // As people make one for a registry of their own.
    openssl.run(&[
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=practice",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-addext",
        "basicConstraints=critical,CA:FALSE",
        "-keyout",
        key_text,
        "-out",
        cert,
    ]);
    let Some(registry) = Distribution::start_tls(&certificate, &key) else {
        return;
    };
    let target = registry.address.to_string();
    let reference = format!("{target}/a/b:1");
    let said = sandbox.run(&["store", "add", &reference]).fails(20);
    said.says(&format!("{target} cannot be reached"))
        .says("certificate")
        .says("name its authority with --ca FILE");
    // With it, the registry answers.
    sandbox
        .run(&["store", "add", &reference, "--ca", cert])
        .fails(21)
        .says("does not have it");
}
