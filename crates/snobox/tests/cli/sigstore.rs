//! Sigstore signatures that lie beside images: carried along, served by tag, found there by the real skopeo, which looks for them as CRI-O does, and good by openssl.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use snobox_testkit::fault_registry::{Answer, FaultRegistry};

use crate::practice_registry::{Practice, repository};
use crate::support::{Sandbox, Serving, demo, tool};

const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// The practice registry's site without what has only a tag, and without a lock.
fn fresh(practice: &Practice) -> Sandbox {
    let sandbox = practice.sandbox();
    let lock = demo().lock();
    let payload = lock["release"]["image"].as_str().unwrap();
    let release = format!("release: {{ image: \"{payload}\", signature: ignored }}");
    let site = String::from_utf8(sandbox.read("site.yaml")).unwrap();
    let additional = |line: &&str| {
        !["images:", "additional:", "line-agent"]
            .iter()
            .any(|word| line.contains(word))
    };
    let lines: Vec<&str> = site
        .lines()
        .filter(additional)
        .map(|line| {
            if line.starts_with("release:") {
                &release
            } else {
                line
            }
        })
        .collect();
    sandbox.write("site.yaml", lines.join("\n"));
    fs::remove_file(sandbox.path("site.lock")).unwrap();
    sandbox
}

/// One component that is a plain image: (repository with registry, digest).
fn component() -> (String, String) {
    let lock = demo().lock();
    let images = lock["images"].as_array().unwrap();
    let plain =
        |image: &&Value| image["role"] == "component" && image.get("platformDigest").is_none();
    let image = images.iter().find(plain).unwrap();
    (
        repository(image),
        image["digest"].as_str().unwrap().to_owned(),
    )
}

fn sha256(sandbox: &Sandbox, bytes: &[u8]) -> String {
    let file = sandbox.write("hashed", bytes);
    let text = tool("sha256sum").unwrap().text(&[&file]);
    format!("sha256:{}", &text[..64])
}

/// Puts a signature with openssl's key beside an image, as cosign writes it (its SIGNATURE_SPEC.md); returns its manifest's path and bytes.
fn sign(sandbox: &Sandbox, registry: &FaultRegistry, name: &str, digest: &str) -> (String, String) {
    let openssl = tool("openssl").unwrap();
    let path = |name: &str| sandbox.path(name).display().to_string();
    let (key, public) = (path("cosign.key"), path("cosign.pub"));
    openssl.run(&[
        "ecparam",
        "-name",
        "prime256v1",
        "-genkey",
        "-noout",
        "-out",
        &key,
    ]);
    openssl.run(&["ec", "-in", &key, "-pubout", "-out", &public]);
    let payload = json!({
        "critical": {
            "identity": {"docker-reference": name},
            "image": {"docker-manifest-digest": digest},
            "type": "cosign container image signature",
        },
        "optional": null,
    });
    let payload = payload.to_string();
    sandbox.write("payload", &payload);
    openssl.run(&[
        "dgst",
        "-sha256",
        "-sign",
        &key,
        "-out",
        &path("signed"),
        &path("payload"),
    ]);
    let signature = STANDARD.encode(sandbox.read("signed"));
    let layer = sha256(sandbox, payload.as_bytes());
    let config = json!({
        "architecture": "", "os": "", "config": {}, "created": "0001-01-01T00:00:00Z",
        "rootfs": {"type": "layers", "diff_ids": [layer]},
    });
    let config = config.to_string();
    let config_digest = sha256(sandbox, config.as_bytes());
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "size": config.len(), "digest": config_digest},
        "layers": [{
            "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
            "size": payload.len(),
            "digest": layer,
            "annotations": {"dev.cosignproject.cosign/signature": signature},
        }],
    });
    let manifest = manifest.to_string();
    let tag = format!("{}.sig", digest.replace(':', "-"));
    let below = |rest: &str| format!("/v2/{name}/{rest}");
    let answer = Answer::bytes(manifest.clone()).header("Content-Type", OCI_MANIFEST);
    let path = below(&format!("manifests/{tag}"));
    registry.script(&path, [answer]);
    registry.script(
        &below(&format!("blobs/{config_digest}")),
        [Answer::bytes(config)],
    );
    registry.script(&below(&format!("blobs/{layer}")), [Answer::bytes(payload)]);
    (path, manifest)
}

