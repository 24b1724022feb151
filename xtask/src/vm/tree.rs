//! The guest's system: the Debian tarball in the shape of RHCOS (read-only `/` and `/usr`, writable `/etc` and `/var`), as a squashfs.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use super::tool;

/// Left out of the tarball: what the running system never reads.
const LEFT_OUT: [&str; 15] = [
    "./boot/initrd*",
    "./boot/System.map*",
    "./dev/*",
    "./usr/lib/gcc*",
    "./usr/lib/grub*",
    "./usr/lib/python3*",
    "./usr/lib/udev/hwdb*",
    "./usr/lib/x86_64-linux-gnu/perl*",
    "./usr/share/i18n*",
    "./usr/share/locale*",
    "./usr/share/perl*",
    "./usr/share/zoneinfo/*",
    "./var/cache/*",
    "./var/lib/apt/*",
    "./var/lib/dpkg/*",
];

/// Kernel modules of devices, file systems and protocols that the machine does not have.
const NO_MODULES: &str = "\
    drivers/accessibility drivers/atm drivers/bluetooth drivers/char/lp.ko drivers/char/ppdev.ko drivers/comedi drivers/cpufreq \
    drivers/crypto drivers/edac drivers/extcon drivers/firewire drivers/gpio drivers/gpu drivers/hv drivers/hwmon drivers/i2c drivers/iio \
    drivers/infiniband drivers/input drivers/iommu drivers/isdn drivers/leds drivers/md/bcache drivers/media drivers/memstick drivers/mmc \
    drivers/mtd drivers/net drivers/nfc drivers/ntb drivers/parport drivers/pci drivers/pcmcia drivers/platform drivers/power drivers/pps \
    drivers/ptp drivers/rtc drivers/staging drivers/target drivers/thermal drivers/thunderbolt drivers/uio drivers/usb/atm \
    drivers/usb/gadget drivers/usb/misc drivers/usb/roles drivers/usb/serial drivers/usb/typec drivers/vfio drivers/vhost drivers/video \
    drivers/w1 drivers/watchdog drivers/xen fs/afs fs/btrfs fs/ceph fs/cifs fs/dlm fs/f2fs fs/fscache fs/gfs2 fs/jfs fs/nfs fs/nfsd \
    fs/nilfs2 fs/ntfs fs/ntfs3 fs/ocfs2 fs/reiserfs fs/smb fs/ubifs fs/udf lib/test_bpf.ko net/batman-adv net/bluetooth net/ceph \
    net/mac80211 net/rxrpc net/sctp net/sunrpc net/tipc sound";

/// Modules that are kept of `drivers/scsi`, which otherwise is host adapters.
const SCSI: [&str; 6] = [
    "scsi_mod",
    "scsi_common",
    "sd_mod",
    "sr_mod",
    "sg",
    "virtio_scsi",
];

/// Top-level folders that RHCOS has below `/var`.
const BELOW_VAR: [(&str, &str, &str); 6] = [
    ("usr/local", "var/usrlocal", "../var/usrlocal"),
    ("opt", "var/opt", "var/opt"),
    ("root", "var/roothome", "var/roothome"),
    ("home", "var/home", "var/home"),
    ("mnt", "var/mnt", "var/mnt"),
    ("srv", "var/srv", "var/srv"),
];

/// As on RHCOS nothing is enabled but by Ignition, whose preset comes first.
const PRESETS: [(&str, &str); 2] = [
    (
        "usr/lib/systemd/system-preset/80-standin.preset",
        "enable systemd-udevd.service\nenable tmp.mount\n",
    ),
    (
        "usr/lib/systemd/system-preset/99-default-disable.preset",
        "disable *\n",
    ),
];

/// The tree, unpacked.
pub struct Tree {
    /// Its root folder.
    pub root: PathBuf,
    /// The kernel's release.
    pub kernel: String,
}

