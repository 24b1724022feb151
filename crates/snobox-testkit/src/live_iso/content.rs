//! The files of the live ISO.

use super::{DEFAULT_KARGS, IGNITION_AREA_BYTES, KARGS_AREA_BYTES};
use crate::random::stand_in;
use serde_json::json;

/// Path of the EFI boot partition.
pub(super) const EFI_BOOT: &str = "images/efiboot.img";
/// Path of the BIOS boot program.
pub(super) const BIOS_BOOT: &str = "isolinux/isolinux.bin";
/// Path of the El Torito boot catalog, one sector; filled in when the place of the other files is known.
pub(super) const BOOT_CATALOG: &str = "isolinux/boot.cat";

const GRUB: &str = "EFI/redhat/grub.cfg";
const ISOLINUX: &str = "isolinux/isolinux.cfg";

const GRUB_HEAD: &str = "\
# Practice live ISO: menu for UEFI
set default=0
set timeout=5
menuentry 'Practice CoreOS (Live)' {
\tlinux /images/pxeboot/vmlinuz ";
const GRUB_TAIL: &str = "\tinitrd /images/pxeboot/initrd.img /images/ignition.img\n}\n";

const ISOLINUX_HEAD: &str = "\
# Practice live ISO: menu for BIOS
default linux
timeout 50
label linux
  menu label Practice CoreOS (Live)
  kernel /images/pxeboot/vmlinuz
  append initrd=/images/pxeboot/initrd.img,/images/ignition.img ";
const ISOLINUX_TAIL: &str = "  menu default\n";

/// All files as (path with its true case, content), in no particular order.
pub(super) fn files() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        (GRUB, with_area(GRUB_HEAD, GRUB_TAIL)),
        (ISOLINUX, with_area(ISOLINUX_HEAD, ISOLINUX_TAIL)),
        ("coreos/kargs.json", kargs_json()),
        (
            "coreos/igninfo.json",
            pretty(&json!({ "file": "images/ignition.img" })),
        ),
        ("coreos/features.json", features()),
        ("coreos/miniso.dat", miniso()),
        ("images/ignition.img", vec![0; IGNITION_AREA_BYTES]),
        (EFI_BOOT, stand_in("efiboot.img", 192 << 10)),
        ("images/pxeboot/vmlinuz", stand_in("vmlinuz", 500_003)),
        ("images/pxeboot/initrd.img", stand_in("initrd.img", 700_001)),
        (
            "images/pxeboot/rootfs.img",
            stand_in("rootfs.img", 1_300_007),
        ),
        (BIOS_BOOT, stand_in("isolinux.bin", 24 << 10)),
        (BOOT_CATALOG, vec![0; super::tree::SECTOR]),
    ]
}

/// `head`, then the area (arguments, newline, `#` up to its size), then the mark that coreos-installer's authors left
/// for people who read the file, then `tail`.
fn with_area(head: &str, tail: &str) -> Vec<u8> {
    let mut text = format!("{head}{DEFAULT_KARGS}\n");
    text.push_str(&"#".repeat(head.len() + KARGS_AREA_BYTES - text.len()));
    text.push_str(" COREOS_KARG_EMBED_AREA\n");
    text.push_str(tail);
    text.into_bytes()
}

fn kargs_json() -> Vec<u8> {
    let area = |path: &str, offset: usize| json!({ "end": "\n", "offset": offset, "pad": "#", "path": path });
    pretty(&json!({
        "default": DEFAULT_KARGS,
        "files": [area(GRUB, GRUB_HEAD.len()), area(ISOLINUX, ISOLINUX_HEAD.len())],
        "size": KARGS_AREA_BYTES,
    }))
}

fn features() -> Vec<u8> {
    let directives: serde_json::Map<_, _> = [
        "append-karg",
        "architecture",
        "console",
        "copy-network",
        "delete-karg",
        "dest-device",
        "fetch-retries",
        "ignition-file",
        "ignition-hash",
        "ignition-url",
        "image-file",
        "image-url",
        "insecure",
        "insecure-ignition",
        "network-dir",
        "offline",
        "platform",
        "preserve-on-error",
        "save-partindex",
        "save-partlabel",
        "stream",
        "stream-base-url",
    ]
    .into_iter()
    .map(|name| (name.to_owned(), true.into()))
    .collect();
    pretty(&json!({
        "installer-config": true,
        "installer-config-directives": directives,
        "live-initrd-network": true,
    }))
}

fn miniso() -> Vec<u8> {
    let mut bytes = b"MINISO\0\0".to_vec();
    bytes.resize(16_384, 0);
    bytes
}

fn pretty(document: &serde_json::Value) -> Vec<u8> {
    format!("{document:#}\n").into_bytes()
}