#[test]
fn a_signature_beside_an_image_goes_along_is_found_by_skopeo_and_holds() {
    let (Some(skopeo), Some(_), Some(_)) = (tool("skopeo"), tool("openssl"), tool("sha256sum"))
    else {
        return;
    };
    let practice = Practice::start(|answer| answer);
    let sandbox = fresh(&practice);
    let (name, digest) = component();
    let (path, manifest) = sign(&sandbox, &practice.registry, &name, &digest);
    sandbox
        .run(&["mirror"])
        .ok()
        .says("signatures of images: 1");
    let lock: Value = serde_json::from_slice(&sandbox.read("site.lock")).unwrap();
    let images = lock["images"].as_array().unwrap();
    let signatures: Vec<&Value> = images.iter().filter(|i| i["role"] == "signature").collect();
    assert_eq!(signatures.len(), 1);
    let tag = format!("{}.sig", digest.replace(':', "-"));
    assert_eq!(signatures[0]["reference"], format!("{name}:{tag}"));
    assert_eq!(
        signatures[0]["digest"],
        sha256(&sandbox, manifest.as_bytes())
    );
    assert_eq!(images.last(), Some(signatures[0]));
    // With a lock nobody is asked again.
    let asked = practice.registry.count(&path);
    sandbox.run(&["mirror"]).ok();
    assert_eq!(practice.registry.count(&path), asked);
    sandbox.run(&["verify", "store"]).ok();

    let serving = Serving::start(&sandbox, &sandbox.path("store"));
    let registry = serving.address.to_string();
    let attachments = format!("docker:\n  {registry}:\n    use-sigstore-attachments: true\n");
    fs::create_dir(sandbox.path("registries.d")).unwrap();
    sandbox.write("registries.d/a.yaml", attachments);
    // Debian's skopeo finds and copies such signatures, and has their verification taken out: openssl does that.
    let copied = |image: &str| {
        let target = tempfile::TempDir::new_in(sandbox.work()).unwrap();
        skopeo.run(&[
            "--registries.d",
            sandbox.path("registries.d").to_str().unwrap(),
            "--insecure-policy",
            "copy",
            "--src-tls-verify=false",
            &format!("docker://{registry}/{image}"),
            &format!("dir:{}", target.path().display()),
        ]);
        let found = fs::read(target.path().join("signature-1"));
        found.ok().map(|bytes| String::from_utf8(bytes).unwrap())
    };
    let found = copied(&format!("{name}@{digest}")).unwrap();
    let found: Value =
        serde_json::from_str(found.strip_prefix("\0sigstore-json\n").unwrap()).unwrap();
    let decoded = |text: &Value| STANDARD.decode(text.as_str().unwrap()).unwrap();
    sandbox.write("carried", decoded(&found["payload"]));
    let signature = &found["annotations"]["dev.cosignproject.cosign/signature"];
    sandbox.write("carried.sig", decoded(signature));
    let path = |name: &str| sandbox.path(name).display().to_string();
    let key = ["dgst", "-sha256", "-verify", &path("cosign.pub")];
    let signature = ["-signature", &path("carried.sig"), &path("carried")];
    let said = tool("openssl")
        .unwrap()
        .text(&[&key[..], &signature].concat());
    assert_eq!(said.trim(), "Verified OK");
    let payload = lock["release"]["image"].as_str().unwrap();
    assert_eq!(copied(payload), None);
}

#[test]
fn a_registry_that_does_not_say_whether_there_is_a_signature_is_a_failure() {
    let practice = Practice::start(|answer| answer);
    let sandbox = fresh(&practice);
    let (name, digest) = component();
    let path = format!("/v2/{name}/manifests/{}.sig", digest.replace(':', "-"));
    practice.registry.script(&path, [Answer::status(403)]);
    let said = sandbox.run(&["mirror"]).fails(21).says("HTTP 403");
    said.says(&format!("{}.sig", digest.replace(':', "-")));
    assert!(!sandbox.path("site.lock").exists());
    practice.registry.script(&path, [Answer::status(404)]);
    sandbox.run(&["mirror"]).ok();
}

#[test]
fn a_signature_costs_the_component_that_it_signs() {
    let (Some(_), Some(_)) = (tool("openssl"), tool("sha256sum")) else {
        return;
    };
    let practice = Practice::start(|answer| answer);
    let sandbox = fresh(&practice);
    let (name, digest) = component();
    let lock = demo().lock();
    let images = lock["images"].as_array().unwrap();
    let signed = images.iter().find(|image| image["digest"] == *digest);
    let called = signed.unwrap()["name"].clone();
    let plan = || {
        let said = sandbox.run(&["--json", "plan", "--relock"]).ok().json();
        let parts = said["parts"].as_array().unwrap().clone();
        assert!(parts.iter().all(|part| part["kind"] != "signature"));
        let part = parts.iter().find(|part| part["name"] == called).unwrap();
        let number = |value: &Value, key: &str| value[key].as_u64().unwrap();
        let of = ["images", "bytes", "savesBytes"].map(|key| number(part, key));
        (number(&said, "images"), of)
    };
    let (all, [one, bytes, saves]) = plan();
    assert_eq!(one, 1);
    let (_, manifest) = sign(&sandbox, &practice.registry, &name, &digest);
    let parsed: Value = serde_json::from_str(&manifest).unwrap();
    let size = |blob: &Value| blob["size"].as_u64().unwrap();
    let more = manifest.len() as u64 + size(&parsed["config"]) + size(&parsed["layers"][0]);
    assert_eq!(plan(), (all + 1, [1, bytes + more, saves + more]));
}
