//! A disk that is full.

use std::fs;
use std::path::Path;

use crate::support::{Sandbox, Serving, Tool, Tree, demo, may_mount, mirrors, set_in, tool};

/// A small file system in memory; gone with its value.
struct Small<'a> {
    sandbox: &'a Sandbox,
    mount: Tool,
    umount: Tool,
}

impl<'a> Small<'a> {
    /// `None` after saying why.
    fn disk(sandbox: &'a Sandbox, mebibytes: u32) -> Option<Self> {
        Self::mounted(sandbox, &format!("size={mebibytes}m"))
    }

    fn mounted(sandbox: &'a Sandbox, options: &str) -> Option<Self> {
        if !may_mount("a file system of its own") {
            return None;
        }
        let (mount, umount) = (tool("mount")?, tool("umount")?);
        let point = sandbox.path("disk");
        fs::create_dir(&point).unwrap();
        let options = format!("{options},mode=0755");
        mount.run(&[
            "-t".as_ref(),
            "tmpfs".as_ref(),
            "-o".as_ref(),
            options.as_ref(),
            "tmpfs".as_ref(),
            point.as_os_str(),
        ]);
        Some(Self {
            sandbox,
            mount,
            umount,
        })
    }

    fn grow(&self, mebibytes: u32) {
        let options = format!("remount,size={mebibytes}m");
        let point = self.sandbox.path("disk");
        self.mount
            .run(&["-o".as_ref(), options.as_ref(), point.as_os_str()]);
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        self.umount
            .try_run(&["-l".as_ref(), self.sandbox.path("disk").as_os_str()]);
    }
}

#[test]
fn mirror_to_a_full_disk_keeps_what_is_whole_and_goes_on_with_more_room() {
    let sandbox = Sandbox::with_site();
    let Some(disk) = Small::disk(&sandbox, 12) else {
        return;
    };
    let serving = Serving::start(&sandbox, &demo().path("store"));
    set_in(&sandbox, &mirrors(&[serving.address]));
    let args = ["mirror", "--store", "disk/store"];
    sandbox
        .run(&args)
        .fails(30)
        .says("No space left")
        .says("disk/store")
        .says("of which 4194304 are kept free for indexes and folders")
        .says("of which 4.00 MiB are kept free for indexes");
    let tree = Tree::of(&sandbox.path("disk"));
    assert_eq!(tree.leftovers(), [""; 0]);
    blobs_are_whole(&sandbox.path("disk/store/blobs/sha256"));
    sandbox.run(&["verify", "disk/store"]).ok();
    disk.grow(400);
    sandbox.run(&args).ok();
    sandbox.run(&["verify", "disk/store"]).ok();
    let whole = Tree::of(&demo().path("store"));
    assert_eq!(Tree::of(&sandbox.path("disk/store")).names(), whole.names());
}

/// Every file hashes to its name.
fn blobs_are_whole(folder: &Path) {
    let Some(sha256sum) = tool("sha256sum") else {
        return;
    };
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let sum = sha256sum.text(&[&path]);
        assert_eq!(&sum[..64], path.file_name().unwrap().to_str().unwrap());
    }
}

#[test]
fn build_to_a_full_disk_leaves_nothing_and_succeeds_with_more_room() {
    let sandbox = Sandbox::with_site();
    // Too small for the ISO; large enough for the ISO, but not for the cache.
    for mebibytes in [1, 16] {
        let Some(disk) = Small::disk(&sandbox, mebibytes) else {
            return;
        };
        let args = ["build", "-o", "disk/site.img"];
        sandbox.run(&args).fails(30).says("No space left");
        assert_eq!(Tree::of(&sandbox.path("disk")).names(), [""; 0]);
        disk.grow(400);
        sandbox.run(&args).ok();
        sandbox.run(&["verify", "disk/site.img"]).ok();
        drop(disk);
        fs::remove_dir(sandbox.path("disk")).unwrap();
    }
}

#[test]
fn a_copied_iso_on_a_full_disk_leaves_nothing() {
    let sandbox = Sandbox::new();
    let Some(_disk) = Small::disk(&sandbox, 1) else {
        return;
    };
    sandbox.write("config.ign", r#"{"ignition":{"version":"3.2.0"}}"#);
    let image = demo().path("practice.img");
    let args = [
        "iso",
        "embed",
        image.to_str().unwrap(),
        "--ignition",
        "config.ign",
    ];
    let args = [&args[..], &["--force", "-o", "disk/new.iso"]].concat();
    sandbox.run(&args).fails(30).says("No space left");
    assert_eq!(Tree::of(&sandbox.path("disk")).names(), [""; 0]);
}

#[test]
fn a_disk_that_can_take_no_more_files_is_not_told_as_a_full_one() {
    let sandbox = Sandbox::with_site();
    // Enough for the folders of a store, and not for the blobs.
    let Some(_disk) = Small::mounted(&sandbox, "size=400m,nr_inodes=40") else {
        return;
    };
    let serving = Serving::start(&sandbox, &demo().path("store"));
    set_in(&sandbox, &mirrors(&[serving.address]));
    let said = sandbox
        .run(&["mirror", "--store", "disk/store"])
        .fails(30)
        .says("its file system has no inodes left")
        .says("`df -i ");
    assert!(!said.stderr.contains("are still to come"), "{said}");
    // A file of its own finds no place either, once what the run has removed again is taken.
    let fill = |number: u32| fs::write(sandbox.path(&format!("disk/{number}")), "").is_ok();
    assert!((0..1000).any(|number| !fill(number)));
    sandbox
        .run(&["build", "-o", "disk/site.img"])
        .fails(30)
        .says("its file system has no inodes left");
}
