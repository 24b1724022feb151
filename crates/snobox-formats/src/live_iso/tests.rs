//! Tests on images that a fixture builds; real images and the real coreos-installer are in `tests/live_iso.rs`.

use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::iso9660::fixture::iso_image;

const AREA: usize = 8192;
const KARGS_JSON: &str = r##"{"default": "quiet ro", "size": 40, "files": [
    {"path": "EFI/fedora/grub.cfg", "offset": 6, "pad": "#", "end": "\n"},
    {"path": "isolinux/isolinux.cfg", "offset": 4}]}"##;
const GRUB: &str = "linux quiet ro\n###############################\n";
const ISOLINUX: &str = "app quiet ro\n###############################\n";

fn image_with(kargs_json: &str, grub: &str, area: &[u8]) -> Vec<u8> {
    iso_image(
        "rhcos-test",
        &[
            ("COREOS/KARGS.JSO;1", kargs_json.as_bytes()),
            ("COREOS/FEATURES.JSO;1", br#"{"installer-config": true}"#),
            (
                "COREOS/IGNINFO.JSO;1",
                br#"{"file": "images/ignition.img"}"#,
            ),
            ("EFI/FEDORA/GRUB.CFG;1", grub.as_bytes()),
            ("IMAGES/IGNITION.IMG;1", area),
            ("ISOLINUX/ISOLINUX.CFG;1", ISOLINUX.as_bytes()),
        ],
    )
}

fn sample() -> Vec<u8> {
    image_with(KARGS_JSON, GRUB, &[0; AREA])
}

fn read(image: &[u8]) -> Result<LiveIso, LiveIsoError> {
    LiveIso::read(&mut Cursor::new(image))
}

fn patched(image: &[u8], patches: &[Patch]) -> Vec<u8> {
    let mut image = image.to_vec();
    overlay(patches, 0, &mut image);
    image
}

#[test]
fn an_image_is_described() {
    let live = read(&sample()).unwrap();
    assert_eq!(live.volume_id(), "rhcos-test");
    assert_eq!(live.generation(), Generation::IgnInfo);
    assert_eq!(live.features().unwrap()["installer-config"], true);
    assert_eq!(live.ignition_area().length_bytes(), AREA as u64);
    assert_eq!(live.ignition(), None);
    let kargs = live.kargs().unwrap();
    assert_eq!(
        (kargs.current(), kargs.default_kargs()),
        ("quiet ro", "quiet ro")
    );
    assert_eq!((kargs.size_bytes(), kargs.limit_bytes()), (40, 39));
    assert_eq!(kargs.areas().len(), 2);
}

#[test]
fn embedded_and_removed_the_image_is_as_before() {
    let image = sample();
    let embedded = patched(
        &image,
        &read(&image).unwrap().embed_ignition(b"{}").unwrap(),
    );
    let live = read(&embedded).unwrap();
    assert_eq!(live.ignition(), Some(&b"{}"[..]));
    assert_eq!(embedded.len(), image.len());
    assert!(patched(&embedded, &live.remove_ignition().unwrap()) == image);
    assert!(patched(&embedded, &live.pristine_patches()) == image);
}

#[test]
fn kargs_set_are_read_back_from_all_areas_and_reset() {
    let image = sample();
    let changed = patched(
        &image,
        &read(&image).unwrap().set_kargs(" quiet debug# ").unwrap(),
    );
    let live = read(&changed).unwrap();
    assert_eq!(live.kargs().unwrap().current(), "quiet debug#");
    assert_eq!(live.kargs().unwrap().default_kargs(), "quiet ro");
    assert_eq!(
        changed
            .windows(13)
            .filter(|w| w == b"quiet debug#\n")
            .count(),
        2
    );
    assert!(patched(&changed, &live.reset_kargs().unwrap()) == image);
    assert!(patched(&changed, &live.pristine_patches()) == image);
}

#[test]
fn kargs_fit_to_the_last_byte() {
    let live = read(&sample()).unwrap();
    assert!(live.set_kargs(&"x".repeat(39)).is_ok());
    let error = live.set_kargs(&"x".repeat(42)).unwrap_err();
    assert!(matches!(
        error,
        EmbedError::KargsTooLong {
            length_bytes: 42,
            limit_bytes: 39
        }
    ));
    assert!(error.to_string().contains("too long by 3 bytes"), "{error}");
    let error = live.set_kargs("a\nb").unwrap_err();
    assert!(matches!(
        error,
        EmbedError::KargsControlCharacter { character: '\n' }
    ));
}

#[test]
fn a_config_too_large_is_refused_with_the_number_of_bytes() {
    let live = read(&sample()).unwrap();
    let config: Vec<u8> = (0..6000u32)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes())
        .collect();
    let error = live.embed_ignition(&config).unwrap_err();
    let EmbedError::TooLarge {
        compressed_bytes,
        area_bytes: 8192,
    } = error
    else {
        panic!("{error}")
    };
    let words = format!("too large by {} bytes", compressed_bytes - 8192);
    assert!(error.to_string().contains(&words), "{error}");
    let fit = live.ignition_fit(b"{}").unwrap();
    assert_eq!(fit.margin_bytes(), 8192 - fit.compressed_bytes);
}

