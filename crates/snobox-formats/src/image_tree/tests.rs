//! What is seen of images put together here, judged by what the specification says a file system would show.

use std::collections::BTreeMap;
use std::io::Cursor;

use super::*;
use crate::digest::Digest;
use crate::layer::LayerWriter;

struct Memory(BTreeMap<Digest, Vec<u8>>);

impl Blobs for Memory {
    fn open(&self, digest: Digest) -> io::Result<Option<Box<dyn Read + '_>>> {
        Ok(self
            .0
            .get(&digest)
            .map(|bytes| Box::new(Cursor::new(bytes)) as Box<dyn Read>))
    }
}

#[derive(Debug, Default)]
struct Seen {
    files: Vec<String>,
    entries: Vec<String>,
}

impl Visitor for Seen {
    fn entry(&mut self, layer: usize, path: &str, is_folder: bool) {
        let mark = if is_folder { "/" } else { "" };
        self.entries.push(format!("{layer}:{path}{mark}"));
    }

    fn file(&mut self, path: &str, content: &mut dyn Read) -> io::Result<()> {
        let mut text = String::new();
        content.read_to_string(&mut text)?;
        self.files.push(format!("{path}={text}"));
        Ok(())
    }
}

/// Each layer as its files: path and content, or a whiteout's path.
fn walked(layers: &[&[(&str, &str)]], folder: &str) -> Result<Seen, ImageFileError> {
    let written = layers.iter().map(|files| {
        let mut layer = LayerWriter::default();
        for (path, content) in *files {
            layer.file(path, content.as_bytes()).unwrap();
        }
        layer.finish().unwrap().blob
    });
    walked_blobs(written.map(|blob| (".tar+gzip", blob)).collect(), folder)
}

fn walked_blobs(layers: Vec<(&str, Vec<u8>)>, folder: &str) -> Result<Seen, ImageFileError> {
    let descriptors: Vec<Descriptor> = layers
        .iter()
        .map(|(media_type, blob)| Descriptor {
            media_type: format!("application/vnd.oci.image.layer.v1{media_type}"),
            digest: Digest::of(blob),
            size: blob.len() as u64,
            platform: None,
            annotations: BTreeMap::new(),
        })
        .collect();
    let blobs = layers
        .into_iter()
        .map(|(_, blob)| (Digest::of(&blob), blob));
    let mut seen = Seen::default();
    walk(&Memory(blobs.collect()), &descriptors, folder, &mut seen)?;
    seen.files.sort();
    Ok(seen)
}

fn files(layers: &[&[(&str, &str)]]) -> Vec<String> {
    walked(layers, "configs").unwrap().files
}

#[test]
fn only_what_is_below_the_folder_is_shown() {
    let layers: [&[_]; 2] = [
        &[("bin/opm", "x"), ("configs/a/c.json", "1")],
        &[
            ("configsnot/a", "x"),
            ("configs/b.json", "2"),
            ("x/configs/c", "x"),
        ],
    ];
    assert_eq!(files(&layers), ["configs/a/c.json=1", "configs/b.json=2"]);
    let seen = walked(&layers, "configs").unwrap();
    assert_eq!(
        seen.entries,
        [
            "1:configsnot/",
            "1:configsnot/a",
            "1:configs/",
            "1:configs/b.json",
            "1:x/",
            "1:x/configs/",
            "1:x/configs/c",
            "0:bin/",
            "0:bin/opm",
            "0:configs/",
            "0:configs/a/",
            "0:configs/a/c.json",
        ]
    );
}

#[test]
fn the_upper_file_counts() {
    assert_eq!(
        files(&[
            &[("configs/a", "old"), ("configs/b", "b")],
            &[("configs/a", "new")]
        ]),
        ["configs/a=new", "configs/b=b"]
    );
}

