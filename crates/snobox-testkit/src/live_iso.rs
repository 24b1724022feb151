//! A CoreOS live ISO in miniature: the tree, the embed areas and the hybrid partition tables of a real one, with
//! pseudo-random bytes in place of kernel and root file system. It does not boot.
//!
//! ```text
//! /coreos/kargs.json     where the kernel arguments are embedded (two areas of 1139 bytes)
//! /coreos/igninfo.json   which file takes the Ignition config: /images/ignition.img, 262144 zero bytes
//! /coreos/features.json  what coreos-installer may do with this ISO
//! /coreos/miniso.dat     header only; a minimal ISO cannot be made from this one
//! /EFI/redhat/grub.cfg, /isolinux/isolinux.cfg          the areas themselves
//! /images/pxeboot/{vmlinuz,initrd.img,rootfs.img}, /images/efiboot.img, /isolinux/{isolinux.bin,boot.cat}
//! ```
//!
//! Sources: coreos-installer 0.27 `src/live/embed.rs` and `src/iso9660.rs` for what is read and how;
//! coreos-assembler `cmd-buildextend-live` for what is in the tree.

mod content;
mod hybrid;
mod records;
mod tree;

use content::files;
use tree::{SECTOR, Tree};

/// Size of the area for the Ignition config, in bytes.
pub const IGNITION_AREA_BYTES: usize = 262_144;
/// Size of each area for kernel arguments, in bytes.
pub const KARGS_AREA_BYTES: usize = 1139;
/// The kernel arguments that the ISO comes with.
pub const DEFAULT_KARGS: &str = concat!(
    "coreos.liveiso=rhcos-499.99.0-practice ",
    "ignition.firstboot ignition.platform.id=metal"
);
/// Volume name of the ISO; the live system finds its medium by it.
pub const VOLUME_NAME: &str = "rhcos-499.99.0-practice";

/// The image is padded to a multiple of this.
const ALIGNMENT: usize = 1 << 20;

/// The whole image: between 3 and 4 MiB, a multiple of 1 MiB, the same bytes each time.
#[must_use]
pub fn live_iso() -> Vec<u8> {
    let tree = Tree::lay_out(files());
    // Room for the backup partition table behind the file system, then up to the next MiB.
    let length = (tree.sectors() * SECTOR + hybrid::BACKUP_BYTES).next_multiple_of(ALIGNMENT);
    let mut image = tree.write(length);
    hybrid::write_tables(&mut image, &tree);
    image
}
