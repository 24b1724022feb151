//! The bootstrap-in-place Ignition config, specification 3.2.0: 112 files and 11 units for a plain install config.
//!
//! Paths, modes, unit names and enabled flags are those that a real installer of 4.20 writes; the texts in `files/` are
//! this project's own and only keep what other programs depend on: which image is asked for by whom, what is started
//! when, and how `coreos-installer` is called.

use super::install_config::{InstallConfig, Mirrors};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// A file of the config.
pub(super) struct File {
    pub(super) path: String,
    /// Permission bits.
    pub(super) mode: u32,
    pub(super) content: Vec<u8>,
}

impl File {
    pub(super) fn new(path: impl Into<String>, mode: u32, content: impl Into<Vec<u8>>) -> Self {
        Self {
            path: path.into(),
            mode,
            content: content.into(),
        }
    }

    fn to_json(&self) -> Value {
        let source = json!({ "source": data_url(&self.content) });
        let user = json!({ "name": "root" });
        // The message of the day is the only file that is added to, not replaced.
        if self.path == MOTD {
            return json!({ "overwrite": false, "path": self.path, "user": user, "append": [source], "mode": self.mode });
        }
        json!({ "overwrite": true, "path": self.path, "user": user, "contents": source, "mode": self.mode })
    }
}

const MOTD: &str = "/etc/motd";
const SECRET: u32 = 0o600;
const PUBLIC: u32 = 0o644;
const PROGRAM: u32 = 0o555;

/// `content` as a base64 data URL.
pub(super) fn data_url(content: &[u8]) -> String {
    format!(
        "data:text/plain;charset=utf-8;base64,{}",
        STANDARD.encode(content)
    )
}

macro_rules! text {
    ($name:literal) => {
        include_str!(concat!("files/", $name))
    };
}

/// Scripts of `/usr/local/bin`.
const SCRIPTS: [(&str, &str); 18] = [
    ("approve-csr.sh", text!("approve-csr.sh")),
    ("bootkube.sh", text!("bootkube.sh")),
    (
        "bootstrap-cluster-gather.sh",
        text!("bootstrap-cluster-gather.sh"),
    ),
    ("bootstrap-in-place.sh", text!("bootstrap-in-place.sh")),
    (
        "bootstrap-service-record.sh",
        text!("bootstrap-service-record.sh"),
    ),
    (
        "bootstrap-verify-api-server-urls.sh",
        text!("bootstrap-verify-api-server-urls.sh"),
    ),
    ("crio-configure.sh", text!("crio-configure.sh")),
    ("install-to-disk.sh", text!("install-to-disk.sh")),
    ("installer-gather.sh", text!("installer-gather.sh")),
    (
        "installer-masters-gather.sh",
        text!("installer-masters-gather.sh"),
    ),
    ("kubelet-pause-image.sh", text!("kubelet-pause-image.sh")),
    ("kubelet.sh", text!("kubelet.sh")),
    ("node-image-overlay.sh", text!("node-image-overlay.sh")),
    ("node-image-pull.sh", text!("node-image-pull.sh")),
    (
        "release-image-download.sh",
        text!("release-image-download.sh"),
    ),
    ("release-image.sh", text!("release-image.sh")),
    ("report-progress.sh", text!("report-progress.sh")),
    ("wait-for-ha-api.sh", text!("wait-for-ha-api.sh")),
];

/// Units that are plain files: the generator that starts them runs before Ignition's presets matter.
const NODE_IMAGE_UNITS: [(&str, &str); 4] = [
    (
        "node-image-finish.service",
        text!("node-image-finish.service"),
    ),
    (
        "node-image-overlay.service",
        text!("node-image-overlay.service"),
    ),
    (
        "node-image-overlay.target",
        text!("node-image-overlay.target"),
    ),
    ("node-image-pull.service", text!("node-image-pull.service")),
];

/// What holds in place of a machine config while there is none.
const ENCAPSULATED: &str = r#"{"metadata":{"name":"bootstrap-fips"},"spec":{"config":{"ignition":{"version":"3.1.0"}},"kernelArguments":[],"fips":false}}"#;