#[test]
fn whiteouts_take_away_what_is_below_and_not_what_is_beside_them() {
    let lower: &[_] = &[
        ("configs/a/1", "1"),
        ("configs/a/2", "2"),
        ("configs/b", "b"),
    ];
    for (mark, left) in [
        ("configs/.wh.b", &["configs/a/1=1", "configs/a/2=2"][..]),
        ("configs/a/.wh.1", &["configs/a/2=2", "configs/b=b"]),
        ("configs/.wh.a", &["configs/b=b"]),
        ("configs/a/.wh..wh..opq", &["configs/b=b"]),
        (".wh.configs", &[]),
        ("configs/.wh..wh..opq", &[]),
        (".wh..wh..opq", &[]),
        (
            "other/.wh..wh..opq",
            &["configs/a/1=1", "configs/a/2=2", "configs/b=b"],
        ),
    ] {
        assert_eq!(files(&[lower, &[(mark, "")]]), left, "{mark}");
        // In the same layer it hides nothing, wherever it stands.
        let with_new = [
            &[(mark, ""), ("configs/new", "n")][..],
            &[("configs/z", "z")],
        ]
        .concat();
        let kept: Vec<_> = left
            .iter()
            .copied()
            .chain(["configs/new=n", "configs/z=z"])
            .collect();
        assert_eq!(files(&[lower, &with_new]), kept, "{mark}");
    }
}

#[test]
fn a_file_in_the_place_of_a_folder_hides_it_and_the_other_way_round() {
    let folder: &[_] = &[("configs/a/1", "1"), ("configs/b", "b")];
    let file: &[_] = &[("configs/a", "file"), ("configs/b/2", "2")];
    assert_eq!(files(&[folder, file]), ["configs/a=file", "configs/b/2=2"]);
    let all: &[_] = &[("configs", "a file")];
    assert_eq!(files(&[folder, all]), [""; 0]);
}

#[test]
fn every_compression_is_read_and_others_are_refused_by_name() {
    let mut layer = LayerWriter::default();
    layer.file("configs/a", b"1").unwrap();
    let gzip = layer.finish().unwrap().blob;
    let mut tar = Vec::new();
    flate2::read::GzDecoder::new(gzip.as_slice())
        .read_to_end(&mut tar)
        .unwrap();
    let zstd = ruzstd::encoding::compress_to_vec(
        tar.as_slice(),
        ruzstd::encoding::CompressionLevel::Fastest,
    );
    for (media_type, blob) in [(".tar+gzip", gzip), (".tar", tar), (".tar+zstd", zstd)] {
        let seen = walked_blobs(vec![(media_type, blob)], "configs").unwrap();
        assert_eq!(seen.files, ["configs/a=1"], "{media_type}");
    }
    let error = walked_blobs(vec![(".tar+xz", Vec::new())], "configs").unwrap_err();
    assert!(error.to_string().contains("tar+xz"), "{error}");
}

#[test]
fn a_layer_that_is_cut_short_is_an_error() {
    let mut layer = LayerWriter::default();
    layer.file("configs/a", &[b'x'; 4000]).unwrap();
    let gzip = layer.finish().unwrap().blob;
    let mut tar = Vec::new();
    flate2::read::GzDecoder::new(gzip.as_slice())
        .read_to_end(&mut tar)
        .unwrap();
    tar.truncate(1024 + 700);
    let error = walked_blobs(vec![(".tar", tar)], "configs").unwrap_err();
    assert!(
        matches!(
            error,
            ImageFileError::Sink { .. } | ImageFileError::Layer { .. }
        ),
        "{error}"
    );
}

#[test]
fn hard_links_below_the_folder_are_refused() {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::Link);
    header.set_size(0);
    archive
        .append_link(&mut header, "configs/b", "configs/a")
        .unwrap();
    let tar = archive.into_inner().unwrap();
    let error = walked_blobs(vec![(".tar", tar)], "configs").unwrap_err();
    assert!(error.to_string().contains("configs/b"), "{error}");
}
