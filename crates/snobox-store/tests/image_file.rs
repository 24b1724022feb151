//! One file out of an image: the topmost layer wins, whiteouts hide, damage is an error and never a shorter file.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use snobox_formats::digest::Digest;
use snobox_formats::image_file::ImageFileError;
use snobox_store::Store;
use tar::EntryType;

const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const DOCKER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
const PLAIN: &str = "application/vnd.oci.image.layer.v1.tar";

/// (path, kind, content or link target)
type Entry<'a> = (&'a str, EntryType, &'a str);

fn file<'a>(path: &'a str, content: &'a str) -> Entry<'a> {
    (path, EntryType::Regular, content)
}

fn archive(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, kind, text) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        let content = if kind.is_file() { *text } else { "" };
        header.set_size(content.len() as u64);
        // Written raw: the builder would tidy names such as ./a.
        header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
        if kind.is_symlink() || kind.is_hard_link() {
            header.set_link_name(text).unwrap();
        }
        header.set_cksum();
        builder.append(&header, content.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

struct Image {
    _folder: tempfile::TempDir,
    store: Store,
    manifest: Digest,
}

/// An image with these layers, the lowest first.
fn image(layers: &[(&str, Vec<u8>)]) -> Image {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    let put = |media_type: &str, bytes: &[u8]| {
        let digest = Digest::of(bytes);
        store.put(digest, bytes).unwrap();
        serde_json::json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() })
    };
    let layers: Vec<_> = layers
        .iter()
        .map(|(media_type, tar)| {
            if media_type.ends_with("gzip") {
                let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
                gzip.write_all(tar).unwrap();
                put(media_type, &gzip.finish().unwrap())
            } else {
                put(media_type, tar)
            }
        })
        .collect();
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": put("application/vnd.oci.image.config.v1+json", b"{}"),
        "layers": layers,
    });
    let bytes = manifest.to_string().into_bytes();
    let manifest = Digest::of(&bytes);
    store.put(manifest, &bytes).unwrap();
    Image {
        _folder: folder,
        store,
        manifest,
    }
}

impl Image {
    fn read(&self, path: &str) -> Result<String, ImageFileError> {
        let bytes = self.store.read_image_file(self.manifest, path, 1 << 20)?;
        Ok(String::from_utf8(bytes).unwrap())
    }

    #[track_caller]
    fn assert_absent(&self, path: &str) {
        let found = self.read(path);
        assert!(
            matches!(found, Err(ImageFileError::NotFound { .. })),
            "{path}: {found:?}"
        );
    }
}

#[test]
fn a_file_is_found_in_gzip_and_in_plain_layers_of_both_families() {
    let image = image(&[
        (GZIP, archive(&[file("a/low", "1")])),
        (PLAIN, archive(&[file("./a/mid", "22")])),
        (DOCKER_GZIP, archive(&[file("/a/high", "333")])),
    ]);
    for (path, expected) in [("a/low", "1"), ("a/mid", "22"), ("a/high", "333")] {
        assert_eq!(image.read(path).unwrap(), expected);
        let mut sink = Vec::new();
        let size = image
            .store
            .copy_image_file(image.manifest, path, &mut sink)
            .unwrap();
        assert_eq!(
            (size, sink.as_slice()),
            (expected.len() as u64, expected.as_bytes())
        );
    }
    image.assert_absent("a/lo");
    image.assert_absent("a");
}

#[test]
fn the_topmost_layer_wins() {
    let image = image(&[
        (GZIP, archive(&[file("a/f", "old")])),
        (PLAIN, archive(&[file("a/f", "new")])),
        (GZIP, archive(&[file("a/other", "x")])),
    ]);
    assert_eq!(image.read("a/f").unwrap(), "new");
}

#[test]
fn whiteouts_hide_the_layers_below_and_only_those() {
    let low = archive(&[
        file("a/f", "1"),
        file("a/g", "2"),
        file("b/c/h", "3"),
        file("d/i", "4"),
    ]);
    let image = image(&[
        (GZIP, low),
        (
            GZIP,
            archive(&[
                file("a/.wh.f", ""),
                file("b/.wh.c", ""),
                file("d/.wh..wh..opq", ""),
                file("d/new", "5"),
            ]),
        ),
    ]);
    image.assert_absent("a/f");
    image.assert_absent("b/c/h");
    image.assert_absent("d/i");
    assert_eq!(image.read("a/g").unwrap(), "2");
    assert_eq!(image.read("d/new").unwrap(), "5");
}

#[test]
fn a_file_that_comes_back_above_its_whiteout_is_found() {
    let image = image(&[
        (GZIP, archive(&[file("a/f", "1")])),
        (GZIP, archive(&[file("a/.wh.f", "")])),
        (GZIP, archive(&[file("a/f", "3")])),
    ]);
    assert_eq!(image.read("a/f").unwrap(), "3");
}

