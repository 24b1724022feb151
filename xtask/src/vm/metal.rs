//! The stand-in for RHCOS's metal image: GPT with BIOS-BOOT, EFI-SYSTEM, boot and root, as coreos-installer expects it, without a loop
//! device. Source of truth: coreos-installer 0.27.0 (`src/install.rs`), for GRUB's places in `boot.img` and `core.img`
//! `include/grub/i386/pc/boot.h` of GRUB 2.06.

use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::tool;
use super::tree::Tree;

const MIB: u64 = 1 << 20;
const SECTOR: u64 = 512;

/// Number, first MiB, size in MiB, type and name; `root` follows, as large as its content. It grows on the first boot.
const PARTITIONS: [(u8, u64, u64, &str, &str); 3] = [
    (1, 1, 1, "ef02", "BIOS-BOOT"),
    (2, 2, 16, "ef00", "EFI-SYSTEM"),
    (3, 18, 64, "8300", "boot"),
];
const ROOT_MIB: u64 = 82;

/// GRUB's modules for both firmwares. `linux` is not among them: see `standin/grub-metal.cfg`.
const MODULES: [&str; 13] = [
    "boot",
    "configfile",
    "echo",
    "ext2",
    "minicmd",
    "normal",
    "part_gpt",
    "search",
    "search_label",
    "serial",
    "terminal",
    "test",
    "true",
];

/// Makes the image and compresses it into `output`; `folder` is for work in between.
pub fn build(
    tree: &Tree,
    squashfs: &Path,
    initrd: &Path,
    folder: &Path,
    output: &Path,
) -> Result<(), String> {
    let failed = |error| {
        format!(
            "cannot build the metal image in {}: {error}",
            folder.display()
        )
    };
    let content_bytes = fs::metadata(squashfs).map_err(failed)?.len();
    let root_mib = content_bytes.div_ceil(MIB) + 64;
    let image = folder.join("metal.raw");
    let disk = File::create(&image).map_err(failed)?;
    disk.set_len((ROOT_MIB + root_mib + 1) * MIB)
        .map_err(failed)?;
    partition(&image, root_mib)?;

    let esp = esp(folder)?;
    copy(&esp, &disk, 2 * MIB)?;
    let boot = boot(tree, initrd, folder)?;
    copy(&boot, &disk, 18 * MIB)?;
    let root = ext4(folder, "root", root_mib, |content| {
        fs::hard_link(squashfs, content.join("root.squashfs"))
    })?;
    copy(&root, &disk, ROOT_MIB * MIB)?;
    bios(folder, &disk)?;
    drop(disk);

    // Mostly compressed already.
    let mut compress = tool::tool("zstd", folder)?;
    compress
        .args(["-q", "-1", "-f", "-o"])
        .arg(output)
        .arg(&image);
    tool::run(compress).map(drop)
}

fn partition(image: &Path, root_mib: u64) -> Result<(), String> {
    let mut sgdisk = tool::tool("sgdisk", Path::new("/"))?;
    let all = PARTITIONS
        .into_iter()
        .chain([(4, ROOT_MIB, root_mib, "8300", "root")]);
    for (number, start, size, kind, name) in all {
        let sectors = MIB / SECTOR;
        let (first, last) = (start * sectors, (start + size) * sectors - 1);
        sgdisk.arg(format!("--new={number}:{first}:{last}"));
        sgdisk.arg(format!("--typecode={number}:{kind}"));
        sgdisk.arg(format!("--change-name={number}:{name}"));
    }
    sgdisk.arg(image);
    tool::run(sgdisk).map(drop)
}

/// The EFI system partition: one loader at the path that firmware tries on a disk without boot entries.
fn esp(folder: &Path) -> Result<PathBuf, String> {
    let loader = folder.join("metal.efi");
    grub(folder, "x86_64-efi", &loader, &["fat", "all_video"])?;
    fat(folder, "esp.img", 16, &loader)
}

/// A FAT file system with `EFI/BOOT/BOOTX64.EFI`.
pub fn fat(folder: &Path, name: &str, size_mib: u64, loader: &Path) -> Result<PathBuf, String> {
    let path = folder.join(name);
    let file = File::create(&path).map_err(|e| format!("cannot make {}: {e}", path.display()))?;
    file.set_len(size_mib * MIB)
        .map_err(|e| format!("cannot make {}: {e}", path.display()))?;
    let image = path.to_string_lossy().into_owned();
    tool::call(
        folder,
        "mkfs.vfat",
        ["--invariant", "-n", "EFI-SYSTEM", &image],
    )?;
    tool::call(folder, "mmd", ["-i", &image, "::EFI", "::EFI/BOOT"])?;
    let loader = loader.to_string_lossy();
    tool::call(
        folder,
        "mcopy",
        ["-i", &image, &loader, "::EFI/BOOT/BOOTX64.EFI"],
    )?;
    Ok(path)
}

/// GRUB's core for one firmware, which goes on with the configuration on the boot file system.
fn grub(folder: &Path, format: &str, output: &Path, more: &[&str]) -> Result<(), String> {
    let early = folder.join("grub-early-metal.cfg");
    let text = "search --label boot --set root --no-floppy\nset prefix=($root)/grub2\nconfigfile ($root)/grub2/grub.cfg\n";
    fs::write(&early, text)
        .map_err(|error| format!("cannot write {}: {error}", early.display()))?;
    let mut mkimage = tool::tool("grub-mkimage", folder)?;
    mkimage
        .args(["-O", format, "-p", "/grub2", "-c"])
        .arg(&early)
        .arg("-o")
        .arg(output);
    mkimage.args(MODULES).args(more);
    tool::run(mkimage).map(drop)
}

