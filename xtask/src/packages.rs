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
pub const PACKAGES: [Package; 26] = [
    package("skopeo", "skopeo", "skopeo"),
    package("podman", "podman", "podman"),
    package("crun", "crun", "crun"),
    package("docker-registry", "docker-registry", "docker-distribution"),
    package("ignition-validate", "ignition", "ignition-validate"),
    package("openssl", "openssl", "openssl"),
    package("gpg", "gnupg", "gnupg2"),
    package("gpgconf", "gnupg", "gnupg2"),
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
    package("sgdisk", "gdisk", "gdisk"),
    package("partx", "util-linux", "util-linux"),
    package("busybox", "busybox-static", "busybox"),
    package("ip", "iproute2", "iproute"),
    package("patch", "patch", "patch"),
    package("readelf", "binutils", "binutils"),
    package("cmp", "diffutils", "diffutils"),
    package("xxhsum", "xxhash", "xxhash"),
];

/// What the virtual machine lab is built with and runs on: programs, and files that are not programs by their path.
const LAB: [Package; 18] = [
    package("mmdebstrap", "mmdebstrap", ""),
    package("mksquashfs", "squashfs-tools", ""),
    package("depmod", "kmod", ""),
    package("cpio", "cpio", ""),
    package("zstd", "zstd", ""),
    package("sgdisk", "gdisk", ""),
    package("mkfs.vfat", "dosfstools", ""),
    package("mkfs.ext4", "e2fsprogs", ""),
    package("mcopy", "mtools", ""),
    package("xorriso", "xorriso", ""),
    package("isohybrid", "syslinux-utils", ""),
    package("grub-mkimage", "grub-common", ""),
    package("/usr/lib/grub/i386-pc/boot.img", "grub-pc-bin", ""),
    package(
        "/usr/lib/grub/x86_64-efi/normal.mod",
        "grub-efi-amd64-bin",
        "",
    ),
    package("/usr/lib/ISOLINUX/isolinux.bin", "isolinux", ""),
    package(
        "/usr/lib/syslinux/modules/bios/ldlinux.c32",
        "syslinux-common",
        "",
    ),
    package("qemu-system-x86_64", "qemu-system-x86", ""),
    package("/usr/share/OVMF/OVMF_CODE_4M.fd", "ovmf", ""),
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
    provide_all(&PACKAGES, with_build_libraries)
}

/// [`provide`], for the virtual machine lab.
pub fn provide_for_lab() -> Vec<String> {
    provide_all(&LAB, crate::tools::coreos_installer().is_none())
}

fn provide_all(packages: &[Package], with_build_libraries: bool) -> Vec<String> {
    let missing: Vec<&Package> = packages
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
    let still = packages
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
