//! The guest's root file system as a tarball: Debian packages, nothing else. Source of truth: mmdebstrap(1).

use std::fs;
use std::path::{Path, PathBuf};

use super::key::Key;
use super::tool;

/// Debian's release. Ignition, podman and skopeo are packaged from this one on.
const RELEASE: &str = "bookworm";

/// To be raised when the recipe changes in a way that neither the release nor the lists show.
const RECIPE: &str = "1";

/// What the guest runs, without what it merely recommends.
const PACKAGES: [&str; 38] = [
    "aardvark-dns",
    "bash",
    "busybox-static",
    "ca-certificates",
    "conmon",
    "coreutils",
    "cpio",
    "crun",
    "curl",
    "dbus",
    "dosfstools",
    "e2fsprogs",
    "efibootmgr",
    "fdisk",
    "gdisk",
    "ignition",
    "iproute2",
    "jq",
    "kexec-tools",
    "kmod",
    "less",
    "linux-image-amd64",
    "login",
    "mount",
    "netavark",
    "openssl",
    "parted",
    "passwd",
    "podman",
    "procps",
    "psmisc",
    "rsync",
    "skopeo",
    "systemd",
    "systemd-sysv",
    "udev",
    "util-linux",
    "xfsprogs",
];
const COMPRESSORS: [&str; 2] = ["xz-utils", "zstd"];

/// Not unpacked: documentation, and kernel modules of devices that the machine does not have. Among them every network card's.
const LEFT_OUT: [&str; 15] = [
    "/usr/share/man/*",
    "/usr/share/locale/*",
    "/usr/share/doc/*",
    "/usr/share/info/*",
    "/lib/modules/*/kernel/drivers/gpu/*",
    "/lib/modules/*/kernel/drivers/media/*",
    "/lib/modules/*/kernel/drivers/net/*",
    "/lib/modules/*/kernel/drivers/infiniband/*",
    "/lib/modules/*/kernel/drivers/staging/*",
    "/lib/modules/*/kernel/drivers/iio/*",
    "/lib/modules/*/kernel/drivers/hwmon/*",
    "/lib/modules/*/kernel/drivers/input/*",
    "/lib/modules/*/kernel/drivers/isdn/*",
    "/lib/modules/*/kernel/sound/*",
    "/lib/modules/*/kernel/net/wireless/*",
];

/// What the tarball depends on. The day's state of the package mirror is not part of it: a tarball is kept until its recipe changes.
pub fn key() -> Key {
    let mut key = Key::new("rootfs");
    for text in [RELEASE, RECIPE, tool::EPOCH] {
        key.text(text);
    }
    for text in PACKAGES.iter().chain(&COMPRESSORS).chain(&LEFT_OUT) {
        key.text(text);
    }
    key
}

/// Makes the tarball at `output`. Two minutes, and the only step that reads from a network: the package mirror.
pub fn build(output: &Path) -> Result<(), String> {
    let folder = output.parent().unwrap_or(Path::new("/"));
    let partial = output.with_extension(format!("{}.tar", std::process::id()));
    let mut command = tool::tool("mmdebstrap", folder)?;
    command.args([
        "--quiet",
        "--variant=minbase",
        "--mode=root",
        "--format=tar",
    ]);
    command.arg("--aptopt=APT::Install-Recommends \"false\"");
    command.args(LEFT_OUT.map(|path| format!("--dpkgopt=path-exclude={path}")));
    command.arg(format!(
        "--include={}",
        [&PACKAGES[..], &COMPRESSORS[..]].concat().join(",")
    ));
    command.arg(RELEASE).arg(&partial).args(mirror());
    let done = tool::run(command).and_then(|_| {
        fs::rename(&partial, output)
            .map_err(|error| format!("cannot name {}: {error}", output.display()))
    });
    if done.is_err() {
        let _ = fs::remove_file(&partial);
    }
    done
}

/// This machine's own package sources where they are Debian's of that release, otherwise mmdebstrap's default.
fn mirror() -> Option<PathBuf> {
    let candidates = [
        "/etc/apt/sources.list.d/debian.sources",
        "/etc/apt/sources.list",
    ];
    candidates
        .into_iter()
        .find(|path| fs::read_to_string(path).is_ok_and(|text| text.contains(RELEASE)))
        .map(PathBuf::from)
}
