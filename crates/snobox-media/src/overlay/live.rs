//! The live system: the stick's cache is served, the disk prepared and guarded.
//!
//! ```text
//! snobox-cache ─▶ snobox-guard ─▶ snobox-registry ─▶ whoever pulls: node-image-pull, release-image, crio, kubelet, bootkube
//!      │               ├────────▶ snobox-certs ─▶ bootkube
//!      │               ├────────▶ snobox-disk ─▶ install-to-disk ─▶ (ended well) the installation is recorded
//!      └────────▶ snobox-status
//! ```
//!
//! From 4.19 on, the live system first boots to `node-image-overlay.target`, which starts no more than it names, and then isolates
//! `multi-user.target`: so pullers name what they need, and everything survives `isolate`. Drop-ins are plain files, so that the installer's own unit
//! entries stay as they are. Source of truth: systemd.unit(5), systemd.service(5), systemd.exec(5).

use snobox_formats::ignition::{File, Unit};
use snobox_image::pins::{PATH, Pins};
use snobox_image::sums;
use snobox_plan::install_config::chrony_conf;
use snobox_plan::site::{Certificates, Fallback, Site};

use super::{AGENT, MOUNT_POINT, Overlay, REGISTRY, REGISTRY_UNIT, text};
use crate::cache;

const CACHE_UNIT: &str = "snobox-cache.service";
const GUARD_UNIT: &str = "snobox-guard.service";
const DISK_UNIT: &str = "snobox-disk.service";
const STATUS_UNIT: &str = "snobox-status.service";
const CERTS_UNIT: &str = "snobox-certs.service";
/// Where the status page is; the console's part of it.
const STATUS_ADDRESS: &str = "0.0.0.0:22627";
/// What the installer's script leaves when it is through.
const INSTALLED: &str = "/opt/openshift/.install-to-disk.done";
const ISSUE: &str = "/etc/issue.d/60_snobox.issue";

pub(super) const INSTALL_AGENT: &str = "/usr/local/bin/snobox-install-agent";
const FIND_CACHE: &str = "/usr/local/bin/snobox-cache";
/// The device that the cache was found on, for the agent.
const CACHE_DEVICE: &str = "/run/snobox/cache-device";

/// Units that pull images, or start what does. `node-image-pull` is there from 4.19 on; a drop-in for a unit that does not exist does nothing.
const PULLERS: [&str; 5] = [
    "node-image-pull.service",
    "release-image.service",
    "crio.service",
    "kubelet.service",
    BOOTKUBE,
];
const INSTALLER: &str = "install-to-disk.service";
/// Who reads the certificates of the bootstrap first.
const BOOTKUBE: &str = "bootkube.service";

pub(super) fn overlay(site: &Site, pins: &Pins) -> Overlay {
    let hostname = format!("{}\n", site.node.hostname);
    let mut files = vec![
        text("/etc/hostname", 0o644, hostname),
        text(FIND_CACHE, 0o755, find_cache(pins)),
        text(INSTALL_AGENT, 0o755, install_agent(pins)),
    ];
    files.extend(chrony_conf(site).map(|conf| text("/etc/chrony.conf", 0o644, conf)));
    let need = pullers_drop_in(site.cache.fallback);
    let renews = site.certificates == Certificates::RenewOnDevice;
    let certs = format!("Requires={CERTS_UNIT}\nAfter={CERTS_UNIT}\n");
    files.extend(PULLERS.map(|unit| match unit {
        BOOTKUBE if renews => drop_in(unit, format!("{need}{certs}")),
        _ => drop_in(unit, need.clone()),
    }));
    files.push(drop_in(INSTALLER, installer_drop_in()));
    let mut units = vec![
        (CACHE_UNIT, cache_unit()),
        (GUARD_UNIT, guard_unit()),
        (REGISTRY_UNIT, registry_unit(pins)),
        (DISK_UNIT, disk_unit()),
        (STATUS_UNIT, status_unit()),
    ];
    if renews {
        units.push((CERTS_UNIT, certs_unit(site)));
    }
    let unit = |(name, contents): (&str, String)| Unit {
        name: name.to_owned(),
        enabled: true,
        contents,
    };
    Overlay {
        files,
        units: units.into_iter().map(unit).collect(),
    }
}

