//! `snobox serve`, asked by the real skopeo.

use serde_json::Value;

use crate::support::{Sandbox, Serving, demo, skip, tool};

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

/// An address of this machine that is not of loopback, as a colleague's is; `None` after saying so.
fn lan_address() -> Option<std::net::IpAddr> {
    let ip = tool("ip")?;
    let text = ip.text(&["-o", "-4", "addr", "show", "scope", "global"]);
    let found = text
        .split_whitespace()
        .skip_while(|word| *word != "inet")
        .nth(1);
    let address = found.and_then(|word| word.split('/').next()?.parse().ok());
    if address.is_none() {
        skip("this machine has no address besides loopback");
    }
    address
}

#[test]
fn a_store_on_a_lan_is_a_mirror_for_other_sites_over_plain_http_where_they_say_so() {
    let sandbox = Sandbox::with_site();
    let Some(host) = lan_address() else {
        return;
    };
    // A firewall of the machine is none of ours: only this host asks.
    let store = demo().path("store");
    let listen = format!("{host}:0");
    let args = [
        "serve",
        "--store",
        store.to_str().unwrap(),
        "--listen",
        &listen,
    ];
    let mut running = sandbox.start(&args);
    running.until("the address", |r| r.stderr().contains("Ctrl-C stops"));
    let talk = running.stderr();
    let (_, rest) = talk.split_once("http://").unwrap();
    let address = rest.split(',').next().unwrap().to_owned();
    std::fs::remove_dir_all(sandbox.path("store")).unwrap();
    let mirrors = |scheme: &str| {
        let places = ["quay.io", "registry.practice.example"];
        let lines = places.map(|source| {
            format!("  - {{ source: {source}, mirrors: [\"{scheme}{address}/{source}\"] }}\n")
        });
        format!("mirrors:\n{}", lines.concat())
    };
    let site = String::from_utf8(sandbox.read("site.yaml")).unwrap();
    let mirror = |site: String| {
        sandbox.write("site.yaml", site);
        let mut command = sandbox.command(&["mirror"]);
        command.env("NO_PROXY", host.to_string());
        sandbox.end(crate::support::Running::start(command))
    };
    mirror(site.clone() + &mirrors("http://")).ok();
    // Lists of which one platform is there come as they are.
    let whole = crate::support::Tree::of(&demo().path("store"));
    assert!(crate::support::Tree::of(&sandbox.path("store")) == whole);
    std::fs::remove_dir_all(sandbox.path("store")).unwrap();
    // Without the word nobody is asked in clear.
    let said = mirror(site + &mirrors(""));
    assert_ne!(said.code(), 0, "{said}");
}

#[test]
fn what_comes_into_a_store_is_served_at_once_and_what_goes_is_not() {
    let sandbox = Sandbox::new();
    let serving = Serving::start(&sandbox, &demo().path("store"));
    let images = some_images();
    let add = |reference: &str| {
        let reference = format!("{}/{reference}", serving.address);
        sandbox.run(&["store", "add", &reference]).ok();
        reference
    };
    let first = add(&images[0].0);
    let own = Serving::start(&sandbox, &sandbox.path("store"));
    let Some(skopeo) = tool("skopeo") else { return };
    // A port's colon is no part of a repository's name.
    let served = |reference: &str| {
        let name = reference.replacen(':', "_", 1);
        let source = format!("docker://{}/{name}", own.address);
        let args = ["inspect", "--raw", "--tls-verify=false", &source];
        skopeo.try_run(&args).status.success()
    };
    assert!(served(&first));
    let second = add(&images[1].0);
    let wait = |what: &dyn Fn() -> bool| {
        for _ in 0..60 {
            if what() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("nothing happened");
    };
    wait(&|| served(&second));
    sandbox
        .run(&["store", "gc", "--drop", &first, "--yes"])
        .ok();
    wait(&|| !served(&first));
    assert!(served(&second));
}
