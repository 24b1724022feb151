//! The units, and the script that brings the agent to where it may run.
//!
//! Source of truth: systemd.unit(5), systemd.mount(5), systemd.service(5).

use snobox_formats::digest::Digest;
use snobox_plan::site::Fallback;

use super::REGISTRY;
use crate::cache::{AGENT, STORE};

pub(super) const MOUNT: &str = "var-mnt-snobox.mount";
pub(super) const SERVICE: &str = "snobox-registry.service";
pub(super) const INSTALL_AGENT: &str = "/usr/local/bin/snobox-install-agent";
const MOUNT_POINT: &str = "/var/mnt/snobox";
const INSTALLED_AGENT: &str = "/usr/local/bin/snobox-agent";

/// Units of the live system that pull images, or start what does. `node-image-pull` is there from 4.19 on; a drop-in for a unit that does not exist
/// does nothing.
pub(super) const PULLERS: [&str; 5] = [
    "node-image-pull.service",
    "release-image.service",
    "crio.service",
    "kubelet.service",
    "bootkube.service",
];

pub(super) fn mount(uuid: &str) -> String {
    format!(
        "[Unit]\n\
         Description=Image cache of snobox\n\
         IgnoreOnIsolate=yes\n\
         \n\
         [Mount]\n\
         What=/dev/disk/by-uuid/{uuid}\n\
         Where={MOUNT_POINT}\n\
         Type=ext4\n\
         Options=loop,ro,nodev,nosuid\n\
         \n\
         [Install]\n\
         WantedBy=multi-user.target\n"
    )
}

pub(super) fn service() -> String {
    format!(
        "[Unit]\n\
         Description=Loopback registry of snobox\n\
         Requires={MOUNT}\n\
         After={MOUNT}\n\
         IgnoreOnIsolate=yes\n\
         \n\
         [Service]\n\
         Type=notify\n\
         ExecStartPre={INSTALL_AGENT}\n\
         ExecStart={INSTALLED_AGENT} serve --store {MOUNT_POINT}/{STORE} --listen {REGISTRY}\n\
         Restart=on-failure\n\
         RestartSec=2\n\
         \n\
         [Install]\n\
         WantedBy=multi-user.target\n"
    )
}

/// Orders a unit after the registry. Without a fallback there is no point in starting without it.
pub(super) fn drop_in(fallback: Fallback) -> String {
    let need = match fallback {
        Fallback::Upstream => "Wants",
        Fallback::None => "Requires",
    };
    format!("[Unit]\n{need}={SERVICE}\nAfter={SERVICE}\n")
}

/// A program on the cache has no label that systemd may execute: it is copied, never moved, and only after its digest was checked.
pub(super) fn install_agent(agent: Digest) -> String {
    format!(
        "#!/bin/sh\n\
         # Written by snobox: copies the agent out of the cache, if it is the one that this ignition names.\n\
         set -eu\n\
         source={MOUNT_POINT}/{AGENT}\n\
         target={INSTALLED_AGENT}\n\
         if ! echo \"{}  $source\" | sha256sum --check --status; then\n\
         \x20   echo \"snobox: $source is not the agent that this image was built with; write the stick again\" >&2\n\
         \x20   exit 1\n\
         fi\n\
         install -m 0755 \"$source\" \"$target.new\"\n\
         if command -v restorecon >/dev/null; then\n\
         \x20   restorecon \"$target.new\"\n\
         fi\n\
         mv -f \"$target.new\" \"$target\"\n",
        agent.hex()
    )
}