impl Tree {
    /// Unpacks the tarball into `folder`, prunes and shapes it, adds the stand-ins and, over everything, the guest's own tree.
    pub fn build(
        folder: &Path,
        tarball: &Path,
        installer: &Path,
        guest: &Path,
    ) -> Result<Self, String> {
        let root = folder.join("tree");
        make_folder(&root)?;
        let mut unpack = tool::tool("tar", &root)?;
        unpack
            .args(["--extract", "--numeric-owner", "--file"])
            .arg(tarball);
        unpack.args(LEFT_OUT.map(|pattern| format!("--exclude={pattern}")));
        tool::run(unpack)?;
        let kernel = only_name(&root.join("usr/lib/modules"))?;
        let tree = Self { root, kernel };
        tree.prune_modules()?;
        tree.shape()?;
        tree.system_files()?;
        tree.stand_ins(installer)?;
        tree.add(guest)?;
        tool::call(&tree.root, "depmod", ["-b", ".", &tree.kernel])?;
        Ok(tree)
    }

    /// The kernel's image.
    pub fn vmlinuz(&self) -> PathBuf {
        self.root
            .join("boot")
            .join(format!("vmlinuz-{}", self.kernel))
    }

    /// Packs the tree.
    pub fn squashfs(&self, output: &Path) -> Result<(), String> {
        let mut pack = tool::tool("mksquashfs", &self.root)?;
        pack.arg(&self.root).arg(output);
        pack.args([
            "-comp",
            "zstd",
            "-Xcompression-level",
            "3",
            "-noappend",
            "-no-progress",
            "-quiet",
        ]);
        pack.args(["-wildcards", "-e", "boot/*"]);
        tool::run(pack).map(drop)
    }

    fn prune_modules(&self) -> Result<(), String> {
        let modules = self
            .root
            .join("usr/lib/modules")
            .join(&self.kernel)
            .join("kernel");
        for path in NO_MODULES.split_whitespace() {
            remove(&modules.join(path))?;
        }
        let scsi = modules.join("drivers/scsi");
        for entry in names(&scsi)? {
            let stem = entry.trim_end_matches(".ko");
            if !SCSI.contains(&stem) && !stem.starts_with("scsi_transport_") {
                remove(&scsi.join(entry))?;
            }
        }
        Ok(())
    }

    fn shape(&self) -> Result<(), String> {
        for (from, to, target) in BELOW_VAR {
            let (from, to) = (self.root.join(from), self.root.join(to));
            if from.is_dir() {
                fs::rename(&from, &to)
                    .map_err(|e| format!("cannot move {}: {e}", from.display()))?;
            } else {
                make_folder(&to)?;
            }
            symlink(target, &from).map_err(|e| format!("cannot link {}: {e}", from.display()))?;
        }
        let folders =
            ["bin", "sbin", "etc", "lib", "share"].map(|name| format!("var/usrlocal/{name}"));
        for folder in folders.iter().map(String::as_str).chain([
            "sysroot",
            "boot",
            "var/home/core",
            "var/lib/dbus",
            "etc/NetworkManager/system-connections",
            "etc/selinux/targeted/contexts/files",
            "run/media/iso",
        ]) {
            make_folder(&self.root.join(folder))?;
        }
        chown(self.root.join("var/home/core"), Some(1000), Some(1000))
            .map_err(|error| format!("cannot give core its home: {error}"))
    }

    fn system_files(&self) -> Result<(), String> {
        for gone in [
            "var/lib/dbus/machine-id",
            "etc/resolv.conf",
            "usr/lib/systemd/system-preset/90-systemd.preset",
        ] {
            remove(&self.root.join(gone))?;
        }
        let units = self.root.join("etc/systemd/system");
        for entry in names(&units)?
            .iter()
            .filter(|name| name.ends_with(".wants"))
        {
            remove(&units.join(entry))?;
        }
        for unit in ["modprobe@drm.service", "systemd-hwdb-update.service"] {
            symlink("/dev/null", units.join(unit))
                .map_err(|e| format!("cannot mask {unit}: {e}"))?;
        }
        // systemd takes this word for a first boot, and applies the presets: so are the units of Ignition enabled.
        self.write("etc/machine-id", "uninitialized\n")?;
        self.write("etc/hostname", "factory\n")?;
        self.write("etc/fstab", "")?;
        self.write(
            "etc/selinux/config",
            "SELINUX=disabled\nSELINUXTYPE=targeted\n",
        )?;
        self.write("etc/selinux/targeted/contexts/files/file_contexts", "")?;
        self.write(
            "etc/containers/policy.json",
            "{\"default\":[{\"type\":\"insecureAcceptAnything\"}]}\n",
        )?;
        remove(&self.root.join("usr/lib/os-release"))?;
        self.write("usr/lib/os-release", include_str!("standin/os-release"))?;
        for (path, text) in PRESETS {
            self.write(path, text)?;
        }
        self.append(
            "etc/passwd",
            "core:x:1000:1000:CoreOS:/var/home/core:/bin/bash\n",
        )?;
        self.append("etc/group", "core:x:1000:\n")?;
        self.append("etc/shadow", "core:!:19000:0:99999:7:::\n")
    }