#[test]
fn debug_shows_no_config() {
    let image = sample();
    let image = patched(
        &image,
        &read(&image).unwrap().embed_ignition(b"canary").unwrap(),
    );
    let text = format!("{:?}", read(&image).unwrap());
    assert!(
        text.contains("config.ign") && !text.contains("canary") && !text.contains("99, 97, 110"),
        "{text}"
    );
}

#[test]
fn other_images_are_told_apart() {
    let error = read(&[0; 100_000]).unwrap_err();
    assert!(
        matches!(error, LiveIsoError::Iso(IsoError::NotIso9660)),
        "{error}"
    );
    let error = read(&iso_image("Debian 12", &[("README.TXT;1", b"")])).unwrap_err();
    assert!(matches!(error, LiveIsoError::NotLive { .. }), "{error}");
    assert!(error.to_string().contains("Debian 12"), "{error}");
}

#[test]
fn images_without_kargs_json_refuse_kargs() {
    let mut image = iso_image("old", &[("IMAGES/IGNITION.IMG;1", &[0; AREA])]);
    let live = read(&image).unwrap();
    assert_eq!(live.generation(), Generation::IgnitionOnly);
    assert!(matches!(
        live.reset_kargs(),
        Err(EmbedError::NoKargsAreas {
            legacy_header: false
        })
    ));
    assert_eq!(live.pristine_patches().len(), 1);

    image[32672..32680].copy_from_slice(b"coreKarg");
    image[32744..32752].copy_from_slice(b"coreiso+");
    let live = read(&image).unwrap();
    assert_eq!(live.generation(), Generation::KargsHeader);
    assert!(live.has_legacy_kargs_header() && live.has_legacy_ignition_header());
    let error = live.set_kargs("x").unwrap_err();
    assert!(error.to_string().contains("coreKarg"), "{error}");
}

#[test]
fn damaged_kargs_areas_have_named_errors() {
    let json = |from: &str, to: &str| {
        read(&image_with(&KARGS_JSON.replace(from, to), GRUB, &[0; AREA])).unwrap_err()
    };
    let grub = |grub: &str| read(&image_with(KARGS_JSON, grub, &[0; AREA])).unwrap_err();
    assert!(matches!(
        json("{", "["),
        LiveIsoError::InvalidInfo {
            path: "coreos/kargs.json",
            ..
        }
    ));
    assert!(matches!(
        json(": 40", ": 2049"),
        LiveIsoError::AreaTooLarge {
            length_bytes: 2049,
            ..
        }
    ));
    assert!(matches!(
        json(": 40", ": 8"),
        LiveIsoError::DefaultKargsTooLong { .. }
    ));
    assert!(matches!(
        json("\"offset\": 6", "\"offset\": 9"),
        LiveIsoError::AreaBeyondFile { .. }
    ));
    assert!(matches!(
        json("\"offset\": 6", "\"offset\": 18446744073709551615"),
        LiveIsoError::AreaBeyondFile { .. }
    ));
    assert!(matches!(
        json("\"#\"", "\"é\""),
        LiveIsoError::InvalidSeparator {
            separator: 'é', ..
        }
    ));
    assert!(matches!(
        json("grub.cfg", "none.cfg"),
        LiveIsoError::InfoTarget { .. }
    ));
    let files = &KARGS_JSON[KARGS_JSON.find('[').unwrap()..];
    assert!(matches!(json(files, "[]}"), LiveIsoError::NoKargsAreas));
    assert!(matches!(
        grub(&GRUB.replace("ro", "rw")),
        LiveIsoError::KargsDiffer { .. }
    ));
    let first = KARGS_JSON.find("{\"path\"").unwrap();
    let second = KARGS_JSON.rfind("{\"path\"").unwrap();
    let twice = KARGS_JSON[second..].replace(
        "]}",
        &format!(", {}]}}", KARGS_JSON[second..].trim_end_matches("]}")),
    );
    let overlapping = format!("{}{twice}", &KARGS_JSON[..first]);
    let error = read(&image_with(&overlapping, GRUB, &[0; AREA])).unwrap_err();
    assert!(
        matches!(error, LiveIsoError::AreasOverlap { .. }),
        "{error}"
    );
}

