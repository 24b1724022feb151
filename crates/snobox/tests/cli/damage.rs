//! What is missing, cut short, or something else.

use std::fs::{self, OpenOptions};

use serde_json::Value;

use crate::support::{Sandbox, Tree, sample_iso, tool};

/// The largest layer of a store: its digest without `sha256:`.
fn largest_blob(sandbox: &Sandbox) -> String {
    let blobs = fs::read_dir(sandbox.path("store/blobs/sha256")).unwrap();
    blobs
        .map(|entry| entry.unwrap())
        .max_by_key(|entry| entry.metadata().unwrap().len())
        .unwrap()
        .file_name()
        .into_string()
        .unwrap()
}

/// Verification of the damaged store names the blob and an image; so does `build`, and it makes nothing.
fn the_blob_is_named(sandbox: &Sandbox, blob: &str, code: &str) {
    let said = sandbox.run(&["verify", "store"]).fails(40);
    let line = said.text();
    assert!(line.starts_with(&format!("{code}: ")), "{said}");
    assert!(
        line.contains(blob) && line.contains("(needed by "),
        "{said}"
    );
    let value = sandbox.run(&["--json", "verify", "store"]).fails(40).stdout;
    let value: Value = serde_json::Deserializer::from_slice(&value)
        .into_iter()
        .next()
        .unwrap()
        .unwrap();
    assert_eq!(value["ok"], false);
    assert_eq!(value["findings"][0]["code"], code);
    let before = Tree::of(&sandbox.work());
    let said = sandbox.run(&["build"]);
    let exit = said.code();
    said.fails(exit).says(blob);
    assert!(matches!(exit, 22 | 23 | 31 | 40), "{exit}");
    assert_eq!(Tree::of(&sandbox.work()), before);
}

#[test]
fn a_blob_that_is_missing_is_named() {
    let sandbox = Sandbox::with_site();
    let blob = largest_blob(&sandbox);
    fs::remove_file(sandbox.path("store/blobs/sha256").join(&blob)).unwrap();
    the_blob_is_named(&sandbox, &blob, "blob-missing");
}

#[test]
fn a_blob_that_is_cut_short_is_named() {
    let sandbox = Sandbox::with_site();
    let blob = largest_blob(&sandbox);
    let path = sandbox.path("store/blobs/sha256").join(&blob);
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    let length = file.metadata().unwrap().len();
    file.set_len(length - 1).unwrap();
    the_blob_is_named(&sandbox, &blob, "blob-wrong-size");
}

#[test]
fn a_blob_with_another_byte_is_named() {
    let sandbox = Sandbox::with_site();
    let blob = largest_blob(&sandbox);
    let name = format!("store/blobs/sha256/{blob}");
    let mut bytes = sandbox.read(&name);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    sandbox.write(&name, bytes);
    the_blob_is_named(&sandbox, &blob, "blob-wrong-digest");
}

#[test]
fn an_image_that_ends_too_early_is_named() {
    let sandbox = Sandbox::with_image();
    let path = sandbox.path("practice.img");
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    let length = file.metadata().unwrap().len();
    for shorter in [length - 1, length / 2, 5 << 20] {
        file.set_len(shorter).unwrap();
        let said = sandbox.run(&["verify", "practice.img"]).fails(40);
        let text = said.text();
        assert!(
            text.contains(&format!(
                "image-truncated: the image ends after {shorter} bytes"
            )),
            "{said}"
        );
        assert!(text.contains(&format!("expected {length}")), "{said}");
    }
    // Within the ISO's own file system there is no ISO left.
    file.set_len(1 << 20).unwrap();
    sandbox.run(&["verify", "practice.img"]).fails(12);
}

#[test]
fn what_was_never_an_image_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("empty", "");
    sandbox.write("text", "not an image\n".repeat(9000));
    let mut state = 1u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(3 << 20)
    .collect();
    sandbox.write("noise", noise);
    for name in ["empty", "text", "noise"] {
        sandbox.run(&["verify", name]).fails(12);
        sandbox.run(&["iso", "show", name]).fails(12);
    }
    fs::create_dir(sandbox.path("folder")).unwrap();
    sandbox
        .run(&["verify", "folder"])
        .fails(31)
        .says("oci-layout");
    sandbox.run(&["verify", "absent"]).fails(31).says("absent");
}

#[test]
fn a_live_iso_without_a_cache_is_called_just_that() {
    let (Some(xz), Some(sample)) = (tool("xz"), sample_iso("embed-areas-2023-07.x86_64.iso.xz"))
    else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox.write("live.iso", xz.run(&["-dc".as_ref(), sample.as_os_str()]));
    let said = sandbox.run(&["verify", "live.iso"]).fails(12);
    said.says("not an image built by snobox")
        .says("snobox build");
    sandbox.write("c.ign", r#"{"ignition":{"version":"3.2.0"}}"#);
    sandbox
        .run(&["iso", "embed", "live.iso", "--ignition", "c.ign"])
        .ok();
    sandbox
        .run(&["verify", "live.iso"])
        .fails(12)
        .says("/etc/snobox/image.json");
}