fn drop_in(unit: &str, contents: String) -> File {
    let path = format!("/etc/systemd/system/{unit}.d/50-snobox.conf");
    text(&path, 0o644, contents)
}

/// A unit of the live system. Nothing of snobox may be stopped by `systemctl isolate`.
fn unit(description: &str, dependencies: &str, service: &str) -> String {
    format!(
        "[Unit]\nDescription={description}\n{dependencies}IgnoreOnIsolate=yes\n\n\
         [Service]\n{service}\n[Install]\nWantedBy=multi-user.target\n"
    )
}

fn cache_unit() -> String {
    unit(
        "Find the stick of snobox and mount its cache",
        "",
        &format!("Type=oneshot\nRemainAfterExit=yes\nExecStart={FIND_CACHE}\n"),
    )
}

/// Certificates as if the installer had been run just now. The clock is asked: so whoever can set it right gets a minute to do it.
fn certs_unit(site: &Site) -> String {
    let wait_for_time = if site.node.ntp_servers.is_empty() {
        ""
    } else {
        "ExecStartPre=-/usr/bin/chronyc -h 127.0.0.1,::1 waitsync 6 0 0 10\n"
    };
    unit(
        "Renew the bootstrap certificates",
        &format!("Requires={GUARD_UNIT}\nAfter={GUARD_UNIT} chronyd.service\n"),
        &format!(
            "Type=oneshot\nRemainAfterExit=yes\n{wait_for_time}\
             ExecStart={AGENT} certs --image {PATH} --wait-for-clock\n"
        ),
    )
}

fn guard_unit() -> String {
    unit(
        "Keep the stick of snobox from installing twice",
        &format!("Requires={CACHE_UNIT}\nAfter={CACHE_UNIT}\n"),
        &format!(
            "Type=oneshot\nRemainAfterExit=yes\n\
             ExecStart={AGENT} guard --image {PATH} --cache-device-file {CACHE_DEVICE}\n"
        ),
    )
}

fn registry_unit(pins: &Pins) -> String {
    let needs = format!("{CACHE_UNIT} {GUARD_UNIT}");
    unit(
        "Loopback registry of snobox",
        &format!("Requires={needs}\nAfter={needs}\n"),
        &format!(
            "Type=notify\n{}Restart=on-failure\nRestartSec=2\n",
            serve(pins)
        ),
    )
}

/// The line that starts the registry, in both systems.
pub(super) fn serve(pins: &Pins) -> String {
    format!(
        "ExecStart={AGENT} serve --store {MOUNT_POINT}/{} --sums {MOUNT_POINT}/{} --listen {REGISTRY} --index {}\n",
        cache::STORE,
        sums::PATH,
        pins.cache.index
    )
}

fn disk_unit() -> String {
    let needs = format!("{CACHE_UNIT} {GUARD_UNIT}");
    unit(
        "Copy the cache of snobox to the installation disk",
        &format!("Requires={needs}\nAfter={needs}\nBefore={INSTALLER}\n"),
        &format!(
            "Type=oneshot\nRemainAfterExit=yes\nIOSchedulingClass=idle\n\
             ExecStart={AGENT} disk --image {PATH} --cache-device-file {CACHE_DEVICE}\n"
        ),
    )
}

fn status_unit() -> String {
    unit(
        "Status of the installation by snobox",
        &format!("Requires={CACHE_UNIT}\nAfter={CACHE_UNIT}\n"),
        &format!(
            "ExecStart={AGENT} status --listen {STATUS_ADDRESS} --issue-file {ISSUE}\n\
             Restart=on-failure\nRestartSec=2\n"
        ),
    )
}

