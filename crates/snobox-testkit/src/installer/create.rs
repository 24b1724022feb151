//! The two `create` commands: what they read, write and consume.
//!
//! Everything is made in memory first; files are then written one by one (each whole or not at all), and the inputs go
//! last, so that a failure leaves a folder that can be tried again.

use super::folder::{
    FOLDERS, INSTALL_CONFIG, read_folders, remove_folders, remove_install_config, write,
};
use super::identity::{letters, password, uuid};
use super::ignition::{File, ignition, system_files};
use super::install_config::InstallConfig;
use super::keys::Key;
use super::kubeconfig::kubeconfig;
use super::manifests::{Manifest, manifests, pointer_ignition};
use super::state::{self, SavedCertificate, State};
use super::tls::Certificates;
use super::tls_files::SERVER_AUTHORITIES;
use super::{DEFAULT_RELEASE_IMAGE, Environment, InstallerError, RELEASE_IMAGE_VARIABLE, log};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use time::OffsetDateTime;

const SECRET: u32 = 0o600;
const PUBLIC: u32 = 0o640;

/// `create manifests`
///
/// # Errors
/// See [`InstallerError`].
pub(super) fn create_manifests(
    dir: &Path,
    environment: &Environment,
    out: &mut dyn Write,
) -> Result<(), InstallerError> {
    let now = seconds(environment);
    let Some(config) = read_install_config(dir, out)? else {
        return Err(InstallerError::NoInput {
            dir: dir.to_owned(),
        });
    };
    let fresh = Fresh::make(&config, now)?;
    remove_folders(dir)?;
    write(
        &dir.join(state::FILE),
        SECRET,
        fresh.state.to_json().as_bytes(),
    )?;
    for folder in FOLDERS {
        let path = dir.join(folder);
        fs::create_dir_all(&path).map_err(|source| InstallerError::io("make", &path, source))?;
    }
    for (path, text) in &fresh.manifests {
        write(&dir.join(path), PUBLIC, text.as_bytes())?;
    }
    remove_install_config(dir)?;
    say(
        out,
        "info",
        &format!(
            "Manifests created in: {0}/manifests and {0}/openshift",
            dir.display()
        ),
    )
}

/// `create single-node-ignition-config`
///
/// # Errors
/// See [`InstallerError`].
pub(super) fn create_ignition(
    dir: &Path,
    environment: &Environment,
    out: &mut dyn Write,
) -> Result<(), InstallerError> {
    let now = seconds(environment);
    let (config, state, mut certificates, manifests) = inputs(dir, now, out)?;
    if environment.release_image.is_some() {
        say(
            out,
            "warning",
            &format!("Found {RELEASE_IMAGE_VARIABLE}: the release image is not the built-in one"),
        )?;
    }
    let release_image = environment
        .release_image
        .as_deref()
        .unwrap_or(DEFAULT_RELEASE_IMAGE);

    let mut keys = Key::generate(Certificates::LATE_KEYS + 2)?;
    let [service_account, bootstrap_ssh] = [keys.remove(0), keys.remove(0)];
    certificates.complete(keys, &config, now)?;

    let mut files = system_files(&config, release_image);
    let overrides = overrides(&manifests);
    for (path, mut content) in manifests {
        if path == "manifests/cvo-overrides.yaml"
            && !content.windows(10).any(|window| window == b"overrides:")
        {
            content.extend_from_slice(overrides.as_bytes());
        }
        files.push(File::new(format!("/opt/openshift/{path}"), 0o644, content));
    }
    let admin = admin_kubeconfigs(&config, &certificates)?;
    for (name, text) in &admin {
        files.push(File::new(
            format!("/opt/openshift/auth/{name}"),
            0o600,
            text.as_bytes(),
        ));
    }
    for (name, text) in certificates.files(&service_account)? {
        let mode = if name == "root-ca.crt" { 0o644 } else { 0o600 };
        files.push(File::new(format!("/opt/openshift/tls/{name}"), mode, text));
    }
    let ssh_keys: Vec<String> = config
        .ssh_key
        .iter()
        .cloned()
        .chain([format!("{}\n", bootstrap_ssh.to_ssh())])
        .collect();

    let metadata = json!({
        "clusterName": config.name,
        "clusterID": state.cluster_id,
        "infraID": state.infra_id,
    });
    let auth = dir.join("auth");
    fs::create_dir_all(&auth).map_err(|source| InstallerError::io("make", &auth, source))?;
    write(&auth.join("kubeconfig"), SECRET, admin[0].1.as_bytes())?;
    write(
        &auth.join("kubeadmin-password"),
        SECRET,
        state.kubeadmin_password.as_bytes(),
    )?;
    write(
        &dir.join("metadata.json"),
        PUBLIC,
        metadata.to_string().as_bytes(),
    )?;
    let worker = pointer_ignition(&config, &certificates, "worker").to_string();
    write(&dir.join("worker.ign"), SECRET, worker.as_bytes())?;
    write(&dir.join(state::FILE), SECRET, state.to_json().as_bytes())?;
    let bootstrap = ignition(&ssh_keys, &files).to_string();
    write(
        &dir.join("bootstrap-in-place-for-live-iso.ign"),
        SECRET,
        bootstrap.as_bytes(),
    )?;
    remove_install_config(dir)?;
    remove_folders(dir)?;
    say(
        out,
        "info",
        &format!(
            "Single-Node-Ignition-Config created in: {0} and {0}/auth",
            dir.display()
        ),
    )
}

