//! The installed system: a MachineConfig that serves the cache from the disk's partition, in every boot from the first on.
//!
//! The Machine Config Operator owns what comes this way: it is in the cluster's rendered configuration, survives updates of the system, and goes when
//! the MachineConfig is deleted. Source of truth: MachineConfig v1 with Ignition 3.2.0; the units are those of its `templates/` that pull images.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use snobox_formats::ignition::File;
use snobox_image::pins::Pins;
use snobox_plan::install_config::Manifest;
use snobox_plan::site::Site;

use super::live::{INSTALL_AGENT, install_agent, serve};
use super::{MOUNT_POINT, REGISTRY_UNIT, text};

const NAME: &str = "99-master-snobox-cache";
const MOUNT_UNIT: &str = "var-mnt-snobox.mount";

/// Units that pull images, or start what does: the first two in the first boot from the disk, the others in every one.
const PULLERS: [&str; 6] = [
    "machine-config-daemon-pull.service",
    "machine-config-daemon-firstboot.service",
    "rpm-ostreed.service",
    "nodeip-configuration.service",
    "crio.service",
    "kubelet.service",
];

/// The MachineConfig for a cache. `clients` are the files that lead clients to it.
pub(super) fn machine_config(site: &Site, pins: &Pins, clients: &[File]) -> Manifest {
    let install_agent = text(INSTALL_AGENT, 0o755, install_agent(pins));
    let files: Vec<Value> = clients.iter().chain([&install_agent]).map(file).collect();
    let mut units = vec![
        json!({"name": MOUNT_UNIT, "enabled": true, "contents": mount(pins)}),
        json!({"name": REGISTRY_UNIT, "enabled": true, "contents": registry(site, pins)}),
    ];
    units.extend(PULLERS.map(|name| json!({"name": name, "dropins": [{"name": "50-snobox.conf", "contents": drop_in()}]})));
    let config = json!({
        "apiVersion": "machineconfiguration.openshift.io/v1",
        "kind": "MachineConfig",
        "metadata": {"name": NAME, "labels": {"machineconfiguration.openshift.io/role": "master"}},
        "spec": {"config": {
            "ignition": {"version": "3.2.0"},
            "storage": {"files": files},
            "systemd": {"units": units},
        }},
    });
    Manifest {
        name: format!("{NAME}.yaml"),
        text: format!("{config:#}\n"),
    }
}

fn file(file: &File) -> Value {
    let source = format!(
        "data:text/plain;charset=utf-8;base64,{}",
        STANDARD.encode(&file.contents)
    );
    json!({"path": file.path, "mode": file.mode, "overwrite": true, "contents": {"source": source}})
}

/// By the partition's own identity: the stick may still be plugged in, and its file system has the same label and UUID.
fn mount(pins: &Pins) -> String {
    let uuid = &pins.installation.partition.uuid;
    format!(
        "[Unit]\nDescription=Image cache of snobox\n\n\
         [Mount]\nWhat=/dev/disk/by-partuuid/{uuid}\nWhere={MOUNT_POINT}\nType=ext4\nOptions=ro,nodev,nosuid\n\n\
         [Install]\nWantedBy=multi-user.target\n"
    )
}

fn registry(site: &Site, pins: &Pins) -> String {
    format!(
        "[Unit]\nDescription=Loopback registry of snobox, site {}\nRequires={MOUNT_UNIT}\nAfter={MOUNT_UNIT}\n\n\
         [Service]\nType=notify\nExecStartPre={INSTALL_AGENT}\n{}Restart=on-failure\nRestartSec=2\n\n\
         [Install]\nWantedBy=multi-user.target\n",
        site.name,
        serve(pins)
    )
}

/// Never `Requires`, whatever the fallback: a node that has its images must start without its cache.
fn drop_in() -> String {
    format!("[Unit]\nWants={REGISTRY_UNIT}\nAfter={REGISTRY_UNIT}\n")
}