/// The files that depend on the install config and the release alone.
pub(super) fn system_files(config: &InstallConfig, release_image: &str) -> Vec<File> {
    let mut files = vec![
        File::new(
            "/etc/containers/registries.conf",
            PUBLIC,
            registries_conf(config),
        ),
        File::new(
            "/etc/ignition-machine-config-encapsulated.json",
            SECRET,
            ENCAPSULATED,
        ),
        File::new(MOTD, PUBLIC, text!("motd")),
        File::new(
            "/etc/pki/ca-trust/source/anchors/ca.crt",
            SECRET,
            config.trust_bundle.clone().unwrap_or_default(),
        ),
        File::new("/etc/profile.d/proxy.sh", SECRET, ""),
        File::new(
            "/etc/systemd/system-generators/node-image-overlay-generator",
            PROGRAM,
            text!("node-image-overlay-generator"),
        ),
        File::new(
            "/etc/systemd/system.conf.d/10-default-env.conf",
            SECRET,
            "[Manager]\n",
        ),
        File::new(
            "/root/.docker/config.json",
            SECRET,
            config.pull_secret.clone(),
        ),
        File::new(
            "/opt/openshift/original_cvo_overrides.patch",
            PUBLIC,
            r#"{"spec":{"overrides":null}}"#,
        ),
        File::new(
            "/opt/openshift/bootstrap-in-place/master-update.fcc",
            SECRET,
            text!("master-update.fcc"),
        ),
        File::new(
            "/opt/openshift/bootstrap-in-place/bootstrap-in-place-post-reboot.sh",
            SECRET,
            text!("bootstrap-in-place-post-reboot.sh"),
        ),
    ];
    for (name, text) in NODE_IMAGE_UNITS {
        files.push(File::new(
            format!("/etc/systemd/system/{name}"),
            SECRET,
            text,
        ));
    }
    for (name, template) in SCRIPTS {
        let text = template
            .replace("@RELEASE_IMAGE@", release_image)
            .replace("@INSTALLATION_DISK@", &config.installation_disk)
            .replace("@API@", &config.api_host())
            .replace("@API_INT@", &config.api_internal_host());
        files.push(File::new(format!("/usr/local/bin/{name}"), PROGRAM, text));
    }
    files
}

/// One `[[registry]]` for each source; a mirror is only asked by digest.
fn registries_conf(config: &InstallConfig) -> String {
    let entry = |Mirrors { source, mirrors }: &Mirrors| {
        let mut text = format!(
            "[[registry]]\nlocation = \"{source}\"\ninsecure = false\nmirror-by-digest-only = true\n\n"
        );
        for mirror in mirrors {
            text.push_str(&format!(
                "[[registry.mirror]]\nlocation = \"{mirror}\"\ninsecure = false\n\n"
            ));
        }
        text
    };
    config
        .digest_mirrors
        .iter()
        .chain(&config.content_sources)
        .map(entry)
        .collect()
}

/// The units as `systemd.units` has them: contents, drop-ins and `enabled` only where they are given.
fn units() -> Value {
    let enabled =
        |name: &str, text: &str| json!({ "contents": text, "enabled": true, "name": name });
    let plain = |name: &str, text: &str| json!({ "contents": text, "name": name });
    let drop_in = |name: &str, file: &str, text: &str| json!({ "dropins": [{ "contents": text, "name": file }], "name": name });
    json!([
        enabled("approve-csr.service", text!("approve-csr.service")),
        plain("bootkube.service", text!("bootkube.service")),
        plain("crio-configure.service", text!("crio-configure.service")),
        enabled("kubelet.service", text!("kubelet.service")),
        enabled("progress.service", text!("progress.service")),
        plain("release-image.service", text!("release-image.service")),
        drop_in("systemd-journal-gatewayd.service", "certs.conf", GATEWAY_CERTIFICATES),
        drop_in("zincati.service", "okd-machine-os-disabled.conf", NEVER),
        enabled("chown-gatewayd-key.service", text!("chown-gatewayd-key.service")),
        { "enabled": true, "name": "systemd-journal-gatewayd.socket" },
        enabled("install-to-disk.service", text!("install-to-disk.service")),
    ])
}

const GATEWAY_CERTIFICATES: &str = "\
[Service]
ExecStart=
ExecStart=/usr/lib/systemd/systemd-journal-gatewayd --key=/opt/openshift/tls/journal-gatewayd.key \
--cert=/opt/openshift/tls/journal-gatewayd.crt --trust=/opt/openshift/tls/root-ca.crt
";
/// Zincati would update the live system under bootstrap's feet.
const NEVER: &str = "[Unit]\nConditionPathExists=/enoent\n";

/// The whole config: user `core` with `ssh_keys`, `files` in their order, and the units.
pub(super) fn ignition(ssh_keys: &[String], files: &[File]) -> Value {
    json!({
        "ignition": { "version": "3.2.0" },
        "passwd": { "users": [{ "name": "core", "sshAuthorizedKeys": ssh_keys }] },
        "storage": { "files": files.iter().map(File::to_json).collect::<Vec<_>>() },
        "systemd": { "units": units() },
    })
}
