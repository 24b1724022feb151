//! skopeo and podman pull by digest and by tag.

use std::fs;

use super::agent::{Agent, sha256};
use super::oracle::{command, find, ok};
use super::shared_layout::LAYOUT;

#[test]
fn skopeo_gets_the_release_by_digest_and_by_tag() {
    let Some(skopeo) = find("skopeo") else { return };
    let agent = Agent::practice();
    let folder = tempfile::tempdir().unwrap();
    let practice = &LAYOUT.practice;
    for (reference, target) in [
        (&practice.release, "tag"),
        (&practice.release_by_digest, "digest"),
    ] {
        let source = format!("docker://{}", agent.name(reference));
        let copy = [
            "copy",
            "--quiet",
            "--insecure-policy",
            "--preserve-digests",
            "--src-tls-verify=false",
        ];
        ok(command(&skopeo, folder.path())
            .args(copy)
            .args([&source, &format!("dir:{target}")]));
        let manifest = folder.path().join(target).join("manifest.json");
        assert_eq!(sha256(&manifest), practice.release_digest);
    }
}

#[test]
fn podman_gets_the_release_by_digest_and_by_tag() {
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = find("podman") else {
        return;
    };
    let podman = || {
        let inside = |name: &str| folder.path().join(name).into_os_string();
        let mut podman = command(&program, folder.path());
        podman.args(["--storage-driver", "vfs"]);
        podman.arg("--root").arg(inside("root"));
        podman.arg("--runroot").arg(inside("run"));
        podman.arg("--tmpdir").arg(inside("state"));
        podman.env("TMPDIR", folder.path());
        podman
    };
    let agent = Agent::practice();
    let practice = &LAYOUT.practice;
    for reference in [&practice.release_by_digest, &practice.release] {
        let name = agent.name(reference);
        ok(podman().args(["pull", "--quiet", "--tls-verify=false", &name]));
        let digest = ok(podman().args(["image", "inspect", "--format", "{{.Digest}}", &name]));
        assert_eq!(digest.trim(), practice.release_digest);
        ok(podman().args(["rmi", "--force", &name]));
    }
}

#[test]
fn it_says_how_many_images_it_serves() {
    let agent = Agent::practice();
    let report = agent.report();
    let images = LAYOUT.practice.images;
    let expected = format!("serving {images} images on {}", agent.address);
    assert_eq!(report["message"], expected.as_str());
    assert_eq!(report["state"], "done");
    assert!(fs::metadata(agent.folder.path().join("status/registry.json")).is_ok());
}