#[test]
fn a_link_or_a_folder_in_a_files_place_hides_the_file_below() {
    for (path, kind) in [
        ("a/f", EntryType::Symlink),
        ("a/f", EntryType::Directory),
        ("a", EntryType::Symlink),
    ] {
        let image = image(&[
            (GZIP, archive(&[file("a/f", "stale")])),
            (GZIP, archive(&[(path, kind, "elsewhere")])),
        ]);
        image.assert_absent("a/f");
    }
}

#[test]
fn a_folder_on_the_way_hides_nothing() {
    let image = image(&[
        (GZIP, archive(&[file("a/f", "1")])),
        (
            GZIP,
            archive(&[
                ("./", EntryType::Directory, "x"),
                ("a/", EntryType::Directory, "x"),
                ("b", EntryType::Symlink, "a"),
            ]),
        ),
    ]);
    assert_eq!(image.read("a/f").unwrap(), "1");
}

#[test]
fn a_hard_link_has_the_content_of_its_target_in_the_same_layer() {
    let image = image(&[
        (GZIP, archive(&[file("bin/one", "stale")])),
        (
            GZIP,
            archive(&[
                file("bin/two", "same"),
                ("bin/one", EntryType::Link, "bin/two"),
            ]),
        ),
    ]);
    assert_eq!(image.read("bin/one").unwrap(), "same");
}

#[test]
fn hard_links_in_a_circle_end() {
    let image = image(&[(
        GZIP,
        archive(&[("a", EntryType::Link, "b"), ("b", EntryType::Link, "a")]),
    )]);
    image.assert_absent("a");
}

#[test]
fn a_layer_that_ends_inside_the_file_is_an_error() {
    for media_type in [PLAIN, GZIP] {
        let mut tar = archive(&[file("f", &"x".repeat(5000))]);
        tar.truncate(512 + 4000);
        let error = image(&[(media_type, tar)]).read("f").unwrap_err();
        assert!(
            matches!(error, ImageFileError::Layer { .. }),
            "{media_type}: {error:?}"
        );
    }
}

#[test]
fn a_file_above_the_limit_and_an_unknown_compression_are_refused() {
    let image = image(&[
        ("application/vnd.oci.image.layer.v1.tar+xz", vec![1]),
        (GZIP, archive(&[file("f", "12345")])),
    ]);
    let limited = |limit| image.store.read_image_file(image.manifest, "f", limit);
    assert_eq!(limited(5).unwrap(), b"12345");
    assert!(matches!(limited(4), Err(ImageFileError::Sink { .. })));
    let error = image.read("absent").unwrap_err();
    assert!(
        matches!(error, ImageFileError::MediaType { .. }),
        "{error:?}"
    );
}

#[test]
fn the_practice_installer_is_the_one_of_the_upper_layer() {
    let folder = tempfile::tempdir().unwrap();
    let practice = snobox_testkit::practice::write_layout(folder.path()).unwrap();
    let store = Store::open(folder.path()).unwrap();
    let manifest = |wanted: &str| -> Digest {
        let (_, spec) = practice
            .components
            .iter()
            .find(|(name, _)| name == wanted)
            .unwrap();
        spec.split_once('@').unwrap().1.parse().unwrap()
    };
    let script = store
        .read_image_file(manifest("installer"), "usr/bin/openshift-install", 4096)
        .unwrap();
    assert!(
        String::from_utf8(script)
            .unwrap()
            .contains("practice-installer")
    );
    let media = manifest("machine-os-images");
    let mut iso = Vec::new();
    store
        .copy_image_file(media, "coreos/coreos-x86_64.iso", &mut iso)
        .unwrap();
    assert_eq!(iso, snobox_testkit::live_iso::live_iso());
    let hidden = store.read_image_file(media, "coreos/coreos-x86_64.iso.part", 4096);
    assert!(matches!(hidden, Err(ImageFileError::NotFound { .. })));
    // A multi-architecture image is not one image.
    let list = store.read_image_file(manifest("cli"), "usr/bin/oc", 1 << 20);
    assert!(matches!(list, Err(ImageFileError::Manifest { .. })));
}

#[test]
fn a_folder_is_read_from_the_topmost_layer_that_has_files_of_it() {
    let image = image(&[
        (GZIP, archive(&[file("m/old", "0")])),
        (
            GZIP,
            archive(&[
                file("./m/b.yaml", "22"),
                file("m/a.yaml", "1"),
                ("m/sub", EntryType::Directory, ""),
                file("m/sub/deep", "x"),
                file("mm/not", "x"),
                ("m/link", EntryType::Symlink, "a.yaml"),
            ]),
        ),
        (PLAIN, archive(&[file("other", "x")])),
    ]);
    let read = |folder: &str, limit| {
        snobox_formats::image_file::read_folder(&image.store, image.manifest, folder, limit)
    };
    let files = read("m/", 3).unwrap();
    let named = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
    assert_eq!(files, [named("a.yaml", "1"), named("b.yaml", "22")]);
    assert_eq!(read("absent/", 3).unwrap(), []);
    assert!(matches!(read("m/", 2), Err(ImageFileError::Layer { .. })));
}
