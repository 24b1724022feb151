//! The lab's media, kept in the user's cache by a key over all that they are made of.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::key::Key;
use super::{initrd, iso, metal, rootfs, tool, tree};
use crate::tools;

/// How many generations of media are kept: somebody may run an older one right now.
const KEPT: usize = 3;

/// What a virtual machine is booted from.
pub struct Media {
    /// The live ISO, with empty embed areas; the metal image is in it.
    pub iso: PathBuf,
    /// A static busybox, for images that shall run in the guest.
    pub busybox: PathBuf,
}

/// The media of this checkout, built if they are not there yet.
pub fn provide() -> Result<Media, String> {
    let cache = tools::cache().join("vm");
    fs::create_dir_all(&cache).map_err(|e| format!("cannot make {}: {e}", cache.display()))?;
    let installer = tools::coreos_installer()
        .or_else(tools::build_coreos_installer)
        .ok_or("coreos-installer: cargo install coreos-installer --version 0.27.0 --locked")?;
    let root_name = rootfs::key().name();
    let name = key(&root_name, &installer)?;
    let folder = cache.join(format!("media-{name}"));
    let media = Media {
        iso: folder.join("live.iso"),
        busybox: folder.join("busybox"),
    };
    if media.iso.is_file() {
        println!("media {name}: cached");
        // The folder's time says when it was used last.
        let _ = fs::File::open(&folder)
            .and_then(|file| file.set_modified(std::time::SystemTime::now()));
        return Ok(media);
    }
    let tarball = cache.join(format!("rootfs-{root_name}.tar"));
    if tarball.is_file() {
        println!("root file system {root_name}: cached");
    } else {
        timed("root file system", || rootfs::build(&tarball))?;
    }
    let work = cache.join(format!("media-{name}.{}", std::process::id()));
    let built = build(&work, &tarball, &installer);
    let named = built.and_then(|()| {
        fs::rename(work.join("out"), &folder)
            .or_else(|error| {
                if media.iso.is_file() {
                    Ok(())
                } else {
                    Err(error)
                }
            })
            .map_err(|error| format!("cannot name {}: {error}", folder.display()))
    });
    let _ = fs::remove_dir_all(&work);
    named?;
    prune(&cache);
    Ok(media)
}

fn key(root_name: &str, installer: &Path) -> Result<String, String> {
    let mut key = Key::new("media");
    key.text(root_name).text(tool::EPOCH).file(installer)?;
    for recipe in [
        include_str!("tree.rs"),
        include_str!("initrd.rs"),
        include_str!("metal.rs"),
        include_str!("iso.rs"),
        include_str!("media.rs"),
        include_str!("tool.rs"),
        include_str!("initramfs/init"),
        include_str!("standin/bls.conf"),
        include_str!("standin/coreos-installer"),
        include_str!("standin/grub-metal.cfg"),
        include_str!("standin/os-release"),
        include_str!("standin/setfiles"),
    ] {
        key.text(recipe);
    }
    let guest = guest();
    if guest.is_dir() {
        key.folder(&guest)?;
    }
    Ok(key.name())
}

/// The files that the guest has beyond Debian's.
fn guest() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/vm/guest/tree")
}

fn build(work: &Path, tarball: &Path, installer: &Path) -> Result<(), String> {
    let out = work.join("out");
    fs::create_dir_all(&out).map_err(|e| format!("cannot make {}: {e}", out.display()))?;
    let (squashfs, initrd, metal) = (
        work.join("root.squashfs"),
        work.join("initrd.img"),
        work.join("metal.raw.zst"),
    );
    let tree = timed("tree", || {
        tree::Tree::build(work, tarball, installer, &guest())
    })?;
    timed("squashfs", || tree.squashfs(&squashfs))?;
    timed("initramfs", || initrd::build(&tree, work, &initrd))?;
    timed("metal image", || {
        metal::build(&tree, &squashfs, &initrd, work, &metal)
    })?;
    let image = out.join("live.iso");
    timed("live ISO", || {
        iso::build(&tree, &squashfs, &initrd, &metal, work, &image)
    })?;
    fs::copy(tree.root.join("usr/bin/busybox"), out.join("busybox"))
        .map_err(|error| format!("cannot copy busybox: {error}"))?;
    for path in [&squashfs, &initrd, &metal, &image] {
        let bytes = fs::metadata(path).map_or(0, |metadata| metadata.len());
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        println!("   {name}: {:.1} MiB", bytes as f64 / f64::from(1 << 20));
    }
    Ok(())
}

/// Removes the media that were not used for the longest time.
fn prune(cache: &Path) {
    let Ok(entries) = fs::read_dir(cache) else {
        return;
    };
    let mut folders: Vec<_> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("media-"))
        .filter(|entry| !entry.file_name().to_string_lossy().contains('.'))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    folders.sort();
    for (_, path) in folders.iter().rev().skip(KEPT) {
        let _ = fs::remove_dir_all(path);
    }
}

/// Runs one step and says how long it took.
pub fn timed<T>(what: &str, step: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let started = Instant::now();
    let result = step();
    println!("{what}: {:.1} s", started.elapsed().as_secs_f64());
    result
}
