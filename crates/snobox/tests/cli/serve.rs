//! `snobox serve`, asked by the real skopeo.

use serde_json::Value;

use crate::support::{Sandbox, Serving, demo, tool};

/// Name, digest and tag or digest form of some images of the lock: the payload, the additional one, one with several architectures, one plain.
pub(crate) fn some_images() -> Vec<(String, String)> {
    let lock = demo().lock();
    let images = lock["images"].as_array().unwrap();
    let pair = |image: &Value| {
        let text = |key: &str| image[key].as_str().unwrap().to_owned();
        (text("reference"), text("digest"))
    };
    let find = |what: &dyn Fn(&Value) -> bool| pair(images.iter().find(|i| what(i)).unwrap());
    vec![
        find(&|i| i["role"] == "release"),
        find(&|i| i["role"] == "additional"),
        find(&|i| i.get("platformDigest").is_some()),
        find(&|i| i["role"] == "component" && i.get("platformDigest").is_none()),
    ]
}

/// Asks a registry for images as a node would, by tag and by digest; every answer must hash to the digest of the lock.
pub(crate) fn skopeo_is_answered(serving: &Serving) {
    let (Some(skopeo), Some(sha256sum)) = (tool("skopeo"), tool("sha256sum")) else {
        return;
    };
    let folder = tempfile::TempDir::new().unwrap();
    for (reference, digest) in some_images() {
        let name = reference.split('@').next().unwrap().to_owned();
        let slash = name.rfind('/').unwrap();
        let name = match name[slash..].find(':') {
            Some(colon) => name[..slash + colon].to_owned(),
            None => name,
        };
        for asked in [reference.clone(), format!("{name}@{digest}")] {
            let source = format!("docker://{}/{asked}", serving.address);
            let raw = skopeo.run(&["inspect", "--raw", "--tls-verify=false", &source]);
            let file = folder.path().join("manifest");
            std::fs::write(&file, raw).unwrap();
            let sum = sha256sum.text(&[&file]);
            assert_eq!(format!("sha256:{}", &sum[..64]), digest, "{source}");
            let target = format!("dir:{}", folder.path().join("image").display());
            // skopeo checks the digest of every blob that it copies.
            let copy = ["--override-arch=amd64", "--insecure-policy", "copy", "-q"];
            skopeo.run(&[&copy[..], &["--src-tls-verify=false", &source, &target]].concat());
        }
    }
}

#[test]
fn skopeo_gets_every_image_by_tag_and_by_digest() {
    let sandbox = Sandbox::new();
    let serving = Serving::start(&sandbox, &demo().path("store"));
    skopeo_is_answered(&serving);
}

#[test]
fn skopeo_reads_the_store_as_a_layout() {
    let Some(skopeo) = tool("skopeo") else { return };
    let folder = tempfile::TempDir::new().unwrap();
    let lock = demo().lock();
    let images = lock["images"].as_array().unwrap();
    // Entries of Docker's media types have no names for skopeo: containers/image, `oci/layout/oci_transport.go`.
    let is_oci = |image: &&Value| image["mediaType"].as_str().unwrap().contains("vnd.oci");
    let named: Vec<_> = images.iter().filter(is_oci).collect();
    assert!(!named.is_empty());
    for image in named {
        let reference = image["reference"].as_str().unwrap();
        let source = format!("oci:{}:{reference}", demo().path("store").display());
        let target = format!("dir:{}", folder.path().join("image").display());
        let copy = ["--override-arch=amd64", "--insecure-policy", "copy", "-q"];
        skopeo.run(&[&copy[..], &[&source, &target]].concat());
    }
}

#[test]
fn serving_ends_well_on_a_signal() {
    for signal in ["INT", "TERM"] {
        let sandbox = Sandbox::new();
        let running = Serving::start(&sandbox, &demo().path("store")).running();
        running.signal(signal);
        sandbox.end(running).ok();
    }
}

#[test]
fn a_folder_that_is_no_store_is_not_served() {
    let sandbox = Sandbox::new();
    sandbox
        .run(&["serve", "--store", "."])
        .fails(31)
        .says("oci-layout");
    let store = demo().path("store");
    let serving = Serving::start(&sandbox, &store);
    let taken = serving.address.to_string();
    let args = [
        "serve",
        "--store",
        store.to_str().unwrap(),
        "--listen",
        &taken,
    ];
    sandbox.run(&args).fails(31).says(&taken);
}
