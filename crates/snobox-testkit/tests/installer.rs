//! What the installer stand-in reads, writes, consumes and refuses.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test code; a skip must be seen"
)]

mod bootstrap;
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod oracle;

use bootstrap::{RELEASE, config, files, install_config, installer, shape};
use serde_json::Value;
use snobox_testkit::installer::{Environment, InstallerError, run};
use snobox_testkit::live_iso::live_iso;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::LazyLock;
use std::time::SystemTime;
use tempfile::TempDir;

const IGNITION: [&str; 2] = ["create", "single-node-ignition-config"];
const MANIFESTS: [&str; 2] = ["create", "manifests"];

fn prepared(extra: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join("install-config.yaml"),
        install_config(extra),
    )
    .unwrap();
    dir
}

use oracle::Kept;

static PLAIN: LazyLock<Kept> = LazyLock::new(|| {
    let dir = Kept::empty("installer-plain");
    fs::write(dir.path().join("install-config.yaml"), install_config("")).unwrap();
    installer(dir.path(), &IGNITION).unwrap();
    dir
});

fn text(path: &str) -> String {
    String::from_utf8(files(&config(PLAIN.path()))[path].clone()).unwrap()
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A sample that a real installer wrote, from the folder that `SNOBOX_SAMPLES` names.
fn sample(name: &str) -> Option<Value> {
    let folder = std::env::var_os("SNOBOX_SAMPLES");
    if folder.is_none() {
        println!("SKIPPED: SNOBOX_SAMPLES does not name a folder of samples");
        assert!(
            std::env::var_os("CI").is_none(),
            "the samples must be there in CI"
        );
    }
    let path = Path::new(&folder?).join("installer-ignition").join(name);
    Some(serde_json::from_slice(&fs::read(path).unwrap()).unwrap())
}

#[test]
fn the_install_config_is_consumed_and_the_outputs_are_those_of_the_real_installer() {
    let dir = PLAIN.path();
    assert_eq!(
        names(dir),
        [
            ".openshift_install_state.json",
            "auth",
            "bootstrap-in-place-for-live-iso.ign",
            "metadata.json",
            "worker.ign"
        ]
    );
    assert_eq!(
        names(&dir.join("auth")),
        ["kubeadmin-password", "kubeconfig"]
    );
    for secret in [
        ".openshift_install_state.json",
        "auth/kubeconfig",
        "auth/kubeadmin-password",
        "bootstrap-in-place-for-live-iso.ign",
        "worker.ign",
    ] {
        let mode = fs::metadata(dir.join(secret)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{secret}");
    }
    let metadata: Value =
        serde_json::from_slice(&fs::read(dir.join("metadata.json")).unwrap()).unwrap();
    assert_eq!(metadata["clusterName"], "bip");
    assert!(metadata["infraID"].as_str().unwrap().starts_with("bip-"));
    assert_eq!(metadata["clusterID"].as_str().unwrap().len(), 36);
}

#[test]
fn a_plain_config_has_112_files_and_11_units() {
    let config = config(PLAIN.path());
    assert_eq!(config["ignition"]["version"], "3.2.0");
    assert_eq!(config["storage"]["files"].as_array().unwrap().len(), 112);
    assert_eq!(config["systemd"]["units"].as_array().unwrap().len(), 11);
    let keys = config["passwd"]["users"][0]["sshAuthorizedKeys"]
        .as_array()
        .unwrap();
    assert_eq!(config["passwd"]["users"][0]["name"], "core");
    assert!(keys[0].as_str().unwrap().starts_with("ssh-ed25519 "));
    assert!(
        keys[1]
            .as_str()
            .unwrap()
            .starts_with("ssh-rsa AAAAB3NzaC1yc2E")
    );
}

#[test]
fn the_shape_is_that_of_a_real_plain_config() {
    let Some(real) = sample("4.20-dev-plain.ign") else {
        return;
    };
    assert_eq!(shape(&config(PLAIN.path())), shape(&real));
}

#[test]
fn the_shape_with_mirrors_and_trust_bundle_is_that_of_a_real_one() {
    let dir = prepared(
        "\
imageDigestSources:
- source: quay.io/openshift-release-dev/ocp-release
  mirrors: [127.0.0.1:5000/openshift-release-dev/ocp-release]
additionalTrustBundle: |
  -----BEGIN CERTIFICATE-----
  bm90IHJlYWxseQ==
  -----END CERTIFICATE-----
",
    );
    installer(dir.path(), &IGNITION).unwrap();
    let made = config(dir.path());
    let contents = files(&made);
    let registries = String::from_utf8_lossy(&contents["/etc/containers/registries.conf"]);
    assert_eq!(
        registries.trim_end(),
        "[[registry]]\nlocation = \"quay.io/openshift-release-dev/ocp-release\"\ninsecure = false\n\
         mirror-by-digest-only = true\n\n[[registry.mirror]]\n\
         location = \"127.0.0.1:5000/openshift-release-dev/ocp-release\"\ninsecure = false"
    );
    let set =
        String::from_utf8_lossy(&contents["/opt/openshift/manifests/image-digest-mirror-set.yaml"]);
    let set: Value = serde_saphyr::from_str(&set).unwrap();
    assert_eq!(
        set["spec"]["imageDigestMirrors"][0]["mirrors"][0],
        "127.0.0.1:5000/openshift-release-dev/ocp-release"
    );
    let bundle = String::from_utf8_lossy(&contents["/etc/pki/ca-trust/source/anchors/ca.crt"]);
    assert!(bundle.contains("bm90IHJlYWxseQ=="));
    if let Some(real) = sample("4.20-dev-digest-mirrors-and-trust-bundle.ign") {
        assert_eq!(shape(&made), shape(&real));
    }
}

#[test]
fn every_image_access_of_bootstrap_is_in_its_script() {
    assert_eq!(
        text("/usr/local/bin/release-image.sh")
            .matches(RELEASE)
            .count(),
        2
    );
    assert_eq!(
        text("/usr/local/bin/release-image-download.sh")
            .matches(RELEASE)
            .count(),
        1
    );
    let bootkube = text("/usr/local/bin/bootkube.sh");
    assert_eq!(bootkube.matches("$(image_for ").count(), 16);
    assert!(bootkube.contains("--idms-file=") && bootkube.contains("oc adm release info"));
    assert!(
        text("/usr/local/bin/install-to-disk.sh")
            .contains("\n    coreos-installer install -n -i /opt/openshift/master.ign --save-partlabel 'data*' /dev/sda\n")
    );
    assert!(text("/usr/local/bin/node-image-pull.sh").contains("image_for rhel-coreos"));
    assert!(
        text("/opt/openshift/bootstrap-in-place/master-update.fcc")
            .starts_with("variant: fcos\nversion: 1.1.0\n")
    );
    assert_eq!(
        text("/root/.docker/config.json"),
        snobox_testkit::practice::pull_secret()
    );
    for (path, content) in files(&config(PLAIN.path())) {
        assert!(
            !String::from_utf8_lossy(&content).contains("@API"),
            "{path}"
        );
    }
}

#[test]
fn the_scripts_are_shell() {
    let Some(shell) = oracle::find("bash", "SNOBOX_BASH") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    for (path, content) in files(&config(PLAIN.path())) {
        if path.starts_with("/usr/local/bin/") {
            fs::write(dir.path().join("script"), content).unwrap();
            shell.ok(dir.path(), &["-n", "script"]);
        }
    }
}

#[test]
fn every_manifest_is_yaml_and_the_version_operator_leaves_them_alone() {
    let mut overrides = String::new();
    for (path, content) in files(&config(PLAIN.path())) {
        if path.starts_with("/opt/openshift/manifests/")
            || path.starts_with("/opt/openshift/openshift/")
        {
            let object: Value = serde_saphyr::from_slice(&content).unwrap();
            assert!(object["kind"].is_string(), "{path}");
            if path.ends_with("cvo-overrides.yaml") {
                overrides = object["spec"]["overrides"].to_string();
            }
        }
    }
    for name in [
        "cluster-config-v1",
        "machine-config-server-tls",
        "openshift-install-manifests",
        "kubeadmin",
    ] {
        assert!(overrides.contains(name), "{name}");
    }
}

#[test]
fn the_cluster_keeps_the_install_config_without_the_pull_secret() {
    let object: Value =
        serde_saphyr::from_str(&text("/opt/openshift/manifests/cluster-config.yaml")).unwrap();
    let kept: Value =
        serde_saphyr::from_str(object["data"]["install-config"].as_str().unwrap()).unwrap();
    assert_eq!(kept["pullSecret"], "");
    assert_eq!(
        kept["bootstrapInPlace"]["installationDisk"],
        "--save-partlabel 'data*' /dev/sda"
    );
    assert_eq!(kept["networking"]["networkType"], "OVNKubernetes");
    assert_eq!(
        kept["networking"]["machineNetwork"][0]["cidr"],
        "192.168.86.0/24"
    );
}

#[test]
fn files_added_to_the_folders_arrive_byte_for_byte() {
    let dir = prepared("");
    installer(dir.path(), &MANIFESTS).unwrap();
    assert!(!dir.path().join("install-config.yaml").exists());
    let extra = b"# no newline at the end, and \xff is not UTF-8\r\nkind: MachineConfig".to_vec();
    fs::write(dir.path().join("openshift/99-master-extra.yaml"), &extra).unwrap();
    fs::write(dir.path().join("manifests/extra.yaml"), &extra).unwrap();
    let changed = b"apiVersion: v1\nkind: Changed\n".to_vec();
    fs::write(
        dir.path().join("manifests/cluster-ingress-02-config.yml"),
        &changed,
    )
    .unwrap();
    installer(dir.path(), &IGNITION).unwrap();
    let files = files(&config(dir.path()));
    assert_eq!(
        files["/opt/openshift/openshift/99-master-extra.yaml"],
        extra
    );
    assert_eq!(files["/opt/openshift/manifests/extra.yaml"], extra);
    assert_eq!(
        files["/opt/openshift/manifests/cluster-ingress-02-config.yml"],
        changed
    );
    assert_eq!(files.len(), 114);
    assert!(!dir.path().join("manifests").exists() && !dir.path().join("openshift").exists());
    assert_eq!(bootstrap::certificates(&config(dir.path())).len(), 62);
}

#[test]
fn folders_beside_an_install_config_are_discarded_with_a_warning() {
    let dir = prepared("");
    installer(dir.path(), &MANIFESTS).unwrap();
    fs::write(dir.path().join("openshift/99-lost.yaml"), "kind: Lost\n").unwrap();
    fs::write(dir.path().join("install-config.yaml"), install_config("")).unwrap();
    let log = installer(dir.path(), &IGNITION).unwrap();
    assert!(log.contains("level=warning msg=\"Discarding"), "{log}");
    assert!(!files(&config(dir.path())).contains_key("/opt/openshift/openshift/99-lost.yaml"));
}

#[test]
fn a_refused_install_config_stays_where_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let bad = install_config("").replace("installationDisk: ", "disk: ");
    fs::write(dir.path().join("install-config.yaml"), &bad).unwrap();
    for command in [IGNITION, MANIFESTS] {
        let error = installer(dir.path(), &command).unwrap_err();
        assert_eq!(
            error.to_string(),
            "invalid \"install-config.yaml\" file: [bootstrapInPlace.installationDisk: required for bootstrap in place, \
             found nothing]"
        );
    }
    assert_eq!(names(dir.path()), ["install-config.yaml"]);
    assert_eq!(
        fs::read_to_string(dir.path().join("install-config.yaml")).unwrap(),
        bad
    );
}

#[test]
fn without_input_there_is_nothing_to_do() {
    let dir = tempfile::tempdir().unwrap();
    for command in [IGNITION, MANIFESTS] {
        assert!(matches!(
            installer(dir.path(), &command),
            Err(InstallerError::NoInput { .. })
        ));
    }
    // The state of another program is refused, not guessed at.
    fs::create_dir(dir.path().join("manifests")).unwrap();
    fs::write(
        dir.path().join(".openshift_install_state.json"),
        r#"{"*installconfig.ClusterID":{}}"#,
    )
    .unwrap();
    assert!(matches!(
        installer(dir.path(), &IGNITION),
        Err(InstallerError::State { .. })
    ));
}

#[test]
fn the_version_names_the_release_image() {
    let mut out = Vec::new();
    let environment = Environment {
        now: SystemTime::UNIX_EPOCH,
        release_image: None,
    };
    run(&["version".to_owned()], &environment, &mut out).unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "openshift-install 4.99.0-practice\n\
         release image quay.io/openshift-release-dev/ocp-release:4.99.0-practice-x86_64\n"
    );
}

#[test]
fn ignition_validate_accepts_both_configs() {
    let Some(tool) = oracle::find("ignition-validate", "SNOBOX_IGNITION_VALIDATE") else {
        return;
    };
    tool.ok(PLAIN.path(), &["bootstrap-in-place-for-live-iso.ign"]);
    tool.ok(PLAIN.path(), &["worker.ign"]);
}

#[test]
fn the_config_fits_the_area_of_the_live_iso() {
    let Some(tool) = oracle::find("coreos-installer", "SNOBOX_COREOS_INSTALLER") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("live.iso"), live_iso()).unwrap();
    let source = PLAIN.path().join("bootstrap-in-place-for-live-iso.ign");
    tool.ok(
        dir.path(),
        &[
            "iso",
            "ignition",
            "embed",
            "-i",
            source.to_str().unwrap(),
            "live.iso",
        ],
    );
    let shown = tool.ok(dir.path(), &["iso", "ignition", "show", "live.iso"]);
    assert_eq!(shown, fs::read_to_string(source).unwrap());
}
