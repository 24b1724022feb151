//! What an ignition brings, and who put it there: the installer or snobox. And which of it is secret.

use snobox_formats::ignition::{FileView, Ignition, UnitView};

/// Who put something into an ignition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `openshift-install`, or the user's hand.
    Installer,
    /// `snobox build`.
    Snobox,
}

impl Origin {
    /// A word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Installer => "installer",
            Self::Snobox => "snobox",
        }
    }

    /// By the name of a path, a unit or a drop-in: what snobox adds has its name in it, but for these two.
    fn of(name: &str) -> Self {
        if name.contains("snobox") || matches!(name, "/etc/hostname" | "/etc/chrony.conf") {
            Self::Snobox
        } else {
            Self::Installer
        }
    }
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// Its path on the node.
    pub path: String,
    /// Its permission bits.
    pub mode: Option<u64>,
    /// Bytes of its content; `None` when the ignition only says where to fetch it, or has it compressed.
    pub size_bytes: Option<u64>,
    /// Who put it there.
    pub origin: Origin,
    /// Whether its content is secret.
    pub secret: bool,
}

/// A unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitEntry {
    /// Its name.
    pub name: String,
    /// Whether it is enabled or disabled; `None` for neither.
    pub enabled: Option<bool>,
    /// Whether the ignition has the unit itself, and not drop-ins alone.
    pub has_contents: bool,
    /// Names of its drop-ins.
    pub drop_ins: Vec<String>,
    /// Who put it there.
    pub origin: Origin,
}

/// All files and units, in the order of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    /// Specification version.
    pub version: String,
    /// Files.
    pub files: Vec<FileEntry>,
    /// Units.
    pub units: Vec<UnitEntry>,
}

/// Lists what an ignition brings.
pub fn inventory(ignition: &Ignition) -> Inventory {
    Inventory {
        version: ignition.version().to_owned(),
        files: ignition.files().map(file_entry).collect(),
        units: ignition.units().map(unit_entry).collect(),
    }
}

fn file_entry(file: FileView<'_>) -> FileEntry {
    let contents = file.contents().ok();
    FileEntry {
        path: file.path().to_owned(),
        mode: file.mode(),
        size_bytes: contents.as_ref().map(|bytes| bytes.len() as u64),
        origin: Origin::of(file.path()),
        secret: is_secret(file.path(), &contents.unwrap_or_default()),
    }
}

fn unit_entry(unit: UnitView<'_>) -> UnitEntry {
    UnitEntry {
        name: unit.name().to_owned(),
        enabled: unit.enabled(),
        has_contents: unit.contents().is_some(),
        drop_ins: unit.drop_ins().map(|(name, _)| name.to_owned()).collect(),
        origin: Origin::of(unit.name()),
    }
}

/// The text of a unit with its drop-ins, each headed by where systemd would read it, as `systemctl cat` does.
pub fn unit_text(unit: UnitView<'_>) -> String {
    let mut text = format!("# {}\n", unit.name());
    text.push_str(unit.contents().unwrap_or_default());
    for (name, contents) in unit.drop_ins() {
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&format!("\n# {}.d/{name}\n{contents}", unit.name()));
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// Folders of keys and credentials.
const SECRET_FOLDERS: [&str; 2] = ["/opt/openshift/tls/", "/opt/openshift/auth/"];
/// Signs of a secret in a content, whatever the file is called: private keys, Kubernetes Secrets, credentials for registries, kubeconfigs.
const SECRET_SIGNS: [&str; 7] = [
    "PRIVATE KEY-----",
    "kind: Secret",
    "\"kind\": \"Secret\"",
    "\"kind\":\"Secret\"",
    "\"auths\"",
    "client-key-data",
    "passwordHash",
];

/// Whether a file's content must not be shown unasked: by its path or by what stands in it. Rather too often than once too few.
pub fn is_secret(path: &str, contents: &[u8]) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let yaml = [".yaml", ".yml", ".json"]
        .iter()
        .any(|end| name.ends_with(end));
    SECRET_FOLDERS.iter().any(|folder| path.starts_with(folder))
        || path.ends_with("/.docker/config.json")
        || (yaml && name.contains("secret"))
        || [".key", ".pem", ".nmconnection"]
            .iter()
            .any(|end| name.ends_with(end))
        || name.contains("kubeconfig")
        || SECRET_SIGNS
            .iter()
            .any(|sign| contains(contents, sign.as_bytes()))
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_path_and_by_content() {
        for path in [
            "/opt/openshift/tls/root-ca.crt",
            "/opt/openshift/auth/kubeconfig",
            "/root/.docker/config.json",
            "/opt/openshift/openshift/99_kubeadmin-password-secret.yaml",
            "/etc/ssl/web.key",
            "/etc/NetworkManager/system-connections/wifi.nmconnection",
        ] {
            assert!(is_secret(path, b""), "{path}");
        }
        for content in [
            "apiVersion: v1\nkind: Secret\n",
            "-----BEGIN RSA PRIVATE KEY-----\n",
            "{\"auths\":{}}",
        ] {
            assert!(is_secret(
                "/opt/openshift/manifests/import.yaml",
                content.as_bytes()
            ));
        }
        for path in [
            "/usr/local/bin/bootkube.sh",
            "/etc/hostname",
            "/etc/snobox/image.json",
        ] {
            assert!(!is_secret(path, b"#!/bin/sh\n"), "{path}");
        }
    }

    #[test]
    fn a_unit_is_shown_with_its_drop_ins() {
        let config = Ignition::parse(
            br#"{"ignition":{"version":"3.2.0"},"systemd":{"units":[{"name":"a.service","contents":"[Unit]","dropins":[{"name":"x.conf","contents":"[Service]"}]}]}}"#,
        )
        .unwrap();
        let unit = config.units().next().unwrap();
        assert_eq!(
            unit_text(unit),
            "# a.service\n[Unit]\n\n# a.service.d/x.conf\n[Service]\n"
        );
    }
}
