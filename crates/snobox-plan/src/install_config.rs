//! What `openshift-install` reads: `install-config.yaml`, and manifests for the installed system.
//!
//! Source of truth: the installer's `types.InstallConfig` (v1), bootstrap in place; the Machine Config Operator's MachineConfig v1.
//! JSON is YAML: documents are written as JSON, which leaves no room for quoting mistakes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::site::Site;
use snobox_formats::pull_secret::PullSecret;

/// A manifest for the installer's `openshift` folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// File name.
    pub name: String,
    /// Content.
    pub text: String,
}

/// Where images of a repository are to be looked for by digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestMirror {
    /// The repository: `quay.io/openshift-release-dev/ocp-release`.
    pub source: String,
    /// Repositories that stand in for it, in the order to try.
    pub mirrors: Vec<String>,
}

/// The install-config of a site. It holds the pull secret: never show it.
///
/// `ssh_key` is the text of the public key file; `mirrors` lead to the cache on the node; `version` is the release's.
pub fn install_config(
    site: &Site,
    pull_secret: &PullSecret,
    ssh_key: &str,
    mirrors: &[DigestMirror],
    version: &str,
) -> Value {
    let mut networking = json!({
        "networkType": "OVNKubernetes",
        "clusterNetwork": [{"cidr": "10.128.0.0/14", "hostPrefix": 23}],
        "serviceNetwork": ["172.30.0.0/16"],
    });
    if let Some(subnet) = site.node.address {
        networking["machineNetwork"] =
            json!([{"cidr": format!("{}/{}", subnet.network(), subnet.prefix)}]);
    }
    let architecture = site.release.architecture.go();
    let mut config = json!({
        "apiVersion": "v1",
        "baseDomain": site.base_domain,
        "metadata": {"name": site.name},
        "compute": [{"name": "worker", "replicas": 0, "architecture": architecture}],
        "controlPlane": {"name": "master", "replicas": 1, "architecture": architecture},
        "networking": networking,
        "platform": {"none": {}},
        "bootstrapInPlace": {"installationDisk": installation_disk(site)},
        "pullSecret": pull_secret.reveal(),
        "sshKey": ssh_key.trim(),
    });
    if !mirrors.is_empty() {
        let list = mirrors
            .iter()
            .map(|mirror| json!({"source": mirror.source, "mirrors": mirror.mirrors}));
        config[mirrors_key(version)] = list.collect();
    }
    config
}

/// The field for digest mirrors: `imageDigestSources` came with 4.14.
fn mirrors_key(version: &str) -> &'static str {
    let mut parts = version.split(['.', '-']).map(str::parse::<u32>);
    match (parts.next(), parts.next()) {
        (Some(Ok(4)), Some(Ok(minor))) if minor < 14 => "imageContentSources",
        _ => "imageDigestSources",
    }
}

/// Where the agent leaves a link to the installation disk that it found and prepared.
pub const INSTALLATION_DISK: &str = "/run/snobox/installation-disk";

/// What coreos-installer is told. The installer puts it into a script as it is: the quotes keep the shell from looking for files of that name.
fn installation_disk(site: &Site) -> String {
    format!(
        "--save-partlabel '{}' {INSTALLATION_DISK}",
        site.cache.label
    )
}

/// Manifests that give the installed system its host name and time servers. The live system's host name is lost at the reboot.
pub fn manifests(site: &Site) -> Vec<Manifest> {
    let mut files = vec![("/etc/hostname", format!("{}\n", site.node.hostname))];
    if let Some(chrony) = chrony_conf(site) {
        files.push(("/etc/chrony.conf", chrony));
    }
    let files: Vec<Value> = files
        .into_iter()
        .map(|(path, text)| {
            let source = format!(
                "data:text/plain;charset=utf-8;base64,{}",
                STANDARD.encode(text)
            );
            json!({"path": path, "mode": 0o644, "overwrite": true, "contents": {"source": source}})
        })
        .collect();
    let config = json!({
        "apiVersion": "machineconfiguration.openshift.io/v1",
        "kind": "MachineConfig",
        "metadata": {"name": "99-master-snobox-node", "labels": {"machineconfiguration.openshift.io/role": "master"}},
        "spec": {"config": {"ignition": {"version": "3.2.0"}, "storage": {"files": files}}},
    });
    vec![Manifest {
        name: "99-master-snobox-node.yaml".to_owned(),
        text: format!("{config:#}\n"),
    }]
}

/// The time configuration for `node.ntp.servers`; `None` leaves the system's own.
pub fn chrony_conf(site: &Site) -> Option<String> {
    if site.node.ntp_servers.is_empty() {
        return None;
    }
    let servers: String = site
        .node
        .ntp_servers
        .iter()
        .map(|s| format!("server {s} iburst\n"))
        .collect();
    Some(format!(
        "{servers}driftfile /var/lib/chrony/drift\nmakestep 1.0 3\nrtcsync\nlogdir /var/log/chrony\n"
    ))
}
