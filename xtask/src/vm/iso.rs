//! The stand-in for RHCOS's live ISO: the places, areas and JSON files that coreos-installer and snobox look for, in a hybrid image.
//! Source of truth: coreos-assembler's `cmd-buildextend-live` and the ISO fixtures of coreos-installer 0.27.0.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use serde_json::{Map, Value, json};

use super::tree::Tree;
use super::{metal, tool};

/// Volume label, in the form of RHCOS's.
const VOLUME: &str = "rhcos-413.standin.1-0";

/// Padding of an area for kernel arguments: what is left when the default ones are in it.
const PADDING: usize = 1024;

/// The reserved file for the ignition: 256 KiB, as on RHCOS.
const IGNITION_BYTES: u64 = 256 << 10;

/// The directives of an installer configuration that this coreos-installer knows.
const DIRECTIVES: &str = "append-karg architecture console copy-network delete-karg dest-device fetch-retries ignition-file \
    ignition-hash ignition-url image-file image-url insecure insecure-ignition network-dir offline platform preserve-on-error \
    save-partindex save-partlabel stream stream-base-url";

/// Files with an area for kernel arguments, and their text up to it and behind it.
const AREAS: [(&str, &str, &str); 2] = [
    (
        "EFI/redhat/grub.cfg",
        "set default=0\nset timeout=0\nmenuentry 'RHCOS stand-in (Live)' --class gnu-linux {\n\tlinux /images/pxeboot/vmlinuz ",
        "\tinitrd /images/pxeboot/initrd.img /images/ignition.img\n}\n",
    ),
    (
        "isolinux/isolinux.cfg",
        "serial 0 115200\ndefault linux\nprompt 0\ntimeout 1\nlabel linux\n  kernel /images/pxeboot/vmlinuz\n  append initrd=/images/pxeboot/initrd.img,/images/ignition.img ",
        "",
    ),
];

fn kernel_arguments() -> String {
    format!(
        "mitigations=off coreos.liveiso={VOLUME} ignition.firstboot ignition.platform.id=metal console=ttyS0,115200"
    )
}

/// Makes the ISO at `output`; `folder` is for work in between.
pub fn build(
    tree: &Tree,
    squashfs: &Path,
    initrd: &Path,
    metal_image: &Path,
    folder: &Path,
    output: &Path,
) -> Result<(), String> {
    let failed = |error| format!("cannot build the ISO in {}: {error}", folder.display());
    let root = folder.join("iso");
    for name in [
        "coreos",
        "images/pxeboot",
        "isolinux",
        "EFI/redhat",
        "standin",
    ] {
        fs::create_dir_all(root.join(name)).map_err(failed)?;
    }
    fs::copy(tree.vmlinuz(), root.join("images/pxeboot/vmlinuz")).map_err(failed)?;
    fs::copy(initrd, root.join("images/pxeboot/initrd.img")).map_err(failed)?;
    fs::hard_link(metal_image, root.join("standin/metal.raw.zst")).map_err(failed)?;
    rootfs(squashfs, &root.join("images/pxeboot/rootfs.img")).map_err(failed)?;
    for (path, bytes) in [
        ("images/ignition.img", IGNITION_BYTES),
        ("coreos/miniso.dat", 16384),
    ] {
        File::create(root.join(path))
            .and_then(|file| file.set_len(bytes))
            .map_err(failed)?;
    }
    for (from, name) in [
        ("/usr/lib/ISOLINUX", "isolinux.bin"),
        ("/usr/lib/syslinux/modules/bios", "ldlinux.c32"),
        ("/usr/lib/syslinux/modules/bios", "libcom32.c32"),
        ("/usr/lib/syslinux/modules/bios", "libutil.c32"),
    ] {
        fs::copy(Path::new(from).join(name), root.join("isolinux").join(name)).map_err(failed)?;
    }
    documents(&root).map_err(failed)?;
    let loader = efi_loader(folder)?;
    let efiboot = metal::fat(folder, "efiboot.img", 4, &loader)?;
    fs::rename(efiboot, root.join("images/efiboot.img")).map_err(failed)?;

    let mut xorriso = tool::tool("xorriso", folder)?;
    xorriso.args([
        "-as",
        "mkisofs",
        "-quiet",
        "-V",
        VOLUME,
        "-volset",
        VOLUME,
        "-rational-rock",
        "-J",
        "-joliet-long",
    ]);
    xorriso.args([
        "-eltorito-boot",
        "isolinux/isolinux.bin",
        "-eltorito-catalog",
        "isolinux/boot.cat",
    ]);
    xorriso.args(["-no-emul-boot", "-boot-load-size", "4", "-boot-info-table"]);
    xorriso
        .args([
            "-eltorito-alt-boot",
            "-e",
            "images/efiboot.img",
            "-no-emul-boot",
            "-o",
        ])
        .arg(output)
        .arg(&root);
    tool::run(xorriso)?;
    let mut hybrid = tool::tool("isohybrid", folder)?;
    // The id is the MBR's signature, which is part of the partitions' names.
    hybrid.args(["--uefi", "--id", "0x5b0b0c05"]).arg(output);
    tool::run(hybrid).map(drop)
}

