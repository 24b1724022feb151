//! podman pulls from the server into a storage of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::oracle::{command, find, ok};
use super::served::{Served, component, practice};

/// podman with a storage in `folder`.
pub(crate) fn podman(program: &Path, folder: &Path) -> Command {
    let mut podman = command(program, folder);
    let inside = |name: &str| folder.join(name).into_os_string();
    podman.args(["--storage-driver", "vfs"]);
    podman.arg("--root").arg(inside("root"));
    podman.arg("--runroot").arg(inside("run"));
    podman.arg("--tmpdir").arg(inside("state"));
    podman.env("TMPDIR", folder);
    podman
}

/// podman, if it is there and may use a storage here.
pub(crate) fn usable(folder: &Path) -> Option<PathBuf> {
    let program = find("podman")?;
    let output = podman(&program, folder).arg("info").output().unwrap();
    if output.status.success() {
        return Some(program);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    println!("SKIPPED: podman cannot work here: {said}");
    assert!(
        std::env::var_os("CI").is_none(),
        "podman must work in CI: {said}"
    );
    None
}

/// The digests by which podman knows an image.
pub(crate) fn digests(program: &Path, folder: &Path, image: &str) -> Vec<String> {
    let shown = ok(podman(program, folder).args(["image", "inspect", image]));
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let names = shown[0]["RepoDigests"].as_array().unwrap();
    let digests = names
        .iter()
        .filter_map(|name| name.as_str()?.split_once('@'));
    digests.map(|(_, digest)| digest.to_owned()).collect()
}

#[test]
fn an_image_by_digest_and_by_tag_keeps_its_digest() {
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = usable(folder.path()) else {
        return;
    };
    let served = Served::practice();
    for reference in [&practice().release_by_digest, &practice().release] {
        let name = served.name(reference);
        ok(podman(&program, folder.path()).args(["pull", "--quiet", "--tls-verify=false", &name]));
        assert_eq!(
            digests(&program, folder.path(), &name),
            [practice().release_digest.clone()]
        );
        ok(podman(&program, folder.path()).args(["rmi", "--force", &name]));
    }
}

#[test]
fn a_docker_list_by_digest_becomes_the_image_of_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = usable(folder.path()) else {
        return;
    };
    let served = Served::practice();
    let list = component("cli");
    let name = served.name(&format!(
        "quay.io/openshift-release-dev/ocp-v4.0-art-dev@{list}"
    ));
    let pull = [
        "pull",
        "--quiet",
        "--arch",
        "amd64",
        "--tls-verify=false",
        &name,
    ];
    ok(podman(&program, folder.path()).args(pull));
    assert!(digests(&program, folder.path(), &name).contains(&list));
}