/// What is made once per cluster.
struct Fresh {
    state: State,
    certificates: Certificates,
    manifests: Vec<Manifest>,
}

impl Fresh {
    fn make(
        (text, config): &(String, InstallConfig),
        now: OffsetDateTime,
    ) -> Result<Self, InstallerError> {
        let certificates = Certificates::early(config, now)?;
        let saved = [
            SavedCertificate::of(certificates.get("root-ca"))?,
            SavedCertificate::of(certificates.get("machine-config-server"))?,
        ];
        // The name part of an infrastructure id is at most 21 characters.
        let name: String = config.name.chars().take(21).collect();
        let state = State::new(
            text.clone(),
            uuid(),
            format!("{name}-{}", letters("bcdfghjklmnpqrstvwxz2456789", 5)),
            password(),
            saved,
        );
        let manifests = manifests(config, &state, &certificates)?;
        Ok(Self {
            state,
            certificates,
            manifests,
        })
    }
}

type Inputs = (
    InstallConfig,
    State,
    Certificates,
    BTreeMap<String, Vec<u8>>,
);

/// From `install-config.yaml` if there is one, else from what `create manifests` left.
fn inputs(dir: &Path, now: OffsetDateTime, out: &mut dyn Write) -> Result<Inputs, InstallerError> {
    if let Some(config) = read_install_config(dir, out)? {
        if FOLDERS.iter().any(|folder| dir.join(folder).exists()) {
            say(
                out,
                "warning",
                "Discarding the manifests in the folder: install-config.yaml is newer than they are",
            )?;
        }
        let fresh = Fresh::make(&config, now)?;
        let manifests = fresh
            .manifests
            .into_iter()
            .map(|(path, text)| (path, text.into_bytes()))
            .collect();
        return Ok((config.1, fresh.state, fresh.certificates, manifests));
    }
    if !dir.join(state::FILE).exists() || !dir.join(FOLDERS[0]).exists() {
        return Err(InstallerError::NoInput {
            dir: dir.to_owned(),
        });
    }
    say(
        out,
        "info",
        "Consuming the manifests from the target directory",
    )?;
    let state = State::load(dir)?;
    let config = InstallConfig::parse(&state.install_config)?;
    let certificates =
        Certificates::resume(state.certificates.each_ref().map(SavedCertificate::parts))?;
    Ok((config, state, certificates, read_folders(dir)?))
}

fn read_install_config(
    dir: &Path,
    out: &mut dyn Write,
) -> Result<Option<(String, InstallConfig)>, InstallerError> {
    let path = dir.join(INSTALL_CONFIG);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(InstallerError::io("read", &path, source)),
    };
    let config = InstallConfig::parse(&text)?;
    say(
        out,
        "info",
        "Consuming Install Config from target directory",
    )?;
    if !config.content_sources.is_empty() {
        say(
            out,
            "warning",
            "imageContentSources is deprecated: use imageDigestSources",
        )?;
    }
    Ok(Some((text, config)))
}

/// `auth/kubeconfig`, `kubeconfig-kubelet` and `kubeconfig-loopback`, in this order.
fn admin_kubeconfigs(
    config: &InstallConfig,
    certificates: &Certificates,
) -> Result<[(&'static str, String); 3], InstallerError> {
    let internal = format!("https://{}:6443", config.api_internal_host());
    let all = certificates.bundle(&SERVER_AUTHORITIES);
    let localhost = certificates.bundle(&SERVER_AUTHORITIES[..1]);
    let admin = certificates.get("admin");
    let kubelet = certificates.get("kubelet-client");
    Ok([
        (
            "kubeconfig",
            kubeconfig(&config.name, &internal, "admin", &all, admin)?,
        ),
        (
            "kubeconfig-kubelet",
            kubeconfig(&config.name, &internal, "kubelet", &all, kubelet)?,
        ),
        (
            "kubeconfig-loopback",
            kubeconfig(
                &config.name,
                "https://localhost:6443",
                "loopback",
                &localhost,
                admin,
            )?,
        ),
    ])
}

/// The end of `cvo-overrides.yaml`: the cluster version operator leaves every manifest of the installer alone until the
/// node has rebooted.
fn overrides(manifests: &BTreeMap<String, Vec<u8>>) -> String {
    #[derive(serde::Deserialize)]
    struct Object {
        #[serde(rename = "apiVersion")]
        api_version: String,
        kind: String,
        metadata: Metadata,
    }
    #[derive(serde::Deserialize)]
    struct Metadata {
        name: String,
        #[serde(default)]
        namespace: String,
    }
    let mut text = String::from("  overrides:\n");
    for content in manifests.values() {
        // What a user added need not be one object, or YAML at all.
        let Ok(object) = serde_saphyr::from_slice::<Object>(content) else {
            continue;
        };
        if matches!(object.kind.as_str(), "ClusterVersion" | "MachineConfig") {
            continue;
        }
        let group = object
            .api_version
            .split_once('/')
            .map_or("", |(group, _)| group);
        text.push_str(&format!(
            "  - group: {group:?}\n    kind: {}\n    name: {}\n    namespace: {:?}\n    unmanaged: true\n",
            object.kind, object.metadata.name, object.metadata.namespace
        ));
    }
    text
}

fn seconds(environment: &Environment) -> OffsetDateTime {
    OffsetDateTime::from(environment.now)
        .replace_nanosecond(0)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn say(out: &mut dyn Write, level: &str, message: &str) -> Result<(), InstallerError> {
    log(out, level, message).map_err(InstallerError::Output)
}