/// `rootfs.img` is a cpio archive whose first member is the squashfs, which therefore begins at byte 124.
fn rootfs(squashfs: &Path, output: &Path) -> io::Result<()> {
    let mut from = File::open(squashfs)?;
    let size = from.metadata()?.len();
    let mut archive = io::BufWriter::new(File::create(output)?);
    let header = cpio_header("root.squashfs", size, 0o100_644);
    assert_eq!(
        header.len(),
        124,
        "the offset that RHCOS's initramfs mounts at"
    );
    archive.write_all(&header)?;
    io::copy(&mut from, &mut archive)?;
    let padding = size.next_multiple_of(4) - size;
    io::copy(&mut io::repeat(0).take(padding), &mut archive)?;
    archive.write_all(&cpio_header("TRAILER!!!", 0, 0))?;
    archive.flush()
}

fn cpio_header(name: &str, size: u64, mode: u32) -> Vec<u8> {
    let fields = [
        1,
        u64::from(mode),
        0,
        0,
        1,
        0,
        size,
        0,
        0,
        0,
        0,
        name.len() as u64 + 1,
        0,
    ];
    let numbers: String = fields.iter().map(|field| format!("{field:08X}")).collect();
    let mut header = format!("070701{numbers}{name}\0").into_bytes();
    header.resize(header.len().next_multiple_of(4), 0);
    header
}

/// The boot loaders' configurations, and the JSON files that say where in them the areas are.
fn documents(root: &Path) -> io::Result<()> {
    let arguments = kernel_arguments();
    let mut files = Vec::new();
    for (path, before, after) in AREAS {
        let padding = "#".repeat(PADDING);
        let text = format!("{before}{arguments}\n{padding}# COREOS_KARG_EMBED_AREA\n{after}");
        fs::write(root.join(path), text)?;
        files.push(json!({"end": "\n", "offset": before.len(), "pad": "#", "path": path}));
    }
    // The area begins with the arguments and runs over the line end and the padding.
    let size = arguments.len() + 1 + PADDING;
    let directives: Map<String, Value> = DIRECTIVES
        .split_whitespace()
        .map(|name| (name.to_owned(), Value::Bool(true)))
        .collect();
    for (path, document) in [
        (
            "coreos/kargs.json",
            json!({"default": arguments, "files": files, "size": size}),
        ),
        (
            "coreos/igninfo.json",
            json!({"file": "images/ignition.img"}),
        ),
        (
            "coreos/features.json",
            json!({"installer-config": true, "installer-config-directives": directives, "live-initrd-network": true}),
        ),
    ] {
        fs::write(root.join(path), format!("{document:#}\n"))?;
    }
    Ok(())
}

/// GRUB for UEFI, which goes on with the configuration in the ISO.
fn efi_loader(folder: &Path) -> Result<std::path::PathBuf, String> {
    let (early, loader) = (folder.join("grub-early-iso.cfg"), folder.join("iso.efi"));
    let text = format!(
        "search --label \"{VOLUME}\" --set root --no-floppy\nset prefix=($root)/EFI/redhat\nconfigfile $prefix/grub.cfg\n"
    );
    fs::write(&early, text)
        .map_err(|error| format!("cannot write {}: {error}", early.display()))?;
    let mut mkimage = tool::tool("grub-mkimage", folder)?;
    mkimage
        .args(["-O", "x86_64-efi", "-p", "/EFI/redhat", "-c"])
        .arg(&early)
        .arg("-o")
        .arg(&loader);
    mkimage.args([
        "all_video",
        "boot",
        "configfile",
        "echo",
        "ext2",
        "fat",
        "iso9660",
        "linux",
        "minicmd",
        "normal",
        "part_gpt",
        "part_msdos",
        "search",
        "search_fs_file",
        "search_label",
        "serial",
        "terminal",
        "test",
    ]);
    tool::run(mkimage)?;
    Ok(loader)
}
