//! Tests of initrd archives; the real coreos-installer reads and writes them in `tests/live_iso.rs`.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;

use super::*;

const LIMIT: usize = 1 << 20;

fn members(list: &[(&str, &[u8])]) -> Members {
    list.iter()
        .map(|(path, contents)| ((*path).to_owned(), contents.to_vec()))
        .collect()
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// By hand from the format's description: `d/` (0755) and `d/f` (0600, "hi\n"), as this module writes them.
fn literal() -> Vec<u8> {
    let text = [
        "070701",
        "00000001",
        "000041ed",
        "00000000",
        "00000000",
        "00000002",
        "00000000",
        "00000000",
        "00000000",
        "00000000",
        "00000000",
        "00000000",
        "00000002",
        "00000000",
        "d\0",
        "070701",
        "00000002",
        "00008180",
        "00000000",
        "00000000",
        "00000001",
        "00000000",
        "00000003",
        "00000000",
        "00000000",
        "00000000",
        "00000000",
        "00000004",
        "00000000",
        "d/f\0\0\0",
        "hi\n\0",
        "070701",
        "00000000",
        "00000000",
        "00000000",
        "00000000",
        "00000001",
        "00000000",
        "00000000",
        "00000000",
        "00000000",
        "00000000",
        "00000000",
        "0000000b",
        "00000000",
        "TRAILER!!!\0\0\0\0",
    ];
    text.concat().into_bytes()
}

#[test]
fn the_written_archive_is_the_documented_one() {
    let archive = write_archive(&members(&[("d/f", b"hi\n")])).unwrap();
    assert_eq!(
        String::from_utf8(archive).unwrap(),
        String::from_utf8(literal()).unwrap()
    );
}

#[test]
fn each_parent_directory_is_written_once_and_before_its_files() {
    let archive = write_archive(&members(&[("a/b/x", b""), ("a/b/y", b""), ("c/z", b"")])).unwrap();
    let mut names = Vec::new();
    let mut at = 0;
    while at < archive.len() {
        let entry = Entry::read(&archive, at, 0).unwrap();
        names.push((entry.mode, entry.name));
        at = entry.end;
    }
    let (dir, file) = (0o040_755, 0o100_600);
    assert_eq!(
        names,
        [
            (dir, "a"),
            (dir, "a/b"),
            (file, "a/b/x"),
            (file, "a/b/y"),
            (dir, "c"),
            (file, "c/z"),
            (0, "TRAILER!!!")
        ]
    );
}

#[test]
fn archives_follow_each_other_in_any_compression_and_the_last_file_wins() {
    let one = write_archive(&members(&[("same", b"first"), ("plain", b"1")])).unwrap();
    let two = write_archive(&members(&[("same", b"second"), ("xz", b"2")])).unwrap();
    let three = write_archive(&members(&[("same", b"third"), ("gzip", b"3")])).unwrap();
    let zeros = [0; 512];
    let initrd = [
        &one[..],
        &xz::compress_for_initrd(&two),
        &zeros,
        &gzip(&three),
        &zeros,
    ]
    .concat();
    assert_eq!(
        read_initrd(&initrd, LIMIT).unwrap(),
        members(&[
            ("same", b"third"),
            ("plain", b"1"),
            ("xz", b"2"),
            ("gzip", b"3")
        ])
    );
}

#[test]
fn nothing_but_zeros_is_an_empty_initrd() {
    assert!(read_initrd(&[], 0).unwrap().is_empty());
    assert!(read_initrd(&[0; 4096], 0).unwrap().is_empty());
}

#[test]
fn a_name_padded_with_nuls_ends_at_the_first() {
    let mut bytes = literal();
    let name = bytes.windows(3).position(|w| w == b"d/f").unwrap();
    bytes.splice(name + 3..name + 3, [0; 8]);
    bytes[name - 16..name - 8].copy_from_slice(b"0000000c");
    assert_eq!(
        read_initrd(&bytes, LIMIT).unwrap(),
        members(&[("d/f", b"hi\n")])
    );
}

#[test]
fn bad_initrds_have_named_errors() {
    let archive = write_archive(&members(&[("f", b"data")])).unwrap();
    let error = |bytes: &[u8]| read_initrd(bytes, LIMIT).unwrap_err();
    let junk = [&archive[..], b"\0\0junk"].concat();
    let junk_at = archive.len() + 2;
    assert!(
        matches!(error(&junk), CpioError::NotAnArchive { offset_bytes } if offset_bytes == junk_at)
    );
    assert!(matches!(
        error(&xz::compress_for_initrd(&junk)),
        CpioError::TrailingData
    ));
    assert!(matches!(error(&archive[..60]), CpioError::Damaged { .. }));
    assert!(matches!(error(&archive[..115]), CpioError::Damaged { .. }));
    assert!(matches!(
        error(&gzip(&archive)[..40]),
        CpioError::Gzip { .. }
    ));
    assert!(matches!(
        error(&xz::compress_for_initrd(&archive)[..40]),
        CpioError::Xz { .. }
    ));
    assert!(matches!(
        error(&[0, 0, 0, 0, 0x28, 0xb5, 0x2f, 0xfd]),
        CpioError::UnsupportedCompression {
            offset_bytes: 4,
            compression: "zstd"
        }
    ));
}

#[test]
fn the_limit_bounds_the_sum_of_all_archives() {
    let archive = write_archive(&members(&[("zeros", &[0; 100_000])])).unwrap();
    let length = archive.len();
    for member in [
        archive.clone(),
        gzip(&archive),
        xz::compress_for_initrd(&archive),
    ] {
        assert!(read_initrd(&member, length).is_ok());
        let error = read_initrd(&member, length - 1).unwrap_err();
        assert!(matches!(error, CpioError::TooLarge { .. }), "{error}");
        let twice = [&member[..], &member].concat();
        let error = read_initrd(&twice, 2 * length - 1).unwrap_err();
        assert!(matches!(error, CpioError::TooLarge { .. }), "{error}");
    }
}

#[test]
fn paths_that_the_format_cannot_hold_are_refused() {
    let long = "x".repeat(4096);
    for path in ["", "TRAILER!!!", "a\0b", &long] {
        let error = write_archive(&members(&[(path, b"")])).unwrap_err();
        assert!(matches!(error, CpioError::Unwritable { .. }), "{error}");
    }
    let error = write_archive(&members(&[("a", b""), ("a/b", b"")])).unwrap_err();
    assert!(error.to_string().contains("\"a/b\""), "{error}");
}

proptest! {
    #[test]
    fn write_then_read_is_identity(
        files in proptest::collection::btree_map(
            "[a-z]{1,3}(/[A-Z.]{1,9}){0,3}",
            proptest::collection::vec(any::<u8>(), 0..50),
            0..8,
        ),
        compression in 0..3,
    ) {
        prop_assume!(files.keys().all(|path| !files.keys().any(|other| other.starts_with(&format!("{path}/")))));
        let archive = write_archive(&files).unwrap();
        let initrd = match compression {
            0 => archive,
            1 => xz::compress_for_initrd(&archive),
            _ => gzip(&archive),
        };
        prop_assert_eq!(read_initrd(&initrd, LIMIT).unwrap(), files);
    }

    #[test]
    fn damaged_initrds_never_panic(
        changes in proptest::collection::vec((0usize..1000, any::<u8>()), 0..6),
        digits in proptest::collection::vec((0usize..1000, b'0'..b'g'), 0..6),
        length in 0usize..1000,
    ) {
        let archive = write_archive(&members(&[("d/f", b"contents"), ("g", b"more")])).unwrap();
        for mut bytes in [[&archive[..], &archive].concat(), gzip(&archive), xz::compress_for_initrd(&archive)] {
            for (at, value) in changes.iter().chain(&digits) {
                let at = at % bytes.len();
                bytes[at] = *value;
            }
            let _ = read_initrd(&bytes, LIMIT);
            bytes.truncate(length);
            let _ = read_initrd(&bytes, LIMIT);
        }
    }
}
