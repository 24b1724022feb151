//! The stand-in's initramfs: busybox, the modules that reach the disks, and the script `initramfs/init`.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Stdio;

use super::tool;
use super::tree::Tree;

/// Loaded by the script, in this order. `crc32c_generic` is what ext4 and XFS ask the kernel for while they mount.
const MODULES: [&str; 17] = [
    "crc32c_generic",
    "virtio_pci",
    "virtio_blk",
    "virtio_rng",
    "sd_mod",
    "ahci",
    "ata_piix",
    "xhci_pci",
    "ehci_pci",
    "usb_storage",
    "uas",
    "isofs",
    "squashfs",
    "loop",
    "ext4",
    "vfat",
    "xfs",
];

/// Writes the compressed cpio archive to `output`; `folder` is for work in between.
pub fn build(tree: &Tree, folder: &Path, output: &Path) -> Result<(), String> {
    let failed = |error| {
        format!(
            "cannot build the initramfs in {}: {error}",
            folder.display()
        )
    };
    let root = folder.join("initramfs");
    for name in [
        "bin", "etc", "proc", "sys", "dev", "run", "ro", "sysroot", "tmp",
    ] {
        fs::create_dir_all(root.join(name)).map_err(failed)?;
    }
    fs::copy(tree.root.join("usr/bin/busybox"), root.join("bin/busybox")).map_err(failed)?;
    let applets = tool::call(
        &root,
        &root.join("bin/busybox").to_string_lossy(),
        ["--list"],
    )?;
    for applet in String::from_utf8_lossy(&applets)
        .lines()
        .filter(|name| *name != "busybox")
    {
        symlink("busybox", root.join("bin").join(applet)).map_err(failed)?;
    }
    // The kernel itself calls /sbin/modprobe.
    symlink("bin", root.join("sbin")).map_err(failed)?;
    let init = root.join("init");
    fs::write(&init, include_str!("initramfs/init")).map_err(failed)?;
    fs::set_permissions(&init, fs::Permissions::from_mode(0o755)).map_err(failed)?;
    fs::write(root.join("etc/modules-load"), MODULES.join("\n")).map_err(failed)?;

    for module in modules(tree)? {
        let to = root.join(&module);
        fs::create_dir_all(to.parent().unwrap_or(&root)).map_err(failed)?;
        fs::copy(tree.root.join("usr").join(&module), to).map_err(failed)?;
    }
    for list in [
        "modules.order",
        "modules.builtin",
        "modules.builtin.modinfo",
    ] {
        let path = Path::new("lib/modules").join(&tree.kernel).join(list);
        fs::copy(tree.root.join("usr").join(&path), root.join(path)).map_err(failed)?;
    }
    tool::call(&root, "depmod", ["-b", ".", &tree.kernel])?;
    pack(&root, output)
}

/// The files of [`MODULES`] and of all that they need, as paths from `lib/modules` on.
fn modules(tree: &Tree) -> Result<BTreeSet<String>, String> {
    let mut files = BTreeSet::new();
    for module in MODULES {
        let mut show = tool::tool("modprobe", &tree.root)?;
        show.args(["--set-version", &tree.kernel, "--dirname"])
            .arg(&tree.root);
        show.args(["--show-depends", module]);
        for line in String::from_utf8_lossy(&tool::run(show)?).lines() {
            // `insmod PATH`, or `builtin NAME`.
            let path = line.strip_prefix("insmod ").map(str::trim);
            files.extend(path.and_then(|path| Some(path[path.find("lib/modules/")?..].to_owned())));
        }
    }
    Ok(files)
}

/// A newc archive with sorted names and numbers of its own, compressed, its length a multiple of four as the boot loaders want it.
fn pack(root: &Path, output: &Path) -> Result<(), String> {
    let failed = |error| format!("cannot write {}: {error}", output.display());
    let archive = output.with_extension("cpio");
    let list = output.with_extension("list");
    let found = tool::call(root, "find", ["."])?;
    let text = String::from_utf8_lossy(&found);
    let mut names: Vec<&str> = text.lines().collect();
    names.sort_unstable();
    fs::write(&list, names.join("\n") + "\n").map_err(failed)?;
    // cpio keeps times: they are the build's otherwise.
    let mut touch = tool::tool("find", root)?;
    touch.args([".", "-exec", "touch", "--no-dereference", "-d"]);
    touch.arg(format!("@{}", tool::EPOCH)).args(["{}", "+"]);
    tool::run(touch)?;
    let mut cpio = tool::tool("cpio", root)?;
    cpio.args([
        "-o",
        "-H",
        "newc",
        "-R",
        "0:0",
        "--quiet",
        "--reproducible",
        "-F",
    ])
    .arg(&archive);
    cpio.stdin(Stdio::from(fs::File::open(&list).map_err(failed)?));
    tool::run(cpio)?;
    let mut gzip = tool::tool("gzip", root)?;
    gzip.args(["-6", "-n", "-c"]).arg(&archive);
    let mut bytes = tool::run(gzip)?;
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    fs::write(output, bytes).map_err(failed)
}