    fn stand_ins(&self, installer: &Path) -> Result<(), String> {
        self.program("usr/sbin/setfiles", include_str!("standin/setfiles"))?;
        self.program(
            "usr/bin/coreos-installer",
            include_str!("standin/coreos-installer"),
        )?;
        let real = self.root.join("usr/bin/coreos-installer.real");
        fs::copy(installer, &real)
            .map_err(|e| format!("cannot copy {}: {e}", installer.display()))?;
        // Built on this machine, it must run with the guest's libraries.
        let root = self.root.to_string_lossy().into_owned();
        tool::call(
            &self.root,
            "chroot",
            [&root, "/usr/bin/coreos-installer.real", "--version"],
        )
        .map(drop)
    }

    /// Copies a folder over the tree: owners are root's, modes those of a checkout, links that are in the way are followed.
    fn add(&self, folder: &Path) -> Result<(), String> {
        if !folder.is_dir() {
            return Ok(());
        }
        let archive = self.root.with_extension("guest.tar");
        let mut pack = tool::tool("tar", folder)?;
        pack.args([
            "--create",
            "--sort=name",
            "--owner=0",
            "--group=0",
            "--mode=u=rwX,go=rX",
            "--file",
        ]);
        pack.arg(&archive)
            .arg(format!("--mtime=@{}", tool::EPOCH))
            .arg(".");
        tool::run(pack)?;
        let mut unpack = tool::tool("tar", &self.root)?;
        unpack
            .args(["--extract", "--keep-directory-symlink", "--file"])
            .arg(&archive);
        tool::run(unpack)?;
        remove(&archive)
    }

    fn write(&self, path: &str, text: &str) -> Result<(), String> {
        let path = self.root.join(path);
        fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
    }

    fn append(&self, path: &str, text: &str) -> Result<(), String> {
        let path_in_tree = self.root.join(path);
        let old = fs::read_to_string(&path_in_tree)
            .map_err(|error| format!("cannot read {}: {error}", path_in_tree.display()))?;
        self.write(path, &(old + text))
    }

    fn program(&self, path: &str, text: &str) -> Result<(), String> {
        self.write(path, text)?;
        fs::set_permissions(self.root.join(path), fs::Permissions::from_mode(0o755))
            .map_err(|error| format!("cannot make {path} a program: {error}"))
    }
}

fn make_folder(path: &Path) -> Result<(), String> {
    fs::create_dir_all(path).map_err(|error| format!("cannot make {}: {error}", path.display()))
}

/// Removes a file, a link or a folder; what is not there is no failure.
fn remove(path: &Path) -> Result<(), String> {
    let kind = fs::symlink_metadata(path).map(|metadata| metadata.is_dir());
    let done = match kind {
        Ok(true) => fs::remove_dir_all(path),
        Ok(false) => fs::remove_file(path),
        Err(_) => Ok(()),
    };
    done.map_err(|error| format!("cannot remove {}: {error}", path.display()))
}

fn names(folder: &Path) -> Result<Vec<String>, String> {
    let entries =
        fs::read_dir(folder).map_err(|e| format!("cannot read {}: {e}", folder.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .collect();
    names.sort();
    Ok(names)
}

fn only_name(folder: &Path) -> Result<String, String> {
    match &names(folder)?[..] {
        [name] => Ok(name.clone()),
        other => Err(format!(
            "{}: expected one kernel, found {other:?}",
            folder.display()
        )),
    }
}
