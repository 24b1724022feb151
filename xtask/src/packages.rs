//! The real programs that tests meet, and the packages that bring them.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A program, and what brings it.
pub struct Package {
    /// Name of the program.
    pub program: &'static str,
    /// Debian package.
    pub debian: &'static str,
    /// Fedora package; empty where there is none.
    pub fedora: &'static str,
}

const fn package(program: &'static str, debian: &'static str, fedora: &'static str) -> Package {
    Package {
        program,
        debian,
        fedora,
    }
}

/// Everything that tests start, besides coreos-installer.
pub const PACKAGES: [Package; 16] = [
    package("skopeo", "skopeo", "skopeo"),
    package("podman", "podman", "podman"),
    package("crun", "crun", "crun"),
    package("docker-registry", "docker-registry", "docker-distribution"),
    package("ignition-validate", "ignition", "ignition-validate"),
    package("openssl", "openssl", "openssl"),
    package("xorriso", "xorriso", "xorriso"),
    package("e2fsck", "e2fsprogs", "e2fsprogs"),
    package("debugfs", "e2fsprogs", "e2fsprogs"),
    package("sfdisk", "fdisk", "util-linux"),
    package("xz", "xz-utils", "xz"),
    package("mount", "mount", "util-linux"),
    package("setpriv", "util-linux", "util-linux"),
    package("sha256sum", "coreutils", "coreutils"),
    package("bash", "bash", "bash"),
    package("jq", "jq", "jq"),
];

/// Libraries that coreos-installer is built with.
const BUILD_DEBIAN: [&str; 5] = [
    "gcc",
    "libssl-dev",
    "liblzma-dev",
    "libzstd-dev",
    "pkg-config",
];
const BUILD_FEDORA: [&str; 5] = [
    "gcc",
    "openssl-devel",
    "xz-devel",
    "libzstd-devel",
    "pkgconf-pkg-config",
];

/// Where a program is; folders of the administrator's are searched too.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let sbin = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(sbin)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// Installs what is missing where that is possible; returns what is still missing, each with the way to get it.
pub fn provide(with_build_libraries: bool) -> Vec<String> {
    let missing: Vec<&Package> = PACKAGES
        .iter()
        .filter(|package| find(package.program).is_none())
        .collect();
    if missing.is_empty() && !with_build_libraries {
        return Vec::new();
    }
    let user = Command::new("id").arg("-u").output();
    let is_root = user.is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    let (apt, dnf) = (find("apt-get"), find("dnf"));
    let mut names: Vec<&str> = missing
        .iter()
        .map(|p| if apt.is_some() { p.debian } else { p.fedora })
        .collect();
    if with_build_libraries {
        names.extend(if apt.is_some() {
            BUILD_DEBIAN
        } else {
            BUILD_FEDORA
        });
    }
    names.retain(|name| !name.is_empty());
    names.sort_unstable();
    names.dedup();
    match (is_root, &apt, &dnf) {
        (true, Some(apt), _) => install_debian(apt, &names),
        (true, None, Some(dnf)) => {
            let _ = Command::new(dnf)
                .args(["install", "-y"])
                .args(&names)
                .status();
        }
        _ => {}
    }
    let still = PACKAGES
        .iter()
        .filter(|package| find(package.program).is_none());
    still
        .map(|p| {
            format!(
                "{}: Debian package {}, Fedora package {}",
                p.program, p.debian, p.fedora
            )
        })
        .collect()
}

fn install_debian(apt: &Path, names: &[&str]) {
    println!("installing {}", names.join(" "));
    let run = |args: &[&str]| {
        let status = Command::new(apt)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .arg("-qq")
            .args(args)
            .status();
        status.is_ok_and(|status| status.success())
    };
    let install = [&["install", "-y", "--no-install-recommends"], names].concat();
    // Package lists may be old or absent: then they are fetched, once.
    if !run(&install) && run(&["update"]) {
        run(&install);
    }
}