fn boot(tree: &Tree, initrd: &Path, folder: &Path) -> Result<PathBuf, String> {
    ext4(folder, "boot", 64, |content| {
        for name in ["grub2", "loader/entries", "ostree/standin", "coreos"] {
            fs::create_dir_all(content.join(name))?;
        }
        fs::copy(tree.vmlinuz(), content.join("ostree/standin/vmlinuz"))?;
        fs::copy(initrd, content.join("ostree/standin/initrd.img"))?;
        for platform in ["i386-pc", "x86_64-efi"] {
            linux_module(platform, &content.join("grub2").join(platform))?;
        }
        fs::write(content.join("ignition.firstboot"), "")?;
        let entry = content.join("loader/entries/ostree-1-standin.conf");
        fs::write(entry, include_str!("standin/bls.conf"))?;
        fs::write(
            content.join("grub2/grub.cfg"),
            include_str!("standin/grub-metal.cfg"),
        )
    })
}

/// Copies GRUB's module `linux` of one platform, with all that it needs, as `moddep.lst` says.
fn linux_module(platform: &str, folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let modules = Path::new("/usr/lib/grub").join(platform);
    let dependencies = fs::read_to_string(modules.join("moddep.lst"))?;
    let mut wanted = vec!["linux"];
    let mut next = 0;
    while let Some(name) = wanted.get(next).copied() {
        next += 1;
        let file = format!("{name}.mod");
        fs::copy(modules.join(&file), folder.join(file))?;
        let line = dependencies
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        for needed in line.unwrap_or_default().split_whitespace() {
            if !wanted.contains(&needed) {
                wanted.push(needed);
            }
        }
    }
    Ok(())
}

/// An ext4 file system with the content that `fill` puts into a folder.
fn ext4(
    folder: &Path,
    label: &str,
    size_mib: u64,
    fill: impl FnOnce(&Path) -> std::io::Result<()>,
) -> Result<PathBuf, String> {
    let (content, image) = (folder.join(label), folder.join(format!("{label}.img")));
    let failed = |error| format!("cannot make the file system {label}: {error}");
    fs::create_dir_all(&content).map_err(failed)?;
    fill(&content).map_err(failed)?;
    File::create(&image)
        .and_then(|file| file.set_len(size_mib * MIB))
        .map_err(failed)?;
    let mut mkfs = tool::tool("mkfs.ext4", folder)?;
    // As CoreOS has it. GRUB does not check metadata checksums, but the journal is of another kind with them.
    mkfs.args([
        "-q",
        "-b",
        "4096",
        "-L",
        label,
        "-m",
        "0",
        "-O",
        "metadata_csum",
        "-E",
        "root_owner=0:0",
        "-d",
    ]);
    mkfs.arg(&content).arg(&image);
    tool::run(mkfs)?;
    Ok(image)
}

/// Copies a file system to its place, holes left out.
fn copy(from: &Path, disk: &File, offset_bytes: u64) -> Result<(), String> {
    let failed = |error| format!("cannot copy {}: {error}", from.display());
    let bytes = fs::read(from).map_err(failed)?;
    let mut disk = disk;
    for (at, chunk) in (offset_bytes..)
        .step_by(MIB as usize)
        .zip(bytes.chunks(MIB as usize))
    {
        if chunk.iter().any(|byte| *byte != 0) {
            disk.seek(SeekFrom::Start(at))
                .and_then(|_| disk.write_all(chunk))
                .map_err(failed)?;
        }
    }
    Ok(())
}

/// GRUB for BIOS: `boot.img` in the MBR knows the first sector of `core.img`, which knows where the rest of itself is.
fn bios(folder: &Path, disk: &File) -> Result<(), String> {
    let path = folder.join("core.img");
    grub(folder, "i386-pc", &path, &["biosdisk"])?;
    let failed = |error| format!("cannot write GRUB for BIOS: {error}");
    let mut boot = fs::read("/usr/lib/grub/i386-pc/boot.img").map_err(failed)?;
    let mut core = fs::read(&path).map_err(failed)?;
    let first = MIB / SECTOR;
    if boot.len() < 440 || core.len() < 512 || core.len() as u64 > MIB {
        return Err(format!(
            "GRUB: boot.img has {} bytes, core.img {}",
            boot.len(),
            core.len()
        ));
    }
    // GRUB_BOOT_MACHINE_KERNEL_SECTOR; then the jump of GRUB_BOOT_MACHINE_DRIVE_CHECK becomes two NOPs, as grub-install does it.
    boot[0x5c..0x64].copy_from_slice(&first.to_le_bytes());
    boot[0x66..0x68].copy_from_slice(&[0x90, 0x90]);
    // The last block list of the first sector: start, length in sectors, segment to load to.
    let rest = (core.len() as u64 - SECTOR).div_ceil(SECTOR) as u16;
    core[0x1f4..0x1fc].copy_from_slice(&(first + 1).to_le_bytes());
    core[0x1fc..0x1fe].copy_from_slice(&rest.to_le_bytes());
    core[0x1fe..0x200].copy_from_slice(&0x820_u16.to_le_bytes());
    let mut disk = disk;
    disk.seek(SeekFrom::Start(0))
        .and_then(|_| disk.write_all(&boot[..440]))
        .map_err(failed)?;
    disk.seek(SeekFrom::Start(MIB))
        .and_then(|_| disk.write_all(&core))
        .map_err(failed)
}