/// Orders a unit after the registry. Without a fallback there is no point in starting without it; on an installed machine there is none in any case.
fn pullers_drop_in(fallback: Fallback) -> String {
    let registry = match fallback {
        Fallback::Upstream => "Wants",
        Fallback::None => "Requires",
    };
    format!(
        "[Unit]\nRequires={GUARD_UNIT}\n{registry}={REGISTRY_UNIT}\nAfter={GUARD_UNIT} {REGISTRY_UNIT}\n"
    )
}

/// coreos-installer starts when the cache is on the disk. That the installer's script is through is known by what it leaves at its end: to systemd, a service that
/// was stopped while it waited for bootkube ended as well as one that installed.
fn installer_drop_in() -> String {
    format!(
        "[Unit]\nRequires={DISK_UNIT}\nAfter={DISK_UNIT}\n\n[Service]\n\
         ExecStopPost=/bin/sh -c 'if [ -e {INSTALLED} ]; then exec {AGENT} guard --image {PATH} --mark-installed; fi'\n"
    )
}

/// Finds the cache at its place on any whole disk (sticks, virtual CD drives), else on any partition. The live system claims its own medium, so
/// that a direct mount would fail with EBUSY: a loop device does not.
fn find_cache(pins: &Pins) -> String {
    let (uuid, label) = (&pins.cache.uuid, &pins.cache.label);
    let (offset, size) = (pins.cache.offset_bytes, pins.cache.size_bytes);
    format!(
        r#"#!/bin/sh
# Written by snobox: finds the medium with the cache, mounts it, and brings the agent to where systemd may start it.
set -eu
uuid={uuid}
size={size}

# has DEVICE OFFSET: whether the file system of the cache starts there
has() {{
    [ "$(blkid -p -O "$2" -s UUID -o value "$1" 2>/dev/null)" = "$uuid" ]
}}

# find: sets device, offset and disk, the whole device
find() {{
    for name in $(lsblk -dnr -o KNAME,TYPE | awk '$2 == "disk" || $2 == "rom" {{ print $1 }}'); do
        device=/dev/$name disk=/dev/$name offset={offset}
        if has "$device" "$offset"; then return 0; fi
    done
    for name in $(lsblk -nr -o KNAME,TYPE | awk '$2 == "part" {{ print $1 }}'); do
        device=/dev/$name disk=/dev/$(lsblk -nr -o PKNAME "/dev/$name" | head -n 1) offset=0
        if has "$device" "$offset"; then return 0; fi
    done
    return 1
}}

if mountpoint -q {MOUNT_POINT}; then
    exec {INSTALL_AGENT}
fi
tries=0
until find; do
    tries=$((tries + 1))
    if [ "$tries" -ge 60 ]; then
        message="the stick with the cache (label {label}, UUID $uuid) is not there: plug it in again and restart the machine"
        echo "snobox: $message" >&2
        mkdir -p /etc/issue.d
        printf '\nsnobox: %s\n\n' "$message" >{ISSUE}
        agetty --reload || true
        exit 1
    fi
    sleep 2
done
echo "snobox: the cache is on $device, at byte $offset"
mkdir -p {MOUNT_POINT} /run/snobox
mount -t ext4 -o "loop,ro,nodev,nosuid,offset=$offset,sizelimit=$size" "$device" {MOUNT_POINT}
echo "$disk" >{CACHE_DEVICE}
exec {INSTALL_AGENT}
"#
    )
}

/// A program on the cache has no label that systemd may execute: it is copied, never moved, and only after its digest was checked.
pub(super) fn install_agent(pins: &Pins) -> String {
    format!(
        r#"#!/bin/sh
# Written by snobox: copies the agent out of the cache, if it is the one that this configuration names.
set -eu
source={MOUNT_POINT}/{}
target={AGENT}
if ! echo "{}  $source" | sha256sum --check --status; then
    echo "snobox: $source is not the agent that this image was built with; write the stick again" >&2
    exit 1
fi
install -m 0755 "$source" "$target.new"
if command -v restorecon >/dev/null; then
    restorecon "$target.new"
fi
mv -f "$target.new" "$target"
"#,
        cache::AGENT,
        pins.cache.agent.hex()
    )
}
