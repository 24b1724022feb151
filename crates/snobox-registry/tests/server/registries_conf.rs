//! The upstream names, answered by the server: what a node does with snobox's `registries.conf` drop-in.
//!
//! Upstream cannot be reached on purpose: its `location` is a loopback port where nobody listens.

use std::fs;
use std::path::Path;

use super::oracle::{command, find, ok, silent_port};
use super::podman::{digests, podman, usable};
use super::served::{Served, blob, practice};

fn write_conf(folder: &Path, served: &Served) {
    let prefix = "quay.io/openshift-release-dev/ocp-release";
    let text = format!(
        "unqualified-search-registries = []\n\n[[registry]]\nprefix = \"{prefix}\"\nlocation = \"{}/{prefix}\"\n\n\
         [[registry.mirror]]\nlocation = \"{}\"\ninsecure = true\n",
        silent_port(),
        served.name(prefix),
    );
    fs::write(folder.join("registries.conf"), text).unwrap();
}

#[test]
fn skopeo_pulls_the_upstream_name_by_digest_and_by_tag() {
    let Some(skopeo) = find("skopeo") else { return };
    let served = Served::practice();
    let folder = tempfile::tempdir().unwrap();
    write_conf(folder.path(), &served);
    for (reference, target) in [
        (&practice().release_by_digest, "digest"),
        (&practice().release, "tag"),
    ] {
        let mut copy = command(&skopeo, folder.path());
        // skopeo does not know CONTAINERS_REGISTRIES_CONF.
        copy.arg("--registries-conf")
            .arg(folder.path().join("registries.conf"));
        copy.args(["copy", "--quiet", "--insecure-policy", "--preserve-digests"]);
        ok(copy.args([format!("docker://{reference}"), format!("dir:{target}")]));
        let manifest = fs::read(folder.path().join(target).join("manifest.json")).unwrap();
        assert_eq!(manifest, blob(&practice().release_digest));
    }
}

#[test]
fn podman_pulls_the_upstream_name_by_digest_and_by_tag() {
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = usable(folder.path()) else {
        return;
    };
    let served = Served::practice();
    write_conf(folder.path(), &served);
    for reference in [&practice().release_by_digest, &practice().release] {
        let mut pull = podman(&program, folder.path());
        pull.env(
            "CONTAINERS_REGISTRIES_CONF",
            folder.path().join("registries.conf"),
        );
        ok(pull.args(["pull", "--quiet", reference]));
        assert_eq!(
            digests(&program, folder.path(), reference),
            [practice().release_digest.clone()]
        );
        ok(podman(&program, folder.path()).args(["rmi", "--force", reference]));
    }
}
