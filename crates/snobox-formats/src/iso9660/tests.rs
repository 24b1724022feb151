//! Tests of reading ISO 9660 images that a fixture builds; images of other programs are in `tests/live_iso.rs`.

use std::io::Cursor;

use proptest::prelude::*;

use super::directory::level_one_name;
use super::fixture::iso_image;
use super::*;

fn sample() -> Vec<u8> {
    iso_image(
        "TEST-VOLUME",
        &[
            ("README.;1", b"top"),
            ("COREOS/KARGS.JSO;1", b"{}"),
            ("COREOS/KARGS.JSON;1", b"long"),
            ("COREOS/IGNINFO.JSO;1", b"info"),
            ("EFI/FEDORA/GRUB.CFG;1", b"menu"),
        ],
    )
}

fn lookup(image: &[u8], path: &str) -> Result<Vec<u8>, IsoError> {
    let mut reader = Cursor::new(image);
    IsoFs::read(&mut reader)?.read_file(&mut reader, path, 100)
}

#[test]
fn volume_facts_are_read() {
    let mut image = sample();
    image.extend_from_slice(&[0; 5000]);
    let iso = IsoFs::read(&mut Cursor::new(&image)).unwrap();
    assert_eq!(iso.volume_id(), "TEST-VOLUME");
    // 16 system sectors, 2 descriptors, 4 directories, 5 files of one sector.
    assert_eq!(iso.volume_size_bytes(), 27 * 2048);
    assert_eq!(iso.image_length_bytes(), 27 * 2048 + 5000);
}

#[test]
fn names_match_in_any_case_without_version_and_by_level_one() {
    let image = sample();
    assert_eq!(lookup(&image, "readme").unwrap(), b"top");
    assert_eq!(lookup(&image, "/EFI/./fedora/grub.cfg").unwrap(), b"menu");
    assert_eq!(lookup(&image, "coreos/igninfo.json").unwrap(), b"info");
    assert_eq!(lookup(&image, "COREOS/IGNINFO.JSO").unwrap(), b"info");
}

#[test]
fn the_exact_name_wins_over_the_level_one_name() {
    assert_eq!(lookup(&sample(), "coreos/kargs.json").unwrap(), b"long");
}

#[test]
fn level_one_names_are_those_of_xorriso() {
    // The right side is what `xorriso -as mkisofs -iso-level 1` makes of the left side.
    for (real, on_disk) in [
        ("kargs.json", "KARGS.JSO"),
        ("features.json", "FEATURES.JSO"),
        ("isolinux.cfg", "ISOLINUX.CFG"),
        ("initramfs-live.img", "INITRAMF.IMG"),
        ("vmlinuz", "VMLINUZ"),
    ] {
        assert_eq!(level_one_name(real), on_disk);
    }
}

#[test]
fn absent_files_and_directories_have_their_own_errors() {
    let image = sample();
    for path in [
        "coreos/none.txt",
        "none/kargs.json",
        "readme/x",
        "../readme",
    ] {
        let error = lookup(&image, path).unwrap_err();
        assert!(matches!(error, IsoError::NoSuchFile { .. }), "{error}");
        assert!(error.to_string().contains(path), "{error}");
    }
    for path in ["coreos", "/", ""] {
        let error = lookup(&image, path).unwrap_err();
        assert!(matches!(error, IsoError::NotAFile { .. }), "{error}");
    }
}

#[test]
fn other_data_is_not_an_iso_image() {
    for bytes in [
        vec![],
        vec![0; 100],
        vec![0; 1 << 17],
        b"text".repeat(20000),
    ] {
        let error = IsoFs::read(&mut Cursor::new(bytes)).unwrap_err();
        assert!(matches!(error, IsoError::NotIso9660), "{error}");
    }
}

#[test]
fn a_truncated_image_is_incomplete() {
    let image = sample();
    let error = IsoFs::read(&mut Cursor::new(&image[..image.len() - 1])).unwrap_err();
    assert!(
        matches!(
            error,
            IsoError::Incomplete {
                expected_bytes: 55296,
                actual_bytes: 55295
            }
        ),
        "{error}"
    );
}

#[test]
fn read_file_refuses_more_than_its_limit_and_extents_beyond_the_image() {
    let mut image = sample();
    let mut reader = Cursor::new(&image);
    let iso = IsoFs::read(&mut reader).unwrap();
    assert_eq!(iso.read_file(&mut reader, "readme", 3).unwrap(), b"top");
    let error = iso.read_file(&mut reader, "readme", 2).unwrap_err();
    assert!(matches!(
        error,
        IsoError::TooLarge {
            length_bytes: 3,
            limit_bytes: 2,
            ..
        }
    ));

    let name = image.windows(7).position(|w| w == b"README.").unwrap();
    image[name - 23..name - 19].fill(0xff);
    let error = lookup(&image, "readme").unwrap_err();
    assert!(matches!(error, IsoError::BeyondImage { .. }), "{error}");
}

#[test]
fn a_file_in_several_extents_is_refused() {
    let mut image = sample();
    let name = image.windows(7).position(|w| w == b"README.").unwrap();
    image[name - 8] |= 0x80;
    let error = lookup(&image, "readme").unwrap_err();
    assert!(matches!(error, IsoError::SeveralExtents { .. }), "{error}");
}

proptest! {
    #[test]
    fn damaged_images_never_panic(
        changes in proptest::collection::vec((16 * 2048usize..23 * 2048, any::<u8>()), 0..40),
        length in 0usize..28 * 2048,
        path in "[a-zA-Z./;]{0,20}",
    ) {
        let mut image = sample();
        for (at, value) in changes {
            image[at] = value;
        }
        let _ = lookup(&image, "coreos/kargs.json");
        let _ = lookup(&image, &path);
        image.truncate(length);
        let _ = lookup(&image, "efi/fedora/grub.cfg");
    }
}
