//! Where the ignitions come from.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use std::time::SystemTime;

use snobox_formats::ignition::Ignition;
use snobox_testkit::installer::{Environment, run};

pub(crate) const RELEASE: &str = "quay.io/openshift-release-dev/ocp-release@sha256:9c92b5ec203ee7f81626cc4e9f02086484056a76548961e5895916f136302b1f";
pub(crate) const PLAIN_413: &str = "installer-ignition/4.13-plain.ign";
pub(crate) const PLAIN_420: &str = "installer-ignition/4.20-dev-plain.ign";
pub(crate) const MIRRORS_420: &str =
    "installer-ignition/4.20-dev-digest-mirrors-and-trust-bundle.ign";
pub(crate) const BY_HAND: &str = "manual-procedure-4.13.1/bootstrap-in-place.ign";

/// The document of a sample; `None` after saying that there are no samples.
pub(crate) fn document(name: &str) -> Option<serde_json::Value> {
    let Some(folder) = std::env::var_os("SNOBOX_SAMPLES") else {
        assert!(
            std::env::var_os("CI").is_none(),
            "SNOBOX_SAMPLES is needed in CI"
        );
        println!("SKIPPED: SNOBOX_SAMPLES is not set");
        return None;
    };
    let path = Path::new(&folder).join(name);
    let bytes = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    Some(serde_json::from_slice(&bytes).unwrap())
}

pub(crate) fn sample(name: &str) -> Option<Ignition> {
    document(name).map(|document| parse(&document))
}

pub(crate) fn parse(document: &serde_json::Value) -> Ignition {
    Ignition::parse(document.to_string().as_bytes()).unwrap()
}

/// What the practice installer writes for the release by digest, with the label of a partition to keep and a digest mirror.
pub(crate) static PRACTICE: LazyLock<serde_json::Value> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let config = r#"
apiVersion: v1
baseDomain: practice.example
metadata: { name: bip }
controlPlane: { name: master, replicas: 1 }
compute: [{ name: worker, replicas: 0 }]
platform: { none: {} }
bootstrapInPlace: { installationDisk: "--save-partlabel 'snobox*' /dev/sda" }
imageDigestSources:
  - source: quay.io/openshift-release-dev/ocp-release
    mirrors: ["127.0.0.1:22626/quay.io/openshift-release-dev/ocp-release"]
pullSecret: '{"auths":{"quay.io":{"auth":"dXNlcjpwYXNz"}}}'
sshKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDvBvzKnYgIQh9XEk3sN1uLbZaqTtKnmiHn0s6XbrSkS core@practice
"#;
    fs::write(folder.path().join("install-config.yaml"), config).unwrap();
    let dir = folder.path().to_str().unwrap();
    let args = ["create", "single-node-ignition-config", "--dir", dir];
    let environment = Environment {
        now: SystemTime::now(),
        release_image: Some(RELEASE.to_owned()),
    };
    run(&args.map(str::to_owned), &environment, &mut Vec::new()).unwrap();
    let file = folder.path().join("bootstrap-in-place-for-live-iso.ign");
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
});