#[test]
fn an_area_within_a_file_is_changed_and_its_surroundings_are_not() {
    let image_with_info = |info: &str| {
        let mut boot = vec![7; 12_288];
        boot[4096..4096 + AREA].fill(0);
        boot[12_000..].fill(7);
        let files: [(&str, &[u8]); 2] = [
            ("COREOS/IGNINFO.JSO;1", info.as_bytes()),
            ("IMAGES/CDBOOT.IMG;1", &boot),
        ];
        iso_image("s390x", &files)
    };
    let info = r#"{"file": "images/cdboot.img", "offset": 4096, "length": 7904}"#;
    let image = image_with_info(info);
    let embedded = patched(
        &image,
        &read(&image).unwrap().embed_ignition(b"{}").unwrap(),
    );
    // 16 system sectors, 2 descriptors, 3 directories, and the JSON file come first.
    let area = 22 * 2048 + 4096..22 * 2048 + 12_000;
    assert_eq!(embedded[area.start..area.start + 6], crate::xz::MAGIC);
    assert!(embedded[..area.start] == image[..area.start]);
    assert!(embedded[area.end..] == image[area.end..]);
    let live = read(&embedded).unwrap();
    assert_eq!(live.ignition(), Some(&b"{}"[..]));
    assert!(patched(&embedded, &live.remove_ignition().unwrap()) == image);

    for (from, to) in [
        ("7904", "8193"),
        ("4096", "12289"),
        ("4096", "18446744073709551615"),
    ] {
        let error = read(&image_with_info(&info.replace(from, to))).unwrap_err();
        assert!(
            matches!(error, LiveIsoError::AreaBeyondFile { .. }),
            "{error}"
        );
    }
    let error = read(&image_with_info(&info.replace("cdboot", "other"))).unwrap_err();
    assert!(matches!(error, LiveIsoError::InfoTarget { .. }), "{error}");
}

#[test]
fn an_ignition_area_with_other_data_is_damaged() {
    let mut area = [0; AREA];
    area[100..104].copy_from_slice(b"junk");
    let error = read(&image_with(KARGS_JSON, GRUB, &area)).unwrap_err();
    assert!(matches!(error, LiveIsoError::Initrd { .. }), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_config_survives_and_leaves_no_trace(config in proptest::collection::vec(any::<u8>(), 0..4000), kargs in "[a-z=#,.\" ]{0,39}") {
        let image = sample();
        let live = read(&image).unwrap();
        let patches = [live.embed_ignition(&config).unwrap(), live.set_kargs(&kargs).unwrap()].concat();
        let changed = patched(&image, &patches);
        let live = read(&changed).unwrap();
        prop_assert_eq!(live.ignition(), Some(&config[..]));
        prop_assert_eq!(live.kargs().unwrap().current(), kargs.trim());
        prop_assert!(patched(&changed, &live.pristine_patches()) == image);
    }

    #[test]
    fn damaged_images_never_panic(changes in proptest::collection::vec((0usize..36 * 2048, any::<u8>()), 0..200)) {
        let image = sample();
        let mut image = patched(&image, &read(&image).unwrap().embed_ignition(b"{}").unwrap());
        let length = image.len();
        for (at, value) in changes {
            image[at % length] = value;
        }
        if let Ok(live) = read(&image) {
            let _ = live.remove_ignition();
            let _ = live.pristine_patches();
        }
    }
}
